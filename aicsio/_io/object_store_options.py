"""From the storage options of s3fs, gcsfs and adlfs to the configuration of an object store.

Rule kept here: options keep the names that fsspec's file systems gave them, so that existing calls
work. An option that cannot be honoured is refused by its name; one that only concerned fsspec's own
caching is ignored. No value is shown, since most are credentials.

Source of the facts: the signatures of ``s3fs.S3FileSystem``, ``gcsfs.GCSFileSystem`` and
``adlfs.AzureBlobFileSystem``; the files of the AWS command line
(https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html), which obstore does not
read.
"""

import configparser
import json
import os
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Any

import attrs

from aicsio._io.urls import client_options, requested_url
from aicsio.errors import ArgumentTypeError, SourceError
from aicsio.records import Source

# Options of fsspec's file systems that change nothing here.
IGNORED = frozenset({
    "asynchronous", "cache_regions", "cache_timeout", "check_connection", "consistency", "default_block_size",
    "default_cache_type", "default_fill_cache", "listings_expiry_time", "max_concurrency", "max_paths", "project",
    "session_kwargs", "skip_instance_cache", "use_listings_cache", "version_aware",
})  # fmt: skip
S3_OPTIONS = (
    "key", "secret", "token", "anon", "profile", "endpoint_url", "use_ssl", "requester_pays", "client_kwargs",
    "config_kwargs",
)  # fmt: skip
# By name in ``client_kwargs`` of s3fs: the name in obstore.
S3_CLIENT_OPTIONS: Mapping[str, str] = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "endpoint_url": "endpoint",
    "region_name": "region",
}
GCS_OPTIONS = ("token", "access", "endpoint_url")
# By name in adlfs: the name in obstore.
AZURE_OPTIONS: Mapping[str, str] = {
    "account_name": "account_name",
    "account_key": "account_key",
    "sas_token": "sas_key",
    "tenant_id": "tenant_id",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "account_host": "endpoint",
}


@attrs.frozen
class StoreConfig:
    """Bucket, key and credentials of one object. Not a record: it lives for one client."""

    kind: str
    """``"s3"``, ``"gs"`` or ``"az"``."""
    bucket: str
    """Bucket of S3 and GCS, container of Azure."""
    path: str
    """Key of the object."""
    version: str | None
    """Version of the object; ``None`` for the newest."""
    settings: tuple[tuple[str, str | bool], ...] = attrs.field(repr=False)
    """Names and values for the constructor of the store; they may be credentials."""
    verify: bool = True
    """Whether the server must prove its name."""

    @property
    def endpoint(self) -> str | None:
        """Address of the server; ``None`` for that of the provider."""
        values = dict(self.settings)
        value = values.get("endpoint") or values.get("base_url")
        return None if value is None else str(value)


def store_config(source: Source) -> StoreConfig:
    """Read URL and storage options of a source.

    Raises
    ------
    SourceError
        When the URL names no bucket or no key.
    ArgumentTypeError
        When an option is unknown here.
    """
    options = {k: v for k, v in client_options(source).items() if k not in IGNORED}
    scheme, _, rest = requested_url(source).partition("://")
    bucket, _, path = rest.partition("/")
    path, _, version = path.partition("?versionId=")
    read = {"s3": _s3, "s3a": _s3, "gs": _gcs, "gcs": _gcs}.get(scheme.lower(), _azure)
    kind = {_s3: "s3", _gcs: "gs"}.get(read, "az")
    if kind == "az" and "@" in bucket:
        # abfs://container@account.dfs.core.windows.net/key
        bucket, _, host = bucket.partition("@")
        options.setdefault("account_name", host.partition(".")[0])
    if not bucket or not path:
        raise SourceError(f"cannot read {source.uri!r}: the URL names no bucket or no object in it")
    settings, verify = read(source, options)
    for name, value in settings.items():
        if not isinstance(value, str | bool):
            raise ArgumentTypeError(
                f"storage_options for {source.uri!r}: the value for {name} is no text"
            )
        # obstore panics on an endpoint that is no URL.
        if name in {"endpoint", "base_url"} and not _is_web_url(str(value)):
            raise ArgumentTypeError(
                f"storage_options for {source.uri!r}: the {name} is no URL such as https://host:9000"
            )
    return StoreConfig(kind, bucket, path, version or None, tuple(settings.items()), verify)


