"""Thumbnails: what is drawn, in which colours, from which level, and what is written on them."""

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio import (
    Channel,
    DimensionError,
    ImageHandle,
    LazyArray,
    PixelSize,
    SceneError,
    open_image,
    select_level,
    thumbnail,
    transpose_to,
)
from aicsio.arrays import read_array
from aicsio.pictures import annotations, colors, contrast, reading
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from support import luminance_ratio

Array = npt.NDArray[Any]

SLIDE = ImageSpec(T=2, C=2, Z=3, Y=70, X=90, levels=3, pixel_size=PixelSize(1.5, 0.25, 0.25))


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return write(TiffSpec((SLIDE,), tile=(16, 32), compression="zlib"), tmp_path)


def with_scene(handle: ImageHandle, **fields: Any) -> ImageHandle:
    scene = attrs.evolve(handle.scene, **fields)
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def draw(array: Array, dims: str, size: int | None = None, **options: Any) -> Array:
    """Draw an array at its own size, unless another is given."""
    channels = options.pop("records", ())
    handle = open_image(array, dims=dims)
    if channels:
        handle = with_scene(handle, channels=channels)
    size = size or max(handle.dims.get("Y", 1), handle.dims.get("X", 1))
    return np.asarray(thumbnail(handle, size, **options))


def gray(picture: Array) -> Array:
    assert picture.ndim == 3
    assert (picture == picture[..., :1]).all()
    return np.asarray(picture[..., 0])


# ---------------------------------------------------------------- pixels


def test_rgb_is_shown_as_it_is() -> None:
    array = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw(array, "YXS"), array)
    alpha = np.random.default_rng(0).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    np.testing.assert_array_equal(draw(alpha, "YXS"), alpha[..., :3])
    np.testing.assert_array_equal(draw(array.astype(np.uint16) * 257, "YXS"), array)


def test_gray_with_opacity_is_shown_as_gray() -> None:
    array = np.zeros((8, 8, 2), np.uint8)
    array[..., 0] = np.arange(64).reshape(8, 8)
    array[..., 1] = 77
    assert (np.diff(gray(draw(array, "YXS")).ravel().astype(int)) >= 0).all()


def test_z_is_projected_and_the_first_of_all_else_is_shown() -> None:
    array = np.zeros((3, 2, 5, 8, 8), np.uint16)
    for section in range(5):
        array[0, :, section, section] = 100 * (section + 1)
    array[1:] = 9
    full: dict[str, Any] = {"contrast": (0, 500)}
    shown = gray(draw(array[:, :1], "TCZYX", **full))
    assert shown[:, 0].tolist() == [51, 102, 153, 204, 255, 0, 0, 0]
    middle = gray(draw(array[:, :1], "TCZYX", project="middle", **full))
    assert middle[:, 0].tolist() == [0, 0, 153, 0, 0, 0, 0, 0]
    mean = gray(draw(array[:, :1], "TCZYX", project="mean", contrast=(0, 100)))
    assert mean[:, 0].tolist() == [51, 102, 153, 204, 255, 0, 0, 0]


def test_a_long_stack_is_projected_from_sections_spread_over_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads: list[LazyArray] = []

    def counted(array: LazyArray) -> Array:
        reads.append(array)
        return read_array(array)

    monkeypatch.setattr(reading, "read_array", counted)
    array = np.zeros((1000, 4, 4), np.uint8)
    array[15::31] = 200
    assert gray(draw(array, "ZYX", contrast=(0, 200))).min() == 255
    assert len(reads) == 32


def test_channels_are_shown_in_their_colours() -> None:
    array = np.zeros((2, 6, 6), np.uint16)
    array[0, :3], array[1, 3:] = 900, 500
    red_blue = (Channel(color=0xFF0000FF), Channel(color=0x0000FFFF))
    picture = draw(array, "CYX", records=red_blue)
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert picture[5, 0].tolist() == [0, 0, 255]
    by_wave = draw(array, "CYX", records=(Channel(emission=460.0), Channel(emission=650.0)))
    assert by_wave[0, 0].argmax() == 2
    assert by_wave[5, 0].tolist() == [255, 0, 0]
    white = draw(array, "CYX", records=(Channel(color=0xFFFFFFFF),) * 2)
    assert white[0, 0].tolist() == [0, 255, 0], (
        "all white says nothing: colours that differ are chosen"
    )
    assert draw(array, "CYX")[5, 0].tolist() == [255, 0, 255]


