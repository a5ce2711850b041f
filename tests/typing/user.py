"""What a user writes, with the types that a user's mypy must find: every public function in both of its forms.

Checked by test_typing.py against the installed package, with --strict and without the project's own stubs.
"""

from pathlib import Path
from typing import Any, TypeAlias, assert_type

import dask.array as da
import distributed
import numpy as np
import numpy.typing as npt
import ome_types

import aicsio
from aicsio import (
    AICSImage,
    Candidate,
    Channel,
    Diagnostic,
    Dims,
    ImageHandle,
    LazyArray,
    OmeXml,
    Order,
    Picks,
    PixelSize,
    Provenance,
    Scene,
    Source,
    Step,
    Table,
    TimeSteps,
    WriteReport,
    ZarrReport,
    as_zarr_store,
    compose,
    dask_utils,
    explain,
    imread,
    imread_dask,
    imwrite,
    map_scenes,
    map_wells,
    metadata,
    ome_metadata,
    ome_xml,
    open_image,
    open_many,
    pipe,
    plane_table,
    provenance,
    raw_metadata,
    select_level,
    select_scene,
    select_well,
    tile_table,
    time_steps,
    to_dask,
    to_numpy,
    to_references,
    transpose_to,
    use_dask,
    wells,
    write_ome_tiff,
    write_ome_zarr,
    write_region,
    write_scenes,
)
from aicsio.arrays.ranked import DaskPixels, DaskStep, NumpyStep
from aicsio.references.store import HandleStore

Pixels: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[Any]]
Pixels2: TypeAlias = np.ndarray[tuple[int, int], np.dtype[Any]]
Pixels3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[Any]]
Pixels4: TypeAlias = np.ndarray[tuple[int, int, int, int], np.dtype[Any]]
Pixels5: TypeAlias = np.ndarray[tuple[int, int, int, int, int], np.dtype[Any]]
Lazy: TypeAlias = DaskPixels[tuple[Any, ...]]
Lazy3: TypeAlias = DaskPixels[tuple[int, int, int]]
Image3: TypeAlias = ImageHandle[tuple[int, int, int]]

# ---------------------------------------------------------------- opening

handle = open_image("plate.czi")
assert_type(handle, ImageHandle)
assert_type(open_image(Path("plate.czi"), format="tiff", mosaic="tiles", dims="ZYX"), ImageHandle)
assert_type(
    open_image(np.zeros((2, 3)), channel_names=["a"], pixel_size=PixelSize(X=0.5)), ImageHandle
)
assert_type(open_image("s3://b/k", storage_options={"anon": True}), ImageHandle)
assert_type(open_many("img_t{T}_c{C}.tif"), ImageHandle)
assert_type(
    open_many([Path("a.tif"), "b.tif", handle], along="Z", scene="A1", check="first"), ImageHandle
)
assert_type(open_many("s3://b/*.tif", missing="fill", storage_options={"anon": True}), ImageHandle)
assert_type(explain("plate.czi"), tuple[Candidate, ...])
assert_type(explain("plate.czi")[0].taken, bool)

# ---------------------------------------------------------------- the handle

assert_type(handle.scenes, tuple[Scene, ...])
assert_type(handle.scene_names, tuple[str, ...])
assert_type(handle.scene.name, str)
assert_type(handle.levels, tuple[LazyArray, ...])
assert_type(handle.source, Source)
assert_type(handle.format, str)
assert_type(handle.shape, tuple[Any, ...])
assert_type(transpose_to(handle, "ZYX", C=0).shape, tuple[int, int, int])
assert_type(handle.nbytes, int)
assert_type(handle.dtype, np.dtype[Any])
assert_type(handle.channels, tuple[Channel, ...])
assert_type(handle.channel_names, tuple[str, ...])
assert_type(handle.time_step, float | None)
assert_type(handle.metadata, str | None)
assert_type(handle.diagnostics, tuple[Diagnostic, ...])
assert_type(handle.array, LazyArray)
assert_type(np.asarray(handle), npt.NDArray[Any])
assert_type(np.asarray(handle.array), npt.NDArray[Any])
z, y, x = handle.pixel_size
assert_type(z, float | None)
assert_type(handle.pixel_size.X, float | None)

dims = handle.dims
assert_type(dims, Dims)
assert_type(dims.order, str)
assert_type(dims.shape, tuple[int, ...])
assert_type(
    (dims.T, dims.C, dims.Z, dims.Y, dims.X, dims.S, dims.M),
    tuple[int, int, int, int, int, int, int],
)
assert_type(dims["Z"], int)
assert_type(dims["Z", "Y"], tuple[int, ...])
assert_type([letter for letter in dims], list[str])  # noqa: C416 - iterating is what is shown
assert_type(dims.get("S", 1), int)
assert_type(dims.items(), tuple[tuple[str, int], ...])
assert_type("Z" in dims, bool)

