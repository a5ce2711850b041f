"""OME-Zarr against the libraries that wrote the stores, and against the specification's examples."""

from pathlib import Path

import numpy as np
import pytest

from aicsio import open_image, select_scene, to_dask, to_numpy, transpose_to
from aicsio.labels import list_labels, select_label
from aicsio.records import ImageHandle, Scene
from zarr_stores import Image, Store, arrays, by_hand, libraries, make, plain, plainly
from zarr_stores.judges import zarr_pixels

DESCRIBED = {**libraries.MAKERS, **by_hand.MAKERS, **plain.MAKERS}


def scene_of(handle: ImageHandle, store: Store, image: Image) -> ImageHandle:
    """The scene of an image: scenes come in the order of the store."""
    return select_scene(handle, store.images.index(image))


@pytest.mark.parametrize("name", arrays.MAKERS)
def test_arrays_of_every_codec_equal_their_library(tmp_path: Path, name: str) -> None:
    store = make(arrays.MAKERS[name], tmp_path / "made.zarr")
    image = store.images[0]
    handle = open_image(store.path)
    assert handle.format == "ome-zarr"
    assert handle.dims.order == image.letters
    assert handle.dtype == image.pixels.dtype.newbyteorder("=")
    np.testing.assert_array_equal(to_numpy(handle), image.pixels)
    # A window that begins and ends inside of chunks, and every second pixel backwards.
    letters = image.letters
    picks = {"Y": slice(3, 21), "X": slice(40, 2, -3)}
    index = (..., slice(3, 21), slice(40, 2, -3))
    np.testing.assert_array_equal(
        to_numpy(transpose_to(handle, letters, **picks)), image.pixels[index]
    )
    np.testing.assert_array_equal(to_dask(handle).compute(), image.pixels)


@pytest.mark.parametrize("name", plainly.KINDS)
def test_stores_written_after_the_specification(tmp_path: Path, name: str) -> None:
    levels = plainly.write_store(tmp_path / "plain.zarr", name)
    handle = open_image(tmp_path / "plain.zarr")
    assert len(handle.levels) == len(levels)
    for index, level in enumerate(levels):
        np.testing.assert_array_equal(np.asarray(handle.levels[index]), level)


@pytest.mark.parametrize("name", DESCRIBED)
def test_stores_of_libraries(tmp_path: Path, name: str) -> None:
    store = make(DESCRIBED[name], tmp_path / "made.zarr")
    handle = open_image(store.path)
    assert len(handle.scenes) == len(store.images)
    for image in store.images:
        shown = scene_of(handle, store, image)
        if image.letters:
            assert shown.dims.order == image.letters
        found = zarr_pixels(store.path, image.path, image.levels)
        assert len(shown.levels) == len(found)
        for level, expected in zip(shown.levels, found, strict=True):
            np.testing.assert_array_equal(np.asarray(level), expected)
        if image.channels:
            assert shown.channel_names == image.channels


@pytest.mark.parametrize("name", DESCRIBED)
def test_metadata_of_libraries(tmp_path: Path, name: str) -> None:
    store = make(DESCRIBED[name], tmp_path / "made.zarr")
    handle = open_image(store.path)
    for image in store.images:
        scene = scene_of(handle, store, image).scene
        if image.name:
            assert scene.name == image.name or scene.well is not None
        if image.colors:
            colors = [f"{(channel.color or 0) >> 8:06X}" for channel in scene.channels]
            assert colors == [color.upper() for color in image.colors]
        if image.well is not None:
            well = scene.well
            assert well is not None
            assert (well.row, well.column, well.field) == image.well
        if image.scale is not None and image.units is not None:
            check_scale(scene, image)


def check_scale(scene: Scene, image: Image) -> None:
    factors = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3}
    sizes = dict(zip("ZYX", scene.pixel_size, strict=True))
    places = dict(zip("ZYX", scene.origin, strict=True))
    described = zip(
        image.letters,
        image.scale or (),
        image.units or (),
        image.translation or (0.0,) * len(image.letters),
        strict=True,
    )
    for letter, scale, unit, translation in described:
        if letter in sizes and unit is not None:
            assert sizes[letter] == pytest.approx(scale * factors[unit])
            assert (places[letter] or 0.0) == pytest.approx(translation * factors[unit])
        if letter in sizes and unit is None:
            assert sizes[letter] is None
        if letter == "T" and unit is not None:
            factor = {"second": 1.0, "millisecond": 1e-3, "minute": 60.0}[unit]
            assert scene.time_step == pytest.approx(scale * factor)


@pytest.mark.parametrize("name", DESCRIBED)
def test_labels_of_libraries(tmp_path: Path, name: str) -> None:
    store = make(DESCRIBED[name], tmp_path / "made.zarr")
    handle = open_image(store.path)
    for image in store.images:
        shown = scene_of(handle, store, image)
        assert set(list_labels(shown)) == {label for label, _ in image.labels}
        for label, expected in image.labels:
            np.testing.assert_array_equal(to_numpy(select_label(shown, label)), expected)


@pytest.mark.parametrize("version", [2, 3])
def test_a_complex_fill_value_is_that_of_zarr(tmp_path: Path, version: int) -> None:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        str(tmp_path / "a.zarr"),
        shape=(4, 6),
        chunks=(4, 3),
        dtype="complex64",
        fill_value=1.5 - 2j,
        zarr_format=version,
    )
    array[:, :3] = 7
    np.testing.assert_array_equal(to_numpy(open_image(tmp_path / "a.zarr")), array[...])
