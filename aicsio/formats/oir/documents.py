"""The XML documents of an OIR file, and values in them by name.

Rule kept here: names are compared without their namespaces; a document that is no XML costs its
facts, never the pixels.

Source of the facts: as for ``blocks``. Each document is its length, four bytes, and ASCII XML. In
front of a lookup table and of the settings of a detector stands the identifier of the channel.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from aicsio._io import readers
from aicsio._io.readers import Span
from aicsio._ome.units import finite_number
from aicsio._ome.xml import parse_untrusted
from aicsio.errors import CorruptFileError
from aicsio.records import Source

LARGEST_BLOCK: Final = 64 << 20
"""Bytes of a block of documents: lookup tables take 512 KiB a channel."""
START: Final = b"<?xml"
IDENTIFIER_NBYTES: Final = 36
"""Characters of the identifier of a channel."""


class OirDocument(NamedTuple):
    """One document."""

    text: str
    """Its XML."""
    channel: str | None
    """Identifier of the channel that it belongs to."""


def read_documents(source: Source, place: Span) -> tuple[OirDocument, ...]:
    """Return the documents of a block."""
    offset, nbytes = place
    with readers.lend(source) as reader:
        data = reader.read(offset, min(nbytes, LARGEST_BLOCK))
    return tuple(split_documents(data))


def split_documents(data: bytes) -> Iterator[OirDocument]:
    """Yield the documents of the payload of a block."""
    at = data.find(START)
    while at >= 0:
        following = data.find(START, at + len(START))
        end = following if following >= 0 else len(data)
        # The length in front of a document counts where it ends before the next document.
        stated = struct.unpack_from("<I", data, at - 4)[0] if at >= 4 else 0
        if 0 < stated <= end - at:
            end = at + stated
        text = data[at : data.rfind(b">", at, end) + 1].decode("utf-8", "replace")
        yield OirDocument(text, _identifier(data, at))
        at = following


def _identifier(data: bytes, at: int) -> str | None:
    """Return the identifier in front of the length of a document."""
    # The identifier has its own length in front, also of four bytes.
    first = at - 4 - IDENTIFIER_NBYTES
    if first < 4 or struct.unpack_from("<I", data, first - 4)[0] != IDENTIFIER_NBYTES:
        return None
    return data[first : first + IDENTIFIER_NBYTES].decode("ascii", "replace")


def root_name(text: str) -> str:
    """Return the local name of the root element, without parsing the document."""
    # Position 0 is that of the XML declaration.
    at = text.find("<", 1)
    while at >= 0 and text[at + 1 : at + 2] in {"?", "!"}:
        at = text.find("<", at + 1)
    words = text[at + 1 : at + 200].replace("/", " ").replace(">", " ").split()
    return words[0].rpartition(":")[2] if at >= 0 and words else ""


def parse_document(text: str) -> Element | None:
    """Return the root of a document; None where it is no XML."""
    try:
        return parse_untrusted(text)[0]
    except CorruptFileError:
        return None


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def find_all(element: Element | None, *names: str) -> list[Element]:
    """Return the elements on a path of names: the first anywhere below, the others children."""
    if element is None:
        return []
    found = [each for each in element.iter() if local_name(each) == names[0]]
    for name in names[1:]:
        found = [child for each in found for child in each if local_name(child) == name]
    return found


def text_of(element: Element | None, *names: str) -> str | None:
    """Return the text of the first element on a path; None where there is none."""
    for found in find_all(element, *names):
        text = (found.text or "").strip()
        if text:
            return text
    return None


def number_of(element: Element | None, *names: str) -> float | None:
    """Return the number of the first element on a path."""
    return finite_number(text_of(element, *names))


def whole_of(element: Element | None, *names: str) -> int | None:
    """Return the whole number of the first element on a path."""
    number = number_of(element, *names)
    return int(number) if number is not None and number == int(number) else None
