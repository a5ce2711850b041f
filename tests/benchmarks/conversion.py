"""From an OME-TIFF to an OME-Zarr with levels: whole commands, each in a process of its own.

Peers may live in another Python (``--peer-python``), where newer releases of them install. Every command writes full
resolution without loss and as many levels; the table of outputs shows levels, codec and bytes, for they differ. The
seconds of the processors, user and system, tell more than the clock where the machine has other work.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import psutil

from benchmarks.timing import Timing

PEERS = ("openreadout", "bioio-conversion", "ngff-zarr")
LEVELS = 4
"""So many does ngff-zarr make of 1024 x 1024, which has no option for it; all others are asked for them."""
LOOK = 0.02
"""Seconds between two looks at the memory of a command."""
ROUNDS = 3
"""At most: one command takes up to half a minute."""
OPENREADOUT = (
    "import sys, openreadout\n"
    f"openreadout.export(*sys.argv[1:], pyramid='mean', levels={LEVELS}, overwrite=True)"
)


def ours(source: Path, target: Path) -> list[str]:
    """The command of aicsio."""
    return [
        sys.executable,
        "-m",
        "aicsio",
        "convert",
        "--overwrite",
        "--pyramid",
        str(LEVELS),
        str(source),
        str(target),
    ]


def _openreadout(python: Path, source: Path, target: Path) -> list[str]:
    return [str(python), "-c", OPENREADOUT, str(source), str(target)]


def _bioio(python: Path, source: Path, target: Path) -> list[str]:
    script = str(python.parent / "bioio-convert")
    return [script, str(source), "--destination", str(target), "--num-levels", str(LEVELS)]


def _ngff_zarr(python: Path, source: Path, target: Path) -> list[str]:
    return [str(python.parent / "ngff-zarr"), "-q", "-i", str(source), "-o", str(target)]


COMMANDS: Mapping[str, Callable[[Path, Path, Path], list[str]]] = {
    "openreadout": _openreadout,
    "bioio-conversion": _bioio,
    "ngff-zarr": _ngff_zarr,
}


def installed(python: Path) -> dict[str, str]:
    """Versions of the peers that a Python has, by name."""
    code = (
        "import importlib.metadata as m, json, sys\n"
        "found = {d.metadata['Name']: d.version for d in m.distributions()}\n"
        "print(json.dumps({n: found[n] for n in sys.argv[1:] if n in found}))"
    )
    done = subprocess.run([str(python), "-c", code, *PEERS], check=True, capture_output=True)
    versions: dict[str, str] = json.loads(done.stdout)
    return versions


@attrs.frozen
class Run:
    """One run of a command."""

    seconds: float
    cpu: float
    """Seconds of the processors."""
    mebibytes: float
    """Most memory that the process held at once."""


def _run(command: list[str]) -> Run:
    most = 0
    # Without bytecode each run would compile the modules of its package; installers write it.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    before = _cpu_of_children()
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, env=environment
        ) as process:
            while process.poll() is None:
                # What the system counts as a child's most memory begins with that of its parent.
                most = max(most, _held(process.pid))
                time.sleep(LOOK)
        seconds = time.perf_counter() - start
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{command[0]} failed: {errors.read()[-600:]}")
    return Run(seconds, _cpu_of_children() - before, most / 2**20)


def _cpu_of_children() -> float:
    """Seconds of the processors of all children that ended."""
    times = os.times()
    return times.children_user + times.children_system


def _held(pid: int) -> int:
    """Bytes in memory of a process and its children."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(int(each.memory_info().rss) for each in family)
    except psutil.NoSuchProcess:
        return 0


@attrs.frozen
class Output:
    """A written store."""

    mebibytes: float
    levels: int
    codecs: str


def described(folder: Path) -> Output:
    """Describe the store below a folder by its documents."""
    arrays = [
        document
        for document in map(_document, folder.rglob("zarr.json"))
        if document.get("node_type") == "array"
    ]
    largest = max(arrays, key=lambda document: document["shape"][-1])
    names = [codec["name"] for codec in _innermost(largest["codecs"])]
    if len(names) < len(largest["codecs"]) or largest["codecs"][0]["name"] == "sharding_indexed":
        names.insert(0, "shards of")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Output(size / 2**20, len(arrays), " ".join(names))


def _document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _innermost(codecs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first = codecs[0]
    if first["name"] == "sharding_indexed":
        return _innermost(first["configuration"]["codecs"])
    return codecs


@attrs.frozen
class Result:
    """All runs of all commands, and the last output of each."""

    timings: dict[str, Timing]
    cpu: dict[str, float]
    """Least seconds of the processors of a run."""
    memory: dict[str, float]
    outputs: dict[str, Output]


def measure(source: Path, folder: Path, python: Path, peers: list[str], rounds: int) -> Result:
    """Run ours and the peers in turns; each starts without its output of the turn before."""
    runs: dict[str, list[Run]] = {name: [] for name in ("ours", *peers)}
    outputs: dict[str, Output] = {}
    for _ in range(min(rounds, ROUNDS)):
        for name, done in runs.items():
            target = folder / f"{name}.ome.zarr"
            shutil.rmtree(target, ignore_errors=True)
            command = (
                ours(source, target) if name == "ours" else COMMANDS[name](python, source, target)
            )
            done.append(_run(command))
            outputs[name] = described(target)
            os.sync()  # what is on its way to the disk would disturb the next
    for name in runs:
        shutil.rmtree(folder / f"{name}.ome.zarr", ignore_errors=True)
    return Result(
        {name: Timing(tuple(run.seconds for run in done)) for name, done in runs.items()},
        {name: min(run.cpu for run in done) for name, done in runs.items()},
        {name: max(run.mebibytes for run in done) for name, done in runs.items()},
        outputs,
    )
