"""A new process: the command line beside numpy, and the first pixels beside tifffile.

The time of the processors counts, from the start of Python to the end of the process. Compiled modules are
present; contenders take turns, and the least time of each counts.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
import tifffile
from rich.console import Console
from rich.table import Table

from aicsio.testing.czi import blocks_of, metadata_xml, write_czi

FLOORS = ("import numpy", "tifffile.imread")
"""What the others are compared with."""


@attrs.frozen
class Row:
    """One process, in seconds of the processors."""

    name: str
    seconds: float


def measure(folder: Path, rounds: int) -> list[Row]:
    """Time each process on two small files."""
    tiff, czi = folder / "small.tif", folder / "small.czi"
    stack = np.random.default_rng(0).integers(0, 4096, (3, 64, 64), np.uint16)
    tifffile.imwrite(tiff, stack)
    with czi.open("wb") as file:
        metadata = metadata_xml(channels=["DAPI"], pixel_size={"X": 0.1, "Y": 0.1})
        write_czi(file, blocks_of(stack, "ZYX", fixed={"C": 0}), metadata)
    # Beside the Python: the script, as users call it.
    script = str(Path(sys.executable).with_name("aicsio"))
    commands: Mapping[str, Sequence[str]] = {
        "import numpy": _python("import numpy"),
        "import aicsio": _python("import aicsio"),
        "aicsio info, TIFF": (script, "info", str(tiff)),
        "aicsio info, CZI": (script, "info", str(czi)),
        "tifffile.imread": _python(f"import tifffile; tifffile.imread({str(tiff)!r})"),
        "AICSImage.data": _python(f"import aicsio; aicsio.AICSImage({str(tiff)!r}).data"),
    }
    least: dict[str, float] = {}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            seconds = _run(command)
            # The first turn compiles modules and fills caches.
            if turn:
                least[name] = min(seconds, least.get(name, seconds))
    tiff.unlink()
    czi.unlink()
    return [Row(name, seconds) for name, seconds in least.items()]


def _python(code: str) -> Sequence[str]:
    return sys.executable, "-c", code


def _run(command: Sequence[str]) -> float:
    """Return the seconds of the processors that a process takes, those of the system with it."""
    environment = {**os.environ}
    # Without compiled modules each start would compile hundreds.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table."""
    seconds = {row.name: row.seconds for row in rows}
    table = Table("a new process", "milliseconds", *(f"of {floor}" for floor in FLOORS))
    for row in rows:
        ratios = [f"{row.seconds / seconds[floor]:.2f}" for floor in FLOORS]
        table.add_row(row.name, f"{1000 * row.seconds:.0f}", *ratios)
    console.print(table)
