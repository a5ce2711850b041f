"""A batch on a dask cluster: each image is a task of its scheduler.

Rule kept here: the cluster is not ours. It runs on when the batch ends, and what an interrupted batch has not begun is
taken back. Paths must mean the same on its machines as here.
"""

import argparse
import logging
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from aicsio.cli.batch.conversion import Outcome, Work, convert
from aicsio.cli.terminal.progress import Board
from aicsio.errors import AicsioError, WriteError

if TYPE_CHECKING:
    import distributed

TIMEOUT = "15s"
"""For the scheduler to answer."""


def on_cluster(
    works: Iterator[Work], arguments: argparse.Namespace, board: Board
) -> Generator[tuple[Work, Outcome], None, None]:
    """Convert images on the cluster that the arguments name; yields each when it is done.

    Raises
    ------
    WriteError
        When no scheduler answers.
    """
    import distributed

    # That the connection is lost is told by the images that are; where in its code it noticed helps nobody.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with _connected(arguments.scheduler) as client:
        todo = list(works)
        if not client.scheduler_info(n_workers=-1)["workers"]:
            board.waiting(f"{arguments.scheduler} has no workers yet: waiting for some")
        futures = client.map(on_worker, todo, pure=False, batch_size=500)
        by_key = {future.key: work for future, work in zip(futures, todo, strict=True)}
        pending = set(by_key)
        try:
            for future in distributed.as_completed(futures, loop=client.loop, raise_errors=False):
                pending.discard(future.key)
                yield by_key[future.key], _outcome(by_key[future.key], future)
        finally:
            if pending:
                client.cancel([future for future in futures if future.key in pending], force=True)


def _connected(address: str) -> "distributed.Client":
    import distributed

    try:
        return distributed.Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WriteError(
            f"no scheduler answers at {address!r}: {error}. Start one with: dask scheduler"
        ) from error


def _outcome(work: Work, future: "distributed.Future[Any]") -> Outcome:
    if future.status == "finished":
        found: Outcome = future.result()
        return found
    if future.status == "error":
        error = future.exception()
        why = f"{type(error).__name__}: {error}"
    else:
        why = "the cluster lost it: does its scheduler still run?"
    return Outcome(work.target, "", error=AicsioError(why))


def on_worker(work: Work) -> Outcome:
    """Convert an image on a worker, with its share of the cores."""
    import distributed

    state: Any = distributed.get_worker().state
    return convert(
        attrs.evolve(work, workers=max(1, (os.cpu_count() or 1) // max(1, int(state.nthreads))))
    )
