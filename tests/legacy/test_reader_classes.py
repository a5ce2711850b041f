"""``img.reader`` and the reader classes: stored dimensions, and mosaics by tile and stitched."""

import itertools
import os
import pickle
import re
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import aicsio
from aicsio import (
    AICSImage,
    ArgumentTypeError,
    DimensionError,
    SourceNotFoundError,
    UnsupportedFormatError,
    imread,
    imwrite,
)
from aicsio.legacy.readers import CLASSES
from aicsio.readers import (
    ArrayLikeReader,
    CziReader,
    DefaultReader,
    LifReader,
    OmeTiffReader,
    Reader,
    TiffGlobReader,
    TiffReader,
)
from aicsio.testing.czi import blocks_of, write_czi
from support import corpus_file

GRID = np.arange(4 * 5 * 6 * 7 * 8, dtype=np.uint16).reshape(4, 5, 6, 7, 8)
PIXELS = np.arange(2 * 60 * 90, dtype=np.uint16).reshape(2, 60, 90)
PLACES = [(y, x) for y in (0, 20, 40) for x in (0, 30, 60)]


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    """Nine tiles of two channels; the origin of the stage lies elsewhere."""
    path = tmp_path / "mosaic.czi"
    write_czi(path, blocks_of(PIXELS, "CYX", tile=(20, 30), origin=(-7, 11)))
    return path


def test_a_reader_shows_tiles_and_stitches_them(mosaic: Path) -> None:
    reader = CziReader(mosaic)
    assert (reader.dims.order, reader.shape) == ("MCYX", (9, 2, 20, 30))
    for index, (y, x) in enumerate(PLACES):
        part = PIXELS[:, y : y + 20, x : x + 30]
        np.testing.assert_array_equal(reader.data[index], part)
        np.testing.assert_array_equal(reader.get_image_data("YX", M=index, C=1), part[1])
    for stitched in (
        reader.mosaic_data,
        reader.mosaic_dask_data.compute(),
        reader.mosaic_xarray_data.values,
        reader.mosaic_xarray_dask_data.values,
    ):
        np.testing.assert_array_equal(stitched, PIXELS)


@pytest.mark.parametrize("opener", [AICSImage, CziReader])
def test_places_of_tiles_are_indices_into_the_stitched_image(mosaic: Path, opener: Any) -> None:
    image = opener(mosaic)
    assert image.get_mosaic_tile_positions() == PLACES
    assert image.get_mosaic_tile_positions(C=1) == PLACES
    assert image.get_mosaic_tile_positions(M=4) == [(20, 30)]
    assert image.get_mosaic_tile_position(4) == image.get_mosaic_tile_position(4, C=0) == (20, 30)
    assert image.mosaic_tile_dims == aicsio.dimensions.Dimensions("YX", (20, 30))
    with pytest.raises(IndexError, match="no tile 9: there are 9, 0 to 8"):
        image.get_mosaic_tile_position(9)
    with pytest.raises(IndexError, match="C=2"):
        image.get_mosaic_tile_positions(C=2)


def test_an_image_has_five_dimensions_and_its_reader_all(mosaic: Path) -> None:
    stitched = AICSImage(mosaic)
    assert stitched.shape == (1, 2, 1, 60, 90)
    assert stitched.reader.shape == (9, 2, 20, 30)
    assert stitched.reader is stitched.reader
    with pytest.warns(UserWarning, match="img.reader"):
        apart = AICSImage(mosaic, reconstruct_mosaic=False, channel_names=["a", "b"])
    assert apart.shape == (1, 2, 1, 20, 30)
    assert apart.reader.shape == (9, 2, 20, 30)
    assert apart.reader.channel_names == ["a", "b"]
    # What the caller named holds for the reader that is opened anew.
    named = AICSImage(mosaic, channel_names=["a", "b"], physical_pixel_sizes=(None, 2.0, 3.0))
    assert named.reader.channel_names == ["a", "b"]
    assert named.reader.physical_pixel_sizes == (None, 2.0, 3.0)


def test_an_image_that_is_no_mosaic_has_no_tiles() -> None:
    reader = ArrayLikeReader(np.zeros((2, 3)))
    assert reader.mosaic_tile_dims is None
    for call in (lambda: reader.mosaic_data, reader.get_mosaic_tile_positions):
        with pytest.raises(DimensionError, match="is no mosaic"):
            call()


