"""``OmeTiffWriter`` and the other writer classes: the calls of scripts, and what they write."""

import json
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
from imageio import v3 as iio
from ome_types import to_xml

from aicsio import AICSImage, ArgumentTypeError, DimensionError, WriteError, imread, open_image
from aicsio.readers import DefaultReader, OmeTiffReader
from aicsio.types import PhysicalPixelSizes
from aicsio.writers import OmeTiffWriter, OmeZarrWriter, TimeseriesWriter, TwoDWriter

STACK = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)


def test_scenes_have_options_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"
    OmeTiffWriter.save(
        [STACK, da.from_array(STACK[0])],
        path,
        dim_order=["CZYX", "ZYX"],
        channel_names=[["a", "b"], None],
        image_name=["first", None],
        physical_pixel_sizes=[
            PhysicalPixelSizes(1.0, 2.0, 3.0),
            PhysicalPixelSizes(None, 0.0, 1.0),
        ],
        channel_colors=[[[255, 0, 0], [0, 128, 255]], None],
        compression="zstd",
    )
    img = AICSImage(path)
    np.testing.assert_array_equal(img.data[0], STACK)
    assert img.channel_names == ["a", "b"]
    assert list(img.physical_pixel_sizes) == [1.0, 2.0, 3.0]
    assert [channel.color for channel in img.handle.scene.channels] == [0xFF0000FF, 0x0080FFFF]
    assert img.handle.scene_names == ("first", "Image:1")
    img.set_scene(1)
    np.testing.assert_array_equal(img.data[0, 0], STACK[0])
    assert list(img.physical_pixel_sizes) == [None, None, 1.0]
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ZSTD


