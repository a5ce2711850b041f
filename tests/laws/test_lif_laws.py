"""What was described and made as a LIF shows what was described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import ImageHandle, open_image, select_scene, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.lif import LifImage, build_lof, write_lif
from aicsio.testing.lifext import build_lifext
from aicsio.testing.strategies import lif_images
from support import check_a_view


@given(st.lists(lif_images(), min_size=1, max_size=3), st.data())
def test_a_file_shows_what_was_described(images: list[LifImage], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_lif(Path(folder) / "a.lif", images))
        assert len(handle.scenes) == len(images)
        for index, image in enumerate(images):
            check_a_scene(select_scene(handle, index), image, data)
    assert open_count() == 0


@given(lif_images(), st.data())
def test_its_annex_and_a_file_of_one_image_show_the_same(
    image: LifImage, data: st.DataObject
) -> None:
    for content in (build_lifext([image]), build_lof(image)):
        check_a_scene(open_image(content), image, data)


def check_a_scene(scene: ImageHandle, image: LifImage, data: st.DataObject) -> None:
    assert set(scene.dims.order) == set(image.dims)
    pixels = image.pixels.transpose([image.dims.index(one) for one in scene.dims.order])
    assert np.array_equal(to_numpy(scene), pixels)
    check_a_view(scene, pixels, data)
