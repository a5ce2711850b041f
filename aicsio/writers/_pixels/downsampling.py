"""Smaller versions of an image: how large, how many, and what their pixels are, as pure functions.

Rule kept here: a pixel of level ``k`` stands for a square of ``2**k`` pixels of the full resolution, less at the right
and lower edge. Its mean is taken over all of them and rounded once, not level by level.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import Scratch
from aicsio.records import DType

Array: TypeAlias = npt.NDArray[Any]


def size_at(level: int, size: int) -> int:
    """Pixels along an axis of ``size`` pixels at a level; a part of a pixel counts as one."""
    return -(-size >> level) if level else size


def levels_to_fit(height: int, width: int, tile: tuple[int, int]) -> int:
    """How many levels there are, the full resolution counted, when the smallest is the first that fits into a tile."""
    level = 0
    while size_at(level, height) > tile[0] or size_at(level, width) > tile[1]:
        level += 1
    return level + 1


def most_levels(height: int, width: int) -> int:
    """How many levels there can be: the smallest is one pixel, or sums of 32-bit pixels would outgrow 64 bits."""
    return min((max(height, width) - 1).bit_length(), 16) + 1


@attrs.frozen
class Covered:
    """How many pixels of the full resolution each pixel of a tile stands for."""

    level: int
    """Level of the tile."""
    rows: int
    """Rows of the full resolution from the first of the tile on."""
    columns: int
    """The same for columns."""

    def counts(self, shape: tuple[int, ...]) -> Array | None:
        """Return the numbers, broadcast to (rows, columns, samples); ``None`` where all are full squares."""
        down, across = self._along(self.rows, shape[0]), self._along(self.columns, shape[1])
        if down is None and across is None:
            return None
        full = np.array([1 << self.level])
        product: Array = (full if down is None else down)[:, None, None] * (
            full if across is None else across
        )[:, None]
        return product

    def _along(self, there: int, count: int) -> Array | None:
        side = 1 << self.level
        return None if there >= side * count else np.minimum(there - side * np.arange(count), side)


@attrs.frozen(eq=False)
class Pooling:
    """One way to make a pixel from many. Tiles rise from level to level as a state, of which the pixels are made."""

    state: Callable[[DType, int], DType]
    """Type of the state, for a type of pixels and a number of levels above the full resolution."""
    halve: Callable[[Array, DType, Scratch], Array]
    """State of half the height and width, perhaps of a narrower type, from pixels or the state before."""
    finish: Callable[[Array, DType, Covered, Scratch], Array]
    """Pixels of a state. What either returns lasts until the thread calls it again."""


# ---------------------------------------------------------------- mean


def _sum_type(dtype: DType, above: int) -> DType:
    """A type that no sum overflows."""
    if dtype.kind in "iu":
        bits = next((n for n in (16, 32, 64) if n >= 8 * dtype.itemsize + 2 * above), 64)
        return np.dtype(f"{dtype.kind}{bits // 8}")
    return np.dtype("c16" if dtype.kind == "c" else "f8")


def _room(scratch: Scratch, name: str, shape: tuple[int, ...], dtype: DType) -> Array:
    """Return memory that the thread has used before: fresh pages would take longer than the sums."""
    pixels: Array = scratch.take(name, math.prod(shape) * dtype.itemsize).view(dtype).reshape(shape)
    return pixels


def _sums(block: Array, wide: DType, scratch: Scratch) -> Array:
    """Add up squares of two by two pixels; what is missing at an odd edge adds nothing."""
    block = _evened(block, "constant")
    narrow = block.dtype.kind == "u" and block.dtype.itemsize < wide.itemsize
    if narrow and block.max() <= np.iinfo(block.dtype).max // 4:
        wide = block.dtype  # cameras of 12 bits: narrow sums take half the time
    height, width, samples = block.shape
    rows = np.add(
        block[0::2],
        block[1::2],
        out=_room(scratch, "rows", (height // 2, width, samples), wide),
        dtype=wide,
    )
    out = _room(scratch, "sums", (height // 2, width // 2, samples), wide)
    for sample in range(
        samples
    ):  # a loop of numpy over three samples costs more than three loops over a row
        np.add(rows[:, 0::2, sample], rows[:, 1::2, sample], out=out[..., sample])
    return out


def _mean(sums: Array, dtype: DType, covered: Covered, scratch: Scratch) -> Array:
    """Divide, and round halves to even."""
    counts = covered.counts(sums.shape)
    if dtype.kind not in "iu":
        means: Array = sums / (4.0**covered.level if counts is None else counts)
        return means.astype(dtype)
    if counts is None:
        shift = sums.dtype.type(2 * covered.level)
        rounded = np.right_shift(sums, shift, out=_room(scratch, "rounded", sums.shape, sums.dtype))
        rounded &= sums.dtype.type(1)
        rounded += sums
        rounded += sums.dtype.type((1 << 2 * covered.level - 1) - 1)
        pixels = _room(scratch, "pixels", sums.shape, dtype)
        np.right_shift(rounded, shift, out=pixels, casting="unsafe")
        return pixels
    counts = counts.astype(sums.dtype)
    parts: tuple[Array, Array] = np.divmod(sums, counts)
    whole, rest = parts
    rest += rest  # of unsigned 64 bits nothing is lost: the rest is below 2**48
    whole += (rest > counts) | ((rest == counts) & (whole & 1).astype(bool))
    return whole.astype(dtype)


# ---------------------------------------------------------------- one of them


def _same_type(dtype: DType, above: int) -> DType:  # noqa: ARG001 - one signature for all
    return dtype


def _first(block: Array, wide: DType, scratch: Scratch) -> Array:  # noqa: ARG001
    return block[0::2, 0::2].copy()


def _most_frequent(block: Array, wide: DType, scratch: Scratch) -> Array:  # noqa: ARG001
    """The value that most of two by two have, of equals the first; at an odd edge the first."""
    block = _evened(block, "edge")
    a, b, c, d = block[0::2, 0::2], block[0::2, 1::2], block[1::2, 0::2], block[1::2, 1::2]
    first = _same(a, b) | _same(a, c) | _same(a, d)
    second = _same(b, c) | _same(b, d)
    return np.where(first, a, np.where(second, b, np.where(_same(c, d), c, a)))


def _same(one: Array, other: Array) -> Array:
    equal: Array = (one == other).all(axis=-1, keepdims=True)
    return equal


def _as_it_is(state: Array, dtype: DType, covered: Covered, scratch: Scratch) -> Array:  # noqa: ARG001
    return state


def _evened(block: Array, mode: str) -> Array:
    """Complete the last row and column, so that both are even in number."""
    odd = block.shape[0] % 2, block.shape[1] % 2
    if not any(odd):
        return block
    padded: Array = _pad(mode)(block, ((0, odd[0]), (0, odd[1]), (0, 0)))
    return padded


def _pad(mode: str) -> Callable[..., Array]:
    return functools.partial(np.pad, mode=mode)


POOLINGS: Mapping[str, Pooling] = {
    "mean": Pooling(_sum_type, _sums, _mean),
    "mode": Pooling(_same_type, _most_frequent, _as_it_is),
    "nearest": Pooling(_same_type, _first, _as_it_is),
}
