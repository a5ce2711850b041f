"""The index of a CZI container: file header, subblock directory, metadata text, attachment directory.

Rule kept here: whatever the file says is checked before it is used -- positions lie inside the file, sizes are
plausible, counts agree. Subblock segments themselves are not read, except where the directory is gone and a scan of the
segments must stand in for it.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, sections 2 (segments) and 3 (schemas).
"""

import struct
from typing import Any

import attrs
import numpy as np

from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.directory import (
    DIMENSION,
    ENTRY_HEAD,
    MOST_DIMENSIONS,
    SEGMENT_HEAD,
    Ints,
    Subblocks,
    keep_sound,
    parse_entries,
)
from aicsio.formats.czi.recovery import recover_by_scanning
from aicsio.records import Attachment, Diagnostic, Source

MOST_METADATA = 1 << 30
"""Bytes of XML beyond which a size is taken for a lie."""


@attrs.define(eq=False)
class Index:
    """What a container holds. Not a record: it lives while a file is opened."""

    source: Source
    file_part: int
    subblocks: Subblocks
    metadata: str | None
    attachments: tuple[Attachment, ...]
    diagnostics: tuple[Diagnostic, ...]
    segments: tuple[int, ...]
    """Offsets of the segments that are no subblocks."""


def read_index(source: Source) -> Index:
    """Read the index of a container.

    Raises
    ------
    CorruptFileError
        With the offset of what is wrong; not for a directory that a scan of the segments can replace.
    """
    notes: list[Diagnostic] = []
    with readers.session(), readers.lend(source) as reader:
        head = _segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        major, _minor = struct.unpack_from("<ii", head, 0)
        if major != 1:
            raise CorruptFileError.at(
                source.uri, 32, f"expected major version 1 of CZI, found {major}"
            )
        part, directory, metadata_at, pending, attachments_at = struct.unpack_from(
            "<iqqiq", head, 48
        )
        if pending:
            notes.append(
                Diagnostic("update-pending", "the file was being changed when it was last written")
            )
        metadata = _or_diagnostic(
            notes, "metadata", lambda: read_metadata(reader, source, metadata_at, notes)
        )
        attachments = _or_diagnostic(
            notes, "attachments", lambda: read_attachment_directory(reader, source, attachments_at)
        )
        subblocks = _read_or_recover_directory(reader, source, directory, notes)
        _accept_file_parts(reader, subblocks, part)
    others = [p for p in (0, directory, metadata_at, attachments_at) if p >= 0]
    others += [a.offset for a in attachments or ()]
    subblocks.segment = _extents(subblocks.position, others, source.size)
    return Index(source, part, subblocks, metadata, attachments or (), tuple(notes), tuple(others))


def _or_diagnostic(notes: list[Diagnostic], what: str, read: Any) -> Any:
    """Return the result of ``read``; a CorruptFileError becomes a diagnostic and ``None``."""
    try:
        return read()
    except CorruptFileError as error:
        notes.append(Diagnostic(f"corrupt-{what}", str(error)))
        return None


def _read_or_recover_directory(
    reader: readers.Reader, source: Source, directory: int, notes: list[Diagnostic]
) -> Subblocks:
    """Read the subblock directory; a scan of the segments replaces what is damaged of it."""
    try:
        listed = read_directory(reader, source, directory)
        sound, left_out = keep_sound(listed, source)
    except CorruptFileError as error:
        found = recover_by_scanning(reader, source, error)
        notes.append(_scanned(f"the subblock directory is unusable ({error})", found))
        return found
    if left_out:
        try:
            found = recover_by_scanning(reader, source, CorruptFileError("no subblock"))
        except CorruptFileError:
            found = sound
        # A subblock repeats its entry in front of its pixels: where that is sound, nothing is lost.
        if len(found) > len(sound) and np.isin(sound.position, found.position).all():
            notes.append(_scanned(left_out[0].message, found))
            return found
    notes.extend(left_out)
    if sound.unknown.any():
        message = (
            f"{int(sound.unknown.sum())} of {len(sound)} subblocks have a dimension of an unknown "
            "letter, which is ignored: a later one covers an earlier one at the same position"
        )
        notes.append(Diagnostic("unknown-dimension", message, source.uri))
    return sound


def _scanned(reason: str, found: Subblocks) -> Diagnostic:
    return Diagnostic(
        "scanned-segments", f"{reason}; a scan of the segments found {len(found)} subblocks"
    )


def _accept_file_parts(reader: readers.Reader, subblocks: Subblocks, part: int) -> None:
    """Take subblocks of another file part as of this file where a subblock lies at their position.

    Section 3.2 reserves the field FilePart of an entry; libCZI ignores it. Files of a real set have
    the subblocks of other parts in other files, where the position here is something else.
    """
    rows = np.flatnonzero(subblocks.file_part != part)
    if not len(rows):
        return
    spans = [(int(position), 16) for position in subblocks.position[rows]]
    for row, name in zip(rows.tolist(), reader.read_spans(spans), strict=True):
        if bytes(name).startswith(b"ZISRAWSUBBLOCK"):
            subblocks.file_part[row] = part


def _extents(position: Ints, others: list[int], size: int | None) -> Ints:
    """Bytes from each segment to the next thing in the file that the directory knows of."""
    top = int(position.max(initial=0))
    end = size if size is not None else max([top + (1 << 24), *others])
    marks = np.sort(np.concatenate([position, np.array([*others, end], np.int64)]))
    following = marks[np.minimum(np.searchsorted(marks, position, side="right"), len(marks) - 1)]
    return np.maximum(following - position, 0)


