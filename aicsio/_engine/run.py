"""Runs a plan on a few threads. Every format reads through here.

Rule kept here: blocks run in parallel, the pieces of one block in order. No threads, no open file
and no buffer outlive a call.
"""

import functools
import itertools
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs
from aicsio._engine import aligned, completing, in_memory, memory, single
from aicsio._engine.fresh_pages import FreshPages
from aicsio._engine.placements import Placement, Worker, is_remote
from aicsio._engine.placing import place
from aicsio._engine.plan import Task, placements, tasks
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.records import Deferred, Encoded, Keyed, LazyArray, Piece, Strided

Array: TypeAlias = npt.NDArray[Any]
B = TypeVar("B")
Progress: TypeAlias = Callable[[int, int], object]
"""Takes bytes done and bytes in total."""

MOST_WORKERS = REMOTE_WORKERS = 8
"""Threads at most: disks and memory are saturated by fewer; those for remote sources wait and need no core."""
SMALL = 1 << 20
"""Fewer bytes than this are read without threads: starting two takes 86 us, copying 1 MiB 12 us."""
BATCH = 1 << 20
"""Small blocks are taken together up to this many bytes of pixels, so that threads seldom meet."""
REMOTE_BATCH = 8 << 20
"""The same for remote sources, whose requests should be large."""
LEAST_REMOTE = 4 << 20
"""Bytes of a remote batch at least: one plane is one request, not one per thread."""
RECYCLED = 32 << 20
"""Memory up to this size comes from the allocator and may have been used before; larger memory
comes from the system, filled with zeros (``M_MMAP_THRESHOLD`` of glibc grows to 32 MiB)."""


@attrs.define
class Target:
    """The output of one read. Not a record: it lives for one read."""

    array: LazyArray
    """The array that is shown."""
    out: Array
    """The output, with the axes of the stored array."""
    zero_filled: bool
    """Whether it holds zeros; if not, they are written where pieces may leave gaps."""
    pages: FreshPages | None = None
    """Its pages, if it is fresh and its blocks are large."""


def read(array: LazyArray, workers: int | None = None, progress: Progress | None = None) -> Array:
    """Read the pixels that the array shows into a fresh array.

    Parameters
    ----------
    array
        The array to read. A dask array of the caller is computed in one go, by dask.
    workers
        Threads; ``None`` for one per core, up to ``MOST_WORKERS``.
    progress
        Called with the bytes that are done and their total, in one thread at a time.

    Returns
    -------
    numpy.ndarray
        Shape and type of ``array``.

    Raises
    ------
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    ImageTooLargeError
        When the pixels do not fit into the free memory.
    SourceError
        When the bytes cannot be read.
    """
    graph = in_memory.as_dask(array)
    if graph is not None:
        return in_memory.compute(graph, array)
    array = completing.complete(array)
    run = single.find_run(array)
    if run is not None and (small := single.read_small(run, array)) is not None:
        return small
    # The file stays open between looking for its bytes and reading them.
    with readers.session():
        out, zero_filled = allocate(array)
        if out.size:
            # Large memory that holds zeros comes from the system, which hands out its pages one by one.
            pages = FreshPages(out) if zero_filled else None
            if run is not None:
                single.fill(run, out, pages)
            else:
                _read_blocks(array, out, workers, progress, pages, zero_filled=zero_filled)
    return out


def allocate(array: LazyArray) -> tuple[Array, bool]:
    """Return memory for the pixels that the array shows, and whether it holds zeros.

    Raises
    ------
    ImageTooLargeError
        When not enough memory is free.
    """
    # A view counts its positions each time it is asked for its shape.
    shape = array.shape
    nbytes = math.prod(shape) * array.dtype.itemsize
    memory.require(nbytes, array)
    # Zeros that come with the memory cost nothing. Other memory is zeroed only where no piece is
    # sure to cover it.
    zero_filled = nbytes > RECYCLED
    offset = aligned.find_offset(array) if nbytes >= aligned.WORTHWHILE else None
    try:
        out = aligned.make_array(shape, array.dtype, offset, zero_filled=zero_filled)
    except (MemoryError, ValueError) as error:  # ValueError: more bytes than an address can count
        raise memory.too_large(array, "this process cannot get as many") from error
    return out, zero_filled


