"""Entries of the subblock directory -> columns of numpy arrays. No I/O.

Rule kept here: subblocks are rows of columns, never objects; Python loops run over dimensions, not
over subblocks. An entry that cannot be shown is marked with its reason; it never removes the others.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, section 3 (schemas).
"""

import struct
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.czi.columns import (
    Bools,
    Ints,
    distinct,
    find_ends,
    group_rows,
    holds_everywhere,
    holds_somewhere,
)
from aicsio.records import Source

SEGMENT_HEAD_SIZE = 32
"""Bytes of a segment's own header: identifier (16), allocated size (8), used size (8)."""
ENTRY_HEAD_SIZE = 32
"""Bytes of a directory entry before its dimensions."""
DIMENSION_SIZE = 20
"""Bytes of one dimension of a directory entry."""
MAX_DIMENSIONS = 40
"""libCZI's own bound; ZEN writes eleven letters."""
MAX_SIZE = 1 << 24
"""Pixels or positions along one dimension of a subblock. The largest camera and line scanner of
Zeiss have fewer than 2^16; a larger number is damage."""
SCHEMA = int.from_bytes(b"DV", "little")
"""The first two bytes of an entry."""
EQUAL_LENGTHS = 16
"""Entries of one length in a row before a run is tried: trying costs 4 microseconds, as much as 20
entries."""
SPECIFIED_LETTERS = "BMHIVRSTCZYX"
"""Dimension identifiers of the specification, in the order in which axes are stored here."""

# SchemaType (2 bytes), PixelType (4), FilePosition (8), FilePart (4), Compression (4), PyramidType
# (1), spare (5), DimensionCount (4). No field is aligned.
_ENTRY = np.dtype(
    {
        "names": ["schema", "pixel_type", "file_position", "file_part", "compression", "ndim"],
        "formats": ["S2", "<i4", "<i8", "<i4", "<i4", "<i4"],
        "offsets": [0, 2, 6, 14, 18, 28],
        "itemsize": ENTRY_HEAD_SIZE,
    }
)
_PYRAMID_TYPE_OFFSET = 22
# Dimension (4 bytes), Start (4, "may be < 0"), Size (4), StartCoordinate (4, a float that is not
# read here), StoredSize (4).
_DIMENSION = np.dtype(
    {
        "names": ["letter", "start", "size", "stored_size"],
        "formats": ["<u4", "<i4", "<i4", "<i4"],
        "offsets": [0, 4, 8, 16],
        "itemsize": DIMENSION_SIZE,
    }
)


@attrs.define(eq=False, repr=False)
class Subblocks:
    """Columns of the subblock directory, one row per subblock.

    Not a record: it lives while a file is opened.
    """

    file_position: Ints
    """Byte offset of the segment."""
    file_part: Ints
    """Number of the file of a set that holds it."""
    pixel_type: Ints
    """Number of the pixel type."""
    compression: Ints
    """Number of the compression."""
    pyramid_type: Ints
    """0 none, 1 single subblock, 2 multi-subblock (section 3.3)."""
    entry_position: Ints
    """Byte offset of the directory entry, for messages."""
    start: dict[str, Ints]
    """First position, per letter; 0 if the entry lacks the letter."""
    present: dict[str, Bools]
    """Whether the entry has the letter."""
    size: dict[str, Ints]
    """Logical size, per letter; 1 if the entry lacks the letter."""
    stored_size: dict[str, Ints]
    """Stored size of Y and X: smaller than the logical one in pyramid levels, larger if finer."""
    slot: dict[str, Ints]
    """Place of the letter among the dimensions of the entry, for letters of which some subblock
    holds several positions. The first dimension varies fastest (section 3.2)."""
    segment_size: Ints
    """Bytes from the start of the segment to the next one in the file."""
    listing_index: Ints
    """Place in the listing that the columns come from: the directory, or that of a library."""

    def __len__(self) -> int:
        return len(self.file_position)

    def has(self, letter: str) -> bool:
        """Whether some subblock has the letter."""
        present = self.present.get(letter)
        return present is not None and holds_somewhere(present)

    def take(self, rows: "npt.NDArray[Any] | slice") -> "Subblocks":
        """Return some rows: those of a mask, of indices or of a slice."""
        if not isinstance(rows, slice) and rows.dtype == np.bool_:
            # Half of 100 000 rows by indices take 0.1 ms a column, by a mask 0.3 ms.
            rows = np.flatnonzero(rows)
        return Subblocks(
            file_position=self.file_position[rows],
            file_part=self.file_part[rows],
            pixel_type=self.pixel_type[rows],
            compression=self.compression[rows],
            pyramid_type=self.pyramid_type[rows],
            entry_position=self.entry_position[rows],
            start=_take_each(self.start, rows),
            present=_take_each(self.present, rows),
            size=_take_each(self.size, rows),
            stored_size=_take_each(self.stored_size, rows),
            slot=_take_each(self.slot, rows),
            segment_size=self.segment_size[rows],
            listing_index=self.listing_index[rows],
        )


