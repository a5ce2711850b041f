"""The first ten minutes of a new user, step by step, each one timed: ``python docs/ten_minutes.py``.

From the checkout that this file lies in, into a fresh folder with a fresh environment, which is removed
at the end: clone, install, demo, first picture, convert, check, viewer, a cluster; with ``--more`` also a
notebook (installs JupyterLab) and napari (installs it with its Qt, and opens a file in its model). The package index decides
about most of the time.

Rule kept here: the steps are the lines that README.md and docs/start.md tell users to type.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parent.parent

NOTEBOOK = """
import nbformat
from nbclient import NotebookClient

source = "from aicsio import open_image, view\\nh = open_image('samples/cells.ome.tiff')\\nh"
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
NotebookClient(notebook, timeout=120).execute()
html = notebook.cells[0].outputs[0]["data"]["text/html"]
assert "<img" in html, "the handle is drawn without a picture"
print(f"{len(html)} bytes of HTML, with a picture")
"""
NAPARI = """
# The model of the viewer: its window needs a screen with OpenGL, which servers lack.
from napari.components import ViewerModel
from npe2 import PluginManager

PluginManager.instance().discover()
viewer = ViewerModel()
layers = viewer.open("samples/cells.ome.tiff", plugin="aicsio")
print([layer.name for layer in layers], layers[0].units)
"""
CLUSTER = """
from aicsio import AICSImage
from aicsio.dask_utils import cluster_and_client

if __name__ == "__main__":
    with cluster_and_client(n_workers=2, threads_per_worker=1) as (cluster, client):
        print(AICSImage("samples/cells.ome.tiff").data.shape)
"""


@attrs.frozen
class Step:
    """One thing that a user types."""

    name: str
    """Shown in the table."""
    command: tuple[str, ...]
    """Words; ``python`` and ``aicsio`` are those of the new environment."""


STEPS = (
    Step("clone", ("git", "clone", "--quiet", str(ROOT), "aicsio")),
    Step("environment", (sys.executable, "-m", "venv", "aicsio/.venv")),
    Step("install", ("python", "-m", "pip", "install", "--quiet", "./aicsio[xarray]")),
    Step("demo", ("aicsio", "demo", "--keep", "samples")),
    Step("what is in it", ("aicsio", "info", "samples/cells.ome.tiff")),
    Step("first picture", ("aicsio", "thumbnail", "samples/cells.ome.tiff", "cells.png")),
    Step("viewer", ("aicsio", "view", "samples/cells.ome.tiff", "--no-browser", "--idle", "0")),
    Step("convert", ("aicsio", "convert", "samples/cells.ome.tiff", "cells.ome.zarr", "--verify")),
    Step("check", ("aicsio", "check", "cells.ome.zarr", "--deep")),
    Step("cluster", ("python", "cluster.py")),
)
MORE = (
    Step("install JupyterLab", ("python", "-m", "pip", "install", "--quiet", "jupyterlab")),
    Step("notebook", ("python", "notebook.py")),
    Step("install napari", ("python", "-m", "pip", "install", "--quiet", "napari[pyqt6]")),
    Step("napari", ("python", "layers.py")),
)


def run_step(step: Step, folder: Path) -> float:
    """Run a step in a folder; return its seconds, or end with what it printed."""
    programs = folder / "aicsio" / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    first, *rest = step.command
    if first in {"python", "aicsio"}:
        first = os.fspath(programs / first)
    surroundings = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    start = time.perf_counter()
    done = subprocess.run(
        [first, *rest], cwd=folder, env=surroundings, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{step.name} failed: {' '.join(step.command)}\n{done.stdout}{done.stderr}")
    return seconds


def main() -> None:
    """Run all steps and print a table."""
    parser = argparse.ArgumentParser(description="Time the first ten minutes of a new user.")
    parser.add_argument("--more", action="store_true", help="a notebook and napari, too (1.2 GB)")
    steps = STEPS + (MORE if parser.parse_args().more else ())
    total = 0.0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for program, text in (
            ("notebook.py", NOTEBOOK),
            ("layers.py", NAPARI),
            ("cluster.py", CLUSTER),
        ):
            (folder / program).write_text(text, encoding="utf-8")
        for step in steps:
            seconds = run_step(step, folder)
            total += seconds
            print(f"{step.name:<20}{seconds:8.1f} s{total:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
