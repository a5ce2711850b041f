"""Pixels on their way out.

Boxes are read in file order, on threads; ``box_writer`` cuts them into segments and compresses these.

Rule kept here: memory is bounded by ``IN_FLIGHT`` (or by one block of the source, where that is
larger), whatever the size and number of images. Threads read and compress boxes; compressed
segments are put into the file in order, so the same pixels always give the same bytes.
"""

import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import attrs

from aicsio._io import readers as file_readers
from aicsio.errors import WriteError
from aicsio.writers._atomic_file import Output
from aicsio.writers._pixels import dask_chunks, tiff
from aicsio.writers._pixels.box_writer import BoxWriter
from aicsio.writers._pixels.boxes import box_shape, cut_into_boxes
from aicsio.writers._pixels.jobs import Box, EncodedSegment, ImageJob
from aicsio.writers._pixels.segments import window_of

Progress: TypeAlias = Callable[[int, int], object]

IN_FLIGHT = 256 << 20
"""Limit in bytes for all boxes that are being read, compressed or waiting to be written."""
MAX_WORKERS = 8
"""Default limit of threads; one of them writes all compressed segments, in file order."""


def write_pixels(
    jobs: Sequence[ImageJob],
    output: Output,
    *,
    workers: int | None,
    limit: int | None,
    progress: Progress | None,
) -> list[list[tiff.SegmentTable]]:
    """Write all pixels.

    Parameters
    ----------
    jobs
        The images, one after the other; all of them compressed or none.
    output
        The file.
    workers
        Threads; ``None`` for one for each core, at most ``MAX_WORKERS``.
    limit
        Offset that compressed pixels must not reach; ``None`` for no limit.
    progress
        Called after each box with the bytes done and the bytes of all images at full resolution,
        before compression.

    Returns
    -------
    list
        Offsets and byte counts of the segments, for each level of each image.

    Raises
    ------
    WriteError
        When the disk is full, or the limit is reached.
    """
    tables = _raw_tables(jobs, output)
    position, done = tiff.DATA_START, 0
    total = sum(job.array.nbytes for job in jobs)
    with (
        file_readers.session(),
        contextlib.closing(_encode_boxes(jobs, output, tables, workers)) as results,
    ):
        # Only this thread writes compressed segments, so that offsets follow file order.
        for image, box, segments in results:
            for segment in segments:
                output.write_at(position, segment.data)
                _record(tables[image], jobs[image], segment, position)
                position += len(segment.data)
            # Classic TIFF was requested: its offsets end here, and so does the wait for the rest.
            if limit is not None and position > limit:
                raise WriteError(
                    f"{output.path!r} grows beyond classic TIFF ({limit:,} bytes): leave out "
                    "bigtiff=False"
                )
            done += math.prod(box.shape) * jobs[image].array.dtype.itemsize
            if progress is not None:
                progress(done, total)
    return tables


def _raw_tables(jobs: Sequence[ImageJob], output: Output) -> list[list[tiff.SegmentTable]]:
    """Return where segments go if they are stored raw; reserve the space if they are."""
    # The last start is the end of all images: the length to reserve.
    *starts, end = tiff.raw_starts([pages for job in jobs for pages in job.levels])
    remaining = iter(starts)
    tables = [[pages.raw_segments(next(remaining)) for pages in job.levels] for job in jobs]
    if all(job.encode is None for job in jobs):
        output.reserve(end)
    return tables


def _record(
    tables: Sequence[tiff.SegmentTable], job: ImageJob, segment: EncodedSegment, offset: int
) -> None:
    """Enter where a compressed segment is, and how long."""
    place = segment.position
    number = place.row * job.levels[place.level].grid.columns + place.column
    offsets, counts = tables[place.level]
    offsets[place.plane, number] = offset
    counts[place.plane, number] = len(segment.data)


# ---------------------------------------------------------------- boxes on threads


@attrs.frozen
class _Task:
    """A box of one image, numbered in file order."""

    number: int
    """Number among the boxes of all images."""
    image: int
    """Index of the image."""
    box: Box
    """The window."""


