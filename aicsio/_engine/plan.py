"""Cuts a view into tasks, one stored block each, and lists the pieces of a task.

Rule kept here: planning performs no I/O and is lazy: a view of 100 000 blocks is never a list.
"""

import bisect
import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Any, cast

import attrs

from aicsio._dims import views
from aicsio._engine import strided
from aicsio._engine.placements import Placement
from aicsio._io import named_files
from aicsio.records import (
    Computed,
    Deferred,
    LazyArray,
    Nested,
    Piece,
    Source,
    StoredPiece,
    Strided,
)

SKIPPED_NBYTES = 64 << 10
"""Raw bytes between uneven positions that are worth another read: a copy of them takes 10 us, a request 20 ms."""


@attrs.define
class Task:
    """One block's share of a plan. Not a record: it lives for one read."""

    block: tuple[int, ...]
    """Grid index of the block."""
    window: tuple[slice, ...]
    """Part of the block that is needed."""
    window_positions: tuple[slice | tuple[int, ...] | None, ...] | None
    """Positions of the window that are shown, per axis; ``None`` if all are, in order."""
    target: tuple[slice | tuple[int, ...], ...]
    """Their place in the output, per stored axis."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the window."""
        return tuple(part.stop - part.start for part in self.window)

    @property
    def scattered(self) -> bool:
        """Whether some axis takes or fills uneven positions, which needs a buffer for the window."""
        parts = (*self.target, *(self.window_positions or ()))
        return any(isinstance(part, tuple) for part in parts)


def tasks(array: LazyArray) -> Iterator[Task]:
    """Cut the positions that the array shows into tasks, one block each."""
    axes = zip(array.view.picks, array.layout.block_shape, strict=True)
    runs_per_axis = [views.split_by_block(pick, max(block, 1)) for pick, block in axes]
    for runs in itertools.product(*runs_per_axis):
        # Most tasks show their window as it is; None there saves a comparison per piece.
        in_order = all(run.window_positions is None for run in runs)
        yield Task(
            tuple(run.block for run in runs),
            tuple(slice(run.start, run.stop) for run in runs),
            None if in_order else tuple(run.window_positions for run in runs),
            tuple(run.target for run in runs),
        )


def pieces(array: LazyArray) -> Iterator[StoredPiece]:
    """Yield every piece that a read of the array touches, in order: the cost of a request.

    Pieces of nested arrays are listed in place of the nested piece.
    """
    for task in tasks(array):
        for placement in placements(array, task):
            if isinstance(placement.piece, Nested):
                yield from pieces(placement.piece.array)
            else:
                yield placement.piece


def sources(array: LazyArray) -> set[Source]:
    """Return the files that a read of the array touches."""
    return {source for piece in pieces(array) for source in _sources_of(piece)}


def _sources_of(piece: StoredPiece) -> list[Source]:
    if isinstance(piece, Computed):
        # Functions of engine libraries take their source as an argument: the piece has no field
        # for it.
        return [argument for argument in piece.arguments if isinstance(argument, Source)]
    if isinstance(piece, Deferred) and piece.key:
        folder = named_files.folder_of(piece.source)
        return [Source(f"{folder}/{piece.key}", local=piece.source.local)]
    return [piece.source]


def placements(array: LazyArray, task: Task) -> Iterator[Placement[Any]]:
    """List the pieces of a task that supply positions the view shows."""
    for piece in array.layout.pieces(task.block, task.window):
        selection = piece.selection
        stops = map(operator.add, selection.target_start, selection.shape)
        target = tuple(map(slice, selection.target_start, stops))
        if task.window_positions is None:
            yield Placement(piece, target, None)
        elif task.scattered:
            # The window is read into a buffer as it is, and its positions are picked from there.
            if all(map(_meets, task.window_positions, target, task.shape)):
                yield from _without_gaps(piece, task.window_positions, target)
        else:
            placement = _thin_out(piece, task, target)
            if placement is not None:
                yield placement


def _meets(positions: slice | tuple[int, ...] | None, target: slice, size: int) -> bool:
    """Whether some shown position of a window lies in ``target``."""
    if not isinstance(positions, tuple):
        return any(target.start <= at < target.stop for at in range(size)[positions or slice(None)])
    return any(target.start <= at < target.stop for at in positions)


def _without_gaps(
    piece: Piece, positions: Sequence[slice | tuple[int, ...] | None], target: tuple[slice, ...]
) -> Iterator[Placement[Any]]:
    """Cut a raw piece where many bytes lie between uneven positions that are shown."""
    uneven = [axis for axis, part in enumerate(positions) if isinstance(part, tuple)]
    if not isinstance(piece, Strided) or not uneven:
        yield Placement(piece, target, None)
        return
    # The axis of the widest stride has the widest gaps: a cut there saves the most bytes.
    axis = max(uneven, key=lambda axis: abs(piece.strides[axis]))
    part, stride = target[axis], abs(piece.strides[axis])
    shown = sorted(
        {at for at in cast("tuple[int, ...]", positions[axis]) if part.start <= at < part.stop}
    )
    runs = [[shown[0], shown[0] + 1]]
    for at in shown[1:]:
        if (at - runs[-1][1]) * stride >= SKIPPED_NBYTES:
            runs.append([at, at])
        runs[-1][1] = at + 1
    for low, high in runs:
        taken = [range(size) for size in piece.selection.shape]
        taken[axis] = range(low - part.start, high - part.start)
        cut = (*target[:axis], slice(low, high), *target[axis + 1 :])
        yield Placement(strided.take_positions(piece, taken), cut, None)


def _thin_out(piece: Piece, task: Task, target: tuple[slice, ...]) -> Placement[Any] | None:
    """Keep only the shown positions of a piece; ``None`` if none is shown."""
    targets: list[slice] = []
    taken: list[range] = []
    positions_per_axis = cast("Sequence[slice | None]", task.window_positions)
    for positions, part, size in zip(positions_per_axis, target, task.shape, strict=True):
        shown = range(size)[positions or slice(None)]
        target_items, piece_positions = _items_within(shown, part.start, part.stop)
        if not piece_positions:  # the step passes over this piece
            return None
        targets.append(target_items)
        taken.append(piece_positions)
    if isinstance(piece, Strided):
        # Raw pixels have strides: every second row is another shape of the same bytes.
        return Placement(strided.take_positions(piece, taken), tuple(targets), None)
    source_slices: list[slice] = []
    for start, piece_positions in zip(piece.selection.source_start, taken, strict=True):
        stop = start + piece_positions.stop
        # Backwards to position 0 a range stops at -1, which a slice would count from the end.
        source_slices.append(
            slice(start + piece_positions.start, stop if stop >= 0 else None, piece_positions.step)
        )
    return Placement(piece, tuple(targets), tuple(source_slices))


def _items_within(run: range, low: int, high: int) -> tuple[slice, range]:
    """Return the items of an even run in ``low .. high - 1``, and their positions less ``low``."""
    if run.step > 0:
        begin = bisect.bisect_left(run, low)
        end = bisect.bisect_left(run, high)
    else:
        # A run downwards is sorted by its negative values; the bounds change places with it.
        begin = bisect.bisect_left(run, 1 - high, key=operator.neg)
        end = bisect.bisect_left(run, 1 - low, key=operator.neg)
    part = run[begin:end]
    return slice(begin, end), range(part.start - low, part.stop - low, part.step)
