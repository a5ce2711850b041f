"""A small picture of an image, from as few bytes as possible.

Rule kept here: memory is bounded. The smallest sufficient level is read; from planes that are still
large, only the rows and columns that are shown, band by band.
"""

import colorsys
import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio._dims import views
from aicsio.arrays import read_array
from aicsio.errors import DimensionError
from aicsio.records import Channel, Dims, ImageHandle, LazyArray, Strided

__all__ = ["thumbnail"]

Array: TypeAlias = npt.NDArray[Any]
Picture: TypeAlias = npt.NDArray[np.uint8]

WHOLE_BYTES = 64 * 1024 * 1024
"""Planes up to this size are read whole and averaged; larger ones are sampled, to bound memory."""
BAND_BYTES = 32 * 1024 * 1024
"""Bytes of a large plane that are read at once."""
SKIPPED_BYTES = 64 * 1024
"""A gap between two rows that is at least this long is skipped, not read: one seek costs less."""
LOW, HIGH = 0.5, 99.8
"""Percentiles shown as black and white: most of a fluorescence image is background."""
MOST_CHANNELS = 7
"""There are seven distinct sums of red, green and blue at full intensity."""
DEFAULT_COLORS = (0x00FF00, 0xFF00FF, 0x00FFFF, 0xFFFF00, 0xFF0000, 0x0000FF, 0xFFFFFF)
"""For channels without colour and wavelength. The first two suit the colour-blind."""


@checked
def thumbnail(
    handle: ImageHandle, size: int, progress: Callable[[int, int], object] | None = None
) -> Picture:
    """Draw the image in focus.

    The picture shows the middle of Z, the first position of every other dimension, and up to seven
    channels in their colours. Without colours in the file, the emission wavelengths choose them.

    Parameters
    ----------
    handle
        An opened image. A level other than 0 is drawn as it is; for level 0, the smallest
        sufficient level is drawn.
    size
        Pixels of the longer side; smaller images are not enlarged.
    progress
        Called with the number of bands read and their total.

    Returns
    -------
    numpy.ndarray
        uint8; shape (Y, X) for gray, (Y, X, 3) for colours, (Y, X, 4) for an image with alpha.

    Raises
    ------
    DimensionError
        When ``size`` is less than 1.
    CorruptFileError
        When the pixels cannot be decoded.
    SourceError
        When the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.thumbnails import thumbnail
    >>> ramp = np.arange(6, dtype=np.uint16).reshape(2, 3)
    >>> thumbnail(open_image(ramp, dims="YX"), 3)
    array([[  0,  50, 101],
           [153, 204, 255]], dtype=uint8)
    """
    if size < 1:
        raise DimensionError(f"size={size}: give the pixels of the longer side, such as size=512")
    array = _select_array(handle, size)
    count = array.dims.get("C", 1)
    # A palette is that of the first page; other channels may have other colours.
    palette = _palette_of(handle, array.dtype) if count == 1 else None
    planes = []
    for channel in range(count):
        report = _report_share(progress, channel, count)
        planes.append(_read_plane(array, channel, size, smooth=palette is None, report=report))
    first = planes[0]
    if palette is not None and first.ndim == 2:
        return _apply_palette(first, palette)
    if first.ndim == 3:
        return _draw_samples(first)
    stretched = [_stretch_contrast(plane) for plane in planes]
    if count == 1:
        return _to_bytes(stretched[0])
    return _compose(stretched, _choose_colors(handle.channels[:count]))


def _report_share(
    progress: Callable[[int, int], object] | None, channel: int, count: int
) -> Callable[[int, int], object] | None:
    """Turn the progress of one channel into that of all."""
    if progress is None:
        return None

    def report(done: int, total: int) -> object:
        return progress(channel * total + done, count * total)

    return report


# ---------------------------------------------------------------- reading


def _select_array(handle: ImageHandle, size: int) -> LazyArray:
    """View the drawn pixels as CYX, CYXS, YX or YXS, at the smallest sufficient level."""
    array = handle.array
    if handle.level == 0 and array == handle.levels[0]:
        required = min(size, _longest_side(array.dims))
        sufficient = [level for level in handle.levels if _longest_side(level.dims) >= required]
        array = min(sufficient, key=lambda level: _longest_side(level.dims))
    dims = array.dims
    plane = _plane_letters(dims)
    drawn = plane
    if dims.get("C", 1) > 1:
        drawn = "C" + drawn
    if "S" in dims:
        drawn += "S"
    picks: dict[str, Any] = {}
    for letter, length in dims.items():
        if letter not in drawn:
            picks[letter] = length // 2 if letter == "Z" else 0
    if "C" in drawn:
        picks["C"] = slice(0, MOST_CHANNELS)
    return views.transpose(array, drawn, picks)


