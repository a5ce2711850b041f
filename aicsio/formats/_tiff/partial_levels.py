"""Resolution levels of which something is not stored, though the full resolution has it.

Rule kept here: a level that would show stored pixels as black is left out, with a diagnostic. Where the
full resolution stores nothing either (sparse files of GDAL), a level may lack the same region.
"""

import math

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats._tiff.groups import PlaneGroup
from aicsio.formats._tiff.layout import TiffLayout
from aicsio.formats._tiff.page_tables import Integers
from aicsio.formats._tiff.segments import Four
from aicsio.records import Contents, Diagnostic, LazyArray, Scene
from aicsio.records.packed import PROGRESSION, PackedIntegers

Bools = npt.NDArray[np.bool_]


def leave_out_partial_levels(contents: Contents) -> Contents:
    """Return the contents without levels that lack a part of what the full resolution has."""
    scenes: list[Scene] = []
    notes: list[Diagnostic] = []
    for scene in contents.scenes:
        if len(scene.levels) > 1:
            kept = [scene.levels[0]]
            for level in scene.levels[1:]:
                if _lacks_part(level, scene.levels[0]):
                    message = f"the level of {level.dims} lacks planes or segments and is left out"
                    notes.append(Diagnostic("tiff-partial-level", message, scene.name))
                else:
                    kept.append(level)
            if len(kept) < len(scene.levels):
                scene = attrs.evolve(scene, levels=tuple(kept))  # noqa: PLW2901
        scenes.append(scene)
    if not notes:
        return contents
    return attrs.evolve(contents, scenes=tuple(scenes), diagnostics=(*contents.diagnostics, *notes))


def _lacks_part(level: LazyArray, full: LazyArray) -> bool:
    small, large = level.layout, full.layout
    if not isinstance(small, TiffLayout) or not isinstance(large, TiffLayout):
        return False
    plane_count = math.prod(small.lead)
    if plane_count != math.prod(large.lead):
        return False
    rows = _rows(small, plane_count)
    suspects: set[int] = set(np.flatnonzero(rows < 0).tolist())
    group_of = _groups(small, plane_count)
    for number, group in enumerate(small.groups):
        # Most files store every segment: one look at the whole table is enough.
        if not _stores_all(group, small.plane):
            suspects.update(np.flatnonzero((group_of == number) & (rows >= 0)).tolist())
    return any(_plane_lacks(small, large, plane) for plane in sorted(suspects))


def _rows(layout: TiffLayout, plane_count: int) -> Integers:
    if not layout.row_of:
        return np.arange(plane_count)
    return np.frombuffer(layout.row_of, "<i4").astype(np.int64)


def _groups(layout: TiffLayout, plane_count: int) -> Integers:
    if not layout.group_of:
        return np.zeros(plane_count, np.int64)
    return np.frombuffer(layout.group_of, "<i4").astype(np.int64)


def _segment_counts(group: PlaneGroup, plane: Four) -> tuple[int, int, int, int]:
    """Return how many segments lie along samples, depth, rows and columns."""
    depth, height, width, samples = plane
    counts = [
        -(-size // segment)
        for size, segment in zip((depth, height, width), group.grid.size, strict=True)
    ]
    return (samples if group.grid.planar else 1, counts[0], counts[1], counts[2])


def _stores_all(group: PlaneGroup, plane: Four) -> bool:
    if group.grid.width < math.prod(_segment_counts(group, plane)):
        return False
    return _has_no_zero(group.offsets) and (not group.codecs or _has_no_zero(group.counts))


def _has_no_zero(column: PackedIntegers) -> bool:
    if column.kind == PROGRESSION:
        return bool(column.take(np.arange(column.count)).all())
    return bool(np.frombuffer(column.raw, column.kind).all())


def _stored_segments(layout: TiffLayout, plane: int) -> Bools:
    """Return which segments of a plane are stored, as rows and columns of segments."""
    rows = np.frombuffer(layout.row_of, "<i4") if layout.row_of else None
    row = plane if rows is None else int(rows[plane])
    number = int(np.frombuffer(layout.group_of, "<i4")[plane]) if layout.group_of else 0
    group = layout.groups[number]
    shape = _segment_counts(group, layout.plane)
    stored = np.zeros(math.prod(shape), np.bool_)
    if row >= 0:
        count = min(group.grid.width, len(stored))
        segments = row * group.grid.width + np.arange(count)
        stored[:count] = group.offsets.take(segments) != 0
        if group.codecs:
            stored[:count] &= group.counts.take(segments) != 0
    # A place is stored if all of its samples and sections are.
    whole: Bools = np.asarray(stored.reshape(shape).all(axis=(0, 1)))
    return whole


def _plane_lacks(small: TiffLayout, large: TiffLayout, plane: int) -> bool:
    """Whether a plane of a level lacks a segment of whose region the full resolution has a part."""
    missing = ~_stored_segments(small, plane)
    if not missing.any():
        return False
    stored = _stored_segments(large, plane)
    if stored.all():
        return True
    # Sums of the stored segments above and left of each: four of them give those of a rectangle.
    # A row and a column of zeros in front: rectangles may begin at the first segment.
    sums = np.pad(stored.cumsum(axis=0, dtype=np.int64).cumsum(axis=1), ((1, 0), (1, 0)))
    y, x = np.nonzero(missing)
    top, bottom = _scaled(y, missing.shape[0], stored.shape[0])
    left, right = _scaled(x, missing.shape[1], stored.shape[1])
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    # A part on the edge is rounding; where all of the region is stored, the level lacks it.
    return bool((inside == (bottom - top) * (right - left)).any())


def _scaled(index: Integers, count: int, full_count: int) -> tuple[Integers, Integers]:
    """Return first and last segment of the full resolution under a segment of a level."""
    first = index * full_count // count
    last = np.maximum(-(-(index + 1) * full_count // count), first + 1)
    return first, np.minimum(last, full_count)
