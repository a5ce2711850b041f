"""The tree of tags of VSI files: fields and volumes as bytes.

Rule kept here: a function returns the bytes of one field, or of one volume; what they mean is decided
in ``vsi``.

Source of the structures: see ``aicsio.formats.vsi.tree``. Stacks, frames and dimensions are volumes of
type 0, properties of type 1, quantities of type 2, as Bio-Formats tells them apart.
"""

import struct
from collections.abc import Sequence
from typing import Final

# Flags of a type: its upper bits. NESTED is two of them, "not a plain value" and "volumes".
NESTED, INLINE, HAS_INDEX = 0x90000000, 0x40000000, 0x08000000
INT, LONG, DOUBLE, TEXT = 5, 7, 10, 8192
RECTANGLE, INT_PAIR, DOUBLE_PAIR, RGB = 259, 256, 260, 269
# Tags within a quantity.
UNIT, VALUE = 0x10000000, 0x10000002
VOLUME, PROPERTIES, QUANTITY = 0, 1, 2
"""Types of volumes."""
MICROMETRES, MILLISECONDS, NANOMETRES = "10^-6m^1", "10^-3s^1", "10^-9m^1"
ARRAY_KINDS: Final = {1: 8195, 2: 274, 3: 275, 4: 276, 5: 277}
"""Type of a list of whole numbers, by its length."""


def field(number: int, kind: int, payload: bytes, index: int | None = None) -> bytes:
    """Return a field; the distance to the next one is filled in by the volume."""
    flags = kind | (0 if index is None else HAS_INDEX)
    # The second number stands behind the length, which does not count it.
    after = b"" if index is None else struct.pack("<i", index)
    # Type and flags, tag, distance to the next field, bytes of the value.
    return struct.pack("<IiII", flags, number, 0, len(payload)) + after + payload


def inline(number: int, value: int) -> bytes:
    """Return a field whose whole number stands in place of a length."""
    # A negative number stands in the same four bytes.
    return struct.pack("<IiIi", INT | INLINE, number, 0, value)


def inline_all(numbers: Sequence[int], values: Sequence[int]) -> list[bytes]:
    """Return fields with whole numbers, as many as there are values."""
    return [inline(number, value) for number, value in zip(numbers, values, strict=False)]


def text(number: int, value: str) -> bytes:
    """Return a field with a text."""
    return field(number, TEXT, (value + "\0").encode("utf-16-le"))


def real(number: int, value: float) -> bytes:
    """Return a field with a number."""
    return field(number, DOUBLE, struct.pack("<d", value))


def whole(number: int, values: Sequence[int]) -> bytes:
    """Return a field with whole numbers."""
    kind = ARRAY_KINDS[len(values)]
    return field(number, kind, struct.pack(f"<{len(values)}i", *values))


def volume(fields: Sequence[bytes]) -> bytes:
    """Return a volume of fields."""
    # A volume without fields has no first one.
    first = 24 if fields else 0
    # Length of the header, "IS" (21321), version, distance to the first field, number of fields, 0.
    out = bytearray(struct.pack("<HHIqII", 24, 21321, 1, first, len(fields), 0))
    for place, one in enumerate(fields):
        start = len(out)
        out += one
        # Distances count from the header of the volume; the last field has none behind it.
        following = 0 if place == len(fields) - 1 else len(out)
        # The distance is the third number of a field, 0 until the volume knows it.
        struct.pack_into("<I", out, start + 8, following)
    return bytes(out)


def nested(number: int, kind: int, fields: Sequence[bytes], index: int | None = None) -> bytes:
    """Return a field that holds a volume."""
    return field(number, kind | NESTED, volume(fields), index)


def quantity(number: int, value: float, unit: str) -> bytes:
    """Return a field with a number and its unit."""
    return nested(number, QUANTITY, [text(UNIT, unit), real(VALUE, value)])
