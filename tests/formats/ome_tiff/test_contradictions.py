"""XML and pages that disagree: samples, types, sizes, names, numbers of images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from aicsio import open_image, select_scene, to_numpy, transpose_to
from ome_files import Array, codes, image, member, ome_tiff, ome_xml, planes, values
from scaling import assert_linear
from support import takes_long


def write_member(path: Path, value: int) -> Path:
    return ome_tiff(path, [np.full((5, 6, 1), value, np.uint8)], "")


# ---------------------------------------------------------------- channels and pages that differ


def channel_elements(*channels: tuple[str | None, int]) -> str:
    return "".join(
        f'<Channel SamplesPerPixel="{samples}"' + (f' Name="{name}"' if name else "") + "/>"
        for name, samples in channels
    )


def test_channels_that_are_stored_as_samples_keep_their_names(tmp_path: Path) -> None:
    names = [f"marker {number}" for number in range(10)]
    stack = np.arange(2 * 5 * 6 * 5, dtype=np.uint8).reshape(2, 5, 6, 5)
    text = channel_elements(*((name, 1) for name in names[:5])) + "<TiffData/>"
    path = ome_tiff(tmp_path / "a.ome.tif", [stack[0]], ome_xml(image(text, c=5)))
    handle = open_image(path)
    assert str(handle.dims) == "T=1, C=5, Z=1, Y=5, X=6"
    assert list(handle.channel_names) == names[:5]
    assert np.array_equal(to_numpy(transpose_to(handle, "YXC")), stack[0])
    # Two pages of five samples are ten channels.
    text = channel_elements(*((name, 1) for name in names)) + "<TiffData/>"
    path = ome_tiff(tmp_path / "b.ome.tif", list(stack), ome_xml(image(text, c=10)))
    handle = open_image(path)
    assert handle.dims.C == 10
    assert list(handle.channel_names) == names
    expected = stack.transpose(0, 3, 1, 2).reshape(10, 5, 6)
    assert np.array_equal(to_numpy(transpose_to(handle, "CYX")), expected)


def test_samples_as_channels_along_t_and_z(tmp_path: Path) -> None:
    stack = np.arange(6 * 5 * 6 * 2, dtype=np.uint8).reshape(6, 5, 6, 2)
    text = channel_elements(("a", 1), ("b", 1)) + "<TiffData/>"
    path = ome_tiff(tmp_path / "a.ome.tif", list(stack), ome_xml(image(text, z=3, c=2, t=2)))
    handle = open_image(path)
    assert str(handle.dims) == "T=2, C=2, Z=3, Y=5, X=6"
    expected = stack.reshape(2, 3, 5, 6, 2).transpose(0, 4, 1, 2, 3)
    assert np.array_equal(to_numpy(handle), expected)
    part = transpose_to(handle, "ZYX", T=1, C="b")
    assert np.array_equal(to_numpy(part), expected[1, 1])


def test_channels_of_other_pages_are_scenes_of_their_own(tmp_path: Path) -> None:
    grey = [np.full((5, 6, 1), value, np.uint8) for value in (1, 2)]
    colour = np.full((5, 6, 3), 7, np.uint8)
    deep = np.full((5, 6, 1), 300, np.uint16)
    text = channel_elements(("g", 1), ("rgb", 3), ("h", 1), ("deep", 1)) + "<TiffData/>"
    stack: list[Array] = [grey[0], colour, grey[1], deep]
    path = ome_tiff(tmp_path / "a.ome.tif", stack, ome_xml(image(text, c=6)))
    handle = open_image(path)
    assert handle.scene_names == ("a C=0,2", "a C=1", "a C=3")
    assert codes(handle) == ["ome-mixed-pages", "ome-type-differs"]
    first, second, third = (select_scene(handle, index) for index in range(3))
    assert list(first.channel_names) == ["g", "h"]
    assert values(first) == [1, 2]
    assert list(second.channel_names) == ["rgb"]
    assert np.array_equal(to_numpy(transpose_to(second, "YXS")), colour)
    assert to_numpy(third).max() == 300


@pytest.mark.parametrize("letter", ["Z", "C", "T"])
def test_first_positions_without_pages_stay_in_their_image(tmp_path: Path, letter: str) -> None:
    """They are blank, as in tifffile; pages of another image in the file do not matter."""
    small = image('<TiffData IFD="0"/>', name="small").replace('X="6" SizeY="5"', 'X="4" SizeY="3"')
    other = np.full((3, 4, 1), 9, np.uint8)
    stored: list[Array] = [np.full((5, 6, 1), value, np.uint8) for value in (2, 3)]
    places = "".join(f'<TiffData First{letter}="{n}" IFD="{n}"/>' for n in (1, 2))
    z, c, t = (3 if axis == letter else 1 for axis in "ZCT")
    text = ome_xml(small + image(places, z, c, t))
    path = ome_tiff(tmp_path / "a.ome.tif", [other, *stored], text)
    handle = open_image(path)
    assert len(handle.scenes) == 2
    second = select_scene(handle, 1)
    assert values(second) == [0, 2, 3]
    assert second.dims[letter] == 3
    assert codes(handle) == ["ome-planes-missing"]
    read = tifffile.imread(path, series=1)
    assert np.array_equal(to_numpy(transpose_to(second, f"{letter}YX")), read)


def test_an_image_of_metadata_alone_takes_no_page_of_another(tmp_path: Path) -> None:
    """OME schema 2016-06, MetadataOnly: Pixels without pixels. tifffile shows one series, too."""
    page = np.full((5, 6, 1), 3, np.uint8)
    empty = image("<MetadataOnly/>", c=900, name="empty")
    text = ome_xml(empty + image('<TiffData IFD="0"/>', name="full") + empty)
    path = ome_tiff(tmp_path / "a.ome.tif", [page], text)
    handle = open_image(path)
    assert [len(scene.levels) for scene in handle.scenes] == [0, 1, 0]
    assert handle.scene.name == "full"
    assert np.array_equal(to_numpy(handle)[0, 0, 0], page[..., 0])
    assert codes(handle) == ["ome-no-pixels", "ome-no-pixels"]
    with tifffile.TiffFile(path) as tif:
        assert [series.name for series in tif.series] == ["full"]
    # Where no image has TiffData, the pages can only be those of the images.
    path = ome_tiff(tmp_path / "b.ome.tif", [page], ome_xml(image("<MetadataOnly/>")))
    assert values(open_image(path)) == [3]


def test_an_image_without_tiffdata_takes_no_page_where_others_have_some(tmp_path: Path) -> None:
    """TiffData say where pixels are (OME-TIFF specification); tifffile shows one series, too."""
    pages = [np.full((5, 6, 1), value, np.uint8) for value in (3, 4)]
    full, bare = image('<TiffData IFD="0" PlaneCount="1"/>', name="full"), image("", name="bare")
    for number, text in enumerate((bare + full, full + bare)):
        path = ome_tiff(tmp_path / f"{number}.ome.tif", pages, ome_xml(text))
        handle = open_image(path)
        assert [scene.name for scene in handle.scenes if scene.levels] == ["full"]
        assert values(handle) == [3]
        assert codes(handle) == ["ome-no-pixels", "ome-pages-unclaimed"]
        with tifffile.TiffFile(path) as tif:
            assert [series.name for series in tif.series] == ["full"]
    # Where none has any, the pages follow each other.
    path = ome_tiff(tmp_path / "a.ome.tif", pages, ome_xml(bare + bare))
    handle = open_image(path)
    assert [values(select_scene(handle, index)) for index in range(2)] == [[3], [4]]


@pytest.mark.parametrize("letter", ["Z", "T"])
def test_a_section_of_another_type_is_blank_in_its_place_and_a_scene_besides(
    tmp_path: Path, letter: str
) -> None:
    """Taking it out would move the sections behind it."""
    stack: list[Array] = [np.full((5, 6, 1), value, np.uint8) for value in (1, 2, 3)]
    stack[1] = np.full((5, 6, 1), 300, np.uint16)
    z, t = (3, 1) if letter == "Z" else (1, 3)
    text = ome_xml(image("<TiffData/>", z=z, t=t))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", stack, text))
    assert handle.scene_names == ("a", f"a {letter}=1")
    assert values(handle) == [1, 0, 3]
    assert values(select_scene(handle, 1)) == [300]
    assert codes(handle) == ["ome-mixed-pages", "page-does-not-fit", "ome-type-differs"]


def test_planes_that_differ_along_two_axes_are_blank_and_reported(tmp_path: Path) -> None:
    stack: list[Array] = [np.full((5, 6, 1), value, np.uint8) for value in (1, 2, 3, 4)]
    stack[3] = np.full((5, 6, 1), 300, np.uint16)
    path = ome_tiff(tmp_path / "a.ome.tif", stack, ome_xml(image("<TiffData/>", z=2, t=2)))
    handle = open_image(path)
    assert values(handle) == [1, 2, 3, 0]
    assert codes(handle) == ["page-does-not-fit"]


def test_sizes_and_types_that_contradict_the_pages_are_reported(tmp_path: Path) -> None:
    text = ome_xml(image("<TiffData/>")).replace('SizeX="6"', 'SizeX="60"')
    path = ome_tiff(tmp_path / "a.ome.tif", planes(1), text.replace("uint8", "float"))
    handle = open_image(path)
    assert str(handle.dims) == "T=1, C=1, Z=1, Y=5, X=6"
    assert codes(handle) == ["ome-size-differs", "ome-type-differs"]


# ---------------------------------------------------------------- limits


def test_sizes_of_all_images_together_are_limited(tmp_path: Path) -> None:
    """Each image alone would pass; what cannot be is a scene without pixels."""
    images = "".join(image("<TiffData/>", t=500_000, name=str(n)) for n in range(3))
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), ome_xml(images)))
    assert [len(scene.levels) for scene in handle.contents.scenes] == [1, 1, 0]
    assert codes(handle).count("ome-sizes") == 1


@takes_long
def test_time_grows_with_the_number_of_pixels_and_files(tmp_path: Path) -> None:
    def prepare(count: int) -> Callable[[], object]:
        folder = tmp_path / str(count)
        folder.mkdir()
        inside = "".join(image(member(0, f"{n % 50}.tif"), name=str(n)) for n in range(count))
        for number in range(50):
            write_member(folder / f"{number}.tif", number)
        companion = folder / "a.companion.ome"
        companion.write_text(ome_xml(inside))
        assert len(open_image(companion).scenes) == count
        return lambda: open_image(companion)

    assert_linear(prepare, 300)


def test_names_of_scenes(tmp_path: Path) -> None:
    """Equal names stay as the file has them; an image without a name is called by its number."""
    images = image("<TiffData/>", name="x") * 2 + image("<TiffData/>", name="")
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", planes(1), ome_xml(images)))
    assert handle.scene_names == ("x", "x", "Image:2")
