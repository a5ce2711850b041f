"""Windows of raw pixels whose rows lie apart: each is read alone, straight to its place."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import CorruptFileError, open_image, to_numpy, transpose_to
from aicsio._engine import rows, strided
from aicsio.records import Selection, Source, Strided
from aicsio.testing.mrc import MrcImage, build_mrc

PIXELS = np.random.default_rng(8).integers(0, 30_000, (3, 2, 4, 90, 700), np.int16)
WINDOW: dict[str, Any] = {"Y": slice(11, 50), "X": slice(300, 420)}


@pytest.fixture(params=["<", ">"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / "stack.dv"
    made.write_bytes(build_mrc(MrcImage(PIXELS, "TCZYX", byte_order=request.param)))
    return made


def plan(window: tuple[int, ...], strides: tuple[int, ...] = (126_000, 1400, 2)) -> Any:
    selection = Selection((0, 11, 300), window, (0, 0, 0))
    piece = Strided(Source("a"), 0, (4, 90, 700), strides, np.dtype("<i2"), selection)
    return strided.plan_reads(piece)


def test_rows_that_a_call_can_join_do_not_lie_apart() -> None:
    assert rows.lie_apart(plan((4, 39, 120)))
    assert not rows.lie_apart(plan((1, 39, 400)))  # one read of all rows
    assert not rows.lie_apart(plan((1, 39, 700)))  # rows without a gap


def test_extent_covers_all_reads() -> None:
    for strides in ((126_000, 1400, 2), (-126_000, 1400, 2), (126_000, -1400, 2)):
        made = plan((4, 39, 120), strides)
        lows = [low for low, _ in made.each()]
        low, nbytes = made.extent()
        assert (low, low + nbytes) == (min(lows), max(lows) + made.nbytes)


@pytest.mark.parametrize("order", ["TCZYX", "ZTYXC", "YXZTC", "TCZXY"])
def test_windows_equal_crops(path: Path, order: str) -> None:
    handle = open_image(path)
    window = to_numpy(transpose_to(handle, order, **WINDOW))
    crop = PIXELS[..., 11:50, 300:420]
    np.testing.assert_array_equal(window, np.einsum(f"tczyx->{order.lower()}", crop))


def test_a_read_may_come_in_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "preadv"):
        pytest.skip("no positional reads here")
    handle, preadv = open_image(path), os.preadv

    def by_parts(fd: int, buffers: Any, offset: int) -> int:
        return preadv(fd, [memoryview(buffers[0]).cast("B")[:100]], offset)

    monkeypatch.setattr(os, "preadv", by_parts)
    window = to_numpy(transpose_to(handle, "YX", T=1, C=1, Z=2, **WINDOW))
    np.testing.assert_array_equal(window, PIXELS[1, 1, 2, 11:50, 300:420])


def test_rows_beyond_the_end_of_the_file_are_an_error() -> None:
    content = bytes(4 * 126_000 - 200)
    source = Source("memory:a", size=len(content), content=content, local=False)
    made = plan((4, 90, 120))
    memory = rows.find_memory(made, np.empty((4, 90, 120), np.int16))
    assert memory is not None
    from aicsio._io import readers

    with readers.lend(source) as reader, pytest.raises(CorruptFileError):
        rows.fill(made, memory, reader)


def test_rows_with_gaps_in_memory_are_left_to_the_queue() -> None:
    made = plan((4, 39, 120))
    assert rows.find_memory(made, np.empty((4, 39, 240), np.int16)[..., ::2]) is None
