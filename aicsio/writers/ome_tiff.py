"""``write_ome_tiff``: an image as OME-TIFF, streamed, whole or not at all.

Rule kept here: this module decides what is written (dims, types, compression, metadata); the others of its folder know
how. What the file cannot say is in the report, not lost in silence.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _engine, _views
from aicsio.errors import DimensionError, WriteError
from aicsio.records import Called, Diagnostic, Dims, DType, ImageHandle, LazyArray, Piece, Source
from aicsio.steps import verb
from aicsio.writers import _describe, _ome_xml, _output, _stream, _tiff

__all__ = ["WriteReport", "write_ome_tiff"]

Array: TypeAlias = npt.NDArray[Any]

TILE = 512
"""Height and width of tiles that the caller does not choose."""
_CASTS: Mapping[str, str] = {
    "int64": "int32", "uint64": "uint32", "float16": "float32", "longdouble": "float64", "clongdouble": "complex128",
}  # fmt: skip
"""A type of OME for each type that it lacks."""


@attrs.frozen
class WriteReport:
    """What ``write_ome_tiff`` wrote."""

    path: str
    """Absolute path of the file."""
    nbytes: int
    """Length of the file."""
    dims: Dims
    """Letters and sizes, in the order of the file."""
    dtype: DType
    """Type of the pixels in the file."""
    bigtiff: bool
    """Whether it is BigTIFF."""
    not_kept: tuple[Diagnostic, ...]
    """What was known of the image and is not in the file."""


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


@verb
def write_ome_tiff(
    handle: ImageHandle,
    /,
    path: str | os.PathLike[str],
    *,
    compression: Literal["zlib", "zstd", "lzw"] | None = "zlib",
    compression_level: int | None = None,
    tile: int | tuple[int, int] | Literal["auto"] | None = "auto",
    dtype: str | None = None,
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
    compression
        ``"zlib"`` and ``"lzw"`` are read by every reader; ``"zstd"`` decodes faster and is read by tifffile, libtiff
        from 4.0.10 and Bio-Formats 7. ``None`` stores raw pixels: the fastest to write, and can be mapped to memory.
        Compressed integers are differenced first (predictor 2).
    compression_level
        Level of the compressor; by default a fast one.
    tile
        Size of tiles in pixels, or (height, width), multiples of 16. ``None`` for strips. ``"auto"``: 512 for planes
        that are compressed and larger than this, else strips.
    dtype
        Name of the type to convert to, such as ``"uint16"``. Integers that do not fit raise; they are not wrapped.
        Bool is stored as uint8.
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
        When the file is there, its type is none of OME's, or it cannot be written.
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
    target = _output.check_target(path, overwrite=overwrite)
    array = _in_file_order(handle)
    stored = _stored_type(array.dtype, dtype)
    job = _job(handle, array, stored, _grid(array, stored, compression, tile), compression, compression_level)
    _refuse_own_source(target, handle)
    image, lost = _describe.described(handle, array)
    description, unsaid = _ome_xml.ome_xml([(image, stored.name)], _creator())
    limit = _limit(job, description, bigtiff)
    with _output.replacing(target, overwrite=overwrite, sync=sync) as output:
        offsets, counts = _stream.write(job, output, workers=workers, limit=limit, progress=progress)
        end = int((offsets + counts).max())
        bound = end + _tiff.directories_bound(job.pages, description)
        big = bound > _tiff.CLASSIC_LIMIT if bigtiff == "auto" else bigtiff
        nbytes = _write_directories(output, job.pages, offsets, counts, description, end + -end % 8, big=big)
        output.finish(nbytes, sync=sync)
    return WriteReport(target, nbytes, array.dims, stored, big, (*lost, *unsaid))


# ---------------------------------------------------------------- what is written


def _in_file_order(handle: ImageHandle) -> LazyArray:
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


def _limit(job: _stream.Job, description: bytes, bigtiff: bool | str) -> int | None:
    """Return the offset that pixels must not reach in classic TIFF; raise at once where they will."""
    if bigtiff is not False:
        return None
    limit = (1 << 32) - 1 - _tiff.directories_bound(job.pages, description)
    if job.encode is None and _tiff.DATA_START + job.pages.count * job.pages.plane_bytes > limit:
        raise WriteError(f"{job.array.dims} do not fit into classic TIFF, which ends at 4 GiB: leave out bigtiff=False")
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


def _sources(piece: Piece) -> list[Source]:
    if isinstance(piece, Called):
        return [argument for argument in piece.arguments if isinstance(argument, Source)]
    return [piece.source]


def _creator() -> str:
    from aicsio import __version__

    return f"aicsio {__version__}"


def _write_directories(
    output: _output.Output,
    pages: _tiff.Pages,
    offsets: _tiff.Offsets,
    counts: _tiff.Offsets,
    description: bytes,
    at: int,
    *,
    big: bool,
) -> int:
    """Put the directories behind the pixels, then the header before them; return the length of the file."""
    data, first = _tiff.directories(pages, offsets, counts, description, at, big=big)
    output.write_at(at, data)
    output.write_at(0, _tiff.header(first, big=big))
    return at + len(data)
