"""Entries of the subblock directory -> columns of numpy arrays, checked. No I/O.

Rule kept here: subblocks are rows of columns, never objects; Python loops run over dimensions, not over subblocks.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, section 3 (schemas).
"""

import struct
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

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
SCHEMA = int.from_bytes(b"DV", "little")
"""How an entry begins."""
SAME = 16
"""So many entries of one length in a row promise more."""
MOST_PIXELS = 1 << 24
"""Positions along one axis of a subblock, at most: a plane of more than 2 to the power of 48 pixels
is damage."""
KNOWN_LETTERS = "BMHIVRSTCZYX"
"""In the order in which axes are stored here."""

_ENTRY = np.dtype(
    {
        "names": [
            "schema",
            "pixel_type",
            "position",
            "file_part",
            "compression",
            "pyramid",
            "ndim",
        ],
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
    slot: dict[str, Ints]
    """Place of the letter among the dimensions of the entry: the first runs fastest in the pixels."""
    unknown: npt.NDArray[np.bool_]
    """Whether the entry has a dimension of a letter that is not known here."""
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
        slot={},
        unknown=np.zeros(count, np.bool_),
        segment=np.zeros(count, np.int64),
    )
    for ndim in distinct(head["ndim"]):
        rows = np.flatnonzero(head["ndim"] == ndim)
        dims = _records(octets, at[rows] + ENTRY_HEAD, _DIMENSION, ndim)
        for slot in range(ndim):
            _fill_slot(made, rows, dims[:, slot], slot)
    return made


def _records(
    octets: npt.NDArray[np.uint8], at: Ints, dtype: np.dtype[Any], each: int
) -> npt.NDArray[Any]:
    """Show ``each`` records from every offset on, shape (offsets, each); a view where they are evenly spaced."""
    nbytes = dtype.itemsize * each
    if not len(at):
        return np.zeros((0, each), dtype)
    stride = int(at[1] - at[0]) if len(at) > 1 else nbytes
    if (np.diff(at) == stride).all():
        return np.ndarray((len(at), each), dtype, octets.data, int(at[0]), (stride, dtype.itemsize))
    anywhere = np.lib.stride_tricks.as_strided(
        octets, (len(octets) - nbytes + 1, nbytes), (1, 1), writeable=False
    )
    gathered: npt.NDArray[Any] = anywhere[at].view(dtype)
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
            raise CorruptFileError.at(
                source.uri, base + at, f"expected {count} subblock entries, the directory ends"
            )
        if raw[at : at + 2] == b"DE":
            raise UnsupportedFormatError(
                f"{source.uri}: its directory has the old schema DE, which nothing reads"
            )
        ndim: int = struct.unpack_from("<i", raw, at + 28)[0]
        if raw[at : at + 2] != b"DV" or not 0 < ndim <= MOST_DIMENSIONS:
            raise CorruptFileError.at(
                source.uri, base + at, "expected a subblock entry of schema DV"
            )
        return at + ENTRY_HEAD + DIMENSION * ndim

    found = np.empty(count, np.int64)
    octets = np.frombuffer(raw, np.uint8)
    at = index = same = stride = 0
    while index < count:
        following = check(at)
        same = same + 1 if following - at == stride else 0
        stride = following - at
        # Entries of one length usually follow each other: one comparison of columns then steps over all of them.
        run = _alike(octets, at, stride, count - index) if same >= SAME or index == 0 else 1
        found[index : index + run] = np.arange(at, at + run * stride, stride)
        index, at, same = index + run, at + run * stride, same if run == 1 else 0
    if at > len(raw):
        raise CorruptFileError.at(
            source.uri, base + int(found[-1]), "expected a whole subblock entry"
        )
    return found


def _alike(octets: npt.NDArray[np.uint8], at: int, stride: int, most: int) -> int:
    """Count the entries from ``at`` on, at most ``most``, that have as many dimensions as the first; at least 1."""
    alike, step = 1, 64
    while alike < most:
        some = min(step, most - alike, (len(octets) - at) // stride - alike)
        if some <= 0:
            break
        start = at + alike * stride
        schema: npt.NDArray[Any] = np.ndarray((some,), "<u2", octets.data, start, (stride,))
        ndim: npt.NDArray[Any] = np.ndarray((some,), "<i4", octets.data, start + 28, (stride,))
        differs = (schema != SCHEMA) | (ndim != (stride - ENTRY_HEAD) // DIMENSION)
        if differs.any():
            return alike + int(np.argmax(differs))
        alike, step = alike + some, 8 * step
    return alike


def _fill_slot(made: Subblocks, rows: Ints, dims: npt.NDArray[Any], slot: int) -> None:
    """Put one dimension of some entries into the columns of its letter."""
    letters = dims["letter"]
    for raw in [letters[0]] if (letters == letters[0]).all() else np.unique(letters):
        letter = bytes(raw).decode("ascii", "replace").strip().upper()
        mask = letters == raw
        here = rows[mask]
        if len(letter) != 1 or letter not in KNOWN_LETTERS:
            made.unknown[here] = True
            continue
        if letter not in made.start:
            count = len(made)
            made.start[letter], made.size[letter] = (
                np.zeros(count, np.int64),
                np.ones(count, np.int64),
            )
            made.has[letter] = np.zeros(count, np.bool_)
            made.slot[letter] = np.zeros(count, np.int64)
            if letter in "YX":
                made.stored[letter] = np.ones(count, np.int64)
        part = dims[mask]
        size = part["size"].astype(np.int64)
        made.start[letter][here], made.has[letter][here] = part["start"], True
        made.size[letter][here] = size
        made.slot[letter][here] = slot
        if letter in "YX":
            # Section 3.2: the stored size is given "if sub / supersampling, else 0".
            made.stored[letter][here] = np.where(part["stored"] == 0, size, part["stored"])


def find_unsound(blocks: Subblocks, source: Source) -> dict[str, npt.NDArray[np.bool_]]:
    """Mark the entries that no file could have.

    Returns
    -------
    dict
        By reason, a mask over the subblocks; reasons that no entry has are left out.
    """
    if not len(blocks):
        return {}
    nowhere = np.zeros(len(blocks), np.int64)
    masks: dict[str, npt.NDArray[np.bool_]] = {}
    for letter in "YX":
        present = blocks.has.get(letter, nowhere.astype(np.bool_))
        masks[f"no dimension {letter}"] = ~present
        for title, sizes in (("stored size", blocks.stored), ("size", blocks.size)):
            values = sizes.get(letter, nowhere)
            out_of_range = (values <= 0) | (values > MOST_PIXELS)
            masks[f"a {title} along {letter} outside 1 to {MOST_PIXELS}"] = out_of_range & present
    for letter, size in blocks.size.items():
        if letter not in "YX":
            masks[f"a size along {letter} outside 0 to {MOST_PIXELS}"] = (size < 0) | (
                size > MOST_PIXELS
            )
    end = source.size if source.size is not None else 1 << 62
    masks["a position outside the file"] = (blocks.position < 0) | (
        blocks.position + SEGMENT_HEAD + 256 > end
    )
    return {reason: mask for reason, mask in masks.items() if mask.any()}


def keep_sound(blocks: Subblocks, source: Source) -> tuple[Subblocks, tuple[Diagnostic, ...]]:
    """Leave out the entries that no file could have, and count them.

    Raises
    ------
    CorruptFileError
        When no entry is sound.
    """
    reasons = find_unsound(blocks, source)
    if not reasons:
        return blocks, ()
    unsound = np.logical_or.reduce(list(reasons.values()))
    row = int(np.argmax(unsound))
    listing = "; ".join(f"{int(mask.sum())} with {reason}" for reason, mask in reasons.items())
    if unsound.all():
        raise CorruptFileError.at(
            source.uri, int(blocks.entry[row]), f"expected sound subblock entries, found {listing}"
        )
    message = (
        f"{int(unsound.sum())} of {len(blocks)} subblocks are left out: {listing}; "
        f"the first entry is at byte {int(blocks.entry[row])}"
    )
    diagnostic = Diagnostic("left-out-subblocks", message, source.uri)
    return blocks.only(~unsound), (diagnostic,)
