"""Weights of the Huffman tables of zstd, for checks.

Rule kept here: a description that cannot be followed raises ``ValueError``.

Source of the facts: RFC 8878 (Zstandard), sections 4.1.1 and 4.2.1.
"""

from typing import Final

_MOST_LOG: Final = 6
"""Accuracy of the codes of weights (4.2.1.2)."""


def read_weights(coded: bytes) -> tuple[list[int], int]:
    """Read the weights of a Huffman table.

    Parameters
    ----------
    coded
        Begins with the description of the table.

    Returns
    -------
    tuple
        Weights of the symbols, the last of them implied, and the bytes of the description.

    Raises
    ------
    ValueError
        When they make no table.
    """
    header = coded[0]
    if header >= 128:
        count = header - 127
        used = 1 + (count + 1) // 2
        nibbles = [part for octet in coded[1:used] for part in (octet >> 4, octet & 15)]
        weights = nibbles[:count]
    else:
        used = 1 + header
        weights = _decode_weights(coded[1:used])
    # 4.2.1.1: the last weight completes the sum to a power of two.
    total = sum(1 << weight >> 1 for weight in weights)
    rest = (1 << total.bit_length()) - total
    if not total or rest & (rest - 1):
        raise ValueError("the weights of a Huffman table of zstd do not add up")
    return [*weights, rest.bit_length()], used


def _decode_weights(coded: bytes) -> list[int]:
    """Decode weights with two states that take turns (4.2.1.2)."""
    counts, log, used = _read_counts(coded)
    table = _spread(counts, log)
    stream = coded[used:]
    if not stream or not stream[-1]:
        raise ValueError("the weights of a Huffman table of zstd have no end")
    number = int.from_bytes(stream, "little")
    left = number.bit_length() - 1  # without the bit that marks the end
    states = []
    for _ in range(2):
        left -= log
        states.append(number >> max(left, 0) & ((1 << log) - 1))
    weights: list[int] = []
    turn = 0
    while len(weights) < 255:
        symbol, bits, base = table[states[turn]]
        weights.append(symbol)
        left -= bits
        if left < 0:
            # No bits for another state: the other one's symbol is the last.
            weights.append(table[states[1 - turn]][0])
            return weights
        states[turn] = base + (number >> left & ((1 << bits) - 1))
        turn = 1 - turn
    raise ValueError("a Huffman table of zstd has too many weights")


def _read_counts(coded: bytes) -> tuple[list[int], int, int]:
    """Read how often each symbol occurs among the states (4.1.1)."""
    number = int.from_bytes(coded, "little")
    log = (number & 15) + 5
    if log > _MOST_LOG:
        raise ValueError("the weights of a Huffman table of zstd have too many states")
    at, left = 4, 1 << log
    counts: list[int] = []
    while left > 0:
        # A value of 0 to ``left + 1``: the small ones take a bit less.
        bits = (left + 1).bit_length()
        value = number >> at & ((1 << bits) - 1)
        spare = (1 << bits) - 1 - (left + 1)
        low = value & ((1 << bits - 1) - 1)
        if low < spare:
            value = low
            at += bits - 1
        else:
            if value >= 1 << bits - 1:
                value -= spare
            at += bits
        counts.append(value - 1)
        left -= abs(value - 1)
        if value == 1:  # none: two bits count further symbols that have none
            more = 3
            while more == 3:
                more = number >> at & 3
                at += 2
                counts += [0] * more
        if at > 8 * len(coded):
            raise ValueError("the weights of a Huffman table of zstd are cut off")
    return counts, log, (at + 7) // 8


def _spread(counts: list[int], log: int) -> list[tuple[int, int, int]]:
    """Return symbol, bits and base of the next state, of each state (4.1.1)."""
    size = 1 << log
    symbols = [0] * size
    high = size - 1
    for symbol, count in enumerate(counts):
        if count == -1:  # less than one: a state at the end
            symbols[high] = symbol
            high -= 1
    position, step = 0, (size >> 1) + (size >> 3) + 3
    for symbol, count in enumerate(counts):
        for _ in range(max(count, 0)):
            symbols[position] = symbol
            position = (position + step) & (size - 1)
            while position > high:
                position = (position + step) & (size - 1)
    following = [abs(count) for count in counts]
    table = []
    for symbol in symbols:
        number = following[symbol]
        following[symbol] += 1
        bits = log - (number.bit_length() - 1)
        table.append((symbol, bits, (number << bits) - size))
    return table
