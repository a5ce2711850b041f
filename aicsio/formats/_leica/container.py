"""The containers of Leica, LIF (many images) and LOF (one image), to XML and memory blocks.

Rule kept here: no length of the file is used before it is compared with the size of the file.

Source of the facts: "LIF File Format Description" (Leica Microsystems), versions 1 and 2 of the
container: chunks that begin with 0x70, a length, and 0x2A before each field; block sizes take
four bytes in version 1 and eight in version 2.
"""

import re
import struct

import attrs

from aicsio._io import readers
from aicsio.errors import CorruptFileError
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
"""First bytes of XML files: UTF-16 and UTF-8, with and without a byte order mark."""
CHILDREN = "<ChildrenOf", "</ChildrenOf>"
"""Around the annexes of one image in a LIFEXT."""
PARENT = re.compile(r'\sMemoryBlockID="([^"<>]*)"')
"""Memory block of that image."""
LONGEST_NAME = 4096
"""Characters of a memory block's identifier.

LAS X writes about twelve; the limit bounds a read.
"""
TEXT_HEADER_NBYTES = 13
"""0x70, the length of the chunk, 0x2A, and the number of characters."""
LOF_HEADER_NBYTES = 19
"""Two version numbers of four bytes and the size of the memory block, each behind 0x2A."""
BLOCK_HEAD_NBYTES = 256
"""Bytes that are read of a memory block's header at once; most headers are shorter."""


@attrs.frozen
class MemoryBlock:
    """Where a memory block lies."""

    offset: int
    """Byte offset of its data."""
    size: int
    """Bytes that the header promises."""


@attrs.frozen(eq=False)
class Container:
    """XML and memory blocks of a file. Not a record: it lives for one opening."""

    text: str
    """The XML."""
    blocks: dict[str, MemoryBlock]
    """By identifier; a LOF has one, under the empty name."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Memory blocks that cannot be reached."""


def is_lif(head: bytes) -> bool:
    """Return whether a file begins as LIF and LOF files do."""
    return len(head) >= 13 and head[:4] == b"\x70\0\0\0" and head[8] == FIELD


def is_leica_xml(head: bytes) -> bool:
    """Return whether a file is one of Leica's XML files: XLEF, XLIF, XLCF."""
    plain = head.replace(b"\0", b"")
    return head.startswith(XML_STARTS) and b"<LMSDataContainerHeader" in plain


def read_container(source: Source) -> Container:
    """Read the XML and find the memory blocks.

    Raises
    ------
    CorruptFileError
        When a chunk lacks its marks, or is longer than the file.
    """
    with readers.lend(source) as reader:
        size = source.size if source.size is not None else 0
        text, end = _read_text(reader, source, 0, size)
        # The first chunk of a LOF names its kind, that of a LIF is the XML.
        if text == "LMS_Object_File":
            return _read_lof(reader, source, end, size)
        if text.startswith("<LMSDataContainerEnhancedHeader"):
            text = _as_project(text)
        blocks, diagnostics = _read_blocks(reader, source, end, size)
        return Container(text, blocks, diagnostics)


def _as_project(text: str) -> str:
    """Return the XML of a LIFEXT as that of a LIF: a folder for each image of the LIF it belongs to.

    Pyramids, previews and results lie below ``ChildrenOf``, which has the memory block of their
    image. The blocks behind the XML are those of a LIF of version 2 (learnt from ``liffile``).
    """
    first, last = CHILDREN
    folders = []
    start = text.find(first)
    while start >= 0:
        head_end, end = text.find(">", start), text.find(last, start)
        # A part without its end is that of a file that was cut: what stands before is shown.
        if not 0 <= head_end < end:
            break
        name = PARENT.search(text, start, head_end)
        folder = f'<Element Name="{"" if name is None else name[1]}"><Children>'
        folders.append(f"{folder}{text[head_end + 1 : end]}</Children></Element>")
        start = text.find(first, end)
    return (
        '<LMSDataContainerHeader Version="2"><Element Name="LIFEXT"><Children>'
        f"{''.join(folders)}</Children></Element></LMSDataContainerHeader>"
    )


