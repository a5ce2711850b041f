"""From handles to arrays: numpy, dask and xarray. Imports `_engine` and `steps`.

``read`` has ``to_numpy`` and ``to_dask``, ``windows`` has ``read_windows``, ``xarray`` has
``to_xarray``, ``projections`` has ``project``, and ``statistics`` the function of that name.
``streaming`` feeds both slab by slab, ``moments`` merges their deviations. ``outputs`` checks memory of
the caller. ``chunks`` decides on the chunks of a dask array, ``dask_graph`` builds its graph,
``tokens`` names it. ``ranked`` has the types of results by their number of axes.

Rule kept here: the engine reads; this room decides only on shapes, chunks and coordinates.
"""

from aicsio.arrays.chunks import Chunks
from aicsio.arrays.read import read_array, to_dask, to_numpy
from aicsio.arrays.tokens import token
from aicsio.arrays.xarray import to_xarray

__all__ = ["Chunks", "read_array", "to_dask", "to_numpy", "to_xarray", "token"]
