"""The packets of a JPEG XR codestream, as its headers and its index table place them.

Rule kept here: what the standard does not let a decoder look up is refused; nothing is decoded.

Source of the facts: ITU-T T.832 (2019), 8.3 (headers, index table, tiles) and annex A (container).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

SIGNATURE: Final = b"WMPHOTO\0"
START_CODE: Final = b"\0\0\1"
"""First bytes of each packet (8.5.1); one more byte may be anything."""
HEADER_NBYTES: Final = 4
"""Bytes of a packet in front of its coefficients."""
MACROBLOCK: Final = 16
"""Pixels of its side."""
_YUV: Final = frozenset({1, 2, 3})
"""Colours whose chroma may be subsampled: 4:2:0, 4:2:2 and 4:4:4 (8.4.1)."""
_SUBSAMPLED: Final = frozenset({1, 2})
_COMPONENTS: Final[Mapping[int, int]] = MappingProxyType({0: 1, 1: 3, 2: 3, 3: 3, 4: 4, 5: 4})
"""Components of each format of colours that does not state them."""
_NCOMPONENT: Final = 6
_MANY: Final = 15
"""More components than this are stated by the next field, too (8.4.5)."""
_SHIFTED: Final = frozenset({2, 3, 5, 6})
"""Depths of whole numbers of 16 or 32 bits, which have a field for their shift (8.4.7)."""
_FLOAT32: Final = 7
ALL_BANDS: Final = 4
"""The bands: first, low, high, and the low bits of the high one."""
_DC_ONLY: Final = 3
_NO_HIGHPASS: Final = 2
_MIXED_QUANTIZERS: Final = 1
_ESCAPED: Final = 0xFD
"""First byte of a length that stands for no packet (8.2.5)."""
_WORD: Final = 0xFB
"""First byte of a length of four bytes."""


class _HeaderFields:
    """Reads fields from the highest bit of each byte on. Not a record: it moves."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._bit = 8 * at

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        end = self._bit + count
        part = self._data[self._bit >> 3 : -(-end >> 3)]
        if 8 * len(self._data) < end:
            raise ValueError("its headers end beyond the codestream")
        value = int.from_bytes(part) >> (-end & 7) & ((1 << count) - 1)
        self._bit = end
        return value

    def align(self) -> int:
        """Go to the next whole byte, and return its index."""
        self._bit = -(-self._bit // 8) * 8
        return self._bit >> 3


@attrs.frozen
class JpegxrLayout:
    """Where the headers and packets of a codestream lie."""

    sizes: tuple[int, int]
    """Columns and rows."""
    sizes_at: int
    """Offset of the fields of the sizes, less one each."""
    size_nbytes: int
    """Bytes of each of them."""
    is_trimmed: bool
    """Whether low bits are left out, in front of whose packets jxrlib disagrees with itself."""
    is_plain: bool
    """Whether it is one tile of one plane with all bands and no subsampled chroma, shown to its edges."""
    table_at: int | None
    """Offset of the index table; ``None`` if there is none, and so one packet."""
    table_end: int
    """Offset behind the table."""
    packets_at: int
    """Offset of the coded tiles, from which the table counts."""
    starts: tuple[int | None, ...]
    """Offset of each packet from there; ``None`` for a band without one."""

    def packets(self, nbytes: int) -> dict[int, int]:
        """Return the ends of packets by their starts, for a codestream of so many bytes."""
        starts = sorted({start for start in self.starts if start is not None})
        return dict(zip(starts, [*starts[1:], nbytes - self.packets_at], strict=True))


def read_layout(coded: bytes) -> JpegxrLayout:
    """Read the headers of a codestream.

    Parameters
    ----------
    coded
        The codestream, with no container around.

    Returns
    -------
    JpegxrLayout
        The places of its packets.

    Raises
    ------
    ValueError
        When it is no codestream, or its headers or packets end beyond it.
    """
    if coded[:8] != SIGNATURE:
        raise ValueError("no codestream lies where its container places it")
    bits = _HeaderFields(coded, 9)
    tiled, by_frequency = bits.take(1), bits.take(1)
    bits.take(3)
    has_table, _ = bits.take(1), bits.take(2)
    is_short, _, is_windowed, is_trimmed = (bits.take(1) for _ in range(4))
    bits.take(3)
    has_alpha, _, depth = bits.take(1), bits.take(4), bits.take(4)
    sizes_at, size_nbytes = bits.align(), 2 if is_short else 4
    columns, rows = (bits.take(8 * size_nbytes) + 1 for _ in range(2))
    tiles = _skip_tiles(bits, 8 if is_short else 16) if tiled else 1
    bits.take(24 * is_windowed)
    bands, color = _skip_plane(bits, depth)
    if has_alpha:
        _skip_plane(bits, depth)
    table_end = table_at = bits.align()
    starts: Sequence[int | None] = (0,)
    if has_table:
        starts = _read_table(bits, tiles * (bands if by_frequency else 1), len(coded))
        table_end = bits.align()
    elif tiles > 1 or by_frequency:
        raise ValueError("it has many packets and no index table")
    more = _read_length(bits)
    packets_at = bits.align() + (more or 0)
    is_odd = is_windowed or is_trimmed or has_alpha or color in _SUBSAMPLED
    is_plain = tiles == 1 and bands == ALL_BANDS and not is_odd
    if any(start is not None and packets_at + start >= len(coded) for start in starts):
        raise ValueError("a packet of its index table lies beyond the codestream")
    return JpegxrLayout(
        sizes=(columns, rows),
        sizes_at=sizes_at,
        size_nbytes=size_nbytes,
        is_trimmed=bool(is_trimmed),
        is_plain=is_plain,
        table_at=table_at if has_table else None,
        table_end=table_end,
        packets_at=packets_at,
        starts=tuple(starts),
    )


def _skip_tiles(bits: _HeaderFields, width: int) -> int:
    """Pass the sizes of tiles, and return how many there are."""
    across, down = bits.take(12) + 1, bits.take(12) + 1
    bits.take(width * (across + down - 2))
    return across * down


def _skip_plane(bits: _HeaderFields, depth: int) -> tuple[int, int]:
    """Pass the header of an image plane (8.4), and return its number of bands and its colours."""
    color, _, absent = bits.take(3), bits.take(1), bits.take(4)
    components = _COMPONENTS.get(color, 1)
    if color in _YUV:
        bits.take(8)
    elif color == _NCOMPONENT:
        components = bits.take(4) + 1
        if components > _MANY:
            components += bits.take(12)
        else:
            bits.take(4)
    if depth in _SHIFTED:
        bits.take(8)
    elif depth == _FLOAT32:
        bits.take(16)
    if bits.take(1):
        _skip_quantizers(bits, components)
    for last in (_DC_ONLY, _NO_HIGHPASS):
        # First bit: the band takes the quantizers of the one before; second: it has one set for all
        # tiles.
        if absent < last and not bits.take(1) and bits.take(1):
            _skip_quantizers(bits, components)
    bits.align()
    return ALL_BANDS - min(absent, _DC_ONLY), color


def _skip_quantizers(bits: _HeaderFields, components: int) -> None:
    mode = bits.take(2) if components > 1 else 0
    count = {0: 1, _MIXED_QUANTIZERS: 2}.get(mode, components)
    bits.take(8 * count)


def _read_table(bits: _HeaderFields, count: int, nbytes: int) -> list[int | None]:
    if bits.take(16) != 1:
        raise ValueError("its index table does not begin with 1")
    if count > nbytes:
        raise ValueError(f"its index table claims {count} packets in {nbytes} bytes")
    return [_read_length(bits) for _ in range(count)]


def _read_length(bits: _HeaderFields) -> int | None:
    """Read a number of two, four or eight bytes (8.2.5); ``None`` for one that stands for nothing."""
    first = bits.take(8)
    if first >= _ESCAPED:
        return None
    if first < _WORD:
        return first << 8 | bits.take(8)
    return bits.take(32 if first == _WORD else 64)
