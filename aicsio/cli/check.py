"""``aicsio check``: look for damage in files.

Rule kept here: exit code 4 is for damage alone, so that a script can tell it from a file that is missing.
"""

import argparse
from typing import Any

from aicsio.cli.terminal import options
from aicsio.cli.terminal.files import list_files
from aicsio.cli.terminal.reports import print_reports
from aicsio.integrity import CheckReport, check, write_sums
from aicsio.opening import open_image
from aicsio.progress import ProgressBar

DAMAGED = 4
"""Exit code when a file is damaged."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Look for truncated copies, holes and bad blocks; exit code 4 if there are any."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="path, URL, folder or glob")
    parser.add_argument("--recursive", action="store_true", help="include the folders in a folder")
    parser.add_argument("--deep", action="store_true", help="read and decode every pixel, too")
    sums = parser.add_mutually_exclusive_group()
    sums.add_argument(
        "--sums", metavar="LIST", help="compare each file with its SHA-256 in this list"
    )
    sums.add_argument(
        "--write-sums", metavar="LIST", help="list the SHA-256 of each whole file, for sha256sum -c"
    )
    options.add_json(parser)
    parser.add_argument(
        "--format", metavar="NAME", help="use this format without looking at the content"
    )


def run(arguments: argparse.Namespace) -> int:
    """Check each file; a file that cannot be read does not stop the next one."""
    arguments.files, failures = list_files(arguments)
    whole: list[str] = []

    def make(name: str, bar: ProgressBar) -> CheckReport:
        if name in failures:
            raise failures[name]
        report = check(
            name, deep=arguments.deep, format=arguments.format, progress=bar, sums=arguments.sums
        )
        # A list of damaged files would find them whole for ever.
        if report.whole:
            whole.append(name)
        return report

    reports, failed = print_reports("check", "checking", arguments, make, as_json)
    if arguments.write_sums and whole:
        handles = (open_image(name, format=arguments.format) for name in whole)
        write_sums(arguments.write_sums, *handles)
    if not all(report.whole for report in reports):
        return DAMAGED
    return int(failed)


def as_json(name: str, report: CheckReport) -> dict[str, Any]:
    """Return a report as JSON has it.

    Parameters
    ----------
    name
        The file, as it was given.
    report
        Its report.

    Returns
    -------
    dict
        ``lost_planes`` are objects of a scene and the position of a plane.
    """
    findings = []
    for one in report.damage:
        positions = {letter: [part.start, part.stop] for letter, part in one.positions}
        findings.append(
            {
                "code": one.code,
                "message": one.message,
                "file": one.uri,
                "offset": one.offset,
                "scene": one.scene,
                "level": one.level,
                "positions": positions,
            }
        )
    lost = [{"scene": scene, **dict(plane)} for scene, plane in report.lost_planes]
    return {
        "file": name,
        "format": report.format,
        "deep": report.deep,
        "whole": report.whole,
        "planes": report.planes,
        "lost_planes": lost,
        "damage": findings,
        "unlisted": report.unlisted,
    }