def test_an_order_of_its_own_is_stored_as_tczyx(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"
    OmeTiffWriter.save(STACK, path, "ZCYX")
    np.testing.assert_array_equal(OmeTiffReader(path).data[0], STACK.transpose(1, 0, 2, 3))
    # The name of the option before version 4.
    OmeTiffWriter.save(STACK, path, dimension_order="CZYX")
    np.testing.assert_array_equal(tifffile.imread(path), STACK)


def test_a_document_is_built_completed_and_written(tmp_path: Path) -> None:
    ome = OmeTiffWriter.build_ome(
        [(2, 3, 8, 9), (8, 9, 3)],
        [np.dtype("uint16"), np.dtype("uint8")],
        dimension_order=["CZYX", "YXS"],
        channel_names=[["a", "b"], None],
        image_name="cells",
    )
    assert [image.name for image in ome.images] == ["cells", "cells"]
    assert (ome.images[0].pixels.size_c, ome.images[1].pixels.size_c) == (2, 3)
    ome.images[0].description = "of a Tuesday"
    path = tmp_path / "a.ome.tiff"
    arrays = [STACK, np.zeros((8, 9, 3), np.uint8)]
    for document in (ome, to_xml(ome)):
        OmeTiffWriter.save(arrays, path, dim_order=["CZYX", "YXS"], ome_xml=document)
        assert AICSImage(path).ome_metadata.images[0].description == "of a Tuesday"
    for shape, dtype, message in (
        ((2, 3, 8, 8), "uint16", "'X': 9"),
        ((2, 3, 8, 9), "float32", "of uint16"),
    ):
        with pytest.raises(DimensionError, match=message):
            OmeTiffWriter.save([np.zeros(shape, dtype), arrays[1]], path, ["CZYX", "YXS"], ome)
    with pytest.raises(DimensionError, match="2 images for 1 arrays"):
        OmeTiffWriter.save(STACK, path, "CZYX", ome)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim_order": ["CZYX", "CZYX"]}, "2 dim_order for 1 images"),
        ({"dim_order": "CZY"}, "names 3 axes"),
        ({"dim_order": "AZYX"}, "OME-TIFF has no A"),
        ({"dim_order": "CZYX", "channel_names": [["a", "b"], ["c"]]}, "2 lists of channel names"),
        ({"dim_order": "CZYX", "channel_colors": [[1, 2, 3]]}, "1 colours for 2 channels"),
        ({"dim_order": "CYXS"}, "S has 9 positions"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.ome.tiff"
    path.write_bytes(b"of before")
    with pytest.raises(DimensionError, match=message):
        OmeTiffWriter.save(STACK, path, **options)
    assert path.read_bytes() == b"of before"


def test_a_zarr_of_levels(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.zarr"
    OmeZarrWriter(path).write_image(
        STACK,
        "cells",
        PhysicalPixelSizes(1.0, 0.5, 0.25),
        ["a", "b"],
        [0xFF0000, 0x0080FF],
        chunk_dims=(1, 1, 4, 9),
        scale_num_levels=2,
        dimension_order="CZYX",
    )
    handle = open_image(path)
    assert handle.dims.order == "CZYX"
    assert [level.shape for level in handle.levels] == [(2, 3, 8, 9), (2, 3, 4, 5)]
    assert tuple(handle.pixel_size) == (1.0, 0.5, 0.25)
    assert [channel.color for channel in handle.channels] == [0xFF0000FF, 0x0080FFFF]
    stored = json.loads((path / "0" / ".zarray").read_text())
    assert stored["chunks"] == [1, 1, 4, 9]
    np.testing.assert_array_equal(imread(path)[0], STACK)
    # A second image takes its place.
    OmeZarrWriter(path).write_image(STACK[0], "other", None, None, None)
    assert open_image(path).dims.order == "ZYX"
    for options in ({"scale_num_levels": 2, "scale_factor": 4}, {"chunk_dims": (1, 1)}):
        with pytest.raises(DimensionError):
            OmeZarrWriter(path).write_image(STACK[0], "other", **options)
    with pytest.raises(DimensionError, match="2 to 5"):
        OmeZarrWriter(path).write_image(STACK[0, 0, 0], "line")


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_a_picture_has_the_pixels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    picture = np.arange(3 * 20 * 30, dtype=np.uint8).reshape(3, 20, 30)
    TwoDWriter.save(da.from_array(picture), path, "SYX")
    np.testing.assert_array_equal(iio.imread(path), picture.transpose(1, 2, 0))
    TwoDWriter.save(picture[0], path)
    np.testing.assert_array_equal(iio.imread(path), picture[0])


def test_pictures_of_16_bits_keep_them(tmp_path: Path) -> None:
    TwoDWriter.save(STACK[1, 2], tmp_path / "a.png")
    np.testing.assert_array_equal(iio.imread(tmp_path / "a.png"), STACK[1, 2])
    assert DefaultReader(tmp_path / "a.png").dims.order.endswith("YX")


def test_floats_are_bytes_where_the_format_has_none(tmp_path: Path) -> None:
    # imageio 2, which AICSImageIO wrote by: 0 to 1 times 255, else the range of the array.
    for scale in (1.0, 20.0):
        TwoDWriter.save(np.array([[0.0, 0.2, 1.0]]) * scale, tmp_path / "a.png")
        assert iio.imread(tmp_path / "a.png").tolist() == [[0, 51, 255]]
    TwoDWriter.save(np.array([[0.0, 0.2, 1.0]], np.float32), tmp_path / "a.tiff")
    assert iio.imread(tmp_path / "a.tiff").dtype == np.float32


def test_pictures_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"of before")
    with pytest.raises(DimensionError, match="writes YX or YXS"):
        TwoDWriter.save(np.zeros((1, 1, 1, 1)), path)
    with pytest.raises(DimensionError, match="the letters of 'YX'"):
        TwoDWriter.save(np.zeros((1, 1)), path, "AB")
    with pytest.raises(WriteError, match="imageio cannot write it"):
        TwoDWriter.save(np.zeros((4, 5), np.complex64), path)
    assert path.read_bytes() == b"of before"
    for name in ("picture", ".png"):
        with pytest.raises(WriteError, match="has no suffix, which gives the format"):
            TwoDWriter.save(np.zeros((4, 5), np.uint8), tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
    with pytest.raises(WriteError, match="imageio cannot write it"):
        TwoDWriter.save(np.zeros((4, 5), np.uint8), tmp_path / "a.unknown")
    for writer in (TwoDWriter, TimeseriesWriter, OmeTiffWriter):
        with pytest.raises(WriteError, match="writes local files"):
            writer.save(np.zeros((4, 5), np.uint8), "s3://bucket/a.png")


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_a_movie_has_a_frame_for_each_time(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    frames = np.zeros((5, 64, 80), np.uint8)
    frames[:] = np.arange(0, 250, 50, dtype=np.uint8)[:, None, None]
    TimeseriesWriter.save(frames.transpose(2, 0, 1), path, "XTY", fps=10)
    shown = imread(path)
    assert (shown.shape[0], *shown.shape[3:]) == frames.shape
    # The whole range of the type from black to white, and codecs round.
    np.testing.assert_allclose(shown[:, 0, 0, 32, 40], frames[:, 32, 40], atol=4)
    with pytest.raises(DimensionError, match="TYX or TYXS"):
        TimeseriesWriter.save(frames[0], path)
    with pytest.raises(WriteError):
        TimeseriesWriter.save(frames, tmp_path / "a.mkv")


def test_other_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError, match="compresion"):
        OmeTiffWriter.save(STACK, tmp_path / "a.ome.tiff", "CZYX", compresion="zlib")


@pytest.mark.parametrize("document", ["<x/>", "", "no XML", "<OME"])
def test_a_document_that_is_no_ome(document: str, tmp_path: Path) -> None:
    """Source: docs/errors.md: each error is an AicsioError; AICSImageIO's was a ValueError, and so is this."""
    with pytest.raises(DimensionError, match="ome_xml"):
        OmeTiffWriter.save(np.zeros((4, 5), np.uint8), tmp_path / "a.ome.tiff", ome_xml=document)
    assert not list(tmp_path.iterdir())
