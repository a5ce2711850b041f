"""``aicsio planes``: when, where and how long each plane was taken.

Rule kept here: one row a plane in focus, in its order.
"""

import argparse

from aicsio._metadata import plane_table
from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import focus_as_requested, open_as_requested, pick_positions
from aicsio.cli.terminal.tables import add_forms, print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "List the planes of a scene: positions, seconds since its first plane, date, exposure (s), "
        "place (um), file and byte offset."
    )
    parser.add_argument("file", metavar="FILE", help="path or URL")
    add_forms(parser)
    options.add_opening(parser)
    options.add_focus(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table of planes."""
    handle = focus_as_requested(open_as_requested(arguments.file, arguments), arguments)
    print_table(plane_table(pick_positions(handle, arguments.pick, None)), arguments)
    return 0
