"""A file of which something is not shown does not agree; windows of scaled subblocks are crops."""

import io
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicsio import open_image, select_level, to_numpy, transpose_to
from aicsio.testing.czi import FULL, Block, blocks_of, write_czi
from aicsio.verify import Verification, verify


def noise(*shape: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    return np.random.default_rng(seed).integers(1, 4000, shape, np.uint16)


def czi(blocks: list[Block]) -> bytes:
    file = io.BytesIO()
    write_czi(file, blocks)
    return file.getvalue()


def test_a_file_with_a_left_out_subblock_is_not_verified(tmp_path: Path) -> None:
    # The second entry has a size of 0 along X in the directory and in its segment.
    path = tmp_path / "left_out.czi"
    blocks = [Block(noise(8, 9), {"C": c, "Y": 0, "X": 0}) for c in range(2)]
    blocks[1] = attrs.evolve(blocks[1], size=(8, 0))
    path.write_bytes(czi(blocks))
    report = verify(path)
    assert not report.agrees
    assert any("1 of 2 subblocks is left out" in message for message in report.not_shown)


def test_a_coarser_channel_that_the_library_does_not_list_is_a_difference(tmp_path: Path) -> None:
    pytest.importorskip("aicspylibczi")
    path = tmp_path / "coarse.czi"
    coarse = Block(noise(8, 8), {"C": 1, "Y": 0, "X": 0}, (16, 16), pyramid_type=FULL)
    path.write_bytes(czi([Block(noise(16, 16), {"C": 0, "Y": 0, "X": 0}), coarse]))
    report = verify(path)
    assert not report.agrees
    assert report.differences


def test_bytes_are_not_verified_and_the_advice_can_be_followed() -> None:
    report = verify(czi([Block(noise(16, 16), {"C": 0, "Y": 0, "X": 0})]))
    assert not report.agrees
    assert "save it to a file and verify that" in str(report)
    assert "engine=" not in str(report)


def test_reports_name_what_was_not_compared() -> None:
    report = Verification("a.czi", ("native", "other"), 3, (), None, ("1 subblock is left out",))
    assert not report.agrees
    assert "not compared: 1 subblock is left out" in str(report)


def test_a_coarse_tile_that_no_full_one_covers_is_shown_below_the_others() -> None:
    full, coarse = noise(16, 16), noise(8, 8, seed=1)
    blocks = [
        Block(full, {"C": 0, "M": 0, "Y": 0, "X": 0}),
        Block(coarse, {"C": 0, "M": 1, "Y": 0, "X": 12}, (16, 16), pyramid_type=FULL),
    ]
    handle = open_image(czi(blocks))
    seen = to_numpy(handle)[0]
    assert np.array_equal(seen[:, :16], full)
    assert np.array_equal(seen[:, 16:], coarse.repeat(2, 0).repeat(2, 1)[:, 4:])
    assert "scaled-planes" in {note.code for note in handle.diagnostics}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["raw", "zstd1", "lzw"]),
    st.booleans(),
    st.data(),
)
def test_windows_of_scaled_subblocks_are_crops(
    stored_height: int, stored_width: int, compression: str, tiles: bool, data: st.DataObject
) -> None:
    blocks = [Block(noise(30, 33), {"C": 0, "Y": 5, "X": -7}, compression=compression)]
    scaled = noise(stored_height, stored_width, seed=1)
    start = {"C": 1, "Y": 5, "X": -7} | ({"M": 0} if tiles else {})
    blocks.append(Block(scaled, start, (30, 33), compression))
    blocks += [
        Block(np.ascontiguousarray(blocks[0].pixels[::n, ::n]), blocks[0].start, (30, 33))
        for n in (2, 4)
    ]
    handle = open_image(czi(blocks))
    level = select_level(handle, data.draw(st.integers(0, len(handle.levels) - 1)))
    whole = to_numpy(level)
    assert whole.min() > 0
    cuts = {}
    for letter, size in level.dims.items():
        first = data.draw(st.integers(0, size - 1))
        stop = data.draw(st.integers(first + 1, size))
        cuts[letter] = slice(first, stop, data.draw(st.integers(1, 3)))
    window = to_numpy(transpose_to(level, level.dims.order, **cuts))
    assert np.array_equal(window, whole[tuple(cuts.values())])


