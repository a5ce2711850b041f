"""Forty right programs, one a line: no checker finds anything in them."""

from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import dask.array as da
import numpy as np
import numpy.typing as npt

from aicsio import *

h = open_image("plate.czi")
two = transpose_to(h, "CZYX", T=0, C=[0, 1])
image = AICSImage("plate.czi")
order: str = str(h.dims.order)
number: int = h.dims.T - 1
ORDER: Final = "ZYX"
Dye = IntEnum("Dye", ["DAPI"], start=0)
order_of_module = "ZYX"


def plane_of(pixels: np.ndarray[tuple[int, int], np.dtype[Any]]) -> float:
    return float(pixels.max())


def any_rank(handle: ImageHandle) -> npt.NDArray[Any]:
    return to_numpy(handle)


# ---------------------------------------------------------------- programs
z, y, x = transpose_to(h, "ZYX", C=0).shape
z, y, x = to_numpy(transpose_to(h, "XYZ", C=0)).shape
z, y, x = to_dask(transpose_to(h, "ZYX", C=0)).compute().shape
plane_of(to_numpy(transpose_to(h, "YX", Z=0, C=0, T=0)))
plane_of(pipe(h, transpose_to("YX", Z=number), to_numpy()))
pipe(h, transpose_to("YX", Z=0), to_numpy(), plane_of, round, str)
any_rank(h)
any_rank(transpose_to(h, "MTCZYXS"))
plane_of(to_numpy(h))
plane_of(to_numpy(transpose_to(h, order)))
transpose_to(h, "ZYX", C=0, T=-1)
transpose_to(h, "CZYX", C=["DAPI", 1], T=np.int64(0))
transpose_to(h, "ZYX", C="DAPI")
transpose_to(h, "ZYX", Z=slice(None, None, 2), Y=range(5), X=(1, 2), C=0)
transpose_to(h, "CYX", C=np.array([0, 1]), Z=0)
transpose_to(h, "TCZYX", C=Dye.DAPI, T=[np.int64(0), number])
transpose_to(h, "HYX", H=0, V=0)
transpose_to(h, ORDER, C=0)
transpose_to(h, order_of_module, C=0)
transpose_to(two, "ZYX", C=1)
transpose_to(two, "ZYX", C=number)
transpose_to(two, "CYX", C=1, Z=0)
pipe(h, transpose_to("YX", Z=0), transpose_to("ZYX"))
pipe(h, transpose_to("YX", Z=0), select_scene(1), transpose_to("YX", Z=0))
picks: Picks = {"T": 0, "C": slice(0, 2)}
transpose_to(h, "CZYX", **picks)
known: Order = "CZYX"
chain: Step[np.ndarray[tuple[int, int], np.dtype[Any]]] = transpose_to("YX", Z=0) >> to_numpy()
plane_of(compose(select_scene(1), chain)(h))
values: tuple[float, ...] = map_scenes(h, chain >> plane_of)
of_wells: dict[str, tuple[float, ...]] = map_wells(h, chain >> plane_of)
steps: list[Step[ImageHandle]] = [select_scene(1), transpose_to("ZYX", C=0), compose()]
lazy: da.Array = to_dask(h)
pixels: npt.NDArray[Any] = image.data
t, c, z, y, x = image.data.shape
plane_of(image.get_image_data("YX", T=0, Z=1))
t, c, z, y, x = imread("a.tif", scene_id=1).shape
open_image(Path("a.czi"), format="czi", engine="native", mosaic="tiles")
open_image([np.zeros((2, 3)), np.ones((2, 3))], dims="YX")
write_ome_tiff(h, "a.ome.tiff", compression="zstd", overwrite=True)
