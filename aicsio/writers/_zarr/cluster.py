"""Units of dask arrays on the workers of a cluster: each computes, encodes and stores its own files.

Rule kept here: a task holds the graph of its own pixels and the names of its files, nothing of the
rest of the image; back come only the states of the levels above. A few units are under way at once,
so that memory of a worker is bounded, and the scheduler holds few tasks.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from aicsio import _codecs
from aicsio._io import readers as file_readers
from aicsio.formats.arrays import ArrayLayout, ArrayRef
from aicsio.records import Dims, DType, LazyArray, View
from aicsio.writers._pixels import dask_chunks
from aicsio.writers._pixels.jobs import Box
from aicsio.writers._pixels.segments import window_of
from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.parts import Unit
from aicsio.writers._zarr.plan import ImagePlan
from aicsio.writers._zarr.tile_files import StoreTarget
from aicsio.writers._zarr.units import Carry, UnitWork


@attrs.frozen(eq=False)
class UnitTask:
    """A unit for a worker. Not a record: it lives for one writing. Travels without pixels."""

    path: str
    """Path of the image's group."""
    levels: tuple[ArrayPlan, ...]
    """Arrays of the image."""
    tile: tuple[int, int]
    """Height and width of the tiles of the levels."""
    cell: tuple[int, int]
    """Height and width of whole files and whole tiles."""
    pooling: str
    """Key of ``POOLINGS``."""
    unit: Unit
    """The unit."""
    stored_order: str
    """Letters of the pixels that arrive."""
    view: View
    """How the unit shows them."""
    dtype: DType
    """Their type."""
    target: StoreTarget
    """Where files go, as a worker opens it."""


@attrs.define
class PendingUnit:
    """A unit that a worker has. Not a record: it holds a future."""

    unit: Unit
    """The unit."""
    future: Any
    """``distributed.Future`` of what goes up from it."""

    def carries(self) -> list[Carry]:
        """Wait for the worker."""
        try:
            carries: list[Carry] = self.future.result()
        finally:
            self.future.release()
        return carries


def run_units(
    plan: ImagePlan, units: Iterator[Unit], target: StoreTarget, cluster: dask_chunks.Cluster
) -> Iterator[tuple[Unit, list[Carry]]]:
    """Let the workers write units; yield each with what goes up from it, in order."""
    waiting: deque[PendingUnit] = deque()
    # One unit for each thread of the workers: a second one would only wait in their memory.
    ahead = max(1, cluster.ahead // 2)
    try:
        for unit in units:
            waiting.append(_submit(plan, unit, target, cluster))
            if len(waiting) >= ahead:
                first = waiting.popleft()
                yield first.unit, first.carries()
        while waiting:
            first = waiting.popleft()
            yield first.unit, first.carries()
    finally:
        for pending in waiting:
            pending.future.cancel()


def _submit(
    plan: ImagePlan, unit: Unit, target: StoreTarget, cluster: dask_chunks.Cluster
) -> PendingUnit:
    chunk = cluster.start(window_of(plan.array, unit.box))
    shown = chunk.shown
    task = UnitTask(
        plan.path,
        plan.levels,
        plan.tile,
        plan.cell,
        plan.pooling,
        unit,
        shown.stored.order,
        chunk.shifted_view(),
        shown.dtype,
        target,
    )
    # The pixels go from worker to worker, or stay: they never come here.
    # Writing is no pure function: as one, a task with equal arguments would not run again.
    future = cluster.client.submit(write_unit, task, chunk.future, pure=False)
    return PendingUnit(unit, future)


def write_unit(task: UnitTask, pixels: Any) -> list[Carry]:
    """Write the files of a unit, on a worker; return what goes up from it."""
    held = np.asarray(pixels)
    layout = ArrayLayout(ArrayRef(held, str(id(held))), held.shape, held.shape, held.dtype)
    array = LazyArray(layout, Dims(task.stored_order, held.shape), task.dtype, task.view)
    plan = ImagePlan(task.path, array, task.levels, task.tile, task.cell, task.pooling)
    work = UnitWork(plan, task.unit, task.target, _window_in(task.unit))
    scratch = _codecs.Scratch()
    with file_readers.session():
        for box in task.unit.boxes:
            # One reader: the other threads of the worker have units of their own.
            work.process(box, scratch, 1)
    return work.carries


def _window_in(unit: Unit) -> Any:
    """Make the function that shows a box of an array that is only the unit."""

    def window(array: LazyArray, box: Box) -> LazyArray:
        start = tuple(a - b for a, b in zip(box.start, unit.box.start, strict=True))
        return window_of(array, Box(start, box.shape))

    return window
