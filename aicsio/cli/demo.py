"""``aicsio demo``: run the demonstration in a temporary folder, or in one that is kept.

Rule kept here: the steps know nothing of the terminal; this module prints their results.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from aicsio._version import __version__
from aicsio.cli.terminal.text import bold, escape_controls, format_seconds, terminal_width, wrap
from aicsio.errors import WriteError

PASSED, FAILED = "  ok  ", "FAIL  "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Make sample files, open, slice, write and read them back; every step is checked and timed."
    )
    parser.add_argument("--keep", metavar="DIR", help="keep the files in this folder")


def run(arguments: argparse.Namespace) -> int:
    """Print each step with its result; the last line counts the failures."""
    # The steps import the legacy classes and the writers, which --help does not need.
    from aicsio.cli import demo_steps

    start = time.perf_counter()
    failed = 0
    # Narrower lines would break the figures that users compare.
    width = max(40, terminal_width() or 10_000) - len(PASSED)
    with _sample_folder(arguments.keep) as folder:
        place = escape_controls(str(folder))
        print(bold(f"aicsio {__version__}: sample files in {place}"), flush=True)
        samples = demo_steps.Samples(folder, demo_steps.draw_cells())
        for title, step in demo_steps.STEPS:
            # Flushed before the step runs: a slow step shows its title meanwhile.
            print(bold(title), flush=True)
            passed, report = demo_steps.run_step(step, samples)
            failed += not passed
            _print_result(passed, wrap(escape_controls(report), width))
        if arguments.keep:
            print(f"the files are in {place}")
    total = len(demo_steps.STEPS)
    verdict = f"{failed} of {total} checks failed" if failed else f"all {total} checks passed"
    print(f"{verdict} in {format_seconds(time.perf_counter() - start)}")
    return int(failed > 0)


def _print_result(passed: bool, lines: list[str]) -> None:
    first, *others = lines
    print((PASSED if passed else FAILED) + first)
    for line in others:
        print(" " * len(PASSED) + line)


@contextlib.contextmanager
def _sample_folder(keep: str | None) -> Iterator[Path]:
    """Yield a temporary folder, or the new or empty one that the user named."""
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
    # The steps overwrite files: never those of the user.
    if occupied:
        raise WriteError(f"the folder {keep!r} is not empty: name a new one")
    yield folder
