"""A million planes and a million subblocks: what opening takes, and the handle.

Each measurement is a process of its own, since memory is that of a whole process.
"""

import json
import os
import pickle
import resource
import subprocess
import sys
import time
from pathlib import Path

import attrs
import numpy as np
from rich.console import Console
from rich.table import Table

import aicsio
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi

SIDE = 8
CODE = "from benchmarks.scale import measure_here; measure_here({path!r})"


@attrs.frozen
class Row:
    """What one file costs."""

    name: str
    count: int
    """Planes or subblocks."""
    file_nbytes: int
    seconds: float
    """Least time of the processors of three openings."""
    memory_nbytes: int
    """Most memory of the process that opens it, less what it had before."""
    pickle_nbytes: int
    plane_seconds: float
    """One plane from the middle."""


def measure(folder: Path, count: int) -> list[Row]:
    """Measure files of a tenth of ``count`` and of ``count``, so that growth shows."""
    rows: list[Row] = []
    for number in (count // 10, count):
        for name in ("planes.ome.tiff", "subblocks.czi"):
            path = folder / name
            write(path, number)
            rows.append(_row(path, number))
            path.unlink()
    return rows


def write(path: Path, count: int) -> None:
    """Write tiny compressed planes of different lengths, so that no table of offsets is a rule."""
    rng = np.random.default_rng(6)
    stack = rng.integers(0, 256, (count, SIDE, SIDE), np.uint8)
    stack[rng.random((count, SIDE, SIDE)) < rng.random((count, 1, 1))] = 0
    if path.suffix == ".czi":
        blocks = blocks_of(stack, "TYX", compression="zstd1")
        write_czi(path, blocks, metadata_xml(channels=["a"]))
    else:
        aicsio.write_ome_tiff(aicsio.open_image(stack, dims="TYX"), path, sync=False)


def _row(path: Path, count: int) -> Row:
    tests = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", CODE.format(path=str(path))]
    done = subprocess.run(command, cwd=tests, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return Row(path.name, count, path.stat().st_size, **found)


def most_memory() -> int:
    """Return the most bytes that this process has held."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # What getrusage counts begins on Linux with the memory of the parent.
    (line,) = [line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def measure_here(path: str) -> None:
    """Open a file in this process and print what that costs."""
    aicsio.to_numpy(aicsio.open_image(np.zeros((3, 4))))  # imports are no part of it
    before = most_memory()
    least = float("inf")
    for _ in range(3):
        start = time.process_time()
        handle = aicsio.open_image(path)
        least = min(least, time.process_time() - start)
    memory = most_memory() - before
    start = time.process_time()
    aicsio.to_numpy(aicsio.transpose_to(handle, "YX", T=handle.dims.T // 2))
    plane = time.process_time() - start
    print(
        json.dumps(
            {
                "seconds": least,
                "memory_nbytes": memory,
                "plane_seconds": plane,
                "pickle_nbytes": len(pickle.dumps(handle)),
            }
        )
    )


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title=f"Opening, seconds of the processors, {os.cpu_count()} cores")
    headings = (
        "file",
        "count",
        "MB",
        "open s",
        "us each",
        "memory MB",
        "bytes each",
        "pickle MB",
        "a plane ms",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.name, f"{row.count:,}", f"{row.file_nbytes / 1e6:.0f}", f"{row.seconds:.3f}",
            f"{row.seconds / row.count * 1e6:.2f}", f"{row.memory_nbytes / 1e6:.0f}",
            f"{row.memory_nbytes / row.count:.0f}", f"{row.pickle_nbytes / 1e6:.2f}",
            f"{row.plane_seconds * 1e3:.1f}",
        )  # fmt: skip
    console.print(table)
