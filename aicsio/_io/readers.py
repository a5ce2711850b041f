"""Bytes from local paths, fsspec URLs and buffers, read at positions. What is read through here is in ``_pool``.

Rule kept here: a read returns exactly what was asked for, or raises one of our errors.
"""

import contextlib
import functools
import io
import os
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO, Protocol, runtime_checkable

from aicsio._io.pool import LINGER_SECONDS, borrow, open_count, session
from aicsio._io.remote import (
    Buffer,
    RemoteFile,
    RemoteReader,
    Span,
    check_inside,
    coalesce,
    serves_many,
)
from aicsio._io.sources import identify, neighbours, sibling
from aicsio.errors import SourceChangedError, SourceError, SourceNotFoundError
from aicsio.records import Source

__all__ = [
    "LINGER_SECONDS",
    "BinaryFile",
    "Buffer",
    "Reader",
    "Span",
    "borrow",
    "coalesce",
    "identify",
    "lend",
    "lend_in_turn",
    "neighbours",
    "open_binary",
    "open_count",
    "read_head",
    "serves_many",
    "session",
    "sibling",
]

_IOV_MAX = 512


@runtime_checkable
class Reader(Protocol):
    """Positional reads from one source; safe to share between threads."""

    remote: bool

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return exactly ``nbytes`` bytes; raises ``CorruptFileError`` past the end."""

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill the buffers, one after the other, from consecutive bytes."""

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        """Return the bytes of many spans, near ones fetched together, requests at once."""

    def is_same(self) -> bool:
        """Whether the file did not change since, as far as that can be told without a request."""

    def close(self) -> None:
        """Give the file back to the operating system."""


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


class _LocalReader:
    """One descriptor, read with ``preadv``: no position, so no lock."""

    remote = False

    def __init__(self, source: Source) -> None:
        self._source = source
        try:
            self._fd = os.open(
                source.uri, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
            )
        except FileNotFoundError as error:
            raise SourceNotFoundError(f"there is no file {source.uri!r} any more") from error
        except OSError as error:
            raise SourceError(f"cannot open {source.uri!r}: {error.strerror}") from error
        if not self.is_same():
            os.close(self._fd)
            raise SourceChangedError(
                f"{source.uri!r} changed since it was opened: call open_image on it again"
            )

    def is_same(self) -> bool:
        status = os.fstat(self._fd)
        found = (status.st_size, str(status.st_mtime_ns))
        return self._source.fingerprint is None or found == (
            self._source.size,
            self._source.fingerprint,
        )

    def read(self, offset: int, nbytes: int) -> bytes:
        check_inside(self._source, offset, nbytes)
        data = b""
        while len(data) < nbytes:
            try:
                more = os.pread(self._fd, nbytes - len(data), offset + len(data))
            except OSError as error:
                raise _unreadable(self._source, offset, error) from error
            if not more:
                raise _cut_off(self._source, offset + len(data))
            data = data + more if data else more
        return data

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        pending = [buffer for buffer in buffers if buffer.nbytes]
        check_inside(self._source, offset, sum(buffer.nbytes for buffer in pending))
        while pending:
            group = pending[:_IOV_MAX]
            try:
                done = os.preadv(self._fd, group, offset)
            except OSError as error:
                raise _unreadable(self._source, offset, error) from error
            if done == 0:
                raise _cut_off(self._source, offset)
            offset += done
            while pending and done >= pending[0].nbytes:
                done -= pending.pop(0).nbytes
            if done:
                pending[0] = pending[0].cast("B")[done:]

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        return [self.read(offset, nbytes) for offset, nbytes in spans]

    def close(self) -> None:
        os.close(self._fd)


