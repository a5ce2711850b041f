"""From tiles of planes to files: tiles wait until all tiles of their files are there.

Rule kept here: a file is encoded and put once, by the thread that brings its last tile.
"""

import itertools
import threading
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.writers._pixels.jobs import Box, TilePosition
from aicsio.writers._zarr.arrays import ArrayPlan, Parts
from aicsio.writers._zarr.plan import ImagePlan

Array: TypeAlias = npt.NDArray[Any]
_Place: TypeAlias = tuple[int, tuple[int, ...], int, int]


@runtime_checkable
class StoreTarget(Protocol):
    """A store that is being filled. Threads call it concurrently."""

    def put(self, key: str, parts: Parts, /) -> None:
        """Store the value of a key: all of its bytes or none."""

    def has(self, key: str, /) -> bool:
        """Whether an earlier, interrupted run has stored the key whole."""

    def get(self, key: str, /) -> bytes | None:
        """Return the value of a key that was put; ``None`` for a missing key."""


@attrs.define
class _GatheredTiles:
    """The tiles of a cell, of some planes. Not a record: threads fill it."""

    pixels: Array
    """(planes of a file along each axis, rows, columns)."""
    missing: int
    """Tiles of planes to come."""


class TileFiles:
    """The files of one image. Threads put pixels concurrently."""

    def __init__(self, plan: ImagePlan, target: StoreTarget) -> None:
        self._plan, self._target = plan, target
        self._open: dict[_Place, _GatheredTiles] = {}
        self._lock = threading.Lock()

    def put_box(self, pixels: Array, box: Box) -> None:
        """Store the files of full resolution that a box holds.

        Parameters
        ----------
        pixels
            Pixels of the box.
        box
            Their place: whole files, cut at the edges of the image.
        """
        self._put_files(self._plan.levels[0], pixels, box.start)

    def put_tile(self, position: TilePosition, pixels: Array) -> None:
        """Add one plane of a tile of a smaller level, (rows, columns, 1)."""
        level = self._plan.levels[position.level]
        planes = np.unravel_index(position.plane, level.shape[:-2])
        files = level.file_shape[:-2]
        group = tuple(int(p) // size for p, size in zip(planes, files, strict=True))
        within = tuple(int(p) % size for p, size in zip(planes, files, strict=True))
        tile, cell = self._plan.tile, self._plan.cell
        y, x = position.row * tile[0], position.column * tile[1]
        place = (position.level, group, y // cell[0], x // cell[1])
        with self._lock:
            gathered = self._open.get(place)
            if gathered is None:
                gathered = self._open[place] = self._open_cell(level, place)
        top, left = y % cell[0], x % cell[1]
        rows, columns = pixels.shape[:2]
        # Tiles do not overlap, so threads copy without the lock.
        gathered.pixels[within][top : top + rows, left : left + columns] = pixels[..., 0]
        with self._lock:
            gathered.missing -= 1
            if gathered.missing:
                return
            del self._open[place]
        # Encoded without the lock: the cell is off the table, so no other thread holds it.
        first = tuple(number * size for number, size in zip(group, files, strict=True))
        corner = (place[2] * cell[0], place[3] * cell[1])
        self._put_files(level, gathered.pixels, (*first, *corner))

    def _open_cell(self, level: ArrayPlan, place: _Place) -> _GatheredTiles:
        """Make room for the pixels of a cell, cut at the edges of the level."""
        _, group, row, column = place
        outer = tuple(part.stop - part.start for part in level.extent((*group, 0, 0))[:-2])
        (height, width), tile, cell = level.shape[-2:], self._plan.tile, self._plan.cell
        rows = min(cell[0], height - row * cell[0])
        columns = min(cell[1], width - column * cell[1])
        count = -(-rows // tile[0]) * -(-columns // tile[1]) * int(np.prod(outer))
        # Not cleared: the tiles cover every pixel before the cell is encoded.
        return _GatheredTiles(np.empty((*outer, rows, columns), level.dtype), count)

    def _put_files(self, level: ArrayPlan, pixels: Array, start: tuple[int, ...]) -> None:
        """Encode and store the files that some pixels hold, from ``start`` on."""
        files = level.file_shape
        ranges = (
            range(first // size, -(-(first + length) // size))
            for first, length, size in zip(start, pixels.shape, files, strict=True)
        )
        for index in itertools.product(*ranges):
            key = level.key(index)
            # A run that was interrupted within a unit left files, and no line in the journal.
            if self._target.has(key):
                continue
            extent = zip(level.extent(index), start, strict=True)
            window = tuple(slice(part.start - first, part.stop - first) for part, first in extent)
            parts = level.encode_file(pixels[window])
            if parts is not None:
                self._target.put(key, parts)
