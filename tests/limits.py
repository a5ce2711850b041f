"""Limits that damaged input is held to. Nothing here is a test."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

SECONDS = 5.0
"""Processor time for one damaged file."""
MEMORY = 1 << 30
"""Bytes that one damaged file may make the process grow by."""


def has_timer() -> bool:
    """Whether the system has a timer of processor time."""
    return hasattr(signal, "SIGPROF")


@contextmanager
def within_limits(what: str) -> Iterator[None]:
    """Fail when the block takes too much processor time or memory. (The time of the process, not of the clock.)"""

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
