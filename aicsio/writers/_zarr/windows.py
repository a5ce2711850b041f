"""Contrast windows of channels, from pixels of the smallest level.

Rule kept here: bounded in time and memory, whatever the image: at most ``PLANES`` planes a channel
and ``FILES`` files a plane are read back from the store that was just written.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._ome.ngff import ContrastWindow
from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.plan import ImagePlan
from aicsio.writers._zarr.tile_files import StoreTarget

PLANES = 8
"""Planes of a channel, spread over Z and T. A stack of 180 planes of 256 x 256 takes 10 ms."""
FILES = 4
"""Files of a plane; the smallest level has one, unless a single level was requested."""
_PERCENTILES = (0.1, 99.9)
"""Few hot or dead pixels do not decide."""


def channel_windows(plan: ImagePlan, target: StoreTarget) -> list[ContrastWindow]:
    """Return a window for each channel."""
    smallest = plan.levels[-1]
    count = smallest.shape[smallest.letters.index("C")] if "C" in smallest.letters else 1
    return [_window(_sample(smallest, channel, target), smallest.dtype) for channel in range(count)]


def _sample(level: ArrayPlan, channel: int, target: StoreTarget) -> npt.NDArray[Any]:
    """Read pixels of some planes of a channel."""
    outer = [
        [channel] if letter == "C" else _spread(size)
        for letter, size in zip(level.letters[:-2], level.shape[:-2], strict=True)
    ]
    planes = [()] if not outer else list(zip(*_paired(outer), strict=True))
    pixels = []
    middle_files = [_middle(count) for count in level.file_counts[-2:]]
    decoded: dict[tuple[int, ...], npt.NDArray[Any]] = {}
    for plane in planes:
        group = tuple(p // size for p, size in zip(plane, level.file_shape, strict=False))
        within = tuple(p % size for p, size in zip(plane, level.file_shape, strict=False))
        for row in middle_files[0]:
            for column in middle_files[1]:
                index = (*group, row, column)
                if index not in decoded:
                    decoded = {index: _decode(level, index, target)}
                pixels.append(decoded[index][within].ravel())
    return np.concatenate(pixels)


def _decode(level: ArrayPlan, index: tuple[int, ...], target: StoreTarget) -> npt.NDArray[Any]:
    data = target.get(level.key(index))
    if data is None:
        return np.zeros([part.stop - part.start for part in level.extent(index)], level.dtype)
    return level.decode_file(data, index)


def _spread(size: int) -> list[int]:
    """Return up to ``PLANES`` positions from the first to the last."""
    count = min(size, PLANES)
    return [round(k * (size - 1) / max(count - 1, 1)) for k in range(count)]


def _paired(outer: list[list[int]]) -> list[list[int]]:
    """Give all axes as many positions, so that planes go along the diagonal of T and Z."""
    longest = max(map(len, outer))
    return [
        [positions[k * len(positions) // longest] for k in range(longest)] for positions in outer
    ]


def _middle(count: int) -> range:
    first = max(0, (count - 2) // 2)
    return range(first, min(count, first + int(FILES**0.5)))


def _window(pixels: npt.NDArray[Any], dtype: np.dtype[Any]) -> ContrastWindow:
    if dtype.kind == "c":
        pixels = np.abs(pixels)
    finite = pixels[np.isfinite(pixels)] if dtype.kind in "fc" else pixels
    if not finite.size or dtype.kind == "b":
        return ContrastWindow.of_type(dtype)
    if dtype.kind == "f":
        finite = finite.astype(np.float64)
    start, end = map(float, np.percentile(finite, _PERCENTILES))
    if dtype.kind in "iu":
        start, end = float(np.floor(start)), float(np.ceil(end))
        limits = np.iinfo(dtype)
        low, high = float(limits.min), float(limits.max)
    else:
        low, high = float(finite.min()), float(finite.max())
    # A flat picture still has a range that a viewer can draw.
    return ContrastWindow(low, high, start, end if end > start else start + 1)
