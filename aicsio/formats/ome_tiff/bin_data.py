"""Pixels that are inside OME-XML: BinData elements, one a plane, as base64.

Rule kept here: elements are found by their place in the bytes of the file, so that a plane is read
like any other run of bytes. An image that has not one element a plane is left out with a
``Diagnostic``.

Source of the facts: OME schema 2016-06, BinData (Length, BigEndian, Compression: none, zlib or
bzip2).
"""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from aicsio._ome.model import OmeImage
from aicsio.formats._tiff.groups import PlaneGroup
from aicsio.formats._tiff.layout import TiffLayout
from aicsio.formats._tiff.segments import Four, SegmentGrid, block_shape
from aicsio.records import Codec, Diagnostic, Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers

TYPES: Mapping[str, str] = {
    "int8": "i1", "int16": "i2", "int32": "i4", "uint8": "u1", "uint16": "u2", "uint32": "u4",
    "float": "f4", "double": "f8", "complex": "c8", "double-complex": "c16",
}  # fmt: skip
"""Numpy's name of each OME pixel type; ``bit`` has no defined packing inside XML."""

_CODECS: Mapping[str, tuple[Codec, ...]] = {
    "none": (Codec("base64"),),
    "zlib": (Codec("base64"), Codec("deflate")),
    "bzip2": (Codec("base64"), Codec("bzip2")),
}
_ELEMENT = re.compile(rb"<(/?)(?:\w+:)?(Pixels|BinData)\b([^>]*)>")
_ATTRIBUTE = re.compile(rb"(\w+)\s*=\s*[\"']([^\"']*)")


class BinData(NamedTuple):
    """One BinData element."""

    offset: int
    """Byte offset of its text."""
    nbytes: int
    """Length of its text."""
    compression: str
    """Name of the schema: ``none``, ``zlib`` or ``bzip2``."""
    big_endian: bool
    """Byte order of the pixels."""


def find_bin_data(raw: bytes) -> list[list[BinData]]:
    """Return the BinData elements of each Pixels element, by their place in the file."""
    of_pixels: list[list[BinData]] = []
    is_inside = False
    for element in _ELEMENT.finditer(raw):
        is_closing, name, attributes = bool(element[1]), element[2], element[3]
        is_open = not is_closing and not attributes.endswith(b"/")
        if name == b"Pixels":
            is_inside = is_open
            if not is_closing:
                of_pixels.append([])
        elif is_inside and is_open:
            # Base64 has no "<": the text ends where the next tag begins.
            of_pixels[-1].append(
                _read_bin_data(attributes, element.end(), raw.find(b"<", element.end()))
            )
    return of_pixels


def _read_bin_data(attributes: bytes, start: int, end: int) -> BinData:
    values = {key: value.decode("latin-1") for key, value in _ATTRIBUTE.findall(attributes)}
    return BinData(
        start,
        max(end, start) - start,
        values.get(b"Compression", "none"),
        values.get(b"BigEndian", "false").lower() == "true",
    )


def inline_array(
    source: Source, image: OmeImage, blocks: list[BinData]
) -> tuple[LazyArray | None, list[Diagnostic]]:
    """Make the array of an image whose planes are BinData elements.

    Parameters
    ----------
    source
        The file with the XML.
    image
        Its metadata.
    blocks
        Its BinData elements, in order.
    """
    shape = image.sizes.shape[:-2]
    type_name = TYPES.get(image.pixel_type or "")
    # One layout has one codec: elements of different compressions cannot be one array.
    offsets, counts, compressions, byte_orders = zip(*blocks, strict=True) if blocks else ((),) * 4
    is_uniform = len(set(compressions)) == len(set(byte_orders)) == 1
    if len(blocks) != math.prod(shape) or not is_uniform or type_name is None:
        message = (
            f"{len(blocks)} BinData elements of {image.pixel_type} for {math.prod(shape)} planes "
            "are not read"
        )
        return None, [Diagnostic("ome-bin-data", message, image.name)]
    compression, big_endian = compressions[0], byte_orders[0]
    if compression not in _CODECS:
        message = f"compression {compression[:40]!r} is not known"
        return None, [Diagnostic("ome-bin-data", message, image.name)]
    dtype = np.dtype(type_name).newbyteorder(">" if big_endian else "<")
    plane: Four = (1, image.sizes.Y, image.sizes.X, 1)
    # Each element is one strip that holds a whole plane.
    group = PlaneGroup(
        source=source,
        grid=SegmentGrid(plane[:3], clipped=True, planar=False, width=1),
        dtype=dtype,
        codecs=_CODECS[compression],
        offsets=PackedIntegers.pack(np.array(offsets, np.uint64)),
        counts=PackedIntegers.pack(np.array(counts, np.uint64)),
    )
    axes = (False, False)
    layout = TiffLayout(
        shape, plane, axes, (group,), block_shape(shape, plane, axes, dtype.itemsize, plane[:3])
    )
    return LazyArray.whole(layout, Dims(image.order, (*shape, *plane[1:3])), dtype), []
