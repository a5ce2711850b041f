"""A small picture of an image, made without reading more than it needs.

Rule kept here: memory is bounded. The smallest level that suffices is read; of planes that are still large, only the
rows and columns that are shown, band by band.
"""

import colorsys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio.arrays import read_array
from aicsio.records import Channel, Dims, ImageHandle, LazyArray, Strided

Array: TypeAlias = npt.NDArray[Any]
Picture: TypeAlias = npt.NDArray[np.uint8]

WHOLE_BYTES = 64 * 1024 * 1024
"""Planes up to this size are read whole and averaged; of larger ones rows and columns are left out."""
BAND_BYTES = 32 * 1024 * 1024
"""Rows of a large plane that are read at once."""
LONG = 64 * 1024
"""Bytes that it costs less to leave out than to read."""
LOW, HIGH = 0.5, 99.8
"""Percentiles shown as black and white: the background of fluorescence is most of the image."""
MOST_CHANNELS = 7
"""More colours than these cannot be told apart."""
DEFAULT_COLORS = (0x00FF00, 0xFF00FF, 0x00FFFF, 0xFFFF00, 0xFF0000, 0x0000FF, 0xFFFFFF)
"""For channels of which the file says neither colour nor wavelength: the first two suit the colour-blind."""


def thumbnail(
    handle: ImageHandle, size: int, progress: Callable[[int, int], object] | None = None
) -> Picture:
    """Draw the image in focus: the middle of Z, the first position of all else, channels in their colours.

    Parameters
    ----------
    handle
        An opened image; a level that was chosen is kept, level 0 means the smallest that suffices.
    size
        Pixels of the longer side; smaller images are not enlarged.
    progress
        Called with the bands done and their number.

    Returns
    -------
    numpy.ndarray
        uint8, shape (Y, X) for gray, (Y, X, 3) for colours, (Y, X, 4) where the image has alpha.

    Raises
    ------
    CorruptFileError, SourceError
        When the pixels cannot be read.
    """
    array = _focused(handle, size)
    count = array.dims.C if "C" in array.dims else 1
    # A palette is that of the first page: it does not speak for the other channels.
    palette = handle.scene.color_map if count == 1 else None
    planes = [
        _plane(array, c, size, smooth=palette is None, report=_part(progress, c, count))
        for c in range(count)
    ]
    if palette is not None and planes[0].ndim == 2 and planes[0].dtype.kind == "u":
        return _indexed(planes[0], palette)
    if planes[0].ndim == 3:
        return _samples(planes[0])
    if count == 1:
        return _as_bytes(_stretched(planes[0], planes[0].dtype))
    return composed(
        [_stretched(plane, plane.dtype) for plane in planes], colors(handle.channels[:count])
    )


def _part(
    progress: Callable[[int, int], object] | None, c: int, count: int
) -> Callable[[int, int], object] | None:
    return (
        None if progress is None else lambda done, total: progress(c * total + done, count * total)
    )


# ---------------------------------------------------------------- what is read


