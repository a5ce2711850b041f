"""A batch on a dask cluster: each image is a task of its scheduler.

Rule kept here: the cluster belongs to the user. It runs on when the batch ends, and an interrupted
batch cancels its tasks. Paths must mean the same on its machines as here.
"""

import argparse
import logging
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from aicsio.cli.batch.conversion import ConversionJob, ConversionResult, convert
from aicsio.cli.terminal.progress import BatchProgress
from aicsio.errors import AicsioError, WriteError

if TYPE_CHECKING:
    import distributed

TIMEOUT = "15s"
"""Wait for the scheduler: the default of dask, 30 s, seems like a hang to a user at a terminal."""
TASKS_PER_MESSAGE = 500
"""A larger batch delays the first task (documentation of ``Client.map``)."""


def run_on_cluster(
    jobs: Iterator[ConversionJob], arguments: argparse.Namespace, progress: BatchProgress
) -> Generator[tuple[ConversionJob, ConversionResult], None, None]:
    """Convert images on the cluster of ``--scheduler``; yields each when it is done.

    Raises
    ------
    WriteError
        When no scheduler answers.
    """
    import distributed

    # Images whose connection is lost fail with a message of ours; dask would print a traceback too.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with _connect(arguments.scheduler) as client:
        submitted = list(jobs)
        if not client.scheduler_info(n_workers=-1)["workers"]:
            progress.report_waiting(f"{arguments.scheduler} has no workers yet: waiting for some")
        # Not pure: a second run of the same conversion must write again.
        futures = client.map(convert_on_worker, submitted, pure=False, batch_size=TASKS_PER_MESSAGE)
        by_key = {future.key: job for future, job in zip(futures, submitted, strict=True)}
        pending = set(by_key)
        try:
            for future in distributed.as_completed(futures, loop=client.loop, raise_errors=False):
                pending.discard(future.key)
                yield by_key[future.key], _read_result(by_key[future.key], future)
        finally:
            if pending:
                client.cancel([future for future in futures if future.key in pending], force=True)


def _connect(address: str) -> "distributed.Client":
    import distributed

    try:
        return distributed.Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WriteError(
            f"no scheduler answers at {address!r}: {error}. Start one with: dask scheduler"
        ) from error


def _read_result(job: ConversionJob, future: "distributed.Future[Any]") -> ConversionResult:
    if future.status == "finished":
        result: ConversionResult = future.result()
        return result
    if future.status == "error":
        error = future.exception()
        reason = f"{type(error).__name__}: {error}"
    else:
        reason = "the cluster lost it: does its scheduler still run?"
    return ConversionResult(job.target, "", error=AicsioError(reason))


def convert_on_worker(job: ConversionJob) -> ConversionResult:
    """Convert an image on a worker, with its share of the cores."""
    import distributed

    state: Any = distributed.get_worker().state
    tasks_at_once = max(1, int(state.nthreads))
    threads = max(1, (os.cpu_count() or 1) // tasks_at_once)
    return convert(attrs.evolve(job, workers=threads))
