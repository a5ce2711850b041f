"""Ranges of objects in S3, Google Cloud Storage and Azure Blob Storage, through obstore.

Rule kept here: each request names the ETag of the opened object (``If-Match``), so bytes of another
version never arrive. Retries of reads, and their pauses, are those of this package; obstore repeats
what writers send.

Why obstore. Loopback, 32 MiB by eight ranges of 4 MiB at once from moto, best of three: obstore
152 ms, s3fs 165 ms, with as many requests and bytes. s3fs offers the headers of an answer, and so
the ETag, through private methods alone. One wheel takes the place of aiohttp, s3fs, gcsfs and
requests with 40 packages behind them; it is imported in 33 ms.

Known limits. obstore has threads of its own, which a forked child lacks: there it would wait
forever, so such a child reads through fsspec if s3fs or its like is installed. Keys with an empty,
``.`` or ``..`` part cannot be named.

Source of the facts: https://developmentseed.org/obstore (GetOptions, exceptions); RFC 9110, section
13.1.1 (If-Match).
"""

import http.client
import re
from typing import Any

from aicsio._io import pool
from aicsio._io.fsspec_stores import FsspecClient
from aicsio._io.object_store_options import StoreConfig, store_config
from aicsio._io.ranges import changed_error
from aicsio._io.retrying import (
    MIN_BYTES_PER_SECOND,
    TIMEOUT,
    RangeClient,
    RemoteInfo,
    RetryableError,
)
from aicsio._io.urls import hide_secrets
from aicsio.errors import MissingDependencyError, SourceError, SourceNotFoundError
from aicsio.records import Source

# Seconds for a connection, also to the metadata server of a cloud that this machine is not in.
CONNECT_SECONDS = 10
# Seconds for a whole request of the largest size.
REQUEST_SECONDS = int(2 * TIMEOUT + 16 * 1024 * 1024 / MIN_BYTES_PER_SECOND)
# Times that a failing request of a writer is made. obstore pauses 0.1 s before the second one, and
# twice as long before each further one: 13 s in all, in which S3 makes room for more writes below a
# prefix. A conversion takes hours.
WRITE_TRIES = 8
# It answers for every bucket with the region of the bucket.
AWS_HOST = "s3.amazonaws.com"

_RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_LASTING = re.compile(r"credential|invalid|builder error|parse|region", re.IGNORECASE)


def object_store_client(source: Source) -> RangeClient:
    """Choose the client for an object: obstore, or fsspec in a forked child.

    Raises
    ------
    MissingDependencyError
        When obstore is not installed.
    SourceError, ArgumentTypeError
        When the URL or an option is wrong.
    """
    if pool.start_runtime("obstore"):
        return ObjectStoreClient(source)
    try:
        return FsspecClient(source)
    except MissingDependencyError as error:
        raise SourceError(
            f"cannot read {source.uri!r} in a child that was forked after its parent read from an object "
            "store: start processes with 'spawn' or 'forkserver', or pip install s3fs (gcsfs, adlfs)"
        ) from error


