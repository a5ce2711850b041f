"""Values of TIFF tags: tuples of numbers, or bytes.

Rule kept here: a count or an offset is compared with the size of the file before bytes are read.

Source of the facts: TIFF 6.0 (Adobe, 1992), section 2.
"""

import struct
from collections.abc import Mapping

from aicsio.formats._tiff.ifd import IfdEntry, OpenTiff, TiffVariant, Value
from aicsio.formats._tiff.tags import FIELD_SIZES, FieldType

LARGEST_VALUE = 64 << 20
"""Largest value of one tag: the offsets of eight million tiles."""

NUMPY_TYPES: Mapping[int, str] = {
    FieldType.BYTE: "u1", FieldType.SHORT: "u2", FieldType.LONG: "u4", FieldType.RATIONAL: "u4",
    FieldType.SBYTE: "i1", FieldType.SSHORT: "i2", FieldType.SLONG: "i4", FieldType.SRATIONAL: "i4",
    FieldType.FLOAT: "f4", FieldType.DOUBLE: "f8", FieldType.IFD: "u4", FieldType.LONG8: "u8",
    FieldType.SLONG8: "i8", FieldType.IFD8: "u8",
}  # fmt: skip
"""Numpy's name of the numbers of a field type; a rational is two. ASCII and UNDEFINED stay bytes."""

_STRUCT_TYPES: Mapping[str, str] = {
    "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
    "f4": "f", "f8": "d",
}  # fmt: skip
"""The same names for ``struct``, which unpacks ten numbers in a quarter of numpy's time."""
_NUMBERS: Mapping[int, tuple[str, int]] = {
    kind: (_STRUCT_TYPES[name], int(name[1])) for kind, name in NUMPY_TYPES.items()
}
"""Letter for ``struct`` and bytes of the numbers of each field type."""


def read_value(file: OpenTiff, entry: IfdEntry, limit: int = LARGEST_VALUE) -> Value:
    """Return the value of a tag: a tuple of numbers, or bytes for ASCII and UNDEFINED.

    Raises
    ------
    CorruptFileError
        When the value is larger than the limit, or does not lie in the file.
    """
    # TIFF 6.0 section 2: readers should skip over fields of an unexpected type.
    nbytes = FIELD_SIZES.get(entry.type, 0) * entry.length
    if nbytes == 0:
        return ()
    if nbytes > limit or entry.offset + nbytes > file.size:
        text = f"expected {nbytes} bytes of tag {entry.code}, but the file has {file.size}"
        raise file.error(entry.offset, text)
    file.spend(nbytes, entry.offset)
    return unpack(file.read(entry.offset, nbytes), entry.type, file.variant)


def unpack(raw: bytes, field_type: int, variant: TiffVariant) -> Value:
    """Return the numbers in the bytes of a value; the bytes themselves of ASCII and UNDEFINED."""
    numbers = _NUMBERS.get(field_type)
    if numbers is None:
        return raw
    name, nbytes = numbers
    return struct.unpack(f"{variant.order}{len(raw) // nbytes}{name}", raw)