# ---------------------------------------------------------------- verbs, the handle given

assert_type(ome_metadata(handle), ome_types.OME)
assert_type(ome_metadata(planes=False), Step[ome_types.OME])
assert_type(ome_xml(handle), OmeXml)
assert_type(ome_xml(), Step[OmeXml])
assert_type(raw_metadata(handle), str | None)
assert_type(pipe(handle, raw_metadata()), str | None)
assert metadata(handle) is not None
assert_type(plane_table(handle), Table)
assert_type(wells(handle), Table)
assert_type(provenance(handle), Provenance)
assert_type(select_well(handle, "B3"), ImageHandle)
assert_type(select_well("B3", 1, plate="P"), Step[ImageHandle])
assert_type(pipe(handle, plane_table()), Table)
assert_type(tile_table(handle), Table)
assert_type(time_steps(handle).median, float | None)
assert_type(time_steps(), Step[TimeSteps])
assert_type(select_scene(handle, 1), ImageHandle)
assert_type(select_scene(handle, "A1"), ImageHandle)
assert_type(select_scene(handle, np.int64(1)), ImageHandle)
assert_type(select_level(handle, -1), ImageHandle)
assert_type(transpose_to(handle, "ZYX", C=0), Image3)
assert_type(
    transpose_to(handle, "CZYX", T=-1, C=[0, 2], Z=slice(None, None, 2), Y=range(5), X=(1, 2)),
    ImageHandle[tuple[int, int, int, int]],
)
assert_type(transpose_to(handle, "CYX", C=np.array([0, 1])), Image3)
assert_type(to_numpy(handle), Pixels)
assert_type(to_numpy(handle, workers=2), Pixels)
assert_type(to_dask(handle), Lazy)
assert_type(to_dask(handle, chunks="ZYX"), Lazy)
assert_type(to_dask(handle, chunks={"Z": 1, "Y": -1}), Lazy)
assert_type(to_dask(handle, chunks=(1, 1, (3, 4))), Lazy)
plain: da.Array = to_dask(handle)
assert_type(write_ome_tiff(handle, "out.ome.tiff"), WriteReport)
assert_type(
    write_ome_tiff(handle, Path("out.ome.tiff"), compression="zstd", overwrite=True), WriteReport
)
assert_type(write_ome_tiff(handle, "out.ome.tiff").not_kept, tuple[Diagnostic, ...])
assert_type(write_ome_tiff(handle, "out.ome.tiff", scenes="all"), WriteReport)
assert_type(write_ome_tiff(handle, "out.ome.tiff", scenes=[0, "A1"]), WriteReport)
assert_type(write_scenes([handle, handle], "out.ome.tiff", compression=None), WriteReport)
assert_type(as_zarr_store(handle, chunks={"Y": 512, "X": 512}), HandleStore)
assert_type(as_zarr_store(contrast="pixels"), Step[HandleStore])
assert_type(to_references(handle, levels=True), dict[str, Any])
assert_type(to_references(base="s3://bucket"), Step[dict[str, Any]])
assert_type(write_ome_zarr(handle, "out.ome.zarr", chunks={"Z": 8}, shards=None), ZarrReport)
assert_type(write_ome_zarr([handle, handle], Path("out.ome.zarr"), plate=["A1", "A2"]), ZarrReport)
assert_type(write_ome_zarr("out.ome.zarr", overwrite=True), Step[ZarrReport])
assert_type(write_region(handle, "out.ome.zarr", T=3), ZarrReport)
assert_type(write_region("out.ome.zarr", T=slice(0, 2)), Step[ZarrReport])
assert_type(pipe("plate.czi", open_image, write_ome_zarr("out.ome.zarr")), ZarrReport)

# ---------------------------------------------------------------- verbs, the handle left out

assert_type(select_scene(1), Step[ImageHandle])
assert_type(select_scene("A1"), Step[ImageHandle])
assert_type(select_level(0), Step[ImageHandle])
assert_type(transpose_to("ZYX", C=0), Step[Image3])
assert_type(to_numpy(), NumpyStep)
assert_type(to_numpy(workers=2), NumpyStep)
assert_type(to_dask(), DaskStep)
assert_type(to_dask(chunks={"Z": 1}), DaskStep)
reading: Step[npt.NDArray[Any]] = to_numpy()
assert_type(write_ome_tiff("out.ome.tiff", overwrite=True), Step[WriteReport])