def read_into(
    array: LazyArray,
    out: Array,
    workers: int | None = None,
    *,
    zero_filled: bool = False,
    progress: Progress | None = None,
    pages: FreshPages | None = None,
) -> None:
    """Read the pixels that the array shows into ``out``.

    Parameters
    ----------
    array
        The array to read.
    out
        Memory of its shape and type.
    workers
        Threads; ``None`` for one per core, up to ``MOST_WORKERS``.
    zero_filled
        Whether ``out`` holds zeros.
    progress
        Called with the bytes that are done and their total, in one thread at a time.
    pages
        Those of a contiguous result that holds ``out`` and was not written to since it came from the
        system, except by reads that know these pages.

    Raises
    ------
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    SourceError
        When the bytes cannot be read.
    """
    array = completing.complete(array)
    run = single.find_run(array) if out.flags.c_contiguous else None
    if run is not None:
        single.fill(run, out, pages)
    else:
        _read_blocks(array, out, workers, progress, pages, zero_filled=zero_filled)


def _read_blocks(
    array: LazyArray, out: Array, workers: int | None, progress: Progress | None, pages: FreshPages | None,
    *, zero_filled: bool,
) -> None:  # fmt: skip
    # A dtype of objects would read bytes of a file as addresses of Python objects.
    if array.dtype.hasobject:
        raise CorruptFileError("pixels cannot be Python objects")
    target = Target(array, with_stored_axes(array, out), zero_filled)
    plan = tasks(array)
    with readers.session():
        # One block needs no threads, and a plan of it no batches.
        first = list(itertools.islice(plan, 2))
        if pages is not None and pages.are_worthwhile(_example(target, first[0])):
            target.pages = pages
        if len(first) == 1:
            run_batches(functools.partial(_run_batch, target), iter([first]), 1)
            return
        sample = next(iter(array.layout.pieces(first[0].block, first[0].window)), None)
        remote = sample is not None and is_remote(sample)
        count = choose_worker_count(array.nbytes, workers, sample, remote=remote)
        batch_bytes = _batch_bytes(array.nbytes, count, remote=remote)
        batches = _batches(itertools.chain(first, plan), array.dtype.itemsize, batch_bytes)
        if progress is not None:
            batches = _report(batches, array, progress)
        run_batches(functools.partial(_run_batch, target), batches, count)


def choose_worker_count(
    nbytes: int, requested: int | None, sample: Piece | None, *, remote: bool
) -> int:
    """Return the threads for a read of ``nbytes`` whose first piece is ``sample``."""
    if nbytes < SMALL:
        return 1  # even if more are requested: they would not finish sooner
    if requested:
        return requested
    if not remote:
        return min(MOST_WORKERS, os.cpu_count() or 1)
    many = isinstance(sample, Strided | Encoded | Keyed | Deferred) and readers.serves_many(
        sample.source
    )
    return REMOTE_WORKERS if many else 1


