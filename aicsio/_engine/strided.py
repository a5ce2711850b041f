"""Which bytes hold a strided piece: as few reads as possible, and little read that nobody wants.

Rule kept here: pure arithmetic on a piece; no I/O.
"""

import itertools
import math
import operator
from collections.abc import Iterator, Sequence

import attrs

from aicsio.records import Strided

MIN_RUN = 64
"""Rows shorter than this many bytes are read with what lies between them."""


@attrs.define
class Reads:
    """Equal reads that together hold the wanted pixels of a piece. Not a record: it lives for one read."""

    low: int
    """Byte offset of the first read."""
    nbytes: int
    """Bytes of each."""
    start: int
    """Where its first pixel is, counted from its lowest byte."""
    loops: tuple[tuple[int, range], ...]
    """Axes of which each read holds one position, and the bytes to add to ``low`` for each position."""
    extent: tuple[int, ...]
    """Shape of the pixels in one read."""
    strides: tuple[int, ...]
    """Bytes between them, per axis."""
    dense: bool
    """Whether the bytes of a read are its pixels, in C order, and nothing else."""

    def each(self) -> Iterator[tuple[int, tuple[slice, ...]]]:
        """Yield the byte offset of each read, and the part of the destination that it fills."""
        index = [slice(None)] * len(self.extent)
        for steps in itertools.product(*(enumerate(offsets) for _, offsets in self.loops)):
            low = self.low
            for (axis, _), (position, offset) in zip(self.loops, steps, strict=True):
                index[axis] = slice(position, position + 1)
                low += offset
            yield low, tuple(index)


def reads(piece: Strided) -> Reads:
    """Cut a piece into reads: the fewest that take at most twice the bytes that the most would take."""
    extent, strides, item = piece.extent, piece.strides, piece.dtype.itemsize
    first = piece.offset + sum(map(operator.mul, piece.crop, strides))
    if is_dense(extent, strides, item):
        return Reads(first, math.prod(extent) * item, 0, (), extent, strides, dense=True)
    widest_first = sorted(
        (axis for axis, n in enumerate(extent) if n > 1 and strides[axis]),
        key=lambda axis: -abs(strides[axis]),
    )
    ways: list[tuple[int, Reads]] = []
    loops: list[tuple[int, range]] = []
    for axis in [None, *widest_first]:
        if axis is not None:
            loops.append((axis, range(0, extent[axis] * strides[axis], strides[axis])))
            extent = (*extent[:axis], 1, *extent[axis + 1 :])
        below, above = _reach(extent, strides)
        span = above - below + item
        if ways and span < MIN_RUN:
            break
        count = math.prod(len(offsets) for _, offsets in loops)
        dense = is_dense(extent, strides, item)
        ways.append(
            (span * count, Reads(first + below, span, -below, tuple(loops), extent, strides, dense))
        )
    least = min(total for total, _ in ways)
    return next(way for total, way in ways if total <= 2 * least)


def _reach(extent: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int]:
    """Return how far the last pixels lie below and above the first, in bytes."""
    ends = [(n - 1) * stride for n, stride in zip(extent, strides, strict=True)]
    return sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)


def is_dense(extent: tuple[int, ...], strides: tuple[int, ...], item: int) -> bool:
    """Whether pixels follow each other in C order without a gap."""
    for n, stride in zip(reversed(extent), reversed(strides), strict=True):
        if n > 1:
            if stride != item:
                return False
            item *= n
    return True


def thinned(piece: Strided, taken: Sequence[range]) -> Strided:
    """Take of what a piece wants only these positions, per axis; they may run backwards."""
    first = [crop + kept.start for crop, kept in zip(piece.crop, taken, strict=True)]
    extent = tuple(map(len, taken))
    return Strided(
        piece.source,
        piece.offset + sum(map(operator.mul, first, piece.strides)),
        extent,
        tuple(stride * kept.step for stride, kept in zip(piece.strides, taken, strict=True)),
        piece.dtype,
        (0,) * len(extent),
        extent,
        piece.place,
        piece.behind,
    )
