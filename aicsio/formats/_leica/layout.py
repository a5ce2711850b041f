"""Layouts of LIF: raw pixels by the strides of the file, and tiles of a mosaic on one canvas.

Rule kept here: nothing is assumed of the order of axes. Each axis has its own distance in bytes,
each channel its own offset.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import Computed, DType, Piece, PlanePlaces, Selection, Source, Strided
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short
from aicsio.records.protocols import LocatesPlanes, offered


@printed_short
@pickled_by_position
@attrs.frozen
class LifLayout:
    """Pixels of one memory block."""

    source: Source
    """Where the bytes are."""
    shape: tuple[int, ...]
    """Stored shape."""
    strides: tuple[int, ...]
    """Bytes from one position to the next; for channels and samples only where ``even``."""
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
        # Windows count from the start of their block; the memory is one array.
        starts, extent = window_in_array(block, self.block_shape, window)
        yield from self.cut(starts, extent)

    def locate_planes(self) -> PlanePlaces:
        """Return where the first pixel of each plane lies."""
        # Without samples, the last two axes are those of a plane.
        axes = [axis for axis in range(len(self.shape)) if axis != self.sample][:-2]
        sample_count = self._count(self.shape, self.sample)
        offsets = np.full((1,) * len(axes), self.offsets[0], np.int64)
        for place, axis in enumerate(axes):
            along = np.arange(self.shape[axis], dtype=np.int64) * self.strides[axis]
            if axis == self.channel and not self.even:
                along = np.array(self.offsets[::sample_count], np.int64) - self.offsets[0]
            # Broadcasting adds the distances along all axes: the sum has the shape of the planes.
            offsets = offsets + along.reshape([-1 if n == place else 1 for n in range(len(axes))])
        files = np.zeros(offsets.size, "<i4")
        return PlanePlaces((self.source.uri,), files.tobytes(), offsets.astype("<i8").tobytes())

    def cut(self, starts: tuple[int, ...], extent: tuple[int, ...]) -> Iterator[Strided]:
        """Pieces for any part of the stored array."""
        if not self.even:
            yield from self._cut_each_channel(starts, extent)
            return
        yield Strided(
            self.source,
            self.offsets[0],
            self.shape,
            self.strides,
            self.dtypes[0],
            Selection(starts, extent, (0,) * len(extent)),
        )

    def _cut_each_channel(
        self, starts: tuple[int, ...], extent: tuple[int, ...]
    ) -> Iterator[Strided]:
        """Pieces of one channel and one sample each: their offsets follow no stride."""
        sample_count = self._count(self.shape, self.sample)
        for c in range(self._count(extent, self.channel)):
            for s in range(self._count(extent, self.sample)):
                channel = self._start(starts, self.channel) + c
                sample = self._start(starts, self.sample) + s
                source_start, shape, size = list(starts), list(self.shape), list(extent)
                target_start = [0] * len(extent)
                for axis, position in ((self.channel, c), (self.sample, s)):
                    if axis >= 0:
                        # One position of this axis, the first behind the offset of the channel.
                        source_start[axis] = 0
                        shape[axis] = size[axis] = 1
                        target_start[axis] = position
                yield Strided(
                    self.source,
                    self.offsets[channel * sample_count + sample],
                    tuple(shape),
                    self.strides,
                    self.dtypes[channel],
                    Selection(tuple(source_start), tuple(size), tuple(target_start)),
                )

    @staticmethod
    def _count(sizes: tuple[int, ...], axis: int) -> int:
        return sizes[axis] if axis >= 0 else 1

    @staticmethod
    def _start(starts: tuple[int, ...], axis: int) -> int:
        return starts[axis] if axis >= 0 else 0


@runtime_checkable
class Cuttable(Protocol):
    """A layout that can cut any part of its stored array, across the edges of blocks."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Stored shape."""

    def cut(
        self, starts: tuple[int, ...], extent: tuple[int, ...], /
    ) -> Iterator[Strided] | Iterator[Computed]:
        """Pieces for a part of the stored array."""