def _take_each(columns: dict[str, Any], rows: "npt.NDArray[Any] | slice") -> dict[str, Any]:
    if isinstance(rows, slice):
        return {letter: values[rows] for letter, values in columns.items()}
    # Letters that all entries have share the column of ``present``, which is gathered once.
    taken: dict[int, Any] = {}
    for values in columns.values():
        if id(values) not in taken:
            taken[id(values)] = values.take(rows)
    return {letter: taken[id(values)] for letter, values in columns.items()}


def last_position(source: Source) -> int:
    """Return the last position of a subblock: it needs its header and 256 bytes of data at least."""
    # Of a stream without a known size any position may be right.
    end = source.size if source.size is not None else 1 << 62
    return end - SEGMENT_HEAD_SIZE - 256


# ---------------------------------------------------------------- bytes to columns


def parse_entries(
    raw: bytes, entry_count: int, base: int, source: Source
) -> tuple[Subblocks, tuple[tuple[str, Bools], ...]]:
    """Turn directory entries, one after the other in ``raw``, into columns.

    Parameters
    ----------
    raw
        Bytes that begin with the first entry.
    entry_count
        Number of entries.
    base
        Byte offset of ``raw`` in the file, for messages.
    source
        The file, for messages.

    Returns
    -------
    The columns, and pairs of a reason and a mask of the entries whose dimensions are unusable.

    Raises
    ------
    CorruptFileError
        When an entry is no entry of schema DV, or the bytes end before the last one does.
    UnsupportedFormatError
        When the directory has the old schema DE.
    """
    # Entries have different lengths as soon as their numbers of dimensions differ, so one
    # structured dtype cannot view them all.
    entry_offsets = _find_entry_offsets(raw, entry_count, base, source)
    octets = np.frombuffer(raw, np.uint8)
    heads = _view_records(octets, entry_offsets, _ENTRY, 1)[:, 0]
    blocks = Subblocks(
        file_position=heads["file_position"].astype(np.int64),
        file_part=heads["file_part"].astype(np.int64),
        pixel_type=heads["pixel_type"].astype(np.int64),
        compression=heads["compression"].astype(np.int64),
        pyramid_type=octets[entry_offsets + _PYRAMID_TYPE_OFFSET].astype(np.int64),
        entry_position=entry_offsets + base,
        start={},
        present={},
        size={},
        stored_size={},
        slot={},
        segment_size=np.zeros(entry_count, np.int64),
        listing_index=np.arange(entry_count),
    )
    unusable: dict[str, Bools] = {}
    ndims = distinct(heads["ndim"])
    for ndim in ndims:
        # A slice of all rows: assigning by indices costs 10 times as much.
        rows = slice(None) if len(ndims) == 1 else np.flatnonzero(heads["ndim"] == ndim)
        dimensions = _view_records(octets, entry_offsets[rows] + ENTRY_HEAD_SIZE, _DIMENSION, ndim)
        for group, part in _group_by_letters(rows, dimensions, entry_count):
            _fill_columns(blocks, group, part, unusable)
    return blocks, tuple(unusable.items())


