"""What a dask array of the caller computes, held to its shape and type.

Rule kept here: those of a dask array are promises of ``map_blocks`` and others. Pixels that break
them are refused, or converted where no value changes; they are never cut, repeated or rounded.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio.errors import ArgumentTypeError, DimensionError

__all__ = ["as_promised"]


def as_promised(pixels: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return computed pixels in the type that was promised.

    Parameters
    ----------
    pixels
        What dask computed.
    shape, dtype
        Of the dask array.

    Returns
    -------
    numpy.ndarray
        Of this shape and type.

    Raises
    ------
    DimensionError
        When they have another shape.
    ArgumentTypeError
        When they have another type, and values that the promised one lacks.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.records.computed import as_promised
    >>> as_promised(np.array([1.0, 2.0]), (2,), np.dtype("u1"))
    array([1, 2], dtype=uint8)
    """
    array = np.asarray(pixels)
    if array.shape != shape:
        raise DimensionError(
            f"the dask array computes pixels of shape {array.shape}, its chunks promise {shape}: "
            "give map_blocks the right chunks="
        )
    if array.dtype == dtype:
        return array
    if array.dtype.kind in "biufc":
        with np.errstate(invalid="ignore", over="ignore"):
            converted = _convert(array, dtype)
        if np.can_cast(array.dtype, dtype, "safe") or np.array_equal(
            converted, array, equal_nan=array.dtype.kind in "fc"
        ):
            return converted
    raise ArgumentTypeError(
        f"the dask array computes {array.dtype} pixels, which its type {dtype} does not hold: "
        "give map_blocks the right dtype="
    )


def _convert(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind == "c" and dtype.kind != "c":
        array = array.real  # an imaginary part differs in the comparison
    return array.astype(dtype)
