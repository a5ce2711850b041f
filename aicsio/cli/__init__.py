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
import sys
from collections.abc import Callable, Sequence

import aicsio
from aicsio.cli.terminal import options
from aicsio.cli.terminal.text import complain
from aicsio.errors import AicsioError

COMMANDS = {
    "info": "aicsio.cli.info",
    "convert": "aicsio.cli.convert",
    "thumbnail": "aicsio.cli.thumbnail",
    "verify": "aicsio.cli.verify",
    "demo": "aicsio.cli.demo",
}
"""Module of each command; its ``run`` takes the arguments and returns the exit code."""


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
        run: Callable[[argparse.Namespace], int] = importlib.import_module(
            COMMANDS[arguments.command]
        ).run
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
        parents=[common, options.opening()],
        help="say what files hold",
        description="Say what files hold. Reads no pixels.",
    )
    info.add_argument("files", nargs="+", metavar="FILE", help="path or URL")
    info.add_argument(
        "--json", action="store_true", help="print a JSON array, one object for each file"
    )

    scenes = "index or name, or all; default: 0"
    convert = commands.add_parser(
        "convert",
        parents=[common, options.opening(), options.focus(scenes), options.converting()],
        help="write images, or parts of them, as OME-TIFF",
        description="Write a scene of an image, all scenes, or parts of them, as OME-TIFF; or all images of a folder.",
        epilog="A second run with the same folder for OUT skips what is done.",
    )
    what = "path, URL, folder, glob, or a pattern such as 'img_t{T}_c{C}.tif' for many files of one image"
    convert.add_argument("inputs", nargs="+", metavar="IN", help=what)
    convert.add_argument("output", metavar="OUT", help="file.ome.tiff, or a folder for many images")

    thumbnail = commands.add_parser(
        "thumbnail",
        parents=[common, options.opening(), options.focus()],
        help="draw a small picture of an image",
        description="Draw a small picture: the middle of Z, the first of all else, channels in their colours.",
    )
    thumbnail.add_argument("file", metavar="FILE", help="path or URL")
    thumbnail.add_argument("output", metavar="OUT.png")
    side = "pixels of the longer side (512)"
    thumbnail.add_argument("--size", type=options.positive, default=512, metavar="N", help=side)
    thumbnail.add_argument(
        "--overwrite", action="store_true", help="replace OUT.png if it is there"
    )

    verify = commands.add_parser(
        "verify",
        parents=[common],
        help="read files through two engines and compare",
        description="Read every plane through both engines of a format and say where they differ.",
    )
    verify.add_argument("files", nargs="+", metavar="FILE", help="path")
    verify.add_argument(
        "--format", metavar="NAME", help="take this format without looking at the content"
    )

    demo = commands.add_parser(
        "demo",
        parents=[common],
        help="make sample files, use them, and check everything",
        description="Make sample files, open, slice, write and read them back; every step is checked and timed.",
    )
    demo.add_argument("--keep", metavar="DIR", help="keep the files in this folder")
    return parser
