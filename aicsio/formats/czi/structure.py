"""Whether the segments of a CZI follow each other without a gap to the end of the file.

Rule kept here: segments that nothing points at are walked too: attachments, deleted ones, metadata.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, section 2.1.
"""

import struct
from collections.abc import Iterator
from typing import Final

from aicsio._io import readers
from aicsio.formats.czi.directory import SEGMENT_HEAD_SIZE
from aicsio.records import Damage, Source

_NAMES: Final = (b"ZISRAW", b"DELETED")
"""All identifiers begin so; "the special name DELETED marks a segment as deleted"."""


def find_faults(source: Source) -> Iterator[Damage]:
    """Walk from segment to segment.

    Parameters
    ----------
    source
        A CZI. A remote one is not walked: each step would be a request.

    Yields
    ------
    Damage
        For the first place where the chain breaks.
    """
    with readers.lend(source) as reader:
        size = source.size
        if reader.remote or size is None:
            return
        position = 0
        while position < size:
            head = reader.read(position, min(SEGMENT_HEAD_SIZE, size - position))
            fault = _find_fault(head, position, size)
            if fault is not None:
                yield Damage("czi-chain", f"{source.uri} {fault}", source.uri, position)
                return
            # AllocatedSize leads to the next segment; UsedSize may be smaller.
            (allocated,) = struct.unpack_from("<q", head, 16)
            position += SEGMENT_HEAD_SIZE + allocated


def _find_fault(head: bytes, position: int, size: int) -> str | None:
    """Return the fault of one segment head in words."""
    # Zeros are padding where no segment would fit any more, and a hole elsewhere.
    if not any(head):
        return None if _only_padding(position, size) else f"at byte {position}: expected a segment"
    if not head.startswith(_NAMES):
        return f"at byte {position}: expected a segment, found {head[:16]!r}"
    if len(head) < SEGMENT_HEAD_SIZE:
        return f"at byte {position}: the file ends at {size} in the head of a segment"
    allocated, used = struct.unpack_from("<qq", head, 16)
    name = head[:16].rstrip(b"\0").decode("ascii", "replace")
    end = position + SEGMENT_HEAD_SIZE + allocated
    if allocated < 0 or end > size:
        return (
            f"at byte {position}: expected {allocated} bytes of {name}, but the file ends at {size}"
        )
    if not 0 <= used <= allocated:
        return f"at byte {position}: {name} uses {used} of {allocated} bytes"
    return None


def _only_padding(position: int, size: int) -> bool:
    """Whether what remains is too short for a segment: writers align the end of a file."""
    return size - position < SEGMENT_HEAD_SIZE
