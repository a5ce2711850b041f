"""Strict decoding of the entropy-coded bytes of JPEG, for checks: codes are followed, pixels are not made.

The decoder that reads them goes on behind any code that does not exist. There is no checksum, but blocks
have 64 coefficients, a scan ends with its last block, and no picture is brighter than white.

Rule kept here: nothing is repaired; what no encoder writes raises ``ValueError``.

Source of the facts: ITU-T T.81 (1992), annexes A, B and F; TIFF Technical Note 2 for tables apart.
"""

import re
from typing import Final, TypeAlias

import attrs
import numpy as np

from aicsio._codecs.strict.jpeg_codes import END, ZEROS, Entries, ac_entries, dc_entries

SOI, EOI, SOS, DQT, DHT, DRI, DAC = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xCC
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
"""Frames of one pass with Huffman codes (table B.1); the bits of others are not followed."""
_OTHER_FRAMES: Final = frozenset(range(0xC2, 0xD0)) - {DHT, 0xC8, DAC}
_END_OF_SCAN: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker that is no restart marker; FF 00 is a byte of the scan (B.1.1.5)."""
_RESTART: Final = re.compile(rb"\xff+([\xd0-\xd7])")
_MOST_AC: Final = 1.25
"""Largest coefficient beside the first, as a part of the largest first one: encoders that smooth white
areas (MozJPEG) go a quarter beyond the range of samples."""

Block: TypeAlias = tuple[int, list[tuple[int, int]], Entries, Entries, int]
"""Index of the component, tables of its first and further coefficients, largest first coefficient."""


@attrs.define
class _Sampling:
    across: int
    down: int
    quantization: int


@attrs.define
class _JpegStream:
    """Tables and frame that were read so far. Not a record: it lives for one stream."""

    quantizations: dict[int, list[int]] = attrs.Factory(dict)
    codes: dict[int, bytes] = attrs.Factory(dict)
    """Definition of each Huffman table, by class and number."""
    restart: int = 0
    """Units between restart markers; 0 for none."""
    precision: int = 8
    rows: int = 0
    columns: int = 0
    components: dict[int, _Sampling] = attrs.Factory(dict)
    followed: bool = True
    """Whether the bits of its frame are followed."""


def require_jpeg(data: bytes, tables: bytes | None = None) -> None:
    """Follow all codes of a JPEG stream.

    Parameters
    ----------
    data
        The stream.
    tables
        A stream of tables that is kept apart.

    Raises
    ------
    ValueError
        When no encoder writes these bytes. Streams that are not coded in one pass with Huffman codes are
        followed by their markers alone.
    """
    stream = _JpegStream()
    if tables:
        _follow(tables, stream)
    _follow(data, stream)


def _follow(data: bytes, stream: _JpegStream) -> None:
    """Follow the markers from the start to the end of a stream."""
    if data[:2] != bytes((0xFF, SOI)):
        raise ValueError("it does not begin with the start of an image")
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":  # a fill byte (B.1.1.2)
            at += 1
        if at + 2 > len(data) or data[at] != 0xFF:
            raise ValueError(f"expected a marker of JPEG at byte {at}, found {data[at : at + 2]!r}")
        marker = data[at + 1]
        if marker == EOI:
            break
        nbytes = int.from_bytes(data[at + 2 : at + 4])
        segment = data[at + 4 : at + 2 + nbytes]
        if len(segment) != nbytes - 2:
            raise ValueError(f"the segment at byte {at} ends beyond the stream")
        at += 2 + nbytes
        if marker == SOS:
            end = _END_OF_SCAN.search(data, at)
            if end is None:
                raise ValueError("it ends inside of a scan")
            if stream.followed:
                _follow_scan(stream, segment, data[at : end.start()])
            at = end.start()
        else:
            _take_segment(stream, marker, segment)


def _take_segment(stream: _JpegStream, marker: int, segment: bytes) -> None:
    if marker == DQT:
        _take_quantizations(stream, segment)
    elif marker == DHT:
        at = 0
        while at + 17 <= len(segment):
            count = sum(segment[at + 1 : at + 17])
            stream.codes[segment[at]] = segment[at + 1 : at + 17 + count]
            at += 17 + count
    elif marker == DRI:
        stream.restart = int.from_bytes(segment[:2])
    elif marker in _SEQUENTIAL and len(segment) >= 6:
        stream.precision = segment[0]
        stream.rows, stream.columns = (int.from_bytes(segment[at : at + 2]) for at in (1, 3))
        for first in range(6, 6 + 3 * segment[5], 3):
            name, sampling, table = segment[first : first + 3]
            stream.components[name] = _Sampling(sampling >> 4, sampling & 15, table)
        # A number of rows behind the scan (DNL) is not followed.
        stream.followed = stream.rows > 0
    elif marker in _OTHER_FRAMES:
        stream.followed = False


def _take_quantizations(stream: _JpegStream, segment: bytes) -> None:
    at = 0
    while at < len(segment):
        size = 1 + (segment[at] >> 4)
        values = segment[at + 1 : at + 1 + 64 * size]
        table = [int.from_bytes(values[i : i + size]) for i in range(0, 64 * size, size)]
        stream.quantizations[segment[at] & 15] = table
        at += 1 + 64 * size


def _follow_scan(stream: _JpegStream, header: bytes, coded: bytes) -> None:
    """Follow the codes of a scan, one interval between restart markers after the other."""
    if not stream.components:
        raise ValueError("a scan comes before its frame")
    try:
        selected = [(header[1 + 2 * i], header[2 + 2 * i]) for i in range(header[0])]
        plan, units = _plan_scan(stream, selected)
    except (IndexError, KeyError) as error:
        raise ValueError("its scan names a table or component that it does not have") from error
    # Bytes of FF in front of a marker fill the space (B.1.1.2).
    parts = _RESTART.split(coded.rstrip(b"\xff"))
    numbers = [marker[0] & 7 for marker in parts[1::2]]
    interval = stream.restart or units
    if numbers != [index & 7 for index in range(-(-units // interval) - 1)]:
        raise ValueError("the restart markers of a scan are not those of its size")
    for part in parts[::2]:
        count = min(interval, units)
        try:
            _follow_part(part.replace(b"\xff\x00", b"\xff"), count, plan)
        except IndexError:
            raise ValueError("it ends inside of a block of pixels") from None
        units -= count


def _plan_scan(stream: _JpegStream, selected: list[tuple[int, int]]) -> tuple[list[Block], int]:
    """Return the blocks of a unit in their order, and how many units a scan has (A.2)."""
    most_across = max(one.across for one in stream.components.values())
    most_down = max(one.down for one in stream.components.values())
    alone = len(selected) == 1
    plan = []
    # A.3.1, A.3.3: samples are shifted to signs; the first coefficient is eight times their mean.
    largest = 8 << (stream.precision - 1)
    for index, (name, tables) in enumerate(selected):
        one = stream.components[name]
        quantization = stream.quantizations[one.quantization]
        least = max(min(quantization[1:]), 1)
        first = dc_entries(stream.codes[tables >> 4])
        most_bits = int(_MOST_AC * largest / least + 1).bit_length()
        single, joined = ac_entries(stream.codes[0x10 | tables & 15], most_bits)
        block = (index, first, single, joined, largest // max(quantization[0], 1) + 1)
        plan += [block] * (1 if alone else one.across * one.down)
    if alone:
        one = stream.components[selected[0][0]]
        columns = -(-stream.columns * one.across // most_across)
        rows = -(-stream.rows * one.down // most_down)
        return plan, -(-columns // 8) * -(-rows // 8)
    across = -(-stream.columns // (8 * most_across))
    return plan, across * -(-stream.rows // (8 * most_down))


def _follow_part(part: bytes, units: int, plan: list[Block]) -> None:
    """Follow the codes of one interval (F.2.2)."""
    octets = np.frombuffer(part + b"\xff\xff", np.uint8).astype(np.int64)
    # 24 bits from each byte on: 16 at any bit of it, and a little more.
    words: list[int] = ((octets[:-2] << 16) | (octets[1:-1] << 8) | octets[2:]).tolist()
    at, means = 0, [0] * len(plan)
    for _ in range(units):
        for index, first, single, joined, largest in plan:
            length, size = first[words[at >> 3] >> (8 - (at & 7)) & 0xFFFF]
            if not length or size > 15:
                raise ValueError("a first coefficient has a code that its table does not have")
            at += length
            if size:
                bits = words[at >> 3] >> (24 - size - (at & 7)) & ((1 << size) - 1)
                at += size
                # F.1.2.1: negative differences begin with a 0, and are less one.
                means[index] += bits if bits >> (size - 1) else bits - (1 << size) + 1
                if not -largest <= means[index] <= largest:
                    raise ValueError("a block is brighter than white or darker than black")
            at = _follow_block(words, at, single, joined)
    left = 8 * len(part) - at
    if not 0 <= left < 8:
        raise ValueError(f"{left} bits are left behind the last block of a scan")
    # F.1.2.3: 1-bits fill the last byte; some encoders take 0.
    if left and (part[-1] & ((1 << left) - 1)) not in {0, (1 << left) - 1}:
        raise ValueError("the bits behind the last block of a scan fill no byte")


def _follow_block(words: list[int], at: int, single: Entries, joined: Entries) -> int:
    """Follow the coefficients of a block behind the first, and return the bit behind them."""
    position, last = 1, 0
    while position < 64:
        word = words[at >> 3] >> (8 - (at & 7)) & 0xFFFF
        nbits, steps, kind = joined[word]
        if last == ZEROS or not nbits or position + steps + kind > 64:
            # One by one: the block may end in between.
            nbits, steps, kind = single[word]
            if not nbits or (kind == END and last == ZEROS):
                raise ValueError("a coefficient has a code that no encoder writes")
        at += nbits
        if kind == END:
            return at
        position += steps
        last = kind
    if position > 64 or last == ZEROS:
        raise ValueError("a block has more than 64 coefficients")
    return at
