"""What was described and made as SPE shows what was described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, select_scene, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.spe import SpeImage, write_spe
from aicsio.testing.strategies import spe_images
from support import check_a_view


@given(spe_images(), st.data())
def test_a_file_shows_what_was_described(image: SpeImage, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_spe(image, Path(folder) / "a.spe"))
        assert len(handle.scenes) == len(image.regions)
        for index, region in enumerate(image.regions):
            scene = select_scene(handle, index)
            assert scene.dims.order == "TYX"
            assert np.array_equal(to_numpy(scene), region)
            assert to_numpy(scene).dtype == region.dtype
            assert scene.scene.planes is not None
        check_a_view(scene, region, data)
    assert open_count() == 0
