"""Statistics of all pixels of each channel, of images of any size.

Rule kept here: one pass. Percentiles come from a histogram: exact for pixels of 8 and 16 bits, within a
part in a thousand of the value for wider ones.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.constructors import checked_record
from aicsio._codecs import Scratch
from aicsio.arrays.moments import Moments, merge_moments, slab_moments
from aicsio.arrays.outputs import check_workers
from aicsio.arrays.projections import require_reducible
from aicsio.arrays.streaming import Box, Reduction, reduce
from aicsio.errors import DimensionError
from aicsio.records import DType, ImageHandle
from aicsio.records.pickling import pickled_by_position
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["Statistics", "statistics"]

Array: TypeAlias = npt.NDArray[Any]

KEY_BITS = 18
"""Bits of a float32 that a bin of the histogram keeps: its sign, exponent and 9 bits of the mantissa, so
that a bin is 0.2 % of its values wide. The table takes 2 MB."""
PIECE = 1 << 18
"""Pixels that are counted at once: numpy widens them to 64 bits, 2 MB that stay in the cache."""


@pickled_by_position
@checked_record
@attrs.frozen
class Statistics:
    """Statistics of the pixels of one channel."""

    name: str
    """Name of the channel; empty where the image is not split."""
    count: int
    """Pixels, without those that are NaN."""
    missing: int
    """Pixels that are NaN; nothing else counts them."""
    minimum: int | float | None
    """Smallest value, an int for integer pixels; ``None`` without pixels."""
    maximum: int | float | None
    """Largest value, likewise."""
    mean: float | None
    """Mean."""
    std: float | None
    """Standard deviation of all pixels (``ddof`` of numpy is 0)."""
    percentiles: tuple[tuple[float, float], ...]
    """Percent and value, as requested; interpolated linearly between two ranks, as numpy does."""


if TYPE_CHECKING:

    @overload
    def statistics(
        handle: ImageHandle,
        /,
        *,
        along: str = "C",
        percentiles: Sequence[float] = (0.1, 1, 50, 99, 99.9),
        workers: int | None = None,
    ) -> tuple[Statistics, ...]: ...
    @overload
    def statistics(
        *,
        along: str = "C",
        percentiles: Sequence[float] = (0.1, 1, 50, 99, 99.9),
        workers: int | None = None,
    ) -> Step[tuple[Statistics, ...]]: ...


@overloaded_verb
def statistics(
    handle: ImageHandle,
    /,
    *,
    along: str = "C",
    percentiles: Sequence[float] = (0.1, 1, 50, 99, 99.9),
    workers: int | None = None,
) -> tuple[Statistics, ...]:
    """Compute statistics of the pixels in focus, in one pass and in bounded memory.

    Parameters
    ----------
    handle
        An opened image of any size. Without it, the call returns a step.
    along
        The letter whose positions are kept apart: channels, or ``"S"`` for red, green and blue.
        ``""``, or a letter that the image lacks, takes all pixels together.
    percentiles
        Percents from 0 to 100.
    workers
        Threads; by default one per core, up to 8. The result does not depend on them.

    Returns
    -------
    tuple of Statistics
        One a channel. Values of pixels of 8 and 16 bits are exact. Of wider ones, mean and
        deviation are computed in float64, and percentiles lie within 0.2 % of their value.

    Raises
    ------
    DimensionError
        When ``along`` is more than one letter, a percentile lies outside of 0 to 100, or ``workers``
        is below 1.
    ArgumentTypeError
        When pixels are complex, which have no order.
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    SourceError
        When the bytes cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, statistics
    >>> image = open_image(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), dims="CYX")
    >>> first, second = statistics(image, percentiles=[50])
    >>> second.minimum, second.maximum, second.mean, second.percentiles
    (6, 11, 8.5, ((50.0, 8.5),))
    """
    array = handle.array
    check_workers(workers)
    percents = tuple(map(float, percentiles))
    if len(along) > 1 or not all(0 <= percent <= 100 for percent in percents):
        raise DimensionError(
            f"along={along!r} and percentiles={percents}: give one letter, and percents from 0 to 100"
        )
    letters = "".join(letter for letter in array.view.letters if letter != along)
    require_reducible(array, letters)
    counter = _counter(array.dtype)
    found: dict[int, Statistics] = {}
    names = _names(handle, along)

    def finish(tile: Box, tallies: list[_Tally]) -> None:
        first = tile[0].start if tile else 0
        for number, tally in enumerate(tallies, first):
            found[number] = _summary(names[number], tally, counter, percents)

    if array.size:
        steps = Reduction(counter.start, counter.add, _merge, 8 * counter.bin_count)
        reduce(array, letters, steps, finish, workers)
    return tuple(found[number] for number in sorted(found))


def _names(handle: ImageHandle, along: str) -> Sequence[str]:
    if along not in handle.dims:
        return [""]
    if along == "C":
        return handle.channel_names
    size = handle.dims[along]
    if along == "S" and size in {3, 4}:
        return "RGBA"[:size]
    return [f"{along}{number}" for number in range(size)]


# ---------------------------------------------------------------- counting


@attrs.define(eq=False)
class _Tally:
    """What is counted of one channel. Not a record: it lives for one reduction."""

    histogram: Array
    """Pixels of each bin."""
    missing: int = 0
    """Pixels that are NaN."""
    low: Any = None
    """Smallest value."""
    high: Any = None
    """Largest value."""
    moments: Moments | None = None
    """Mean and squared deviations; ``None`` where the histogram gives them."""


class _Counter:
    """Bins of one pixel type. Not a record: it lives for one reduction."""

    def __init__(self, bin_count: int, first: int | None) -> None:
        self.bin_count = bin_count
        self.first = first
        """Value of the first bin where each bin is one value; ``None`` for ordered floats."""

    def start(self, shape: tuple[int, ...]) -> list[_Tally]:
        """Begin a tally for each channel of a tile."""
        return [_Tally(np.zeros(self.bin_count, np.int64)) for _ in range(math.prod(shape))]

    def add(self, tallies: list[_Tally], slab: Array, scratch: Scratch) -> list[_Tally]:
        """Count the pixels of a slab: positions, then channels if they are kept apart."""
        columns = slab.reshape(len(slab), -1)
        for number, tally in enumerate(tallies):
            for start in range(0, len(slab), PIECE):
                pixels = np.ascontiguousarray(columns[start : start + PIECE, number])
                self._count(tally, pixels, scratch)
        return tallies

    def _count(self, tally: _Tally, pixels: Array, scratch: Scratch) -> None:
        if self.first is not None:
            unsigned = pixels.view(f"u{pixels.itemsize}")
            if self.first:
                # Adding the lowest value turns two's complement into an order without sign.
                unsigned = unsigned + unsigned.dtype.type(-self.first)
            tally.histogram += np.bincount(unsigned, minlength=self.bin_count)
            return
        if pixels.dtype.kind == "f":
            absent = np.isnan(pixels)
            missing = int(np.count_nonzero(absent))
            if missing:
                tally.missing += missing
                pixels = pixels[~absent]
        if not pixels.size:
            return
        low, high = pixels.min(), pixels.max()
        tally.low = low if tally.low is None else min(tally.low, low)
        tally.high = high if tally.high is None else max(tally.high, high)
        moments = slab_moments(pixels, scratch)
        tally.moments = moments if tally.moments is None else merge_moments(tally.moments, moments)
        tally.histogram += np.bincount(_ordered_key(pixels), minlength=self.bin_count)

    def edges(self, number: int) -> tuple[float, float]:
        """Return the smallest and the largest value of a bin."""
        if self.first is not None:
            return float(number + self.first), float(number + self.first)
        shift = 32 - KEY_BITS
        keys = np.array([number << shift, ((number + 1) << shift) - 1], np.uint32)
        # The sign bit of a key is set for positive floats; all bits of negative ones are inverted.
        bits = np.where(keys >> 31, keys ^ np.uint32(1 << 31), ~keys)
        low, high = bits.astype(np.uint32).view(np.float32).tolist()
        return low, high


def _counter(dtype: DType) -> _Counter:
    if dtype.kind in "iub" and dtype.itemsize <= 2:
        bins = 1 << 8 * dtype.itemsize
        return _Counter(bins, -bins // 2 if dtype.kind == "i" else 0)
    return _Counter(1 << KEY_BITS, None)


def _ordered_key(pixels: Array) -> Array:
    """Return the upper bits of pixels as float32, changed so that they are in the order of the values."""
    with np.errstate(over="ignore"):
        bits = pixels.astype(np.float32).view(np.uint32)
    negative = (bits >> 31).astype(bool)
    # IEEE 754: the bits of positive floats ascend with the value, those of negative ones descend.
    keys = np.where(negative, ~bits, bits | np.uint32(1 << 31))
    return keys >> np.uint32(32 - KEY_BITS)


def _merge(one: list[_Tally], other: list[_Tally]) -> list[_Tally]:
    merged: list[_Tally] = []
    for a, b in zip(one, other, strict=True):
        moments = a.moments or b.moments
        if a.moments is not None and b.moments is not None:
            moments = merge_moments(a.moments, b.moments)
        lows = [tally.low for tally in (a, b) if tally.low is not None]
        highs = [tally.high for tally in (a, b) if tally.high is not None]
        histogram = a.histogram + b.histogram
        missing = a.missing + b.missing
        low, high = min(lows, default=None), max(highs, default=None)
        merged.append(_Tally(histogram, missing, low, high, moments))
    return merged


# ---------------------------------------------------------------- summaries


def _summary(
    name: str, tally: _Tally, counter: _Counter, percents: tuple[float, ...]
) -> Statistics:
    count = int(tally.histogram.sum())
    if not count:
        return Statistics(name, 0, tally.missing, None, None, None, None, ())
    if counter.first is not None:
        low, high, mean, std = _exact_moments(tally.histogram, counter.first)
    else:
        low, high = tally.low.item(), tally.high.item()
        moments: Any = tally.moments
        mean = float(moments.mean)
        std = math.sqrt(moments.squares / count)
    ranks = np.cumsum(tally.histogram)
    values = [_percentile(percent, ranks, counter) for percent in percents]
    limited = [min(max(value, float(low)), float(high)) for value in values]
    pairs = tuple(zip(percents, limited, strict=True))
    return Statistics(name, count, tally.missing, low, high, mean, std, pairs)


def _exact_moments(histogram: Array, first: int) -> tuple[int, int, float, float]:
    """Return least, largest, mean and deviation of integers, rounded once."""
    bins = np.flatnonzero(histogram)
    # Python's integers: sums of squares of 2**40 pixels exceed 64 bits.
    counts = histogram[bins].tolist()
    values = (bins + first).tolist()
    count = sum(counts)
    total = sum(map(int.__mul__, values, counts))
    squares = sum(value * value * times for value, times in zip(values, counts, strict=True))
    variance = (count * squares - total * total) / (count * count)
    return values[0], values[-1], total / count, math.sqrt(variance)


def _percentile(percent: float, ranks: Array, counter: _Counter) -> float:
    """Interpolate between the values of two ranks; within a bin values are taken to be even."""
    # The method "linear" of numpy: percent 0 is the first rank, 100 the last.
    position = (int(ranks[-1]) - 1) * percent / 100
    below = math.floor(position)
    low = _value_of_rank(below, ranks, counter)
    high = low if position == below else _value_of_rank(below + 1, ranks, counter)
    # Between two infinities, which also stand for doubles beyond float32, there is nothing but NaN.
    return low if low == high else low + (high - low) * (position - below)


def _value_of_rank(rank: int, ranks: Array, counter: _Counter) -> float:
    number = int(np.searchsorted(ranks, rank, side="right"))
    low, high = counter.edges(number)
    # ``ranks`` are running counts: the number of pixels in all bins up to each.
    before = int(ranks[number - 1]) if number else 0
    inside = int(ranks[number]) - before
    if low == high or not math.isfinite(low) or not math.isfinite(high):
        # The bin of an infinity reaches into the patterns of NaN.
        return high if math.isnan(low) else low
    return low + (high - low) * (rank - before + 0.5) / inside
