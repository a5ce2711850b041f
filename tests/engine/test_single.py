"""One run of raw bytes that is the whole result: found where it is one, and read as everything else is."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import ImageHandle, open_image, to_numpy, transpose_to
from aicsio._engine.single import SingleRun, fill, find_run
from aicsio._engine.strided import plan_reads
from aicsio.errors import CorruptFileError, SourceChangedError
from aicsio.records import Selection, Source, Strided
from aicsio.testing.czi import blocks_of, write_czi
from aicsio.testing.lif import LifImage, write_lif
from aicsio.testing.nd2 import Nd2Image, build_nd2

PIXELS = np.arange(3 * 4 * 8 * 6, dtype=np.uint16).reshape(3, 4, 8, 6)
"""T, Z, Y, X."""


@pytest.fixture(params=["tiff", "big-endian tiff", "czi", "lif", "bytes"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> ImageHandle:
    """The same pixels in formats that store them raw."""
    path = tmp_path / "image"
    if request.param == "lif":
        return open_image(write_lif(path.with_suffix(".lif"), [LifImage(PIXELS, "TZYX")]))
    if request.param == "czi":
        with path.open("wb") as file:
            write_czi(file, blocks_of(PIXELS, "TZYX"))
        return open_image(path)
    order: Any = ">" if "big" in request.param else "<"
    options: Any = {"byteorder": order, "ome": True, "metadata": {"axes": "TZYX"}}
    if request.param == "bytes":
        memory = io.BytesIO()
        tifffile.imwrite(memory, PIXELS, photometric="minisblack", **options)
        return open_image(memory.getvalue())
    tifffile.imwrite(path, PIXELS, photometric="minisblack", **options)
    return open_image(path)


def test_a_plane_is_one_run(image: ImageHandle) -> None:
    plane = transpose_to(image, "YX", T=2, Z=1)
    assert find_run(plane.array) is not None
    np.testing.assert_array_equal(to_numpy(plane), PIXELS[2, 1])
    assert to_numpy(plane).dtype == np.uint16


def test_so_are_rows_of_it_and_added_axes_of_length_one(image: ImageHandle) -> None:
    rows = transpose_to(image, "QYX", T=1, Z=3, Y=slice(2, 5))
    assert find_run(rows.array) is not None
    np.testing.assert_array_equal(to_numpy(rows), PIXELS[1, 3, 2:5][None])


def test_a_run_may_have_gaps(image: ImageHandle) -> None:
    columns = transpose_to(image, "YX", T=1, Z=3, X=slice(1, 5))
    run = find_run(columns.array)
    assert run is not None
    assert run.gaps is not None
    np.testing.assert_array_equal(to_numpy(columns), PIXELS[1, 3, :, 1:5])
    memory = np.zeros((8, 4), np.uint16)
    to_numpy(columns, out=memory)
    np.testing.assert_array_equal(memory, PIXELS[1, 3, :, 1:5])


@pytest.mark.parametrize("channel", [0, 1])
def test_one_channel_of_pixels_that_hold_all_is_a_run_with_gaps(channel: int) -> None:
    pixels = PIXELS[:, :2]
    image = open_image(build_nd2(Nd2Image(pixels, "TCYX")))
    plane = transpose_to(image, "YX", T=2, C=channel)
    run = find_run(plane.array)
    assert run is not None
    assert run.gaps is not None
    np.testing.assert_array_equal(to_numpy(plane), pixels[2, channel])


def test_rows_that_lie_far_apart_are_no_run(tmp_path: Path) -> None:
    wide = np.arange(4 * 9000, dtype=np.uint16).reshape(4, 9000)
    tifffile.imwrite(tmp_path / "wide.tif", wide, metadata=None)
    columns = transpose_to(open_image(tmp_path / "wide.tif"), "YX", X=slice(700, 764))
    assert find_run(columns.array) is None
    np.testing.assert_array_equal(to_numpy(columns), wide[:, 700:764])


@pytest.mark.parametrize(
    ("order", "picks"),
    [
        ("XY", {"Z": 1}),
        ("YX", {"Z": 1, "Y": slice(None, None, 2)}),
        ("YX", {"Z": 1, "Y": slice(None, None, -1)}),
        ("YX", {"Z": 1, "X": slice(4, 1, -1)}),
        ("YX", {"Z": 1, "Y": [0, 3, 4]}),
        ("ZYX", {"Z": [3, 0]}),
    ],
)
def test_others_go_the_general_way(image: ImageHandle, order: str, picks: dict[str, Any]) -> None:
    shown = transpose_to(image, order, T=0, **picks)
    assert find_run(shown.array) is None
    letters = "ZYX"
    model = PIXELS[0]
    for letter, pick in picks.items():
        axis = letters.index(letter)
        taken = [pick] if isinstance(pick, int) else pick
        model = np.take(model, np.arange(model.shape[axis])[taken], axis)
    kept = [axis for axis in range(3) if letters[axis] in order]
    dropped = tuple(axis for axis in range(3) if axis not in kept)
    model = model.squeeze(dropped)
    if order == "XY":
        model = model.T
    np.testing.assert_array_equal(to_numpy(shown), model)


def test_memory_of_the_caller_is_filled(image: ImageHandle) -> None:
    plane = transpose_to(image, "YX", T=2, Z=1)
    memory = np.zeros((8, 6), np.uint16)
    assert to_numpy(plane, out=memory) is memory
    np.testing.assert_array_equal(memory, PIXELS[2, 1])


def test_a_file_that_was_overwritten_raises(tmp_path: Path) -> None:
    path = write_lif(tmp_path / "a.lif", [LifImage(PIXELS, "TZYX")])
    plane = transpose_to(open_image(path), "YX", T=0, Z=0)
    path.write_bytes(path.read_bytes()[:-8] + b"changed")
    with pytest.raises(SourceChangedError):
        to_numpy(plane)


def test_a_damaged_head_in_front_of_the_pixels_raises_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.czi"
    with path.open("wb") as file:
        write_czi(file, blocks_of(PIXELS, "TZYX"))
    data = bytearray(path.read_bytes())
    at = data.index(b"ZISRAWSUBBLOCK")
    data[at : at + 14] = b"x" * 14
    path.write_bytes(data)
    plane = transpose_to(open_image(path), "YX", T=0, Z=0)
    with pytest.raises(CorruptFileError, match=f"byte {at}"):
        to_numpy(plane)


@pytest.mark.parametrize("stride", [2, 4])
def test_bytes_that_end_before_the_pixels_raise(stride: int) -> None:
    source = Source("short", size=20, content=bytes(20), local=False)
    selection = Selection((0, 0), (2, 6), (0, 0))
    piece = Strided(source, 4, (2, 6), (6 * stride, stride), np.dtype("<u2"), selection)
    gaps = plan_reads(piece) if stride > 2 else None
    with pytest.raises(CorruptFileError, match="the file ends at 20"):
        fill(SingleRun(piece, swap=False, gaps=gaps), np.empty((2, 6), np.uint16))
