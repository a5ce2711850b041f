"""The storage options of a web server, checked, and the parts of its URL.

Rule kept here: an option that is wrong is refused before anything is sent, by its name; its value,
which may be a credential, is shown only if it is a time or a switch.

Source of the facts: RFC 9110, sections 5.1 and 5.5 (characters of header names and values); RFC
7617 (Basic).
"""

import base64
import math
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import attrs

from aicsio._io.retrying import TIMEOUT
from aicsio._io.urls import client_options, public_url, requested_url
from aicsio.errors import ArgumentTypeError, SourceError
from aicsio.records import Source

# Options of fsspec's file system for the web that have a meaning here.
OPTIONS = ("headers", "cookies", "auth", "timeout", "ssl", "trust_env", "client_kwargs")
# Options of that file system that change nothing here.
IGNORED = frozenset({
    "asynchronous", "block_size", "cache_options", "cache_type", "encoded", "listings_expiry_time", "max_paths",
    "same_scheme", "simple_links", "size_policy", "skip_instance_cache", "use_listings_cache",
})  # fmt: skip
# Seconds; operating systems refuse time-outs that are much longer.
MAX_TIMEOUT = 24 * 3600.0

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Characters of a path that travel as they are (RFC 3986, section 3.3).
_SAFE = "/%:@!$&'()*+,;=~-._"


@attrs.frozen
class Proxy:
    """A proxy that the environment names. Not a record: it lives for one client."""

    secure: bool
    """Whether TLS is spoken to the proxy itself."""
    host: str
    """Name or address."""
    port: int
    """Port."""
    authorization: str | None = attrs.field(repr=False)
    """Value of Proxy-Authorization; ``None`` if the proxy URL has no user."""


