"""Bytes of each subblock's segment, by the positions of all segments that a file lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio.formats.czi.index import measure_segments

POSITIONS = st.integers(0, 60)


@given(
    st.lists(POSITIONS, max_size=12),
    st.booleans(),
    st.lists(POSITIONS, max_size=4),
    st.none() | POSITIONS,
)
def test_a_segment_ends_where_the_next_one_begins(
    positions: list[int], ascending: bool, others: list[int], file_size: int | None
) -> None:
    if ascending:  # without repetitions, as in the directory of ZEN
        positions = sorted(set(positions))
    end = file_size
    if end is None:
        end = max([max(positions, default=0) + (1 << 24), *others])
    marks = [*positions, *others, end]
    expected = [
        min((mark for mark in marks if mark > position), default=position) - position
        for position in positions
    ]
    found = measure_segments(np.array(positions, np.int64), others, file_size)
    assert found.tolist() == expected
