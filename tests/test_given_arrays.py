"""Arrays of the caller that say more than their pixels, or something else: xarrays, empty arrays, dask arrays.

Source: AICSImageIO 4 (``ArrayLikeReader``) takes dims, channel names and spacings of an xarray; a dask array is
held to its own ``shape`` and ``dtype``; OME 2016-06 gives its sizes the type ``PositiveInt``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    ArgumentTypeError,
    DimensionError,
    ImageHandle,
    ImageTooLargeError,
    PixelSize,
    ome_metadata,
    ome_xml,
    open_image,
    project,
    read_windows,
    statistics,
    suggest_contrast,
    thumbnail,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
    view,
    write_ome_tiff,
    write_ome_zarr,
    write_picture,
)

xarray = pytest.importorskip("xarray")
da = pytest.importorskip("dask.array")


# ---------------------------------------------------------------- xarray


@pytest.mark.parametrize("dims", ["XYZ", "xyz", "ZXC"])
def test_an_xarray_names_its_axes(dims: str) -> None:
    pixels = np.arange(24).reshape(2, 3, 4)
    handle = open_image(xarray.DataArray(pixels, dims=tuple(dims)))
    assert (handle.dims.order, handle.diagnostics) == (dims.upper(), ())
    np.testing.assert_array_equal(to_numpy(handle), pixels)
    lazy = open_image(xarray.DataArray(da.from_array(pixels), dims=tuple(dims)))
    assert lazy.dims == handle.dims
    assert open_image(xarray.Variable(tuple(dims), pixels)).dims == handle.dims


def test_an_xarray_keeps_its_channels_and_sizes() -> None:
    pixels = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    size = PixelSize(Z=2.0, Y=0.5, X=0.25)
    first = open_image(pixels, dims="CZYX", channel_names=["DAPI", "GFP"], pixel_size=size)
    again = open_image(to_xarray(first))
    assert (again.dims, again.channel_names, again.pixel_size) == (
        first.dims,
        ("DAPI", "GFP"),
        size,
    )
    np.testing.assert_array_equal(to_numpy(again), pixels)
    two: Any = [to_xarray(first)] * 2
    assert open_image(two).scenes[1].channels[1].name == "GFP"


def test_names_of_several_letters_are_not_guessed() -> None:
    array = xarray.DataArray(np.zeros((2, 3, 4)), dims=("time", "lat", "lon"))
    with pytest.raises(DimensionError, match="'time'"):
        open_image(array)
    assert open_image(array, dims="TYX").dims.order == "TYX"
    assert open_image(xarray.DataArray(np.zeros((2, 3)))).diagnostics[0].code == "guessed-axes"


def test_a_dataset_is_no_array() -> None:
    with pytest.raises(ArgumentTypeError, match="Dataset"):
        open_image(xarray.Dataset({"a": ("X", [1, 2])}))


# ---------------------------------------------------------------- dask


def computes(change: Callable[[Any], Any]) -> ImageHandle:
    """Return an image of 4 x 4 bytes in four chunks, which computes something else."""
    lazy = da.zeros((4, 4), dtype="u1", chunks=2)
    return open_image(lazy.map_blocks(change, dtype="u1", meta=np.zeros((0, 0), "u1")), dims="YX")


READS: dict[str, Callable[[ImageHandle, Path], Any]] = {
    "all": lambda h, _: to_numpy(h),
    "a part": lambda h, _: to_numpy(transpose_to(h, "YX", X=slice(0, 3))),
    "out": lambda h, _: to_numpy(h, out=np.empty((4, 4), np.uint8)),
    "windows": lambda h, _: read_windows(h, [(0, 0)], 4)[0],
    "OME-TIFF": lambda h, path: write_ome_tiff(h, path / "a.ome.tif"),
    "OME-Zarr": lambda h, path: write_ome_zarr(h, path / "a.ome.zarr"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_other_pixels_than_a_dask_array_says(
    read: Callable[[ImageHandle, Path], Any], tmp_path: Path
) -> None:
    for change in (lambda b: b + 0.5, lambda b: b * np.nan, lambda b: b.astype("i8") + 700):
        with pytest.raises(ArgumentTypeError, match="its type uint8"):
            read(computes(change), tmp_path)
    with pytest.raises(DimensionError, match="shape"):
        read(computes(lambda b: b[:1]), tmp_path)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize("read", list(READS.values())[:4], ids=list(READS)[:4])
def test_another_type_with_the_same_values_is_converted(
    read: Callable[[ImageHandle, Path], Any], tmp_path: Path
) -> None:
    for change in (lambda b: b.astype("f8") + 3, lambda b: b.astype("i8") + 3):
        found = read(computes(change), tmp_path)
        assert (found.dtype, set(found.ravel().tolist())) == (np.dtype("u1"), {3})


def test_a_dask_array_larger_than_the_memory() -> None:
    huge = open_image(da.zeros((1 << 15, 1 << 15, 1 << 15), dtype="u1"), dims="ZYX")
    with pytest.raises(ImageTooLargeError):
        to_numpy(huge)


def test_a_dask_array_is_no_pick() -> None:
    with pytest.raises(ArgumentTypeError, match="is not a pick"):
        transpose_to(open_image(np.zeros((3, 4, 5))), "ZYX", Z=da.arange(2))


def test_a_key_of_two_letters_is_no_dimension() -> None:
    with pytest.raises(DimensionError, match="one letter each"):
        to_dask(open_image(np.zeros((3, 4, 5))), chunks={"ZY": 1})


# ---------------------------------------------------------------- empty arrays

EMPTY = [((0, 4), "YX"), ((4, 0), "YX"), ((0, 4, 4), "ZYX"), ((0, 4, 4), "CYX"), ((0, 4, 4), "TYX")]


@pytest.mark.parametrize(("shape", "dims"), EMPTY, ids=[f"{s} {d}" for s, d in EMPTY])
def test_images_without_pixels(shape: tuple[int, ...], dims: str, tmp_path: Path) -> None:
    handle = open_image(np.zeros(shape, np.uint8), dims=dims)
    assert to_numpy(handle).shape == shape
    for call in (
        thumbnail,
        ome_metadata,
        ome_xml,
        lambda h: write_picture(h, tmp_path / "a.png"),
        lambda h: write_ome_tiff(h, tmp_path / "a.ome.tif"),
    ):
        with pytest.raises(DimensionError):
            call(handle)
    assert suggest_contrast(handle) == ((0.0, 1.0),) * handle.dims.get("C", 1)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- other arguments


def test_what_is_no_contrast() -> None:
    with pytest.raises(DimensionError, match="contrast"):
        thumbnail(open_image(np.eye(4)), contrast=(0, float("inf")))


def test_what_is_no_image_and_no_port_of_a_viewer() -> None:
    with pytest.raises(ArgumentTypeError, match="not int"):
        view(3)  # type: ignore[arg-type]
    for port in (-1, 1 << 16):
        with pytest.raises(OSError, match=f"port={port}"):
            view(open_image(np.eye(4)), port=port, browser=False)


def test_pixels_under_a_mask_are_counted() -> None:
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 6)
    handle = open_image(np.ma.masked_less(pixels, 5), dims="YX")
    (note,) = handle.diagnostics
    assert (note.code, note.loss) == ("masked-pixels", True)
    assert note.message.startswith("5 of 24 pixels are masked")
    # numpy's own ``data`` of a masked array: what lies under the mask is kept.
    np.testing.assert_array_equal(to_numpy(handle), pixels)
    assert open_image(np.ma.masked_less(pixels, 0), dims="YX").diagnostics == ()


@pytest.mark.parametrize("workers", [0, -1])
@pytest.mark.parametrize(
    "read",
    [
        lambda handle, workers: to_numpy(handle, workers=workers),
        lambda handle, workers: read_windows(handle, [(0, 0)], size=2, workers=workers),
        lambda handle, workers: project(handle, "Y", workers=workers),
        lambda handle, workers: statistics(handle, workers=workers),
    ],
)
def test_no_thread_reads_nothing(read: Callable[..., object], workers: int) -> None:
    """The writers refuse it in the same words; a pool of threads would by an error of Python."""
    handle = open_image(np.zeros((4, 6)), dims="YX")
    with pytest.raises(DimensionError, match=f"workers={workers}: give at least one thread"):
        read(handle, workers)
