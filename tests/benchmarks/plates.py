"""Plates in folders, one file a plane: what opening takes, and which files it touches.

Each measurement is a process of its own, in which an audit hook counts the files that are opened.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import attrs
from rich.console import Console
from rich.table import Table

import aicsio
from aicsio.testing.plates import WRITERS, PlateSpec, write_plate

CODE = "from benchmarks.plates import measure_here; measure_here({path!r})"
CHANNELS, SECTIONS = 4, 5
WELLS = tuple((row, column) for row in range(16) for column in range(24))
"""384 of them."""


@attrs.frozen
class Row:
    """What one plate costs."""

    name: str
    """Of the format."""
    files: int
    """Files of planes."""
    scenes: int
    """Fields."""
    seconds: float
    """Time by the clock of the first opening in a process."""
    cpu_seconds: float
    """Time of the processors of it."""
    opened: int
    """Files that it opens."""
    field_opened: int
    """Files that reading one field opens, whose planes are as many."""


def measure(folder: Path, planes: int) -> list[Row]:
    """Measure a plate of each format with about as many planes."""
    fields = max(1, planes // (len(WELLS) * CHANNELS * SECTIONS))
    spec = PlateSpec(
        wells=WELLS, fields=fields, C=CHANNELS, Z=SECTIONS, Y=4, X=4, rows=16, columns=24
    )
    rows = []
    for name in WRITERS:
        index = write_plate(spec, name, folder / name)
        command = [sys.executable, "-c", CODE.format(path=str(index))]
        tests = Path(__file__).resolve().parent.parent
        done = subprocess.run(command, cwd=tests, check=True, capture_output=True, text=True)
        files = len(WELLS) * fields * CHANNELS * SECTIONS
        rows.append(Row(name, files, **json.loads(done.stdout)))
    return rows


def measure_here(path: str) -> None:
    """Open a plate in this process, read the field in its middle, and print what that costs."""
    opened: list[str] = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        # Modules are files too.
        if event == "open" and not str(arguments[0]).endswith((".py", ".pyc", ".so")):
            opened.append(str(arguments[0]))

    sys.addaudithook(note)
    start, cpu_start = time.perf_counter(), time.process_time()
    handle = aicsio.open_image(path)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    opened_to_open = len(opened)
    opened.clear()
    field = aicsio.select_scene(handle, len(handle.scenes) // 2)
    aicsio.to_numpy(field)
    found = {
        "scenes": len(handle.scenes),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "opened": opened_to_open,
        "field_opened": len(opened),
    }
    print(json.dumps(found))


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title=f"Plates in folders, {os.cpu_count()} cores")
    headings = ("format", "files", "fields", "open s", "cpu s", "files opened", "by a field")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.name, f"{row.files:,}", f"{row.scenes:,}", f"{row.seconds:.2f}",
            f"{row.cpu_seconds:.2f}", str(row.opened), str(row.field_opened),
        )  # fmt: skip
    console.print(table)
