"""What was described and made as an ND2 file shows what was described."""

import pickle
import tempfile
from pathlib import Path

import attrs
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, select_scene, to_dask, to_numpy, transpose_to
from aicsio._io.readers import open_count
from aicsio.testing.model import transpose_array
from aicsio.testing.nd2 import Nd2Image, write_nd2
from aicsio.testing.nd2_boxes import build_boxed_nd2
from aicsio.testing.strategies import nd2_images, picks


@given(nd2_images(), st.data())
def test_a_file_shows_what_was_described(image: Nd2Image, data: st.DataObject) -> None:
    sizes = image.sizes()
    frames = [sizes[letter] for letter in image.loops]
    expected = image.pixels.copy()
    # Frames are numbered through the loops; a missing one is zero.
    for number in image.missing:
        expected[np.unravel_index(number, frames)] = 0
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_nd2(image, Path(folder) / "a.nd2"))
        position = data.draw(st.integers(0, len(handle.scenes) - 1))
        scene = select_scene(handle, position)
        dims = image.dims.replace("P", "")
        if "P" in image.dims:
            expected = expected.take(position, image.dims.index("P"))
        if image.loops[:1] == "T" and "T" in scene.dims:
            # The last time points are not shown where no frame of them is in the file.
            expected = expected[: scene.dims.T]
        picked = {
            letter: data.draw(picks(size).filter(lambda pick: not isinstance(pick, int)))
            for letter, size in zip(dims, expected.shape, strict=True)
        }
        view = transpose_to(scene, dims, **picked)
        wanted = transpose_array(expected, dims, dims, **picked)
        assert to_numpy(view).tobytes() == wanted.tobytes()
        assert np.array_equal(to_dask(view).compute(scheduler="synchronous"), wanted)
        assert pickle.loads(pickle.dumps(handle)) == handle
        assert image.pixel_size == handle.pixel_size.X
        if "Z" in image.dims:
            assert image.z_step == handle.pixel_size.Z
    assert open_count() == 0


@given(nd2_images())
def test_a_file_of_boxes_shows_what_was_described(image: Nd2Image) -> None:
    kind = np.uint8 if image.pixels.dtype.itemsize == 1 else np.uint16
    # Codestreams follow each other: a frame in the middle cannot be missing.
    image = attrs.evolve(image, pixels=image.pixels.astype(kind), missing=())
    handle = open_image(build_boxed_nd2(image))
    assert handle.diagnostics == ()
    dims = image.dims.replace("P", "")
    for position in range(image.sizes().get("P", 1)):
        expected = image.pixels
        if "P" in image.dims:
            expected = expected.take(position, image.dims.index("P"))
        scene = select_scene(handle, position)
        picked = {} if "C" in dims else {"C": 0}
        assert np.array_equal(to_numpy(transpose_to(scene, dims, **picked)), expected)