def test_channels_are_picked_by_index_and_name() -> None:
    array = np.zeros((3, 6, 6), np.uint16)
    array[0, :3], array[2, 3:] = 900, 500
    named = tuple(Channel(name=name, color=color) for name, color in
                  (("a", 0xFF0000FF), ("b", 0x00FF00FF), ("c", 0x0000FFFF)))  # fmt: skip
    picture = draw(array, "CYX", records=named, channels=["c", 0])
    assert (picture[0, 0].tolist(), picture[5, 0].tolist()) == ([255, 0, 0], [0, 0, 255])
    np.testing.assert_array_equal(
        draw(array, "CYX", records=named, channels="c"), draw(array, "CYX", channels=2)
    )
    assert gray(draw(array, "CYX", channels=2))[5, 0] == 255
    with pytest.raises(SceneError, match="'d'"):
        draw(array, "CYX", records=named, channels="d")
    with pytest.raises(DimensionError, match="give 1 to 7"):
        draw(array, "CYX", channels=[])
    with pytest.raises(DimensionError, match="the image has one"):
        draw(array[0], "YX", channels=1)
    assert draw(array[0], "YX", channels=0).shape == (6, 6, 3)


def test_contrast_is_that_of_the_file_the_type_or_the_caller() -> None:
    ramp = np.arange(0, 1000, 10, dtype=np.uint16).reshape(10, 10)
    assert gray(draw(ramp, "YX", contrast=(0, 990)))[9, 8] == round(255 * 980 / 990)
    assert gray(draw(ramp, "YX", contrast="full"))[9, 9] == round(255 * 990 / 65535)
    windowed = (Channel(window=(100.0, 200.0)),)
    shown = gray(draw(ramp, "YX", records=windowed, contrast="file"))
    assert (shown[0, 9], shown[1, 5], shown[2, 0]) == (0, 128, 255)
    np.testing.assert_array_equal(draw(ramp, "YX", contrast="file"), draw(ramp, "YX"))
    with pytest.raises(DimensionError, match="then a larger one"):
        draw(ramp, "YX", contrast=(3, 3))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 6), np.uint16),
        np.full((5, 6), 7, np.int32),
        np.array([[np.nan, np.inf], [-np.inf, 3]], np.float32),
        np.full((2, 2), np.nan),
        np.eye(4, dtype=bool),
        np.eye(4, dtype=np.complex64) * 1j,
        np.arange(16, dtype=np.int8).reshape(4, 4) - 8,
        np.full((3, 3), 2**63, np.uint64),
        np.ones((1, 1), np.float16),
    ],
    ids=str,
)
def test_any_type_and_value_can_be_drawn(array: Array) -> None:
    for size in (1, 4, 512):
        picture = draw(array, "YX", size)
        assert picture.dtype == np.uint8
        assert max(picture.shape[:2]) == size
        assert picture.shape[2] == 3


@pytest.mark.parametrize(
    ("dims", "shape"), [("X", (1, 9)), ("TX", (7, 9)), ("TZ", (7, 9)), ("ZYX", (9, 5))]
)
def test_an_image_without_rows_or_columns_can_be_drawn(dims: str, shape: tuple[int, int]) -> None:
    sizes = {"X": (9,), "TX": (7, 9), "TZ": (7, 9), "ZYX": (3, 9, 5)}[dims]
    array = np.arange(np.prod(sizes), dtype=np.uint16).reshape(sizes)
    assert draw(array, dims, 9).shape == (*shape, 3)


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(DimensionError, match="size=512"):
        draw(np.zeros((4, 4)), "YX", -1)


# ---------------------------------------------------------------- sizes and levels


def test_small_images_are_enlarged_with_sharp_pixels() -> None:
    array = np.random.default_rng(1).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    picture = draw(array, "YXS", 40)
    np.testing.assert_array_equal(picture, array.repeat(10, 0).repeat(10, 1))
    assert draw(array, "YXS", 41).shape == (31, 41, 3)


def test_shrinking_takes_means() -> None:
    array = np.zeros((60, 90), np.float32)
    array[::2] = 1
    array[:, 45:] += 3
    plane = reading.shrink(array, 9)
    assert plane.shape == (6, 9)
    np.testing.assert_allclose(plane[:, :4], 0.5, atol=1e-6)
    np.testing.assert_allclose(plane[:, 5:], 3.5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "i4", "f4"])
def test_sparse_counts_do_not_vanish_when_they_are_averaged(dtype: str) -> None:
    # One photon in 16 x 16 pixels: the mean, 1/256, is no integer but 0.
    array = np.zeros((256, 256), dtype)
    array[5:128:16, 5::16] = 1
    picture = gray(draw(array, "YX", 16))
    assert picture[:8].min() > picture[8:].max()


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_values_that_float32_lacks_are_averaged(scale: float) -> None:
    ramp = np.linspace(-1, 1, 64) * scale
    picture = gray(draw(np.tile(ramp, (64, 1)), "YX", 16))
    assert list(picture[0]) == sorted(set(picture[0]))


