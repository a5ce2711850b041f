"""The container of Nikon ND2: named chunks, and the map of them at the end of the file.

Rule kept here: no offset or length of the file is used before it is compared with the size of the
file. A map that is missing is rebuilt from the chunks themselves.

Source of the facts: no specification is published. Learnt from files of NIS-Elements 3 to 6 and
from the documentation of the ``nd2`` package. A chunk begins with 0x0ABECEDA, the length of its
name field and the length of its data, all little-endian; the field is padded so that the next
chunk begins at a multiple of 4096. The last 40 bytes of the file name the map and its offset.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs.nd2 import CHUNK_HEAD as HEADER
from aicsio._codecs.nd2 import CHUNK_MAGIC as MAGIC
from aicsio._codecs.nd2 import LONGEST_NAME_FIELD
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.records import Diagnostic, Source

MAP_NAME: Final = b"ND2 FILEMAP SIGNATURE NAME 0001!"
"""Name of the chunk that holds the map."""
MAP_END: Final = b"ND2 CHUNK MAP SIGNATURE 0000001!"
"""Last entry of the map, and the begin of the last 40 bytes of the file."""
TAIL: Final = struct.Struct("<32sQ")
"""The last 40 bytes: a name and the offset of the map."""
PLACE_NBYTES: Final = 16
"""An entry of the map is a name that ends with ``!``, an offset and a length of eight bytes each."""
ALIGNMENT: Final = 4096
"""Chunks begin at multiples of this."""
FRAME: Final = b"ImageDataSeq|"
"""How the names of chunks with pixels begin; the number of the frame follows."""
END_NAME: Final = MAP_END[:-1]
_ENTRY: Final = re.compile(rb"(?:ImageDataSeq\|([0-9]{1,11})|([^!]*+))!(.{16})", re.DOTALL)
_LAST_ENTRY: Final = b"!" + bytes(PLACE_NBYTES)
Entry: TypeAlias = tuple[bytes, bytes, bytes]
"""The number of a frame, else the name; and the place."""


JP2_SIGNATURE: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
"""First box of a JPEG 2000 file."""
BOX_MAP_END: Final = b"LABORATORY IMAGING ND BOX MAP 00"
"""The begin of the last 40 bytes of an ND2 file of JPEG 2000 boxes."""
LONGEST_PADDED_NAME: Final = ALIGNMENT + 64
"""Bytes that a name and its padding take: up to the next multiple of the alignment."""
NO_PLACES: Final = np.empty((0, 2), np.uint64)
TAIL_NBYTES: Final = 1 << 16
"""Bytes that are read from the end of the file at once: the map of some thousand frames lies
there, and a remote file costs one request."""


Integers: TypeAlias = npt.NDArray[np.int64]
MOST: Final = 1 << 62
"""Lengths of a damaged map may exceed 63 bits: they are cut to this."""


ChunkPlace: TypeAlias = tuple[int, int]
"""Where a chunk lies: byte offset of its header, and the length of its data as the map gives it."""


@attrs.frozen(eq=False)
class FrameTable:
    """Chunks with pixels, in columns: a file may have a million. Not a record."""

    numbers: Integers
    """Numbers of frames, rising."""
    offsets: Integers
    """Byte offset of the header of each."""
    nbytes: Integers
    """Length of the data of each in bytes, as the map gives it."""

    @classmethod
    def collect(cls, numbers: Sequence[int], places: npt.NDArray[np.uint64]) -> "FrameTable":
        """Sort frames by their number; of several with one number the last counts.

        Parameters
        ----------
        numbers
            One a frame.
        places
            Offset and length of each.
        """
        order = np.array(numbers, np.int64)
        columns = np.minimum(places, MOST).astype(np.int64).T
        if np.count_nonzero(order[1:] > order[:-1]) < len(order) - 1:
            # Stable: frames of one number keep the order of the map, so the last of them is known.
            rows = np.argsort(order, kind="stable")
            order = order[rows]
            last = np.append(order[1:] != order[:-1], True)
            order, columns = order[last], columns[:, rows[last]]
        return cls(order, columns[0], columns[1])

    def take(self, rows: npt.NDArray[np.bool_]) -> "FrameTable":
        """Return some of the frames."""
        return FrameTable(self.numbers[rows], self.offsets[rows], self.nbytes[rows])

    def find(self, numbers: Integers) -> tuple[Integers, Integers]:
        """Return the offset and the length of frames; -1 and 0 of those that the file lacks."""
        rows = np.searchsorted(self.numbers, numbers)
        # A number above all others has no row; row 0 then fails the comparison below.
        rows[rows == self.numbers.size] = 0
        found = self.numbers[rows] == numbers
        return np.where(found, self.offsets[rows], -1), np.where(found, self.nbytes[rows], 0)

    def find_run(self, start: int, count: int) -> tuple[Integers, Integers] | None:
        """Return what ``find`` returns for ``count`` numbers from ``start`` on, as views.

        ``None`` where the file lacks a frame: of one that is whole, the number is the row.
        """
        size = self.numbers.size
        # Numbers rise, so that of ``size`` frames the last has this number only if none is missing.
        if start + count > size or self.numbers.item(-1) != size - 1:
            return None
        return self.offsets[start : start + count], self.nbytes[start : start + count]


@attrs.frozen(eq=False)
class ChunkMap:
    """The chunks of a file. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    size: int
    """Its length in bytes."""
    chunks: dict[str, ChunkPlace]
    """By name, without the final ``!``; frames are not among them."""
    frames: FrameTable
    """By number of the frame."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Trouble with the map."""
    data: dict[str, bytes] = attrs.Factory(dict)
    """Data of the requested chunks that are whole."""


