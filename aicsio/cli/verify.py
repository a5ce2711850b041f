"""``aicsio verify``: compare every plane of a file as two engines read it.

Rule kept here: a file that fails does not stop the next one.
"""

import argparse
from typing import Any

from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import describe_error, print_document
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import escape_controls, print_error
from aicsio.errors import AicsioError
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
    failed = False
    entries: list[dict[str, Any]] = []
    with Progress("verifying", "files") as progress:
        for index, name in enumerate(arguments.files):
            progress(index, len(arguments.files))
            # beartype is not avoided here: reading all planes takes longer than its import.
            try:
                report = verify(name, format=arguments.format, engine=arguments.engine)
            except AicsioError as error:
                if arguments.debug:
                    raise
                failed = True
                shown = options.shown_name(name, arguments)
                print_error(error, shown, command="verify")
                entries.append({"file": shown, "error": describe_error(error, shown, "verify")})
                continue
            # A difference fails the run like an error, so that a script can rely on the exit code.
            failed |= not report.agrees
            if arguments.json:
                entries.append(as_json(options.shown_name(name, arguments), report))
            else:
                print(*map(escape_controls, str(report).splitlines()), sep="\n", flush=True)
    if arguments.json:
        print_document("verify", {"files": entries})
    return int(failed)


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
