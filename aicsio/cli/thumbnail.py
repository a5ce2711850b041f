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
from aicsio.cli.terminal.documents import describe_error, print_document
from aicsio.cli.terminal.opening import (
    focus_each_scene,
    open_as_requested,
    pick_positions,
    refuse_to_replace,
)
from aicsio.cli.terminal.pictures import add_drawing, describe_picture, drawing_options
from aicsio.cli.terminal.standard_streams import STREAM, refuse_terminal, write_output
from aicsio.cli.terminal.text import escape_controls, print_error
from aicsio.errors import AicsioError, SourceNotFoundError, WriteError
from aicsio.pictures.drawing import thumbnail
from aicsio.pictures.sheets import contact_sheet
from aicsio.progress import ProgressBar
from aicsio.records import ImageHandle
from aicsio.writers.pictures import (
    PICTURE_FORMATS,
    PictureReport,
    encode_picture,
    save_picture,
    suffix_of,
)

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
    """uint8, shape (Y, X, 3); an ``AicsioError`` if it could not be drawn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Draw small pictures: a projection along Z, the first position of every other dimension, "
        "channels in their colours. Many images become one contact sheet, or one picture each if "
        "OUT is a folder."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="path, URL, folder or glob")
    parser.add_argument(
        "output", metavar="OUT", help=".png, .jpg or .webp file, a folder, or - for standard output"
    )
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
        help="format of the pictures in a folder, or on standard output; default: png",
    )
    parser.add_argument("--recursive", action="store_true", help="include folders in a folder")
    parser.add_argument("--overwrite", action="store_true", help="replace existing pictures")
    options.add_json(parser)
    add_drawing(parser)
    options.add_opening(parser)
    options.add_focus(parser, "index or name, or all; default: the first with pixels")


def run(arguments: argparse.Namespace) -> int:
    """Draw the pictures and write them; the exit code is 0 when all could be drawn."""
    entries: list[dict[str, Any]] = []
    if arguments.output.endswith(("/", os.sep)) or os.path.isdir(arguments.output):
        code = _run_into_folder(arguments, entries)
    else:
        code = _run_into_file(arguments, entries)
    if arguments.json:
        print_document("thumbnail", {"pictures": entries})
    return code


def _run_into_file(arguments: argparse.Namespace, entries: list[dict[str, Any]]) -> int:
    """Write one picture, or a sheet of many."""
    to_stdout = arguments.output == STREAM
    if to_stdout:
        refuse_terminal()
        _refuse_json(arguments)
    else:
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
    failed = [each for each in drawn if isinstance(each.picture, AicsioError)]
    entries += [_describe_failure(each) for each in failed]
    if len(failed) == len(drawn):
        return 1
    if len(drawn) == 1 and len(sources) == 1:
        picture = drawn[0].picture
        shown = drawn[0].name
    else:
        names = [os.path.basename(each.name) for each in drawn]
        pictures = []
        for each in drawn:
            reason = isinstance(each.picture, AicsioError)
            pictures.append(str(each.picture) if reason else each.picture)
        picture = contact_sheet(pictures, names, size, arguments.columns)
        shown = count_of(len(drawn), "image")
    if to_stdout:
        write_output(encode_picture(picture, f".{arguments.to}"))
        return int(bool(failed))
    report = save_picture(picture, arguments.output, overwrite=arguments.overwrite)
    _report_written(report, (shown, arguments.output), arguments, entries)
    return int(bool(failed))


def _refuse_json(arguments: argparse.Namespace) -> None:
    if arguments.json:
        raise WriteError("the picture goes to standard output: leave out --json, or name a file")


def _run_into_folder(arguments: argparse.Namespace, entries: list[dict[str, Any]]) -> int:
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
        if isinstance(each.picture, AicsioError):
            failed = True
            entries.append(_describe_failure(each))
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
            print_error(error, each.name, command="thumbnail")
            entries.append(_describe_failure(attrs.evolve(each, picture=error)))
            failed = True
            continue
        _report_written(report, (each.name, target), arguments, entries)
    return int(failed)


def _describe_failure(each: Drawn) -> dict[str, Any]:
    return {"file": each.name, "error": describe_error(each.picture, each.name, "thumbnail")}


def _plain_name(text: str) -> str:
    """Replace what file systems do not take in a name."""
    kept = [letter if letter.isalnum() or letter in "-_.# " else "_" for letter in text]
    return "".join(kept)[:80]


def _report_written(
    report: PictureReport,
    shown: tuple[str, str],
    arguments: argparse.Namespace,
    entries: list[dict[str, Any]],
) -> None:
    """Print the line of a picture, or add its entry; ``shown`` are the names of source and output."""
    source, target = shown
    if arguments.json:
        entries.append(describe_picture(report, source))
        return
    height, width = report.shape
    name, source = map(escape_controls, (target, source))
    print(f"{name}: {width} x {height} pixels of {source}", flush=True)


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
            pictures=True,
        )
    sources = _leave_out_own(sources)
    if not sources:
        names = ", ".join(repr(public_url(name)) for name in arguments.files)
        raise SourceNotFoundError(f"there is no image in {names}")
    return sources


def _leave_out_own(sources: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out ``a.czi.png`` beside ``a.czi``: the picture of an earlier run, not an image of its own."""
    names = {os.path.realpath(source) for source, _ in sources}
    kept = []
    for source, relative in sources:
        stem, suffix = os.path.splitext(os.path.realpath(source))
        if suffix.lower() not in PICTURE_FORMATS or stem not in names:
            kept.append((source, relative))
    return kept


def _draw_all(
    sources: list[tuple[str, str]], size: int, arguments: argparse.Namespace
) -> Iterator[Drawn]:
    """Draw every image; one that fails is reported and yields its reason."""
    for source, relative in sources:
        name = options.shown_name(source, arguments)
        try:
            for handle, scene in _focus(source, arguments):
                shown = f"{name} {scene!r}" if scene else name
                label = f"reading {os.path.basename(name)}"
                with ProgressBar(label, unit="bands") as progress:
                    picture = thumbnail(
                        handle, size, progress=progress, **drawing_options(arguments)
                    )
                yield Drawn(shown, relative, scene, picture)
        except AicsioError as error:
            # A single image is not part of a batch: its error is that of the command.
            if arguments.debug or len(sources) == 1:
                raise
            print_error(error, name, command="thumbnail")
            yield Drawn(name, relative, "", error)


def _focus(source: str, arguments: argparse.Namespace) -> Iterator[tuple[ImageHandle, str]]:
    """Open an image and go to the requested scenes; yields the name of a scene if there are several."""
    handle = open_as_requested(source, arguments)
    scenes = focus_each_scene(handle, arguments)
    for scene in scenes:
        name = scene.scene.name if len(scenes) > 1 else ""
        yield pick_positions(scene, arguments.pick, None), name
