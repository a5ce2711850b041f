"""The subblocks of a CZI whose directory is unusable, found by walking its segments.

``recover_by_scanning`` is the last resort for a damaged directory, and the last refusal: without a whole
subblock it raises the fault of the directory. Remote files are never scanned: all of it would travel.

Rule kept here: one invalid subblock must not invalidate the rest; each one that is not whole is
counted.
"""

import struct
from collections.abc import Iterator

from aicsio import _codecs
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.directory import (
    DIMENSION_SIZE,
    ENTRY_HEAD_SIZE,
    MAX_DIMENSIONS,
    SEGMENT_HEAD_SIZE,
    Subblocks,
    parse_entries,
)
from aicsio.formats.czi.soundness import LeftOut, keep_sound
from aicsio.records import Source

SCAN_STEP = 1 << 20
"""Bytes searched at once for an identifier where the chain of segments is broken."""
ENTRY_OFFSET = SEGMENT_HEAD_SIZE + 16
"""Bytes from a subblock segment to its copy of the directory entry (section 2.4)."""


def recover_by_scanning(
    reader: readers.Reader, source: Source, error: CorruptFileError
) -> tuple[Subblocks, LeftOut]:
    """Find the subblocks without the directory.

    Parameters
    ----------
    reader, source
        The open file.
    error
        The fault of the directory.

    Returns
    -------
    The whole subblocks, and the counts of the others by reason.

    Raises
    ------
    CorruptFileError
        ``error`` itself, when the file has no whole subblock or is remote: walking the segments
        of a remote file would fetch all of it.
    """
    if reader.remote or source.size is None:
        raise error
    entries: list[bytes] = []
    broken_positions: list[int] = []
    for position in _walk_subblock_segments(reader, source.size):
        entry = _read_whole_subblock(reader, position, source.size)
        if entry is None:
            broken_positions.append(position)
        else:
            entries.append(entry)
    if not entries:
        raise error
    blocks, unusable = parse_entries(b"".join(entries), len(entries), 0, source)
    # Messages name the entries inside of the segments: there is no directory.
    blocks.entry_position = blocks.file_position + ENTRY_OFFSET
    blocks, left_out = keep_sound(blocks, unusable, source)
    left_out.total += len(broken_positions)
    if broken_positions:
        reason = "a segment that is cut off or damaged"
        left_out.reasons.append((reason, len(broken_positions), broken_positions[0]))
    if not len(blocks):
        raise error
    return blocks, left_out


def _walk_subblock_segments(reader: readers.Reader, file_size: int) -> Iterator[int]:
    """Yield the positions of subblock segments.

    Where the chain of segments is broken, the search goes on at the next identifier.
    """
    position = 0
    while position + SEGMENT_HEAD_SIZE <= file_size:
        identifier, allocated = struct.unpack("<16sq", reader.read(position, 24))
        room = file_size - position - SEGMENT_HEAD_SIZE
        # "The special name DELETED marks a segment as deleted - readers should ignore or skip this
        # segment" (section 2.1).
        is_segment = identifier.startswith((b"ZISRAW", b"DELETED")) and 0 <= allocated <= room
        # Yielded even if its size is damaged: the caller compares the entry and the pixels with
        # the file.
        if identifier.startswith(b"ZISRAWSUBBLOCK"):
            yield position
        if is_segment:
            position += SEGMENT_HEAD_SIZE + allocated
            continue
        # One byte further: the identifier here is known, and its size leads nowhere.
        following = _find_identifier(reader, position + 1, file_size)
        if following is None:
            return
        position = following


def _find_identifier(reader: readers.Reader, start: int, file_size: int) -> int | None:
    for low in range(start, file_size, SCAN_STEP):
        # Eight bytes more, so that an identifier across two steps is seen.
        chunk = reader.read(low, min(SCAN_STEP + 8, file_size - low))
        index = chunk.find(b"ZISRAW")
        if index >= 0:
            return low + index
    return None


def _read_whole_subblock(reader: readers.Reader, position: int, file_size: int) -> bytes | None:
    """Return the entry inside a subblock, with the segment's true position.

    ``None`` if the segment is damaged or its pixels reach beyond the end of the file.
    """
    if position + SEGMENT_HEAD_SIZE + 256 > file_size:
        return None
    # The data of a subblock segment begin with at least 256 bytes of header (section 2.4).
    head = reader.read(position, SEGMENT_HEAD_SIZE + 256)
    ndim: int = struct.unpack_from("<i", head, ENTRY_OFFSET + 28)[0]
    entry_length = ENTRY_HEAD_SIZE + DIMENSION_SIZE * ndim
    if head[ENTRY_OFFSET : ENTRY_OFFSET + 2] != b"DV" or not 0 < ndim <= MAX_DIMENSIONS:
        return None
    if position + ENTRY_OFFSET + entry_length > file_size:
        return None
    try:
        payload_start, payload_size = _codecs.find_subblock_payload(head)
    except CorruptFileError:
        return None
    if position + payload_start + payload_size > file_size:
        return None
    entry_end = ENTRY_OFFSET + entry_length
    entry = head[ENTRY_OFFSET:entry_end]
    if entry_end > len(head):
        entry = reader.read(position + ENTRY_OFFSET, entry_length)
    # Bytes 6 to 14 are FilePosition: the segment was found here, whatever its own copy claims.
    return entry[:6] + struct.pack("<q", position) + entry[14:]
