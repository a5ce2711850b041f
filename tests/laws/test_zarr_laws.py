"""The laws of files, on stores of Zarr: what was described, made and opened is as described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, select_level, select_scene, to_numpy
from aicsio._io.readers import open_count
from aicsio.labels import list_labels, select_label
from aicsio.records import ImageHandle
from aicsio.testing.strategies import zarr_specs
from aicsio.testing.zarr import ZarrImage, ZarrSpec, label_pixels, write_zarr, zarr_pixels
from support import check_a_view

STORE_NAMES = st.sampled_from(["made.ome.zarr", "made.ozx", "made"])


def check_pixels(handle: ImageHandle, spec: ZarrSpec, image: ZarrImage) -> None:
    assert handle.dims.order == image.letters
    assert len(handle.levels) == image.levels
    for level in range(image.levels):
        expected = zarr_pixels(spec, image, level)
        focused = select_level(handle, level)
        assert (focused.dtype, focused.shape) == (expected.dtype, expected.shape)
        assert to_numpy(focused).tobytes() == expected.tobytes()


def check_metadata(handle: ImageHandle, image: ZarrImage) -> None:
    if image.channel_names:
        assert handle.channel_names == image.channel_names
        assert [channel.window for channel in handle.channels] == [
            (index, 1000 + index) for index in range(len(image.channel_names))
        ]
    scale = dict(zip(image.letters, image.scale or (), strict=False))
    translation = dict(zip(image.letters, image.translation or (), strict=False))
    assert dict(zip("ZYX", handle.scene.pixel_size, strict=True)) == {
        letter: scale.get(letter) for letter in "ZYX"
    }
    assert handle.time_step == scale.get("T")
    if translation:
        assert dict(zip("ZYX", handle.scene.origin, strict=True)) == {
            letter: translation.get(letter) for letter in "ZYX"
        }


@given(zarr_specs(), STORE_NAMES)
def test_a_store_shows_what_was_described(spec: ZarrSpec, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_zarr(spec, Path(folder), name))
        assert handle.format == "ome-zarr"
        assert not handle.diagnostics or not spec.ngff
        assert len(handle.scenes) == len(spec.images)
        for index, image in enumerate(spec.images):
            shown = select_scene(handle, index)
            check_pixels(shown, spec, image)
            check_metadata(shown, image)
            assert list_labels(shown) == image.labels
            for label in image.labels:
                expected = label_pixels(image, label)
                assert to_numpy(select_label(shown, label)).tobytes() == expected.tobytes()
            if spec.contained == "plate":
                well = shown.scene.well
                assert well is not None
                assert (well.row, well.column, well.field) == spec.wells[index]
                assert shown.scene.name == "/".join(map(str, spec.wells[index]))
            elif spec.contained == "series":
                assert shown.scene.name == f"Series {index}"
            elif spec.contained == "image":
                assert shown.scene.name == (image.name or "Image:0")
    assert open_count() == 0


@given(zarr_specs(max_images=2), STORE_NAMES, st.data())
def test_a_view_of_a_store_is_what_the_model_says(
    spec: ZarrSpec, name: str, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_zarr(spec, Path(folder), name))
        index = data.draw(st.integers(0, len(spec.images) - 1))
        image = spec.images[index]
        check_a_view(select_scene(handle, index), zarr_pixels(spec, image), data)


def test_archives_and_folders_are_one(tmp_path: Path) -> None:
    spec = ZarrSpec((ZarrImage(shards=(1, 2, 3, 32, 32), levels=2),), compressor="zstd")
    folder = to_numpy(open_image(write_zarr(spec, tmp_path, "a.zarr")))
    archive = to_numpy(open_image(write_zarr(spec, tmp_path, "a.ome.zip")))
    assert np.array_equal(folder, archive)
