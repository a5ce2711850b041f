"""``aicsio completion``: a script that completes commands, options, choices and files in a shell.

Rule kept here: the script is made from the parsers themselves, by shtab; it never starts aicsio.
"""

import argparse

from aicsio import cli
from aicsio.cli.terminal import options
from aicsio.errors import MissingDependencyError

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = "Print a script that completes commands, options and files in a shell."
    parser.epilog = (
        'bash: eval "$(aicsio completion bash)" in ~/.bashrc; zsh: save it as _aicsio in a folder of '
        "$fpath; fish: save it as ~/.config/fish/completions/aicsio.fish."
    )
    parser.add_argument(
        "shell", type=options.one_of(SHELLS), metavar="SHELL", help="bash, zsh or fish"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError as error:
        raise MissingDependencyError(
            "completion needs shtab: pip install 'aicsio[completion]'"
        ) from error
    script = shtab.complete(_whole_parser(shtab.FILE), arguments.shell)
    print(script)
    return 0


def _whole_parser(file: object) -> argparse.ArgumentParser:
    """Make one parser of all commands, which is never asked to parse: shtab reads its tree."""
    whole = argparse.ArgumentParser(prog="aicsio")
    whole.add_argument("--version", action="store_true", help="print the version")
    commands = whole.add_subparsers(dest="command")
    for name, summary in cli.COMMANDS.items():
        parser = cli.command_parser(name)
        command = commands.add_parser(name, help=summary, parents=[parser], add_help=False)
        for action in command._actions:  # noqa: SLF001 - argparse has no public list of them
            _describe_values(action, file)
    return whole


def _describe_values(action: argparse.Action, file: object) -> None:
    """Add the values of an argument: the words of its help, or the names of files."""
    metavar = str(action.metavar or "")
    if metavar.startswith("{"):
        # "{auto,file,full,LOW:HIGH}": words in capitals stand for values that are no words.
        words = metavar.strip("{}").split(",")
        action.choices = [word for word in words if word == word.lower()]
    elif action.dest == "shell":
        action.choices = SHELLS
    elif not action.option_strings or metavar == "DIR":
        action.complete = file  # type: ignore[attr-defined] # shtab looks for it
