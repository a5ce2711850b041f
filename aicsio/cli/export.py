"""``aicsio export``: a picture or a movie of an image, for slides and papers.

Rule kept here: the suffix of the output chooses between them. An existing file stays until the new
one is complete.
"""

import argparse
import os

from aicsio._io.urls import public_url
from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import (
    focus_as_requested,
    open_as_requested,
    pick_positions,
    refuse_to_replace,
)
from aicsio.cli.terminal.pictures import add_drawing, drawing_options
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import escape_controls, format_size
from aicsio.writers.movies import MOVIE_SUFFIXES, write_movie
from aicsio.writers.pictures import PICTURE_FORMATS, suffix_of, write_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Write a picture of an image, or a movie whose frames are the positions of T or Z: "
        "channels in their colours, with a scale bar and the time."
    )
    parser.add_argument("file", metavar="FILE", help="path or URL")
    parser.add_argument("output", metavar="OUT", help=".png, .jpg, .webp, .mp4 or .gif file")
    parser.add_argument(
        "--size",
        type=options.positive,
        metavar="N",
        help="pixels of the longer side; default: those of the image, of a movie at most 1024",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
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
    suffix = suffix_of(arguments.output, [*PICTURE_FORMATS, *MOVIE_SUFFIXES])
    refuse_to_replace(arguments.output, arguments)
    handle = focus_as_requested(open_as_requested(arguments.file, arguments), arguments)
    handle = pick_positions(handle, arguments.pick, None)
    chosen = {**drawing_options(arguments), "overwrite": arguments.overwrite}
    label = f"drawing {os.path.basename(public_url(arguments.file))}"
    if suffix in MOVIE_SUFFIXES:
        with Progress(label, "frames") as progress:
            report = write_movie(
                handle,
                arguments.output,
                size=arguments.size,
                along=arguments.along,
                frames_per_second=arguments.fps,
                stamp=not arguments.no_stamp,
                progress=progress,
                **chosen,
            )
    else:
        with Progress(label, "bands") as progress:
            report = write_picture(
                handle, arguments.output, size=arguments.size, progress=progress, **chosen
            )
    height, width = report.shape
    frames = f", {report.frames} frames" if report.frames > 1 else ""
    name = escape_controls(arguments.output)
    print(f"{name}: {width} x {height} pixels{frames}, {format_size(report.nbytes)}")
    return 0
