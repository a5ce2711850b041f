"""``to_xarray`` saved and loaded by xarray's own engines: netCDF4, h5netcdf and Zarr.

Source of the right values: the DataArray before it was saved. xarray's ``identical`` compares
values, names, coordinates and attributes.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    ImageHandle,
    PixelSize,
    open_image,
    open_many,
    select_level,
    select_scene,
    to_xarray,
    transpose_to,
)
from aicsio.records import Coordinate
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.lif import LifImage, write_lif

xarray: Any = pytest.importorskip("xarray")

Engine = tuple[Callable[[Any, Path], None], Callable[[Path], Any]]


def netcdf(engine: str) -> Engine:
    pytest.importorskip({"netcdf4": "netCDF4", "h5netcdf": "h5netcdf"}[engine])
    if engine == "h5netcdf":
        pytest.importorskip("h5py")  # it writes through h5py
    return (
        lambda array, path: array.to_netcdf(path, engine=engine),
        lambda path: xarray.open_dataarray(path, engine=engine),
    )


def zarr(version: int) -> Engine:
    pytest.importorskip("zarr")
    return (
        lambda array, path: array.to_zarr(path, zarr_format=version, consolidated=False),
        lambda path: xarray.open_dataarray(path, engine="zarr", consolidated=False),
    )


@pytest.fixture(params=["netcdf4", "h5netcdf", "zarr2", "zarr3"])
def engine(request: pytest.FixtureRequest) -> Engine:
    name: str = request.param
    return zarr(int(name[-1])) if name.startswith("zarr") else netcdf(name)


def reloaded(array: Any, engine: Engine, folder: Path) -> Any:
    save, load = engine
    path = folder / "saved"
    save(array, path)
    with load(path) as loaded:
        return loaded.load()


def named(handle: ImageHandle, name: str) -> ImageHandle:
    scene = attrs.evolve(handle.scene, name=name)
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def whole() -> ImageHandle:
    """All facts that become coordinates and attributes."""
    handle = open_image(
        np.arange(3 * 2 * 4 * 5, dtype=np.uint16).reshape(3, 2, 4, 5),
        dims="TCYX",
        channel_names=["DAPI", "µ/\U0001f52c"],
        pixel_size=PixelSize(None, 0.5, 0.25),
    )
    scene = attrs.evolve(
        handle.scene, time_step=2.5, acquired="2025-01-01T10:00:00+01:00", name="Folder/Series001"
    )
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


@pytest.mark.parametrize("lazy", [False, True])
def test_an_image_with_all_facts(engine: Engine, tmp_path: Path, *, lazy: bool) -> None:
    array = to_xarray(whole(), lazy=lazy)
    loaded = reloaded(array, engine, tmp_path)
    assert loaded.identical(array)
    assert loaded.attrs["scene"] == "Folder/Series001"
    assert loaded.attrs["pixel_size_x_um"] == 0.25
    assert loaded.coords["T"].values.tolist() == [0.0, 2.5, 5.0]


@pytest.mark.parametrize(
    "dtype",
    ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "?"],
)
def test_pixel_types(engine: Engine, tmp_path: Path, dtype: str) -> None:
    array = to_xarray(open_image(np.array([[0, 1], [2, 100]]).astype(dtype), dims="YX"))
    loaded = reloaded(array, engine, tmp_path)
    assert loaded.equals(array)
    assert loaded.dtype == ("f4" if dtype == "f2" else array.dtype)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("Folder/Series001", "Folder_Series001"),
        ("Image:0", "Image_0"),
        ("X", "X"),  # a coordinate has the name already
        ("", None),
        ("  ", None),
        ("..", "_.."),
        (".zattrs", "_.zattrs"),
        ("__a", "_a"),
        ("-a", "_-a"),
        ("zarr.json", "_zarr.json"),
        ("a\\b*c?", "a_b_c_"),
        ("tab\tand \x01", "tab_and _"),
        ("\ud800", "_"),
        ("a\0b", "ab"),
        ("\u00e9 \U0001f52c", "\u00e9 \U0001f52c"),
        ("\u00e9" * 300, "\u00e9" * 100),
    ],
)
def test_names_of_scenes(engine: Engine, tmp_path: Path, name: str, variable: str | None) -> None:
    array = to_xarray(named(open_image(np.zeros((2, 3)), pixel_size=PixelSize(X=1.0)), name))
    # A lone surrogate has no UTF-8, and texts of HDF5 end at NUL.
    shown = {"\ud800": "?", "a\0b": "ab"}.get(name, name)
    assert (array.name, array.attrs["scene"]) == (variable, shown)
    loaded = reloaded(array, engine, tmp_path)
    assert loaded.identical(array)


def test_scenes_of_folders_of_a_lif(engine: Engine, tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    images = [LifImage(pixels + n, "CYX", name=f"Day 1/Plate {n}/Pos") for n in range(2)]
    handle = select_scene(open_image(write_lif(tmp_path / "a.lif", images)), 1)
    array = to_xarray(handle)
    loaded = reloaded(array, engine, tmp_path)
    assert loaded.identical(array)
    assert loaded.attrs["scene"] == "Day 1/Plate 1/Pos"
    np.testing.assert_array_equal(loaded.values, pixels + 1)


def test_levels_samples_joined_files_and_picks(engine: Engine, tmp_path: Path) -> None:
    spec = ImageSpec(Y=16, X=24, samples=3, dtype="uint8", levels=2, pixel_size=PixelSize(X=0.5))
    path = write(TiffSpec((spec,)), tmp_path, "a.ome.tif")
    handle = open_image(path)
    views = [
        select_level(handle, 1),
        transpose_to(handle, "SYX", T=0, C=0, Z=0, X=slice(None, None, 3)),
        transpose_to(handle, "QYX", T=0, C=0, Z=0, S=1, Y=[3, 1]),
        open_many([handle, handle]),
    ]
    for number, view in enumerate(views):
        folder = tmp_path / str(number)
        folder.mkdir()
        array = to_xarray(view)
        assert reloaded(array, engine, folder).identical(array)


@pytest.mark.parametrize(
    ("unit", "shown"), [("seconds", "s"), ("hours", "h"), ("nm", "nm"), ("days", "d"), (None, None)]
)
def test_values_with_units_of_time_stay_numbers(
    engine: Engine, tmp_path: Path, unit: str | None, shown: str | None
) -> None:
    # xarray decodes "seconds" to timedelta64 on loading (CF conventions, 4.4).
    handle = open_image(np.zeros((3, 2, 2)), dims="LYX")
    scene = attrs.evolve(handle.scene, coordinates=(Coordinate("L", (1.0, 2.0, 4.0), unit),))
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    array = to_xarray(handle)
    loaded = reloaded(array, engine, tmp_path)
    assert loaded.coords["L"].values.tolist() == [1.0, 2.0, 4.0]
    assert loaded.coords["L"].attrs.get("units") == shown


@pytest.mark.skipif(sys.platform == "win32", reason="names of bytes")
def test_a_path_that_is_no_text(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a\udcff.tif"
    write(TiffSpec((ImageSpec(Y=4, X=5),), "plain"), tmp_path, path.name)
    array = to_xarray(open_image(path))
    assert reloaded(array, engine, tmp_path).identical(array)


def test_complex_pixels(tmp_path: Path) -> None:
    pytest.importorskip("netCDF4")
    array = to_xarray(open_image(np.array([[1 + 2j, 3]], np.complex64)))
    array.to_netcdf(tmp_path / "c.nc", engine="netcdf4", auto_complex=True)
    with xarray.open_dataarray(tmp_path / "c.nc", engine="netcdf4", auto_complex=True) as loaded:
        assert loaded.load().equals(array)


@pytest.mark.parametrize(
    ("full", "small", "expected"),
    [
        # Means of pixels 0 and 1, 2 and 3, ... lie half a pixel of full resolution further.
        (8, 4, [0.5, 2.5, 4.5, 6.5]),
        (9, 3, [1.0, 4.0, 7.0]),
        (16, 4, [1.5, 5.5, 9.5, 13.5]),
        (4, 4, [0.0, 1.0, 2.0, 3.0]),
    ],
)
def test_coordinates_of_levels_are_the_centres_of_their_pixels(
    full: int, small: int, expected: list[float]
) -> None:
    handle = open_image(np.zeros((full, full)), pixel_size=PixelSize(None, 1.0, 0.25))
    level = open_image(np.zeros((small, small))).array
    scene = attrs.evolve(handle.scene, levels=(handle.array, level))
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    array = to_xarray(select_level(handle, 1))
    assert array.coords["Y"].values.tolist() == expected
    assert array.coords["X"].values.tolist() == [0.25 * value for value in expected]
    picked = to_xarray(transpose_to(select_level(handle, 1), "YX", X=slice(1, None, 2)))
    assert picked.coords["X"].values.tolist() == [0.25 * value for value in expected[1::2]]
