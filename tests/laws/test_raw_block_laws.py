"""What was described and made as ICS, NRRD or PIC shows what was described."""

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.raw_blocks import write_raw_block
from aicsio.testing.strategies import raw_block_images
from support import check_a_view


@pytest.mark.parametrize("suffix", ["ics", "nrrd", "pic"])
@given(st.data())
def test_a_file_shows_what_was_described(
    suffix: Literal["ics", "nrrd", "pic"], data: st.DataObject
) -> None:
    image = data.draw(raw_block_images(suffix))
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_raw_block(image, Path(folder) / f"a.{suffix}"))
        assert handle.dims.order == image.dims
        assert np.array_equal(to_numpy(handle), image.pixels)
        check_a_view(handle, image.pixels, data)
        assert image.spacing[1:] == (handle.pixel_size.Y, handle.pixel_size.X)
    assert open_count() == 0