@printed_short
@pickled_by_position
@attrs.frozen
class StitchedLayout:
    """Tiles of another layout, placed on one canvas; a later tile covers an earlier one."""

    inner: Cuttable
    """Layout with the axis of tiles."""
    axes: tuple[int, int, int]
    """Axes of tiles, rows and columns in ``inner``."""
    shape: tuple[int, ...]
    """Shape of the canvas: that of ``inner`` without the axis of tiles."""
    block_shape: tuple[int, ...]
    """Size of a block along each axis of the canvas."""
    m: bytes
    """int32, one a placed tile: position on the axis of tiles."""
    y: bytes
    """int32, one a placed tile: first row on the canvas."""
    x: bytes
    """int32, one a placed tile: first column on the canvas."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces of the tiles that the window touches; see ``Layout``."""
        tile_axis, inner_row_axis, inner_column_axis = self.axes
        # The same axes on the canvas, which lacks that of tiles.
        row_axis = inner_row_axis - (inner_row_axis > tile_axis)
        column_axis = inner_column_axis - (inner_column_axis > tile_axis)
        window_start, window_shape = window_in_array(block, self.block_shape, window)
        rows = _overlap(
            self.y, self.inner.shape[inner_row_axis], window_start[row_axis], window_shape[row_axis]
        )
        columns = _overlap(
            self.x,
            self.inner.shape[inner_column_axis],
            window_start[column_axis],
            window_shape[column_axis],
        )
        positions = np.frombuffer(self.m, "<i4")
        # In the order of the list, so that a later tile covers an earlier one.
        touched = (rows.count > 0) & (columns.count > 0)
        for index in np.flatnonzero(touched).tolist():
            source_start, shape = list(window_start), list(window_shape)
            target_start = [0] * len(window_shape)
            for axis, overlap in ((row_axis, rows), (column_axis, columns)):
                source_start[axis] = int(overlap.tile_start[index])
                shape[axis] = int(overlap.count[index])
                target_start[axis] = int(overlap.window_start[index])
            source_start.insert(tile_axis, int(positions[index]))
            shape.insert(tile_axis, 1)
            for piece in self.inner.cut(tuple(source_start), tuple(shape)):
                yield self._drop_tile_axis(piece, target_start)

    def locate_planes(self) -> PlanePlaces | None:
        """Return where the first placed tile of each plane lies."""
        inner = offered(self.inner, LocatesPlanes)
        places = None if inner is None else inner.locate_planes()
        if places is None or not self.m:
            return None
        tile_axis, row_axis, column_axis = self.axes
        # Axes behind those of the plane hold samples.
        last = min(row_axis, column_axis)
        offsets = np.frombuffer(places.offset, "<i8").reshape(self.inner.shape[:last])
        first = offsets.take(int(np.frombuffer(self.m, "<i4")[0]), axis=tile_axis)
        files = np.zeros(first.size, "<i4")
        return PlanePlaces(places.uris, files.tobytes(), first.tobytes())

    def _drop_tile_axis(
        self, piece: Strided | Computed, target_start: list[int]
    ) -> Strided | Computed:
        """Return the piece of one tile with the axes of the canvas, moved to ``target_start``."""
        tile_axis = self.axes[0]

        def drop(values: tuple[int, ...]) -> tuple[int, ...]:
            return (*values[:tile_axis], *values[tile_axis + 1 :])

        inside = drop(piece.selection.target_start)
        selection = Selection(
            drop(piece.selection.source_start),
            drop(piece.selection.shape),
            tuple(start + first for start, first in zip(inside, target_start, strict=True)),
        )
        shape = drop(piece.shape)
        # Constructors and no attrs.evolve, which takes three times as long: a window may touch
        # thousands of tiles.
        if isinstance(piece, Computed):
            return Computed(piece.function, piece.arguments, shape, piece.dtype, selection)
        tile = piece.selection.source_start[tile_axis]
        # Without the axis of tiles, the place of the tile becomes part of the offset.
        offset = piece.offset + tile * piece.strides[tile_axis]
        strides = drop(piece.strides)
        return Strided(piece.source, offset, shape, strides, piece.dtype, selection)


@attrs.define(eq=False, repr=False)
class _Overlap:
    """Overlap of each tile with a window along one axis. Not a record: it lives for one call."""

    tile_start: npt.NDArray[np.int64]
    """First position inside of the tile."""
    window_start: npt.NDArray[np.int64]
    """First position inside of the window."""
    count: npt.NDArray[np.int64]
    """Positions; zero or less where they do not touch."""


def _overlap(tile_starts: bytes, tile_size: int, window_start: int, window_size: int) -> _Overlap:
    # The sum of a start and a size may exceed 32 bits.
    starts = np.frombuffer(tile_starts, "<i4").astype(np.int64)
    low = np.maximum(starts, window_start)
    high = np.minimum(starts + tile_size, window_start + window_size)
    return _Overlap(low - starts, low - window_start, high - low)
