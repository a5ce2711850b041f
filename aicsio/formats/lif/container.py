"""The containers of Leica: LIF (many images) and LOF (one image) -> XML text and the places of memory blocks.

Rule kept here: no length of the file is believed before it is held against the size of the file.

Source of the facts: "LIF File Format Description" (Leica Microsystems), versions 1 and 2 of the container: chunks that
begin with 0x70, a length, and 0x2A before each field; block sizes take four bytes in version 1 and eight in version 2.
"""

import struct

import attrs

from aicsio._io import readers
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.records import Diagnostic, Source

MAGIC, FIELD = 0x70, 0x2A
XML_STARTS = (
    b"<\0L\0M\0S\0",
    b"\xff\xfe<\0",
    b"\xef\xbb\xbf<",
    b"<LMSData",
    b"<?xml",
    b"<\0?\0x\0m\0l\0",
)
LONGEST_NAME = 4096
"""Characters of a memory block's identifier; more is rubbish."""


@attrs.frozen
class Block:
    """Where a memory block lies."""

    offset: int
    """Byte offset of its data."""
    size: int
    """Bytes that the header promises."""


@attrs.frozen(eq=False)
class Container:
    """What a file holds, before its XML is understood. Not a record: it lives for one opening."""

    text: str
    """The XML."""
    blocks: dict[str, Block]
    """By identifier; a LOF has one, under the empty name."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Trouble on the way."""


def is_lif(head: bytes) -> bool:
    """Say whether a file begins as LIF and LOF files do."""
    return len(head) >= 13 and head[:4] == b"\x70\0\0\0" and head[8] == FIELD


def is_leica_xml(head: bytes) -> bool:
    """Say whether a file is one of Leica's XML files: XLEF, XLIF, XLCF."""
    plain = head.replace(b"\0", b"")
    return head.startswith(XML_STARTS) and b"<LMSDataContainerHeader" in plain


def read_container(source: Source) -> Container:
    """Read the XML and find the memory blocks.

    Raises
    ------
    CorruptFileError
        When the header breaks the rules of the format.
    UnsupportedFormatError
        For LIFEXT files, which hold no images of their own.
    """
    with readers.lend(source) as reader:
        size = source.size if source.size is not None else 0
        text, end = _read_text(reader, source, 0, size)
        if text == "LMS_Object_File":
            return _read_lof(reader, source, end, size)
        if text.startswith("<LMSDataContainerEnhancedHeader"):
            raise UnsupportedFormatError(
                f"{source.uri} is a LIFEXT file, an annex: open the .lif file that it belongs to"
            )
        blocks, notes = _read_blocks(reader, source, end, size)
        return Container(text, blocks, notes)


def _read_text(reader: readers.Reader, source: Source, offset: int, size: int) -> tuple[str, int]:
    """Return the text of the chunk at ``offset``, and where the chunk ends."""
    if offset + 13 > size:
        raise CorruptFileError.at(
            source.uri, offset, f"expected the header of a chunk, but the file ends at {size}"
        )
    magic, _, field, characters = struct.unpack("<IIBI", reader.read(offset, 13))
    if magic != MAGIC or field != FIELD:
        raise CorruptFileError.at(
            source.uri, offset, f"expected 0x70 and 0x2a, found {magic:#x} and {field:#x}"
        )
    end = offset + 13 + 2 * characters
    if end > size:
        text = f"expected {characters} characters of XML, but the file ends at {size}"
        raise CorruptFileError.at(source.uri, offset + 9, text)
    raw = reader.read(offset + 13, 2 * characters)
    try:
        return raw.decode("utf-16-le"), end
    except UnicodeDecodeError as error:
        raise CorruptFileError.at(
            source.uri, offset + 13 + error.start, "expected UTF-16 text"
        ) from error


def _read_lof(reader: readers.Reader, source: Source, offset: int, size: int) -> Container:
    """Read the rest of a LOF: two version numbers, the memory block, and the XML behind it."""
    if offset + 19 > size:
        raise CorruptFileError.at(
            source.uri, offset, f"expected the header of a LOF, but the file ends at {size}"
        )
    one, _, two, _, three, nbytes = struct.unpack("<BIBIBQ", reader.read(offset, 19))
    if {one, two, three} != {FIELD}:
        raise CorruptFileError.at(source.uri, offset, "expected three fields that begin with 0x2a")
    block = Block(offset + 19, nbytes)
    if block.offset + nbytes > size:
        text = f"expected a memory block of {nbytes} bytes, but the file ends at {size}"
        raise CorruptFileError.at(source.uri, block.offset, text)
    text, _ = _read_text(reader, source, block.offset + nbytes, size)
    return Container(text, {"": block})


def _read_blocks(
    reader: readers.Reader, source: Source, offset: int, size: int
) -> tuple[dict[str, Block], tuple[Diagnostic, ...]]:
    """Walk over the memory blocks to the end of the file; what breaks the chain is noted."""
    blocks: dict[str, Block] = {}
    while offset < size:
        head = reader.read(offset, min(256, size - offset))
        found = _parse_block(head)
        if found is None:
            text = f"expected a memory block at byte {offset}; those behind it are not found"
            return blocks, (Diagnostic("lif-broken-chain", text, source.uri),)
        nbytes, characters, start = found
        if start + 2 * characters > len(head):
            head = reader.read(offset, min(start + 2 * characters, size - offset))
        name = head[start : start + 2 * characters].decode("utf-16-le", errors="replace")
        data = offset + start + 2 * characters
        blocks.setdefault(name, Block(data, nbytes))
        offset = data + nbytes
    return blocks, ()


def _parse_block(head: bytes) -> tuple[int, int, int] | None:
    """Return the bytes of a block, the characters of its name, and where the name begins in the header."""
    if len(head) < 14 or struct.unpack_from("<I", head)[0] != MAGIC or head[8] != FIELD:
        return None
    # The second mark tells which width the size has: no container says so before its XML is understood.
    if len(head) >= 22 and head[17] == FIELD:
        nbytes, characters, start = (
            struct.unpack_from("<Q", head, 9)[0],
            struct.unpack_from("<I", head, 18)[0],
            22,
        )
    elif len(head) >= 18 and head[13] == FIELD:
        nbytes, characters, start = (
            struct.unpack_from("<I", head, 9)[0],
            struct.unpack_from("<I", head, 14)[0],
            18,
        )
    else:
        return None
    return (nbytes, characters, start) if characters <= LONGEST_NAME else None
