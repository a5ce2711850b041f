"""The index of a CZI container: file header, subblock directory, metadata text, attachment directory.

Rule kept here: whatever the file says is checked before it is used -- positions lie inside the file, sizes are
plausible, counts agree -- and subblocks are columns of numpy arrays, never objects. Subblock segments themselves are
not read, except where the directory is gone and a scan of the segments must stand in for it.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, sections 2 (segments) and 3 (schemas).
"""

import struct
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _codecs, _files
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.records import Diagnostic, Source

Ints = npt.NDArray[np.int64]

SEGMENT_HEAD = 32
"""Bytes of a segment's own header: identifier (16), allocated size (8), used size (8)."""
ENTRY_HEAD = 32
"""Bytes of a directory entry before its dimensions."""
DIMENSION = 20
"""Bytes of one dimension of a directory entry."""
MOST_DIMENSIONS = 40
"""libCZI's own bound; the letters that ZEN writes are eleven."""
MOST_METADATA = 1 << 30
"""Bytes of XML beyond which a size is taken for a lie."""
KNOWN_LETTERS = "BMHIVRSTCZYX"
"""In the order in which axes are stored here."""

_ENTRY = np.dtype(
    {
        "names": ["schema", "pixel_type", "position", "file_part", "compression", "pyramid", "ndim"],
        "formats": ["S2", "<i4", "<i8", "<i4", "<i4", "u1", "<i4"],
        "offsets": [0, 2, 6, 14, 18, 22, 28],
        "itemsize": ENTRY_HEAD,
    }
)
_DIMENSION = np.dtype(
    {
        "names": ["letter", "start", "size", "stored"],
        "formats": ["S4", "<i4", "<i4", "<i4"],
        "offsets": [0, 4, 8, 16],
        "itemsize": DIMENSION,
    }
)


@attrs.define(eq=False)
class Subblocks:
    """Columns of the subblock directory, one row a subblock. Not a record: it lives while a file is opened."""

    position: Ints
    """Offset of the segment."""
    file_part: Ints
    """Which file of a set holds it."""
    pixel_type: Ints
    """Number of the pixel type."""
    compression: Ints
    """Number of the compression."""
    entry: Ints
    """Offset of the directory entry, for messages."""
    start: dict[str, Ints]
    """First position, per letter; 0 where the entry does not have it."""
    has: dict[str, npt.NDArray[np.bool_]]
    """Whether the entry has the letter."""
    size: dict[str, Ints]
    """Logical size, per letter; 1 where the entry does not have it."""
    stored: dict[str, Ints]
    """Stored size of Y and X: smaller than the logical one in pyramid levels."""
    segment: Ints
    """Bytes from the start of the segment to the next one in the file."""

    def __len__(self) -> int:
        return len(self.position)

    def only(self, rows: "npt.NDArray[Any] | slice") -> "Subblocks":
        """Keep some rows (a mask, indices or a slice)."""
        changed: dict[str, Any] = {}
        for field in attrs.fields(Subblocks):
            column = getattr(self, field.name)
            if isinstance(column, dict):
                changed[field.name] = {letter: values[rows] for letter, values in column.items()}
            else:
                changed[field.name] = column[rows]
        return Subblocks(**changed)


@attrs.frozen
class Attachment:
    """One attachment of a file: a thumbnail, a label, time stamps, a list of events, a lookup table."""

    name: str
    """Such as ``"Thumbnail"``, ``"Label"``, ``"SlidePreview"``, ``"TimeStamps"``, ``"EventList"``."""
    kind: str
    """Type of the content: ``"JPG"``, ``"CZI"``, ``"CZTIMS"``, ``"CZEVL"``, ``"CZLUT"``, ..."""
    offset: int
    """Byte offset of the attachment's segment."""


@attrs.define(eq=False)
class Index:
    """What a container holds. Not a record: it lives while a file is opened."""

    source: Source
    file_part: int
    subblocks: Subblocks
    metadata: str | None
    attachments: tuple[Attachment, ...]
    diagnostics: tuple[Diagnostic, ...]