class ObjectStoreClient:
    """Reads ranges of one object. Not a record: it lives while the object is open."""

    timeout = TIMEOUT

    def __init__(self, source: Source) -> None:
        self._source = source
        self._config = store_config(source)
        self._store = _open_store(source, self._config)

    def probe(self, nbytes: int, whole_limit: int, /) -> RemoteInfo:  # noqa: ARG002 - object stores support ranges
        """Request the first bytes, and with them size and ETag."""
        try:
            answer = self._get((0, nbytes))
        except _EmptyRangeError:
            # The object has no byte, so no range of it can be sent.
            return RemoteInfo(0, self._head().get("e_tag"))
        except SourceError as error:
            if not self._move_to_region(error):
                raise
            answer = self._get((0, nbytes))
        meta = answer.meta
        return RemoteInfo(meta["size"], _fingerprint(meta), bytes(self._body(answer)))

    def probe_end(self, nbytes: int, /) -> RemoteInfo | None:
        """Request the last bytes, and with them size and ETag; Azure does not count from the end."""
        try:
            answer = self._get({"suffix": nbytes})
        except _EmptyRangeError:
            return None
        size = answer.meta["size"]
        if answer.range != (max(size - nbytes, 0), size):
            return None
        return RemoteInfo(size, _fingerprint(answer.meta), bytes(self._body(answer)))

    def receive(self, offset: int, buffer: memoryview, /) -> int:
        """Receive bytes."""
        span = offset, offset + buffer.nbytes
        try:
            answer = self._get(span)
        except _EmptyRangeError:
            raise changed_error(self._source) from None
        except SourceError as error:
            if not self._move_to_region(error):
                raise
            answer = self._get(span)
        # Where no ETag went along, the size alone shows another version.
        if self._source.size not in {None, answer.meta["size"]}:
            raise changed_error(self._source)
        data = self._body(answer)
        if len(data) > buffer.nbytes:
            raise SourceError(
                f"{self._source.uri!r}: the server sends {len(data)} bytes where {buffer.nbytes} "
                "were asked for"
            )
        buffer[: len(data)] = data
        return len(data)

    def keys(self, folder: str, *, recursive: bool) -> list[str]:
        """Return the keys in a folder, or with ``recursive`` also those in the folders below it."""
        prefix = folder or None
        keys: list[str] = []
        try:
            if recursive:
                for chunk in self._store.list(prefix):
                    keys += [meta["path"] for meta in chunk]
            else:
                answer = self._store.list_with_delimiter(prefix)
                keys += [meta["path"] for meta in answer["objects"]]
        except Exception as error:  # noqa: BLE001
            raise self._translated(error) from None
        return keys

    def close(self) -> None:
        """Obstore keeps its own connections."""

    def _get(self, span: tuple[int, int] | dict[str, int]) -> Any:
        options: dict[str, Any] = {"range": span}
        fingerprint = self._source.fingerprint
        if fingerprint is not None and fingerprint.startswith('"'):
            options["if_match"] = fingerprint
        if self._config.version is not None:
            options["version"] = self._config.version
        with pool.request_slot():
            try:
                return self._store.get(self._config.path, options=options)
            except Exception as error:  # noqa: BLE001 - the exceptions of obstore are made at run time
                raise self._translated(error) from None

    def _body(self, answer: Any) -> memoryview:
        with pool.request_slot():
            try:
                return memoryview(answer.bytes())
            except Exception as error:  # noqa: BLE001
                raise self._translated(error) from None

    def _head(self) -> Any:
        try:
            return self._store.head(self._config.path)
        except Exception as error:  # noqa: BLE001
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> Exception:
        """Turn an exception of obstore into one of our errors, or a ``RetryableError``."""
        uri = self._source.uri
        name = type(error).__name__
        # The first line is the message; behind it comes the state of obstore, with addresses and
        # headers.
        text = str(error).partition("\n\nDebug source")[0]
        status_match = _STATUS.search(text)
        status = int(status_match[1]) if status_match else None
        if isinstance(error, FileNotFoundError):
            return SourceNotFoundError(f"there is nothing at {uri!r}")
        if name == "PreconditionError" or status == 412:
            return changed_error(self._source)
        if status == 416:
            return _EmptyRangeError()
        reason = _reason(text, status)
        if status in {401, 403} or name in {"PermissionDeniedError", "UnauthenticatedError"}:
            advice = "give credentials in storage_options, or {'anon': True} for a public bucket"
            return SourceError(f"cannot read {uri!r}: {reason}: {advice}")
        if status is not None and status not in _RETRYABLE_STATUS:
            return SourceError(f"cannot read {uri!r}: {reason}")
        if status is None and (isinstance(error, ValueError) or _LASTING.search(text)):
            return SourceError(f"cannot read {uri!r}: {reason}")
        return RetryableError(reason)

    def _move_to_region(self, error: SourceError) -> bool:
        """Open the store anew in the region of the bucket, if AWS refused a request for the wrong
        one.
        """
        settings = dict(self._config.settings)
        wrong_region = re.search(
            r"region|redirect|answers 30\d|answers 400", str(error), re.IGNORECASE
        )
        if self._config.kind != "s3" or settings.get("endpoint") or not wrong_region:
            return False
        region = bucket_region(self._config.bucket)
        if region is None or region == settings.get("region"):
            return False
        settings["region"] = region
        self._store = _make_store(self._config, settings)
        return True