def _view_records(
    octets: npt.NDArray[np.uint8], offsets: Ints, dtype: np.dtype[Any], per_offset: int
) -> npt.NDArray[Any]:
    """Show ``per_offset`` records from every offset on, shape (offsets, per_offset).

    Evenly spaced offsets give a view; others are copied.
    """
    nbytes = dtype.itemsize * per_offset
    if not len(offsets):
        return np.zeros((0, per_offset), dtype)
    stride = int(offsets[1] - offsets[0]) if len(offsets) > 1 else nbytes
    if holds_everywhere(offsets[1:] - offsets[:-1] == stride):
        shape, strides = (len(offsets), per_offset), (stride, dtype.itemsize)
        return np.ndarray(shape, dtype, octets.data, int(offsets[0]), strides)
    # One window per byte, and no copy: the index below copies the wanted windows alone.
    every_offset = np.lib.stride_tricks.as_strided(
        octets, (len(octets) - nbytes + 1, nbytes), (1, 1), writeable=False
    )
    gathered: npt.NDArray[Any] = every_offset[offsets].view(dtype)
    return gathered


def _find_entry_offsets(raw: bytes, entry_count: int, base: int, source: Source) -> Ints:
    """Find the start of each entry: its length depends on its number of dimensions.

    One by one, 100 000 entries take 97 ms; as runs of equal lengths, each one comparison of
    columns, 1.2 ms.
    """
    octets = np.frombuffer(raw, np.uint8)
    entry_offsets = np.empty(entry_count, np.int64)
    entry_index = 0
    entry_offset = 0
    entry_length = 0
    equal_lengths = 0
    while entry_index < entry_count:
        length = _entry_length(raw, entry_offset, base, entry_count, source)
        equal_lengths = equal_lengths + 1 if length == entry_length else 0
        entry_length = length
        run_length = 1
        if entry_index == 0 or equal_lengths >= EQUAL_LENGTHS:
            run_length = _count_equal(octets, entry_offset, length, entry_count - entry_index)
        run_end = entry_offset + run_length * length
        run = np.arange(entry_offset, run_end, length)
        entry_offsets[entry_index : entry_index + run_length] = run
        entry_index += run_length
        entry_offset = run_end
        if run_length > 1:
            equal_lengths = 0
    # Only the last entry can pass the end: the head of each later one was read behind it.
    if entry_offset > len(raw):
        last = base + int(entry_offsets[-1])
        raise CorruptFileError.at(source.uri, last, "expected a whole subblock entry")
    return entry_offsets


def _entry_length(
    raw: bytes, entry_offset: int, base: int, entry_count: int, source: Source
) -> int:
    """Check the head of an entry and return the entry's length in bytes."""
    if entry_offset + ENTRY_HEAD_SIZE > len(raw):
        message = f"expected {entry_count} subblock entries, the directory ends"
        raise CorruptFileError.at(source.uri, base + entry_offset, message)
    schema = raw[entry_offset : entry_offset + 2]
    # libCZI throws "not (yet) implemented" for them (CZIParse::AddEntryToSubBlockDirectory).
    if schema == b"DE":
        raise UnsupportedFormatError(
            f"{source.uri}: its directory has the old schema DE, which no reader supports"
        )
    ndim: int = struct.unpack_from("<i", raw, entry_offset + 28)[0]
    if schema != b"DV" or not 0 < ndim <= MAX_DIMENSIONS:
        message = "expected a subblock entry of schema DV"
        raise CorruptFileError.at(source.uri, base + entry_offset, message)
    return ENTRY_HEAD_SIZE + DIMENSION_SIZE * ndim


