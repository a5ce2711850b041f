"""Segments of the container: identifier, sizes, data.

Rule kept here: a segment that must be of one kind is checked by its identifier before it is used.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, section 2.1.
"""

import struct

from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.directory import SEGMENT_HEAD_SIZE
from aicsio.records import Source


def read_segment_head(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[bytes, int, int]:
    """Return identifier, allocated size and used size of the segment at ``offset``."""
    raw = _read_start(reader, source, offset, 0)
    identifier, allocated, used = struct.unpack("<16sqq", raw)
    # Section 2.1: a used size of 0 means that all of the segment is used.
    return identifier.rstrip(b"\0"), allocated, used or allocated


def read_segment_data(
    reader: readers.Reader, source: Source, offset: int, expected: bytes, nbytes: int
) -> bytes:
    """Return the first ``nbytes`` of the data of a segment called ``expected``."""
    data, allocated, _ = read_segment(reader, source, offset, expected, nbytes)
    # The size is signed in the format; a negative one would move the next segment backwards.
    if allocated < 0:
        message = f"expected the size of a segment, found {allocated}"
        raise CorruptFileError.at(source.uri, offset + 16, message)
    return data


def read_segment(
    reader: readers.Reader, source: Source, offset: int, expected: bytes, nbytes: int
) -> tuple[bytes, int, int]:
    """Return the first bytes of the data of a segment called ``expected``, and both of its sizes."""
    raw = _read_start(reader, source, offset, nbytes)
    identifier, allocated, used = struct.unpack_from("<16sqq", raw)
    identifier = identifier.rstrip(b"\0")
    if identifier != expected:
        message = f"expected segment {expected.decode()}, found {identifier!r}"
        raise CorruptFileError.at(source.uri, offset, message)
    data = raw[SEGMENT_HEAD_SIZE:]
    if len(data) < nbytes:  # the file ends: the reader words the error
        data = reader.read(offset + SEGMENT_HEAD_SIZE, nbytes)
    return data, allocated, used


def _read_start(reader: readers.Reader, source: Source, offset: int, nbytes: int) -> bytes:
    """Read the head of a segment and up to ``nbytes`` of its data at once."""
    if offset < 0 or (source.size is not None and offset + SEGMENT_HEAD_SIZE > source.size):
        message = f"expected a segment, but the file ends at {source.size}"
        raise CorruptFileError.at(source.uri, offset, message)
    length = SEGMENT_HEAD_SIZE + nbytes
    if source.size is not None:
        length = min(length, source.size - offset)
    return reader.read(offset, length)
