"""Conversion of many images into a folder. Imports `cli.terminal` and the public verbs.

``inputs`` finds files and names outputs, ``journal`` knows those that are done, ``conversion`` converts
one image, ``processes`` and ``dask_cluster`` run many, ``read_back`` verifies, ``outcomes`` prints.

Rule kept here: this module decides which images are converted and prints the results; a runner
(this process, several processes, a cluster) only yields results.
"""

import argparse
import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias

import attrs

from aicsio._io import readers, store_urls
from aicsio._io.urls import public_url
from aicsio.cli.batch import inputs
from aicsio.cli.batch.conversion import ConversionJob, ConversionResult, convert
from aicsio.cli.batch.inputs import InputImage
from aicsio.cli.batch.journal import Fingerprint, Journal, TargetState, take_fingerprint
from aicsio.cli.batch.outcomes import BatchResult, describe_written, print_losses_and_failures
from aicsio.cli.terminal.progress import BatchProgress
from aicsio.cli.terminal.text import (
    escape_controls,
    format_seconds,
)
from aicsio.errors import AicsioError, WriteError
from aicsio.joining import file_names, groups

_WITHOUT_EFFECT = frozenset(
    {
        "command",
        "debug",
        "dry_run",
        "inputs",
        "jobs",
        "json",
        "no_sync",
        "output",
        "overwrite",
        "recursive",
        "scheduler",
        "spooled",
        "update",
        "verify",
    }
)
"""Arguments that do not change the content of a written file."""
FinishedJob: TypeAlias = tuple[ConversionJob, ConversionResult]
Runner: TypeAlias = Callable[
    [Iterator[ConversionJob], argparse.Namespace, BatchProgress],
    Generator[FinishedJob, None, None],
]


def run_batch(arguments: argparse.Namespace) -> int:
    """Convert all inputs into a folder; returns the exit code.

    Raises
    ------
    WriteError
        When the output is a file, or two images would become one.
    SourceNotFoundError
        When the inputs hold no image.
    """
    folder = os.path.abspath(os.path.expanduser(arguments.output))
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise WriteError(f"{arguments.output!r} is a file: many images need a folder")
    # Read before the inputs are listed: OUT may be the folder of the inputs, whose outputs are no
    # inputs of a second run.
    journal = Journal(folder)
    images = inputs.list_images(
        arguments.inputs,
        folder,
        recursive=arguments.recursive,
        storage_options=arguments.storage_options,
        ours=journal.targets(),
        suffix=inputs.SUFFIXES[arguments.to or "ome-tiff"],
    )
    result, start = BatchResult(as_json=arguments.json), time.perf_counter()
    planned = _plan_jobs(images, journal, arguments, result)
    if arguments.dry_run:
        for job, _ in planned:
            line = (
                f"{escape_controls(job.target)}: would be written from {escape_controls(job.name)}"
            )
            planned_one = ConversionResult(job.target, "")
            result.add(line, describe_written(planned_one, job.name, "would be written"))
        result.end(len(images), f"{len(planned)} to do")
        return int(bool(result.failed))
    _make_folder(folder, arguments.output)
    try:
        _run_jobs(planned, len(images), journal, arguments, result)
    except KeyboardInterrupt:
        # The summary shows the user where the next run will go on.
        open_count = len(images) - result.written - result.skipped - len(result.failed)
        result.end(len(images), f"{open_count} not done")
        raise
    elapsed = format_seconds(time.perf_counter() - start)
    result.end(len(images), elapsed)
    print_losses_and_failures(result)
    return int(bool(result.failed))