Chunks: TypeAlias = tuple[dict[str, ChunkPlace], FrameTable, tuple[Diagnostic, ...]]
"""Chunks by name, the frames, and trouble with the map."""


def is_nd2(head: bytes) -> bool:
    """Return whether a file begins with a chunk."""
    return head[:4] == MAGIC.to_bytes(4, "little")


def is_boxed_nd2(source: Source, head: bytes) -> bool:
    """Return whether a JPEG 2000 file is an ND2 file from before NIS-Elements 3.

    Such files begin as JP2 files and end with a map of their boxes.
    """
    if head[:12] != JP2_SIGNATURE or (source.size or 0) < TAIL.size:
        return False
    with readers.lend(source) as reader:
        tail = reader.read((source.size or 0) - TAIL.size, TAIL.size)
    return tail.startswith(BOX_MAP_END)


def read_container(source: Source, names: Iterable[str] = ()) -> ChunkMap | None:
    """Find the chunks of a file, and read some of them.

    Parameters
    ----------
    source
        The file.
    names
        Chunks whose data are read, of those that the file has. All are read at once: near ones of a
        remote file by one request.

    Returns
    -------
    ``None`` where the file does not begin with a chunk.

    Raises
    ------
    CorruptFileError
        When the file has neither a map nor a chunk with pixels.
    """
    # One loan for all reads: each looks at the state of the file twice.
    with readers.lend(source) as reader:
        head = reader.read(0, 4 if source.size is None else min(source.size, 4))
        if not is_nd2(head):
            return None
        size = source.size or 0
        tail_nbytes = min(size, TAIL_NBYTES)
        tail = reader.read(size - tail_nbytes, tail_nbytes)
        chunks, frames, diagnostics = _find_chunks(reader, source, tail)
        data = _read_chunks(reader, chunks, size, tail, names)
    return ChunkMap(source, size, chunks, frames, diagnostics, data)


def _find_chunks(reader: readers.Reader, source: Source, tail: bytes) -> Chunks:
    size = source.size or 0
    try:
        data = _read_map(reader, source, tail)
    except CorruptFileError as error:
        # Walking takes a read a chunk, and a remote read is a request.
        is_near = source.local or source.content is not None
        chunks, frames = _walk(reader, size) if is_near else _sort_out([], NO_PLACES)
        if not frames.numbers.size:
            raise
        text = (
            f"the map of its chunks is damaged ({error}): {frames.numbers.size} frames were found by "
            "walking from chunk to chunk"
        )
        return chunks, frames, (Diagnostic("nd2-map", text, loss=True),)
    chunks, frames, beyond = _parse_map(data, size)
    if not beyond:
        return chunks, frames, ()
    text = f"{beyond} chunks of its map lie beyond the end of the file at {size}: left out"
    return chunks, frames, (Diagnostic("nd2-missing-chunks", text, loss=True),)


def _read_map(reader: readers.Reader, source: Source, tail: bytes) -> bytes:
    size = source.size or 0
    if size < HEADER.size + TAIL.size:
        raise CorruptFileError.at(source.uri, 0, f"expected an ND2 file, found {size} bytes")
    start = size - len(tail)
    name, offset = TAIL.unpack_from(tail, len(tail) - TAIL.size)
    if name != MAP_END:
        raise CorruptFileError.at(
            source.uri, size - TAIL.size, f"expected {MAP_END!r}, found {name!r}"
        )
    if offset >= start:
        # The whole map lies in the bytes that were read already.
        data = _cut_data(tail, offset - start)
    else:
        head = reader.read(offset, HEADER.size) if offset + HEADER.size <= size else b""
        # The name field and the data follow the header.
        nbytes = sum(HEADER.unpack(head)[1:]) if len(head) == HEADER.size else 0
        whole = nbytes <= size - offset - HEADER.size
        data = _cut_data(head + reader.read(offset + HEADER.size, nbytes)) if whole else None
    if data is None:
        raise CorruptFileError.at(
            source.uri, offset, f"expected the map of chunks, {MAP_NAME.decode()!r}"
        )
    return data


