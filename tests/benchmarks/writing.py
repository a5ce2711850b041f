"""Writing of OME-TIFF from memory: raw, raw tiles, levels, zlib; with the floor and with tifffile.

Neither waits for the disk (``sync=False``). Contenders take turns; the least time of the processors
counts, which is what a busy machine disturbs least.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import tifffile
from rich.console import Console

import aicsio
from benchmarks import timing
from benchmarks.report import show_multiples
from benchmarks.samples import Sample, pixels

Array = npt.NDArray[Any]
LEVELS = 4
PATIENCE = 10.0
"""Seconds that one contender may take in all."""


@attrs.frozen
class Row:
    """One way to write, in seconds."""

    name: str
    ours: float
    floor: float | None
    """A bare write of the pixels; for levels, our own writing without them."""
    tifffile: float | None


def measure(folder: Path, planes: int, size: int, rounds: int) -> list[Row]:
    """Time each way to write a stack; tifffile gets as many threads."""
    stack = pixels(Sample("writing", "ZYX", (planes, size, size), None))
    full = np.random.default_rng(0).integers(0, 1 << 16, stack.shape, np.uint16)
    path = folder / "written.ome.tiff"
    tile, zlib = {"tile": 256}, {"tile": 256, "compression": "zlib", "predictor": False}
    rows = []

    def add(name: str, calls: Mapping[str, Callable[[], object]]) -> None:
        least = {}
        for key, found in timing.measure(calls, rounds, PATIENCE, "cpu").items():
            least[key] = min(found.seconds)
        rows.append(Row(name, least["ours"], least.get("floor"), least.get("tifffile")))

    raw = {"compression": None}
    add(
        "raw strips",
        {
            "ours": _ours(stack, path, raw),
            "floor": lambda: _write_bare(stack, path),
            "tifffile": _theirs(stack, path, {}),
        },
    )
    add(
        "raw tiles of 256",
        {
            "ours": _ours(stack, path, raw | tile),
            "floor": lambda: _write_bare(stack, path),
            "tifffile": _theirs(stack, path, {"tile": (256, 256)}),
        },
    )
    for name, image in (("12", np.minimum(stack, 4095)), ("16", full)):
        leveled = raw | tile | {"levels": LEVELS}
        calls = {"ours": _ours(image, path, leveled), "floor": _ours(image, path, raw | tile)}
        add(f"raw tiles, {LEVELS} levels, {name} bits", calls)
    for level in (1, 6):
        options = {"compression": "zlib", "compressionargs": {"level": level}, "tile": (256, 256)}
        calls = {
            "ours": _ours(stack, path, zlib | {"compression_level": level}),
            "tifffile": _theirs(stack, path, options),
        }
        add(f"zlib tiles, level {level}", calls)
    calls = {
        "ours": _ours(stack, path, zlib),
        "tifffile": _theirs(stack, path, {"compression": "zlib", "tile": (256, 256)}),
    }
    add("zlib tiles, default level of each", calls)
    return rows


def _ours(image: Array, path: Path, options: Mapping[str, Any]) -> Callable[[], object]:
    handle = aicsio.open_image(image, dims="ZYX")

    def write() -> None:
        path.unlink(missing_ok=True)
        aicsio.write_ome_tiff(handle, path, sync=False, **dict(options))

    return write


def _theirs(image: Array, path: Path, options: Mapping[str, Any]) -> Callable[[], object]:
    threads = min(8, os.cpu_count() or 1)

    def write() -> None:
        path.unlink(missing_ok=True)
        given = dict(options) | ({"maxworkers": threads} if "compression" in options else {})
        tifffile.imwrite(
            path, image, ome=True, metadata={"axes": "ZYX"}, photometric="minisblack", **given
        )

    return write


def _write_bare(image: Array, path: Path) -> None:
    path.unlink(missing_ok=True)
    with open(path, "wb", buffering=0) as file:
        file.write(image.reshape(-1).view(np.uint8).data)


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    headings = ("way", "ours", "floor, or without levels", "x", "tifffile", "ours / tifffile")
    found = [(row.name, row.ours, (row.floor, row.tifffile)) for row in rows]
    show_multiples("Writing", headings, found, console)
