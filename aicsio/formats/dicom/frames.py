"""Where the frames of a file lie.

Rule kept here: a frame is a run of bytes from the tag of its first fragment to that of the first one
of the next frame; a table of offsets is used where it rises within the file, else fragments are
walked.

Source of the facts: DICOM PS3.5, A.4 (basic offset table, fragments) and PS3.3, C.7.6.3.1.8
(extended offset table).
"""

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio._io.readers import Reader
from aicsio.errors import CorruptFileError
from aicsio.formats.dicom.header import ITEM_HEAD, SlideHeader
from aicsio.records import Source

# Both are OV: unsigned integers of 64 bits, one a frame.
EXTENDED_OFFSETS, EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002
ITEM: Final = b"\xfe\xff\x00\xe0"
DELIMITER: Final = b"\xfe\xff\xdd\xe0"
MOST_FRAMES: Final = 1 << 24
"""Frames of a file: a slide of 0.1 um a pixel, 70 by 25 mm, has 2.7 million tiles of 256 x 256."""
STARTS: Final = (b"\xff\xd8\xff", b"\xff\x4f\xff", b"\x00\x00\x00\x0c", b"\xff\x0a")
"""First bytes of JPEG, JPEG-LS, JPEG 2000 and JPEG XL streams: a fragment that has them begins a frame."""
WINDOW: Final = 1 << 16
"""Bytes that are read at once while fragments of a remote file are walked."""

Integers = npt.NDArray[np.int64]


