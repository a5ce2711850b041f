"""Holds the lines of docs/fidelity-czi.md: which real files differ from what was recorded, and in what."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import CorruptFileError, ImageHandle, open_image, select_scene, to_numpy
from aicsio.planes import read_planes
from aicsio.testing.czi import blocks_of, write_czi
from support import corpus_file, corpus_names, facts

HEADER_ALONE = "write_roi.czi"
RGB = {"Fluorescence_RGB.czi", "RGB-8bit.czi", "Tumor_HE_Stain_T76.czi"}
COMPRESSED = {f"CellDivision_T3_Z5_CH2_X240_Y170_comp{n}.czi" for n in (1, 2)}
ANOTHER_EXPOSURE = {"LLS7_small.czi", "S=2_3x3_CH=2.czi", "mosaic_test.czi"}
DIFFERENT: dict[str, set[str]] = {
    "number of scenes": {"S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi"},
    "C": RGB,
    "T": {"LSM880_AiryScan.czi"},
    "names of several scenes": {"xyz__multiple_images.czi"},
    "name of the well": {"nuc_small_old.czi"},
    "channel names": {"CH=1_16bit.czi", "Fluorescence_RGB.czi", "Tumor_HE_Stain_T76.czi"}
    | COMPRESSED,
    "number of the exposure": ANOTHER_EXPOSURE,
}


def files() -> list[str]:
    return [name for name in corpus_names("czi") if not name.endswith(HEADER_ALONE)]


@functools.cache
def opened(name: str) -> ImageHandle:
    return open_image(corpus_file(name))


def exposure(handle: ImageHandle) -> float | None:
    planes = handle.scene.planes
    column = None if planes is None else planes.column("exposure")
    return None if column is None else float(column.ravel()[0])


def differences(name: str) -> set[str]:
    handle, recorded = opened(name), facts("czi")[name]["series"]
    if len(handle.scenes) != len(recorded):
        return {"number of scenes"}
    found = set()
    for index, one in enumerate(recorded):
        seen = select_scene(handle, index)
        found |= {letter for letter in "CT" if seen.dims.get(letter, 1) != one[letter]}
        if seen.scene.name != one["name"] and one["name"]:
            found.add("names of several scenes" if len(recorded) > 1 else "name of the well")
        names = [channel["name"] or None for channel in one["channels"]]
        if [channel.name for channel in seen.channels] != names or any(
            c["name"] == "" for c in one["channels"]
        ):
            found.add("channel names")
        if (one["date"] is None) != (seen.scene.acquired is None):
            found.add("date")
        mine, theirs = exposure(seen), one["planes"][0]["exp"]
        if mine is not None and mine * 1000 != pytest.approx(theirs):
            found.add("number of the exposure")
    return found


@pytest.mark.parametrize("kind", DIFFERENT)
def test_these_files_differ_and_no_others(kind: str) -> None:
    if not files():
        pytest.skip("no real files here")
    assert {name.rpartition("/")[2] for name in files() if kind in differences(name)} == DIFFERENT[
        kind
    ]


def test_one_scene_is_recorded_without_its_name() -> None:
    alone = [name for name in files() if len(facts("czi")[name]["series"]) == 1]
    named = {name.rpartition("/")[2] for name in alone if facts("czi")[name]["series"][0]["name"]}
    assert not alone or named == {"nuc_small_old.czi", "WellD6_S1.czi"}
    assert not alone or opened("czi/1_tileregion.czi").scene_names == ("TR1-D6",)


def test_the_counts_of_the_page() -> None:
    if not files():
        pytest.skip("no real files here")
    assert (len(corpus_names("czi")), len(files())) == (32, 31)
    refused = [name for name, fact in facts("czi").items() if "error" in fact]
    assert [name.rpartition("/")[2] for name in refused] == [HEADER_ALONE]
    with pytest.raises(CorruptFileError):
        open_image(corpus_file(f"czi/{HEADER_ALONE}"))
    shown = [name for name in files() if exposure(opened(name)) is not None]
    assert len(shown) == 16
    assert "`S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi`" in page()


def page() -> str:
    return (Path(__file__).resolve().parents[3] / "docs" / "fidelity-czi.md").read_text(
        encoding="utf-8"
    )


def test_every_file_that_differs_is_on_the_page() -> None:
    named = (
        page()
        .replace("comp*", "comp1.czi` `CellDivision_T3_Z5_CH2_X240_Y170_comp2")
        .replace("tiles*", "tiles")
    )
    for file in set().union(*DIFFERENT.values()) - {"tiles_z.czi"}:
        assert f"`{file}`" in named


def test_scenes_of_tiles() -> None:
    handle = opened("czi/S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi")
    assert [0 if scene.tiles is None else len(scene.tiles) for scene in handle.scenes] == [
        10,
        1,
        17,
    ]


def test_phases_are_a_dimension() -> None:
    handle = opened("czi/LSM880_AiryScan.czi")
    assert handle.dims.H == 32
    assert any("124 of 256 planes" in note.message for note in handle.diagnostics)


def test_subblocks_confirm_the_exposure() -> None:
    confirmed = set()
    for name in files():
        handle = opened(name)
        if exposure(handle) is None or b"CameraState" not in corpus_file(name).read_bytes():
            continue
        planes: Any = read_planes(handle)
        assert planes.column("exposure").ravel()[0] == pytest.approx(exposure(handle), rel=0.01)
        confirmed.add(name.rpartition("/")[2])
    assert not files() or {"S=2_3x3_CH=2.czi", "mosaic_test.czi"} <= confirmed


def test_packed_bytes_of_colour_come_back(tmp_path: Path) -> None:
    # Not held here: libCZI leaves two thirds of such an image as the memory was, which may by chance be right.
    pixels = np.random.default_rng(0).integers(0, 65535, (30, 40, 3), np.uint16)
    path = tmp_path / "packed.czi"
    write_czi(path, blocks_of(pixels, "YXS", compression="zstd1-hilo", fixed={"C": 0}))
    assert np.array_equal(to_numpy(open_image(path))[0], pixels)