def list_keys(source: Source, folder: str, *, recursive: bool) -> list[str]:
    """Return the keys of a bucket below a folder.

    Raises
    ------
    SourceError, RetryableError
        When the bucket cannot be listed.
    """
    return ObjectStoreClient(source).keys(folder, recursive=recursive)


def writable_store(source: Source) -> tuple[Any, str]:
    """Return obstore's store of a bucket, and the key that the URL names in it.

    Raises
    ------
    MissingDependencyError
        When obstore is not installed.
    SourceError, ArgumentTypeError
        When the URL or an option is wrong.
    """
    config = store_config(source)
    # Reading repeats requests itself, since it goes on behind the bytes that came.
    return _open_store(source, config, WRITE_TRIES - 1), config.path


def describe_failure(error: Exception) -> str:
    """Shorten an exception of obstore, or of a file system of fsspec, to what a user can act on.

    Parameters
    ----------
    error
        The exception.

    Returns
    -------
    str
        Status and code of the server's answer; else the class and the first line of the message.
    """
    status = _STATUS.search(str(error))
    if status:
        return _reason(str(error), int(status[1]))
    reason = hide_secrets(str(error).partition("\n")[0])[:300]
    return f"{type(error).__name__}: {reason}"


class _EmptyRangeError(Exception):
    """The object has no byte in the range (416)."""


def _reason(text: str, status: int | None) -> str:
    """Shorten a message of obstore to what lasts: the status and code of the answer, or its first
    line.
    """
    if status is not None:
        code = _CODE.search(text)
        return f"the server answers {status}" + (f" ({code[1]})" if code else "")
    first_line = text.partition("\n")[0]
    without_time = re.sub(r" in [\d.]+ ?(ns|µs|ms|s)\b", "", first_line)
    return hide_secrets(without_time)[:300]


def _fingerprint(meta: Any) -> str | None:
    if meta.get("e_tag"):
        return str(meta["e_tag"])
    return str(meta["last_modified"]) if meta.get("last_modified") else None


def _open_store(source: Source, config: StoreConfig, retries: int = 0) -> Any:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._$:-]{0,254}", config.bucket):
        # obstore panics on a bucket that is no part of a URL.
        # User information, such as a key and its secret, is in front of the "@".
        user, at_sign, bucket = config.bucket.rpartition("@")
        reason = f"{bucket!r} is no name of a bucket"
        if user or at_sign:
            reason = "a bucket has no user: give credentials in storage_options"
        raise SourceError(f"cannot read {source.uri!r}: {reason}")
    try:
        return _make_store(config, dict(config.settings), retries)
    except ImportError as error:
        raise MissingDependencyError(
            f"{source.uri!r} needs obstore: pip install 'aicsio[remote]'"
        ) from error
    except Exception as error:  # noqa: BLE001 - the exceptions of obstore are made at run time
        text = str(error).partition("\n")[0]
        raise SourceError(f"cannot read {source.uri!r}: {hide_secrets(text)[:300]}") from None


def _make_store(config: StoreConfig, settings: dict[str, Any], retries: int = 0) -> Any:
    import obstore.store

    stores = {
        "s3": obstore.store.S3Store,
        "gs": obstore.store.GCSStore,
        "az": obstore.store.AzureStore,
    }
    # obstore refuses plain HTTP unless it is allowed.
    plain_http = (config.endpoint or "").startswith("http://")
    client: Any = {
        "allow_http": plain_http,
        "allow_invalid_certificates": not config.verify,
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "read_timeout": f"{int(TIMEOUT)}s",
        "timeout": f"{REQUEST_SECONDS}s",
    }
    make: Any = stores[config.kind]
    return make(
        config.bucket, config=settings, client_options=client, retry_config={"max_retries": retries}
    )


def bucket_region(bucket: str) -> str | None:
    """Ask AWS for the region of a bucket; ``None`` if it does not answer."""
    connection = http.client.HTTPSConnection(AWS_HOST, timeout=CONNECT_SECONDS)
    try:
        connection.request("HEAD", f"/{bucket}")
        return connection.getresponse().getheader("x-amz-bucket-region")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
