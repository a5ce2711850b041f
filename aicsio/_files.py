"""Bytes from local paths, fsspec URLs and buffers, and the pool of open files: the only state of the package.

Rule kept here: nothing stays open. A file is opened when the first borrower asks, shared by all borrowers (reads are
positional, so threads do not disturb each other), and closed when the last one gives it back. ``session()`` holds
what is borrowed until the end of a whole plan, at most ``MAX_OPEN`` at once. After a fork the child starts with an
empty pool, so it never closes or seeks a descriptor of its parent.
"""

import contextlib
import functools
import io
import json
import os
import re
import stat
import sys
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Generic, Protocol, TypeVar, cast, runtime_checkable

import attrs

from aicsio.errors import (
    AicsioError,
    ArgumentTypeError,
    CorruptFileError,
    MissingDependencyError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
)
from aicsio.records import Source

MAX_OPEN = 64
GAP = 64 * 1024
"""Remote ranges closer than this are fetched as one: a request costs more than these bytes."""
BIGGEST_REQUEST = 32 * 1024 * 1024
"""Remote ranges are not joined beyond this size, so that several travel at once."""
_IOV_MAX = 512
_REMOTE_EXTRA = ("aiohttp", "s3fs", "gcsfs", "requests")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]+(://|::)")

T = TypeVar("T")
Span = tuple[int, int]
"""Byte offset and length."""


@runtime_checkable
class Reader(Protocol):
    """Positional reads from one source; safe to share between threads."""

    remote: bool

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return exactly ``nbytes`` bytes; raises ``CorruptFileError`` past the end."""

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill the buffers, one after the other, from consecutive bytes."""

    def read_spans(self, spans: Sequence[Span]) -> list[bytes]:
        """Return the bytes of many spans, near ones fetched together, requests at once."""

    def close(self) -> None:
        """Give the file back to the operating system."""


@runtime_checkable
class _Closable(Protocol):
    def close(self) -> None: ...


@runtime_checkable
class BinaryFile(Protocol):
    """What libraries use of an open file: ``typing.BinaryIO`` asks for a name too, which a buffer lacks."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position."""

    def tell(self) -> int:
        """Return the position."""

    def close(self) -> None:
        """Close the file."""


# ---------------------------------------------------------------- naming a source


def identify(where: object, storage_options: Mapping[str, Any] | None = None) -> Source:
    """Say where the bytes are and take their fingerprint.

    Parameters
    ----------
    where
        Path, ``pathlib.Path``, fsspec URL, ``bytes``-like object, binary file object, or a ``Source``.
    storage_options
        Keyword arguments for the fsspec file system of a URL; JSON values.

    Raises
    ------
    SourceNotFoundError, SourceError, ArgumentTypeError
    """
    if isinstance(where, Source):
        return where
    if isinstance(where, bytes | bytearray | memoryview):
        return _from_bytes(bytes(where))
    if isinstance(where, io.IOBase) or (hasattr(where, "read") and not isinstance(where, os.PathLike)):
        return _from_file_object(where)
    if not isinstance(where, str | os.PathLike):
        raise ArgumentTypeError(f"cannot read from a {type(where).__name__}: give a path, URL, bytes or binary file")
    name = os.fsdecode(where)
    if isinstance(where, str) and _URL.match(name) and not os.path.exists(name):
        if not name.startswith(("file://", "local://")):
            return _from_url(name, storage_options or {})
        name = _path_of_file_url(name)
    return _from_path(name)


def sibling(source: Source, name: str) -> Source | None:
    """Return the file ``name`` in the folder of ``source``, or ``None`` where it is not there.

    Raises
    ------
    CorruptFileError
        When ``name`` points out of the folder: a file must not make us read what the user did not name.
    """
    if source.content is not None:
        return None
    plain = name.replace("\\", "/")
    if "/" in plain or plain in {"", ".", ".."} or "\0" in plain or "::" in plain or os.path.splitdrive(plain)[0]:
        raise CorruptFileError.at(source.uri, None, f"it refers to {name!r}, which is not a plain name in its folder")
    try:
        if source.local:
            path = os.path.join(os.path.dirname(source.uri), plain)
            return _from_path(path) if os.path.isfile(path) else None
        return _from_url(_neighbour(source.uri, plain), json.loads(source.storage_options))
    except SourceNotFoundError:
        return None


def neighbours(source: Source) -> list[str]:
    """Names of the files in the folder of a local source, sorted; empty where there is no folder to look at."""
    if not source.local or source.content is not None:
        return []
    try:
        with os.scandir(os.path.dirname(source.uri)) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return []


def _neighbour(url: str, name: str) -> str:
    """Put another file name into a URL: its query stays, and so does what a chain such as ``zip://a::b`` wraps."""
    parts = url.split("::")
    at = next(index for index, part in enumerate(parts) if "://" in part)
    head, query = parts[at], ""
    if head.startswith(("http://", "https://")):
        from urllib.parse import quote

        # A server would take "%2e%2e", "?" or "#" in a name for more than a name.
        head, mark, rest = head.partition("?")
        name, query = quote(name, safe=""), mark + rest
    parts[at] = f"{head.rsplit('/', 1)[0]}/{name}{query}"
    return "::".join(parts)


def _from_bytes(content: bytes) -> Source:
    import hashlib  # brings OpenSSL along

    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return Source(f"memory:{digest}", size=len(content), stamp=digest, content=content, local=False)


def _from_file_object(file: Any) -> Source:
    name = getattr(file, "name", None)
    if isinstance(file, io.TextIOBase):
        raise ArgumentTypeError("the file is open in text mode: open it with mode 'rb'")
    if isinstance(name, str | bytes) and os.path.isfile(name) and isinstance(file, io.BufferedReader | io.FileIO):
        return _from_path(os.fsdecode(name))
    position = file.tell() if file.seekable() else None
    if position is not None:
        file.seek(0)
    content = file.read()
    if position is not None:
        file.seek(position)
    if not isinstance(content, bytes):
        raise ArgumentTypeError("the file object gives text: open it in binary mode")
    return _from_bytes(content)


def _path_of_file_url(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    # fsspec writes paths as they are, pathlib with percent signs (of the bytes of the name, whatever their encoding).
    plain = url.split("://", 1)[1]
    return (
        plain if os.path.exists(plain) else unquote(urlsplit(url).path, sys.getfilesystemencoding(), "surrogateescape")
    )


def _from_path(name: str) -> Source:
    path = os.path.abspath(os.path.expanduser(name))
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceNotFoundError(f"there is no file {path!r}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot look at {path!r}: {error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path!r} is a folder: give one of the files in it")
    if not stat.S_ISREG(status.st_mode):
        # To open a pipe or a terminal is to wait for it.
        raise SourceError(f"{path!r} is no regular file: read it yourself and give the bytes")
    return Source(path, size=status.st_size, stamp=str(status.st_mtime_ns))


def _from_url(url: str, storage_options: Mapping[str, Any]) -> Source:
    try:
        options = json.dumps(dict(storage_options), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"storage_options must be JSON values, so that handles travel: {error}") from error
    source = Source(url, storage_options=options, local=False)
    system, path = _file_system(source)
    with _translated(source):
        info = system.info(path)
    if info.get("type") == "directory":
        raise SourceError(f"{url!r} is a folder: give one of the files in it")
    stamps = (info.get(key) for key in ("ETag", "etag", "md5", "mtime", "LastModified", "last_modified", "created"))
    stamp = next((str(value) for value in stamps if value), None)
    return attrs.evolve(source, size=info.get("size"), stamp=stamp)


def _file_system(source: Source) -> tuple[Any, str]:
    import fsspec

    options = json.loads(source.storage_options)
    try:
        system, path = fsspec.core.url_to_fs(source.uri, **options)
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or error.name
        what = "'aicsio[remote]'" if missing in {None, *_REMOTE_EXTRA} else missing
        raise MissingDependencyError(f"{source.uri!r}: {error}. pip install {what}") from error
    except ValueError as error:
        raise SourceError(f"cannot read {source.uri!r}: {error}") from error
    return system, path


@contextlib.contextmanager
def _translated(source: Source) -> Iterator[None]:
    try:
        yield
    except AicsioError:
        raise
    except FileNotFoundError as error:
        # fsspec says so of whatever a server answers; what it did answer is the cause.
        status = getattr(error.__cause__, "status", 404)
        if status not in {404, 410}:
            raise SourceError(f"cannot read {source.uri!r}: the server answers {status}") from error
        raise SourceNotFoundError(f"there is nothing at {source.uri!r}") from error
    except Exception as error:
        # The errors of aiohttp, botocore and the rest have no common builtin.
        raise SourceError(f"cannot read {source.uri!r}: {type(error).__name__}: {error}") from error


# ---------------------------------------------------------------- reading


class _LocalReader:
    """One descriptor, read with ``preadv``: no position, so no lock."""

    remote = False

    def __init__(self, source: Source) -> None:
        self._source = source
        try:
            self._fd = os.open(source.uri, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError as error:
            raise SourceNotFoundError(f"there is no file {source.uri!r} any more") from error
        except OSError as error:
            raise SourceError(f"cannot open {source.uri!r}: {error.strerror}") from error
        status = os.fstat(self._fd)
        if source.stamp is not None and (status.st_size, str(status.st_mtime_ns)) != (source.size, source.stamp):
            os.close(self._fd)
            raise SourceChangedError(f"{source.uri!r} changed since it was opened: call open_image on it again")

    def read(self, offset: int, nbytes: int) -> bytes:
        _check_inside(self._source, offset, nbytes)
        data = os.pread(self._fd, nbytes, offset)
        while len(data) < nbytes:
            more = os.pread(self._fd, nbytes - len(data), offset + len(data))
            if not more:
                raise _too_short(self._source, offset, nbytes)
            data += more
        return data

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        pending = [buffer for buffer in buffers if buffer.nbytes]
        _check_inside(self._source, offset, sum(buffer.nbytes for buffer in pending))
        while pending:
            group = pending[:_IOV_MAX]
            done = os.preadv(self._fd, group, offset)
            if done == 0:
                raise _too_short(self._source, offset, sum(part.nbytes for part in pending))
            offset += done
            while pending and done >= pending[0].nbytes:
                done -= pending.pop(0).nbytes
            if done:
                pending[0] = pending[0].cast("B")[done:]

    def read_spans(self, spans: Sequence[Span]) -> list[bytes]:
        return [self.read(offset, nbytes) for offset, nbytes in spans]

    def close(self) -> None:
        os.close(self._fd)


class _SeekingReader:
    """One file object and a lock, where the system has no positional reads."""

    remote = False

    def __init__(self, source: Source, file: BinaryIO) -> None:
        self._source, self._file, self._lock = source, file, threading.Lock()

    def read(self, offset: int, nbytes: int) -> bytes:
        _check_inside(self._source, offset, nbytes)
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(nbytes)
        if len(data) < nbytes:
            raise _too_short(self._source, offset, nbytes)
        return data

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        for buffer in buffers:
            buffer.cast("B")[:] = self.read(offset, buffer.nbytes)
            offset += buffer.nbytes

    def read_spans(self, spans: Sequence[Span]) -> list[bytes]:
        return [self.read(offset, nbytes) for offset, nbytes in spans]

    def close(self) -> None:
        self._file.close()


class _BytesReader:
    """Slices of bytes that the caller handed over."""

    remote = False

    def __init__(self, source: Source) -> None:
        self._source, self._content = source, source.content or b""

    def read(self, offset: int, nbytes: int) -> bytes:
        _check_inside(self._source, offset, nbytes)
        return self._content[offset : offset + nbytes]

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        for buffer in buffers:
            buffer.cast("B")[:] = self.read(offset, buffer.nbytes)
            offset += buffer.nbytes

    def read_spans(self, spans: Sequence[Span]) -> list[bytes]:
        return [self.read(offset, nbytes) for offset, nbytes in spans]

    def close(self) -> None:
        """Nothing is open."""


class _RemoteReader:
    """Ranges through fsspec: near ones joined, the requests sent together."""

    remote = True

    def __init__(self, source: Source) -> None:
        self._source = source
        self._system, self._path = _file_system(source)
        if source.stamp is not None and identify(source.uri, json.loads(source.storage_options)) != source:
            raise SourceChangedError(f"{source.uri!r} changed since it was opened: call open_image on it again")

    def read(self, offset: int, nbytes: int) -> bytes:
        return self.read_spans([(offset, nbytes)])[0]

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        total = sum(buffer.nbytes for buffer in buffers)
        data = memoryview(self.read(offset, total))
        for buffer in buffers:
            buffer.cast("B")[:] = data[: buffer.nbytes]
            data = data[buffer.nbytes :]

    def read_spans(self, spans: Sequence[Span]) -> list[bytes]:
        for offset, nbytes in spans:
            _check_inside(self._source, offset, nbytes)
        joined = coalesce([span for span in spans if span[1]])
        starts = [offset for offset, _ in joined]
        stops = [offset + nbytes for offset, nbytes in joined]
        with _translated(self._source):
            parts = self._system.cat_ranges([self._path] * len(joined), starts, stops, on_error="raise")
            for part in parts:
                if isinstance(part, Exception):  # fsspec before 2024.9 returns what it was to raise
                    raise part
        for (offset, nbytes), part in zip(joined, parts, strict=True):
            if len(part) > nbytes:
                raise SourceError(
                    f"{self._source.uri!r}: the server sends the whole file where {nbytes} bytes were asked for: "
                    f"download it, or open 'simplecache::{self._source.uri}'"
                )
            if len(part) < nbytes:
                raise _too_short(self._source, offset, nbytes)
        found = []
        for offset, nbytes in spans:
            # Joined spans are sorted and apart, so the last one that begins before a span holds all of it.
            index = bisect_right(starts, offset) - 1
            low = offset - starts[index] if nbytes else 0
            found.append(bytes(parts[index][low : low + nbytes]) if nbytes else b"")
        return found

    def close(self) -> None:
        """Requests leave nothing open; fsspec keeps its own connections."""


def coalesce(spans: Sequence[Span], gap: int = GAP, biggest: int = BIGGEST_REQUEST) -> list[Span]:
    """Join spans that lie near each other, up to a size, into sorted spans that cover them all."""
    joined: list[Span] = []
    for offset, nbytes in sorted(spans):
        if joined:
            start, length = joined[-1]
            end = max(start + length, offset + nbytes)
            if offset < start + length or (offset <= start + length + gap and end - start <= biggest):
                joined[-1] = (start, end - start)
                continue
        joined.append((offset, nbytes))
    return joined


def _check_inside(source: Source, offset: int, nbytes: int) -> None:
    # Numbers in a damaged file may be anything: ask neither the system nor the allocator for them.
    if offset < 0 or nbytes < 0 or (source.size is not None and offset + nbytes > source.size):
        raise _too_short(source, offset, nbytes)


def _too_short(source: Source, offset: int, nbytes: int) -> CorruptFileError:
    return CorruptFileError.at(source.uri, offset, f"expected {nbytes} bytes, but the file ends at {source.size}")


def _open_reader(source: Source) -> Reader:
    if source.content is not None:
        return _BytesReader(source)
    if not source.local:
        return _RemoteReader(source)
    if hasattr(os, "preadv"):
        return _LocalReader(source)
    return _SeekingReader(source, open(source.uri, "rb"))


def open_binary(source: Source) -> BinaryFile:
    """Open a seekable binary file for a library that wants one; the caller closes it."""
    if source.content is not None:
        return io.BytesIO(source.content)
    if source.local:
        try:
            return open(source.uri, "rb")
        except FileNotFoundError as error:
            raise SourceNotFoundError(f"there is no file {source.uri!r} any more") from error
        except OSError as error:
            raise SourceError(f"cannot open {source.uri!r}: {error.strerror}") from error
    system, path = _file_system(source)
    with _translated(source):
        return cast("BinaryFile", system.open(path, "rb"))


def read_head(source: Source, nbytes: int) -> bytes:
    """Return the first bytes of a source, fewer where it is shorter."""
    wanted = nbytes if source.size is None else min(nbytes, source.size)
    with lend(source) as reader:
        return reader.read(0, wanted) if wanted else b""


# ---------------------------------------------------------------- the pool


class _Pool:
    """Open things by key, with the number of their borrowers."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.sessions = 0

    def take(self, key: Hashable, opener: Callable[[], Any]) -> Any:
        with self.lock:
            if key in self.open:
                thing, borrowers = self.open[key]
                self.open[key] = (thing, borrowers + 1)
                self.open.move_to_end(key)
                return thing
        # Opening may take long (a request), so it is done outside the lock; a second opener loses the race.
        thing = opener()
        with self.lock:
            if key in self.open:
                late, (thing, borrowers) = thing, self.open[key]
                self.open[key] = (thing, borrowers + 1)
            else:
                late = None
                self.open[key] = (thing, 1)
        if late is not None:
            late.close()
        return thing

    def give_back(self, key: Hashable) -> None:
        with self.lock:
            thing, borrowers = self.open[key]
            self.open[key] = (thing, borrowers - 1)
            idle = self._idle()
        _close_all(idle)

    def begin(self) -> None:
        with self.lock:
            self.sessions += 1

    def end(self) -> None:
        with self.lock:
            self.sessions -= 1
            idle = self._idle()
        _close_all(idle)

    def _idle(self) -> list[Any]:
        # Called with the lock held: takes out what nobody holds, all of it or what exceeds the bound.
        surplus = len(self.open) - MAX_OPEN if self.sessions else len(self.open)
        keys = [key for key, (_, borrowers) in self.open.items() if borrowers == 0][: max(surplus, 0)]
        return [self.open.pop(key)[0] for key in keys]


def _close_all(things: Sequence[_Closable]) -> None:
    for thing in things:
        thing.close()


_pool = _Pool()


def _forget_after_fork() -> None:
    global _pool  # noqa: PLW0603 - the one piece of state
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


class _Loan(Generic[T]):
    """What the pool lends for the length of a ``with`` block; a generator would take three times as long."""

    __slots__ = ("_key", "_opener", "_pool")

    def __init__(self, key: Hashable, opener: Callable[[], T]) -> None:
        self._key, self._opener, self._pool = key, opener, _pool

    def __enter__(self) -> T:
        self._pool = _pool
        return cast("T", self._pool.take(self._key, self._opener))

    def __exit__(self, *_: object) -> None:
        self._pool.give_back(self._key)


def borrow(key: Hashable, opener: Callable[[], T]) -> contextlib.AbstractContextManager[T]:
    """Lend the open thing for ``key``, opening it when nobody has it; it must have ``close()``."""
    return _Loan(key, opener)


def lend(source: Source) -> contextlib.AbstractContextManager[Reader]:
    """Lend a reader for ``source``.

    Raises
    ------
    SourceNotFoundError, SourceChangedError, SourceError
    """
    return _Loan(("reader", source), functools.partial(_open_reader, source))


@contextlib.contextmanager
def lend_in_turn() -> Iterator[Callable[[Source], Reader]]:
    """Lend one thread a reader at a time: each is given back when that of another source is asked for."""
    with contextlib.ExitStack() as stack:
        held: tuple[Source, Reader] | None = None

        def reader_of(source: Source) -> Reader:
            nonlocal held
            if held is None or held[0] is not source:
                held = None
                stack.close()
                held = source, stack.enter_context(lend(source))
            return held[1]

        yield reader_of


@contextlib.contextmanager
def session() -> Iterator[None]:
    """Keep what is borrowed open until the end of the block, so that a plan opens each file once."""
    pool = _pool
    pool.begin()
    try:
        yield
    finally:
        pool.end()


def open_count() -> int:
    """How many files the pool holds open now."""
    return len(_pool.open)
