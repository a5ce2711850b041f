"""The tree of tags of a VSI file: volumes of fields, from byte 8 of the TIFF on.

Rule kept here: no position or length of the file is used before it is compared with the size of the
file, and fields follow each other forwards alone. A tree that breaks off keeps what stands before.

Source of the facts: no specification is published. Learnt from the drivers of ``slideio`` and
``bioio-vsi`` (both BSD-3) and compared with what Bio-Formats shows. All numbers are little-endian.
A volume is a header of 24 bytes: its own length, the letters IS, a version, the distance to the
first field, the number of fields. A field is its type and flags, its tag, the distance from the
header of its volume to the next field (0 for the last), the bytes of its value, and, by a flag, a
second number: the stack, dimension, channel or frame that it belongs to. Texts are UTF-16.
"""

import struct
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

from aicsio._io import readers
from aicsio._io.readers import Reader
from aicsio.errors import CorruptFileError
from aicsio.records import Source

TREE_OFFSET: Final = 8
"""The tree begins behind the header of the TIFF."""
VOLUME: Final = struct.Struct("<HHIqII")
"""Length of the header, IS, version, distance to the first field, number of fields, unused."""
VOLUME_START: Final = b"\x18\0IS"
FIELD: Final = struct.Struct("<IiII")
"""Type and flags, tag, distance to the next field, bytes of the value."""
COUNT_MASK: Final = 0x0FFFFFFF
TYPE_MASK: Final = 0xFFFFFF
HAS_INDEX: Final = 0x08000000
"""A second number follows the field."""
EXTENDED: Final = 0x10000000
"""The value is no plain one, but volumes or a blob."""
NESTED: Final = 0x80000000
"""The value is volumes for certain."""
INLINE: Final = 0x40000000
"""The value stands in place of its length."""
VOLUMES: Final = frozenset({0, 1, 2})
"""Extended types that hold volumes; others are directories of the TIFF and blobs."""
TEXTS: Final = frozenset({13, 8192, 8194})
NUMBERS: Final = {
    1: "b",
    2: "B",
    3: "h",
    4: "H",
    5: "i",
    6: "I",
    7: "q",
    8: "Q",
    9: "f",
    10: "d",
    11: "d",
    12: "B",
    14: "I",
    17: "q",
    18: "d",
    256: "i",
    257: "i",
    258: "i",
    259: "i",
    260: "d",
    261: "d",
    262: "d",
    263: "d",
    264: "d",
    265: "d",
    266: "d",
    267: "i",
    268: "d",
    269: "B",
    270: "B",
    271: "I",
    272: "I",
    273: "I",
    274: "i",
    275: "i",
    276: "i",
    277: "i",
    279: "d",
    280: "d",
    8195: "i",
    8199: "i",
    8200: "i",
    8470: "I",
}
"""Type of the numbers of a value, by the type of its field."""
SIGNED_INLINE: Final = frozenset({1, 3, 5})
BGR: Final = 270
"""Type of a colour whose bytes are blue, green, red; those of 269 are red, green, blue."""
LARGEST_VALUE: Final = 1 << 16
"""Bytes of a value that is decoded; previews and masks are longer, and are no facts."""
DEEPEST: Final = 32
"""Volumes within volumes; files have some ten."""
MOST_FIELDS: Final = 1_000_000
"""Fields that are read: some five a plane, a second for 300 000."""
PAGE: Final = 1 << 18
"""Bytes that are read at once: trees have 30 KB to a few MB."""

TagValue: TypeAlias = int | float | str | tuple[int, ...] | tuple[float, ...] | None


@attrs.frozen(eq=False)
class VsiTag:
    """One field with its children. Not a record: it lives for one opening."""

    number: int
    """Its tag; its meaning depends on the volume that it stands in."""
    index: int | None
    """Number of the stack, dimension, channel or frame; ``None`` if it has none."""
    kind: int
    """Type of the value."""
    value: TagValue = None
    """Number, text or several numbers; ``None`` for volumes, blobs, and types that are not known."""
    children: tuple["VsiTag", ...] = ()
    """Fields of its volumes."""

    def all(self, number: int) -> Iterator["VsiTag"]:
        """Yield the children with a tag, in file order."""
        return (child for child in self.children if child.number == number)

    def first(self, *numbers: int) -> "VsiTag | None":
        """Return the first descendant along a path of tags."""
        found: VsiTag | None = self
        for number in numbers:
            if found is None:
                return None
            found = next(found.all(number), None)
        return found

    def walk(self) -> Iterator["VsiTag"]:
        """Yield all descendants, those of a child before the next child."""
        for child in self.children:
            yield child
            yield from child.walk()


@attrs.frozen(eq=False)
class VsiTree:
    """The tree of a file. Not a record: it lives for one opening."""

    root: VsiTag
    """Holds the fields of the first volume."""
    trouble: str | None
    """Why the tree breaks off; ``None`` if it is whole."""


def has_tree(head: bytes) -> bool:
    """Return whether a little-endian TIFF begins with a tree of tags."""
    return head[:4] == b"II*\0" and head[TREE_OFFSET : TREE_OFFSET + 4] == VOLUME_START


