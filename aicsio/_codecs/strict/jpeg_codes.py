"""Huffman tables of JPEG as tables of the next 16 bits, for checks.

Rule kept here: an entry of no bits is no code word; nothing but the table is known here.

Source of the facts: ITU-T T.81 (1992), annexes B.2.4.2, C and F.1.2.
"""

import functools
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

LOOKED_UP: Final = 16
"""Bits of the longest code word (annex C)."""
ZERO_RUN: Final = 0xF0
"""Symbol of sixteen zeros (F.1.2.2)."""
END: Final = 1
"""Kind of an entry at which a block ends."""
ZEROS: Final = 2
"""Kind of an entry of sixteen zeros."""
_MOST_SYMBOLS: Final = 8
"""Code words that one entry holds at most."""

Entries: TypeAlias = list[tuple[int, int, int]]
"""Bits, positions of coefficients, and 0, ``END`` or ``ZEROS``."""
Table: TypeAlias = npt.NDArray[np.int64]


@functools.lru_cache(maxsize=16)
def dc_entries(definition: bytes) -> list[tuple[int, int]]:
    """Return bits of the code word and of the difference behind it, by the next 16 bits.

    Parameters
    ----------
    definition
        Sixteen counts of code words, then their symbols (B.2.4.2).

    Raises
    ------
    ValueError
        When the counts are no table.
    """
    lengths, symbols = _expand(definition)
    return list(zip(lengths.tolist(), symbols.tolist(), strict=True))


@functools.lru_cache(maxsize=16)
def ac_entries(definition: bytes, most_bits: int) -> tuple[Entries, Entries]:
    """Return what the next 16 bits hold: one coefficient, and as many as are whole.

    Parameters
    ----------
    definition
        As for ``dc_entries``.
    most_bits
        Bits of the largest coefficient that a picture can have.

    Returns
    -------
    tuple of list
        Entries of one code word, and of as many as lie whole in 16 bits, to the end of a block. Sixteen
        zeros stand alone, as no block ends behind them.

    Raises
    ------
    ValueError
        When the counts are no table.
    """
    lengths, symbols = _expand(definition)
    sizes, runs = symbols & 15, symbols >> 4
    ends = symbols == 0
    is_zero_run = symbols == ZERO_RUN
    # F.1.2.2: a symbol without bits is one of these two.
    known = (lengths > 0) & (sizes <= most_bits) & ((sizes > 0) | ends | is_zero_run)
    nbits = np.where(known, lengths + sizes, 0)
    steps = np.where(ends, 0, runs + 1)
    kinds = np.where(ends, END, np.where(is_zero_run, ZEROS, 0))
    return _as_list(nbits, steps, kinds), _join(nbits, steps, kinds)


def _join(nbits: Table, steps: Table, kinds: Table) -> Entries:
    """Put the code words together that lie whole in 16 bits, to the end of a block."""
    words = np.arange(1 << LOOKED_UP)
    taken = np.zeros_like(words)
    moved = np.zeros_like(words)
    ended = np.zeros(words.shape, np.int64)
    open_ = np.ones(words.shape, bool)
    for _ in range(_MOST_SYMBOLS):
        rest = words << taken & ((1 << LOOKED_UP) - 1)
        more = nbits[rest]
        open_ &= (more > 0) & (taken + more <= LOOKED_UP) & (kinds[rest] != ZEROS)
        taken += np.where(open_, more, 0)
        moved += np.where(open_, steps[rest], 0)
        ended[open_ & (kinds[rest] == END)] = END
        open_ &= kinds[rest] != END
    return _as_list(taken, moved, ended)


def _as_list(nbits: Table, steps: Table, kinds: Table) -> Entries:
    return list(zip(nbits.tolist(), steps.tolist(), kinds.tolist(), strict=True))


def _expand(definition: bytes) -> tuple[Table, Table]:
    """Return length and symbol of the code word at the head of each sequence of 16 bits (annex C)."""
    counts, symbols = definition[:16], definition[16:]
    lengths = np.zeros(1 << LOOKED_UP, np.int64)
    values = np.zeros(1 << LOOKED_UP, np.int64)
    at = index = 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[index : index + count]:
            # Codes of one length follow one another; a shorter one covers more sequences.
            end = at + (1 << LOOKED_UP - length)
            lengths[at:end], values[at:end] = length, symbol
            at = end
        index += count
    if at > 1 << LOOKED_UP or index != len(symbols):
        raise ValueError("a Huffman table of JPEG has more codes than there are")
    return lengths, values
