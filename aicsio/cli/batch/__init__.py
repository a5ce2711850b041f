"""Many images into a folder: what is done is skipped, what fails is told and does not stop the rest.

Rule kept here: this module decides what is to be done and tells what became of it; who does it (this process, others,
a cluster) only hands back outcomes.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias

import attrs

from aicsio._io import readers
from aicsio.cli.batch import inputs
from aicsio.cli.batch.conversion import Outcome, Work, convert
from aicsio.cli.batch.inputs import Item
from aicsio.cli.batch.journal import NAME as JOURNAL_NAME
from aicsio.cli.batch.journal import Journal, Mark, State, mark_of
from aicsio.cli.terminal.progress import Board
from aicsio.cli.terminal.text import complain, plain, seconds_of, size_of
from aicsio.errors import AicsioError, WriteError
from aicsio.joining import file_names

_OF_RUN = frozenset(
    {
        "command",
        "debug",
        "dry_run",
        "jobs",
        "no_sync",
        "overwrite",
        "recursive",
        "scheduler",
        "update",
    }
)
_NOT_OF_CONTENT = _OF_RUN | {"inputs", "output"}
"""Arguments that do not change what is written."""
MOST_FAILED = 50
"""Names in the summary."""

Done: TypeAlias = tuple[Work, Outcome]


@attrs.define
class Tally:
    """What became of a batch so far. Not a record: it lives for one run."""

    written: int = 0
    skipped: int = 0
    pixels: int = 0
    nbytes: int = 0
    not_kept: int = 0
    left: int = 0
    failed: list[str] = attrs.Factory(list)
    """Sources, in the order in which they failed."""


def run_batch(arguments: argparse.Namespace) -> int:
    """Convert all inputs into a folder; returns the exit code."""
    folder = os.path.abspath(os.path.expanduser(arguments.output))
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise WriteError(f"{arguments.output!r} is a file: many images need a folder to go to")
    journal = Journal(folder)
    found = inputs.items(
        arguments.inputs,
        folder,
        recursive=arguments.recursive,
        options=arguments.storage_options,
        ours=journal.targets(),
    )
    tally, start = Tally(), time.perf_counter()
    planned = _planned(found, journal, arguments, tally)
    if arguments.dry_run:
        for work, _ in planned:
            print(f"{plain(work.target)}: would be written from {plain(work.name)}")
        print(_summary(tally, len(found), f"{len(planned)} to do"))
        return int(bool(tally.failed))
    marks = {work.target: mark for work, mark in planned}
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot make the folder {arguments.output!r}: {error.strerror}"
        ) from error
    try:
        with Board(len(found), len(found) - len(planned)) as board:
            works = [work for work, _ in planned]
            # Closed at once when we are interrupted, so that no process goes on.
            with contextlib.closing(
                _doing(arguments)(_begun(works, marks, journal), arguments, board)
            ) as outcomes:
                for work, outcome in outcomes:
                    _tell(work, outcome, tally, journal, marks[work.target])
                    board.ended(work.target, failed=outcome.error is not None)
    except KeyboardInterrupt:
        left = len(found) - tally.written - tally.skipped - len(tally.failed)
        print(_summary(tally, len(found), f"{left} not done"), flush=True)
        raise
    print(_summary(tally, len(found), seconds_of(time.perf_counter() - start)))
    _tell_failed(tally)
    return int(bool(tally.failed))


# ---------------------------------------------------------------- before


def _planned(
    found: Sequence[Item], journal: Journal, arguments: argparse.Namespace, tally: Tally
) -> list[tuple[Work, Mark]]:
    """Leave out what is done, and what must not be touched."""
    options = {key: value for key, value in vars(arguments).items() if key not in _NOT_OF_CONTENT}
    planned = []
    for item in found:
        try:
            mark = _mark(item.source, options, arguments)
            state = journal.state(item.target, mark)
            _refuse(item.target, state, arguments)
        except AicsioError as error:
            if arguments.debug:
                raise
            complain(error, item.name)
            tally.failed.append(item.name)
            continue
        if state == "done" and not arguments.overwrite:
            print(f"{plain(item.target)}: done before")
            tally.skipped += 1
            continue
        work = Work(item.source, item.target, arguments, item.name, overwrite=state != "absent")
        planned.append((work, mark))
    return planned


def _mark(source: str, options: dict[str, Any], arguments: argparse.Namespace) -> Mark:
    """Fingerprint of an image, or of all the files of one."""
    if not file_names.is_pattern(source):
        return mark_of(readers.identify(source, arguments.storage_options), options)
    groups = file_names.placed(source, "error", arguments.storage_options)
    files = [
        readers.identify(file, arguments.storage_options)
        for group in groups
        for file in group.files
    ]
    newest = max((str(file.fingerprint) for file in files), default=None)
    told = attrs.evolve(
        files[0], uri=source, size=sum(file.size or 0 for file in files), fingerprint=newest
    )
    return mark_of(told, options)


def _refuse(target: str, state: State, arguments: argparse.Namespace) -> None:
    if arguments.overwrite or state in {"absent", "done"}:
        return
    if state == "unknown":
        raise WriteError(
            f"there is a file {target!r} that was not written from it here: --overwrite replaces it"
        )
    if not arguments.update:
        raise WriteError(f"{target!r} is out of date, {state}: --update redoes it")


def _begun(works: Sequence[Work], marks: dict[str, Mark], journal: Journal) -> Iterator[Work]:
    """Note each file when it is begun."""
    for work in works:
        yield attrs.evolve(work, began=journal.begin(work.target, marks[work.target]))


# ---------------------------------------------------------------- who does it


def _doing(
    arguments: argparse.Namespace,
) -> Callable[[Iterator[Work], argparse.Namespace, Board], Generator[Done, None, None]]:
    if arguments.scheduler is not None:
        from aicsio.cli.batch.dask_cluster import on_cluster

        return on_cluster
    if arguments.jobs > 1:
        from aicsio.cli.batch.processes import in_processes

        return in_processes
    return _here


def _here(
    works: Iterator[Work],
    arguments: argparse.Namespace,  # noqa: ARG001
    board: Board,
) -> Generator[Done, None, None]:
    for work in works:
        yield work, convert(work, board.begun(work.target))


# ---------------------------------------------------------------- after


def _tell(work: Work, outcome: Outcome, tally: Tally, journal: Journal, mark: Mark) -> None:
    if outcome.error is not None:
        complain(outcome.error, work.name)
        tally.failed.append(work.name)
        return
    journal.end(work.target, mark, not_kept=outcome.not_kept)
    print(outcome.told, flush=True)
    tally.written += 1
    tally.pixels += outcome.pixels
    tally.nbytes += outcome.nbytes
    tally.not_kept += bool(outcome.not_kept)
    tally.left += bool(outcome.left)


def _summary(tally: Tally, total: int, last: str) -> str:
    sizes = (
        f" ({size_of(tally.pixels)} of pixels in {size_of(tally.nbytes)})" if tally.written else ""
    )
    parts = [f"{tally.written} written{sizes}"] if tally.written or not tally.skipped else []
    parts += [f"{tally.skipped} done before"] * bool(tally.skipped)
    parts += [f"{len(tally.failed)} failed"] * bool(tally.failed)
    return f"{total} image{'s' * (total != 1)}: {', '.join([*parts, last])}"


def _tell_failed(tally: Tally) -> None:
    if tally.not_kept:
        where = f"{JOURNAL_NAME} in the folder lists it"
        print(
            f"aicsio: {tally.not_kept} images say something that could not be kept: {where}",
            file=sys.stderr,
        )
    if tally.left:
        print(
            f"aicsio: {tally.left} images have more scenes than was written: --scene all",
            file=sys.stderr,
        )
    for name in tally.failed[:MOST_FAILED]:
        print(f"aicsio: failed: {plain(name)}", file=sys.stderr)
    if len(tally.failed) > MOST_FAILED:
        print(
            f"aicsio: failed: {len(tally.failed) - MOST_FAILED} more, told above", file=sys.stderr
        )
