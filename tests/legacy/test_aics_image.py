"""The legacy face: what scripts written for AICSImageIO do, and that it only passes on what the functions say."""

import io
import json
import pickle
import subprocess
import sys
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import dask.array as da
import numpy as np
import numpy.typing as npt
import ome_types
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import aicsio.legacy.reading
from aicsio import (
    AICSImage,
    ArgumentTypeError,
    DimensionError,
    PixelSize,
    SceneError,
    UnsupportedFormatError,
    WriteError,
    imread,
    imread_dask,
    imwrite,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    to_xarray,
    transpose_to,
    use_dask,
)
from aicsio._engine import pieces
from aicsio.legacy import tczyx
from aicsio.records import Channel, Dims, ImageHandle, Planes
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from aicsio.testing.strategies import Draw, composite, picks, tiff_specs
from scaling import assert_linear
from support import corpus_file, takes_long
from zarr_stores import judges

FIRST = ImageSpec(
    T=2,
    C=3,
    Z=4,
    Y=20,
    X=30,
    channel_names=("DAPI", "GFP", "Cy5"),
    pixel_size=PixelSize(2.0, 0.5, 0.25),
)
SECOND = ImageSpec(T=1, C=2, Z=5, Y=16, X=24, dtype="uint8", seed=7, name="second")


