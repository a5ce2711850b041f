"""LIFEXT: generated files against liffile and their arrays."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import check, open_image, select_level, select_scene, to_numpy
from aicsio.testing.lif import LifImage, build_lif
from aicsio.testing.lifext import build_lifext
from limits import in_memory, in_time, try_file
from support import cut_bytes, flip_bytes, wipe_bytes

PIXELS = np.random.default_rng(0).integers(0, 250, (2, 3, 9, 12)).astype(np.uint8)
IMAGES = [LifImage(PIXELS, "CZYX", "Level 1"), LifImage(PIXELS[0, 0], "YX", "Preview")]


def test_an_annex_shows_its_images_and_liffile_agrees(tmp_path: Path) -> None:
    path = tmp_path / "a.lifext"
    path.write_bytes(build_lifext(IMAGES, "MemBlock_12"))
    handle = open_image(path)
    assert handle.format == "lif"
    assert handle.diagnostics == ()
    assert handle.scene_names == ("MemBlock_12/Level 1", "MemBlock_12/Preview")
    for index, image in enumerate(IMAGES):
        assert np.array_equal(to_numpy(select_scene(handle, index)), image.pixels)
    liffile = pytest.importorskip("liffile")
    with liffile.LifFile(path) as file:
        assert tuple(image.path for image in file.images) == handle.scene_names
        for image, made in zip(file.images, IMAGES, strict=True):
            assert np.array_equal(image.asarray().reshape(made.pixels.shape), made.pixels)


def halved(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return pixels[..., ::2, ::2]


def write_pair(folder: Path, annex: list[LifImage], parent: str = "MemBlock_11") -> Path:
    path = folder / "a.lif"
    images = [LifImage(PIXELS[0], "ZYX", "other"), LifImage(PIXELS, "CZYX", "F/a")]
    path.write_bytes(build_lif(images))
    path.with_suffix(".lifext").write_bytes(build_lifext(annex, parent))
    return path


LEVELS = [
    LifImage(halved(PIXELS), "CZYX", "a_pmd_0"),
    LifImage(halved(halved(PIXELS)), "CZYX", "a_pmd_1"),
]


def test_levels_of_a_lif_lie_in_its_annex(tmp_path: Path) -> None:
    path = write_pair(tmp_path, [LEVELS[1], LEVELS[0], LifImage(PIXELS[0, 0], "YX", "Histogram")])
    handle = open_image(path)
    assert [len(scene.levels) for scene in handle.scenes] == [1, 3]
    image = select_scene(handle, "F/a")
    assert [level.shape[-2:] for level in image.levels] == [(9, 12), (5, 6), (3, 3)]
    liffile = pytest.importorskip("liffile")
    with liffile.LifFile(path.with_suffix(".lifext")) as file:
        seen = {one.name: one.asarray() for one in file.images}
    for level in (1, 2):
        shown = to_numpy(select_level(image, level))
        assert np.array_equal(shown, seen[f"a_pmd_{level - 1}"])
    (note,) = handle.diagnostics
    assert (note.code, note.loss) == ("lif-annex", False)
    assert "1 image of its annex" in note.message
    assert check(handle, deep=True).damage == ()
    # As bytes, the LIF has no folder.
    assert len(open_image(path.read_bytes()).scenes[1].levels) == 1


@pytest.mark.parametrize(
    ("annex", "parent"),
    [
        (LEVELS, "MemBlock_10"),
        ([LifImage(halved(PIXELS), "CZYX", "b_pmd_0")], "MemBlock_11"),
        ([LifImage(halved(PIXELS[0]), "ZYX", "a_pmd_0")], "MemBlock_11"),
        ([LifImage(halved(PIXELS).astype("u2"), "CZYX", "a_pmd_0")], "MemBlock_11"),
        ([LifImage(PIXELS, "CZYX", "a_pmd_0")], "MemBlock_11"),
        ([LifImage(PIXELS[..., ::2], "CZYX", "a_pmd_0")], "MemBlock_11"),
        ([LifImage(halved(PIXELS[:, :2]), "CZYX", "a_pmd_0")], "MemBlock_11"),
    ],
)
def test_other_images_of_an_annex_are_no_levels(
    annex: list[LifImage], parent: str, tmp_path: Path
) -> None:
    handle = open_image(write_pair(tmp_path, annex, parent))
    assert [len(scene.levels) for scene in handle.scenes] == [1, 1]
    assert [note.code for note in handle.diagnostics] == ["lif-annex"]


@pytest.mark.parametrize("cut", [0, 7, 500, -5])
def test_a_damaged_annex_takes_no_image_of_its_lif(cut: int, tmp_path: Path) -> None:
    path = write_pair(tmp_path, LEVELS)
    annex = path.with_suffix(".lifext")
    annex.write_bytes(annex.read_bytes()[:cut])
    handle = open_image(path)
    assert np.array_equal(to_numpy(select_scene(handle, 1)), PIXELS)
    assert [note.code for note in handle.diagnostics] == ["lif-annex"]


def test_damaged_annexes_are_images_or_our_errors() -> None:
    rng = random.Random(7)
    whole = build_lifext(IMAGES)
    read = 0
    with in_memory():
        for variant in range(120):
            data = bytearray(whole)
            at = rng.randrange(len(data))
            rng.choice([flip_bytes, cut_bytes, wipe_bytes])(data, at, min(at + 40, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    # Most of the file is XML, in which a changed byte is seldom legal.
    assert read > 5
