"""dask arrays whose chunks the workers of a cluster compute, a bounded number of parts ahead.

Rule kept here: the scheduler is the one that ``compute()`` would use. Only a client of
``distributed`` computes ahead; with any other scheduler the threads of the writer compute.
"""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

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
        part, corner = _part_of(window)
        return Chunk(window, corner, self.client.compute(part))

    def start_blocks(self, window: LazyArray, worker: str) -> "BlockFutures":
        """Submit the dask chunks of a window to one worker, where they stay as they are.

        Joined to one array they would be held twice for a while.
        """
        part, corner = _part_of(window)
        # Another worker takes over where this one is gone.
        held = self.client.persist(part, workers=[worker], allow_other_workers=True)
        # In the graph of a persisted array, the futures take the place of its tasks.
        graph = dict(held.dask)
        futures = tuple(graph[held.name, *index] for index in np.ndindex(held.numblocks))
        return BlockFutures(shifted_view(window.view, corner), held.chunks, futures)


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
        view = shifted_view(self.shown.view, self.corner)
        return LazyArray(layout, stored, self.shown.dtype, view)

    def cancel(self) -> None:
        """Give the window up."""
        self.future.cancel()


@attrs.frozen(eq=False)
class BlockFutures:
    """The dask chunks of a window that are being computed. Not a record: it holds futures."""

    view: View
    """How the window shows the chunks."""
    sizes: tuple[tuple[int, ...], ...]
    """Sizes of the chunks along each axis, as dask has them."""
    futures: tuple[Any, ...]
    """``distributed.Future`` of each chunk, in C order."""


@attrs.frozen(eq=False)
class HeldBlocks:
    """Chunks of an array that are not joined. A window is copied when it is requested."""

    sizes: tuple[tuple[int, ...], ...]
    """Sizes of the chunks along each axis."""
    blocks: tuple[Any, ...]
    """The chunks, in C order."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole."""
        return tuple(map(sum, self.sizes))

    def __getitem__(self, window: tuple[slice, ...]) -> npt.NDArray[Any]:
        """Copy a window: a slice an axis, of step 1."""
        extent = [part.stop - part.start for part in window]
        pixels = np.empty(extent, np.asarray(self.blocks[0]).dtype)
        along = [list(_overlaps(s, part)) for s, part in zip(self.sizes, window, strict=True)]
        counts = tuple(map(len, self.sizes))
        for overlaps in itertools.product(*along):
            number = np.ravel_multi_index([index for index, _, _ in overlaps], counts)
            block = np.asarray(self.blocks[int(number)])
            target = tuple(there for _, _, there in overlaps)
            pixels[target] = block[tuple(here for _, here, _ in overlaps)]
        return pixels


def _overlaps(sizes: tuple[int, ...], window: slice) -> Iterator[tuple[int, slice, slice]]:
    """Yield number, part of the block, and part of the window, of each block that it touches."""
    start = 0
    for number, size in enumerate(sizes):
        low, high = max(window.start, start), min(window.stop, start + size)
        if low < high:
            here = slice(low - start, high - start)
            yield number, here, slice(low - window.start, high - window.start)
        start += size


def _part_of(window: LazyArray) -> tuple[Any, tuple[int, ...]]:
    """Return the dask array of a window, and its first stored position per axis."""
    layout = offered(window.layout, InMemory)
    if layout is None:
        raise TypeError(f"{type(window.layout).__name__} holds no dask array")
    bounds = [_bounds(pick) for pick in window.view.picks]
    # One slice an axis, from the first to the last pick; the view picks from the result.
    part = layout.held_array()[tuple(slice(low, high) for low, high in bounds)]
    return part, tuple(low for low, _ in bounds)


def shifted_view(view: View, corner: tuple[int, ...]) -> View:
    """Return a view that counts from the first stored positions of a window."""
    return View(view.letters, view.axes, tuple(map(_shift, view.picks, corner)))


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

    # With a client, the scheduler that dask returns is the client's bound method ``get``.
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
