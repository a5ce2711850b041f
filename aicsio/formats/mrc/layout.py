"""Raw sections, one behind the other -> pieces.

Rule kept here: the pixels of a file lie in one run of bytes, so that a window is one piece.
"""

from collections.abc import Iterator

import attrs

from aicsio.records import DType, Piece, Selection, Source, Strided
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short


@printed_short
@pickled_by_position
@attrs.frozen
class SectionLayout:
    """Pixels of a file."""

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of the first pixel."""
    shape: tuple[int, ...]
    """Stored shape, slowest axis first."""
    block_shape: tuple[int, ...]
    """One section, or some of its rows."""
    dtype: DType
    """Stored type, with its byte order."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        strides = [self.dtype.itemsize]
        # C order: the stride of an axis is that of the next one times its size.
        for size in self.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        selection = Selection(starts, counts, (0,) * len(counts))
        yield Strided(self.source, self.offset, self.shape, tuple(strides), self.dtype, selection)
