"""Data elements of DICOM: their places in some bytes, and their values.

Rule kept here: an element is listed by its place alone; nothing is decoded before it is asked for.
Bytes that end within an element raise ``EndOfBytesError``, so that the caller can fetch more.

Source of the facts: DICOM PS3.5, sections 6.2 (value representations), 7.1 and 7.5 (elements and
sequences), and annex A; PS3.3, C.12.1.1.2 (character sets); PS3.18, annex F (the JSON model).
"""

import base64
import math
import struct
from collections.abc import Iterator
from typing import Any, Final

import attrs

LONG: Final = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
)
"""Representations whose length takes 32 bits (PS3.5, 7.1.2)."""
UNDEFINED: Final = 0xFFFFFFFF
"""Length of a sequence or an item that a delimiter ends."""
# PS3.5, 7.5: in every transfer syntax these have a tag and 32 bits of length, never a VR.
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
ITEM_END_BYTES: Final = b"\xfe\xff\x0d\xe0"
MOST_NESTED: Final = 32
"""Sequences within each other; the headers of slides have five."""
NUMBERS: Final = {
    "US": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "FL": "f",
    "FD": "d",
    "UV": "Q",
    "SV": "q",
}
# Terms of code extensions (ISO 2022 ...) are missing: such texts keep the encoding around them.
CHARACTER_SETS: Final = {
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "iso8859_11",
    "ISO_IR 192": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
CHARACTER_SET: Final = 0x00080005
LARGEST_VALUE: Final = 1 << 12
"""Bytes of a binary value in the JSON; longer ones, such as colour profiles, are left out."""


class EndOfBytesError(ValueError):
    """The bytes end within an element; ``needed`` is where they must reach at least."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"expected bytes up to {needed}")
        self.needed = needed


@attrs.frozen
class Element:
    """Place of a data element."""

    tag: int
    """Group and element in one number."""
    vr: str
    """Value representation; empty where the file does not give it."""
    start: int
    """Where the value begins."""
    stop: int
    """Where it ends; for a sequence that a delimiter ends, where that begins."""
    after: int
    """Where the next element begins."""


def next_element(data: bytes | bytearray, at: int, *, explicit: bool, depth: int = 0) -> Element:
    """Find the element that begins at a place.

    Parameters
    ----------
    data
        Bytes of the file from its start.
    at
        Where the element begins.
    explicit
        Whether representations are in the file.
    depth
        Sequences that it lies in.

    Raises
    ------
    EndOfBytesError
        When the bytes end within it.
    ValueError
        When it is no element.
    """
    tag, vr, start, nbytes = _read_head(data, at, explicit=explicit)
    if nbytes != UNDEFINED:
        return Element(tag, vr, start, start + nbytes, start + nbytes)
    # Only undefined lengths recurse: the limit keeps a crafted file off the stack of Python.
    if depth >= MOST_NESTED:
        raise ValueError(f"expected at most {MOST_NESTED} nested sequences")
    # PS3.5, 6.2.2: an unknown value of undefined length is a sequence in implicit representation.
    inner = explicit and vr != "UN"
    stop = start
    while True:
        item, stop = stop, skip_item(data, stop, explicit=inner, depth=depth)
        if stop == item:
            # The delimiter of a sequence takes 8 bytes: its tag, and a length of 0.
            return Element(tag, vr or "SQ", start, stop, stop + 8)


def skip_item(data: bytes | bytearray, at: int, *, explicit: bool, depth: int = 0) -> int:
    """Return where the next item of a sequence begins; ``at`` itself where a delimiter ends it.

    Raises
    ------
    EndOfBytesError
        When the bytes end within the item.
    ValueError
        When it is no item.
    """
    if at + 8 > len(data):
        raise EndOfBytesError(at + 8)
    group, element = struct.unpack_from("<HH", data, at)
    nbytes = int.from_bytes(data[at + 4 : at + 8], "little")
    # PS3.5, 7.1: a tag is two words of 16 bits, the group first.
    tag = group << 16 | element
    if tag == SEQUENCE_END:
        return at
    if tag != ITEM:
        raise ValueError(f"expected an item at {at}, found tag {tag:08x}")
    at += 8
    if nbytes != UNDEFINED:
        if at + nbytes > len(data):
            raise EndOfBytesError(at + nbytes)
        return at + nbytes
    # PS3.5, 7.5.1: an item of undefined length has elements up to its own delimiter.
    while True:
        if at + 8 > len(data):
            raise EndOfBytesError(at + 8)
        group, element = struct.unpack_from("<HH", data, at)
        if group << 16 | element == ITEM_END:
            return at + 8
        at = next_element(data, at, explicit=explicit, depth=depth + 1).after


def _read_head(data: bytes | bytearray, at: int, *, explicit: bool) -> tuple[int, str, int, int]:
    """Return tag, representation, start and bytes of a value."""
    # The longest head. Pixels follow every header, so a shorter one never ends the bytes.
    if at + 12 > len(data):
        raise EndOfBytesError(at + 12)
    group, element = struct.unpack_from("<HH", data, at)
    tag = group << 16 | element
    # PS3.5, 7.1.3: implicit elements have no VR and always 32 bits of length.
    if not explicit:
        return tag, "", at + 8, int.from_bytes(data[at + 4 : at + 8], "little")
    vr = data[at + 4 : at + 6].decode("latin_1")
    # PS3.5, 6.2: a VR is two capitals; other bytes mean that an earlier length was wrong.
    if not (vr.isalpha() and vr.isupper()):
        raise ValueError(f"expected a value representation at {at + 4}, found {vr!r}")
    # PS3.5, 7.1.2: two reserved bytes stand between such a VR and its length.
    if vr in LONG:
        return tag, vr, at + 12, int.from_bytes(data[at + 8 : at + 12], "little")
    return tag, vr, at + 8, int.from_bytes(data[at + 6 : at + 8], "little")


# ---------------------------------------------------------------- values


class DataSet:
    """Elements by tag, and their values. Not a record: it lives for one opening."""

    def __init__(
        self, data: bytes, elements: dict[int, Element], *, explicit: bool, encoding: str = ""
    ) -> None:
        self._data = data
        self.elements = elements
        self.explicit = explicit
        self.encoding = encoding or "latin_1"
        # PS3.5, 7.5.3: an item that names no character set has that of the data set around it.
        names = self.texts(CHARACTER_SET)
        named = next((CHARACTER_SETS[one] for one in names if one in CHARACTER_SETS), "")
        self.encoding = named or self.encoding

    def raw(self, tag: int) -> bytes:
        """Return the bytes of a value; none where the element is missing."""
        place = self.elements.get(tag)
        return b"" if place is None else self._data[place.start : place.stop]

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the texts of an element, without padding; empty where it is missing."""
        text = self.raw(tag).decode(self.encoding, "replace")
        # PS3.5, 6.2: values have an even length, padded with a space, UIDs with a NUL.
        parts = [part.strip(" \0") for part in text.split("\\")]
        return tuple(parts) if any(parts) else ()

    def text(self, tag: int) -> str:
        """Return the first text of an element; empty where it is missing."""
        return next(iter(self.texts(tag)), "")

    def integer(self, tag: int, default: int = 0) -> int:
        """Return a binary integer: of US and UL, and without a representation, it has no sign."""
        raw = self.raw(tag)
        if len(raw) not in {2, 4}:
            return default
        return int.from_bytes(raw, "little", signed=self.elements[tag].vr in {"SS", "SL"})

    def count(self, tag: int, default: int = 0) -> int:
        """Return an integer in digits (IS)."""
        try:
            return int(self.text(tag))
        except ValueError:
            return default

    def decimals(self, tag: int) -> tuple[float, ...]:
        """Return decimal numbers (DS), or floats of 32 or 64 bits; none where they make no sense."""
        place = self.elements.get(tag)
        if place is None:
            return ()
        if place.vr in {"FL", "FD"}:
            values = self._numbers(place)
        else:
            try:
                values = tuple(float(text) for text in self.texts(tag))
            except ValueError:
                return ()
        return values if all(map(math.isfinite, values)) else ()

    def decimal(self, tag: int) -> float | None:
        """Return the first decimal number."""
        return next(iter(self.decimals(tag)), None)

    def _numbers(self, place: Element) -> tuple[Any, ...]:
        letter = NUMBERS[place.vr]
        size = struct.calcsize("<" + letter)
        # Lengths inside of an item are not compared with the bytes before this place.
        count = (min(place.stop, len(self._data)) - place.start) // size
        return struct.unpack_from(f"<{max(count, 0)}{letter}", self._data, place.start)

    def items(self, tag: int, depth: int = 0) -> Iterator["DataSet"]:
        """Yield the items of a sequence, as far as they can be read."""
        place = self.elements.get(tag)
        if place is None or depth > MOST_NESTED:
            return
        explicit = self.explicit and place.vr != "UN"
        at = place.start
        try:
            while at + 8 <= place.stop:
                after = skip_item(self._data, at, explicit=explicit)
                if after == at:
                    return
                elements = {}
                inner = at + 8
                while inner + 8 <= after and self._data[inner : inner + 4] != ITEM_END_BYTES:
                    element = next_element(self._data, inner, explicit=explicit)
                    elements[element.tag] = element
                    inner = element.after
                yield DataSet(self._data, elements, explicit=explicit, encoding=self.encoding)
                at = after
        except ValueError:
            # A damaged sequence shows the items in front of the damage.
            return

    def first(self, *tags: int) -> "DataSet":
        """Return the first item of a sequence, of the first item of another one, and so on."""
        found = self
        for tag in tags:
            found = next(found.items(tag), DataSet(b"", {}, explicit=True))
        return found

    def as_json(self, depth: int = 0) -> dict[str, Any]:
        """Return the elements in the JSON model of DICOM; long binary values are left out."""
        shown: dict[str, Any] = {}
        for tag, place in self.elements.items():
            vr = place.vr or "UN"
            entry: dict[str, Any] = {"vr": vr}
            if vr == "SQ":
                if depth < MOST_NESTED:
                    entry["Value"] = [item.as_json(depth + 1) for item in self.items(tag)]
            elif vr in NUMBERS:
                # JSON has neither NaN nor infinity: such numbers become null.
                numbers = self._numbers(place)
                entry["Value"] = [n if math.isfinite(n) else None for n in numbers]
            elif vr.startswith("O") or vr == "UN":
                if place.stop - place.start <= LARGEST_VALUE:
                    entry["InlineBinary"] = base64.b64encode(self.raw(tag)).decode()
            else:
                entry |= self._texts_as_json(tag, vr)
            shown[f"{tag:08X}"] = {k: v for k, v in entry.items() if v not in ([], "")}
        return shown

    def _texts_as_json(self, tag: int, vr: str) -> dict[str, Any]:
        if vr == "AT":
            # PS3.18, annex F: a tag is eight hexadecimal digits, the group first.
            pairs = struct.iter_unpack("<HH", self.raw(tag)[: len(self.raw(tag)) // 4 * 4])
            return {"Value": [f"{group:04X}{element:04X}" for group, element in pairs]}
        texts: list[Any] = list(self.texts(tag))
        if vr == "PN":
            texts = [{"Alphabetic": text} for text in texts]
        elif vr in {"DS", "IS"}:
            numbers = self.decimals(tag)
            texts = list(numbers) if vr == "DS" else [int(number) for number in numbers]
        return {"Value": texts}
