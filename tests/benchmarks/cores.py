"""How reading, decoding and writing scale with threads, and the part that does not: Amdahl's law.

With s the part of the work that only one thread does, n threads take s + (1 - s) / n of the time of one. The table
prints s as the least squares of all measured numbers of threads.
"""

import os
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

import aicsio
from benchmarks.samples import Sample, pixels


@attrs.frozen
class Row:
    """One kind of work by all numbers of threads."""

    name: str
    seconds: tuple[float, ...]
    """Least time by the clock, by number of threads."""


def thread_counts(most: int) -> list[int]:
    """Return 1, 2, 4 and so on, up to the number of threads."""
    counts = [1]
    while counts[-1] < most:
        counts.append(min(2 * counts[-1], most))
    return counts


def measure(folder: Path, planes: int, size: int, counts: Sequence[int], rounds: int) -> list[Row]:
    """Time each kind of work; numbers of threads take turns."""
    stack = pixels(Sample("cores", "ZYX", (planes, size, size), None))
    image = aicsio.open_image(stack, dims="ZYX")
    out = np.empty_like(stack)
    work: dict[str, Callable[[int], object]] = {}
    ways: tuple[Any, ...] = (None, "zlib", "zstd")
    for way in ways:
        path = folder / f"{way or 'raw'}.ome.tiff"
        aicsio.write_ome_tiff(image, path, compression=way, tile=256, sync=False)
        work[f"read {way or 'raw'}"] = _reader(path, out)
        work[f"write {way or 'raw'}"] = _writer(image, folder / "written.ome.tiff", way, 1)
    work["write zstd, levels"] = _writer(image, folder / "written.ome.tiff", "zstd", "auto")
    return [Row(name, _least(call, counts, rounds)) for name, call in work.items()]


def _reader(path: Path, out: npt.NDArray[np.uint16]) -> Callable[[int], object]:
    handle = aicsio.open_image(path)
    shown = out.reshape(handle.dims.shape)
    return lambda workers: aicsio.to_numpy(handle, workers=workers, out=shown)


def _writer(
    image: aicsio.ImageHandle, path: Path, way: Any, levels: Any
) -> Callable[[int], object]:
    def write(workers: int) -> None:
        aicsio.write_ome_tiff(
            image, path, compression=way, compression_level=None, tile=256, levels=levels, workers=workers,
            sync=False, overwrite=True,
        )  # fmt: skip

    return write


def _least(call: Callable[[int], object], counts: Sequence[int], rounds: int) -> tuple[float, ...]:
    least = [float("inf")] * len(counts)
    for _ in range(rounds):
        for index, count in enumerate(counts):
            start = time.perf_counter()
            call(count)
            least[index] = min(least[index], time.perf_counter() - start)
    return tuple(least)


def serial_part(counts: Sequence[int], seconds: Sequence[float]) -> float:
    """Fit the part of the work that one thread does, from 0 to 1.

    Parameters
    ----------
    counts
        Numbers of threads, the first one 1.
    seconds
        Time by each.
    """
    # seconds / seconds of one = s * (1 - 1/n) + 1/n is a line through the origin in s.
    rates = 1 / np.asarray(counts, float)
    along, rest = 1 - rates, np.asarray(seconds) / seconds[0] - rates
    norm = float(along @ along)
    return min(max(float(along @ rest) / norm, 0.0), 1.0) if norm else 0.0


def show(rows: Sequence[Row], counts: Sequence[int], console: Console) -> None:
    """Print the table."""
    locked = (
        not sysconfig.get_config_var("Py_GIL_DISABLED")
        or getattr(sys, "_is_gil_enabled", lambda: True)()
    )
    lock = "with" if locked else "without"
    table = Table(
        title=f"Threads on {os.cpu_count()} cores, seconds of the clock, Python {lock} its lock"
    )
    table.add_column("work")
    for count in counts:
        table.add_column(f"{count}", justify="right")
    for heading in (f"{counts[-1]} against 1", "Amdahl: serial part", "at most"):
        table.add_column(heading, justify="right")
    for row in rows:
        part = serial_part(counts, row.seconds)
        most = f"{1 / part:.1f} x" if part else "-"
        speedup = f"{row.seconds[0] / row.seconds[-1]:.2f} x"
        table.add_row(
            row.name, *(f"{each:.3f}" for each in row.seconds), speedup, f"{part * 100:.0f} %", most
        )
    console.print(table)
