"""``imwrite``, ``AICSImage.save`` and lists of files: what users of AICSImageIO, tifffile and imageio expect."""

import os
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile

from aicsio import (
    AICSImage,
    ArgumentTypeError,
    DimensionError,
    SourceNotFoundError,
    WriteError,
    WriteReport,
    imread,
    imread_dask,
    imwrite,
    open_image,
    transpose_to,
)
from aicsio.testing import ImageSpec, TiffSpec, pixels, write

STACK = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)


def test_arrays_of_any_kind_are_written_with_their_names(tmp_path: Path) -> None:
    import xarray as xr

    path = tmp_path / "a.ome.tiff"
    named = xr.DataArray(STACK, dims=tuple("CZYX"), coords={"C": ["a", "b"]})
    for image in (STACK, da.from_array(STACK, chunks=4), named):
        facts: dict[str, Any] = (
            {} if isinstance(image, xr.DataArray) else {"channel_names": ["a", "b"]}
        )
        report = imwrite(
            path, image, **facts, physical_pixel_sizes=(1, 0.5, 0.25), image_names="cells"
        )
        assert isinstance(report, WriteReport)
        back = AICSImage(path)
        np.testing.assert_array_equal(back.data, STACK[None])
        assert back.channel_names == ["a", "b"]
        assert tuple(back.physical_pixel_sizes) == (1, 0.5, 0.25)
        assert back.handle.scene.name == "cells"
    np.testing.assert_array_equal(tifffile.imread(path), STACK)


def test_what_is_there_is_replaced_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"
    path.write_bytes(b"old")
    with pytest.raises(WriteError, match="exists"):
        imwrite(path, STACK, overwrite=False)
    with pytest.raises(WriteError, match="exists"):
        AICSImage(STACK).save(path, overwrite=False)
    assert path.read_bytes() == b"old"
    imwrite(str(path), STACK, compression="zstd")
    AICSImage(STACK[:1]).save(path, compression=None)
    np.testing.assert_array_equal(imread(path), STACK[None, :1])


def test_colours_of_pixels_and_of_channels(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    imwrite(tmp_path / "rgb.ome.tiff", rgb)
    assert tifffile.imread(tmp_path / "rgb.ome.tiff").shape == (8, 9, 3)
    np.testing.assert_array_equal(AICSImage(tmp_path / "rgb.ome.tiff").get_image_data("YXS"), rgb)
    imwrite(tmp_path / "zyx.ome.tiff", rgb, dim_order="ZYX")
    assert imread(tmp_path / "zyx.ome.tiff").shape == (1, 1, 8, 9, 3)
    imwrite(tmp_path / "c.ome.tiff", STACK, channel_colors=[(255, 0, 0), "#00FF00"])
    assert [channel.color for channel in open_image(tmp_path / "c.ome.tiff").channels] == [
        0xFF0000FF,
        0x00FF00FF,
    ]
    with pytest.raises(ArgumentTypeError, match="no colour"):
        imwrite(tmp_path / "c.ome.tiff", STACK, channel_colors=[(1, 2), (3, 4)])


def test_lists_handles_and_images_are_scenes(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"
    imwrite(path, [STACK[0, 0], STACK], image_names=["one", "two"])
    img = AICSImage(path)
    assert img.handle.scene_names == ("one", "two")
    np.testing.assert_array_equal(imread(path, 1), STACK[None])
    imwrite(tmp_path / "b.ome.tiff", img)
    assert AICSImage(tmp_path / "b.ome.tiff").handle.scene_names == ("one", "two")
    imwrite(
        tmp_path / "c.ome.tiff", transpose_to(open_image(path), "YX", T=0, C=0, Z=0, Y=slice(2, 5))
    )
    np.testing.assert_array_equal(imread(tmp_path / "c.ome.tiff")[0, 0, 0], STACK[0, 0, 2:5])
    imwrite(tmp_path / "d.ome.tiff", [open_image(path), open_image(STACK)])
    assert len(AICSImage(tmp_path / "d.ome.tiff").scenes) == 2


def test_the_file_comes_first(tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError, match=r"the file first|uri="):
        imwrite(STACK, tmp_path / "a.ome.tiff")  # type: ignore[arg-type]
    with pytest.raises(DimensionError, match="OME-TIFF has no"):
        imwrite(tmp_path / "a.ome.tiff", STACK, dim_order="HZYX")
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------- lists of files


def test_four_numbers_in_names_are_scene_time_channel_and_section(tmp_path: Path) -> None:
    expected = np.zeros((2, 2, 3, 2, 6, 7), np.uint16)
    paths = []
    for s, t, c, z in np.ndindex(2, 2, 3, 2):
        spec = ImageSpec(Y=6, X=7, seed=1000 * s + 100 * t + 10 * c + z)
        expected[s, t, c, z] = pixels(spec)[0, 0, 0]
        paths.append(
            write(TiffSpec((spec,), "plain"), tmp_path, f"Position{s + 1}_t{t:03}_c{c}_z{z}.tif")
        )
    for image in (paths[::-1], str(tmp_path / "*.tif"), [str(path) for path in paths]):
        img = AICSImage(image)
        assert img.scenes == ("Image:1", "Image:2")
        assert img.dims.order == "TCZYX"
        for s, scene in enumerate(img.scenes):
            img.set_scene(scene)
            np.testing.assert_array_equal(img.data, expected[s])
    os.remove(paths[3])
    with pytest.raises(SourceNotFoundError, match=r"1 of the 12 files .* missing"):
        AICSImage(paths[:3] + paths[4:])


def test_other_files_are_joined_along_time(tmp_path: Path) -> None:
    parts = []
    for t in range(11):
        spec = ImageSpec(Y=6, X=7, seed=t)
        write(TiffSpec((spec,), "plain"), tmp_path, f"t{t}.tif")
        parts.append(pixels(spec)[0, 0, 0])
    img = AICSImage(tmp_path / "t*.tif", channel_names=["GFP"], physical_pixel_sizes=(1, 2, 3))
    np.testing.assert_array_equal(img.data[:, 0, 0], np.stack(parts))
    assert (img.channel_names, img.physical_pixel_sizes.X) == (["GFP"], 3)
    np.testing.assert_array_equal(
        imread_dask([tmp_path / "t4.tif", tmp_path / "t2.tif"])[1, 0, 0], parts[2]
    )
    assert img.ome_metadata.images[0].pixels.size_t == 11
    img.save(tmp_path / "all.ome.tiff")
    np.testing.assert_array_equal(imread(tmp_path / "all.ome.tiff"), img.data)
