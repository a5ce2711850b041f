"""Limits that damaged input is held to, and the outcomes that it may have. Nothing here is a test."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt
import psutil

from aicsio import (
    AicsioError,
    ArgumentTypeError,
    ImageHandle,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.attachments import list_attachments, read_attachment

SECONDS = 5.0
"""Processor time for one damaged file: other work on the machine does not count."""
MEMORY = 1 << 30
"""Bytes that one damaged file may make the process grow by."""
MOST_PIXELS = 1 << 22
"""Pixels that are read whole: damage makes images of any size."""


def variant_count(usual: int) -> int:
    """How many damaged files a test tries: a third of the usual count in the README's command.

    The gates ``servers`` and ``lowest``, which look at more examples of the laws (``AICSIO_HYPOTHESIS=ci``), try
    all; ``AICSIO_DAMAGED_VARIANTS`` asks for any number.
    """
    thorough = "AICSIO_HYPOTHESIS" in os.environ
    return int(os.environ.get("AICSIO_DAMAGED_VARIANTS", usual if thorough else usual // 3))


@contextmanager
def our_errors() -> Iterator[list[AicsioError]]:
    """Catch an error of ours and put it into the list; everything else is a failure.

    An ``ArgumentTypeError`` too: inside the package it means that a record broke its own types.
    """
    errors: list[AicsioError] = []
    try:
        yield errors
    except ArgumentTypeError:
        raise
    except AicsioError as error:
        errors.append(error)


def shown_levels(handle: ImageHandle) -> Iterator[ImageHandle]:
    """Each level of each scene."""
    for index, scene in enumerate(handle.scenes):
        for level in range(len(scene.levels)):
            yield select_level(select_scene(handle, index), level)


def read_some(chosen: ImageHandle) -> npt.NDArray[Any]:
    """Read an image, or a corner of one that damage made huge."""
    if chosen.size <= MOST_PIXELS:
        return to_numpy(chosen)
    corner = {letter: slice(0, max(1, min(size, 16))) for letter, size in chosen.dims.items()}
    return to_numpy(transpose_to(chosen, chosen.dims.order, **corner))


def try_file(source: bytes | Path) -> int:
    """Open a damaged file and read its attachments and scenes; returns how many pixels were read."""
    count = 0
    with our_errors():
        handle = open_image(source)
        for attachment in list_attachments(handle)[:3]:
            read_attachment(handle, attachment.name)
        for index in range(len(handle.scenes)):
            count += read_some(select_scene(handle, index)).size
    return count


@contextmanager
def in_time(what: str) -> Iterator[None]:
    """Fail when the block takes too much processor time."""
    start = time.process_time()
    yield
    spent = time.process_time() - start
    assert spent < SECONDS, f"{what} takes {spent:.1f} s"


@contextmanager
def in_memory() -> Iterator[None]:
    """Fail when the block takes too much memory at any moment."""
    held, most_before = psutil.Process().memory_info().rss, _most_memory()
    yield
    most = _most_memory()
    if most > most_before:  # else the block took less than the process had taken before
        assert most - held < MEMORY, f"{most - held:,} bytes"


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def has_timer() -> bool:
    """Whether the system has a timer of processor time."""
    return hasattr(signal, "SIGPROF")


@contextmanager
def within_limits(what: str) -> Iterator[None]:
    """End the block when it takes too much processor time, and fail when it keeps too much memory."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"{what} takes more than {SECONDS} s")

    before, process = signal.signal(signal.SIGPROF, too_long), psutil.Process()
    resident = process.memory_info().rss
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    assert process.memory_info().rss - resident < MEMORY, f"{what} takes more than {MEMORY} bytes"
