"""Plane axes of a scene: which plane each subblock belongs to. Pure.

Rule kept here: a plane that only coarser subblocks hold is a plane; a position far from all others
is damage, and removes its own subblock only.
"""

import math
from collections.abc import Iterable

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.czi.columns import Bools, Ints, find_ends, holds_everywhere, holds_somewhere
from aicsio.formats.czi.directory import SPECIFIED_LETTERS, Subblocks
from aicsio.formats.czi.pixels import (
    COMPRESSIONS,
    IMAGE_COMPRESSIONS,
    PIXEL_TYPES,
    UNCOMPRESSED,
)
from aicsio.formats.czi.scene_data import NOT_PLANE_LETTERS, SHORT_AXIS
from aicsio.formats.czi.soundness import LeftOut, unknown_letters
from aicsio.records import Diagnostic

OUTLIERS = 0.1
"""Part of the subblocks that may lie far from the others and be left out; beyond it, the file is
taken for damaged as a whole."""
MAX_EXPANSION = 1 << 16
"""Times that a compressed subblock may be larger than its bytes: zstd of one value reaches 32 700."""
PLAUSIBLE_EXPANSION = 64
"""Times that one of more than ``LARGE`` bytes may be larger: the compressed subblocks of the real
files at hand reach 3, and a damaged count must not allocate gigabytes."""
LARGE = 1 << 28
"""Bytes of decoded planes, 256 MiB, below which any expansion is affordable."""
MAX_PLANES = 1 << 40
"""Planes of a scene. A table of their indices is never made, but its products must fit 64 bits."""


@attrs.define(eq=False, repr=False)
class PlaneGrid:
    """The plane axes of a scene. Not a record: it lives while a file is opened."""

    letters: tuple[str, ...]
    """Slowest first."""
    shape: tuple[int, ...]
    """Positions along each."""
    first: dict[str, int]
    """Position in the file of index 0, per letter."""

    def keys(self, blocks: Subblocks) -> Ints:
        """Return the index of the plane of each subblock; a missing letter is index 0."""
        keys = np.zeros(len(blocks), np.int64)
        for letter, length in zip(self.letters, self.shape, strict=True):
            if length == 1:  # index 0 adds nothing
                continue
            indices = blocks.start[letter] - self.first[letter]
            # An entry without a letter is one plane of it: position 0 of the axis, wherever the
            # file begins.
            keys = keys * length + np.where(blocks.present[letter], indices, 0)
        return keys


def make_grid(blocks: Subblocks, *, tiles: bool) -> PlaneGrid:
    """Find the plane axes of the subblocks of a scene.

    Parameters
    ----------
    blocks
        Subblocks of all levels.
    tiles
        Whether M becomes an axis.

    Raises
    ------
    CorruptFileError
        When the product of the axes is larger than any image.
    """
    letters = _plane_letters(blocks)
    if tiles:
        letters.insert(letters.index("B") + 1 if "B" in letters else 0, "M")
    first = {}
    shape = []
    for letter in letters:
        low = high = 0
        # Start may be below 0, and files cut out of others begin above it: index 0 is the
        # lowest.
        if blocks.has(letter):
            low, high = _find_ends(blocks, letter)
        first[letter] = low
        shape.append(high - low + 1)
    return PlaneGrid(tuple(letters), tuple(shape), first)


def _plane_letters(blocks: Subblocks) -> list[str]:
    letters = []
    for letter in (*unknown_letters(blocks), *SPECIFIED_LETTERS):
        is_listed = letter in blocks.present and letter not in NOT_PLANE_LETTERS
        if is_listed and blocks.has(letter):
            letters.append(letter)
    return letters


def _find_ends(blocks: Subblocks, letter: str) -> tuple[int, int]:
    """Return the first and the last position along a letter that some subblock has."""
    positions, present = blocks.start[letter], blocks.present[letter]
    if not holds_everywhere(present):
        positions = positions[present]
    return find_ends(positions)


# ---------------------------------------------------------------- positions far from all others


def are_near(blocks: Subblocks) -> bool:
    """Whether no axis is so long that a position can be far from all others.

    If it holds for a file, it holds for each of its scenes: 1 000 of them need no check.
    """
    ends = [_find_ends(blocks, letter) for letter in _plane_letters(blocks)]
    return all(high - low < SHORT_AXIS for low, high in ends)