# ---------------------------------------------------------------- segments


def segment_head(reader: readers.Reader, source: Source, offset: int) -> tuple[bytes, int, int]:
    """Identifier, allocated and used size of the segment at ``offset``."""
    if offset < 0 or (source.size is not None and offset + SEGMENT_HEAD > source.size):
        raise CorruptFileError.at(
            source.uri, offset, f"expected a segment, but the file ends at {source.size}"
        )
    name, allocated, used = struct.unpack("<16sqq", reader.read(offset, SEGMENT_HEAD))
    return name.rstrip(b"\0"), allocated, used or allocated


def _segment_data(
    reader: readers.Reader, source: Source, offset: int, name: bytes, nbytes: int
) -> bytes:
    """Return the first ``nbytes`` of the data of a segment that must be called ``name``."""
    found, allocated, _ = segment_head(reader, source, offset)
    if found != name:
        raise CorruptFileError.at(
            source.uri, offset, f"expected segment {name.decode()}, found {found!r}"
        )
    if allocated < 0:
        raise CorruptFileError.at(
            source.uri, offset + 16, f"expected the size of a segment, found {allocated}"
        )
    return reader.read(offset + SEGMENT_HEAD, nbytes)


def read_metadata(
    reader: readers.Reader, source: Source, offset: int, notes: list[Diagnostic]
) -> str | None:
    """Return the XML of the file, or ``None`` where it has none."""
    if offset <= 0:
        return None
    data = _segment_data(reader, source, offset, b"ZISRAWMETADATA", 8)
    (nbytes,) = struct.unpack_from("<i", data)
    at = offset + SEGMENT_HEAD + 256
    room = None if source.size is None else source.size - at
    if not 0 <= nbytes <= MOST_METADATA or (room is not None and nbytes > room):
        raise CorruptFileError.at(
            source.uri, offset + SEGMENT_HEAD, f"expected the size of the XML, found {nbytes}"
        )
    raw = reader.read(at, nbytes).rstrip(b"\0") if nbytes else b""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        notes.append(
            Diagnostic(
                "metadata-encoding",
                f"the XML is not UTF-8 ({error}); broken characters are replaced",
            )
        )
        text = raw.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


# ---------------------------------------------------------------- attachments


def read_attachment_directory(
    reader: readers.Reader, source: Source, offset: int
) -> tuple[Attachment, ...]:
    """List the attachments of the file."""
    if offset <= 0:
        return ()
    (count,) = struct.unpack("<i", _segment_data(reader, source, offset, b"ZISRAWATTDIR", 4))
    at = offset + SEGMENT_HEAD + 256
    if count < 0 or (source.size is not None and at + 128 * count > source.size):
        raise CorruptFileError.at(
            source.uri, offset + SEGMENT_HEAD, f"expected a count of attachments, found {count}"
        )
    raw = reader.read(at, 128 * count) if count else b""
    found = []
    for index in range(count):
        schema, position, kind, name = struct.unpack_from("<2s10xq20x8s80s", raw, 128 * index)
        if schema != b"A1" or position < 0 or (source.size is not None and position >= source.size):
            raise CorruptFileError.at(
                source.uri, at + 128 * index, "expected the entry of an attachment"
            )
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
    with readers.session(), readers.lend(source) as reader:
        head = _segment_data(reader, source, 0, b"ZISRAWFILE", 80)
        return read_attachment_directory(reader, source, struct.unpack_from("<q", head, 72)[0])


def read_attachment_data(source: Source, attachment: Attachment) -> bytes:
    """Read the content of one attachment."""
    with readers.lend(source) as reader:
        data = _segment_data(reader, source, attachment.offset, b"ZISRAWATTACH", 8)
        (nbytes,) = struct.unpack("<q", data)
        if not 0 <= nbytes <= MOST_METADATA:
            # The specification gives the size 4 bytes, libCZI 8: the upper half may be anything.
            nbytes &= 0xFFFFFFFF
        at = attachment.offset + SEGMENT_HEAD + 256
        if source.size is not None and at + nbytes > source.size:
            raise CorruptFileError.at(
                source.uri,
                attachment.offset,
                f"expected {nbytes} bytes of {attachment.name}, past the end of the file",
            )
        return reader.read(at, nbytes) if nbytes else b""


# ---------------------------------------------------------------- subblock directory


def read_directory(reader: readers.Reader, source: Source, offset: int) -> Subblocks:
    """Read the subblock directory into columns; ``keep_sound`` checks them."""
    if offset <= 0:
        raise CorruptFileError.at(
            source.uri, 84, "expected the position of the subblock directory, found none"
        )
    found, allocated, used = segment_head(reader, source, offset)
    if found != b"ZISRAWDIRECTORY":
        raise CorruptFileError.at(
            source.uri, offset, f"expected segment ZISRAWDIRECTORY, found {found!r}"
        )
    at = offset + SEGMENT_HEAD
    (count,) = struct.unpack("<i", reader.read(at, 4))
    room = max(used, allocated) - 128
    if source.size is not None:
        room = min(room, source.size - at - 128)
    if count < 0 or count * (ENTRY_HEAD + DIMENSION) > room:
        raise CorruptFileError.at(
            source.uri, at, f"expected a count of subblocks, found {count} in {room} bytes"
        )
    raw = (
        reader.read(at + 128, min(room, count * (ENTRY_HEAD + DIMENSION * MOST_DIMENSIONS)))
        if count
        else b""
    )
    return parse_entries(raw, count, at + 128, source)
