"""``aicsio verify``: compare every plane of a file as two engines read it.

Rule kept here: a file that fails does not stop the next one.
"""

import argparse

from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import escape_controls, print_error
from aicsio.errors import AicsioError
from aicsio.verify import verify


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


def run(arguments: argparse.Namespace) -> int:
    """Verify each file; the exit code is 0 when both engines agree on all of them."""
    failed = False
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
                print_error(error, name)
                continue
            # A difference fails the run like an error, so that a script can rely on the exit code.
            failed |= not report.agrees
            print(*map(escape_controls, str(report).splitlines()), sep="\n", flush=True)
    return int(failed)
