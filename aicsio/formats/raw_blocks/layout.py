"""One block of pixels, raw or compressed as a whole -> pieces.

Rule kept here: a raw window is one piece of strides; a compressed block is decoded whole.
"""

from collections.abc import Iterator
from typing import Final

import attrs

from aicsio.records import Codec, DType, Encoded, Piece, Selection, Source, Strided
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

BLOCK_BYTES: Final = 1 << 24
"""Raw planes are cut into blocks of rows of about this size: 16 MiB read in 3 ms here."""


@printed_short
@pickled_by_position
@attrs.frozen
class RawBlockLayout:
    """Pixels of a file."""

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of the block."""
    nbytes: int
    """Bytes of the block as stored."""
    shape: tuple[int, ...]
    """Stored shape, slowest axis first."""
    dtype: DType
    """Stored type, with its byte order."""
    codecs: tuple[Codec, ...]
    """Of the whole block; none for raw pixels."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """The last axes as far as they fit into a block; all of a compressed one."""
        if self.codecs:
            return self.shape
        # From the fastest axis on: whole axes, then part of one, then single positions.
        room = max(BLOCK_BYTES // self.dtype.itemsize, 1)
        sizes: list[int] = []
        for size in reversed(self.shape):
            sizes.insert(0, max(min(size, room), 1))
            room = room // size if sizes[0] == size else 1
        return tuple(sizes)

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        yield self.cut(*window_in_array(block, self.block_shape, window))

    def cut(self, starts: tuple[int, ...], counts: tuple[int, ...]) -> Piece:
        """Return the piece of a window by its first positions and sizes in the array."""
        selection = Selection(starts, counts, (0,) * len(counts))
        if self.codecs:
            return Encoded(
                self.source,
                self.offset,
                self.nbytes,
                self.codecs,
                self.shape,
                self.dtype,
                selection,
            )
        strides = [self.dtype.itemsize]
        # Strides in C order: the sizes of all axes but the first, from the fastest on.
        for size in self.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        return Strided(self.source, self.offset, self.shape, tuple(strides), self.dtype, selection)
