"""A slide is the same, whichever of its files is opened and whatever they are called."""

import re
from pathlib import Path

import numpy as np
import pytest

from aicsio import open_image, select_level, to_numpy
from aicsio.testing.dicom import DicomImage, write_dicom

STACK = np.random.default_rng(0).integers(1, 255, (2, 2, 50, 70)).astype("u1")
IMAGE = DicomImage(STACK, "CZYX", apart=True, levels=2, channels=("DAPI", "Cy5"))
IDENTIFIER = b"\x48\0\x06\x01SH\x02\0"
"""OpticalPathIdentifier, its type and a length of two bytes."""
WAVELENGTH = re.compile(rb"(\x22\0\x55\0FL\x04\0)....", re.DOTALL)
"""IlluminationWaveLength with its value."""


def files_of(folder: Path) -> list[Path]:
    write_dicom(IMAGE, folder)
    return sorted(folder.iterdir())


def test_each_file_opens_the_same_slide(tmp_path: Path) -> None:
    paths = files_of(tmp_path)
    assert len(paths) > 2
    expected = open_image(tmp_path)
    for path in paths:
        handle = open_image(path)
        assert handle.channel_names == ("DAPI", "Cy5")
        assert handle.contents.scenes == expected.contents.scenes
        assert np.array_equal(to_numpy(handle), STACK)


def test_levels_whose_files_lie_in_another_order(tmp_path: Path) -> None:
    """Optical paths of all levels are in the order of the largest; the level was left out."""
    paths = files_of(tmp_path)
    half = len(paths) // 2
    names = [*paths[:half], *reversed(paths[half:])]
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(names, contents, strict=True):
        path.write_bytes(content)
    handle = open_image(tmp_path)
    assert handle.diagnostics == ()
    assert [level.shape for level in handle.levels] == [(2, 2, 50, 70), (2, 2, 25, 35)]
    reference = tmp_path / "other"
    write_dicom(IMAGE, reference)
    for number in range(2):
        expected = to_numpy(select_level(open_image(reference), number))
        assert np.array_equal(to_numpy(select_level(handle, number)), expected)


@pytest.mark.parametrize("is_described", [True, False])
def test_identifiers_are_unique_within_one_file(is_described: bool, tmp_path: Path) -> None:
    """PS3.3, C.8.12.5: "unique for each Item within the Optical Path Sequence" of a file."""
    for path in files_of(tmp_path):
        data = path.read_bytes()
        assert IDENTIFIER in data
        data = data.replace(IDENTIFIER + b"1 ", IDENTIFIER + b"0 ")
        if not is_described:
            data = WAVELENGTH.sub(b"\\g<1>\0\0\0D", data.replace(b"Cy5 ", b"DAPI"))
        path.write_bytes(data)
    handle = open_image(tmp_path)
    if is_described:
        assert handle.channel_names == ("DAPI", "Cy5")
        assert np.array_equal(to_numpy(handle), STACK)
        assert len(handle.levels) == 2
        assert handle.diagnostics == ()
    else:
        # Nothing tells the paths apart: the frames that are not shown are counted.
        assert np.array_equal(to_numpy(handle), STACK[0])
        assert {note.code for note in handle.diagnostics} == {"dicom-frames"}
