"""Layouts of LIF: raw pixels by the strides that the file states, and tiles of a mosaic on one canvas.

Rule kept here: nothing is assumed of the order of axes; each has its own distance in bytes, each channel an offset.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import attrs
import numpy as np

from aicsio.records import Computed, DType, Piece, Selection, Source, Strided


@attrs.frozen
class Memory:
    """Pixels of one memory block."""

    source: Source
    """Where the bytes are."""
    shape: tuple[int, ...]
    """Stored shape."""
    strides: tuple[int, ...]
    """Bytes from one position to the next; on the axes of channels and samples only where ``even``."""
    block_shape: tuple[int, ...]
    """Size of a block along each stored axis."""
    channel: int
    """Axis of channels, or -1."""
    sample: int
    """Axis of samples, or -1."""
    even: bool
    """Whether channels and samples lie at even distances and are of one type."""
    offsets: tuple[int, ...]
    """Byte offset of the first pixel of each channel and sample, samples fastest."""
    dtypes: tuple[DType, ...]
    """Stored type of each channel."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts = tuple(
            b * n + part.start for b, n, part in zip(block, self.block_shape, window, strict=True)
        )
        yield from self.cut(starts, tuple(part.stop - part.start for part in window))

    def cut(self, starts: tuple[int, ...], extent: tuple[int, ...]) -> Iterator[Strided]:
        """Pieces for any part of the stored array."""
        origin = (0,) * len(extent)
        if self.even:
            yield Strided(
                self.source,
                self.offsets[0],
                self.shape,
                self.strides,
                self.dtypes[0],
                Selection(starts, extent, origin),
            )
            return
        samples = self.shape[self.sample] if self.sample >= 0 else 1
        for c in range(extent[self.channel]) if self.channel >= 0 else (0,):
            for s in range(extent[self.sample]) if self.sample >= 0 else (0,):
                one = {self.channel: c, self.sample: s}
                at = tuple(one.get(axis, 0) for axis in range(len(extent)))
                first = tuple(0 if axis in one else start for axis, start in enumerate(starts))
                size = tuple(1 if axis in one else n for axis, n in enumerate(extent))
                shape = tuple(1 if axis in one else n for axis, n in enumerate(self.shape))
                number = c + (starts[self.channel] if self.channel >= 0 else 0)
                offset = self.offsets[
                    number * samples + s + (starts[self.sample] if self.sample >= 0 else 0)
                ]
                yield Strided(
                    self.source,
                    offset,
                    shape,
                    self.strides,
                    self.dtypes[number],
                    Selection(first, size, at),
                )


@runtime_checkable
class Whole(Protocol):
    """A layout that can cut any part of its stored array, over the edges of blocks."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Stored shape."""

    def cut(
        self, starts: tuple[int, ...], extent: tuple[int, ...], /
    ) -> Iterator[Strided] | Iterator[Computed]:
        """Pieces for a part of the stored array."""


@attrs.frozen
class Stitched:
    """Tiles of another layout, placed on one canvas; a later tile covers an earlier one."""

    inner: Whole
    """Layout with the axis of tiles."""
    axes: tuple[int, int, int]
    """Axes of tiles, rows and columns in ``inner``."""
    shape: tuple[int, ...]
    """Shape of the canvas: that of ``inner`` without the axis of tiles."""
    block_shape: tuple[int, ...]
    """Size of a block along each axis of the canvas."""
    y: bytes
    """int32, one a tile: first row on the canvas."""
    x: bytes
    """int32, one a tile: first column on the canvas."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces of the tiles that the window touches; see ``Layout``."""
        tiles, rows, columns = self.axes
        starts = [
            b * n + part.start for b, n, part in zip(block, self.block_shape, window, strict=True)
        ]
        extent = [part.stop - part.start for part in window]
        row, column = rows - (rows > tiles), columns - (columns > tiles)
        height, width = self.inner.shape[rows], self.inner.shape[columns]
        top, left = (
            np.frombuffer(self.y, "<i4").astype(int),
            np.frombuffer(self.x, "<i4").astype(int),
        )
        low_y, low_x = np.maximum(top, starts[row]), np.maximum(left, starts[column])
        high_y = np.minimum(top + height, starts[row] + extent[row])
        high_x = np.minimum(left + width, starts[column] + extent[column])
        for m in np.flatnonzero((low_y < high_y) & (low_x < high_x)).tolist():
            first, size, at = list(starts), list(extent), [0] * len(extent)
            for axis, low, high, corner in (
                (row, low_y, high_y, top),
                (column, low_x, high_x, left),
            ):
                first[axis] = int(low[m] - corner[m])
                size[axis] = int(high[m] - low[m])
                at[axis] = int(low[m]) - starts[axis]
            first.insert(tiles, m)
            size.insert(tiles, 1)
            for piece in self.inner.cut(tuple(first), tuple(size)):
                yield self._without_tiles(piece, at)

    def _without_tiles(self, piece: Strided | Computed, at: list[int]) -> Strided | Computed:
        tiles = self.axes[0]

        def drop(values: tuple[int, ...]) -> tuple[int, ...]:
            return (*values[:tiles], *values[tiles + 1 :])

        place = tuple(a + b for a, b in zip(drop(piece.selection.target_start), at, strict=True))
        shape, crop, extent = (
            drop(piece.shape),
            drop(piece.selection.source_start),
            drop(piece.selection.shape),
        )
        if isinstance(piece, Computed):
            return Computed(
                piece.function, piece.arguments, shape, piece.dtype, Selection(crop, extent, place)
            )
        offset = piece.offset + piece.selection.source_start[tiles] * piece.strides[tiles]
        return Strided(
            piece.source,
            offset,
            shape,
            drop(piece.strides),
            piece.dtype,
            Selection(crop, extent, place),
        )