def locate_raw(header: SlideHeader, count: int, frame_nbytes: int) -> tuple[Integers, Integers]:
    """Return offsets and bytes of frames that lie one behind the other."""
    held = max(min(header.pixels.stop, _end_of(header.source)) - header.pixels.start, 0)
    whole = min(count, held // frame_nbytes, MOST_FRAMES)
    # Native frames follow each other without padding between them.
    offsets = header.pixels.start + frame_nbytes * np.arange(whole, dtype=np.int64)
    return offsets, np.full(whole, frame_nbytes, np.int64)


def locate_encapsulated(header: SlideHeader, count: int) -> tuple[Integers, Integers]:
    """Return offsets and bytes of the frames of a sequence of fragments.

    Parameters
    ----------
    header
        Of the file.
    count
        Frames that it announces.

    Returns
    -------
    offsets, nbytes : numpy.ndarray
        int64; fewer than announced where the file ends before.

    Raises
    ------
    CorruptFileError
        When the sequence does not begin with the item of the offset table.
    """
    source, start = header.source, header.pixels.start
    end = _end_of(source)
    with readers.lend(source) as reader:
        # PS3.5, A.4: the first item is the basic offset table, often an empty one.
        head = reader.read(start, min(ITEM_HEAD, max(end - start, 0)))
        if head[:4] != ITEM:
            raise CorruptFileError.at(source.uri, start, "expected the table of offsets")
        nbytes = int.from_bytes(head[4:8], "little")
        # Offsets of both tables count from the tag of the first fragment.
        first = start + ITEM_HEAD + nbytes
        if first > end:
            raise CorruptFileError.at(
                source.uri, start, f"expected a table of {nbytes} bytes, the file ends before"
            )
        # PS3.3, C.7.6.3.1.8: beside an extended table the basic one is empty.
        extended = _extended(header, first, end)
        if extended is not None:
            return extended[0][:count], extended[1][:count]
        if nbytes >= 4:
            table = np.frombuffer(reader.read(start + ITEM_HEAD, nbytes // 4 * 4), "<u4")
            offsets = _unwrapped(table) + first
            if _is_sound(offsets, first, end):
                return _between(reader, offsets[: count + 1], end, count)
        return _walk(reader, first, end, count)


def find_open_end(header: SlideHeader, offsets: Integers) -> str | None:
    """Return what is missing behind the last frame of a file; ``None`` if it ends as it should.

    PS3.5, A.4: a sequence of fragments ends with a delimiter, so a cut within the last frame shows.
    """
    if not header.encapsulated or not len(offsets):
        return None
    with readers.lend(header.source) as reader:
        places = _fragments(reader, int(offsets[-1]), _end_of(header.source), MOST_FRAMES)
    if places and not places[-1][1]:
        return None
    return "expected the delimiter of the fragments behind the last frame"


def _end_of(source: Source) -> int:
    # An unknown size bounds nothing; sums with 2**62 still fit into int64.
    return source.size if source.size is not None else 1 << 62


def _extended(header: SlideHeader, first: int, end: int) -> tuple[Integers, Integers] | None:
    """Return the extended table, if it is there and makes sense."""
    # Read as signed: an absurd offset or length is negative and fails the checks below.
    offsets = np.frombuffer(_whole(header.data.raw(EXTENDED_OFFSETS)), "<i8") + first
    lengths = np.frombuffer(_whole(header.data.raw(EXTENDED_LENGTHS)), "<i8")
    if not len(offsets) or len(lengths) != len(offsets):
        return None
    # Lengths are those of frames as encoded: fragments have a byte more where that is odd.
    spans = lengths + lengths % 2 + ITEM_HEAD
    if not _is_sound(offsets, first, end) or lengths.min() < 0 or lengths.max() > end:
        return None
    return offsets, spans


def _whole(raw: bytes) -> bytes:
    return raw[: len(raw) // 8 * 8]


def _unwrapped(table: npt.NDArray[np.uint32]) -> Integers:
    """Undo the wrap of 32 bits: writers of files beyond 4 GiB left it in the basic table."""
    numbers = table.astype(np.int64)
    # Offsets rise within a file: each fall is one wrap, and all frames behind it need 2**32 more.
    falls = np.concatenate([[0], np.cumsum(np.diff(numbers) < 0)])
    return np.asarray(numbers + (falls << 32), np.int64)


def _is_sound(offsets: Integers, first: int, end: int) -> bool:
    rises = bool((np.diff(offsets) >= ITEM_HEAD).all())
    return rises and int(offsets[0]) == first and int(offsets[-1]) + ITEM_HEAD <= end


def _between(reader: Reader, offsets: Integers, end: int, count: int) -> tuple[Integers, Integers]:
    """Return frames that end where the next one begins; the last is walked to its end."""
    if len(offsets) > count:
        return offsets[:count], np.diff(offsets)
    last = int(offsets[-1])
    starts = _fragments(reader, last, end, 2)
    # One fragment a frame is the rule: then two items show where the last frame ends.
    stop = starts[1][0] if len(starts) > 1 else end
    # Two items with bytes: the last frame has several, and its codec stops at the delimiter.
    if len(starts) > 1 and starts[1][1]:
        stop = end
    return offsets, np.append(np.diff(offsets), stop - last)


def _walk(reader: Reader, first: int, end: int, count: int) -> tuple[Integers, Integers]:
    """Find frames by walking the fragments."""
    places = _fragments(reader, first, end, MOST_FRAMES)
    if not places:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    fragments = [offset for offset, holds in places if holds]
    last, holds = places[-1]
    # The delimiter ends the last frame; without one the end of the file does.
    stop = end if holds else last
    if count == 1:
        starts = fragments[:1]
    elif len(fragments) > count:
        starts = [offset for offset in fragments if reader.read(offset + 8, 3).startswith(STARTS)]
    else:
        starts = fragments
    kept = np.array(starts[: count + 1], np.int64)
    if len(kept) > count:
        return kept[:count], np.diff(kept)
    return kept, np.diff(np.append(kept, stop))


def _fragments(reader: Reader, at: int, end: int, most: int) -> list[tuple[int, bool]]:
    """Return where items begin, and whether they hold bytes: the delimiter, the last, holds none."""
    window = _Window(reader, end)
    places: list[tuple[int, bool]] = []
    while at + ITEM_HEAD <= end and len(places) < most:
        head = window.read(at)
        if head[:4] == DELIMITER:
            places.append((at, False))
            break
        if head[:4] != ITEM:
            break
        (nbytes,) = struct.unpack_from("<I", head, 4)
        if at + ITEM_HEAD + nbytes > end:
            break
        places.append((at, True))
        at += ITEM_HEAD + nbytes
    return places


class _Window:
    """Heads of items; small fragments of a remote file share a read. It lives for one walk."""

    def __init__(self, reader: Reader, end: int) -> None:
        self._reader = reader
        self._end = end
        self._nbytes = WINDOW if reader.remote else ITEM_HEAD
        self._start = -1
        self._held = b""

    def read(self, at: int) -> bytes:
        if not self._start <= at <= self._start + len(self._held) - ITEM_HEAD:
            self._start = at
            self._held = self._reader.read(at, min(self._nbytes, self._end - at))
        offset = at - self._start
        return self._held[offset : offset + ITEM_HEAD]
