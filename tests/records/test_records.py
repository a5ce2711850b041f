import pickle
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    Channel,
    Dims,
    ImageHandle,
    LazyArray,
    Objective,
    PixelSize,
    Planes,
    SceneError,
    open_image,
    select_level,
    select_scene,
    transpose_to,
)
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import Contents, Layout, Scene, Source, Tiles
from aicsio.records.conversions import optional_float
from aicsio.testing.layouts import make_handle, store_array


@pytest.fixture
def dims() -> Dims:
    return Dims("TCZYX", (1, 2, 3, 40, 50))


class TestDims:
    def test_sizes_are_attributes_and_items(self, dims: Dims) -> None:
        assert (dims.T, dims.C, dims.Z, dims.Y, dims.X) == dims.shape == (1, 2, 3, 40, 50)
        assert dims["Z"] == 3
        assert dims["Y", "X"] == (40, 50)
        assert dims.get("S", 1) == 1
        assert dims.get("Z", 1) == 3

    def test_it_iterates_over_its_letters(self, dims: Dims) -> None:
        assert list(dims) == list("TCZYX")
        assert "".join(dims) == dims.order
        assert len(dims) == 5
        assert dims.items() == tuple(zip("TCZYX", dims.shape, strict=True))
        assert dict(dims.items())["Z"] == 3

    def test_a_letter_is_in_it_and_a_word_is_not(self, dims: Dims) -> None:
        assert "Z" in dims
        for other in ("S", "ZY", "", "z", 3, None):
            assert other not in dims

    @pytest.mark.parametrize("key", ["S", "ZY", "", "z"])
    def test_what_is_not_there_is_answered_with_what_is(self, dims: Dims, key: str) -> None:
        with pytest.raises(DimensionError, match="T=1, C=2, Z=3, Y=40, X=50") as caught:
            dims[key]
        assert repr(key) in str(caught.value)
        with pytest.raises(DimensionError):
            dims["X", key]

    def test_a_missing_letter_is_a_missing_attribute(self, dims: Dims) -> None:
        with pytest.raises(
            AttributeError, match="no dimension 'S' here; there are T=1, C=2, Z=3, Y=40, X=50"
        ):
            _ = dims.S
        assert not hasattr(dims, "S")
        with pytest.raises(AttributeError, match="'Dims' object has no attribute 'sizes'"):
            _ = dims.sizes  # type: ignore[attr-defined]

    def test_it_prints_what_it_holds(self, dims: Dims) -> None:
        assert str(dims) == "T=1, C=2, Z=3, Y=40, X=50"
        assert eval(repr(dims), {"Dims": Dims}) == dims  # noqa: S307 - a repr that can be pasted back
        assert str(Dims("", ())) == "no dimensions"

    def test_letters_and_sizes_come_in_pairs(self) -> None:
        with pytest.raises(DimensionError, match="letters for 3 sizes, "):
            Dims("ZYX", (1, 2))
        with pytest.raises(DimensionError, match="twice"):
            Dims("YXY", (1, 2, 3))

    def test_it_is_a_value(self, dims: Dims) -> None:
        same = Dims("TCZYX", (1, 2, 3, 40, 50))
        assert same == dims
        assert hash(same) == hash(dims)
        assert attrs.evolve(dims, order="TZCYX") != dims


class TestPixelSize:
    def test_it_unpacks_as_z_y_x(self) -> None:
        z, y, x = PixelSize(0.3, 0.2, 0.1)
        assert (z, y, x) == (0.3, 0.2, 0.1)

    def test_unknown_is_none_and_not_one(self) -> None:
        assert tuple(PixelSize()) == (None, None, None)


def spaced(**facts: Any) -> ImageHandle:
    """Two levels of an image whose pixels have a size."""
    full = store_array(np.zeros((6, 4, 40, 60), np.uint8), "TZYX")
    half = store_array(np.zeros((6, 4, 20, 30), np.uint8), "TZYX")
    handle = make_handle(full, half)
    scene = attrs.evolve(handle.scene, **facts)
    return attrs.evolve(handle, contents=Contents((scene,)))


