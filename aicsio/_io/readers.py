"""Positional reads from local files, remote files and buffers. Open readers are kept by ``pool``.

Rule kept here: a read returns exactly the requested bytes of the file that was opened, or raises
one of our errors.
"""

import contextlib
import functools
import io
import os
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from aicsio._io.local_files import LocalReader, SeekingReader, WatchedFile, open_local
from aicsio._io.pool import LINGER_SECONDS, Loanable, borrow, open_count, session, take
from aicsio._io.ranges import Buffer, Span, changed_error, check_inside, coalesce
from aicsio._io.sources import (
    check_held,
    file_below,
    find_at_once,
    folder_error,
    identify,
    neighbours,
    sibling,
)
from aicsio.errors import AicsioError
from aicsio.records import Source

__all__ = [
    "LINGER_SECONDS",
    "BinaryFile",
    "Buffer",
    "Loanable",
    "Reader",
    "Span",
    "borrow",
    "check_held",
    "coalesce",
    "file_below",
    "find_at_once",
    "identify",
    "lend",
    "neighbours",
    "one_reader_at_a_time",
    "open_binary",
    "open_count",
    "read_head",
    "read_once",
    "serves_many",
    "session",
    "sibling",
    "take",
]


@runtime_checkable
class Reader(Protocol):
    """Positional reads from one source; safe to share between threads."""

    remote: bool

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return exactly ``nbytes`` bytes.

        Raises
        ------
        CorruptFileError
            When the range ends behind the end of the file.
        """

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill the buffers, one after the other, from consecutive bytes."""

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        """Return the bytes of many spans; remote ones that lie near each other share a request."""

    def is_same(self) -> bool:
        """Whether the file is unchanged, as far as that can be checked without a request."""

    def close(self) -> None:
        """Return the file to the operating system."""


@runtime_checkable
class BinaryFile(Protocol):
    """The methods of an open file that libraries call; ``typing.BinaryIO`` also requires a name,
    which buffers lack.
    """

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position."""

    def tell(self) -> int:
        """Return the position."""

    def close(self) -> None:
        """Close the file."""


class _BytesReader:
    """Slices of bytes that the caller handed over. Not a record: it lives for one read."""

    remote = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self._content = source.content or b""

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


def _open_reader(source: Source) -> Reader:
    if source.folder:
        raise folder_error(source.uri)
    if source.content is not None:
        return _BytesReader(source)
    if not source.local:
        # Imported here, as below: six modules that local files do not need.
        from aicsio._io.remote import RemoteReader

        return RemoteReader(source)
    if hasattr(os, "preadv"):
        return LocalReader(source)
    return SeekingReader(source, open_local(source))


def serves_many(source: Source) -> bool:
    """Whether several requests at once are faster, of a remote source."""
    from aicsio._io import remote

    return remote.serves_many(source)


def open_binary(source: Source) -> BinaryFile:
    """Open a seekable binary file for a library that needs one; the caller closes it.

    Parameters
    ----------
    source
        Where the bytes are.

    Returns
    -------
    BinaryFile
        At its first byte, buffered; a remote one reads ranges as they are needed.

    Raises
    ------
    SourceNotFoundError
        When it was deleted after it was opened as an image.
    SourceError
        When the system or the server refuses.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio.formats import open_binary
    >>> with open_binary(Source("memory:made", size=4, content=b"abcd", local=False)) as file:
    ...     file.read(2)
    b'ab'
    """
    if source.content is not None:
        return io.BytesIO(source.content)
    if not source.local:
        from aicsio._io.remote_file import RemoteFile

        return io.BufferedReader(RemoteFile(source), 1 << 16)
    return io.BufferedReader(WatchedFile(source))


def read_head(source: Source, nbytes: int) -> bytes:
    """Return the first bytes of a source.

    Parameters
    ----------
    source
        Where the bytes are.
    nbytes
        How many are wanted.

    Returns
    -------
    bytes
        ``nbytes`` of them, fewer if the source is shorter; none of a folder.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio.formats import read_head
    >>> read_head(Source("memory:made", size=4, content=b"abcd", local=False), 8)
    b'abcd'
    """
    if source.folder:
        return b""
    count = nbytes if source.size is None else min(nbytes, source.size)
    with lend(source) as reader:
        return reader.read(0, count) if count else b""


def read_once(source: Source) -> bytes:
    """Return all bytes of a source that is read once: a local file is not kept open for others.

    Parameters
    ----------
    source
        Where the bytes are.

    Raises
    ------
    SourceNotFoundError
        When the file was deleted.
    SourceChangedError
        When it is not the file that was identified.
    SourceError
        When the system or the server refuses.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio._io.readers import read_once
    >>> read_once(Source("memory:made", size=4, content=b"abcd", local=False))
    b'abcd'
    """
    if not source.local or source.size is None:
        return read_head(source, source.size or 0)
    # 15 us less than from the pool, half of what a small file takes.
    reader = _open_reader(source)
    try:
        data = reader.read(0, source.size)
        if not reader.is_same():
            raise changed_error(source)
    finally:
        reader.close()
    return data


# ---------------------------------------------------------------- lending


class _ReaderLoan:
    """A reader lent for a ``with`` block. Not a record: it lives for one read."""

    __slots__ = ("_loanable", "_source")

    _loanable: Loanable

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> Reader:
        source = self._source
        self._loanable = take(("reader", source), functools.partial(_open_reader, source))
        reader: Reader = self._loanable.resource
        return reader

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            # Bytes of a file that was overwritten during the block may belong to either version:
            # the pixels are worthless, and an error of the decoder would call the new file corrupt.
            # One fstat takes 0.6 us.
            is_usable = error is None or isinstance(error, AicsioError)
            if is_usable and not self._loanable.resource.is_same():
                raise changed_error(self._source) from error
        finally:
            self._loanable.give_back()


def lend(source: Source) -> contextlib.AbstractContextManager[Reader]:
    """Lend a reader for ``source`` for the length of a ``with`` block.

    Parameters
    ----------
    source
        Where the bytes are.

    Returns
    -------
    context manager of Reader
        Its ``read(offset, nbytes)`` returns exactly these bytes, or raises.

    Raises
    ------
    SourceNotFoundError
        When the file was deleted.
    SourceChangedError
        When it is not the file that was opened, or when it was overwritten during the block.
    SourceError
        When the system or the server refuses.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio.formats import lend
    >>> with lend(Source("memory:made", size=4, content=b"abcd", local=False)) as reader:
    ...     bytes(reader.read(1, 2))
    b'bc'
    """
    return _ReaderLoan(source)


class _ReaderSwitch:
    """The reader that one thread holds. Not a record: it lives for one read."""

    __slots__ = ("_loan", "_reader", "_source")

    def __init__(self) -> None:
        self._loan: contextlib.AbstractContextManager[Reader] | None = None
        self._source: Source | None = None
        self._reader: Reader | None = None

    def __enter__(self) -> Callable[[Source], Reader]:
        return self._reader_of

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        loan, self._loan = self._loan, None
        self._source = self._reader = None
        if loan is not None:
            loan.__exit__(None, error, None)

    def _reader_of(self, source: Source) -> Reader:
        if self._reader is None or self._source is not source:
            self.__exit__(None, None, None)
            loan = lend(source)
            self._reader = loan.__enter__()
            self._source = source
            self._loan = loan
        return self._reader


def one_reader_at_a_time() -> contextlib.AbstractContextManager[Callable[[Source], Reader]]:
    """Lend a thread one reader at a time; a request for another source returns the first reader to
    the pool.
    """
    return _ReaderSwitch()