def read_index(source: Source) -> Index:
    """Read the index of a container.

    Raises
    ------
    CorruptFileError
        With the offset of what is wrong; not for a directory that a scan of the segments can replace.
    """
    notes: list[Diagnostic] = []
    with _files.session(), _files.lend(source) as reader:
        head = _segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        major, _minor = struct.unpack_from("<ii", head, 0)
        if major != 1:
            raise CorruptFileError.at(source.uri, 32, f"expected major version 1 of CZI, found {major}")
        part, directory, metadata_at, pending, attachments_at = struct.unpack_from("<iqqiq", head, 48)
        if pending:
            notes.append(Diagnostic("update-pending", "the file was being changed when it was last written"))
        metadata = _trouble_is_a_note(notes, "metadata", lambda: read_metadata(reader, source, metadata_at, notes))
        attachments = _trouble_is_a_note(
            notes, "attachments", lambda: read_attachment_directory(reader, source, attachments_at)
        )
        try:
            subblocks = read_directory(reader, source, directory)
        except CorruptFileError as error:
            subblocks = _scanned(reader, source, error)
            notes.append(
                Diagnostic(
                    "scanned-segments",
                    f"the subblock directory is unusable ({error}); {len(subblocks)} subblocks were found by a scan",
                )
            )
    others = [p for p in (0, directory, metadata_at, attachments_at) if p >= 0]
    others += [a.offset for a in attachments or ()]
    subblocks.segment = _extents(subblocks.position, others, source.size)
    return Index(source, part, subblocks, metadata, attachments or (), tuple(notes))


def _trouble_is_a_note(notes: list[Diagnostic], what: str, read: Any) -> Any:
    """Metadata and attachments do not stop the pixels from being read."""
    try:
        return read()
    except CorruptFileError as error:
        notes.append(Diagnostic(f"corrupt-{what}", str(error)))
        return None


def _extents(position: Ints, others: list[int], size: int | None) -> Ints:
    """Bytes from each segment to the next thing in the file that the directory knows of."""
    top = int(position.max(initial=0))
    end = size if size is not None else max([top + (1 << 24), *others])
    marks = np.sort(np.concatenate([position, np.array([*others, end], np.int64)]))
    following = marks[np.minimum(np.searchsorted(marks, position, side="right"), len(marks) - 1)]
    return np.maximum(following - position, 0)


# ---------------------------------------------------------------- segments


def segment_head(reader: _files.Reader, source: Source, offset: int) -> tuple[bytes, int, int]:
    """Identifier, allocated and used size of the segment at ``offset``."""
    if offset < 0 or (source.size is not None and offset + SEGMENT_HEAD > source.size):
        raise CorruptFileError.at(source.uri, offset, f"expected a segment, but the file ends at {source.size}")
    name, allocated, used = struct.unpack("<16sqq", reader.read(offset, SEGMENT_HEAD))
    return name.rstrip(b"\0"), allocated, used or allocated


def _segment_data(reader: _files.Reader, source: Source, offset: int, name: bytes, nbytes: int) -> bytes:
    """Return the first ``nbytes`` of the data of a segment that must be called ``name``."""
    found, allocated, _ = segment_head(reader, source, offset)
    if found != name:
        raise CorruptFileError.at(source.uri, offset, f"expected segment {name.decode()}, found {found!r}")
    if allocated < 0:
        raise CorruptFileError.at(source.uri, offset + 16, f"expected the size of a segment, found {allocated}")
    return reader.read(offset + SEGMENT_HEAD, nbytes)


def read_metadata(reader: _files.Reader, source: Source, offset: int, notes: list[Diagnostic]) -> str | None:
    """Return the XML of the file, or ``None`` where it has none."""
    if offset <= 0:
        return None
    data = _segment_data(reader, source, offset, b"ZISRAWMETADATA", 8)
    (nbytes,) = struct.unpack_from("<i", data)
    at = offset + SEGMENT_HEAD + 256
    room = None if source.size is None else source.size - at
    if not 0 <= nbytes <= MOST_METADATA or (room is not None and nbytes > room):
        raise CorruptFileError.at(source.uri, offset + SEGMENT_HEAD, f"expected the size of the XML, found {nbytes}")
    raw = reader.read(at, nbytes).rstrip(b"\0") if nbytes else b""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        notes.append(Diagnostic("metadata-encoding", f"the XML is not UTF-8 ({error}); broken characters are replaced"))
        return raw.decode("utf-8-sig", "replace")


