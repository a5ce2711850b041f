"""Tiles of one level -> pieces.

Rule kept here: a tile that no frame shows yields no piece, so that its pixels are zero.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np

from aicsio.records import Codec, DType, Encoded, Piece, PlanePlaces, Selection, Source, Strided
from aicsio.records.lazy import cut_at_chunks, window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

BLOCK_BYTES: Final = 1 << 20
"""Pixels of a block, some tiles side by side: threads share a level, and a tile of 256 x 256 pixels
in colour takes 0.7 ms to decode."""


@printed_short
@pickled_by_position
@attrs.frozen
class DicomLayout:
    """Tiles of a level, in one file or several."""

    sources: tuple[Source, ...]
    """The files."""
    lead: tuple[int, ...]
    """Sizes of the axes of optical paths and focal planes, as far as there are any."""
    matrix: tuple[int, int]
    """Rows and columns of the level."""
    tile: tuple[int, int]
    """Rows and columns of a tile; those at the edges reach beyond."""
    samples: int
    """Samples of a pixel; 1 where there is no axis of them."""
    dtype: DType
    """Stored type."""
    codecs: tuple[Codec, ...]
    """From the bytes of a frame to its pixels; none for raw ones."""
    planar: bool
    """Whether raw samples lie in planes."""
    frame_of: PackedIntegers
    """One a tile, in C order of path, plane, row and column: number of its frame, -1 if missing."""
    files: PackedIntegers
    """One a frame: number of its file."""
    offsets: PackedIntegers
    """One a frame: where it begins."""
    nbytes: PackedIntegers
    """One a frame: its bytes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Stored shape."""
        return (*self.lead, *self.matrix, *self._last(self.samples))

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Some tiles of one plane, side by side."""
        rows, columns = self.tile
        tile_nbytes = rows * columns * self.samples * self.dtype.itemsize
        across = max(1, BLOCK_BYTES // tile_nbytes)
        return (*(1,) * len(self.lead), rows, columns * across, *self._last(self.samples))

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        lead = len(self.lead)
        rows, columns = self.tile
        # For each tile: its index, the first pixel in it, how many, and their place in the window.
        down = cut_at_chunks(starts[lead], starts[lead] + counts[lead], rows)
        across = cut_at_chunks(starts[lead + 1], starts[lead + 1] + counts[lead + 1], columns)
        grid_rows, grid_columns = (
            -(-size // n) for size, n in zip(self.matrix, self.tile, strict=True)
        )
        samples = (starts[-1], counts[-1]) if self.samples > 1 else (0, 1)
        shape = (*(1,) * lead, rows, columns, *self._last(self.samples))
        # `ndindex()` of no axes yields one empty tuple: a level with one path and one plane.
        for inside in np.ndindex(*counts[:lead]):
            plane = 0
            # `starts` goes on with rows and columns: the shortest of the three ends the loop.
            for size, start, index in zip(self.lead, starts, inside, strict=False):
                plane = plane * size + start + index
            for (row, y, height, to_y), (column, x, width, to_x) in itertools.product(down, across):
                frame = self.frame_of.at((plane * grid_rows + row) * grid_columns + column)
                if frame < 0:
                    continue
                selection = Selection(
                    (*(0,) * lead, y, x, *self._last(samples[0])),
                    (*(1,) * lead, height, width, *self._last(samples[1])),
                    (*inside, to_y, to_x, *self._last(0)),
                )
                yield self._piece(frame, shape, selection)

    def _piece(self, frame: int, shape: tuple[int, ...], selection: Selection) -> Piece:
        source = self.sources[self.files.at(frame)]
        offset, nbytes = self.offsets.at(frame), self.nbytes.at(frame)
        if self.codecs:
            return Encoded(source, offset, nbytes, self.codecs, shape, self.dtype, selection)
        size, (rows, columns) = self.dtype.itemsize, self.tile
        # PS3.3, C.7.6.3.1.3: samples lie pixel by pixel, or one whole plane behind the other.
        pixel = size if self.planar else size * self.samples
        sample = size * rows * columns if self.planar else size
        strides = (*(0,) * len(self.lead), columns * pixel, pixel, *self._last(sample))
        return Strided(source, offset, shape, strides, self.dtype, selection)

    def locate_planes(self) -> PlanePlaces:
        """Return where the first tile of each plane begins."""
        rows, columns = (-(-size // n) for size, n in zip(self.matrix, self.tile, strict=True))
        frames = self.frame_of.take(np.arange(math.prod(self.lead)) * rows * columns)
        # -1 would index from the end: missing frames take the row of frame 0 and are masked.
        held, shown = frames >= 0, np.maximum(frames, 0)
        files = np.where(held, self.files.take(shown), -1)
        offsets = np.where(held, self.offsets.take(shown), -1)
        uris = tuple(source.uri for source in self.sources)
        return PlanePlaces(uris, files.astype("<i4").tobytes(), offsets.astype("<i8").tobytes())

    def _last(self, value: int) -> tuple[int, ...]:
        """Return the number of the axis of samples, if there is one."""
        return (value,) if self.samples > 1 else ()
