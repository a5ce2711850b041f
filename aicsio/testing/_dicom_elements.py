"""Data elements of DICOM as bytes.

Rule kept here: elements are written in the order of their tags, values of even length.

Source of the structures: DICOM PS3.5, 6.2, 7.1 and 7.5.
"""

import struct
from typing import Any, TypeAlias

import attrs

__all__ = ["Elements", "Writer"]

Elements: TypeAlias = dict[int, tuple[str, Any]]
"""Value representation and value by tag: a text, a number, bytes, or a list of items."""
LONG = {"OB", "OV", "OW", "SQ"}
LETTERS = {"US": "H", "UL": "I", "SL": "i", "FL": "f"}
UNDEFINED = 0xFFFFFFFF


@attrs.frozen
class Writer:
    """How elements are written."""

    explicit: bool = True
    """Whether value representations are in the file."""
    undefined: bool = False
    """Whether delimiters end sequences and items."""

    def data_set(self, elements: Elements) -> bytes:
        """Return elements in the order of their tags."""
        parts = []
        for tag, (vr, value) in sorted(elements.items()):
            if vr == "SQ":
                parts.append(self._sequence(tag, value))
            else:
                parts.append(self.element(tag, vr, _encode(vr, value)))
        return b"".join(parts)

    def element(self, tag: int, vr: str, value: bytes, *, undefined: bool = False) -> bytes:
        """Return one element; an undefined length is that of encapsulated pixels."""
        # A tag is two numbers, its group first: in little-endian order that is no single uint32.
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        nbytes = UNDEFINED if undefined else len(value)
        if not self.explicit:
            # PS3.5, 7.1.3: implicit elements have a length of four bytes and no representation.
            return head + struct.pack("<I", nbytes) + value
        if vr in LONG:
            # PS3.5, 7.1.2: two reserved bytes and a length of four.
            return head + vr.encode() + bytes(2) + struct.pack("<I", nbytes) + value
        return head + vr.encode() + struct.pack("<H", nbytes) + value

    def _sequence(self, tag: int, items: list[Elements]) -> bytes:
        parts = []
        for item in items:
            data = self.data_set(item)
            if self.undefined:
                # PS3.5, 7.5: Item (E000), Item Delimitation (E00D), both of group FFFE.
                parts += [_delimiter(0xE000, UNDEFINED), data, _delimiter(0xE00D, 0)]
            else:
                parts += [_delimiter(0xE000, len(data)), data]
        if self.undefined:
            # The Sequence Delimitation Item (E0DD).
            parts.append(_delimiter(0xE0DD, 0))
        return self.element(tag, "SQ", b"".join(parts), undefined=self.undefined)


def _delimiter(element: int, nbytes: int) -> bytes:
    # Items and delimiters have no representation in explicit files either (PS3.5, 7.5).
    return struct.pack("<HHI", 0xFFFE, element, nbytes)


def _encode(vr: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value + bytes(len(value) % 2)
    if vr in LETTERS:
        return struct.pack("<" + LETTERS[vr], value)
    text: bytes = value.encode()
    # PS3.5, 6.2: identifiers are padded with a null byte, texts with a blank.
    return text + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)
