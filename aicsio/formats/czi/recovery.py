"""The subblocks of a CZI whose directory is gone, found by walking its segments.

Rule kept here: only subblocks that lie wholly in the file count. One invalid subblock does not invalidate the rest.
"""

import struct
from collections.abc import Iterator

from aicsio import _codecs
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.directory import (
    DIMENSION,
    ENTRY_HEAD,
    MOST_DIMENSIONS,
    SEGMENT_HEAD,
    Subblocks,
    keep_sound,
    parse_entries,
)
from aicsio.records import Source


def recover_by_scanning(
    reader: readers.Reader, source: Source, error: CorruptFileError
) -> Subblocks:
    """Find the subblocks without the directory; raise the directory's own error if there are none."""
    if reader.remote or source.size is None:
        raise error
    found = [
        _whole_subblock(reader, at, source.size) for at in _subblock_segments(reader, source.size)
    ]
    entries = [entry for entry in found if entry is not None]
    if not entries:
        raise error
    return _parsed(entries, source)


def _parsed(entries: list[bytes], source: Source) -> Subblocks:
    blocks = parse_entries(b"".join(entries), len(entries), 0, source)
    blocks.entry = blocks.position + SEGMENT_HEAD + 16
    return keep_sound(blocks, source)[0]


def _subblock_segments(reader: readers.Reader, size: int) -> Iterator[int]:
    """Walk from segment to segment; where the chain is broken, look for the next identifier."""
    at = 0
    while at + SEGMENT_HEAD <= size:
        name, allocated = struct.unpack("<16sq", reader.read(at, 24))
        known = (
            name.startswith((b"ZISRAW", b"DELETED")) and 0 <= allocated <= size - at - SEGMENT_HEAD
        )
        if name.startswith(b"ZISRAWSUBBLOCK"):
            yield at
        if known:
            at += SEGMENT_HEAD + allocated
            continue
        following = _next_identifier(reader, at + 1, size)
        if following is None:
            return
        at = following


def _next_identifier(reader: readers.Reader, start: int, size: int) -> int | None:
    step = 1 << 20
    for low in range(start, size, step):
        chunk = reader.read(low, min(step + 8, size - low))
        index = chunk.find(b"ZISRAW")
        if index >= 0:
            return low + index
    return None


def _whole_subblock(reader: readers.Reader, at: int, size: int) -> bytes | None:
    """Return the directory entry inside a subblock whose data lie wholly in the file, with its true position."""
    if at + SEGMENT_HEAD + 256 > size:
        return None
    head = reader.read(at, SEGMENT_HEAD + 256)
    entry = SEGMENT_HEAD + 16
    ndim: int = struct.unpack_from("<i", head, entry + 28)[0]
    length = ENTRY_HEAD + DIMENSION * ndim
    if (
        head[entry : entry + 2] != b"DV"
        or not 0 < ndim <= MOST_DIMENSIONS
        or at + entry + length > size
    ):
        return None
    try:
        start, nbytes = _codecs.find_subblock_payload(head)
    except CorruptFileError:
        return None
    if at + start + nbytes > size:
        return None
    found = (
        head[entry : entry + length]
        if entry + length <= len(head)
        else reader.read(at + entry, length)
    )
    return found[:6] + struct.pack("<q", at) + found[14:]
