"""Laws of CZI on generated files: windows, stitching, tiles, engines, remote files."""

import io
import tempfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aicsio import open_image, select_level, select_scene, to_numpy, transpose_to
from aicsio.testing.czi import Block, blocks_of, metadata_xml, write_czi
from aicsio.testing.strategies import CziScenes, czi_scenes
from aicsio.verify import verify
from support import check_a_view

Pixels = npt.NDArray[Any]
LAW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KINDS = [("uint8", 1), ("uint16", 1), ("float32", 1), ("uint8", 3), ("uint16", 3)]


@st.composite
def mosaics(draw: st.DrawFn) -> tuple[list[Block], list[Pixels]]:
    """Scenes of tiles at random places, and the pixels that a stitcher must make of them."""
    dtype, samples = draw(st.sampled_from(KINDS))
    compression = draw(st.sampled_from(["raw", "zstd0", "zstd1", "lzw"]))
    seed = draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    blocks: list[Block] = []
    canvases = []
    for scene in range(draw(st.integers(1, 2))):
        channels, count = draw(st.integers(1, 2)), draw(st.integers(1, 6))
        reach = draw(st.integers(1, 40))
        placed = []
        for c in range(channels):
            for m in range(count):
                height, width = (int(n) for n in rng.integers(1, 14, 2))
                y, x = (int(n) for n in rng.integers(-reach, reach, 2))
                shape = (height, width) + ((samples,) if samples > 1 else ())
                placed.append((c, m, y, x, (rng.random(shape) * 200).astype(dtype)))
        top, left = min(p[2] for p in placed), min(p[3] for p in placed)
        bottom = max(p[2] + p[4].shape[0] for p in placed)
        right = max(p[3] + p[4].shape[1] for p in placed)
        canvas = np.zeros(
            (channels, bottom - top, right - left) + ((samples,) if samples > 1 else ()), dtype
        )
        for c, _, y, x, tile in placed:
            canvas[c, y - top : y - top + tile.shape[0], x - left : x - left + tile.shape[1]] = tile
        canvases.append(canvas)
        blocks += [
            Block(tile, {"S": scene, "C": c, "M": m, "Y": y, "X": x}, compression=compression)
            for c, m, y, x, tile in placed
        ]
    shuffled = draw(st.permutations(range(len(blocks))))
    return [blocks[i] for i in shuffled], canvases


def made(blocks: list[Block]) -> bytes:
    file = io.BytesIO()
    write_czi(file, blocks, metadata_xml(channels=["a", "b"]))
    return file.getvalue()


@LAW
@given(mosaics())
def test_stitched_is_what_numpy_makes_of_the_tiles(drawn: tuple[list[Block], list[Pixels]]) -> None:
    blocks, canvases = drawn
    handle = open_image(made(blocks))
    assert len(handle.scenes) == len(canvases)
    for index, canvas in enumerate(canvases):
        assert np.array_equal(to_numpy(select_scene(handle, index)), canvas)


@LAW
@given(mosaics(), st.data())
def test_any_window_is_a_crop_of_the_whole(
    drawn: tuple[list[Block], list[Pixels]], data: st.DataObject
) -> None:
    blocks, canvases = drawn
    handle = open_image(made(blocks))
    index = data.draw(st.integers(0, len(canvases) - 1))
    canvas, focused = canvases[index], select_scene(handle, index)
    cuts = {}
    for axis, letter in enumerate(focused.dims):
        size = canvas.shape[axis]
        start = data.draw(st.integers(0, size - 1))
        cuts[letter] = slice(
            start, data.draw(st.integers(start + 1, size)), data.draw(st.integers(1, 3))
        )
    window = to_numpy(transpose_to(focused, focused.dims.order, **cuts))
    assert np.array_equal(window, canvas[tuple(cuts.values())])


