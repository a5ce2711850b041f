"""Sections, one behind the other -> pieces.

Rule kept here: the pixels of a file lie in one run of bytes, so that a window is one piece. Packed pixels
are unpacked by whole rows.
"""

from collections.abc import Iterator

import attrs

from aicsio.records import Codec, DType, Encoded, Piece, Selection, Source, Strided
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
    """Stored type, with its byte order; of packed pixels the type that holds them."""
    packed_bits: int = 0
    """Bits of a packed pixel: 32 are a complex number of two int16, 4 half a byte; 0 for raw pixels."""
    order: str = "<"
    """Byte order of packed pixels."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        if self.packed_bits:
            yield self._unpack(starts, counts)
            return
        strides = [self.dtype.itemsize]
        # C order: the stride of an axis is that of the next one times its size.
        for size in self.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        selection = Selection(starts, counts, (0,) * len(counts))
        yield Strided(self.source, self.offset, self.shape, tuple(strides), self.dtype, selection)

    def _unpack(self, starts: tuple[int, ...], counts: tuple[int, ...]) -> Encoded:
        """Return the rows of a window, which lies in one section."""
        columns = self.shape[-1]
        row_nbytes = -(-columns * self.packed_bits // 8)
        # The number of the first row, of all rows of the file.
        first = 0
        for start, size in zip(starts[:-1], self.shape[:-1], strict=True):
            first = first * size + start
        codecs: tuple[Codec, ...] = (Codec("complex-int", (("order", self.order), ("size", 2))),)
        if self.packed_bits == 4:
            unpacking = Codec("packints", (("bits", 4), ("run", columns)))
            codecs = (Codec("swap-nibbles"), unpacking)
        lead = (0,) * (len(starts) - 1)
        return Encoded(
            self.source,
            self.offset + first * row_nbytes,
            counts[-2] * row_nbytes,
            codecs,
            (*counts[:-1], columns),
            self.dtype,
            Selection((*lead, starts[-1]), counts, (*lead, 0)),
        )
