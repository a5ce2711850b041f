"""The first write to each page of a fresh result never covers a pixel."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import aicsio
from aicsio._engine import fresh_pages, run
from aicsio._engine.fresh_pages import FreshPages
from aicsio.testing.nd2 import Nd2Image, write_nd2

PIXELS = np.random.default_rng(8).integers(1, 60_000, (7, 96, 80), np.uint16)
PAGE = 256


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_pages, "PAGE", PAGE)
    monkeypatch.setattr(fresh_pages, "TOUCHED", 32)
    monkeypatch.setattr(fresh_pages, "LEAST_BLOCK", 1)
    monkeypatch.setattr(run, "RECYCLED", 0)
    monkeypatch.setattr(run, "SMALL", 0)


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pages that are written first, in order."""
    pages: list[int] = []
    write = FreshPages._write_zeros

    def listed(self: FreshPages, page: int) -> None:
        pages.append(page)
        write(self, page)

    monkeypatch.setattr(FreshPages, "_write_zeros", listed)
    return pages


@pytest.mark.parametrize("direction", ["up", "down", "mixed"])
@pytest.mark.parametrize("skipped", [0, 2, 62, 254])
@pytest.mark.parametrize("size", [PAGE // 8, PAGE, 3 * PAGE + 10, 1000, 1003])
def test_parts_in_any_order_keep_their_pixels(
    direction: str, skipped: int, size: int, touched: list[int]
) -> None:
    room = np.zeros(size + 2 * PAGE, np.uint8)
    start = (skipped - room.__array_interface__["data"][0]) % PAGE
    out = room[start : start + size]
    pages = FreshPages(out)
    bounds = sorted({0, 3, PAGE // 16, PAGE // 2, 300, 301, 700, 3 * PAGE, size})
    parts = [(low, high) for low, high in itertools.pairwise(bounds) if high <= size]
    ordered = {"up": parts, "down": parts[::-1], "mixed": [*parts[1::2], *parts[::2]]}[direction]
    for low, high in ordered:
        pages.touch(out[low:high])
        out[low:high] = 7
    assert out.all()
    assert not room[:start].any()
    assert not room[start + size :].any()
    # Each page once, whoever shares it.
    assert sorted(touched) == list(range((skipped + size - 1) // PAGE + 1))


def test_zeros_are_written_at_the_end_of_a_page() -> None:
    room = np.zeros(3 * PAGE, np.uint8)
    start = -room.__array_interface__["data"][0] % PAGE
    out = room[start : start + PAGE + 100]
    out[...] = 1
    FreshPages(out).touch(out[:1])
    assert np.flatnonzero(out == 0).tolist() == list(range(PAGE - 32, PAGE))
    FreshPages(out).touch(out[-1:])
    assert np.flatnonzero(out[PAGE:] == 0).tolist() == list(range(100 - 32, 100))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    "picks", [{}, {"Z": slice(None, None, 2)}, {"Z": [0, 1, 5]}, {"Y": [0, 2, 50]}]
)
@pytest.mark.parametrize("kind", ["nd2", "zstd tiles", "raw strips"])
@pytest.mark.parametrize("order", ["ZYX", "YXZ"])
def test_every_read_keeps_its_pixels(
    kind: str, picks: dict[str, Any], order: str, workers: int, tmp_path: Path
) -> None:
    path = tmp_path / "stack.ome.tiff"
    image = aicsio.open_image(PIXELS, dims="ZYX")
    if kind == "nd2":
        path = write_nd2(Nd2Image(PIXELS, "ZYX"), tmp_path / "stack.nd2")
    elif kind == "zstd tiles":
        aicsio.write_ome_tiff(image, path, compression="zstd", tile=32)
    else:
        aicsio.write_ome_tiff(image, path, compression=None)
    handle = aicsio.transpose_to(aicsio.open_image(path), order, **picks)
    expected = aicsio.to_numpy(aicsio.transpose_to(image, order, **picks))
    np.testing.assert_array_equal(aicsio.to_numpy(handle, workers=workers), expected)


def test_large_results_are_touched_and_memory_of_the_caller_is_not(
    touched: list[int], tmp_path: Path
) -> None:
    handle = aicsio.open_image(write_nd2(Nd2Image(PIXELS, "ZYX"), tmp_path / "stack.nd2"))
    memory = np.empty(handle.shape, handle.dtype)
    aicsio.to_numpy(handle, out=memory)
    assert not touched
    aicsio.to_numpy(handle)
    assert len(touched) >= PIXELS.nbytes // PAGE


def test_small_blocks_and_those_that_are_spread_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fresh_pages, "LEAST_BLOCK", 100)
    monkeypatch.setattr(fresh_pages, "FARTHEST", 1000)
    out: npt.NDArray[np.uint8] = np.zeros((20, 100), np.uint8)

    def are_worthwhile(part: npt.NDArray[np.uint8]) -> bool:
        return FreshPages(out).are_worthwhile(part)

    assert not are_worthwhile(out[0, :99])
    assert are_worthwhile(out[0])
    assert are_worthwhile(out[:10, :50])
    assert not are_worthwhile(out[:11, :50])
    assert are_worthwhile(out)


def test_the_first_block_decides_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_pages, "LEAST_BLOCK", 100)
    out: npt.NDArray[np.uint8] = np.zeros((20, 100), np.uint8)
    pages = FreshPages(out)
    assert not pages.are_worthwhile(out[0, :99])
    assert not pages.are_worthwhile(out)
    pages = FreshPages(out)
    assert pages.are_worthwhile(out)
    assert pages.are_worthwhile(out[0, :99])


@pytest.mark.parametrize("chunks", [{"Z": 2}, {"Y": 40, "X": 30}])
def test_tasks_of_dask_share_the_pages(
    chunks: dict[str, int], touched: list[int], tmp_path: Path
) -> None:
    handle = aicsio.open_image(write_nd2(Nd2Image(PIXELS, "ZYX"), tmp_path / "stack.nd2"))
    lazy = aicsio.to_dask(handle, chunks=chunks)
    np.testing.assert_array_equal(lazy.compute(num_workers=3).squeeze(), PIXELS)
    assert len(touched) == len(set(touched)) >= PIXELS.nbytes // PAGE
