"""A file of which something is not shown does not agree; windows of scaled subblocks are crops."""

import io
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicsio import open_image, select_level, to_numpy, transpose_to
from aicsio.testing.czi import FULL, Block, write_czi
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
    assert any("1 of 2 subblocks are left out" in message for message in report.not_shown)


def test_a_coarser_channel_that_the_library_does_not_list_is_a_difference(tmp_path: Path) -> None:
    pytest.importorskip("aicspylibczi")
    path = tmp_path / "coarse.czi"
    coarse = Block(noise(8, 8), {"C": 1, "Y": 0, "X": 0}, (16, 16), pyramid_type=FULL)
    path.write_bytes(czi([Block(noise(16, 16), {"C": 0, "Y": 0, "X": 0}), coarse]))
    report = verify(path)
    assert not report.agrees
    assert report.differences


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