def test_masks_are_reported() -> None:
    text = b"<METADATA><AttachmentSchema><DataFormat>CHUNKCONTAINER</DataFormat></AttachmentSchema></METADATA>"
    block = Block(noise(4, 5), {"C": 0, "Y": 0, "X": 0}, metadata=text, attachment=bytes(64))
    handle = open_image(czi([block]))
    assert "subblock-masks" in {note.code for note in handle.diagnostics}
    assert np.array_equal(to_numpy(handle)[0], block.pixels)


def test_a_varying_unknown_dimension_is_an_axis() -> None:
    blocks = [Block(noise(4, 5, seed=q), {"Q": q, "Y": 0, "X": 0}) for q in range(3)]
    handle = open_image(czi(blocks))
    assert handle.dims.order == "QYX"
    assert np.array_equal(to_numpy(handle), [block.pixels for block in blocks])


def test_times_of_subblocks_are_the_only_ones() -> None:
    from aicsio.planes import read_planes
    from aicsio.testing.czi import time_stamps

    file = io.BytesIO()
    text = "<METADATA><Tags><AcquisitionTime>2020-05-01T10:00:{:02}Z</AcquisitionTime></Tags></METADATA>"
    blocks = [
        Block(noise(4, 5), {"T": t, "Y": 0, "X": 0}, metadata=text.format(5 + 11 * t).encode())
        for t in range(3)
    ]
    write_czi(file, blocks, "", [time_stamps([0.0, 10.0, 20.0])])
    handle = open_image(file.getvalue())
    assert handle.scene.planes is None
    assert handle.time_step == 10
    planes = read_planes(handle)
    assert planes is not None
    assert planes.column("time").tolist() == [0.0, 11.0, 22.0]  # type: ignore[union-attr]


def test_a_scene_without_tiles_beside_a_mosaic() -> None:
    mosaic = [Block(noise(4, 5, seed=m), {"S": 0, "M": m, "Y": 0, "X": 5 * m}) for m in range(2)]
    single = Block(noise(6, 7), {"S": 1, "Y": 0, "X": 100})
    handle = open_image(czi([*mosaic, single]), mosaic="tiles")
    assert [scene.dims.shape for scene in handle.scenes] == [(2, 4, 5), (1, 6, 7)]


def test_a_level_of_a_part_of_a_plane_is_completed_from_the_finer_level() -> None:
    """libCZI draws a region from the next finer layer where a layer has no tile."""
    pixels = noise(64, 64)
    tiles = list(blocks_of(pixels, "YX", tile=(32, 32)))
    half = np.ascontiguousarray(pixels[::2, ::2])
    start = {"Y": 0, "X": 0, "M": 0}
    left = Block(np.ascontiguousarray(half[:, :16]), start, (64, 32))
    handle = open_image(czi([*tiles, left]))
    assert [note.code for note in handle.diagnostics] == ["levels-of-some-parts"]
    level = to_numpy(select_level(handle, 1))
    assert level.shape == (32, 32)
    assert np.array_equal(level[:, :16], half[:, :16])
    # Each pixel is the full-resolution one under its centre.
    assert np.array_equal(level[:, 16:], pixels[1::2, 1::2][:, 16:])


@pytest.mark.parametrize("overlap", [0, 4, 8])
def test_whole_levels_of_overlapping_tiles_lack_nothing(overlap: int) -> None:
    tiles = blocks_of(noise(2, 200, 150), "CYX", tile=(40, 50), overlap=overlap, levels=3)
    handle = open_image(czi(list(tiles)))
    assert len(handle.levels) == 3
    assert not handle.diagnostics
