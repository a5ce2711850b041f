"""dask arrays whose chunks are computed by the workers of a cluster, a bounded number of boxes ahead.

Rule kept here: the scheduler is the one that the user chose, as ``compute()`` would find it. Only a client of
``distributed`` is used in this way; any other scheduler leaves the threads of the writer to compute.
"""

import sys
from typing import Any

import attrs
import numpy as np

from aicsio.formats.arrays import ArrayLayout, Held
from aicsio.records import Dims, LazyArray, Pick, View


@attrs.define
class Cluster:
    """A client that is there. Not a record: it lives for one writing."""

    client: Any
    """``distributed.Client``."""
    ahead: int
    """Boxes that are computed at once, so that all threads of the workers have work."""

    def start(self, window: LazyArray) -> "Chunk":
        """Have a window computed."""
        layout = window.layout
        if not isinstance(layout, ArrayLayout):
            raise TypeError(f"{type(layout).__name__} is no layout of a dask array")
        bounds = [_bounds(pick) for pick in window.view.picks]
        part = layout.held.array[tuple(slice(low, high) for low, high in bounds)]
        return Chunk(window, tuple(low for low, _ in bounds), self.client.compute(part))


@attrs.define
class Chunk:
    """A window that is being computed."""

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
            self.future.release()
        stored = Dims(self.shown.stored.order, pixels.shape)
        layout = ArrayLayout(
            Held(pixels, str(id(pixels))), pixels.shape, pixels.shape, pixels.dtype
        )
        view = self.shown.view
        picks = tuple(_moved(pick, low) for pick, low in zip(view.picks, self.corner, strict=True))
        return LazyArray(layout, stored, self.shown.dtype, View(view.letters, view.axes, picks))

    def cancel(self) -> None:
        """Give the window up."""
        self.future.cancel()


def cluster_of(array: LazyArray) -> Cluster | None:
    """Return the cluster that computes the chunks of an array, if there is one."""
    layout = array.layout
    if "distributed" not in sys.modules or not isinstance(layout, ArrayLayout):
        return None
    if not hasattr(layout.held.array, "dask"):
        return None
    from dask.base import get_scheduler
    from distributed import Client

    client = getattr(get_scheduler(collections=[layout.held.array]), "__self__", None)
    if not isinstance(client, Client):
        return None
    return Cluster(client, 2 * max(1, sum(client.nthreads().values())))


def _bounds(pick: Pick) -> tuple[int, int]:
    """First position of a pick and the one behind its last."""
    positions = (pick,) if isinstance(pick, int) else pick
    return min(positions), max(positions) + 1


def _moved(pick: Pick, by: int) -> Pick:
    if isinstance(pick, int):
        return pick - by
    if isinstance(pick, range):
        return range(pick.start - by, pick.stop - by, pick.step)
    return tuple(position - by for position in pick)
