"""Checks of every subblock head, before a library in C++ sees the file.

Rule kept here: libCZI ends the interpreter on some damaged files, so nothing that it reads is
unchecked.
"""

import struct

from aicsio import _codecs
from aicsio._io import readers
from aicsio.errors import AicsioError, CorruptFileError
from aicsio.formats.czi.directory import (
    DIMENSION_SIZE,
    ENTRY_HEAD_SIZE,
    SEGMENT_HEAD_SIZE,
    Subblocks,
    parse_entries,
)
from aicsio.formats.czi.index import Index
from aicsio.formats.czi.pixels import PIXEL_TYPES, UNCOMPRESSED
from aicsio.formats.czi.segments import read_segment_head
from aicsio.records import Source


def check_segments(index: Index) -> None:
    """Read the head of every subblock and compare it with the directory.

    Raises
    ------
    CorruptFileError
        When a segment reaches beyond the file, or a subblock differs from its entry.
    """
    source, blocks = index.source, index.subblocks
    file_size = source.size if source.size is not None else 1 << 62
    with readers.session(), readers.lend(source) as reader:
        for offset in (*index.segments, *blocks.file_position.tolist()):
            _, allocated, used = read_segment_head(reader, source, offset)
            # libCZI allocates by these sizes before it reads.
            room = file_size - offset - SEGMENT_HEAD_SIZE
            if not 0 <= allocated <= room or not 0 <= used <= room:
                message = f"expected a segment of at most {room} bytes"
                raise CorruptFileError.at(source.uri, offset, message)
        for row in range(len(blocks)):
            _check_subblock(reader, source, blocks, row, file_size)


def _check_subblock(
    reader: readers.Reader, source: Source, blocks: Subblocks, row: int, file_size: int
) -> None:
    """Compare one subblock with its entry, and its bytes with its pixels."""
    offset, entry_position = int(blocks.file_position[row]), int(blocks.entry_position[row])
    # DimensionCount is the last field in front of the dimensions of an entry.
    (ndim,) = struct.unpack("<i", reader.read(entry_position + 28, 4))
    entry_length = ENTRY_HEAD_SIZE + DIMENSION_SIZE * ndim
    listed = reader.read(entry_position, entry_length)
    try:
        # The segment's header, three sizes of 16 bytes together, and the copy of the entry.
        head = reader.read(offset, SEGMENT_HEAD_SIZE + 16 + entry_length)
        payload_start, payload_size = _codecs.find_subblock_payload(head)
        inside, _ = parse_entries(head[SEGMENT_HEAD_SIZE + 16 :], 1, offset, source)
        entry, _ = parse_entries(listed, 1, entry_position, source)
        _require_equal(inside, entry)
    except AicsioError as error:
        message = f"expected the subblock of the directory: {error}"
        raise CorruptFileError.at(source.uri, offset, message) from error
    # MetadataSize is at byte 32, AttachmentSize at 36, DataSize at 40 of the segment.
    (attachment_size,) = struct.unpack_from("<i", head, 36)
    if offset + payload_start + payload_size + attachment_size > file_size:
        message = f"expected {payload_size} bytes of pixels inside the file"
        raise CorruptFileError.at(source.uri, offset, message)
    pixel_type = PIXEL_TYPES.get(int(blocks.pixel_type[row]))
    if pixel_type is None:
        message = f"expected a known pixel type, found number {int(blocks.pixel_type[row])}"
        raise CorruptFileError.at(source.uri, entry_position, message)
    pixel_count = int(blocks.stored_size["Y"][row] * blocks.stored_size["X"][row])
    expected_size = pixel_count * pixel_type.samples * pixel_type.dtype.itemsize
    # More bytes than pixels is legal; fewer would be read beyond the buffer.
    if blocks.compression[row] == UNCOMPRESSED and payload_size < expected_size:
        message = f"expected {expected_size} bytes of pixels, found {payload_size}"
        raise CorruptFileError.at(source.uri, offset, message)


def _require_equal(inside: Subblocks, listed: Subblocks) -> None:
    """LibCZI takes type and sizes from the subblock itself, so they must be the checked ones."""
    equal = int(inside.pixel_type[0]) == int(listed.pixel_type[0])
    equal &= int(inside.compression[0]) == int(listed.compression[0])
    for own, other in (
        (inside.start, listed.start),
        (inside.size, listed.size),
        (inside.stored_size, listed.stored_size),
    ):
        own_values = {letter: int(column[0]) for letter, column in own.items()}
        equal &= own_values == {letter: int(column[0]) for letter, column in other.items()}
    if not equal:
        raise CorruptFileError("its own entry differs from that of the directory")
