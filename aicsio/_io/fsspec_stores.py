"""Ranges of files that fsspec reaches: object stores, archives, memory, whatever else it knows.

Rule kept here: what a file system raises becomes one of our errors, or ``Transient`` where another try may help. S3 is
asked directly, because its answers prove that the object is still the one that was opened; file systems whose answers
prove nothing are looked at again every ``LOOK_SECONDS``.
"""

import contextlib
import errno
import json
import threading
from collections.abc import Iterator
from typing import Any

from aicsio._io import pool
from aicsio._io.requests import Answer, Transient, check_same, said
from aicsio.errors import AicsioError, MissingDependencyError, SourceError, SourceNotFoundError
from aicsio.records import Source

LOOK_SECONDS = 10.0
"""How often a file is looked at that answers do not identify."""
REMOTE_EXTRA = ("aiohttp", "s3fs", "gcsfs", "requests")
FINGERPRINT_KEYS = (
    "ETag",
    "etag",
    "md5",
    "md5Hash",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)
_LASTING = frozenset({
    "NoCredentialsError", "PartialCredentialsError", "ParamValidationError", "ProfileNotFound", "InvalidURL",
    "ValueError", "TypeError", "KeyError", "NotImplementedError", "AttributeError", "BadZipFile",
})  # fmt: skip
_LASTING_NUMBERS = frozenset(
    {errno.EINVAL, errno.EPERM, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
)


def file_system(source: Source) -> tuple[Any, str]:
    """Return fsspec's file system of a source, and its path there.

    Raises
    ------
    MissingDependencyError, SourceError
    """
    import fsspec

    options = json.loads(source.storage_options)
    if "::" in source.uri:
        for name in ("http", "https"):
            if f"::{name}://" in source.uri:
                options.setdefault(name, {})["get_client"] = _client
    try:
        system, path = fsspec.core.url_to_fs(source.uri, **options)
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or error.name
        what = "'aicsio[remote]'" if missing in {None, *REMOTE_EXTRA} else missing
        raise MissingDependencyError(f"{source.uri!r}: {error}. pip install {what}") from error
    except (ValueError, TypeError) as error:
        raise SourceError(f"cannot read {source.uri!r}: {error}") from error
    return system, path


async def _client(**options: Any) -> Any:
    """Make the session of a web server behind a chain of file systems: it follows no redirect to another place."""
    import aiohttp

    trace = aiohttp.TraceConfig()

    async def check(_session: object, _context: object, params: Any) -> None:
        there = params.url.join(type(params.url)(params.response.headers.get("Location", "")))
        safer = (params.url.scheme, params.url.port, there.scheme, there.port) == (
            "http",
            80,
            "https",
            443,
        )
        same = (there.scheme, there.port) == (params.url.scheme, params.url.port)
        if (there.host, there.path) != (params.url.host, params.url.path) or not (same or safer):
            raise SourceError(
                f"cannot read {str(params.url)!r}: the server points to another place, {str(there)!r}: open that if "
                "you trust it"
            )

    trace.on_request_redirect.append(check)
    return aiohttp.ClientSession(trace_configs=[trace], **options)


@contextlib.contextmanager
def translated(source: Source) -> Iterator[None]:
    """Turn what a file system raises into our errors, or ``Transient``."""
    try:
        yield
    except (AicsioError, Transient):
        raise
    except FileNotFoundError as error:
        # fsspec says so of whatever goes wrong; what did is the cause.
        if isinstance(error.__cause__, AicsioError):
            raise error.__cause__ from error
        status = getattr(error.__cause__, "status", 404)
        if status not in {404, 410}:
            raise Transient(f"the server answers {status}") from error
        raise SourceNotFoundError(f"there is nothing at {source.uri!r}") from error
    except IsADirectoryError as error:
        raise SourceError(f"{source.uri!r} is a folder: give one of the files in it") from error
    except Exception as error:
        # The errors of aiohttp, botocore and the rest have no common builtin.
        names = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(error, "status", 500)
        number = error.errno if isinstance(error, OSError) else None
        if (
            names & _LASTING
            or number in _LASTING_NUMBERS
            or isinstance(error, PermissionError)
            or 400 <= status < 500
        ):
            raise SourceError(f"cannot read {source.uri!r}: {said(error)}") from error
        raise Transient(said(error)) from error


def _looked_at(source: Source, system: Any, path: str) -> Answer:
    with translated(source):
        info = system.info(path)
    if info.get("type") == "directory":
        raise SourceError(f"{source.uri!r} is a folder: give one of the files in it")
    fingerprint = next((str(info[key]) for key in FINGERPRINT_KEYS if info.get(key)), None)
    return Answer(info.get("size"), fingerprint)


class S3Ranges:
    """Ranges of an object of S3, or of a server that speaks like it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._system, self._path = file_system(source)

    def probe(self, nbytes: int, most: int, /) -> Answer:  # noqa: ARG002 - S3 knows ranges
        """Ask for the first bytes, and so for size and ETag."""
        try:
            response, head = self._get(0, nbytes)
        except SourceError as error:
            if (
                "InvalidRange" in str(error.__cause__ and error.__cause__.__cause__)
                or "range" in str(error).lower()
            ):
                return _looked_at(self._source, self._system, self._path)  # it is empty
            raise
        return Answer(int(response["ContentRange"].rpartition("/")[2]), response.get("ETag"), head)

    def fill(self, offset: int, into: memoryview, /) -> int:
        """Receive bytes."""
        _, data = self._get(offset, into.nbytes)
        into[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """s3fs keeps its own connections."""

    def _get(self, offset: int, nbytes: int) -> tuple[Any, bytes]:
        from fsspec.asyn import sync

        with pool.request(), translated(self._source):
            found: tuple[Any, bytes] = sync(self._system.loop, self._fetch, offset, nbytes)
        return found

    async def _fetch(self, offset: int, nbytes: int) -> tuple[Any, bytes]:
        bucket, key, version = self._system.split_path(self._path)
        options = {**self._system.req_kw, **({"VersionId": version} if version else {})}
        wanted = {"Bucket": bucket, "Key": key, "Range": f"bytes={offset}-{offset + nbytes - 1}"}
        response = await self._system._call_s3("get_object", **wanted, **options)  # noqa: SLF001 - its only way to a header
        body = response["Body"]
        try:
            total = response.get("ContentRange", "").rpartition("/")[2]
            check_same(self._source, int(total) if total.isdigit() else None, response.get("ETag"))
            return response, await body.read()
        finally:
            body.close()


class AsyncRanges:
    """Ranges of a file system that takes many requests at once, such as ``gs://`` and ``abfs://``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._system, self._path = file_system(source)

    def probe(self, nbytes: int, most: int, /) -> Answer:  # noqa: ARG002 - reading begins with another request
        """Look at the file."""
        return _looked_at(self._source, self._system, self._path)

    def fill(self, offset: int, into: memoryview, /) -> int:
        """Receive bytes."""
        _look_now_and_then(self._source, self._system, self._path)
        with pool.request(), translated(self._source):
            data = self._system.cat_file(self._path, start=offset, end=offset + into.nbytes)
        if len(data) > into.nbytes:
            raise SourceError(
                f"{self._source.uri!r}: the server sends the whole file where a part was asked for"
            )
        into[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """The file system keeps its own connections."""


class FileRanges:
    """Ranges of one open file and a lock: archives, caches, memory, servers that serve one reader at a time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._system, self._path = file_system(source)
        self._file: Any = None
        self._lock = threading.Lock()

    def probe(self, nbytes: int, most: int, /) -> Answer:  # noqa: ARG002 - reading begins with opening
        """Look at the file."""
        return _looked_at(self._source, self._system, self._path)

    def fill(self, offset: int, into: memoryview, /) -> int:
        """Receive bytes."""
        with self._lock, translated(self._source):
            if self._file is None:
                _look_now_and_then(self._source, self._system, self._path)
                self._file = self._system.open(self._path, "rb")
            try:
                self._file.seek(offset)
                data = self._file.read(into.nbytes)
            except Exception:
                self.close()
                raise
        into[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _look_now_and_then(source: Source, system: Any, path: str) -> None:
    if getattr(system, "protocol", None) == "memory" or pool.is_due(
        ("looked at", source), LOOK_SECONDS
    ):
        answer = _looked_at(source, system, path)
        check_same(source, answer.size, answer.fingerprint)
