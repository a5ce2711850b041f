"""What was described and written as a plate shows what was described, in every format."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aicsio import open_image, select_scene, to_dask, to_numpy, transpose_to, wells
from aicsio._io.readers import open_count
from aicsio._ome.document import name_row
from aicsio.testing.model import transpose_array
from aicsio.testing.plates import WRITERS, PlateSpec, write_plate
from aicsio.testing.strategies import picks
from aicsio.testing.strategies.plates import plate_specs
from support import takes_long


def shown_pixels(spec: PlateSpec, kind: str) -> np.ndarray:
    """What a reader must show; a MetaMorph file that is missing takes its whole stack along."""
    if kind != "metamorph":
        return spec.pixels()
    missing = [number // spec.Z * spec.Z for number in spec.missing]
    # Only a file whose first plane is missing is left out.
    whole = {start + z for start in missing if start in spec.missing for z in range(spec.Z)}
    return PlateSpec(
        spec.wells, spec.fields, *spec.shape, spec.Y, spec.X, missing=tuple(whole), seed=spec.seed
    ).pixels()


# Each example writes up to 108 files.
@takes_long
@settings(max_examples=12)
@given(plate_specs(), st.sampled_from(sorted(WRITERS)), st.data())
def test_a_plate_shows_what_was_described(spec: PlateSpec, kind: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_plate(spec, kind, Path(folder)))
        expected = shown_pixels(spec, kind).reshape(-1, *spec.shape, spec.Y, spec.X)
        assert len(handle.scenes) == len(expected)
        names = [f"{name_row(row)}{column + 1}" for row, column in spec.wells]
        assert wells(handle)["well"].tolist() == [
            name for name in names for _ in range(spec.fields)
        ]
        position = data.draw(st.integers(0, len(expected) - 1))
        scene = select_scene(handle, position)
        picked = {
            letter: data.draw(picks(size).filter(lambda pick: not isinstance(pick, int)))
            for letter, size in scene.dims.items()
        }
        view = transpose_to(scene, "CTZXY", **picked)
        wanted = transpose_array(expected[position], "TCZYX", "CTZXY", **picked)
        assert np.array_equal(to_numpy(view), wanted)
        assert np.array_equal(to_dask(view).compute(scheduler="synchronous"), wanted)
        assert pickle.loads(pickle.dumps(handle)) == handle
    assert open_count() == 0
