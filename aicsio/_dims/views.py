"""Pure view algebra: views compose, and a view over a block grid becomes a list of block runs.

Rule kept here: no I/O, no arrays, no letters parsed; only positions. ``notation`` decides whether a
letter may be dropped.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import attrs

from aicsio._dims import notation
from aicsio.records import LazyArray, Pick, View


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
    resolved: dict[str, Pick] = {}
    # Every pick is resolved against the sizes that the caller sees, before any axis changes.
    for letter, pick in picks.items():
        resolved[letter] = notation.resolve_pick(pick, letter, dims[letter])
    for letter, size in dims.items():
        if letter not in order:
            positions = _length(resolved[letter]) if letter in resolved else size
            if positions != 1:
                counts = {name: _length(pick) for name, pick in resolved.items()}
                notation.check_droppable(order, letter, positions, dims, counts)
    stored = list(array.view.picks)
    axes = dict(zip(array.view.letters, array.view.axes, strict=True))
    for letter, axis in axes.items():
        # Axes that were added have length 1 and no stored positions.
        if axis >= 0:
            # An axis that stays whole keeps its positions.
            if letter in resolved or letter not in order:
                pick = _pick_of(letter, order, resolved)
                stored[axis] = compose(stored[axis], pick)
        else:
            notation.check_added(letter, _length(resolved.get(letter, 0)))
    # A letter that the image lacks has no stored axis: -1 stands for an added one of length 1.
    view = View(order, tuple(axes.get(letter, -1) for letter in order), tuple(stored))
    return LazyArray(array.layout, array.stored, array.dtype, view)


def narrow(array: LazyArray, window: Sequence[slice]) -> LazyArray:
    """Show a window of what an array shows: slices of step 1, inside of it, one an axis.

    ``transpose`` checks picks and takes ten times as long: thousands of windows are read at once.
    """
    picks = list(array.view.picks)
    for axis, part in zip(array.view.axes, window, strict=True):
        # A shown axis is never picked by an int; an added one stays as it is.
        if axis >= 0:
            picks[axis] = cast("range", picks[axis])[part]
    view = View(array.view.letters, array.view.axes, tuple(picks))
    return LazyArray(array.layout, array.stored, array.dtype, view)


def _pick_of(letter: str, order: str, resolved: Mapping[str, Pick]) -> Pick:
    """Return the positions of a picked or dropped axis: a letter in the order keeps its axis."""
    if letter not in resolved:
        return 0
    pick = resolved[letter]
    if isinstance(pick, int):
        # An int drops its axis; within the order the axis stays, with one position.
        return range(pick, pick + 1) if letter in order else pick
    # Outside of the order the pick has one position: ``check_droppable`` has checked it.
    return pick if letter in order else pick[0]


def _length(pick: Pick) -> int:
    return 1 if isinstance(pick, int) else len(pick)


def compose(outer: Pick, inner: Pick) -> Pick:
    """Pick ``inner`` from the positions that ``outer`` has picked."""
    if isinstance(outer, int):
        return outer
    if isinstance(inner, int):
        return outer[inner]
    if isinstance(outer, range) and isinstance(inner, range):
        # resolve_pick has checked the bounds, so the composed range has exactly len(inner) items.
        first = outer.start + inner.start * outer.step
        step = outer.step * inner.step
        return range(first, first + step * len(inner), step)
    return as_range(tuple(outer[i] for i in inner))


def as_range(positions: tuple[int, ...]) -> Pick:
    """Return evenly spaced positions as a range, others as they are."""
    if len(positions) == 1:
        return range(positions[0], positions[0] + 1)
    # A step of 0 is no range: the same position twice stays a tuple.
    step = positions[1] - positions[0]
    if step and all(b - a == step for a, b in itertools.pairwise(positions)):
        return range(positions[0], positions[0] + step * len(positions), step)
    return positions


@attrs.define
class BlockRun:
    """The part of one axis that one stored block supplies. Not a record: it lives for one read."""

    block: int
    """Index of the block along the axis."""
    start: int
    """First position of the window, relative to the block."""
    stop: int
    """One past the last position of the window, relative to the block."""
    window_positions: slice | tuple[int, ...] | None
    """Positions of the window that are shown, in output order; ``None`` for all of it."""
    target: slice | tuple[int, ...]
    """Output positions."""


def split_by_block(pick: Pick, block_size: int) -> list[BlockRun]:
    """Cut the picked positions of an axis at the edges of its blocks.

    A run with a step (or in any order) inside one block becomes one window around it;
    ``window_positions`` selects from that window.

    Parameters
    ----------
    pick
        Picked positions of a stored axis.
    block_size
        Positions of a block along this axis.
    """
    if isinstance(pick, int):
        start = pick % block_size
        return [BlockRun(pick // block_size, start, start + 1, None, slice(0, 1))]
    if not isinstance(pick, range):
        return list(_split_positions(pick, block_size))
    # Most reads take a whole block, or a part of one: answered without a generator.
    index = pick.start // block_size
    block_start = index * block_size
    if pick.step == 1 and 0 < len(pick) <= block_start + block_size - pick.start:
        start, stop = pick.start - block_start, pick.stop - block_start
        return [BlockRun(index, start, stop, None, slice(0, len(pick)))]
    return list(_split_range(pick, block_size))


def _split_range(pick: range, block_size: int) -> Iterator[BlockRun]:
    step, length = pick.step, len(pick)
    done = 0
    while done < length:
        first = pick[done]
        index = first // block_size
        block_start = index * block_size
        # How far the run can go before it leaves the block, upwards or downwards.
        if step > 0:
            distance = block_start + block_size - 1 - first
        else:
            distance = first - block_start
        count = min(length - done, distance // abs(step) + 1)
        last = first + (count - 1) * step
        low = min(first, last) - block_start
        high = max(first, last) - block_start + 1
        # The window is what is shown already; selecting from it would copy it.
        if step == 1 or count == 1:
            window_positions = None
        else:
            # The window begins at its lowest position in either direction, so a backward run
            # starts at its end.
            window_positions = slice(0 if step > 0 else high - low - 1, None, step)
        yield BlockRun(index, low, high, window_positions, slice(done, done + count))
        done += count


def _split_positions(pick: Sequence[int], block_size: int) -> Iterator[BlockRun]:
    targets_of_block: dict[int, list[int]] = {}
    for target, position in enumerate(pick):
        targets_of_block.setdefault(position // block_size, []).append(target)
    # One run per block, in block order: a block that is picked twice is decoded once.
    for index, targets in sorted(targets_of_block.items()):
        in_block = [pick[target] - index * block_size for target in targets]
        low = min(in_block)
        in_window = tuple(position - low for position in in_block)
        if len(targets) == 1:  # a whole place in the output, which needs no buffer
            yield BlockRun(index, low, low + 1, None, slice(targets[0], targets[0] + 1))
        else:
            yield BlockRun(index, low, max(in_block) + 1, in_window, tuple(targets))
