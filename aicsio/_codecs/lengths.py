"""Lengths of decoded runs, counted without a limit: what a strict check compares with the pixels.

Decoders stop when all pixels are there, and so pass over damage that makes a run longer. LZW and
PackBits have no checksum, but a flipped bit often changes the length, or makes LZW add a string that
its table has already.

Rule kept here: a run that cannot be followed has the length -1, and no memory outside of it is read.

Source of the facts: TIFF 6.0 (Adobe, 1992), sections 9 and 13.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs.buffers import Data, as_octets, imagecodecs
from aicsio.records import Codec
from aicsio.records.pieces import DType

_CLEAR: Final = 256
_END: Final = 257
_FIRST: Final = 258
"""First code of the table of strings."""
_MOST_CODES: Final = 4096 - _FIRST
"""Strings that a table of 12 bits takes; encoders clear it before it is full."""
# Section 13: "as soon as we add table entry 511, we switch to 10-bit codes", and so on; each code adds
# one entry, the first of them 258.
_WIDTHS: Final = np.repeat(
    [9, 10, 11, 12], [512 - _FIRST, 512, 1024, _MOST_CODES + 2 - (2048 - _FIRST)]
).astype(np.int64)
_OLD_WIDTHS: Final = np.repeat(
    [9, 10, 11, 12], [513 - _FIRST, 512, 1024, _MOST_CODES + 1 - (2048 - _FIRST)]
).astype(np.int64)
"""Widths of writers before TIFF 6.0, which change them one code later (``tif_lzw.c`` of libtiff)."""


@attrs.define(eq=False, repr=False)
class _Order:
    """How the codes of a run lie in its bytes. Not a record: it holds tables."""

    widths: npt.NDArray[np.int64]
    """Bits of the codes of one table, from the code behind a clear code on."""
    starts: npt.NDArray[np.int64]
    """Their bit offsets, and the end of the last."""
    low_first: bool
    """Whether codes begin with the lowest bit of a byte, as those of GIF do."""


_NEW: Final = _Order(_WIDTHS, np.concatenate([[0], np.cumsum(_WIDTHS)]), low_first=False)
_OLD: Final = _Order(_OLD_WIDTHS, np.concatenate([[0], np.cumsum(_OLD_WIDTHS)]), low_first=True)


def measure_lzw(data: Data) -> int | None:
    """Return the length of a run of LZW, clear code by clear code.

    Parameters
    ----------
    data
        A strip or tile.

    Returns
    -------
    int or None
        Bytes of the decoded run; -1 for codes that no encoder writes. ``None`` where a writer before
        TIFF 6.0 filled its table: how they went on differs.
    """
    octets = as_octets(data)
    # The clear code in the bit order of writers before TIFF 6.0; libtiff distinguishes them by it, too.
    order = _OLD if len(octets) >= 2 and octets[0] == 0 and octets[1] & 1 else _NEW
    # Three bytes hold a code of 12 bits at any offset.
    padded = np.concatenate([octets, np.zeros(3, np.uint8)]).astype(np.int64)
    first, second, third = padded[:-2], padded[1:-1], padded[2:]
    if order.low_first:
        first, third = third, first
    words = (first << 16) | (second << 8) | third
    total, bit, bits = 0, 0, 8 * len(octets)
    while True:
        codes = _read_codes(words, bit, bits, order)
        stops = np.flatnonzero((codes == _CLEAR) | (codes == _END))
        # Some writers leave out the end code, or write it a bit too short behind entry 511.
        stop = int(stops[0]) if len(stops) else len(codes)
        if order.low_first and stop > _MOST_CODES:
            return None
        length = _sum_lengths(codes[:stop])
        if length is None:
            return -1
        total += length
        if stop == len(codes) or codes[stop] == _END:
            return total
        bit += int(order.starts[stop + 1])


def _read_codes(
    words: npt.NDArray[np.int64], bit: int, bits: int, order: _Order
) -> npt.NDArray[np.int64]:
    """Return the codes from a bit on, as if no clear code came before the table is full."""
    starts = bit + order.starts[:-1]
    inside = starts + order.widths <= bits
    starts, widths = starts[inside], order.widths[inside]
    unused = starts & 7 if order.low_first else 24 - (starts & 7) - widths
    found: npt.NDArray[np.int64] = words[starts >> 3] >> unused
    return found & ((1 << widths) - 1)


def _sum_lengths(codes: npt.NDArray[np.int64]) -> int | None:
    """Return the length of all strings of one table; ``None`` if no encoder makes these codes."""
    count = len(codes)
    if not count:
        return 0
    # String i is code i and one more byte; the code behind it may name it already.
    if codes[0] >= _CLEAR or np.any(codes - _FIRST >= np.arange(count)):
        return None
    is_string = codes >= _FIRST
    parents = np.where(is_string, codes - _FIRST, np.arange(count))
    steps = is_string.astype(np.int64)
    # Each round doubles the way that is walked: twelve rounds reach the end of 4096 strings.
    while np.any(steps[parents] != 0):
        steps = steps + np.where(parents != np.arange(count), steps[parents], 0)
        parents = np.where(parents != np.arange(count), parents[parents], parents)
    # An encoder takes the longest string that it has: one that adds a string twice does not exist.
    added = codes[:-1] * 256 + codes[parents[1:]]
    if len(np.unique(added)) < len(added):
        return None
    return count + int(steps.sum())


def measure_packbits(data: Data) -> int:
    """Return the length of a run of PackBits.

    Parameters
    ----------
    data
        A strip or tile.

    Returns
    -------
    int
        Bytes of the decoded run; -1 where the run ends within a packet.
    """
    octets: Any = bytes(as_octets(data))
    total, at, size = 0, 0, len(octets)
    while at < size:
        head = octets[at]
        if head == 128:  # no operation
            at += 1
        elif head < 128:
            total += head + 1
            at += head + 2
        else:
            total += 257 - head
            at += 2
    return total if at == size else -1


def has_length(codecs: tuple[Codec, ...]) -> bool:
    """Whether a chain of codecs begins with one whose length can be measured and is known.

    Parameters
    ----------
    codecs
        Of the piece.

    Returns
    -------
    bool
        False for codecs that check themselves.
    """
    chain = _skip_bit_order(codecs)
    return bool(chain) and chain[0].name in _MEASURES and _KEPT.issuperset(_names(chain[1:]))


def find_wrong_length(
    codecs: tuple[Codec, ...],
    data: Data,
    shape: tuple[int, ...],
    dtype: DType,
    *,
    last: bool = True,
) -> str | None:
    """Compare the length of a run with the pixels that it must hold.

    Parameters
    ----------
    codecs, shape, dtype
        Of the piece.
    data
        Its bytes.
    last
        Whether these are the last rows of a page, which may have more than the page has.

    Returns
    -------
    str or None
        The fault in words; ``None`` if there is none, or ``has_length`` is false.
    """
    if not has_length(codecs):
        return None
    chain = _skip_bit_order(codecs)
    if len(chain) < len(codecs):
        data = imagecodecs().bitorder_decode(as_octets(data))
    expected, row = _count_stored(chain[1:], shape, dtype)
    found = _MEASURES[chain[0].name](data)
    # Some writers fill the last strip of a page with whole rows that the page does not have.
    is_filled = last and found is not None and found > expected and (found - expected) % row == 0
    if found is None or found == expected or is_filled:
        return None
    if found < 0:
        return f"{chain[0].name} codes that no encoder writes"
    return f"expected {expected} bytes of decoded {chain[0].name}, found {found}"


def _skip_bit_order(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    return codecs[1:] if codecs and codecs[0].name == "bitorder" else codecs


def _names(codecs: tuple[Codec, ...]) -> set[str]:
    return {codec.name for codec in codecs}


def _count_stored(
    codecs: tuple[Codec, ...], shape: tuple[int, ...], dtype: DType
) -> tuple[int, int]:
    """Return the bytes of a run before these codecs, and those of one row of pixels."""
    count = math.prod(shape)
    sizes = [size for size in shape if size > 1]
    in_row = math.prod(sizes[1:] if len(sizes) > 1 else sizes)
    for codec in codecs:
        options: dict[str, Any] = dict(codec.parameters)
        if codec.name == "packints":
            # Each row begins with a new byte.
            row = -(-options["run"] * options["bits"] // 8)
            return count // options["run"] * row, row
        if codec.name == "ycbcr":
            columns, rows = options["subsampling"]
            height, width = shape[-3:-1]
            row = -(-width // columns) * (columns * rows + 2)
            return -(-height // rows) * row, row
    return count * dtype.itemsize, in_row * dtype.itemsize


_KEPT: Final = frozenset({"delta", "floatpred", "packints", "ycbcr"})
"""Codecs behind a run that need a known number of its bytes."""
_MEASURES: Final[Mapping[str, Callable[[Data], int | None]]] = MappingProxyType(
    {"lzw": measure_lzw, "packbits": measure_packbits}
)
