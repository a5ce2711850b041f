"""Pixels on their way out: boxes are read in the order of the file, cut into segments, compressed, written once.

Rule kept here: memory is bounded by ``IN_FLIGHT`` (or by one block of the source, where that is larger), whatever the
size and number of images. Boxes are read and compressed on threads; compressed segments are put into the file in
order, so the same pixels always give the same bytes.
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

from aicsio import _codecs, _engine, _files, _views
from aicsio.errors import WriteError
from aicsio.formats.arrays import ArrayLayout
from aicsio.records import DType, LazyArray, Strided
from aicsio.writers import _tiff
from aicsio.writers._output import Output

Array: TypeAlias = npt.NDArray[Any]
Encode: TypeAlias = Callable[[Array], bytes]
Progress: TypeAlias = Callable[[int, int], object]

BOX_BYTES = 4 << 20
"""What is read at once, about: enough to make threads worth it, little enough to keep them all busy."""
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
    pages: _tiff.Pages
    """What the planes become."""
    encode: Encode | None
    """Compressor of a segment; ``None`` to store it raw."""


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

    plane: int
    """Which plane."""
    number: int
    """Which segment of it."""
    data: bytes
    """What is stored."""


# ---------------------------------------------------------------- what is read at once


def boxes(job: Job) -> Iterator[Box]:
    """Cut the array into boxes, in the order of the file."""
    shape, step = job.array.shape, box_shape(job.array, job.pages.grid)
    starts = itertools.product(*(range(0, size, part) for size, part in zip(shape, step, strict=True)))
    for start in starts:
        yield Box(start, tuple(min(p, n - s) for s, p, n in zip(start, step, shape, strict=True)))


def box_shape(array: LazyArray, grid: _tiff.Grid) -> tuple[int, ...]:
    """Choose how much to read at once.

    A box holds whole segments, and whole blocks of the source where a part costs as much as the whole (compressed
    blocks, chunks of a dask array), so that each block is read once. Then it grows to ``BOX_BYTES``, fastest axes
    first.
    """
    shape = array.shape
    row = array.view.letters.index("Y")
    units = (*(1,) * row, grid.height, grid.width, *shape[row + 2 :])
    blocks = _block_extents(array)
    parts = [min(n, -(-max(u, b) // u) * u) for n, u, b in zip(shape, units, blocks, strict=True)]
    for axis in (row + 1, row):
        if parts[axis] % blocks[axis]:  # a block at the edge of two boxes is read for both: let there be few edges
            whole = min(shape[axis], math.lcm(units[axis], blocks[axis]))
            parts[axis] = min(
                whole, parts[axis] * max(1, UNEVEN_BOX_BYTES // (math.prod(parts) * array.dtype.itemsize))
            )
    for axis in (row + 1, row, *reversed(range(row))):
        room = BOX_BYTES // (math.prod(parts) * array.dtype.itemsize)
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


def _gives_any_window(array: LazyArray) -> bool:
    layout = array.layout
    if isinstance(layout, ArrayLayout):
        return isinstance(layout.held.array, np.ndarray)
    return isinstance(next(_engine.pieces(array), None), Strided)


# ---------------------------------------------------------------- writing


def write(
    jobs: Sequence[Job], output: Output, *, workers: int | None, limit: int | None, progress: Progress | None
) -> tuple[_tiff.Segments, ...]:
    """Write all pixels; return where the segments of each image are.

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
        Told the bytes done and the bytes of all images, before compression, after each box.

    Raises
    ------
    WriteError
        When the disk takes no more, or the limit is reached.
    """
    *starts, end = _tiff.raw_starts([job.pages for job in jobs])
    tables = tuple(job.pages.raw_segments(start) for job, start in zip(jobs, starts, strict=True))
    if all(job.encode is None for job in jobs):
        output.reserve(end)
    at, done, total = _tiff.DATA_START, 0, sum(job.array.nbytes for job in jobs)
    with _files.session(), contextlib.closing(_results(jobs, output, tables, workers)) as results:
        for image, box, segments in results:
            offsets, counts = tables[image]
            for segment in segments:
                output.write_at(at, segment.data)
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
    jobs: Sequence[Job], output: Output, tables: Sequence[_tiff.Segments], workers: int | None
) -> Generator[tuple[int, Box, list[Segment]], None, None]:
    """Do the boxes on threads, a bounded number of them ahead; give what is left to write, in order."""
    threads = workers or min(MOST_WORKERS, os.cpu_count() or 1)
    steps = [box_shape(job.array, job.pages.grid) for job in jobs]
    count = sum(
        math.prod(-(-n // p) for n, p in zip(job.array.shape, step, strict=True))
        for job, step in zip(jobs, steps, strict=True)
    )
    largest = max(math.prod(step) * job.array.dtype.itemsize for job, step in zip(jobs, steps, strict=True))
    # A box is held twice: as pixels and as what they are compressed to.
    ahead = min(2 * threads, IN_FLIGHT // (2 * largest))
    side_by_side = min(threads, ahead + 1, count)
    do = _Doer(output, max(1, threads // side_by_side))
    todo = ((image, box) for image, job in enumerate(jobs) for box in boxes(job))
    if side_by_side == 1:
        for image, box in todo:
            yield image, box, do(jobs[image], tables[image][0], box)
        return
    waiting: deque[tuple[int, Box, Future[list[Segment]]]] = deque()
    with ThreadPoolExecutor(side_by_side, thread_name_prefix="aicsio") as pool:
        try:
            for image, box in todo:
                waiting.append((image, box, pool.submit(do, jobs[image], tables[image][0], box)))
                if len(waiting) > ahead:
                    image_done, oldest, future = waiting.popleft()
                    yield image_done, oldest, future.result()
            while waiting:
                image_done, oldest, future = waiting.popleft()
                yield image_done, oldest, future.result()
        finally:
            for _, _, future in waiting:
                future.cancel()


class _Doer:
    """Reads a box, then writes its raw segments or compresses them; each thread has its own buffer."""

    def __init__(self, output: Output, readers: int) -> None:
        self._output, self._readers = output, readers
        self._mine = threading.local()

    def __call__(self, job: Job, offsets: _tiff.Offsets, box: Box) -> list[Segment]:
        array, pages, encode = job.array, job.pages, job.encode
        picks = {c: range(s, s + n) for c, s, n in zip(array.view.letters, box.start, box.shape, strict=True)}
        window = _views.transpose(array, array.view.letters, picks)
        pixels = in_memory(window)
        if pixels is None:
            pixels = self._buffer(window)
            _engine.read_into(window, pixels, self._readers)
        row = array.view.letters.index("Y")
        planes = np.ravel_multi_index(
            np.indices(box.shape[:row]).reshape(row, -1) + np.array(box.start[:row])[:, None], array.shape[:row]
        )
        stored = as_stored(pixels, pages.dtype).reshape(len(planes), *box.shape[row : row + 2], pages.samples)
        if encode is None:
            self._write_raw(pages, offsets, stored, planes, box.start[row : row + 2])
            return []
        return [
            Segment(int(plane), number, encode(part))
            for plane, block in zip(planes, stored, strict=True)
            for number, part in segments(block, pages.grid, box.start[row : row + 2])
        ]

    def _buffer(self, window: LazyArray) -> Array:
        scratch: _codecs.Scratch | None = getattr(self._mine, "scratch", None)
        if scratch is None:
            scratch = self._mine.scratch = _codecs.Scratch()
        return scratch.take("box", window.nbytes).view(window.dtype).reshape(window.shape)

    def _write_raw(
        self,
        pages: _tiff.Pages,
        offsets: _tiff.Offsets,
        stored: Array,
        planes: npt.NDArray[np.intp],
        corner: tuple[int, ...],
    ) -> None:
        grid = pages.grid
        if grid.tiled:
            for plane, block in zip(planes, stored, strict=True):
                for number, part in segments(block, grid, corner):
                    self._output.write_at(int(offsets[plane, number]), part)
            return
        whole = stored.shape[1] == pages.height
        breaks = np.flatnonzero(np.diff(planes) != 1) + 1 if whole else np.arange(1, len(planes))
        # Strips of consecutive planes follow each other in the file: one call writes them.
        for run, pixels in zip(np.split(planes, breaks), np.split(stored, breaks), strict=True):
            self._output.write_at(int(offsets[run[0], corner[0] // grid.height]), pixels)


def in_memory(window: LazyArray) -> Array | None:
    """Show pixels that lie in memory as they will be written; ``None`` where they must be read or copied."""
    layout, view = window.layout, window.view
    if not isinstance(layout, ArrayLayout) or not isinstance(layout.held.array, np.ndarray):
        return None
    index = tuple(slice(p.start, p.stop, p.step) if isinstance(p, range) else p for p in view.picks)
    if any(isinstance(part, tuple) or (isinstance(part, slice) and part.stop < 0) for part in index):
        return None
    kept = [axis for axis, pick in enumerate(view.picks) if not isinstance(pick, int)]
    shown = np.asarray(layout.held.array)[index]
    ordered = shown.transpose([kept.index(axis) for axis in view.axes if axis >= 0])
    pixels: Array = ordered[tuple(None if axis < 0 else slice(None) for axis in view.axes)]
    return pixels if pixels.flags.c_contiguous and pixels.dtype == window.dtype else None


def segments(block: Array, grid: _tiff.Grid, corner: tuple[int, ...]) -> Iterator[tuple[int, Array]]:
    """Cut a part of a plane, (rows, columns, samples), into the segments that it covers; number and pixels of each."""
    for top in range(0, block.shape[0], grid.height):
        for left in range(0, block.shape[1], grid.width):
            part = block[top : top + grid.height, left : left + grid.width]
            if grid.tiled and part.shape[:2] != (grid.height, grid.width):
                padded = np.zeros((grid.height, grid.width, block.shape[2]), block.dtype)
                padded[: part.shape[0], : part.shape[1]] = part
                part = padded
            number = (corner[0] + top) // grid.height * grid.columns + (corner[1] + left) // grid.width
            yield number, np.ascontiguousarray(part)


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
            raise WriteError(f"{dtype.name} holds {limits.min} to {limits.max}; there are pixels from {low} to {high}")
    try:
        with np.errstate(over="raise"):
            return pixels.astype(dtype)
    except FloatingPointError as error:
        raise WriteError(f"{dtype.name} does not reach all values of these {pixels.dtype} pixels") from error
