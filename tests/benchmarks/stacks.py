"""Stacks that are read into used memory: second reads, and reductions along Z, raw and as zstd tiles.

Contenders take turns; the medians of the seconds of the processors count, which a busy machine disturbs least.
The floor of a second read is a copy from memory to memory; that of a reduction is the bare read of the raw pixels
through one small buffer.
"""

import importlib
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
from rich.console import Console

import aicsio
from benchmarks import samples, timing
from benchmarks.report import show_multiples
from benchmarks.samples import Sample

HOWS: tuple[Literal["max", "min", "mean", "sum", "std"], ...] = ("max", "min", "mean", "sum", "std")
PATIENCE = 60.0
"""Seconds that one contender may take in all."""
BUFFER = 1 << 20


@attrs.frozen
class Row:
    """One thing to compute, in seconds."""

    name: str
    ours: float
    other: float | None
    """What it is compared with: the first read, or dask."""
    floor: float | None


def measure(folder: Path, planes: int, size: int, rounds: int) -> list[Row]:
    """Time second reads and reductions of a raw stack and of one in zstd tiles."""
    rows: list[Row] = []
    ways: tuple[tuple[str, Literal["zstd"] | None, int | None], ...] = (
        ("raw", None, None), ("zstd tiles", "zstd", 256)
    )  # fmt: skip
    for name, compression, tile in ways:
        sample = Sample(name, "ZYX", (planes, size, size), compression, tile)
        path = samples.write(sample, folder)
        handle = aicsio.transpose_to(aicsio.open_image(path), "ZYX")
        rows.append(_second_read(name, handle, rounds))
        bare: dict[str, Callable[[], object]] = {}
        if compression is None:
            bare["floor"] = partial(_read_bare, path)
        for how in HOWS:
            calls: dict[str, Callable[[], object]] = {
                "ours": partial(aicsio.project, handle, "Z", how=how),
                "other": partial(_dask_project, handle, how),
            }
            rows.append(_row(f"{name}, {how}", calls | bare, rounds))
        calls = {
            "ours": partial(aicsio.statistics, handle),
            "other": partial(_dask_statistics, handle),
        }
        rows.append(_row(f"{name}, statistics", calls | bare, rounds))
        path.unlink()
    return rows


def _second_read(name: str, handle: aicsio.ImageHandle, rounds: int) -> Row:
    used = aicsio.to_numpy(handle)
    calls: dict[str, Callable[[], object]] = {
        "ours": partial(aicsio.to_numpy, handle, out=used),
        "other": partial(aicsio.to_numpy, handle),
        "floor": partial(np.copyto, used, used.copy()),
    }
    return _row(f"{name}, second read", calls, rounds)


def _dask_project(handle: aicsio.ImageHandle, how: str) -> object:
    return getattr(aicsio.to_dask(handle), how)(axis=0).compute()


def _row(name: str, calls: Mapping[str, Callable[[], object]], rounds: int) -> Row:
    found = timing.measure(calls, rounds, PATIENCE, "cpu")
    median = {key: statistics.median(each.seconds) for key, each in found.items()}
    return Row(name, median["ours"], median.get("other"), median.get("floor"))


def _dask_statistics(handle: aicsio.ImageHandle) -> object:
    """Least, largest, mean and deviation at once; dask has no percentiles of many axes."""
    dask: Any = importlib.import_module("dask")
    pixels = aicsio.to_dask(handle)
    return dask.compute(pixels.min(), pixels.max(), pixels.mean(), pixels.std())


def _read_bare(path: Path) -> None:
    buffer = np.empty(BUFFER, np.uint8).data
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    headings = ("", "ours", "first read, or dask", "ours / it", "floor", "ours / floor")
    found = [(row.name, row.ours, (row.other, row.floor)) for row in rows]
    show_multiples("Stacks", headings, found, console)