def test_samples_and_other_letters_stay(tmp_path: Path) -> None:
    picture = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    imwrite(tmp_path / "rgb.ome.tiff", picture)
    img = AICSImage(tmp_path / "rgb.ome.tiff")
    assert img.shape == (1, 3, 1, 5, 6)
    assert img.reader.dims.order == "TCZYXS"
    np.testing.assert_array_equal(img.reader.data[0, 0, 0], picture)
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    reader = ArrayLikeReader(array, dim_order="VHYX")
    np.testing.assert_array_equal(reader.get_image_data("XYV", H=2), array[:, 2].transpose(2, 1, 0))
    np.testing.assert_array_equal(reader.get_image_dask_data("HYX", V=1).compute(), array[1])
    assert reader.channel_names is None
    assert "C" not in reader.xarray_data.coords


def test_dims_have_the_letters_of_the_image(mosaic: Path) -> None:
    dims = CziReader(mosaic).dims
    assert (dims.M, dims.C, dims["M"]) == (9, 2, (9,))
    assert ArrayLikeReader(np.zeros((2, 3, 4)), dim_order="HYX").dims.H == 2  # type: ignore[attr-defined]
    for letter in "TSH":
        assert getattr(dims, letter, None) is None
        with pytest.raises(AttributeError, match=f"no dimension '{letter}' here; there are MCYX"):
            getattr(dims, letter)
    assert pickle.loads(pickle.dumps(dims)) == dims


def test_a_reader_follows_the_scene_of_its_image() -> None:
    img = AICSImage([np.zeros((3, 4, 5)), np.ones((2, 4, 5))], dim_order="CYX")
    first = img.reader
    img.set_scene(1)
    assert img.reader.shape == (2, 4, 5)
    assert img.reader.channel_names == ["Channel:1:0", "Channel:1:1"]
    assert (first.shape, first.current_scene) == ((3, 4, 5), "Image:0")
    img.reader.set_scene(0)
    assert img.current_scene == "Image:1"
    assert first.get_stack(select_scenes=[0, 0]).shape == (2, 3, 4, 5)


def test_chunks_of_letters_that_the_five_lack() -> None:
    reader = ArrayLikeReader(np.zeros((2, 3, 4, 5)), dim_order="VHYX", chunk_dims="H")
    assert reader.dask_data.numblocks == (2, 1, 1, 1)


def test_readers_pickle_with_what_they_have_read(mosaic: Path) -> None:
    reader = CziReader(mosaic)
    assert pickle.loads(pickle.dumps(reader)).data.sum() == reader.data.sum()
    again = pickle.loads(pickle.dumps(reader))
    assert again._data is not None
    assert "CziReader" in repr(again)


@pytest.mark.parametrize("reader", ["czi", CziReader])
def test_an_image_takes_a_format_or_its_class(mosaic: Path, reader: Any) -> None:
    img = AICSImage(mosaic, reader=reader)
    assert type(img.reader) is CziReader
    assert imread(mosaic, reader=reader).shape == (1, 2, 1, 60, 90)


def test_classes_are_chosen_by_content(mosaic: Path, tmp_path: Path) -> None:
    imwrite(tmp_path / "a.czi.ome.tiff", PIXELS)
    renamed = tmp_path / "lies.tiff"
    renamed.write_bytes(mosaic.read_bytes())
    assert AICSImage.determine_reader(renamed) is CziReader
    assert CziReader.is_supported_image(renamed)
    assert not TiffReader.is_supported_image(renamed)
    assert Reader.is_supported_image(renamed)
    assert AICSImage.determine_reader(tmp_path / "a.czi.ome.tiff") is OmeTiffReader
    assert AICSImage.determine_reader(str(tmp_path / "*.tiff")) is TiffGlobReader
    assert AICSImage.determine_reader(PIXELS) is ArrayLikeReader
    assert ArrayLikeReader.is_supported_image([PIXELS])
    assert not CziReader.is_supported_image(PIXELS)
    assert not ArrayLikeReader.is_supported_image(renamed)
    assert set(AICSImage.SUPPORTED_READERS) == set(CLASSES)


