"""Several processes that convert images, each one after the other.

Processes, not threads: Python code runs on one core of a process, and a decoder that crashes takes one image with it,
not the batch. Each is started once, for what starting costs.

Rule kept here: no process outlives the call. Ctrl-C reaches each as one KeyboardInterrupt, so that the writer removes
its hidden file.
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

from aicsio.cli.batch.conversion import Outcome, Work, convert
from aicsio.cli.terminal.progress import Board
from aicsio.errors import AicsioError

PATIENCE = 10.0
"""Seconds that an interrupted process has to clean up."""
EVERY = 0.1
"""Seconds between two reports of one process."""


@attrs.define(eq=False)
class _Process:
    """A process, the line to it, and what it does."""

    process: Any
    line: Any
    work: Work | None = None


def in_processes(
    works: Iterator[Work], arguments: argparse.Namespace, board: Board
) -> Generator[tuple[Work, Outcome], None, None]:
    """Convert images in as many processes as the arguments say; yields each when it is done."""
    threads = max(1, (os.cpu_count() or 1) // arguments.jobs)
    running: list[_Process] = []
    try:
        for work in works:
            if len(running) < arguments.jobs:
                free = _started()
                running.append(free)
            else:
                free, last, outcome = _first_done(running, board)
                yield last, outcome
            board.begun(work.target)
            free.work = work
            _send(free, attrs.evolve(work, workers=threads))
        while any(each.work for each in running):
            _, last, outcome = _first_done(running, board)
            yield last, outcome
        for each in running:
            each.line.close()
            each.process.join()
    finally:
        _stop(running)


def _send(to: _Process, work: Work) -> None:
    """Hand an image to a process; one that died while it had nothing to do is replaced."""
    try:
        to.line.send(work)
    except OSError:
        _post_mortem(to, work)
        to.line.send(work)


def _first_done(running: list[_Process], board: Board) -> tuple[_Process, Work, Outcome]:
    """Wait for the first process that is done with its image, or has died of it; another then takes its place."""
    while True:
        busy = {each.line: each for each in running if each.work is not None}
        for line in wait(list(busy)):
            each = busy[line]
            work = cast("Work", each.work)
            try:
                told = each.line.recv()
            except (EOFError, OSError):
                told = _post_mortem(each, work)
            if isinstance(told, Outcome):
                each.work = None
                return each, work, told
            board.advanced(work.target, *told)


def _post_mortem(each: _Process, work: Work) -> Outcome:
    """Say of what a process died, and put another in its place."""
    each.line.close()
    each.process.join()
    code = each.process.exitcode
    why = f"signal {-code}" if code < 0 else f"exit code {code}"
    fresh = _started()
    each.process, each.line = fresh.process, fresh.line
    return Outcome(
        work.target, "", error=AicsioError(f"the process that converted it died ({why})")
    )


# ---------------------------------------------------------------- processes


def _started() -> _Process:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    resource_tracker.ensure_running()  # which would let Ctrl-C through while it starts
    with _held_back():  # from the process too, until it can clean up
        process.start()
    theirs.close()
    return _Process(process, ours)


def _serve(line: Connection) -> None:
    """Convert what comes down the line until it is closed."""
    try:
        signal.signal(signal.SIGINT, _interrupt_once)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        while True:
            line.send(convert(line.recv(), _now_and_then(line)))
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return


def _interrupt_once(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    # The terminal sends one to all, and the parent another: cleaning up is not to be interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _now_and_then(line: Connection) -> Callable[[int, int], None]:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            line.send((done, total))

    return report


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Have Ctrl-C wait until the end of the block; a process that is started meanwhile begins with it held back."""
    came: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _stop(running: list[_Process]) -> None:
    """Interrupt what still runs, and kill what does not end."""
    with _held_back():
        alive = [each.process for each in running if each.process.is_alive()]
        for process in alive:
            if os.name == "nt":
                process.terminate()
            else:
                os.kill(process.pid, signal.SIGINT)
        end = time.monotonic() + PATIENCE
        for process in alive:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for each in running:
            each.line.close()
