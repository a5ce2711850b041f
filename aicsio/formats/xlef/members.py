"""Files that hold a part of the memory of an image: TIFF, LOF, and pictures.

Rule kept here: a file is opened when its pixels are read, and not before: a project of 100 000
files opens by its XML alone. What a file holds is compared with what the XML expects of it.
"""

import contextlib
import functools
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import AicsioError, CorruptFileError, SourceNotFoundError, UnsupportedFormatError
from aicsio.formats._leica.container import read_container
from aicsio.records import Source

Array = npt.NDArray[Any]
LARGEST_PICTURE: Final = 1 << 30
"""Bytes of a file that is decoded whole."""


def read_frame(
    opened: Source,
    parents: int,
    path: str,
    part_nbytes: int,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: str,
) -> Array:
    """Read one plane of a file.

    Parameters
    ----------
    opened
        The file that was opened.
    parents
        How many folders the project begins above it.
    path
        Of the file with the plane, below the folder of the project.
    part_nbytes
        Bytes of the memory that the file holds.
    offset
        Bytes of them before the plane.
    shape, strides, dtype
        The plane as it lies in the memory.

    Raises
    ------
    SourceNotFoundError
        When the file was removed after the project was opened.
    CorruptFileError
        When it cannot be decoded, or holds fewer pixels than the project expects.
    """
    source = readers.file_below(opened, path, parents=parents)
    if source is None:
        raise SourceNotFoundError(f"there is no file {path!r} any more, below {opened.uri!r}")
    kind = np.dtype(dtype)
    # Bytes from the first sample of the plane to the start of its last one.
    last = sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    nbytes = last + kind.itemsize
    suffix = path.lower().rpartition(".")[2]
    read = READERS.get(suffix)
    if read is None:
        raise UnsupportedFormatError(f"{source.uri} is no TIFF, LOF, JPEG, PNG or BMP")
    try:
        memory = read(source, part_nbytes, offset)[:nbytes]
    except AicsioError:
        raise
    # The decoders raise errors of many kinds for a damaged file.
    except Exception as error:
        raise CorruptFileError.at(source.uri, None, f"it cannot be decoded: {error}") from error
    if memory.nbytes < nbytes:
        raise CorruptFileError.at(
            source.uri, None, f"expected {nbytes} bytes of pixels, found {memory.nbytes}"
        )
    shown: Array = np.ndarray(shape, kind, memory, 0, strides)
    return shown


def _read_tiff(source: Source, part_nbytes: int, offset: int) -> Array:
    """Return memory from ``offset`` on; pages lie in it one behind the other."""
    import tifffile

    with contextlib.closing(readers.open_binary(source)) as opened:
        # tifffile asks for a file of the standard library, and uses what a BinaryFile has.
        file: Any = opened
        return _read_page(tifffile.TiffFile(file), source, part_nbytes, offset)


def _read_page(tiff: Any, source: Source, part_nbytes: int, offset: int) -> Array:
    with tiff:
        first = tiff.pages[0]
        if not 0 < first.nbytes <= LARGEST_PICTURE:
            raise CorruptFileError.at(source.uri, None, f"a page has {first.nbytes} bytes")
        number, inside = divmod(offset, first.nbytes)
        if number >= len(tiff.pages):
            raise CorruptFileError.at(
                source.uri, None, f"expected page {number}, it has {len(tiff.pages)}"
            )
        page = first if number == 0 else tiff.pages[number]
        pixels = page.asarray(maxworkers=1)
    # The memory is little-endian; a TIFF may be of either byte order.
    if pixels.dtype.byteorder == ">":
        pixels = pixels.astype(pixels.dtype.newbyteorder("<"))
    return _octets(pixels, part_nbytes)[inside:]


def _read_lof(source: Source, part_nbytes: int, offset: int) -> Array:
    block = read_container(source).blocks.get("")
    size = 0 if block is None else min(block.size, part_nbytes)
    if block is None or offset >= size or size - offset > LARGEST_PICTURE:
        raise CorruptFileError.at(source.uri, None, f"expected a plane at {offset} of {size} bytes")
    with readers.lend(source) as reader:
        return np.frombuffer(reader.read(block.offset + offset, size - offset), np.uint8)


def _read_picture(decoder: str, source: Source, part_nbytes: int, offset: int) -> Array:
    import imagecodecs

    if not 0 < (source.size or 0) <= LARGEST_PICTURE:
        raise CorruptFileError.at(source.uri, None, f"a picture of {source.size} bytes")
    with contextlib.closing(readers.open_binary(source)) as file:
        data = file.read()
    # The header is looked at before memory is taken for the pixels.
    _check_picture(data, source)
    pixels = getattr(imagecodecs, decoder)(data)
    return _octets(pixels, part_nbytes)[offset:]


def _check_picture(data: bytes, source: Source) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "BMP")) as picture:
        width, height = picture.size
        # Samples of these formats have two bytes at most.
        if width * height * len(picture.getbands()) * 2 > LARGEST_PICTURE:
            raise CorruptFileError.at(source.uri, None, f"a picture of {width} x {height} pixels")


def _octets(pixels: Array, part_nbytes: int) -> Array:
    """Return pixels as bytes. LAS X stores some gray planes as colour, with three equal samples."""
    if pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.nbytes == 3 * part_nbytes:
        pixels = pixels[:, :, 0]
    return np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)


READERS: Final[Mapping[str, Callable[[Source, int, int], Array]]] = {
    "tif": _read_tiff,
    "tiff": _read_tiff,
    "lof": _read_lof,
    "jpg": functools.partial(_read_picture, "jpeg_decode"),
    "jpeg": functools.partial(_read_picture, "jpeg_decode"),
    "png": functools.partial(_read_picture, "png_decode"),
    "bmp": functools.partial(_read_picture, "bmp_decode"),
}
"""By suffix."""
