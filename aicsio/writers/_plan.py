"""What becomes of an image: the order of its planes, their type, segments and compression.

Rule kept here: no I/O. What OME-TIFF cannot hold raises here, before a file is touched, with the call that works.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _views
from aicsio.errors import DimensionError, WriteError
from aicsio.records import Dims, DType, ImageHandle, LazyArray
from aicsio.writers import _ome_xml, _stream, _tiff

Array: TypeAlias = npt.NDArray[Any]

TILE = 512
"""Height and width of tiles that the caller does not choose."""
_CASTS: Mapping[str, str] = {
    "int64": "int32", "uint64": "uint32", "float16": "float32", "longdouble": "float64", "clongdouble": "complex128",
}  # fmt: skip
"""A type of OME for each type that it lacks."""


@attrs.frozen
class _Compression:
    """One row of the table of compressions."""

    tag: int
    """Value of the Compression tag."""
    level: int | None
    """Level unless the caller chooses; ``None`` where there are none."""
    codec: str
    """Name of the encoder in imagecodecs, without ``_encode``."""


# libdeflate at level 1 makes noisy images as small as at level 6, several times faster.
COMPRESSIONS: Mapping[str, _Compression] = {
    "zlib": _Compression(8, 1, "deflate"),
    "zstd": _Compression(50000, 3, "zstd"),
    "lzw": _Compression(5, None, "lzw"),
}


def planned(
    handles: Sequence[ImageHandle],
    handle: ImageHandle,
    dtype: str | None,
    tile: int | tuple[int, int] | str | None,
    compression: str | None,
    level: int | None,
) -> _stream.Job:
    """Decide how one of the images is written.

    Raises
    ------
    DimensionError
        For dimensions that OME-TIFF lacks, and for an image without pixels.
    WriteError
        For a type or options that it lacks. Either error names the image where there are others.
    """
    try:
        array = in_file_order(handle)
        stored = _stored_type(array.dtype, dtype)
        return _job(handle, array, stored, _grid(array, stored, compression, tile), compression, level)
    except (DimensionError, WriteError) as error:
        if len(handles) == 1:
            raise
        raise type(error)(f"scene {handle.scene.name!r}: {error}") from error


def in_file_order(handle: ImageHandle) -> LazyArray:
    """Show the pixels as planes in the order of the file.

    Raises
    ------
    DimensionError
        For dimensions that OME-TIFF lacks, and for an image without pixels.
    """
    dims = handle.dims
    strange = [letter for letter, size in dims.items() if letter not in "TCZYXS" and size != 1]
    if strange:
        raise DimensionError(_advice(dims, strange))
    if not handle.size:
        raise DimensionError(f"there are no pixels to write: {dims}")
    kept = [letter for letter, size in dims.items() if letter in "TCZ" and size > 1]
    lacking = [letter for letter in "TCZ" if letter not in kept]
    planes = "TCZ" if kept == [letter for letter in "TCZ" if letter in kept] else "".join([*lacking, *kept])
    order = f"{planes}YXS" if dims.get("S", 1) > 1 else f"{planes}YX"
    return _views.transpose(handle.array, order, {})


def _advice(dims: Dims, strange: list[str]) -> str:
    order = "".join(letter for letter in dims if letter in "TCZYXS")
    picks = ", ".join(f"{letter}=0" for letter in strange)
    rest = [letter for letter in dims if letter not in [*strange, "C"]]
    folded = "".join([*strange, "C", *rest])
    count = np.prod([dims.get(letter, 1) for letter in [*strange, "C"]])
    shape = ", ".join(str(n) for n in [count, *(dims[letter] for letter in rest)])
    return (
        f"OME-TIFF has no {', '.join(strange)}: this image has {dims}. Pick a position: "
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
        raise WriteError(f"{wanted!r} is no type of numpy: give one of {', '.join(_ome_xml.PIXEL_TYPES)}") from error
    if target.name not in _ome_xml.PIXEL_TYPES:
        kind = "longdouble" if target.kind == "f" and target.itemsize > 8 else target.name
        kind = "clongdouble" if target.kind == "c" and target.itemsize > 16 else kind
        hint = f"dtype={_CASTS.get(kind, 'uint8')!r}"
        raise WriteError(f"OME-TIFF has no {target.name} pixels: convert them with write_ome_tiff(..., {hint})")
    if dtype.kind in "fc" and target.kind not in ("fc" if dtype.kind == "f" else "c"):
        fitting = "float32" if dtype.kind == "f" else "complex64"
        raise WriteError(
            f"{dtype.name} pixels do not become {target.name} without a choice of rounding: convert the array "
            f"yourself and open it with open_image, or write dtype={fitting!r}"
        )
    return target.newbyteorder("<")


def _grid(
    array: LazyArray, stored: DType, compression: str | None, tile: int | tuple[int, int] | str | None
) -> _tiff.Grid:
    height, width = array.dims["Y", "X"]
    if isinstance(tile, str):
        tile = TILE if compression is not None and min(height, width) > TILE else None
    if tile is None:
        row_bytes = width * array.dims.get("S", 1) * stored.itemsize
        most = _tiff.STRIP_BYTES if compression is None else _tiff.CODED_STRIP_BYTES
        return _tiff.strips(height, width, row_bytes, most)
    pair = (tile, tile) if isinstance(tile, int) else tile
    if any(side <= 0 or side % 16 for side in pair):
        raise WriteError(f"tile={tile!r}: TIFF wants multiples of 16, such as tile={TILE} or tile=None for strips")
    return _tiff.tiles(height, width, pair)


def _job(
    handle: ImageHandle, array: LazyArray, stored: DType, grid: _tiff.Grid, name: str | None, level: int | None
) -> _stream.Job:
    if name is None:
        if level is not None:
            raise WriteError(f"compression_level={level} without a compression: leave it out, or name one")
        tag, predictor, encode = 1, 1, None
    else:
        row = COMPRESSIONS[name]
        tag, predictor = row.tag, 2 if stored.kind in "iu" else 1
        encode = _encoder(row, row.level if level is None else level, predictor)
    height, width = array.dims["Y", "X"]
    size = handle.pixel_size
    count = array.size // (height * width * array.dims.get("S", 1))
    pages = _tiff.Pages(
        count, height, width, array.dims.get("S", 1), stored, grid, tag, predictor, pixel_size=(size.X, size.Y)
    )
    return _stream.Job(array, pages, encode)


def _encoder(row: _Compression, level: int | None, predictor: int) -> _stream.Encode:
    import imagecodecs

    compress = getattr(imagecodecs, f"{row.codec}_encode")
    options = {} if level is None else {"level": level}

    def encode(segment: Array) -> bytes:
        data = segment
        if predictor == 2:
            # Differences wrap around in unsigned arithmetic, whatever the sign of the pixels.
            unsigned = segment.view(f"<u{segment.dtype.itemsize}")
            data = imagecodecs.delta_encode(unsigned[..., 0] if segment.shape[2] == 1 else unsigned, axis=1)
        return bytes(compress(data, **options))

    return encode
