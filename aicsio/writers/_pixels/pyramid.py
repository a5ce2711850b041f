"""Smaller levels, computed while the full resolution is written.

Rule kept here: the source is read once, and no level is held as a whole. Each tile passes a quarter
of its size to the tile above it, which is open from the first of its four quarters until the last;
then it is written, passes its own quarter up, and its memory is used again. Any thread may complete
a tile; it is written with the last box, in file order, that overlaps it, so output is
deterministic.
"""

import collections
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import Scratch
from aicsio.records import DType
from aicsio.writers._pixels.downsampling import Coverage, Pooling
from aicsio.writers._pixels.jobs import EncodedSegment, TilePosition
from aicsio.writers._pixels.tiff import Pages

Array: TypeAlias = npt.NDArray[Any]
Write: TypeAlias = Callable[[TilePosition, Array], EncodedSegment | None]
Carry: TypeAlias = Callable[[TilePosition, Array], None]

MAX_SPARE_BUFFERS = 16
"""Buffers that are kept for tiles to come: two for each of eight threads."""


@attrs.define
class _OpenTile:
    """A tile that still lacks quarters. Not a record: threads fill it."""

    state: Array
    """Pixels or sums, (rows, columns, samples)."""
    missing: int
    """Number of quarters to come."""
    last_box: int
    """Last box, in file order, that overlaps it so far."""


class Pyramid:
    """The open tiles of one image. Threads add tiles concurrently.

    With ``carry``, it makes the levels up to ``top`` of a part of the image, and passes on the
    quarters of tiles above.
    """

    def __init__(
        self,
        levels: Sequence[Pages],
        pooling: Pooling,
        top: int | None = None,
        carry: Carry | None = None,
    ) -> None:
        self._levels, self._pooling = levels, pooling
        self._top, self._carry = top, carry
        self._state_type: DType = pooling.state(levels[0].dtype, len(levels) - 1)
        self._open: dict[TilePosition, _OpenTile] = {}
        self._finished: dict[int, list[EncodedSegment]] = collections.defaultdict(list)
        self._spare: list[Array] = []
        self._lock = threading.Lock()

    def add_tile(
        self, position: TilePosition, pixels: Array, box: int, write: Write, scratch: Scratch
    ) -> None:
        """Add a tile of full resolution, (rows, columns, samples), without padding.

        Parameters
        ----------
        position
            Where it belongs.
        pixels
            Its pixels.
        box
            Number of its box in file order.
        write
            Called with position and pixels of each smaller tile that is complete; ``take_finished``
            returns its results.
        scratch
            Buffers of this thread.
        """
        self.add_quarter(position, self.halve(pixels, scratch), box, write, scratch)

    def halve(self, pixels: Array, scratch: Scratch) -> Array:
        """Return the state of pixels of full resolution at half their size.

        Parameters
        ----------
        pixels
            A tile, or several that lie side by side: (rows, columns, samples), without padding.
        scratch
            Buffers of this thread, in which the state lies until they are used again.
        """
        with np.errstate(all="ignore"):  # infinities and NaN go up as they are
            return self._pooling.halve(pixels, self._state_type, scratch)

    def add_quarter(
        self, position: TilePosition, quarter: Array, box: int, write: Write, scratch: Scratch
    ) -> None:
        """Add the state of a tile at half its size, and complete the tiles above that it completes.

        Parameters
        ----------
        position
            The tile that was halved.
        quarter
            Its state, which is copied.
        box, write, scratch
            As in ``add_tile``.
        """
        while position.level + 1 < len(self._levels):
            # The tile above has quarters of other parts too: it is made where all parts meet.
            if position.level == self._top and self._carry is not None:
                self._carry(position, quarter)
                return
            above = TilePosition(
                position.level + 1, position.plane, position.row // 2, position.column // 2
            )
            complete = self._put_quarter(above, position, quarter, box)
            if complete is None:
                return
            with np.errstate(all="ignore"):
                made = self._pooling.finish(
                    complete.state, self._levels[0].dtype, self._coverage(above), scratch
                )
                if above.level + 1 < len(self._levels):
                    quarter = self._pooling.halve(complete.state, self._state_type, scratch)
            # Written before the tile above takes its quarter: compression runs without the lock.
            self._close(complete, write(above, made))
            position, box = above, complete.last_box

    def take_finished(self, box: int) -> list[EncodedSegment]:
        """Return the smaller tiles that belong to a box, once it and all boxes before it are done."""
        with self._lock:
            segments = self._finished.pop(box, [])
        return sorted(segments, key=_file_order)

    def _close(self, tile: _OpenTile, segment: EncodedSegment | None) -> None:
        with self._lock:
            if segment is not None:
                self._finished[tile.last_box].append(segment)
            if len(self._spare) < MAX_SPARE_BUFFERS:
                self._spare.append(tile.state)

    def _put_quarter(
        self, above: TilePosition, below: TilePosition, quarter: Array, box: int
    ) -> _OpenTile | None:
        """Put a quarter into its tile; return the tile if it was the last quarter."""
        grid = self._levels[below.level].grid
        with self._lock:
            tile = self._open.get(above)
            if tile is None:
                tile = self._open[above] = self._open_tile(above, box)
        # Quarters of a tile do not overlap, so threads copy without the lock.
        top = below.row % 2 * (grid.height // 2)
        left = below.column % 2 * (grid.width // 2)
        tile.state[top : top + quarter.shape[0], left : left + quarter.shape[1]] = quarter
        with self._lock:
            tile.missing -= 1
            # Threads bring quarters in any order; the last box in file order is always the same.
            tile.last_box = max(tile.last_box, box)
            return None if tile.missing else self._open.pop(above)

    def _open_tile(self, position: TilePosition, box: int) -> _OpenTile:
        pages = self._levels[position.level]
        grid, grid_below = pages.grid, self._levels[position.level - 1].grid
        shape = (
            min(grid.height, pages.height - position.row * grid.height),
            min(grid.width, pages.width - position.column * grid.width),
            pages.samples,
        )
        # At the right and lower edge a tile covers one row or column of tiles below, not two.
        quarter_rows = min(2, grid_below.rows - 2 * position.row)
        quarter_columns = min(2, grid_below.columns - 2 * position.column)
        return _OpenTile(self._allocate(shape), quarter_rows * quarter_columns, box)

    def _allocate(self, shape: tuple[int, ...]) -> Array:
        """Return a spare buffer of the shape, or a new one."""
        for index, buffer in enumerate(self._spare):
            if buffer.shape == shape:
                return self._spare.pop(index)
        return np.empty(shape, self._state_type)

    def _coverage(self, position: TilePosition) -> Coverage:
        full, grid = self._levels[0], self._levels[position.level].grid
        # From the corner of the tile to the edge of the image, in pixels of full resolution: a mean
        # divides by the pixels that exist.
        top = position.row * grid.height << position.level
        left = position.column * grid.width << position.level
        return Coverage(position.level, full.height - top, full.width - left)


def _file_order(segment: EncodedSegment) -> tuple[int, int, int, int]:
    position = segment.position
    return position.level, position.plane, position.row, position.column
