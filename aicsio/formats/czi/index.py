"""The index of a CZI container: file header, subblock directory, metadata text, attachment directory.

Rule kept here: every number of the file is checked before it is used: positions lie inside the file,
sizes are plausible, counts agree. Subblock segments are not read, except where the directory is
unusable and a scan of the segments replaces it, or where the number of the file part is in doubt.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, sections 2 (segments) and
3 (schemas).
"""

import struct
from collections.abc import Callable
from typing import TypeVar

import attrs
import numpy as np

from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.directory import (
    DIMENSION_SIZE,
    ENTRY_HEAD_SIZE,
    MAX_DIMENSIONS,
    SEGMENT_HEAD_SIZE,
    Bools,
    Ints,
    LeftOut,
    Subblocks,
    distinct,
    drop_constant_letters,
    keep_sound,
    parse_entries,
)
from aicsio.formats.czi.recovery import recover_by_scanning
from aicsio.records import Attachment, Diagnostic, Source

T = TypeVar("T")

MAX_METADATA_SIZE = 1 << 30
"""Bytes of XML. The largest real file seen has 0.7 MB of it; a larger size than this is damage."""
PART_SAMPLES = 32
"""Subblocks of one file part whose segments are looked at, to see whether the part is this file."""
ATTACHMENT_ENTRY_SIZE = 128
"""Bytes of an entry of the attachment directory (section 3.4)."""


@attrs.define(eq=False)
class Index:
    """Contents of a container. Not a record: it lives while a file is opened."""

    source: Source
    subblocks: Subblocks
    """Rows of the directory that describe subblocks of this file."""
    left_out: LeftOut
    """Counts of the other rows."""
    metadata: str | None
    attachments: tuple[Attachment, ...]
    diagnostics: tuple[Diagnostic, ...]
    segments: tuple[int, ...]
    """Byte offsets of the segments that are no subblocks."""
    scanned: bool
    """Whether the subblocks come from a scan of the segments, not from the directory."""


def read_index(source: Source) -> Index:
    """Read the index of a container.

    Raises
    ------
    CorruptFileError
        When the file header is damaged, or there is no usable subblock. A directory that a scan of
        the segments can replace raises nothing.
    """
    notes: list[Diagnostic] = []
    scanned = False
    with readers.session(), readers.lend(source) as reader:
        head = _read_segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        major, _minor = struct.unpack_from("<ii", head, 0)
        if major != 1:
            message = f"expected major version 1 of CZI, found {major}"
            raise CorruptFileError.at(source.uri, 32, message)
        # Section 2.2: FilePart, DirectoryPosition, MetadataPosition, UpdatePending,
        # AttachmentDirectoryPosition.
        file_part, directory_at, metadata_at, pending, attachments_at = struct.unpack_from(
            "<iqqiq", head, 48
        )
        if pending:
            message = "the file was being changed when it was last written"
            notes.append(Diagnostic("update-pending", message))
        metadata = _or_diagnostic(
            notes, "metadata", lambda: read_metadata(reader, source, metadata_at, notes)
        )
        attachments = _or_diagnostic(
            notes,
            "attachments",
            lambda: read_attachment_directory(reader, source, attachments_at),
        )
        try:
            subblocks, left_out = _read_best(reader, source, directory_at)
        except CorruptFileError as error:
            subblocks, left_out = recover_by_scanning(reader, source, error)
            scanned = True
            notes.append(
                Diagnostic(
                    "scanned-segments",
                    f"the subblock directory is unusable ({error}); "
                    f"a scan of the segments found {len(subblocks)} subblocks",
                )
            )
        notes += drop_constant_letters(subblocks, left_out)
        if not scanned:
            subblocks = _drop_other_file_parts(
                reader, source, subblocks, file_part, left_out, notes
            )
    others = [p for p in (0, directory_at, metadata_at, attachments_at) if p >= 0]
    others += [one.offset for one in attachments or ()]
    subblocks.segment_size = _measure_segments(subblocks.file_position, others, source.size)
    return Index(
        source,
        subblocks,
        left_out,
        metadata,
        attachments or (),
        tuple(notes),
        tuple(others),
        scanned,
    )


