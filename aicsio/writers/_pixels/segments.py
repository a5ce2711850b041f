"""Segments: from pixels in memory to the tiles and strips of the file.

Rule kept here: pure functions of arrays. A value that the type of the file does not hold raises;
nothing wraps around.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio.errors import WriteError
from aicsio.records import DType, LazyArray
from aicsio.records.protocols import InMemory, offered
from aicsio.writers._pixels.jobs import Box, TilePosition
from aicsio.writers._pixels.tiff import WrittenGrid

Array: TypeAlias = npt.NDArray[Any]


def window_of(array: LazyArray, box: Box) -> LazyArray:
    """Show only the pixels of a box."""
    letters = array.view.letters
    picks = {
        letter: range(start, start + length)
        for letter, start, length in zip(letters, box.start, box.shape, strict=True)
    }
    return views.transpose(array, letters, picks)


def in_memory(window: LazyArray) -> Array | None:
    """Show pixels that lie in memory as they will be written.

    ``None`` where they must be read or copied.
    """
    layout, view = offered(window.layout, InMemory), window.view
    held = None if layout is None else layout.held_array()
    if not isinstance(held, np.ndarray):
        return None
    index: list[int | slice] = []
    for pick in view.picks:
        if isinstance(pick, tuple):
            return None  # positions in a list would be copied
        if isinstance(pick, range):
            if pick.stop < 0:
                return None  # a range down to the first position has no slice of the same numbers
            index.append(slice(pick.start, pick.stop, pick.step))
        else:
            index.append(pick)
    # An integer in the index drops its axis, so the axes after it move up.
    remaining = [axis for axis, pick in enumerate(view.picks) if not isinstance(pick, int)]
    shown = np.asarray(held)[tuple(index)]
    ordered = shown.transpose([remaining.index(axis) for axis in view.axes if axis >= 0])
    # None in the index inserts an axis of length 1, where no axis is stored.
    pixels: Array = ordered[tuple(None if axis < 0 else slice(None) for axis in view.axes)]
    return pixels if pixels.flags.c_contiguous and pixels.dtype == window.dtype else None


def split_into_segments(
    block: Array, grid: WrittenGrid, first: TilePosition
) -> Iterator[tuple[TilePosition, Array]]:
    """Cut a part of a plane into the segments that it covers.

    Parameters
    ----------
    block
        Pixels, (rows, columns, samples).
    grid
        Segments of the plane.
    first
        The upper left segment.
    """
    for top in range(0, block.shape[0], grid.height):
        row = first.row + top // grid.height
        for left in range(0, block.shape[1], grid.width):
            column = first.column + left // grid.width
            segment = block[top : top + grid.height, left : left + grid.width]
            yield TilePosition(first.level, first.plane, row, column), segment


def pad_tile(segment: Array, grid: WrittenGrid, *, lossy: bool) -> Array:
    """Fill a tile at the edge of a plane up to its full size; strips stay as they are."""
    missing_rows = grid.height - segment.shape[0]
    missing_columns = grid.width - segment.shape[1]
    if not grid.tiled or not (missing_rows or missing_columns):
        return segment
    widths = ((0, missing_rows), (0, missing_columns), (0, 0))
    # Zeros compress best, but a sharp edge disturbs the pixels beside it in a lossy block.
    return np.pad(segment, widths, "edge") if lossy else np.pad(segment, widths)


def as_stored(pixels: Array, dtype: DType) -> Array:
    """Convert pixels to the type of the file.

    Raises
    ------
    WriteError
        When the type does not hold a value.
    """
    if pixels.dtype.kind == "b":
        # A bool of numpy is a byte of 0 or 1, so nothing is copied.
        pixels = pixels.view(np.uint8)
    # The same type in any byte order: a copy is made only where bytes must be swapped.
    if pixels.dtype.newbyteorder("<") == dtype:
        return pixels.astype(dtype, copy=False)
    if dtype.kind in "iu" and not np.can_cast(pixels.dtype, dtype):
        # Checked here, because numpy wraps integers around without an error.
        limits = np.iinfo(dtype)
        low, high = int(pixels.min()), int(pixels.max())
        if low < limits.min or high > limits.max:
            raise WriteError(
                f"{dtype.name} holds {limits.min} to {limits.max}; there are pixels from {low} to "
                f"{high}"
            )
    try:
        # Without it, a float64 beyond the range of float32 would become infinity.
        with np.errstate(over="raise"):
            return pixels.astype(dtype)
    except FloatingPointError as error:
        raise WriteError(
            f"{dtype.name} does not reach all values of these {pixels.dtype} pixels"
        ) from error
