"""The engine "aicsio" of xarray, by xarray's own functions."""

import importlib.metadata
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import open_image, select_level, select_scene, to_numpy, to_xarray, write_ome_zarr
from aicsio.labels import select_label
from aicsio.plugins.napari.samples import sample_handle
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi

xr = pytest.importorskip("xarray")

SPEC = TiffSpec(
    (
        ImageSpec(T=2, C=2, Z=3, Y=40, X=50, channel_names=("DAPI", "GFP")),
        ImageSpec(Y=20, X=30),
    )
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(SPEC, tmp_path)


@pytest.fixture
def pyramid(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 999, (2, 100, 120), np.uint16)
    where = tmp_path / "pyramid.czi"
    xml = metadata_xml(channels=["a", "b"], pixel_size={"X": 0.5, "Y": 0.25})
    write_czi(where, blocks_of(pixels, "CYX", levels=3), xml)
    return where


def test_a_dataset_is_what_to_xarray_shows(path: Path) -> None:
    with xr.open_dataset(path, engine="aicsio") as dataset:
        expected = to_xarray(open_image(path))
        xr.testing.assert_identical(dataset["image"].load(), expected.rename("image"))
        assert dataset.attrs["format"] == "ome-tiff"


def test_scenes_levels_and_options_are_chosen(path: Path, pyramid: Path) -> None:
    second = xr.open_dataset(path, engine="aicsio", scene="Image:1")
    assert np.array_equal(second["image"], to_numpy(select_scene(open_image(path), 1)))
    small = xr.open_dataset(pyramid, engine="aicsio", level=2)
    expected = to_xarray(select_level(open_image(pyramid), 2)).rename("image")
    xr.testing.assert_identical(small["image"].load(), expected)
    without = xr.open_dataset(path, engine="aicsio", drop_variables=["C"])
    assert "C" not in without.coords


@pytest.mark.parametrize(
    "key",
    [
        {"T": 1, "C": 0, "Z": 2, "Y": 3, "X": 4},
        {"T": 1, "Y": slice(30, 5, -3)},
        {"Z": [2, 0, 2], "X": [5, 1]},
        {"Y": slice(5, 5)},
        {"C": np.array([1, 0]), "Z": np.int64(1)},
    ],
    ids=str,
)
def test_any_part_equals_that_of_numpy(path: Path, key: dict[str, Any]) -> None:
    loaded = xr.open_dataset(path, engine="aicsio")["image"].load()
    part = xr.open_dataset(path, engine="aicsio")["image"].isel(key)
    xr.testing.assert_identical(part.load(), loaded.isel(key))


def test_points_equal_those_of_numpy(path: Path) -> None:
    points = {"Y": xr.DataArray([3, 7, 1], dims="p"), "X": xr.DataArray([0, 2, 9], dims="p")}
    lazy = xr.open_dataset(path, engine="aicsio")["image"]
    xr.testing.assert_identical(lazy.isel(points).load(), lazy.load().isel(points))


def test_nothing_is_read_before_it_is_indexed(path: Path) -> None:
    dataset = xr.open_dataset(path, engine="aicsio")
    path.unlink()
    assert dataset["image"].shape == (2, 2, 3, 40, 50)
    with pytest.raises(OSError, match=r"changed|[Nn]o such|there is no"):
        dataset["image"][0, 0, 0].load()


def test_chunks_are_planes_unless_others_are_requested(path: Path) -> None:
    lazy = xr.open_dataset(path, engine="aicsio", chunks={})["image"]
    assert lazy.chunks == ((1, 1), (1, 1), (1, 1, 1), (40,), (50,))
    planes = xr.open_dataset(path, engine="aicsio", chunks={"Z": 1, "C": 1})["image"]
    assert np.array_equal(planes, to_numpy(open_image(path)))


def test_a_tree_has_scenes_levels_and_labels(path: Path, pyramid: Path, tmp_path: Path) -> None:
    tree = xr.open_datatree(path, engine="aicsio")
    assert [node.path for node in tree.leaves] == ["/Image_0/0", "/Image_1/0"]
    assert tree.attrs["source"] == os.fspath(path)
    levels = xr.open_datatree(pyramid, engine="aicsio")
    for number, node in enumerate(levels.leaves):
        expected = to_xarray(select_level(open_image(pyramid), number)).rename("image")
        xr.testing.assert_identical(node["image"].load(), expected)
    write_ome_zarr(
        sample_handle("labels"),
        tmp_path / "a.ome.zarr",
        labels={"nuclei": select_label(sample_handle("labels"), "nuclei")},
    )
    labelled = xr.open_datatree(tmp_path / "a.ome.zarr", engine="aicsio")
    numbers = select_label(open_image(tmp_path / "a.ome.zarr"), "nuclei")
    assert np.array_equal(labelled["Image_0/labels/nuclei/0/image"], to_numpy(numbers))


def test_the_corners_of_all_levels_are_one(pyramid: Path) -> None:
    tree = xr.open_datatree(pyramid, engine="aicsio")
    for letter in "YX":
        edges = []
        for node in tree.leaves:
            places = node.coords[letter].values
            half = (places[1] - places[0]) / 2
            edges.append((places[0] - half, places[-1] + half))
        assert len(edges) == 3
        assert np.allclose(edges, edges[0], rtol=0, atol=1e-9)


def test_an_engine_guesses_by_content_and_leaves_shared_suffixes_to_others(
    path: Path, pyramid: Path, tmp_path: Path
) -> None:
    from aicsio.plugins.xarray import AicsioBackend

    guess = AicsioBackend().guess_can_open
    assert guess(pyramid)
    assert guess(path)  # .ome.tif
    assert guess("https://example.com/cells.czi")
    (tmp_path / "fake.czi").write_bytes(b"no image")
    for name in ("a.tif", "a.zarr", "a.nc", "fake.czi"):
        assert not guess(tmp_path / name)
    assert not guess(b"bytes")


def test_xarray_finds_the_engine() -> None:
    names = importlib.metadata.entry_points(group="xarray.backends").names
    if "aicsio" not in names:
        pytest.skip("the package is not installed with its entry points")
    assert "aicsio" in xr.backends.list_engines()


def test_a_dataset_is_stored_by_netcdf(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5netcdf")
    dataset = xr.open_dataset(path, engine="aicsio")
    dataset.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as stored:
        assert np.array_equal(stored["image"], dataset["image"])
