"""The command line: one module a command. Imports every other room.

A command is a module with ``add_arguments`` and ``run``, and one row in ``GROUPS``. ``convert`` goes
to ``batch`` for many images, ``mcp`` to ``agents``; ``facts`` has what ``info`` shows, ``terminal`` the
options, text, documents and bars of all commands, ``demo_steps`` what ``demo`` does.

argparse stays: `aicsio --help` takes 0.46 s of processor time (on a busy machine), of which `import aicsio` takes
nearly all and argparse 0.01 s; importing click would take 0.07 s.

Rule kept here: a mistake of the user is one line on stderr and one with the next thing to type, never a
traceback (``--debug`` shows it). ``EXIT_CODES`` has all exit codes. Only the module of the requested
command is imported.
"""

import argparse
import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from aicsio import _interruption
from aicsio._tracebacks import FULL_TRACEBACK
from aicsio._version import __version__
from aicsio.cli.terminal import options
from aicsio.cli.terminal.messages import lossy_stderr
from aicsio.cli.terminal.text import print_error, terminal_columns
from aicsio.errors import AicsioError

GROUPS = {
    "look": {
        "info": "show the metadata of files, folders and globs",
        "view": "look at images in the browser",
        "thumbnail": "draw small pictures of images, or a contact sheet",
        "metadata": "print all metadata of a file, as OME or as stored",
        "planes": "list when and where each plane was taken",
        "wells": "list the wells of a plate",
    },
    "write": {
        "convert": "write images, or parts of them, as OME-TIFF or OME-Zarr",
        "export": "write a picture or a movie of an image",
        "references": "write where the chunks of an image lie, for readers of Zarr",
    },
    "trust": {
        "check": "look for damage: truncated copies, holes, bad blocks",
        "verify": "read files through two engines and compare",
        "explain": "show how a file is recognised and read, and its notes",
    },
    "set up": {
        "doctor": "list what is installed and what is missing",
        "demo": "make sample files, use them, and check everything",
        "schema": "print the JSON schema of what --json prints",
        "completion": "print a script for the completion of a shell",
        "mcp": "serve images to agents over the Model Context Protocol",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}
"""Name and summary of each command. Its module has ``add_arguments(parser)``, and
``run(arguments)``, which returns the exit code."""

EXAMPLES = (
    "aicsio info cells.czi             what is in a file",
    "aicsio info *.czi --brief         one line for each",
    "aicsio view cells.czi             look at it in the browser",
    "aicsio convert cells.czi c.ome.tiff",
    "aicsio COMMAND --help             more on a command",
)
"""Below the list of commands."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of a disk that takes no more of the standard output."""

_MISSING = "the following arguments are required"
"""The beginning of a message of argparse."""
READER_GONE = 141
"""128 + SIGPIPE, the exit code of a program whose pipe was closed."""
EXIT_CODES = {
    0: "done",
    1: "something failed: a file could not be opened, differs, or could not be written",
    2: "wrong usage",
    4: "a checked file is damaged",
    _interruption.INTERRUPTED: "interrupted by Ctrl-C",
    READER_GONE: "the reader of the output has gone",
}
"""All exit codes and their meaning; they stay as they are."""


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
    words = sys.argv[1:] if argv is None else argv
    try:
        return _run(words)
    except KeyboardInterrupt:
        if "--debug" in words:
            raise
        # No traceback: the user knows where the interruption came from.
        print(_interruption.MESSAGE, file=sys.stderr)
        _interruption.finish_if_interrupted()
        return _interruption.INTERRUPTED
    finally:
        _drop_output()


def _run(argv: Sequence[str]) -> int:
    _prepare_streams()
    try:
        try:
            # argparse ends the process itself, with its own message.
            arguments = parse(argv)
        finally:
            sys.stdout.flush()  # the text of --help, whose reader may have gone
        return _run_command(arguments)
    except BrokenPipeError:
        _drop_output()
        return READER_GONE
    except AicsioError:
        raise
    except OSError as error:
        # That of stdout has no name of a file; other errors of the system are an AicsioError by
        # now.
        if "--debug" in argv or error.errno not in _FULL or error.filename is not None:
            raise
        _drop_output()
        print(f"aicsio: cannot write the output: {error.strerror}\n  try: df -h", file=sys.stderr)
        return 1


def _run_command(arguments: argparse.Namespace) -> int:
    if arguments.debug:
        # In the environment, so that the processes of --jobs show all frames, too.
        os.environ[FULL_TRACEBACK] = "1"
    try:
        with _standard_input(arguments):
            code: int = _module(arguments.command).run(arguments)
        # A full disk or a closed pipe shows here, not at exit where the code would be lost.
        sys.stdout.flush()
    except AicsioError as error:
        if arguments.debug:
            raise
        _report(error, arguments)
        return 1
    return code


def _prepare_streams() -> None:
    """Make stdout and stderr take any text."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # The shell closed it (>&-). Without this, the next file that is opened would become the
            # output.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names may hold bytes that are no text, and a terminal may lack the micro sign.
            stream.reconfigure(errors="backslashreplace")
    sys.stderr = lossy_stderr() or sys.stderr


def _drop_output() -> None:
    """Send what is left of output and messages nowhere, where nobody takes them any more."""
    # The interpreter flushes both once more at exit; a closed pipe or full disk would raise again
    # there.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _standard_input(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """Provide the standard input as a file where ``-`` names it."""
    for value in vars(arguments).values():
        if value == "-" or (isinstance(value, list) and "-" in value):
            # Imported here: pipes are rare, and tempfile takes 10 ms.
            from aicsio.cli.terminal.standard_streams import spooling

            return spooling(arguments)
    return contextlib.nullcontext()


def _report(error: AicsioError, arguments: argparse.Namespace) -> None:
    """Print an error that ended a command; with ``--json`` also as a document, for programs."""
    named = getattr(arguments, "file", None)
    for several in ("files", "inputs"):
        named = named or next(iter(getattr(arguments, several, [])), None)
    name = options.shown_name(named, arguments) if named else ""
    print_error(error, file=name, command=arguments.command, spooled=arguments.spooled)
    if getattr(arguments, "json", False):
        from aicsio.cli.terminal.documents import describe_error, print_document

        described = describe_error(error, name, arguments.command)
        print_document(arguments.command, {"error": options.show_dash(described, arguments)})


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
        # Whoever types the name alone looks for the commands. The code is that of wrong usage, so
        # that a script whose variable is empty fails.
        print(program.format_help(), file=sys.stderr, end="")
        raise SystemExit(2)
    length = next((index + 1 for index, word in enumerate(argv) if word[:1] != "-"), len(argv))
    program.words = argv[:length]
    chosen = program.parse_args(argv[:length])
    if chosen.command not in COMMANDS:
        program.error(options.unknown("command", chosen.command, list(COMMANDS)))
    parser = command_parser(chosen.command)
    parser.words = argv[length:]
    # Known ones only: parse_args would refuse the others without naming the closest option.
    arguments, unknown = parser.parse_known_args(argv[length:])
    if unknown:
        parser.error(_describe_unknown(unknown[0], parser))
    arguments.command = chosen.command
    arguments.spooled = None
    return arguments


def command_parser(command: str) -> "CommandParser":
    """Make the parser of one command.

    Parameters
    ----------
    command
        One of ``COMMANDS``.

    Returns
    -------
    CommandParser
        With the arguments of the command, and ``--debug``.

    Examples
    --------
    >>> from aicsio.cli import command_parser
    >>> command_parser("verify").parse_args(["plate.czi"]).files
    ['plate.czi']
    """
    parser = CommandParser(prog=f"aicsio {command}")
    _module(command).add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    # A message stands below the usage: twenty lines of options would hide it.
    words = [_describe_positional(action) for action in parser._actions]  # noqa: SLF001
    parser.usage = " ".join(["%(prog)s [options]", *filter(None, words)])
    return parser


class _Formatter(argparse.HelpFormatter):
    """Help as wide as the terminal. argparse makes one for each argument, and would import ``shutil``."""

    def __init__(self, prog: str, **options: Any) -> None:
        # Two columns less, as argparse has it.
        super().__init__(prog, **{"width": terminal_columns() - 2, **options})


class _RawFormatter(_Formatter, argparse.RawDescriptionHelpFormatter):
    """The same, for a description with lines of its own."""


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors end with the next thing to type. Lives for one call."""

    def __init__(self, *, formatter_class: type[_Formatter] = _Formatter, **options: Any) -> None:
        super().__init__(formatter_class=formatter_class, **options)
        self.words: Sequence[str] = ()
        """Arguments that are being parsed."""

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse drops the error of the system: a pipe that was closed would be a success.
        if message and file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        """Print the usage, the message and the call that explains the usage; end with code 2."""
        words, self.words = self.words, ()
        if words and message.startswith(_MISSING):
            # argparse tells of an unknown option only where nothing is missing, and a mistyped name
            # of a file is an option to it. Two more words stand for what is missing.
            _, unknown = self.parse_known_args([*words, "x", "x"])
            if unknown and unknown[0] not in {"x", "--"}:
                message = _describe_unknown(unknown[0], self)
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}\n  try: {self.prog} --help\n")


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
    if os.path.lexists(word):
        return f"there is no option {word!r}: for the file of this name write ./{word}"
    flags: list[str] = []
    # argparse has no public list of its options; tests/cli hold this one.
    for action in parser._actions:  # noqa: SLF001
        flags += action.option_strings
    return options.unknown("option", word.partition("=")[0], flags)


def _program_parser() -> CommandParser:
    lines = []
    for title, commands in GROUPS.items():
        lines.append(f"{title}:")
        lines += [f"  {name:<10}  {summary}" for name, summary in commands.items()]
        lines.append("")
    lines += ["try:", *(f"  {example}" for example in EXAMPLES)]
    parser = CommandParser(
        prog="aicsio",
        usage="aicsio [-h] [--version] command ...",
        description="Look at, convert and check microscopy images.",
        epilog="\n".join(lines),
        formatter_class=_RawFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aicsio {__version__}")
    parser.add_argument("command", help=argparse.SUPPRESS)
    return parser


def _module(command: str) -> Any:
    return importlib.import_module(f"aicsio.cli.{command}")
