"""A scheduler and two workers, started as from a shell: processes that know nothing of this one."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

TESTS = Path(__file__).resolve().parent


@attrs.frozen
class Outside:
    """A cluster of somebody else."""

    address: str
    folder: Path
    workers: list[subprocess.Popen[bytes]]

    def __repr__(self) -> str:
        return self.address


@contextlib.contextmanager
def outside_cluster(folder: Path) -> Iterator[Outside]:
    """Run a cluster for the time of a block; each process has a working directory and a log below ``folder``."""
    scheduler = started("scheduler", folder, "--port", "0")
    workers = [started("worker", folder, "--nthreads", "1", "--no-nanny") for _ in range(2)]
    try:
        while (address := address_in(folder / "scheduler.json")) is None:
            assert scheduler.poll() is None, [path.read_text() for path in folder.rglob("log")]
            time.sleep(0.05)
        yield Outside(address, folder, workers)
    finally:
        for process in (*workers, scheduler):
            process.kill()
        for process in (*workers, scheduler):
            process.wait()


def started(kind: str, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a scheduler or a worker of the cluster in ``folder``."""
    home = folder / f"{kind}-{len(list(folder.iterdir()))}"
    home.mkdir()
    options = [
        "--scheduler-file",
        str(folder / "scheduler.json"),
        "--host",
        "127.0.0.1",
        "--no-dashboard",
        *more,
    ]
    # Functions of tests are sent by name, and found there.
    found_in = {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    with (home / "log").open("wb") as log:
        command = [sys.executable, "-m", "dask", kind, *options]
        return subprocess.Popen(
            command, stdout=log, stderr=log, cwd=home, env={**os.environ, **found_in}
        )


def address_in(file: Path) -> str | None:
    """The address that a scheduler wrote; ``None`` before it has, or while it does."""
    try:
        found: str = json.loads(file.read_text())["address"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found
