"""Pixels that are inside OME-XML: BinData elements, one a plane, as base64.

Rule kept here: elements are found by their place in the bytes of the file, so that a plane is read like any other run
of bytes; what is not one element a plane is left out with a ``Diagnostic``.

Source of the facts: OME schema 2016-06, BinData (Length, BigEndian, Compression: none, zlib or bzip2).
"""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from aicsio._ome.model import OmeImage
from aicsio.formats._tiff.layout import Four, PlaneGroup, TiffLayout, block_shape
from aicsio.records import Codec, Diagnostic, Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers

TYPES: Mapping[str, str] = {
    "int8": "i1", "int16": "i2", "int32": "i4", "uint8": "u1", "uint16": "u2", "uint32": "u4", "float": "f4",
    "double": "f8", "complex": "c8", "double-complex": "c16",
}  # fmt: skip
"""Numpy's name of each OME pixel type; ``bit`` has no defined packing inside XML."""

_CODECS: Mapping[str, tuple[Codec, ...]] = {
    "none": (Codec("base64"),),
    "zlib": (Codec("base64"), Codec("deflate")),
    "bzip2": (Codec("base64"), Codec("bzip2")),
}
_ELEMENT = re.compile(rb"<(/?)(?:\w+:)?(Pixels|BinData)\b([^>]*)>")


class Block(NamedTuple):
    """One BinData element."""

    offset: int
    nbytes: int
    compression: str
    big_endian: bool


def find_blocks(raw: bytes) -> list[list[Block]]:
    """Return the BinData elements of each Pixels element, by their place in the file."""
    found: list[list[Block]] = []
    inside = False
    for element in _ELEMENT.finditer(raw):
        closing, name, attributes = element[1], element[2], element[3]
        if name == b"Pixels":
            inside = not closing and not attributes.endswith(b"/")
            if not closing:
                found.append([])
        elif inside and not closing and not attributes.endswith(b"/"):
            given = {
                k.decode(): v.decode("latin-1")
                for k, v in re.findall(rb"(\w+)\s*=\s*[\"']([^\"']*)", attributes)
            }
            end = raw.find(b"<", element.end())
            compression, big = (
                given.get("Compression", "none"),
                given.get("BigEndian", "false").lower() == "true",
            )
            found[-1].append(
                Block(element.end(), max(end, element.end()) - element.end(), compression, big)
            )
    return found


def inline_array(
    source: Source, image: OmeImage, blocks: list[Block]
) -> tuple[LazyArray | None, list[Diagnostic]]:
    """Make the array of an image whose planes are BinData elements."""
    sizes, letters = dict(image.sizes.items()), image.order[:-2]
    shape = tuple(sizes[letter] for letter in letters)
    schemes = {(block.compression, block.big_endian) for block in blocks}
    type_name = TYPES.get(image.pixel_type or "")
    if len(blocks) != math.prod(shape) or len(schemes) != 1 or type_name is None:
        text = f"{len(blocks)} BinData elements of {image.pixel_type} for {math.prod(shape)} planes are not read"
        return None, [Diagnostic("ome-bin-data", text, image.name)]
    compression, big_endian = next(iter(schemes))
    if compression not in _CODECS:
        return None, [
            Diagnostic("ome-bin-data", f"compression {compression!r} is not known", image.name)
        ]
    dtype = np.dtype(type_name).newbyteorder(">" if big_endian else "<")
    plane: Four = (1, image.sizes.Y, image.sizes.X, 1)
    group = PlaneGroup(
        source=source,
        size=plane[:3],
        clipped=True,
        planar=False,
        dtype=dtype,
        codecs=_CODECS[compression],
        width=1,
        offsets=PackedIntegers.pack(np.array([block.offset for block in blocks], np.uint64)),
        counts=PackedIntegers.pack(np.array([block.nbytes for block in blocks], np.uint64)),
    )
    axes = (False, False)
    layout = TiffLayout(
        shape, plane, axes, (group,), block_shape(shape, plane, axes, dtype.itemsize, plane[:3])
    )
    return LazyArray.whole(layout, Dims(image.order, (*shape, *plane[1:3])), dtype), []
