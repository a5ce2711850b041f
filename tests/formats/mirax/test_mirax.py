"""MIRAX slides: pixels as OpenSlide and OpenReadout show them, metadata, attachments, what is missing or damaged."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    ImageHandle,
    UnsupportedFormatError,
    check,
    metadata,
    open_image,
    select_level,
    to_numpy,
    transpose_to,
)
from aicsio.attachments import list_attachments, read_attachment
from aicsio.testing.mirax import MiraxImage, write_mirax

LEVELS = 4


def photos(rows: int, columns: int, height: int = 32, width: int = 48) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(rows)
    return rng.integers(0, 256, (rows, columns, height, width, 3)).astype(np.uint8)


OFFSETS = np.random.default_rng(1).integers(-2, 3, (3, 4, 2)) * 8
CASES = [
    MiraxImage(photos(3, 4), overlap=(8, 16), offsets=OFFSETS, levels=LEVELS),
    MiraxImage(photos(3, 4), (8, 16), OFFSETS, 4, levels=LEVELS, missing=((1, 1), (0, 0))),
    MiraxImage(photos(3, 4), (8, 16), OFFSETS, 4, 2, LEVELS, "BMP24", positions="packed"),
    MiraxImage(photos(3, 4), (8, 16), divisions=1, levels=3, positions="none"),
    MiraxImage(photos(3, 4), divisions=1, levels=3, positions="none"),
    MiraxImage(photos(3, 4), (8, 16), OFFSETS, 2, 1, LEVELS, "JPEG", ((2, 1),), flags=False),
    MiraxImage(photos(5, 4), (8, 16), levels=3, page=3, file_nbytes=2000, fill=(10, 200, 90)),
    MiraxImage(photos(3, 4), (7, 13), levels=1, filters=("DAPI", "FITC", "Cy3")),
]
"""Photos that lie on whole pixels of every level."""


def read_level(handle: ImageHandle, level: int) -> npt.NDArray[Any]:
    return to_numpy(select_level(handle, level))


def show_by_openslide(path: Path, level: int) -> npt.NDArray[Any]:
    """Pixels of a level on the colour that the slide names as its background."""
    openslide = pytest.importorskip("openslide")
    with openslide.OpenSlide(path) as slide:
        pixels = np.array(slide.read_region((0, 0), level, slide.level_dimensions[level]))
        colour = bytes.fromhex(slide.properties["openslide.background-color"])
    # Photos on whole pixels cover a pixel or do not.
    assert set(np.unique(pixels[..., 3])) <= {0, 255}
    return np.where(pixels[..., 3:] == 255, pixels[..., :3], np.frombuffer(colour, np.uint8))


@pytest.mark.parametrize("image", CASES)
def test_levels_are_those_of_openslide(image: MiraxImage, tmp_path: Path) -> None:
    path = write_mirax(image, tmp_path / "a.mrxs")
    handle = open_image(path)
    assert len(handle.scenes[0].levels) == image.levels
    for level in range(image.levels):
        expected = show_by_openslide(path, level)
        if image.filters:
            expected = expected.transpose(2, 0, 1)[::-1]
        assert np.array_equal(read_level(handle, level), expected)


@pytest.mark.parametrize("image", [CASES[0], CASES[2], CASES[7]])
def test_levels_and_facts_are_those_of_openreadout(image: MiraxImage, tmp_path: Path) -> None:
    pytest.importorskip("openreadout")
    path = write_mirax(image, tmp_path / "a.mrxs")
    handle, other = open_image(path), open_image(path, engine="openreadout")
    for level in range(image.levels):
        shown = to_numpy(transpose_to(select_level(other, level), handle.dims.order))
        assert np.array_equal(read_level(handle, level), shown)
    assert handle.pixel_size.X == other.pixel_size.X == 0.25
    assert handle.scenes[0].acquired == other.scenes[0].acquired == "2026-01-02T03:04:05"
    assert handle.scenes[0].objective == other.scenes[0].objective
    if image.filters:
        assert handle.channel_names == other.channel_names == image.filters
        assert [one.color for one in handle.channels] == [one.color for one in other.channels]


def test_a_photo_between_pixels_goes_to_the_nearest(tmp_path: Path) -> None:
    """OpenSlide interpolates there: its pixels lie within half a pixel of ours."""
    ramp = np.zeros((300, 400, 3))
    ramp[...] = np.linspace(0, 125, 400)[:, None] + np.linspace(0, 120, 300)[:, None, None]
    whole = ramp.astype(np.uint8)
    pieces = [[whole[y : y + 32, x : x + 48] for x in range(0, 280, 35)] for y in range(0, 200, 25)]
    image = MiraxImage(np.array(pieces), overlap=(7, 13), levels=5)
    path = write_mirax(image, tmp_path / "a.mrxs")
    handle = open_image(path)
    for level in range(5):
        ours = read_level(handle, level)
        difference = np.abs(show_by_openslide(path, level).astype(int) - ours)
        # A pixel of a level is 2**level * (0.31 + 0.4) brighter than its neighbour across a corner.
        assert difference.max() <= 2 + 2**level * 0.71 / 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP24"])
def test_windows_decode_only_what_they_show(
    kind: Literal["JPEG", "PNG", "BMP24"], tmp_path: Path
) -> None:
    image = MiraxImage(photos(3, 3), (8, 16), levels=3, image_format=kind)
    path = write_mirax(image, tmp_path / "a.mrxs")
    whole = read_level(open_image(path), 0)
    layout = open_image(path).scenes[0].levels[0].layout
    window = (slice(2, 6), slice(3, 9), slice(0, 3))
    assert len(list(layout.pieces((0, 0, 0), window))) == 1
    part = to_numpy(transpose_to(open_image(path), "YX", Y=slice(2, 6), X=slice(3, 9), S=1))
    assert np.array_equal(part, whole[2:6, 3:9, 1])


def test_metadata(tmp_path: Path) -> None:
    image = MiraxImage(photos(2, 2), levels=2, filters=("DAPI", "Cy3"), power=40)
    path = write_mirax(image, tmp_path / "a.mrxs")
    handle = open_image(path)
    assert handle.channel_names == ("DAPI", "Cy3")
    assert [one.emission for one in handle.channels] == [450.0, 525.0]
    assert handle.scenes[0].name == "Slide µ"
    lens = handle.scenes[0].objective
    assert lens is not None
    assert lens.magnification == 40
    assert handle.scenes[0].stated_spacing(1, "X") == 0.5
    tags = metadata(handle)
    assert isinstance(tags, Mapping)
    assert tags["GENERAL/SLIDE_NAME"] == "Slide µ"
    file = path.with_suffix("") / "Slidedat.ini"
    file.write_bytes(file.read_bytes().decode("utf-8-sig").encode("utf-16"))
    assert open_image(path).scenes == handle.scenes


def test_attachments_are_those_of_openslide(tmp_path: Path) -> None:
    openslide = pytest.importorskip("openslide")
    image = MiraxImage(photos(2, 2), pictures=("label", "macro", "thumbnail"))
    path = write_mirax(image, tmp_path / "a.mrxs")
    handle = open_image(path)
    names = [one.name for one in list_attachments(handle)]
    assert names == ["Label", "Macro", "Thumbnail"]
    with openslide.OpenSlide(path) as slide:
        for name in names:
            theirs = np.array(slide.associated_images[name.lower()])[..., :3]
            ours = open_image(read_attachment(handle, name))
            assert np.array_equal(to_numpy(transpose_to(ours, "YXS")), theirs)


# ---------------------------------------------------------------- what is missing


def test_a_preview_without_its_folder_is_not_taken_for_the_slide(tmp_path: Path) -> None:
    path = write_mirax(MiraxImage(photos(2, 2)), tmp_path / "a.mrxs")
    lone = path.rename(tmp_path / "b.mrxs")
    with pytest.raises(CorruptFileError, match=r"the folder 'b' with Slidedat\.ini beside it"):
        open_image(lone)


def test_the_preview_may_be_empty(tmp_path: Path) -> None:
    path = write_mirax(MiraxImage(photos(2, 2)), tmp_path / "a.mrxs")
    path.write_bytes(b"")
    assert open_image(path).format == "mirax"


def test_a_missing_data_file_shows_the_fill_colour_and_is_counted(tmp_path: Path) -> None:
    image = MiraxImage(photos(2, 2), levels=2, file_nbytes=1)
    path = write_mirax(image, tmp_path / "a.mrxs")
    (path.with_suffix("") / "Data0003.dat").unlink()
    handle = open_image(path)
    assert [one.code for one in handle.diagnostics] == ["mirax-missing-images"]
    assert "1 of 16 images" in handle.diagnostics[0].message
    assert (read_level(handle, 0) == image.level(0)).all(axis=-1).mean() == 15 / 16
    report = check(path)
    assert [one.code for one in report.damage] == ["mirax-missing-images"]


def test_damage_is_named(tmp_path: Path) -> None:
    path = write_mirax(MiraxImage(photos(2, 2), positions="packed"), tmp_path / "a.mrxs")
    index = path.with_suffix("") / "Index.dat"
    whole = index.read_bytes()
    index.write_bytes(whole[:60])
    with pytest.raises(CorruptFileError, match=r"Index\.dat"):
        open_image(path)
    index.write_bytes(whole.replace(b"0123", b"0124"))
    with pytest.raises(CorruptFileError, match="expected the index of slide '0123"):
        open_image(path)
    # The pages of the first list lead back to their beginning.
    start = whole.index(b"\0\0\0\0", 53)
    index.write_bytes(whole[: start + 4] + start.to_bytes(4, "little") + whole[start + 8 :])
    with pytest.raises(CorruptFileError, match="lead back"):
        open_image(path)


def change(path: Path, key: str, value: str) -> None:
    """Put a value in place of another one, in the section of full resolution."""
    settings = path.with_suffix("") / "Slidedat.ini"
    text = settings.read_text("utf-8-sig")
    settings.write_text(re.sub(rf"(?<={key} = ).*", value, text, count=1), "utf-8")


@pytest.mark.parametrize("value", ["1e300", "-1e300", "1e19", "nan", "inf", "-2147483649", "red"])
def test_a_fill_colour_that_is_none_is_white_and_reported(value: str, tmp_path: Path) -> None:
    # OpenSlide 4 reads the colour as a signed number of 32 bits, and refuses slides with others.
    image = MiraxImage(photos(2, 2), missing=((1, 1),), fill=(10, 200, 90))
    path = write_mirax(image, tmp_path / "a.mrxs")
    change(path, "IMAGE_FILL_COLOR_BGR", value)
    handle = open_image(path)
    [note] = handle.diagnostics
    assert (note.code, note.loss) == ("mirax-fill-colour", True)
    assert value in note.message
    pixels = to_numpy(handle)
    assert (pixels[-1, -1] == 255).all()
    assert np.array_equal(pixels[:32], image.level(0)[:32])


@pytest.mark.parametrize("value", ["-1", "4294967295", "16777215"])
def test_a_fill_colour_of_32_bits_has_a_sign_or_none(value: str, tmp_path: Path) -> None:
    image = MiraxImage(photos(2, 2), missing=((1, 1),), fill=(10, 200, 90))
    path = write_mirax(image, tmp_path / "a.mrxs")
    change(path, "IMAGE_FILL_COLOR_BGR", value)
    handle = open_image(path)
    assert handle.diagnostics == ()
    assert (to_numpy(handle)[-1, -1] == 255).all()


@pytest.mark.parametrize("value", ["1e300", "-1e300", "nan", "inf", "32", "-32", "wide"])
@pytest.mark.parametrize("count", [1, 2])
def test_an_overlap_as_large_as_a_photo_is_damage(value: str, count: int, tmp_path: Path) -> None:
    # OpenSlide 4 places photos by it: it refuses a word, and 1e300 or nan give it a negative height.
    path = write_mirax(MiraxImage(photos(count, 2), (4, 6)), tmp_path / "a.mrxs")
    change(path, "OVERLAP_Y", value)
    with pytest.raises(CorruptFileError, match=r"OVERLAP_Y of \[LAYER_0_LEVEL_0_SECTION\]"):
        open_image(path)


def test_images_of_other_kinds_and_further_filters_are_named(tmp_path: Path) -> None:
    image = MiraxImage(photos(2, 2), filters=("DAPI", "FITC"))
    path = write_mirax(image, tmp_path / "a.mrxs")
    settings = path.with_suffix("") / "Slidedat.ini"
    text = settings.read_text("utf-8-sig")
    second = "FILTER_NAME = FITC\nDATA_IN_THIS_FILTER_LEVEL = FilterLevel_1"
    settings.write_text(text.replace("FILTER_NAME = FITC", second))
    handle = open_image(path)
    assert handle.channel_names == ("DAPI",)
    assert [one.code for one in handle.diagnostics] == ["mirax-further-filters"]
    settings.write_text(text.replace("STORING_CHANNEL_NUMBER = 1", "STORING_CHANNEL_NUMBER = 0"))
    with pytest.raises(UnsupportedFormatError, match="filters in samples 0, 1 and 2 are read"):
        open_image(path)
    settings.write_text(text.replace("IMAGE_FORMAT = PNG", "IMAGE_FORMAT = JPEGXR"))
    with pytest.raises(UnsupportedFormatError, match="format 'JPEGXR'; JPEG, "):
        open_image(path)
