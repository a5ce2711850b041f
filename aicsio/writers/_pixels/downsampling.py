"""Smaller levels of an image: their sizes, their number and their pixels, as pure functions.

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

Array: TypeAlias = npt.NDArray[Any]


def size_at(level: int, size: int) -> int:
    """Return the pixels of a level along an axis of ``size`` pixels.

    A part of a pixel counts as one.
    """
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
        product: Array = rows[:, None, None] * columns[:, None]
        return product

    def _along(self, available: int, count: int) -> Array | None:
        """Return positions that each of ``count`` pixels covers along an axis.

        ``None`` if all are full.
        """
        side = 1 << self.level
        if available >= side * count:
            return None
        return np.minimum(available - side * np.arange(count), side)


@attrs.frozen(eq=False)
class Pooling:
    """One way to compute a pixel from many.

    A tile is passed from level to level as a state, such as sums, from which its pixels are
    computed. The results of ``halve`` and ``finish`` are valid until the thread calls the function
    again.
    """

    state: Callable[[DType, int], DType]
    """Type of the state, for a type of pixels and a number of smaller levels."""
    halve: Callable[[Array, DType, Scratch], Array]
    """State of half the height and width from pixels or from the state before; its type may be
    narrower."""
    finish: Callable[[Array, DType, Coverage, Scratch], Array]
    """Pixels of a state."""


# ---------------------------------------------------------------- mean


def _sum_type(dtype: DType, smaller_levels: int) -> DType:
    """Return a type that no sum overflows."""
    if dtype.kind in "iu":
        bits_needed = 8 * dtype.itemsize + 2 * smaller_levels  # each level sums four values
        bits = next((bits for bits in (16, 32, 64) if bits >= bits_needed), 64)
        return np.dtype(f"{dtype.kind}{bits // 8}")
    return np.dtype("c16" if dtype.kind == "c" else "f8")


def _allocate(scratch: Scratch, name: str, shape: tuple[int, ...], dtype: DType) -> Array:
    """Return memory that the thread has used before.

    Page faults of fresh memory take longer than the sums.
    """
    pixels: Array = scratch.take(name, math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)
    return pixels


def _sums(block: Array, wide: DType, scratch: Scratch) -> Array:
    """Add up squares of two by two pixels; missing pixels at an odd edge add nothing."""
    block = _make_even(block, "constant")
    narrow = block.dtype.kind == "u" and block.dtype.itemsize < wide.itemsize
    if narrow and block.max() <= np.iinfo(block.dtype).max // 4:
        # Cameras of 12 bits: sums of four still fit 16 bits and take half the time.
        wide = block.dtype
    height, width, samples = block.shape
    row_sums = _allocate(scratch, "rows", (height // 2, width, samples), wide)
    np.add(block[0::2], block[1::2], out=row_sums, dtype=wide)
    if samples == 1 and wide == np.uint16:
        return _sum_pairs(row_sums, scratch)
    sums = _allocate(scratch, "sums", (height // 2, width // 2, samples), wide)
    # numpy's inner loop would run over the samples, three at a time; sample by sample it runs over
    # a row.
    for sample in range(samples):
        np.add(row_sums[:, 0::2, sample], row_sums[:, 1::2, sample], out=sums[..., sample])
    return sums


def _sum_pairs(row_sums: Array, scratch: Scratch) -> Array:
    """Add up pairs of neighbours as halves of 32-bit words, either half first.

    Whole words take 0.4 ns a pair, every second of 16 bits takes 0.9.
    """
    height, width, _ = row_sums.shape
    words = row_sums.reshape(height, width).view(np.uint32)
    sums = _allocate(scratch, "sums", words.shape, np.dtype(np.uint32))
    np.bitwise_and(words, np.uint32(0xFFFF), out=sums)
    np.right_shift(words, np.uint32(16), out=words)
    np.add(sums, words, out=sums)
    return sums[..., None]


def _mean(sums: Array, dtype: DType, coverage: Coverage, scratch: Scratch) -> Array:
    """Divide, and round halves to even."""
    counts = coverage.counts(sums.shape)
    if dtype.kind not in "iu":
        means: Array = sums / (4.0**coverage.level if counts is None else counts)
        return means.astype(dtype)
    if counts is None:
        return _shift_rounded(sums, dtype, 2 * coverage.level, scratch)
    counts = counts.astype(sums.dtype)
    quotient, remainder = np.divmod(sums, counts)
    remainder += remainder  # it is below 2**32, so twice it fits 64 bits
    is_half = remainder == counts
    quotient += (remainder > counts) | (is_half & (quotient & 1).astype(bool))
    return quotient.astype(dtype)


def _shift_rounded(sums: Array, dtype: DType, bits: int, scratch: Scratch) -> Array:
    """Divide by ``2**bits``, halves to even.

    Add half less one, and one more where the quotient is odd.
    """
    shift = sums.dtype.type(bits)
    rounded = _allocate(scratch, "rounded", sums.shape, sums.dtype)
    np.right_shift(sums, shift, out=rounded)
    rounded &= sums.dtype.type(1)
    rounded += sums
    rounded += sums.dtype.type((1 << bits - 1) - 1)
    pixels = _allocate(scratch, "pixels", sums.shape, dtype)
    np.right_shift(rounded, shift, out=pixels, casting="unsafe")
    return pixels


# ---------------------------------------------------------------- mode, nearest


def _same_type(dtype: DType, smaller_levels: int) -> DType:  # noqa: ARG001 - one signature for all
    return dtype


def _first(block: Array, wide: DType, scratch: Scratch) -> Array:  # noqa: ARG001
    return block[0::2, 0::2].copy()


def _most_frequent(block: Array, wide: DType, scratch: Scratch) -> Array:  # noqa: ARG001
    """Return the most frequent value of two by two.

    Of equally frequent ones, and at an odd edge, the first.
    """
    block = _make_even(block, "edge")
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