def drop_distant_planes(
    blocks: Subblocks, left_out: LeftOut, letters: Iterable[str] | None = None
) -> Subblocks:
    """Leave out the subblocks whose position along an axis is far from all others.

    Parameters
    ----------
    blocks
        Subblocks of one scene.
    left_out
        Counts those that are left out.
    letters
        Axes to look at; ``None`` for the plane axes.

    Raises
    ------
    CorruptFileError
        When more than ``OUTLIERS`` of the subblocks are distant.
    """
    for letter in _plane_letters(blocks) if letters is None else letters:
        while blocks.has(letter):
            low, high = _find_ends(blocks, letter)
            length = high - low + 1
            if length <= SHORT_AXIS:
                break
            rows = np.flatnonzero(blocks.present[letter])
            positions = blocks.start[letter][rows]
            # np.unique of numpy 2.3 and later hashes: a million distinct ones take 1 s, sorted 0.05.
            count = 1 + int(np.count_nonzero(np.diff(np.sort(positions))))
            # Real series have gaps: 128 positions per stored one allow for any that was kept.
            if length <= SHORT_AXIS + 128 * count:
                break
            reason = f"a position along {letter} far from all others"
            message = f"expected positions along {letter}, found {count} spread over {length}"
            distant = np.zeros(len(blocks), np.bool_)
            distant[rows] = find_minority(positions)
            blocks = drop_minority(blocks, distant, reason, message, left_out)
    return blocks


def find_minority(values: Ints) -> Bools:
    """Return a mask of the smaller side of the largest gap between values."""
    ordered = np.sort(values)
    # One damaged position makes one large gap; several of them are found one after the other.
    gap = int(np.argmax(np.diff(ordered)))
    upper = values > ordered[gap]
    return np.asarray(upper if 2 * upper.sum() <= len(values) else ~upper, np.bool_)


def drop_minority(
    blocks: Subblocks, distant: Bools, reason: str, message: str, left_out: LeftOut
) -> Subblocks:
    """Drop a few distant subblocks; raise ``CorruptFileError`` with ``message`` if they are many."""
    if distant.sum() > OUTLIERS * len(blocks):
        # More than a tenth is no accident of single entries, and an image without them would be a
        # guess.
        entry = int(blocks.entry_position[int(np.argmax(distant))])
        raise CorruptFileError.at(left_out.uri, entry, message)
    return left_out.drop(blocks, distant, reason)


def check_plane_count(grid: PlaneGrid, blocks: Subblocks, uri: str) -> None:
    """Raise ``CorruptFileError`` if the axes multiply to more planes than any image has."""
    if math.prod(grid.shape) > MAX_PLANES:
        message = f"expected an image, found {grid.shape} planes of {grid.letters}"
        raise CorruptFileError.at(uri, int(blocks.entry_position[0]), message)


# ---------------------------------------------------------------- several planes in a subblock


@attrs.define(eq=False, repr=False)
class PlaneRows:
    """Subblocks, one row per plane. Not a record: it lives while a file is opened."""

    blocks: Subblocks
    inner_index: Ints
    """Index of the plane inside its subblock."""
    inner_count: Ints
    """Number of planes inside the subblock."""

    def take(self, rows: "Bools | Ints | slice") -> "PlaneRows":
        """Return some rows."""
        return PlaneRows(self.blocks.take(rows), self.inner_index[rows], self.inner_count[rows])


def split_planes(blocks: Subblocks, left_out: LeftOut, notes: list[Diagnostic]) -> PlaneRows:
    """Give each plane of a subblock that holds several a row of its own.

    The first dimension of an entry varies fastest (section 3.2), so the planes lie in the order of
    the others.
    """
    counts = _count_planes(blocks)
    if holds_somewhere(counts > 1):
        blocks, counts = _drop_unreadable(blocks, counts, left_out)
        counts = _correct_counts(blocks, counts, left_out.uri, notes)
    if holds_everywhere(counts == 1):
        return PlaneRows(blocks, np.zeros(len(blocks), np.int64), counts)
    # Row by row: a subblock of three planes becomes three rows with inner indices 0, 1, 2.
    rows = np.repeat(np.arange(len(blocks)), counts)
    first_rows = np.repeat(np.cumsum(counts) - counts, counts)
    inner_index = np.arange(len(rows)) - first_rows
    expanded = blocks.take(rows)
    several = np.repeat(counts > 1, counts)
    _shift_starts(expanded, inner_index, several)
    return PlaneRows(expanded, inner_index, np.repeat(counts, counts))


