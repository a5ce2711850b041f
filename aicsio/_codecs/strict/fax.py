"""Strict decoding of fax images (CCITT), for checks: rows of any fault are refused.

The decoder that reads them goes on at the next row behind any fault. There is no checksum, but runs of a
row must add up to its width, few code words are free, and the coding of T.6 leaves an encoder no choice.

Rule kept here: nothing is repaired; what no encoder writes raises ``ValueError``.

Source of the facts: ITU-T T.4 (2003), section 4; ITU-T T.6 (1988), section 2; TIFF 6.0 (Adobe, 1992),
sections 10 and 11.
"""

from typing import Final

import numpy as np

from aicsio._codecs.buffers import Data, as_octets
from aicsio._codecs.strict.fax_codes import (
    HORIZONTAL,
    LARGEST_RUN,
    MODE_BITS,
    MODES,
    PASS,
    RUN_BITS,
    RUNS,
)

_WORD_BITS: Final = 24
"""Bits that are looked up at once: the longest code word at any bit of a byte."""
_EOL_ZEROS: Final = 11
"""Zeros of the code word "end of line", in front of its 1 (T.4, 4.1.2)."""
_TWO_DIMENSIONAL: Final = 1
"""Bit of T4Options: a bit behind each end of line is the coding of the next row (TIFF 6.0, section 11)."""
_MOST_PADDING: Final = 32
"""Zero bits at the end: writers fill a strip to a whole byte, or to a word of four."""


class _StripBits:
    """The bits of a strip, most significant first. Not a record: it lives for one strip."""

    __slots__ = ("_words", "at", "end")

    def __init__(self, data: Data) -> None:
        octets = as_octets(data)
        self.at = 0
        self.end = 8 * len(octets)
        padded = np.concatenate([octets, np.zeros(8, np.uint8)]).astype(np.int64)
        self._words = ((padded[:-2] << 16) | (padded[1:-1] << 8) | padded[2:]).tolist()

    def peek(self, count: int) -> int:
        """Return the next bits; zeros follow the end."""
        word: int = self._words[self.at >> 3]
        return word >> (_WORD_BITS - count - (self.at & 7)) & ((1 << count) - 1)

    def take_run(self, colour: int) -> int:
        """Take the code words of a run, and return its pixels."""
        table, words, at = RUNS[colour], self._words, self.at
        total, last = 0, LARGEST_RUN
        while True:
            # The next 13 bits, in place: a call for each code word takes a third of the time.
            word: int = words[at >> 3]
            run, bits = table[word >> (_WORD_BITS - RUN_BITS - (at & 7)) & ((1 << RUN_BITS) - 1)]
            if not bits:
                raise ValueError(f"no run has the code at bit {at}")
            if run >= 64 and last != LARGEST_RUN:
                raise ValueError(f"a second make-up code at bit {at}")
            at += bits
            if at > self.end:
                raise ValueError("it ends inside of a row")
            total += run
            if run < 64:
                self.at = at
                return total
            last = run

    def take_eol(self) -> bool:
        """Take an end of line and the zeros that fill the space in front of it, if it comes next."""
        at = self.at
        if self.peek(_EOL_ZEROS):
            return False
        at += _EOL_ZEROS
        words = self._words
        while at < self.end:
            word: int = words[at >> 3]
            if word >> (_WORD_BITS - 1 - (at & 7)) & 1:
                self.at = at + 1
                return True
            at += 1
        return False

    def align(self) -> None:
        """Go to the next byte, over bits that are zero."""
        rest = -self.at & 7
        if self.peek(rest):
            raise ValueError(f"bits that are not zero fill the byte at bit {self.at}")
        self.at += rest

    def require_end(self) -> None:
        """Raise unless nothing but a little padding is left."""
        left = self.end - self.at
        if left < 0:
            raise ValueError("it ends inside of a row")
        if left >= _MOST_PADDING:
            raise ValueError(f"{left} bits are left behind the last row")
        for _ in range(left):
            if self.peek(1):
                raise ValueError("bits that are not zero follow the last row")
            self.at += 1


def decode_rle(data: Data, rows: int, columns: int) -> list[list[int]]:
    """Decode modified Huffman coding: compression 2 of TIFF.

    Parameters
    ----------
    data
        A strip or tile.
    rows, columns
        Of its pixels.

    Returns
    -------
    list of list of int
        Of each row, the columns at which the colour changes, beginning with white. The last is the width.

    Raises
    ------
    ValueError
        When no encoder writes these bytes.
    """
    bits = _StripBits(data)
    decoded = []
    for _ in range(rows):
        decoded.append(_take_row(bits, columns))
        # TIFF 6.0, section 10: "New rows always begin on the next available byte boundary."
        bits.align()
    bits.require_end()
    return decoded


