"""Streams an image through a reduction, part by part, with buffers that are used again.

A result is cut into tiles. The pixels behind a tile are read in slabs, each of them whole stored blocks
where a part of a block would cost as much as the whole. Where there are few tiles, the slabs of one
are dealt to several stretches, whose partial results are merged in order.

Rule kept here: which slabs form a stretch depends on the image alone, so that the result is the same
for any number of threads; memory is bounded by tiles and slabs, whatever the size of the image.
"""

import functools
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import attrs
import numpy.typing as npt

from aicsio import _engine
from aicsio._codecs import Scratch
from aicsio._dims import views
from aicsio._engine.placements import Worker, is_remote
from aicsio._engine.raw_runs import STEP_BYTES, find_runs, read_runs
from aicsio._engine.run import choose_worker_count, run_batches
from aicsio._io import readers
from aicsio.arrays import chunks
from aicsio.records import LazyArray, Strided

Array: TypeAlias = npt.NDArray[Any]
Box: TypeAlias = tuple[slice, ...]
P = TypeVar("P")

SLAB_BYTES = 8 << 20
"""Pixels that are read at once. Of 512 MiB of raw planes, slabs of 1 MiB took 0.16 s to project, slabs of
8 MiB 0.12 s: partial results then travel seldom between the caches."""
TILE_BYTES = 1 << 19
"""Pixels of a tile at one position of the reduced axes: a slab then has several, which are reduced
before they meet the partial result."""
STRETCHES = 8
"""Parts of the reduced axes where there are fewer tiles than this, so that threads share the work."""
MOST_RUNS = 1 << 12
"""Positions whose runs are found by one call, which takes 0.15 ms: the runs take 0.1 kB each."""
STATE_BYTES = 64 << 20
"""Memory for the partial results of one tile: tiles and stretches are chosen below it where stored
blocks allow."""


@attrs.frozen(eq=False)
class Reduction(Generic[P]):
    """One way to reduce pixels. ``P`` is a partial result, such as sums and a count."""

    start: Callable[[tuple[int, ...]], P]
    """Partial result of no pixel yet, for the shape of a tile."""
    add: Callable[[P, Array, Scratch], P]
    """A partial result and a slab: an axis of reduced positions, then the tile. The partial result is
    changed in place; the memory of the slab is used again afterwards."""
    merge: Callable[[P, P], P]
    """Two partial results of neighbouring stretches."""
    state_nbytes: int
    """Bytes of a partial result for each pixel of the tile."""
    by_runs: bool = False
    """Whether few positions at a time are as good as many: raw pixels then come through a buffer that
    stays in the cache."""
    exact: bool = False
    """Whether slabs in any order give the same result: a thread then adds to what it began with an
    earlier stretch. Fresh memory for each of eight partial results of 2 MiB took 7 of 66 ms."""


@attrs.define
class _Stretch:
    """Some slabs of one tile. Not a record: it lives for one call."""

    tile: int
    """Number of the tile."""
    number: int
    """Number of the stretch within it."""
    count: int
    """Stretches of the tile."""
    slabs: Sequence[Box]
    """What is read, in order."""


@attrs.define
class _Partial(Generic[P]):
    """What is known of one tile. Not a record: it lives for one call."""

    results: dict[int, P] = attrs.field(factory=dict)
    """Partial results that no thread adds to, by the last stretch of each."""
    done: int = 0
    """Stretches in them or in those that threads add to."""


def reduce(
    array: LazyArray,
    letters: str,
    reduction: Reduction[P],
    finish: Callable[[Box, P], None],
    workers: int | None = None,
) -> None:
    """Reduce an array along some letters.

    Parameters
    ----------
    array
        What is reduced.
    letters
        Axes that vanish.
    reduction
        How.
    finish
        Called once for each tile of the result, by one thread at a time: its place in the result, of
        as many axes as remain, and its reduced pixels.
    workers
        Threads; ``None`` for one per core, up to 8.
    """
    kept = [axis for axis, letter in enumerate(array.view.letters) if letter not in letters]
    dropped = [axis for axis, letter in enumerate(array.view.letters) if letter in letters]
    sample = next(_engine.pieces(array), None)
    by_runs = reduction.by_runs and isinstance(sample, Strided)
    tiles, slabs = _cut(array, kept, dropped, reduction.state_nbytes, by_runs=by_runs)
    stretches = _stretches(array, (dropped, kept), tiles, slabs, reduction.state_nbytes)
    partial: dict[int, _Partial[P]] = {}
    lock = threading.Lock()

    def work(stretch: _Stretch, worker: Worker) -> None:
        with lock:
            tile = partial.setdefault(stretch.tile, _Partial())
            begun = tile.results.popitem()[1] if reduction.exact and tile.results else None
        if begun is None:
            box = stretch.slabs[0]
            begun = reduction.start(tuple(box[axis].stop - box[axis].start for axis in kept))
        result = _run(array, stretch, reduction, (dropped, kept), worker, begun)
        with lock:
            tile.results[stretch.number] = result
            tile.done += 1
            if tile.done < stretch.count:
                return
            del partial[stretch.tile]
            # Merged in order: sums of floats depend on it.
            ordered = [tile.results[number] for number in sorted(tile.results)]
            finish(tiles[stretch.tile], functools.reduce(reduction.merge, ordered))

    remote = sample is not None and is_remote(sample)
    count = choose_worker_count(array.nbytes, workers, sample, remote=remote)
    with readers.session():
        run_batches(work, stretches, count)


