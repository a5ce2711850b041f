"""The plan of an image in a store: its axes, the arrays of its levels, how they are made.

Rule kept here: no I/O. What OME-Zarr cannot hold raises here, before a store is touched, with a
call that works.

Source of the facts: https://ngff.openmicroscopy.org/0.5/ ("axes" metadata: at most one time and one
channel axis, then two or three of space, in this order).
"""

from typing import Any

import attrs
import numpy as np

from aicsio._dims import views
from aicsio._ome.ngff import AxisTransform
from aicsio.arrays.xarray import axis_coordinates
from aicsio.errors import DimensionError, WriteError
from aicsio.records import Diagnostic, DType, ImageHandle, LazyArray
from aicsio.writers._pixels import tiff
from aicsio.writers._pixels.boxes import costly_block
from aicsio.writers._pixels.downsampling import choose_pooling, size_at
from aicsio.writers._pixels.source_levels import (
    place_source_level,
    refuse_downsample,
    source_levels,
)
from aicsio.writers._pixels.tiff import Pages
from aicsio.writers._zarr import chunking
from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.codecs import choose_codec
from aicsio.writers.zarr_options import ZarrOptions

AXES = "TCZYX"
"""Letters that OME-Zarr has, in its order."""
_TYPES = "biufc"


@attrs.frozen
class ImagePlan:
    """One image of a store, or one image of labels. Travels to other processes."""

    path: str
    """Path of its group; empty for the root of the store."""
    array: LazyArray
    """Pixels, with the axes of the store."""
    levels: tuple[ArrayPlan, ...]
    """Arrays, full resolution first."""
    tile: tuple[int, int]
    """Height and width of the tiles of which smaller levels are made."""
    cell: tuple[int, int]
    """Height and width of what is whole files and whole tiles."""
    pooling: str
    """Key of ``POOLINGS``."""
    source_levels: "tuple[SourceLevel, ...]" = ()
    """Smaller levels that are read from the source, in place of computed ones."""
    start: tuple[tuple[str, float], ...] = ()
    """Letter and place of the first pixel in micrometres, along axes where the source states it."""

    @property
    def all_levels(self) -> tuple[ArrayPlan, ...]:
        """Arrays of all levels, full resolution first; ``levels`` are those made of ``array``."""
        return (*self.levels, *(level.plan.levels[0] for level in self.source_levels))

    def streamed(self) -> "tuple[ImagePlan, ...]":
        """Return the image, and each level of the source as an image of one level."""
        return (self, *(level.plan for level in self.source_levels))

    def pages(self) -> tuple[Pages, ...]:
        """Return the planes of each level, cut into tiles, for the pyramid."""
        count = int(np.prod(self.levels[0].shape[:-2]))
        pages = []
        for level in self.levels:
            height, width = level.shape[-2:]
            grid = tiff.tiles(height, width, self.tile)
            pages.append(Pages(count, height, width, 1, level.dtype, grid))
        return tuple(pages)


@attrs.frozen
class SourceLevel:
    """A level of the source that is written as it is."""

    plan: ImagePlan
    """It as an image of one level, whose path is that of its array."""
    places: tuple[AxisTransform, ...]
    """Where its pixels lie, per axis, counted in pixels of the full resolution."""


