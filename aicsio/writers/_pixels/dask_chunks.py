"""dask arrays whose chunks the workers of a cluster compute, a bounded number of boxes ahead.

Rule kept here: the scheduler is the one that ``compute()`` would use. Only a client of
``distributed`` computes ahead; with any other scheduler the threads of the writer compute.
"""

import sys
from typing import Any

import attrs
import numpy as np

from aicsio.formats.arrays import ArrayLayout, ArrayRef
from aicsio.records import Dims, LazyArray, Pick, View
from aicsio.records.protocols import InMemory, offered


@attrs.define
class Cluster:
    """A connected client. Not a record: it lives for one writing."""

    client: Any
    """``distributed.Client``."""
    ahead: int
    """Boxes that are computed at once, so that all threads of the workers have work."""

    def start(self, window: LazyArray) -> "Chunk":
        """Submit a window of a dask array."""
        layout = offered(window.layout, InMemory)
        if layout is None:
            raise TypeError(f"{type(window.layout).__name__} holds no dask array")
        bounds = [_bounds(pick) for pick in window.view.picks]
        # One slice an axis, from the first to the last pick; the view picks from the result.
        part = layout.held_array()[tuple(slice(low, high) for low, high in bounds)]
        return Chunk(window, tuple(low for low, _ in bounds), self.client.compute(part))


@attrs.define
class Chunk:
    """A window that is being computed. Not a record: it holds a future."""

    shown: LazyArray
    """The window."""
    corner: tuple[int, ...]
    """First stored position that is computed, per axis."""
    future: Any
    """``distributed.Future`` of the array."""

    def window(self) -> LazyArray:
        """Wait for the pixels; return the same window of an array in memory."""
        try:
            pixels = np.asarray(self.future.result())
        finally:
            # The workers keep the result until the last future of it is gone.
            self.future.release()
        stored = Dims(self.shown.stored.order, pixels.shape)
        held = ArrayRef(pixels, str(id(pixels)))
        layout = ArrayLayout(held, pixels.shape, pixels.shape, pixels.dtype)
        return LazyArray(layout, stored, self.shown.dtype, self.shifted_view())

    def shifted_view(self) -> View:
        """Return the view of the window, counted from its first stored positions."""
        view = self.shown.view
        return View(view.letters, view.axes, tuple(map(_shift, view.picks, self.corner)))

    def cancel(self) -> None:
        """Give the window up."""
        self.future.cancel()


def cluster_of(array: LazyArray) -> Cluster | None:
    """Return the cluster that computes the chunks of an array; ``None`` without one."""
    # distributed takes 0.6 s to import; without that import there is no client.
    layout = offered(array.layout, InMemory)
    if "distributed" not in sys.modules or layout is None:
        return None
    held = layout.held_array()
    if not hasattr(held, "dask"):
        return None
    from dask.base import get_scheduler
    from distributed import Client

    client = getattr(get_scheduler(collections=[held]), "__self__", None)
    if not isinstance(client, Client):
        return None
    # Two boxes for each thread: one is computed while the result of another is fetched.
    return Cluster(client, 2 * max(1, sum(client.nthreads().values())))


def _bounds(pick: Pick) -> tuple[int, int]:
    """Return the first position of a pick and the one after its last."""
    positions = (pick,) if isinstance(pick, int) else pick
    return min(positions), max(positions) + 1


def _shift(pick: Pick, start: int) -> Pick:
    """Count the positions of a pick from ``start``."""
    if isinstance(pick, int):
        return pick - start
    if isinstance(pick, range):
        return range(pick.start - start, pick.stop - start, pick.step)
    return tuple(position - start for position in pick)