def _or_diagnostic(notes: list[Diagnostic], part: str, read: Callable[[], T]) -> T | None:
    """Read metadata or attachments; damage there must not stop the pixels from being read."""
    try:
        return read()
    except CorruptFileError as error:
        notes.append(Diagnostic(f"corrupt-{part}", str(error)))
        return None


def _measure_segments(file_positions: Ints, others: list[int], file_size: int | None) -> Ints:
    """Count the bytes from each subblock to the next segment that the file lists."""
    last = int(file_positions.max(initial=0))
    # Where the size of the file is unknown, the last subblock gets 16 MiB: more than one request.
    end = file_size if file_size is not None else max([last + (1 << 24), *others])
    marks = np.sort(np.concatenate([file_positions, np.array([*others, end], np.int64)]))
    following = np.searchsorted(marks, file_positions, side="right")
    next_marks = marks[np.minimum(following, len(marks) - 1)]
    return np.maximum(next_marks - file_positions, 0)


# ---------------------------------------------------------------- segments


def read_segment_head(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[bytes, int, int]:
    """Return identifier, allocated size and used size of the segment at ``offset``."""
    if offset < 0 or (source.size is not None and offset + SEGMENT_HEAD_SIZE > source.size):
        message = f"expected a segment, but the file ends at {source.size}"
        raise CorruptFileError.at(source.uri, offset, message)
    identifier, allocated, used = struct.unpack("<16sqq", reader.read(offset, SEGMENT_HEAD_SIZE))
    # Section 2.1: a used size of 0 means that all of the segment is used.
    return identifier.rstrip(b"\0"), allocated, used or allocated


def _read_segment_data(
    reader: readers.Reader, source: Source, offset: int, expected: bytes, nbytes: int
) -> bytes:
    """Return the first ``nbytes`` of the data of a segment called ``expected``."""
    identifier, allocated, _ = read_segment_head(reader, source, offset)
    if identifier != expected:
        message = f"expected segment {expected.decode()}, found {identifier!r}"
        raise CorruptFileError.at(source.uri, offset, message)
    if allocated < 0:
        message = f"expected the size of a segment, found {allocated}"
        raise CorruptFileError.at(source.uri, offset + 16, message)
    return reader.read(offset + SEGMENT_HEAD_SIZE, nbytes)


def read_metadata(
    reader: readers.Reader, source: Source, offset: int, notes: list[Diagnostic]
) -> str | None:
    """Return the XML of the file, or ``None`` if it has none."""
    if offset <= 0:
        return None
    data = _read_segment_data(reader, source, offset, b"ZISRAWMETADATA", 8)
    (nbytes,) = struct.unpack_from("<i", data)
    text_start = offset + SEGMENT_HEAD_SIZE + 256
    room = MAX_METADATA_SIZE
    if source.size is not None:
        room = min(room, source.size - text_start)
    if not 0 <= nbytes <= room:
        message = f"expected the size of the XML, found {nbytes}"
        raise CorruptFileError.at(source.uri, offset + SEGMENT_HEAD_SIZE, message)
    raw = reader.read(text_start, nbytes).rstrip(b"\0") if nbytes else b""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        message = f"the XML is not UTF-8 ({error}); broken characters are replaced"
        notes.append(Diagnostic("metadata-encoding", message))
        text = raw.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


# ---------------------------------------------------------------- attachments


def read_attachment_directory(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[Attachment, ...]:
    """List the attachments of the file."""
    if offset <= 0:
        return ()
    data = _read_segment_data(reader, source, offset, b"ZISRAWATTDIR", 4)
    (count,) = struct.unpack("<i", data)
    entries_start = offset + SEGMENT_HEAD_SIZE + 256
    entries_end = entries_start + ATTACHMENT_ENTRY_SIZE * count
    if count < 0 or (source.size is not None and entries_end > source.size):
        message = f"expected a count of attachments, found {count}"
        raise CorruptFileError.at(source.uri, offset + SEGMENT_HEAD_SIZE, message)
    raw = reader.read(entries_start, ATTACHMENT_ENTRY_SIZE * count) if count else b""
    attachments = []
    for index in range(count):
        entry_offset = ATTACHMENT_ENTRY_SIZE * index
        schema, position, kind, name = struct.unpack_from("<2s10xq20x8s80s", raw, entry_offset)
        outside = position < 0 or (source.size is not None and position >= source.size)
        if schema != b"A1" or outside:
            message = "expected the entry of an attachment"
            raise CorruptFileError.at(source.uri, entries_start + entry_offset, message)
        attachments.append(Attachment(_decode_name(name), _decode_name(kind), position))
    return tuple(attachments)


def _decode_name(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace").strip()


def list_attachments(source: Source) -> tuple[Attachment, ...]:
    """List the attachments of a file, without the rest of its index.

    Raises
    ------
    CorruptFileError
        When the file header or the attachment directory is damaged.
    """
    with readers.session(), readers.lend(source) as reader:
        head = _read_segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        return read_attachment_directory(reader, source, struct.unpack_from("<q", head, 72)[0])


def read_attachment_data(source: Source, attachment: Attachment) -> bytes:
    """Read the content of one attachment."""
    with readers.lend(source) as reader:
        data = _read_segment_data(reader, source, attachment.offset, b"ZISRAWATTACH", 8)
        (nbytes,) = struct.unpack("<q", data)
        if not 0 <= nbytes <= MAX_METADATA_SIZE:
            # The specification gives the size 4 bytes, libCZI 8: the upper half may be anything.
            nbytes &= 0xFFFFFFFF
        start = attachment.offset + SEGMENT_HEAD_SIZE + 256
        if source.size is not None and start + nbytes > source.size:
            message = f"expected {nbytes} bytes of {attachment.name}, past the end of the file"
            raise CorruptFileError.at(source.uri, attachment.offset, message)
        return reader.read(start, nbytes) if nbytes else b""


# ---------------------------------------------------------------- subblock directory


def _read_best(reader: readers.Reader, source: Source, offset: int) -> tuple[Subblocks, LeftOut]:
    """Read the directory; if an entry is faulty, a scan of the segments may find more subblocks.

    Raises
    ------
    CorruptFileError
        When the directory has no sound entry, or a scan finds more.
    """
    subblocks, left_out = read_directory(reader, source, offset)
    left_out.raise_if_empty(subblocks)
    if not left_out.reasons:
        return subblocks, left_out
    reason, _, position = left_out.reasons[0]
    message = f"expected sound subblock entries, found one with {reason}"
    error = CorruptFileError.at(source.uri, position, message)
    try:
        scanned, _ = recover_by_scanning(reader, source, error)
    except CorruptFileError:
        return subblocks, left_out
    if len(scanned) > len(subblocks):
        raise error
    return subblocks, left_out


def read_directory(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[Subblocks, LeftOut]:
    """Read the subblock directory into columns, and count the entries that are unusable.

    Raises
    ------
    CorruptFileError
        When there is no directory at ``offset``, or its entries cannot be told apart.
    """
    if offset <= 0:
        message = "expected the position of the subblock directory, found none"
        raise CorruptFileError.at(source.uri, 84, message)
    identifier, allocated, used = read_segment_head(reader, source, offset)
    if identifier != b"ZISRAWDIRECTORY":
        message = f"expected segment ZISRAWDIRECTORY, found {identifier!r}"
        raise CorruptFileError.at(source.uri, offset, message)
    data_start = offset + SEGMENT_HEAD_SIZE
    (entry_count,) = struct.unpack("<i", reader.read(data_start, 4))
    # Section 2.3: the entries begin 128 bytes into the data.
    entries_start = data_start + 128
    room = max(used, allocated) - 128
    if source.size is not None:
        room = min(room, source.size - entries_start)
    if entry_count < 0 or entry_count * (ENTRY_HEAD_SIZE + DIMENSION_SIZE) > room:
        message = f"expected a count of subblocks, found {entry_count} in {room} bytes"
        raise CorruptFileError.at(source.uri, data_start, message)
    longest = entry_count * (ENTRY_HEAD_SIZE + DIMENSION_SIZE * MAX_DIMENSIONS)
    raw = reader.read(entries_start, min(room, longest)) if entry_count else b""
    blocks, unusable = parse_entries(raw, entry_count, entries_start, source)
    return keep_sound(blocks, unusable, source)


# ---------------------------------------------------------------- parts of a set


def _drop_other_file_parts(
    reader: readers.Reader,
    source: Source,
    blocks: Subblocks,
    file_part: int,
    left_out: LeftOut,
    notes: list[Diagnostic],
) -> Subblocks:
    """Leave out the subblocks that lie in other files of a set.

    Some writers number the parts of the entries otherwise than that of the header, so the segments
    decide: a subblock is here if its segment repeats its directory entry.
    """
    if not len(blocks):
        return blocks
    numbers = distinct(blocks.file_part)
    if numbers == [file_part]:
        return blocks
    elsewhere = np.zeros(len(blocks), np.bool_)
    misnumbered = 0
    for number in numbers:
        if number == file_part:
            continue
        rows = np.flatnonzero(blocks.file_part == number)
        here = _find_own_segments(reader, source, blocks, rows)
        elsewhere[rows[~here]] = True
        misnumbered += int(here.sum())
    if misnumbered:
        message = (
            f"the directory lists {misnumbered} subblocks in other file parts than "
            f"{file_part}, but they lie in this file"
        )
        notes.append(Diagnostic("file-part-mismatch", message, source.uri))
    if elsewhere.any():
        parts = distinct(blocks.file_part[elsewhere])
        message = (
            f"{int(elsewhere.sum())} of {left_out.total} subblocks lie in other files of the set "
            f"(parts {parts[:8]}): they read as zero"
        )
        notes.append(Diagnostic("missing-file-parts", message, source.uri))
    return blocks.take(~elsewhere) if elsewhere.any() else blocks


def _find_own_segments(
    reader: readers.Reader, source: Source, blocks: Subblocks, rows: Ints
) -> Bools:
    """Return which of the rows have their segment in this file.

    A sample decides if it agrees; only a mixture makes every segment be looked at.
    """
    picks = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), PART_SAMPLES)).astype(np.int64))
    sampled = [_is_own_segment(reader, source, blocks, int(row)) for row in rows[picks]]
    if all(sampled) or not any(sampled):
        return np.full(len(rows), sampled[0])
    return np.array([_is_own_segment(reader, source, blocks, int(row)) for row in rows])


def _is_own_segment(reader: readers.Reader, source: Source, blocks: Subblocks, row: int) -> bool:
    """Return whether the segment at a row's position repeats its directory entry."""
    position, entry_position = int(blocks.file_position[row]), int(blocks.entry_position[row])
    try:
        identifier, _, _ = read_segment_head(reader, source, position)
    except CorruptFileError:
        return False
    if identifier != b"ZISRAWSUBBLOCK":
        return False
    listed = reader.read(entry_position, ENTRY_HEAD_SIZE)
    (ndim,) = struct.unpack_from("<i", listed, 28)
    length = ENTRY_HEAD_SIZE + DIMENSION_SIZE * ndim
    listed = reader.read(entry_position, length)
    inside_start = position + SEGMENT_HEAD_SIZE + 16
    if source.size is not None and inside_start + length > source.size:
        return False
    inside = reader.read(inside_start, length)
    # Bytes 6 to 18 hold the position and the part, which are in question, and 18 to 28 the
    # compression and the pyramid type, of which some writers fill one copy only.
    return inside[:6] == listed[:6] and inside[28:] == listed[28:]
