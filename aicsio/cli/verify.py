"""``aicsio verify``: every plane of a file through two engines, and whether they agree."""

import argparse

from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import complain, plain
from aicsio.errors import AicsioError
from aicsio.verify import verify


def run(arguments: argparse.Namespace) -> int:
    """Verify each file; the exit code is 0 when both engines agree on all of them."""
    failed = False
    with Progress("verifying", "files") as progress:
        for index, name in enumerate(arguments.files):
            progress(index, len(arguments.files))
            try:
                report = verify(name, format=arguments.format)
            except AicsioError as error:
                if arguments.debug:
                    raise
                failed = True
                complain(error, name)
                continue
            failed |= not report.agrees
            print(*map(plain, str(report).splitlines()), sep="\n", flush=True)
    return int(failed)