@pytest.mark.parametrize("dtype", ["u4", "u8", "i8", "i4", "u2"])
def test_means_of_the_largest_integers_fit_into_their_type(dtype: str) -> None:
    info = np.iinfo(dtype)
    for value in (info.max, info.min):
        means = np.full((2, 2), value, np.float32)
        # The nearest value with the digits of a float32: 24 bits.
        error = abs(int(reading.as_type(means, np.dtype(dtype))[0, 0]) - int(value))
        assert error <= max(0, 2 ** (info.bits - 24))


@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_large_planes_are_read_in_bands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tile: tuple[int, int] | None
) -> None:
    image = ImageSpec(Y=400, X=300)
    path = write(TiffSpec((image,), tile=tile, compression="zlib" if tile else "none"), tmp_path)
    whole = thumbnail(open_image(path), 50)
    monkeypatch.setattr(reading, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(reading, "BAND_BYTES", 20_000)
    monkeypatch.setattr(reading, "SKIPPED_BYTES", 0)
    sizes: list[int] = []

    def counted(array: LazyArray) -> Array:
        sizes.append(array.nbytes)
        return read_array(array)

    monkeypatch.setattr(reading, "read_array", counted)
    bands: list[tuple[int, int]] = []
    picture = thumbnail(
        open_image(path), 50, progress=lambda done, total: bands.append((done, total))
    )
    assert picture.shape == whole.shape == (50, 38, 3)
    assert max(sizes) <= 20_000
    assert sum(sizes) <= image.Y * image.X * 2 // 12
    assert bands == [(n, len(bands)) for n in range(len(bands))]
    expected = reading.shrink(pixels(image)[0, 0, 0, ::4, ::4], 50)
    stretched = contrast.stretch(expected, contrast.limits_of(expected))
    np.testing.assert_array_equal(gray(picture), colors.to_bytes(stretched))


@pytest.mark.parametrize(("size", "level"), [(10, 2), (23, 2), (24, 1), (45, 1), (46, 0), (500, 0)])
def test_the_smallest_level_that_suffices_is_read(slide: Path, size: int, level: int) -> None:
    handle = open_image(slide)
    assert reading.select_level_for(handle, size).stored == handle.levels[level].stored
    chosen = select_level(handle, 1)
    assert reading.select_level_for(chosen, size).stored == handle.levels[1].stored


def test_picked_positions_are_those_of_the_smaller_levels(slide: Path) -> None:
    handle = open_image(slide)
    picked = transpose_to(handle, "ZXY", T=1, C=1, Z=slice(2, None, -1))
    small = reading.select_level_for(picked, 23)
    expected = pixels(SLIDE, 2)[1, 1, ::-1].transpose(0, 2, 1)
    np.testing.assert_array_equal(read_array(small), expected)
    # A part along Y lies at other positions of each level.
    cropped = transpose_to(handle, "CYX", T=0, Z=0, Y=slice(0, 60))
    assert reading.focus_levels(cropped) == (cropped.array,)


# ---------------------------------------------------------------- palettes


def test_a_palette_is_applied(tmp_path: Path) -> None:
    indices = (np.arange(600) % 3).astype(np.uint8).reshape(20, 30)
    image = Image.fromarray(indices)
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "palette.tif")
    handle = open_image(tmp_path / "palette.tif")
    assert handle.scene.color_map is not None
    picture = thumbnail(handle, 30)
    np.testing.assert_array_equal(picture, np.eye(3, dtype=np.uint8)[indices] * 255)
    assert thumbnail(handle, 10).shape == (7, 10, 3)


@pytest.mark.parametrize("bits", [4, 8, 12, 16])
def test_a_palette_of_any_depth_is_applied(bits: int) -> None:
    # TIFF 6.0, section 5: a ColorMap has 2**BitsPerSample entries a colour.
    entries = 2**bits
    indices = np.array([[0, 1, entries - 1]], np.uint8 if bits <= 8 else np.uint16)
    table = np.zeros((3, entries), "<u2")
    table[0, 1], table[2, -1] = 0xFFFF, 0x80FF
    picture = thumbnail(with_color_map(indices, table), 3)
    assert picture.tolist() == [[[0, 0, 0], [255, 0, 0], [0, 0, 128]]]


def test_a_table_shorter_than_the_pixels_need_is_no_palette() -> None:
    # By the same section, 256 entries are not the palette of 16-bit pixels.
    ramp = np.linspace(0, 60_000, 64 * 64).astype(np.uint16).reshape(64, 64)
    table = np.zeros((3, 256), "<u2")
    table[0] = np.arange(256) * 257
    picture = thumbnail(with_color_map(ramp, table), 64)
    np.testing.assert_array_equal(picture, draw(ramp, "YX", 64))
    assert len(np.unique(picture)) > 200


def with_color_map(array: Array, table: Array) -> ImageHandle:
    return with_scene(open_image(array, dims="YX"), color_map=table.tobytes())