def _cut(
    array: LazyArray, kept: list[int], dropped: list[int], state_nbytes: int, *, by_runs: bool
) -> tuple[list[Box], list[Box]]:
    """Return the tiles of the result, and the slabs of reduced positions behind each."""
    unit, firsts = chunks.whole_blocks(array, STEP_BYTES if by_runs else SLAB_BYTES)
    size = list(unit)
    itemsize = array.dtype.itemsize
    # The fastest axes of the file first, so that reads are long.
    for axis in sorted(kept, key=lambda axis: -array.view.axes[axis]):
        count = math.prod(size[other] for other in kept)
        growth = min(
            TILE_BYTES // (count * itemsize), STATE_BYTES // STRETCHES // (count * state_nbytes)
        )
        size[axis] = min(array.shape[axis], size[axis] * max(growth, 1))
    for axis in sorted(dropped, key=lambda axis: -array.view.axes[axis]):
        growth = SLAB_BYTES // (math.prod(size) * itemsize)
        size[axis] = min(array.shape[axis], size[axis] * max(growth, 1))
    cuts = [list(_slices(*each)) for each in zip(array.shape, size, firsts, strict=True)]
    tiles = list(itertools.product(*(cuts[axis] for axis in kept)))
    return tiles, list(itertools.product(*(cuts[axis] for axis in dropped)))


def _slices(total: int, size: int, first: int) -> Iterator[slice]:
    """Cut positions into parts that begin where stored blocks do: the first may be shorter."""
    start = 0
    stop = min(first or size, total)
    while start < total:
        yield slice(start, stop)
        start, stop = stop, min(stop + size, total)


def _stretches(
    array: LazyArray,
    axes: tuple[list[int], list[int]],
    tiles: list[Box],
    slabs: list[Box],
    state_nbytes: int,
) -> Iterator[_Stretch]:
    for number, tile in enumerate(tiles):
        parts = _stretch_count(tile, len(tiles), len(slabs), state_nbytes)
        boxes = [_box(array, axes, tile, slab) for slab in slabs]
        for part in range(parts):
            # Stretches of equal length, give or take one slab.
            low, high = part * len(boxes) // parts, (part + 1) * len(boxes) // parts
            yield _Stretch(number, part, parts, boxes[low:high])


def _stretch_count(tile: Box, tile_count: int, slab_count: int, state_nbytes: int) -> int:
    if tile_count >= STRETCHES:
        return 1
    pixel_count: int = math.prod(part.stop - part.start for part in tile)
    wanted = -(-STRETCHES // tile_count)
    return max(min(wanted, slab_count, STATE_BYTES // (state_nbytes * pixel_count)), 1)


def _box(array: LazyArray, axes: tuple[list[int], list[int]], tile: Box, slab: Box) -> Box:
    dropped, kept = axes
    box = [slice(0, size) for size in array.shape]
    for axis, part in zip((*dropped, *kept), (*slab, *tile), strict=True):
        box[axis] = part
    return tuple(box)


def _run(
    array: LazyArray,
    stretch: _Stretch,
    reduction: Reduction[P],
    axes: tuple[list[int], list[int]],
    worker: Worker,
    result: P,
) -> P:
    """Read the slabs of a stretch one after the other, and add them to a partial result."""
    dropped, kept = axes
    boxes = stretch.slabs
    whole = _join(boxes, dropped) if reduction.by_runs else None
    runs = None if whole is None else find_runs(views.narrow(array, whole), dropped, worker)
    if whole is not None and runs is not None:
        tile = tuple(whole[axis].stop - whole[axis].start for axis in kept)
        for pixels in read_runs(runs, tile, array, worker):
            result = reduction.add(result, pixels, worker.scratch)
        return result
    for box in boxes:
        part = views.narrow(array, box)
        shape = part.shape
        runs = find_runs(part, dropped, worker) if reduction.by_runs else None
        if runs is not None:
            tile = tuple(shape[axis] for axis in kept)
            for pixels in read_runs(runs, tile, array, worker):
                result = reduction.add(result, pixels, worker.scratch)
            continue
        buffer = worker.scratch.take("slab", math.prod(shape) * array.dtype.itemsize)
        pixels = buffer.view(array.dtype).reshape(shape)
        _engine.read_into(part, pixels, 1)
        # One axis of reduced positions; a copy only where several of them do not join.
        moved = pixels.transpose([*dropped, *kept])
        joined = moved.reshape(-1, *(shape[axis] for axis in kept))
        result = reduction.add(result, joined, worker.scratch)
    return result


def _join(boxes: Sequence[Box], dropped: list[int]) -> Box | None:
    """Return the box that some boxes of one tile fill; ``None`` if they do not, or it has many positions."""
    joined = list(boxes[0])
    for axis in dropped:
        starts, stops = zip(*((box[axis].start, box[axis].stop) for box in boxes), strict=True)
        joined[axis] = slice(min(starts), max(stops))
    count = _count_positions(joined, dropped)
    # Boxes of a stretch are disjoint: as many positions fill all of it.
    filled = sum(_count_positions(box, dropped) for box in boxes)
    return tuple(joined) if count == filled and count <= MOST_RUNS else None


def _count_positions(box: Sequence[slice], dropped: list[int]) -> int:
    return math.prod(box[axis].stop - box[axis].start for axis in dropped)
