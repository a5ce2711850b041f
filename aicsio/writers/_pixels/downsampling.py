"""Smaller levels of an image: their sizes, their number and their averaged pixels, as pure functions.

Rule kept here: a pixel of level ``k`` covers a square of ``2**k`` pixels of the full resolution,
less at the right and lower edge. Its mean is taken over all of them and rounded once, not level by
level.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import Scratch
from aicsio.errors import WriteError
from aicsio.records import DType
from aicsio.writers._pixels import wide_sums

Array: TypeAlias = npt.NDArray[Any]


def size_at(level: int, size: int) -> int:
    """Return the pixels of a level along an axis of ``size`` pixels.

    A part of a pixel counts as one.
    """
    # A right shift rounds down; of the negative size it rounds up.
    return -(-size >> level) if level else size


def levels_to_fit(height: int, width: int, tile: tuple[int, int]) -> int:
    """Return the number of levels, full resolution included, up to the first that fits into a tile."""
    level = 0
    while size_at(level, height) > tile[0] or size_at(level, width) > tile[1]:
        level += 1
    return level + 1


def most_levels(height: int, width: int) -> int:
    """Return the largest possible number of levels, full resolution included."""
    # The smallest is one pixel. 4**16 pixels of 32 bits are the most whose sum fits 64 bits.
    return min((max(height, width) - 1).bit_length(), 16) + 1


@attrs.frozen
class Coverage:
    """How many pixels of the full resolution each pixel of a tile covers."""

    level: int
    """Level of the tile."""
    rows: int
    """Rows of the full resolution from the first row of the tile to the lower edge of the image."""
    columns: int
    """Columns of the full resolution from the first column of the tile to the right edge."""

    def counts(self, shape: tuple[int, ...]) -> Array | None:
        """Return the numbers for (rows, columns, samples), broadcastable.

        ``None`` where all squares are full.
        """
        per_row = self._along(self.rows, shape[0])
        per_column = self._along(self.columns, shape[1])
        if per_row is None and per_column is None:
            return None
        full = np.array([1 << self.level])
        rows = full if per_row is None else per_row
        columns = full if per_column is None else per_column
        # (rows, 1, 1) times (columns, 1) gives (rows, columns, 1), for all samples alike.
        product: Array = rows[:, None, None] * columns[:, None]
        return product

    def _along(self, available: int, count: int) -> Array | None:
        """Return positions that each of ``count`` pixels covers along an axis.

        ``None`` if all are full.
        """
        side = 1 << self.level
        if available >= side * count:
            return None
        # Only the last one covers fewer: those that are left before the edge.
        return np.minimum(available - side * np.arange(count), side)


@attrs.frozen(eq=False)
class Pooling:
    """One way to compute a pixel from many.

    A tile is passed from level to level as a state, such as sums, from which its pixels are
    computed. The results of ``halve`` and ``finish`` are valid until the thread calls the function
    again with the same buffers.
    """

    state: Callable[[DType, int], DType]
    """Type of the state, for a type of pixels and a number of smaller levels."""
    halve: Callable[[Array, DType, int, Scratch], Array]
    """State of a level, of half the height and width, from pixels or from the state before; its
    type may be narrower than that of the state."""
    finish: Callable[[Array, DType, Coverage, Scratch], Array]
    """Pixels of a state."""


# ---------------------------------------------------------------- mean


def _sum_type(dtype: DType, smaller_levels: int) -> DType:
    """Return a type that no sum overflows."""
    if dtype.kind in "iu":
        bits_needed = 8 * dtype.itemsize + 2 * smaller_levels  # each level sums four values
        bits = next((bits for bits in (16, 32, 64) if bits >= bits_needed), None)
        return wide_sums.state_type(dtype) if bits is None else np.dtype(f"{dtype.kind}{bits // 8}")
    return np.dtype("c16" if dtype.kind == "c" else "f8")


def _allocate(scratch: Scratch, name: str, shape: tuple[int, ...], dtype: DType) -> Array:
    """Return memory that the thread has used before.

    Page faults of fresh memory take longer than the sums.
    """
    pixels: Array = scratch.take(name, math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)
    return pixels


def _sums(block: Array, wide: DType, level: int, scratch: Scratch) -> Array:
    """Add up squares of two by two pixels; missing pixels at an odd edge add nothing."""
    if wide.names is not None:
        return wide_sums.add_squares(block, wide, scratch)
    block = _make_even(block, "constant")
    widens = block.dtype.kind == "u" and block.dtype.itemsize < wide.itemsize
    if widens and block.shape[2] == 1 and level <= _MOST_WORD_LEVEL:
        plane = block[..., 0]
        # Two pixels are a word only where they lie side by side in memory.
        if plane.strides[1] == plane.itemsize:
            sums = None if plane.dtype.str[0] == ">" else _sum_narrow(plane, level, scratch)
            return (_sum_words(plane, scratch) if sums is None else sums)[..., None]
    if widens and int(block.max()) <= _largest_narrow(block.dtype, level):
        # Small values need no wider type: their sums take less memory.
        wide = block.dtype
    height, width, samples = block.shape
    row_sums = _allocate(scratch, "rows", (height // 2, width, samples), wide)
    np.add(block[0::2], block[1::2], out=row_sums, dtype=wide)
    sums = _allocate(scratch, "sums", (height // 2, width // 2, samples), wide)
    # numpy's inner loop would run over the samples, three at a time; sample by sample it runs over
    # a row.
    for sample in range(samples):
        np.add(row_sums[:, 0::2, sample], row_sums[:, 1::2, sample], out=sums[..., sample])
    return sums


_MOST_WORD_LEVEL = 7
"""Sums of four bytes in 16 bits leave room for half of 4**7, which rounding adds."""
_STRIP_BYTES = 256 << 10
"""Rows that are summed at once: with two buffers of their size they fit a cache of 1 MiB."""


@functools.cache
def _largest_narrow(dtype: DType, level: int) -> int:
    """Return the largest value of which four, and what rounding adds, fit the same type."""
    half = 4**level // 2
    largest: int = (int(np.iinfo(dtype).max) - half) // 4
    return largest


def _sum_narrow(block: Array, level: int, scratch: Scratch) -> Array | None:
    """Add up squares of (rows, columns) in the type of the pixels; ``None`` where a sum may not fit it.

    Cameras of 12 bits: sums of four fit 16 bits. Neighbours are added in one run over all rows: where the
    inner loop of numpy is one row of 1024 pixels, its start takes longer than the row. So every second sum is
    thrown away, which takes less time: 0.12 ns a pixel in place of 0.16.
    """
    height, width = block.shape
    limit, word = _largest_narrow(block.dtype, level), _word_of(block).newbyteorder("<")
    sums = _allocate(scratch, "sums", (height // 2, width // 2), block.dtype)
    rows = _strip_rows(block)
    pairs = _allocate(scratch, "rows", (min(rows, height), width), block.dtype)
    for top in range(0, height, rows):
        strip = block[top : top + rows]
        if int(strip.max()) > limit:
            return None
        part = pairs[: len(strip)]
        run = part.reshape(-1)[:-width]
        if strip.flags.c_contiguous:
            pixels = strip.reshape(-1)
            np.add(pixels[:-width], pixels[width:], out=run)
        else:
            np.add(strip[0::2], strip[1::2], out=part[0::2])
        np.add(run[:-1], run[1:], out=run[:-1])
        # The lower half of a little-endian word is its first pixel, where the sum lies.
        out = sums[top // 2 : (top + rows) // 2]
        np.copyto(out, part.view(word)[0::2], casting="unsafe")
    return sums


def _sum_words(block: Array, scratch: Scratch) -> Array:
    """Add up squares of (rows, columns) in words of twice the bits, either half of a word first."""
    height, width = block.shape
    bits, word, rows = 8 * block.itemsize, _word_of(block), _strip_rows(block)
    sums = _allocate(scratch, "sums", (height // 2, width // 2), word)
    shape = min(rows, height), width // 2
    lower, upper = (_allocate(scratch, name, shape, word) for name in ("rows", "upper"))
    for top in range(0, height, rows):
        words = block[top : top + rows].view(word)
        pairs, others = lower[: len(words)], upper[: len(words)]
        np.bitwise_and(words, word.type((1 << bits) - 1), out=pairs)
        np.right_shift(words, word.type(bits), out=others)
        np.add(pairs, others, out=pairs)
        np.add(pairs[0::2], pairs[1::2], out=sums[top // 2 : (top + rows) // 2])
    return sums


def _word_of(block: Array) -> DType:
    """Return the unsigned type of two pixels, in their order of bytes."""
    return np.dtype(f"u{2 * block.itemsize}").newbyteorder(block.dtype.byteorder)


def _strip_rows(block: Array) -> int:
    """Return an even number of rows."""
    row_bytes: int = block[0].nbytes
    return max(1, _STRIP_BYTES // row_bytes // 2) * 2


def _mean(sums: Array, dtype: DType, coverage: Coverage, scratch: Scratch) -> Array:
    """Divide, and round halves to even."""
    counts = coverage.counts(sums.shape)
    if sums.dtype.names is not None:
        return wide_sums.mean(sums, 4**coverage.level if counts is None else counts)
    if dtype.kind not in "iu":
        means: Array = sums / (4.0**coverage.level if counts is None else counts)
        return means.astype(dtype)
    pixels = _shift_rounded(sums, dtype, 2 * coverage.level, scratch)
    if counts is None:
        return pixels
    counts = np.broadcast_to(counts, sums.shape)
    # Sizes of levels are rounded up: all but the last row and the last column cover full squares.
    whole, last = slice(None), slice(-1, None)
    for edge in ((last, whole), (whole, last)):
        pixels[edge] = _divide_rounded(sums[edge], counts[edge])
    return pixels


def _divide_rounded(sums: Array, counts: Array) -> Array:
    wide = np.dtype(f"{sums.dtype.kind}8")
    quotient, remainder = np.divmod(sums.astype(wide), counts.astype(wide))
    remainder += remainder  # it is below 2**32, so twice it fits 64 bits
    # Halves go to even: up from an odd quotient alone.
    is_half = remainder == counts
    quotient += (remainder > counts) | (is_half & (quotient & 1).astype(bool))
    return quotient


def _shift_rounded(sums: Array, dtype: DType, bits: int, scratch: Scratch) -> Array:
    """Divide by ``2**bits``, halves to even.

    Add half less one, and one more where the quotient is odd.
    """
    shift, one = sums.dtype.type(bits), sums.dtype.type(1)
    half_less_one = sums.dtype.type((1 << bits - 1) - 1)
    pixels = _allocate(scratch, "pixels", sums.shape, dtype)
    rows = max(1, _STRIP_BYTES // sums[0].nbytes)
    buffer = _allocate(scratch, "rounded", sums[:rows].shape, sums.dtype)
    for top in range(0, len(sums), rows):
        strip = sums[top : top + rows]
        rounded = buffer[: len(strip)]
        np.right_shift(strip, shift, out=rounded)
        # The last bit of the quotient: 1 where it is odd.
        rounded &= one
        rounded += strip
        rounded += half_less_one
        # A mean lies between its pixels, so it fits their type.
        np.right_shift(rounded, shift, out=pixels[top : top + rows], casting="unsafe")
    return pixels


# ---------------------------------------------------------------- mode, nearest


def _same_type(dtype: DType, smaller_levels: int) -> DType:  # noqa: ARG001 - one signature for all
    return dtype


def _first(block: Array, wide: DType, level: int, scratch: Scratch) -> Array:  # noqa: ARG001
    return block[0::2, 0::2].copy()


def _most_frequent(block: Array, wide: DType, level: int, scratch: Scratch) -> Array:  # noqa: ARG001
    """Return the most frequent value of two by two.

    Of equally frequent ones, and at an odd edge, the first.
    """
    block = _make_even(block, "edge")
    # Upper left, upper right, lower left and lower right pixel of each square.
    a, b, c, d = block[0::2, 0::2], block[0::2, 1::2], block[1::2, 0::2], block[1::2, 1::2]
    first_repeats = _equal(a, b) | _equal(a, c) | _equal(a, d)
    second_repeats = _equal(b, c) | _equal(b, d)
    third_or_first = np.where(_equal(c, d), c, a)
    return np.where(first_repeats, a, np.where(second_repeats, b, third_or_first))


def _equal(one: Array, other: Array) -> Array:
    # Samples of a pixel belong together: a colour is one value.
    equal: Array = (one == other).all(axis=-1, keepdims=True)
    return equal


def _unchanged(state: Array, dtype: DType, coverage: Coverage, scratch: Scratch) -> Array:  # noqa: ARG001
    return state


def _make_even(block: Array, mode: str) -> Array:
    """Pad an odd number of rows or columns by one."""
    odd = block.shape[0] % 2, block.shape[1] % 2
    if not any(odd):
        return block
    padded: Array = _pad(mode)(block, ((0, odd[0]), (0, odd[1]), (0, 0)))
    return padded


def _pad(mode: str) -> Callable[..., Array]:
    return functools.partial(np.pad, mode=mode)


POOLINGS: Mapping[str, Pooling] = {
    "mean": Pooling(_sum_type, _sums, _mean),
    "mode": Pooling(_same_type, _most_frequent, _unchanged),
    "nearest": Pooling(_same_type, _first, _unchanged),
}


def choose_pooling(requested: str, dtype: DType, *, indexed: bool) -> str:
    """Return the key of ``POOLINGS`` for the option ``downsample``.

    Parameters
    ----------
    requested
        The option; ``"auto"`` chooses by the pixels.
    dtype
        Type of the pixels.
    indexed
        Whether the pixels are indices of a colour map. An index is a name, no intensity: between
        two indices lies another colour.

    Raises
    ------
    WriteError
        When the mean of indices is requested.
    """
    if requested == "auto":
        return "mode" if indexed or dtype.kind == "b" else "mean"
    if indexed and requested == "mean":
        raise WriteError(
            "downsample='mean': these pixels are indices of colours, which have no mean: choose "
            "'mode' or 'nearest'"
        )
    return requested
