"""``write_ome_tiff``, ``write_scenes``: images as OME-TIFF, streamed, whole or not at all.

Rule kept here: this module says what is written where and in which order; the others of its folder know how. What the
file cannot say is in the report, not lost in silence.
"""

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, SupportsIndex

import attrs

from aicsio import _engine
from aicsio._checks import checked
from aicsio._version import __version__
from aicsio.errors import ArgumentTypeError, WriteError
from aicsio.records import (
    Computed,
    Diagnostic,
    Dims,
    DType,
    ImageHandle,
    PixelSize,
    Source,
    StoredPiece,
)
from aicsio.steps import select_scene, verb
from aicsio.writers import _atomic_file, target_names
from aicsio.writers._metadata import image_description, overrides
from aicsio.writers._pixels import plan, stream, tiff

if TYPE_CHECKING:
    import ome_types

__all__ = ["WriteReport", "write_ome_tiff", "write_scenes"]


@attrs.frozen
class WriteReport:
    """What was written."""

    path: str
    """Absolute path of the file."""
    nbytes: int
    """Length of the file."""
    dims: Dims
    """Letters and sizes, in the order of the file; of the first scene where there are several."""
    dtype: DType
    """Type of the pixels in the file; of the first scene where there are several."""
    bigtiff: bool
    """Whether it is BigTIFF."""
    not_kept: tuple[Diagnostic, ...]
    """What was known of the image and is not in the file; ``where`` is the scene, or its element in OME-XML."""
    levels: int = 1
    """Resolution levels in the file, the full one counted; of the first scene where there are several."""


