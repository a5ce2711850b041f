"""Which pixels of pieces stay visible, where later pieces cover earlier ones.

Rule kept here: pure arithmetic on rectangles; no I/O.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from aicsio._engine import strided
from aicsio._engine.placements import Array, Placement
from aicsio.records import Encoded, Strided

Box: TypeAlias = tuple[slice, ...]
"""Positions along each axis, of step 1."""
Uses: TypeAlias = list[tuple[Placement[Any], Array]]

FEW = 8
"""Pieces up to this number are compared pair by pair; more of them by numpy, which takes 15 us."""
MOST = 512
"""Pieces up to this number are compared at all: the table of all pairs grows with their square."""


def visible(todo: Uses, out: Array) -> tuple[Uses | None, bool]:
    """Cut off the pixels of pieces that later pieces cover.

    Parameters
    ----------
    todo
        Pieces of one window of a block in order, and the memory that each fills.
    out
        Memory of the window.

    Returns
    -------
    shown : list or None
        Pieces, or parts of them, that fill disjoint memory. ``None`` if that cannot be planned: a
        piece decides on its valid pixels while it is decoded, or there are very many.
    complete : bool
        Whether they fill all of the window.
    """
    filled = sum(dest.size for _, dest in todo)
    if len(todo) == 1:
        piece = todo[0][0].piece
        partial = isinstance(piece, Encoded) and piece.partial
        return todo, filled == out.size and not partial
    if any(isinstance(each.piece, Encoded) and each.piece.partial for each, _ in todo):
        return (None if len(todo) > 1 else todo), False
    boxes = [placement.target for placement, _ in todo]
    if len(todo) > MOST:
        # Equal sizes alone do not show that nothing overlaps.
        return None, False
    if not _overlap(boxes):
        return todo, filled == out.size
    shown: Uses = []
    for index, (placement, _) in enumerate(todo):
        for box in uncovered(boxes[index], boxes[index + 1 :]):
            shown.append((_cut(placement, box), out[box]))
    return shown, sum(dest.size for _, dest in shown) == out.size


def _overlap(boxes: Sequence[Box]) -> bool:
    if len(boxes) <= FEW:
        return any(_meet(one, other) for one, other in itertools.combinations(boxes, 2))
    low = np.array([[part.start for part in box] for box in boxes])
    high = np.array([[part.stop for part in box] for box in boxes])
    # Shape (pieces, pieces, axes), reduced to a table of all pairs.
    meets = ((low[:, None] < high) & (low < high[:, None])).all(axis=-1)
    return int(np.count_nonzero(meets)) > len(boxes)  # each meets itself


def _meet(one: Box, other: Box) -> bool:
    axes = zip(one, other, strict=True)
    return all(a.start < b.stop and b.start < a.stop for a, b in axes)


def uncovered(box: Box, covers: Sequence[Box]) -> list[Box]:
    """Return the parts of a box that lie outside of some others."""
    left = [box]
    for other in covers:
        left = list(itertools.chain.from_iterable(_subtract(each, other) for each in left))
    return left


def _subtract(box: Box, other: Box) -> Iterator[Box]:
    """Yield the parts of a box outside of another: before and behind it, axis by axis."""
    if not _meet(box, other):
        yield box
        return
    # `middle` shrinks to the overlap, axis by axis, so that no two yielded parts meet.
    middle = list(box)
    for axis, (own, cut) in enumerate(zip(box, other, strict=True)):
        if own.start < cut.start:
            yield (*middle[:axis], slice(own.start, cut.start), *middle[axis + 1 :])
        if cut.stop < own.stop:
            yield (*middle[:axis], slice(cut.stop, own.stop), *middle[axis + 1 :])
        middle[axis] = slice(max(own.start, cut.start), min(own.stop, cut.stop))


def _cut(placement: Placement[Any], box: Box) -> Placement[Any]:
    """Keep only the pixels of a placement that fill ``box``."""
    offsets = [
        range(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(box, placement.target, strict=True)
    ]
    piece = placement.piece
    if isinstance(piece, Strided):
        return Placement(strided.take_positions(piece, offsets), box, None)
    kept: list[slice] = []
    for part, positions in zip(placement.positions(), offsets, strict=True):
        step = part.step or 1
        stop = part.start + positions.stop * step
        # Backwards to position 0 a range stops at -1, which a slice would count from the end.
        kept.append(slice(part.start + positions.start * step, stop if stop >= 0 else None, step))
    return Placement(piece, box, tuple(kept))
