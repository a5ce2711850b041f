"""The import name of ``AICSImage`` that scripts know; the class lives in ``aicsio.legacy``."""

from aicsio.legacy.functions import imread, imread_dask, imread_xarray, imread_xarray_dask
from aicsio.legacy.image import AICSImage
from aicsio.legacy.reading import use_dask

__all__ = [
    "AICSImage",
    "imread",
    "imread_dask",
    "imread_xarray",
    "imread_xarray_dask",
    "use_dask",
]
