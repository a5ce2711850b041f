"""Frames of an ND2 file -> pieces. A frame holds all channels of one time point and section.

Rule kept here: a frame that the file lacks yields no piece, so that its pixels are zero.

Source of the facts: as for ``chunks``. The data of a frame are the time of its capture, eight
bytes, and its rows; each pixel holds the samples of all channels one after the other, and those of
a colour image in the order blue, green, red.
"""

import itertools
from collections.abc import Iterator
from typing import Final

import attrs

from aicsio.records import Codec, DType, Encoded, HeaderRef, Piece, Selection, Source, Strided
from aicsio.records.comparing import compared_by_fields
from aicsio.records.lazy import window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

HEADER: Final = "nd2-frame"
"""Name of the header of a frame in the table of headers."""


@printed_short
@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Nd2Layout:
    """Pixels of one scene."""

    source: Source
    """Where the bytes are."""
    shape: tuple[int, ...]
    """Stored shape: axes of frames, then channels, rows, columns, and samples if there are any."""
    block_shape: tuple[int, ...]
    """One frame, or some of its rows."""
    frame_ndim: int
    """Number of leading axes that count frames."""
    offsets: PackedIntegers
    """One a frame: byte offset of its chunk; -1 where the file lacks it."""
    spans: PackedIntegers
    """One a frame: bytes from there to the end of its pixels or beyond."""
    strides: tuple[int, ...]
    """Bytes from one position to the next within a frame, for the axes behind those of frames."""
    first: int
    """Byte of the first sample: that of red lies behind green and blue."""
    dtype: DType
    """Stored type."""
    compressed: bool = False
    """Whether each frame is one zlib stream."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        lead = self.frame_ndim
        shape = (1,) * lead + self.shape[lead:]
        strides = (0,) * lead + self.strides
        for inside in itertools.product(*map(range, counts[:lead])):
            row = 0
            # In Python: ravel_multi_index takes 5 us of the 20 that a frame takes here.
            for start, step, size in zip(starts, inside, self.shape, strict=False):
                row = row * size + start + step
            offset = self.offsets.at(row)
            if offset < 0:
                continue
            selection = Selection(
                (0,) * lead + starts[lead:],
                (1,) * lead + counts[lead:],
                inside + (0,) * (len(counts) - lead),
            )
            # Pixels begin behind a name field of a length that the header of the chunk alone has.
            header = HeaderRef(HEADER, offset, self.spans.at(row))
            if self.compressed:
                chain = (
                    Codec("inflate"),
                    Codec("strided", (("offset", self.first), ("strides", strides))),
                )
                yield Encoded(self.source, 0, 0, chain, shape, self.dtype, selection, header=header)
            else:
                yield Strided(
                    self.source, self.first, shape, strides, self.dtype, selection, header=header
                )
