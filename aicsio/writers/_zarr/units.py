"""Work on a unit: read its boxes, store their files, make the levels that it covers.

Rule kept here: the same function runs on threads here and on workers of a cluster. A unit changes
nothing but the keys of its own files.
"""

import itertools
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs, _engine
from aicsio.records import LazyArray
from aicsio.writers._pixels.downsampling import POOLINGS
from aicsio.writers._pixels.jobs import Box, TilePosition
from aicsio.writers._pixels.pyramid import Pyramid
from aicsio.writers._pixels.segments import as_stored, in_memory, window_of
from aicsio.writers._zarr.parts import Unit
from aicsio.writers._zarr.plan import ImagePlan
from aicsio.writers._zarr.tile_files import StoreTarget, TileFiles

Array: TypeAlias = npt.NDArray[Any]
Window: TypeAlias = Callable[[LazyArray, Box], LazyArray]


@attrs.frozen(eq=False)
class Carry:
    """Contribution of a unit to higher levels: the state of a tile of its highest level, at half the size."""

    position: TilePosition
    """The tile."""
    state: Array
    """Sums or pixels, (rows, columns, 1)."""


class _Carries:
    """Contribution of a unit to higher levels. Threads add to it concurrently.

    It knows nothing of the unit: a unit that its own pyramid refers to would keep its pixels until
    Python looks for cycles, which a worker of a cluster seldom does.
    """

    def __init__(self) -> None:
        self.all: list[Carry] = []
        self._lock = threading.Lock()

    def keep(self, position: TilePosition, state: Array) -> None:
        """Add the state of a tile."""
        # A copy: the thread uses the memory of a state for its next tile.
        carry = Carry(position, state.copy())
        with self._lock:
            self.all.append(carry)


class UnitWork:
    """One unit. Threads process its boxes concurrently."""

    def __init__(
        self, plan: ImagePlan, unit: Unit, target: StoreTarget, window: Window = window_of
    ) -> None:
        self.unit = unit
        self._window = window
        self._carries = _Carries()
        self._plan, self._files = plan, TileFiles(plan, target)
        self._lock = threading.Lock()
        self._missing = len(unit.boxes)
        self._pyramid: Pyramid | None = None
        if len(plan.levels) > 1:
            pooling = POOLINGS[plan.pooling]
            self._pyramid = Pyramid(plan.pages(), pooling, unit.top, self._carries.keep)

    @property
    def carries(self) -> list[Carry]:
        """Contribution of the unit to higher levels, once all boxes are processed."""
        return self._carries.all

    def process(self, box: Box, scratch: _codecs.Scratch, readers: int) -> bool:
        """Read a box, store its files, add it to the levels; return whether it was the last one."""
        window = self._window(self._plan.array, box)
        pixels = as_stored(_read(window, scratch, readers), self._plan.levels[0].dtype)
        self._files.put_box(pixels, box)
        if self._pyramid is not None:
            self._add_to_levels(self._pyramid, pixels, box, scratch)
        with self._lock:
            # Counted after its files are stored: at zero the whole unit is in the store.
            self._missing -= 1
            return not self._missing

    def _add_to_levels(
        self, pyramid: Pyramid, pixels: Array, box: Box, scratch: _codecs.Scratch
    ) -> None:
        height, width = self._plan.tile
        top, left = box.start[-2:]
        outer = self._plan.levels[0].shape[:-2]
        # All planes of a tile before the next tile: few tiles of the levels are then open.
        for y, x in itertools.product(
            range(0, box.shape[-2], height), range(0, box.shape[-1], width)
        ):
            row, column = (top + y) // height, (left + x) // width
            for within in np.ndindex(box.shape[:-2]):
                # within is shorter than the start: Y and X drop out.
                index = tuple(a + b for a, b in zip(box.start, within, strict=False))
                plane = int(np.ravel_multi_index(index, outer)) if outer else 0
                tile = pixels[within][y : y + height, x : x + width, None]
                position = TilePosition(0, plane, row, column)
                # Keys of a store have no order of a file, so every tile counts as one of box 0.
                pyramid.add_tile(position, tile, 0, self._files.put_tile, scratch)


def _read(window: LazyArray, scratch: _codecs.Scratch, readers: int) -> Array:
    pixels = in_memory(window)
    if pixels is not None:
        return pixels
    buffer = scratch.take("box", window.nbytes)
    pixels = buffer.view(window.dtype).reshape(window.shape)
    _engine.read_into(window, pixels, readers)
    return pixels


class UpperLevels:
    """The levels above the units of an image. Threads add what units pass on."""

    def __init__(self, plan: ImagePlan, target: StoreTarget) -> None:
        self._files = TileFiles(plan, target)
        self._pyramid = Pyramid(plan.pages(), POOLINGS[plan.pooling])

    def add(self, carries: list[Carry], scratch: _codecs.Scratch) -> None:
        """Add the states that a unit passes on."""
        for carry in carries:
            self._pyramid.add_quarter(carry.position, carry.state, 0, self._files.put_tile, scratch)
