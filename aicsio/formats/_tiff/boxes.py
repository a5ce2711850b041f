"""Strips and tiles of many boxes at once, by columns of numbers.

Rule kept here: numbers only, no I/O. Segments are numbered through all groups, those of a group after
those of the group before, plane by plane.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np

from aicsio.formats._tiff.groups import PlaneGroup
from aicsio.formats._tiff.segments import Four, Integers, SegmentGrid
from aicsio.records import Encoded, Piece, Selection, Strided
from aicsio.records.boxes import BoxParts, cut_boxes, join_parts, number_cells

GROUP_BITS = 44
"""Bits of the number of a segment below that of its group: a million planes of ten million tiles."""
MOST_GROUPS = 1 << 19
"""Groups whose numbers fit above them."""


@runtime_checkable
class PlaneTables(Protocol):
    """The fields of a ``TiffLayout``."""

    @property
    def lead(self) -> tuple[int, ...]: ...
    @property
    def plane(self) -> Four: ...
    @property
    def axes(self) -> tuple[bool, bool]: ...
    @property
    def groups(self) -> tuple[PlaneGroup, ...]: ...
    @property
    def group_of(self) -> bytes: ...
    @property
    def row_of(self) -> bytes: ...


def plan_boxes(layout: PlaneTables, starts: Integers, stops: Integers) -> BoxParts | None:
    """Find the segments of boxes; ``None`` where a raw piece of ``pieces`` holds several of them."""
    rank = len(layout.lead)
    # Raw planes may join to one strided piece, which columns of single segments cannot show.
    one_plane = bool((stops[:, :rank] - starts[:, :rank] == 1).all())
    if len(layout.groups) > MOST_GROUPS:
        return None
    if not all(group.codecs or (one_plane and not group.grid.clipped) for group in layout.groups):
        return None
    planes = cut_boxes(starts[:, :rank], stops[:, :rank], (1,) * rank)
    rows = number_cells(planes.cell, layout.lead)
    groups = np.zeros(rows.shape, np.int64)
    if layout.group_of:
        groups = np.frombuffer(layout.group_of, "<i4")[rows].astype(np.int64)
    if layout.row_of:
        rows = np.frombuffer(layout.row_of, "<i4")[rows].astype(np.int64)
    first, last = _four(layout, starts, 0), _four(layout, stops, 1)
    stored = _stored(layout)
    found: list[BoxParts] = []
    for number in np.unique(groups).tolist():
        # Row -1 is a missing plane.
        chosen = np.flatnonzero((groups == number) & (rows >= 0))
        box = planes.box[chosen]
        parts = _cut_planes(layout, number, rows[chosen], first[box], last[box])
        plane = parts.box
        target = np.concatenate(
            [planes.target_start[chosen][plane], parts.target_start[:, stored]], axis=1
        )
        # Along the plane axes a segment has one position, at 0.
        one = np.ones((len(plane), rank), np.int64)
        found.append(
            BoxParts(
                box[plane],
                parts.piece,
                np.concatenate([one - 1, parts.source_start[:, stored]], axis=1),
                np.concatenate([one, parts.shape[:, stored]], axis=1),
                target,
            )
        )
    return join_parts(found)


def _cut_planes(
    layout: PlaneTables, number: int, rows: Integers, first: Integers, last: Integers
) -> BoxParts:
    """Cut a box of each plane of one group, of four axes, at its segments."""
    group = layout.groups[number]
    grid = group.grid
    depths, lengths, widths = _counts(grid, layout.plane)
    if not grid.planar and depths == 1:
        # A page of 2^31 rows may list three strips: the others would be visited one by one.
        listed = -(-grid.width // max(widths, 1)) * grid.size[1]
        last = np.minimum(last, [[last.max(initial=0), listed, *layout.plane[2:]]])
    samples = 1 if grid.planar else layout.plane[3]
    cuts = cut_boxes(first, last, (*grid.size, samples))
    depth, row, column, sample = cuts.cell.T
    # Segments are numbered along columns, then rows, sections and sample planes.
    segment = ((sample * depths + depth) * lengths + row) * widths + column
    segments = rows[cuts.box] * grid.width + segment
    stored = segment < grid.width
    # An offset of 0 means not stored (sparse TIFF of GDAL): the pixels stay blank.
    # Segment 0 stands in for those that no table lists, so that `take` stays inside.
    kept = np.where(stored, segments, 0)
    stored &= group.offsets.take(kept) != 0
    if group.codecs:
        stored &= group.counts.take(kept) != 0
    numbers = segments + (number << GROUP_BITS)
    parts = BoxParts(cuts.box, numbers, cuts.source_start, cuts.shape, cuts.target_start)
    return parts if stored.all() else parts.take(np.flatnonzero(stored))


def _counts(grid: SegmentGrid, plane: Four) -> tuple[int, int, int]:
    """Return the segments along depth, rows and columns."""
    depth, length, width = (
        -(-size // part) for size, part in zip(plane[:3], grid.size, strict=True)
    )
    return depth, length, width


def _four(layout: PlaneTables, positions: Integers, missing: int) -> Integers:
    """Fill in the axes of a plane that the stored array does not have."""
    has_depth, has_samples = layout.axes
    added = np.full((len(positions), 1), missing, np.int64)
    columns = [positions[:, len(layout.lead) :]]
    if not has_depth:
        columns.insert(0, added)
    if not has_samples:
        columns.append(added)
    return np.concatenate(columns, axis=1)


def _stored(layout: PlaneTables) -> slice:
    """Return which of the four axes of a plane the stored array has."""
    has_depth, has_samples = layout.axes
    return slice(0 if has_depth else 1, 4 if has_samples else 3)


def make_pieces(layout: PlaneTables, numbers: Integers) -> Iterator[Piece]:
    """Yield whole segments."""
    groups = numbers >> GROUP_BITS
    for number in np.unique(groups).tolist():
        segments = numbers[groups == number] - (number << GROUP_BITS)
        yield from _segments(layout, layout.groups[number], segments)


def _segments(layout: PlaneTables, group: PlaneGroup, segments: Integers) -> Iterator[Piece]:
    offsets, counts = group.offsets.take(segments).tolist(), [0] * len(segments)
    if group.codecs:
        counts = group.counts.take(segments).tolist()
    shapes = _shapes(layout, group.grid, segments % group.grid.width).tolist()
    source, codecs, dtype = group.source, group.codecs, group.dtype
    none = (0,) * (len(layout.lead) + 2 + sum(layout.axes))
    one = (1,) * len(layout.lead)
    stored = _stored(layout)
    known: dict[Four, tuple[tuple[int, ...], tuple[int, ...], Selection]] = {}
    for offset, nbytes, (depth, rows, columns, samples) in zip(
        offsets, counts, shapes, strict=True
    ):
        four = depth, rows, columns, samples
        # Segments have few shapes.
        if four not in known:
            shape = (*one, *tuple(four)[stored])
            strides = (*none[: len(one)], *tuple(group.strides(four))[stored])
            known[four] = shape, strides, Selection(none, shape, none)
        shape, strides, selection = known[four]
        if codecs:
            yield Encoded(source, offset, nbytes, codecs, shape, dtype, selection)
        else:
            yield Strided(source, offset, shape, strides, dtype, selection)


def _shapes(layout: PlaneTables, grid: SegmentGrid, segments: Integers) -> Integers:
    """Return the shapes of segments, (segments, 4)."""
    depths, lengths, widths = _counts(grid, layout.plane)
    rest, column = np.divmod(segments, widths)
    rest, row = np.divmod(rest, lengths)
    depth = rest % depths
    shapes = np.empty((len(segments), 4), np.int64)
    shapes[:, 3] = 1 if grid.planar else layout.plane[3]
    for axis, index in enumerate((depth, row, column)):
        size = grid.size[axis]
        # TIFF 6.0, section 3: the last strip may be shorter. Section 15: tiles are padded to full size.
        shapes[:, axis] = size
        if grid.clipped:
            shapes[:, axis] = np.minimum(size, layout.plane[axis] - index * size)
    return shapes
