"""Mistakes that a user's mypy must find: each on a line that ends in the code of the error that it deserves.

Checked by test_typing.py: these errors, and no others.
"""

# ruff: noqa: B018 - that they do nothing is not what is wrong with them
from typing import Any

import numpy as np
import numpy.typing as npt

import aicsio
from aicsio import (
    AICSImage,
    Dims,
    ImageHandle,
    PixelSize,
    Step,
    explain,
    imread,
    imwrite,
    open_image,
    open_many,
    pipe,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
    write_ome_tiff,
    write_scenes,
)

handle = open_image("plate.czi")

# ---------------------------------------------------------------- names
aicsio.opn_image("plate.czi")  # E: attr-defined
aicsio.steps_to_numpy  # E: attr-defined

# ---------------------------------------------------------------- arguments
open_image()  # E: call-arg
open_image("plate.czi", mosaic="both")  # E: arg-type
open_image("plate.czi", "tiff")  # E: call-arg
open_image("plate.czi", dim="ZYX")  # E: call-arg
open_image("plate.czi", pixel_size=0.5)  # E: arg-type
explain("plate.czi", format="tiff")  # E: call-arg
select_scene(handle, 1.5)  # E: call-overload
select_scene(handle)  # E: call-overload
select_scene()  # E: call-overload
select_level(handle, "0")  # E: call-overload
transpose_to(handle, 3)  # E: arg-type|call-overload
transpose_to(handle, "ZYX", C=0.5)  # E: arg-type|call-overload
transpose_to(handle, "ZYX", C={0})  # E: arg-type|call-overload
transpose_to("ZYX", C=None)  # E: arg-type|call-overload
to_numpy(handle, 2)  # E: call-overload
to_numpy(handle, worker=2)  # E: call-overload
to_numpy(np.zeros((2, 3)))  # E: call-overload
to_dask(handle, chunks=[1, 2])  # E: call-overload
to_dask(handle, chunks={"Z": "all"})  # E: dict-item|call-overload
to_xarray(handle, True)  # E: call-overload
write_ome_tiff(handle)  # E: call-overload
write_ome_tiff(handle, "out.ome.tiff", compression="gif")  # E: call-overload
write_scenes(handle, "out.ome.tiff")  # E: arg-type
imwrite(np.zeros((2, 3)), "out.ome.tiff")  # E: arg-type
open_many("img_{T}.tif", missing="zero")  # E: arg-type
open_many(3)  # E: arg-type

# ---------------------------------------------------------------- results
number: int = to_numpy(handle)  # E: assignment
image: ImageHandle = select_scene(1)  # E: assignment
pixels: npt.NDArray[Any] = transpose_to(handle, "ZYX")  # E: assignment
wait: Step[ImageHandle] = to_numpy()  # E: assignment
select_scene(1)("plate.czi")  # E: arg-type
select_scene(1).shape  # E: attr-defined

# ---------------------------------------------------------------- records are frozen, and hold what they say
handle.level = 1  # E: misc
handle.dims.order = "XYZ"  # E: misc
handle.shape = (1, 2)  # E: misc
handle.dimension  # E: attr-defined
handle.dims.x  # E: attr-defined
handle.dims.order.X  # E: attr-defined
handle.dims[0]  # E: call-overload
handle.pixel_size.X + 1.0  # E: operator
Dims("ZYX", "345")  # E: arg-type
PixelSize(x=0.5)  # E: call-arg

# ---------------------------------------------------------------- pipes
pipe(handle, to_numpy(), select_scene(1))  # E: misc|arg-type
pipe(handle, to_numpy)(3)  # E: operator
pipe("plate.czi", select_scene(1))  # E: arg-type
text: str = pipe(handle, select_scene(1), to_numpy())  # E: assignment

# ---------------------------------------------------------------- the legacy face
img = AICSImage("my_file.tiff")
img.get_image_data("ZYX", C=0.5)  # E: arg-type
img.data = np.zeros(3)  # E: misc|assignment
img.dims.W  # E: attr-defined
imread("my_file.tiff").dims  # E: attr-defined
