"""``write_ome_zarr``: images as OME-Zarr, with levels, whole or not at all.

Rule kept here: this module is the order of the steps: check, plan, describe, write arrays, write
documents, take the name. The modules of ``_zarr`` do each step. Metadata that the store cannot hold
is listed in the report.
"""

import inspect
import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Literal, SupportsIndex, Unpack, cast, overload

import attrs

from aicsio._checks import checked
from aicsio._checks.constructors import checked_record
from aicsio._checks.words import count_of
from aicsio._ome import builder
from aicsio._ome.ngff import ContrastWindow
from aicsio._tracebacks import short_traceback
from aicsio._version import __version__
from aicsio.arrays.tokens import token
from aicsio.errors import AicsioError, ArgumentTypeError, WriteError
from aicsio.records import Diagnostic, Dims, DType, ImageHandle
from aicsio.records.printing import drawn_in_notebooks
from aicsio.steps import Step, verb
from aicsio.writers._metadata import image_description
from aicsio.writers._metadata.overrides import parse_overrides
from aicsio.writers._pixels.boxes import is_held
from aicsio.writers._pixels.plan import in_file_order
from aicsio.writers._zarr import multiscales, stream
from aicsio.writers._zarr.documents import StoreContents, StoredImage, documents
from aicsio.writers._zarr.plan import ImagePlan, has_samples, losses, plan_image, plan_labels
from aicsio.writers._zarr.targets import open_target
from aicsio.writers._zarr.windows import channel_windows
from aicsio.writers.options import with_options
from aicsio.writers.sources import requested_scenes
from aicsio.writers.zarr_options import ZARR_DEFAULTS, ZarrOptions

__all__ = ["ZarrReport", "write_ome_zarr"]

Scenes = Literal["all"] | Sequence[SupportsIndex | str] | None


@drawn_in_notebooks
@checked_record
@attrs.frozen
class ZarrReport:
    """The store that was written, and the metadata that it cannot hold."""

    path: str
    """Absolute path, or the URL without secrets."""
    nbytes: int
    """Bytes of all files of the store."""
    dims: Dims
    """Letters and sizes of the first image, in the order of the store."""
    dtype: DType
    """Type of the first image's pixels in the store."""
    levels: int
    """Resolution levels of the first image, the full one included."""
    chunks: tuple[int, ...]
    """Size of a chunk of its full resolution, per axis."""
    shards: tuple[int, ...] | None
    """Size of a shard of its full resolution, per axis; ``None`` where each chunk is a file."""
    not_kept: tuple[Diagnostic, ...]
    """Metadata of the images that is not in the store; ``where`` is the scene, or its OME-XML
    element."""
    version: str = "0.5"
    """Version of OME-Zarr."""

    def __repr__(self) -> str:
        return (
            f"<ZarrReport {self.path}: {self.dims} {self.dtype}, {self.nbytes} bytes, "
            f"{count_of(self.levels, 'level')}, {len(self.not_kept)} not kept>"
        )


def _takes_zarr_options(function: Callable[..., ZarrReport]) -> Callable[..., ZarrReport]:
    return with_options(function, ZarrOptions.__annotations__, cast("Any", ZARR_DEFAULTS))


@overload
def write_ome_zarr(
    handle: ImageHandle | Sequence[ImageHandle],
    /,
    target: str | os.PathLike[str],
    *,
    scenes: Scenes = None,
    **options: Unpack[ZarrOptions],
) -> ZarrReport: ...
@overload
def write_ome_zarr(
    target: str | os.PathLike[str],
    /,
    *,
    scenes: Scenes = None,
    **options: Unpack[ZarrOptions],
) -> Step[ZarrReport]: ...
@short_traceback(AicsioError)
def write_ome_zarr(*args: Any, **kwargs: Any) -> ZarrReport | Step[ZarrReport]:
    """Write the pixels in focus and their metadata as OME-Zarr, with resolution levels.

    The image is streamed: memory does not grow with its size. Smaller levels are made in the same
    pass. A store in a folder takes its name when it is complete; an error or a killed process
    leaves the previous store as it was, and the same call goes on where it ended.

    Parameters
    ----------
    handle
        An opened image with T, C, Z, Y, X, S or fewer of them, in any order, or a list of such
        images, which become the images of one store. The axes are stored in the order T, C, Z, Y,
        X; samples S of a pixel become channels. Left out, the call returns a step.
    target
        Path of a folder, customarily with the suffix ``.ome.zarr``; of an archive, with the suffix
        ``.ozx`` or ``.zip``; or a URL of an object store or any other file system of fsspec.
    scenes
        Indices or names of the scenes to write into the one store, or ``"all"``; each as it is
        stored. By default the image in focus.
    **options
        Keys of ``aicsio.writers.ZarrOptions``: ``version``, ``chunks``, ``shards``, ``levels``,
        ``downsample``, ``compression``, ``compression_level`` and ``dtype`` for the pixels;
        ``labels`` and ``plate`` for the contents; ``scene_names``, ``channel_names``,
        ``channel_colors``, ``pixel_size``, ``time_step``, ``acquired``, ``description``, ``ome``
        and ``original_metadata`` for the metadata; ``storage_options``, ``overwrite``, ``resume``,
        ``sync``, ``workers`` and ``progress`` for the store.

    Returns
    -------
    ZarrReport
        Path, dims, type, levels, and the metadata of the images that the store cannot hold.

    Raises
    ------
    ArgumentTypeError
        When an option has another type than ``ZarrOptions`` states, or is none of them.
    DimensionError
        When the image has dimensions that OME-Zarr lacks; the message shows how to pick.
    WriteError
        When the target exists, is being written by another process, or takes no more; when options
        contradict each other.
    SceneError
        When a requested scene does not exist.
    CorruptFileError, SourceError
        When the pixels cannot be read.

    Notes
    -----
    The format: https://ngff.openmicroscopy.org/0.5/. One image is the root of the store; several
    are groups ``0``, ``1``, ... in the layout of bioformats2raw. The full metadata stands beside,
    in ``OME/METADATA.ome.xml``.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import open_image, write_ome_zarr
    >>> image = open_image(np.ones((2, 700, 600), np.uint8), dims="CYX", channel_names=["DAPI", "GFP"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = write_ome_zarr(image, os.path.join(folder, "cells.ome.zarr"))
    >>> report.dims.order, report.levels, report.chunks, report.not_kept
    ('CYX', 2, (1, 512, 512), ())
    """
    if args and isinstance(args[0], list | tuple):
        return cast("ZarrReport", _write_list(*args, **kwargs))
    return cast("ZarrReport | Step[ZarrReport]", _write_one(*args, **kwargs))


