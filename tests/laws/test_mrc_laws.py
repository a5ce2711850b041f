"""What was described and made as DeltaVision or MRC shows what was described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.mrc import MrcImage, write_mrc
from aicsio.testing.strategies import mrc_images
from support import check_a_view


@given(mrc_images(), st.data())
def test_a_file_shows_what_was_described(image: MrcImage, data: st.DataObject) -> None:
    suffix = "dv" if image.kind == "deltavision" else "mrc"
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_mrc(image, Path(folder) / f"a.{suffix}"))
        assert handle.dims.order == image.dims
        assert np.array_equal(to_numpy(handle), image.pixels)
        check_a_view(handle, image.pixels, data)
        assert np.allclose(handle.pixel_size.X, image.spacing[0])  # type: ignore[arg-type]
    assert open_count() == 0
