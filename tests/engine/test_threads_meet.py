"""Threads decode and encode at the same moment: no lock of ours is held around either."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import _codecs, open_image, to_numpy, write_ome_tiff
from aicsio.writers._pixels import box_writer, boxes, segments

STACK = np.random.default_rng(4).integers(0, 4096, (8, 512, 512), np.uint16)
SECONDS = 30
"""Where a lock is held around the work, the second thread never comes."""


def meeting(work: Callable[..., Any]) -> tuple[Callable[..., Any], set[int]]:
    """Let the first work of two threads wait for each other; return it, and the threads that met."""
    barrier, met = threading.Barrier(2), set[int]()

    def wait_and_work(*args: Any, **kwargs: Any) -> Any:
        thread = threading.get_ident()
        if thread not in met:
            met.add(thread)
            barrier.wait(SECONDS)
        return work(*args, **kwargs)

    return wait_and_work, met


@pytest.mark.parametrize("compression", ["zlib", "zstd"])
def test_two_threads_decode_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: Any
) -> None:
    write_ome_tiff(
        open_image(STACK, dims="ZYX"), tmp_path / "a.ome.tiff", compression=compression, tile=128
    )
    decode, met = meeting(_codecs.decode)
    monkeypatch.setattr(_codecs, "decode", decode)
    np.testing.assert_array_equal(
        to_numpy(open_image(tmp_path / "a.ome.tiff"), workers=2).squeeze(), STACK
    )
    assert len(met) == 2


def test_two_threads_encode_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pad, met = meeting(segments.pad_tile)
    monkeypatch.setattr(box_writer, "pad_tile", pad)
    monkeypatch.setattr(boxes, "BOX_BYTES", 1 << 20)
    write_ome_tiff(open_image(STACK, dims="ZYX"), tmp_path / "a.ome.tiff", tile=128, workers=2)
    assert len(met) == 2
