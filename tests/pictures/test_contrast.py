"""``suggest_contrast``: robust to hot pixels and empty tiles, from few pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import ImageHandle, LazyArray, open_image, suggest_contrast, transpose_to
from aicsio.arrays import read_array
from aicsio.pictures import contrast, reading
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from support import takes_long

Array = npt.NDArray[Any]


def suggest(array: Array, dims: str) -> tuple[tuple[float, float], ...]:
    return suggest_contrast(open_image(array, dims=dims))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[LazyArray]:
    """The arrays that are read."""
    arrays: list[LazyArray] = []

    def counted(array: LazyArray) -> Array:
        arrays.append(array)
        return read_array(array)

    monkeypatch.setattr(contrast, "read_array", counted)
    monkeypatch.setattr(reading, "read_array", counted)
    return arrays


def cells(shape: tuple[int, int] = (400, 500)) -> Array:
    """Noise of a camera around 100, and discs up to 3 000."""
    rng = np.random.default_rng(5)
    y, x = np.ogrid[: shape[0], : shape[1]]
    image = rng.normal(100, 5, shape)
    for _ in range(12):
        top, left = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        image += 2900 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / 800)
    return image.astype(np.uint16)


def test_black_and_full_colour_are_those_of_the_sample() -> None:
    ((low, high),) = suggest(cells(), "YX")
    assert 85 < low < 105
    assert 2500 < high < 6000


def test_hot_and_dead_pixels_do_not_decide() -> None:
    image = cells()
    expected = suggest(image, "YX")
    rng = np.random.default_rng(6)
    image[rng.integers(0, 400, 100), rng.integers(0, 500, 100)] = 65535
    image[rng.integers(0, 400, 100), rng.integers(0, 500, 100)] = 0
    np.testing.assert_allclose(suggest(image, "YX"), expected, rtol=0.1)


def test_empty_tiles_do_not_decide() -> None:
    image = cells()
    expected = suggest(image, "YX")
    mosaic = np.zeros((1000, 1000), np.uint16)
    mosaic[200:600, 300:800] = image
    np.testing.assert_allclose(suggest(mosaic, "YX"), expected, rtol=0.02)


def test_each_channel_has_its_own() -> None:
    image = cells()
    first, second = suggest(np.stack([image, image // 10]), "CYX")
    np.testing.assert_allclose(np.array(second) * 10, first, rtol=0.15)


def test_the_part_in_focus_decides() -> None:
    series = np.stack([cells() // 10, cells()])
    handle = open_image(series, dims="TYX")
    assert suggest_contrast(transpose_to(handle, "YX", T=0)) == suggest(series[0], "YX")
    assert suggest_contrast(handle)[0][1] > suggest(series[0], "YX")[0][1]


def test_the_smallest_level_of_use_is_read(tmp_path: Path, reads: list[LazyArray]) -> None:
    spec = ImageSpec(C=2, Z=3, Y=1200, X=1100, levels=4)
    handle = open_image(write(TiffSpec((spec,), tile=(128, 128)), tmp_path))
    suggested = suggest_contrast(handle)
    assert {array.stored.Y for array in reads} == {300}
    assert sum(array.size for array in reads) == 2 * 3 * 300 * 275
    expected = np.percentile(pixels(spec, 2)[0, 1].ravel(), (0.5, 99.8))
    np.testing.assert_allclose(suggested[1], expected, rtol=0.02, atol=1)


@takes_long
@pytest.mark.parametrize("tile", [None, (256, 256)])
def test_large_planes_are_sampled(
    tmp_path: Path, reads: list[LazyArray], tile: tuple[int, int] | None
) -> None:
    spec = ImageSpec(Y=3000, X=3100)
    packed = TiffSpec((spec,), tile=tile, compression="zlib" if tile else "none")
    handle = open_image(write(packed, tmp_path))
    ((low, high),) = suggest_contrast(handle)
    assert len(reads) == contrast.BLOCKS**2
    assert sum(array.size for array in reads) < 1_000_000
    expected = np.percentile(pixels(spec).ravel(), (0.5, 99.8))
    np.testing.assert_allclose((low, high), expected, rtol=0.05, atol=20)


def test_a_large_plane_that_is_one_block_is_decoded_once(
    tmp_path: Path, reads: list[LazyArray]
) -> None:
    from PIL import Image

    gray = np.tile(np.arange(2200, dtype=np.uint32) // 10, (1800, 1)).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "large.png")
    ((low, high),) = suggest_contrast(open_image(tmp_path / "large.png"))
    assert len(reads) == 1
    np.testing.assert_allclose((low, high), np.percentile(gray, (0.5, 99.8)), atol=2)


def test_long_series_are_sampled(reads: list[LazyArray]) -> None:
    suggest(np.zeros((300, 40, 8, 8), np.uint8), "TZYX")
    assert len(reads) == contrast.PLANES


@pytest.mark.parametrize(
    ("array", "dims", "expected"),
    [
        (np.zeros((9, 9), np.uint16), "YX", (0, 1)),
        (np.full((9, 9), 7, np.int16), "YX", (0, 14)),
        (np.full((9, 9), -7, np.int16), "YX", (-14, 0)),
        (np.eye(9, dtype=bool), "YX", (0, 1)),
        (np.full((9, 9), np.nan), "YX", (0, 1)),
        (np.zeros((9, 9, 3), np.uint8), "YXS", (0, 255)),
        (np.full((9, 9, 3), 60_000, np.uint16), "YXS", (0, 65535)),
        (np.tile(np.arange(10_000) / 10, (1, 1)).reshape(100, 100) * 1j, "YX", (5, 998)),
    ],
    ids=str,
)
def test_any_type_has_black_below_full_colour(
    array: Array, dims: str, expected: tuple[float, float]
) -> None:
    ((low, high),) = suggest(array, dims)
    assert low < high
    np.testing.assert_allclose((low, high), expected, atol=0.5)


def test_not_numbers_do_not_count() -> None:
    image = cells().astype(np.float32)
    expected = suggest(image, "YX")
    image[::3, ::3] = np.nan
    image[1::7] = np.inf
    np.testing.assert_allclose(suggest(image, "YX"), expected, rtol=0.05)


def test_a_mosaic_with_an_empty_corner_is_not_taken_for_raw(tmp_path: Path) -> None:
    from aicsio.testing.czi import Block, write_czi

    tile = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    blocks = []
    for m in range(1, 9):
        start = {"Y": 64 * m, "X": 64 * m, "M": m}
        blocks.append(Block(tile, start, compression="zstd1"))
    # The first tile is far to the right: the corner of the canvas is empty.
    blocks.append(Block(tile, {"Y": 0, "X": 640, "M": 0}, compression="zstd1"))
    write_czi(tmp_path / "corner.czi", blocks)
    handle: ImageHandle = open_image(tmp_path / "corner.czi")
    assert not reading.is_raw(handle.array)


@pytest.mark.parametrize(
    ("length", "stored"), [(100_000, 2000), (10_000, 1000), (1500, 496), (999, 400)]
)
def test_blocks_of_the_sample_lie_within_one_stored_block(length: int, stored: int) -> None:
    starts = contrast._starts(length, stored)
    assert starts == sorted(set(starts)), "no block is read twice"
    assert starts[-1] + contrast.BLOCK_SIDE <= length
    for start, usual in zip(starts, contrast._starts(length, 1), strict=True):
        assert start // stored == (start + contrast.BLOCK_SIDE - 1) // stored
        assert usual - contrast.BLOCK_SIDE < start <= usual
