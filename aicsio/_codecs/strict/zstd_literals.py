"""The Huffman codes of literals in zstd frames, followed to their end, for checks.

RFC 8878, section 4.2.2: "If a bitstream is not entirely and exactly consumed, hence reaching exactly its
beginning position with all bits consumed, the decoding process is considered faulty." libzstd does not
compare that in its fast loops.

Rule kept here: the frame has been decoded before; what is read is compared with its end all the same.

Source of the facts: RFC 8878 (Zstandard), sections 3.1.1, 4.1 and 4.2.
"""

from typing import Final, TypeAlias

import numpy as np

from aicsio._codecs.strict.zstd_weights import read_weights

_MAGIC: Final = 0xFD2FB528
_SKIPPABLE: Final = 0x184D2A5
"""The number of a skippable frame without its lowest four bits (3.1.2)."""
_LOOKED_UP: Final = 11
"""Bits that are looked up at once; the longest code has 11 (4.2.1). With more the tables take longer to make."""
_RAW, _RLE, _COMPRESSED = 0, 1, 2
"""Types of blocks, and of literals (3.1.1.2.2 and 3.1.1.3.1.1)."""

Steps: TypeAlias = list[tuple[int, int]]
"""Bits and number of the codes that lie whole in the next bits."""
Table: TypeAlias = tuple[Steps, list[int]]
"""Steps of several codes, and the bits of one."""


def require_zstd(data: bytes) -> None:
    """Follow the literals of all frames.

    Parameters
    ----------
    data
        Frames, one behind the other.

    Raises
    ------
    ValueError
        When the codes of some literals do not end with their bits.
    """
    at = 0
    try:
        while at < len(data):
            magic = _number(data, at, 4)
            if magic >> 4 == _SKIPPABLE:
                at += 8 + _number(data, at + 4, 4)
            elif magic == _MAGIC:
                at = _follow_frame(data, at + 4)
            else:
                raise ValueError(f"no frame of zstd begins at byte {at}")
    except IndexError:
        raise ValueError("a frame of zstd ends inside of a block") from None
    if at > len(data):
        raise ValueError("a frame of zstd ends inside of a block")


def _number(data: bytes, at: int, nbytes: int) -> int:
    if at + nbytes > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + nbytes], "little")


def _follow_frame(data: bytes, at: int) -> int:
    """Follow the blocks of a frame, and return where it ends (3.1.1)."""
    descriptor = data[at]
    single = descriptor >> 5 & 1
    content_size = (single, 2, 4, 8)[descriptor >> 6]
    at += 1 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + content_size
    table: Table | None = None
    while True:
        header = _number(data, at, 3)
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        at += 3
        if kind == _COMPRESSED:
            table = _follow_literals(data[at : at + size], table)
        at += 1 if kind == _RLE else size
        if last:
            # Bit 2: a checksum of four bytes follows.
            return at + 4 * (descriptor >> 2 & 1)


def _follow_literals(block: bytes, table: Table | None) -> Table | None:
    """Follow the literals of a block, and return the table that the next block may use again."""
    kind, form = block[0] & 3, block[0] >> 2 & 3
    if kind in {_RAW, _RLE}:
        return table
    nbytes, bits = ((3, 10), (3, 10), (4, 14), (5, 18))[form]
    header = _number(block, 0, nbytes)
    count = header >> 4 & ((1 << bits) - 1)
    size = header >> (4 + bits) & ((1 << bits) - 1)
    coded = block[nbytes : nbytes + size]
    if kind == _COMPRESSED:
        weights, used = read_weights(coded)
        table = _make_table(weights)
        coded = coded[used:]
    if table is None:
        raise ValueError("literals use the table of a block before them, and there is none")
    if form == 0:
        _follow_stream(coded, count, table)
        return table
    # 4.2.2: the sizes of three of four streams; each has a quarter of the literals, rounded up.
    sizes = [_number(coded, 2 * index, 2) for index in range(3)]
    quarter, at = (count + 3) // 4, 6
    for length in [*sizes, len(coded) - 6 - sum(sizes)]:
        _follow_stream(coded[at : at + length], min(quarter, count), table)
        count -= min(quarter, count)
        at += length
    return table


def _make_table(weights: list[int]) -> Table:
    """Return the bits of the codes at the head of each sequence of bits (4.2.1.3)."""
    longest = sum(1 << weight >> 1 for weight in weights).bit_length() - 1
    if longest > _LOOKED_UP:
        raise ValueError("a Huffman table of zstd has codes of too many bits")
    # Longer codes come first; one of weight w has 2 ** (w - 1) of the sequences.
    ordered = sorted(weight for weight in weights if weight)
    lengths = np.repeat(
        [longest + 1 - weight for weight in ordered],
        [1 << _LOOKED_UP - longest + weight - 1 for weight in ordered],
    )
    words = np.arange(1 << _LOOKED_UP)
    taken = np.zeros_like(words)
    count = np.zeros_like(words)
    inside = np.ones(words.shape, bool)
    for _ in range(_LOOKED_UP):
        more = lengths[words << taken & ((1 << _LOOKED_UP) - 1)]
        inside &= taken + more <= _LOOKED_UP
        if not inside.any():
            break
        taken += np.where(inside, more, 0)
        count += inside
    return list(zip(taken.tolist(), count.tolist(), strict=True)), lengths.tolist()


def _follow_stream(coded: bytes, count: int, table: Table) -> None:
    """Follow the codes of one stream, which is read from its end (4.2.2)."""
    if not coded or not coded[-1]:
        raise ValueError("a stream of literals has no bit that marks its end")
    octets = np.frombuffer(coded[::-1] + bytes(4), np.uint8).astype(np.int64)
    words: list[int] = ((octets[:-2] << 16) | (octets[1:-1] << 8) | octets[2:]).tolist()
    steps, lengths = table
    # The highest bit of the last byte marks where the codes begin.
    mask = (1 << _LOOKED_UP) - 1
    at, end = 9 - coded[-1].bit_length(), 8 * len(coded)
    # So many codes are left that no step goes beyond the last.
    while count >= _LOOKED_UP and at < end:
        bits, taken = steps[words[at >> 3] >> (24 - _LOOKED_UP - (at & 7)) & mask]
        at += bits
        count -= taken
    while count and at < end:
        at += lengths[words[at >> 3] >> (24 - _LOOKED_UP - (at & 7)) & mask]
        count -= 1
    if at != end or count:
        raise ValueError("the codes of some literals do not end with their bits")