def _batch_bytes(nbytes: int, workers: int, *, remote: bool) -> int:
    """Return the size of a batch: large for requests, else small, so that no thread ends last."""
    if remote:
        # One batch is one list of ranges, which the reader joins to few requests.
        return min(REMOTE_BATCH, max(nbytes // workers, LEAST_REMOTE))
    return min(BATCH, nbytes // (4 * workers))


def _batches(plan: Iterable[Task], itemsize: int, most: int) -> Iterator[list[Task]]:
    """Take small tasks together."""
    batch: list[Task] = []
    nbytes = 0
    for task in plan:
        batch.append(task)
        nbytes += math.prod(task.shape) * itemsize
        if nbytes >= most:
            yield batch
            batch, nbytes = [], 0
    if batch:
        yield batch


def _report(
    batches: Iterable[list[Task]], array: LazyArray, progress: Progress
) -> Iterator[list[Task]]:
    """Report the batches that were taken before each one; the last threads may still work on theirs."""
    done, total = 0, array.nbytes
    for batch in batches:
        progress(min(done, total), total)
        yield batch
        done += sum(math.prod(task.shape) for task in batch) * array.dtype.itemsize
    progress(total, total)


def with_stored_axes(array: LazyArray, out: Array, lead: int = 0) -> Array:
    """Show ``out`` with the axes of the stored array; axes that the view drops have length 1.

    ``lead`` axes in front of those of the view stay there.
    """
    view = array.view
    kept = [axis for axis in view.axes if axis >= 0]
    before = (slice(None),) * lead
    # With the ellipsis it stays a view if every axis is an added one; else numpy copies a scalar.
    shown = out[(*before, *(0 if axis < 0 else slice(None) for axis in view.axes), ...)]
    order = [lead + kept.index(axis) for axis in sorted(kept)]
    ordered = shown.transpose([*range(lead), *order])
    added = tuple(slice(None) if axis in kept else None for axis in range(len(view.picks)))
    return ordered[(*before, *added)]


def _read_nested(array: LazyArray) -> Array:
    """Read the array of a nested piece: on this thread alone, since the outer read has its own."""
    return read(array, 1)


def _read_deferred(array: LazyArray, out: Array, scratch: _codecs.Scratch) -> None:
    """Read the array of a deferred piece to its place, on this thread and through its buffers."""
    target = Target(array, with_stored_axes(array, out), zero_filled=False)
    with readers.one_reader_at_a_time() as reader_of:
        worker = Worker(scratch, reader_of, _read_nested, _read_deferred)
        for task in tasks(array):
            _run_batch(target, [task], worker)


def run_batches(
    work: Callable[[B, Worker], None],
    batches: Iterator[B],
    count: int,
    *,
    call_nbytes: int = 0,
) -> None:
    """Let threads take batches, and work on each with buffers and a reader of their own.

    Parameters
    ----------
    work
        Executes one batch.
    batches
        Made lazily, by one thread at a time.
    count
        Threads; with 1 the caller's own does the work.
    call_nbytes
        See ``Worker``.
    """

    def run(taken: Iterator[B]) -> None:
        with readers.one_reader_at_a_time() as reader_of:
            worker = Worker(_codecs.Scratch(), reader_of, _read_nested, _read_deferred, call_nbytes)
            for batch in taken:
                work(batch, worker)

    if count == 1:
        run(batches)
    else:
        _run_parallel(run, batches, count)


def _run_parallel(run: Callable[[Iterator[B]], None], batches: Iterator[B], count: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    # Threads take batches from one generator, which two may not run at once.
    lock, failed = threading.Lock(), threading.Event()

    def take() -> Iterator[B]:
        while not failed.is_set():
            with lock:
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def work() -> None:
        try:
            run(take())
        except BaseException:
            failed.set()  # the other threads stop after their batch: the result is lost anyway
            raise

    with ThreadPoolExecutor(count, thread_name_prefix="aicsio") as pool:
        try:
            for future in [pool.submit(work) for _ in range(count)]:
                future.result()
        finally:
            # After a KeyboardInterrupt, too, the threads finish their batch and not the plan.
            failed.set()


def _run_batch(target: Target, batch: Sequence[Task], worker: Worker) -> None:
    """Read the blocks of a batch; neighbouring pieces of one kind together."""
    array, out = target.array, target.out
    todo: list[tuple[Placement[Any], Array]] = []
    scattered: list[tuple[Task, Array]] = []
    for task in batch:
        if task.scattered:
            window = np.zeros(task.shape, array.dtype)
            if target.pages is not None:
                target.pages.touch(out)
            scattered.append((task, window))
            todo += [(placement, window[placement.target]) for placement in placements(array, task)]
            continue
        part = _part(target, task)
        in_block = [(placement, part[placement.target]) for placement in placements(array, task)]
        if not target.zero_filled and not _covers(in_block, part):
            part[...] = 0
        if target.pages is not None and in_block:
            target.pages.touch(part)
        todo += in_block
    place(todo, worker)
    for task, window in scattered:
        shown = [
            slice(None) if positions is None else positions
            for positions in task.window_positions or (None,) * window.ndim
        ]
        out[_grid(task.target, out.shape)] = window[_grid(shown, window.shape)]


def _example(target: Target, task: Task) -> Array:
    """Return a part of the output as large as a task, or all of it if the task is scattered."""
    return target.out if task.scattered else _part(target, task)


def _part(target: Target, task: Task) -> Array:
    """Return the part of the output that a task fills, if it is not scattered."""
    return target.out[cast("tuple[slice, ...]", task.target)]


def _covers(in_block: Sequence[tuple[Placement[Any], Array]], part: Array) -> bool:
    """Whether a single piece fills the block, and so leaves no gap to zero."""
    if len(in_block) != 1 or in_block[0][1].shape != part.shape:
        return False
    piece = in_block[0][0].piece
    return not (isinstance(piece, Encoded) and piece.partial)


def _grid(parts: Sequence[slice | tuple[int, ...]], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Index each axis on its own, where numpy would pair the positions of several sequences."""
    # Rows are copied whole if one axis is uneven: a third of the time of an index for each pixel.
    if sum(isinstance(part, tuple) for part in parts) <= 1:
        return tuple(parts)
    positions: list[Sequence[int]] = []
    for part, size in zip(parts, shape, strict=True):
        positions.append(range(size)[part] if isinstance(part, slice) else part)
    return np.ix_(*positions)
