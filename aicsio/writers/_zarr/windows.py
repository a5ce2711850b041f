"""Contrast windows of channels, from pixels of the smallest level, as ``suggest_contrast`` chooses them.

Rule kept here: bounded in time and memory, whatever the image: at most ``PLANES`` planes a channel
and ``FILES`` files a plane are read back from the store that was just written.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._ome.ngff import ContrastWindow
from aicsio.pictures.contrast import limits_of_parts
from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.plan import ImagePlan
from aicsio.writers._zarr.tile_files import StoreTarget

PLANES = 8
"""Planes of a channel, spread over Z and T. Those of 512 x 512 take 16 ms."""
FILES = 4
"""Files of a plane; the smallest level has one, unless a single level was requested."""


def channel_windows(plan: ImagePlan, target: StoreTarget) -> list[ContrastWindow]:
    """Return a window for each channel."""
    smallest = plan.all_levels[-1]
    count = smallest.shape[smallest.letters.index("C")] if "C" in smallest.letters else 1
    return [_window(_sample(smallest, channel, target), smallest.dtype) for channel in range(count)]


def _sample(level: ArrayPlan, channel: int, target: StoreTarget) -> list[npt.NDArray[Any]]:
    """Read parts of some planes of a channel, shape (Y, X) each."""
    outer = [
        [channel] if letter == "C" else _spread(size)
        for letter, size in zip(level.letters[:-2], level.shape[:-2], strict=True)
    ]
    planes = [()] if not outer else list(zip(*_paired(outer), strict=True))
    parts: list[npt.NDArray[Any]] = []
    middle_files = [_middle(count) for count in level.file_counts[-2:]]
    index: tuple[int, ...] = ()
    data: bytes | None = None
    for plane in planes:
        # The plane has no positions of Y and X, so zip ends before them.
        group = tuple(p // size for p, size in zip(plane, level.file_shape, strict=False))
        within = tuple(p % size for p, size in zip(plane, level.file_shape, strict=False))
        for row in middle_files[0]:
            for column in middle_files[1]:
                # Planes follow each other, so several of them lie in the file that was read last.
                if index != (*group, row, column):
                    index = (*group, row, column)
                    data = target.get(level.key(index))
                parts.append(_decode(level, index, within, data))
    return parts


def _decode(
    level: ArrayPlan, index: tuple[int, ...], plane: tuple[int, ...], data: bytes | None
) -> npt.NDArray[Any]:
    if data is None:
        # A missing key holds the fill value, 0.
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
    # Two files along each axis: FILES of them around the middle.
    first = max(0, (count - 2) // 2)
    return range(first, min(count, first + int(FILES**0.5)))


def _window(parts: Sequence[npt.NDArray[Any]], dtype: np.dtype[Any]) -> ContrastWindow:
    start, end = limits_of_parts(parts)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return ContrastWindow(limits.min, limits.max, start, end)
    if dtype.kind == "b":
        return ContrastWindow.of_type(dtype)
    low, high = start, end
    for part in parts:
        values = np.abs(part) if dtype.kind == "c" else part
        finite = values[np.isfinite(values)]
        low, high = (
            min(low, float(finite.min(initial=low))),
            max(high, float(finite.max(initial=high))),
        )
    return ContrastWindow(low, high, start, end)
