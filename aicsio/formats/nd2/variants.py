"""Nikon's two encodings of metadata, binary "lite variants" and XML, to one tree.

Rule kept here: a tree holds dicts, lists, str, int, float, bool and bytes only. A length that the
data cannot hold ends the parse with an error; nesting is limited.

Source of the facts: as for ``chunks``. An item of a lite variant is its type and the length of its
name in characters (a byte each), the name as UTF-16 with a final zero, and the value. A level
(type 11) holds a number of items and its length in bytes from the first byte of the item, and is
followed by the offset of each item, eight bytes each. Items of lists have no name.
"""

import struct
import zlib
from codecs import utf_16_le_decode
from collections.abc import Callable
from typing import Any, Final, TypeAlias
from xml.etree.ElementTree import Element

from aicsio._ome.xml import decode_xml, parse_root, remove_declaration
from aicsio.errors import CorruptFileError

Tree: TypeAlias = dict[str, Any]

DEEPEST: Final = 64
"""Levels inside of levels. The deepest seen is 13; the limit bounds recursion."""
LARGEST_INFLATED: Final = 1 << 28
"""Bytes of a compressed variant once inflated: 256 MiB, a thousand times the longest seen."""
TEXT: Final = 8
LEVEL: Final = 11
COMPRESSED: Final = 76
"""Type of an item that holds a zlib stream of items, behind ten bytes."""

_NUMBERS: Final = {
    kind: (struct.Struct(code).unpack_from, struct.calcsize(code))
    for kind, code in (
        (1, "<?"),
        (2, "<i"),
        (3, "<I"),
        (4, "<q"),
        (5, "<Q"),
        (6, "<d"),
        (7, "<Q"),  # a pointer of the program that wrote the file
    )
}
"""Of types of fixed length: how they are read, and their bytes."""
_COUNT_AND_LENGTH: Final = struct.Struct("<IQ")


class MalformedError(ValueError):
    """Metadata that cannot be decoded."""


def parse(data: bytes, skip: frozenset[str] = frozenset()) -> Tree:
    """Decode metadata of either encoding.

    Parameters
    ----------
    data
        Data of a chunk.
    skip
        Names of levels that are left out: the settings of cameras take most of the time.

    Returns
    -------
    Names with their prefixes of types (``ui``, ``d``, ``s`` ...), as stored. A level whose items
    have no names is a list.

    Raises
    ------
    MalformedError
        When the data ends early, nests too deep, or is of no known type.
    """
    # XML may follow a byte order mark or blanks; no type of a variant is the byte ``<``.
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \r\n\t")[:1] == b"<":
        return _parse_xml(data)
    try:
        tree = _Lite(data, skip).items(0, len(data), None, 0)
    except (IndexError, struct.error, UnicodeDecodeError, zlib.error) as error:
        raise MalformedError(f"its metadata ends early or is no variant: {error}") from error
    return tree if isinstance(tree, dict) else {"": tree}


