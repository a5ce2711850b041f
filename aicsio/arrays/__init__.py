"""From handles to arrays: numpy, dask and xarray. Imports `_engine` and `steps`."""

from aicsio.arrays.chunks import Chunks
from aicsio.arrays.read import read_array, to_dask, to_numpy
from aicsio.arrays.tokens import token
from aicsio.arrays.xarray import to_xarray

__all__ = ["Chunks", "read_array", "to_dask", "to_numpy", "to_xarray", "token"]
