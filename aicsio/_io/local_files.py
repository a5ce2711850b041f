"""Local files: one descriptor a file, opened without waiting, checked for changes.

Rule kept here: only a regular file is opened, and a read ends with the bytes of the version that
was indexed, or raises one of our errors.

Source of the facts: POSIX ``open`` (a named pipe waits for a writer unless O_NONBLOCK is set) and
``preadv``.
"""

import io
import os
import stat
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO

from aicsio._io import slow_copies
from aicsio._io.ranges import Buffer, Span, changed_error, check_inside
from aicsio.errors import SourceChangedError, SourceError, SourceNotFoundError
from aicsio.records import Source

# Buffers of one ``preadv``: POSIX allows 16 at least, Linux and macOS 1024 (IOV_MAX).
_MAX_BUFFERS = 512
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # Without it, opening a named pipe that took the place of the file waits for a writer. Regular
    # files ignore it.
    | getattr(os, "O_NONBLOCK", 0)
)


class LocalReader:
    """One file descriptor read with ``preadv``, which has no position and so needs no lock.

    Not a record: it lives while the file is open.
    """

    remote = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self._fd, status = open_descriptor(source.uri)
        if not _matches(source, status):
            os.close(self._fd)
            raise changed_error(source)

    def is_same(self) -> bool:
        """Whether the file is unchanged."""
        return _matches(self._source, os.fstat(self._fd))

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return exactly ``nbytes`` bytes."""
        check_inside(self._source, offset, nbytes)
        # Of a file of many pages half the time of opening is spent here: a call less counts.
        try:
            data = os.pread(self._fd, nbytes, offset)
        except OSError as error:
            raise _read_error(self._source, offset, error) from error
        # A read rarely comes in parts, so the usual one is not copied.
        return data if len(data) == nbytes else self._read_on(data, offset, nbytes)

    def _read_on(self, data: bytes, offset: int, nbytes: int) -> bytes:
        """Return the bytes of a read that came in parts; ``data`` is its first part."""
        whole = bytearray(nbytes)
        whole[: len(data)] = data
        self.read_into(offset + len(data), [memoryview(whole)[len(data) :]])
        return bytes(whole)

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill the buffers, one after the other, from consecutive bytes."""
        # The usual call: one buffer, filled at once. The rest of this function takes 3 us of its 5.
        if len(buffers) == 1:
            nbytes = buffers[0].nbytes
            check_inside(self._source, offset, nbytes)
            if not nbytes or self._read_vector(buffers, offset) == nbytes:
                return
        pending = [buffer for buffer in buffers if buffer.nbytes]
        check_inside(self._source, offset, sum(buffer.nbytes for buffer in pending))
        while pending:
            count = self._read_vector(pending[:_MAX_BUFFERS], offset)
            if count == 0:
                raise _truncated_error(self._source, offset)
            offset += count
            while pending and count >= pending[0].nbytes:
                count -= pending.pop(0).nbytes
            if count:
                # The read ended inside of this buffer: the rest of it is filled next.
                pending[0] = pending[0].cast("B")[count:]

    def _read_vector(self, buffers: Sequence[memoryview], offset: int) -> int:
        try:
            if len(buffers) == 1:
                return slow_copies.read_at(self._fd, buffers[0], offset)
            return os.preadv(self._fd, buffers, offset)
        except OSError as error:
            raise _read_error(self._source, offset, error) from error

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        """Return the bytes of many spans."""
        parts: list[Buffer] = []
        # As ``read``, with a call less for each: a TIFF of tiles has two tables to read a page.
        source, fd, pread = self._source, self._fd, os.pread
        for offset, nbytes in spans:
            check_inside(source, offset, nbytes)
            try:
                data = pread(fd, nbytes, offset)
            except OSError as error:
                raise _read_error(source, offset, error) from error
            parts.append(data if len(data) == nbytes else self._read_on(data, offset, nbytes))
        return parts

    def close(self) -> None:
        """Return the file to the operating system."""
        os.close(self._fd)


class SeekingReader:
    """One file object and a lock, for systems without ``preadv``. Not a record: it lives while the
    file is open.
    """

    remote = False

    def __init__(self, source: Source, file: BinaryIO) -> None:
        self._source = source
        self._file = file
        self._lock = threading.Lock()

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return exactly ``nbytes`` bytes."""
        check_inside(self._source, offset, nbytes)
        with self._lock:
            try:
                self._file.seek(offset)
                data = self._file.read(nbytes)
            except OSError as error:
                raise _read_error(self._source, offset, error) from error
        if len(data) < nbytes:
            raise _truncated_error(self._source, offset + len(data))
        return data

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill the buffers, one after the other, from consecutive bytes."""
        for buffer in buffers:
            buffer.cast("B")[:] = self.read(offset, buffer.nbytes)
            offset += buffer.nbytes

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        """Return the bytes of many spans."""
        return [self.read(offset, nbytes) for offset, nbytes in spans]

    def is_same(self) -> bool:
        """Whether the file is unchanged."""
        return _matches(self._source, os.fstat(self._file.fileno()))

    def close(self) -> None:
        """Return the file to the operating system."""
        self._file.close()


def _matches(source: Source, status: os.stat_result) -> bool:
    """Whether an open file has the size and time of change of the source."""
    if source.fingerprint is None:
        return True
    return (status.st_size, str(status.st_mtime_ns)) == (source.size, source.fingerprint)


def _read_error(source: Source, offset: int, error: OSError) -> SourceError:
    return SourceError(f"cannot read {source.uri!r} at byte {offset}: {error.strerror or error}")


def _truncated_error(source: Source, offset: int) -> SourceChangedError:
    return SourceChangedError(
        f"{source.uri!r} ends at byte {offset}, it had {source.size} when it was opened: "
        "call open_image on it again"
    )


def open_descriptor(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file; return its descriptor and status.

    Raises
    ------
    SourceNotFoundError
        When it was deleted after it was opened as an image.
    SourceError
        When the system refuses, or a folder, pipe or device has taken its place.
    """
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"there is no file {path!r} any more") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"cannot open {path!r}: {reason}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SourceError(f"{path!r} is no regular file any more")
    return descriptor, status


class WatchedFile(io.FileIO):
    """A file for a library, which raises once the file is overwritten. Not a record: it is open."""

    def __init__(self, source: Source) -> None:
        # Through an opener the file keeps its path as ``name``, by which libraries guess formats.
        super().__init__(source.uri, "rb", opener=lambda path, _: open_descriptor(path)[0])
        self._source = source

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the file goes."""
        count = super().readinto(buffer)
        self._check()
        return count or 0

    def readall(self) -> bytes:
        """Return the rest of the file."""
        data = super().readall()
        self._check()
        return data or b""

    def _check(self) -> None:
        if not _matches(self._source, os.fstat(self.fileno())):
            raise changed_error(self._source)


def open_local(source: Source) -> BinaryIO:
    """Open a regular file as a file object."""
    return open(source.uri, "rb", opener=lambda path, _: open_descriptor(path)[0])