assert_type(select_scene(1)(handle), ImageHandle)
assert_type(to_numpy()(handle), Pixels)
assert_type(to_numpy()(transpose_to(handle, "YX")), Pixels2)
assert_type(write_ome_tiff("out.ome.tiff")(handle), WriteReport)

# ---------------------------------------------------------------- pipes


def brightest(pixels: npt.NDArray[Any]) -> float:
    return float(pixels.max())


assert_type(pipe(handle), ImageHandle)
assert_type(pipe(handle, select_scene(1)), ImageHandle)
assert_type(pipe(handle, to_numpy()), Pixels)
assert_type(pipe(handle, select_scene(1), transpose_to("ZYX", C=0)), Image3)
assert_type(pipe(handle, select_scene(1), transpose_to("ZYX", C=0), to_numpy()), Pixels3)
assert_type(pipe(handle, select_scene(1), to_numpy(), brightest), float)
assert_type(pipe(handle, select_scene(1), transpose_to("ZYX"), to_dask()), Lazy3)
assert_type(
    pipe(
        handle,
        select_scene(1),
        select_level(1),
        transpose_to("ZYX"),
        transpose_to("XYZ"),
        to_numpy(),
        brightest,
    ),
    float,
)
assert_type(
    pipe(
        handle,
        select_scene(0),
        select_scene(1),
        select_level(1),
        transpose_to("YX"),
        to_numpy(),
        brightest,
        str,
    ),
    str,
)
assert_type(
    pipe("plate.czi", open_image, select_scene(1), write_ome_tiff("out.ome.tiff")), WriteReport
)
assert_type(pipe(handle, lambda image: image.dims.X), int)

steps: list[Step[ImageHandle]] = [select_scene(1), transpose_to("ZYX", C=0)]
for step in steps:
    handle = step(handle)
by_name: dict[Step[Any], str] = {select_scene(1): "scene", to_numpy(): "pixels"}
zyx = transpose_to("ZYX", C=0) >> to_numpy()
assert_type(zyx, Step[Pixels3])
assert_type(compose(select_scene(1), transpose_to("CZYX"), to_numpy()), Step[Pixels4])
assert_type(compose(), Step[ImageHandle])
assert_type(zyx >> brightest, Step[float])
assert_type(map_scenes(handle, zyx), tuple[Pixels3, ...])
assert_type(map_scenes(zyx, scenes=[0, "A1"]), Step[tuple[Pixels3, ...]])
assert_type(map_wells(handle, zyx >> brightest), dict[str, tuple[float, ...]])
assert_type(pipe(handle, map_wells(zyx)), dict[str, tuple[Pixels3, ...]])
order: Order = "CZYX"
picks: Picks = {"T": 0, "C": ["DAPI"]}
assert_type(transpose_to(handle, "CZYX", **picks), ImageHandle[tuple[int, int, int, int]])

# ---------------------------------------------------------------- the legacy face

img = AICSImage("my_file.tiff")
assert_type(img.data, Pixels5)
assert_type(img.dask_data, DaskPixels[tuple[int, int, int, int, int]])
assert_type(img.dims.X, int)
assert_type(img.shape, tuple[int, int, int, int, int])
assert_type(img.scenes, tuple[str, ...])
assert_type(img.current_scene, str)
assert_type(img.channel_names, list[str])
assert_type(img.get_image_data("CZYX", T=0), Pixels4)
assert_type(img.get_image_data(), Pixels5)
assert_type(img.get_image_dask_data("ZYX", T=0, Z=slice(3)), Lazy3)
assert_type(img.physical_pixel_sizes.Z, float | None)
img.set_scene(1)
img.save("out.ome.tiff")
assert_type(imread("my_file.tiff"), Pixels5)
assert_type(imread_dask("my_file.tiff"), DaskPixels[tuple[int, int, int, int, int]])
assert_type(
    imwrite("out.ome.tiff", np.zeros((2, 3)), dim_order="YX", compression="zstd"),
    WriteReport | ZarrReport,
)
assert_type(
    imwrite(Path("out.ome.tiff"), [img, handle], image_names=["a", "b"]), WriteReport | ZarrReport
)
use_dask(False)
with dask_utils.cluster_and_client() as (cluster, client):
    assert_type(client, distributed.Client)

# ---------------------------------------------------------------- errors

try:
    open_image("no.tif")
except aicsio.CorruptFileError as error:
    assert_type(error.uri, str | None)
    assert_type(error.offset, int | None)
except (aicsio.SourceNotFoundError, aicsio.AicsioError) as other:
    assert_type(str(other), str)
