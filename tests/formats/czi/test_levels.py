"""Levels from sizes alone: logical and stored size of square subblocks, expected factors."""

import numpy as np
import pytest

from aicsio.formats.czi.directory import Subblocks
from aicsio.formats.czi.levels import choose_level_factors, measure_factors


def blocks(*sizes: tuple[int, int], stored_width: int | None = None) -> Subblocks:
    """Subblocks of square logical and stored size, or of another stored width."""
    count = len(sizes)
    zero = np.zeros(count, np.int64)
    size, stored = np.array(sizes, np.int64).reshape(count, 2).T
    width = stored if stored_width is None else zero + stored_width
    return Subblocks(
        file_position=zero,
        file_part=zero,
        pixel_type=zero,
        compression=zero,
        pyramid_type=zero,
        entry_position=zero,
        start={"Y": zero, "X": zero},
        present={"Y": zero == 0, "X": zero == 0},
        size={"Y": size, "X": size},
        stored_size={"Y": stored, "X": width},
        slot={},
        segment_size=zero,
        listing_index=zero,
    )


@pytest.mark.parametrize(
    ("sizes", "factors", "level_factors"),
    [
        ([(64, 64)], [1], [1]),
        ([(64, 64), (64, 32), (64, 16)], [1, 2, 4], [1, 2, 4]),
        ([(81, 81), (81, 27), (81, 9)], [1, 3, 9], [1, 3, 9]),
        ([(240, 240), (240, 120), (240, 20)], [1, 2, 12], [1, 2, 12]),
        ([(240, 240), (240, 120), (240, 40)], [1, 2, 6], [1, 2, 6]),
        # An odd edge, rounded either way.
        ([(33, 33), (33, 17), (33, 16)], [1, 2, 2], [1, 2]),
        # Nothing of full resolution.
        ([(64, 32), (64, 16)], [2, 4], [2, 4]),
        ([(1000, 1000), (1000, 500), (1000, 8)], [1, 2, 125], [1, 2, 125]),
        # Stored finer: scaled, no level.
        ([(32, 128)], [0.25], [1]),
        # The smallest edges say little: levels go on as the larger ones do.
        ([(512, 512), (512, 256), (512, 128), (3, 1)], [1, 2, 4, 4], [1, 2, 4]),
        # 256, and not 257: the edge tile is of the layer of the whole tiles.
        ([(65536, 256), (25700, 100)], [256, 256], [256]),
    ],
)
def test_factors(
    sizes: list[tuple[int, int]], factors: list[float], level_factors: list[float]
) -> None:
    measured = measure_factors(blocks(*sizes))
    assert measured.tolist() == factors
    assert list(choose_level_factors(measured)) == level_factors


def test_different_factors_along_y_and_x_are_no_level() -> None:
    measured = measure_factors(blocks((64, 32), stored_width=64))
    assert np.isnan(measured).all()
    assert choose_level_factors(measured) == (1.0,)
