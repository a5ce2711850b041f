"""The pixels of a picture, from as few bytes as possible.

Rule kept here: memory is bounded. The smallest sufficient level is read; from planes that are still
large, only the rows and columns that are shown, band by band.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio.arrays import read_array
from aicsio.records import Dims, ImageHandle, LazyArray, Strided

Array: TypeAlias = npt.NDArray[Any]
Report: TypeAlias = Callable[[int, int], object]

WHOLE_BYTES = 64 * 1024 * 1024
"""Planes up to this size are read whole and averaged; larger ones are sampled, to bound memory."""
BAND_BYTES = 32 * 1024 * 1024
"""Bytes of a large plane that are read at once."""
SKIPPED_BYTES = 64 * 1024
"""A gap between two rows that is at least this long is skipped, not read: one seek costs less."""


def focus_levels(handle: ImageHandle) -> tuple[LazyArray, ...]:
    """Show each level as the handle shows its own: same order, same positions but along Y and X.

    Parameters
    ----------
    handle
        An opened image.

    Returns
    -------
    tuple of LazyArray
        From the level in focus to the smallest. Only that in focus where it is a part along Y or X,
        or where other levels have other axes.
    """
    shown = handle.array
    view, stored = shown.view, shown.stored
    spatial = [stored.order.index(letter) for letter in "YX" if letter in stored]
    is_part = any(
        view.picks[axis] != range(stored.shape[axis]) for axis in spatial if axis in view.axes
    )
    # A handle in whose scene the array does not lie was made by hand: its levels are of no use.
    if is_part or shown.stored != handle.level_array(handle.scene_index, handle.level).stored:
        return (shown,)
    levels = [shown]
    for level in handle.levels[handle.level + 1 :]:
        same_axes = level.stored.order == stored.order and level.dtype == shown.dtype
        others_agree = all(
            size == level.stored.get(letter, 0)
            for letter, size in stored.items()
            if letter not in "YX"
        )
        if not (same_axes and others_agree):
            break
        picks = list(view.picks)
        for axis in spatial:
            if axis in view.axes:
                picks[axis] = range(level.stored.shape[axis])
            else:
                picks[axis] = 0
        levels.append(
            LazyArray(
                level.layout, level.stored, level.dtype, attrs.evolve(view, picks=tuple(picks))
            )
        )
    return tuple(levels)


def select_level_for(handle: ImageHandle, size: int) -> LazyArray:
    """Return the smallest level whose longer side has ``size`` pixels; level 0 if none has."""
    levels = focus_levels(handle)
    # A level that the user has chosen is drawn as it is.
    if handle.level:
        return levels[0]
    required = min(size, longest_side(levels[0].dims))
    sufficient = [level for level in levels if longest_side(level.dims) >= required]
    return min(sufficient, key=lambda level: longest_side(level.dims))


def plane_letters(dims: Dims) -> str:
    """Y and X; for an image without them, its two longest axes."""
    axes = [letter for letter in dims if letter not in "CS"]
    if ("Y" in dims and "X" in dims) or set(axes) <= {"Y", "X"}:
        return "YX"
    longest = sorted(axes, key=lambda letter: -dims[letter])[:2]
    chosen = "".join(letter for letter in dims if letter in longest)
    # An image with fewer axes gets Y and X of length 1.
    return "YX"[: 2 - len(chosen)] + chosen


def longest_side(dims: Dims) -> int:
    """Pixels of the longer side of a plane."""
    return max(dims.get(letter, 1) for letter in plane_letters(dims))


def read_plane(
    array: LazyArray,
    size: int,
    *,
    smooth: bool,
    report: Report | None,
    whole_nbytes: int | None = None,
) -> Array:
    """Read one plane, at most twice as large as the picture, and shrink it.

    Without ``smooth``, pixels are sampled, not averaged: the mean of two palette indices is a third
    colour.

    Parameters
    ----------
    array
        Shows YX or YXS, by whatever letters.
    size
        Pixels of the longer side.
    smooth
        Whether pixels are averaged.
    report
        Called with the number of bands read and their total.
    whole_nbytes
        Planes up to this size are read whole; ``None`` for ``WHOLE_BYTES``.

    Returns
    -------
    numpy.ndarray
        Shape (Y, X) or (Y, X, S), the type of the array; floats where gray or complex pixels were
        shrunk.
    """
    longest = max(array.shape[:2])
    step = sampling_step(array, size, smooth=smooth, whole_nbytes=whole_nbytes)
    if not smooth:
        return sample_rows(array, step, report)
    pixels = read_array(array) if step == 0 else sample_rows(array, step, report)
    return shrink(pixels, min(size, longest))


def sampling_step(
    array: LazyArray, size: int, *, smooth: bool, whole_nbytes: int | None = None
) -> int:
    """Return the distance of the rows and columns that ``read_plane`` reads; 0 for the whole at once."""
    longest = max(array.shape[:2])
    if not smooth:
        return max(1, -(-longest // size))
    if array.nbytes <= (WHOLE_BYTES if whole_nbytes is None else whole_nbytes):
        return 0
    return max(1, longest // (2 * size))


def windows_of(array: LazyArray, step: int) -> Iterator[LazyArray]:
    """Yield the parts of a plane that ``read_plane`` reads, one a call of the engine."""
    if step == 0:
        yield array
        return
    y, x = tuple(array.dims)[:2]
    for band in _split_rows(array, step):
        picks = {y: band, x: slice(None, None, step)}
        yield views.transpose(array, array.dims.order, picks)


def sample_rows(
    array: LazyArray, step: int, report: Report | None = None, *, across: int | None = None
) -> Array:
    """Read every ``step``-th row and column of a plane; every ``across``-th column if it is given."""
    y, x = tuple(array.dims)[:2]
    bands = list(_split_rows(array, step))
    parts = []
    for done, band in enumerate(bands):
        if report is not None:
            report(done, len(bands))
        picks = {y: band, x: slice(None, None, across or step)}
        parts.append(read_array(views.transpose(array, array.dims.order, picks)))
    return np.concatenate(parts)


def _split_rows(array: LazyArray, step: int) -> Iterator[range]:
    """Split the sampled rows into bands that are cheap to read.

    A stored block is decoded as a whole, so a band holds whole blocks. Raw pixels allow bands of any
    height: a band is one row if the gap to the next one is long.
    """
    height = array.shape[0]
    row_bytes = array.nbytes // max(1, height)
    axis = array.view.axes[0]
    block_height = array.layout.block_shape[axis] if axis >= 0 else 1
    if is_raw(array):
        band_height = max(1, BAND_BYTES // max(1, row_bytes))
        if step * row_bytes > SKIPPED_BYTES:
            band_height = 1
    else:
        blocks = max(1, BAND_BYTES // max(1, block_height * row_bytes))
        band_height = blocks * block_height
    sampled = range(0, height, step)
    rows_per_band = max(1, band_height // step)
    for start in range(0, len(sampled), rows_per_band):
        yield sampled[start : start + rows_per_band]


def is_raw(array: LazyArray) -> bool:
    """Whether the pixels lie uncompressed in the file, by the first piece that is found.

    The corner of a mosaic may be empty, so blocks along the diagonal are asked in turn.
    """
    counts = [len(blocks) for blocks in array.blocks]
    for eighth in range(8):
        block = tuple(eighth * (count - 1) // 7 for count in counts)
        sizes = zip(block, array.layout.block_shape, array.stored.shape, strict=True)
        window = tuple(slice(0, min(block, size - n * block)) for n, block, size in sizes)
        piece = next(iter(array.layout.pieces(block, window)), None)
        if piece is not None:
            return isinstance(piece, Strided)
    return False


def shrink(pixels: Array, size: int) -> Array:
    """Shrink to ``size`` along the longer side; each pixel is the mean of those that it covers.

    Means of gray pixels are floats: rounded, the mean of some photons or of a thin mask would be 0.
    """
    height, width = pixels.shape[:2]
    if max(height, width) <= size:
        return pixels
    scale = size / max(height, width)
    if pixels.dtype.kind == "c":
        return shrink(np.abs(pixels), size)
    # A float64 may lie outside of the range of float32.
    wide = np.float64 if pixels.dtype == np.float64 else np.float32
    rows = _mean_of_runs(pixels.astype(wide), 0, max(1, round(height * scale)))
    small = _mean_of_runs(rows, 1, max(1, round(width * scale)))
    # Values of colour have a meaning of their own: 255 is white.
    return small if pixels.ndim == 2 else as_type(small, pixels.dtype)


def as_type(means: Array, dtype: np.dtype[Any]) -> Array:
    """Turn means back into the type of the pixels; those of booleans into 0 and 1 of uint8."""
    if dtype.kind == "f":
        return means
    if dtype.kind == "b":
        bits: Array = np.rint(means).astype(np.uint8)
        return bits
    info = np.iinfo(dtype)
    highest = float(info.max)
    if int(highest) > info.max:
        # 2 ** 64 - 1 is no float64: the next one below fits.
        highest = math.nextafter(highest, 0)
    # The largest uint32 is no float32, either: its mean would be one more than fits.
    rounded: Array = np.rint(means.astype(np.float64))
    return np.clip(rounded, info.min, highest).astype(dtype)


def _mean_of_runs(pixels: Array, axis: int, count: int) -> Array:
    """Mean over ``count`` nearly equal runs along an axis."""
    # reduceat adds up from each edge to the next one, and from the last but one to the end.
    edges = np.linspace(0, pixels.shape[axis], count + 1).round().astype(int)
    # float64: a sum of 100 000 16-bit pixels has more digits than a float32 holds.
    # Sums of numbers near the end of float64 are infinite, as a file may mark pixels without a value.
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(pixels, edges[:-1], axis=axis, dtype=np.float64)
    shape = [1] * pixels.ndim
    shape[axis] = count
    return (sums / np.diff(edges).reshape(shape)).astype(pixels.dtype)


def enlarge(picture: Array, size: int) -> Array:
    """Repeat pixels until the longer side has ``size``: the nearest one, so that each stays visible."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest >= size:
        return picture
    rows = _nearest(height, max(1, round(height * size / longest)))
    columns = _nearest(width, max(1, round(width * size / longest)))
    return picture[rows][:, columns]


def _nearest(count: int, wanted: int) -> npt.NDArray[np.intp]:
    """Positions of ``count`` pixels that ``wanted`` pixels of the same extent show."""
    return np.arange(wanted) * count // wanted
