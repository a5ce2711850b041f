"""``aicsio thumbnail``: a small picture of an image as PNG.

Rule kept here: an existing file stays until the new picture is complete.
"""

import argparse
import io
import os
from typing import Any

from aicsio._io.urls import public_url
from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import (
    focus_as_requested,
    open_as_requested,
    pick_positions,
    refuse_to_replace,
)
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import escape_controls
from aicsio.errors import WriteError
from aicsio.thumbnails import thumbnail
from aicsio.writers import _atomic_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Draw a small picture: the middle of Z, the first position of every other dimension, "
        "channels in their colours."
    )
    parser.add_argument("file", metavar="FILE", help="path or URL")
    parser.add_argument("output", metavar="OUT.png")
    parser.add_argument(
        "--size",
        type=options.positive,
        default=512,
        metavar="N",
        help="pixels of the longer side; default: 512",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing OUT.png")
    options.add_opening(parser)
    options.add_focus(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw the picture and write it."""
    # Pillow would choose the format by the suffix; JPEG would blur labels and drop alpha.
    if not arguments.output.lower().endswith(".png"):
        raise WriteError(f"{arguments.output!r} does not end in .png: thumbnails are PNG files")
    refuse_to_replace(arguments.output, arguments)
    handle = focus_as_requested(open_as_requested(arguments.file, arguments), arguments)
    handle = pick_positions(handle, arguments.pick, None)
    with Progress(f"reading {os.path.basename(public_url(arguments.file))}", "bands") as progress:
        picture = thumbnail(handle, arguments.size, progress)
    save(picture, arguments.output, overwrite=arguments.overwrite)
    height, width = picture.shape[:2]
    scene = escape_controls(handle.scene.name)
    print(f"{escape_controls(arguments.output)}: {width} x {height} pixels of {scene!r}")
    return 0


def save(picture: Any, path: str, *, overwrite: bool) -> None:
    """Write a picture, shape (Y, X) or (Y, X, S), as PNG.

    Raises
    ------
    WriteError
        When the file exists and ``overwrite`` is false, or cannot be written.
    """
    from PIL import Image

    # Encoded in memory: a picture of 512 x 512 takes at most 1 MB.
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "PNG")
    target = _atomic_file.check_target(path, overwrite=overwrite)
    # A picture is made anew in no time: waiting for the disk (sync) would take longer than drawing.
    with _atomic_file.replacing(target, overwrite=overwrite, sync=False) as output:
        output.write_at(0, encoded.getvalue())
        output.finish(encoded.tell(), sync=False)
