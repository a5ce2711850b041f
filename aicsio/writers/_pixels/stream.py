"""Pixels on their way out: boxes are read in the order of the file, cut into segments, compressed, written once.

Rule kept here: memory is bounded by ``IN_FLIGHT`` (or by one block of the source, where that is larger), whatever the
size and number of images. Boxes are read and compressed on threads; compressed segments are put into the file in
order, so the same pixels always give the same bytes. Boxes of a pyramid come in the order of a Z-shaped curve, so that
few tiles of its smaller levels are open at a time, however wide the image is.
"""

import contextlib
import itertools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs, _engine
from aicsio._dims import views
from aicsio._io import readers as file_readers
from aicsio.errors import WriteError
from aicsio.formats.arrays import ArrayLayout
from aicsio.records import DType, LazyArray, Strided
from aicsio.writers._atomic_file import Output
from aicsio.writers._pixels import dask_chunks, tiff
from aicsio.writers._pixels.downsampling import Pooling
from aicsio.writers._pixels.pyramid import Place, Pyramid

Array: TypeAlias = npt.NDArray[Any]
Encode: TypeAlias = Callable[[Array], bytes]
Progress: TypeAlias = Callable[[int, int], object]

BOX_BYTES = 4 << 20
"""What is read at once, about: enough to make threads worth it, little enough to keep them all busy."""
FREE_BOXES = 8
"""How many times as much where raw pixels lie in memory and nothing is held: few large writes."""
UNEVEN_BOX_BYTES = 32 << 20
"""The same where blocks of the source and segments of the file do not line up."""
IN_FLIGHT = 256 << 20
"""Boxes that are read, compressed or waiting to be written together stay below this."""
MOST_WORKERS = 8


@attrs.define
class Job:
    """One image to write. Not a record: it lives for one writing."""

    array: LazyArray
    """Pixels in the order of the file: letters of the planes, then Y, X, S."""
    pages: tiff.Pages
    """What the planes become."""
    encode: Encode | None
    """Compressor of a segment; ``None`` to store it raw."""
    smaller: tuple[tiff.Pages, ...] = ()
    """What the smaller levels become."""
    pooling: Pooling | None = None
    """How their pixels are made."""
    lossy: bool = False
    """Whether compression changes pixels; then padding continues them, so that it costs them little."""

    @property
    def levels(self) -> tuple[tiff.Pages, ...]:
        """What all levels become, full resolution first."""
        return (self.pages, *self.smaller)


@attrs.frozen
class Box:
    """A window of the array."""

    start: tuple[int, ...]
    """First position, per axis."""
    shape: tuple[int, ...]
    """Positions, per axis."""


@attrs.frozen
class Segment:
    """A compressed tile or strip on its way to the file."""

    level: int
    """Which level."""
    plane: int
    """Which plane."""
    number: int
    """Which segment of it."""
    data: bytes
    """What is stored."""


# ---------------------------------------------------------------- what is read at once


