"""Options of the commands that draw, and the focus that they share.

Rule kept here: the arguments of the command line become arguments of the public functions, one to
one.
"""

import argparse
import math
from typing import Any

from aicsio.cli.terminal import options
from aicsio.pictures.composing import PROJECTIONS
from aicsio.writers.pictures import PictureReport


def add_drawing(parser: argparse.ArgumentParser) -> Any:
    """Add the options of ``thumbnail``, but for its size; returns their group."""
    group = parser.add_argument_group("drawing")
    group.add_argument(
        "--channel",
        type=channel,
        action="append",
        metavar="C",
        help="index or name of a channel; once for each; default: the first seven",
    )
    group.add_argument(
        "--contrast",
        type=contrast,
        default="auto",
        metavar="{auto,file,full,LOW:HIGH}",
        help="percentiles of the pixels, as the file shows it, the range of the type, or the values "
        "of black and full colour; default: auto",
    )
    options.add_choice(
        group, "--project", PROJECTIONS, default="max", help="how Z is shown; default: max"
    )
    group.add_argument("--no-scale-bar", action="store_true", help="draw no scale bar")
    group.add_argument("--legend", action="store_true", help="draw the names of the channels")
    return group


def drawing_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of ``thumbnail`` that the arguments hold."""
    return {
        "channels": arguments.channel,
        "contrast": arguments.contrast,
        "project": arguments.project,
        "scale_bar": not arguments.no_scale_bar,
        "legend": arguments.legend,
    }


def describe_picture(report: PictureReport, source: str) -> dict[str, Any]:
    """Return a written picture or movie as the documents of ``--json`` have it."""
    height, width = report.shape
    return {
        "file": source,
        "output": report.path,
        "width": width,
        "height": height,
        "frames": report.frames,
        "bytes": report.nbytes,
    }


def channel(text: str) -> int | str:
    """Read an index or a name."""
    # A channel may be called "488": --pick C=488 is the way to it, as everywhere.
    return int(text) if text.isascii() and text.isdigit() else text


def contrast(text: str) -> str | tuple[float, float]:
    """Read ``auto``, ``file``, ``full`` or ``100:4000``."""
    low, colon, high = text.partition(":")
    if not colon:
        return options.one_of(("auto", "file", "full"))(text)
    try:
        limits = float(low), float(high)
    except ValueError:
        limits = (0.0, 0.0)
    # NaN fails this comparison too.
    if not -math.inf < limits[0] < limits[1] < math.inf:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no contrast: write the values of black and of full colour, as 100:4000"
        )
    return limits