@pytest.fixture
def my_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file of the legacy README: two scenes, in the working folder."""
    write(TiffSpec((FIRST, SECOND)), tmp_path, "my_file.tiff")
    monkeypatch.chdir(tmp_path)
    return "my_file.tiff"


def counted(shape: tuple[int, ...], dtype: str = "int64") -> npt.NDArray[Any]:
    return np.arange(np.prod(shape), dtype=np.int64).astype(dtype).reshape(shape)


# ---------------------------------------------------------------- the README of the legacy library


def test_full_image_reading(my_file: str) -> None:
    img = AICSImage(my_file)
    for index, spec in enumerate((FIRST, SECOND)):
        img.set_scene(index)
        assert isinstance(img.data, np.ndarray)
        np.testing.assert_array_equal(img.data, pixels(spec))
        assert img.dims.order == "TCZYX"
        assert img.dims.X == spec.X
        assert img.shape == (spec.T, spec.C, spec.Z, spec.Y, spec.X)
        assert img.dtype == spec.dtype
    np.testing.assert_array_equal(imread(my_file), pixels(FIRST))
    np.testing.assert_array_equal(imread(my_file, 1), pixels(SECOND))
    np.testing.assert_array_equal(imread(my_file, scene_id="Image:1"), pixels(SECOND))


def test_delayed_image_slice_reading(my_file: str) -> None:
    img = AICSImage(my_file)
    for index, spec in enumerate((FIRST, SECOND)):
        img.set_scene(index)
        assert isinstance(img.dask_data, da.Array)
        np.testing.assert_array_equal(img.dask_data.compute(), pixels(spec))
        eager = img.get_image_data("CZYX", T=0)
        lazy = img.get_image_dask_data("CZYX", T=0)
        assert eager.shape == lazy.shape == (spec.C, spec.Z, spec.Y, spec.X)
        np.testing.assert_array_equal(eager, pixels(spec)[0])
        np.testing.assert_array_equal(lazy.compute(), pixels(spec)[0])
    np.testing.assert_array_equal(imread_dask(my_file)[0, :].compute(), pixels(FIRST)[0])
    np.testing.assert_array_equal(imread_dask(my_file, 1).compute(), pixels(SECOND))


def test_metadata_reading(my_file: str) -> None:
    img = AICSImage(my_file)
    assert isinstance(img.metadata, ome_types.OME)
    assert img.metadata.images[0].pixels.size_z == FIRST.Z
    assert img.channel_names == ["DAPI", "GFP", "Cy5"]


def test_what_imageio_reads_is_five_dimensional(tmp_path: Path) -> None:
    from imageio.v3 import imwrite

    rgb = counted((6, 7, 3), "uint8")
    imwrite(tmp_path / "my_file.png", rgb)
    img = AICSImage(tmp_path / "my_file.png")
    np.testing.assert_array_equal(img.data, rgb.transpose(2, 0, 1)[None, :, None])
    np.testing.assert_array_equal(img.get_image_data("YXS"), rgb)


# ---------------------------------------------------------------- scenes and levels


def test_scenes_are_told_apart_by_identifiers_names_and_indices(my_file: str) -> None:
    img = AICSImage(my_file)
    assert img.scenes == ("Image:0", "Image:1")
    assert (img.current_scene, img.current_scene_index) == ("Image:0", 0)
    for scene in ("Image:1", "second", 1, -1, np.int64(1)):
        img.set_scene(0)
        img.set_scene(scene)
        assert (img.current_scene, img.current_scene_index) == ("Image:1", 1)
    assert img.handle == select_scene(open_image(my_file), 1)


def test_names_used_twice_do_not_stop_a_loop_over_scenes() -> None:
    handle = open_image([counted((2, 3)), counted((2, 4)), counted((2, 5))])
    named = handle.contents.scenes
    scenes = tuple(
        attrs.evolve(s, name=name) for s, name in zip(named, ("A", "B", "A"), strict=True)
    )
    img = AICSImage(counted((2, 2)))
    img._focus(attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=scenes)))
    widths = []
    for scene in img.scenes:
        img.set_scene(scene)
        widths.append(img.dims.X)
    assert widths == [3, 4, 5]
    img.set_scene("B")
    assert img.current_scene_index == 1
    with pytest.raises(SceneError, match="is the name of scenes"):
        img.set_scene("A")


@pytest.mark.parametrize("scene", [2, -3, "Image:2", "third"])
def test_a_scene_that_is_not_there_is_an_index_error_and_changes_nothing(
    my_file: str, scene: int | str
) -> None:
    img = AICSImage(my_file)
    img.set_scene(1)
    with pytest.raises(SceneError, match="there are") as caught:
        img.set_scene(scene)
    assert isinstance(caught.value, IndexError)
    assert img.current_scene_index == 1


def test_a_scene_of_another_type_is_a_type_error(my_file: str) -> None:
    with pytest.raises(TypeError):
        AICSImage(my_file).set_scene(1.5)  # type: ignore[arg-type]


def test_resolution_levels(tmp_path: Path) -> None:
    spec = ImageSpec(C=2, Y=40, X=64, levels=3, pixel_size=PixelSize(1.0, 0.5, 0.5))
    img = AICSImage(write(TiffSpec((spec,)), tmp_path))
    assert (img.resolution_levels, img.current_resolution_level) == ((0, 1, 2), 0)
    img.set_resolution_level(2)
    assert img.current_resolution_level == 2
    np.testing.assert_array_equal(img.data, pixels(spec, 2))
    assert img.physical_pixel_sizes == (1.0, 2.0, 2.0)
    img.set_scene(0)
    assert img.current_resolution_level == 0
    np.testing.assert_array_equal(img.data, pixels(spec))
    with pytest.raises(IndexError):
        img.set_resolution_level(3)


# ---------------------------------------------------------------- dims


def test_dims_as_scripts_use_them() -> None:
    dims = AICSImage(counted((2, 3, 4, 5, 6))).dims
    assert (dims.T, dims.C, dims.Z, dims.Y, dims.X) == dims.shape == (2, 3, 4, 5, 6)
    assert dims["X"] == (6,)
    assert dims["X", "T"] == dims[["X", "T"]] == (6, 2)
    assert dict(dims.items()) == {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}
    assert "X" in dims
    assert "S" not in dims
    assert str(dims) == "<Dimensions [T: 2, C: 3, Z: 4, Y: 5, X: 6]>"
    with pytest.raises(IndexError, match="no dimension 'S' here"):
        dims["S"]
    with pytest.raises(TypeError):
        dims[0]  # type: ignore[index]


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((6,), "X"),
        ((5, 6), "YX"),
        ((4, 5, 6), "ZYX"),
        ((3, 4, 5, 6), "CZYX"),
        ((2, 3, 4, 5, 6), "TCZYX"),
    ],
)
def test_axes_that_are_not_named_are_guessed_from_the_right(
    shape: tuple[int, ...], order: str
) -> None:
    img = AICSImage(counted(shape))
    assert img.shape == (1,) * (5 - len(shape)) + shape
    np.testing.assert_array_equal(img.get_image_data(order), counted(shape))


# ---------------------------------------------------------------- parts


PARTS: list[tuple[str, dict[str, Any], Any]] = [
    ("ZYX", {"T": 1, "C": 2}, np.s_[1, 2]),
    ("ZYX", {}, np.s_[0, 0]),
    ("YX", {"T": -1, "C": -3, "Z": np.int64(2)}, np.s_[1, 0, 2]),
    ("CZYX", {"T": 0, "C": [0, 2]}, np.s_[0, [0, 2]]),
    ("CZYX", {"C": (0, -1)}, np.s_[0, [0, 2]]),
    ("CZYX", {"C": [2, 0, 0]}, np.s_[0, [2, 0, 0]]),
    ("CZYX", {"C": range(2)}, np.s_[0, :2]),
    ("ZYX", {"Z": range(-3, 0)}, np.s_[0, 0, -3:]),
    ("ZYX", {"Z": slice(0, -1, 2)}, np.s_[0, 0, :-1:2]),
    ("ZYX", {"Z": slice(None, None, -1)}, np.s_[0, 0, ::-1]),
    ("TZYX", {"T": 1}, np.s_[1:2, 0]),
]


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(("order", "picked", "index"), PARTS)
def test_parts(my_file: str, order: str, picked: dict[str, Any], index: Any, loaded: bool) -> None:
    img = AICSImage(my_file)
    whole = pixels(FIRST)
    if loaded:
        np.testing.assert_array_equal(img.data, whole)
    part = img.get_image_data(order, **picked)
    np.testing.assert_array_equal(part, whole[index])
    np.testing.assert_array_equal(img.get_image_dask_data(order, **picked).compute(), whole[index])


@pytest.mark.parametrize("loaded", [False, True])
def test_letters_that_are_not_there_have_length_one(my_file: str, loaded: bool) -> None:
    img = AICSImage(my_file)
    assert loaded is False or img.data.any()
    assert img.get_image_data("BSTCZYX").shape == (1, 1, *img.shape)
    assert img.get_image_data("XSZ", T=1, C=2, Y=3, S=0).shape == (30, 1, 4)
    # Scripts of version 3 picked the scene with S=0, which the images of version 4 do not have.
    np.testing.assert_array_equal(img.get_image_data("ZYX", S=0, T=1, C=2), pixels(FIRST)[1, 2])
    with pytest.raises(DimensionError, match="S=1 is out of range"):
        img.get_image_data("ZYX", S=1)


def test_without_an_order_the_five_stay() -> None:
    img = AICSImage(counted((2, 3, 4, 5, 6)))
    assert img.get_image_data(T=1, C=[0, 2]).shape == (1, 2, 4, 5, 6)
    assert img.get_image_dask_data().shape == (2, 3, 4, 5, 6)
    assert img.get_image_data() is img.data


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(
    ("order", "picked", "message"),
    [
        ("ZYX", {"T": 2}, "T=2 is out of range"),
        ("ZYX", {"T": -3}, "T=-3 is out of range"),
        ("CZYX", {"C": [0, 3]}, "C=3 is out of range"),
        ("ZYX", {"C": [0, 1]}, "would drop 'C', which has 2 positions"),
        ("ZYX", {"scene": 0}, "no dimension is called 'scene'"),
        ("zyx", {}, "did you mean 'ZYX'"),
        ("ZZYX", {}, "twice"),
        ("CZYX", {"C": slice(5, 9)}, "selects nothing"),
    ],
)
def test_parts_that_cannot_be(
    my_file: str, order: str, picked: dict[str, Any], message: str, loaded: bool
) -> None:
    img = AICSImage(my_file)
    assert loaded is False or img.data.any()
    for ask in (img.get_image_data, img.get_image_dask_data):
        with pytest.raises(DimensionError, match=message) as caught:
            ask(order, **picked)
        assert isinstance(caught.value, IndexError)
        assert isinstance(caught.value, ValueError)


def test_only_the_part_that_is_asked_for_is_read(tmp_path: Path) -> None:
    spec = ImageSpec(T=50, Y=256, X=256)
    img = AICSImage(write(TiffSpec((spec,)), tmp_path))
    part = img._pick("YX", {"T": 7})
    assert len(list(pieces(part.array))) < 50
    tracemalloc.start()
    read = img.get_image_data("YX", T=7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(read, pixels(spec)[7, 0, 0])
    assert peak < 10 * read.nbytes
    assert "in memory: False" in repr(img)


def test_what_is_read_is_kept_until_the_scene_changes(
    my_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []

    def noted(handle: ImageHandle) -> npt.NDArray[Any]:
        reads.append(handle.dims.order)
        return to_numpy(handle)

    monkeypatch.setattr("aicsio.legacy.parts.read", noted)
    img = AICSImage(my_file)
    assert img.data is img.data
    assert img.get_image_data("YX", T=1, Z=2).base is not None
    assert img.xarray_data.data is img.data
    assert reads == ["TCZYX"]
    img.set_scene(1)
    assert "in memory: False" in repr(img)
    np.testing.assert_array_equal(img.get_image_data("CYX", Z=3), pixels(SECOND)[0, :, 3])
    assert reads == ["TCZYX", "CYX"]


def test_chunks_are_of_the_letters_that_are_named() -> None:
    img = AICSImage(counted((2, 3, 4, 5, 6)), chunk_dims=["Z"])
    assert img.dask_data.chunksize == img.get_image_dask_data("TCZYX").chunksize == (1, 1, 4, 5, 6)
    assert AICSImage(counted((2, 3, 4, 5, 6)), chunk_dims="CS").dask_data.chunksize == (
        1,
        3,
        1,
        5,
        6,
    )


# ---------------------------------------------------------------- samples and other dimensions


def folded(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """TCZYXS as TCZYX."""
    t, c, z, y, x, s = array.shape
    return np.moveaxis(array, -1, 2).reshape(t, c * s, z, y, x)


def test_samples_are_channels() -> None:
    array = counted((2, 3, 4, 5, 6, 3))
    img = AICSImage(array)
    assert img.channel_names == [f"Channel:0:{c}:{s}" for c in range(3) for s in "RGB"]
    assert [c.color for c in tczyx.to_tczyx(img.handle).channels[:3]] == [
        0xFF0000FF,
        0x00FF00FF,
        0x0000FFFF,
    ]
    for wanted in ([0, 1, 2, 3, 4, 5, 6, 7, 8], [4], [0, 8, 4], [2, 3], [1, 2, 3, 4, 5, 6, 7]):
        part = img.get_image_data("TCZYX", C=wanted)
        np.testing.assert_array_equal(part, folded(array)[:, wanted])
        np.testing.assert_array_equal(img.get_image_dask_data("TCZYX", C=wanted).compute(), part)
    np.testing.assert_array_equal(img.data, folded(array))
    np.testing.assert_array_equal(img.dask_data.compute(), folded(array))
    np.testing.assert_array_equal(img.get_image_data("YXS", T=1, C=2, Z=3), array[1, 2, 3])
    np.testing.assert_array_equal(img.get_image_data("CYX", S=1), array[0, :, 0, :, :, 1])
    with pytest.raises(DimensionError, match="C=3 is out of range"):
        img.get_image_data("YXS", C=3)


@pytest.mark.parametrize(
    ("samples", "names"), [(1, [""]), (2, [":S0", ":S1"]), (4, [":R", ":G", ":B", ":A"])]
)
def test_names_of_samples(samples: int, names: list[str]) -> None:
    img = AICSImage(counted((5, 6, samples)), dim_order="YXS", channel_names=["photo"])
    assert img.channel_names == [f"photo{name}" for name in names]


def test_a_read_of_all_samples_reads_each_byte_once(tmp_path: Path) -> None:
    spec = ImageSpec(C=2, Y=64, X=64, samples=3, dtype="uint8")
    img = AICSImage(write(TiffSpec((spec,), compression="zlib"), tmp_path))
    native = len(list(pieces(img.handle.array)))
    assert len(list(pieces(tczyx.to_tczyx(img.handle).array))) == native
    np.testing.assert_array_equal(img.data, folded(pixels(spec)))


def test_other_dimensions_are_cut_with_one_warning_that_names_the_way_out() -> None:
    array = counted((2, 3, 4, 5, 3))
    with pytest.warns(UserWarning, match="of H=2, I=3 only the first") as caught:
        img = AICSImage(array, dim_order="HIYXS")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(img.data[0, :, 0], array[0, 0].transpose(2, 0, 1))
    np.testing.assert_array_equal(img.get_image_data("HYX", I=2, C=1), array[:, 2, :, :, 1])
    np.testing.assert_array_equal(
        img.get_image_dask_data("IYX", H=1, S=2).compute(), array[1, :, :, :, 2]
    )
    call = str(caught[0].message).partition(": transpose_to(img.handle, '")[2].partition("'")[0]
    np.testing.assert_array_equal(to_numpy(transpose_to(img.handle, call))[:, :, 0, 0, 0], array)


def test_dimensions_of_one_position_are_dropped_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AICSImage(counted((1, 3, 4, 5)), dim_order="HCYX").shape == (1, 3, 1, 4, 5)


# ---------------------------------------------------------------- what is taken for an image


@pytest.mark.parametrize(
    "how", [str, Path, lambda p: p.read_bytes(), lambda p: io.BytesIO(p.read_bytes())]
)
def test_files_are_named_or_handed_over(tmp_path: Path, how: Any) -> None:
    path = write(TiffSpec((FIRST,)), tmp_path)
    np.testing.assert_array_equal(AICSImage(how(path)).data, pixels(FIRST))


def test_urls_take_options(tmp_path: Path) -> None:
    import fsspec

    path = write(TiffSpec((FIRST,)), tmp_path)
    fsspec.filesystem("memory").pipe("/legacy/image.ome.tif", path.read_bytes())
    img = AICSImage("memory://legacy/image.ome.tif", fs_kwargs={"use_listings_cache": False})
    np.testing.assert_array_equal(img.data, pixels(FIRST))


def test_a_reader_is_named(my_file: str) -> None:
    img = AICSImage(my_file, reader="tiff")
    assert img.handle.format == "tiff"
    assert isinstance(img.metadata, str)
    with pytest.raises(UnsupportedFormatError, match="no format is called"):
        AICSImage(my_file, reader="nothing")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="reader="):
        AICSImage(my_file, reader=AICSImage)  # type: ignore[arg-type]


def test_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AICSImage(tmp_path / "nothing.tif")


def test_no_image(tmp_path: Path) -> None:
    (tmp_path / "example.txt").write_text("no pixels here\n")
    with pytest.raises(ValueError, match="no format opens"):
        AICSImage(tmp_path / "example.txt")


@pytest.mark.parametrize("lazy", [False, True])
def test_lists_of_arrays_are_scenes_with_options_of_their_own(lazy: bool) -> None:
    arrays: list[Any] = [counted((3, 4, 5)), counted((6, 7))]
    given = [da.from_array(array, chunks=2) for array in arrays] if lazy else arrays
    img = AICSImage(given, dim_order=["CYX", "YX"], channel_names=[["a", "b", "c"], None])
    assert img.scenes == ("Image:0", "Image:1")
    assert (img.channel_names, img.shape) == (["a", "b", "c"], (1, 3, 1, 4, 5))
    img.set_scene("Image:1")
    assert (img.channel_names, img.shape) == (["Channel:1:0"], (1, 1, 1, 6, 7))
    np.testing.assert_array_equal(img.data[0, 0, 0], arrays[1])
    both = AICSImage([arrays[0], arrays[0]], dim_order="CYX", channel_names=["a", "b", "c"])
    both.set_scene(1)
    assert both.channel_names == ["a", "b", "c"]
    assert AICSImage([arrays[0]], known_dims="TYX").dims.T == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim_order": ["YX"]}, "1 dim_order for 2 arrays"),
        ({"channel_names": [["a"]]}, "1 lists of channel names for 2 images"),
        ({"channel_names": ["a", "b"], "dim_order": "YX"}, "2 channel names"),
        ({"dim_order": "ZYX"}, "names 3 axes"),
        ({"physical_pixel_sizes": [1.0]}, "three numbers"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DimensionError, match=message):
        AICSImage([counted((4, 5)), counted((4, 5))], **options)


def test_no_arrays_are_no_image() -> None:
    with pytest.raises(ArgumentTypeError, match="empty list"):
        AICSImage([])
    with pytest.raises(ArgumentTypeError, match="AICSImage has no parameter 'colour'"):
        AICSImage(counted((4, 5)), colour="red")  # type: ignore[call-arg]


def test_axes_of_a_file_cannot_differ_by_scene(my_file: str) -> None:
    assert AICSImage(my_file, dim_order=["ZCTYX"]).shape == (4, 3, 2, 20, 30)
    with pytest.raises(DimensionError, match="differs by scene"):
        AICSImage(my_file, dim_order=["TCZYX", "ZCTYX"])


@pytest.mark.parametrize(
    "sizes", [PixelSize(3.0, 2.0, 1.0), [3, 2, 1], {"Z": 3.0, "Y": 2.0, "X": 1.0}, (3.0, 2.0, 1.0)]
)
def test_pixel_sizes_are_given(sizes: Any) -> None:
    img = AICSImage(counted((4, 5, 6)), physical_pixel_sizes=sizes)
    given = img.physical_pixel_sizes
    assert given == (given.Z, given.Y, given.X) == (3.0, 2.0, 1.0)
    assert AICSImage(counted((4, 5, 6))).physical_pixel_sizes == (None, None, None)


@pytest.mark.parametrize("lazy", [False, True])
def test_an_xarray_says_what_it_is(lazy: bool) -> None:
    handle = open_image(
        counted((2, 3, 4, 5)),
        dims="CTYX",
        channel_names=["a", "b"],
        pixel_size=PixelSize(None, 0.5, 0.25),
    )
    img = AICSImage(to_xarray(handle, lazy=lazy))
    assert (img.dims.order, img.shape, img.channel_names) == ("TCZYX", (3, 2, 1, 4, 5), ["a", "b"])
    assert img.physical_pixel_sizes == (None, 0.5, 0.25)
    np.testing.assert_array_equal(img.get_image_data("CTYX"), counted((2, 3, 4, 5)))


def test_an_xarray_that_says_nothing_takes_what_is_given() -> None:
    import xarray as xr

    img = AICSImage(xr.DataArray(counted((2, 4, 5))), dim_order="CYX", channel_names=["a", "b"])
    assert (img.shape, img.channel_names) == ((1, 2, 1, 4, 5), ["a", "b"])
    assert AICSImage(xr.DataArray(counted((2, 4, 5)))).dims.Z == 2
    assert AICSImage(counted((4, 5)), channel_names="only").channel_names == ["only"]
    one = xr.DataArray(
        counted((4, 5)),
        dims=("y", "x"),
        coords={"C": "a", "x": [0, 1, 3, 4, 5], "y": [0.0, 2, 4, 6]},
    )
    assert AICSImage(one).channel_names == ["a"]
    assert AICSImage(one).physical_pixel_sizes == (None, 2.0, None)
    degrees = one.assign_coords(y=("y", [0.0, 2, 4, 6], {"units": "degree"}))
    assert AICSImage(degrees).physical_pixel_sizes == (None, None, None)
    mixed = AICSImage(
        [one, counted((3, 4, 5)), xr.DataArray(counted((7, 4, 5)))], dim_order=[None, "CYX", "TYX"]
    )
    mixed.set_scene(2)
    assert mixed.dims.T == 7
    with pytest.raises(DimensionError, match="rename them"):
        AICSImage(xr.DataArray(counted((4, 5)), dims=("row", "column")))


def test_a_dask_array_keeps_its_graph() -> None:
    computed: list[int] = []

    def once(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
        computed.append(1)
        return block

    whole = da.from_array(counted((4, 5, 6)), chunks=(4, 5, 6)).map_blocks(
        once, meta=np.empty((0, 0, 0), int)
    )
    shifted = whole.rechunk((1, 5, 6)) - whole.sum()
    np.testing.assert_array_equal(
        AICSImage(shifted).data[0, 0], counted((4, 5, 6)) - counted((4, 5, 6)).sum()
    )
    assert len(computed) == 1
    assert AICSImage(shifted).dask_data.chunksize == (1, 1, 1, 5, 6)


# ---------------------------------------------------------------- xarray


def test_xarrays(my_file: str) -> None:
    img = AICSImage(my_file)
    for labelled in (img.xarray_dask_data, img.xarray_data):
        assert labelled.dims == tuple("TCZYX")
        assert list(labelled.coords["C"].values) == ["DAPI", "GFP", "Cy5"]
        np.testing.assert_allclose(labelled.coords["X"].values, np.arange(30) * 0.25)
        np.testing.assert_allclose(labelled.coords["Z"].values, np.arange(4) * 2.0)
        np.testing.assert_array_equal(labelled.sel(C="GFP").values, pixels(FIRST)[:, 1])
        assert labelled.attrs["unprocessed"].startswith("<?xml")
        assert isinstance(labelled.attrs["processed"], ome_types.OME)
    assert isinstance(img.xarray_dask_data.data, da.Array)
    assert isinstance(img.xarray_data.data, np.ndarray)
    assert "unprocessed" not in AICSImage(counted((4, 5))).xarray_data.attrs


# ---------------------------------------------------------------- stacks


def test_stacks_of_scenes() -> None:
    arrays = [counted((3, 4, 5)) + n for n in range(3)]
    img = AICSImage(arrays)
    expected = np.stack(arrays)[:, None, None]
    np.testing.assert_array_equal(img.get_stack(), expected)
    np.testing.assert_array_equal(img.get_dask_stack().compute(), expected)
    for labelled in (
        img.get_xarray_stack(scene_character="U"),
        img.get_xarray_dask_stack(scene_character="U"),
    ):
        assert labelled.dims == tuple("UTCZYX")
        np.testing.assert_array_equal(labelled.values, expected)
        assert "U" not in labelled.coords
        assert list(labelled.coords["C"].values) == ["Channel:0:0"]
    named = img.get_xarray_dask_stack(scene_coord_values="names", select_scenes=[2, "Image:0"])
    assert list(named.coords["I"].values) == ["Image:2", "Image:0"]
    np.testing.assert_array_equal(img.get_stack(select_scenes=("Image:2", 0)), expected[[2, 0]])
    assert img.current_scene_index == 0


@pytest.mark.parametrize(
    ("other", "error"),
    [(counted((3, 4, 6)), DimensionError), (counted((3, 4, 5), "int32"), ArgumentTypeError)],
)
def test_scenes_that_differ_do_not_stack_unless_they_are_dropped(
    other: npt.NDArray[Any], error: type[Exception]
) -> None:
    img = AICSImage([counted((3, 4, 5)), other, counted((3, 4, 5))])
    with pytest.raises(error, match="does not stack on"):
        img.get_stack()
    assert img.get_stack(drop_non_matching_scenes=True).shape == (2, 1, 1, 3, 4, 5)
    labelled = img.get_xarray_stack(drop_non_matching_scenes=True, scene_coord_values="names")
    assert list(labelled.coords["I"].values) == ["Image:0", "Image:2"]
    assert img.get_dask_stack(select_scenes=[0, 2]).shape == (2, 1, 1, 3, 4, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"select_scenes": []}, "no scenes"),
        ({"scene_character": "T"}, "one letter"),
        ({"select_scenes": [1]}, "there are"),
    ],
)
def test_stacks_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(IndexError, match=message):
        AICSImage(counted((4, 5))).get_xarray_stack(**options)
    with pytest.raises(TypeError):
        AICSImage(counted((4, 5))).get_stack(scene_coord_values="nothing")  # type: ignore[arg-type]


# ---------------------------------------------------------------- metadata


def test_metadata_of_a_plain_tiff_is_its_text_and_of_an_array_nothing(tmp_path: Path) -> None:
    path = write(
        TiffSpec((ImageSpec(Z=3, dtype="uint8", order="XYCZT"),), flavour="imagej"), tmp_path
    )
    text = AICSImage(path).metadata
    assert isinstance(text, str)
    assert "ImageJ" in text
    assert AICSImage(counted((4, 5))).metadata is None


def test_ome_of_an_ome_tiff_is_its_own(my_file: str) -> None:
    ome = AICSImage(my_file).ome_metadata
    assert ome == AICSImage(my_file).metadata
    assert [image.name for image in ome.images] == [None, "second"]


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("uint8", "uint8"),
        ("float64", "double"),
        ("int64", "double"),
        ("bool", "uint8"),
        ("float16", "float"),
        ("longdouble", "double"),
        ("clongdouble", "double-complex"),
    ],
)
def test_ome_is_made_for_images_that_have_none(dtype: str, kind: str) -> None:
    names = ["a <&> b", "µ"]
    img = AICSImage(
        [counted((2, 3, 4, 5), dtype), counted((4, 5), dtype)],
        dim_order=["CZYX", "YX"],
        channel_names=[names, None],
        physical_pixel_sizes=[3.0, 2.0, 1.0],
    )
    ome = img.ome_metadata
    assert isinstance(ome, ome_types.OME)
    assert ome.creator is not None
    assert ome.creator.startswith("aicsio")
    first, second = (image.pixels for image in ome.images)
    assert (first.size_t, first.size_c, first.size_z, first.size_y, first.size_x) == (1, 2, 3, 4, 5)
    assert (first.type.value, first.dimension_order.value) == (kind, "XYZCT")
    assert [channel.name for channel in first.channels] == names
    assert (first.physical_size_z, first.physical_size_y, first.physical_size_x) == (3.0, 2.0, 1.0)
    assert [channel.name for channel in second.channels] == [None]  # no name is invented


def test_ome_of_planes_is_that_of_their_xml() -> None:
    handle = open_image(counted((2, 2, 3, 4, 5), "uint8"), dims="TCZYX")
    seconds = np.arange(12.0)
    seconds[3] = np.nan
    seconds[5] = 1e300  # no xsd:float
    planes = Planes(
        Dims("TCZ", (2, 2, 3)),
        time=seconds.tobytes(),
        exposure=np.full(12, 0.25).tobytes(),
        x=np.full(12, np.nan).tobytes(),
        z=np.arange(12.0).tobytes(),
    )
    scene = attrs.evolve(handle.scene, planes=planes)
    img = AICSImage(counted((2, 2)))
    img._focus(attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,))))
    made = img.ome_metadata
    assert len(made.images[0].pixels.planes) == 12
    assert made == ome_types.from_xml(made.to_xml())
    tenth = made.images[0].pixels.planes[10]
    assert (tenth.the_t, tenth.the_c, tenth.the_z, tenth.delta_t) == (1, 1, 1, 10.0)
    assert (tenth.exposure_time, tenth.position_z, tenth.position_x) == (0.25, 10.0, None)


@takes_long
def test_ome_of_many_scenes_and_planes_is_made_in_linear_time() -> None:
    handle = open_image(np.zeros((10, 4, 2, 2), np.uint8), dims="TCYX")
    planes = Planes(Dims("TC", (10, 4)), time=np.arange(40.0).tobytes())
    scene = attrs.evolve(handle.scene, planes=planes)
    img = AICSImage(counted((2, 2)))

    def prepare(count: int) -> Callable[[], object]:
        contents = attrs.evolve(handle.contents, scenes=(scene,) * count)
        many = attrs.evolve(handle, contents=contents)

        def make() -> None:
            img._focus(many)
            assert len(img.ome_metadata.images) == count

        return make

    assert_linear(prepare, 50)


def test_ome_of_samples() -> None:
    made = AICSImage(counted((2, 4, 5, 3), "uint8"), dim_order="CYXS").ome_metadata.images[0].pixels
    assert made.size_c == 6
    assert [channel.samples_per_pixel for channel in made.channels] == [3, 3]


BROKEN = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image><Pixels {} SizeX="4" SizeY="3" /></Image></OME>'
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            BROKEN.format('Type="nonsense" DimensionOrder="XYZCT" ID="Pixels:0"'),
            "breaks rules of the schema",
        ),
        (BROKEN.replace("2016-06", "1815-06").format(""), "no transform leads"),
        ('<!DOCTYPE OME [<!ENTITY a "b">]>' + BROKEN.format(""), "document type"),
        ("<OME ", "well-formed"),
    ],
)
@pytest.mark.filterwarnings(
    "ignore::xsdata.exceptions.ConverterWarning"
)  # ome_types warns before it raises
def test_metadata_that_ome_types_refuses_is_text_with_a_warning(text: str, reason: str) -> None:
    img = AICSImage(counted((3, 4)))
    contents = attrs.evolve(img.handle.contents, metadata=text)
    img._focus(attrs.evolve(img.handle, format="ome-tiff", contents=contents))
    with pytest.warns(UserWarning, match=reason) as caught:
        assert img.metadata == text
    assert caught[-1].filename == __file__
    with pytest.warns(UserWarning, match=reason):
        assert img.ome_metadata.images[0].pixels.size_x == 4


def test_a_text_whose_first_line_lies_about_its_encoding_parses(my_file: str) -> None:
    img = AICSImage(my_file)
    text = (img.handle.metadata or "").replace("DAPI", "µm").replace('"UTF-8"', '"UTF-16"')
    img._focus(attrs.evolve(img.handle, contents=attrs.evolve(img.handle.contents, metadata=text)))
    assert img.metadata.images[0].pixels.channels[0].name == "µm"


@pytest.mark.parametrize(
    "name",
    [
        "2008-02/Iron-Plate.ome.tiff",
        "2009-09/18x24y1z5t1c8b-text.ome.tiff",
        "2015-01/set-1-meta-companion/18x24y5z1t1c8b-text-companion.ome",
    ],
)
def test_older_schemas_parse(name: str) -> None:
    pytest.importorskip("lxml", reason="ome_types brings older schemas up to date with it")
    assert isinstance(AICSImage(corpus_file(f"ometiff/ome-spec/{name}")).metadata, ome_types.OME)


def test_a_real_file_as_aicsimageio_showed_it() -> None:
    img = AICSImage(corpus_file("ometiff/aicsimageio/s_1_t_1_c_1_z_1.ome.tiff"))
    assert (img.scenes, img.dims.order, img.shape) == (("Image:0",), "TCZYX", (1, 1, 1, 325, 475))
    assert img.channel_names == ["Bright"]
    assert img.dtype == np.uint16
    assert img.physical_pixel_sizes == (None, 1.0833333333333333, 1.0833333333333333)


# ---------------------------------------------------------------- writing


def test_save_writes_the_scene_and_what_is_known_of_it(my_file: str) -> None:
    Path("out.ome.tiff").write_text("something else")
    AICSImage(my_file).save("out.ome.tiff", select_scenes=["Image:0"])
    saved = AICSImage("out.ome.tiff")
    np.testing.assert_array_equal(saved.data, pixels(FIRST))
    assert saved.channel_names == ["DAPI", "GFP", "Cy5"]
    assert saved.physical_pixel_sizes == (2.0, 0.5, 0.25)
    AICSImage(my_file).save(Path("second.ome.tiff"), select_scenes=(1,))
    np.testing.assert_array_equal(imread("second.ome.tiff"), pixels(SECOND))


def test_save_keeps_samples(tmp_path: Path) -> None:
    array = counted((2, 5, 6, 3), "uint8")
    AICSImage(array, dim_order="ZYXS").save(tmp_path / "rgb.ome.tiff")
    saved = AICSImage(tmp_path / "rgb.ome.tiff")
    np.testing.assert_array_equal(saved.get_image_data("ZYXS"), array)
    assert saved.shape == (1, 3, 2, 5, 6)


def test_save_does_not_overwrite_what_it_reads(tmp_path: Path) -> None:
    spec = ImageSpec(C=2, samples=3, dtype="uint8")
    path = write(TiffSpec((spec,)), tmp_path)
    with pytest.raises(WriteError, match="where these pixels come from"):
        AICSImage(path).save(path)
    np.testing.assert_array_equal(imread(path), folded(pixels(spec)))


# ---------------------------------------------------------------- the face is thin


def test_an_image_pickles(my_file: str) -> None:
    img = AICSImage(my_file, chunk_dims="ZYX")
    img.set_scene(1)
    for _ in range(2):
        again = pickle.loads(pickle.dumps(img))
        assert repr(again) == repr(img)
        assert again.dask_data.name == img.dask_data.name
        np.testing.assert_array_equal(again.data, pixels(SECOND))
        assert img.data.any()


def test_rules_are_pure(my_file: str) -> None:
    handle = open_image(my_file)
    shown = tczyx.to_tczyx(handle)
    assert shown == tczyx.to_tczyx(handle)
    assert hash(shown) == hash(tczyx.to_tczyx(open_image(my_file)))
    assert handle == open_image(my_file)
    rgb = tczyx.to_tczyx(open_image(b"P6 2 1 255\n\1\2\3\4\5\6"))
    assert pickle.loads(pickle.dumps(rgb)) == rgb
    assert to_numpy(pickle.loads(pickle.dumps(rgb))).ravel().tolist() == [1, 4, 2, 5, 3, 6]


def test_channels_beyond_those_that_the_file_describes_have_names() -> None:
    handle = open_image(counted((3, 4, 5)), dims="CYX")
    scene = attrs.evolve(handle.scene, channels=(Channel(name="only"),))
    partly = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    assert tczyx.to_tczyx(partly).channel_names == ("only", "Channel:0:1", "Channel:0:2")


@pytest.fixture
def setting_restored() -> Iterator[None]:
    """The setting as it was at the start."""
    yield
    use_dask(True)


@pytest.mark.usefixtures("setting_restored")
def test_use_dask_takes_a_bool_and_ends_with_its_block() -> None:
    import dask.config

    with pytest.raises(TypeError):
        use_dask("no")  # type: ignore[arg-type]
    use_dask(False)
    assert dask.config.get("aicsio.use-dask") is False
    with use_dask(True):
        assert dask.config.get("aicsio.use-dask") is True
    assert dask.config.get("aicsio.use-dask") is False
    assert not aicsio.legacy.reading._cluster_is_active()


# ---------------------------------------------------------------- random calls


@attrs.frozen(eq=False)
class Shown:
    """What one scene at one level must show: pixels as stored, and their letters."""

    letters: str
    array: npt.NDArray[Any]

    def part(self, order: str, picked: dict[str, Any]) -> npt.NDArray[Any]:
        """The rules of the legacy face, in numpy."""
        keep = [c for c in self.letters if c not in "TCZYX" and (c in order or c in picked)]
        named = dict(zip(self.letters, range(self.array.ndim), strict=True))
        front = [c for c in self.letters if c not in "TCZYXS"]
        array = self.array.transpose(
            [named[c] for c in [*front, *(c for c in "TCSZYX" if c in named)]]
        )
        for c in "TCSZYX":
            if c not in named:
                array = np.expand_dims(array, len(front) + "TCSZYX".index(c))
        array = array[tuple(slice(None) if c in keep else 0 for c in front)]
        letters = "".join(c for c in front if c in keep) + "TCSZYX"
        if "S" not in keep:
            at = letters.index("C")
            shape = array.shape
            array = array.reshape(*shape[:at], shape[at] * shape[at + 1], *shape[at + 2 :])
            letters = letters.replace("S", "")
        for axis, letter in reversed(list(enumerate(letters))):
            pick = picked.get(letter, slice(None) if letter in order else 0)
            if isinstance(pick, int | np.integer):
                pick = [pick] if letter in order else int(pick)
            array = array[
                (slice(None),) * axis + (list(pick) if isinstance(pick, range | tuple) else pick,)
            ]
        left = [c for c in letters if c in order]
        return array.transpose([left.index(c) for c in order if c in left])[
            tuple(slice(None) if c in left else None for c in order)
        ]


def filled(image: ImageHandle, order: str, picked: dict[str, Any]) -> dict[str, Any]:
    """Picks for ``transpose_to``: index 0 of what is left out, and none of what is not there."""
    zero = {letter: 0 for letter in image.dims if letter not in order}
    return zero | {letter: pick for letter, pick in picked.items() if letter in image.dims}


@composite
def arrays_of_scenes(draw: Draw) -> tuple[list[npt.NDArray[Any]], list[str]]:
    arrays, orders = [], []
    for _ in range(draw(st.integers(1, 3))):
        order = "".join(
            draw(
                st.permutations(
                    [*"YX", *draw(st.lists(st.sampled_from("TCZHI"), unique=True, max_size=3))]
                )
            )
        )
        order += draw(st.sampled_from(["", "S"]))
        shape = tuple(draw(st.integers(1, 4)) for _ in order)
        arrays.append(counted(shape, draw(st.sampled_from(["uint8", "uint16", "float32"]))))
        orders.append(order)
    return arrays, orders


class RandomCalls(RuleBasedStateMachine):
    """Under any calls, the face shows what the pure functions show, and what numpy makes of the stored pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.at = (0, 0)

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize(drawn=arrays_of_scenes(), lazy=st.booleans())
    def open(self, drawn: tuple[list[npt.NDArray[Any]], list[str]], lazy: bool) -> None:
        arrays, orders = drawn
        self.truth = [[Shown(order, array)] for array, order in zip(arrays, orders, strict=True)]
        given: list[Any] = [da.from_array(array, chunks=2) for array in arrays] if lazy else arrays
        self.begin(AICSImage(given, dim_order=orders))

    def begin(self, img: AICSImage) -> None:
        self.img, self.pure = img, img.handle

    @property
    def shown(self) -> Shown:
        return self.truth[self.at[0]][self.at[1]]

    @property
    def handle(self) -> ImageHandle:
        return select_level(select_scene(self.pure, self.at[0]), self.at[1])

    @rule(scene=st.integers(0, 2), back=st.booleans(), as_name=st.booleans())
    def set_scene(self, scene: int, back: bool, as_name: bool) -> None:
        count = len(self.truth)
        scene %= count
        self.img.set_scene(f"Image:{scene}" if as_name else scene - count if back else scene)
        self.at = (scene, 0)

    @rule(level=st.integers(0, 2))
    def set_level(self, level: int) -> None:
        level %= len(self.truth[self.at[0]])
        self.img.set_resolution_level(level)
        self.at = (self.at[0], level)

    @rule(lazy=st.booleans())
    def read_all(self, lazy: bool) -> None:
        read = self.img.dask_data.compute() if lazy else self.img.data
        np.testing.assert_array_equal(read, self.shown.part("TCZYX", {}))

    @rule(data=st.data(), lazy=st.booleans())
    def read_part(self, data: st.DataObject, lazy: bool) -> None:
        stored = dict(zip(self.shown.letters, self.shown.array.shape, strict=True))
        beyond = [c for c in stored if c not in "TCZYX" and stored[c] > 1]
        asked = data.draw(
            st.lists(st.sampled_from([*"TCZYX", "Q", *beyond]), unique=True, min_size=1)
        )
        order = "".join(asked)
        fold = 1 if "S" in order else stored.get("S", 1)
        picked: dict[str, Any] = {}
        for letter in data.draw(st.lists(st.sampled_from("TCZYX"), unique=True)):
            size = stored.get(letter, 1) * (fold if letter == "C" else 1)
            there = letter in stored or (letter == "C" and fold > 1)
            one = st.integers(-size, size - 1)
            picked[letter] = data.draw(picks(size) if letter in order and there else one)
        if lazy:
            read = self.img.get_image_dask_data(order, **picked).compute()
        else:
            read = self.img.get_image_data(order, **picked)
        np.testing.assert_array_equal(read, self.shown.part(order, picked))
        if fold == 1:
            same = transpose_to(self.handle, order, **filled(self.handle, order, picked))
            np.testing.assert_array_equal(read, to_numpy(same))

    @invariant()
    def says_what_it_shows(self) -> None:
        if hasattr(self, "img"):
            expected = self.shown.part("TCZYX", {})
            assert self.img.shape == self.img.dims.shape == expected.shape
            assert self.img.dtype == expected.dtype
            assert (self.img.current_scene_index, self.img.current_resolution_level) == self.at
            assert len(self.img.channel_names) == self.img.dims.C