@_takes_zarr_options
def _write_handle(
    handle: ImageHandle,
    /,
    target: str | os.PathLike[str],
    *,
    scenes: Scenes = None,
    **options: Unpack[ZarrOptions],
) -> ZarrReport:
    return _write(requested_scenes(handle, scenes), target, options)


@_takes_zarr_options
def _write_handles(
    handles: Sequence[ImageHandle],
    /,
    target: str | os.PathLike[str],
    *,
    scenes: Scenes = None,
    **options: Unpack[ZarrOptions],
) -> ZarrReport:
    if scenes is not None:
        raise ArgumentTypeError("scenes= chooses scenes of one handle: leave it out for a list")
    return _write(handles, target, options)


for _function in (_write_handle, _write_handles):
    # Messages and steps name the public function.
    _function.__name__ = _function.__qualname__ = "write_ome_zarr"
_write_one: Any = verb(_write_handle)
_write_list: Any = checked(_write_handles)
# ``help`` and checks of arguments show the options, and know that a list of handles is accepted.
_signature = inspect.signature(_write_handle)
_first, *_others = _signature.parameters.values()
_first = _first.replace(annotation=ImageHandle | Sequence[ImageHandle])
cast("Any", write_ome_zarr).__signature__ = _signature.replace(parameters=[_first, *_others])


def _write(
    handles: Sequence[ImageHandle], target: str | os.PathLike[str], options: ZarrOptions
) -> ZarrReport:
    if not handles:
        raise WriteError("there are no images to write: give at least one")
    # Everything that can be refused is refused before the store is made.
    plate = None
    if options["plate"] is not None:
        plate = multiscales.parse_plate(options["plate"], len(handles))
    paths = _paths(len(handles), plate)
    plans = [_plan(handles, h, path, options) for h, path in zip(handles, paths, strict=True)]
    labels = _plan_labels(handles, options)
    described, not_kept = _describe(handles, plans, options)
    contents = _contents(target, handles, plans, labels, described, plate, options)
    everything = [part for plan in (*plans, *labels.values()) for part in plan.streamed()]
    # Documents are made twice: archives keep space by the first, with placeholders; the windows of
    # the second come from the pixels, so these are stored before.
    with open_target(
        target, _fingerprint(handles, everything, options), documents(contents), handles, options
    ) as store:
        stream.write_images(
            everything, store, workers=options["workers"], progress=options["progress"]
        )
        for key, data in documents(_with_windows(contents, store)).items():
            store.put(key, [data])
    first = plans[0].levels[0]
    return ZarrReport(
        path=store.name,
        nbytes=store.nbytes,
        dims=plans[0].array.dims,
        dtype=first.dtype,
        levels=len(plans[0].all_levels),
        chunks=first.chunks,
        shards=first.shards,
        not_kept=not_kept,
        version=options["version"],
    )


def _paths(count: int, plate: multiscales.PlateWells | None) -> list[str]:
    """Return the group of each image: wells of a plate, the root, or numbers."""
    if plate is not None:
        by_image = plate.image_paths()
        return [by_image[number] for number in range(count)]
    return [""] if count == 1 else list(map(str, range(count)))


def _plan(
    handles: Sequence[ImageHandle], handle: ImageHandle, path: str, options: ZarrOptions
) -> ImagePlan:
    try:
        return plan_image(handle, path, options)
    except (ValueError, WriteError) as error:
        if len(handles) == 1:
            raise
        raise type(error)(f"scene {handle.scene.name!r}: {error}") from error


