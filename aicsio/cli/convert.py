"""``aicsio convert``: a scene, all of them, or parts of them, as OME-TIFF; one image or many."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from aicsio.cli.batch import inputs, run_batch
from aicsio.cli.batch.conversion import Work, converted
from aicsio.cli.terminal.opening import refuse_to_replace
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import plain
from aicsio.errors import WriteError
from aicsio.joining import file_names


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say what became of it."""
    if arguments.along is None and inputs.is_batch(arguments.inputs, arguments.output):
        return run_batch(arguments)
    if arguments.along is None and len(arguments.inputs) == 1:
        source: str | tuple[str, ...] = arguments.inputs[0]
    else:
        source = _joined_inputs(arguments.inputs, arguments.storage_options)
    if arguments.scheduler is not None:
        folder = os.path.join(os.path.dirname(arguments.output) or os.curdir, "")
        raise WriteError(
            f"--scheduler spreads many files over a cluster: name a folder for OUT, such as {folder!r}"
        )
    refuse_to_replace(arguments.output, arguments)
    if arguments.dry_run:
        print(f"{plain(arguments.output)}: would be written")
        return 0
    work = Work(source, arguments.output, arguments, overwrite=arguments.overwrite)
    with Progress(f"writing {os.path.basename(arguments.output)}") as progress:
        outcome = converted(work, progress)
    print(outcome.told)
    for note in outcome.not_kept:
        print(f"aicsio: not kept: {plain(note)}", file=sys.stderr)
    if outcome.left:
        print(f"aicsio: {outcome.left}", file=sys.stderr)
    return 0


def _joined_inputs(inputs: Sequence[str], options: dict[str, Any] | None) -> tuple[str, ...]:
    found: list[str] = []
    for name in inputs:
        found += file_names.expanded(name, options) if file_names.is_glob(name) else [name]
    return tuple(found)
