"""What was described and made as a slide in DICOM shows what was described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, select_level, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.dicom import DicomImage, write_dicom
from aicsio.testing.strategies import dicom_images
from support import check_a_view


def without_missing(image: DicomImage) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """The pixels of the first level, with zeros where a frame of its first plane is missing."""
    expected = image.pixels.copy()
    planes = expected.reshape(-1, *expected.shape[image.dims.index("Y") :])
    rows, columns = image.tile
    across = -(-image.sizes()["X"] // columns)
    for number in image.missing:
        y, x = number // across * rows, number % across * columns
        planes[0, y : y + rows, x : x + columns] = 0
    return expected


@given(dicom_images(), st.data())
def test_a_slide_shows_what_was_described(image: DicomImage, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_dicom(image, Path(folder))
        handle = open_image(data.draw(st.sampled_from([path, Path(folder)])))
        assert handle.format == "dicom"
        assert handle.dims.order == image.dims
        expected = without_missing(image)
        assert np.array_equal(to_numpy(handle), expected)
        check_a_view(handle, expected, data)
        levels = len(handle.contents.scenes[0].levels)
        sizes = {image.level(number).shape for number in range(image.levels)}
        assert levels == len(sizes)
        for number in range(1, levels):
            assert np.array_equal(to_numpy(select_level(handle, number)), image.level(number))
        assert handle.pixel_size.X is not None
        assert abs(handle.pixel_size.X - image.pixel_size) < 1e-6
        if "Z" in image.dims:
            assert image.z_step == handle.pixel_size.Z
        codes = {one.code for one in handle.diagnostics}
        assert ("dicom-missing-tiles" in codes) == bool(image.missing)
    assert open_count() == 0
