"""Sums of squares of two by two pixels, strip by strip, against sums of four slices by numpy in 64 bits."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio._codecs import Scratch
from aicsio.writers._pixels import downsampling

MEAN = downsampling.POOLINGS["mean"]


def four_slices(pixels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Pixels beyond an odd edge are 0: they add nothing."""
    odd = pixels.shape[0] % 2, pixels.shape[1] % 2
    whole = np.pad(pixels.astype(np.int64), ((0, odd[0]), (0, odd[1]), (0, 0)))
    return whole[0::2, 0::2] + whole[1::2, 0::2] + whole[0::2, 1::2] + whole[1::2, 1::2]


@pytest.mark.parametrize("strip", [64, 1000, 1 << 18])
@pytest.mark.parametrize("shape", [(16, 10), (34, 8), (7, 5), (2, 2), (1, 12)])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<u4", "<i2", "<f4"])
def test_sums_are_those_of_four_slices(
    dtype: str, shape: tuple[int, int], strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downsampling, "_STRIP_BYTES", strip)
    rng = np.random.default_rng(shape[0] * 100 + shape[1])
    kind = np.dtype(dtype)
    most = 200 if kind.kind == "f" else np.iinfo(kind).max
    for limit in (most // 8, most):
        wide = rng.integers(0, limit, (shape[0], shape[1] + 6, 1)).astype(kind)
        # The largest pixel in the last rows alone: the first strips are small enough for narrow sums.
        rising = np.sort(wide.reshape(-1)).reshape(wide.shape)
        memory = (wide[:, : shape[1]].copy(), wide[:, 4 : 4 + shape[1]], rising[:, : shape[1]])
        for pixels in memory:
            before = pixels.copy()
            sums = MEAN.halve(pixels, MEAN.state(kind, 3), 1, Scratch())
            np.testing.assert_array_equal(sums, four_slices(pixels))
            np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("samples", [1, 3])
def test_sums_of_sums_go_on_in_the_same_strips(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downsampling, "_STRIP_BYTES", 256)
    pixels = np.random.default_rng(1).integers(0, 4096, (48, 40, samples)).astype("<u2")
    state, model = pixels, pixels.astype(np.int64)
    for level in (1, 2, 3):
        state = MEAN.halve(state, MEAN.state(pixels.dtype, 3), level, Scratch())
        model = four_slices(model)
        np.testing.assert_array_equal(state, model)