# ---------------------------------------------------------------- attachments


def read_attachment_directory(reader: _files.Reader, source: Source, offset: int) -> tuple[Attachment, ...]:
    """List the attachments of the file."""
    if offset <= 0:
        return ()
    (count,) = struct.unpack("<i", _segment_data(reader, source, offset, b"ZISRAWATTDIR", 4))
    at = offset + SEGMENT_HEAD + 256
    if count < 0 or (source.size is not None and at + 128 * count > source.size):
        raise CorruptFileError.at(source.uri, offset + SEGMENT_HEAD, f"expected a count of attachments, found {count}")
    raw = reader.read(at, 128 * count) if count else b""
    found = []
    for index in range(count):
        schema, position, kind, name = struct.unpack_from("<2s10xq20x8s80s", raw, 128 * index)
        if schema != b"A1" or position < 0 or (source.size is not None and position >= source.size):
            raise CorruptFileError.at(source.uri, at + 128 * index, "expected the entry of an attachment")
        found.append(Attachment(_text(name), _text(kind), position))
    return tuple(found)


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace").strip()


def list_attachments(source: Source) -> tuple[Attachment, ...]:
    """List the attachments of a file, without the rest of its index.

    Raises
    ------
    CorruptFileError
    """
    with _files.session(), _files.lend(source) as reader:
        head = _segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        return read_attachment_directory(reader, source, struct.unpack_from("<q", head, 72)[0])


def read_attachment_data(source: Source, attachment: Attachment) -> bytes:
    """Read the content of one attachment."""
    with _files.lend(source) as reader:
        data = _segment_data(reader, source, attachment.offset, b"ZISRAWATTACH", 8)
        (nbytes,) = struct.unpack("<q", data)
        if not 0 <= nbytes <= MOST_METADATA:
            # The specification gives the size 4 bytes, libCZI 8: the upper half may be anything.
            nbytes &= 0xFFFFFFFF
        at = attachment.offset + SEGMENT_HEAD + 256
        if source.size is not None and at + nbytes > source.size:
            raise CorruptFileError.at(
                source.uri, attachment.offset, f"expected {nbytes} bytes of {attachment.name}, past the end of the file"
            )
        return reader.read(at, nbytes) if nbytes else b""


# ---------------------------------------------------------------- subblock directory


def read_directory(reader: _files.Reader, source: Source, offset: int) -> Subblocks:
    """Read the subblock directory into columns and check them."""
    if offset <= 0:
        raise CorruptFileError.at(source.uri, 84, "expected the position of the subblock directory, found none")
    found, allocated, used = segment_head(reader, source, offset)
    if found != b"ZISRAWDIRECTORY":
        raise CorruptFileError.at(source.uri, offset, f"expected segment ZISRAWDIRECTORY, found {found!r}")
    at = offset + SEGMENT_HEAD
    (count,) = struct.unpack("<i", reader.read(at, 4))
    room = max(used, allocated) - 128
    if source.size is not None:
        room = min(room, source.size - at - 128)
    if count < 0 or count * (ENTRY_HEAD + DIMENSION) > room:
        raise CorruptFileError.at(source.uri, at, f"expected a count of subblocks, found {count} in {room} bytes")
    raw = reader.read(at + 128, min(room, count * (ENTRY_HEAD + DIMENSION * MOST_DIMENSIONS))) if count else b""
    subblocks = parse_entries(raw, count, at + 128, source)
    _check(subblocks, source)
    return subblocks


def parse_entries(raw: bytes, count: int, base: int, source: Source) -> Subblocks:
    """Turn ``count`` directory entries, one after the other in ``raw``, into columns."""
    at = _entry_offsets(raw, count, base, source)
    octets = np.frombuffer(raw, np.uint8)
    head = _records(octets, at, _ENTRY, 1)[:, 0]
    made = Subblocks(
        position=head["position"].astype(np.int64),
        file_part=head["file_part"].astype(np.int64),
        pixel_type=head["pixel_type"].astype(np.int64),
        compression=head["compression"].astype(np.int64),
        entry=at + base,
        start={},
        has={},
        size={},
        stored={},
        segment=np.zeros(count, np.int64),
    )
    for ndim in distinct(head["ndim"]):
        rows = np.flatnonzero(head["ndim"] == ndim)
        dims = _records(octets, at[rows] + ENTRY_HEAD, _DIMENSION, ndim)
        for slot in range(ndim):
            _fill_slot(made, rows, dims[:, slot], source)
    return made


