"""The part of ``user.py`` that needs xarray, which a plain installation does not bring."""

from typing import assert_type

import xarray as xr

from aicsio import (
    AICSImage,
    Step,
    open_image,
    pipe,
    select_level,
    select_scene,
    to_xarray,
    transpose_to,
)

handle = open_image("plate.czi")
img = AICSImage("my_file.tiff")
assert_type(to_xarray(handle), xr.DataArray)
assert_type(to_xarray(handle, lazy=True, chunks="YX"), xr.DataArray)
assert_type(to_xarray(lazy=True), Step[xr.DataArray])
assert_type(
    pipe(handle, select_scene(1), select_level(1), transpose_to("ZYX"), to_xarray()), xr.DataArray
)
assert_type(img.xarray_data, xr.DataArray)
