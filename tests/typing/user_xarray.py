"""The part of ``user.py`` that needs xarray, which a plain installation does not bring."""

from typing import Any, assert_type

import xarray as xr

from aicsio import (
    AICSImage,
    ImageHandle,
    Step,
    imread_xarray,
    imread_xarray_dask,
    open_image,
    pipe,
    select_level,
    select_scene,
    to_xarray,
    transpose_to,
)
from aicsio.arrays.ranked import XarrayPixels, XarrayStep

handle = open_image("plate.czi")
img = AICSImage("my_file.tiff")
labelled = xr.DataArray([[1, 2], [3, 4]], dims=("y", "x"))
assert_type(open_image(labelled), ImageHandle)
assert_type(open_image(labelled.variable), ImageHandle)
assert_type(to_xarray(handle), XarrayPixels[tuple[Any, ...]])
assert_type(to_xarray(transpose_to(handle, "YX")), XarrayPixels[tuple[int, int]])
plain: xr.DataArray = to_xarray(handle)
assert_type(to_xarray(handle, lazy=True, chunks="YX"), XarrayPixels[tuple[Any, ...]])
assert_type(to_xarray(lazy=True), XarrayStep)
reading: Step[xr.DataArray] = to_xarray()
assert_type(
    pipe(handle, select_scene(1), select_level(1), transpose_to("ZYX"), to_xarray()),
    XarrayPixels[tuple[int, int, int]],
)
assert_type(img.xarray_data, XarrayPixels[tuple[int, int, int, int, int]])
assert_type(imread_xarray("my_file.tiff"), XarrayPixels[tuple[int, int, int, int, int]])
assert_type(imread_xarray_dask("my_file.tiff", 1), XarrayPixels[tuple[int, int, int, int, int]])