@LAW
@given(mosaics())
def test_tiles_are_the_stitched_image_cut_again(drawn: tuple[list[Block], list[Pixels]]) -> None:
    blocks, canvases = drawn
    handle = open_image(made(blocks), mosaic="tiles")
    by_place = {
        tuple(block.start[letter] for letter in "SCM"): block.pixels
        for block in blocks
        if "M" in block.start
    }
    for index in range(len(canvases)):
        focused = select_scene(handle, index)
        tiles = to_numpy(focused)
        if "M" not in focused.dims:
            # A file of one tile a plane is no mosaic: there is nothing to keep apart.
            assert np.array_equal(tiles, canvases[index])
            continue
        for (s, c, m), pixels in by_place.items():
            if s == index:
                tile = tiles[m, c]
                assert np.array_equal(tile[: pixels.shape[0], : pixels.shape[1]], pixels)


@LAW
@given(mosaics())
def test_far_files_read_as_near_ones(drawn: tuple[list[Block], list[Pixels]]) -> None:
    blocks, canvases = drawn
    fsspec.filesystem("memory").pipe_file("/laws/made.czi", made(blocks))
    handle = open_image("memory://laws/made.czi")
    for index, canvas in enumerate(canvases):
        focused = select_scene(handle, index)
        assert np.array_equal(to_numpy(focused), canvas)
        part = transpose_to(focused, focused.dims.order, Y=slice(0, 3), X=slice(-2, None))
        assert np.array_equal(to_numpy(part), canvas[:, :3, -2:])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(KINDS),
    st.sampled_from(["raw", "zstd0", "zstd1", "jpegxr"]),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
)
def test_both_engines_agree(
    kind: tuple[str, int], compression: str, channels: int, height: int, width: int, tiled: bool
) -> None:
    pytest.importorskip("aicspylibczi")
    dtype, samples = kind
    if compression == "jpegxr" and dtype == "float32":
        compression = "zstd1"
    shape = (channels, height, width) + ((samples,) if samples > 1 else ())
    pixels = (np.random.default_rng(height).random(shape) * 200).astype(dtype)
    tile = (height // 2 + 1, width // 2 + 1) if tiled else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.czi"
        dims = "CYX" + "S" * (samples > 1)
        write_czi(
            path,
            blocks_of(
                pixels,
                dims,
                scene=0,
                tile=tile,
                levels=2 if height > 8 else 1,
                compression=compression,
            ),
        )
        report = verify(path)
        assert report.agrees, str(report)
        assert np.array_equal(to_numpy(open_image(path)), pixels)


@LAW
@given(st.integers(8, 70), st.integers(8, 70), st.integers(1, 3), st.booleans())
def test_levels_are_what_was_stored(height: int, width: int, levels: int, tiled: bool) -> None:
    pixels = np.random.default_rng(width).integers(0, 255, (2, height, width), dtype="uint8")
    handle = open_image(
        made(
            list(
                blocks_of(
                    pixels, "CYX", tile=(16, 16) if tiled else None, levels=levels, origin=(-3, 9)
                )
            )
        )
    )
    assert len(handle.levels) == levels
    for level in range(levels):
        assert np.array_equal(
            to_numpy(select_level(handle, level)), pixels[:, :: 2**level, :: 2**level]
        )


@given(czi_scenes(), st.data())
def test_a_file_shows_what_was_described(drawn: CziScenes, data: st.DataObject) -> None:
    file = io.BytesIO()
    write_czi(file, drawn.blocks)
    handle = open_image(file.getvalue())
    assert len(handle.scenes) == len(drawn.images)
    for index, image in enumerate(drawn.images):
        scene = select_scene(handle, index)
        assert scene.dims.order == drawn.dims
        assert len(scene.levels) == drawn.levels
        for level in range(drawn.levels):
            factor = 2**level
            step = [slice(None, None, factor if letter in "YX" else None) for letter in drawn.dims]
            assert np.array_equal(to_numpy(select_level(scene, level)), image[tuple(step)])
        check_a_view(scene, image, data)
