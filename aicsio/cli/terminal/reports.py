"""Reports of files, one after the other: for a reader as text, for programs as one document.

Rule kept here: a file that fails does not stop the next one.
"""

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import describe_error, print_document
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import escape_controls, print_error
from aicsio.errors import AicsioError

Report = TypeVar("Report")


def print_reports(
    command: str,
    doing: str,
    arguments: argparse.Namespace,
    make: Callable[[str], Report],
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
        Takes a file as it was given; its report, as a text, is what a reader sees.
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
    with Progress(doing, "files") as progress:
        for index, name in enumerate(arguments.files):
            progress(index, len(arguments.files))
            shown = options.shown_name(name, arguments)
            try:
                report = make(name)
            except AicsioError as error:
                if arguments.debug:
                    raise
                print_error(error, shown, command=command)
                entries.append({"file": shown, "error": describe_error(error, shown, command)})
                continue
            reports.append(report)
            if arguments.json:
                entries.append(as_json(shown, report))
            else:
                print(*map(escape_controls, str(report).splitlines()), sep="\n", flush=True)
    if arguments.json:
        print_document(command, {"files": entries})
    return reports, len(reports) < len(arguments.files)
