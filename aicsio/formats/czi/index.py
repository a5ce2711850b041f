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
from aicsio.formats.czi.columns import Ints, holds_everywhere
from aicsio.formats.czi.directory import (
    DIMENSION_SIZE,
    ENTRY_HEAD_SIZE,
    MAX_DIMENSIONS,
    SEGMENT_HEAD_SIZE,
    Subblocks,
    parse_entries,
)
from aicsio.formats.czi.segments import read_segment, read_segment_data
from aicsio.formats.czi.soundness import LeftOut, drop_constant_letters, keep_sound
from aicsio.formats.czi.stacks import Stack, find_stack
from aicsio.records import Attachment, Diagnostic, Source

T = TypeVar("T")

MAX_METADATA_SIZE = 1 << 30
"""Bytes of XML. The largest real file seen has 0.7 MB of it; a larger size than this is damage."""
ATTACHMENT_ENTRY_SIZE = 128
"""Bytes of an entry of the attachment directory (section 3.4)."""


@attrs.define(eq=False, repr=False)
class Index:
    """Contents of a container. Not a record: it lives while a file is opened."""

    source: Source
    directory: Subblocks | Stack
    """Rows of the directory that describe subblocks of this file, or the plain stack that they are."""
    left_out: LeftOut
    """Counts of the other rows."""
    metadata: str | None
    attachments: tuple[Attachment, ...]
    diagnostics: tuple[Diagnostic, ...]
    segments: tuple[int, ...]
    """Byte offsets of the segments that are no subblocks."""
    scanned: bool
    """Whether the subblocks come from a scan of the segments, not from the directory."""

    @property
    def subblocks(self) -> Subblocks:
        """The rows as columns; those of a stack are made now, as few callers need them."""
        directory = self.directory
        if isinstance(directory, Stack):
            blocks = directory.columns(self.source)
            blocks.segment_size = directory.segment_size
            return blocks
        return directory


def read_index(source: Source) -> Index:
    """Read the index of a container.

    Raises
    ------
    CorruptFileError
        When the file header is damaged, or there is no usable subblock. A directory that a scan of
        the segments can replace raises nothing.
    """
    notes: list[Diagnostic] = []
    with readers.lend(source) as reader:
        head = read_segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        major = struct.unpack_from("<i", head, 0)[0]
        if major != 1:
            message = f"expected major version 1 of CZI, found {major}"
            raise CorruptFileError.at(source.uri, 32, message)
        # Section 2.2: FilePart, DirectoryPosition, MetadataPosition, UpdatePending,
        # AttachmentDirectoryPosition.
        file_part, directory_at, metadata_at, pending, attachments_at = struct.unpack_from(
            "<iqqiq", head, 48
        )
        # Section 2.2, UpdatePending: "a currently inconsistent situation (e.g. updating Index,
        # Directory or Metadata segment)". The directory may still be whole, so it is tried before
        # a scan.
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
        # Metadata and attachments are read first: an unusable directory raises, and their
        # diagnostics would be lost.
        directory, left_out, scanned = _read_or_recover(reader, source, directory_at, notes)
        if not isinstance(directory, Stack) or directory.file_part != file_part:
            directory = _keep_own(reader, source, directory, file_part, left_out, notes, scanned)
    # A subblock ends where any listed segment begins. A deleted segment behind it is listed
    # nowhere: the measured size is then too large, which costs bytes of a remote read and no
    # pixel.
    others = [p for p in (0, directory_at, metadata_at, attachments_at) if p >= 0]
    others += [one.offset for one in attachments or ()]
    directory.segment_size = measure_segments(directory.file_position, others, source.size)
    return Index(
        source,
        directory,
        left_out,
        metadata,
        attachments or (),
        tuple(notes),
        tuple(others),
        scanned,
    )


def _read_or_recover(
    reader: readers.Reader, source: Source, directory_at: int, notes: list[Diagnostic]
) -> tuple[Subblocks | Stack, LeftOut, bool]:
    """Read the directory; if it is unusable, scan the segments. The last item is True for a scan."""
    try:
        return *_read_best(reader, source, directory_at), False
    except CorruptFileError as error:
        from aicsio.formats.czi.recovery import recover_by_scanning  # for damaged files

        subblocks, left_out = recover_by_scanning(reader, source, error)
        message = (
            f"the subblock directory is unusable ({error}); "
            f"a scan of the segments found {len(subblocks)} subblocks"
        )
        notes.append(Diagnostic("scanned-segments", message, loss=True))
        return subblocks, left_out, True


def _keep_own(
    reader: readers.Reader,
    source: Source,
    directory: Subblocks | Stack,
    file_part: int,
    left_out: LeftOut,
    notes: list[Diagnostic],
    scanned: bool,
) -> Subblocks:
    """Leave out letters that place nothing, and the subblocks of other files of a set."""
    blocks = directory.columns(source) if isinstance(directory, Stack) else directory
    notes += drop_constant_letters(blocks, left_out)
    # A scan finds only segments of this file, whatever part their entries name.
    if scanned:
        return blocks
    from aicsio.formats.czi.file_parts import drop_other_file_parts

    return drop_other_file_parts(reader, source, blocks, file_part, left_out, notes)


def _or_diagnostic(notes: list[Diagnostic], part: str, read: Callable[[], T]) -> T | None:
    """Read metadata or attachments; damage there must not stop the pixels from being read."""
    try:
        return read()
    except CorruptFileError as error:
        notes.append(Diagnostic(f"corrupt-{part}", str(error), loss=True))
        return None


