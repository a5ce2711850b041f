"""Memory for results, the caller's own or new, and the number of threads that fill it.

Rule kept here: memory of the caller is checked before anything is read, so that a refused call
leaves it as it was.
"""

import math
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio import _engine
from aicsio._engine import memory
from aicsio.errors import AicsioError, ArgumentTypeError, DimensionError, ImageTooLargeError
from aicsio.records import DType, LazyArray

Output: TypeAlias = Annotated[
    npt.NDArray[Any], "a numpy array, and the handle with it: a step keeps no memory"
]
"""Memory of the caller for a result."""

RECYCLED = 32 << 20
"""Memory up to this size may have been used before and is not zero; see ``_engine.run``."""


def check_workers(workers: int | None, error: type[AicsioError] = DimensionError) -> None:
    """Refuse a number of threads below 1, by an error of readers or one of writers."""
    if workers is not None and workers < 1:
        raise error(f"workers={workers}: give at least one thread, or None for the default")


def check_output(out: npt.NDArray[Any], shape: tuple[int, ...], array: LazyArray) -> None:
    """Refuse memory that cannot take the pixels of ``array`` in a given shape.

    Raises
    ------
    DimensionError
        When the shape differs.
    ArgumentTypeError
        When the type differs, the memory has gaps, is read-only, or is that of the image.
    """
    dtype = array.dtype
    advice = f"give np.empty({shape}, {dtype.name!r})"
    if out.shape != shape:
        raise DimensionError(f"out has shape {out.shape}, the result has {shape}: {advice}")
    if out.dtype != dtype:
        # Not silently cast: 16 bits into 8 would lose what nobody asked to lose.
        raise ArgumentTypeError(f"out has pixels of {out.dtype}, the result has {dtype}: {advice}")
    if not out.flags.c_contiguous:
        raise ArgumentTypeError(
            f"out is not contiguous: {advice}, or a part of a larger array along its first axis"
        )
    if not out.flags.writeable:
        raise ArgumentTypeError(f"out is read-only: {advice}")
    held = _engine.held_pixels(array)
    if held is not None and np.may_share_memory(out, held):
        raise ArgumentTypeError(f"out is memory of the image itself: {advice}")


def make_output(shape: tuple[int, ...], dtype: DType) -> tuple[npt.NDArray[Any], bool]:
    """Return new memory, and whether it holds zeros.

    Raises
    ------
    ImageTooLargeError
        When not enough memory is free.
    """
    nbytes = math.prod(shape) * dtype.itemsize
    free = memory.free_bytes() if nbytes > memory.UNCHECKED else None
    if free is not None and nbytes > free:
        raise ImageTooLargeError(
            f"a result of shape {shape} and {dtype} needs {nbytes:,} bytes, but {free:,} bytes of "
            "memory are free: ask for less at once"
        )
    # Zeros that come with the memory cost nothing; see ``_engine.allocate``.
    zero_filled = nbytes > RECYCLED
    make = np.zeros if zero_filled else np.empty
    try:
        return make(shape, dtype), zero_filled
    except (MemoryError, ValueError) as error:
        raise ImageTooLargeError(
            f"a result of shape {shape} and {dtype} needs {nbytes:,} bytes, but this process "
            "cannot get as many: ask for less at once"
        ) from error
