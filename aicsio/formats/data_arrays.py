"""Metadata of an xarray: letters of its axes, names of channels and pixel sizes.

Rule kept here: nothing is guessed. A name that is no letter is refused, since any letter could be
another axis.
"""

import sys
from typing import Any

import attrs
import numpy as np

from aicsio._dims import notation
from aicsio._ome.units import micrometres_per
from aicsio.errors import DimensionError
from aicsio.records import PixelSize

__all__ = ["NamedArray", "is_data_array", "read_data_array"]


@attrs.frozen(eq=False)
class NamedArray:
    """One array of the caller, and its own metadata. Not a record: it lives for one call."""

    pixels: Any
    """numpy or dask array."""
    dims: str | None = None
    """Letters; ``None`` if it has none."""
    channel_names: tuple[str, ...] | None = None
    """Names along C."""
    pixel_size: PixelSize | None = None
    """Micrometres."""


def is_data_array(value: object) -> bool:
    """Whether a value is an ``xarray.DataArray`` or an ``xarray.Variable``.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    bool
        False, too, where xarray is not imported: nobody holds one then.
    """
    xarray = sys.modules.get("xarray")  # whoever holds a DataArray has imported it
    return xarray is not None and isinstance(value, xarray.DataArray | xarray.Variable)


def read_data_array(array: Any, dims: str | None = None) -> NamedArray:
    """Read the names and coordinates of an xarray.

    Parameters
    ----------
    array
        An ``xarray.DataArray``, or an ``xarray.Variable``, which has no coordinates.
    dims
        Letters that stand for its own names; ``None`` to take these.

    Returns
    -------
    NamedArray
        With spacings in micrometres; AICSImageIO wrote them without a unit.

    Raises
    ------
    DimensionError
        When its axes have names of several letters, and ``dims`` is ``None``.
    """
    # xarray's own names for axes without one begin with dim_0.
    if dims is None and array.dims and array.dims[0] != "dim_0":
        # Other libraries write dims in small letters.
        letters = [str(name).upper() for name in array.dims]
        if any(letter not in notation.LETTERS or len(letter) != 1 for letter in letters):
            raise DimensionError(
                f"dims {array.dims} of the xarray: rename them to one letter each, such as T, C, "
                "Y, X, or name them with dims=..."
            )
        dims = "".join(letters)
    if dims is None:
        return NamedArray(array.data)
    own = getattr(array, "coords", {})
    coordinates = {str(name).upper(): coordinate for name, coordinate in own.items()}
    names = None
    if "C" in coordinates:
        # A single channel that was selected leaves a coordinate without an axis.
        names = tuple(map(str, np.atleast_1d(coordinates["C"].values)))
    size = PixelSize(*(_even_step(coordinates.get(letter)) for letter in "ZYX"))
    return NamedArray(array.data, dims, names, None if size == PixelSize() else size)


def _even_step(coordinate: Any) -> float | None:
    """Return the distance between evenly spaced positions in micrometres; ``None`` for others."""
    if coordinate is None:
        return None
    values = np.asarray(coordinate.values)
    if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf":
        return None
    unit = coordinate.attrs.get("units")
    # AICSImageIO wrote positions in micrometres and no unit.
    factor = 1.0 if unit is None else micrometres_per(str(unit))
    if factor is None:
        return None
    # Numbers that xarray computed differ in the last digits.
    steps = np.diff(values.astype(float)) * factor
    even = steps[0] > 0 and np.allclose(steps, steps[0])
    return float(steps[0]) if even else None
