"""``write_ome_tiff``, ``write_scenes``: images as OME-TIFF, streamed, whole or not at all.

Rule kept here: this module is the order of the steps: check, plan, describe, write pixels, write
directories, rename. The other modules of the folder do each step. Metadata that the file cannot
hold is listed in the report.
"""

import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, SupportsIndex, Unpack, overload

import attrs

from aicsio._checks import checked
from aicsio._checks.constructors import checked_record
from aicsio._checks.words import count_of
from aicsio._metadata import folding
from aicsio._version import __version__
from aicsio.errors import WriteError
from aicsio.records import Diagnostic, Dims, DType, ImageHandle
from aicsio.records.printing import drawn_in_notebooks
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb
from aicsio.writers import _atomic_file, target_names
from aicsio.writers._metadata import image_description
from aicsio.writers._metadata.overrides import parse_overrides
from aicsio.writers._pixels import directories, plan, stream, tiff
from aicsio.writers._pixels.jobs import ImageJob
from aicsio.writers._pixels.tiff_levels import with_pixel_size
from aicsio.writers.options import WriteOptions, takes_options
from aicsio.writers.sources import refuse_own_source, requested_scenes

__all__ = ["WriteReport", "write_ome_tiff", "write_scenes"]


@drawn_in_notebooks
@checked_record
@attrs.frozen
class WriteReport:
    """The file that was written, and the metadata that it cannot hold."""

    path: str
    """Absolute path of the file."""
    nbytes: int
    """Length of the file."""
    dims: Dims
    """Letters and sizes of the first scene, in the order of the file."""
    dtype: DType
    """Type of the first scene's pixels in the file."""
    bigtiff: bool
    """Whether it is BigTIFF."""
    not_kept: tuple[Diagnostic, ...]
    """Metadata of the image that is not in the file; ``where`` is the scene, or its OME-XML
    element."""
    levels: int = 1
    """Resolution levels of the first scene in the file, the full one included."""
    reader_limits: tuple[Diagnostic, ...] = ()
    """Common readers that cannot open the file, though it is legal; ``where`` is the scene."""

    def __repr__(self) -> str:
        # Texts of what is not kept may be many: they are one attribute away.
        return (
            f"<WriteReport {self.path}: {self.dims} {self.dtype}, {self.nbytes} bytes, "
            f"{count_of(self.levels, 'level')}, {len(self.not_kept)} not kept>"
        )


if TYPE_CHECKING:

    @overload
    def write_ome_tiff(
        handle: ImageHandle,
        /,
        path: str | os.PathLike[str],
        *,
        scenes: Literal["all"] | Sequence[SupportsIndex | str] | None = None,
        **options: Unpack[WriteOptions],
    ) -> WriteReport: ...
    @overload
    def write_ome_tiff(
        path: str | os.PathLike[str],
        *,
        scenes: Literal["all"] | Sequence[SupportsIndex | str] | None = None,
        **options: Unpack[WriteOptions],
    ) -> Step[WriteReport]: ...


@overloaded_verb
@takes_options
def write_ome_tiff(
    handle: ImageHandle,
    /,
    path: str | os.PathLike[str],
    *,
    scenes: Literal["all"] | Sequence[SupportsIndex | str] | None = None,
    **options: Unpack[WriteOptions],
) -> WriteReport:
    """Write the pixels in focus and their metadata as OME-TIFF.

    The image is streamed: memory does not grow with its size. The file appears under its name when
    it is complete; an error, a full disk or Ctrl-C leaves the previous file as it was. The same
    call gives the same bytes.

    Parameters
    ----------
    handle
        An opened image with T, C, Z, Y, X, S or fewer of them, in any order. The planes keep the
        order of T, C and Z; Y, X and the samples S of a pixel go last. Left out, the call returns a
        step.
    path
        Path of the file, customarily with the suffix ``.ome.tiff``. A suffix of another format
        raises.
    scenes
        Indices or names of the scenes to write into the one file, or ``"all"``; each as it is
        stored, at full resolution. By default the image in focus. For parts of several scenes see
        ``write_scenes``.
    **options
        Keys of ``aicsio.writers.WriteOptions``: ``compression``, ``compression_level``,
        ``predictor``, ``tile``, ``levels``, ``downsample``, ``dtype`` and ``modulo`` for the
        pixels; ``scene_names``, ``channel_names``, ``channel_colors``, ``pixel_size``,
        ``time_step``, ``acquired``, ``description``, ``ome`` and ``original_metadata`` for the
        metadata; ``bigtiff``, ``overwrite``, ``sync``, ``workers`` and ``progress`` for the file.

    Returns
    -------
    WriteReport
        Path, size, and the metadata of the image that the file cannot hold.

    Raises
    ------
    ArgumentTypeError
        When an option has another type than ``WriteOptions`` states, or is none of them.
    DimensionError
        When the image has dimensions that OME-TIFF lacks; the message shows how to pick or fold
        them.
    WriteError
        When the file exists, its name promises another format, OME has no such pixel type, or the
        disk refuses; when ``scenes`` are requested of a handle that shows something else than one
        stored scene.
    SceneError
        When a requested scene does not exist.
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
    return _write(requested_scenes(handle, scenes), path, options)


@checked
@takes_options
def write_scenes(
    handles: Sequence[ImageHandle],
    /,
    path: str | os.PathLike[str],
    **options: Unpack[WriteOptions],
) -> WriteReport:
    """Write what several handles show as the scenes of one OME-TIFF.

    Each becomes a scene with its own dimensions, type and channels, in the order given. They may
    come from one file or from many.

    Parameters
    ----------
    handles
        Images as for ``write_ome_tiff``, as picked and transposed.
    path
        Path of the file, as for ``write_ome_tiff``.
    **options
        Keys of ``aicsio.writers.WriteOptions``, as for ``write_ome_tiff``.

    Returns
    -------
    WriteReport
        ``dims``, ``dtype`` and ``levels`` are those of the first scene.

    Raises
    ------
    ArgumentTypeError, DimensionError, WriteError, CorruptFileError, SourceError
        As by ``write_ome_tiff``. An error in one scene leaves the previous file as it was.

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
    return _write(handles, path, options)