class RandomCallsOnFiles(RandomCalls):
    """The same on OME-TIFF files."""

    @initialize(spec=tiff_specs())
    def open(self, spec: TiffSpec) -> None:
        self.truth = [
            [Shown(image.dims.order, pixels(image, level)) for level in range(image.levels)]
            for image in spec.images
        ]
        self.begin(AICSImage(write(spec, Path(self.folder.name))))


few = settings(max_examples=30, stateful_step_count=12)
TestRandomCalls = pytest.mark.filterwarnings("ignore:AICSImage shows TCZYX")(RandomCalls.TestCase)
TestRandomCalls.settings = few
TestRandomCallsOnFiles = RandomCallsOnFiles.TestCase
TestRandomCallsOnFiles.settings = settings(few, max_examples=20)


def test_chunk_dims_name_what_is_there() -> None:
    pixels = np.zeros((2, 3, 4, 5), np.uint8)
    chunked = AICSImage(pixels, dim_order="TZYX", chunk_dims=["Z", "Y", "X", "S"])
    assert chunked.dask_data.chunks[:3] == ((1, 1), (1,), (3,))
    with pytest.raises(DimensionError, match="chunk_dims names 'Q'"):
        AICSImage(pixels, dim_order="TZYX", chunk_dims="QZ")