class _Lite:
    """One binary variant while it is decoded."""

    def __init__(self, data: bytes, skip: frozenset[str]) -> None:
        self.data = data
        self.skip = skip

    def items(self, start: int, stop: int, count: int | None, depth: int) -> Tree | list[Any]:
        """Decode items between two offsets: ``count`` of them, or as many as there are."""
        if depth > DEEPEST:
            raise MalformedError(f"its metadata nests more than {DEEPEST} levels")
        named: Tree = {}
        unnamed: list[Any] = []
        data = self.data
        number_of = _NUMBERS.get
        left = stop if count is None else count
        # One loop for all types: a file of a microscope has 300 items or more, and a call for each
        # would take as long as its decoding.
        while start < stop and left:
            left -= 1
            kind = data[start]
            begin = start + 2
            at = begin + 2 * data[start + 1]
            number = number_of(kind)
            if number is None and kind == COMPRESSED:
                # Two bytes of type and name length, then the ten in front of the stream.
                return self._inflate(start + 12, stop, depth)
            if at > stop:
                raise MalformedError("an item of its metadata is longer than its level")
            # The function itself: bytes.decode looks the codec up for each of a thousand names.
            name = utf_16_le_decode(data[begin : at - 2])[0] if at > begin else ""
            value: Any
            if number is not None:
                unpack, nbytes = number
                (value,) = unpack(data, at)
                start = at + nbytes
            elif kind == TEXT:
                end = data.find(b"\0\0", at, stop)
                # Characters take two bytes: zeros at an odd distance belong to two neighbours.
                if end < 0 or (end - at) & 1:
                    end = self._string_end(end, at, stop)
                value = utf_16_le_decode(data[at:end], "replace")[0] if end > at else ""
                start = end + 2
            else:
                value, start = self._value(kind, name, start, at, stop, depth)
            if not name:
                unnamed.append(value)
            elif name in named:
                # An array that repeats one name keeps every value.
                named[f"{name}#{len(named)}"] = value
            else:
                named[name] = value
        return _join(named, unnamed) if unnamed else named

    def _value(
        self, kind: int, name: str, begin: int, at: int, stop: int, depth: int
    ) -> tuple[Any, int]:
        """Return a level or bytes at ``at``, and where the next item begins."""
        if kind == LEVEL:
            count, nbytes = _COUNT_AND_LENGTH.unpack_from(self.data, at)
            end = begin + nbytes
            first = at + _COUNT_AND_LENGTH.size
            # The offsets of the items, eight bytes each, are passed over: items are read in order.
            after = end + 8 * count
            if not first <= end <= stop or after > stop:
                raise MalformedError(f"the level {name!r} is longer than the level around it")
            if name in self.skip:
                return {}, after
            return self.items(first, end, count, depth + 1), after
        if kind == 9:
            (nbytes,) = struct.unpack_from("<Q", self.data, at)
            if nbytes > stop - at - 8:
                raise MalformedError(f"the bytes {name!r} are longer than their level")
            return self.data[at + 8 : at + 8 + nbytes], at + 8 + nbytes
        raise MalformedError(f"the item {name!r} has the unknown type {kind}")

    def _string_end(self, end: int, at: int, stop: int) -> int:
        """Return the offset of the final zero of a string, at an even distance from its begin.

        ``end`` is the first pair of zeros, or -1 where there is none.
        """
        while end >= 0 and (end - at) & 1:
            end = self.data.find(b"\0\0", end + 1, stop)
        if end < 0:
            raise MalformedError("a text of its metadata has no end")
        return end

    def _inflate(self, start: int, stop: int, depth: int) -> Tree | list[Any]:
        inflater = zlib.decompressobj()
        data = inflater.decompress(self.data[start:stop], LARGEST_INFLATED)
        if inflater.unconsumed_tail:
            raise MalformedError(f"its metadata inflates to more than {LARGEST_INFLATED} bytes")
        return _Lite(data, self.skip).items(0, len(data), None, depth + 1)


def _join(named: Tree, unnamed: list[Any]) -> Tree | list[Any]:
    """Return the values of a level of which some have no name: a list where none has one."""
    if not named:
        return unnamed
    named.update((f"i{index:010}", value) for index, value in enumerate(unnamed))
    return named


# ---------------------------------------------------------------- XML


_XML_VALUES: Final[dict[str, Callable[[str], Any]]] = {
    "bool": lambda text: text.lower() in {"true", "1"},
    "CLxByteArray": lambda text: text.encode(),
    "CLxStringW": str,
    "double": float,
    "float": float,
    "lx_int32": int,
    "lx_int64": int,
    "lx_uint32": int,
    "lx_uint64": int,
    "unknown": str,
}
"""By the attribute ``runtype`` of an element."""


def _parse_xml(data: bytes) -> Tree:
    try:
        root = parse_root(remove_declaration(decode_xml(data)))
    except CorruptFileError as error:
        raise MalformedError(str(error)) from error
    tree = _element_value(root, 0)
    # <variant><no_name>...</no_name></variant> wraps the trees that have no name of their own.
    while isinstance(tree, list) and len(tree) == 1:
        tree = tree[0]
    return tree if isinstance(tree, dict) else {"": tree}


def _element_value(element: Element, depth: int) -> Any:
    if depth > DEEPEST:
        raise MalformedError(f"its metadata nests more than {DEEPEST} levels")
    convert = _XML_VALUES.get(element.get("runtype", ""))
    if convert is not None:
        try:
            return convert(element.get("value", ""))
        except ValueError:
            return element.get("value", "")
    named: Tree = {}
    unnamed: list[Any] = []
    for child in element:
        value = _element_value(child, depth + 1)
        if child.tag == "no_name" or child.tag in named:
            unnamed.append(value)
        else:
            named[child.tag] = value
    return _join(named, unnamed) if unnamed else named
