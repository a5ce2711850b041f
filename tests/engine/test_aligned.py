"""Results lie in memory as their bytes lie in the file."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import aicsio
from aicsio._engine import aligned, run
from aicsio._io import slow_copies
from aicsio.testing.lif import LifImage, build_lof
from aicsio.testing.nd2 import Nd2Image, write_nd2

PIXELS = np.random.default_rng(5).integers(0, 60_000, (6, 96, 80), np.uint16)


def _address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aligned, "WORTHWHILE", 1)


@pytest.fixture(params=["nd2", "lof"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / f"stack.{request.param}"
    if request.param == "nd2":
        write_nd2(Nd2Image(PIXELS, "ZYX"), made)
    else:
        made.write_bytes(build_lof(LifImage(PIXELS, "ZYX", lengths={"X": 1e-4, "Y": 1e-4})))
    return made


def test_address_and_offset_in_the_file_agree(path: Path) -> None:
    array = aicsio.open_image(path).array
    read = run.read(array)
    np.testing.assert_array_equal(read.squeeze(), PIXELS)
    # Where the bytes of the first pixels stand in the file, by looking for them.
    offset = path.read_bytes().index(PIXELS[0].tobytes())
    assert aligned.find_offset(array) == offset
    assert _address(read) % aligned.LINE == offset % aligned.LINE


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("offset", [0, 2, 62, 4098])
def test_memory_has_the_residue_of_the_offset(offset: int, large: bool) -> None:
    made = aligned.make_array((3, 5), np.dtype("<u2"), offset, zero_filled=large)
    assert (made.shape, made.dtype, made.flags.c_contiguous) == ((3, 5), np.dtype("<u2"), True)
    assert _address(made) % 64 == offset % 64
    assert not large or not made.any()


def test_items_never_cross_their_own_alignment() -> None:
    made = aligned.make_array((40, 40), np.dtype("<f8"), 4099, zero_filled=False)
    assert made.flags.aligned


def test_a_frame_without_its_header_gives_the_error_of_reading(tmp_path: Path) -> None:
    path = tmp_path / "damaged.nd2"
    write_nd2(Nd2Image(PIXELS, "ZYX"), path)
    handle = aicsio.open_image(path)
    data = bytearray(path.read_bytes())
    layout: Any = handle.array.layout
    first = layout.offsets.at(0)
    data[first : first + 4] = b"none"
    path.write_bytes(data)
    handle = aicsio.open_image(path)
    assert aligned.find_offset(handle.array) is None
    with pytest.raises(aicsio.CorruptFileError, match="at the start of a frame"):
        aicsio.to_numpy(handle)


def test_pixels_that_are_decoded_have_no_offset(tmp_path: Path) -> None:
    path = tmp_path / "coded.nd2"
    write_nd2(Nd2Image(PIXELS, "ZYX", compressed=True), path)
    handle = aicsio.open_image(path)
    assert aligned.find_offset(handle.array) is None
    np.testing.assert_array_equal(aicsio.to_numpy(handle).squeeze(), PIXELS)


def test_memory_is_never_a_few_bytes_beyond_its_offset_where_copies_are_slow() -> None:
    moved = 0
    for offset in range(0, 2 * slow_copies.PAGE, 8):
        made = aligned.make_apart((128, 128), np.dtype("<u2"), offset)
        assert (made.shape, made.dtype.str, made.flags.c_contiguous) == ((128, 128), "<u2", True)
        assert made.flags.aligned
        assert not 0 < (_address(made) - offset) % slow_copies.PAGE < slow_copies.SLOW_REACH
        moved += made.base is not None
    # NumPy's own memory is at some address: of all offsets, some do not suit it.
    assert 0 < moved < 2 * slow_copies.PAGE // 8


def test_small_memory_is_taken_as_it_comes() -> None:
    for offset in range(0, slow_copies.PAGE, 8):
        assert aligned.make_apart((8, 8), np.dtype("<u2"), offset).base is None
