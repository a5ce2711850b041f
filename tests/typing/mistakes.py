"""Sixty wrong programs, one a line. The comment has who finds it.

``types``: mypy, pyright and basedpyright by the types alone. ``types, NumPy 2.1``: the same, from that NumPy
on: before, its stubs give ``ndarray.shape`` any length. ``plug-in``: mypy with ``aicsio.mypy``.
``none``: nobody before the program runs; the reason follows.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from aicsio import *

h = open_image("plate.czi")
zyx = transpose_to(h, "ZYX", T=0, C=0)
two = transpose_to(h, "CZYX", T=0, C=[0, 1])
image = AICSImage("plate.czi")
flag: bool = bool(h.size)
WRONG: Final = "zyx"
order_of_module = "XYX"


def plane_of(pixels: np.ndarray[tuple[int, int], np.dtype[Any]]) -> float:
    return float(pixels.max())


def stack_of(handle: ImageHandle[tuple[int, int, int]]) -> None: ...


# ---------------------------------------------------------------- ranks
z, y = zyx.shape  # types
z, y = to_numpy(zyx).shape  # types, NumPy 2.1
z, y = to_dask(zyx).shape  # types
z, y = to_dask(zyx).compute().shape  # types, NumPy 2.1
plane_of(to_numpy(zyx))  # types
plane_of(pipe(h, transpose_to("CZYX"), to_numpy()))  # types
stack_of(two)  # types
stack_of(transpose_to(h, "YX", C=0))  # types
pipe(h, transpose_to("ZYX"), to_numpy(), plane_of)  # types
compose(transpose_to("ZYX"), to_numpy(), plane_of)  # types
transpose_to("ZYX") >> to_numpy() >> plane_of  # types
plane_of(image.data)  # types
plane_of(imread("a.tif"))  # types
plane_of(image.get_image_data("ZYX", C=0))  # types
z, y, x = image.data.shape  # types, NumPy 2.1
plane: np.ndarray[tuple[int, int], np.dtype[Any]] = map_scenes(h, transpose_to("ZYX") >> to_numpy())[0]  # types
step: Step[ImageHandle[tuple[int, int]]] = transpose_to("ZYX")  # types

# ---------------------------------------------------------------- picks
transpose_to(h, "ZYX", Time=0)  # types
transpose_to(h, "ZYX", c=0)  # types
transpose_to(h, "ZYX", T=0.5)  # types
transpose_to(h, "ZYX", T="first")  # types
transpose_to(h, "ZYX", C=[0.5])  # types
transpose_to(h, "ZYX", C={0})  # types
transpose_to(h, "ZYX", C=None)  # types
transpose_to(h, "ZYX", T=b"0")  # plug-in
transpose_to("ZYX", Time=0)  # types
transpose_to("ZYX", Z=["a"])  # types
picks: Picks = {"Time": 0}  # types
picks = {"T": 1.5}  # types
image.get_image_data("ZYX", T=0.5)  # types
transpose_to(h, "ZYX", T=True)  # types
transpose_to(h, "ZYX", T=flag)  # types

# ---------------------------------------------------------------- names
open_image("a.czi", format="czii")  # types
open_image("a.czi", engine="libczi")  # types
open_image("a.czi", mosaic="both")  # types
open_image(5)  # types
open_image(None)  # types
write_ome_tiff(h, "a.ome.tiff", compression="gzip")  # types
write_ome_zarr(h, "a.ome.zarr", compression="lzw")  # types
open_many("a{T}.tif", format="tif")  # types
order: Order = "ZZYX"  # types
transpose_to(h, 3)  # types
transpose_to(h, "ZYX", 0)  # types
imread("a.tif", reader="tif")  # types

# ---------------------------------------------------------------- steps
pipe(h, to_numpy(), select_scene(1))  # types
compose(to_numpy(), transpose_to("ZYX"))  # types
to_numpy() >> to_dask()  # types
select_scene(1)("plate.czi")  # types
number: int = pipe(h, transpose_to("ZYX"), to_numpy(), plane_of)  # types

# ---------------------------------------------------------------- orders
transpose_to(h, "ZZYX")  # plug-in
transpose_to(h, WRONG)  # plug-in
transpose_to(h, order_of_module)  # plug-in
transpose_to(two, "ZYX")  # plug-in
transpose_to(zyx, "YX", C=0)  # plug-in
pipe(h, transpose_to("YX", Z=0), transpose_to("ZYX", Z=0))  # plug-in
transpose_to(two, "ZYX", C=2)  # plug-in
image.get_image_data("ZZ")  # plug-in
transpose_to(h, "ZYX"[::-1].lower())  # none: the text is made at run time
transpose_to(open_image(np.zeros((2, 3)), dims="YX"), "X")  # none: sizes of an array are no types
transpose_to(transpose_to(h, "CZYX", C=slice(0, 2)), "ZYX")  # none: the slice may leave one position
