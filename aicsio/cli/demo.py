"""``aicsio demo``: run the demonstration in a temporary folder, or in one that is kept."""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aicsio
from aicsio.cli.terminal.text import bold, plain, seconds_of, terminal_width, wrapped
from aicsio.errors import WriteError

MARKS = {True: "  ok  ", False: "FAIL  "}


def run(arguments: argparse.Namespace) -> int:
    """Show each step as it goes; the last line says whether all passed."""
    from aicsio.cli import demo_steps

    start, failed = time.perf_counter(), 0
    width = max(40, terminal_width() or 10_000) - len(MARKS[True])
    with _folder(arguments.keep) as folder:
        print(
            bold(f"aicsio {aicsio.__version__}: sample files in {plain(str(folder))}"), flush=True
        )
        samples = demo_steps.Samples(folder, demo_steps.cells())
        for title, step in demo_steps.STEPS:
            print(bold(title), flush=True)
            passed, figures = demo_steps.outcome(step, samples)
            failed += not passed
            first, *rest = wrapped(plain(figures), width)
            print(
                MARKS[passed] + first, *(" " * len(MARKS[passed]) + line for line in rest), sep="\n"
            )
        if arguments.keep:
            print(f"the files are in {plain(str(folder))}")
    total = len(demo_steps.STEPS)
    told = f"all {total} checks passed" if not failed else f"{failed} of {total} checks failed"
    print(f"{told} in {seconds_of(time.perf_counter() - start)}")
    return int(failed > 0)


@contextlib.contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="aicsio-demo-") as name:
            yield Path(name)
        return
    folder = Path(keep).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as error:
        raise WriteError(f"cannot use the folder {keep!r}: {error.strerror}") from error
    if occupied:
        raise WriteError(f"the folder {keep!r} is not empty: name a new one")
    yield folder
