"""``aicsio wells``: the wells of a plate and their fields of view.

Rule kept here: one row a scene that lies in a well.
"""

import argparse

from aicsio._metadata import wells
from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import open_as_requested
from aicsio.cli.terminal.tables import add_forms, print_table
from aicsio.errors import SceneError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = "List the wells of a plate: scene, plate, row, column and field of view."
    parser.add_argument("file", metavar="FILE", help="path or URL")
    add_forms(parser)
    options.add_opening(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table of wells."""
    handle = open_as_requested(arguments.file, arguments)
    table = wells(handle)
    if not len(table):
        raise SceneError(f"{handle.source.uri}: no scene lies in a well of a plate")
    print_table(table, arguments)
    return 0
