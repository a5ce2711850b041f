"""Units of dask arrays on the workers of a cluster: each computes, encodes and stores its own files.

Rule kept here: a task holds the graph of its own pixels and the names of its files, nothing of the
rest of the image; back come only the states of the levels above. Each thread of a worker has one
unit under way, so that memory of a worker is bounded, and the scheduler holds few tasks.
"""

from collections.abc import Iterator
from typing import Any

import attrs

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
    sizes: tuple[tuple[int, ...], ...]
    """Sizes of the dask chunks that arrive, along each axis."""
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
    worker: str
    """Address of the worker."""
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
    """Let the workers write units; yield each with what goes up from it, as they are finished."""
    pending: list[PendingUnit] = []
    # A second unit would only wait in the memory of the thread that computes the first.
    free = [address for address, count in cluster.client.nthreads().items() for _ in range(count)]
    try:
        for unit in units:
            if not free:
                finished = _first_finished(pending)
                yield finished.unit, finished.carries()
                free.append(finished.worker)
            pending.append(_submit(plan, unit, target, cluster, free.pop(0)))
        while pending:
            finished = _first_finished(pending)
            yield finished.unit, finished.carries()
    finally:
        for unfinished in pending:
            unfinished.future.cancel()


def _first_finished(pending: list[PendingUnit]) -> PendingUnit:
    """Wait for any unit, and take it out of the list."""
    from distributed import wait

    wait([each.future for each in pending], return_when="FIRST_COMPLETED")
    finished = next(each for each in pending if each.future.done())
    pending.remove(finished)
    return finished


def _submit(
    plan: ImagePlan, unit: Unit, target: StoreTarget, cluster: dask_chunks.Cluster, worker: str
) -> PendingUnit:
    window = window_of(plan.array, unit.box)
    blocks = cluster.start_blocks(window, worker)
    task = UnitTask(
        plan.path,
        plan.levels,
        plan.tile,
        plan.cell,
        plan.pooling,
        unit,
        window.stored.order,
        blocks.sizes,
        blocks.view,
        window.dtype,
        target,
    )
    future = cluster.client.submit(
        write_unit,
        task,
        *blocks.futures,
        # The worker that has the pixels: they never come here, and go to no other worker.
        workers=[worker],
        allow_other_workers=True,
        # Writing is no pure function: as one, a task with equal arguments would not run again.
        pure=False,
    )
    return PendingUnit(unit, worker, future)


def write_unit(task: UnitTask, *blocks: Any) -> list[Carry]:
    """Write the files of a unit, on a worker; return what goes up from it."""
    held = dask_chunks.HeldBlocks(task.sizes, blocks)
    layout = ArrayLayout(ArrayRef(held, str(id(held))), held.shape, held.shape, task.dtype)
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
        # Boxes count from the corner of the image, the array of a task from that of its unit.
        start = tuple(a - b for a, b in zip(box.start, unit.box.start, strict=True))
        return window_of(array, Box(start, box.shape))

    return window
