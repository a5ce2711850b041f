"""Smaller levels, computed while the full resolution is written.

Rule kept here: the source is read once, and no level is held as a whole. Each tile passes a quarter
of its size to the tile above it, which is open from the first of its four quarters until the last;
then it is written, passes its own quarter up, and its memory is used again. A block of many tiles
makes all levels of which it covers whole tiles at once, without open ones. Any thread may complete a
tile; it is written with the last box, in file order, that overlaps it, so output is deterministic.
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
Write: TypeAlias = Callable[[TilePosition, Array], Sequence[EncodedSegment] | None]
"""Takes whole tiles that lie side by side, by the position of the first, and returns compressed ones."""
Buffers: TypeAlias = Callable[[int], Scratch]
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
            Called with position and pixels of each smaller tile that is complete, or of several in one
            block; ``take_finished`` returns its results.
        scratch
            Buffers of this thread.
        """
        with np.errstate(all="ignore"):  # infinities and NaN go up as they are
            quarter = self._pooling.halve(pixels, self._state_type, position.level + 1, scratch)
        self.add_quarter(position, quarter, box, write, scratch)

    def add_block(
        self, first: TilePosition, block: Array, box: int, write: Write, buffers: Buffers
    ) -> None:
        """Add the tiles of a part of a plane.

        Of tiles of 256 x 256, calls of numpy take as long as sums.

        Parameters
        ----------
        first
            The upper left tile of full resolution.
        block
            Pixels, (rows, columns, samples), without padding: whole tiles, cut at the edges of the
            image.
        box, write
            As in ``add_tile``.
        buffers
            Buffers of this thread for each level; those of level 0 are used by tiles that are
            completed.
        """
        # Infinities and NaN go up as they are.
        with np.errstate(all="ignore"):
            self._add_levels(first, block, box, write, buffers)

    def _add_levels(
        self, first: TilePosition, block: Array, box: int, write: Write, buffers: Buffers
    ) -> None:
        below, state = first, block
        while below.level + 1 < len(self._levels):
            level = below.level + 1
            halves = self._pooling.halve(state, self._state_type, level, buffers(level))
            if not self._covers_tiles(level, first, block.shape):
                self._add_quarters(below, state.shape, halves, box, write, buffers(0))
                return
            above = TilePosition(level, first.plane, below.row // 2, below.column // 2)
            made = self._pooling.finish(
                halves, self._levels[0].dtype, self._coverage(above), buffers(level)
            )
            segments = write(above, made)
            if segments:
                with self._lock:
                    self._finished[box].extend(segments)
            below, state = above, halves

    def _covers_tiles(self, level: int, first: TilePosition, shape: tuple[int, ...]) -> bool:
        """Whether a block of full resolution covers whole tiles of a level."""
        full, grid = self._levels[0], self._levels[level].grid
        # Of each axis: start and length of the block, size of the image, number and side of tiles.
        axes = (
            (first.row * full.grid.height, shape[0], full.height, grid.rows, grid.height),
            (first.column * full.grid.width, shape[1], full.width, grid.columns, grid.width),
        )
        for start, length, size, count, side in axes:
            # A block as long as the axis covers all tiles of it, whatever their side.
            if start == 0 and length == size:
                continue
            # A single tile may be smaller than those of full resolution: it takes the whole axis.
            unit, end = side << level, start + length
            if count == 1 or start % unit or (end % unit and end != size):
                return False
        return True

    def _add_quarters(
        self,
        first: TilePosition,
        shape: tuple[int, ...],
        halves: Array,
        box: int,
        write: Write,
        scratch: Scratch,
    ) -> None:
        """Add each tile of a block of some level, of a shape, by its part of the halved block."""
        grid = self._levels[first.level].grid
        for top in range(0, shape[0], grid.height):
            for left in range(0, shape[1], grid.width):
                row, column = first.row + top // grid.height, first.column + left // grid.width
                position = TilePosition(first.level, first.plane, row, column)
                bottom, right = top + grid.height, left + grid.width
                quarter = halves[top // 2 : bottom // 2, left // 2 : right // 2]
                self.add_quarter(position, quarter, box, write, scratch)

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
                    quarter = self._pooling.halve(
                        complete.state, self._state_type, above.level + 1, scratch
                    )
            # Written before the tile above takes its quarter: compression runs without the lock.
            self._close(complete, write(above, made))
            position, box = above, complete.last_box

    def take_finished(self, box: int) -> list[EncodedSegment]:
        """Return the smaller tiles that belong to a box, once it and all boxes before it are done."""
        with self._lock:
            segments = self._finished.pop(box, [])
        return sorted(segments, key=_file_order)

    def _close(self, tile: _OpenTile, segments: Sequence[EncodedSegment] | None) -> None:
        with self._lock:
            if segments:
                self._finished[tile.last_box].extend(segments)
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
        # The caller holds the lock, which guards the list.
        for index, buffer in enumerate(self._spare):
            if buffer.shape == shape:
                return self._spare.pop(index)
        # Not cleared: the quarters cover every pixel.
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
