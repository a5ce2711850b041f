"""Images of a store on their way out: units and boxes on threads, in order.

Rule kept here: memory is bounded by ``IN_FLIGHT`` (or by one box, where that is larger), whatever
the size and number of images. Threads read boxes and encode files; only units that are whole enter
the journal.
"""

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
from aicsio.writers._pixels.jobs import Box
from aicsio.writers._pixels.stream import IN_FLIGHT, MAX_WORKERS
from aicsio.writers._zarr.journal import UnitJournal
from aicsio.writers._zarr.parts import cut
from aicsio.writers._zarr.plan import ImagePlan
from aicsio.writers._zarr.tile_files import StoreTarget
from aicsio.writers._zarr.units import Carry, UnitWork, UpperLevels

Progress: TypeAlias = Callable[[int, int], object]


@runtime_checkable
class JournaledTarget(StoreTarget, Protocol):
    """A target that may know which units an earlier run has finished."""

    journal: UnitJournal | None


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
        log, itemsize = self._target.journal, self.plan.array.dtype.itemsize
        for unit in self._cutting.units():
            carries = None if log is None else log.carries_of(self.plan.path, unit.number)
            if carries is not None:
                self._pass_on(carries, scratch)
                yield math.prod(unit.box.shape) * itemsize
                continue
            work = UnitWork(self.plan, unit, self._target)
            for box in unit.boxes:
                yield _BoxTask(self, work, box, math.prod(box.shape) * itemsize)

    def finish(self, work: UnitWork, scratch: _codecs.Scratch) -> None:
        """Enter a unit that is whole into the journal, and pass on what goes up from it."""
        if self._target.journal is not None:
            self._target.journal.record(self.plan.path, work.unit.number, work.carries)
        self._pass_on(work.carries, scratch)

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
    with file_readers.session():
        for nbytes in _Threads(side_by_side, max(1, threads // side_by_side)).run(images):
            done += nbytes
            if progress is not None:
                progress(done, total)


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
            task.image.finish(task.unit, scratch)
        return task.nbytes

    def _scratch(self) -> _codecs.Scratch:
        scratch: _codecs.Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = _codecs.Scratch()
        return scratch
