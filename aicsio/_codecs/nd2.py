"""The header in front of a frame of Nikon ND2.

Rule kept here: a number of a header is checked before it is used.
"""

import struct
from typing import Final

CHUNK_HEAD: Final = struct.Struct("<IIQ")
"""Magic number, length of the name field, length of the data."""
CHUNK_MAGIC: Final = 0x0ABECEDA
"""First four bytes of each chunk, little-endian."""
LONGEST_NAME_FIELD: Final = 1 << 16
"""Bytes of a name field with its padding. The longest seen is 4128; the limit bounds a read."""
TIME_NBYTES: Final = 8
"""The data of a frame begin with the time of its capture, a float64."""


def find_frame_pixels(head: bytes) -> tuple[int, int]:
    """Return where the pixels of a frame begin, counted from its chunk, and their bytes.

    Raises
    ------
    ValueError
        When the bytes are no header of a chunk, or its data are shorter than a time.
    """
    if len(head) < CHUNK_HEAD.size:
        raise ValueError(f"expected a header of {CHUNK_HEAD.size} bytes, found {len(head)}")
    magic, name_nbytes, nbytes = CHUNK_HEAD.unpack_from(head)
    if magic != CHUNK_MAGIC or name_nbytes > LONGEST_NAME_FIELD:
        raise ValueError(f"expected {CHUNK_MAGIC:#x} at the start of a frame, found {magic:#x}")
    if nbytes < TIME_NBYTES:
        raise ValueError(f"expected a time and pixels, found {nbytes} bytes")
    # In order: head of the chunk, name with its padding, time, pixels.
    return CHUNK_HEAD.size + name_nbytes + TIME_NBYTES, nbytes - TIME_NBYTES
