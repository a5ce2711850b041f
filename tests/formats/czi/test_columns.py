"""Questions about columns, compared with what numpy answers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aicsio.formats.czi import columns

INTEGERS = st.integers(-(1 << 40), 1 << 40) | st.integers(-3, 3)
COLUMN = hnp.arrays(np.int64, st.integers(1, 40), elements=INTEGERS)


@given(COLUMN)
def test_ends_and_distinct_values(values: Any) -> None:
    assert columns.find_ends(values) == (values.min(), values.max())
    assert columns.distinct(values) == np.unique(values).tolist()


def test_no_values_are_distinct() -> None:
    assert columns.distinct(np.zeros(0, np.int64)) == []


@pytest.mark.parametrize("mask", [[], [True], [False], [True, False], [True, True]])
def test_masks(mask: list[bool]) -> None:
    rows = np.array(mask, np.bool_)
    assert columns.holds_somewhere(rows) is bool(rows.any())
    assert columns.holds_everywhere(rows) is bool(rows.all())


@given(
    hnp.arrays(
        np.int64,
        st.tuples(st.integers(1, 3), st.integers(1, 30)),
        elements=INTEGERS,
        fill=st.nothing(),
    )
)
def test_groups_of_rows(table: Any) -> None:
    first_rows, groups = columns.group_rows(list(table))
    rows, inverse = np.unique(table.T, axis=0, return_inverse=True)
    assert np.array_equal(table.T[first_rows], rows)
    assert np.array_equal(groups, inverse.reshape(-1))
    assert all(np.flatnonzero(groups == group)[0] == row for group, row in enumerate(first_rows))


def test_letters_as_unsigned_numbers_are_grouped() -> None:
    letters = np.array([[88, 89, 88, 88], [89, 88, 89, 1 << 31]], np.uint32)
    assert columns.group_rows(list(letters))[1].tolist() == [0, 2, 0, 1]


@given(COLUMN, st.lists(INTEGERS, min_size=1, max_size=4))
def test_rows_among_some_values(values: Any, known: list[int]) -> None:
    assert columns.is_among(values, known).tolist() == [value in known for value in values.tolist()]
