"""The command line: ``aicsio info``, ``convert``, ``thumbnail``, ``verify`` and ``demo``.

Rule kept here: what a user did wrong is one line on stderr, never a traceback (``--debug`` shows it). Exit codes: 0
done, 1 something failed, 2 wrong usage, 130 interrupted, 141 nobody reads the output any more. Commands are imported
when they are called, and libraries when a command needs them.
"""

import argparse
import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence

import aicsio
from aicsio.cli_text import complain
from aicsio.errors import AicsioError

COMMANDS = {
    "info": "aicsio.cli_info",
    "convert": "aicsio.cli_convert",
    "thumbnail": "aicsio.cli_thumbnail",
    "verify": "aicsio.cli_verify",
    "demo": "aicsio.cli_demo",
}
"""Module of each command; its ``run`` takes the arguments and returns the exit code."""

_PICK = re.compile(r"([A-Z])=(-?\d+(?:,-?\d+)*|-?\d*:-?\d*(?::-?\d*)?)")


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
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file name need not be text, and a terminal may lack the micro sign.
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        run: Callable[[argparse.Namespace], int] = importlib.import_module(COMMANDS[arguments.command]).run
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at exit: let it do so into nothing.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        print("aicsio: interrupted", file=sys.stderr)
        return 130
    except AicsioError as error:
        if arguments.debug:
            raise
        complain(error)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aicsio",
        description="Look at, convert and sample microscopy images.",
    )
    parser.add_argument("--version", action="version", version=f"aicsio {aicsio.__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    info = commands.add_parser(
        "info",
        parents=[common, _opening()],
        help="say what files hold",
        description="Say what files hold. Reads no pixels.",
    )
    info.add_argument("files", nargs="+", metavar="FILE", help="path or URL")
    info.add_argument("--json", action="store_true", help="print a JSON array, one object for each file")

    convert = commands.add_parser(
        "convert",
        parents=[common, _opening(), _focus("index or name, or all; default: 0")],
        help="write (a part of) an image as OME-TIFF",
        description="Write a scene of an image, all scenes, or parts of them, as OME-TIFF.",
    )
    convert.add_argument("input", metavar="IN", help="path or URL")
    convert.add_argument("output", metavar="OUT.ome.tiff")
    convert.add_argument("--order", help="dimensions to write, in the order of the planes, such as TCZYX")
    choices = ("zlib", "zstd", "lzw", "none")
    convert.add_argument("--compression", choices=choices, default="zlib", help="default: zlib")
    convert.add_argument("--compression-level", type=int, metavar="N")
    convert.add_argument("--dtype", help="type to convert to, such as uint16; values that do not fit are an error")
    convert.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")

    thumbnail = commands.add_parser(
        "thumbnail",
        parents=[common, _opening(), _focus()],
        help="draw a small picture of an image",
        description="Draw a small picture: the middle of Z, the first of all else, channels in their colours.",
    )
    thumbnail.add_argument("file", metavar="FILE", help="path or URL")
    thumbnail.add_argument("output", metavar="OUT.png")
    thumbnail.add_argument("--size", type=_positive, default=512, metavar="N", help="pixels of the longer side (512)")
    thumbnail.add_argument("--overwrite", action="store_true", help="replace OUT.png if it is there")

    verify = commands.add_parser(
        "verify",
        parents=[common],
        help="read files through two engines and compare",
        description="Read every plane through both engines of a format and say where they differ.",
    )
    verify.add_argument("files", nargs="+", metavar="FILE", help="path")
    verify.add_argument("--format", metavar="NAME", help="take this format without looking at the content")

    demo = commands.add_parser(
        "demo",
        parents=[common],
        help="make sample files, use them, and check everything",
        description="Make sample files, open, slice, write and read them back; every step is checked and timed.",
    )
    demo.add_argument("--keep", metavar="DIR", help="keep the files in this folder")
    return parser


def _opening() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("opening")
    group.add_argument("--format", metavar="NAME", help="take this format without looking at the content")
    group.add_argument(
        "--dims", metavar="LETTERS", help="letters of the stored axes, where the file does not name them"
    )
    group.add_argument("--mosaic", choices=("stitched", "tiles"), default="stitched")
    group.add_argument("--storage-options", type=_json_object, metavar="JSON", help="for URLs: options of fsspec")
    return options


def _focus(scenes: str = "index or name; default: 0") -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("focus")
    group.add_argument("--scene", default="0", help=scenes)
    group.add_argument("--level", type=int, metavar="N", help="resolution level; 0 is full resolution")
    what = "positions of a dimension: T=0, Z=0:10 or C=0,2; once for each dimension"
    group.add_argument("--pick", type=_pick, action="append", default=[], metavar="PICK", help=what)
    return options


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _json_object(text: str) -> dict[str, object]:
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object, such as '{{\"anon\": true}}'")
    return value


def _pick(text: str) -> tuple[str, int | slice | tuple[int, ...]]:
    """Read ``T=0``, ``Z=0:10:2`` or ``C=0,2``."""
    match = _PICK.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no pick: write T=0, Z=0:10, Z=::2 or C=0,2")
    letter, what = match.groups()
    if ":" in what:
        return letter, slice(*(int(part) if part else None for part in what.split(":")))
    numbers = tuple(map(int, what.split(",")))
    return letter, numbers[0] if len(numbers) == 1 else numbers