def _write(
    handles: Sequence[ImageHandle], path: str | os.PathLike[str], options: WriteOptions
) -> WriteReport:
    # The cheapest refusals come first: no pixel of a slow source is read for a name that cannot
    # be.
    target_names.refuse_other_format(path)
    target = _atomic_file.check_target(path, overwrite=options["overwrite"])
    if not handles:
        raise WriteError("there are no scenes to write: give at least one")
    # Everything that can be refused is refused before the file is made.
    overrides = parse_overrides(options, scene_count=len(handles))
    choices = folding.choices_by_scene(handles, options["modulo"])
    jobs = [
        plan.plan_image(handles, handle, {**options, "modulo": choice})
        for handle, choice in zip(handles, choices, strict=True)
    ]
    for handle in handles:
        refuse_own_source(target, handle)
    described = image_description.describe_images(
        handles, list(map(_planned_image, jobs)), overrides, f"aicsio {__version__}"
    )
    # The caller may have overridden the pixel size, which TIFF's resolution tags repeat.
    jobs = [
        with_pixel_size(job, image.pixel_size)
        for job, image in zip(jobs, described.images, strict=True)
    ]
    with _atomic_file.replacing(
        target, overwrite=options["overwrite"], sync=options["sync"]
    ) as output:
        nbytes, big = _write_file(output, jobs, described.text, options)
        output.finish(nbytes, sync=options["sync"])
    first = jobs[0]
    return WriteReport(
        path=target,
        nbytes=nbytes,
        dims=first.array.dims,
        dtype=first.pages.dtype,
        bigtiff=big,
        not_kept=described.not_kept,
        levels=len(first.all_levels),
        reader_limits=tuple(plan.reader_limits(handles, jobs)),
    )


def _planned_image(job: ImageJob) -> image_description.PlannedImage:
    return image_description.PlannedImage(
        array=job.array,
        type_name=job.pages.dtype.name,
        plane_count=job.pages.count,
        level_count=len(job.all_levels),
        keeps_color_map=job.pages.color_map is not None,
    )


# ---------------------------------------------------------------- the file


def _write_file(
    output: _atomic_file.Output,
    jobs: Sequence[ImageJob],
    description: bytes,
    options: WriteOptions,
) -> tuple[int, bool]:
    """Write pixels, then directories, then the header.

    Return the length, and whether it is BigTIFF.
    """
    pages = [level for job in jobs for level in job.all_levels]
    limit = _classic_limit(jobs, pages, description, options["bigtiff"])
    # Levels of the source are streamed like images, each behind its full resolution.
    streamed = [part for job in jobs for part in (job, *job.source_levels)]
    streamed_tables = stream.write_pixels(
        streamed, output, workers=options["workers"], limit=limit, progress=options["progress"]
    )
    tables = _by_image(jobs, streamed_tables)
    pixels_end = max(_segments_end(table) for image_tables in tables for table in image_tables)
    # The choice is made when the true size of compressed pixels is known.
    big = options["bigtiff"]
    if isinstance(big, str):
        big = pixels_end + directories.directories_bound(pages, description) > tiff.CLASSIC_LIMIT
    # TIFF 6.0, section 2: a directory "must begin on a word boundary"; 8 bytes suit BigTIFF's
    # offsets as well.
    directories_start = pixels_end + -pixels_end % 8
    levels_with_tables = [
        list(zip(job.all_levels, image_tables, strict=True))
        for job, image_tables in zip(jobs, tables, strict=True)
    ]
    data, first_directory = directories.build_directories(
        levels_with_tables, description, directories_start, big=big
    )
    output.write_at(directories_start, data)
    # The header is last: it has the offset of the first directory.
    output.write_at(0, tiff.header(first_directory, big=big))
    return directories_start + len(data), big


def _by_image(
    jobs: Sequence[ImageJob], tables: Sequence[Sequence[tiff.SegmentTable]]
) -> list[list[tiff.SegmentTable]]:
    """Put the tables of each image and of its levels from the source together."""
    remaining = iter(tables)
    return [
        list(itertools.chain.from_iterable(itertools.islice(remaining, 1 + len(job.source_levels))))
        for job in jobs
    ]


def _segments_end(table: tiff.SegmentTable) -> int:
    offsets, counts = table
    return int((offsets + counts).max())


def _classic_limit(
    jobs: Sequence[ImageJob],
    pages: Sequence[tiff.Pages],
    description: bytes,
    bigtiff: bool | str,
) -> int | None:
    """Return the offset that pixels must not reach in classic TIFF.

    ``None`` where BigTIFF is allowed.

    Raises
    ------
    WriteError
        When raw pixels, whose size is known in advance, will reach it.
    """
    if bigtiff is not False:
        return None
    # Offsets of classic TIFF have 32 bits, and the directories lie behind the pixels.
    limit = (1 << 32) - 1 - directories.directories_bound(pages, description)
    # Sizes of compressed segments are not known before they are made; the limit stops the writing
    # then.
    if jobs[0].encode is None and tiff.raw_starts(pages)[-1] > limit:
        shown = " and ".join(str(job.array.dims) for job in jobs[:3])
        if len(jobs) > 3:
            shown += " and others"
        raise WriteError(
            f"{shown} do not fit into classic TIFF, which ends at 4 GiB: leave out bigtiff=False"
        )
    return limit