def decode_t4(data: Data, rows: int, columns: int, *, t4options: int = 0) -> list[list[int]]:
    """Decode ITU-T T.4: compression 3 of TIFF.

    Parameters
    ----------
    data, rows, columns
        As for ``decode_rle``.
    t4options
        Bits of the tag T4Options.

    Returns
    -------
    list of list of int
        As of ``decode_rle``.

    Raises
    ------
    ValueError
        When no encoder writes these bytes.
    """
    bits = _StripBits(data)
    two = bool(t4options & _TWO_DIMENSIONAL)
    decoded: list[list[int]] = []
    with_eol = False
    for row in range(rows):
        has_eol = bits.take_eol()
        # Some writers begin with the first row; what stands before the second stands before all.
        if row == 1:
            with_eol = has_eol
        if row and has_eol != with_eol:
            raise ValueError(f"the end of line before row {row} differs from those of other rows")
        if two and has_eol and not _take_tag(bits):
            decoded.append(_take_coded_row(bits, columns, decoded[-1] if decoded else [columns]))
        else:
            decoded.append(_take_row(bits, columns))
    # 4.1.4: six ends of line are the end of the page; TIFF writers leave them out.
    while bits.take_eol():
        if two:
            _take_tag(bits)
    bits.require_end()
    return decoded


def _take_tag(bits: _StripBits) -> bool:
    tag = bits.peek(1)
    bits.at += 1
    return bool(tag)


def decode_t6(data: Data, rows: int, columns: int) -> list[list[int]]:
    """Decode ITU-T T.6: compression 4 of TIFF.

    Parameters
    ----------
    data, rows, columns
        As for ``decode_rle``.

    Returns
    -------
    list of list of int
        As of ``decode_rle``.

    Raises
    ------
    ValueError
        When no encoder writes these bytes.
    """
    bits = _StripBits(data)
    decoded: list[list[int]] = []
    # 2.2.1: the row above the first is white.
    above = [columns]
    for _ in range(rows):
        above = _take_coded_row(bits, columns, above)
        decoded.append(above)
    # 2.4.1.1: the end of a block is two ends of line.
    if bits.take_eol() and not bits.take_eol():
        raise ValueError("its end of block is cut off")
    bits.require_end()
    return decoded


def _take_row(bits: _StripBits, columns: int) -> list[int]:
    """Take a row of runs, white and black by turns (T.4, 4.1.1)."""
    changes: list[int] = []
    at = colour = 0
    while at < columns:
        run = bits.take_run(colour)
        if not run and changes:
            raise ValueError(f"a run without pixels at column {at}")
        at += run
        changes.append(at)
        colour ^= 1
    if at > columns:
        raise ValueError(f"a row of {at} pixels, expected {columns}")
    return changes


def _take_coded_row(bits: _StripBits, columns: int, above: list[int]) -> list[int]:
    """Take a row that is coded by the changes of the row above (T.4, 4.2; T.6, 2.2).

    The names a0, a1, a2, b1 and b2 are those of T.4, 4.2.1.1.
    """
    reference = [*above, columns, columns, columns]
    changes: list[int] = []
    a0, colour, index = -1, 0, 0
    while a0 < columns:
        # b1: the first change of the other colour in the row above, to the right of a0.
        while index >= 2 and reference[index - 2] > a0:
            index -= 2
        while reference[index] <= a0 and reference[index] < columns:
            index += 2
        b1, b2 = reference[index], reference[index + 1]
        mode, length = MODES[bits.peek(MODE_BITS)]
        if not length:
            raise ValueError(f"no mode has the code at bit {bits.at}")
        bits.at += length
        if mode == PASS:
            a1 = b2
            allowed = b2 < columns
        elif mode == HORIZONTAL:
            a1 = max(a0, 0) + bits.take_run(colour)
            a2 = a1 + bits.take_run(1 - colour)
            # 4.2.1.3.2: the vertical mode is taken where b1 is near.
            allowed = (
                a0 < a1 <= b2 and abs(a1 - b1) > 3 and (a1 < a2 <= columns or a1 == a2 == columns)
            )
            changes += [a1, a2] if a1 < a2 else [a1]
        else:
            a1 = b1 + mode
            # The pass mode is taken where b2 lies to the left of a1.
            allowed = a0 < a1 <= min(b2, columns)
            changes.append(a1)
            colour ^= 1
            index += 1
        if not allowed:
            raise ValueError(f"no encoder takes that mode at column {max(a0, 0)}")
        a0 = a2 if mode == HORIZONTAL else a1
    return changes