@verb
def write_ome_tiff(
    handle: ImageHandle,
    /,
    path: str | os.PathLike[str],
    *,
    scenes: Literal["all"] | Sequence[SupportsIndex | str] | None = None,
    compression: Literal["zlib", "zstd", "lzw", "jpeg", "jpeg2000", "jpegxl"] | None = "zlib",
    compression_level: int | None = None,
    predictor: bool | Literal["auto"] = "auto",
    tile: int | tuple[int, int] | Literal["auto"] | None = "auto",
    levels: int | Literal["auto"] = 1,
    downsample: Literal["auto", "mean", "mode", "nearest"] = "auto",
    dtype: str | None = None,
    modulo: Mapping[str, str] | Literal["auto"] | None = None,
    scene_names: str | Sequence[str] | None = None,
    channel_names: Sequence[str] | None = None,
    channel_colors: Sequence[str | int | None] | None = None,
    pixel_size: PixelSize | None = None,
    time_step: float | None = None,
    acquired: str | dt.datetime | None = None,
    description: str | None = None,
    ome: "ome_types.OME | str | None" = None,
    original_metadata: bool = False,
    bigtiff: bool | Literal["auto"] = "auto",
    overwrite: bool = False,
    sync: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> WriteReport:
    """Write the pixels in focus, and what is known of them, as OME-TIFF.

    The image is streamed: memory does not grow with its size. The file appears under its name when it is complete;
    an error, a full disk or Ctrl-C leaves what was there before. The same call gives the same bytes.

    Parameters
    ----------
    handle
        An opened image with T, C, Z, Y, X, S or fewer of them, in any order. The planes keep the order of T, C and Z;
        Y, X and the samples S of a pixel go last. Left out, the call returns a step.
    path
        Path of the file. The customary suffix is ``.ome.tiff``.
    scenes
        Indices or names of the scenes to write into the one file, or ``"all"``; each as it is stored, at full
        resolution. Left out: what is in focus. For parts of several scenes see ``write_scenes``.
    compression
        ``"zlib"`` and ``"lzw"`` are read by every reader; ``"zstd"`` decodes faster and is read by tifffile, libtiff
        from 4.0.10 and Bio-Formats 7. ``None`` stores raw pixels: the fastest to write, and can be mapped to memory.
        ``"jpeg"`` is lossy and takes uint8, gray or RGB. ``"jpeg2000"`` (integers of 8 and 16 bits) is lossless
        unless ``compression_level`` says otherwise. ``"jpegxl"`` (uint8, uint16, float32) is lossless, the smallest,
        and read by tifffile and by this library.
    compression_level
        Effort of zlib (0 to 12), zstd (1 to 22) and JPEG XL (2 to 9), by default a small one; quality of JPEG (1 to
        100, default 90); quality of JPEG 2000 in decibels, such as 45, by default lossless.
    predictor
        Whether zlib, zstd and lzw store differences of neighbours. ``"auto"``: for integers (predictor 2). ``True``:
        for floats too (predictor 3), which makes smooth ones smaller, but Bio-Formats cannot read them.
    tile
        Size of tiles in pixels, or (height, width), multiples of 16. ``None`` for strips. ``"auto"``: 512 for planes
        that are compressed and larger than this, and for pyramids, else strips.
    levels
        Number of resolution levels, the full one counted; each has half the height and width of the one before,
        rounded up. ``"auto"``: until one fits into a tile. They are made while the pixels are written, whatever levels
        the source has, and are stored as SubIFDs.
    downsample
        How pixels of the smaller levels are made: ``"mean"`` of all pixels that they cover, halves rounded to even
        (where one is NaN, NaN); ``"mode"``, the most frequent of two by two, level by level, of equals the first;
        ``"nearest"``, the upper left one. ``"auto"``: the mode for bool and indexed pixels, else the mean.
    dtype
        Name of the type to convert to, such as ``"uint16"``. Integers that do not fit raise; they are not wrapped.
        Bool is stored as uint8.
    modulo
        Where dimensions that OME lacks go: ``{"H": "T"}`` folds H into T, of which it becomes the faster part, and a
        Modulo annotation tells; one each into T, C and Z. ``"auto"`` chooses. Left out, such dimensions raise, but for
        those that an OME-TIFF had folded so.
    scene_names, channel_names, channel_colors, pixel_size, time_step, acquired, description
        In place of what the source says: a name for each scene and for each channel; ``"#RRGGBB"``, ``"#RRGGBBAA"`` or
        0xRRGGBBAA for each channel; micrometres and seconds between the pixels and times that are written; date and
        time, ISO 8601; a text about the image. Of several scenes each gets them.
    ome
        A whole OME, as object of ome_types or as text, in place of what the source says: one Image for each scene, of
        the sizes that are written. The other arguments override it.
    original_metadata
        Whether to keep the metadata text of a source that is no OME-TIFF, such as the XML of a CZI, as an annotation;
        ``aicsio.writers.original_metadata`` finds it again.
    bigtiff
        ``"auto"``: BigTIFF when the file would exceed 4 GiB less 32 MiB.
    overwrite
        Whether to replace a file that is there.
    sync
        Whether to wait until the file is on the disk before it takes its name. Without, a power cut may lose it.
    workers
        Threads; by default as many as there are cores, up to 8.
    progress
        Called in this thread with the bytes of pixels done and in total.

    Returns
    -------
    WriteReport
        Path, size, and what is known of the image and not kept in the file.

    Raises
    ------
    DimensionError
        For dimensions that OME-TIFF lacks; the message shows how to pick or fold them.
    WriteError
        When the file is there, its type is none of OME's, or it cannot be written; when ``scenes`` are named and what
        is in focus was picked, transposed or taken from another level, which the scenes would not be.
    SceneError
        For a scene that is not there.
    CorruptFileError, SourceError
        When the pixels cannot be read.

    Notes
    -----
    The format: https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import open_image, write_ome_tiff
    >>> image = open_image(np.zeros((2, 64, 48), np.uint8), dims="CYX", channel_names=["DAPI", "GFP"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_ome_tiff(image, os.path.join(folder, "cells.ome.tiff"))
    >>> report.dims.order, report.bigtiff, report.not_kept
    ('TCZYX', False, ())
    """
    return write_scenes(
        _chosen(handle, scenes),
        path,
        compression=compression,
        compression_level=compression_level,
        predictor=predictor,
        tile=tile,
        levels=levels,
        downsample=downsample,
        dtype=dtype,
        modulo=modulo,
        scene_names=scene_names,
        channel_names=channel_names,
        channel_colors=channel_colors,
        pixel_size=pixel_size,
        time_step=time_step,
        acquired=acquired,
        description=description,
        ome=ome,
        original_metadata=original_metadata,
        bigtiff=bigtiff,
        overwrite=overwrite,
        sync=sync,
        workers=workers,
        progress=progress,
    )


@checked
def write_scenes(
    handles: Sequence[ImageHandle],
    /,
    path: str | os.PathLike[str],
    *,
    compression: Literal["zlib", "zstd", "lzw", "jpeg", "jpeg2000", "jpegxl"] | None = "zlib",
    compression_level: int | None = None,
    predictor: bool | Literal["auto"] = "auto",
    tile: int | tuple[int, int] | Literal["auto"] | None = "auto",
    levels: int | Literal["auto"] = 1,
    downsample: Literal["auto", "mean", "mode", "nearest"] = "auto",
    dtype: str | None = None,
    modulo: Mapping[str, str] | Literal["auto"] | None = None,
    scene_names: str | Sequence[str] | None = None,
    channel_names: Sequence[str] | None = None,
    channel_colors: Sequence[str | int | None] | None = None,
    pixel_size: PixelSize | None = None,
    time_step: float | None = None,
    acquired: str | dt.datetime | None = None,
    description: str | None = None,
    ome: "ome_types.OME | str | None" = None,
    original_metadata: bool = False,
    bigtiff: bool | Literal["auto"] = "auto",
    overwrite: bool = False,
    sync: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> WriteReport:
    """Write what several handles show as the scenes of one OME-TIFF.

    Each becomes a scene with its own dimensions, type and channels, in the order given. They may come from one file or
    from many.

    Parameters
    ----------
    handles
        Images as for ``write_ome_tiff``, as picked and transposed.
    path, compression, compression_level, predictor, tile, levels, downsample, dtype
        As for ``write_ome_tiff``.
    modulo, scene_names, channel_names, channel_colors, pixel_size, time_step, acquired, description, ome
        As for ``write_ome_tiff``.
    original_metadata, bigtiff, overwrite, sync, workers, progress
        As for ``write_ome_tiff``.

    Returns
    -------
    WriteReport
        ``dims`` and ``dtype`` are those of the first scene.

    Raises
    ------
    DimensionError, WriteError, CorruptFileError, SourceError
        As by ``write_ome_tiff``. An error in one scene leaves what was there before.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import open_image, write_scenes
    >>> images = [open_image(np.zeros((4, 5))), open_image(np.zeros((3, 6, 7), np.uint8), dims="CYX")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_scenes(images, os.path.join(folder, "both.ome.tiff"))
    ...     len(open_image(report.path).scenes)
    2
    """
    target_names.refuse_other_format(path)
    target = _atomic_file.check_target(path, overwrite=overwrite)
    _check(handles)
    options = plan.Options(
        compression, compression_level, predictor, tile, levels, downsample, dtype, modulo
    )
    said = overrides.given(
        scenes=len(handles),
        scene_names=scene_names,
        channel_names=channel_names,
        channel_colors=channel_colors,
        pixel_size=pixel_size,
        time_step=time_step,
        acquired=acquired,
        description=description,
        ome=ome,
        original_metadata=original_metadata,
    )
    jobs = [plan.planned(handles, handle, options) for handle in handles]
    for handle in handles:
        _refuse_own_source(target, handle)
    planned = [
        (
            job.array,
            job.pages.dtype.name,
            job.pages.count,
            len(job.levels),
            job.pages.color_map is not None,
        )
        for job in jobs
    ]
    text, images, lost = image_description.description(handles, planned, said, _creator())
    jobs = [plan.sized(job, image.pixel_size) for job, image in zip(jobs, images, strict=True)]
    limit = _limit(jobs, text, bigtiff)
    pages = [level for job in jobs for level in job.levels]
    with _atomic_file.replacing(target, overwrite=overwrite, sync=sync) as output:
        tables = stream.write(jobs, output, workers=workers, limit=limit, progress=progress)
        end = max(
            int((offsets + counts).max()) for levels_of in tables for offsets, counts in levels_of
        )
        bound = end + tiff.directories_bound(pages, text)
        big = bound > tiff.CLASSIC_LIMIT if bigtiff == "auto" else bigtiff
        placed = [
            list(zip(job.levels, own, strict=True)) for job, own in zip(jobs, tables, strict=True)
        ]
        nbytes = _write_directories(output, placed, text, end + -end % 8, big=big)
        output.finish(nbytes, sync=sync)
    count = len(jobs[0].levels)
    return WriteReport(target, nbytes, jobs[0].array.dims, pages[0].dtype, big, lost, count)


# ---------------------------------------------------------------- what is written


def _chosen(
    handle: ImageHandle, scenes: str | Sequence[SupportsIndex | str] | None
) -> list[ImageHandle]:
    """Put each scene that is asked for in focus.

    Raises
    ------
    SceneError
        For a scene that is not there.
    WriteError
        Where the scenes would be written otherwise than what is in focus.
    """
    if scenes is None:
        return [handle]
    if isinstance(scenes, str) and scenes != "all":
        raise ArgumentTypeError(
            f"scenes={scenes!r}: give a list, such as scenes=[{scenes!r}], or scenes='all'"
        )
    if handle.array != handle.level_array(handle.scene_index, 0):
        raise WriteError(
            f"scenes={scenes!r} are written as they are stored, but this handle shows {handle.dims} of level "
            f"{handle.level} of one scene: pass the handle as open_image gave it, or show each scene as you want it, "
            "as in write_scenes([transpose_to(select_scene(h, i), 'CYX', T=0, Z=0) for i in (0, 1)], path)"
        )
    wanted: Sequence[SupportsIndex | str] = (
        range(len(handle.scenes)) if isinstance(scenes, str) else scenes
    )
    return [select_scene(handle, scene) for scene in wanted]


def _check(handles: Sequence[object]) -> None:
    # beartype looks at one item of a sequence, not at all.
    strange = next((handle for handle in handles if not isinstance(handle, ImageHandle)), None)
    if strange is not None:
        raise ArgumentTypeError(
            f"write_scenes takes handles: open_image makes one of this {type(strange).__name__}"
        )
    if not handles:
        raise WriteError("there are no scenes to write: give at least one")


def _limit(jobs: Sequence[stream.Job], description: bytes, bigtiff: bool | str) -> int | None:
    """Return the offset that pixels must not reach in classic TIFF; raise at once where they will."""
    if bigtiff is not False:
        return None
    pages = [level for job in jobs for level in job.levels]
    limit = (1 << 32) - 1 - tiff.directories_bound(pages, description)
    if jobs[0].encode is None and tiff.raw_starts(pages)[-1] > limit:
        what = " and ".join(str(job.array.dims) for job in jobs[:3]) + (
            " and others" if len(jobs) > 3 else ""
        )
        raise WriteError(
            f"{what} do not fit into classic TIFF, which ends at 4 GiB: leave out bigtiff=False"
        )
    return limit


def _refuse_own_source(target: str, handle: ImageHandle) -> None:
    """Raise when the target is one of the files that the pixels come from."""
    if not os.path.exists(target):
        return
    sources = {handle.source}
    for piece in _engine.pieces(handle.array):
        sources.update(_sources(piece))
    for source in sources:
        if source.local and os.path.exists(source.uri) and os.path.samefile(source.uri, target):
            raise WriteError(f"{target!r} is where these pixels come from: write to another path")


def _sources(piece: StoredPiece) -> list[Source]:
    if isinstance(piece, Computed):
        return [argument for argument in piece.arguments if isinstance(argument, Source)]
    return [piece.source]


def _creator() -> str:
    return f"aicsio {__version__}"


def _write_directories(
    output: _atomic_file.Output,
    images: Sequence[Sequence[tuple[tiff.Pages, tiff.Segments]]],
    description: bytes,
    at: int,
    *,
    big: bool,
) -> int:
    """Put the directories behind the pixels, then the header before them; return the length of the file."""
    data, first = tiff.directories(images, description, at, big=big)
    output.write_at(at, data)
    output.write_at(0, tiff.header(first, big=big))
    return at + len(data)
