"""Smaller levels that grow while the full resolution is written: each tile hands a quarter of its size up.

Rule kept here: the source is read once, and no level is held as a whole. A tile is open from the first of the four
below it until the last; then it is written, hands its own quarter up and its memory is used again. Which thread ends a
tile is chance; to which box it counts is not: the last one in the order of the file that touches it.
"""

import collections
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import Scratch
from aicsio.records import DType
from aicsio.writers._pixels import tiff
from aicsio.writers._pixels.downsampling import Covered, Pooling

Array: TypeAlias = npt.NDArray[Any]
Written = TypeVar("Written")

SPARE = 16
"""Buffers kept for tiles to come."""


@attrs.frozen
class Place:
    """Where a tile belongs."""

    level: int
    """Level, 0 for the full resolution."""
    plane: int
    """Which plane."""
    row: int
    """Row of tiles."""
    column: int
    """Column of tiles."""


@attrs.define
class _Open:
    """A tile of which some quarters are still to come."""

    state: Array
    """Pixels or sums, (rows, columns, samples)."""
    missing: int
    """Quarters to come."""
    owner: int
    """Last box, in the order of the file, that touched it."""


class Pyramid:
    """The open tiles of one image. Threads hand quarters up side by side."""

    def __init__(self, levels: Sequence[tiff.Pages], pooling: Pooling) -> None:
        self._levels, self._pooling = levels, pooling
        self._state: DType = pooling.state(levels[0].dtype, len(levels) - 1)
        self._open: dict[Place, _Open] = {}
        self._done: dict[int, list[Any]] = collections.defaultdict(list)
        self._spare: list[Array] = []
        self._turn = threading.Lock()

    def rise(
        self,
        place: Place,
        pixels: Array,
        owner: int,
        write: Callable[[Place, Array], Written | None],
        scratch: Scratch,
    ) -> None:
        """Hand up a tile of the full resolution, (rows, columns, samples), without padding.

        Parameters
        ----------
        place
            Where it belongs.
        pixels
            What it shows.
        owner
            Number of its box in the order of the file.
        write
            Called with the place and the pixels of each smaller tile that is complete; what it returns is given by
            ``taken``.
        scratch
            Buffers of this thread.
        """
        with np.errstate(all="ignore"):  # infinities and what is not a number go up as they are
            quarter = self._pooling.halve(pixels, self._state, scratch)
        while place.level + 1 < len(self._levels):
            above = Place(place.level + 1, place.plane, place.row // 2, place.column // 2)
            complete = self._put(above, (place.row % 2, place.column % 2), quarter, owner)
            if complete is None:
                return
            with np.errstate(all="ignore"):
                made = self._pooling.finish(
                    complete.state, self._levels[0].dtype, self._covered(above), scratch
                )
                if above.level + 1 < len(self._levels):
                    quarter = self._pooling.halve(complete.state, self._state, scratch)
            written = write(above, made)
            with self._turn:
                if written is not None:
                    self._done[complete.owner].append(
                        ((above.level, above.plane, above.row, above.column), written)
                    )
                if len(self._spare) < SPARE:
                    self._spare.append(complete.state)
            place, owner = above, complete.owner

    def taken(self, owner: int) -> Iterator[Any]:
        """Give what was written of the tiles that count to a box, once it and all boxes before it are done."""
        with self._turn:
            done = self._done.pop(owner, [])
        return (written for _, written in sorted(done, key=lambda item: item[0]))

    def _put(
        self, place: Place, corner: tuple[int, int], quarter: Array, owner: int
    ) -> _Open | None:
        """Put a quarter into its tile; return the tile if it was the last."""
        below = self._levels[place.level - 1].grid
        with self._turn:
            tile = self._open.get(place)
            if tile is None:
                tile = self._open[place] = self._begin(place, owner)
        # Quarters of a tile do not overlap: no need to take turns.
        top, left = corner[0] * (below.height // 2), corner[1] * (below.width // 2)
        tile.state[top : top + quarter.shape[0], left : left + quarter.shape[1]] = quarter
        with self._turn:
            tile.missing -= 1
            tile.owner = max(tile.owner, owner)
            return None if tile.missing else self._open.pop(place)

    def _begin(self, place: Place, owner: int) -> _Open:
        pages, below = self._levels[place.level], self._levels[place.level - 1].grid
        shape = (
            min(pages.grid.height, pages.height - place.row * pages.grid.height),
            min(pages.grid.width, pages.width - place.column * pages.grid.width),
            pages.samples,
        )
        missing = min(2, below.rows - 2 * place.row) * min(2, below.columns - 2 * place.column)
        spare = next((i for i, buffer in enumerate(self._spare) if buffer.shape == shape), None)
        state = np.empty(shape, self._state) if spare is None else self._spare.pop(spare)
        return _Open(state, missing, owner)

    def _covered(self, place: Place) -> Covered:
        full, grid = self._levels[0], self._levels[place.level].grid
        top, left = place.row * grid.height << place.level, place.column * grid.width << place.level
        return Covered(place.level, full.height - top, full.width - left)