@attrs.frozen
class HttpTarget:
    """Where and how one file is requested. Not a record: it lives for one client."""

    secure: bool
    """Whether TLS is spoken (https)."""
    host: str
    """Name or address, without brackets."""
    port: int | None
    """Port; ``None`` for the usual one of the scheme."""
    path: str
    """Path and query, percent-encoded."""
    headers: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    """Names and values of the headers of each request."""
    timeout: float
    """Seconds until the headers of an answer must have come."""
    verify: bool
    """Whether the server must prove its name."""
    proxy: Proxy | None
    """The proxy to ask; ``None`` for none."""

    @property
    def netloc(self) -> str:
        """Host and port as they stand in a URL."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port is None else f"{name}:{self.port}"

    @property
    def url(self) -> str:
        """The URL as it is requested; it may hold credentials in its query."""
        return f"{'https' if self.secure else 'http'}://{self.netloc}{self.path}"


def http_target(source: Source) -> HttpTarget:
    """Read URL and storage options of a source.

    Raises
    ------
    SourceError
        When the URL names no host, or a port that is no number from 0 to 65535.
    ArgumentTypeError
        When an option is unknown or has a value that it cannot have.
    """
    options = _read_options(source)
    parts = split_url(requested_url(source), source.uri)
    secure = parts.scheme == "https"
    timeout = _timeout(source, options.get("timeout"))
    verify = _switch(source, options, "ssl", default=True)
    use_proxy = _switch(source, options, "trust_env", default=False)
    host = parts.hostname or ""
    return HttpTarget(
        secure=secure,
        host=host,
        port=parts.port,
        path=encode_path(parts),
        headers=tuple(_headers(source, parts, options).items()),
        timeout=timeout,
        verify=verify,
        proxy=_environment_proxy(source, parts.scheme, host) if use_proxy else None,
    )


def split_url(url: str, shown: str) -> urllib.parse.SplitResult:
    """Split a URL of the web and check that it can be requested; ``shown`` names it in errors.

    Raises
    ------
    SourceError
        When it is not a URL, names no host, has an impossible port, or a character that UTF-8
        lacks.
    """
    try:
        url.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise SourceError(
            f"cannot read {shown!r}: the URL has a surrogate, which is no character of UTF-8"
        ) from None
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        # The messages of urllib repeat a part of the URL, which may be a password.
        raise SourceError(
            f"cannot read {shown!r}: the URL has an impossible host or port (0 to 65535)"
        ) from (None if "@" in url else error)
    if not parts.hostname:
        raise SourceError(f"cannot read {shown!r}: the URL names no host")
    # ``parts.port`` has refused anything but 0 to 65535 already.
    if port == 0 or re.search(r"[\x00-\x20\x7f]", parts.hostname):
        raise SourceError(f"cannot read {shown!r}: the URL has an impossible host or port")
    return parts


def encode_path(parts: urllib.parse.SplitResult) -> str:
    """Return path and query, percent-encoded; what is encoded already stays."""
    path = _percent_encode(parts.path or "/", _SAFE)
    query = _percent_encode(parts.query, _SAFE + "?[]")
    return f"{path}?{query}" if query else path


def _percent_encode(text: str, safe: str) -> str:
    lone_percents_encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
    # Bytes of a shell that are no UTF-8 come as surrogates (PEP 383); the server gets the bytes.
    return urllib.parse.quote(lone_percents_encoded, safe=safe, errors="surrogateescape")


def _read_options(source: Source) -> dict[str, Any]:
    given = client_options(source)
    client = given.pop("client_kwargs", None) or {}
    if not isinstance(client, Mapping):
        raise _wrong_option(source, "client_kwargs", "a mapping of options")
    # Options of the call outrank those of ``client_kwargs``.
    options = {**client, **given}
    unknown = sorted(set(options) - set(OPTIONS) - IGNORED)
    if unknown:
        raise ArgumentTypeError(
            f"storage_options for {source.uri!r}: {unknown} mean nothing here; known: {OPTIONS}"
        )
    headers = [part.get("headers") or {} for part in (client, given)]
    if not all(isinstance(part, Mapping) for part in headers):
        raise _wrong_option(source, "headers", "a mapping of names to text")
    options["headers"] = {**headers[0], **headers[1]}
    return options


def _wrong_option(source: Source, name: str, expected: str, shown: str = "") -> ArgumentTypeError:
    """Make the error for an option; ``shown`` is its value, empty if that may be a credential."""
    value = f"={shown}" if shown else ""
    return ArgumentTypeError(
        f"storage_options for {source.uri!r}: {name}{value} does not fit: give {expected}"
    )


def _timeout(source: Source, value: object) -> float:
    if value is None:
        return TIMEOUT
    expected = "seconds, a number above 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_option(source, "timeout", expected, repr(str(value)[:40]))
    if not 0 < value < math.inf:
        raise _wrong_option(source, "timeout", expected, repr(value))
    return float(min(value, MAX_TIMEOUT))


def _switch(source: Source, options: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong_option(source, name, "True or False", repr(str(value)[:40]))
    return value


def _headers(
    source: Source, parts: urllib.parse.SplitResult, options: Mapping[str, Any]
) -> dict[str, str]:
    headers = {"User-Agent": "aicsio"}
    for name, value in options["headers"].items():
        headers[name] = _header_value(source, name, value)
    user = _user(source, parts, options.get("auth"))
    if user is not None:
        headers["Authorization"] = basic_authorization(*user)
    cookies = options.get("cookies") or {}
    if not isinstance(cookies, Mapping):
        raise _wrong_option(source, "cookies", "a mapping of names to text")
    if cookies:
        pairs = [f"{name}={value}" for name, value in cookies.items()]
        headers["Cookie"] = _header_value(source, "Cookie", "; ".join(pairs))
    return headers


def _header_value(source: Source, name: str, value: object) -> str:
    text = str(value)
    is_plain = isinstance(value, str | int | float) and not _CONTROL.search(text)
    if (
        not is_plain
        or not _HEADER_NAME.fullmatch(name)
        or not text.isprintable()
        or not _is_latin(text)
    ):
        expected = "text without line breaks, in characters of Latin-1"
        raise _wrong_option(source, f"the header {name!r}", expected)
    return text


def _is_latin(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _user(source: Source, parts: urllib.parse.SplitResult, auth: object) -> tuple[str, str] | None:
    """Return user and password of the options, else of the URL."""
    if auth is None:
        if not parts.username:
            return None
        password = urllib.parse.unquote(parts.password or "")
        return urllib.parse.unquote(parts.username), password
    if (
        not isinstance(auth, list)
        or len(auth) != 2
        or not all(isinstance(part, str) for part in auth)
    ):
        raise _wrong_option(source, "auth", "user and password, two texts")
    return auth[0], auth[1]


def basic_authorization(user: str, password: str) -> str:
    """Return the value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _environment_proxy(source: Source, scheme: str, host: str) -> Proxy | None:
    """Return the proxy that the environment names for a host (``https_proxy``, ``no_proxy``
    ...).
    """
    if urllib.request.proxy_bypass(host):
        return None
    url = urllib.request.getproxies().get(scheme)
    if not url:
        return None
    if "://" not in url:
        url = f"http://{url}"
    shown = f"{source.uri} through the proxy {public_url(url)}"
    parts = split_url(url, shown)
    if parts.scheme not in {"http", "https"} or (parts.scheme == scheme == "https"):
        raise SourceError(
            f"cannot read {shown!r}: a proxy is asked by http, or for plain http by https"
        )
    authorization = None
    if parts.username:
        user = urllib.parse.unquote(parts.username)
        password = urllib.parse.unquote(parts.password or "")
        authorization = basic_authorization(user, password)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return Proxy(secure, parts.hostname or "", port, authorization)
