"""What becomes of an image: the order of its planes, their type, segments, compression and smaller levels.

Rule kept here: no I/O. What OME-TIFF cannot hold raises here, before a file is touched, with the call that works.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio.errors import DimensionError, WriteError
from aicsio.records import Dims, DType, ImageHandle, LazyArray, PixelSize
from aicsio.writers._metadata import modulo as modulo_axes
from aicsio.writers._metadata import ome_xml
from aicsio.writers._pixels import downsampling, encoders, stream, tiff

Array: TypeAlias = npt.NDArray[Any]
Tile: TypeAlias = int | tuple[int, int] | Literal["auto"] | None
Levels: TypeAlias = int | Literal["auto"]
Downsample: TypeAlias = Literal["auto", "mean", "mode", "nearest"]
Predictor: TypeAlias = bool | Literal["auto"]

TILE = 512
"""Height and width of tiles that the caller does not choose."""
_CASTS: Mapping[str, str] = {
    "int64": "int32", "uint64": "uint32", "float16": "float32", "longdouble": "float64", "clongdouble": "complex128",
}  # fmt: skip
"""A type of OME for each type that it lacks."""


@attrs.frozen(eq=False)
class Options:
    """How pixels are written, as the caller says; the fields are the arguments of ``write_ome_tiff``."""

    compression: encoders.Name | None = "zlib"
    """Name of the compression; ``None`` for raw pixels."""
    compression_level: int | None = None
    """Its level; ``None`` for the usual one."""
    predictor: Predictor = "auto"
    """Whether differences of pixels are compressed."""
    tile: Tile = "auto"
    """Side of tiles, or (height, width); ``None`` for strips."""
    levels: Levels = 1
    """Number of resolution levels."""
    downsample: Downsample = "auto"
    """How smaller levels are made."""
    dtype: str | None = None
    """Type to convert to."""
    modulo: modulo_axes.Choice = None
    """What dimensions that OME lacks are folded into."""


def planned(handles: Sequence[ImageHandle], handle: ImageHandle, options: Options) -> stream.Job:
    """Decide how one of the images is written.

    Raises
    ------
    DimensionError
        For dimensions that OME-TIFF lacks, and for an image without pixels.
    WriteError
        For a type or options that it lacks. Either error names the image where there are others.
    """
    try:
        return _job(handle, in_file_order(handle, options.modulo), options)
    except (DimensionError, WriteError) as error:
        if len(handles) == 1:
            raise
        raise type(error)(f"scene {handle.scene.name!r}: {error}") from error


def in_file_order(handle: ImageHandle, modulo: modulo_axes.Choice = None) -> LazyArray:
    """Show the pixels as planes in the order of the file; a letter that is folded stands behind what it goes into.

    Raises
    ------
    DimensionError
        For dimensions that OME-TIFF lacks, and for an image without pixels.
    """
    dims = handle.dims
    folded = modulo_axes.folds(handle, modulo)
    strange = [
        letter for letter, size in dims.items() if letter not in {*"TCZYXS", *folded} and size != 1
    ]
    if strange:
        raise DimensionError(_advice(dims, strange))
    if not handle.size:
        raise DimensionError(f"there are no pixels to write: {dims}")
    kept = [letter for letter, size in dims.items() if letter in "TCZ" and size > 1]
    lacking = [letter for letter in "TCZ" if letter not in kept]
    planes = (
        "TCZ"
        if kept == [letter for letter in "TCZ" if letter in kept]
        else "".join([*lacking, *kept])
    )
    named = "".join(letter for letter in dims if letter in "TCZ")
    planes = named if len(named) == 3 else planes
    planes = modulo_axes.folded_order(planes, folded)
    order = f"{planes}YXS" if dims.get("S", 1) > 1 else f"{planes}YX"
    return views.transpose(handle.array, order, {})


def _advice(dims: Dims, strange: list[str]) -> str:
    order = "".join(letter for letter in dims if letter in "TCZYXS")
    picks = ", ".join(f"{letter}=0" for letter in strange)
    rest = [letter for letter in dims if letter not in [*strange, "C"]]
    folded = "".join([*strange, "C", *rest])
    count = np.prod([dims.get(letter, 1) for letter in [*strange, "C"]])
    shape = ", ".join(str(n) for n in [count, *(dims[letter] for letter in rest)])
    return (
        f"OME-TIFF has no {', '.join(strange)}: this image has {dims}. modulo='auto' keeps what fits. Pick a position: "
        f"transpose_to(handle, {order!r}, {picks}); or fold into C: "
        f"open_image(to_dask(transpose_to(handle, {folded!r})).reshape({shape}), dims={'C' + ''.join(rest)!r})"
    )


def _stored_type(dtype: DType, wanted: str | None) -> DType:
    """Return the type in the file, little-endian.

    Raises
    ------
    WriteError
        When OME has no such type, or the conversion would lose more than digits.
    """
    name = "uint8" if dtype.kind == "b" and wanted is None else wanted or dtype.name
    try:
        target = np.dtype(name)
    except TypeError as error:
        raise WriteError(
            f"{wanted!r} is no type of numpy: give one of {', '.join(ome_xml.PIXEL_TYPES)}"
        ) from error
    if target.name not in ome_xml.PIXEL_TYPES:
        kind = "longdouble" if target.kind == "f" and target.itemsize > 8 else target.name
        kind = "clongdouble" if target.kind == "c" and target.itemsize > 16 else kind
        hint = f"dtype={_CASTS.get(kind, 'uint8')!r}"
        raise WriteError(
            f"OME-TIFF has no {target.name} pixels: convert them with write_ome_tiff(..., {hint})"
        )
    if dtype.kind in "fc" and target.kind not in ("fc" if dtype.kind == "f" else "c"):
        fitting = "float32" if dtype.kind == "f" else "complex64"
        raise WriteError(
            f"{dtype.name} pixels do not become {target.name} without a choice of rounding: convert the array "
            f"yourself and open it with open_image, or write dtype={fitting!r}"
        )
    return target.newbyteorder("<")


# ---------------------------------------------------------------- segments, compression, levels


def _job(handle: ImageHandle, array: LazyArray, options: Options) -> stream.Job:
    height, width = array.dims["Y", "X"]
    samples = array.dims.get("S", 1)
    stored = _stored_type(array.dtype, options.dtype)
    coder = _coder(options, stored, samples)
    count = _level_count(height, width, options)
    grid = _grid((height, width), samples * stored.itemsize, options, coder, pyramid=count > 1)
    palette = _color_map(handle, array, stored, coder)
    size = handle.pixel_size
    full = tiff.Pages(
        array.size // (height * width * samples),
        height,
        width,
        samples,
        stored,
        grid,
        1 if coder is None else coder.tag,
        1 if coder is None else coder.predictor,
        pixel_size=(size.X, size.Y),
        color_map=palette,
    )
    pooling = None if count == 1 else _pooling_for(options, array.dtype, palette is not None)
    smaller = tuple(_smaller(full, level) for level in range(1, count))
    if coder is None:
        return stream.Job(array, full, None, smaller, pooling)
    return stream.Job(array, full, coder.encode, smaller, pooling, coder.lossy)


def sized(job: stream.Job, size: PixelSize) -> stream.Job:
    """Give the planes of all levels another physical size, that of the full resolution."""
    if job.pages.pixel_size == (size.X, size.Y):
        return job
    full = attrs.evolve(job.pages, pixel_size=(size.X, size.Y))
    return attrs.evolve(
        job, pages=full, smaller=tuple(_smaller(full, n + 1) for n in range(len(job.smaller)))
    )


def _coder(options: Options, stored: DType, samples: int) -> encoders.Encoder | None:
    if options.compression is not None:
        return encoders.encoder(
            options.compression, options.compression_level, stored, samples, options.predictor
        )
    for name in ("compression_level", "predictor"):
        value = getattr(options, name)
        if value not in {None, "auto", False}:
            raise WriteError(f"{name}={value} without a compression: leave it out, or name one")
    return None


def _grid(
    size: tuple[int, int],
    pixel: int,
    options: Options,
    coder: encoders.Encoder | None,
    *,
    pyramid: bool,
) -> tiff.Grid:
    tile = options.tile
    if isinstance(tile, str):
        tile = (
            _fitting(size, (TILE, TILE))
            if pyramid or (coder is not None and max(size) > TILE)
            else None
        )
    if tile is None:
        if pyramid:
            raise WriteError(
                f"tile=None with levels={options.levels!r}: a pyramid is made of tiles; leave tile out"
            )
        most = tiff.STRIP_BYTES if coder is None else tiff.CODED_STRIP_BYTES
        # The blocks of JPEG are 8 or 16 pixels high.
        return tiff.strips(
            *size, size[1] * pixel, most, unit=16 if coder is not None and coder.image else 1
        )
    pair = (tile, tile) if isinstance(tile, int) else tile
    if any(side <= 0 or side % 16 for side in pair):
        raise WriteError(
            f"tile={tile!r}: TIFF wants multiples of 16, such as tile={TILE} or tile=None for strips"
        )
    return tiff.tiles(*size, pair)


def _fitting(size: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """Shrink a tile along an axis that is shorter than it: there is one tile only, which would be padded."""
    down, across = (min(side, -(-n // 16) * 16) for n, side in zip(size, tile, strict=True))
    return down, across


def _level_count(height: int, width: int, options: Options) -> int:
    if options.levels == "auto":
        tile = options.tile if isinstance(options.tile, int | tuple) else TILE
        return min(
            downsampling.levels_to_fit(
                height, width, (tile, tile) if isinstance(tile, int) else tile
            ),
            downsampling.most_levels(height, width),
        )
    most = downsampling.most_levels(height, width)
    if not 1 <= options.levels <= most:
        raise WriteError(
            f"levels={options.levels}: a plane of {width} x {height} pixels has 1 (full resolution only) to {most}; "
            "levels='auto' chooses"
        )
    return options.levels


def _smaller(full: tiff.Pages, level: int) -> tiff.Pages:
    height, width = (
        downsampling.size_at(level, full.height),
        downsampling.size_at(level, full.width),
    )
    tile = _fitting((height, width), (full.grid.height, full.grid.width))
    sizes = zip(full.pixel_size, (full.width / width, full.height / height), strict=True)
    x, y = (None if size is None else size * ratio for size, ratio in sizes)
    grid = tiff.tiles(height, width, tile)
    return attrs.evolve(
        full, height=height, width=width, grid=grid, pixel_size=(x, y), reduced=True
    )


def _pooling_for(options: Options, dtype: DType, indexed: bool) -> downsampling.Pooling:
    name = options.downsample
    if name == "auto":
        name = "mode" if indexed or dtype.kind == "b" else "mean"
    if indexed and name == "mean":
        raise WriteError(
            "downsample='mean': these pixels are indices of colours, which have no mean: choose 'mode' or 'nearest'"
        )
    return downsampling.POOLINGS[name]


def _color_map(
    handle: ImageHandle, array: LazyArray, stored: DType, coder: encoders.Encoder | None
) -> bytes | None:
    """Return the palette, filled up to one colour for each value of the type, as TIFF wants it."""
    given = handle.scene.color_map
    # A palette is that of the first page: it does not speak for the other channels.
    if (
        given is None
        or array.dims["C"] * array.dims.get("S", 1) > 1
        or stored.name not in {"uint8", "uint16"}
    ):
        return None
    if stored != array.dtype.newbyteorder("<") or (coder is not None and coder.lossy):
        return None
    colors = np.frombuffer(given, "<u2").reshape(3, -1)
    full = np.zeros((3, 1 << 8 * stored.itemsize), "<u2")
    if colors.shape[1] > full.shape[1]:
        return None
    full[:, : colors.shape[1]] = colors
    return full.tobytes()