def measure_segments(file_positions: Ints, others: list[int], file_size: int | None) -> Ints:
    """Count the bytes from each subblock to the next segment that the file lists."""
    end = file_size
    if end is None:
        # The last subblock gets 16 MiB: more than one request.
        end = max([int(file_positions.max(initial=0)) + (1 << 24), *others])
    if len(file_positions) and holds_everywhere(file_positions[1:] > file_positions[:-1]):
        return _measure_ascending(file_positions, [*others, end])
    marks = np.sort(np.concatenate([file_positions, np.array([*others, end], np.int64)]))
    following = np.searchsorted(marks, file_positions, side="right")
    next_marks = marks[np.minimum(following, len(marks) - 1)]
    return np.maximum(next_marks - file_positions, 0)


def _measure_ascending(file_positions: Ints, others: list[int]) -> Ints:
    """Count the bytes for subblocks in the order of the file, as ZEN lists them.

    100 000 of them take 0.2 ms; sorting and searching them takes 5 to 15 ms.
    """
    first, last = file_positions.item(0), file_positions.item(-1)
    ends = np.empty_like(file_positions)
    ends[:-1] = file_positions[1:]
    behind = [other for other in others if other > last]
    ends[-1] = min(behind, default=last)
    for other in others:
        # The usual segments lie in front of all subblocks or behind them: 0.3 us in place of 1.
        if not first < other <= last:
            continue
        # Only the last subblock in front of it can end there: the earlier ones end at a subblock.
        row = int(file_positions.searchsorted(other)) - 1
        if row >= 0 and other < ends[row]:
            ends[row] = other
    return ends - file_positions


# ---------------------------------------------------------------- metadata


def read_metadata(
    reader: readers.Reader, source: Source, offset: int, notes: list[Diagnostic]
) -> str | None:
    """Return the XML of the file, or ``None`` if it has none."""
    if offset <= 0:
        return None
    data = read_segment_data(reader, source, offset, b"ZISRAWMETADATA", 8)
    # XmlSize (4 bytes), AttachmentSize (4, "not used currently"), 248 spare bytes; then the XML.
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
    # A byte order mark is no part of the document; a user who searches the text must not meet it.
    return text.removeprefix("\ufeff")


# ---------------------------------------------------------------- attachments


def read_attachment_directory(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[Attachment, ...]:
    """List the attachments of the file."""
    if offset <= 0:
        return ()
    data = read_segment_data(reader, source, offset, b"ZISRAWATTDIR", 4)
    # EntryCount (4 bytes), 252 reserved bytes; then the entries.
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
        # SchemaType "A1" (2 bytes), reserved (10), FilePosition (8), FilePart (4) and ContentGuid
        # (16), ContentFileType (8), Name (80).
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
        head = read_segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        return read_attachment_directory(reader, source, struct.unpack_from("<q", head, 72)[0])


def read_attachment_data(source: Source, attachment: Attachment) -> bytes:
    """Read the content of one attachment."""
    with readers.lend(source) as reader:
        data = read_segment_data(reader, source, attachment.offset, b"ZISRAWATTACH", 8)
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


def _read_best(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[Subblocks | Stack, LeftOut]:
    """Read the directory; if an entry is faulty, a scan of the segments may find more subblocks.

    Raises
    ------
    CorruptFileError
        When the directory has no sound entry, or a scan finds more.
    """
    subblocks, left_out = read_directory(reader, source, offset)
    if isinstance(subblocks, Stack):
        return subblocks, left_out
    left_out.raise_if_empty(subblocks)
    if not left_out.reasons:
        return subblocks, left_out
    reason, _, position = left_out.reasons[0]
    message = f"expected sound subblock entries, found one with {reason}"
    error = CorruptFileError.at(source.uri, position, message)
    from aicsio.formats.czi.recovery import recover_by_scanning

    try:
        scanned, _ = recover_by_scanning(reader, source, error)
    except CorruptFileError:
        return subblocks, left_out
    # The caller scans again on this error: both ways to a scan then leave the same diagnostic.
    if len(scanned) > len(subblocks):
        raise error
    return subblocks, left_out


def read_directory(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[Subblocks | Stack, LeftOut]:
    """Read the subblock directory, and count the entries that are unusable.

    Raises
    ------
    CorruptFileError
        When there is no directory at ``offset``, or its entries cannot be told apart.
    """
    if offset <= 0:
        message = "expected the position of the subblock directory, found none"
        raise CorruptFileError.at(source.uri, 84, message)
    data, allocated, used = read_segment(reader, source, offset, b"ZISRAWDIRECTORY", 4)
    (entry_count,) = struct.unpack("<i", data)
    data_start = offset + SEGMENT_HEAD_SIZE
    # Section 2.3: the entries begin 128 bytes into the data.
    entries_start = data_start + 128
    # libCZI (CZIParse::ReadSubBlockDirectory): "UsedSize may not be valid in early versions", so
    # the larger of both sizes bounds the entries.
    room = max(used, allocated) - 128
    if source.size is not None:
        room = min(room, source.size - entries_start)
    if entry_count < 0 or entry_count * (ENTRY_HEAD_SIZE + DIMENSION_SIZE) > room:
        message = f"expected a count of subblocks, found {entry_count} in {room} bytes"
        raise CorruptFileError.at(source.uri, data_start, message)
    # The lengths of the entries are in the bytes to read: the longest ones bound the read, because
    # an allocated size may be damaged.
    longest = entry_count * (ENTRY_HEAD_SIZE + DIMENSION_SIZE * MAX_DIMENSIONS)
    raw = reader.read(entries_start, min(room, longest)) if entry_count else b""
    stack = find_stack(raw, entry_count, entries_start, source)
    if stack is not None:
        return stack, LeftOut(source.uri, entry_count)
    blocks, unusable = parse_entries(raw, entry_count, entries_start, source)
    return keep_sound(blocks, unusable, source)
