"""Finds the pieces of an array whose bytes are missing or do not decode.

Rule kept here: one bad piece never hides the next. A block is placed at once, as a read does; only
where that fails are its pieces tried one by one.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import attrs
import numpy as np

from aicsio._codecs import strict
from aicsio._engine import deferred, fetching, keyed, placing
from aicsio._engine.completing import complete
from aicsio._engine.placements import Placement, Worker, check_inside, is_remote
from aicsio._engine.plan import Task, placements, tasks
from aicsio._engine.run import run_batches
from aicsio._io import readers, stores
from aicsio.errors import AicsioError, CorruptFileError
from aicsio.records import Deferred, Encoded, Keyed, LazyArray, Nested, Strided

LARGEST_WINDOW: Final = 64 << 20
"""Bytes of pixels that are decoded at once: larger blocks of raw pixels are read in bands of rows."""

MOST_PLANES: Final = 10_000_000
"""Planes of an array of which blank ones are looked for: a damaged table may claim any number."""


@attrs.frozen(eq=False)
class LostPixels:
    """Pixels of an array that cannot be read. Not a record: it lives for one check."""

    positions: tuple[range, ...]
    """Along each stored axis."""
    error: AicsioError
    """The reason."""


def find_lost(
    array: LazyArray,
    *,
    deep: bool,
    workers: int | None = None,
    report: Callable[[int], object] | None = None,
) -> Iterator[LostPixels]:
    """Yield the parts of an array that cannot be read.

    Parameters
    ----------
    array
        An array as stored, seen through no view.
    deep
        Whether everything is read and decoded; if not, only places and headers are checked.
    workers
        Threads; ``None`` for one per core.
    report
        Called with the bytes of pixels that are taken next, in one thread at a time.

    Yields
    ------
    LostPixels
        In no particular order.
    """
    array = complete(array)
    plan = _plan(array, report)
    count = workers or os.cpu_count() or 1
    if not deep or array.nbytes < LARGEST_WINDOW:
        count = 1  # places are looked up under one lock of Python, and little needs no threads
    found: list[LostPixels] = []

    def work(task: Task, worker: Worker) -> None:
        found.extend(_check_task(array, task, worker, deep=deep))

    with readers.session():
        run_batches(work, plan, count)
    yield from found


def find_blank(array: LazyArray) -> Iterator[tuple[range, ...]]:
    """Yield the planes of an array of which no pixel lies in the file.

    They read as the fill value. In a sparse image that is how it was made; where opening found a loss,
    it is what the loss took away.

    Parameters
    ----------
    array
        An array as stored, seen through no view.

    Yields
    ------
    tuple of range
        Positions of a plane along each stored axis.
    """
    array = complete(array)
    stored = array.stored
    axes = [axis for axis, letter in enumerate(stored.order) if letter not in "YXS"]
    shape = [stored.shape[axis] for axis in axes]
    if math.prod(shape) > MOST_PLANES:
        return
    present = np.zeros(shape, bool)
    with readers.session():
        for task in tasks(array):
            # What cannot be looked up is there, but damaged; find_lost reports it.
            with contextlib.suppress(AicsioError):
                for placement in placements(array, task):
                    held = _positions(array, task, placement.target)
                    present[tuple(slice(held[axis].start, held[axis].stop) for axis in axes)] = True
    # A piece that shows any pixel of a plane makes the plane present.
    for place in np.argwhere(~present):
        positions = [range(size) for size in stored.shape]
        for axis, index in zip(axes, place.tolist(), strict=True):
            positions[axis] = range(index, index + 1)
        yield tuple(positions)


def _plan(array: LazyArray, report: Callable[[int], object] | None) -> Iterator[Task]:
    for task in tasks(array):
        for part in _bands(array, task):
            if report is not None:
                report(math.prod(part.shape) * array.dtype.itemsize)
            yield part


def _bands(array: LazyArray, task: Task) -> Iterator[Task]:
    """Cut the window of a large block into bands along its first long axis."""
    sizes = task.shape
    nbytes = math.prod(sizes) * array.dtype.itemsize
    axis = next((axis for axis, size in enumerate(sizes) if size > 1), None)
    if nbytes <= LARGEST_WINDOW or axis is None:
        yield task
        return
    # Positions of a band that stay within the limit.
    step = max(1, sizes[axis] * LARGEST_WINDOW // nbytes)
    window = task.window[axis]
    for start in range(window.start, window.stop, step):
        part = slice(start, min(start + step, window.stop))
        yield attrs.evolve(task, window=(*task.window[:axis], part, *task.window[axis + 1 :]))


def _check_task(
    array: LazyArray, task: Task, worker: Worker, *, deep: bool
) -> Iterator[LostPixels]:
    """Check one window of one block, as a whole and then by pieces."""
    try:
        placed = list(placements(array, task))
    except AicsioError as error:
        everything = tuple(slice(0, size) for size in task.shape)
        yield LostPixels(_positions(array, task, everything), error)
        return
    if not placed:
        return
    try:
        _check_pieces(array, task, placed, worker, deep=deep)
    except AicsioError as error:
        if len(placed) == 1:
            yield from _locate(array, task, placed[0].target, error, worker, deep=deep)
            return
    else:
        return
    # A second plan: the first one's placements may have been resolved before it failed.
    for placement in placements(array, task):
        try:
            _check_pieces(array, task, [placement], worker, deep=deep)
        except AicsioError as error:
            yield LostPixels(_positions(array, task, placement.target), error)


def _locate(
    array: LazyArray,
    task: Task,
    target: tuple[slice, ...],
    error: AicsioError,
    worker: Worker,
    *,
    deep: bool,
) -> Iterator[LostPixels]:
    """Yield the planes of a piece of raw pixels that are lost: a cut file may hold the first ones."""
    planes = [letter not in "YXS" for letter in array.stored.order]
    many = (axis for axis, size in enumerate(task.shape) if size > 1 and planes[axis])
    axis = next(many, None)
    piece = next(iter(array.layout.pieces(task.block, task.window)))
    if axis is None or not isinstance(piece, Strided):
        yield LostPixels(_positions(array, task, target), error)
        return
    window = task.window[axis]
    for position in range(window.start, window.stop):
        part = slice(position, position + 1)
        single = attrs.evolve(task, window=(*task.window[:axis], part, *task.window[axis + 1 :]))
        yield from _check_task(array, single, worker, deep=deep)


def _positions(array: LazyArray, task: Task, target: tuple[slice, ...]) -> tuple[range, ...]:
    """Return the stored positions of a part of a window."""
    blocks = zip(task.block, array.layout.block_shape, task.window, target, strict=True)
    positions = []
    for index, size, window, part in blocks:
        first = index * size + window.start
        positions.append(range(first + part.start, first + part.stop))
    return tuple(positions)


def _check_pieces(
    array: LazyArray, task: Task, placed: Sequence[Placement[Any]], worker: Worker, *, deep: bool
) -> None:
    """Raise the error of the first piece that cannot be read."""
    for placement in placed:
        if isinstance(placement.piece, Deferred):
            _check_file(placement.piece, deep=deep)
    if not deep:
        for placement in placed:
            _check_place(placement.piece, worker)
        return
    window = np.empty(task.shape, array.dtype)
    placing.place([(each, window[each.target]) for each in placed], worker)
    last = _is_last(array, task)
    for placement in placed:
        _follow(placement, worker, last=last)


def _is_last(array: LazyArray, task: Task) -> bool:
    """Whether a block has the last rows of the array."""
    axis = array.stored.order.find("Y")
    end = (task.block[axis] + 1) * array.layout.block_shape[axis]
    return axis < 0 or end >= array.stored.shape[axis]


def _follow(placement: Placement[Any], worker: Worker, *, last: bool) -> None:
    """Raise where no encoder writes the bytes of a piece, over which decoders pass."""
    piece = placement.piece
    inner: LazyArray | None = None
    if isinstance(piece, Keyed) and strict.is_followed(piece.codecs) and not is_remote(piece):
        _follow_chunk(piece, last=last)
    elif isinstance(piece, Encoded) and strict.is_followed(piece.codecs) and not is_remote(piece):
        if piece.header is not None:
            piece = placing.resolve_header(piece, piece.header, worker)
        data = worker.reader_of(piece.source).read(piece.offset, piece.nbytes)
        fault = strict.find_fault(piece.codecs, data, piece.shape, piece.dtype, last=last)
        if fault is not None:
            raise CorruptFileError.at(piece.source.uri, piece.offset, fault)
    elif isinstance(piece, Nested):
        inner = piece.array
    elif isinstance(piece, Deferred):
        opened = deferred.open_array(piece)
        inner = None if opened is None else placing.part_of(opened, placement)
    if inner is not None:
        for task in tasks(inner):
            for each in placements(inner, task):
                _follow(each, worker, last=_is_last(inner, task))


def _follow_chunk(piece: Keyed, *, last: bool) -> None:
    """Follow the chunk of a store, where it is there; those of shards were resolved to their bytes."""
    if piece.shard is not None:
        return
    for value in keyed.read_chunks([piece]):
        if value is None:
            continue
        fault = strict.find_fault(piece.codecs, value, piece.shape, piece.dtype, last=last)
        if fault is not None:
            raise CorruptFileError.at(f"{piece.source.uri}/{piece.key}", None, fault)


def _check_file(piece: Deferred, *, deep: bool) -> None:
    """Raise unless the file of a piece is there, and its pixels in it."""
    opened = deferred.open_array(piece)
    if opened is None:
        raise CorruptFileError(f"{piece.source.uri}: the file {piece.key!r} is missing")
    if not deep:
        for lost in find_lost(opened, deep=False, workers=1):
            raise lost.error


def _check_place(piece: Any, worker: Worker) -> None:
    """Raise unless the bytes of a piece are where they should be; nothing is decoded."""
    if isinstance(piece, Nested):
        for lost in find_lost(piece.array, deep=False, workers=1):
            raise lost.error
    elif isinstance(piece, Keyed):
        _check_key(piece)
    elif isinstance(piece, Strided | Encoded):
        # A local header is a small read, which shows where its pixels are; a remote one is a request.
        if piece.header is not None and piece.source.local:
            piece = placing.resolve_header(piece, piece.header, worker)
        for offset, nbytes in fetching.spans(piece):
            check_inside(piece.source, offset, nbytes)
        if piece.source.local:
            worker.reader_of(piece.source)  # raises where the file is missing or was changed


def _check_key(piece: Keyed) -> None:
    """Look a chunk of a store up: the table of its shard is read, and its checksum compared."""
    if piece.shard is not None:
        keyed.resolve_entry(piece, piece.shard, raw=False)
        return
    location = stores.locate(piece.source, piece.key, keyed.LARGEST_MEMBER)
    if location is not None and not piece.codecs:
        expected = math.prod(piece.shape) * piece.dtype.itemsize
        if location.nbytes != expected:
            message = f"expected a chunk of {expected} bytes, found {location.nbytes}"
            raise CorruptFileError.at(f"{piece.source.uri}/{piece.key}", None, message)
