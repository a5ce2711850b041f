"""``Index.dat``: which bytes of which data file hold each image and each further record.

Rule kept here: a pointer is followed only inside of the file, and no page of a list twice.

Source of the facts: see ``aicsio.formats.mirax``. All integers are little-endian, of 32 bits, and not
aligned. Behind the version and the identity of the slide stand the places of two tables of
pointers, of levels and of other records. A pointer leads to a list of pages; a page is the number of
its items, the place of the next page (0 for the last), and the items. The first page has none.
"""

import struct
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.records import Source

VERSION: Final = 5
"""Length of the version, such as ``01.02``."""
LARGEST_INDEX: Final = 1 << 28
"""Bytes of an index; an item has 16, and slides have up to a million."""
MOST_PAGES: Final = 1 << 18
IMAGE_WORDS: Final = 4
"""Index of the first cell of the image in the grid, offset, length, number of the data file."""
RECORD_WORDS: Final = 5
"""Two numbers that are 0 in most files, offset, length, number of the data file."""
PAIR: Final = struct.Struct("<ii")

Table = npt.NDArray[Any]


@attrs.frozen(eq=False)
class SlideIndex:
    """An index. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    data: bytes
    """Its content."""
    levels_at: int
    """Place of the table of pointers of levels."""
    records_at: int
    """Place of the table of pointers of other records."""

    def images(self, level: int) -> Table:
        """Return the items of a level: int32, one row an image."""
        return self._items(self.levels_at, level, IMAGE_WORDS)

    def record(self, number: int) -> Table:
        """Return the items of another record: int32, offset, length and data file."""
        return self._items(self.records_at, number, RECORD_WORDS)[:, 2:]

    def _items(self, root: int, number: int, words: int) -> Table:
        # A table has one pointer of 32 bits for each level or record.
        pointer = self._pair(root + 4 * number, 4)[0]
        # `concatenate` needs an array even for a list without pages.
        pages = [np.empty((0, words), np.int32)]
        # A record without data has no list.
        seen: set[int] = set()
        while pointer:
            if pointer in seen or len(seen) > MOST_PAGES:
                raise self._damage(pointer, "the pages of a list lead back to one before")
            seen.add(pointer)
            count, following = self._pair(pointer, 8)
            start = pointer + 8
            if not 0 <= count <= (len(self.data) - start) // (4 * words):
                raise self._damage(pointer, f"a page with {count} items does not lie in the file")
            page = np.frombuffer(self.data, "<i4", count * words, start)
            pages.append(page.reshape(count, words))
            pointer = following
        return np.concatenate(pages)

    def _pair(self, at: int, nbytes: int) -> tuple[int, int]:
        """Return two numbers, or one."""
        if not 0 <= at <= len(self.data) - nbytes:
            raise self._damage(at, f"expected {nbytes} bytes, the file has {len(self.data)}")
        first, second = PAIR.unpack(self.data[at : at + nbytes].ljust(8, b"\0"))
        return int(first), int(second)

    def _damage(self, at: int, what: str) -> CorruptFileError:
        return CorruptFileError.at(self.source.uri, at, what)


def read_index(source: Source, identity: str) -> SlideIndex:
    """Read the index of a slide.

    Raises
    ------
    CorruptFileError
        When it is damaged, or belongs to another slide.
    """
    if (source.size or 0) > LARGEST_INDEX:
        raise CorruptFileError.at(source.uri, None, f"expected an index, found {source.size} bytes")
    data = readers.read_head(source, LARGEST_INDEX)
    # Behind the version stands SLIDE_ID of the settings: it ties the index to its slide.
    name = identity.encode()
    start = VERSION + len(name)
    if data[VERSION:start] != name or len(data) < start + 8:
        raise CorruptFileError.at(source.uri, VERSION, f"expected the index of slide {identity!r}")
    levels_at, records_at = PAIR.unpack_from(data, start)
    return SlideIndex(source, data, levels_at, records_at)
