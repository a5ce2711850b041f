"""Calls of the command line in a test, and a file to call it with."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aicsio import PixelSize, cli
from aicsio.testing import ImageSpec, TiffSpec, write

Run = Callable[..., tuple[int, str, str]]
"""Calls the command line; returns exit code, stdout and stderr."""

COMMAND = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has its children ignore it
runpy.run_module("aicsio", run_name="__main__", alter_sys=True)
"""
SLIDE = ImageSpec(
    T=2,
    C=2,
    Z=3,
    Y=70,
    X=90,
    levels=3,
    name="slide",
    channel_names=("DAPI", "GFP"),
    pixel_size=PixelSize(1.5, 0.25, 0.25),
    time_step=2.0,
)
OVERVIEW = ImageSpec(Y=20, X=30, dtype="uint8", name="over\tview", seed=4)


def write_slide(folder: Path) -> Path:
    """Write a file of two scenes, the first with three levels."""
    spec = TiffSpec((SLIDE, OVERVIEW), tile=(16, 32), compression="zlib")
    return write(spec, folder, "slide.ome.tif")


def caller(capsys: pytest.CaptureFixture[str]) -> Run:
    """Make a function that calls the command line; it returns exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the command line as a process of its own, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
