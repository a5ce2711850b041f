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
"""Planes of a channel, spread over Z and T. Those of 512 x 512 take 16 ms."""
FILES = 4
"""Files of a plane; the smallest level has one, unless a single level was requested."""
_IGNORED = 0.001
"""Part of the darkest, and of the brightest pixels: few hot or dead ones do not decide."""


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
    index: tuple[int, ...] = ()
    data: bytes | None = None
    for plane in planes:
        group = tuple(p // size for p, size in zip(plane, level.file_shape, strict=False))
        within = tuple(p % size for p, size in zip(plane, level.file_shape, strict=False))
        for row in middle_files[0]:
            for column in middle_files[1]:
                # Planes follow each other, so several of them lie in the file that was read last.
                if index != (*group, row, column):
                    index = (*group, row, column)
                    data = target.get(level.key(index))
                pixels.append(_decode(level, index, within, data).ravel())
    return np.concatenate(pixels)


def _decode(
    level: ArrayPlan, index: tuple[int, ...], plane: tuple[int, ...], data: bytes | None
) -> npt.NDArray[Any]:
    if data is None:
        return np.zeros([part.stop - part.start for part in level.extent(index)[-2:]], level.dtype)
    return level.decode_plane(data, index, plane)


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
    # Not np.percentile, which imports numpy.ma: 40 ms.
    darkest = int(_IGNORED * (finite.size - 1))
    brightest = finite.size - 1 - darkest
    in_order = np.partition(finite, (darkest, brightest))
    start, end = float(in_order[darkest]), float(in_order[brightest])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        low, high = float(limits.min), float(limits.max)
    else:
        low, high = float(finite.min()), float(finite.max())
    # A flat picture still has a range that a viewer can draw.
    return ContrastWindow(low, high, start, end if end > start else start + 1)
