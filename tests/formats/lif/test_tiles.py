"""Tile scans with missing, surplus and absurd positions; the positions are those of the XML."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import ome_metadata, open_image, plane_table, to_numpy
from aicsio.records import ImageHandle
from aicsio.testing.lif import LifImage, build_lif
from aicsio.verify import verify

PIXEL = 1e-6
TILES = np.stack([np.full((8, 8), n + 1, np.uint8) for n in range(4)])
GRID = ((0, 0), (8, 0), (0, 8), (8, 8))
"""Places x, y of the four tiles in pixels."""


def places(*pixels: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Stage positions in metres, near 5 cm."""
    return tuple((5e-2 + x * PIXEL, 4e-2 + y * PIXEL) for x, y in pixels)


def mosaic(content: bytes, **options: Any) -> ImageHandle:
    return open_image(content, **options)


def image(tiles: npt.NDArray[Any], positions: tuple[tuple[float, float], ...]) -> bytes:
    lengths = {"X": 7 * PIXEL, "Y": 7 * PIXEL}
    return build_lif([LifImage(tiles, "MYX", tiles=positions, lengths=lengths)])


def without_position(content: bytes, m: int) -> bytes:
    """Remove the attributes PosX and PosY of one tile; the text keeps its length."""
    pieces = content.split("PosX".encode("utf-16-le"))
    head = "PosX".encode("utf-16-le").join(pieces[: m + 1])
    tail = "PosX".encode("utf-16-le").join(pieces[m + 1 :])
    tail = tail.replace("PosY".encode("utf-16-le"), "NosY".encode("utf-16-le"), 1)
    return head + "NosX".encode("utf-16-le") + tail


def canvas(*placed: tuple[int, int, int], shape: tuple[int, int] = (16, 16)) -> npt.NDArray[Any]:
    expected = np.zeros(shape, np.uint8)
    for value, x, y in placed:
        expected[y : y + 8, x : x + 8] = value
    return expected


def codes(handle: ImageHandle) -> list[str]:
    return [diagnostic.code for diagnostic in handle.diagnostics]


def test_a_stopped_scan_stores_fewer_tiles_than_it_lists() -> None:
    handle = mosaic(image(TILES[:3], places(*GRID)))
    assert codes(handle) == []
    expected = canvas((1, 0, 0), (2, 8, 0), (3, 0, 8))
    np.testing.assert_array_equal(to_numpy(handle), expected)


def test_tiles_that_the_list_lacks_are_left_out() -> None:
    handle = mosaic(image(TILES, places(*GRID[:3])))
    assert codes(handle) == ["lif-tiles-left-out"]
    assert "1 of 4 tiles, the first is 3" in handle.diagnostics[0].message
    expected = canvas((1, 0, 0), (2, 8, 0), (3, 0, 8))
    np.testing.assert_array_equal(to_numpy(handle), expected)


def test_a_file_with_tiles_that_are_left_out_is_not_verified(tmp_path: Path) -> None:
    pytest.importorskip("readlif")
    path = tmp_path / "a.lif"
    path.write_bytes(image(TILES, places(*GRID[:3])))
    report = verify(path)
    assert not report.agrees
    assert ["1 of 4 tiles" in message for message in report.not_shown] == [True]
    # Tiles that are kept apart are all shown.
    (note,) = mosaic(path.read_bytes(), mosaic="tiles").diagnostics
    assert not note.not_shown


@pytest.mark.parametrize("m", [0, 1, 3])
def test_a_tile_without_a_position_is_left_out_and_not_at_zero(m: int) -> None:
    content = without_position(image(TILES, places(*GRID)), m)
    handle = mosaic(content)
    assert codes(handle) == ["lif-tiles-left-out"]
    expected = canvas(*((n + 1, *GRID[n]) for n in range(4) if n != m))
    np.testing.assert_array_equal(to_numpy(handle), expected)
    table = handle.scene.tiles
    assert table is not None
    assert np.frombuffer(table.m, "<i4").tolist() == [n for n in range(4) if n != m]
    np.testing.assert_array_equal(to_numpy(mosaic(content, mosaic="tiles")), TILES)


def test_tiles_without_any_position_lie_by_their_fields() -> None:
    content = image(TILES[:1], places((0, 0)))
    assert mosaic(content).dims.order == "YX"
    bare = mosaic(without_position(content, 0))
    assert codes(bare) == ["lif-tiles-by-field"]


def test_fields_of_absurd_distance_stay_apart() -> None:
    content = image(TILES[:2], places((0, 0), (0, 0)))
    field = 'FieldX="0"'.encode("utf-16-le")
    far = content.replace(field, 'FieldX="9e307"'.encode("utf-16-le"), 1)
    grown = len(far) - len(content)
    length = int.from_bytes(content[4:8], "little") + grown
    characters = int.from_bytes(content[9:13], "little") + grown // 2
    header = content[:4] + length.to_bytes(4, "little") + b"\x2a" + characters.to_bytes(4, "little")
    handle = mosaic(header + far[13:])
    assert codes(handle) == ["lif-tiles-too-far"]
    np.testing.assert_array_equal(to_numpy(handle), TILES[:2])


@pytest.mark.parametrize("far", [10.0, 1e9, 1e300, 1.7e308])
def test_tiles_of_absurd_distance_stay_apart(far: float) -> None:
    handle = mosaic(image(TILES, ((0.0, 0.0), (far, 0.0), (0.0, far), (far, far))))
    assert codes(handle) == ["lif-tiles-too-far"]
    np.testing.assert_array_equal(to_numpy(handle), TILES)


def test_planes_of_a_stitched_mosaic_have_the_facts_of_the_first_tile() -> None:
    """Frames follow each other in memory, T outside of M: a time stamp a second."""
    series = LifImage(
        np.stack([TILES, TILES + 10]),
        "TMYX",
        tiles=places(*GRID),
        lengths={"X": 7 * PIXEL, "Y": 7 * PIXEL},
        times=tuple(1.5e9 + second for second in range(8)),
    )
    stitched = open_image(build_lif([series]))
    assert plane_table(stitched)["time"].tolist() == [0, 4]
    (image_element,) = ome_metadata(stitched).images
    assert [plane.delta_t for plane in image_element.pixels.planes] == [0, 4]
    apart = open_image(build_lif([series]), mosaic="tiles")
    assert plane_table(apart)["time"].tolist() == list(range(8))
