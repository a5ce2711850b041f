"""What was described and made as an Imaris file shows what was described."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, select_level, to_dask, to_numpy, transpose_to
from aicsio._io.readers import open_count
from aicsio.testing.ims import ImsImage, write_ims
from aicsio.testing.model import transpose_array
from aicsio.testing.strategies import ims_images, picks

pytest.importorskip("h5py")


@given(ims_images(), st.data())
def test_a_file_shows_what_was_described(image: ImsImage, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_ims(image, Path(folder) / "a.ims"))
        number = data.draw(st.integers(0, image.levels - 1))
        expected = image.level(number).copy()
        for place in image.missing:
            expected[place] = 0
        picked = {
            letter: data.draw(picks(size).filter(lambda pick: not isinstance(pick, int)))
            for letter, size in zip("TCZYX", expected.shape, strict=True)
        }
        view = transpose_to(select_level(handle, number), "TCZYX", **picked)
        wanted = transpose_array(expected, "TCZYX", "TCZYX", **picked)
        assert to_numpy(view).tobytes() == wanted.tobytes()
        assert np.array_equal(to_dask(view).compute(scheduler="synchronous"), wanted)
        assert pickle.loads(pickle.dumps(handle)) == handle
        assert np.allclose(tuple(handle.pixel_size), image.pixel_size)  # type: ignore[arg-type]
    assert open_count() == 0
