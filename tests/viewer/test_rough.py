"""Rough pictures of large planes: what they show, what they read, and that they end."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import LazyArray, Viewer, open_image, view
from aicsio.arrays import read_array
from aicsio.testing.czi import Block, metadata_xml, write_czi
from aicsio.viewer import rough
from aicsio.viewer.pyramid import plane_of
from aicsio.viewer.server import Cancelled

Array = npt.NDArray[Any]
ROWS, COLUMNS, TILE = 16, 8, 100


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """A mosaic without levels, whose tiles hold one value each: 10 times the row, plus the column."""
    tiles = []
    for number, (row, column) in enumerate(np.ndindex(ROWS, COLUMNS)):
        pixels = np.full((TILE, TILE), 10 * row + column, np.uint8)
        start = {"Y": TILE * row, "X": TILE * column, "M": number}
        tiles.append(Block(pixels, start, compression="zstd1"))
    write_czi(tmp_path / "slide.czi", tiles, metadata_xml())
    return tmp_path / "slide.czi"


def request(viewer: Viewer, path: str) -> bytes:
    address = f"{viewer.url}api/{path}"
    with urllib.request.urlopen(address, timeout=20) as response:  # noqa: S310 - loopback
        body: bytes = response.read()
    return body


def test_a_small_plane_needs_none(slide: Path) -> None:
    with view(open_image(slide), browser=False) as running:
        assert json.loads(request(running, "scene"))["rough"] == []
        with pytest.raises(urllib.error.HTTPError, match="404"):
            request(running, "rough")


def test_the_second_picture_is_finer(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rough, "LEAST_BYTES", 1)
    with view(open_image(slide), browser=False) as running:
        assert json.loads(request(running, "scene"))["rough"] == [[8, 4], [16, 8]]
        first = np.frombuffer(request(running, "rough?pass=0"), np.uint8).reshape(8, 4)
        second = np.frombuffer(request(running, "rough?pass=1"), np.uint8).reshape(16, 8)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            request(running, "rough?pass=2")
    # In the first one, the middle of each cell is the corner of four tiles.
    corners = 10 * np.arange(0, ROWS, 2)[:, None] + np.arange(0, COLUMNS, 2) + (10 + 1) / 2
    np.testing.assert_allclose(first, corners, atol=0.5)
    np.testing.assert_array_equal(second, 10 * np.arange(ROWS)[:, None] + np.arange(COLUMNS))


def test_spots_alone_are_read_and_nothing_when_nobody_waits(
    slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = plane_of(open_image(slide).array, {})
    sizes: list[int] = []

    def counted(array: LazyArray, workers: int | None = None) -> Array:
        sizes.append(array.nbytes)
        return read_array(array, workers)

    monkeypatch.setattr(rough, "read_array", counted)
    assert rough.read_rough(plane, (8, 4), lambda: None, smooth=True).shape == (8, 4)
    assert sizes == [rough.SPOT**2] * 32

    def gone() -> None:
        raise Cancelled

    sizes.clear()
    with pytest.raises(Cancelled):
        rough.read_rough(plane, (8, 4), gone, smooth=True)
    assert sizes == []


def test_colours_and_complex_pixels_keep_their_kind() -> None:
    colors = np.zeros((400, 600, 3), np.uint8)
    colors[:, 300:, 1] = 200
    plane = plane_of(open_image(colors, dims="YXS").array, {})
    assert rough.read_rough(plane, (1, 2), lambda: None, smooth=True).tolist() == [
        [[0, 0, 0], [0, 200, 0]]
    ]
    waves = np.full((400, 600), 3 + 4j, np.complex64)
    plane = plane_of(open_image(waves, dims="YX").array, {})
    shown = rough.read_rough(plane, (1, 2), lambda: None, smooth=True)
    assert shown.dtype == np.float32
    assert shown.tolist() == [[5.0, 5.0]]