def _records(octets: npt.NDArray[np.uint8], at: Ints, dtype: np.dtype[Any], each: int) -> npt.NDArray[Any]:
    """Show ``each`` records from every offset on, shape (offsets, each); a view where they are evenly spaced."""
    nbytes = dtype.itemsize * each
    if not len(at):
        return np.zeros((0, each), dtype)
    stride = int(at[1] - at[0]) if len(at) > 1 else nbytes
    if (np.diff(at) == stride).all():
        return np.ndarray((len(at), each), dtype, octets.data, int(at[0]), (stride, dtype.itemsize))
    gathered: npt.NDArray[Any] = octets[at[:, None] + np.arange(nbytes)].view(dtype)
    return gathered


def distinct(values: npt.NDArray[Any]) -> list[int]:
    """Sorted distinct integers; quick where there are few."""
    if not len(values):
        return []
    low, high = int(values.min()), int(values.max())
    if low == high:
        return [low]
    if high - low < 1 << 20:
        return [int(value) + low for value in np.flatnonzero(np.bincount(values - low))]
    return [int(value) for value in np.unique(values)]


def _entry_offsets(raw: bytes, count: int, base: int, source: Source) -> Ints:
    """Find where each entry begins: their lengths differ with their number of dimensions."""
    if not count:
        return np.zeros(0, np.int64)

    def check(at: int) -> int:
        if at + ENTRY_HEAD > len(raw):
            raise CorruptFileError.at(source.uri, base + at, f"expected {count} subblock entries, the directory ends")
        if raw[at : at + 2] == b"DE":
            raise UnsupportedFormatError(f"{source.uri}: its directory has the old schema DE, which nothing reads")
        ndim: int = struct.unpack_from("<i", raw, at + 28)[0]
        if raw[at : at + 2] != b"DV" or not 0 < ndim <= MOST_DIMENSIONS:
            raise CorruptFileError.at(source.uri, base + at, "expected a subblock entry of schema DV")
        return at + ENTRY_HEAD + DIMENSION * ndim

    stride = check(0)
    if len(raw) >= count * stride:
        table = np.frombuffer(raw, np.uint8, count * stride).reshape(count, stride)
        same = (table[:, :2] == (68, 86)).all() and (table[:, 28:32] == table[0, 28:32]).all()
        if same:
            return np.arange(count, dtype=np.int64) * stride
    found = np.empty(count, np.int64)
    at = 0
    for index in range(count):
        found[index] = at
        at = check(at)
    if at > len(raw):
        raise CorruptFileError.at(source.uri, base + int(found[-1]), "expected a whole subblock entry")
    return found


def _fill_slot(made: Subblocks, rows: Ints, dims: npt.NDArray[Any], source: Source) -> None:
    """Put one dimension of some entries into the columns of its letter."""
    letters = dims["letter"]
    for raw in [letters[0]] if (letters == letters[0]).all() else np.unique(letters):
        letter = bytes(raw).decode("ascii", "replace").strip().upper()
        mask = letters == raw
        here = rows[mask]
        if len(letter) != 1 or letter not in KNOWN_LETTERS:
            where = int(made.entry[here[0]])
            raise CorruptFileError.at(
                source.uri, where, f"expected a dimension of {KNOWN_LETTERS}, found {bytes(raw)!r}"
            )
        if letter not in made.start:
            count = len(made)
            made.start[letter], made.size[letter] = np.zeros(count, np.int64), np.ones(count, np.int64)
            made.has[letter] = np.zeros(count, np.bool_)
            if letter in "YX":
                made.stored[letter] = np.ones(count, np.int64)
        part = dims[mask]
        size = part["size"].astype(np.int64)
        made.start[letter][here], made.has[letter][here] = part["start"], True
        made.size[letter][here] = size
        if letter in "YX":
            # Section 3.2: the stored size is given "if sub / supersampling, else 0".
            made.stored[letter][here] = np.where(part["stored"] == 0, size, part["stored"])


