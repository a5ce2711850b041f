"""Pure view algebra: views compose, and a view over a block grid becomes a list of segments.

Rule kept here: no I/O, no arrays, no letters parsed; only positions.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import attrs

from aicsio._dims import notation
from aicsio.errors import DimensionError
from aicsio.records import Dims, LazyArray, Pick, View


def transpose(array: LazyArray, order: str, picks: Mapping[str, object]) -> LazyArray:
    """Reorder, pick, drop and add axes of what the array shows.

    Parameters
    ----------
    array
        What is shown now.
    order
        Letters of the result; a letter that ``array`` lacks becomes an axis of length 1.
    picks
        Picks by letter, relative to what is shown now.

    Raises
    ------
    DimensionError
        For an order or a pick that does not fit.
    """
    dims = array.dims
    notation.parse_order(order)
    notation.check_picks(picks, dims)
    resolved = {
        letter: notation.resolve_pick(pick, letter, dims[letter]) for letter, pick in picks.items()
    }
    for letter, size in dims.items():
        if letter not in order:
            _require_droppable(letter, size, resolved, order, dims)
    stored = list(array.view.picks)
    axes = dict(zip(array.view.letters, array.view.axes, strict=True))
    for letter, axis in axes.items():
        if axis < 0:
            continue
        pick = resolved.get(letter, range(dims[letter]) if letter in order else 0)
        if isinstance(pick, int) and letter in order:
            pick = range(pick, pick + 1)
        elif not isinstance(pick, int) and letter not in order:
            pick = pick[0]
        stored[axis] = compose(stored[axis], pick)
    for letter, pick in resolved.items():
        if axes[letter] < 0 and not isinstance(pick, int) and len(pick) > 1:
            raise DimensionError(
                f"{letter} was added with length 1: it cannot be picked {len(pick)} times"
            )
    view = View(order, tuple(axes.get(letter, -1) for letter in order), tuple(stored))
    return LazyArray(array.layout, array.stored, array.dtype, view)


def _require_droppable(
    letter: str, size: int, picks: Mapping[str, Pick], order: str, dims: Dims
) -> None:
    pick = picks.get(letter)
    if isinstance(pick, int) or (pick is None and size == 1):
        return
    if pick is not None and len(pick) == 1:
        return
    dropped = [other for other, known in picks.items() if isinstance(known, int) or len(known) == 1]
    keep = notation.suggestion(order, dims, dropped)
    raise DimensionError(
        f"{order!r} would drop {letter!r}, which has {len(pick) if pick is not None else size} positions: "
        f"pick one with {letter}=0, or keep it: {keep!r}"
    )


def compose(outer: Pick, inner: Pick) -> Pick:
    """Pick ``inner`` from what ``outer`` has picked."""
    if isinstance(outer, int):
        return outer
    if isinstance(inner, int):
        return outer[inner]
    if isinstance(outer, range) and isinstance(inner, range):
        # Bounds were checked when inner was resolved, so the composed range has exactly len(inner) items.
        first = outer.start + inner.start * outer.step
        step = outer.step * inner.step
        return range(first, first + step * len(inner), step)
    return as_range(tuple(outer[i] for i in inner))


def as_range(positions: tuple[int, ...]) -> Pick:
    """Return evenly spaced positions as a range, others as they are."""
    if len(positions) == 1:
        return range(positions[0], positions[0] + 1)
    step = positions[1] - positions[0]
    if step and all(b - a == step for a, b in itertools.pairwise(positions)):
        return range(positions[0], positions[0] + step * len(positions), step)
    return positions


@attrs.define
class Segment:
    """The part of one axis that one stored block supplies. Not a record: it lives for one read."""

    block: int
    """Index of the block along the axis."""
    start: int
    """First position of the window, relative to the block."""
    stop: int
    """One past the last position of the window, relative to the block."""
    inside: slice | tuple[int, ...] | None
    """What of the window is kept, in output order; ``None`` for all of it."""
    out: slice | tuple[int, ...]
    """Output positions."""


def segments(pick: Pick, block: int) -> list[Segment]:
    """Cut the picked positions of an axis at the edges of its blocks.

    A run with a step (or in any order) inside one block becomes one window around it, and ``inside`` says what to keep.
    """
    if isinstance(pick, int):
        at = pick % block
        return [Segment(pick // block, at, at + 1, None, slice(0, 1))]
    if isinstance(pick, range):
        index = pick.start // block
        if pick.step == 1 and 0 < len(pick) <= (index + 1) * block - pick.start:
            return [
                Segment(
                    index,
                    pick.start - index * block,
                    pick.stop - index * block,
                    None,
                    slice(0, len(pick)),
                )
            ]
        return list(_range_segments(pick, block))
    return list(_tuple_segments(pick, block))


def _range_segments(pick: range, block: int) -> Iterator[Segment]:
    step, n, done = pick.step, len(pick), 0
    while done < n:
        first = pick[done]
        index = first // block
        room = (index + 1) * block - 1 - first if step > 0 else first - index * block
        count = min(n - done, room // abs(step) + 1)
        last = first + (count - 1) * step
        low, high = min(first, last) - index * block, max(first, last) - index * block + 1
        inside = (
            None
            if step == 1 or count == 1
            else slice(0 if step > 0 else high - low - 1, None, step)
        )
        yield Segment(index, low, high, inside, slice(done, done + count))
        done += count


def _tuple_segments(pick: Sequence[int], block: int) -> Iterator[Segment]:
    by_block: dict[int, list[int]] = {}
    for out, position in enumerate(pick):
        by_block.setdefault(position // block, []).append(out)
    for index, outs in sorted(by_block.items()):
        inside = [pick[out] - index * block for out in outs]
        low = min(inside)
        kept = tuple(position - low for position in inside)
        yield Segment(index, low, max(inside) + 1, None if len(kept) == 1 else kept, tuple(outs))
