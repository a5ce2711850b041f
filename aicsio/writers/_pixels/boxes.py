"""Boxes: how much of an array is read at once, and in which order.

Rule kept here: no I/O, and the same array always gives the same boxes. A box holds whole segments
of the file and, where a part of a stored block costs as much as the whole, whole blocks, so that
each block is decoded once. Boxes of a pyramid follow a Z-shaped curve, so that few tiles of its
smaller levels are open at a time, however wide the image is.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from aicsio import _engine
from aicsio.records import LazyArray, Strided
from aicsio.records.protocols import InMemory, offered
from aicsio.writers._pixels.jobs import Box, ImageJob

BOX_BYTES = 4 << 20
"""Usual size of a box: large enough to make threads worth it, small enough to keep all of them
busy."""
HELD_BOX_FACTOR = 8
"""Raw pixels in memory need no buffer: boxes of 32 MiB make few large writes."""
UNEVEN_BOX_BYTES = 32 << 20
"""Size up to which boxes grow where blocks and segments do not line up."""


def cut_into_boxes(job: ImageJob) -> Iterator[Box]:
    """Cut the array into boxes, in the order of the file."""
    shape, step = job.array.shape, box_shape(job)
    row = job.array.view.letters.index("Y")
    counts = [math.ceil(length / size) for length, size in zip(shape, step, strict=True)]
    row_count, column_count = counts[row : row + 2]
    trailing = (0,) * (len(shape) - row - 2)  # samples are never cut
    for outer in itertools.product(*map(range, counts[:row])):
        for row_column in _order_in_plane(row_count, column_count, pyramid=bool(job.smaller)):
            index = (*outer, *row_column, *trailing)
            start = tuple(i * size for i, size in zip(index, step, strict=True))
            yield Box(start, _clip(start, step, shape))


def _clip(start: tuple[int, ...], size: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(
        min(extent, length - first)
        for first, extent, length in zip(start, size, shape, strict=True)
    )


def _order_in_plane(rows: int, columns: int, *, pyramid: bool) -> Iterator[tuple[int, int]]:
    if pyramid:
        return z_curve(rows, columns)
    return itertools.product(range(rows), range(columns))


def z_curve(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Visit all cells of a grid, each square of two by two, of four by four and so on as a whole."""
    # Row, column and side of the squares to visit; the first side is the next power of two.
    squares = [(0, 0, 1 << (max(rows, columns) - 1).bit_length())]
    while squares:
        row, column, side = squares.pop()
        if row >= rows or column >= columns:
            continue
        if side == 1:
            yield row, column
            continue
        half = side // 2
        # The last square pushed is visited first: upper left, upper right, lower left, lower right.
        squares.append((row + half, column + half, half))
        squares.append((row + half, column, half))
        squares.append((row, column + half, half))
        squares.append((row, column, half))


def box_shape(job: ImageJob) -> tuple[int, ...]:
    """Choose how much to read at once.

    A box starts as the smallest one that holds whole segments and whole stored blocks. Then it
    grows to ``BOX_BYTES``: fastest axes first, or for a pyramid in both directions by doubling, so
    that tiles of the smaller levels are completed within few boxes.
    """
    array, grid = job.array, job.pages.grid
    shape, itemsize = array.shape, array.dtype.itemsize
    row = array.view.letters.index("Y")
    segment_sizes = (*(1,) * row, grid.height, grid.width, *shape[row + 2 :])
    block_sizes = costly_block(array)
    sizes = [
        min(length, math.ceil(max(segment, block) / segment) * segment)
        for length, segment, block in zip(shape, segment_sizes, block_sizes, strict=True)
    ]
    for axis in (row + 1, row):
        # A block at the edge of two boxes is read for both, so there should be few edges.
        if sizes[axis] % block_sizes[axis]:
            aligned = min(shape[axis], math.lcm(segment_sizes[axis], block_sizes[axis]))
            growth = max(1, UNEVEN_BOX_BYTES // (math.prod(sizes) * itemsize))
            sizes[axis] = min(aligned, sizes[axis] * growth)
    most_pixels = _most_bytes(job) // itemsize
    if job.smaller:
        _grow_square(sizes, shape, row, most_pixels)
        # The plane has grown already; of the other axes the last varies fastest in the file.
        axes = list(reversed(range(row)))
    else:
        axes = [row + 1, row, *reversed(range(row))]
    for axis in axes:
        growth = most_pixels // math.prod(sizes)
        if growth > 1:
            sizes[axis] = min(shape[axis], sizes[axis] * growth)
    return tuple(sizes)


def _most_bytes(job: ImageJob) -> int:
    raw_strips = job.encode is None and not job.pages.grid.tiled
    return BOX_BYTES * (HELD_BOX_FACTOR if raw_strips and is_held(job.array) else 1)


def _grow_square(sizes: list[int], shape: tuple[int, ...], row: int, most_pixels: int) -> None:
    """Double width and height in turn while the box stays within the limit."""
    for axis in (row + 1, row) * 32:  # 2**32 pixels are the longest side of a TIFF
        if sizes[axis] < shape[axis] and 2 * math.prod(sizes) <= most_pixels:
            sizes[axis] = min(shape[axis], 2 * sizes[axis])


def costly_block(array: LazyArray) -> tuple[int, ...]:
    """Return positions of each axis that one stored block gives.

    1 where a window costs only itself.
    """
    if _reads_any_window(array):
        return (1,) * array.ndim
    return tuple(_block_size(array, axis) for axis in array.view.axes)


def _block_size(array: LazyArray, axis: int) -> int:
    if axis < 0:
        return 1  # an axis of length 1 that is not stored
    pick = array.view.picks[axis]
    # Positions in a list follow no block: each counts as a block of its own.
    if not isinstance(pick, range):
        return 1
    # Of a block, a pick with a step shows every so many positions.
    return max(1, array.layout.block_shape[axis] // abs(pick.step))


def is_held(array: LazyArray) -> bool:
    """Whether the pixels are a numpy array of the caller."""
    layout = offered(array.layout, InMemory)
    return layout is not None and isinstance(layout.held_array(), np.ndarray)


def _reads_any_window(array: LazyArray) -> bool:
    """Whether a part of a block costs less than the whole.

    Pixels in memory, and raw ones in a file.
    """
    if offered(array.layout, InMemory) is not None:
        return is_held(array)
    # The first piece stands for all, so that a large image is not listed.
    return isinstance(next(_engine.pieces(array), None), Strided)