def read_tree(source: Source) -> VsiTree:
    """Read the tree of a file."""
    with readers.lend(source) as reader:
        parser = _TreeParser(source, reader)
        root: list[VsiTag] = []
        trouble = None
        try:
            parser.read_volume(TREE_OFFSET, root, 0)
        except CorruptFileError as error:
            # `root` is filled in place: fields in front of the damage are in it.
            trouble = str(error)
    return VsiTree(VsiTag(0, None, 0, None, tuple(root)), trouble)


class _TreeParser:
    """Follows fields through a file, some pages at a time. It lives for one opening."""

    def __init__(self, source: Source, reader: Reader) -> None:
        self.source = source
        self.reader = reader
        self.size = source.size or 0
        self.pages: dict[int, bytes] = {}
        self.seen: set[int] = set()

    def read_volume(self, start: int, out: list[VsiTag], depth: int) -> int:
        """Append the fields of a volume; return the byte behind the last of them."""
        if depth > DEEPEST:
            raise self._damage(start, f"volumes lie more than {DEEPEST} deep")
        header = self._read(start, VOLUME.size)
        if header[:4] != VOLUME_START:
            raise self._damage(start, f"expected a volume of tags, found {header[:4]!r}")
        *_, first, count, _ = VOLUME.unpack(header)
        end = start + VOLUME.size
        if not count & COUNT_MASK:
            # A volume without fields has no first one.
            return end
        at = start + first
        if not end <= at <= self.size:
            raise self._damage(start, f"its first field lies at {at}")
        for _ in range(count & COUNT_MASK):
            following, behind = self._read_field(at, out, depth)
            end = max(end, behind)
            if following == 0:
                break
            # Fields follow each other: a step back would never end.
            if start + following <= at:
                raise self._damage(at, f"the field behind it lies at {start + following}")
            at = start + following
        return end

    def _read_field(self, at: int, out: list[VsiTag], depth: int) -> tuple[int, int]:
        """Append a field; return the distance to the next one, and the byte behind its value."""
        # Volumes of a crafted file may overlap: each field once keeps the work linear.
        if at in self.seen or len(self.seen) >= MOST_FIELDS:
            raise self._damage(at, "expected a field that was not read before")
        self.seen.add(at)
        flags, number, following, nbytes = FIELD.unpack(self._read(at, FIELD.size))
        kind = flags & TYPE_MASK
        at += FIELD.size
        index = None
        if flags & HAS_INDEX:
            (index,) = struct.unpack("<i", self._read(at, 4))
            at += 4
        if flags & EXTENDED:
            if kind not in VOLUMES or not (flags & NESTED or self._has_volume(at)):
                # Blobs of some writers state lengths beyond the end of the file.
                out.append(VsiTag(number, index, kind))
                return following, at
            children: list[VsiTag] = []
            try:
                at = self._read_volumes(at, at + nbytes, children, depth + 1)
            finally:
                # What stands before damage is kept.
                out.append(VsiTag(number, index, kind, None, tuple(children)))
            return following, at
        if flags & INLINE:
            # The field is read as unsigned: a set sign bit takes off 2**32.
            value = nbytes - (nbytes >> 31 << 32) if kind in SIGNED_INLINE else nbytes
            out.append(VsiTag(number, index, kind, value))
            return following, at
        decoded = None
        is_known = kind in TEXTS or kind in NUMBERS
        if is_known and nbytes <= min(LARGEST_VALUE, self.size - at):
            decoded = _decode(kind, self._read(at, nbytes))
        out.append(VsiTag(number, index, kind, decoded))
        return following, at + nbytes

    def _read_volumes(self, at: int, limit: int, out: list[VsiTag], depth: int) -> int:
        """Read a volume, and those that follow it within the same field."""
        # Nothing counts the volumes of a field: another one follows where its header does.
        end = self.read_volume(at, out, depth)
        while end < limit and self._has_volume(end):
            end = self.read_volume(end, out, depth)
        return end

    def _has_volume(self, at: int) -> bool:
        return at + VOLUME.size <= self.size and self._read(at, 4) == VOLUME_START

    def _read(self, at: int, nbytes: int) -> bytes:
        """Return bytes of the file, from pages that are read once."""
        if at < 0 or at + nbytes > self.size:
            raise self._damage(at, f"expected {nbytes} bytes, the file has {self.size}")
        parts = []
        # A read of no bytes takes one page, too, so that `parts` is never empty.
        for number in range(at // PAGE, (at + max(nbytes, 1) - 1) // PAGE + 1):
            page = self.pages.get(number)
            if page is None:
                start = number * PAGE
                page = self.reader.read(start, min(PAGE, self.size - start))
                self.pages[number] = page
            low = max(at - number * PAGE, 0)
            parts.append(page[low : at + nbytes - number * PAGE])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _damage(self, at: int, what: str) -> CorruptFileError:
        return CorruptFileError.at(self.source.uri, at, what)


def _decode(kind: int, data: bytes) -> TagValue:
    if kind in TEXTS:
        return data.decode("utf-16-le", "replace").partition("\0")[0]
    code = NUMBERS[kind]
    count = len(data) // struct.calcsize(f"<{code}")
    values = struct.unpack_from(f"<{count}{code}", data)
    if kind == BGR and count >= 3:
        # The first three values backwards; further ones stay behind them.
        values = (*values[2::-1], *values[3:])
    return values[0] if count == 1 else values
