"""The layout of TIFF pages: which strips, tiles or raw bytes hold a window of a block.

Rule kept here: tables only. A layout is made of numbers that were checked when the file was opened, and does no I/O.
Planes whose pixels lie raw at even distances become one strided piece, however many they are.
"""

import functools
import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import Codec, DType, Encoded, Piece, Selection, Source, Strided
from aicsio.records.packed import PackedIntegers

Four: TypeAlias = tuple[int, int, int, int]
"""Depth, rows, columns, samples."""
Integers: TypeAlias = npt.NDArray[np.int64]

BLOCK_BYTES = 1 << 20
"""Blocks of compressed pixels come to about this: enough to make a thread worth while, and several in one plane."""
RAW_BLOCK_BYTES = 8 << 20
"""Blocks of raw pixels: threads only copy, and any part of a block can be read alone."""


@attrs.frozen
class PlaneGroup:
    """Strips or tiles of planes that are stored alike, in one file."""

    source: Source
    """Where they are."""
    size: tuple[int, int, int]
    """Depth, rows and columns of a full one."""
    clipped: bool
    """Whether the last one along an axis ends with the plane (strips), or is full size (tiles)."""
    planar: bool
    """Whether the samples of a plane are stored apart, the whole grid of the first before that of the second."""
    dtype: DType
    """Type of the decoded pixels, with byte order."""
    codecs: tuple[Codec, ...]
    """From bytes to pixels; none where they are raw."""
    width: int
    """PlaneGroup of a plane that the tables list; the others are not stored."""
    offsets: PackedIntegers
    """Byte offset, (planes, width); 0 where nothing is stored."""
    counts: PackedIntegers
    """Byte count, (planes, width)."""

    def inner(self, shape: Four) -> Four:
        """Bytes between the samples of a raw segment, along depth, rows, columns and samples."""
        _, length, width, samples = shape
        item = self.dtype.itemsize
        return length * width * samples * item, width * samples * item, samples * item, item

    def rows(self, rows: Integers, index: int) -> Integers:
        """Return the offsets of segment ``index`` of some planes; 0 for row -1."""
        if index >= self.width:
            return np.zeros(rows.shape, np.int64)
        found = self.offsets.take(np.asarray(np.maximum(rows, 0) * self.width + index))
        return found if rows.min(initial=0) >= 0 else np.where(rows < 0, 0, found)


@attrs.frozen
class SegmentWindow:
    """What a window takes of one segment of a plane, as depth, rows, columns and samples."""

    index: int
    """Number of the segment in the plane."""
    shape: Four
    """Shape of the segment."""
    crop: Four
    """First position taken."""
    extent: Four
    """How much is taken."""
    place: Four
    """Where it goes in the window."""


