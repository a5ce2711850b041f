"""Time stamps from counts alone: the list, the axes of the file, and the expected times."""

import numpy as np
import pytest

from aicsio.formats._steps import find_even_step
from aicsio.formats.czi.times import fit_times

NAN = float("nan")
T = {"T": (0, 2)}
TZ = {"T": (0, 2), "Z": (0, 1)}
TZC = {"T": (0, 2), "Z": (0, 1), "C": (0, 1)}


@pytest.mark.parametrize(
    ("stamps", "ranges", "scene_count", "scene", "expected"),
    [
        ([5, 15, 25], T, 1, 0, [[0], [10], [20]]),
        # One stamp per plane: Bio-Formats gives the stamps to the planes in order.
        ([0, 1, 60, 61, 120, 122], TZ, 1, 0, [[0, 1], [60, 61], [120, 122]]),
        # Z and C may be nested either way: the starts alone are certain.
        ([0, 1, 2, 3, 60, 61, 62, 63, 120, 121, 122, 123], TZC, 1, 0, [[0], [60], [120]]),
        ([0, 1, 60, 61, 120, 121], TZC, 1, 0, [[0], [60], [120]]),
        # One stamp per scene and time point: ZEN visits all scenes before the next time point.
        ([0, 4, 60, 65, 120, 124], T, 2, 1, [[0], [61], [120]]),
        # 0 is "not taken", unless it is the first.
        ([5, 15, 0], T, 1, 0, [[0], [10], [NAN]]),
        # Counted from below 0, a plane may be taken at 0 s.
        ([-10, 0, 10], T, 1, 0, [[0], [10], [20]]),
        ([-10, 5, 0], T, 1, 0, [[0], [15], [NAN]]),
        ([5, NAN, 25], T, 1, 0, [[0], [NAN], [20]]),
        # A file that was cut out of a larger one, with the stamps of all or of its own time points.
        ([0, 10, 20, 30, 40], {"T": (3, 4)}, 1, 0, [[0], [10]]),
        ([30, 40], {"T": (3, 4)}, 1, 0, [[0], [10]]),
        # Too few, too many, none.
        ([5, 15], T, 1, 0, None),
        ([1, 2, 3, 4], TZ, 1, 0, None),
        ([], T, 1, 0, None),
    ],
)
def test_a_list_is_taken_if_its_length_fits(
    stamps: list[float],
    ranges: dict[str, tuple[int, int]],
    scene_count: int,
    scene: int,
    expected: list[list[float]] | None,
) -> None:
    times, notes = fit_times(tuple(map(float, stamps)), ranges, scene_count, "file")
    first, last = ranges["T"]
    if expected is None:
        assert times is None
        assert len(notes) == (len(stamps) > 0)
        return
    assert times is not None
    seconds = times.of_scene(scene, first, last - first + 1)
    assert seconds is not None
    assert np.array_equal(seconds, expected, equal_nan=True)


@pytest.mark.parametrize(
    ("seconds", "step"),
    [
        ([1.0], None),
        ([0.0, 0.0], None),
        ([0.0, 10.0, 20.05], 10.025),
        ([0.0, 10.0, 21.0], None),
        # No step across a plane that was not taken.
        ([0.0, NAN, 20.0], None),
        ([0.0, 10.0, NAN, 40.0, 50.0], 10.0),
    ],
)
def test_steps(seconds: list[float], step: float | None) -> None:
    found = find_even_step(np.array(seconds))
    assert found == (None if step is None else pytest.approx(step))
