"""Cuts a view into a plan of pieces and runs it on a few threads. Every format reads through here.

Rule kept here: blocks run in parallel, the pieces of one block in order. No threads, no open file and no buffer
outlive a call.
"""

import bisect
import itertools
import math
import operator
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs
from aicsio._dims import views
from aicsio._engine import strided
from aicsio._engine.placing import Job, Worker, is_remote, place
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.records import Encoded, LazyArray, Piece, Strided

Array: TypeAlias = npt.NDArray[Any]

MOST_WORKERS = 8
"""Disks and decoders gain little from more threads than this."""
REMOTE_WORKERS = 8
"""Threads that wait for a server need no core."""
SMALL = 1 << 20
"""Below this many bytes a thread costs more than it brings."""
BATCH = 1 << 20
"""Small blocks are taken together up to this many bytes of pixels: threads that meet often wait often."""
REMOTE_BATCH = 8 << 20
"""The same for remote sources, whose requests should be large."""
LEAST_REMOTE = 4 << 20
"""And this large at least: one plane is one request, not one for each thread."""
RECYCLED = 32 << 20
"""Memory up to this size may have been used before; larger pieces come from the system, filled with zeros."""


@attrs.define
class Task:
    """One block's share of a plan. Not a record: it lives for one read."""

    block: tuple[int, ...]
    """Grid index of the block."""
    window: tuple[slice, ...]
    """Part of the block that is needed."""
    inside: tuple[slice | tuple[int, ...] | None, ...] | None
    """What of the window is kept, per axis; ``None`` where all of it is, in order."""
    out: tuple[slice | tuple[int, ...], ...]
    """Where it goes in the output, per stored axis."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the window."""
        return tuple(part.stop - part.start for part in self.window)

    @property
    def scattered(self) -> bool:
        """Whether some axis takes or fills uneven positions, which only a window in between can serve."""
        return any(isinstance(part, tuple) for part in (*self.out, *(self.inside or ())))


@attrs.define
class Target:
    """What is read, and where to. Not a record: it lives for one read."""

    array: LazyArray
    """What is shown."""
    out: Array
    """The output, with the axes of the stored array."""
    blank: bool
    """Whether it holds zeros; else they are put where pieces may leave something free."""


# ---------------------------------------------------------------- plan


def tasks(array: LazyArray) -> Iterator[Task]:
    """Cut what the array shows into tasks, a block each."""
    blocks = array.layout.block_shape
    per_axis = [
        views.segments(pick, max(block, 1))
        for pick, block in zip(array.view.picks, blocks, strict=True)
    ]
    for parts in itertools.product(*per_axis):
        plain = all(part.inside is None for part in parts)
        yield Task(
            tuple(part.block for part in parts),
            tuple(slice(part.start, part.stop) for part in parts),
            None if plain else tuple(part.inside for part in parts),
            tuple(part.out for part in parts),
        )


def pieces(array: LazyArray) -> Iterator[Piece]:
    """Every piece that a read of the array touches, in order: what a request will cost."""
    for task in tasks(array):
        for job in _jobs(array, task):
            yield job.piece


def _jobs(array: LazyArray, task: Task) -> Iterator[Job[Any]]:
    """List the pieces of a task of which something is kept."""
    for piece in array.layout.pieces(task.block, task.window):
        place = tuple(map(slice, piece.place, map(operator.add, piece.place, piece.extent)))
        if task.inside is None:
            yield Job(piece, place, None)
        elif task.scattered:
            if all(map(_meets, task.inside, place, task.shape)):
                yield Job(piece, place, None)
        else:
            job = _thinned(piece, task, place)
            if job is not None:
                yield job


def _meets(inside: slice | tuple[int, ...] | None, place: slice, size: int) -> bool:
    """Whether something that is kept of a window lies in ``place``."""
    kept = inside if isinstance(inside, tuple) else range(size)[inside or slice(None)]
    return any(place.start <= position < place.stop for position in kept)


def _thinned(piece: Piece, task: Task, place: tuple[slice, ...]) -> Job[Any] | None:
    """Take of a piece only the positions that are kept; ``None`` where none is."""
    targets, taken = [], []
    for inside, part, size in zip(
        cast("Sequence[slice | None]", task.inside), place, task.shape, strict=True
    ):
        kept = range(size)[inside or slice(None)]
        target, positions = _within(kept, part.start, part.stop)
        if not positions:
            return None
        targets.append(target)
        taken.append(positions)
    if isinstance(piece, Strided):
        return Job(strided.thinned(piece, taken), tuple(targets), None)
    cut = (
        range(crop + part.start, crop + part.stop, part.step)
        for crop, part in zip(piece.crop, taken, strict=True)
    )
    return Job(
        piece,
        tuple(targets),
        tuple(slice(r.start, r.stop if r.stop >= 0 else None, r.step) for r in cut),
    )


def _within(kept: range, low: int, high: int) -> tuple[slice, range]:
    """Say which items of an even run lie in ``low .. high - 1``, and their positions counted from ``low``."""
    sign = 1 if kept.step > 0 else -1
    first, last = (low, high) if sign > 0 else (1 - high, 1 - low)
    begin, end = (
        bisect.bisect_left(kept, edge, key=lambda position: sign * position)
        for edge in (first, last)
    )
    part = kept[begin:end]
    return slice(begin, end), range(part.start - low, part.stop - low, part.step)


# ---------------------------------------------------------------- run


