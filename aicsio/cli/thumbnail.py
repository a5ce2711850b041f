"""``aicsio thumbnail``: small pictures of images, one a file or all on a sheet.

Rule kept here: an existing file stays until the new picture is complete. An image that cannot be
drawn does not stop the next one.
"""

import argparse
import os
from collections.abc import Iterator
from typing import Any

import attrs

from aicsio._checks.words import count_of
from aicsio._io.urls import public_url
from aicsio.cli.batch import inputs
from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import (
    focus_each_scene,
    open_as_requested,
    pick_positions,
    refuse_to_replace,
)
from aicsio.cli.terminal.pictures import add_drawing, drawing_options
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import escape_controls, print_error
from aicsio.errors import AicsioError, SourceNotFoundError, WriteError
from aicsio.pictures.drawing import thumbnail
from aicsio.pictures.sheets import contact_sheet
from aicsio.records import ImageHandle
from aicsio.writers.pictures import PICTURE_FORMATS, save_picture, suffix_of

SHEET_SIZE, SIZE = 192, 512
"""Pixels of the longer side, on a contact sheet and alone."""
MOST_CELLS = 1000
"""Pictures on one sheet: 1 000 cells of 192 x 209 pixels are 40 megapixels."""


@attrs.frozen(eq=False)
class Drawn:
    """The picture of one scene of one file, or the reason why there is none. Not a record: it lives for one call."""

    name: str
    """File, and scene where several are drawn."""
    relative: str
    """Name of the file within the folder that was given."""
    scene: str
    """Name of the scene; empty where a single one is drawn."""
    picture: Any
    """uint8, shape (Y, X, 3); a text if it could not be drawn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Draw small pictures: a projection along Z, the first position of every other dimension, "
        "channels in their colours. Many images become one contact sheet, or one picture each if "
        "OUT is a folder."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="path, URL, folder or glob")
    parser.add_argument("output", metavar="OUT", help=".png, .jpg or .webp file, or a folder")
    parser.add_argument(
        "--size",
        type=options.positive,
        metavar="N",
        help=f"pixels of the longer side; default: {SIZE}, on a sheet {SHEET_SIZE}",
    )
    parser.add_argument(
        "--columns", type=options.positive, metavar="N", help="pictures in a row of a sheet"
    )
    options.add_choice(
        parser,
        "--to",
        [suffix.removeprefix(".") for suffix in PICTURE_FORMATS],
        default="png",
        help="format of the pictures in a folder; default: png",
    )
    parser.add_argument("--recursive", action="store_true", help="include folders in a folder")
    parser.add_argument("--overwrite", action="store_true", help="replace existing pictures")
    add_drawing(parser)
    options.add_opening(parser)
    options.add_focus(parser, "index or name, or all; default: the first with pixels")


def run(arguments: argparse.Namespace) -> int:
    """Draw the pictures and write them; the exit code is 0 when all could be drawn."""
    if arguments.output.endswith(("/", os.sep)) or os.path.isdir(arguments.output):
        return _run_into_folder(arguments)
    suffix_of(arguments.output, PICTURE_FORMATS)
    refuse_to_replace(arguments.output, arguments)
    sources = _list_sources(arguments)
    is_sheet = len(sources) > 1 or arguments.scene == "all"
    size = arguments.size or (SHEET_SIZE if is_sheet else SIZE)
    drawn = []
    for each in _draw_all(sources, size, arguments):
        drawn.append(each)
        if len(drawn) > MOST_CELLS:
            raise WriteError(f"there are more than {MOST_CELLS} pictures: name a folder as output")
    failed = [each for each in drawn if isinstance(each.picture, str)]
    if len(failed) == len(drawn):
        return 1
    if len(drawn) == 1 and len(sources) == 1:
        picture = drawn[0].picture
        shown = drawn[0].name
    else:
        names = [os.path.basename(each.name) for each in drawn]
        pictures = [each.picture for each in drawn]
        picture = contact_sheet(pictures, names, size, arguments.columns)
        shown = count_of(len(drawn), "image")
    report = save_picture(picture, arguments.output, overwrite=arguments.overwrite)
    _print_written(arguments.output, report.shape, shown)
    return int(bool(failed))


def _run_into_folder(arguments: argparse.Namespace) -> int:
    """Write one picture for each image."""
    if not os.path.isdir(arguments.output):
        try:
            os.makedirs(arguments.output)
        except OSError as error:
            raise WriteError(
                f"cannot make the folder {arguments.output!r}: {error.strerror}"
            ) from error
    failed = False
    size = arguments.size or SIZE
    for each in _draw_all(_list_sources(arguments), size, arguments):
        if isinstance(each.picture, str):
            failed = True
            continue
        # The suffix of the image stays: a.czi and a.tif are two images.
        stem = each.relative.replace(os.sep, "-")
        if each.scene:
            stem += "-" + _plain_name(each.scene)
        target = os.path.join(arguments.output, f"{stem}.{arguments.to}")
        try:
            refuse_to_replace(target, arguments)
            report = save_picture(each.picture, target, overwrite=arguments.overwrite)
        except AicsioError as error:
            if arguments.debug:
                raise
            print_error(error, each.name)
            failed = True
            continue
        _print_written(target, report.shape, each.name)
    return int(failed)


def _plain_name(text: str) -> str:
    """Replace what file systems do not take in a name."""
    kept = [letter if letter.isalnum() or letter in "-_.# " else "_" for letter in text]
    return "".join(kept)[:80]


def _print_written(path: str, shape: tuple[int, int], shown: str) -> None:
    height, width = shape
    name = escape_controls(path)
    print(f"{name}: {width} x {height} pixels of {escape_controls(shown)}", flush=True)


def _list_sources(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """Sources, and their names within the folder that was given."""
    folder = os.path.abspath(os.path.expanduser(arguments.output))
    sources: list[tuple[str, str]] = []
    for name in arguments.files:
        sources += inputs.list_sources(
            name,
            folder,
            recursive=arguments.recursive,
            storage_options=arguments.storage_options,
        )
    if not sources:
        names = ", ".join(repr(public_url(name)) for name in arguments.files)
        raise SourceNotFoundError(f"there is no image in {names}")
    return sources


def _draw_all(
    sources: list[tuple[str, str]], size: int, arguments: argparse.Namespace
) -> Iterator[Drawn]:
    """Draw every image; one that fails is reported and yields its reason."""
    for source, relative in sources:
        name = public_url(source)
        try:
            for handle, scene in _focus(source, arguments):
                shown = f"{name} {scene!r}" if scene else name
                label = f"reading {os.path.basename(name)}"
                with Progress(label, "bands") as progress:
                    picture = thumbnail(
                        handle, size, progress=progress, **drawing_options(arguments)
                    )
                yield Drawn(shown, relative, scene, picture)
        except AicsioError as error:
            # A single image is not part of a batch: its error is that of the command.
            if arguments.debug or len(sources) == 1:
                raise
            print_error(error, name)
            yield Drawn(name, relative, "", str(error))


def _focus(source: str, arguments: argparse.Namespace) -> Iterator[tuple[ImageHandle, str]]:
    """Open an image and go to the requested scenes; yields the name of a scene if there are several."""
    handle = open_as_requested(source, arguments)
    scenes = focus_each_scene(handle, arguments)
    for scene in scenes:
        name = scene.scene.name if len(scenes) > 1 else ""
        yield pick_positions(scene, arguments.pick, None), name
