"""``aicsio verify``: compare every plane of a file as two engines read it.

Rule kept here: both engines read the whole file, and differences are reported plane by plane.
"""

import argparse
from typing import Any

from aicsio.cli.terminal import options
from aicsio.cli.terminal.reports import print_reports
from aicsio.progress import ProgressBar
from aicsio.verify import Difference, Verification, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = "Read every plane through two engines and report differences."
    parser.add_argument("files", nargs="+", metavar="FILE", help="path")
    parser.add_argument(
        "--format", metavar="NAME", help="use this format without looking at the content"
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        help="the second engine: openreadout for any format, or that of the format",
    )
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Verify each file; the exit code is 0 when both engines agree on all of them."""

    def make(name: str, bar: ProgressBar) -> Verification:
        # beartype is not avoided here: reading all planes takes longer than its import.
        return verify(name, format=arguments.format, engine=arguments.engine, progress=bar)

    reports, failed = print_reports("verify", "verifying", arguments, make, as_json)
    # A difference fails the run like an error, so that a script can rely on the exit code.
    return int(failed or not all(report.agrees for report in reports))


def as_json(name: str, report: Verification) -> dict[str, Any]:
    """Return a report as JSON has it.

    Parameters
    ----------
    name
        The file, as it was given.
    report
        Its report.
    """
    return {
        "file": name,
        "engines": list(report.engines),
        "planes": report.planes,
        "agrees": report.agrees,
        "differences": [_describe_difference(one) for one in report.differences],
        "not_verified": report.unread,
        "not_shown": list(report.not_shown),
    }


def _describe_difference(one: Difference) -> dict[str, Any]:
    return {"scene": one.scene, "plane": dict(one.plane), "message": one.what}
