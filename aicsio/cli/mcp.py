"""``aicsio mcp``: the verbs of the command line for agents, over the Model Context Protocol.

Rule kept here: an agent reads below the folders that the user names, and writes into one folder or
nowhere. Nothing but the protocol goes to stdout.
"""

import argparse

from aicsio.cli.agents import serve
from aicsio.cli.agents.access import open_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Serve images to agents over stdio (Model Context Protocol): list, describe, explain, draw, "
        "check, and convert where --output names a folder. Only files below FOLDER are opened."
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="agents see what is below it")
    parser.add_argument("--output", metavar="DIR", help="agents write here, and nowhere without it")


def run(arguments: argparse.Namespace) -> int:
    """Serve until the client closes the connection."""
    serve(open_folders(arguments.folders, arguments.output))
    return 0