def _check(blocks: Subblocks, source: Source) -> None:
    """Refuse entries that no file could have."""

    def refuse(bad: npt.NDArray[np.bool_], expected: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            raise CorruptFileError.at(source.uri, int(blocks.entry[row]), f"expected {expected}")

    if not len(blocks):
        return
    for letter in "YX":
        if letter not in blocks.start:
            raise CorruptFileError.at(source.uri, int(blocks.entry[0]), f"expected a dimension {letter} of subblocks")
        refuse(~blocks.has[letter], f"a dimension {letter}")
        stored, size = blocks.stored[letter], blocks.size[letter]
        refuse((stored <= 0) | (stored > 1 << 24), f"a stored size along {letter} between 1 and {1 << 24}")
        refuse((size <= 0) | (size < stored), f"a size along {letter} of at least the stored one")
    for letter, size in blocks.size.items():
        if letter not in "YX":
            refuse((size < 0) | (size > 1 << 24), f"a size along {letter}")
    end = source.size if source.size is not None else 1 << 62
    refuse((blocks.position < 0) | (blocks.position + SEGMENT_HEAD + 256 > end), "a position inside the file")


# ---------------------------------------------------------------- scan


def _scanned(reader: _files.Reader, source: Source, error: CorruptFileError) -> Subblocks:
    """Find the subblocks without the directory; what was wrong with it is raised when there are none."""
    if reader.remote or source.size is None:
        raise error
    found = [_whole_subblock(reader, at, source.size) for at in _subblock_segments(reader, source.size)]
    entries = [entry for entry in found if entry is not None]
    if entries:
        try:
            return _parsed(entries, source)
        except CorruptFileError:
            # One that lies must not take the others with it.
            entries = [entry for entry in entries if _is_sound(entry, source)]
    if not entries:
        raise error
    return _parsed(entries, source)


def _parsed(entries: list[bytes], source: Source) -> Subblocks:
    blocks = parse_entries(b"".join(entries), len(entries), 0, source)
    blocks.entry = blocks.position + SEGMENT_HEAD + 16
    _check(blocks, source)
    return blocks


def _is_sound(entry: bytes, source: Source) -> bool:
    try:
        _parsed([entry], source)
    except CorruptFileError:
        return False
    return True


def _subblock_segments(reader: _files.Reader, size: int) -> Iterator[int]:
    """Walk from segment to segment; where the chain is broken, look for the next identifier."""
    at = 0
    while at + SEGMENT_HEAD <= size:
        name, allocated = struct.unpack("<16sq", reader.read(at, 24))
        known = name.startswith((b"ZISRAW", b"DELETED")) and 0 <= allocated <= size - at - SEGMENT_HEAD
        if name.startswith(b"ZISRAWSUBBLOCK"):
            yield at
        if known:
            at += SEGMENT_HEAD + allocated
            continue
        following = _next_identifier(reader, at + 1, size)
        if following is None:
            return
        at = following


def _next_identifier(reader: _files.Reader, start: int, size: int) -> int | None:
    step = 1 << 20
    for low in range(start, size, step):
        chunk = reader.read(low, min(step + 8, size - low))
        index = chunk.find(b"ZISRAW")
        if index >= 0:
            return low + index
    return None


def _whole_subblock(reader: _files.Reader, at: int, size: int) -> bytes | None:
    """Return the directory entry inside a subblock whose data lie wholly in the file, with its true position."""
    if at + SEGMENT_HEAD + 256 > size:
        return None
    head = reader.read(at, SEGMENT_HEAD + 256)
    entry = SEGMENT_HEAD + 16
    ndim: int = struct.unpack_from("<i", head, entry + 28)[0]
    length = ENTRY_HEAD + DIMENSION * ndim
    if head[entry : entry + 2] != b"DV" or not 0 < ndim <= MOST_DIMENSIONS or at + entry + length > size:
        return None
    try:
        start, nbytes = _codecs.subblock_payload(head)
    except CorruptFileError:
        return None
    if at + start + nbytes > size:
        return None
    found = head[entry : entry + length] if entry + length <= len(head) else reader.read(at + entry, length)
    return found[:6] + struct.pack("<q", at) + found[14:]