def boxes(job: Job) -> Iterator[Box]:
    """Cut the array into boxes, in the order of the file."""
    shape, step = job.array.shape, box_shape(job)
    row = job.array.view.letters.index("Y")
    counts = [-(-n // part) for n, part in zip(shape, step, strict=True)]
    for outer in itertools.product(*map(range, counts[:row])):
        down, across = counts[row : row + 2]
        inner = (
            z_curve(down, across) if job.smaller else itertools.product(range(down), range(across))
        )
        for position in inner:
            at = (*outer, *position, *(0 for _ in counts[row + 2 :]))
            start = tuple(i * part for i, part in zip(at, step, strict=True))
            yield Box(
                start, tuple(min(p, n - s) for s, p, n in zip(start, step, shape, strict=True))
            )


def z_curve(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Visit all cells of a grid, each square of two by two, of four by four and so on as a whole."""
    todo = [(0, 0, 1 << (max(rows, columns) - 1).bit_length())]
    while todo:
        row, column, side = todo.pop()
        if row >= rows or column >= columns:
            continue
        if side == 1:
            yield row, column
            continue
        half = side // 2
        todo += [(row + y, column + x, half) for y in (half, 0) for x in (half, 0)]


def box_shape(job: Job) -> tuple[int, ...]:
    """Choose how much to read at once.

    A box holds whole segments, and whole blocks of the source where a part costs as much as the whole (compressed
    blocks, chunks of a dask array), so that each block is read once. Then it grows to ``BOX_BYTES``, fastest axes
    first; for a pyramid in both directions, by doubling, so that tiles of the smaller levels end in few boxes.
    """
    array, grid, pyramid = job.array, job.pages.grid, bool(job.smaller)
    shape, itemsize = array.shape, array.dtype.itemsize
    most = BOX_BYTES * (
        FREE_BOXES if job.encode is None and not grid.tiled and _is_held(array) else 1
    )
    row = array.view.letters.index("Y")
    units = (*(1,) * row, grid.height, grid.width, *shape[row + 2 :])
    blocks = _block_extents(array)
    parts = [min(n, -(-max(u, b) // u) * u) for n, u, b in zip(shape, units, blocks, strict=True)]
    for axis in (row + 1, row):
        if (
            parts[axis] % blocks[axis]
        ):  # a block at the edge of two boxes is read for both: let there be few edges
            whole = min(shape[axis], math.lcm(units[axis], blocks[axis]))
            parts[axis] = min(
                whole, parts[axis] * max(1, UNEVEN_BOX_BYTES // (math.prod(parts) * itemsize))
            )
    if pyramid:
        for axis in (row + 1, row) * 32:
            if parts[axis] < shape[axis] and 2 * math.prod(parts) * itemsize <= most:
                parts[axis] = min(shape[axis], 2 * parts[axis])
    for axis in reversed(range(row)) if pyramid else (row + 1, row, *reversed(range(row))):
        room = most // (math.prod(parts) * itemsize)
        if room > 1:
            parts[axis] = min(shape[axis], parts[axis] * room)
    return tuple(parts)


def _block_extents(array: LazyArray) -> tuple[int, ...]:
    """How many positions of each axis come out of one stored block; 1 where any window costs only itself."""
    if _gives_any_window(array):
        return (1,) * array.ndim
    extents = []
    for axis in array.view.axes:
        pick = array.view.picks[axis] if axis >= 0 else None
        step = abs(pick.step) if isinstance(pick, range) else 0
        extents.append(max(1, array.layout.block_shape[axis] // step) if step else 1)
    return tuple(extents)


def _is_held(array: LazyArray) -> bool:
    """Whether the pixels lie in memory."""
    return isinstance(array.layout, ArrayLayout) and isinstance(array.layout.held.array, np.ndarray)


def _gives_any_window(array: LazyArray) -> bool:
    if isinstance(array.layout, ArrayLayout):
        return _is_held(array)
    return isinstance(next(_engine.pieces(array), None), Strided)


# ---------------------------------------------------------------- writing


def write(
    jobs: Sequence[Job],
    output: Output,
    *,
    workers: int | None,
    limit: int | None,
    progress: Progress | None,
) -> list[list[tiff.Segments]]:
    """Write all pixels; return where the segments of each level of each image are.

    Parameters
    ----------
    jobs
        What to write, one image after the other; all of them compressed or none.
    output
        Where.
    workers
        Threads; ``None`` for as many as there are cores, up to ``MOST_WORKERS``.
    limit
        Offset that compressed pixels must not reach; ``None`` for no limit.
    progress
        Told the bytes done and the bytes of all images at full resolution, before compression, after each box.

    Raises
    ------
    WriteError
        When the disk takes no more, or the limit is reached.
    """
    *starts, end = tiff.raw_starts([pages for job in jobs for pages in job.levels])
    begins = iter(starts)
    tables = [[pages.raw_segments(next(begins)) for pages in job.levels] for job in jobs]
    if all(job.encode is None for job in jobs):
        output.reserve(end)
    at, done, total = tiff.DATA_START, 0, sum(job.array.nbytes for job in jobs)
    with (
        file_readers.session(),
        contextlib.closing(_results(jobs, output, tables, workers)) as results,
    ):
        for image, box, segments in results:
            for segment in segments:
                output.write_at(at, segment.data)
                offsets, counts = tables[image][segment.level]
                offsets[segment.plane, segment.number] = at
                counts[segment.plane, segment.number] = len(segment.data)
                at += len(segment.data)
            if limit is not None and at > limit:
                raise WriteError(
                    f"{output.path!r} grows beyond classic TIFF ({limit:,} bytes): leave out bigtiff=False"
                )
            done += math.prod(box.shape) * jobs[image].array.dtype.itemsize
            if progress is not None:
                progress(done, total)
    return tables


def _results(
    jobs: Sequence[Job],
    output: Output,
    tables: Sequence[Sequence[tiff.Segments]],
    workers: int | None,
) -> Generator[tuple[int, Box, list[Segment]], None, None]:
    """Do the boxes on threads, a bounded number of them ahead; give what is left to write, in order."""
    threads = workers or min(MOST_WORKERS, os.cpu_count() or 1)
    steps = [box_shape(job) for job in jobs]
    count = sum(
        math.prod(-(-n // p) for n, p in zip(job.array.shape, step, strict=True))
        for job, step in zip(jobs, steps, strict=True)
    )
    largest = max(
        math.prod(step) * job.array.dtype.itemsize for job, step in zip(jobs, steps, strict=True)
    )
    clusters = [dask_chunks.cluster_of(job.array) for job in jobs]
    # A box is held twice: as pixels and as what they are compressed to.
    ahead = min(max(2 * threads, *(c.ahead for c in clusters if c), 0), IN_FLIGHT // (2 * largest))
    side_by_side = min(threads, ahead + 1, count)
    doers = [
        _Doer(job, output, own, max(1, threads // side_by_side))
        for job, own in zip(jobs, tables, strict=True)
    ]
    todo = enumerate((image, box) for image, job in enumerate(jobs) for box in boxes(job))
    if side_by_side == 1 and not any(clusters):
        for owner, (image, box) in todo:
            yield image, box, [*doers[image](owner, box), *doers[image].risen(owner)]
        return
    waiting: deque[tuple[int, int, Box, Future[list[Segment]], dask_chunks.Chunk | None]] = deque()
    with ThreadPoolExecutor(side_by_side, thread_name_prefix="aicsio") as pool:
        try:
            more = True
            while more or waiting:
                item = next(todo, None)
                more = item is not None
                if item is not None:
                    owner, (image, box) = item
                    cluster = clusters[image]
                    chunk = cluster.start(window_of(jobs[image].array, box)) if cluster else None
                    waiting.append(
                        (owner, image, box, pool.submit(doers[image], owner, box, chunk), chunk)
                    )
                if waiting and (not more or len(waiting) > ahead):
                    first, of, oldest, future, _ = waiting.popleft()
                    yield of, oldest, [*future.result(), *doers[of].risen(first)]
        finally:
            for *_, future, chunk in waiting:
                future.cancel()
                if chunk is not None:
                    chunk.cancel()


def window_of(array: LazyArray, box: Box) -> LazyArray:
    """Show only what a box holds."""
    picks = {
        c: range(s, s + n) for c, s, n in zip(array.view.letters, box.start, box.shape, strict=True)
    }
    return views.transpose(array, array.view.letters, picks)


class _Doer:
    """Does the boxes of one image: reads them, writes or compresses their segments, lets smaller levels grow."""

    def __init__(
        self, job: Job, output: Output, tables: Sequence[tiff.Segments], readers: int
    ) -> None:
        self._job, self._output, self._tables, self._readers = job, output, tables, readers
        self._pyramid = None if job.pooling is None else Pyramid(job.levels, job.pooling)
        self._mine = threading.local()  # each thread has its own buffer

    def __call__(
        self, owner: int, box: Box, chunk: "dask_chunks.Chunk | None" = None
    ) -> list[Segment]:
        job = self._job
        pixels = self._pixels(window_of(job.array, box) if chunk is None else chunk.window())
        row = job.array.view.letters.index("Y")
        planes = np.ravel_multi_index(
            np.indices(box.shape[:row]).reshape(row, -1) + np.array(box.start[:row])[:, None],
            job.array.shape[:row],
        )
        stored = as_stored(pixels, job.pages.dtype).reshape(
            len(planes), *box.shape[row : row + 2], job.pages.samples
        )
        corner = box.start[row : row + 2]
        if job.encode is None and not job.pages.grid.tiled:
            self._write_strips(stored, planes, corner)
            return []
        done = []
        for plane, block in zip(planes.tolist(), stored, strict=True):
            for place, part in segments(block, job.pages.grid, corner, plane):
                done.append(self._put(place, part))
                if self._pyramid is not None:
                    self._pyramid.rise(place, part, owner, self._put, self._scratch())
        return [segment for segment in done if segment is not None]

    def risen(self, owner: int) -> Iterator[Segment]:
        """Give the segments of smaller levels that follow those of a box in the file."""
        return iter(()) if self._pyramid is None else self._pyramid.taken(owner)

    def _pixels(self, window: LazyArray) -> Array:
        pixels = in_memory(window)
        if pixels is None:
            pixels = (
                self._scratch().take("box", window.nbytes).view(window.dtype).reshape(window.shape)
            )
            _engine.read_into(window, pixels, self._readers)
        return pixels

    def _scratch(self) -> _codecs.Scratch:
        scratch: _codecs.Scratch | None = getattr(self._mine, "scratch", None)
        if scratch is None:
            scratch = self._mine.scratch = _codecs.Scratch()
        return scratch

    def _put(self, place: Place, part: Array) -> Segment | None:
        """Write a raw segment to its place; compress another for the one who writes in order."""
        job, grid = self._job, self._job.levels[place.level].grid
        whole = padded(part, grid, lossy=job.lossy)
        if not whole.flags.c_contiguous:
            room = self._scratch().take("tile", whole.nbytes).view(whole.dtype).reshape(whole.shape)
            np.copyto(room, whole)
            whole = room
        number = place.row * grid.columns + place.column
        if job.encode is not None:
            return Segment(place.level, place.plane, number, job.encode(whole))
        self._output.write_at(int(self._tables[place.level][0][place.plane, number]), whole)
        return None

    def _write_strips(
        self, stored: Array, planes: npt.NDArray[np.intp], corner: tuple[int, ...]
    ) -> None:
        pages = self._job.pages
        offsets = self._tables[0][0]
        whole = stored.shape[1] == pages.height
        breaks = np.flatnonzero(np.diff(planes) != 1) + 1 if whole else np.arange(1, len(planes))
        # Strips of consecutive planes follow each other in the file: one call writes them.
        for run, pixels in zip(np.split(planes, breaks), np.split(stored, breaks), strict=True):
            self._output.write_at(int(offsets[run[0], corner[0] // pages.grid.height]), pixels)


def in_memory(window: LazyArray) -> Array | None:
    """Show pixels that lie in memory as they will be written; ``None`` where they must be read or copied."""
    layout, view = window.layout, window.view
    if not isinstance(layout, ArrayLayout) or not isinstance(layout.held.array, np.ndarray):
        return None
    index = tuple(slice(p.start, p.stop, p.step) if isinstance(p, range) else p for p in view.picks)
    if any(
        isinstance(part, tuple) or (isinstance(part, slice) and part.stop < 0) for part in index
    ):
        return None
    kept = [axis for axis, pick in enumerate(view.picks) if not isinstance(pick, int)]
    shown = np.asarray(layout.held.array)[index]
    ordered = shown.transpose([kept.index(axis) for axis in view.axes if axis >= 0])
    pixels: Array = ordered[tuple(None if axis < 0 else slice(None) for axis in view.axes)]
    return pixels if pixels.flags.c_contiguous and pixels.dtype == window.dtype else None


def segments(
    block: Array, grid: tiff.Grid, corner: tuple[int, ...], plane: int
) -> Iterator[tuple[Place, Array]]:
    """Cut a part of a plane, (rows, columns, samples), into the segments that it covers; place and pixels of each."""
    for top in range(0, block.shape[0], grid.height):
        for left in range(0, block.shape[1], grid.width):
            place = Place(
                0, plane, (corner[0] + top) // grid.height, (corner[1] + left) // grid.width
            )
            yield place, block[top : top + grid.height, left : left + grid.width]


def padded(part: Array, grid: tiff.Grid, *, lossy: bool) -> Array:
    """Fill a tile at the edge of a plane up to its full size."""
    lack = grid.height - part.shape[0], grid.width - part.shape[1]
    if not grid.tiled or not any(lack):
        return part
    widths = ((0, lack[0]), (0, lack[1]), (0, 0))
    return np.pad(part, widths, "edge") if lossy else np.pad(part, widths)


def as_stored(pixels: Array, dtype: DType) -> Array:
    """Convert pixels to the type of the file.

    Raises
    ------
    WriteError
        For a value that the type does not reach.
    """
    if pixels.dtype.kind == "b":
        pixels = pixels.view(np.uint8)
    if pixels.dtype.newbyteorder("<") == dtype:
        return pixels.astype(dtype, copy=False)
    if dtype.kind in "iu" and not np.can_cast(pixels.dtype, dtype):
        limits = np.iinfo(dtype)
        low, high = int(pixels.min()), int(pixels.max())
        if low < limits.min or high > limits.max:
            raise WriteError(
                f"{dtype.name} holds {limits.min} to {limits.max}; there are pixels from {low} to {high}"
            )
    try:
        with np.errstate(over="raise"):
            return pixels.astype(dtype)
    except FloatingPointError as error:
        raise WriteError(
            f"{dtype.name} does not reach all values of these {pixels.dtype} pixels"
        ) from error
