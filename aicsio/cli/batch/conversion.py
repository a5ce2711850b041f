"""One image converted, start to end, in whatever process it is done.

Rule kept here: nothing is printed; what became of it is in the outcome, which travels between processes.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from aicsio.cli.terminal.opening import focused_scenes, opened, picked
from aicsio.cli.terminal.options import BIGTIFF
from aicsio.cli.terminal.text import plain, seconds_of, size_of
from aicsio.errors import AicsioError, SceneError, WriteError
from aicsio.joining import file_names
from aicsio.records import ImageHandle, PixelSize


@attrs.frozen(eq=False)
class Work:
    """One image to convert, with all that a process needs to know. Not a record: it lives for one run."""

    source: str | tuple[str, ...]
    """Path, URL, pattern, or files to join."""
    target: str
    """Absolute path."""
    arguments: argparse.Namespace
    """Options of the command."""
    name: str = ""
    """As the user called the source."""
    overwrite: bool = False
    """Whether what is there is replaced."""
    began: int | None = None
    """A target that is younger was written by an attempt of this run; ``None`` where there is but one attempt."""
    workers: int | None = None
    """Threads."""


@attrs.frozen(eq=False)
class Outcome:
    """What became of one image. Not a record: it lives for one run."""

    target: str
    """Where it was to go."""
    told: str
    """What was written; empty for nothing."""
    nbytes: int = 0
    """Of the file."""
    pixels: int = 0
    """Bytes of pixels."""
    not_kept: tuple[str, ...] = ()
    """What was known and is not in the file."""
    left: str = ""
    """What was left in the source."""
    error: AicsioError | None = None
    """What went wrong."""


def convert(work: Work, progress: Callable[[int, int], object] | None = None) -> Outcome:
    """Convert an image; what goes wrong is in the outcome.

    A bug of ours, or of a library, is told like any other trouble: the other images of a batch are not its concern.
    """
    try:
        os.makedirs(os.path.dirname(work.target), exist_ok=True)
        return converted(work, progress)
    except AicsioError as error:
        if work.arguments.debug:
            raise
        return Outcome(work.target, "", error=error)
    except Exception as error:
        if work.arguments.debug:
            raise
        return Outcome(
            work.target,
            "",
            error=AicsioError(f"{type(error).__name__}: {error} (--debug shows where)"),
        )


def converted(work: Work, progress: Callable[[int, int], object] | None) -> Outcome:
    """Convert an image.

    Raises
    ------
    AicsioError
    """
    from aicsio.writers import write_scenes

    if work.began is not None and _is_written(work.target, work.began):
        size = os.stat(work.target).st_size
        return Outcome(
            work.target,
            f"{plain(work.target)}: {size_of(size)}, by an attempt that could not tell",
            size,
        )
    arguments = work.arguments
    handle = _opened(work)
    parts = [_part(scene, arguments) for scene in focused_scenes(handle, arguments)]
    start = time.perf_counter()
    options = writer_options(arguments)
    report = write_scenes(
        parts,
        work.target,
        overwrite=work.overwrite,
        workers=work.workers,
        progress=progress,
        **options,
    )
    elapsed = time.perf_counter() - start
    pixels = sum(part.nbytes for part in parts)
    what = (
        f"{report.dims}, {report.dtype}"
        if len(parts) == 1
        else f"{len(parts)} scenes, the first {report.dims}"
    )
    told = (
        f"{plain(work.target)}: {what}, {size_of(report.nbytes)} "
        f"for {size_of(pixels)} of pixels, {seconds_of(elapsed)} ({size_of(int(pixels / elapsed))}/s)"
    )
    several = len(parts) > 1
    not_kept = tuple(
        (f"{note.where}: " if note.where and several else "") + note.message
        for note in report.not_kept
    )
    return Outcome(work.target, told, report.nbytes, pixels, not_kept, _left(handle, parts))


def _is_written(target: str, began: int) -> bool:
    try:
        return os.stat(target).st_mtime_ns >= began
    except FileNotFoundError:
        return False


def _opened(work: Work) -> ImageHandle:
    """Open one file, or many as one image."""
    arguments, source = work.arguments, work.source
    if isinstance(source, str) and not file_names.is_pattern(source):
        return opened(source, arguments)
    from aicsio.joining import open_many

    return open_many(
        source,
        along=arguments.along or "T",
        format=arguments.format,
        dims=arguments.dims,
        mosaic=arguments.mosaic,
        storage_options=arguments.storage_options,
    )


def _part(handle: ImageHandle, arguments: argparse.Namespace) -> ImageHandle:
    """Go to the positions that the options name."""
    picks = [*arguments.pick, *(arguments.crop or [])]
    if arguments.channel:
        picks.append(("C", tuple(_channel(handle, name) for name in arguments.channel)))
    twice = sorted(
        {letter for letter, _ in picks if sum(letter == other for other, _ in picks) > 1}
    )
    if twice and (arguments.crop or arguments.channel):
        raise WriteError(
            f"{', '.join(twice)} is picked twice: by --pick and by --crop or --channel"
        )
    return picked(handle, picks, arguments.order)


def _channel(handle: ImageHandle, name: str) -> int:
    found = [index for index, channel in enumerate(handle.channel_names) if channel == name]
    if len(found) == 1:
        return found[0]
    if name.isascii() and name.isdigit() and not found:
        return int(name)
    many = f"is the name of channels {found}" if found else "is no channel"
    there = ", ".join(f"{index}: {channel!r}" for index, channel in enumerate(handle.channel_names))
    raise SceneError(f"{name!r} {many} of {handle.source.uri}; there are {there}")


def _left(handle: ImageHandle, parts: Sequence[ImageHandle]) -> str:
    others = len(handle.scenes) - len(parts)
    if not others:
        return ""
    name = plain(parts[0].scene.name)
    return f"scene {parts[0].scene_index} ({name!r}) was written; {others} more with --scene, or --scene all"


def writer_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the writer that the arguments name."""
    size = arguments.pixel_size
    return {
        "compression": None if arguments.compression == "none" else arguments.compression,
        "compression_level": arguments.compression_level,
        "tile": arguments.tile,
        "levels": arguments.pyramid,
        "downsample": arguments.downsample,
        "dtype": arguments.dtype,
        "modulo": arguments.modulo,
        "scene_names": arguments.scene_name,
        "channel_names": arguments.channel_names,
        "channel_colors": arguments.channel_colors,
        "pixel_size": None if size is None else PixelSize(**size),
        "time_step": arguments.time_step,
        "description": arguments.description,
        "original_metadata": arguments.original_metadata,
        "bigtiff": BIGTIFF[arguments.bigtiff],
        "sync": not arguments.no_sync,
    }
