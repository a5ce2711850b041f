"""How an image is cut for reading: boxes, which are read at once, and units of boxes.

Rule kept here: no I/O, and the same image always gives the same parts. A box holds whole files of
the full resolution, so each file is encoded once, from one box. A unit is a square of boxes: all
smaller levels that it covers are made within it, and what goes up from it is small. A unit is what
a worker of a cluster computes, and what a second run skips.
"""

import itertools
import math
from collections.abc import Iterator

import attrs

from aicsio.writers._pixels.boxes import BOX_BYTES, UNEVEN_BOX_BYTES, costly_block, z_curve
from aicsio.writers._pixels.jobs import Box
from aicsio.writers._zarr.plan import ImagePlan

UNIT_BYTES = 128 << 20
"""Usual size of a unit: a second of work. A worker of a cluster holds it twice while it computes it,
which leaves room in 1 GiB."""
MOST_BOX_BYTES = 256 << 20
"""Limit to which boxes follow the blocks of the source; larger blocks are decoded repeatedly."""


@attrs.frozen
class Unit:
    """A part of an image whose levels are made together."""

    number: int
    """Number in the image."""
    box: Box
    """Its pixels."""
    boxes: tuple[Box, ...]
    """The boxes that it is read by, in the order of a curve."""
    top: int | None
    """Highest level whose files the unit completes; ``None`` where it covers whole planes."""


@attrs.frozen
class Cutting:
    """Sizes of boxes and units, per axis."""

    shape: tuple[int, ...]
    """Size of the image."""
    box: tuple[int, ...]
    """Size of a box."""
    unit: tuple[int, ...]
    """Size of a unit, whole boxes."""
    top: int | None
    """As in ``Unit``."""

    def units(self) -> Iterator[Unit]:
        """Cut the image, in the order in which it is written."""
        counts = _counts(self.shape, self.unit)
        for number, index in enumerate(_in_order(counts)):
            start = tuple(i * size for i, size in zip(index, self.unit, strict=True))
            whole = Box(start, _clip(start, self.unit, self.shape))
            boxes = tuple(self._boxes(whole))
            yield Unit(number, whole, boxes, self.top)

    def _boxes(self, unit: Box) -> Iterator[Box]:
        for index in _in_order(_counts(unit.shape, self.box)):
            start = tuple(
                first + i * size for first, i, size in zip(unit.start, index, self.box, strict=True)
            )
            yield Box(start, _clip(start, self.box, self.shape))


def cut(plan: ImagePlan) -> Cutting:
    """Choose boxes and units for an image."""
    box = _box_shape(plan)
    shape, itemsize = plan.array.shape, plan.array.dtype.itemsize
    unit = list(box)
    for axis in (-1, -2) * 32:  # 2**32 pixels are the longest side
        if unit[axis] < shape[axis] and 2 * math.prod(unit) * itemsize <= UNIT_BYTES:
            unit[axis] *= 2
    # An axis that the unit covers whole shares no tile with a neighbour, and sets no limit.
    cut_axes = [axis for axis in (-2, -1) if unit[axis] < shape[axis]]
    # A cell of level k covers 2**k cells of full resolution along an axis: the unit completes the
    # levels of which a whole cell fits.
    tops = [(unit[axis] // plan.cell[axis]).bit_length() - 1 for axis in cut_axes]
    return Cutting(shape, box, tuple(unit), min(tops, default=None))


def _box_shape(plan: ImagePlan) -> tuple[int, ...]:
    """Start with the files of a tile; double the sides, so that units are whole tiles of levels."""
    array, files = plan.array, plan.levels[0].file_shape
    shape, itemsize = array.shape, array.dtype.itemsize
    blocks = costly_block(array)
    sizes = [
        min(_multiple(size, part), _multiple(max(part, block), part))
        for size, part, block in zip(shape[:-2], files[:-2], blocks[:-2], strict=True)
    ]
    sizes += plan.cell
    for axis in (-1, -2):
        # Each block of the source is decoded once if possible; where blocks and tiles do not line
        # up, larger boxes have fewer edges.
        while sizes[axis] < shape[axis] and not _fits(
            sizes[axis], blocks[axis], math.prod(sizes) * itemsize
        ):
            sizes[axis] *= 2
    for axis in (-1, -2) * 32:
        if sizes[axis] < shape[axis] and 2 * math.prod(sizes) * itemsize <= BOX_BYTES:
            sizes[axis] *= 2
    for axis in reversed(range(len(shape) - 2)):
        # Sizes are whole cells, which may reach beyond a small image.
        held = math.prod(map(min, sizes, shape)) * itemsize
        growth = min(BOX_BYTES // held, math.ceil(shape[axis] / sizes[axis]))
        if growth > 1:
            sizes[axis] *= growth
    return tuple(sizes)


def _fits(side: int, block: int, nbytes: int) -> bool:
    """Whether a box of this side needs not grow for the blocks of the source."""
    if side % block == 0:
        return True
    limit = MOST_BOX_BYTES if side < block else UNEVEN_BOX_BYTES
    return 2 * nbytes > limit


def _multiple(size: int, part: int) -> int:
    return math.ceil(size / part) * part


def _counts(shape: tuple[int, ...], part: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.ceil(size / step) for size, step in zip(shape, part, strict=True))


def _in_order(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Go through the planes, and in each along a curve that completes tiles of the levels early."""
    for outer in itertools.product(*map(range, counts[:-2])):
        for row, column in z_curve(*counts[-2:]):
            yield (*outer, row, column)


def _clip(start: tuple[int, ...], size: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(
        min(extent, length - first)
        for first, extent, length in zip(start, size, shape, strict=True)
    )
