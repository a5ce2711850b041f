"""Intensities shown as black and in full colour, suggested from few pixels.

Rule kept here: the whole image is never read: the smallest level, or blocks spread over a large plane,
of a few planes. A few hot pixels and the empty corners of a mosaic do not decide.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio._dims import views
from aicsio.arrays import read_array
from aicsio.pictures.reading import (
    focus_levels,
    is_raw,
    longest_side,
    plane_letters,
    sample_rows,
)
from aicsio.records import ImageHandle, LazyArray

Array: TypeAlias = npt.NDArray[Any]
Limits: TypeAlias = tuple[float, float]

LOW, HIGH = 0.005, 0.998
"""Parts of the pixels below black and below full colour: most of a fluorescence image is background."""
PLANES = 5
"""Planes of a channel that are sampled, spread along the diagonal of Z, T and other axes."""
LEAST_SIDE = 256
"""Pixels of the longer side of the level that is sampled: smaller ones have few pixels to judge by."""
WHOLE_PIXELS = 1 << 20
"""Planes up to this many pixels are read whole: 2 MiB of uint16."""
BLOCK_SIDE = 192
"""Pixels of a side of each sampled block of a larger plane."""
ONCE_SIDE = 1024
"""Pixels of the longer side that are kept of a large plane that can only be decoded as a whole."""
BLOCKS = 5
"""Blocks along each side of a larger plane: 25 of 192 x 192 are 0.9 megapixels."""
CELL = 8
"""Pixels of a side of the cells that are left out where all their pixels are 0."""


@checked
def suggest_contrast(handle: ImageHandle) -> tuple[tuple[float, float], ...]:
    """Suggest, for each channel, the values that are shown as black and in full colour.

    The smallest level with at least 256 pixels is sampled, or 25 blocks of a larger one, of up to
    five planes along Z, T and the other axes. Black is the 0.5th, full colour the 99.8th percentile
    of these pixels; cells of 8 x 8 pixels that are all 0, as beside the tiles of a mosaic, do not
    count, nor do NaN and infinities.

    Parameters
    ----------
    handle
        An opened image; the part that it shows is sampled.

    Returns
    -------
    tuple of tuple of float
        Low and high of each of ``handle.channels``; low is below high. The samples of colour pixels
        share one pair: the range of the type where they fill it.

    Raises
    ------
    CorruptFileError
        When the pixels cannot be decoded.
    SourceError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, suggest_contrast
    >>> ramp = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    >>> suggest_contrast(open_image(np.stack([ramp, ramp // 10]), dims="CYX"))
    ((50.0, 9979.0), (5.0, 997.0))
    """
    return tuple(map(limits_of_sample, _samples_of(handle)))


def full_limits(handle: ImageHandle) -> tuple[Limits, ...]:
    """Return, for each channel, the least and the greatest value that it may have.

    Those of an integer type are its own. A floating-point type has no such range that would show
    anything: here they are the least and the greatest finite value of the pixels that
    ``suggest_contrast`` samples. The samples of colour pixels share one pair.
    """
    dtype = handle.dtype
    count = len(handle.channels)
    if dtype.kind == "b":
        return ((0.0, 1.0),) * count
    if dtype.kind in "iu":
        return ((float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)),) * count
    return tuple(map(_range_of, _samples_of(handle)))


def _samples_of(handle: ImageHandle) -> Iterator[Array]:
    """Yield some pixels of each channel, of the smallest sufficient level."""
    levels = focus_levels(handle)
    sufficient = [level for level in levels if longest_side(level.dims) >= LEAST_SIDE]
    array = sufficient[-1] if sufficient else levels[0]
    has_pixels = 0 not in array.dims.shape
    for channel in range(array.dims.get("C", 1)):
        yield sample(array, channel) if has_pixels else np.zeros((0, 0), array.dtype)


def _range_of(pixels: Array) -> Limits:
    """Return the least and the greatest finite value of floating-point or complex pixels."""
    if pixels.ndim == 3:
        pixels = pixels[..., :3]
    values = np.abs(pixels) if pixels.dtype.kind == "c" else pixels
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    return _apart(float(finite.min()), float(finite.max()))


def _apart(low: float, high: float) -> Limits:
    """Return limits of which low is below high: a constant plane is gray, unless it is all 0."""
    if low < high:
        return low, high
    if high == 0:
        return 0.0, 1.0
    most = sys.float_info.max
    return max(low - abs(low), -most), min(high + abs(high), most)


def limits_of_sample(pixels: Array) -> Limits:
    """Return black and full colour for pixels of shape (..., Y, X), or (..., Y, X, S) with S of 3 or 4.

    Pixels of colour are told apart by ``sample``, which flattens others to two axes.
    """
    if pixels.ndim == 3:
        return limits_of_colors(pixels)
    return limits_of(pixels)


def sample(array: LazyArray, channel: int) -> Array:
    """Read some pixels of a channel.

    Parameters
    ----------
    array
        Any axes.
    channel
        Position along C.

    Returns
    -------
    numpy.ndarray
        Planes and blocks below each other: shape (rows, X), or (rows, X, S) for pixels of colour.
    """
    dims = array.dims
    drawn = plane_letters(dims)
    outer = [letter for letter in dims if letter not in drawn + "CS"]
    shown = drawn
    if dims.get("S", 1) > 1:
        shown += "S"
    parts: list[Array] = []
    for step in _along_diagonal([dims[letter] for letter in outer]):
        picks: dict[str, Any] = dict(zip(outer, step, strict=True))
        if "C" in dims:
            picks["C"] = channel
        if "S" in dims and "S" not in shown:
            picks["S"] = 0
        parts += _blocks_of(views.transpose(array, shown, picks))
    # Blocks have one width: those at the edge begin earlier, and do not end earlier.
    return np.concatenate(parts)


def _along_diagonal(sizes: list[int]) -> list[tuple[int, ...]]:
    """Positions of up to ``PLANES`` planes, from the first to the last along all axes together."""
    count = min(PLANES, max(sizes, default=1))
    # A single plane is the middle one: stacks are often empty at their ends.
    if count < PLANES:
        fractions = [(2 * k + 1) / (2 * count) for k in range(count)]
    else:
        fractions = [k / (count - 1) for k in range(count)]
    steps = [tuple(min(size - 1, int(f * size)) for size in sizes) for f in fractions]
    return list(dict.fromkeys(steps))


def _blocks_of(plane: LazyArray) -> list[Array]:
    """Read a plane, or blocks spread over it."""
    height, width = plane.shape[:2]
    if height * width <= WHOLE_PIXELS:
        return [read_array(plane)]
    y, x = tuple(plane.dims)[:2]
    # -1 marks an axis that is not stored.
    axis = max(0, plane.view.axes[0])
    if not is_raw(plane) and 4 * plane.layout.block_shape[axis] > plane.stored.shape[axis]:
        # Each of 25 blocks would decode a large part of the image anew; this decodes it once.
        return [sample_rows(plane, -(-max(height, width) // ONCE_SIDE))]
    blocks = []
    stored = [_stored_block(plane, number) for number in (0, 1)]
    for top in _starts(height, stored[0]):
        for left in _starts(width, stored[1]):
            picks = {y: slice(top, top + BLOCK_SIDE), x: slice(left, left + BLOCK_SIDE)}
            blocks.append(read_array(views.transpose(plane, plane.dims.order, picks)))
    return blocks


def _stored_block(plane: LazyArray, number: int) -> int:
    """Return the length of the stored blocks along an axis of a plane; 1 where their edges do not matter."""
    axis = plane.view.axes[number]
    # Of raw blocks only a window is read. A part of the stored axis may begin anywhere. -1 marks an
    # axis that is not stored.
    if axis < 0 or is_raw(plane) or plane.shape[number] != plane.stored.shape[axis]:
        return 1
    return max(1, plane.layout.block_shape[axis])


def _starts(length: int, stored: int) -> list[int]:
    """First positions of blocks along an axis: in the middle of equal parts, each within one stored block.

    A block over the corner of four tiles of 2000 x 2000 takes four times as long: all four are
    decoded.
    """
    count = min(BLOCKS, max(1, length // BLOCK_SIDE))
    starts: list[int] = []
    for k in range(count):
        start = max(0, int((k + 0.5) * length / count - BLOCK_SIDE / 2))
        edge = (start // stored + 1) * stored
        # Blocks narrower than this one are crossed anyway.
        if stored >= 2 * BLOCK_SIDE and edge < start + BLOCK_SIDE:
            start = edge - BLOCK_SIDE
        starts.append(start)
    return starts


# ---------------------------------------------------------------- values


def limits_of(pixels: Array) -> Limits:
    """Return black and full colour for the pixels of one channel, shape (Y, X).

    Parameters
    ----------
    pixels
        Of any type; complex ones are shown by their magnitude.

    Returns
    -------
    low, high : float
        Low is below high.
    """
    return limits_of_parts([pixels])


def limits_of_parts(parts: Sequence[Array]) -> Limits:
    """Return black and full colour for parts of one channel, shape (Y, X) each, of one type."""
    dtype = parts[0].dtype
    if dtype.kind == "b":
        return 0.0, 1.0
    shown = list(parts)
    if dtype.kind == "c":
        shown = list(map(np.abs, parts))
    values = np.concatenate(list(map(np.ravel, shown)))
    # Without empty cells first: beside a small mosaic they would be most of the pixels.
    low, high = _percentiles(np.concatenate([np.ravel(_leave_out_empty(one)) for one in shown]))
    if high <= low:
        # What lies beside empty cells is constant: the two together are the picture.
        low, high = _percentiles(values)
    if high <= low:
        # Few pixels differ from the background: show the whole range.
        finite = values[np.isfinite(values)]
        low, high = float(finite.min(initial=low)), float(finite.max(initial=high))
    return _apart(low, high)


def _percentiles(values: Array) -> Limits:
    """Return the values below which ``LOW`` and ``HIGH`` of the finite ones lie; 0 if there is none."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)].astype(np.float64)
    if not values.size:
        return 0.0, 0.0
    # Not np.percentile, which imports numpy.ma: 40 ms.
    last = values.size - 1
    places = round(LOW * last), round(HIGH * last)
    in_order = np.partition(values.ravel(), places)
    return float(in_order[places[0]]), float(in_order[places[1]])


def limits_of_colors(pixels: Array) -> Limits:
    """Return black and white for pixels of colour, shape (Y, X, S): one pair for all samples."""
    dtype = pixels.dtype
    if dtype == np.uint8:
        return 0.0, 255.0
    if dtype.kind == "u":
        most = float(np.iinfo(dtype).max)
        # Cameras of 12 bits fill a sixteenth of a 16-bit type; smaller values are stretched.
        if pixels.max(initial=0) > most // 16:
            return 0.0, most
    return limits_of(pixels[..., :3].reshape(pixels.shape[0], -1))


def _leave_out_empty(values: Array) -> Array:
    """Drop cells whose pixels are all 0: no tile of a mosaic lies there."""
    height, width = (size - size % CELL for size in values.shape)
    if not height or not width or values.all():
        return values
    # Shape (rows of cells, CELL, columns of cells, CELL), then (cells, pixels of a cell).
    grid = values[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL)
    cells: Array = grid.swapaxes(1, 2).reshape(-1, CELL * CELL)
    filled = cells[cells.any(axis=1)]
    if not filled.size or len(filled) == len(cells):
        return values
    # Cells at the edge of a tile have zeros, too; those of a background of 0 are everywhere.
    whole = filled[filled.all(axis=1)]
    return whole if 2 * len(whole) >= len(filled) else filled


def stretch(values: Array, limits: Limits) -> npt.NDArray[np.float32]:
    """Map values to 0 (black) to 1 (full colour); NaN is black."""
    if values.dtype.kind == "c":
        values = np.abs(values)
    low, high = limits
    # float64 where float32 would merge neighbours: differences of large numbers.
    wide: Any = np.float64 if values.dtype.itemsize > 2 else np.float32
    if np.isinf(high - low):
        # Halves of numbers near the end of float64 have a difference.
        values, low, high = values / 2, low / 2, high / 2
    stretched: Array = (values.astype(wide) - low) / (high - low)
    shown: npt.NDArray[np.float32] = np.clip(stretched, 0, 1).astype(np.float32)
    return np.nan_to_num(shown, copy=False, nan=0.0)