def _make_folder(folder: str, name: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot make the folder {name!r}: {error.strerror}") from error


# ---------------------------------------------------------------- before


def _plan_jobs(
    images: Sequence[InputImage],
    journal: Journal,
    arguments: argparse.Namespace,
    result: BatchResult,
) -> list[tuple[ConversionJob, Fingerprint]]:
    """Leave out finished images, and targets that must not be replaced."""
    options = {key: value for key, value in vars(arguments).items() if key not in _WITHOUT_EFFECT}
    planned = []
    for image in images:
        target = image.target
        try:
            fingerprint = _fingerprint_source(image.source, options, arguments)
            state = journal.state(target, fingerprint)
            _check_replacing(target, state, arguments)
        except AicsioError as error:
            if arguments.debug:
                raise
            result.add_failure(error, image.name, target)
            continue
        # Printed even so, so that stdout lists every image of the batch.
        if state == "done" and not arguments.overwrite:
            before = describe_written(ConversionResult(target, ""), image.name, "done before")
            result.add(f"{escape_controls(target)}: done before", before)
            result.skipped += 1
            continue
        job = ConversionJob(
            image.source, target, arguments, image.name, overwrite=state != "absent"
        )
        planned.append((job, fingerprint))
    return planned


def _fingerprint_source(
    source: str, options: dict[str, Any], arguments: argparse.Namespace
) -> Fingerprint:
    """Fingerprint of an image, or of all the files of one."""
    if not file_names.is_pattern(source):
        identified = store_urls.identify_image(source, arguments.storage_options)
        return take_fingerprint(identified, options)
    found = groups.group_by_pattern(source, arguments.missing, arguments.storage_options)
    files = []
    for group in found:
        files += [readers.identify(file, arguments.storage_options) for file in group.files]
    size = sum(file.size or 0 for file in files)
    # A digest of all: the newest time alone would miss a file that was replaced by an older one.
    versions = repr([(file.uri, file.size, file.fingerprint) for file in files])
    digest = hashlib.blake2b(versions.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    combined = attrs.evolve(files[0], uri=public_url(source), size=size, fingerprint=digest)
    return take_fingerprint(combined, options)


def _check_replacing(target: str, state: TargetState, arguments: argparse.Namespace) -> None:
    if arguments.overwrite or state in {"absent", "done"}:
        return
    if state == "unknown":
        raise WriteError(
            f"there is a file {target!r} that was not written from it here: --overwrite replaces it"
        )
    if not arguments.update:
        raise WriteError(f"{target!r} is out of date, {state}: --update redoes it")


# ---------------------------------------------------------------- runners


def _run_jobs(
    planned: Sequence[tuple[ConversionJob, Fingerprint]],
    total: int,
    journal: Journal,
    arguments: argparse.Namespace,
    result: BatchResult,
) -> None:
    """Convert the planned images and record each when it is finished."""
    fingerprints = {job.target: fingerprint for job, fingerprint in planned}
    begun = _begin_each([job for job, _ in planned], fingerprints, journal)
    runner = _choose_runner(arguments)
    with (
        BatchProgress(total, total - len(planned)) as progress,
        # Closed at once after Ctrl-C: an open generator would leave its processes running.
        contextlib.closing(runner(begun, arguments, progress)) as finished,
    ):
        for job, outcome in finished:
            _record(job, outcome, result, journal, fingerprints[job.target])
            progress.end(job.target, failed=outcome.error is not None)


def _begin_each(
    jobs: Sequence[ConversionJob], fingerprints: dict[str, Fingerprint], journal: Journal
) -> Iterator[ConversionJob]:
    """Note each file in the journal just before its conversion begins."""
    for job in jobs:
        began = journal.begin(job.target, fingerprints[job.target])
        yield attrs.evolve(job, began=began)


def _choose_runner(arguments: argparse.Namespace) -> Runner:
    if arguments.scheduler is not None:
        from aicsio.cli.batch.dask_cluster import run_on_cluster

        return run_on_cluster
    if arguments.jobs > 1:
        from aicsio.cli.batch.processes import run_in_processes

        return run_in_processes
    return _run_here


def _run_here(
    jobs: Iterator[ConversionJob],
    arguments: argparse.Namespace,  # noqa: ARG001 - all runners share a signature
    progress: BatchProgress,
) -> Generator[FinishedJob, None, None]:
    for job in jobs:
        yield job, convert(job, progress.begin(job.target))


# ---------------------------------------------------------------- after


def _record(
    job: ConversionJob,
    outcome: ConversionResult,
    result: BatchResult,
    journal: Journal,
    fingerprint: Fingerprint,
) -> None:
    """Print, count and note in the journal the outcome of one image."""
    if outcome.error is not None:
        result.add_failure(outcome.error, job.name, job.target)
        return
    # The journal first: after Ctrl-C between the two lines, the file still counts as done.
    journal.end(job.target, fingerprint, not_kept=outcome.not_kept)
    result.add(outcome.summary, describe_written(outcome, job.name, "written"))
    result.written += 1
    result.pixels += outcome.pixels
    result.nbytes += outcome.nbytes
    result.not_kept += bool(outcome.not_kept)
    result.not_written += bool(outcome.not_written)