def _plane_letters(dims: Dims) -> str:
    """Y and X; for an image without them, its two longest axes."""
    if "Y" in dims and "X" in dims:
        return "YX"
    axes = [letter for letter in dims if letter not in "CS"]
    longest = sorted(axes, key=lambda letter: -dims[letter])[:2]
    chosen = "".join(letter for letter in dims if letter in longest)
    # An image with fewer axes gets Y and X of length 1.
    return "YX"[: 2 - len(chosen)] + chosen


def _longest_side(dims: Dims) -> int:
    return max(dims.get(letter, 1) for letter in _plane_letters(dims))


def _read_plane(
    array: LazyArray,
    channel: int,
    size: int,
    *,
    smooth: bool,
    report: Callable[[int, int], object] | None,
) -> Array:
    """Read one channel, at most twice as large as the picture, and shrink it.

    Without ``smooth``, pixels are sampled, not averaged: the mean of two palette indices is a third
    colour.
    """
    letters = array.dims.order
    if letters[0] == "C":
        array = views.transpose(array, letters[1:], {"C": channel})
    longest = max(array.shape[:2])
    if not smooth:
        return _sample_rows(array, max(1, -(-longest // size)), report)
    if array.nbytes <= WHOLE_BYTES:
        pixels = read_array(array)
    else:
        pixels = _sample_rows(array, max(1, longest // (2 * size)), report)
    if longest < size:
        size = size * max(pixels.shape[:2]) // longest
    return _shrink(pixels, size)


def _sample_rows(array: LazyArray, step: int, report: Callable[[int, int], object] | None) -> Array:
    """Read every ``step``-th row and column."""
    y, x = tuple(array.dims)[:2]
    bands = list(_split_rows(array, step))
    parts = []
    for done, band in enumerate(bands):
        if report is not None:
            report(done, len(bands))
        picks = {y: band, x: slice(None, None, step)}
        parts.append(read_array(views.transpose(array, array.dims.order, picks)))
    return np.concatenate(parts)


def _split_rows(array: LazyArray, step: int) -> Iterator[range]:
    """Split the sampled rows into bands that are cheap to read.

    A stored block is decoded as a whole, so a band holds whole blocks. Raw pixels allow single
    rows: a band is one row if the gap to the next one is long.
    """
    height = array.shape[0]
    row_bytes = array.nbytes // max(1, height)
    axis = array.view.axes[0]
    block_height = array.layout.block_shape[axis] if axis >= 0 else 1
    if _is_raw(array) and step * row_bytes > SKIPPED_BYTES:
        band_height = block_height
    else:
        blocks = max(1, BAND_BYTES // max(1, block_height * row_bytes))
        band_height = blocks * block_height
    sampled = range(0, height, step)
    rows_per_band = max(1, band_height // step)
    for start in range(0, len(sampled), rows_per_band):
        yield sampled[start : start + rows_per_band]


def _is_raw(array: LazyArray) -> bool:
    """Whether the first stored pixel lies uncompressed in the file; all others then do too."""
    axis_count = len(array.stored.shape)
    first_block = (0,) * axis_count
    window = (slice(0, 1),) * axis_count
    return all(isinstance(piece, Strided) for piece in array.layout.pieces(first_block, window))


def _shrink(pixels: Array, size: int) -> Array:
    """Shrink to ``size`` along the longer side; each pixel is the mean of those that it covers."""
    height, width = pixels.shape[:2]
    if max(height, width) <= size:
        return pixels
    scale = size / max(height, width)
    if pixels.dtype.kind == "c":
        return _shrink(pixels.real, size)
    rows = _mean_of_runs(pixels.astype(np.float32), 0, max(1, round(height * scale)))
    small = _mean_of_runs(rows, 1, max(1, round(width * scale)))
    if pixels.dtype.kind == "f":
        return small
    if pixels.dtype == bool:
        return np.rint(small).astype(np.uint8)
    return np.rint(small).astype(pixels.dtype)


def _mean_of_runs(pixels: Array, axis: int, count: int) -> Array:
    """Mean over ``count`` nearly equal runs along an axis."""
    edges = np.linspace(0, pixels.shape[axis], count + 1).round().astype(int)
    # float64: a sum of 100 000 16-bit pixels has more digits than a float32 holds.
    sums = np.add.reduceat(pixels, edges[:-1], axis=axis, dtype=np.float64)
    shape = [1] * pixels.ndim
    shape[axis] = count
    return (sums / np.diff(edges).reshape(shape)).astype(np.float32)


# ---------------------------------------------------------------- colours


def _stretch_contrast(plane: Array) -> npt.NDArray[np.float32]:
    """Map percentiles to 0 and 1; NaN and infinities are black."""
    values = np.abs(plane) if plane.dtype.kind == "c" else plane
    values = values.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.float32)
    low, high = np.percentile(values[finite], (LOW, HIGH))
    if high <= low:
        # Few pixels differ from the background: show the whole range.
        low, high = float(values[finite].min()), float(values[finite].max())
    if high <= low:
        # A constant plane is gray, unless it is all 0.
        return np.full(values.shape, 0.0 if high == 0 else 0.5, np.float32)
    stretched = np.clip((np.where(finite, values, low) - low) / (high - low), 0, 1)
    return np.asarray(stretched, np.float32)


def _to_bytes(values: npt.NDArray[Any]) -> Picture:
    """Turn values from 0 to 1 into bytes."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _draw_samples(pixels: Array) -> Picture:
    """Show 8-bit RGB as it is; scale other types by the range of the type, or of the values."""
    samples = pixels.shape[2]
    if samples == 2:
        # Gray and alpha: a PNG of two samples is rare, so alpha is dropped.
        gray = pixels[..., 0]
        if gray.dtype == np.uint8:
            return gray
        return _to_bytes(_stretch_contrast(gray))
    rgb = pixels[..., :4]
    if samples == 1:
        rgb = np.repeat(pixels, 3, axis=2)
    if rgb.dtype == np.uint8:
        return rgb
    if rgb.dtype.kind == "u":
        most = np.iinfo(rgb.dtype).max
        # Cameras of 12 bits fill a sixteenth of a 16-bit type; smaller values are stretched.
        if rgb.max(initial=0) > most // 16:
            return _to_bytes(rgb / np.float32(most))
    return _to_bytes(_stretch_contrast(rgb[..., :3]))


def _palette_of(handle: ImageHandle, dtype: np.dtype[Any]) -> npt.NDArray[np.uint16] | None:
    """Colours of a palette image, shape (3, entries); ``None`` for other images.

    A ColorMap has ``2**BitsPerSample`` entries a colour (TIFF 6.0, section 5). A shorter one beside
    larger pixels is a lookup table for the screen, not a palette.
    """
    if handle.scene.color_map is None or dtype.kind != "u":
        return None
    palette = np.frombuffer(handle.scene.color_map, "<u2").reshape(3, -1)
    # Pixels of up to 8 bits are stored as one byte, those of 9 to 16 bits as two.
    if palette.shape[1] <= 256 ** (dtype.itemsize - 1):
        return None
    return palette


def _apply_palette(indices: Array, palette: npt.NDArray[np.uint16]) -> Picture:
    # TIFF 6.0, section 5: the values of a ColorMap are 16 bits deep; some writers fill only 8.
    shift = 8 if palette.max(initial=0) > 255 else 0
    colors = (palette >> shift).astype(np.uint8).T
    return np.asarray(colors[np.minimum(indices, len(colors) - 1)], np.uint8)


def _choose_colors(channels: tuple[Channel, ...]) -> tuple[int, ...]:
    """Choose 0xRRGGBB for each channel: stored colour, emission wavelength, or custom."""
    stored = [channel.color >> 8 for channel in channels if channel.color is not None]
    # Writers that know no colours give all channels the same one, white.
    if len(stored) == len(channels) and len(set(stored)) > 1:
        return tuple(color or 0xFFFFFF for color in stored)
    waves = [channel.emission for channel in channels if channel.emission is not None]
    visible = all(380 <= wave <= 800 for wave in waves)
    if visible and len(set(waves)) == len(channels):
        return tuple(map(_color_of_wavelength, waves))
    return tuple(itertools.islice(itertools.cycle(DEFAULT_COLORS), len(channels)))


def _color_of_wavelength(wave: float) -> int:
    """A pure hue: violet at 400 nm to red at 640 nm and beyond."""
    hue = np.interp(wave, (400, 440, 490, 510, 580, 640), (0.75, 0.667, 0.5, 0.333, 0.167, 0))
    red, green, blue = colorsys.hsv_to_rgb(float(hue), 1, 1)
    return round(255 * red) << 16 | round(255 * green) << 8 | round(255 * blue)


def _compose(planes: list[npt.NDArray[np.float32]], colors: tuple[int, ...]) -> Picture:
    """Add up planes of values from 0 to 1 in their colours, 0xRRGGBB each."""
    out = np.zeros((*planes[0].shape, 3), np.float32)
    for plane, color in zip(planes, colors, strict=True):
        weights = np.array([color >> 16 & 255, color >> 8 & 255, color & 255], np.float32) / 255
        out += plane[..., None] * weights
    return _to_bytes(out)
