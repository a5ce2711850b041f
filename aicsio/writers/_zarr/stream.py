"""Images of a store on their way out: units and boxes on threads, in order.

Rule kept here: memory is bounded by ``IN_FLIGHT`` (or by one box, where that is larger), whatever
the size and number of images. Threads read boxes and encode files; only units that are whole enter
the journal.
"""

import itertools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeAlias, runtime_checkable

import attrs

from aicsio import _codecs
from aicsio._io import readers as file_readers
from aicsio.writers._pixels import dask_chunks
from aicsio.writers._pixels.jobs import Box
from aicsio.writers._pixels.stream import IN_FLIGHT, MAX_WORKERS
from aicsio.writers._zarr.cluster import run_units
from aicsio.writers._zarr.journal import UnitJournal
from aicsio.writers._zarr.parts import Unit, cut
from aicsio.writers._zarr.plan import ImagePlan
from aicsio.writers._zarr.tile_files import StoreTarget
from aicsio.writers._zarr.units import Carry, UnitWork, UpperLevels

Progress: TypeAlias = Callable[[int, int], object]


@runtime_checkable
class JournaledTarget(StoreTarget, Protocol):
    """A target that may know which units an earlier run has finished."""

    journal: UnitJournal | None

    def on_workers(self) -> StoreTarget | None:
        """Return the store as processes of a cluster open it; ``None`` where they cannot."""


@attrs.define
class _BoxTask:
    """A box to process. Not a record: it holds the work of its unit."""

    image: "ImageWork"
    """Its image."""
    unit: UnitWork
    """Its unit."""
    box: Box
    """Its window."""
    nbytes: int
    """Bytes of its pixels."""


class ImageWork:
    """One image that is being written: its units, and the levels above them."""

    def __init__(self, plan: ImagePlan, target: JournaledTarget) -> None:
        self.plan, self._target = plan, target
        self._cutting = cut(plan)
        self._upper = UpperLevels(plan, target) if self._cutting.top is not None else None
        itemsize = plan.array.dtype.itemsize
        self.box_bytes = itemsize * math.prod(map(min, self._cutting.box, self._cutting.shape))

    def tasks(self, scratch: _codecs.Scratch) -> Iterator[_BoxTask | int]:
        """Yield the boxes to process, and the bytes of units that are finished already."""
        for unit in self._cutting.units():
            # Units of an earlier run count as done: the last call of progress has the total.
            if self._was_finished(unit, scratch):
                yield self._nbytes(unit.box)
                continue
            work = UnitWork(self.plan, unit, self._target)
            for box in unit.boxes:
                yield _BoxTask(self, work, box, self._nbytes(box))

    def on_cluster(self, cluster: dask_chunks.Cluster, files: StoreTarget) -> Iterator[int]:
        """Let the workers of a cluster write the units; yield the bytes of each.

        Parameters
        ----------
        cluster
            A connected client.
        files
            The store, as workers open it.
        """
        scratch = _codecs.Scratch()
        todo = (unit for unit in self._cutting.units() if not self._was_finished(unit, scratch))
        for unit, carries in run_units(self.plan, todo, files, cluster):
            self.finish(unit, carries, scratch)
            yield self._nbytes(unit.box)

    def _was_finished(self, unit: Unit, scratch: _codecs.Scratch) -> bool:
        """Whether an earlier run wrote the unit; what goes up from it is then passed on."""
        log = self._target.journal
        carries = None if log is None else log.carries_of(self.plan.path, unit.number)
        if carries is not None:
            self._pass_on(carries, scratch)
        return carries is not None

    def _nbytes(self, box: Box) -> int:
        return math.prod(box.shape) * self.plan.array.dtype.itemsize

    def finish(self, unit: Unit, carries: list[Carry], scratch: _codecs.Scratch) -> None:
        """Enter a unit that is whole into the journal, and pass on what goes up from it."""
        if self._target.journal is not None:
            self._target.journal.record(self.plan.path, unit.number, carries)
        self._pass_on(carries, scratch)

    def _pass_on(self, carries: list[Carry], scratch: _codecs.Scratch) -> None:
        if self._upper is not None:
            self._upper.add(carries, scratch)


def write_images(
    plans: Sequence[ImagePlan],
    target: JournaledTarget,
    *,
    workers: int | None,
    progress: Progress | None,
) -> None:
    """Write the arrays of all images.

    Parameters
    ----------
    plans
        The images, one after the other.
    target
        The store.
    workers
        Threads; ``None`` for one for each core, at most ``MAX_WORKERS``.
    progress
        Called after each box with the bytes done and the bytes of all images at full resolution.

    Raises
    ------
    WriteError
        When the store takes no more.
    CorruptFileError, SourceError
        When pixels cannot be read.
    """
    images = [ImageWork(plan, target) for plan in plans]
    total, done = sum(plan.array.nbytes for plan in plans), 0
    # A box is held as pixels, as encoded chunks, and half of it as tiles of the levels.
    largest = 3 * max(image.box_bytes for image in images)
    threads = workers or min(MAX_WORKERS, os.cpu_count() or 1)
    side_by_side = max(1, min(threads, 2 * IN_FLIGHT // largest))
    here, distributed = _divide(images, target)
    # Threads that have no box of their own, because memory is bounded, read within a box.
    pool = _Threads(side_by_side, max(1, threads // side_by_side))
    with file_readers.session():
        for nbytes in itertools.chain(*distributed, pool.run(here)):
            done += nbytes
            if progress is not None:
                progress(done, total)


def _divide(
    images: Sequence[ImageWork], target: JournaledTarget
) -> tuple[list[ImageWork], list[Iterator[int]]]:
    """Separate the images that threads write here from those that a cluster writes."""
    files = target.on_workers()
    here, distributed = [], []
    for image in images:
        cluster = None if files is None else dask_chunks.cluster_of(image.plan.array)
        if cluster is None or files is None:
            here.append(image)
        else:
            distributed.append(image.on_cluster(cluster, files))
    return here, distributed


class _Threads:
    """The threads of one writing, each with its own buffers."""

    def __init__(self, count: int, readers: int) -> None:
        self._count, self._readers = count, readers
        self._local = threading.local()

    def run(self, images: Sequence[ImageWork]) -> Iterator[int]:
        """Process all boxes; yield the bytes of each when it is done."""
        tasks = (task for image in images for task in image.tasks(self._scratch()))
        # One box at a time needs no pool: an error or Ctrl-C then leaves no thread to wait for.
        if self._count == 1:
            yield from map(self._process, tasks)
            return
        waiting: deque[Future[int]] = deque()
        with ThreadPoolExecutor(self._count, thread_name_prefix="aicsio") as pool:
            try:
                for task in tasks:
                    waiting.append(pool.submit(self._process, task))
                    if len(waiting) > 2 * self._count:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                # After an error nobody waits for the rest; a box that has begun ends by itself.
                for future in waiting:
                    future.cancel()

    def _process(self, task: _BoxTask | int) -> int:
        if isinstance(task, int):
            return task
        scratch = self._scratch()
        if task.unit.process(task.box, scratch, self._readers):
            task.image.finish(task.unit.unit, task.unit.carries, scratch)
        return task.nbytes

    def _scratch(self) -> _codecs.Scratch:
        scratch: _codecs.Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = _codecs.Scratch()
        return scratch