def read(array: LazyArray, workers: int | None = None) -> Array:
    """Read what the array shows into a fresh array.

    Parameters
    ----------
    array
        What to read.
    workers
        Threads; ``None`` for as many as there are cores, up to ``MOST_WORKERS``.

    Raises
    ------
    CorruptFileError, SourceError
    """
    out, blank = room(array)
    if array.size:
        read_into(array, out, workers, blank=blank)
    return out


def room(array: LazyArray) -> tuple[Array, bool]:
    """Return memory for what the array shows, and whether it holds zeros.

    Raises
    ------
    CorruptFileError
        When there is not enough.
    """
    # Zeros that come with the memory cost nothing; others are written only where no piece is sure to cover them.
    blank = array.nbytes > RECYCLED
    try:
        return (np.zeros if blank else np.empty)(array.shape, array.dtype), blank
    except (MemoryError, ValueError) as error:
        raise CorruptFileError(
            f"{array.dims} of {array.dtype} are {array.nbytes:,} bytes, more than this process can hold: "
            "pick a part with transpose_to, or read lazily with to_dask"
        ) from error


def read_into(
    array: LazyArray, out: Array, workers: int | None = None, *, blank: bool = False
) -> None:
    """Read what the array shows into ``out``, which has its shape and type; ``blank`` says that it holds zeros."""
    if array.dtype.hasobject:
        raise CorruptFileError("pixels cannot be Python objects")
    target = Target(array, _as_stored(array, out), blank)
    plan = tasks(array)
    with readers.session():
        first = list(itertools.islice(plan, 2))
        if len(first) == 1:
            _run(target, [first])
            return
        one = next(iter(array.layout.pieces(first[0].block, first[0].window)), None)
        far = one is not None and is_remote(one)
        count = workers or (_remote_workers(one) if far else min(MOST_WORKERS, os.cpu_count() or 1))
        if array.nbytes < SMALL:
            count = 1
        # A core that has done its share early takes more; a request is best large, and one for each thread.
        most = (
            min(REMOTE_BATCH, max(array.nbytes // count, LEAST_REMOTE))
            if far
            else min(BATCH, array.nbytes // (4 * count))
        )
        batches = _batches(itertools.chain(first, plan), array.dtype.itemsize, most)
        if count == 1:
            _run(target, batches)
        else:
            _run_parallel(target, batches, count)


def _remote_workers(piece: Piece | None) -> int:
    return (
        REMOTE_WORKERS
        if isinstance(piece, Strided | Encoded) and readers.serves_many(piece.source)
        else 1
    )


def _batches(plan: Iterable[Task], itemsize: int, most: int) -> Iterator[list[Task]]:
    """Take small tasks together."""
    batch, nbytes = [], 0
    for task in plan:
        batch.append(task)
        nbytes += math.prod(task.shape) * itemsize
        if nbytes >= most:
            yield batch
            batch, nbytes = [], 0
    if batch:
        yield batch


def _as_stored(array: LazyArray, out: Array) -> Array:
    """Show ``out`` with the axes of the stored array; axes that the view drops have length 1."""
    view = array.view
    kept = [axis for axis in view.axes if axis >= 0]
    # The ellipsis keeps it a view where every axis is an added one; without it numpy would hand out a copied scalar.
    shown = out[(*(0 if axis < 0 else slice(None) for axis in view.axes), ...)]
    ordered = shown.transpose([kept.index(axis) for axis in sorted(kept)])
    return ordered[tuple(slice(None) if axis in kept else None for axis in range(len(view.picks)))]


def _run(target: Target, batches: Iterable[Sequence[Task]]) -> None:
    with readers.lend_in_turn() as reader_of:
        worker = Worker(_codecs.Scratch(), reader_of)
        for batch in batches:
            _do(target, batch, worker)


def _run_parallel(target: Target, batches: Iterator[Sequence[Task]], count: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    lock, failed = threading.Lock(), threading.Event()

    def take() -> Sequence[Task] | None:
        with lock:
            return None if failed.is_set() else next(batches, None)

    def work() -> None:
        try:
            _run(target, iter(take, None))
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(count, thread_name_prefix="aicsio") as pool:
        try:
            for future in [pool.submit(work) for _ in range(count)]:
                future.result()
        finally:
            # On the way out of a KeyboardInterrupt too: the threads then finish their batch, not the plan.
            failed.set()


def _do(target: Target, batch: Sequence[Task], worker: Worker) -> None:
    """Read the blocks of a batch; neighbouring pieces of one kind together."""
    array, out = target.array, target.out
    todo: list[tuple[Job[Any], Array]] = []
    windows: list[tuple[Task, Array]] = []
    for task in batch:
        if task.scattered:
            window = np.zeros(task.shape, array.dtype)
            windows.append((task, window))
            todo += [(job, window[job.place]) for job in _jobs(array, task)]
            continue
        part = out[cast("tuple[slice, ...]", task.out)]
        own = [(job, part[job.place]) for job in _jobs(array, task)]
        if not target.blank and not (len(own) == 1 and own[0][1].shape == part.shape):
            part[...] = 0
        todo += own
    place(todo, worker)
    for task, window in windows:
        kept = [
            slice(None) if part is None else part for part in task.inside or (None,) * window.ndim
        ]
        out[_grid(task.out, out.shape)] = window[_grid(kept, window.shape)]


def _grid(parts: Sequence[slice | tuple[int, ...]], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Index each axis on its own, where numpy would pair the positions of several sequences."""
    return np.ix_(
        *[
            range(n)[part] if isinstance(part, slice) else part
            for part, n in zip(parts, shape, strict=True)
        ]
    )
