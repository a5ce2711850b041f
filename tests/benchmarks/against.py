"""Two trees of aicsio side by side: ``python -m tests.benchmarks --against OLD_TREE``.

Each tree has a process of its own. They take turns, and the order changes each round, so that what
disturbs the machine disturbs both alike. The processor's time (of all threads) counts beside the
wall's; the least of many turns is the figure that other work on the machine disturbs least.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tifffile

from aicsio.testing.czi import Block, blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, write_lif
from benchmarks import microscopes, samples

TREE = Path(__file__).resolve().parent.parent.parent
TURN = 0.05
"""Seconds of a turn, for calls that take less."""
OPENING = ("open", "dumps", "loads", "pickle size")
FEW = (*OPENING, "plane", "plane, open")
ALL = (*FEW, "window", "graph", "read")
PIXELS = np.arange(2 * 3 * 64 * 64, dtype=np.uint16).reshape(2, 3, 64, 64)
SMALL: dict[str, dict[str, Any]] = {
    "small ome-tiff": {"ome": True, "metadata": {"axes": "CZYX"}},
    "small tiff": {"metadata": None},
    "small imagej": {"imagej": True, "metadata": {"axes": "ZCYX"}},
}
"""Options of tifffile."""


@attrs.frozen
class File:
    """A file that both trees are asked about."""

    name: str
    write: Callable[[Path], Path]
    """Writes it into a folder."""
    cases: tuple[str, ...]


@attrs.frozen
class Turns:
    """Measurements of one tree."""

    cpu: tuple[float, ...] = ()
    """Seconds of the processors, all threads together, a turn each."""
    wall: tuple[float, ...] = ()
    """Seconds, a turn each."""
    nbytes: int = 0
    """Bytes of a pickled handle."""


@attrs.frozen
class Row:
    """One case of one file, in both trees."""

    file: str
    case: str
    old: Turns
    new: Turns


# ---------------------------------------------------------------- files


def files(planes: int, size: int, subblocks: int) -> Iterator[File]:
    """List the files: ``planes`` of ``size`` x ``size`` pixels, and CZI of many tiny subblocks."""
    for name, options in SMALL.items():
        yield File(name, functools.partial(_small_tiff, name, options), FEW)
    yield File("small czi", _small_czi, FEW)
    yield File("small lif", functools.partial(_lif, 1), FEW)
    yield File("lif scenes", functools.partial(_lif, 500), OPENING)
    for sample in samples.samples(planes, size, 1, 1, 256)[:2]:
        yield File(sample.name, functools.partial(samples.write, sample), ALL)
    tiny = samples.samples(1, 1, subblocks, 16, 1)[3]
    yield File("tiny raw", functools.partial(samples.write, tiny), (*FEW, "graph"))
    for sample in microscopes.samples(planes, size, 20_000, subblocks):
        cases = ALL if sample.letters == "ZYX" else OPENING
        yield File(sample.name, functools.partial(microscopes.write, sample), cases)
    yield File("czi two levels", functools.partial(_two_levels, subblocks // 2), OPENING)
    yield File("write", lambda folder: folder, ("small", "raw", "zlib", "pyramid"))


def _small_tiff(name: str, options: dict[str, Any], folder: Path) -> Path:
    path = folder / f"{name.replace(' ', '.')}.tif"
    pixels = PIXELS.swapaxes(0, 1) if "imagej" in options else PIXELS
    tifffile.imwrite(path, pixels, photometric="minisblack", **options)
    return path


def _small_czi(folder: Path) -> Path:
    xml = metadata_xml(channels=["A", "B"], pixel_size={"X": 0.1, "Y": 0.1, "Z": 1.0})
    write_czi(folder / "small.czi", blocks_of(PIXELS, "CZYX"), xml)
    return folder / "small.czi"


def _lif(scenes: int, folder: Path) -> Path:
    images = [LifImage(PIXELS, "CZYX", f"s{i}", lengths={"X": 1e-5}) for i in range(scenes)]
    write_lif(folder / "scenes.lif", images)
    return folder / "scenes.lif"


def _two_levels(count: int, folder: Path) -> Path:
    """Write a mosaic of ``count`` tiles and its pyramid."""
    tile = np.zeros((2, 2), np.uint8)
    places = [{"C": 0, "M": m, "Y": m // 400 * 2, "X": m % 400 * 2} for m in range(count)]
    full = [Block(tile, place) for place in places]
    reduced = [Block(tile[:1, :1], place, (2, 2)) for place in places]
    write_czi(folder / "levels.czi", [*full, *reduced])
    return folder / "levels.czi"


# ---------------------------------------------------------------- both trees in turns


class Worker:
    """A process that has one tree on its path."""

    def __init__(self, name: str, tree: Path, planes: int, size: int) -> None:
        # The allocator of glibc learns from what was freed earlier, so that a process may take a
        # third of the time of another for the same decoding: both get one fixed threshold.
        self.environment = os.environ | {
            "PYTHONPATH": str(tree),
            "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
            "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
        }
        script = str(Path(__file__).with_name("worker.py"))
        self.process = subprocess.Popen(
            [sys.executable, script, name, str(planes), str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        imported = Path(self._read()["tree"])
        if imported != tree.resolve():
            raise SystemExit(f"{imported} was imported, not {tree}")

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a tree failed, see above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, case: str, file: str, path: Path, calls: int = 1) -> dict[str, Any]:
        """Have a case run."""
        assert self.process.stdin is not None
        question = {"case": case, "file": file, "path": str(path), "calls": calls}
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return self._read()

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def compare(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Measure both trees; no files or cases stand for all."""
    names, cases = options.files, options.cases
    size = options.planes // 4 or 1, options.size
    workers = [Worker("old", options.against, *size), Worker("new", TREE, *size)]
    try:
        if not names or "import" in names:
            calls = [functools.partial(_import, worker.environment) for worker in workers]
            yield Row("", "import", *_take_turns(calls, options.rounds))
        for file in files(options.planes, options.size, options.subblocks):
            wanted = [case for case in file.cases if not cases or case in cases]
            if not wanted or (names and file.name not in names):
                continue
            path = file.write(folder)
            for case in wanted:
                yield _measure(workers, file.name, case, path, options.rounds)
            if path.is_file():
                path.unlink()
    finally:
        for worker in workers:
            worker.close()