def _read_chunks(
    reader: readers.Reader,
    chunks: dict[str, ChunkPlace],
    size: int,
    tail: bytes,
    names: Iterable[str],
) -> dict[str, bytes]:
    """Return the data of those of these chunks that the file has and that are whole."""
    tail_start = size - len(tail)
    data: dict[str, bytes | None] = {}
    spans: dict[str, readers.Span] = {}
    for name in names:
        if name not in chunks:
            continue
        offset, nbytes = chunks[name]
        # The name is padded; with this much the data are reached.
        stop = min(offset + HEADER.size + LONGEST_PADDED_NAME + nbytes, size)
        # Most chunks are short and were written last: they were read with the map.
        if offset >= tail_start:
            data[name] = _cut_data(tail, offset - tail_start, stop - tail_start)
        else:
            spans[name] = (offset, stop - offset)
    buffers = reader.read_spans([*spans.values()])
    for name, buffer in zip(spans, buffers, strict=True):
        data[name] = _cut_data(bytes(buffer))
    return {name: whole for name, whole in data.items() if whole is not None}


def _cut_data(buffer: bytes, start: int = 0, stop: int | None = None) -> bytes | None:
    """Return the data of a chunk that begins at ``start``; ``None`` where it is none or not whole."""
    if stop is None:
        stop = len(buffer)
    if stop - start < HEADER.size:
        return None
    magic, name_nbytes, nbytes = HEADER.unpack_from(buffer, start)
    start += HEADER.size + name_nbytes
    is_whole = magic == MAGIC and name_nbytes <= LONGEST_NAME_FIELD and start + nbytes <= stop
    return buffer[start : start + nbytes] if is_whole else None


def _parse_map(data: bytes, size: int) -> tuple[dict[str, ChunkPlace], FrameTable, int]:
    """Return the chunks, the frames, and how many lie beyond the end of the file."""
    # An entry more ends a map that is cut off: without it the pattern would be tried from each byte behind the
    # last entry on.
    entries = _ENTRY.findall(data + _LAST_ENTRY)
    # Names are cut in front of their final ``!``, so that of the end is too.
    names = [name for _, name, _ in entries]
    count = len(entries)
    if END_NAME in names:
        count = names.index(END_NAME)
    else:
        nbytes = sum([_entry_nbytes(entry) for entry in entries])
        while nbytes > len(data):
            count -= 1
            nbytes -= _entry_nbytes(entries[count])
    entries = entries[:count]
    places = np.frombuffer(b"".join([place for _, _, place in entries]), "<u8").reshape(-1, 2)
    inside = places[:, 0] <= size - HEADER.size
    beyond = count - int(np.count_nonzero(inside))
    if beyond:
        flags = inside.tolist()
        entries = [entry for entry, is_inside in zip(entries, flags, strict=True) if is_inside]
        places = places[inside]
    return *_sort_out(entries, places), beyond


def _entry_nbytes(entry: Entry) -> int:
    frame, name, _ = entry
    return (len(FRAME) + len(frame) if frame else len(name)) + 1 + PLACE_NBYTES


def _sort_out(
    entries: list[Entry], places: npt.NDArray[np.uint64]
) -> tuple[dict[str, ChunkPlace], FrameTable]:
    """Return chunks of metadata by name, and the frames."""
    rows = [row for row, entry in enumerate(entries) if entry[0]]
    others = [
        row for row, (frame, name, _) in enumerate(entries) if not (frame or name[:13] == FRAME)
    ]
    listed = places[others].tolist()
    # Joined: names hold no ``!``, and one call decodes them all.
    names = b"!".join([entries[row][1] for row in others]).decode("latin-1").split("!")
    chunks: dict[str, ChunkPlace] = dict(zip(names, map(tuple, listed), strict=False))
    # Most maps list the frames one after the other: a slice is a view.
    is_run = bool(rows) and rows[-1] - rows[0] == len(rows) - 1
    frames = places[rows[0] : rows[-1] + 1] if is_run else places[rows]
    return chunks, FrameTable.collect([int(entries[row][0]) for row in rows], frames)


def _walk(reader: readers.Reader, size: int) -> tuple[dict[str, ChunkPlace], FrameTable]:
    """Find chunks by their headers, from the start of the file to the first that is none."""
    listed: list[bytes] = []
    offset = 0
    while offset + HEADER.size <= size:
        magic, name_nbytes, nbytes = HEADER.unpack(reader.read(offset, HEADER.size))
        if magic != MAGIC or name_nbytes > LONGEST_NAME_FIELD:
            break
        # Names are short, and padding fills the rest of the field.
        field = reader.read(offset + HEADER.size, min(name_nbytes, 64, size - offset - HEADER.size))
        end = offset + HEADER.size + name_nbytes + nbytes
        if end > size:  # cut off: its pixels are not whole
            break
        listed.append(field.split(b"!", 1)[0] + b"!" + struct.pack("<QQ", offset, nbytes))
        # The next chunk begins at a multiple of the alignment.
        offset = -(-end // ALIGNMENT) * ALIGNMENT
    entries = _ENTRY.findall(b"".join(listed))
    places = np.frombuffer(b"".join([place for _, _, place in entries]), "<u8").reshape(-1, 2)
    return _sort_out(entries, places)
