"""Entries of the directory that can be shown, and counts of those that cannot. Pure.

Rule kept here: every subblock of the directory is shown, or counted and named in a diagnostic. One
invalid entry never removes the others.
"""

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio.errors import CorruptFileError
from aicsio.formats.czi.columns import (
    Bools,
    Ints,
    distinct,
    find_ends,
    holds_everywhere,
    holds_somewhere,
)
from aicsio.formats.czi.directory import MAX_SIZE, SPECIFIED_LETTERS, Subblocks, last_position
from aicsio.records import Diagnostic, Source

_SPECIFIED = frozenset(SPECIFIED_LETTERS)


@attrs.define(eq=False, repr=False)
class LeftOut:
    """Counts the subblocks that are not shown, by reason. Not a record: it lives for one opening."""

    uri: str
    """The file."""
    total: int
    """Number of subblocks of its directory."""
    reasons: list[tuple[str, int, int]] = attrs.Factory(list)
    """Reason, number of subblocks, byte offset of the first one's entry."""

    def drop(self, blocks: Subblocks, rows: Bools, reason: str) -> Subblocks:
        """Remove the rows of a mask and count them."""
        if not holds_somewhere(rows):
            return blocks
        self.count(blocks, rows, reason)
        return blocks.take(~rows)

    def count(self, blocks: Subblocks, rows: Bools, reason: str) -> None:
        """Count the rows of a mask."""
        # The argmax of a mask is its first true row.
        first = int(blocks.entry_position[int(np.argmax(rows))])
        self.reasons.append((reason, int(rows.sum()), first))

    def raise_if_empty(self, blocks: Subblocks) -> None:
        """Raise ``CorruptFileError`` if no subblock is left, with the reason of the first."""
        if not len(blocks) and self.reasons:
            reason, _, position = self.reasons[0]
            message = f"expected sound subblock entries, found one with {reason}"
            raise CorruptFileError.at(self.uri, position, message)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return one diagnostic per reason."""
        return tuple(
            Diagnostic(
                "left-out-subblocks",
                f"{count_of(count, 'subblock', 'are', total=self.total)} left out: {count} with {reason} "
                f"(first entry at byte {position})",
                self.uri,
                loss=True,
                not_shown=True,
            )
            for reason, count, position in self.reasons
        )


def find_faults(blocks: Subblocks, source: Source) -> list[tuple[str, Bools]]:
    """Find the entries that describe no subblock of this file.

    Parameters
    ----------
    blocks
        Columns as ``parse_entries`` returns them.
    source
        The file; positions are compared with its size.

    Returns
    -------
    Pairs of a reason and a mask of the rows; a row may be in several masks.
    """
    faults: list[tuple[str, Bools]] = []
    if not len(blocks):
        return faults
    for letter in "YX":
        if letter not in blocks.start:
            faults.append((f"no dimension {letter}", np.ones(len(blocks), np.bool_)))
            continue
        if not holds_everywhere(blocks.present[letter]):
            faults.append((f"no dimension {letter}", ~blocks.present[letter]))
        for kind, sizes in (("size", blocks.size), ("stored size", blocks.stored_size)):
            reason = f"a {kind} along {letter} that is not between 1 and {MAX_SIZE}"
            faults += _find_beyond(sizes[letter], 1, MAX_SIZE, reason)
    for letter, size in blocks.size.items():
        if letter not in "YX":
            # ZEN writes 0 for "one position" along some dimensions.
            reason = f"a size along {letter} below 0 or above {MAX_SIZE}"
            faults += _find_beyond(size, 0, MAX_SIZE, reason)
    last = last_position(source)
    faults += _find_beyond(blocks.file_position, 0, last, "a position outside of the file")
    faults += _unknown_letters(blocks)
    return faults


def _find_beyond(values: Ints, low: int, high: int, reason: str) -> list[tuple[str, Bools]]:
    """Find the rows whose number is below ``low`` or above ``high``; most files have none."""
    lowest, highest = find_ends(values)
    if low <= lowest and highest <= high:
        return []
    return [(reason, (values < low) | (values > high))]


def _unknown_letters(blocks: Subblocks) -> list[tuple[str, Bools]]:
    """Find the entries that a letter outside of the specification makes ambiguous.

    A letter of every entry is an axis, or places nothing if it is always at one position. A letter
    of some entries places nothing at position 0; elsewhere its position may be that of a damaged,
    known letter.
    """
    faults = []
    for letter in unknown_letters(blocks):
        if not blocks.present[letter].all():
            rows = (blocks.start[letter] != 0) | (blocks.size[letter] > 1)
            faults.append((f"a position along {letter}, which the specification lacks", rows))
    return faults


def unknown_letters(blocks: Subblocks) -> list[str]:
    """Return the letters of the entries that the specification lacks."""
    if blocks.start.keys() <= _SPECIFIED:  # as in nearly every file
        return []
    return sorted(blocks.start.keys() - _SPECIFIED)


def drop_constant_letters(blocks: Subblocks, left_out: LeftOut) -> tuple[Diagnostic, ...]:
    """Remove unknown letters that are always at one position: they place nothing."""
    notes = []
    for letter in unknown_letters(blocks):
        rows = blocks.present[letter]
        positions = distinct(blocks.start[letter][rows])
        if len(positions) > 1 or (blocks.size[letter] > 1).any():
            continue
        # As a letter of one position it would be an axis of length 1 that no user requested.
        for columns in (blocks.start, blocks.present, blocks.size):
            del columns[letter]
        if positions:
            message = (
                f"{count_of(int(rows.sum()), 'subblock', 'have', total=left_out.total)} a dimension {letter}, which "
                f"the specification lacks, at position {positions[0]}; it is ignored"
            )
            notes.append(Diagnostic("unknown-dimension", message, left_out.uri))
    return tuple(notes)


def keep_sound(
    blocks: Subblocks,
    unusable: tuple[tuple[str, Bools], ...],
    source: Source,
) -> tuple[Subblocks, LeftOut]:
    """Remove the entries that describe no subblock of this file, and count them by reason.

    Parameters
    ----------
    blocks, unusable
        As ``parse_entries`` returns them.
    source
        The file.

    Returns
    -------
    The remaining rows and the counts of the others.
    """
    left_out = LeftOut(source.uri, len(blocks))
    faults = (*unusable, *find_faults(blocks, source))
    faulty = np.zeros(len(blocks), np.bool_)
    for reason, rows in faults:
        # An entry with several faults is counted once, for the first, so that the counts add up.
        fresh = rows & ~faulty
        if holds_somewhere(fresh):
            left_out.count(blocks, fresh, reason)
            faulty |= fresh
    return (blocks.take(~faulty) if left_out.reasons else blocks), left_out