class TestHandle:
    def test_it_shows_what_is_in_focus(self) -> None:
        handle = open_image(np.zeros((2, 3, 4, 5), np.uint16), dims="CZYX")
        assert (handle.shape, handle.ndim, handle.size, handle.nbytes) == (
            (2, 3, 4, 5),
            4,
            120,
            240,
        )
        assert handle.dtype == np.uint16
        seen = transpose_to(handle, "YZ", C=1, X=0)
        assert (seen.shape, seen.ndim, seen.size, seen.nbytes) == ((4, 3), 2, 12, 24)
        assert seen.array.stored == handle.dims

    def test_pixel_size_counts_levels_and_steps_in(self) -> None:
        handle = spaced(pixel_size=PixelSize(2.0, 0.5, 0.25), time_step=3.0)
        assert handle.pixel_size == PixelSize(2.0, 0.5, 0.25)
        assert select_level(handle, 1).pixel_size == PixelSize(2.0, 1.0, 0.5)
        stepped = transpose_to(
            handle, "TZYX", Z=slice(None, None, 2), X=range(59, -1, -3), T=[0, 2, 4]
        )
        assert stepped.pixel_size == PixelSize(4.0, 0.5, 0.75)
        assert stepped.time_step == 6.0
        uneven = transpose_to(handle, "TZYX", Z=[0, 1, 3], Y=[5, 5], T=[0, 1, 5])
        assert uneven.pixel_size == PixelSize(None, None, 0.25)
        assert uneven.time_step is None
        assert transpose_to(handle, "YX", T=0, Z=2).pixel_size == PixelSize(2.0, 0.5, 0.25)
        assert spaced().pixel_size == PixelSize()
        assert spaced().time_step is None

    def test_channels_follow_the_view(self) -> None:
        handle = open_image(np.zeros((3, 4, 5)), dims="CYX", channel_names=["DAPI", "GFP", "RFP"])
        assert handle.channel_names == ("DAPI", "GFP", "RFP")
        assert transpose_to(handle, "CYX", C=[2, 0, 2]).channel_names == ("RFP", "DAPI", "RFP")
        assert transpose_to(handle, "YX", C=1).channel_names == ("GFP",)
        assert transpose_to(handle, "CYX", C=slice(None, None, -1)).channels[0] == Channel("RFP")

    def test_channels_without_names_are_numbered_as_stored(self) -> None:
        handle = open_image(np.zeros((3, 4, 5)), dims="CYX")
        assert handle.channel_names == ("Channel:0", "Channel:1", "Channel:2")
        assert transpose_to(handle, "CYX", C=[2, 1]).channel_names == ("Channel:2", "Channel:1")
        assert open_image(np.zeros((4, 5))).channel_names == ("Channel:0",)
        unknown = attrs.evolve(
            handle, contents=Contents((attrs.evolve(handle.scene, channels=()),))
        )
        assert unknown.channels == (Channel(),) * 3

    def test_repr_is_one_line_that_says_what_it_is(self) -> None:
        handle = select_scene(open_image([np.zeros((4, 5), np.uint8)] * 2), 1)
        assert (
            repr(handle)
            == "<ImageHandle memory:array (array) scene 2/2 'Image:1': Y=4, X=5 uint8, axes guessed>"
        )
        assert repr(handle.array) == "<LazyArray Y=4, X=5 uint8>"

    def test_a_scene_without_pixels_is_said_to_have_none(self) -> None:
        handle = open_image(np.zeros((4, 5)))
        empty = attrs.evolve(handle, contents=Contents((handle.scene, Scene("gone", ()))))
        with pytest.raises(SceneError, match="scene 1 \\('gone'\\) has no pixels"):
            select_scene(empty, 1)
        assert empty.scenes[1].dims == Dims("", ())

    def test_numpy_takes_it_for_an_array(self) -> None:
        pixels = np.arange(20, dtype=np.int16).reshape(4, 5)
        handle = open_image(pixels)
        assert np.array_equal(np.asarray(handle), pixels)
        assert np.asarray(handle.array).dtype == np.int16
        assert np.asarray(handle, dtype=np.float32).dtype == np.float32
        assert np.mean(handle) == pixels.mean()
        assert np.array_equal(np.stack([handle, handle]), np.stack([pixels, pixels]))

    def test_numpy_is_not_told_that_reading_takes_no_copy(self) -> None:
        handle = open_image(np.zeros((4, 5)))
        with pytest.raises(ValueError, match="new array"):
            handle.__array__(copy=False)


class TestLazyArray:
    def test_blocks_are_first_positions(self) -> None:
        array = store_array(np.zeros((3, 10, 7)), "ZYX", (1, 4, 7))
        assert array.blocks == (range(3), range(0, 10, 4), range(0, 7, 7))
        assert [list(starts) for starts in array.blocks] == [[0, 1, 2], [0, 4, 8], [0]]

    def test_pixels_are_native_whatever_is_stored(self) -> None:
        array = store_array(np.zeros((2, 2), ">u4"), "YX")
        assert array.dtype == np.dtype("=u4")
        assert array.dtype.isnative

    def test_sizes_do_not_overflow(self) -> None:
        array = store_array(np.zeros((1, 1)), "YX")
        huge = LazyArray.whole(array.layout, Dims("YX", (1 << 40, 1 << 40)), "u2")
        assert huge.size == 1 << 80
        assert huge.nbytes == 1 << 81

    def test_layouts_are_told_by_their_methods(self) -> None:
        assert isinstance(store_array(np.zeros((2, 2)), "YX").layout, Layout)
        assert not isinstance(Dims("", ()), Layout)


def test_columns_have_the_shape_of_their_dims() -> None:
    times = np.arange(6, dtype="<f8")
    planes = Planes(Dims("TC", (3, 2)), time=times.tobytes())
    column = planes.column("time")
    assert column is not None
    assert np.array_equal(column, times.reshape(3, 2))
    assert planes.column("exposure") is None


def test_tiles_are_counted() -> None:
    column = np.arange(7, dtype="<i4").tobytes()
    assert len(Tiles(column, column, column, column, column)) == 7


def test_secrets_are_not_shown() -> None:
    source = Source("s3://bucket/key", storage_options='{"secret": "hunter2"}', local=False)
    assert "hunter2" not in repr(source)
    assert pickle.loads(pickle.dumps(source)) == source
    assert "0000" not in repr(Source("memory:1", content=b"0000"))


class TestNumbers:
    """Fields of floats take any number and hold a float: records of equal numbers are equal."""

    @pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.float64(2), np.int16(2)])
    def test_any_number_makes_the_same_record(self, number: Any) -> None:
        assert PixelSize(X=number) == PixelSize(X=2.0)
        assert type(PixelSize(X=number).X) is float
        assert type(Channel(emission=number).emission) is float
        assert type(Objective(aperture=number).aperture) is float
        assert type(Scene("a", (), time_step=number).time_step) is float

    def test_half_a_number_is_the_one_that_was_stored(self) -> None:
        assert float(np.float32(0.1)) == PixelSize(X=np.float32(0.1)).X

    @pytest.mark.parametrize("value", ["0.5", b"1", [1.0], 1j, np.array([0.5, 1]), 10**400])
    def test_others_are_refused(self, value: Any) -> None:
        refuse = getattr(optional_float, "__wrapped__", optional_float)  # not beartype's words
        with pytest.raises(ArgumentTypeError, match="is not a number"):
            refuse(value)
