"""The levels that the page zooms through: those of the file, and coarser ones made while it looks.

Rule kept here: bounded memory. A tile of a level that the file lacks is sampled from the next finer
one in bands; no whole plane is read but small ones whose pixels can only be decoded together.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio.arrays import read_array
from aicsio.pictures.reading import as_type, focus_levels, is_raw, plane_letters, sample_rows
from aicsio.records import ImageHandle, LazyArray

Array: TypeAlias = npt.NDArray[Any]

TILE = 512
"""Pixels of a side of a tile: 512 KiB of uint16, which loopback carries in a millisecond."""
MOST_SOURCE_SIDE = 8192
"""Pixels of the file along a side that one tile covers: 128 MiB of uint16, decoded in half a second."""
LEAST_TILE = 64
"""Pixels of a side below which tiles do not shrink: more requests would cost more than they save."""
ROWS_STEP = 16
"""From this step on, of raw pixels single rows are read: each row more costs a request to the file."""
PLANE_BYTES = 64 << 20
"""Planes up to this size that are one encoded block are decoded once and kept."""
CACHE_BYTES = 128 << 20
"""Decoded planes and made tiles that are kept."""


@attrs.frozen
class ViewLevel:
    """One level that the page shows."""

    array: LazyArray
    """The level of the file that it is read from; all axes."""
    step: int
    """Pixels of that level along each axis for one pixel of this; 1 for a level of the file."""
    height: int
    """Rows."""
    width: int
    """Columns."""
    scale: float
    """Pixels of level 0 along X for one pixel of this."""
    tile: int
    """Pixels of a side of its tiles."""


def view_levels(handle: ImageHandle) -> tuple[ViewLevel, ...]:
    """List the levels of what a handle shows, the finest first, until one fits into a tile.

    Parameters
    ----------
    handle
        An opened image.

    Returns
    -------
    tuple of ViewLevel
        Each about half as large as the one before.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.viewer.pyramid import view_levels
    >>> levels = view_levels(open_image(np.zeros((3000, 2000), np.uint8), dims="YX"))
    >>> [(level.height, level.width, level.step) for level in levels]
    [(3000, 2000, 1), (1500, 1000, 2), (750, 500, 4), (375, 250, 8)]
    """
    y, x = tuple(plane_letters(handle.dims))
    stored = focus_levels(handle)
    full_width = stored[0].dims.get(x, 1)
    levels: list[ViewLevel] = []
    for index, array in enumerate(stored):
        height, width = array.dims.get(y, 1), array.dims.get(x, 1)
        # Levels that the file lacks fill the gap to its next level, or end with one tile.
        least = TILE / 2
        if index + 1 < len(stored):
            following = stored[index + 1].dims
            least = 1.5 * max(following.get(y, 1), following.get(x, 1))
        step = 1
        while step == 1 or -(-max(height, width) // step) > least:
            side = max(LEAST_TILE, min(TILE, MOST_SOURCE_SIDE // step))
            scale = full_width / width * step
            rows, columns = -(-height // step), -(-width // step)
            levels.append(ViewLevel(array, step, rows, columns, scale, side))
            step *= 2
    return tuple(levels)


class TileReader:
    """Reads tiles and keeps what was costly to make. Not a record: it holds pixels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, Array] = OrderedDict()
        self._nbytes = 0
        self._making: dict[Any, threading.Lock] = {}

    def read(
        self,
        level: ViewLevel,
        corner: tuple[int, int],
        picks: Mapping[str, int],
        *,
        smooth: bool,
        stop: Callable[[], None],
    ) -> Array:
        """Read one tile.

        Parameters
        ----------
        level
            The level.
        corner
            Row and column of the tile, counted in tiles.
        picks
            Position along each axis that is no part of the plane.
        smooth
            Whether pixels are averaged; else, as for palettes, one of several is taken.
        stop
            Called between bands; it raises when nobody waits for the tile any more.

        Returns
        -------
        numpy.ndarray
            Shape (Y, X), or (Y, X, S) for pixels of colour; smaller at the right and the lower end.
        """
        plane = plane_of(level.array, picks)
        if level.step > 1:
            key = (level, corner, tuple(sorted(picks.items())))
            return self._keep(key, lambda: self._sample(level, corner, plane, smooth, stop))
        top, left = (part * level.tile for part in corner)
        return self._window(plane, (top, left), level.tile)

    def _sample(
        self,
        level: ViewLevel,
        corner: tuple[int, int],
        plane: LazyArray,
        smooth: bool,
        stop: Callable[[], None],
    ) -> Array:
        """Make a tile of a level that the file lacks."""
        side = level.tile * level.step
        y, x = tuple(plane.dims)[:2]
        top, left = (part * side for part in corner)
        picks = {y: slice(top, top + side), x: slice(left, left + side)}
        window = views.transpose(plane, plane.dims.order, picks)
        if not smooth:
            return sample_rows(window, level.step, lambda *_: stop())
        if level.step >= ROWS_STEP and is_raw(plane):
            # A row is read as a whole, so that its pixels may as well be averaged.
            rows = sample_rows(window, level.step, lambda *_: stop(), across=1)
            return average_columns(rows, level.step)
        # The mean of two by two samples: one sample alone makes thin structures flicker.
        return halve(sample_rows(window, level.step // 2, lambda *_: stop()))

    def _window(self, plane: LazyArray, start: tuple[int, int], side: int) -> Array:
        y, x = tuple(plane.dims)[:2]
        parts = slice(start[0], start[0] + side), slice(start[1], start[1] + side)
        if _decodes_whole(plane, side) and plane.nbytes <= PLANE_BYTES:
            return self._keep(plane, lambda: read_array(plane))[parts]
        # A single thread: tiles are requested side by side.
        window = views.transpose(plane, plane.dims.order, {y: parts[0], x: parts[1]})
        return read_array(window, 1)

    def _keep(self, key: Any, make: Callable[[], Array]) -> Array:
        """Return what was made before, or make it; two threads do not make the same."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                with self._lock:
                    if key in self._kept:
                        self._kept.move_to_end(key)
                        return self._kept[key]
                made = make()
                with self._lock:
                    self._kept[key] = made
                    self._nbytes += made.nbytes
                    while self._nbytes > CACHE_BYTES:
                        _, dropped = self._kept.popitem(last=False)
                        self._nbytes -= dropped.nbytes
                return made
        finally:
            with self._lock:
                self._making.pop(key, None)


def plane_of(array: LazyArray, picks: Mapping[str, int]) -> LazyArray:
    """Show one plane, YX or YXS; positions that are not given are 0."""
    order = plane_letters(array.dims)
    chosen = {letter: picks.get(letter, 0) for letter in array.dims if letter not in order}
    # Gray and opacity are shown as gray.
    if array.dims.get("S", 1) > 2:
        order += "S"
        chosen.pop("S")
    return views.transpose(array, order, chosen)


def halve(pixels: Array) -> Array:
    """Average two by two pixels; the last row or column of an odd number counts twice."""
    if pixels.dtype.kind == "c":
        pixels = np.abs(pixels)
    height, width = pixels.shape[:2]
    rest = ((0, height % 2), (0, width % 2), (0, 0))[: pixels.ndim]
    with np.errstate(over="ignore"):  # as in tiles: larger float64 are infinite
        even = np.pad(pixels, rest, "edge").astype(np.float32)
    sums: npt.NDArray[np.float32] = (
        even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    )
    return as_type(sums / np.float32(4), pixels.dtype)


def average_columns(pixels: Array, step: int) -> Array:
    """Average runs of ``step`` columns; the last may be shorter."""
    if pixels.dtype.kind == "c":
        pixels = np.abs(pixels)
    starts = np.arange(0, pixels.shape[1], step)
    counts = np.diff(np.append(starts, pixels.shape[1]))
    sums = np.add.reduceat(pixels, starts, axis=1, dtype=np.float64)
    means = sums / counts.reshape((1, -1) + (1,) * (pixels.ndim - 2))
    with np.errstate(over="ignore"):
        return as_type(means.astype(np.float32), pixels.dtype)


def _decodes_whole(plane: LazyArray, side: int) -> bool:
    """Whether a tile costs the decoding of much more: blocks of four tiles or larger."""
    height, width = (
        plane.layout.block_shape[axis] if axis >= 0 else 1 for axis in plane.view.axes[:2]
    )
    return height * width >= 4 * side * side and not is_raw(plane)
