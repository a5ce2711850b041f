"""Projections of images of any size along axes: largest, smallest, mean, sum, standard deviation.

Rule kept here: one pass, and results as exact as a pass over all pixels in memory: sums are taken in
64 bits; ``moments`` has the standard deviation.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import Scratch
from aicsio._dims import notation
from aicsio.arrays.moments import deviation, moments_of
from aicsio.arrays.outputs import check_workers, make_output
from aicsio.arrays.streaming import Box, Reduction, reduce
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import DType, ImageHandle, LazyArray
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["project"]

Array: TypeAlias = npt.NDArray[Any]
How: TypeAlias = Literal["max", "mean", "min", "sum", "std"]


if TYPE_CHECKING:

    @overload
    def project(
        handle: ImageHandle, /, letters: str = "Z", *, how: How = "max", workers: int | None = None
    ) -> npt.NDArray[Any]: ...
    @overload
    def project(
        letters: str = "Z", *, how: How = "max", workers: int | None = None
    ) -> Step[npt.NDArray[Any]]: ...


@overloaded_verb
def project(
    handle: ImageHandle, /, letters: str = "Z", *, how: How = "max", workers: int | None = None
) -> npt.NDArray[Any]:
    """Project the pixels in focus along axes, in one pass and in bounded memory.

    Parameters
    ----------
    handle
        An opened image of any size. Without it, the call returns a step.
    letters
        Axes that vanish, such as ``"Z"`` or ``"TZ"``.
    how
        ``"max"``, ``"min"``, ``"mean"``, ``"sum"``, or ``"std"``, the standard deviation of all
        positions (``ddof`` of numpy is 0).
    workers
        Threads; by default one per core, up to 8. The result does not depend on them.

    Returns
    -------
    numpy.ndarray
        The dims of the handle without ``letters``. ``"max"`` and ``"min"`` keep the pixel type; sums of
        integers have 64 bits, with or without sign as the pixels, and wrap there; all else is
        float64. Where a pixel is NaN, the result is NaN.

    Raises
    ------
    DimensionError
        When the image lacks a letter, or has no position along it, or ``workers`` is below 1.
    ArgumentTypeError
        When pixels are complex, which have no order; ``"sum"`` and ``"mean"`` are refused as well.
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    ImageTooLargeError
        When the result does not fit into the free memory.
    SourceError
        When the bytes cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, project
    >>> stack = open_image(np.arange(12, dtype=np.uint8).reshape(3, 2, 2), dims="ZYX")
    >>> project(stack).tolist()
    [[8, 9], [10, 11]]
    >>> project(stack, "ZYX", how="mean").item()
    5.5
    """
    array = handle.array
    check_workers(workers)
    require_reducible(array, letters)
    count = math.prod(array.dims[letter] for letter in letters)
    reduction = REDUCTIONS[how](array.dtype, count)
    shape = tuple(size for letter, size in array.dims.items() if letter not in letters)
    out, _ = make_output(shape, reduction.dtype)

    def finish(tile: Box, result: Any) -> None:
        out[tile] = reduction.finish(result)

    if out.size:
        reduce(array, letters, reduction.steps, finish, workers)
    return out


def require_reducible(array: LazyArray, letters: str) -> None:
    """Refuse letters that an image lacks, and pixels without an order.

    Raises
    ------
    DimensionError
        When the image lacks a letter, or has no position along it.
    ArgumentTypeError
        When pixels are complex.
    """
    notation.parse_order(letters)
    dims = array.dims
    missing = [letter for letter in letters if letter not in dims]
    if missing:
        names = ", ".join(map(repr, missing))
        raise DimensionError(f"{letters!r} names {names}: there are {dims}")
    if array.dtype.kind == "c":
        raise ArgumentTypeError(
            f"{array.dtype} pixels have no order: reduce their real, imaginary or absolute part"
        )
    empty = [letter for letter in letters if not dims[letter]]
    if empty:
        raise DimensionError(f"there is no position along {empty[0]!r}: there are {dims}")


@attrs.frozen(eq=False)
class _Projection:
    """One value of ``how`` for one pixel type. Not a record: it holds functions."""

    dtype: DType
    """Type of the result."""
    steps: Reduction[Any]
    """How slabs are reduced."""
    finish: Any
    """From a partial result to pixels."""


def _same(result: Array) -> Array:
    return result


# ---------------------------------------------------------------- largest and smallest


def take(scratch: Scratch, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return memory that the thread has used before: fresh pages take longer than the sums."""
    kind = np.dtype(dtype)
    buffer = scratch.take(name, math.prod(shape) * kind.itemsize)
    pixels: Array = buffer.view(kind).reshape(shape)
    return pixels


LARGE_TILE = 1 << 12
"""Pixels of a tile from which on a call for each position costs nothing: 2 us, and 1 us for the call."""


def _extreme(ufunc: np.ufunc, least: Callable[[DType], Any], dtype: DType) -> _Projection:
    def start(shape: tuple[int, ...]) -> Array:
        return np.full(shape, least(dtype), dtype)

    def add(result: Array, slab: Array, scratch: Scratch) -> Array:
        if math.prod(slab.shape[1:]) >= LARGE_TILE:
            for pixels in slab:
                ufunc(result, pixels, out=result)
            return result
        # The slab alone first: where the tile is one pixel, its positions are not visited one by one.
        reduced = take(scratch, "reduced", slab.shape[1:], dtype)
        ufunc.reduce(slab, axis=0, out=reduced)
        ufunc(result, reduced, out=result)
        return result

    def merge(one: Array, other: Array) -> Array:
        ufunc(one, other, out=one)
        return one

    # Floats of one value may differ: 0.0 and -0.0, or two NaN.
    exact = dtype.kind != "f"
    steps = Reduction(start, add, merge, dtype.itemsize, by_runs=True, exact=exact)
    return _Projection(dtype, steps, _same)


