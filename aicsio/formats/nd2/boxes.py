"""The container of ND2 before NIS-Elements 3: the boxes of a JPEG 2000 file, and the map of them.

Rule kept here: no offset or count of the file is used before it is compared with the size of the file.

Source of the facts: ISO/IEC 15444-1 (ITU-T T.800), annex I, for boxes; the documentation of the ``nd2``
and ``OpenReadout`` packages for the map. The last 40 bytes are a signature and the distance of the map
from the end of the file. The map is the number of boxes (big-endian) and 16 bytes for each: its type,
a tag, its offset (little-endian). Each picture plane of each frame is one codestream (``jp2c``); boxes
of XML have the tag of their content.
"""

import struct
from typing import Final

import attrs

from aicsio._io import readers
from aicsio._io.readers import Span
from aicsio.errors import CorruptFileError
from aicsio.formats.nd2.chunks import TAIL
from aicsio.records import Source

ENTRY: Final = struct.Struct("<4s4sQ")
"""Type, tag and offset of a box."""
BOX_HEAD_NBYTES: Final = 8
"""Length and type of a box."""
CODESTREAM: Final = b"jp2c"
LARGEST_BOX: Final = 1 << 26
"""Bytes of a box of metadata that is read; they have some 20 KB."""


@attrs.frozen(eq=False)
class BoxMap:
    """The boxes of a file. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    codestreams: tuple[Span, ...]
    """Places of codestreams, in the order of the map."""
    tagged: dict[str, tuple[Span, ...]]
    """Contents of the other boxes by tag, in the order of the map."""
    lost: int
    """Boxes that lie beyond the end of the file."""

    def read(self, tag: str) -> bytes:
        """Return the content of the first box with a tag; empty where there is none."""
        offset, nbytes = next(iter(self.tagged.get(tag, ())), (0, 0))
        if not 0 < nbytes <= LARGEST_BOX:
            return b""
        with readers.lend(self.source) as reader:
            return reader.read(offset, nbytes)


def read_boxes(source: Source) -> BoxMap:
    """Read the map of boxes.

    Raises
    ------
    CorruptFileError
        When it does not lie in the file.
    """
    size = source.size or 0
    with readers.lend(source) as reader:
        _, distance = TAIL.unpack(reader.read(size - TAIL.size, TAIL.size))
        start = size - distance
        if not 0 < start <= size - TAIL.size - 4:
            raise CorruptFileError.at(source.uri, size - 8, f"its map of boxes begins at {start}")
        data = reader.read(start, size - TAIL.size - start)
    # The count is big-endian, the default of from_bytes, but the offsets are little-endian.
    count = int.from_bytes(data[:4])
    if 4 + count * ENTRY.size > len(data):
        raise CorruptFileError.at(source.uri, start, f"its map has {count} boxes, and is shorter")
    entries = [ENTRY.unpack_from(data, 4 + number * ENTRY.size) for number in range(count)]
    return _place_boxes(source, entries, start)


def _place_boxes(source: Source, entries: list[tuple[bytes, bytes, int]], end: int) -> BoxMap:
    """Give boxes their lengths: they follow each other, and the map follows the last one."""
    offsets = sorted({offset for _, _, offset in entries if offset < end})
    following = dict(zip(offsets, [*offsets[1:], end], strict=False))
    codestreams: list[Span] = []
    tagged: dict[str, list[Span]] = {}
    lost = 0
    for kind, tag, offset in entries:
        # An offset behind the map has no entry here: its length comes out negative.
        nbytes = following.get(offset, 0) - offset - BOX_HEAD_NBYTES
        if nbytes <= 0:
            lost += 1
            continue
        place = (offset + BOX_HEAD_NBYTES, nbytes)
        if kind == CODESTREAM:
            codestreams.append(place)
        else:
            tagged.setdefault(tag.decode("latin-1"), []).append(place)
    places = {tag: tuple(spans) for tag, spans in tagged.items()}
    return BoxMap(source, tuple(codestreams), places, lost)