def _measure(workers: Sequence[Worker], name: str, case: str, path: Path, rounds: int) -> Row:
    if case == "pickle size":
        sizes = [worker.ask(case, name, path)["bytes"] for worker in workers]
        return Row(name, case, *(Turns(nbytes=size) for size in sizes))
    first = min(worker.ask(case, name, path)["wall"] for worker in workers)
    calls = max(1, min(int(TURN / max(first, 1e-6)), 10_000))
    asked = [functools.partial(worker.ask, case, name, path, calls) for worker in workers]
    return Row(name, case, *_take_turns(asked, rounds if first < 0.5 else min(rounds, 5)))


def _take_turns(calls: Sequence[Callable[[], dict[str, float]]], rounds: int) -> list[Turns]:
    answers: list[list[dict[str, float]]] = [[], []]
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            answers[which].append(calls[which]())
    return [
        Turns(tuple(each["cpu"] for each in own), tuple(each["wall"] for each in own))
        for own in answers
    ]


def _import(environment: dict[str, str]) -> dict[str, float]:
    code = (
        "import time; c, w = time.process_time(), time.perf_counter(); import aicsio; "
        "print(time.process_time() - c, time.perf_counter() - w)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    cpu, wall = map(float, done.stdout.split())
    return {"cpu": cpu, "wall": wall}


# ---------------------------------------------------------------- the table

HEAD = (
    "file             case          processors: least old, new, ratio | median ratio | "
    "wall: least old, new, ratio | median ratio"
)


def as_text(row: Row) -> str:
    """Write a line of the table."""
    cells = [f"{row.file:16} {row.case:12}"]
    if row.old.nbytes:
        old, new = row.old.nbytes, row.new.nbytes
        return f"{cells[0]} {old:10} {new:10} bytes {new / old:6.3f}"
    for old_turns, new_turns in ((row.old.cpu, row.new.cpu), (row.old.wall, row.new.wall)):
        old_least, new_least = 1e3 * min(old_turns), 1e3 * min(new_turns)
        cells.append(f"{old_least:10.3f} {new_least:10.3f} ms {new_least / old_least:6.3f}")
        median = statistics.median(new_turns) / statistics.median(old_turns)
        cells.append(f"{median:6.3f}")
    return " | ".join(cells)