def test_an_image_that_a_class_does_not_open_is_refused(mosaic: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match="is for files"):
        CziReader(PIXELS)
    with pytest.raises(UnsupportedFormatError, match="ArrayLikeReader opens arrays"):
        ArrayLikeReader(mosaic)
    with pytest.raises((UnsupportedFormatError, OSError)):
        LifReader(mosaic)
    with pytest.raises(SourceNotFoundError):
        DefaultReader.is_supported_image(tmp_path / "missing.png")
    with pytest.raises(ArgumentTypeError, match="reader"):
        AICSImage(mosaic, reader=dict)  # type: ignore[arg-type]
    text = tmp_path / "a.txt"
    text.write_text("no image")
    with pytest.raises(UnsupportedFormatError, match="no image of the formats that were asked"):
        AICSImage.determine_reader(text)


@pytest.mark.parametrize("name", ["czi/S=2_3x3_CH=2.czi", "czi/tiles.czi"])
def test_places_of_real_tiles_are_those_of_another_reader(name: str) -> None:
    aicspylibczi: Any = pytest.importorskip("aicspylibczi")
    path = corpus_file(name)
    reader = CziReader(path)
    with path.open("rb") as file:
        other = aicspylibczi.CziFile(file)
        scene = {"S": 0} if "S" in other.dims else {}
        places = other.get_all_mosaic_tile_bounding_boxes(C=0, **scene)
        boxes = {tile.m_index: (box.y, box.x) for tile, box in places.items()}
    # aicspylibczi counts from the origin of the stage.
    y0, x0 = np.min(list(boxes.values()), axis=0)
    assert len(boxes) == reader.dims.M
    for index, (y, x) in boxes.items():
        assert reader.get_mosaic_tile_position(index) == (y - y0, x - x0)
    # The last tile lies on top of the others.
    top, (y, x) = reader.get_image_data("YX", M=-1), reader.get_mosaic_tile_positions()[-1]
    stitched = AICSImage(path).get_image_data("YX")
    np.testing.assert_array_equal(top, stitched[y : y + top.shape[0], x : x + top.shape[1]])


# ---------------------------------------------------------------- files whose names have numbers


@pytest.fixture
def numbered(tmp_path: Path) -> list[Path]:
    """Files as Micro-Manager 2 names them; the pixels are 100 C + 10 position + T."""
    paths = []
    for c, position, t in itertools.product(range(2), range(2), range(3)):
        path = tmp_path / f"img_channel{c:03}_position{position:03}_time{t:09}_z000.tif"
        tifffile.imwrite(path, np.full((4, 5), 100 * c + 10 * position + t, np.uint8))
        paths.append(path)
    return paths


def as_named(path: str) -> dict[str, np.int64]:
    c, position, t, z = map(np.int64, re.findall(r"\d+", Path(path).name))
    return {"C": c, "P": position, "T": t, "Z": z}


@pytest.mark.parametrize("how", ["glob", "list", "iterator", "rows"])
def test_an_indexer_places_the_files(numbered: list[Path], how: str) -> None:
    files: Any = str(numbered[0].parent / "*.tif")
    if how != "glob":
        files = [numbered[5], *numbered[:5], *numbered[6:]]
    indexer: Any = as_named
    if how == "rows":
        # A table of pandas, of which ``to_dict`` alone is used.
        rows = [as_named(os.fspath(path)) for path in files]
        indexer = types.SimpleNamespace(to_dict=lambda _: rows)
    if how == "iterator":
        files = iter(files)
    reader = TiffGlobReader(files, indexer, "P")
    assert (reader.scenes, reader.dims.order) == (("Image:0", "Image:1"), "TCZYX")
    for position in range(2):
        reader.set_scene(position)
        expected = [[100 * c + 10 * position + t for c in range(2)] for t in range(3)]
        assert reader.data[..., 0, 0, 0].tolist() == expected


def test_names_of_micro_manager_are_indexed(numbered: list[Path]) -> None:
    reader = TiffGlobReader(
        numbered, indexer=TiffGlobReader.MicroManagerIndexer, single_file_dims=("Y", "X")
    )
    reader.set_scene(1)
    assert reader.data[2, 1, 0, 0, 0] == 112
    with pytest.raises(ArgumentTypeError, match="no name of Micro-Manager"):
        TiffGlobReader.MicroManagerIndexer("img_1.tif")


