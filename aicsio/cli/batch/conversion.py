"""Conversion of one image, start to end, in any process.

Rule kept here: nothing is printed; the result travels between processes.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from aicsio.cli.terminal.opening import (
    focus_each_scene,
    open_as_requested,
    opening_options,
    pick_positions,
)
from aicsio.cli.terminal.options import BIGTIFF
from aicsio.cli.terminal.text import escape_controls, format_seconds, format_size
from aicsio.cli.terminal.wording import speak_options
from aicsio.errors import AicsioError, DimensionError, SceneError, WriteError
from aicsio.joining import file_names
from aicsio.records import Diagnostic, ImageHandle, PixelSize
from aicsio.writers import WriteReport, ZarrReport, write_ome_zarr, write_scenes
from aicsio.writers.options import WriteOptions
from aicsio.writers.target_names import names_zarr
from aicsio.writers.zarr_options import ZarrOptions


@attrs.frozen(eq=False)
class ConversionJob:
    """One image to convert, for any process. Not a record: it lives for one run."""

    source: str | tuple[str, ...]
    """Path, URL, pattern, or files to join."""
    target: str
    """Absolute path."""
    arguments: argparse.Namespace
    """Options of the command."""
    name: str = ""
    """Source as the user wrote it."""
    overwrite: bool = False
    """Whether an existing target is replaced."""
    began: int | None = None
    """Nanoseconds; a younger target comes from a lost attempt of this run. ``None`` for a single try."""
    workers: int | None = None
    """Threads; ``None`` for one a core."""


@attrs.frozen(eq=False)
class ConversionResult:
    """Success or failure of one image. Not a record: it lives for one run."""

    target: str
    """Absolute path."""
    summary: str
    """One line about the written file; empty if none was written."""
    nbytes: int = 0
    """Size of the file."""
    pixels: int = 0
    """Bytes of pixels."""
    not_kept: tuple[str, ...] = ()
    """Metadata of the source that is not in the file."""
    not_written: str = ""
    """One line about scenes that were not written; empty if all were."""
    error: AicsioError | None = None
    """Reason of a failure; ``None`` after success."""


def convert(
    job: ConversionJob, progress: Callable[[int, int], object] | None = None
) -> ConversionResult:
    """Convert an image; a failure is in the result.

    A bug, in aicsio or in a library, is reported like any other failure, so that the other images of
    a batch are converted.
    """
    try:
        os.makedirs(os.path.dirname(job.target), exist_ok=True)
        return convert_or_raise(job, progress)
    except AicsioError as error:
        if job.arguments.debug:
            raise
        return ConversionResult(job.target, "", error=error)
    # Any exception: decoders are C libraries with errors of their own.
    except Exception as error:
        if job.arguments.debug:
            raise
        wrapped = AicsioError(f"{type(error).__name__}: {error} (--debug shows where)")
        return ConversionResult(job.target, "", error=wrapped)


def convert_or_raise(
    job: ConversionJob, progress: Callable[[int, int], object] | None
) -> ConversionResult:
    """Convert an image.

    Raises
    ------
    AicsioError
        When the source cannot be read, a part does not exist, or the target cannot be written.
    """
    if job.began is not None and _was_written_since(job.target, job.began):
        return _describe_lost_attempt(job.target)
    arguments = job.arguments
    handle, focus = _open_source(job)
    parts = [_select_part(scene, arguments) for scene in focus_each_scene(handle, focus)]
    # Only the writing is timed; opening a file on a server depends on the network.
    start = time.perf_counter()
    report = _write(parts, job, progress)
    elapsed = time.perf_counter() - start
    verified = ""
    if arguments.verify:
        from aicsio.cli.batch.read_back import verify_target

        verified = ", " + verify_target(parts, job.target, lossy=is_lossy(arguments))
    pixels = sum(part.nbytes for part in parts)
    content = f"{report.dims}, {report.dtype}"
    if len(parts) > 1:
        content = f"{len(parts)} scenes, the first {report.dims}"
    sizes = f"{format_size(report.nbytes)} for {format_size(pixels)} of pixels"
    speed = f"{format_seconds(elapsed)} ({format_size(int(pixels / elapsed))}/s)"
    return ConversionResult(
        job.target,
        f"{escape_controls(job.target)}: {content}, {sizes}, {speed}{verified}",
        report.nbytes,
        pixels,
        _describe_losses(report.not_kept, with_scene=len(parts) > 1),
        _describe_other_scenes(handle, parts),
    )


def _write(
    parts: Sequence[ImageHandle],
    job: ConversionJob,
    progress: Callable[[int, int], object] | None,
) -> WriteReport | ZarrReport:
    """Write the format that the name of the target names."""
    if names_zarr(job.target):
        zarr = zarr_options(job.arguments)
        zarr |= {"overwrite": job.overwrite, "workers": job.workers, "progress": progress}
        return write_ome_zarr(parts, job.target, **zarr)
    options = writer_options(job.arguments)
    options |= {"overwrite": job.overwrite, "workers": job.workers, "progress": progress}
    return write_scenes(parts, job.target, **options)


def _was_written_since(target: str, began: int) -> bool:
    try:
        return os.stat(target).st_mtime_ns >= began
    except FileNotFoundError:
        return False


def _describe_lost_attempt(target: str) -> ConversionResult:
    """Result for a file that a worker wrote before the scheduler lost its answer."""
    size = os.stat(target).st_size
    summary = f"{escape_controls(target)}: {format_size(size)}, by an attempt whose report was lost"
    return ConversionResult(target, summary, size)


def _describe_losses(losses: Sequence[Diagnostic], *, with_scene: bool) -> tuple[str, ...]:
    lines = []
    for loss in losses:
        prefix = f"{loss.where}: " if loss.where and with_scene else ""
        lines.append(prefix + speak_options(loss.message))
    return tuple(lines)


def _open_source(job: ConversionJob) -> tuple[ImageHandle, argparse.Namespace]:
    """Open one file, or many as one image; returns the options that still choose a scene and level."""
    arguments, source = job.arguments, job.source
    if isinstance(source, str) and not file_names.is_pattern(source):
        return open_as_requested(source, arguments), arguments
    from aicsio.joining import open_many

    # One scene of each file is joined: the files may differ in their number of scenes.
    scene: int | str | None = None
    if arguments.scene not in {None, "all"}:
        scene = _index_or_name(arguments.scene)
    handle = open_many(
        source,
        scene=scene,
        along=arguments.along or "T",
        missing=arguments.missing,
        **opening_options(arguments),
    )
    if scene is None:
        return handle, arguments
    return handle, argparse.Namespace(**{**vars(arguments), "scene": None})


def _index_or_name(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _select_part(handle: ImageHandle, arguments: argparse.Namespace) -> ImageHandle:
    """Pick the positions of ``--pick``, ``--crop`` and ``--channel``."""
    picks = [*arguments.pick, *(arguments.crop or [])]
    if arguments.channel:
        channels = tuple(_channel_index(handle, name) for name in arguments.channel)
        picks.append(("C", channels))
    letters = [letter for letter, _ in picks]
    repeated = sorted({letter for letter in letters if letters.count(letter) > 1})
    if repeated:
        raise DimensionError(
            f"{', '.join(repeated)} is picked twice: give --pick once for each dimension, such as "
            "C=0,2, and not beside --crop (Y, X) or --channel (C)"
        )
    return pick_positions(handle, picks, arguments.order)


def _channel_index(handle: ImageHandle, name: str) -> int:
    """Index of a channel by its name, or by its number if no channel has that name."""
    names = handle.channel_names
    indices = [index for index, channel in enumerate(names) if channel == name]
    if len(indices) == 1:
        return indices[0]
    # A channel called "1" is preferred to the channel of index 1.
    if not indices and name.isascii() and name.isdigit():
        return int(name)
    present = ", ".join(f"{index}: {channel!r}" for index, channel in enumerate(names))
    if indices:
        raise SceneError(
            f"channels {indices} of {handle.source.uri} are all called {name!r}: "
            f"choose by number from {present}"
        )
    raise SceneError(f"no channel of {handle.source.uri} is called {name!r}: there are {present}")


def _describe_other_scenes(handle: ImageHandle, parts: Sequence[ImageHandle]) -> str:
    others = len(handle.scenes) - len(parts)
    if not others:
        return ""
    index, name = parts[0].scene_index, escape_controls(parts[0].scene.name)
    return f"scene {index} ({name!r}) was written; {others} more with --scene, or --scene all"


def is_lossy(arguments: argparse.Namespace) -> bool:
    """Whether the compression changes pixels."""
    name, level = arguments.compression, arguments.compression_level
    return name == "jpeg" or (name == "jpeg2000" and level is not None)


def _pixel_size(arguments: argparse.Namespace) -> PixelSize | None:
    return None if arguments.pixel_size is None else PixelSize(**arguments.pixel_size)


def zarr_options(arguments: argparse.Namespace) -> ZarrOptions:
    """Options of the writer of OME-Zarr that the arguments name.

    Raises
    ------
    WriteError
        When an option is one of OME-TIFF alone.
    """
    for flag, value, usual in (
        ("--tile", arguments.tile, "auto"),
        ("--modulo", arguments.modulo, None),
        ("--bigtiff", arguments.bigtiff, "auto"),
    ):
        if value != usual:
            raise WriteError(f"{flag} is for OME-TIFF: leave it out, or name a file.ome.tiff")
    compression: Any = arguments.compression or "blosc"
    if compression not in {"blosc", "lz4", "zstd", "gzip", "none"}:
        raise WriteError(
            f"--compression {compression} is for OME-TIFF: OME-Zarr has blosc, lz4, zstd and gzip"
        )
    return {
        "compression": None if compression == "none" else compression,
        "compression_level": arguments.compression_level,
        "chunks": "auto" if arguments.chunks is None else arguments.chunks,
        "shards": arguments.shards,
        "version": arguments.zarr_version,
        "levels": arguments.pyramid or "auto",
        "downsample": arguments.downsample,
        "dtype": arguments.dtype,
        "scene_names": arguments.scene_name,
        "channel_names": arguments.channel_names,
        "channel_colors": arguments.channel_colors,
        "pixel_size": _pixel_size(arguments),
        "time_step": arguments.time_step,
        "description": arguments.description,
        "original_metadata": arguments.original_metadata,
        "storage_options": arguments.storage_options,
        "sync": not arguments.no_sync,
    }


def writer_options(arguments: argparse.Namespace) -> WriteOptions:
    """Options of the writer of OME-TIFF that the arguments name.

    Raises
    ------
    WriteError
        When an option is one of OME-Zarr alone.
    """
    for flag, value, usual in (
        ("--chunks", arguments.chunks, "auto"),
        ("--shards", arguments.shards, "auto"),
        ("--zarr-version", arguments.zarr_version, "0.5"),
    ):
        if value != usual:
            raise WriteError(f"{flag} is for OME-Zarr: leave it out, or name an image.ome.zarr")
    compression: Any = arguments.compression or "zlib"
    if compression in {"blosc", "lz4", "gzip"}:
        raise WriteError(f"--compression {compression} is for OME-Zarr: OME-TIFF has zlib and zstd")
    return {
        "compression": None if compression == "none" else compression,
        "compression_level": arguments.compression_level,
        "tile": arguments.tile,
        "levels": arguments.pyramid or 1,
        "downsample": arguments.downsample,
        "dtype": arguments.dtype,
        "modulo": arguments.modulo,
        "scene_names": arguments.scene_name,
        "channel_names": arguments.channel_names,
        "channel_colors": arguments.channel_colors,
        "pixel_size": _pixel_size(arguments),
        "time_step": arguments.time_step,
        "description": arguments.description,
        "original_metadata": arguments.original_metadata,
        "bigtiff": BIGTIFF[arguments.bigtiff],
        "sync": not arguments.no_sync,
    }
