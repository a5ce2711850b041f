"""Types by the import names that scripts know. Imports `legacy` and `records`.

Rule kept here: classes live in ``legacy``; the aliases are for annotations.
"""

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt

from aicsio.legacy.bioio import (
    DimensionProperties,
    DimensionProperty,
    Scale,
    StandardMetadata,
    TimeInterval,
)
from aicsio.legacy.dimensions import PhysicalPixelSizes

if TYPE_CHECKING:
    import dask.array
    import xarray

__all__ = [
    "ArrayLike",
    "DimensionProperties",
    "DimensionProperty",
    "ImageLike",
    "MetaArrayLike",
    "PathLike",
    "PhysicalPixelSizes",
    "Scale",
    "StandardMetadata",
    "TimeInterval",
]

PathLike: TypeAlias = str | os.PathLike[str]
# Texts: dask and xarray are not imported for a name.
ArrayLike: TypeAlias = "npt.NDArray[Any] | dask.array.Array"
MetaArrayLike: TypeAlias = "npt.NDArray[Any] | dask.array.Array | xarray.DataArray"
ImageLike: TypeAlias = (
    "PathLike | MetaArrayLike | list[npt.NDArray[Any]] | list[dask.array.Array] | list[PathLike]"
)
