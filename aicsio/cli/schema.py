"""``aicsio schema``: the JSON schema of everything that ``--json`` prints.

Rule kept here: the text is that of the published file, unchanged.
"""

import argparse

from aicsio.cli.terminal.documents import read_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Print the JSON Schema (draft 2020-12) of the documents that --json prints. Its address, with "
        "the number of its version, is the field `schema` of each document."
    )


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - has no options
    """Print the schema."""
    print(read_schema(), end="")
    return 0