class _SeekingReader:
    """One file object and a lock, where the system has no positional reads."""

    remote = False

    def __init__(self, source: Source, file: BinaryIO) -> None:
        self._source, self._file, self._lock = source, file, threading.Lock()

    def read(self, offset: int, nbytes: int) -> bytes:
        check_inside(self._source, offset, nbytes)
        with self._lock:
            try:
                self._file.seek(offset)
                data = self._file.read(nbytes)
            except OSError as error:
                raise _unreadable(self._source, offset, error) from error
        if len(data) < nbytes:
            raise _cut_off(self._source, offset + len(data))
        return data

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        for buffer in buffers:
            buffer.cast("B")[:] = self.read(offset, buffer.nbytes)
            offset += buffer.nbytes

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        return [self.read(offset, nbytes) for offset, nbytes in spans]

    def is_same(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()


class _BytesReader:
    """Slices of bytes that the caller handed over."""

    remote = False

    def __init__(self, source: Source) -> None:
        self._source, self._content = source, source.content or b""

    def read(self, offset: int, nbytes: int) -> bytes:
        check_inside(self._source, offset, nbytes)
        return self._content[offset : offset + nbytes]

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        for buffer in buffers:
            buffer.cast("B")[:] = self.read(offset, buffer.nbytes)
            offset += buffer.nbytes

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        return [self.read(offset, nbytes) for offset, nbytes in spans]

    def is_same(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open."""


def _unreadable(source: Source, offset: int, error: OSError) -> SourceError:
    return SourceError(f"cannot read {source.uri!r} at byte {offset}: {error.strerror or error}")


def _cut_off(source: Source, offset: int) -> SourceChangedError:
    return SourceChangedError(
        f"{source.uri!r} ends at byte {offset}, it had {source.size} when it was opened: call open_image on it again"
    )


def _open_reader(source: Source) -> Reader:
    if source.content is not None:
        return _BytesReader(source)
    if not source.local:
        return RemoteReader(source)
    if hasattr(os, "preadv"):
        return _LocalReader(source)
    return _SeekingReader(source, _opened(source))


def open_binary(source: Source) -> BinaryFile:
    """Open a seekable binary file for a library that wants one; the caller closes it."""
    if source.content is not None:
        return io.BytesIO(source.content)
    if not source.local:
        return io.BufferedReader(RemoteFile(source), 1 << 16)
    return _opened(source)


def _opened(source: Source) -> BinaryIO:
    try:
        return open(source.uri, "rb")
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"there is no file {source.uri!r} any more") from error
    except OSError as error:
        raise SourceError(f"cannot open {source.uri!r}: {error.strerror}") from error


def read_head(source: Source, nbytes: int) -> bytes:
    """Return the first bytes of a source, fewer where it is shorter."""
    wanted = nbytes if source.size is None else min(nbytes, source.size)
    with lend(source) as reader:
        return reader.read(0, wanted) if wanted else b""


# ---------------------------------------------------------------- lending


def lend(source: Source) -> contextlib.AbstractContextManager[Reader]:
    """Lend a reader for ``source``.

    Raises
    ------
    SourceNotFoundError, SourceChangedError, SourceError
    """
    return borrow(("reader", source), functools.partial(_open_reader, source))


class _Turns:
    """See ``lend_in_turn``."""

    def __init__(self) -> None:
        self._loan: contextlib.AbstractContextManager[Reader] | None = None
        self._held: tuple[Source, Reader] | None = None

    def __enter__(self) -> Callable[[Source], Reader]:
        return self._reader_of

    def __exit__(self, *_: object) -> None:
        loan, self._loan, self._held = self._loan, None, None
        if loan is not None:
            loan.__exit__(None, None, None)

    def _reader_of(self, source: Source) -> Reader:
        if self._held is None or self._held[0] is not source:
            self.__exit__()
            loan = lend(source)
            self._held = source, loan.__enter__()
            self._loan = loan
        return self._held[1]


def lend_in_turn() -> contextlib.AbstractContextManager[Callable[[Source], Reader]]:
    """Lend one thread a reader at a time: each is given back when that of another source is asked for."""
    return _Turns()
