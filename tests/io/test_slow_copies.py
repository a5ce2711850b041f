"""Reads into memory where the system copies slowly, held against ``os.preadv`` itself."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import aicsio
from aicsio._io import slow_copies
from aicsio.testing.nd2 import Nd2Image, write_nd2

NBYTES = slow_copies.STEP * 2 + 5000
"""Two whole steps and a part of one."""
CONTENT = np.random.default_rng(5).integers(0, 256, NBYTES + slow_copies.PAGE, np.uint8)

pytestmark = pytest.mark.skipif(not hasattr(os, "preadv"), reason="needs preadv")


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "content"
    path.write_bytes(CONTENT.tobytes())
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def _memory(nbytes: int, offset: int, beyond: int) -> npt.NDArray[np.uint8]:
    """Return memory that lies so many bytes beyond the offset of a file, modulo a page."""
    room = np.zeros(nbytes + 2 * slow_copies.PAGE, np.uint8)
    address = room.__array_interface__["data"][0]
    start = (offset + beyond - address) % slow_copies.PAGE
    return room[start : start + nbytes]


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the buffers that the system is handed."""
    found: list[int] = []
    plain: Callable[..., int] = os.preadv

    def preadv(descriptor: int, buffers: tuple[memoryview, ...], offset: int) -> int:
        found.extend(buffer.nbytes for buffer in buffers)
        return plain(descriptor, buffers, offset)

    monkeypatch.setattr(slow_copies, "_HAS_SLOW_COPIES", True)
    monkeypatch.setattr(os, "preadv", preadv)
    return found


@pytest.mark.parametrize("beyond", [0, 1, 8, 16, 31, 32, 33, 2048, 4095])
@pytest.mark.parametrize("offset", [0, 8, 4095])
def test_the_bytes_are_those_of_the_file_wherever_memory_lies(
    fd: int, lengths: list[int], offset: int, beyond: int
) -> None:
    memory = _memory(NBYTES, offset, beyond)
    assert slow_copies.read_at(fd, memory.data, offset) == NBYTES
    np.testing.assert_array_equal(memory, CONTENT[offset : offset + NBYTES])
    # Nothing is read twice, and only slow memory is filled step by step.
    assert sum(lengths) == NBYTES
    assert (len(lengths) > 1) == (0 < beyond < slow_copies.SLOW_REACH)


@pytest.mark.parametrize("beyond", [0, 8])
@pytest.mark.parametrize("missing", [1, 5000, slow_copies.STEP, NBYTES])
def test_a_file_that_ends_early_gives_the_count_that_was_read(
    fd: int, lengths: list[int], beyond: int, missing: int
) -> None:
    offset = len(CONTENT) - NBYTES + missing
    memory = _memory(NBYTES, offset, beyond)
    assert slow_copies.read_at(fd, memory.data, offset) == NBYTES - missing
    np.testing.assert_array_equal(memory[: NBYTES - missing], CONTENT[offset:])
    assert not memory[NBYTES - missing :].any()
    assert lengths


def test_small_reads_are_not_looked_at(fd: int, lengths: list[int]) -> None:
    memory = _memory(slow_copies.LEAST_NBYTES - 1, 0, 8)
    assert slow_copies.read_at(fd, memory.data, 0) == memory.nbytes
    assert lengths == [memory.nbytes]


def test_pixels_reach_memory_of_the_caller_that_lies_badly(
    tmp_path: Path, lengths: list[int]
) -> None:
    pixels = np.random.default_rng(6).integers(0, 1 << 16, (2, 512, 512), np.uint16)
    path = tmp_path / "raw.nd2"
    write_nd2(Nd2Image(pixels, "ZYX"), path)
    handle = aicsio.open_image(path)
    found = set()
    for beyond in range(0, slow_copies.PAGE, 8):
        out = _memory(pixels.nbytes, 0, beyond).view("<u2").reshape(handle.shape)
        lengths.clear()
        aicsio.to_numpy(handle, workers=1, out=out)
        np.testing.assert_array_equal(out.squeeze(), pixels)
        found.add(max(lengths))
    # The pixels begin at some byte of a page: part of all places lies badly to them.
    assert found == {pixels[0].nbytes, slow_copies.STEP}
