"""The plan of an image.

The order of its planes, their type, segments, compression and smaller levels.

Rule kept here: no I/O. What OME-TIFF cannot hold raises here, before a file is touched, with a call
that works.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio._metadata import folding
from aicsio._metadata.folding import ModuloChoice
from aicsio._ome import builder
from aicsio.errors import DimensionError, WriteError
from aicsio.records import Diagnostic, Dims, DType, ImageHandle, LazyArray, PixelSize
from aicsio.writers._pixels import downsampling, encoders, tiff
from aicsio.writers._pixels.jobs import ImageJob
from aicsio.writers._pixels.source_levels import refuse_downsample, source_levels
from aicsio.writers._pixels.tiff_levels import (
    TILE_UNIT,
    computed_levels,
    shrink_tile,
    source_level_jobs,
)
from aicsio.writers.options import WriteOptions

Array: TypeAlias = npt.NDArray[Any]

TILE = 512
"""Default height and width of tiles: 512 x 512 pixels of uint16 are 512 KiB before compression."""
LARGEST_TILE = 1 << 28
"""Pixels of a tile, 512 MiB of uint16; a plane of 16 000 x 16 000 pixels fits into one."""
_JPEG_UNIT = 16
"""Rows of the blocks of JPEG at half chroma resolution (8 at full): strips hold whole blocks."""

_CASTS: Mapping[str, str] = {
    "int64": "int32", "uint64": "uint32", "float16": "float32", "longdouble": "float64",
    "clongdouble": "complex128",
}  # fmt: skip
"""A type of OME for each type that it lacks; others become uint8."""


def plan_image(
    handles: Sequence[ImageHandle], handle: ImageHandle, options: WriteOptions
) -> ImageJob:
    """Decide how one of the images is written.

    Parameters
    ----------
    handles
        All images of the file.
    handle
        The one to plan.
    options
        All options.

    Raises
    ------
    DimensionError
        When the image has dimensions that OME-TIFF lacks, or no pixels.
    WriteError
        When OME-TIFF has no such type, or the options contradict each other. Either error names the
        image where there are others.
    """
    try:
        return _plan(handle, in_file_order(handle, options["modulo"]), options)
    except (DimensionError, WriteError) as error:
        if len(handles) == 1:
            raise
        raise type(error)(f"scene {handle.scene.name!r}: {error}") from error


def reader_limits(handles: Sequence[ImageHandle], jobs: Sequence[ImageJob]) -> Iterator[Diagnostic]:
    """Report what common readers cannot do with the file, though it is legal."""
    for handle, job in zip(handles, jobs, strict=True):
        if job.pages.dtype.kind == "c":
            # The OME schema has both complex types, and TIFF's SampleFormat 6 is for them; tifffile
            # reads these files back, Bio-Formats 7.3 does not open them.
            message = (
                f"{job.pages.dtype.name} pixels: tifffile and this library read them, but "
                "Bio-Formats cannot open a complex OME-TIFF"
            )
            yield Diagnostic("reader-limit", message, handle.scene.name)


# ---------------------------------------------------------------- dimensions


def in_file_order(handle: ImageHandle, modulo: ModuloChoice = None) -> LazyArray:
    """Show the pixels as planes in the order of the file.

    A folded letter follows the one it folds into.

    Raises
    ------
    DimensionError
        When the image has dimensions that OME-TIFF lacks, or no pixels.
    """
    dims = handle.dims
    folded = folding.choose_folds(handle, modulo)
    known_letters = {*"TCZYXS", *folded}
    unknown = [letter for letter, size in dims.items() if letter not in known_letters and size != 1]
    if unknown:
        raise DimensionError(_advise(dims, unknown))
    # TIFF 6.0 has no image of width or height 0.
    if not handle.size:
        raise DimensionError(f"there are no pixels to write: {dims}")
    planes = folding.insert_folded(_plane_order(dims), folded)
    samples = "S" if dims.get("S", 1) > 1 else ""
    return views.transpose(handle.array, f"{planes}YX{samples}", {})


def _plane_order(dims: Dims) -> str:
    """Return T, C and Z in the order of the file.

    An image with all three keeps their order. Otherwise the order is TCZ, unless the axes longer
    than 1 stand in another order; then these go last, in theirs.
    """
    present = [letter for letter in dims if letter in "TCZ"]
    if len(present) == 3:
        return "".join(present)
    # An axis of length 1 shows no order, so it never forces another one.
    long_axes = [letter for letter in present if dims[letter] > 1]
    if long_axes == sorted(long_axes, key="TCZ".index):
        return "TCZ"
    short_axes = [letter for letter in "TCZ" if letter not in long_axes]
    return "".join([*short_axes, *long_axes])


def _advise(dims: Dims, unknown: list[str]) -> str:
    """Write the calls that pick a position of the unknown axes, or fold them into C."""
    order = "".join(letter for letter in dims if letter in "TCZYXS")
    picks = ", ".join(f"{letter}=0" for letter in unknown)
    into_channels = [*unknown, "C"]
    others = [letter for letter in dims if letter not in into_channels]
    folded_order = "".join([*into_channels, *others])
    channel_count = np.prod([dims.get(letter, 1) for letter in into_channels])
    shape = ", ".join(map(str, [channel_count, *map(dims.__getitem__, others)]))
    return (
        f"OME-TIFF has no {', '.join(unknown)}: this image has {dims}. modulo='auto' keeps what "
        "fits. "
        f"Pick a position: transpose_to(handle, {order!r}, {picks}); or fold into C: "
        f"open_image(to_dask(transpose_to(handle, {folded_order!r})).reshape({shape}), "
        f"dims={'C' + ''.join(others)!r})"
    )


# ---------------------------------------------------------------- type


def _stored_type(dtype: DType, requested: str | DType | type | None) -> DType:
    """Return the type in the file, little-endian.

    Raises
    ------
    WriteError
        When OME has no such type, or the conversion would lose more than digits.
    """
    name = dtype.name if requested is None else requested
    if dtype.kind == "b" and requested is None:
        name = "uint8"  # numpy's bool takes a byte; OME's "bit" would be packed
    try:
        target = np.dtype(name)
    except TypeError as error:
        raise WriteError(
            f"{requested!r} is no type of numpy: give one of {', '.join(builder.PIXEL_TYPES)}"
        ) from error
    if target.name not in builder.PIXEL_TYPES:
        hint = f"dtype={_CASTS.get(_name_without_size(target), 'uint8')!r}"
        raise WriteError(f"OME-TIFF has no {target.name} pixels: convert them with {hint}")
    _refuse_rounding(dtype, target)
    return target.newbyteorder("<")


def _name_without_size(dtype: DType) -> str:
    """Return a name that is the same on every machine: long doubles have 80 to 128 bits."""
    if dtype.kind == "f" and dtype.itemsize > 8:
        return "longdouble"
    if dtype.kind == "c" and dtype.itemsize > 16:
        return "clongdouble"
    return dtype.name


def _refuse_rounding(dtype: DType, target: DType) -> None:
    """Raise where floats would become integers, or complex numbers real: there are several ways."""
    # Kinds of numpy: floats may become complex, complex numbers stay complex. Integers have no
    # entry, because as_stored checks their values.
    allowed = {"f": "fc", "c": "c"}.get(dtype.kind)
    if allowed is None or target.kind in allowed:
        return
    fitting = {"f": "float32", "c": "complex64"}[dtype.kind]
    raise WriteError(
        f"{dtype.name} pixels do not become {target.name} without a choice of rounding: convert "
        "the "
        f"array yourself and open it with open_image, or write dtype={fitting!r}"
    )


# ---------------------------------------------------------------- segments, compression, levels


def _plan(handle: ImageHandle, array: LazyArray, options: WriteOptions) -> ImageJob:
    height, width = array.dims["Y", "X"]
    samples = array.dims.get("S", 1)
    stored = _stored_type(array.dtype, options["dtype"])
    # Tiles depend on the compression and on the levels, so these are decided before.
    encoder = _encoder(options, stored, samples)
    of_source = _levels_of_source(handle, options)
    level_count = 1 if of_source else _level_count(height, width, options)
    pyramid = level_count > 1 or bool(of_source)
    tile = _tile_size((height, width), options, encoder, pyramid=pyramid)
    if tile is None:
        grid = _strips(height, width, samples * stored.itemsize, encoder)
    else:
        grid = tiff.tiles(height, width, tile)
    color_map = _color_map(handle, array, stored, encoder)
    size = handle.pixel_size
    full = tiff.Pages(
        count=array.size // (height * width * samples),
        height=height,
        width=width,
        samples=samples,
        dtype=stored,
        grid=grid,
        pixel_size=(size.X, size.Y),
        color_map=color_map,
    )
    job = ImageJob(array, full, encode=None)
    if encoder is not None:
        job.pages = attrs.evolve(full, compression=encoder.tag, predictor=encoder.predictor)
        job.encode, job.lossy = encoder.encode, encoder.lossy
    if level_count > 1:
        pooling = downsampling.choose_pooling(
            options["downsample"], array.dtype, indexed=color_map is not None
        )
        job.pooling = downsampling.POOLINGS[pooling]
        job.smaller = computed_levels(job.pages, level_count)
    job.source_levels = source_level_jobs(job, of_source)
    return job


def _levels_of_source(
    handle: ImageHandle, options: WriteOptions
) -> list[tuple[LazyArray, PixelSize]]:
    """Return the levels that are written as they are, in the order of the file, and their sizes."""
    if options["levels"] != "source":
        return []
    refuse_downsample(options["downsample"])
    return [
        (in_file_order(level, options["modulo"]), level.pixel_size)
        for level in source_levels(handle)
    ]


def _encoder(options: WriteOptions, stored: DType, samples: int) -> encoders.Encoder | None:
    """Return the encoder of the requested compression; ``None`` for raw pixels."""
    name, level, predictor = (
        options["compression"],
        options["compression_level"],
        options["predictor"],
    )
    if name is not None:
        return encoders.choose_encoder(name, level, stored, samples, predictor)
    if level is not None:
        raise WriteError(
            f"compression_level={level} without a compression: leave it out, or name one"
        )
    if predictor is True:
        raise WriteError("predictor=True without a compression: leave it out, or name one")
    return None


def _tile_size(
    size: tuple[int, int],
    options: WriteOptions,
    encoder: encoders.Encoder | None,
    *,
    pyramid: bool,
) -> tuple[int, int] | None:
    """Return height and width of tiles; ``None`` for strips.

    Raises
    ------
    WriteError
        When tiles are no multiples of 16, or a pyramid is requested without tiles.
    """
    tile = options["tile"]
    if isinstance(tile, str):
        large = encoder is not None and max(size) > TILE
        return shrink_tile(size, (TILE, TILE)) if pyramid or large else None
    if tile is None:
        if pyramid:
            raise WriteError(
                f"tile=None with levels={options['levels']!r}: a pyramid is made of tiles; leave "
                "tile out"
            )
        return None
    sides = (tile, tile) if isinstance(tile, int) else tile
    if any(side <= 0 or side % TILE_UNIT for side in sides):
        raise WriteError(
            f"tile={tile!r}: TIFF wants multiples of 16, such as tile={TILE} or tile=None for "
            "strips"
        )
    # An edge tile is filled up in memory; no reader opens tiles of a gigabyte.
    if math.prod(sides) > LARGEST_TILE:
        raise WriteError(
            f"tile={tile!r} has more than {LARGEST_TILE:,} pixels: give a smaller one, such as "
            f"tile={TILE}"
        )
    return sides


def _strips(
    height: int, width: int, pixel_bytes: int, encoder: encoders.Encoder | None
) -> tiff.WrittenGrid:
    if encoder is None:
        return tiff.strips(height, width, width * pixel_bytes, tiff.STRIP_BYTES)
    # Only codecs of images work in blocks of rows; codecs of bytes take any number.
    unit = _JPEG_UNIT if encoder.image else 1
    return tiff.strips(height, width, width * pixel_bytes, tiff.CODED_STRIP_BYTES, unit=unit)


def _level_count(height: int, width: int, options: WriteOptions) -> int:
    most = downsampling.most_levels(height, width)
    levels = options["levels"]
    if isinstance(levels, str):
        # "auto" is the only text that arrives here: levels of the source are counted before.
        tile = options["tile"]
        if isinstance(tile, int):
            tile = (tile, tile)
        if not isinstance(tile, tuple):
            tile = (TILE, TILE)
        return min(downsampling.levels_to_fit(height, width, tile), most)
    if not 1 <= levels <= most:
        raise WriteError(
            f"levels={levels}: a plane of {width} x {height} pixels has 1 (full resolution only) "
            "to "
            f"{most}; levels='auto' chooses"
        )
    return levels


def _color_map(
    handle: ImageHandle, array: LazyArray, stored: DType, encoder: encoders.Encoder | None
) -> bytes | None:
    """Return the palette with one colour for each value of the type, as TIFF 6.0 section 5 defines it.

    ``None`` where there is none, or where the pixels in the file are not the indices.
    """
    palette = handle.scene.color_map
    if palette is None or stored.name not in {"uint8", "uint16"}:
        return None
    # A palette belongs to the first page: the other channels have none.
    if array.dims["C"] * array.dims.get("S", 1) > 1:
        return None
    converted = stored != array.dtype.newbyteorder("<")
    if converted or (encoder is not None and encoder.lossy):
        return None
    # TIFF 6.0, ColorMap: all reds, then all greens, then all blues.
    colors = np.frombuffer(palette, "<u2").reshape(3, -1)
    full = np.zeros((3, 1 << 8 * stored.itemsize), "<u2")
    if colors.shape[1] > full.shape[1]:
        return None
    # Values beyond the palette of the source are black.
    full[:, : colors.shape[1]] = colors
    return full.tobytes()
