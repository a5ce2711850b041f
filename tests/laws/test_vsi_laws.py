"""What was described and made as a VSI file shows what was described."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, select_level, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.strategies import vsi_images
from aicsio.testing.vsi import VsiImage, write_vsi
from support import check_a_view


def without_missing(image: VsiImage) -> npt.NDArray[Any]:
    """The full resolution with zeros where no tile is stored; of one plane."""
    expected = image.pixels.copy()
    row, column = image.corner
    across = -(-(image.sizes()["X"] + column) // image.tile[1])
    for number in image.missing:
        y, x = (at * size for at, size in zip(divmod(number, across), image.tile, strict=True))
        low, left = max(y - row, 0), max(x - column, 0)
        expected[
            low : max(y + image.tile[0] - row, 0), left : max(x + image.tile[1] - column, 0)
        ] = 0
    return expected


@given(vsi_images(), st.data())
def test_a_file_shows_what_was_described(image: VsiImage, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_vsi(image, Path(folder) / "a.vsi"))
        expected = without_missing(image)
        assert handle.diagnostics == ()
        assert handle.dims.order == image.dims
        assert len(handle.scenes[0].levels) == image.levels
        assert np.array_equal(to_numpy(handle), expected)
        check_a_view(handle, expected, data)
        for level in range(1, image.levels):
            assert np.array_equal(to_numpy(select_level(handle, level)), image.level(level))
        assert image.pixel_size == handle.pixel_size.X
        if "Z" in image.axes:
            assert abs(image.z_step) == handle.pixel_size.Z
        if "T" in image.axes:
            assert image.period == handle.scenes[0].time_step
    assert open_count() == 0
