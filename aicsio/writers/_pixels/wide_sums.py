"""Exact sums and means of integers of 64 bits, whose sums fit no type of numpy.

Rule kept here: a value is ``high * 2**32 + low``, and each part has a sum of its own. Up to 4**16 values,
as many as the smallest level has of one pixel, neither sum overflows 64 bits.
"""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._codecs import Scratch
from aicsio.records import DType

Array: TypeAlias = npt.NDArray[Any]

_STRIP_BYTES = 256 << 10
_BITS = np.uint64(32)
_LOW = np.uint64((1 << 32) - 1)


def state_type(dtype: DType) -> DType:
    """Return the type of the sums of both parts, for a type of pixels."""
    return np.dtype([("high", f"{dtype.kind}8"), ("low", "u8")])


def add_squares(block: Array, wide: DType, scratch: Scratch) -> Array:
    """Add up squares of two by two; missing ones at an odd edge add nothing.

    Parameters
    ----------
    block
        Pixels, or sums of the level before: shape (rows, columns, samples).
    wide
        As ``state_type`` returns it.
    scratch
        Buffers of this thread; the result is valid until its next call.
    """
    rows, columns, samples = block.shape
    shape = (rows + 1) // 2, (columns + 1) // 2, samples
    memory = scratch.take("sums", math.prod(shape) * wide.itemsize)
    sums = memory.view(wide).reshape(shape)
    # Strips of an even number of rows stay in the cache.
    step = max(1, _STRIP_BYTES // block[0].nbytes // 2) * 2
    for top in range(0, rows, step):
        for name, part in _parts(block[top : top + step]).items():
            total = sums[name][top // 2 : (top + step) // 2]
            total[:] = part[0::2, 0::2]
            # An odd edge has no second row or column.
            total[: len(part) // 2] += part[1::2, 0::2]
            total[:, : columns // 2] += part[0::2, 1::2]
            total[: len(part) // 2, : columns // 2] += part[1::2, 1::2]
    return sums


def _parts(block: Array) -> dict[str, Array]:
    if block.dtype.names is not None:
        return {name: block[name] for name in block.dtype.names}
    # The shift rounds down for negative values, too, so that low is never negative.
    values = block.astype(f"{block.dtype.kind}8", copy=False)
    return {"high": values >> values.dtype.type(32), "low": values.view("u8") & _LOW}


def mean(sums: Array, counts: Array | int) -> Array:
    """Divide sums by the numbers of their pixels; halves go to even.

    Parameters
    ----------
    sums
        As ``add_squares`` returns them.
    counts
        At most 2**32: of each pixel, or one power of two for all.
    """
    means = np.empty(sums.shape, sums.dtype["high"])
    if not isinstance(counts, int):
        counts = np.broadcast_to(counts, sums.shape)
    step = max(1, _STRIP_BYTES // sums[0].nbytes)
    for top in range(0, len(sums), step):
        strip = slice(top, top + step)
        part = counts if isinstance(counts, int) else counts[strip]
        means[strip] = _mean_of_strip(sums[strip], part)
    return means


def _mean_of_strip(sums: Array, counts: Array | int) -> Array:
    high, low = sums["high"], sums["low"]
    # 32 bits at a time, as on paper: what low has beyond them is carried over first.
    high = high + (low >> _BITS).astype(high.dtype)
    quotient, rest = _divide(high, counts)
    # The rest is below the count, so with 32 more bits it fits 64.
    rest = (rest.astype(np.uint64) << _BITS) | (low & _LOW)
    digit, rest = _divide(rest, counts)
    # A mean lies between its pixels, so it fits their type.
    quotient = (quotient << quotient.dtype.type(32)) + digit.astype(quotient.dtype)
    twice, count = rest + rest, np.asarray(counts, np.uint64)
    is_odd = (quotient & quotient.dtype.type(1)).astype(bool)
    means: Array = quotient + ((twice > count) | ((twice == count) & is_odd))
    return means


def _divide(values: Array, counts: Array | int) -> tuple[Array, Array]:
    """Return quotients, rounded down, and rests."""
    kind = values.dtype.type
    # Shifts take less time than divisions.
    if isinstance(counts, int):
        return values >> kind(counts.bit_length() - 1), values & kind(counts - 1)
    quotient, rest = np.divmod(values, counts.astype(values.dtype))
    return quotient, rest