@attrs.frozen
class TiffLayout:
    """Planes of equal shape, anywhere in any number of TIFF files."""

    lead: tuple[int, ...]
    """Sizes of the axes along which planes are counted."""
    plane: Four
    """Depth, rows, columns and samples of a plane."""
    axes: tuple[bool, bool]
    """Whether the stored array has an axis of depth, and one of samples."""
    groups: tuple[PlaneGroup, ...]
    """How planes are stored."""
    block_shape: tuple[int, ...]
    """Size of a block along each stored axis."""
    group_of: bytes = attrs.field(default=b"", repr=False)
    """int32, one a plane: index into ``groups``; empty when there is one group."""
    row_of: bytes = attrs.field(default=b"", repr=False)
    """int32, one a plane: row in the tables of its group, -1 for a missing plane; empty when plane n is row n."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts = [
            b * size + part.start
            for b, size, part in zip(block, self.block_shape, window, strict=True)
        ]
        extents = [part.stop - part.start for part in window]
        rank = len(self.lead)
        first, extent = self._four(starts[rank:], 0), self._four(extents[rank:], 1)
        if extents[:rank] == [1] * rank:
            yield from self._of_one(starts[:rank], first, extent)
            return
        planes = _numbers(self.lead, starts, extents)
        rows = np.frombuffer(self.row_of, "<i4")[planes].astype(np.int64) if self.row_of else planes
        groups = np.frombuffer(self.group_of, "<i4")[planes] if self.group_of else None
        for number in [0] if groups is None else np.unique(groups).tolist():
            group = self.groups[number]
            own = rows if groups is None else np.where(groups == number, rows, -1)
            cuts = _cuts(
                group.size, group.clipped, group.planar, group.width, self.plane, first, extent
            )
            if group.codecs:
                yield from self._coded(group, own, cuts)
            else:
                yield from self._raw(group, own, cuts)

    def unfolded(self, axis: int, size: int) -> "TiffLayout":
        """Split an axis along which planes are counted in two, the second of which runs faster."""

        def split(sizes: tuple[int, ...], inner: int) -> tuple[int, ...]:
            return (*sizes[:axis], -(-sizes[axis] // size), inner, *sizes[axis + 1 :])

        blocks = (*split(self.block_shape, min(size, self.block_shape[axis])),)
        return attrs.evolve(self, lead=split(self.lead, size), block_shape=blocks)

    def _four(self, numbers: Sequence[int], missing: int) -> Four:
        """Fill in the axes that the stored array does not have."""
        depth, samples = self.axes
        rest = numbers[1:] if depth else numbers
        return numbers[0] if depth else missing, rest[0], rest[1], rest[2] if samples else missing

    def _ranked(self, lead: tuple[int, ...], four: Four) -> tuple[int, ...]:
        """Leave out the axes that the stored array does not have."""
        depth, samples = self.axes
        return (*lead, *four[0 if depth else 1 : 4 if samples else 3])

    def _of_one(self, at: Sequence[int], first: Four, extent: Four) -> Iterator[Piece]:
        """Pieces of one plane: without arrays, which take longer than the few numbers that they would hold."""
        plane = 0
        for size, position in zip(self.lead, at, strict=True):
            plane = plane * size + position
        row = struct.unpack_from("<i", self.row_of, 4 * plane)[0] if self.row_of else plane
        if row < 0:
            return
        group = self.groups[
            struct.unpack_from("<i", self.group_of, 4 * plane)[0] if self.group_of else 0
        ]
        one, none = (1,) * len(at), (0,) * len(at)
        for cut in _cuts(
            group.size, group.clipped, group.planar, group.width, self.plane, first, extent
        ):
            if cut.index >= group.width:
                continue
            offset = group.offsets.at(row * group.width + cut.index)
            shape, crop = self._ranked(one, cut.shape), self._ranked(none, cut.crop)
            taken, place = self._ranked(one, cut.extent), self._ranked(none, cut.place)
            if group.codecs:
                nbytes = group.counts.at(row * group.width + cut.index)
                if offset and nbytes:
                    yield Encoded(
                        group.source,
                        offset,
                        nbytes,
                        group.codecs,
                        shape,
                        group.dtype,
                        Selection(crop, taken, place),
                    )
            elif offset:
                strides = self._ranked(none, group.inner(cut.shape))
                yield Strided(
                    group.source, offset, shape, strides, group.dtype, Selection(crop, taken, place)
                )

    def _coded(
        self, group: PlaneGroup, rows: Integers, cuts: Sequence[SegmentWindow]
    ) -> Iterator[Encoded]:
        one, none = (1,) * rows.ndim, (0,) * rows.ndim
        stored = [cut for cut in cuts if cut.index < group.width]
        if not stored:
            return
        fixed = [
            (
                self._ranked(one, c.shape),
                self._ranked(none, c.crop),
                self._ranked(one, c.extent),
                self._ranked((), c.place),
            )
            for c in stored
        ]
        numbers = np.maximum(rows.reshape(-1, 1), 0) * group.width + [cut.index for cut in stored]
        offsets, counts = group.offsets.take(numbers).tolist(), group.counts.take(numbers).tolist()
        for at, row, starts, sizes in zip(
            np.ndindex(rows.shape), rows.reshape(-1).tolist(), offsets, counts, strict=True
        ):
            if row < 0:
                continue
            for (shape, crop, extent, place), offset, nbytes in zip(
                fixed, starts, sizes, strict=True
            ):
                if offset and nbytes:
                    to = (*at, *place)
                    yield Encoded(
                        group.source,
                        offset,
                        nbytes,
                        group.codecs,
                        shape,
                        group.dtype,
                        Selection(crop, extent, to),
                    )

    def _raw(
        self, group: PlaneGroup, rows: Integers, cuts: Sequence[SegmentWindow]
    ) -> Iterator[Strided]:
        none = (0,) * rows.ndim
        for cut in cuts:
            inner = group.inner(cut.shape)
            for at, shape, offset, strides in even_runs(group.rows(rows, cut.index), none):
                yield Strided(
                    group.source,
                    offset,
                    self._ranked(shape, cut.shape),
                    self._ranked(strides, inner),
                    group.dtype,
                    Selection(
                        self._ranked(none, cut.crop),
                        self._ranked(shape, cut.extent),
                        self._ranked(at, cut.place),
                    ),
                )


def _numbers(lead: tuple[int, ...], starts: Sequence[int], extents: Sequence[int]) -> Integers:
    """Number the planes of a window in C order over ``lead``."""
    planes = np.zeros((), np.int64)
    for size, start, n in zip(lead, starts, extents, strict=False):
        planes = (planes * size)[..., None] + np.arange(start, start + n)
    return planes


@functools.lru_cache(maxsize=32)
def _cuts(
    full: tuple[int, int, int],
    clipped: bool,
    planar: bool,
    width: int,
    plane: Four,
    first: Four,
    extent: Four,
) -> tuple[SegmentWindow, ...]:
    """List what a window of a plane takes of each segment it meets: the same for the blocks of all planes."""
    grid = [-(-n // size) for n, size in zip(plane, full, strict=False)]
    if not planar:
        # SegmentTable of segments that the tables do not reach are not stored: nothing is gained by looking at each.
        last = -(-width // max(grid[2], 1)) * full[1]
        extent = (
            (extent[0], max(min(extent[1], last - first[1]), 0), *extent[2:])
            if grid[0] == 1
            else extent
        )
    per_axis = [
        [
            _part(i, size, n, start, start + count, clipped)
            for i in range(start // size, -(-(start + count) // size))
        ]
        for size, n, start, count in zip(full, plane, first, extent, strict=False)
    ]
    samples = [(s, 1, 0, 1, s - first[3]) for s in range(first[3], first[3] + extent[3])]
    if not planar:
        samples = [(0, plane[3], first[3], extent[3], 0)]
    found = []
    for sample, depth, row, column in itertools.product(samples, *per_axis):
        number = ((sample[0] * grid[0] + depth[0]) * grid[1] + row[0]) * grid[2] + column[0]
        shape, crop, taken, place = zip(depth[1:], row[1:], column[1:], sample[1:], strict=True)
        found.append(SegmentWindow(number, shape, crop, taken, place))
    return tuple(found)


def _part(
    index: int, size: int, total: int, start: int, stop: int, clipped: bool
) -> tuple[int, int, int, int, int]:
    """Index, length, crop, extent and place of one segment along one axis."""
    low = index * size
    length = min(size, total - low) if clipped else size
    begin, end = max(start, low), min(stop, low + length)
    return index, length, begin - low, end - begin, begin - start


def even_runs(
    offsets: Integers, at: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...]]]:
    """SegmentWindow an array of offsets into parts whose offsets grow evenly along each axis; zeros are left out.

    Yields
    ------
    position of the part, its shape, its first offset, its strides
    """
    if not offsets.size or not offsets.any():
        return
    if offsets.all():
        strides = _even_strides(offsets)
        if strides is not None:
            yield at, offsets.shape, int(offsets.flat[0]), strides
            return
    axis = next(i for i, n in enumerate(offsets.shape) if n > 1)
    for i in range(offsets.shape[axis]):
        here = (*at[:axis], at[axis] + i, *at[axis + 1 :])
        yield from even_runs(offsets[(slice(None),) * axis + (slice(i, i + 1),)], here)


def _even_strides(offsets: Integers) -> tuple[int, ...] | None:
    strides = []
    for axis, size in enumerate(offsets.shape):
        if size == 1:
            strides.append(0)
            continue
        steps = np.diff(offsets, axis=axis)
        if (steps != steps.flat[0]).any():
            return None
        strides.append(int(steps.flat[0]))
    return tuple(strides)


def block_shape(
    lead: tuple[int, ...],
    plane: Four,
    axes: tuple[bool, bool],
    itemsize: int,
    unit: tuple[int, int, int],
) -> tuple[int, ...]:
    """Choose blocks of a good size: many small planes, or a part of a large one, cut between segments.

    Parameters
    ----------
    lead, plane, axes
        See ``TiffLayout``.
    itemsize
        Bytes of a sample once read.
    unit
        Depth, rows and columns of a segment; 1 where a plane may be cut anywhere.
    """
    depth, length, width, samples = plane
    pixel = samples * itemsize
    most = RAW_BLOCK_BYTES if unit == (1, 1, 1) else BLOCK_BYTES
    sizes = [depth, length, width, samples]
    if math.prod(plane) * itemsize > most:
        sizes[0] = min(unit[0], depth)
        band = sizes[0] * width * pixel
        sizes[1] = min(max(most // max(band, 1) // unit[1], 1) * unit[1], length)
        if band * sizes[1] > most and unit[2] < width:
            column = sizes[0] * sizes[1] * pixel
            sizes[2] = min(max(most // column // unit[2], 1) * unit[2], width)
    budget = max(most // max(math.prod(sizes) * itemsize, 1), 1)
    counts = []
    for size in reversed(lead):
        counts.append(min(size, budget))
        budget = max(budget // size, 1)
    inner = sizes[0 if axes[0] else 1 : 4 if axes[1] else 3]
    return (*reversed(counts), *inner)