def _is_web_url(text: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _read_mapping(source: Source, name: str, value: Any) -> dict[str, Any]:
    """Return an option that holds others; empty where it is not given.

    Raises
    ------
    ArgumentTypeError
        When it is no mapping. The message leaves the value out, which may be a credential.
    """
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(
            f"storage_options for {source.uri!r}: {name} is no mapping of options"
        )
    return dict(value)


def _refuse_others(source: Source, options: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ArgumentTypeError(
            f"storage_options for {source.uri!r}: {unknown} mean nothing here; known: {tuple(known)}"
        )


def _s3(source: Source, options: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    _refuse_others(source, options, dict.fromkeys(S3_OPTIONS))
    client = _read_mapping(source, "client_kwargs", options.get("client_kwargs"))
    verify = client.pop("verify", True) is not False
    client.pop("use_ssl", None)
    _refuse_others(source, client, S3_CLIENT_OPTIONS)
    settings = {S3_CLIENT_OPTIONS[name]: value for name, value in client.items() if value}
    direct = {
        "access_key_id": options.get("key"),
        "secret_access_key": options.get("secret"),
        "session_token": options.get("token"),
        "endpoint": options.get("endpoint_url"),
    }
    settings.update({name: value for name, value in direct.items() if value})
    if options.get("requester_pays"):
        settings["request_payer"] = True
    config = _read_mapping(source, "config_kwargs", options.get("config_kwargs"))
    settings.update(_s3_config(source, config))
    if options.get("anon"):
        settings["skip_signature"] = True
    elif "access_key_id" not in settings:
        profile = options.get("profile")
        if not isinstance(profile, str | None):
            raise ArgumentTypeError(f"storage_options for {source.uri!r}: profile is no text")
        settings = {**_s3_profile(profile), **settings}
        no_role = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        if no_role and not _has_s3_credentials(settings):
            raise SourceError(
                f"cannot read {source.uri!r}: there are no credentials (NoCredentials): give "
                "storage_options={'key': ..., 'secret': ...}, or {'anon': True} for a public bucket"
            )
    return settings, verify


def _s3_config(source: Source, config: Mapping[str, Any]) -> dict[str, Any]:
    """Read ``config_kwargs`` of botocore: how a bucket is addressed. Time-outs and retries are
    those of this package.
    """
    ignored = {"connect_timeout", "max_pool_connections", "read_timeout", "retries"}
    known = {name: value for name, value in config.items() if name not in ignored}
    _refuse_others(source, known, {"s3": None})
    style = _read_mapping(source, "config_kwargs['s3']", known.get("s3")).get("addressing_style")
    return {"virtual_hosted_style_request": True} if style == "virtual" else {}


def _has_s3_credentials(settings: Mapping[str, Any]) -> bool:
    names = (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    return "access_key_id" in settings or any(map(os.environ.get, names))


def _s3_profile(profile: str | None) -> dict[str, Any]:
    """Read keys, region and endpoint of a profile that ``aws configure`` wrote."""
    if profile is None and os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}  # the environment comes first, as it does for the command line
    name = profile or os.environ.get("AWS_PROFILE") or "default"
    folder = os.path.join(os.path.expanduser("~"), ".aws")
    files = (
        (os.environ.get("AWS_CONFIG_FILE") or os.path.join(folder, "config"), f"profile {name}"),
        (
            os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.join(folder, "credentials"),
            name,
        ),
    )
    names = {**S3_CLIENT_OPTIONS, "region": "region"}
    settings: dict[str, Any] = {}
    for path, section in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        # In the file config the section of the default profile has no prefix.
        for candidate in {section, name if name == "default" else section}:
            if parser.has_section(candidate):
                settings.update({names[k]: v for k, v in parser.items(candidate) if k in names})
    return settings


def _gcs(source: Source, options: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    _refuse_others(source, options, dict.fromkeys(GCS_OPTIONS))
    settings: dict[str, Any] = {}
    if options.get("endpoint_url"):
        settings["base_url"] = options["endpoint_url"]
    token = options.get("token")
    if isinstance(token, Mapping):
        settings["service_account_key"] = json.dumps(dict(token))
    elif not isinstance(token, str | None):
        raise ArgumentTypeError(f"storage_options for {source.uri!r}: token is no text or mapping")
    elif token in {"browser", "cache", "cloud"}:
        expected = (
            "None, 'anon', 'google_default', a file, the content of a file, or an access token"
        )
        raise ArgumentTypeError(
            f"storage_options for {source.uri!r}: token={token!r} is not supported: give {expected}"
        )
    elif token == "anon" or (token is None and not _has_google_credentials()):  # noqa: S105
        settings["skip_signature"] = True
    elif isinstance(token, str) and token != "google_default":  # noqa: S105
        settings["service_account" if os.path.exists(token) else "bearer_token"] = token
    return settings, True


def _has_google_credentials() -> bool:
    """Whether this machine has default credentials; without them a bucket is read as the public
    may.
    """
    if any(name.startswith(("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_APP")) for name in os.environ):
        return True
    folder = os.environ.get("CLOUDSDK_CONFIG") or os.path.expanduser("~/.config/gcloud")
    if os.path.exists(os.path.join(folder, "application_default_credentials.json")):
        return True
    try:
        socket.getaddrinfo(
            "metadata.google.internal", 80
        )  # it is known inside Google's cloud alone
    except OSError:
        return False
    return True


def _azure(source: Source, options: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    options = dict(options)
    settings: dict[str, Any] = {}
    if options.pop("anon", False):
        settings["skip_signature"] = True
    names = {
        "AccountName": "account_name",
        "AccountKey": "account_key",
        "SharedAccessSignature": "sas_key",
        "BlobEndpoint": "endpoint",
    }
    for part in str(options.pop("connection_string", None) or "").split(";"):
        name, _, value = part.partition("=")
        if name in names:
            settings[names[name]] = value
    _refuse_others(source, options, {**AZURE_OPTIONS, "anon": None, "connection_string": None})
    settings.update({AZURE_OPTIONS[name]: value for name, value in options.items() if value})
    endpoint = settings.get("endpoint")
    if endpoint is not None and "://" not in str(endpoint):
        settings["endpoint"] = f"https://{endpoint}"
    return settings, True
