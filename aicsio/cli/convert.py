"""``aicsio convert``: scenes, or parts of them, as OME-TIFF or OME-Zarr; one image or many.

Rule kept here: this module chooses between one image, the standard output and a batch; it neither
opens nor writes.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aicsio.cli.batch import inputs, run_batch
from aicsio.cli.batch.conversion import ConversionJob, ConversionResult, convert_or_raise
from aicsio.cli.batch.outcomes import BatchResult, describe_written
from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import refuse_to_replace
from aicsio.cli.terminal.standard_streams import STREAM, output_file
from aicsio.cli.terminal.text import escape_controls
from aicsio.errors import WriteError
from aicsio.joining import file_names
from aicsio.progress import ProgressBar
from aicsio.writers import target_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Write a scene of an image, all scenes, or parts of them, as OME-TIFF or OME-Zarr; "
        "or all images of a folder."
    )
    parser.epilog = "A second run with the same folder for OUT skips finished images."
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="path, URL, folder, glob, or a pattern such as 'img_t{T}_c{C}.tif' "
        "for many files of one image",
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        help="file.ome.tiff, image.ome.zarr, a folder for many images, or - (standard output)",
    )
    options.add_opening(parser)
    options.add_focus(parser, "index or name, or all; default: the first with pixels")
    _add_part(parser.add_argument_group("part"))
    _add_storage(parser.add_argument_group("storage"))
    _add_zarr(parser.add_argument_group("OME-Zarr"))
    _add_metadata(parser.add_argument_group("metadata"))
    _add_files(parser.add_argument_group("files"))
    options.add_json(parser)


def _add_part(group: Any) -> None:
    group.add_argument(
        "--crop",
        type=options.crop,
        metavar="Y0:Y1,X0:X1",
        help="rows and columns of the level that is written",
    )
    group.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="C",
        help="name or index of a channel; once for each, in the order of the output",
    )
    group.add_argument(
        "--order", help="dimensions to write, in the order of the planes, such as TCZYX"
    )
    group.add_argument(
        "--modulo",
        type=options.modulo,
        metavar="H=T",
        help="fold a dimension that OME lacks into T, C or Z; or auto",
    )


def _add_storage(group: Any) -> None:
    options.add_choice(
        group,
        "--compression",
        options.COMPRESSIONS,
        default=None,
        help="default: zlib for OME-TIFF, blosc for OME-Zarr, which also has lz4, zstd and gzip",
    )
    group.add_argument(
        "--compression-level",
        type=int,
        metavar="N",
        help="effort or quality; see the docs of the writer",
    )
    group.add_argument(
        "--tile",
        type=options.tile,
        default="auto",
        metavar="N|HxW|none",
        help="size of tiles, or strips; default: auto",
    )
    group.add_argument(
        "--pyramid",
        type=options.levels,
        metavar="N|auto|source",
        help="resolution levels to make, or those of the source as they are; "
        "default: 1 for OME-TIFF, auto for OME-Zarr",
    )
    options.add_choice(
        group,
        "--downsample",
        options.DOWNSAMPLES,
        default="auto",
        help="how smaller levels are made",
    )
    group.add_argument(
        "--dtype", help="type to convert to, such as uint16; values that do not fit are an error"
    )
    options.add_choice(
        group, "--bigtiff", options.BIGTIFF, default="auto", help="default: auto, by size"
    )
    group.add_argument(
        "--no-sync",
        action="store_true",
        help="do not wait for the disk; a power cut may lose a file",
    )


def _add_zarr(group: Any) -> None:
    group.add_argument(
        "--chunks",
        type=options.sizes,
        default="auto",
        metavar="N|HxW|Z=N,Y=N,X=N",
        help="pixels that a reader decodes at once; default: 512x512 of a plane",
    )
    group.add_argument(
        "--shards",
        type=options.sizes,
        default="auto",
        metavar="N|HxW|Z=N,...|none",
        help="pixels of a file, multiples of a chunk; default: auto, up to 16 MiB",
    )
    options.add_choice(
        group, "--zarr-version", options.ZARR_VERSIONS, default="0.5", help="default: 0.5"
    )


def _add_metadata(group: Any) -> None:
    group.add_argument(
        "--scene-name", action="append", metavar="NAME", help="name of a scene; once for each"
    )
    group.add_argument(
        "--channel-names",
        type=options.names,
        metavar="A,B",
        help="names of the channels that are written",
    )
    group.add_argument(
        "--channel-colors", type=options.names, metavar="#RRGGBB,...", help="their colours"
    )
    group.add_argument(
        "--pixel-size", type=options.pixel_size, metavar="Z=1,Y=0.5,X=0.5", help="in micrometres"
    )
    group.add_argument("--time-step", type=float, metavar="SECONDS")
    group.add_argument("--description", metavar="TEXT")
    group.add_argument(
        "--original-metadata", action="store_true", help="keep the source's own metadata text"
    )


def _add_files(group: Any) -> None:
    group.add_argument(
        "--along",
        type=options.letter,
        metavar="LETTER",
        help="join all inputs along this letter into one image",
    )
    options.add_choice(
        group,
        "--missing",
        options.MISSING,
        default="error",
        help="missing files of a pattern: an error, zeros, or gaps that are closed",
    )
    options.add_choice(
        group,
        "--to",
        options.FORMATS,
        default=None,
        help="format of many images and of standard output; else the name of OUT decides",
    )
    group.add_argument(
        "--verify", action="store_true", help="read each image back and compare every plane"
    )
    group.add_argument("--recursive", action="store_true", help="include the folders in a folder")
    # Workers of a cluster are processes already.
    place = group.add_mutually_exclusive_group()
    place.add_argument(
        "--jobs",
        type=options.positive,
        default=1,
        metavar="N",
        help="files at once, each in its own process",
    )
    place.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="convert on the dask cluster of this scheduler, such as tcp://host:8786",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="list the files that would be written"
    )
    group.add_argument(
        "--update", action="store_true", help="redo files whose source or options changed"
    )
    group.add_argument("--overwrite", action="store_true", help="replace existing files")


def run(arguments: argparse.Namespace) -> int:
    """Convert one image or a batch, and print a line for each."""
    if arguments.output == STREAM:
        return _run_to_stream(arguments)
    # --along makes one image of all inputs, so OUT is a file even for many of them.
    if arguments.along is None and inputs.is_batch(arguments.inputs, arguments.output):
        _refuse_folder_name(arguments.output)
        return run_batch(arguments)
    source = _single_source(arguments)
    # One image has no parts that a cluster could share; each image of a batch is one task.
    if arguments.scheduler is not None:
        folder = os.path.join(os.path.dirname(arguments.output) or os.curdir, "")
        raise WriteError(
            f"--scheduler converts many files: name a folder for OUT, such as {folder!r}"
        )
    # Before the source is opened: a slow server should not be asked in vain.
    refuse_other_format(arguments.output, arguments.to)
    refuse_to_replace(arguments.output, arguments)
    shown = options.shown_name(arguments.inputs[0], arguments)
    outcome = BatchResult(as_json=arguments.json)
    if arguments.dry_run:
        planned = ConversionResult(os.path.abspath(arguments.output), "")
        line = f"{escape_controls(arguments.output)}: would be written"
        outcome.add(line, describe_written(planned, shown, "would be written"))
        outcome.end_single()
        return 0
    job = ConversionJob(source, arguments.output, arguments, overwrite=arguments.overwrite)
    with ProgressBar(f"writing {os.path.basename(arguments.output)}") as progress:
        result = convert_or_raise(job, progress)
    # stdout has the result, stderr the losses: a script reads one and a user sees both.
    outcome.add(result.summary, describe_written(result, shown, "written"))
    outcome.end_single()
    _print_losses(result)
    return 0


def _run_to_stream(arguments: argparse.Namespace) -> int:
    """Convert one image to the standard output.

    The writers of TIFF and zip go back to fill in offsets and sizes, and a pipe cannot: the image
    is first a temporary file.
    """
    for flag, given in (
        ("--json", arguments.json),
        ("--dry-run", arguments.dry_run),
        ("--update", arguments.update),
        ("--scheduler", arguments.scheduler),
    ):
        if given:
            raise WriteError(f"the image goes to standard output: leave out {flag}, or name a file")
    if arguments.along is None and inputs.is_batch(arguments.inputs, "one.ome.tiff"):
        raise WriteError(
            "the standard output takes one image: name one file, or join the files by --along T"
        )
    suffix = ".ozx" if arguments.to == "ome-zarr" else ".ome.tiff"
    # Nobody needs the temporary file after a power cut.
    arguments.no_sync = True
    with output_file(suffix) as path:
        job = ConversionJob(_single_source(arguments), path, arguments)
        with ProgressBar("writing the standard output") as progress:
            result = convert_or_raise(job, progress)
        _print_losses(result)
    return 0


def _single_source(arguments: argparse.Namespace) -> str | tuple[str, ...]:
    """Return the one input, or all files that become one image."""
    if arguments.along is not None or len(arguments.inputs) > 1:
        return _expand_inputs(arguments.inputs, arguments.storage_options)
    name: str = arguments.inputs[0]
    return name


def _print_losses(result: ConversionResult) -> None:
    for loss in result.not_kept:
        print(f"aicsio: not kept: {escape_controls(loss)}", file=sys.stderr)
    if result.not_written:
        print(f"aicsio: {result.not_written}", file=sys.stderr)


def refuse_other_format(path: str, requested: str | None = None) -> None:
    """Raise when a name promises another format than OME-TIFF and OME-Zarr, or than ``--to``.

    Raises
    ------
    WriteError
        When it does; the message gives a name that works.
    """
    if target_names.names_zarr(path):
        if requested == "ome-tiff":
            raise WriteError(f"{path!r} names an OME-Zarr: leave out --to, or give another name")
        return
    if requested == "ome-zarr":
        raise WriteError(
            f"{path!r} names no OME-Zarr: give a name such as 'image.ome.zarr', or a folder"
        )
    other = target_names.other_format_of(path)
    if other is not None:
        zarr_name = other.tiff_name.removesuffix(".tiff") + ".zarr"
        raise WriteError(
            f"{path!r} names {other.format} ({other.suffix}), but convert writes OME-TIFF and "
            f"OME-Zarr: give a name such as {other.tiff_name!r} or {zarr_name!r}"
        )
    stem, suffix = os.path.splitext(path)
    # Here the name alone chooses the format: one that chooses none is most often a slip.
    if suffix and requested is None and not target_names.names_tiff(path):
        tiff_suffixes = ", ".join(f".{each}" for each in target_names.TIFF_SUFFIXES)
        raise WriteError(
            f"{path!r} has an unknown suffix, {suffix}: OME-TIFF has {tiff_suffixes}, "
            f"OME-Zarr .zarr, .ozx and .zarr.zip; give a name such as {stem + '.ome.tiff'!r}, "
            "or --to ome-tiff for an OME-TIFF under this name"
        )


def _refuse_folder_name(path: str) -> None:
    """Raise when the folder for many images has a name that promises a file, or a Zarr."""
    # "out.png/" and an existing "out.png" are folders without doubt; a Zarr is a folder by itself.
    is_folder = path.endswith(("/", os.sep)) or os.path.isdir(path)
    other = target_names.other_format_of(path)
    if other is None:
        if target_names.names_tiff(path) and not is_folder:
            raise WriteError(
                f"{path!r} names one TIFF, but OUT must be a folder for many files: give a name "
                "without a suffix, or join the files by --along T"
            )
        return
    if not is_folder or other.suffix.lower() in {".zarr", ".n5"}:
        raise WriteError(
            f"{path!r} names {other.format} ({other.suffix}), but OUT must be a folder for many "
            f"files: give a name without {other.suffix}"
        )


def _expand_inputs(
    names: Sequence[str], storage_options: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """Replace each glob by the files that it matches."""
    paths: list[str] = []
    for name in names:
        if file_names.is_glob(name):
            paths += file_names.find_files(name, storage_options)
        else:
            paths.append(name)
    return tuple(paths)
