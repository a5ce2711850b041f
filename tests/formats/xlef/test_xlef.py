"""Leica projects of many files: generated ones against liffile and their arrays; paths, missing files."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import (
    CorruptFileError,
    ImageHandle,
    metadata,
    ome_metadata,
    open_image,
    provenance,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio._engine import plan
from aicsio.records import Computed, Strided
from aicsio.testing.lif import LifImage, cut_tiles
from aicsio.testing.xlef import XlefImage, write_xlef
from http_server import serving

liffile = pytest.importorskip("liffile")
Pixels = npt.NDArray[Any]
RNG = np.random.default_rng(0)
STACK: Pixels = RNG.integers(1, 60000, (2, 3, 4, 9, 11)).astype(np.uint16)
COLOUR: Pixels = RNG.integers(1, 255, (3, 9, 11, 3)).astype(np.uint8)
LENGTHS = {"X": 5e-6, "Y": 4e-6, "Z": 3e-6, "T": 3.0}


def shown(handle: ImageHandle, image: XlefImage, scene: int | str = 0) -> Pixels:
    return to_numpy(transpose_to(select_scene(handle, scene), image.image.dims))


IMAGES = [
    XlefImage(LifImage(STACK, "TCZYX", name="a", lengths=LENGTHS, luts=("Red", "Green", "Blue"))),
    XlefImage(LifImage(STACK, "TCZYX", name="F/b", memory_order="TZCYX"), "lof"),
    XlefImage(LifImage(COLOUR, "ZYXS", name="F/G/c"), compression="zlib", escaped=True),
    XlefImage(LifImage(STACK[0, 0], "ZYX", name="F/d"), "png", changed_case=True),
    XlefImage(LifImage(STACK[0].astype("f4"), "CZYX", name="F/b"), compression="zlib"),
]
NAMES = ("a", "F/b#1", "F/G/c", "F/d", "F/b#2")


def test_images_are_named_by_their_paths_and_show_their_pixels(tmp_path: Path) -> None:
    handle = open_image(write_xlef(tmp_path / "Project", IMAGES))
    assert handle.format == "xlef"
    assert handle.scene_names == NAMES
    assert handle.diagnostics == ()
    for number, image in enumerate(IMAGES):
        assert np.array_equal(shown(handle, image, number), image.image.pixels)


def test_liffile_agrees(tmp_path: Path) -> None:
    # It compares names with the case of the file system in a way of its own.
    images = [image for image in IMAGES if not image.changed_case]
    path = write_xlef(tmp_path / "Project", images[:3])
    handle = open_image(path)
    with liffile.LifFile(path) as other:
        assert [image.path for image in other.images] == list(handle.scene_names)
        for number, image in enumerate(other.images):
            order = "".join(image.dims)
            ours = to_numpy(transpose_to(select_scene(handle, number), order))
            assert np.array_equal(ours, image.asarray())


def test_collections_and_images_open_alone(tmp_path: Path) -> None:
    folder = tmp_path / "Project"
    write_xlef(folder, IMAGES)
    collection = open_image(folder / "Metadata" / "F.xlcf")
    assert collection.scene_names == ("b#1", "G/c", "d", "b#2")
    assert np.array_equal(shown(collection, IMAGES[2], "G/c"), COLOUR)
    image = open_image(folder / "Metadata" / "Image 0.xlif")
    assert image.scene_names == ("a",)
    assert np.array_equal(shown(image, IMAGES[0]), STACK)


def test_an_image_without_its_project_file_finds_files_beside_it(tmp_path: Path) -> None:
    write_xlef(tmp_path / "Project", [IMAGES[0]])
    alone = tmp_path / "alone"
    alone.mkdir()
    xlif = (tmp_path / "Project" / "Metadata" / "Image 0.xlif").read_bytes().decode("utf-16")
    (alone / "a.xlif").write_bytes(xlif.replace("..\\", "").encode("utf-16-le"))
    for file in (tmp_path / "Project").glob("*.tif"):
        shutil.copy(file, alone)
    assert np.array_equal(shown(open_image(alone / "a.xlif"), IMAGES[0]), STACK)


def test_facts_are_those_of_the_xml(tmp_path: Path) -> None:
    image = LifImage(
        STACK,
        "TCZYX",
        name="a",
        lengths=LENGTHS,
        luts=("Red", "Green", "Blue"),
        dyes=("DAPI", "GFP", "Cy5"),
        times=tuple(1.6e9 + n for n in range(8)),
    )
    handle = open_image(write_xlef(tmp_path / "Project", [XlefImage(image)]))
    assert handle.channel_names == ("DAPI", "GFP", "Cy5")
    assert pytest.approx(0.5) == handle.pixel_size.X
    assert handle.time_step == 3.0
    assert handle.scene.acquired == "2020-09-13T12:26:40+00:00"
    assert handle.scene.objective is not None
    assert handle.scene.objective.magnification == 63.0
    origins = {one.path: one.origin for one in provenance(handle).facts}
    assert origins["pixel_size.X"] == "lif:DimensionDescription@Length"
    tree: Any = metadata(handle)
    assert [one.get("Name") for one in tree.iter("Element")] == ["Project", "a"]
    assert ome_metadata(handle).images[0].name == "a"


def test_tiles_in_files_are_stitched(tmp_path: Path) -> None:
    whole = STACK[0, 0, 0]
    turn = (False, True, True)
    tiles, places = cut_tiles(whole, (5, 6), (4, 5), 1e-6, turn)
    lengths = {"X": 5e-6, "Y": 4e-6}
    scan = LifImage(tiles, "MYX", tiles=places, turn=turn, lengths=lengths)
    path = write_xlef(tmp_path / "Project", [XlefImage(scan)])
    assert np.array_equal(to_numpy(open_image(path)), whole)
    apart = open_image(path, mosaic="tiles")
    assert np.array_equal(to_numpy(apart), tiles)


# ---------------------------------------------------------------- files


def test_missing_files_are_zero_and_counted(tmp_path: Path) -> None:
    image = XlefImage(LifImage(STACK[0, 0], "ZYX", name="a"), missing=(1, 2))
    handle = open_image(write_xlef(tmp_path / "Project", [image, IMAGES[0]]))
    expected = STACK[0, 0].copy()
    expected[1:3] = 0
    assert np.array_equal(shown(handle, image), expected)
    (diagnostic,) = handle.diagnostics
    assert diagnostic.code == "xlef-missing-members"
    assert "2 of 4 files" in diagnostic.message


def test_an_image_without_files_is_listed_without_pixels(tmp_path: Path) -> None:
    gone = XlefImage(LifImage(STACK[0, 0], "ZYX", name="gone"), "lof", missing=(0,))
    path = write_xlef(tmp_path / "Project", [gone, IMAGES[0]])
    handle = open_image(path)
    assert handle.scene_names == ("gone", "a")
    assert handle.scene.name == "a"
    assert [one.code for one in handle.diagnostics] == ["lif-no-pixels"]
    with pytest.raises(CorruptFileError, match="none of its 1 file is there"):
        open_image(write_xlef(tmp_path / "Other", [gone]))


def test_missing_images_are_counted(tmp_path: Path) -> None:
    path = write_xlef(tmp_path / "Project", IMAGES)
    (path.parent / "Metadata" / "F in G.xlcf").unlink()
    (path.parent / "Metadata" / "Image 3.xlif").write_bytes(b"<LMSData")
    handle = open_image(path)
    assert handle.scene_names == ("a", "F/b#1", "F/b#2")
    assert [one.code for one in handle.diagnostics] == ["xlef-missing-files", "xlef-damaged-files"]


@pytest.mark.parametrize(
    "name",
    [
        "..\\..\\secret.tif",
        "../../secret.tif",
        "/secret.tif",
        "C:\\secret.tif",
        "..%5C..%5Csecret.tif",
    ],
)
def test_files_outside_of_the_project_are_not_read(tmp_path: Path, name: str) -> None:
    path = write_xlef(tmp_path / "Project", [IMAGES[0]])
    shutil.copy(path.parent / "Image 0 000.tif", tmp_path / "secret.tif")
    xlif = path.parent / "Metadata" / "Image 0.xlif"
    text = xlif.read_bytes().decode("utf-16").replace("..\\Image 0 000.tif", name)
    assert name in text
    xlif.write_bytes(text.encode("utf-16"))
    handle = open_image(path)
    assert [one.code for one in handle.diagnostics] == ["xlef-missing-members"]
    assert not to_numpy(transpose_to(handle, "YX", T=0, C=0, Z=0)).any()
    assert np.array_equal(to_numpy(transpose_to(handle, "YX", T=0, C=0, Z=1)), STACK[0, 0, 1])


def test_files_that_name_each_other_end(tmp_path: Path) -> None:
    path = write_xlef(tmp_path / "Project", IMAGES)
    collection = path.parent / "Metadata" / "F in G.xlcf"
    text = collection.read_bytes().decode("utf-16")
    looped = text.replace("Image 2.xlif", "F.xlcf")
    assert looped != text
    collection.write_bytes(looped.encode("utf-16"))
    assert open_image(path).scene_names == ("a", "F/b#1", "F/d", "F/b#2")


def test_files_are_opened_when_their_pixels_are_read(tmp_path: Path) -> None:
    path = write_xlef(tmp_path / "Project", [IMAGES[0]])
    handle = open_image(path)
    (path.parent / "Image 0 005.tif").write_bytes(b"II*\0no TIFF at all")
    pieces = list(plan.pieces(transpose_to(handle, "YX", T=0, C=1, Z=0).array))
    assert [type(piece) for piece in pieces] == [Computed]
    assert np.array_equal(to_numpy(transpose_to(handle, "YX", T=0, C=1, Z=0)), STACK[0, 1, 0])
    with pytest.raises(CorruptFileError, match=r"Image 0 005\.tif"):
        to_numpy(transpose_to(handle, "YX", T=0, C=1, Z=1))


def test_a_file_of_other_pixels_is_refused(tmp_path: Path) -> None:
    path = write_xlef(tmp_path / "Project", [IMAGES[0]])
    import tifffile

    tifffile.imwrite(path.parent / "Image 0 000.tif", np.ones((9, 10), np.uint16))
    with pytest.raises(CorruptFileError, match="expected 198 bytes of pixels, found 180"):
        to_numpy(open_image(path))


def test_gray_planes_that_are_stored_as_colour_are_read(tmp_path: Path) -> None:
    image = XlefImage(LifImage(COLOUR[..., 0], "ZYX", name="a"), "png")
    path = write_xlef(tmp_path / "Project", [image])
    import imagecodecs

    for number in range(3):
        rgb = np.repeat(COLOUR[number, :, :, :1], 3, axis=2)
        (path.parent / f"Image 0 {number:03}.png").write_bytes(imagecodecs.png_encode(rgb))
    assert np.array_equal(shown(open_image(path), image), COLOUR[..., 0])


def test_a_lof_is_read_by_rows(tmp_path: Path) -> None:
    handle = open_image(write_xlef(tmp_path / "Project", [IMAGES[1]]))
    window = transpose_to(handle, "YX", T=1, C=1, Z=2, Y=slice(2, 4))
    assert all(isinstance(piece, Strided) for piece in plan.pieces(window.array))
    assert np.array_equal(to_numpy(window), STACK[1, 1, 2, 2:4])


def test_handles_pickle(tmp_path: Path) -> None:
    handle = open_image(write_xlef(tmp_path / "Project", IMAGES))
    assert pickle.loads(pickle.dumps(handle)) == handle
    assert hash(pickle.loads(pickle.dumps(handle))) == hash(handle)


def test_a_project_on_a_web_server(tmp_path: Path) -> None:
    path = write_xlef(tmp_path / "P", [XlefImage(LifImage(STACK[0], "CZYX", name="a"))])
    files = {
        file.relative_to(path.parent).as_posix(): file.read_bytes()
        for file in path.parent.rglob("*.*")
    }
    with serving() as site:
        site.files.update({name.replace(" ", "%20"): data for name, data in files.items()})
        site.files.update(files)
        handle = open_image(site.url + "P.xlef")
        assert np.array_equal(to_numpy(transpose_to(handle, "YX", C=1, Z=2)), STACK[0, 1, 2])
