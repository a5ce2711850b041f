"""Ranges of files through fsspec: chains of file systems, archives, memory, and every protocol
without a client here.

Rule kept here: an exception of a file system becomes one of our errors, or a ``RetryableError`` if
another try may help. File systems whose answers do not identify the file are asked for its version
every ``CHECK_SECONDS``.
"""

import contextlib
import errno
import io
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from aicsio._io import missing, pool
from aicsio._io.refusals import RETRYABLE_STATUS
from aicsio._io.retrying import (
    TIMEOUT,
    RemoteInfo,
    RetryableError,
    check_unchanged,
    describe_error,
    retry,
)
from aicsio._io.urls import (
    client_options,
    hide_secrets,
    public_url,
    requested_url,
    split_chain,
)
from aicsio.errors import AicsioError, MissingDependencyError, SourceError, SourceNotFoundError
from aicsio.records import Source

# Seconds between two requests for size and version of a file whose answers do not hold them.
CHECK_SECONDS = 10.0
# Seconds that the download of a whole file into a cache may take: 100 GB at 100 Mbit/s take three hours.
LONGEST_DOWNLOAD = 6 * 3600.0
# Packages that the extra ``remote`` installs.
REMOTE_EXTRA = ("aiohttp", "s3fs", "gcsfs", "requests")
# Keys of ``info()`` that change with the content, by file system; the first one present is taken.
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
# Classes of exceptions, by name since their packages may be missing, that another try raises again.
_LASTING_ERRORS = frozenset({
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
    MissingDependencyError
        When the package for the protocol is not installed.
    SourceError
        When fsspec does not know the protocol or does not accept the URL or the options.
    """
    import fsspec

    url = requested_url(source)
    known = [*fsspec.available_protocols(), *fsspec.registry]
    for link in split_chain(url):
        scheme, separator, _ = link.partition("://")
        if separator and scheme not in known:
            raise SourceError(f"cannot read {source.uri!r}: {missing.advise_scheme(scheme, known)}")
    options = client_options(source)
    for link in split_chain(url)[1:]:
        name = link.partition("://")[0]
        if name in {"http", "https"}:
            options.setdefault(name, {})["get_client"] = _web_session
    # Some file systems make requests while they are constructed: an archive reads its table.
    return retry(lambda: _construct(source, url, options), source.uri)


def _construct(source: Source, url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        module = getattr(error.__cause__, "name", None) or error.name
        package = "'aicsio[remote]'"
        if module is not None and module not in REMOTE_EXTRA:
            package = missing.package_of(module.partition(".")[0])
        raise MissingDependencyError(
            f"{source.uri!r}: the file system needs a package that is not installed: "
            f"pip install {package}"
        ) from error
    except Exception as error:
        if isinstance(error, FileNotFoundError):
            with translated_errors(source):
                raise
        # fsspec and its file systems raise whatever an option makes their constructors raise.
        reason = hide_secrets(describe_error(error))
        raise SourceError(f"cannot read {source.uri!r}: {reason}") from _public_cause(error)
    return system, path


def _public_cause(error: BaseException) -> BaseException | None:
    """Return an exception as the cause of ours, unless a traceback would show a secret with it."""
    chained: BaseException | None = error
    while chained is not None:
        text = str(chained)
        if hide_secrets(text) != text:
            return None
        chained = chained.__cause__ or chained.__context__
    return error


async def _web_session(**options: Any) -> Any:
    """Make the session of a web server inside a chain of file systems. It follows no redirect to
    another place.
    """
    import aiohttp

    trace = aiohttp.TraceConfig()

    async def check_redirect(_session: object, _context: object, params: Any) -> None:
        url = params.url
        try:
            new_url = url.join(type(url)(params.response.headers.get("Location", "")))
        except ValueError:
            raise SourceError(
                f"cannot read {public_url(str(url))!r}: the server points to what is no URL"
            ) from None
        ports = (url.scheme, url.port, new_url.scheme, new_url.port)
        upgraded = ports == ("http", 80, "https", 443)
        unchanged = (new_url.scheme, new_url.port) == (url.scheme, url.port)
        same_file = (new_url.host, new_url.path) == (url.host, url.path)
        if not same_file or not (upgraded or unchanged):
            raise SourceError(
                f"cannot read {public_url(str(url))!r}: the server points to another place, "
                f"{public_url(str(new_url))[:200]!r}: open that if you trust it"
            )

    trace.on_request_redirect.append(check_redirect)
    # aiohttp ends every request after 300 s, however fast it is, and waits as long for a silent server.
    limits = {"total": LONGEST_DOWNLOAD, "sock_connect": TIMEOUT, "sock_read": TIMEOUT}
    options.setdefault("timeout", aiohttp.ClientTimeout(**limits))
    return aiohttp.ClientSession(trace_configs=[trace], **options)


@contextlib.contextmanager
def translated_errors(source: Source) -> Iterator[None]:
    """Turn an exception of a file system into one of our errors, or into a ``RetryableError``."""
    try:
        yield
    except (AicsioError, RetryableError):
        raise
    except FileNotFoundError as error:
        # fsspec raises FileNotFoundError for other failures too; the real error is its cause.
        if isinstance(error.__cause__, AicsioError):
            raise error.__cause__ from None
        status = getattr(error.__cause__, "status", 404)
        if status not in {404, 410}:
            reason = f"the server answers {status}"
            if _is_refusal(status):
                raise SourceError(f"cannot read {source.uri!r}: {reason}") from _public_cause(error)
            raise RetryableError(reason) from _public_cause(error)
        raise SourceNotFoundError(f"there is nothing at {source.uri!r}") from _public_cause(error)
    except IsADirectoryError as error:
        raise _folder_error(source) from _public_cause(error)
    except Exception as error:  # noqa: BLE001
        # The errors of aiohttp and of the other clients have no builtin in common.
        reason = hide_secrets(describe_error(error))
        if _is_lasting(error):
            raise SourceError(f"cannot read {source.uri!r}: {reason}") from _public_cause(error)
        raise RetryableError(reason) from _public_cause(error)


def _is_lasting(error: Exception) -> bool:
    """Whether another try would fail alike."""
    names = {kind.__name__ for kind in type(error).__mro__}
    number = error.errno if isinstance(error, OSError) else None
    status = getattr(error, "status", None)
    refused = isinstance(status, int) and _is_refusal(status)
    return bool(
        names & _LASTING_ERRORS
        or number in _LASTING_NUMBERS
        or isinstance(error, PermissionError)
        or refused
    )


def _is_refusal(status: int) -> bool:
    return 400 <= status < 500 and status not in RETRYABLE_STATUS


def _folder_error(source: Source) -> SourceNotFoundError:
    return SourceNotFoundError(f"{source.uri!r} is a folder: give one of the files in it")


def _file_info(source: Source, system: Any, path: str) -> RemoteInfo:
    """Ask a file system for size and version of a file."""
    with translated_errors(source):
        info = system.info(path)
    if info.get("type") == "directory":
        raise _folder_error(source)
    fingerprint = next((str(info[key]) for key in FINGERPRINT_KEYS if info.get(key)), None)
    return RemoteInfo(info.get("size"), fingerprint)


def _probe(source: Source, system: Any, path: str) -> RemoteInfo:
    """Ask for size and version; a cache tells the size of its copy if the server does not."""
    info = _file_info(source, system, path)
    if info.size is None and _is_cache(system):
        with translated_errors(source), system.open(path, "rb") as file:
            info = attrs.evolve(info, size=file.seek(0, io.SEEK_END))
    return info


def _is_cache(system: Any) -> bool:
    """Whether a file system keeps whole copies of the files of another."""
    return bool(getattr(system, "storage", None))


def _discard_copy(source: Source, system: Any, path: str, end: int) -> RetryableError:
    """Take a copy that ends early out of its cache; make the error, so that the next try makes a new one.

    fsspec leaves it there when a download breaks off, and takes it for the file from then on.
    """
    copy = os.path.join(system.storage[-1], system._mapper(path))  # noqa: SLF001 - no public name
    with contextlib.suppress(OSError):
        os.remove(copy)
    return RetryableError(f"its copy ends at {end} of {source.size} bytes: the download broke off")


class FsspecClient:
    """Ranges of a file system that serves many requests at once. Not a record: it lives while the
    file is open.
    """

    timeout = TIMEOUT

    def __init__(self, source: Source) -> None:
        self._source = source
        self._system, self._path = file_system(source)

    def probe(self, nbytes: int, whole_limit: int, /) -> RemoteInfo:  # noqa: ARG002 - fsspec returns no headers with bytes
        """Request size and version."""
        return _probe(self._source, self._system, self._path)

    def receive(self, offset: int, buffer: memoryview, /) -> int:
        """Receive bytes."""
        _check_now_and_then(self._source, self._system, self._path)
        with pool.request_slot(), translated_errors(self._source):
            data = self._system.cat_file(self._path, start=offset, end=offset + buffer.nbytes)
        if len(data) > buffer.nbytes:
            raise SourceError(
                f"{self._source.uri!r}: the server sends the whole file where a part was asked for"
            )
        if len(data) < buffer.nbytes and _is_cache(self._system):
            raise _discard_copy(self._source, self._system, self._path, offset + len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """The file system keeps its own connections."""


class FsspecFileClient:
    """Ranges of one open file and a lock, for archives, caches, memory, and servers with one reader
    at a time.

    Not a record: it lives while the file is open.
    """

    timeout = TIMEOUT

    def __init__(self, source: Source) -> None:
        self._source = source
        self._system, self._path = file_system(source)
        self._file: Any = None
        self._lock = threading.Lock()

    def probe(self, nbytes: int, whole_limit: int, /) -> RemoteInfo:  # noqa: ARG002 - the first bytes need another request
        """Request size and version."""
        return _probe(self._source, self._system, self._path)

    def receive(self, offset: int, buffer: memoryview, /) -> int:
        """Receive bytes."""
        with self._lock, translated_errors(self._source):
            if self._file is None:
                _check_now_and_then(self._source, self._system, self._path)
                self._file = self._open()
            try:
                self._file.seek(offset)
                data = self._file.read(buffer.nbytes)
            except Exception:
                self.close()
                raise
            if len(data) < buffer.nbytes and _is_cache(self._system):
                self.close()
                raise _discard_copy(self._source, self._system, self._path, offset + len(data))
        buffer[: len(data)] = data
        return len(data)

    def _open(self) -> Any:
        try:
            return self._system.open(self._path, "rb")
        except FileNotFoundError:
            # A cache calls every refusal so; asking for the file itself shows which one it was.
            _file_info(self._source, self._system, self._path)
            raise

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _check_now_and_then(source: Source, system: Any, path: str) -> None:
    """Compare the version of a file with that of the opened one, unless that was done a moment
    ago.
    """
    is_memory = getattr(system, "protocol", None) == "memory"  # there it costs nothing
    if is_memory or pool.should_check_again(("version", source), CHECK_SECONDS):
        info = _file_info(source, system, path)
        check_unchanged(source, info.size, info.fingerprint)