@attrs.define
class _Pending:
    """A box that a thread works on. Not a record: it holds a future."""

    task: _Task
    """The box."""
    segments: Future[list[EncodedSegment]]
    """Its compressed segments."""
    chunk: dask_chunks.Chunk | None
    """Its pixels, where a cluster computes them."""

    def cancel(self) -> None:
        """Give the box up."""
        self.segments.cancel()
        if self.chunk is not None:
            self.chunk.cancel()


@attrs.frozen
class _Schedule:
    """How many boxes are worked on at once."""

    boxes_ahead: int
    """Boxes that are started before the oldest is written."""
    threads: int
    """Threads that work on boxes."""
    readers: int
    """Threads that read within one box."""


def _schedule(
    jobs: Sequence[ImageJob],
    clusters: Sequence[dask_chunks.Cluster | None],
    workers: int | None,
) -> _Schedule:
    threads = workers or min(MAX_WORKERS, os.cpu_count() or 1)
    box_count, largest_box = 0, 0
    for job in jobs:
        size = box_shape(job)
        counts = (-(-length // part) for length, part in zip(job.array.shape, size, strict=True))
        box_count += math.prod(counts)
        largest_box = max(largest_box, math.prod(size) * job.array.dtype.itemsize)
    wanted = max(2 * threads, *(cluster.ahead for cluster in clusters if cluster), 0)
    # A box is held twice: as pixels and as compressed segments.
    ahead = min(wanted, IN_FLIGHT // (2 * largest_box))
    # Boxes beyond the limit go one at a time; the spare threads then read within the box.
    side_by_side = min(threads, ahead + 1, box_count)
    return _Schedule(ahead, side_by_side, max(1, threads // side_by_side))


def _encode_boxes(
    jobs: Sequence[ImageJob],
    output: Output,
    tables: Sequence[Sequence[tiff.SegmentTable]],
    workers: int | None,
) -> Generator[tuple[int, Box, list[EncodedSegment]], None, None]:
    """Work on the boxes of all images; yield image, box and compressed segments in file order."""
    clusters = [dask_chunks.cluster_of(job.array) for job in jobs]
    schedule = _schedule(jobs, clusters, workers)
    writers = [
        BoxWriter(job, output, image_tables, schedule.readers)
        for job, image_tables in zip(jobs, tables, strict=True)
    ]
    tasks = _number_boxes(jobs)
    # One box at a time needs no pool: an error or Ctrl-C then leaves no thread to wait for.
    if schedule.threads == 1 and not any(clusters):
        for task in tasks:
            writer = writers[task.image]
            segments = writer.process(task.number, task.box)
            yield task.image, task.box, segments + writer.take_finished(task.number)
        return
    waiting: deque[_Pending] = deque()
    with ThreadPoolExecutor(schedule.threads, thread_name_prefix="aicsio") as pool:
        try:
            for task in tasks:
                writer, cluster = writers[task.image], clusters[task.image]
                chunk = None
                if cluster is not None:
                    chunk = cluster.start(window_of(jobs[task.image].array, task.box))
                future = pool.submit(writer.process, task.number, task.box, chunk)
                waiting.append(_Pending(task, future, chunk))
                if len(waiting) > schedule.boxes_ahead:
                    yield _finish(waiting.popleft(), writers)
            while waiting:
                yield _finish(waiting.popleft(), writers)
        finally:
            # After an error nobody reads the results; a box that has begun ends by itself.
            for pending in waiting:
                pending.cancel()


def _number_boxes(jobs: Sequence[ImageJob]) -> Iterator[_Task]:
    number = 0
    for image, job in enumerate(jobs):
        for box in cut_into_boxes(job):
            yield _Task(number, image, box)
            number += 1


def _finish(
    pending: _Pending, writers: Sequence[BoxWriter]
) -> tuple[int, Box, list[EncodedSegment]]:
    """Wait for a box; return it with the smaller tiles that are complete by then."""
    task = pending.task
    segments = pending.segments.result()
    return task.image, task.box, segments + writers[task.image].take_finished(task.number)
