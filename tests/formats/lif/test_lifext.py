"""LIFEXT: generated files against liffile and their arrays."""

import random
from pathlib import Path

import numpy as np
import pytest

from aicsio import open_image, select_scene, to_numpy
from aicsio.testing.lif import LifImage
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