def _count_planes(blocks: Subblocks) -> Ints:
    counts = np.ones(len(blocks), np.int64)
    for letter in blocks.slot:
        if letter not in NOT_PLANE_LETTERS:
            # Sizes are below 2^24: without the bound a product of three could pass 2^63.
            counts = np.minimum(counts * np.maximum(blocks.size[letter], 1), MAX_PLANES >> 8)
    return counts


def _plane_nbytes(blocks: Subblocks) -> Ints:
    nbytes = blocks.stored_size["Y"] * blocks.stored_size["X"]
    per_pixel = np.ones(max(PIXEL_TYPES) + 1, np.int64)
    for number, pixel_type in PIXEL_TYPES.items():
        per_pixel[number] = pixel_type.samples * pixel_type.dtype.itemsize
    return nbytes * per_pixel[blocks.pixel_type]


def _drop_unreadable(blocks: Subblocks, counts: Ints, left_out: LeftOut) -> tuple[Subblocks, Ints]:
    """Leave out the compressed subblocks whose planes no decoder gives back."""
    several = counts > 1
    faults = []
    for number in sorted(IMAGE_COMPRESSIONS):
        name = COMPRESSIONS[number]
        rows = several & (blocks.compression == number)
        faults.append((f"several planes, and {name} stores one image", rows))
    encoded = np.maximum(blocks.segment_size, 1)
    limit = np.minimum(MAX_EXPANSION * encoded, np.maximum(PLAUSIBLE_EXPANSION * encoded, LARGE))
    rows = several & (blocks.compression != UNCOMPRESSED)
    # Divided, because the product of counts and bytes could pass 2^63.
    rows &= counts > limit // np.maximum(_plane_nbytes(blocks), 1)
    faults.append(("more planes than its compressed bytes can hold", rows))
    kept = np.ones(len(blocks), np.bool_)
    if np.logical_or.reduce([rows for _, rows in faults]).all():
        reason, rows = next(fault for fault in faults if fault[1].any())
        raise UnsupportedFormatError(f"{left_out.uri}: subblocks with {reason}")
    for reason, faulty in faults:
        fresh = faulty & kept
        if fresh.any():
            left_out.count(blocks, fresh, reason)
            kept &= ~faulty
    return (blocks, counts) if kept.all() else (blocks.take(kept), counts[kept])


def _correct_counts(blocks: Subblocks, counts: Ints, uri: str, notes: list[Diagnostic]) -> Ints:
    """Return 1 for raw subblocks that list more planes than their bytes can hold."""
    too_many = (blocks.compression == UNCOMPRESSED) & (
        counts * _plane_nbytes(blocks) > blocks.segment_size
    )
    too_many &= counts > 1
    if not too_many.any():
        return counts
    # Writers of pyramids give them the sizes of the whole scene: libCZI reads one plane, too.
    message = (
        f"{int(too_many.sum())} subblocks list more planes than their bytes can hold; "
        "one plane of each is shown"
    )
    notes.append(Diagnostic("planes-in-subblock", message, uri, not_shown=True))
    return np.where(too_many, 1, counts)


def _shift_starts(expanded: Subblocks, inner_index: Ints, several: Bools) -> None:
    """Add the position inside of the subblock to the start of each row, letter by letter."""
    letters = [letter for letter in expanded.slot if letter not in NOT_PLANE_LETTERS]
    slots = np.stack([expanded.slot[letter] for letter in letters], axis=1)
    # Entries of one file list their dimensions in one order; damaged ones may not.
    for order in np.unique(slots[several], axis=0):
        rows = np.flatnonzero(several & (slots == order).all(axis=1))
        # Digits of a number with a base per dimension, the fastest first.
        rest = inner_index[rows]
        for slot in np.argsort(order, kind="stable"):
            letter = letters[int(slot)]
            size = np.maximum(expanded.size[letter][rows], 1)
            expanded.start[letter][rows] += rest % size
            rest = rest // size
