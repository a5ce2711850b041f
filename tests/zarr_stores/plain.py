"""Arrays and groups without the metadata of NGFF, and TIFF files that tifffile shows as Zarr."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import tifffile

from zarr_stores import Image, Maker, Store, library, pixels

SHAPE = (3, 37, 45)


def _bare(zarr_format: int, names: bool) -> Maker:
    def make(folder: Path) -> Store:
        made = pixels(SHAPE)
        options: dict[str, Any] = {"dimension_names": ["c", "y", "x"]} if names else {}
        array = library("zarr").create_array(
            str(folder),
            shape=SHAPE,
            dtype="uint16",
            chunks=(1, 16, 16),
            zarr_format=zarr_format,
            **options,
        )
        array[...] = made
        return Store(folder, (Image("", "CYX" if names else "", made, ("",)),))

    return make


def _dask(folder: Path) -> Store:
    import dask.array as da

    library("zarr")
    made = pixels(SHAPE)
    da.to_zarr(da.from_array(made, chunks=(1, 16, 20)), str(folder))
    return Store(folder, (Image("", "", made, ("",)),))


def _xarray(zarr_format: int) -> Maker:
    def make(folder: Path) -> Store:
        xarray = library("xarray")
        library("zarr")
        made = pixels(SHAPE)
        data = xarray.Dataset({"image": (("c", "y", "x"), made)}, coords={"c": ["a", "b", "d"]})
        data.to_zarr(str(folder), zarr_format=zarr_format)
        return Store(folder, (Image("", "CYX", made, ("image",)),))

    return make


def _tifffile_view(folder: Path) -> Store:
    """What ``imread(aszarr=True)`` shows of a TIFF with two levels, copied key by key."""
    library("zarr")
    buffers = library("zarr.core.buffer")
    made = pixels(SHAPE)
    path = folder.with_suffix(".ome.tif")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, ome=True) as writer:
        tiles: dict[str, Any] = {"tile": (16, 16), "compression": "zlib"}
        writer.write(made, subifds=1, metadata={"axes": "CYX"}, **tiles)
        writer.write(made[:, ::2, ::2], subfiletype=1, **tiles)
    store: Any = tifffile.imread(path, aszarr=True)

    async def copy() -> None:
        prototype = buffers.default_buffer_prototype()
        grids = [range(3), range(3), range(3)], [range(3), range(2), range(2)]
        chunks = [
            f"{level}/{'.'.join(map(str, place))}"
            for level, grid in enumerate(grids)
            for place in itertools.product(*grid)
        ]
        for key in [key async for key in store.list()] + chunks:  # the list has no chunks
            content = await store.get(key, prototype)
            if content is not None:
                target = folder / key
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.to_bytes())

    try:
        asyncio.run(copy())
    finally:
        store.close()
    return Store(folder, (Image("", "CYX", made, ("0", "1")),), "0.1")


MAKERS: dict[str, Maker] = {
    "tifffile view": _tifffile_view,
    "bare array v2": _bare(2, names=False),
    "bare array v3": _bare(3, names=False),
    "bare array v3 with names": _bare(3, names=True),
    "dask to_zarr": _dask,
    "xarray v2": _xarray(2),
    "xarray v3": _xarray(3),
}
