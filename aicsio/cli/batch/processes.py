"""A batch in several processes, each of which converts one image after the other.

Processes, not threads: Python code runs on one core of a process, and a decoder that crashes ends
one image, not the batch. ``concurrent.futures`` would end the whole batch then (BrokenProcessPool).
Each process is started once: a start takes 0.5 s or more, longer than most small images.

Rule kept here: no process outlives the call. Ctrl-C reaches each as one KeyboardInterrupt, so that
the writer removes its hidden file.
"""

import argparse
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, cast

import attrs

from aicsio.cli.batch.conversion import ConversionJob, ConversionResult, convert
from aicsio.cli.terminal.progress import BatchProgress
from aicsio.errors import AicsioError

PATIENCE = 10.0
"""Seconds that an interrupted process has to clean up; the writer first ends its current tiles."""
REPORT_INTERVAL = 0.1
"""Seconds between two reports of one process: a bar looks fluent at ten frames a second."""


@attrs.define(eq=False)
class _Process:
    """A process and the pipe to it. Not a record: it lives for one batch."""

    process: Any
    """The process."""
    pipe: Any
    """Jobs go in; reports and results come out."""
    job: ConversionJob | None = None
    """Image that it converts; ``None`` while it is idle."""


def run_in_processes(
    jobs: Iterator[ConversionJob], arguments: argparse.Namespace, progress: BatchProgress
) -> Generator[tuple[ConversionJob, ConversionResult], None, None]:
    """Convert images in ``--jobs`` processes; yields each when it is done."""
    # The cores are shared: more threads than cores make compression slower.
    threads = max(1, (os.cpu_count() or 1) // arguments.jobs)
    running: list[_Process] = []
    try:
        for job in jobs:
            if len(running) < arguments.jobs:
                idle = _start()
                running.append(idle)
            else:
                idle, finished, result = _wait_for_first(running, progress)
                yield finished, result
            progress.begin(job.target)
            idle.job = job
            _send(idle, attrs.evolve(job, workers=threads))
        while any(each.job for each in running):
            _, finished, result = _wait_for_first(running, progress)
            yield finished, result
        # A closed pipe ends the loop of a process.
        for each in running:
            each.pipe.close()
            each.process.join()
    finally:
        _stop(running)


def _send(idle: _Process, job: ConversionJob) -> None:
    """Send an image to an idle process; a process that died meanwhile is replaced."""
    try:
        idle.pipe.send(job)
    except OSError:
        _replace_dead(idle, job)
        idle.pipe.send(job)


def _wait_for_first(
    running: list[_Process], progress: BatchProgress
) -> tuple[_Process, ConversionJob, ConversionResult]:
    """Wait for the first process that finishes its image, or dies of it and is replaced."""
    while True:
        busy = {each.pipe: each for each in running if each.job is not None}
        # The pipe of a dead process is ready, too, and recv then raises.
        for pipe in wait(list(busy)):
            each = busy[pipe]
            job = cast("ConversionJob", each.job)
            try:
                message = each.pipe.recv()
            except (EOFError, OSError):
                message = _replace_dead(each, job)
            if isinstance(message, ConversionResult):
                each.job = None
                return each, job, message
            progress.advance(job.target, *message)


def _replace_dead(each: _Process, job: ConversionJob) -> ConversionResult:
    """Start another process in place of a dead one; the result names the cause of death."""
    each.pipe.close()
    each.process.join()
    code = each.process.exitcode
    # A negative exit code is the number of the signal (documentation of multiprocessing).
    cause = f"signal {-code}" if code < 0 else f"exit code {code}"
    replacement = _start()
    each.process, each.pipe = replacement.process, replacement.pipe
    error = AicsioError(f"the process that converted it died ({cause})")
    return ConversionResult(job.target, "", error=error)


# ---------------------------------------------------------------- processes


def _start() -> _Process:
    # spawn: a fork would copy locks of threads that the parent runs (bars, libraries).
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    # If the tracker started inside the block below, its start would lift the blocking of Ctrl-C.
    resource_tracker.ensure_running()
    # The new process inherits the blocked signal, until it can clean up.
    with _interrupts_blocked():
        process.start()
    theirs.close()
    return _Process(process, ours)


def _serve(pipe: Connection) -> None:
    """Convert the images that arrive through the pipe until it is closed."""
    try:
        signal.signal(signal.SIGINT, _interrupt_once)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while True:
            pipe.send(convert(pipe.recv(), _report_through(pipe)))
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return


def _interrupt_once(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    # The terminal signals all processes, and the parent signals again: ignore the second one while
    # the writer cleans up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _report_through(pipe: Connection) -> Callable[[int, int], None]:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_INTERVAL:
            last = now
            pipe.send((done, total))

    return report


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block; a process started inside begins with it blocked."""
    received: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
    if received:
        raise KeyboardInterrupt


def _stop(running: list[_Process]) -> None:
    """Interrupt the running processes, and kill those that do not end."""
    with _interrupts_blocked():
        alive = [each.process for each in running if each.process.is_alive()]
        for process in alive:
            if os.name == "nt":
                process.terminate()  # Windows has no SIGINT for another process
            else:
                os.kill(process.pid, signal.SIGINT)
        end = time.monotonic() + PATIENCE
        for process in alive:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for each in running:
            each.pipe.close()
