"""Levels from sizes alone, and time stamps from counts alone, as tables."""

import numpy as np
import pytest

from aicsio.formats.czi.directory import Subblocks
from aicsio.formats.czi.levels import SceneLevels, choose_rows, find_levels
from aicsio.formats.czi.times import even_step, fit_stamps
from aicsio.records import Dims


def blocks(*sizes: tuple[int, int]) -> Subblocks:
    """Subblocks of square logical and stored size."""
    count = len(sizes)
    zero = np.zeros(count, np.int64)
    size, stored = np.array(sizes, np.int64).reshape(count, 2).T
    return Subblocks(
        position=zero,
        file_part=zero,
        pixel_type=zero,
        compression=zero,
        entry=zero,
        start={"Y": zero, "X": zero},
        has={"Y": zero == 0, "X": zero == 0},
        size={"Y": size, "X": size},
        stored={"Y": stored, "X": stored},
        slot={"Y": zero, "X": zero},
        unknown=zero == 1,
        segment=zero,
    )


@pytest.mark.parametrize(
    ("sizes", "of_row", "factors"),
    [
        ([(64, 64)], [0], [1]),
        ([(64, 64), (64, 32), (64, 16)], [0, 1, 2], [1, 2, 4]),
        ([(81, 81), (81, 27), (81, 9)], [0, 1, 2], [1, 3, 9]),
        ([(240, 240), (240, 120), (240, 20)], [0, 1, 2], [1, 2, 12]),
        ([(33, 33), (33, 17), (33, 16)], [0, 1, 1], [1, 2]),  # an odd edge, rounded either way
        ([(64, 32), (64, 16)], [1, 2], [1, 2, 4]),  # nothing of full resolution
        ([(1000, 1000), (1000, 500), (1000, 8)], [0, 1, 2], [1, 2, 125]),
        ([(32, 128)], [0], [1]),  # stored finer: scaled, no level
        # the smallest edges say little: levels go on by the step of the larger ones
        ([(512, 512), (512, 256), (512, 128), (3, 1)], [0, 1, 2, 2], [1, 2, 4]),  # 3, 2, 1
    ],
)
def test_levels(sizes: list[tuple[int, int]], of_row: list[int], factors: list[float]) -> None:
    levels = find_levels(blocks(*sizes))
    assert levels.of_row.tolist() == of_row
    assert list(levels.factors) == factors


@pytest.mark.parametrize(
    ("key", "of_row", "chosen", "borrowed"),
    [
        ([0, 1], [0, 0], {0: [True, True]}, {}),
        ([0, 0, 1, 1], [0, 1, 0, 1], {0: [1, 0, 1, 0], 1: [0, 1, 0, 1]}, {}),
        # plane 1 has no level 1: its full resolution stands in
        ([0, 0, 1], [0, 1, 0], {0: [1, 0, 1], 1: [0, 1, 1]}, {1: 1}),
        # plane 1 has nothing but a coarser size: it is scaled, and makes no level
        ([0, 1], [0, 1], {0: [1, 1]}, {0: 1}),
    ],
)
def test_rows_of_levels(
    key: list[int], of_row: list[int], chosen: dict[int, list[int]], borrowed: dict[int, int]
) -> None:
    levels = SceneLevels(np.array(of_row), (1.0, 2.0))
    rows, found = choose_rows(np.array(key), levels)
    assert {level: mask.tolist() for level, mask in rows} == {
        level: [bool(one) for one in mask] for level, mask in chosen.items()
    }
    assert found == borrowed


@pytest.mark.parametrize(
    ("stamps", "dims", "scene", "scenes", "seconds", "step"),
    [
        ([5, 15, 25], "T", 0, 1, [0, 10, 20], 10),
        ([0, 1, 60, 61, 120, 121], "TZ", 0, 1, [0, 60, 120], 60),
        ([0, 4, 60, 65, 120, 124], "T", 1, 2, [0, 61, 120], None),
        ([5, 15, 0], "T", 0, 1, [0, 10, np.nan], 10),
        ([5, 0, 25], "T", 0, 1, [0, np.nan, 20], None),  # no step across a gap
        ([5, 15], "T", 0, 1, None, None),
        ([1, 2, 3, 4], "T", 0, 1, None, None),
    ],
)
def test_stamps(
    stamps: list[float],
    dims: str,
    scene: int,
    scenes: int,
    seconds: list[float] | None,
    step: float | None,
) -> None:
    stored = Dims(dims + "YX", (3, 2, 8, 8) if dims == "TZ" else (3, 8, 8))
    times = fit_stamps(tuple(map(float, stamps)), stored, 0, scene, scenes)
    if seconds is None:
        assert times is None
    else:
        assert times is not None
        assert np.array_equal(times.seconds, seconds, equal_nan=True)
        assert times.step == step


def test_steps_need_two_times() -> None:
    assert even_step(np.array([1.0])) is None
    assert even_step(np.array([0.0, 0.0])) is None
    assert even_step(np.array([0.0, 10.0, 20.05])) == pytest.approx(10.025)
    assert even_step(np.array([0.0, 10.0, 21.0])) is None