def plan_image(handle: ImageHandle, path: str, options: ZarrOptions) -> ImagePlan:
    """Decide how an image is stored.

    Parameters
    ----------
    handle
        The image.
    path
        Path of its group.
    options
        All options.

    Raises
    ------
    DimensionError
        When the image has dimensions that OME-Zarr lacks, or no pixels.
    WriteError
        When the options contradict each other.
    """
    array = in_store_order(handle)
    dtype = _stored_type(array.dtype, options["dtype"])
    dims = array.dims
    # In this order: a shard is a multiple of the chunk, and the number of levels depends on the
    # chunk.
    chunk = chunking.chunk_shape(options["chunks"], dims)
    block = costly_block(array)
    shard = chunking.shard_shape(_shards(options), chunk, dims, dtype.itemsize, block)
    height, width = dims["Y", "X"]
    count = chunking.level_count(options["levels"], height, width, (chunk[-2], chunk[-1]))
    codec = choose_codec(options["compression"], options["compression_level"], dtype)
    levels = []
    for level in range(count):
        shape = (*array.shape[:-2], size_at(level, height), size_at(level, width))
        chunks, shards = chunking.cut_to(shape, chunk, shard)
        # A key of Zarr never begins with a slash, and the path of a root image is empty.
        name = f"{path}/{level}".lstrip("/")
        zarr_format = 2 if options["version"] == "0.4" else 3
        levels.append(ArrayPlan(name, dims.order, shape, chunks, shards, dtype, codec, zarr_format))
    pooling = choose_pooling(
        options["downsample"], dtype, indexed=handle.scene.color_map is not None
    )
    # The sizes before they are cut to level 0: all levels share one grid of tiles and cells.
    files = shard or chunk
    image = ImagePlan(
        path,
        array,
        tuple(levels),
        *tiles_of(chunk, files),
        pooling,
        start=_find_start(handle),
    )
    if options["levels"] != "source":
        return image
    refuse_downsample(options["downsample"])
    return attrs.evolve(image, source_levels=_plan_source_levels(handle, image, chunk, shard))


def _find_start(handle: ImageHandle) -> tuple[tuple[str, float], ...]:
    """Return where the first pixel that is shown lies, along axes whose origin the source states."""
    start = []
    for axis in axis_coordinates(handle):
        origin = getattr(handle.scene.origin, axis.letter) if axis.letter in "ZYX" else None
        if origin is not None and axis.attributes.get("units") == "um":
            start.append((axis.letter, origin + float(axis.values[0])))
    return tuple(start)


def _plan_source_levels(
    handle: ImageHandle, image: ImagePlan, chunk: tuple[int, ...], shard: tuple[int, ...] | None
) -> tuple[SourceLevel, ...]:
    full, levels = image.levels[0], []
    for number, shown in enumerate(source_levels(handle), 1):
        array = in_store_order(shown)
        chunks, shards = chunking.cut_to(array.shape, chunk, shard)
        name = f"{image.path}/{number}".lstrip("/")
        stored = attrs.evolve(full, path=name, shape=array.shape, chunks=chunks, shards=shards)
        # The path of the array: the journal tells the units of a level from those of the others.
        plan = attrs.evolve(image, path=name, array=array, levels=(stored,))
        levels.append(SourceLevel(plan, place_source_level(handle, shown, full.letters)))
    return tuple(levels)


