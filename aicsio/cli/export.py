"""``aicsio export``: a picture or a movie of an image, for slides and papers.

Rule kept here: the suffix of the output chooses between them. An existing file stays until the new
one is complete.
"""

import argparse
import os

from aicsio._io.urls import public_url
from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import print_document
from aicsio.cli.terminal.opening import (
    focus_as_requested,
    open_as_requested,
    pick_positions,
    refuse_to_replace,
)
from aicsio.cli.terminal.pictures import add_drawing, describe_picture, drawing_options
from aicsio.cli.terminal.standard_streams import STREAM, output_file
from aicsio.cli.terminal.text import escape_controls, format_size
from aicsio.errors import WriteError
from aicsio.progress import ProgressBar
from aicsio.writers.movies import MOVIE_SUFFIXES, write_movie
from aicsio.writers.pictures import (
    PICTURE_FORMATS,
    PictureReport,
    suffix_of,
    write_picture,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Write a picture of an image, or a movie whose frames are the positions of T or Z: "
        "channels in their colours, with a scale bar and the time."
    )
    parser.add_argument("file", metavar="FILE", help="path or URL")
    parser.add_argument(
        "output",
        metavar="OUT",
        help=".png, .jpg, .webp, .mp4 or .gif file, or - for standard output",
    )
    parser.add_argument(
        "--size",
        type=options.positive,
        metavar="N",
        help="pixels of the longer side; default: those of the image, of a movie at most 1024",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    options.add_choice(
        parser,
        "--to",
        [suffix.removeprefix(".") for suffix in (*PICTURE_FORMATS, *MOVIE_SUFFIXES)],
        default="png",
        help="format on standard output; default: png",
    )
    options.add_json(parser)
    group = add_drawing(parser)
    group.add_argument(
        "--along", type=options.letter, metavar="T", help="frames of a movie; default: T, else Z"
    )
    group.add_argument(
        "--fps", type=_rate, default=10.0, metavar="N", help="frames a second; default: 10"
    )
    group.add_argument("--no-stamp", action="store_true", help="draw no time and no height")
    options.add_opening(parser)
    options.add_focus(parser)


def _rate(text: str) -> float:
    """Read a number of frames a second."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of frames a second: write 10")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Draw and write."""
    if arguments.output == STREAM:
        if arguments.json:
            raise WriteError(
                "the picture goes to standard output: leave out --json, or name a file"
            )
        with output_file(f".{arguments.to}") as path:
            _draw(path, arguments)
        return 0
    suffix_of(arguments.output, [*PICTURE_FORMATS, *MOVIE_SUFFIXES])
    refuse_to_replace(arguments.output, arguments)
    report = _draw(arguments.output, arguments)
    if arguments.json:
        shown = options.shown_name(arguments.file, arguments)
        print_document("export", {"pictures": [describe_picture(report, shown)]})
        return 0
    height, width = report.shape
    frames = f", {report.frames} frames" if report.frames > 1 else ""
    name = escape_controls(arguments.output)
    print(f"{name}: {width} x {height} pixels{frames}, {format_size(report.nbytes)}")
    return 0


def _draw(path: str, arguments: argparse.Namespace) -> PictureReport:
    """Write the picture or movie under a name."""
    handle = focus_as_requested(open_as_requested(arguments.file, arguments), arguments)
    handle = pick_positions(handle, arguments.pick, None)
    chosen = {**drawing_options(arguments), "overwrite": arguments.overwrite}
    label = f"drawing {os.path.basename(public_url(arguments.file))}"
    if not path.lower().endswith(tuple(MOVIE_SUFFIXES)):
        with ProgressBar(label, unit="bands") as progress:
            return write_picture(handle, path, size=arguments.size, progress=progress, **chosen)
    with ProgressBar(label, unit="frames") as progress:
        return write_movie(
            handle,
            path,
            size=arguments.size,
            along=arguments.along,
            frames_per_second=arguments.fps,
            stamp=not arguments.no_stamp,
            progress=progress,
            **chosen,
        )
