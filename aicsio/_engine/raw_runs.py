"""Raw pixels position by position, through one small buffer that stays in the cache.

Of 512 MiB of raw planes, the bare read takes 26 ms of the processor into a buffer of 1 MiB, and 65 ms into
one of 8 MiB.

Rule kept here: a run is read as it is planned by ``strided``, with the same checks; where pixels do not lie
so, nothing is read and the caller reads in another way.
"""

import math
from collections.abc import Iterator, Sequence

from aicsio._engine import strided
from aicsio._engine.placements import Array, Worker, check_inside, is_remote
from aicsio._engine.placing import resolve_header
from aicsio._engine.plan import Task, placements, tasks
from aicsio.records import LazyArray, Source, Strided

Run = tuple[Source, int]
"""A file, and the byte in it with which one position begins."""
STEP_BYTES = 2 << 20
"""Pixels that are read at once."""

LEAST_RUN = 1 << 16
"""Bytes of a position from which on it is worth a call of its own."""


def find_runs(array: LazyArray, walked: Sequence[int], worker: Worker) -> list[Run] | None:
    """Find where the pixels of each position of some axes lie, if each is one run of bytes.

    Parameters
    ----------
    array
        What is shown.
    walked
        Its axes whose positions are visited one by one; the others are read whole at each.
    worker
        Reads the headers in front of pixels.

    Returns
    -------
    list or None
        In any order. ``None`` for pixels that are remote, compressed, missing, of another byte order, or
        that do not follow each other.
    """
    kept = [axis for number, axis in enumerate(array.view.axes) if number not in walked]
    # -1 is an axis of one position that the view adds.
    shown = [axis for axis in kept if axis >= 0]
    if shown != sorted(shown):
        return None
    shape = array.shape
    nbytes = array.dtype.itemsize * math.prod(
        size for number, size in enumerate(shape) if number not in walked
    )
    if nbytes < LEAST_RUN:
        return None
    found: list[Run] = []
    for task in tasks(array):
        runs = _runs_of_task(array, task, shown, worker)
        if runs is None:
            return None
        found += runs
    # Too few runs mean planes that the file lacks: the general way fills those with zeros.
    complete = len(found) == math.prod(shape[axis] for axis in walked)
    return found if complete else None


def _runs_of_task(
    array: LazyArray, task: Task, kept: Sequence[int], worker: Worker
) -> list[Run] | None:
    if task.window_positions is not None or task.scattered:
        return None
    todo = list(placements(array, task))
    if len(todo) != 1:
        return None
    piece = todo[0].piece
    if not isinstance(piece, Strided) or is_remote(piece) or piece.dtype != array.dtype:
        return None
    if piece.selection.shape != task.shape:
        return None
    if piece.header is not None:
        piece = resolve_header(piece, piece.header, worker)
        if not isinstance(piece, Strided):
            return None
    shape, strides, item = list(piece.selection.shape), piece.strides, piece.dtype.itemsize
    offsets = [strided.first_byte(piece)]
    for axis, size in enumerate(shape):
        # Each position of a visited axis begins a run of its own.
        if axis not in kept:
            offsets = [low + step * strides[axis] for low in offsets for step in range(size)]
            shape[axis] = 1
    if not strided.is_dense(tuple(shape), strides, item):
        return None
    nbytes = math.prod(shape) * item
    # All runs have one length: if the lowest and the highest lie in the file, so do the others.
    for low in (min(offsets), max(offsets)):
        check_inside(piece.source, low, nbytes)
    return [(piece.source, low) for low in offsets]


def read_runs(
    runs: Sequence[Run], shape: tuple[int, ...], array: LazyArray, worker: Worker
) -> Iterator[Array]:
    """Yield the pixels of some positions at a time, in memory that the next ones overwrite.

    Parameters
    ----------
    runs
        As ``find_runs`` returns them.
    shape
        Shape of the pixels of one position.
    array
        What is shown.
    worker
        Buffers and readers of this thread.
    """
    nbytes = math.prod(shape) * array.dtype.itemsize
    count = max(STEP_BYTES // nbytes, 1)
    buffer = worker.scratch.take("runs", min(count, len(runs)) * nbytes)
    for first in range(0, len(runs), count):
        group = runs[first : first + count]
        for number, (source, low) in enumerate(group):
            memory = buffer[number * nbytes : (number + 1) * nbytes]
            worker.reader_of(source).read_into(low, [memory.data])
        part = buffer[: len(group) * nbytes]
        yield part.view(array.dtype).reshape(len(group), *shape)