def test_a_palette_of_the_first_page_is_not_that_of_all_channels(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((6, 6), value, np.uint8)) for value in (0, 200)]
    for frame in frames:
        frame.putpalette([255, 0, 0] * 256)
    frames[0].save(tmp_path / "lut.tif", save_all=True, append_images=frames[1:])
    handle = open_image(tmp_path / "lut.tif", dims="CYX")
    assert handle.scene.color_map is not None
    np.testing.assert_array_equal(thumbnail(handle, 6)[0, 0], [128, 0, 128])


# ---------------------------------------------------------------- annotations


@pytest.mark.parametrize("size", [200, 400, 1000])
def test_a_scale_bar_has_the_length_that_it_names(size: int) -> None:
    handle = with_scene(
        open_image(np.zeros((200, 400), np.uint16), dims="YX"), pixel_size=PixelSize(None, 0.5, 0.5)
    )
    # 200 um wide: the largest round length below 30 % is 50 um, a quarter of the width.
    assert annotations.bar_length(200.0) == 50
    picture = thumbnail(handle, size)
    runs = (gray(picture) == 255).sum(axis=1)
    assert runs.max() == size // 4
    assert not thumbnail(handle, size, scale_bar=False).any()


def test_no_bar_without_a_pixel_size_or_place() -> None:
    handle = open_image(np.zeros((200, 400), np.uint16), dims="YX")
    assert not thumbnail(handle, 200).any()
    sized = with_scene(handle, pixel_size=PixelSize(None, 0.5, 0.5))
    assert not thumbnail(sized, 40).any()


def test_a_bar_is_that_of_the_level_and_the_part_in_focus(slide: Path) -> None:
    handle = open_image(slide)
    whole = thumbnail(handle, 360, contrast=(60_000, 65_535))
    level = thumbnail(select_level(handle, 1), 360, contrast=(60_000, 65_535))

    def bar(picture: Array) -> int:
        """White pixels of the last row that holds the bar."""
        return int((picture[-8:] == 255).all(axis=2).sum(axis=1).max())

    assert bar(whole) == bar(level) == round(5 / 0.25 * 4)
    part = transpose_to(handle, "CYX", T=0, Z=0, X=slice(0, 45), Y=slice(0, 45))
    assert bar(thumbnail(part, 360, contrast=(60_000, 65_535))) == round(2 / 0.25 * 8)


def test_a_legend_has_the_colours_of_the_channels() -> None:
    array = np.zeros((2, 128, 128), np.uint8)
    named = (Channel(name="DAPI", color=0x0000FFFF), Channel(name="GFP", color=0x00FF00FF))
    picture = draw(array, "CYX", 512, records=named, legend=True)
    # Blue on black has a contrast of 2.4 to 1, so that it is lightened.
    blue = picture[:32, :100].reshape(-1, 3)
    red, green, most = blue[blue.sum(axis=1).argmax()].tolist()
    assert red == green < most == 255
    assert luminance_ratio(f"#{red:02x}{green:02x}{most:02x}", "#000000") >= 4.5
    assert (picture[32:64, :100] == (0, 255, 0)).all(axis=2).any()
    assert not draw(array, "CYX", records=named).any()


def test_the_micro_sign_is_drawn() -> None:
    handle = with_scene(
        open_image(np.zeros((400, 400), np.uint16), dims="YX"), pixel_size=PixelSize(None, 0.5, 0.5)
    )
    nanometres = with_scene(handle, pixel_size=PixelSize(None, 0.001, 0.001))
    # The tail of the sign is the only part of "50 um" below the line of writing; "nm" has none.
    micro, nano = (gray(thumbnail(each, 400)) for each in (handle, nanometres))
    bar = int(np.flatnonzero((micro == 255).sum(axis=1) >= 90)[0])
    tail = (micro[:bar] == 255).any(axis=1) & ~(nano[:bar] == 255).any(axis=1)
    assert tail.sum() >= 2


def test_names_beyond_ascii_take_a_font_that_has_them() -> None:
    import functools

    from PIL import ImageFont

    from aicsio.pictures.fonts import NO_CHARACTER, font_for

    assert font_for(["DAPI 20 \N{MICRO SIGN}m"], 14).getname() == ("Aileron", "Regular")
    system = functools.partial(ImageFont.truetype, "DejaVuSans.ttf", 14)
    try:
        system()
    except OSError:
        pytest.skip("needs the font DejaVu Sans")
    font = font_for(["\N{GREEK SMALL LETTER ALPHA}-tubulin", "Prot\u00e9ine"], 14)
    box = bytes(font.getmask(NO_CHARACTER))
    assert all(
        bytes(font.getmask(letter)) != box for letter in "\N{GREEK SMALL LETTER ALPHA}\u00e9"
    )
