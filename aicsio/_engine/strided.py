"""Plans the reads of a strided piece: as few as possible, with few bytes that nobody wants.

Rule kept here: pure arithmetic on a piece; no I/O.
"""

import functools
import itertools
import math
import operator
from collections.abc import Iterator, Sequence

import attrs

from aicsio.records import Selection, Strided

MIN_RUN = 64
"""Rows shorter than this many bytes are read together with the bytes between them: a ``preadv`` of 64
bytes takes 0.61 us and one of 4096 takes 0.66 us, so calls for less never pay."""


@attrs.define
class ReadPlan:
    """Equal reads that together hold the wanted pixels of a piece. Not a record: lives for one read."""

    low: int
    """Byte offset of the first read."""
    nbytes: int
    """Bytes of each read."""
    start: int
    """Position of its first pixel, counted from its lowest byte."""
    loops: tuple[tuple[int, range], ...]
    """Axes of which each read holds one position, and the bytes to add to ``low`` per position."""
    shape: tuple[int, ...]
    """Shape of the pixels in one read."""
    strides: tuple[int, ...]
    """Their strides in bytes."""
    dense: bool
    """Whether they follow each other in C order without a gap."""

    def each(self) -> Iterator[tuple[int, tuple[slice, ...]]]:
        """Yield the byte offset of each read, and the part of the output that it fills."""
        index = [slice(None)] * len(self.shape)
        for steps in itertools.product(*(enumerate(offsets) for _, offsets in self.loops)):
            low = self.low
            for (axis, _), (position, offset) in zip(self.loops, steps, strict=True):
                index[axis] = slice(position, position + 1)
                low += offset
            yield low, tuple(index)

    def extent(self) -> tuple[int, int]:
        """Return the lowest byte of all reads, and the bytes from there to the end of the highest."""
        # A range is monotone: its ends are its extremes, whatever the sign of the stride.
        below = sum(min(offsets[0], offsets[-1]) for _, offsets in self.loops)
        above = sum(max(offsets[0], offsets[-1]) for _, offsets in self.loops)
        return self.low + below, above - below + self.nbytes


def plan_reads(piece: Strided, call_nbytes: int = 0) -> ReadPlan:
    """Cut a piece into reads: the fewest that cost at most twice what the cheapest way costs.

    Starting with one read over everything, the axis with the widest stride is looped over next, and
    so on: each way reads fewer unwanted bytes with more calls. A read costs its bytes, and
    ``call_nbytes`` for the call.
    """
    shape, strides = piece.selection.shape, piece.strides
    first = first_byte(piece)
    way = _cheapest_way(shape, strides, piece.dtype.itemsize, call_nbytes)
    return ReadPlan(
        first + way.low, way.nbytes, way.start, way.loops, way.shape, way.strides, way.dense
    )


# Windows of one size are cut alike: a plan that is known takes 2 us in place of 15.
@functools.lru_cache(maxsize=512)
def _cheapest_way(
    shape: tuple[int, ...], strides: tuple[int, ...], item: int, call_nbytes: int
) -> ReadPlan:
    """Plan the reads of pixels whose first lies at byte 0. The plan is shared: it must stay as it is."""
    if is_dense(shape, strides, item):
        return ReadPlan(0, math.prod(shape) * item, 0, (), shape, strides, dense=True)
    # An axis of stride 0 shows the same bytes again: a loop over it would read them again, too.
    axes = [axis for axis, size in enumerate(shape) if size > 1 and strides[axis]]
    widest_first = sorted(axes, key=lambda axis: -abs(strides[axis]))
    ways: list[tuple[int, ReadPlan]] = []
    loops: list[tuple[int, range]] = []
    # `None` is the way without a loop: one read over everything.
    for axis in [None, *widest_first]:
        if axis is not None:
            loops.append((axis, range(0, shape[axis] * strides[axis], strides[axis])))
            shape = (*shape[:axis], 1, *shape[axis + 1 :])
        below, above = _reach(shape, strides)
        span = above - below + item
        if ways and span < MIN_RUN:
            break
        read_count = math.prod(len(offsets) for _, offsets in loops)
        dense = is_dense(shape, strides, item)
        way = ReadPlan(below, span, -below, tuple(loops), shape, strides, dense)
        ways.append(((span + call_nbytes) * read_count, way))
    least = min(total for total, _ in ways)
    # Each way has more reads than the one before: the first that fits has the fewest.
    return next(way for total, way in ways if total <= 2 * least)


def first_byte(piece: Strided) -> int:
    """Return the byte offset of the first pixel that is selected."""
    steps: Iterator[int] = map(operator.mul, piece.selection.source_start, piece.strides)
    return piece.offset + sum(steps)


def _reach(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int]:
    """Return how far the last pixels lie below and above the first, in bytes."""
    ends = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    return sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)


def is_dense(shape: tuple[int, ...], strides: tuple[int, ...], item: int) -> bool:
    """Whether pixels follow each other in C order without a gap."""
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        # The stride of an axis of one position moves no pixel, so it may have any value.
        if size > 1:
            if stride != item:
                return False
            item *= size
    return True


def take_positions(piece: Strided, taken: Sequence[range]) -> Strided:
    """Keep only these positions of a piece's selection, per axis; they may run backwards."""
    selection = piece.selection
    first = [
        start + positions.start
        for start, positions in zip(selection.source_start, taken, strict=True)
    ]
    shape = tuple(map(len, taken))
    return Strided(
        piece.source,
        piece.offset + sum(map(operator.mul, first, piece.strides)),
        shape,
        tuple(
            stride * positions.step for stride, positions in zip(piece.strides, taken, strict=True)
        ),
        piece.dtype,
        Selection((0,) * len(shape), shape, selection.target_start),
        piece.header,
    )
