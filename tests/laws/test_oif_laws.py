"""What was described and made as an OIF set shows what was described, in one file or in many."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.oif import OifImage, write_oif
from aicsio.testing.strategies import oif_images
from support import check_a_view


@given(oif_images(), st.sampled_from([".oif", ".oib"]), st.data())
def test_a_set_shows_what_was_described(image: OifImage, suffix: str, data: st.DataObject) -> None:
    lead = image.pixels.shape[: len(image.axes)]
    expected = image.pixels.copy()
    for number in image.missing:
        expected[np.unravel_index(number, lead)] = 0
    # A series that was stopped shows the positions of its slowest axis that it has.
    slowest = next((axis for axis, size in enumerate(lead) if size > 1), None)
    if slowest is not None:
        present = np.ones(lead, np.bool_)
        present[np.unravel_index(np.array(image.missing, np.intp), lead)] = False
        others = tuple(axis for axis in range(len(lead)) if axis != slowest)
        last = int(np.flatnonzero(present.any(axis=others)).max())
        expected = expected.take(range(last + 1), slowest)
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_oif(image, Path(folder) / f"a{suffix}"))
        assert handle.dims.order == image.dims
        assert np.array_equal(to_numpy(handle), expected)
        check_a_view(handle, expected, data)
        assert image.pixel_size == handle.pixel_size.X
        if "Z" in image.axes:
            assert image.z_step == handle.pixel_size.Z
        left = expected.shape[: len(image.axes)]
        zero = sum(
            all(at < size for at, size in zip(np.unravel_index(number, lead), left, strict=True))
            for number in image.missing
        )
        told = [one.message for one in handle.diagnostics if one.code == "oif-missing-planes"]
        assert [message.split()[0] for message in told] == [str(zero)] * bool(zero)
    assert open_count() == 0
