"""What was described and made as a project of Leica shows what was described."""

import math
import pickle
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, to_dask, to_numpy, transpose_to
from aicsio._io.readers import open_count
from aicsio.testing.model import transpose_array
from aicsio.testing.strategies import picks, xlef_images
from aicsio.testing.xlef import XlefImage, write_xlef


@given(xlef_images(), st.data())
def test_a_project_shows_what_was_described(one: XlefImage, data: st.DataObject) -> None:
    dims, pixels = one.image.dims, one.image.pixels
    plane = math.prod(n for letter, n in zip(dims, pixels.shape, strict=True) if letter in "YXS")
    expected = pixels.copy()
    if one.stored != "lof":
        # Planes are numbered in the order of the memory.
        expected.reshape(-1, plane)[list(one.missing)] = 0
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_xlef(Path(folder) / "P", [one]))
        picked = {
            letter: data.draw(picks(size).filter(lambda pick: not isinstance(pick, int)))
            for letter, size in zip(dims, expected.shape, strict=True)
        }
        view = transpose_to(handle, dims, **picked)
        wanted = transpose_array(expected, dims, dims, **picked)
        assert to_numpy(view).tobytes() == wanted.tobytes()
        assert np.array_equal(to_dask(view).compute(scheduler="synchronous"), wanted)
        assert pickle.loads(pickle.dumps(handle)) == handle
        assert handle.scene.name == one.image.name
    assert open_count() == 0