def _read_text(reader: readers.Reader, source: Source, offset: int, size: int) -> tuple[str, int]:
    """Return the text of the chunk at ``offset``, and where the chunk ends."""
    if offset + TEXT_HEADER_NBYTES > size:
        raise CorruptFileError.at(
            source.uri, offset, f"expected the header of a chunk, but the file ends at {size}"
        )
    magic, _, field, characters = struct.unpack("<IIBI", reader.read(offset, TEXT_HEADER_NBYTES))
    if magic != MAGIC or field != FIELD:
        raise CorruptFileError.at(
            source.uri, offset, f"expected 0x70 and 0x2a, found {magic:#x} and {field:#x}"
        )
    start = offset + TEXT_HEADER_NBYTES
    end = start + 2 * characters
    if end > size:
        text = f"expected {characters} characters of XML, but the file ends at {size}"
        raise CorruptFileError.at(source.uri, offset + 9, text)
    # Half of a surrogate pair, which a name cut at some length can end with, becomes U+FFFD.
    return reader.read(start, 2 * characters).decode("utf-16-le", errors="replace"), end


def _read_lof(reader: readers.Reader, source: Source, offset: int, size: int) -> Container:
    """Read the rest of a LOF: two version numbers, the memory block, and the XML behind it."""
    if offset + LOF_HEADER_NBYTES > size:
        raise CorruptFileError.at(
            source.uri, offset, f"expected the header of a LOF, but the file ends at {size}"
        )
    mark_1, _, mark_2, _, mark_3, nbytes = struct.unpack(
        "<BIBIBQ", reader.read(offset, LOF_HEADER_NBYTES)
    )
    if {mark_1, mark_2, mark_3} != {FIELD}:
        raise CorruptFileError.at(source.uri, offset, "expected three fields that begin with 0x2a")
    # The XML of a LOF stands behind the pixels, so that they can be written before it is known.
    block = MemoryBlock(offset + LOF_HEADER_NBYTES, nbytes)
    if block.offset + nbytes > size:
        text = f"expected a memory block of {nbytes} bytes, but the file ends at {size}"
        raise CorruptFileError.at(source.uri, block.offset, text)
    text, _ = _read_text(reader, source, block.offset + nbytes, size)
    return Container(text, {"": block})


def _read_blocks(
    reader: readers.Reader, source: Source, offset: int, size: int
) -> tuple[dict[str, MemoryBlock], tuple[Diagnostic, ...]]:
    """Walk over the memory blocks to the end of the file, or to a header that is none."""
    blocks: dict[str, MemoryBlock] = {}
    # Each header is a small read; a file has as many blocks as images.
    while offset < size:
        head = reader.read(offset, min(BLOCK_HEAD_NBYTES, size - offset))
        header = _parse_block_header(head)
        if header is None:
            text = f"expected a memory block at byte {offset}; those behind it are not found"
            return blocks, (Diagnostic("lif-broken-chain", text, source.uri, loss=True),)
        nbytes, characters, start = header
        if start + 2 * characters > len(head):
            head = reader.read(offset, min(start + 2 * characters, size - offset))
        name = head[start : start + 2 * characters].decode("utf-16-le", errors="replace")
        data = offset + start + 2 * characters
        blocks.setdefault(name, MemoryBlock(data, nbytes))
        offset = data + nbytes
    return blocks, ()


def _parse_block_header(head: bytes) -> tuple[int, int, int] | None:
    """Return bytes of a block, characters of its name, and where the name begins in the header."""
    if len(head) < 14 or struct.unpack_from("<I", head)[0] != MAGIC or head[8] != FIELD:
        return None
    # The place of the second mark gives the width of the size: the version of the container
    # stands in the XML alone.
    if len(head) >= 22 and head[17] == FIELD:
        # Version 2: size at 9, mark at 17, number of characters at 18.
        nbytes, _, characters = struct.unpack_from("<QBI", head, 9)
        name_start = 22
    elif len(head) >= 18 and head[13] == FIELD:
        # Version 1: size at 9, mark at 13, number of characters at 14.
        nbytes, _, characters = struct.unpack_from("<IBI", head, 9)
        name_start = 18
    else:
        return None
    return (nbytes, characters, name_start) if characters <= LONGEST_NAME else None
