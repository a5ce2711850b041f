"""Reports of files, one after the other: for a reader as text, for programs as one document.

Rule kept here: a file that fails does not stop the next one.
"""

import argparse
import os
from collections.abc import Callable
from typing import Any, TypeVar

from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import describe_error, print_document
from aicsio.cli.terminal.text import escape_controls, print_error
from aicsio.errors import AicsioError
from aicsio.progress import ProgressBar

Report = TypeVar("Report")


def print_reports(
    command: str,
    doing: str,
    arguments: argparse.Namespace,
    make: Callable[[str, ProgressBar], Report],
    as_json: Callable[[str, Report], dict[str, Any]],
) -> tuple[list[Report], bool]:
    """Make a report of each file, and print it.

    Parameters
    ----------
    command
        Name of the command.
    doing
        What the progress bar shows, such as ``checking``.
    arguments
        With ``files``, ``json`` and ``debug``.
    make
        Takes a file as it was given, and the bar; its report, as a text, is what a reader sees.
    as_json
        Takes the shown name and the report.

    Returns
    -------
    tuple
        The reports, and whether a file failed.

    Raises
    ------
    AicsioError
        With ``--debug``, the first one.
    """
    reports: list[Report] = []
    entries: list[dict[str, Any]] = []
    count = len(arguments.files)
    with ProgressBar(doing) as progress:
        for index, name in enumerate(arguments.files):
            shown = options.shown_name(name, arguments)
            number = f"{index + 1}/{count} " if count > 1 else ""
            progress.label = f"{doing} {number}{os.path.basename(shown)}"
            try:
                report = make(name, progress)
            except AicsioError as error:
                if arguments.debug:
                    raise
                print_error(error, shown, command=command, spooled=arguments.spooled)
                described = describe_error(error, shown, command)
                entry = {"file": shown, "error": described}
                entries.append(options.show_dash(entry, arguments))
                continue
            reports.append(report)
            if arguments.json:
                entries.append(options.show_dash(as_json(shown, report), arguments))
            else:
                lines = options.show_dash(str(report), arguments).splitlines()
                print(*map(escape_controls, lines), sep="\n", flush=True)
    if arguments.json:
        print_document(command, {"files": entries})
    return reports, len(reports) < len(arguments.files)
