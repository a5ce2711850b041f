"""Subblocks that lie in other files of a set.

Rule kept here: FilePart is reserved (ZISRAW file format, section 3.2), so the segments decide which
subblocks are here.
"""

import struct

import numpy as np

from aicsio._checks.words import count_of
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.columns import Bools, Ints, distinct
from aicsio.formats.czi.directory import (
    DIMENSION_SIZE,
    ENTRY_HEAD_SIZE,
    SEGMENT_HEAD_SIZE,
    Subblocks,
)
from aicsio.formats.czi.segments import read_segment_head
from aicsio.formats.czi.soundness import LeftOut
from aicsio.records import Diagnostic, Source

PART_SAMPLES = 32
"""Subblocks of one file part whose segments are looked at: 32 reads of 300 bytes, below a
millisecond."""


def drop_other_file_parts(
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
        # Entries of the header's own part are trusted: looking at each would cost a read per
        # subblock.
        if number == file_part:
            continue
        rows = np.flatnonzero(blocks.file_part == number)
        here = _find_own_segments(reader, source, blocks, rows)
        elsewhere[rows[~here]] = True
        misnumbered += int(here.sum())
    if misnumbered:
        message = (
            f"the directory lists {count_of(misnumbered, 'subblock')} in other file parts than "
            f"{file_part}, and the bytes lie in this file"
        )
        notes.append(Diagnostic("file-part-mismatch", message, source.uri))
    if elsewhere.any():
        parts = distinct(blocks.file_part[elsewhere])
        message = (
            f"{int(elsewhere.sum())} of {left_out.total} subblocks lie in other files of the set "
            f"(parts {parts[:8]}): they read as zero"
        )
        notes.append(
            Diagnostic("missing-file-parts", message, source.uri, loss=True, not_shown=True)
        )
    return blocks.take(~elsewhere) if elsewhere.any() else blocks


def _find_own_segments(
    reader: readers.Reader, source: Source, blocks: Subblocks, rows: Ints
) -> Bools:
    """Return which of the rows have their segment in this file.

    A sample decides if it agrees; only a mixture makes every segment be looked at.
    """
    # Spread over the whole range: a set that was joined in part changes somewhere along it.
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
    # The directory was parsed before, so its number of dimensions is within bounds.
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