def _count_equal(octets: npt.NDArray[np.uint8], offset: int, length: int, most: int) -> int:
    """Count the entries from ``offset`` on, at most ``most``, that are as long as the first."""
    ndim = (length - ENTRY_HEAD_SIZE) // DIMENSION_SIZE
    equal, step = 1, 64
    while equal < most:
        count = min(step, most - equal, (len(octets) - offset) // length - equal)
        if count <= 0:
            break
        start = offset + equal * length
        schemas: npt.NDArray[Any] = np.ndarray((count,), "<u2", octets.data, start, (length,))
        ndims: npt.NDArray[Any] = np.ndarray((count,), "<i4", octets.data, start + 28, (length,))
        differs = (schemas != SCHEMA) | (ndims != ndim)
        if holds_somewhere(differs):
            return equal + int(np.argmax(differs))
        equal += count
        # Steps grow, so that a short run compares few entries and a long one needs few steps.
        step *= 8
    return equal


def _group_by_letters(
    rows: Ints | slice, dimensions: npt.NDArray[Any], entry_count: int
) -> Iterator[tuple[Ints | slice, npt.NDArray[Any]]]:
    """Yield the entries that list the same letters in the same order: rows, and dimensions.

    All entries of nearly every file are one group.
    """
    identifiers = dimensions["letter"]
    if not len(dimensions) or not np.count_nonzero(identifiers != identifiers[0]):
        yield rows, dimensions
        return
    _, groups = group_rows(list(identifiers.T))
    all_rows = np.arange(entry_count)[rows]
    # Sorted once: a comparison per group would cost the square of a damaged directory.
    order = np.argsort(groups, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(groups))[:-1]):
        yield all_rows[members], dimensions[members]


def _fill_columns(
    blocks: Subblocks,
    rows: Ints | slice,
    dimensions: npt.NDArray[Any],
    unusable: dict[str, Bools],
) -> None:
    """Put the dimensions of entries with the same letters into the columns of these letters."""
    if not len(dimensions):
        return
    # One table of slots by rows for each number: each slot of it is a column.
    start, size, stored_size = (
        np.array(dimensions[name].T, np.int64, order="C")
        for name in ("start", "size", "stored_size")
    )
    letters: list[str] = []
    # The usual file: its columns are those of the table, and nothing is copied into others.
    is_whole = isinstance(rows, slice)
    everywhere = np.ones(len(blocks), np.bool_) if is_whole else None
    for slot, identifier in enumerate(dimensions["letter"][0].tolist()):
        raw = identifier.to_bytes(4, "little").rstrip(b"\0")
        letter = raw.decode("ascii", "replace").strip().upper()
        if len(letter) != 1 or not "A" <= letter <= "Z":
            _mark(unusable, f"a dimension called {raw!r}", rows, len(blocks))
            continue
        if letter in letters:
            # The entry would have two positions along one axis; neither is more likely.
            _mark(unusable, f"dimension {letter} twice", rows, len(blocks))
        letters.append(letter)
        if everywhere is not None:
            blocks.present[letter] = everywhere
            blocks.start[letter], blocks.size[letter] = start[slot], size[slot]
        else:
            if letter not in blocks.start:
                _add_letter(blocks, letter)
            blocks.present[letter][rows] = True
            blocks.start[letter][rows], blocks.size[letter][rows] = start[slot], size[slot]
        if letter in "YX":
            # Section 3.2: the stored size is given "if sub / supersampling, else 0".
            stored = np.where(stored_size[slot] == 0, size[slot], stored_size[slot])
            if everywhere is not None:
                blocks.stored_size[letter] = stored
            else:
                blocks.stored_size[letter][rows] = stored
        elif find_ends(size[slot])[1] > 1:
            slots = blocks.slot.setdefault(letter, np.zeros(len(blocks), np.int64))
            slots[rows] = slot


def _mark(unusable: dict[str, Bools], reason: str, rows: Ints | slice, count: int) -> None:
    unusable.setdefault(reason, np.zeros(count, np.bool_))[rows] = True


def _add_letter(blocks: Subblocks, letter: str) -> None:
    count = len(blocks)
    blocks.start[letter] = np.zeros(count, np.int64)
    blocks.present[letter] = np.zeros(count, np.bool_)
    blocks.size[letter] = np.ones(count, np.int64)
    if letter in "YX":
        blocks.stored_size[letter] = np.ones(count, np.int64)
