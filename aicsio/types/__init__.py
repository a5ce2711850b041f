"""Types by the import names that scripts know. Imports `legacy`.

Rule kept here: classes live in ``legacy``; the aliases are for annotations.
"""

import os
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
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

if TYPE_CHECKING:
    ArrayLike: TypeAlias = npt.NDArray[Any] | dask.array.Array
    MetaArrayLike: TypeAlias = ArrayLike | xarray.DataArray
    ImageLike: TypeAlias = (
        PathLike | MetaArrayLike | list[npt.NDArray[Any]] | list[dask.array.Array] | list[PathLike]
    )
else:

    def __getattr__(name: str) -> Any:
        # Scripts write ``ArrayLike | None`` in annotations that run: a text would not do.
        if name not in {"ArrayLike", "ImageLike", "MetaArrayLike"}:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import dask.array

        arrays = np.ndarray | dask.array.Array
        if name == "ArrayLike":
            return arrays
        try:
            import xarray
        except ImportError:
            labelled = arrays
        else:
            labelled = arrays | xarray.DataArray
        if name == "MetaArrayLike":
            return labelled
        return Union[PathLike, labelled, list[labelled], list[PathLike]]  # noqa: UP007 - values
