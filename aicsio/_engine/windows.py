"""Plans and reads many windows at once: a compressed piece that several windows share is decoded once.

``read_windows`` is the entry: ``boxes`` reads them where the layout plans all at once, else they are
read here. The parts of all windows are sorted by stored block. The pieces of a block are jobs: a piece, and the
places that its pixels go to. Threads take jobs in batches, in the order of the blocks.

Rule kept here: jobs write to disjoint memory, so they run in any order. Where pieces overlap, as the
tiles of a mosaic do, the hidden pixels of earlier pieces are cut off by the plan.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from aicsio._dims import views
from aicsio._engine import cover
from aicsio._engine.boxes import (
    CALL_NBYTES,
    LOCAL_BATCH,
    MOST_PARTS,
    Boxes,
    read_boxes,
)
from aicsio._engine.completing import complete
from aicsio._engine.placements import Array, Placement, Worker, is_remote
from aicsio._engine.placing import place
from aicsio._engine.plan import Task, placements, tasks
from aicsio._engine.run import (
    REMOTE_BATCH,
    choose_worker_count,
    read_into,
    run_batches,
    with_stored_axes,
)
from aicsio._io import readers
from aicsio.records import Computed, Encoded, Keyed, LazyArray, Nested, Piece
from aicsio.records.boxes import Integers

Window: TypeAlias = tuple[LazyArray, Array]
"""What is shown, and memory of its shape and type."""
Cut: TypeAlias = tuple[tuple[slice, ...], Array]
"""Positions of the shown array, and their memory."""
Shared: TypeAlias = Encoded | Keyed | Computed
"""Pieces that cost the same for any part of their pixels."""


@attrs.frozen(eq=False)
class Cuts:
    """Windows of the shown array as columns, a row each. Not a record: they live for one read."""

    axes: tuple[int, ...]
    """Axes that the windows cut."""
    out: Array
    """Memory of all windows of the call."""
    number: Integers
    """Index of each window along its first axis."""
    low: Integers
    """First positions in the image, shape (windows, ``axes``)."""
    high: Integers
    """One past the last positions, likewise."""
    place: Integers
    """First position in the memory of the window, likewise."""

    def each(self, shape: tuple[int, ...]) -> Iterator[Cut]:
        """Yield the windows of an array of some shape."""
        whole = [slice(0, size) for size in shape]
        for number, low, high, first in zip(
            self.number.tolist(),
            self.low.tolist(),
            self.high.tolist(),
            self.place.tolist(),
            strict=True,
        ):
            window, target = list(whole), [slice(None)] * len(shape)
            for axis, start, stop, at in zip(self.axes, low, high, first, strict=True):
                window[axis] = slice(start, stop)
                target[axis] = slice(at, at + stop - start)
            yield tuple(window), self.out[number][tuple(target)]


@attrs.define
class _Share:
    """The share of a window that one block supplies. Not a record: it lives for one read."""

    array: LazyArray
    """The window."""
    task: Task
    """Its part of the block."""
    out: Array
    """Memory of the part, with the stored axes."""


@attrs.define
class _Job:
    """One piece and all its uses. Not a record: it lives for one read."""

    piece: Piece
    """The piece to read."""
    uses: list[tuple[Placement[Any], Array]]
    """Which of its pixels go where."""
    ordered: bool = False
    """Whether ``uses`` are of several pieces that cover each other, and are placed in order."""


def read_windows(
    array: LazyArray, cuts: Cuts, workers: int | None = None, *, zero_filled: bool = False
) -> None:
    """Read windows of one array, each into its memory.

    Parameters
    ----------
    array
        What is shown.
    cuts
        The windows, best in the order of the stored blocks; they may overlap, their memory may not.
    workers
        Threads; ``None`` for one per core, up to 8.
    zero_filled
        Whether the memory holds zeros.

    Raises
    ------
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    SourceError
        When the bytes cannot be read.
    """
    array = complete(array)
    with readers.session():
        boxes, done = _as_boxes(array, cuts), 0
        if boxes is not None:
            done = read_boxes(array, boxes, workers, zero_filled=zero_filled)
        # Windows that could not be planned by columns are read one by one.
        windows = itertools.islice(cuts.each(array.shape), done, None)
        remaining = ((views.narrow(array, window), memory) for window, memory in windows)
        while parts := _take_parts(remaining, workers):
            # `groupby` joins neighbours only: parts of one block have to follow each other.
            parts.sort(key=lambda part: part.task.block)
            jobs = _jobs(parts, zero_filled=zero_filled)
            first = next(jobs, None)
            if first is None:
                continue
            remote = is_remote(first.piece)
            nbytes = sum(part.out.nbytes for part in parts)
            count = choose_worker_count(nbytes, workers, first.piece, remote=remote)
            most = REMOTE_BATCH if remote else LOCAL_BATCH
            batches = _batches(itertools.chain([first], jobs), most)
            run_batches(_run_batch, batches, count, call_nbytes=CALL_NBYTES)


def _as_boxes(array: LazyArray, cuts: Cuts) -> Boxes | None:
    """Show windows as boxes of the stored array; ``None`` if the view steps, or an added axis is cut."""
    view = array.view
    shape = (len(cuts.number), len(view.picks))
    starts, stops, place = (
        np.zeros(shape, np.int64),
        np.ones(shape, np.int64),
        np.zeros(shape, np.int64),
    )
    for axis, pick in enumerate(view.picks):
        if isinstance(pick, tuple) or (isinstance(pick, range) and pick.step != 1):
            return None
        first = pick if isinstance(pick, int) else pick.start
        starts[:, axis], stops[:, axis] = first, first + (1 if isinstance(pick, int) else len(pick))
    for column, axis in enumerate(cuts.axes):
        stored = view.axes[axis]
        if stored < 0:
            return None
        stops[:, stored] = starts[:, stored] + cuts.high[:, column]
        starts[:, stored] += cuts.low[:, column]
        place[:, stored] = cuts.place[:, column]
    # The first axis of the memory counts windows: it is no axis of the image.
    memory = with_stored_axes(array, cuts.out, lead=1)
    return Boxes(starts, stops, memory, cuts.number, place)


def _take_parts(windows: Iterator[Window], workers: int | None) -> list[_Share]:
    """Cut the next windows into parts, up to ``MOST_PARTS`` or one window more."""
    parts: list[_Share] = []
    for array, memory in windows:
        if _is_uneven(array):
            # Uneven positions need a buffer per block, which a read of its own has.
            read_into(array, memory, workers)
            continue
        stored = with_stored_axes(array, memory)
        for task in tasks(array):
            target: Any = task.target  # slices alone, since no pick is uneven
            parts.append(_Share(array, task, stored[target]))
        if len(parts) >= MOST_PARTS:
            break
    return parts


def _is_uneven(array: LazyArray) -> bool:
    """Whether some axis shows uneven positions, so that tasks may be scattered."""
    return any(isinstance(pick, tuple) for pick in array.view.picks)


# ---------------------------------------------------------------- jobs


def _jobs(parts: Sequence[_Share], *, zero_filled: bool) -> Iterator[_Job]:
    """Yield each piece of sorted parts once, block by block."""
    # A tile of a mosaic may reach into other blocks, whose windows use it too: it comes last.
    reaching: dict[object, _Job] = {}
    for _, group in itertools.groupby(parts, key=lambda part: part.task.block):
        inside: dict[object, _Job] = {}
        for part in group:
            yield from _sort_uses(part, inside, reaching, zero_filled=zero_filled)
        yield from inside.values()
    yield from reaching.values()


def _sort_uses(
    part: _Share, inside: dict[object, _Job], reaching: dict[object, _Job], *, zero_filled: bool
) -> Iterator[_Job]:
    """Enter the pieces of a part into the jobs; yield those that no other part shares."""
    todo = [(each, part.out[each.target]) for each in placements(part.array, part.task)]
    shown, complete = cover.visible(todo, part.out)
    if not (complete or zero_filled):
        part.out[...] = 0
    if shown is None:
        # One job for all pieces, so that no two threads write to the part at once.
        yield _Job(todo[0][0].piece, todo, ordered=True)
        return
    for placement, dest in shown:
        piece = placement.piece
        if isinstance(piece, Nested):
            yield from _nested_jobs(placement, dest, reaching, zero_filled=zero_filled)
            continue
        key = _key(piece)
        if key is None:
            yield _Job(piece, [(placement, dest)])
            continue
        job = inside.get(key) or reaching.get(key)
        if job is not None:
            job.uses.append((placement, dest))
            continue
        jobs = reaching if _reaches_out(piece, part) else inside
        jobs[key] = _Job(piece, [(placement, dest)])


def _nested_jobs(
    placement: Placement[Nested], dest: Array, reaching: dict[object, _Job], *, zero_filled: bool
) -> Iterator[_Job]:
    """Plan the array of a nested piece in its place, so that its pieces are shared as well."""
    piece = placement.piece
    array, selection = piece.array, piece.selection
    whole = placement.taken is None and piece.shape == selection.shape == array.shape
    if not whole or _is_uneven(array):
        yield _Job(piece, [(placement, dest)])
        return
    stored = with_stored_axes(array, dest)
    for task in tasks(array):
        target: Any = task.target
        part = _Share(array, task, stored[target])
        yield from _sort_uses(part, reaching, reaching, zero_filled=zero_filled)


def _key(piece: Piece) -> object:
    """Return a value that pieces with the same pixels share; ``None`` for those read by windows."""
    # The sources of one layout are one object, and it lives as long as its pieces.
    if isinstance(piece, Encoded):
        header = None if piece.header is None else piece.header.offset
        return id(piece.source), piece.offset, header, piece.codecs
    if isinstance(piece, Keyed):
        return id(piece.source), piece.key, piece.entry
    if isinstance(piece, Computed):
        return piece.function, piece.arguments
    return None


def _reaches_out(piece: Shared, part: _Share) -> bool:
    """Whether a piece has pixels in other blocks than that of a part."""
    task, selection = part.task, piece.selection
    axes = zip(
        task.block,
        part.array.layout.block_shape,
        part.array.stored.shape,
        task.window,
        selection.target_start,
        selection.source_start,
        piece.shape,
        strict=True,
    )
    for block, size, total, window, target, source, length in axes:
        # Where the whole piece begins, counted from the start of the block.
        start = window.start + target - source
        # Tiles at the edge of the image are as large as others, and reach into no block.
        if (start < 0 and block) or (start + length > size and (block + 1) * size < total):
            return True
    return False


# ---------------------------------------------------------------- batches


def _batches(jobs: Iterable[_Job], most: int) -> Iterator[list[_Job]]:
    batch: list[_Job] = []
    nbytes = 0
    for job in jobs:
        batch.append(job)
        nbytes += _nbytes(job)
        if nbytes >= most:
            yield batch
            batch, nbytes = [], 0
    if batch:
        yield batch


def _nbytes(job: _Job) -> int:
    """Return the bytes that a job decodes or copies."""
    if isinstance(job.piece, Encoded | Keyed | Computed):
        return math.prod(job.piece.shape) * job.piece.dtype.itemsize
    return sum(dest.nbytes for _, dest in job.uses)


def _run_batch(batch: Sequence[_Job], worker: Worker) -> None:
    todo: list[tuple[Placement[Any], Array]] = []
    for job in batch:
        if job.ordered or len(job.uses) == 1:
            todo += job.uses
            continue
        (first, dest), *others = job.uses
        shared = [(placement.positions(), memory) for placement, memory in others]
        todo.append((Placement(first.piece, first.target, first.taken, shared), dest))
    place(todo, worker)
