"""A table of functions from compressed bytes to pixels, by imagecodecs. Imports `records`.

A new codec is a row of ``table.CODECS``; formats map their own numbers and names to its name
(``formats/_tiff/compressions``, ``formats/zarr/chains``, ``formats/czi/pixels``).
``table`` has them all. ``compression`` has codecs of bytes, ``images`` and ``tiff_images`` those of whole
pictures, ``tiff``, ``czi``, ``dicom``, ``nd2`` and ``zarr`` those of one container, ``raw`` bytes as arrays,
``text`` numbers as text, ``resampling`` pixels of another size, ``masks`` pixels that are not valid, ``parts``
parts of an image that lie elsewhere. ``image_headers`` reads the declared sizes of images, ``lengths``
measures runs of codecs without a checksum, ``strict`` finds faults over which decoders pass, ``buffers`` are
the memory that decoders write to.

Modules that only decoding needs are imported with the first of their names: most formats ask for two of these to
open a file, and the others take 7 ms.

Rule kept here: a codec takes the bytes or pixels of the codec before it and a ``DecodeTarget``,
and returns bytes or an array. One that knows the size of its result writes it into
``target.empty_output(nbytes)``.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from aicsio._codecs.buffers import (
    ROOM_NBYTES,
    DecodeTarget,
    Scratch,
    has_library,
    imagecodecs,
)
from aicsio._codecs.czi import find_subblock_payload

if TYPE_CHECKING:
    from aicsio._codecs.raw import HEADERS, as_strided, check_reach
    from aicsio._codecs.table import CODECS, decode
    from aicsio._codecs.zarr import EMPTY_ENTRY, crc32c, pack_codecs

__all__ = [
    "CODECS",
    "EMPTY_ENTRY",
    "HEADERS",
    "ROOM_NBYTES",
    "DecodeTarget",
    "Scratch",
    "as_strided",
    "check_reach",
    "crc32c",
    "decode",
    "find_subblock_payload",
    "has_library",
    "imagecodecs",
    "pack_codecs",
]

_LATER = {
    "CODECS": "table",
    "EMPTY_ENTRY": "zarr",
    "HEADERS": "raw",
    "as_strided": "raw",
    "check_reach": "raw",
    "crc32c": "zarr",
    "decode": "table",
    "pack_codecs": "zarr",
}
"""Modules of names that are imported when they are first asked for."""

if not TYPE_CHECKING:
    # To a type checker it would make every misspelt name an Any.
    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[__name__])
        module = importlib.import_module(f"{__name__}.{_LATER[name]}")
        value = globals()[name] = getattr(module, name)
        return value