@pytest.mark.parametrize(
    ("indexer", "message"),
    [
        (lambda _: 3, "return a mapping of letters"),
        (lambda _: {"T": "late"}, "return a mapping of letters"),
        (lambda name: {"T": 0} if "channel000" in name else {"C": 1}, "the same letters"),
        (types.SimpleNamespace(to_dict=lambda _: [{"T": 1}]), "1 rows for 12 files"),
        ("T", "1 rows for 12 files"),
    ],
)
def test_indexers_that_do_not_fit(numbered: list[Path], indexer: Any, message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        TiffGlobReader(numbered, indexer=indexer)


def test_two_files_of_one_position_are_refused(numbered: list[Path]) -> None:
    with pytest.raises(DimensionError, match="the same position"):
        TiffGlobReader(numbered, indexer=lambda _: {"T": 0})


def test_an_array_is_no_list_of_names() -> None:
    assert TiffGlobReader(PIXELS).data.shape == PIXELS.shape


@pytest.fixture
def stacks(tmp_path: Path) -> str:
    """Files of TZYX, two along T and two along Z for each of five channels."""
    for t, c, z in itertools.product(range(2), range(5), range(2)):
        part = GRID[2 * t : 2 * t + 2, c, 3 * z : 3 * z + 3]
        tifffile.imwrite(tmp_path / f"S0_T{t}_C{c}_Z{z}.tif", part, photometric="minisblack")
    return str(tmp_path / "*.tif")


# The orders and pixels that AICSImageIO 4.14 shows for such files; its ``data`` does not follow ``dim_order``,
# its ``xarray_dask_data`` does.
@pytest.mark.parametrize("dim_order", [None, "TCZYX", "CZTYX", "ZCTXY"])
def test_dim_order_is_that_of_the_joined_image(stacks: str, dim_order: str | None) -> None:
    reader = TiffGlobReader(stacks, single_file_dims=list("TZYX"), dim_order=dim_order)
    order = dim_order or "TCZYX"
    assert reader.dims.order == order
    expected = np.einsum(f"TCZYX->{order}", GRID)
    np.testing.assert_array_equal(reader.data, expected)
    np.testing.assert_array_equal(reader.xarray_dask_data, expected)
    np.testing.assert_array_equal(reader.get_image_data("ZYX", T=3, C=4), GRID[3, 4])
    img = AICSImage(stacks, single_file_dims="TZYX", dim_order=dim_order)
    np.testing.assert_array_equal(img.data, GRID)
    assert isinstance(img.reader, TiffGlobReader)
    assert img.reader.dims.order == order


def test_as_many_letters_as_a_file_has_axes_are_its_own(stacks: str, tmp_path: Path) -> None:
    reader = TiffGlobReader(stacks, dim_order="TZYX")
    assert reader.dims.order == "TCZYX"
    np.testing.assert_array_equal(reader.data, GRID)
    planes = tmp_path / "planes"
    planes.mkdir()
    for t, c, z in itertools.product(*map(range, GRID.shape[:3])):
        tifffile.imwrite(planes / f"0_{t}_{c}_{z}.tif", GRID[t, c, z])
    for dim_order in ("TCZYX", "CTZXY"):
        reader = TiffGlobReader(str(planes / "*.tif"), dim_order=dim_order)
        assert reader.dims.order == dim_order
        np.testing.assert_array_equal(reader.data, np.einsum(f"TCZYX->{dim_order}", GRID))
    with pytest.raises(DimensionError, match="names 3 axes"):
        TiffGlobReader(str(planes / "*.tif"), dim_order="ZYX")


def test_aicsimage_hands_its_options_to_the_reader_of_files(numbered: list[Path]) -> None:
    img = AICSImage(numbered, indexer=as_named, scene_glob_character="P")
    assert (len(img.scenes), img.dims.T, img.dims.C) == (2, 3, 2)
    assert img.data[2, 1, 0, 0, 0] == 102
    img.set_scene(1)
    assert img.data[2, 1, 0, 0, 0] == 112
