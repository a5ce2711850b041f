"""A remote source as a file object, for libraries that need one.

Rule kept here: a read of such a library goes through ``RemoteReader``, so it is checked and cached
like any other read.
"""

import contextlib
import io
from typing import Any

from aicsio._io import pool
from aicsio._io.remote import RemoteReader
from aicsio.errors import SourceError
from aicsio.records import Source


class RemoteFile(io.RawIOBase):
    """A remote source as a file object, for libraries that need one. Not a record: it lives while
    it is open.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        if source.size is None:
            raise SourceError(f"cannot read {source.uri!r}: the server does not report its size")
        self._closing = contextlib.ExitStack()
        self._reader = self._find_reader(source)
        self._size = source.size
        self._position = 0

    def _find_reader(self, source: Source) -> RemoteReader:
        """Share the reader of a file that is being opened, which has what formats looked at, or make one."""
        loan = pool.take(("reader", source), lambda: RemoteReader(source))
        reader: RemoteReader = loan.resource
        if reader.caches:
            self._closing.callback(loan.give_back)
            return reader
        loan.give_back()
        own = RemoteReader(source, head=b"")
        self._closing.callback(own.close)
        return own

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position."""
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        position = offset + origins[whence]
        if position < 0:
            raise ValueError(f"a file has no position {position}")
        self._position = position
        return position

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the file goes."""
        # Callers pass buffers of any item size; lengths below count bytes.
        into = memoryview(buffer).cast("B")
        count = max(0, min(into.nbytes, self._size - self._position))
        if count:
            into[:count] = self._reader.read(self._position, count)
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._closing.close()
        super().close()
