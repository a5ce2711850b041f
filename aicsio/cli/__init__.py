"""The command line: one module a command. Imports every other room.

A command is a module with ``add_arguments`` and ``run``, and one row in ``COMMANDS``. ``convert`` goes
to ``batch`` for many images; ``terminal`` has options, text and bars of all commands.

Rule kept here: a mistake of the user is one line on stderr, never a traceback (``--debug`` shows
it). Exit codes: 0 done, 1 something failed, 2 wrong usage, 4 a checked file is damaged, 130
interrupted, 141 the reader of the output has gone. Only the module of the requested command is imported.
"""

import argparse
import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from aicsio._tracebacks import FULL_TRACEBACK
from aicsio._version import __version__
from aicsio.cli.terminal import options
from aicsio.cli.terminal.text import print_error
from aicsio.errors import AicsioError

COMMANDS = {
    "info": "show the metadata of files",
    "metadata": "print all metadata of a file, as OME or as stored",
    "planes": "list when and where each plane was taken",
    "wells": "list the wells of a plate",
    "convert": "write images, or parts of them, as OME-TIFF",
    "thumbnail": "draw small pictures of images, or a contact sheet",
    "view": "look at images in the browser",
    "export": "write a picture or a movie of an image",
    "check": "look for damage: truncated copies, holes, bad blocks",
    "verify": "read files through two engines and compare",
    "references": "write where the chunks of an image lie, for readers of Zarr",
    "demo": "make sample files, use them, and check everything",
}
"""Name and summary of each command. Its module has ``add_arguments(parser)``, and
``run(arguments)``, which returns the exit code."""

INTERRUPTED = 130
"""128 + SIGINT, the exit code of shells after Ctrl-C."""
READER_GONE = 141
"""128 + SIGPIPE, the exit code of a program whose pipe was closed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv
        Arguments after the name of the program; by default those of the process.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    SystemExit
        When the usage is wrong (code 2), or after ``--help`` and ``--version`` (code 0).

    Examples
    --------
    >>> from aicsio.cli import main
    >>> main(["info", "missing.tif"])
    1
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names may hold bytes that are no text, and a terminal may lack the micro sign.
            stream.reconfigure(errors="backslashreplace")
    # Outside of the try block: argparse ends the process itself, with its own message.
    arguments = parse(sys.argv[1:] if argv is None else argv)
    if arguments.debug:
        # In the environment, so that the processes of --jobs show all frames, too.
        os.environ[FULL_TRACEBACK] = "1"
    try:
        code: int = _module(arguments.command).run(arguments)
        # A full disk or a closed pipe shows here, not at exit where the code would be lost.
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit; a closed pipe would raise again there.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        # No traceback: the user knows where the interruption came from.
        print("aicsio: interrupted", file=sys.stderr)
        return INTERRUPTED
    except AicsioError as error:
        if arguments.debug:
            raise
        print_error(error)
        return 1
    return code


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments of a call.

    Parameters
    ----------
    argv
        Arguments after the name of the program.

    Returns
    -------
    argparse.Namespace
        Options of the command, its name as ``command``.

    Raises
    ------
    SystemExit
        When the usage is wrong, or after ``--help`` and ``--version``.

    Examples
    --------
    >>> from aicsio.cli import parse
    >>> parse(["info", "--json", "cells.czi"]).files
    ['cells.czi']
    """
    program = _program_parser()
    # Two parsers, one after the other: the first needs no command module, so that only the chosen
    # one is imported. The words behind the command, "--" too, are for the second.
    if not argv:
        # Whoever types the name alone looks for the commands.
        print(program.format_help(), file=sys.stderr)
        program.error(f"name a command: {', '.join(COMMANDS)}")
    length = next((index + 1 for index, word in enumerate(argv) if word[:1] != "-"), len(argv))
    chosen = program.parse_args(argv[:length])
    if chosen.command not in COMMANDS:
        program.error(options.unknown("command", chosen.command, list(COMMANDS)))
    parser = command_parser(chosen.command)
    # Known ones only: parse_args would refuse the others without naming the closest option.
    arguments, unknown = parser.parse_known_args(argv[length:])
    if unknown:
        parser.error(_describe_unknown(unknown[0], parser))
    arguments.command = chosen.command
    return arguments


def command_parser(command: str) -> argparse.ArgumentParser:
    """Make the parser of one command.

    Parameters
    ----------
    command
        One of ``COMMANDS``.

    Returns
    -------
    argparse.ArgumentParser
        With the arguments of the command, and ``--debug``.

    Examples
    --------
    >>> from aicsio.cli import command_parser
    >>> command_parser("verify").parse_args(["plate.czi"]).files
    ['plate.czi']
    """
    parser = argparse.ArgumentParser(prog=f"aicsio {command}")
    _module(command).add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    # A message stands below the usage: twenty lines of options would hide it.
    words = [_describe_positional(action) for action in parser._actions]  # noqa: SLF001
    parser.usage = " ".join(["%(prog)s [options]", *filter(None, words)])
    return parser


def _describe_positional(action: argparse.Action) -> str:
    """Return a positional argument as the usage shows it, ``FILE [FILE ...]``; empty for an option."""
    if action.option_strings:
        return ""
    word = str(action.metavar or action.dest)
    return f"{word} [{word} ...]" if action.nargs == "+" else word


def _describe_unknown(word: str, parser: argparse.ArgumentParser) -> str:
    """Write the message for a word that the parser did not take."""
    if not word.startswith("-"):
        return f"unexpected argument {word!r}"
    flags: list[str] = []
    # argparse has no public list of its options; tests/cli hold this one.
    for action in parser._actions:  # noqa: SLF001
        flags += action.option_strings
    return options.unknown("option", word.partition("=")[0], flags)


def _program_parser() -> argparse.ArgumentParser:
    summaries = [f"  {name:<10} {summary}" for name, summary in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="aicsio",
        usage="aicsio [-h] [--version] command ...",
        description="Look at, convert and sample microscopy images.",
        epilog="\n".join(["commands:", *summaries, "", "aicsio COMMAND --help has more on each."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aicsio {__version__}")
    parser.add_argument("command", help=argparse.SUPPRESS)
    return parser


def _module(command: str) -> Any:
    return importlib.import_module(f"aicsio.cli.{command}")