def tiles_of(
    chunk: tuple[int, ...], files: tuple[int, ...]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return height and width of tiles, and of cells, which are whole files and whole tiles."""
    height, width = map(chunking.tile_side, chunk[-2:], files[-2:])
    return (height, width), (max(height, files[-2]), max(width, files[-1]))


def plan_labels(handle: ImageHandle, path: str, options: ZarrOptions) -> ImagePlan:
    """Decide how an image of labels is stored: integers that are never mixed.

    Raises
    ------
    DimensionError, WriteError
        As by ``plan_image``; WriteError when the pixels are no integers.
    """
    if handle.dtype.kind not in "biu":
        raise WriteError(
            f"{path}: labels are integers, these pixels are {handle.dtype.name}: convert them"
        )
    # The mean of two labels would be the label of a third object.
    downsample = "nearest" if options["downsample"] == "nearest" else "mode"
    levels = options["levels"]
    if levels == "source":
        levels, downsample = ("source", "auto") if _has_levels(handle) else ("auto", downsample)
    # dtype= and the mean are for the image: labels keep their type and their values.
    # NGFF wants labels of an integer type; a mask is the label 1.
    dtype = "uint8" if handle.dtype.kind == "b" else None
    own: Any = {**options, "downsample": downsample, "dtype": dtype, "levels": levels}
    for name in ("chunks", "shards"):
        own[name] = _for_axes(own[name], handle)
    return plan_image(handle, path, own)


def _has_levels(handle: ImageHandle) -> bool:
    try:
        return bool(source_levels(handle))
    except WriteError:
        return False


def _for_axes(sizes: Any, handle: ImageHandle) -> Any:
    """Leave out sizes along axes that the labels lack."""
    if isinstance(sizes, str | int) or sizes is None:
        return sizes
    letters = in_store_order(handle).dims.order
    if hasattr(sizes, "items"):
        return {letter: size for letter, size in sizes.items() if letter.upper() in letters}
    return "auto" if len(sizes) != len(letters) else sizes


# ---------------------------------------------------------------- axes


def in_store_order(handle: ImageHandle) -> LazyArray:
    """Show the pixels with the axes of OME-Zarr; samples of a pixel become channels.

    Raises
    ------
    DimensionError
        When the image has dimensions that OME-Zarr lacks, or no pixels.
    """
    dims = handle.dims
    unknown = [letter for letter, size in dims.items() if letter not in "TCZYXS" and size != 1]
    if unknown:
        order = "".join(letter for letter in dims if letter in "TCZYXS")
        picks = ", ".join(f"{letter}=0" for letter in unknown)
        raise DimensionError(
            f"OME-Zarr has no {', '.join(unknown)}: this image has {dims}. Pick a position: "
            f"transpose_to(handle, {order!r}, {picks})"
        )
    if not handle.size:
        raise DimensionError(f"there are no pixels to write: {dims}")
    if has_samples(handle):
        return _samples_as_channels(handle)
    # NGFF wants two or three axes of space, so Y and X are stored even where the image lacks one.
    letters = [letter for letter in AXES if letter in dims or letter in "YX"]
    return views.transpose(handle.array, "".join(letters), {})


def has_samples(handle: ImageHandle) -> bool:
    """Whether a pixel has several samples, which the store keeps as channels."""
    return handle.dims.get("S", 1) > 1


def _samples_as_channels(handle: ImageHandle) -> LazyArray:
    dims = handle.dims
    if dims.get("C", 1) > 1:
        raise DimensionError(
            f"OME-Zarr keeps samples as channels, and this image has both: {dims}. Pick a channel: "
            f"transpose_to(handle, {dims.order.replace('C', '')!r}, C=0)"
        )
    letters = "".join(x for x in "TSZYX" if x in dims or x in "YX")
    array = views.transpose(handle.array, letters, {"C": 0} if "C" in dims else {})
    # NGFF has no axis of samples: the axis changes its letter, no pixel moves.
    view = attrs.evolve(array.view, letters=letters.replace("S", "C"))
    return attrs.evolve(array, view=view)


def losses(handle: ImageHandle) -> tuple[Diagnostic, ...]:
    """Report what the arrays of a store cannot hold as the image has it."""
    if not has_samples(handle):
        return ()
    message = f"the {handle.dims['S']} samples of a pixel as colours: they are channels"
    return (Diagnostic("not-kept", message, handle.scene.name),)


# ---------------------------------------------------------------- types and options


def _stored_type(dtype: DType, requested: str | DType | type | None) -> DType:
    name = dtype.name if requested is None else requested
    try:
        target = np.dtype(name)
    except TypeError as error:
        raise WriteError(f"{requested!r} is no type of numpy: give one such as uint16") from error
    if target.kind not in _TYPES or target.itemsize > 16 or target.char in "gG":
        hint = "complex128" if target.kind == "c" else "float64"
        raise WriteError(f"Zarr has no {target.name} pixels: convert them with dtype={hint!r}")
    # Floats stay floats or become complex, complex pixels stay complex: else the writer would
    # choose a rounding, or drop the imaginary part.
    if {"f": "fc", "c": "c"}.get(dtype.kind, target.kind).find(target.kind) < 0:
        raise WriteError(
            f"{dtype.name} pixels do not become {target.name} without a choice of rounding: "
            "convert the array yourself and open it with open_image"
        )
    # One order for all files: Zarr v3 declares it in the bytes codec, v2 in the type.
    return target.newbyteorder("<")


def _shards(options: ZarrOptions) -> Any:
    if options["version"] == "0.5":
        return options["shards"]
    if options["shards"] not in {"auto", None}:
        raise WriteError(
            f"shards={options['shards']!r}: version 0.4 is Zarr v2, which has none: leave them "
            "out, or write version='0.5'"
        )
    return None
