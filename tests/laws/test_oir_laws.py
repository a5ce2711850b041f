"""What was described and made as an OIR file shows what was described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.oir import OirImage, write_oir
from aicsio.testing.strategies import oir_images
from support import check_a_view, takes_long


@takes_long
@given(oir_images(), st.data())
def test_a_file_shows_what_was_described(image: OirImage, data: st.DataObject) -> None:
    lead = image.pixels.shape[: len(image.axes)]
    expected = image.pixels.copy()
    for number in image.missing:
        expected[np.unravel_index(number, lead)] = 0
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_oir(image, Path(folder) / "a.oir"))
        assert handle.dims.order == image.dims
        assert np.array_equal(to_numpy(handle), expected)
        check_a_view(handle, expected, data)
        assert image.pixel_size == handle.pixel_size.X
        if "Z" in image.axes:
            assert image.z_step == handle.pixel_size.Z
        codes = [one.code for one in handle.diagnostics]
        assert ("oir-missing-planes" in codes) == bool(image.missing)
        assert ("oir-index" in codes) == (not image.has_index)
    assert open_count() == 0