def _plan_labels(handles: Sequence[ImageHandle], options: ZarrOptions) -> dict[str, ImagePlan]:
    """Plan the images of labels.

    Raises
    ------
    WriteError
        When there are several images, a name is no name of a group, or the labels have another
        size than the image.
    """
    labels = options["labels"] or {}
    if labels and len(handles) > 1:
        raise WriteError(
            f"labels belong to one image, and {len(handles)} are written: write each with its own"
        )
    plans = {}
    for name, handle in labels.items():
        # Zarr v3 core: names with the prefix "__" are reserved. A dot would hide the folder.
        if not name or "/" in name or name.startswith((".", "__")):
            raise WriteError(f"labels: {name!r} is no name of a group of a Zarr")
        plans[name] = plan_labels(handle, f"labels/{name}", options)
        for letter, size in plans[name].array.dims.items():
            if size not in {1, handles[0].dims.get(letter, 1)}:
                raise WriteError(
                    f"labels {name!r} have {handle.dims}, the image {handles[0].dims}: they share "
                    "one frame"
                )
    return plans


# ---------------------------------------------------------------- metadata


def _describe(
    handles: Sequence[ImageHandle], plans: Sequence[ImagePlan], options: ZarrOptions
) -> tuple[image_description.FileDescription, tuple[Diagnostic, ...]]:
    """Describe all images in OME-XML; return what neither it nor the arrays can hold."""
    overrides = parse_overrides(options, scene_count=len(handles))
    planned = []
    losses_of_arrays: list[Diagnostic] = []
    for handle, plan in zip(handles, plans, strict=True):
        array = in_file_order(handle)
        name = _ome_type(plan)
        planned.append(
            image_description.PlannedImage(
                array=array,
                type_name=name,
                plane_count=array.size // (array.dims.Y * array.dims.X * array.dims.get("S", 1)),
                level_count=len(plan.all_levels),
                keeps_color_map=False,
            )
        )
        losses_of_arrays += losses(handle)
    described = image_description.describe_images(
        handles, planned, overrides, f"aicsio {__version__}", lists_planes=False
    )
    return described, (*losses_of_arrays, *described.not_kept)


def _ome_type(plan: ImagePlan) -> str:
    """Return the name of the type for OME-XML, which lacks some: the array has the true one."""
    name = plan.levels[0].dtype.name
    return name if name in builder.PIXEL_TYPES else _NEAREST_OME_TYPES[name]


_NEAREST_OME_TYPES = {
    "bool": "uint8", "int64": "int32", "uint64": "uint32", "float16": "float32",
}  # fmt: skip


def _contents(
    target: str | os.PathLike[str],
    handles: Sequence[ImageHandle],
    plans: Sequence[ImagePlan],
    labels: dict[str, ImagePlan],
    described: image_description.FileDescription,
    plate: multiscales.PlateWells | None,
    options: ZarrOptions,
) -> StoreContents:
    """Put together all that the documents show; contrast windows are placeholders."""
    images = []
    for handle, plan, image in zip(handles, plans, described.images, strict=True):
        count = plan.array.dims.get("C", 1)
        channels = image.channels if len(image.channels) == count else image.channels[:1] * count
        windows = (_WIDEST,) * count
        shown = attrs.evolve(image, channels=channels)
        images.append(StoredImage(plan, shown, windows, is_rgb=has_samples(handle)))
    name = os.path.basename(os.fspath(target).rstrip("/" + os.sep)).partition(".")[0]
    own = [
        StoredImage(plan, attrs.evolve(described.images[0], name=label), ())
        for label, plan in labels.items()
    ]
    return StoreContents(options["version"], name, tuple(images), tuple(own), plate, described.text)


_WIDEST = ContrastWindow(*(-1.2345678901234567e-300,) * 4)
"""A window whose numbers have as many digits as any: archives keep the space for the true one."""


def _with_windows(contents: StoreContents, store: Any) -> StoreContents:
    images = []
    for stored in contents.images:
        windows = channel_windows(stored.plan, store)
        for number, channel in enumerate(stored.image.channels[: len(windows)]):
            # What the source displays is kept; other windows follow from the pixels.
            if channel.window is not None:
                start, end = channel.window
                windows[number] = attrs.evolve(windows[number], start=start, end=end)
        images.append(attrs.evolve(stored, windows=tuple(windows)))
    return attrs.evolve(contents, images=tuple(images))


# ---------------------------------------------------------------- identity


_OF_PIXELS = ("version", "downsample", "dtype")


def _fingerprint(
    handles: Sequence[ImageHandle], plans: Sequence[ImagePlan], options: ZarrOptions
) -> str:
    """Identify the pixels and how they are stored.

    Arrays in memory are no source that a later process could find again: hashing them takes as long
    as writing them, so their writing is not resumed.
    """
    if any(is_held(plan.array) for plan in plans):
        return secrets.token_hex(16)
    arrays = tuple(plan.array for plan in plans)
    levels = tuple(attrs.astuple(level, recurse=True) for plan in plans for level in plan.levels)
    chosen = tuple((name, options.get(name)) for name in _OF_PIXELS)
    # The version too: another one may cut or round in another way.
    return token((__version__, arrays, repr(levels), repr(chosen), len(handles)))
