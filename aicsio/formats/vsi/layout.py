"""Tiles of an ETS file -> pieces.

Rule kept here: a tile that the file lacks has the colour that the header states as the background, or
is zero: scanners store no tile where the slide is empty.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import (
    Codec,
    Computed,
    DType,
    Encoded,
    Piece,
    PlanePlaces,
    Selection,
    Source,
    Strided,
)
from aicsio.records.lazy import cut_at_chunks, window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

TILES_A_BLOCK: Final = 4
"""Tiles along a side of a block, where the image begins within a tile: blocks then cut tiles, and a
tile on their edge is decoded for each."""
FILL: Final = "aicsio.formats.vsi.layout:make_background"


@printed_short
@pickled_by_position
@attrs.frozen
class VsiLayout:
    """Pixels of one level of one ETS file."""

    source: Source
    """The file."""
    shape: tuple[int, ...]
    """Stored shape: dimensions, rows, columns, and samples if there are several."""
    lead: int
    """Number of axes in front of rows."""
    dtype: DType
    """Stored type."""
    tile: tuple[int, int]
    """Rows and columns of a tile."""
    grid: tuple[int, int]
    """Tiles along rows and columns."""
    corner: tuple[int, int]
    """Row and column of the image in the grid."""
    codec: str
    """Of a tile; empty if raw."""
    is_bgr: bool
    """Whether raw samples are blue, green, red."""
    background: bytes = attrs.field(repr=False)
    """One pixel of tiles that are not stored; empty for zero."""
    keys: bytes = attrs.field(repr=False)
    """Little-endian int64, growing: number of each stored tile, counted over planes, rows, columns."""
    offsets: PackedIntegers
    """One a stored tile: byte offset."""
    lengths: PackedIntegers
    """One a stored tile: its bytes."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """One tile; several where the image begins within one."""
        count = TILES_A_BLOCK if any(self.corner) else 1
        height, width = self.shape[self.lead : self.lead + 2]
        block = (min(self.tile[0] * count, height), min(self.tile[1] * count, width))
        return (*(1,) * self.lead, *block, *self.shape[self.lead + 2 :])

    def locate_planes(self) -> PlanePlaces | None:
        """Return where the first stored tile of each plane lies."""
        cells = math.prod(self.grid)
        planes = np.arange(math.prod(self.shape[: self.lead]))
        keys = np.frombuffer(self.keys, "<i8")
        # Keys grow: the first one at or behind the first cell of a plane is its first tile, if any.
        rows = np.minimum(keys.searchsorted(planes * cells), max(len(keys) - 1, 0))
        is_held = keys[rows] // cells == planes if len(keys) else np.zeros(len(planes), np.bool_)
        offsets = np.where(is_held, self.offsets.take(rows), -1)
        files = np.where(is_held, 0, -1)
        return PlanePlaces(
            (self.source.uri,), files.astype("<i4").tobytes(), offsets.astype("<i8").tobytes()
        )

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        lead = self.lead
        keys = np.frombuffer(self.keys, "<i8")
        # From pixels of the image to those of the grid, which begins `corner` before it.
        row, column = starts[lead] + self.corner[0], starts[lead + 1] + self.corner[1]
        down = cut_at_chunks(row, row + counts[lead], self.tile[0])
        across = cut_at_chunks(column, column + counts[lead + 1], self.tile[1])
        for inside in np.ndindex(*counts[:lead]):
            place = tuple(start + step for start, step in zip(starts, inside, strict=False))
            plane = int(np.ravel_multi_index(place, self.shape[:lead])) if lead else 0
            for tile_row, y, rows, target_y in down:
                for tile_column, x, columns, target_x in across:
                    number = (plane * self.grid[0] + tile_row) * self.grid[1] + tile_column
                    selection = Selection(
                        (*(0,) * lead, y, x, *starts[lead + 2 :]),
                        (*(1,) * lead, rows, columns, *counts[lead + 2 :]),
                        (*inside, target_y, target_x, *(0,) * len(counts[lead + 2 :])),
                    )
                    found = int(keys.searchsorted(number))
                    # Without a background no piece is made, and the pixels stay zero.
                    if found < len(keys) and keys[found] == number:
                        yield self._stored(found, selection)
                    elif self.background:
                        yield self._empty(selection)

    def _stored(self, index: int, selection: Selection) -> Piece:
        """Return the piece of a tile that the file holds."""
        lead, samples = self.lead, self.shape[self.lead + 2 :]
        shape = (*(1,) * lead, *self.tile, *samples)
        offset = self.offsets.at(index)
        if self.codec:
            parameters: tuple[tuple[str, Any], ...] = (("sampled", bool(samples)),)
            if self.codec == "jpeg":
                parameters = (*parameters, ("bits", 8 * self.dtype.itemsize))
            chain = (Codec(self.codec, parameters),)
            nbytes = self.lengths.at(index)
            return Encoded(self.source, offset, nbytes, chain, shape, self.dtype, selection)
        itemsize = self.dtype.itemsize
        pixel = itemsize * math.prod(samples)
        step = itemsize
        if self.is_bgr:
            # Red, the first sample of an image, is the last one of a pixel.
            offset, step = offset + 2 * itemsize, -itemsize
        strides = (*(0,) * lead, self.tile[1] * pixel, pixel, *(step for _ in samples))
        return Strided(self.source, offset, shape, strides, self.dtype, selection)

    def _empty(self, selection: Selection) -> Piece:
        """Return a piece of background."""
        # The background has all samples, whatever part of them is wanted.
        shape = (*selection.shape[: self.lead + 2], *self.shape[self.lead + 2 :])
        start = (*(0,) * (self.lead + 2), *selection.source_start[self.lead + 2 :])
        whole = attrs.evolve(selection, source_start=start)
        arguments = (shape, self.dtype.str, self.background)
        return Computed(FILL, arguments, shape, self.dtype, whole)


def make_background(shape: tuple[int, ...], dtype: str, pixel: bytes) -> npt.NDArray[Any]:
    """Return pixels of one colour.

    Parameters
    ----------
    shape
        Their shape; samples last, if a pixel has several.
    dtype
        Of a sample.
    pixel
        One pixel.
    """
    colour = np.frombuffer(pixel, dtype)
    # A view: one pixel in memory, whatever the shape.
    return np.broadcast_to(colour if len(colour) > 1 else colour[0], shape)
