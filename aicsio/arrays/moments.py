"""Means and squared deviations, slab by slab, without the loss of a difference of large squares.

Rule kept here: small integers are summed exactly, all else as deviations from the mean of a slab.

Source of the merging: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing
sample variances" (1979).
"""

import math
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import Scratch
from aicsio.arrays.streaming import Reduction
from aicsio.records import DType

Array: TypeAlias = npt.NDArray[Any]

EXACT_COUNT = 1 << 15
"""Pixels of 16 bits whose squares, times their number, fit 63 bits: 2**15 * 2**15 * 2**32 is 2**62."""


@attrs.define(eq=False)
class Moments:
    """Number, mean and squared deviations of pixels. Not a record: it lives for one reduction."""

    count: int
    """How many."""
    mean: Any
    """Their mean."""
    squares: Any
    """Sum of the squares of their deviations from it."""


@attrs.define(eq=False)
class _Integers:
    """Exact sums of small integers, and the moments of those before. Not a record, likewise."""

    sums: Array
    """Sums of pixels."""
    squares: Array
    """Sums of their squares."""
    count: int = 0
    """Pixels in these sums, at most ``EXACT_COUNT``."""
    before: Moments | None = None
    """Moments of pixels whose sums were full."""


def moments_of(dtype: DType) -> Reduction[Any]:
    """Return the reduction to moments for a pixel type."""
    if dtype.kind in "iub" and dtype.itemsize <= 2:
        return Reduction(_no_integers, _add_integers, _merge_integers, 16)
    return Reduction(_no_pixels, _add_slab, merge_moments, 16)


def deviation(found: "Moments | _Integers") -> Array:
    """Return the standard deviation of all pixels."""
    moments = found if isinstance(found, Moments) else _flushed(found)
    return np.array(np.sqrt(moments.squares / moments.count))


def merge_moments(one: Moments, other: Moments) -> Moments:
    """Join the moments of two sets of pixels (Chan, Golub, LeVeque 1979, equation 2.1)."""
    if not one.count:
        return other
    count = one.count + other.count
    with np.errstate(invalid="ignore", over="ignore"):
        # NaN and infinities are results here, so their warnings are switched off.
        delta = other.mean - one.mean
        mean = one.mean + delta * (other.count / count)
        between = delta * delta * (one.count * (other.count / count))
        return Moments(count, mean, one.squares + other.squares + between)


# ---------------------------------------------------------------- pixels of any type


def slab_moments(slab: Array, scratch: Scratch) -> Moments:
    """Return the moments of the first axis of a slab."""
    count = len(slab)
    wide = scratch.take("deviations", slab.size * 8).view(np.float64).reshape(slab.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.add.reduce(slab, axis=0, dtype=np.float64) / count
        np.subtract(slab, mean, out=wide, dtype=np.float64)
        np.multiply(wide, wide, out=wide)
        return Moments(count, mean, np.add.reduce(wide, axis=0))


def _no_pixels(shape: tuple[int, ...]) -> Moments:
    del shape
    return Moments(0, 0.0, 0.0)


def _add_slab(moments: Moments, slab: Array, scratch: Scratch) -> Moments:
    return merge_moments(moments, slab_moments(slab, scratch))


# ---------------------------------------------------------------- small integers


def _no_integers(shape: tuple[int, ...]) -> _Integers:
    return _Integers(np.zeros(shape, np.int64), np.zeros(shape, np.int64))


def _add_integers(state: _Integers, slab: Array, scratch: Scratch) -> _Integers:
    if slab.dtype.kind == "b":
        slab = slab.view(np.uint8)
    for start in range(0, len(slab), EXACT_COUNT):
        part = slab[start : start + EXACT_COUNT]
        if state.count + len(part) > EXACT_COUNT:
            state = _emptied(state)
        _add_exactly(state, part, scratch)
    return state


def _add_exactly(state: _Integers, slab: Array, scratch: Scratch) -> None:
    narrow = np.dtype(np.uint32 if slab.dtype.kind == "u" else np.int32)
    # Squares of 16 bits fit 32 bits. Their sum does where pixels are few or small, as those of a
    # camera of 12 bits are: then it takes a third of the time of 64 bits.
    largest = max(abs(int(slab.max())), abs(int(slab.min()))) if slab.size else 0
    fits = len(slab) * largest * largest <= np.iinfo(narrow).max
    squares = scratch.take("squares", slab.size * 4).view(narrow).reshape(slab.shape)
    np.multiply(slab, slab, out=squares, dtype=narrow)
    shape = slab.shape[1:]
    total = scratch.take("total", math.prod(shape) * 8)
    reduced: Array = total.view(np.int64).reshape(shape)
    np.add(state.sums, _narrow_sum(slab, narrow, total), out=state.sums, casting="unsafe")
    if fits:
        np.add(
            state.squares, _narrow_sum(squares, narrow, total), out=state.squares, casting="unsafe"
        )
    else:
        np.add.reduce(squares, axis=0, dtype=np.int64, out=reduced)
        np.add(state.squares, reduced, out=state.squares)
    state.count += len(slab)


def _narrow_sum(pixels: Array, narrow: DType, memory: npt.NDArray[np.uint8]) -> Array:
    shape = pixels.shape[1:]
    out: Array = memory[: math.prod(shape) * narrow.itemsize].view(narrow).reshape(shape)
    np.add.reduce(pixels, axis=0, dtype=narrow, out=out)
    return out


def _emptied(state: _Integers) -> _Integers:
    fresh = _no_integers(state.sums.shape)
    fresh.before = _flushed(state)
    return fresh


def _flushed(state: _Integers) -> Moments:
    """Return the moments of all pixels so far; nothing is rounded before the divisions."""
    count = max(state.count, 1)
    # Whole numbers up to here: ``EXACT_COUNT`` keeps both products within 63 bits.
    spread = (count * state.squares - state.sums * state.sums) / count
    moments = Moments(state.count, state.sums / count, spread)
    if state.before is None:
        return moments
    return merge_moments(state.before, moments) if state.count else state.before


def _merge_integers(one: _Integers, other: _Integers) -> _Integers:
    if one.before is None and other.before is None and one.count + other.count <= EXACT_COUNT:
        return _Integers(
            one.sums + other.sums, one.squares + other.squares, one.count + other.count
        )
    fresh = _no_integers(one.sums.shape)
    fresh.before = merge_moments(_flushed(one), _flushed(other))
    return fresh