# ---------------------------------------------------------------- arguments


REFUSE = """
import json, sys
import numpy as np
from aicsio import AICSImage, ArgumentTypeError, imread, imwrite

img = AICSImage(np.ones((2, 3, 4)))
answers = {}
for call in json.loads(sys.argv[1]):
    try:
        answers[call] = repr(eval(call))
    except ArgumentTypeError as error:
        answers[call] = str(error)
print(json.dumps(answers))
"""


REFUSALS = [
    (
        "AICSImage(np.ones((2, 3)), dim_order=5)",
        "AICSImage: dim_order=5 does not fit: give letters such as 'CZYX', or a list of them",
    ),
    (
        "AICSImage([np.ones((2, 3))], dim_order=[5])",
        "AICSImage: dim_order=[5] does not fit: give letters",
    ),
    (
        "AICSImage(np.ones((2, 3)), channel_names=5)",
        "AICSImage: channel_names=5 does not fit: give a list of names",
    ),
    (
        "AICSImage(np.ones((2, 3)), channel_names=[5])",
        "AICSImage: channel_names=[5] does not fit: give a list of names",
    ),
    (
        "AICSImage(np.ones((2, 3)), physical_pixel_sizes=5)",
        "AICSImage: physical_pixel_sizes=5 does not fit: give three numbers",
    ),
    (
        "AICSImage(np.ones((2, 3)), physical_pixel_sizes=('a', 1, 2))",
        "AICSImage: physical_pixel_sizes=('a', 1, 2) does not fit: give three numbers",
    ),
    (
        "AICSImage(np.ones((2, 3)), chunk_dims=5)",
        "AICSImage: chunk_dims=5 does not fit: give letters, such as 'ZYX'",
    ),
    (
        "AICSImage(np.ones((2, 3)), chunk_dims=[5])",
        "AICSImage: chunk_dims=[5] does not fit: give letters",
    ),
    (
        "AICSImage(np.ones((2, 3)), reader=5)",
        "AICSImage: reader=5 does not fit: give the name of a format, such as reader='tiff'",
    ),
    (
        "AICSImage(np.ones((2, 3)), fs_kwargs='key=SECRET')",
        "AICSImage: fs_kwargs of class str does not fit: give a mapping or None",
    ),
    (
        "img.get_image_data(5)",
        "AICSImage.get_image_data: dimension_order_out=5 does not fit: give letters, such as 'ZYX'",
    ),
    (
        "img.get_image_dask_data(5)",
        "AICSImage.get_image_dask_data: dimension_order_out=5 does not fit: give letters",
    ),
    (
        "img.get_stack(select_scenes=0)",
        "AICSImage.get_stack: select_scenes=0 does not fit: give a list of names or indices",
    ),
    (
        "img.get_stack(foo=0)",
        "AICSImage.get_stack has no parameter 'foo': it has select_scenes, drop_non_matching_scenes",
    ),
    ("img.save('a.ome.tiff', 'Image:0')", "select_scenes='Image:0': give a list"),
    (
        "img.save('a.ome.tiff', compresion='zlib')",
        "AICSImage.save has no parameter 'compresion'",
    ),
    ("imread(np.ones((2, 3)), dims='YX')", "imread has no parameter 'dims': did you mean"),
    ("imwrite(np.ones((2, 3)), 'a.ome.tiff')", "imwrite: uri=<numpy.ndarray> does not fit"),
    (
        "imwrite('a.ome.tiff', np.ones((2, 3)), colours=5)",
        "imwrite has no parameter 'colours'",
    ),
    (
        "imwrite('a.ome.tiff', np.ones((2, 3)), channel_colors=5)",
        "imwrite: channel_colors=5 does not fit: give a list, one colour per channel",
    ),
    (
        "imwrite('a.ome.tiff', np.ones((2, 3)), channel_colors=[('a', 0, 0)])",
        "('a', 0, 0) is no colour: give (red, green, blue) from 0 to 255",
    ),
    ("imwrite('a.ome.tiff', np.ones((2, 3)), channel_colors=[3.5])", "3.5 is no colour"),
]
"""Calls, and how the message of their error begins."""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each call answers in a process of its own: the checks of types in tests would answer first."""
    command = [sys.executable, "-c", REFUSE, json.dumps([call for call, _ in REFUSALS])]
    folder = tmp_path_factory.mktemp("refused")
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    answers: dict[str, str] = json.loads(run.stdout)
    assert not list(folder.iterdir())
    return answers


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_arguments_of_other_types_are_refused_in_our_words(
    call: str, message: str, refusals: dict[str, str]
) -> None:
    assert refusals[call].startswith(message)


def test_numpy_numbers_are_numbers(tmp_path: Path) -> None:
    img = AICSImage(
        counted((2, 3, 4, 5), "uint8"),
        dim_order="CZYX",
        channel_names=np.array(["a", "b"]),
        physical_pixel_sizes=np.array([1, 2, 3], np.float32),
    )
    assert img.channel_names == ["a", "b"]
    assert img.physical_pixel_sizes == (1.0, 2.0, 3.0)
    assert all(type(size) is float for size in img.physical_pixel_sizes)
    whole = img.get_image_data("CZYX")
    for pick in (np.int64(1), np.uint8(1)):
        np.testing.assert_array_equal(img.get_image_data("ZYX", C=pick), whole[1])
    np.testing.assert_array_equal(img.get_image_data("ZYX", C="b"), whole[1])
    np.testing.assert_array_equal(
        img.get_image_data("CYX", Z=np.int16(2), C=["b", "a"]), whole[::-1, 2]
    )
    img.data  # noqa: B018 -- keeps the pixels, which are then picked from by the same names
    np.testing.assert_array_equal(img.get_image_data("ZYX", C="b"), whole[1])
    report = imwrite(
        tmp_path / "a.ome.tiff",
        img,
        channel_colors=[np.array([255, 0, 0]), np.uint32(0x00FF00FF)],
        pixel_size=PixelSize(1.0, 0.5, 0.5),
    )
    assert [c.color for c in open_image(report.path).channels] == [0xFF0000FF, 0x00FF00FF]
    img.set_scene(np.int64(0))
    img.set_resolution_level(np.uint8(0))


def test_integers_of_64_bits_are_refused_with_an_option_of_the_same_call(tmp_path: Path) -> None:
    array = np.arange(12).reshape(3, 4)
    with pytest.raises(WriteError, match=r"no int64 pixels: convert them with dtype='int32'"):
        imwrite(tmp_path / "a.ome.tiff", array)
    with pytest.raises(WriteError, match=r"dtype='int32'"):
        AICSImage(array).save(tmp_path / "a.ome.tiff")
    assert imwrite(tmp_path / "a.ome.tiff", array, dtype="int32").dtype == np.int32
    AICSImage(array).save(tmp_path / "a.ome.tiff", dtype="int32")
    np.testing.assert_array_equal(imread(tmp_path / "a.ome.tiff")[0, 0, 0], array)


@pytest.mark.parametrize("name", ["a.zarr", "a.ome.zarr", "a.ozx"])
def test_the_name_of_a_zarr_makes_one(tmp_path: Path, name: str) -> None:
    array = counted((2, 30, 40), "uint16")
    AICSImage(array, dim_order="CYX").save(tmp_path / name, compression="zstd")
    (pixels,) = judges.zarr_pixels(tmp_path / name, "", ("0",))
    np.testing.assert_array_equal(pixels[0, :, 0], array)
    # As a TIFF it is replaced.
    report = imwrite(tmp_path / name, array[:1], dim_order="CYX", channel_names=["DAPI"], levels=1)
    assert report.dims.order == "CYX"
    (pixels,) = judges.zarr_pixels(tmp_path / name, "", ("0",))
    np.testing.assert_array_equal(pixels.reshape(30, 40), array[0])
    with pytest.raises(ArgumentTypeError, match="has no parameter 'tile'"):
        imwrite(tmp_path / name, array, tile=64)


@pytest.mark.parametrize("name", ["a.n5", "a.png", "a.mp4", "a.czi"])
def test_a_name_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WriteError, match=name):
        AICSImage(counted((2, 3), "uint8")).save(tmp_path / name)
    with pytest.raises(WriteError, match=name):
        imwrite(tmp_path / name, counted((2, 3), "uint8"))
    assert not (tmp_path / name).exists()
