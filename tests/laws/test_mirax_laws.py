"""What was described and made as a MIRAX slide shows what was described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, select_level, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.mirax import MiraxImage, write_mirax
from aicsio.testing.strategies import mirax_images
from support import check_a_view, takes_long


@takes_long
@given(mirax_images(), st.data())
def test_a_slide_shows_what_was_described(image: MiraxImage, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_mirax(image, Path(folder) / "a.mrxs")
        sources = [path, path.with_suffix(""), path.with_suffix("") / "Slidedat.ini"]
        handle = open_image(data.draw(st.sampled_from(sources)))
        assert handle.format == "mirax"
        assert handle.diagnostics == ()
        expected = image.level(0)
        assert handle.dims.order == ("CYX" if image.filters else "YXS")
        assert np.array_equal(to_numpy(handle), expected)
        check_a_view(handle, expected, data)
        assert len(handle.scenes[0].levels) == image.levels
        for number in range(1, image.levels):
            assert np.array_equal(to_numpy(select_level(handle, number)), image.level(number))
        assert image.pixel_size == handle.pixel_size.X
        if image.filters:
            assert handle.channel_names == image.filters
    assert open_count() == 0
