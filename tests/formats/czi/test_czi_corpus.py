"""Real CZI files against what an independent reader recorded of them, and against aicspylibczi."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import CorruptFileError, ImageHandle, open_image, select_scene, to_numpy
from aicsio.attachments import list_attachments, list_events, read_attachment
from aicsio.verify import verify
from support import corpus_file, corpus_names, facts

NAMES = [name for name in corpus_names("czi") if name != "czi/write_roi.czi"]

ONE_TILE_ONLY = {
    # Scenes of different size: the recorded reader gives one tile of one scene and calls it the image.
    "czi/S3_1Pos_2Mosaic_T2Z3_CH2_sm.czi",
}
LIBRARY_SEES_LESS = {
    # Tiles without any dimension but M: aicspylibczi lists one of the four.
    "czi/ZEISS_czicompress__mandelbrot.czi",
}


def planes_of(handle: ImageHandle) -> set[str]:
    found = set()
    for index in range(len(handle.scenes)):
        focused = select_scene(handle, index)
        pixels = to_numpy(focused)
        last = 3 if "S" in focused.dims else 2
        for plane in pixels.reshape(-1, *pixels.shape[-last:]):
            little = np.ascontiguousarray(plane).astype(plane.dtype.newbyteorder("<"))
            found.add(hashlib.md5(little.tobytes(), usedforsecurity=False).hexdigest())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_recorded_planes_are_found(name: str) -> None:
    fact = facts("czi")[name]
    handle = open_image(corpus_file(name), mosaic="tiles" if name in ONE_TILE_ONLY else "stitched")
    recorded = {plane["md5"] for series in fact["series"] for plane in series["planes"]}
    assert recorded <= planes_of(handle)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_sizes_and_names_agree(name: str) -> None:
    fact = facts("czi")[name]
    handle = open_image(corpus_file(name))
    if name in ONE_TILE_ONLY:
        assert len(handle.scenes) == 3
        return
    series: list[dict[str, Any]] = fact["series"]
    assert len(handle.scenes) == len(series)
    for index, one in enumerate(series):
        focused = select_scene(handle, index)
        dims = focused.dims
        assert (dims.X, dims.Y, dims.get("Z", 1)) == (one["X"], one["Y"], one["Z"])
        assert dims.get("C", 1) * dims.get("S", 1) == one["C"]
        assert dims.get("T", 1) * dims.get("H", 1) == one["T"]
        assert len(focused.levels) == one["levels"]
        for letter, key in (("X", "psx"), ("Z", "psz")):
            size = getattr(focused.pixel_size, letter)
            assert size == (one[key] if one[key] is None else pytest.approx(one[key]))
        recorded = [channel["name"] for channel in one["channels"]]
        expected = tuple(known or f"Channel:{c}" for c, known in enumerate(recorded))
        assert focused.channel_names == expected
        if one["date"] is not None:
            assert (focused.scene.acquired or "")[:19] == one["date"][:19]


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_agree(name: str) -> None:
    pytest.importorskip("aicspylibczi")
    report = verify(corpus_file(name))
    if name in LIBRARY_SEES_LESS:
        assert not report.agrees
    else:
        assert report.agrees, str(report)


@pytest.mark.parametrize("name", NAMES)
def test_attachments_can_be_read(name: str) -> None:
    handle = open_image(corpus_file(name))
    for one in list_attachments(handle):
        assert read_attachment(handle, one.name)
        if one.kind == "JPG":
            assert read_attachment(handle, one.name).startswith(b"\xff\xd8")
    assert all(event.time >= 0 for event in list_events(handle))


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_in_memory_is_the_same(name: str) -> None:
    path: Path = corpus_file(name)
    handle, copy = open_image(path), open_image(path.read_bytes())
    assert [scene.dims for scene in handle.scenes] == [scene.dims for scene in copy.scenes]
    assert np.array_equal(to_numpy(handle), to_numpy(copy))


def test_a_header_alone_is_refused() -> None:
    with pytest.raises(CorruptFileError, match="at byte"):
        open_image(corpus_file("czi/write_roi.czi"))


def test_stage_positions_of_tiles_are_those_of_the_scene() -> None:
    handle = open_image(corpus_file("czi/1_tileregion.czi"))
    table = handle.scene.tiles
    assert table is not None
    assert len(table) == 7
    assert table.stage_x is not None
    middle = np.frombuffer(table.stage_x, "<f8")
    assert (middle.min() + middle.max()) / 2 == pytest.approx(47729.178, abs=1)