def _focused(handle: ImageHandle, size: int) -> LazyArray:
    """Show what is drawn as CYX, CYXS, YX or YXS, at the level that suffices."""
    array = handle.array
    if handle.level == 0 and array == handle.levels[0]:
        enough = [
            level
            for level in handle.levels
            if _longest(level.dims) >= min(size, _longest(array.dims))
        ]
        array = min(enough, key=lambda level: _longest(level.dims))
    dims = array.dims
    picks: dict[str, Any] = {letter: n // 2 if letter == "Z" else 0 for letter, n in dims.items()}
    plane = _plane_letters(dims)
    shown = ("C" if dims.get("C", 1) > 1 else "") + plane + ("S" if "S" in dims else "")
    for letter in shown:
        picks.pop(letter, None)
    if "C" in shown:
        picks["C"] = slice(0, MOST_CHANNELS)
    order = shown.replace(plane, "YX") if plane == "YX" else shown
    return views.transpose(array, order, picks)


def _plane_letters(dims: Dims) -> str:
    """Y and X; of an image without them its two longest axes."""
    if "Y" in dims and "X" in dims:
        return "YX"
    others = sorted(
        (letter for letter in dims if letter not in "CS"), key=lambda letter: -dims[letter]
    )
    chosen = [letter for letter in dims if letter in others[:2]]
    return "".join([*("YX"[: 2 - len(chosen)]), *chosen]) if len(chosen) < 2 else "".join(chosen)


def _longest(dims: Dims) -> int:
    return max(dims.get(letter, 1) for letter in _plane_letters(dims))


def _plane(
    array: LazyArray,
    c: int,
    size: int,
    *,
    smooth: bool,
    report: Callable[[int, int], object] | None,
) -> Array:
    """Read one channel, not larger than twice the picture, and bring it to size."""
    letters = array.dims.order
    if letters[0] == "C":
        array = views.transpose(array, letters[1:], {"C": c})
    height, width = array.shape[:2]
    longest = max(height, width)
    if smooth and array.nbytes <= WHOLE_BYTES:
        pixels = read_array(array)
    else:
        step = max(1, longest // (2 * size) if smooth else -(-longest // size))
        pixels = _strided(array, step, report)
    return (
        _averaged(pixels, size * max(pixels.shape[:2]) // longest if longest < size else size)
        if smooth
        else pixels
    )


def _strided(array: LazyArray, step: int, report: Callable[[int, int], object] | None) -> Array:
    """Read every ``step``-th row and column."""
    y, x = tuple(array.dims)[:2]
    bands = list(_bands(array, step))
    rows = []
    for done, band in enumerate(bands):
        if report is not None:
            report(done, len(bands))
        rows.append(
            read_array(
                views.transpose(array, array.dims.order, {y: band, x: slice(None, None, step)})
            )
        )
    return np.concatenate(rows)


def _bands(array: LazyArray, step: int) -> Iterator[range]:
    """Cut the rows that are shown into bands that are cheap to read.

    A stored block is decoded once, whatever is wanted of it, so a band holds whole blocks. Of raw pixels single rows
    can be had, so a band is one row where rows between are long.
    """
    height, row = array.shape[0], array.nbytes // max(1, array.shape[0])
    axis = array.view.axes[0]
    block = array.layout.block_shape[axis] if axis >= 0 else 1
    origin = tuple(0 for _ in array.stored.shape)
    window = tuple(slice(0, 1) for _ in array.stored.shape)
    raw = all(isinstance(piece, Strided) for piece in array.layout.pieces(origin, window))
    rows = 1 if raw and step * row > LONG else max(1, BAND_BYTES // max(1, block * row)) * block
    shown = range(0, height, step)
    per_band = max(1, rows // step)
    for at in range(0, len(shown), per_band):
        yield shown[at : at + per_band]


def _averaged(pixels: Array, size: int) -> Array:
    """Shrink to ``size`` along the longer side; each pixel is the mean of those that it covers."""
    height, width = pixels.shape[:2]
    if max(height, width) <= size:
        return pixels
    scale = size / max(height, width)
    real = pixels.real if pixels.dtype.kind == "c" else pixels
    small = _box(
        _box(real.astype(np.float32), 0, max(1, round(height * scale))),
        1,
        max(1, round(width * scale)),
    )
    return (
        small
        if pixels.dtype.kind in "fc"
        else np.rint(small).astype(np.uint8 if pixels.dtype == bool else pixels.dtype)
    )


def _box(pixels: Array, axis: int, count: int) -> Array:
    """Mean over ``count`` nearly equal runs along an axis."""
    edges = np.linspace(0, pixels.shape[axis], count + 1).round().astype(int)
    sums = np.add.reduceat(pixels, edges[:-1], axis=axis, dtype=np.float64)
    shape = [1] * pixels.ndim
    shape[axis] = count
    return (sums / np.diff(edges).reshape(shape)).astype(np.float32)


# ---------------------------------------------------------------- how it looks


def _stretched(plane: Array, dtype: np.dtype[Any]) -> npt.NDArray[np.float32]:
    """Map percentiles to 0 and 1; what is no number is black."""
    values = np.abs(plane) if dtype.kind == "c" else plane
    values = values.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.float32)
    low, high = np.percentile(values[finite], (LOW, HIGH))
    if high <= low:
        low, high = float(values[finite].min()), float(values[finite].max())
    if high <= low:
        return np.full(values.shape, 0.0 if high == 0 else 0.5, np.float32)
    stretched = np.clip((np.where(finite, values, low) - low) / (high - low), 0, 1)
    return np.asarray(stretched, np.float32)


def _as_bytes(values: npt.NDArray[Any]) -> Picture:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _samples(pixels: Array) -> Picture:
    """Show RGB as it is; of other types the range of the type, or of the values, is stretched."""
    if pixels.shape[2] == 2:
        return (
            _as_bytes(_stretched(pixels[..., 0], pixels.dtype))
            if pixels.dtype != np.uint8
            else pixels[..., 0]
        )
    kept = pixels[..., :4] if pixels.shape[2] >= 3 else np.repeat(pixels, 3, axis=2)
    if kept.dtype == np.uint8:
        return kept
    if kept.dtype.kind == "u" and kept.max(initial=0) > np.iinfo(kept.dtype).max // 16:
        return _as_bytes(kept / np.float32(np.iinfo(kept.dtype).max))
    return _as_bytes(_stretched(kept[..., :3], kept.dtype))


def _indexed(indices: Array, palette: bytes) -> Picture:
    table = np.frombuffer(palette, "<u2").reshape(3, -1)
    # The map is 16 bits deep by the TIFF specification, section 5; some writers fill 8.
    table = (table >> 8 if table.max(initial=0) > 255 else table).astype(np.uint8)
    return np.asarray(table.T[np.minimum(indices, table.shape[1] - 1)], np.uint8)


def colors(channels: tuple[Channel, ...]) -> tuple[int, ...]:
    """0xRRGGBB of each channel: as the file says, else by emission wavelength, else by custom."""
    said = [None if channel.color is None else channel.color >> 8 for channel in channels]
    if None not in said and len(set(said)) > 1:
        return tuple(color or 0xFFFFFF for color in said)
    waves = [channel.emission for channel in channels]
    if all(wave is not None and 380 <= wave <= 800 for wave in waves) and len(set(waves)) == len(
        waves
    ):
        return tuple(_of_wavelength(wave) for wave in waves if wave is not None)
    return tuple(DEFAULT_COLORS[i % len(DEFAULT_COLORS)] for i in range(len(channels)))


def _of_wavelength(wave: float) -> int:
    """A pure hue: violet at 400 nm to red at 640 nm and beyond."""
    hue = np.interp(wave, (400, 440, 490, 510, 580, 640), (0.75, 0.667, 0.5, 0.333, 0.167, 0))
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(float(hue), 1, 1))
    return red << 16 | green << 8 | blue


def composed(planes: list[npt.NDArray[np.float32]], chosen: tuple[int, ...]) -> Picture:
    """Add up planes of values from 0 to 1 in their colours."""
    out = np.zeros((*planes[0].shape, 3), np.float32)
    for plane, color in zip(planes, chosen, strict=True):
        weights = np.array([color >> 16 & 255, color >> 8 & 255, color & 255], np.float32) / 255
        out += plane[..., None] * weights
    return _as_bytes(out)