def _smallest(dtype: DType) -> Any:
    """Return the value below which no pixel lies."""
    if dtype.kind == "f":
        return -np.inf
    return np.iinfo(dtype).min if dtype.kind in "iu" else False


def _largest(dtype: DType) -> Any:
    if dtype.kind == "f":
        return np.inf
    return np.iinfo(dtype).max if dtype.kind in "iu" else True


# ---------------------------------------------------------------- sums


def sum_type(dtype: DType) -> DType:
    """Return the widest type of the kind of some pixels."""
    if dtype.kind in "ub":
        return np.dtype(np.uint64)
    return np.dtype(np.int64 if dtype.kind == "i" else np.float64)


MOST_IN_16_BITS = 256
"""Positions whose sum may fit 16 bits: pixels of more of them are looked at for nothing."""


def slab_sum(slab: Array, wide: DType, scratch: Scratch) -> Array:
    """Add up the first axis of a slab in memory of the thread: small integers in 32 bits while
    these suffice, everything else in ``wide``.
    """
    if slab.dtype.kind in "iub" and slab.dtype.itemsize <= 2 and len(slab) <= 1 << 15:
        # 2**15 values of 16 bits fit 31 bits and a sign; 32-bit lanes take 0.18 ns a pixel.
        wide = np.dtype(np.int32 if slab.dtype.kind == "i" else np.uint32)
    total = take(scratch, "sum", slab.shape[1:], wide)
    np.add.reduce(slab, axis=0, dtype=wide, out=total)
    return total


def _sum(dtype: DType, wide: DType | None = None) -> _Projection:
    total_type = wide or sum_type(dtype)

    def start(shape: tuple[int, ...]) -> _Sums:
        return _Sums(np.zeros(shape, total_type))

    def add(sums: _Sums, slab: Array, scratch: Scratch) -> _Sums:
        if slab.dtype == np.uint16 and len(slab) <= MOST_IN_16_BITS:
            sums.add_small(slab, scratch)
            return sums
        with np.errstate(invalid="ignore", over="ignore"):
            np.add(sums.total, slab_sum(slab, total_type, scratch), out=sums.total)
        return sums

    def merge(one: _Sums, other: _Sums) -> _Sums:
        one.flush()
        other.flush()
        with np.errstate(invalid="ignore", over="ignore"):
            np.add(one.total, other.total, out=one.total)
        return one

    by_runs = dtype == np.uint16
    # 12 bytes a pixel: 8 of the total, and up to 4 of the narrow sum.
    exact = total_type.kind != "f"
    steps = Reduction(start, add, merge, 12, by_runs=by_runs, exact=exact)
    return _Projection(total_type, steps, _total)


@attrs.define(eq=False)
class _Sums:
    """Sums of the pixels so far. Not a record: they live for one reduction."""

    total: Array
    """In the type of the result."""
    narrow: Array | None = None
    """Sums of the last slabs, in 16 or 32 bits, which are not in ``total``."""
    bound: int = 0
    """No value of ``narrow`` is larger."""

    def add_small(self, slab: Array, scratch: Scratch) -> None:
        """Add pixels of 16 bits without sign in as few bits as hold the sums."""
        # No sum over the slab can be larger.
        most = int(slab.max(initial=0)) * len(slab)
        # Sums of 16 bits pay where several slabs fit: 512 MiB take 14 ms, in 32 bits 48.
        kind = np.dtype(np.uint16 if most < 1 << 14 else np.uint32)
        if self.narrow is None or self.narrow.dtype != kind:
            self.flush()
            self.narrow = np.zeros(self.total.shape, kind)
        elif self.bound + most >= 1 << 8 * kind.itemsize:
            self.flush()
        if kind == slab.dtype:
            for pixels in slab:
                np.add(self.narrow, pixels, out=self.narrow)
        else:
            part = take(scratch, "sum", self.total.shape, kind)
            np.add.reduce(slab, axis=0, dtype=kind, out=part)
            np.add(self.narrow, part, out=self.narrow)
        self.bound += most

    def flush(self) -> None:
        """Move all sums to ``total``."""
        if self.narrow is not None and self.bound:
            np.add(self.total, self.narrow, out=self.total, casting="unsafe")
            self.narrow.fill(0)
        self.bound = 0


def _total(sums: _Sums) -> Array:
    sums.flush()
    return sums.total


def _mean(dtype: DType, count: int) -> _Projection:
    # The sum of integers of 64 bits may not fit 64 bits.
    sums = _sum(dtype, np.dtype(np.float64) if dtype.itemsize == 8 else None)
    return _Projection(np.dtype(np.float64), sums.steps, lambda found: _total(found) / count)


def _std(dtype: DType) -> _Projection:
    steps = moments_of(dtype)
    return _Projection(np.dtype(np.float64), steps, deviation)


REDUCTIONS: Mapping[str, Callable[[DType, int], _Projection]] = {
    "max": lambda dtype, _: _extreme(np.maximum, _smallest, dtype),
    "mean": _mean,
    "min": lambda dtype, _: _extreme(np.minimum, _largest, dtype),
    "std": lambda dtype, _: _std(dtype),
    "sum": lambda dtype, _: _sum(dtype),
}
"""By ``how``: what it does for a pixel type and a number of reduced positions."""
