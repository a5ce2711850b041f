"""Columns of integers: values in, bytes kept, values out."""

import numpy as np
import pytest

from aicsio.records.packed import PackedIntegers


@pytest.mark.parametrize(
    ("values", "kind", "nbytes"),
    [
        ([], "<u1", 0),
        ([5], "progression", 16),
        ([5, 5, 5], "progression", 16),
        ([3, 5, 7], "progression", 16),
        ([9, 5, 1], "progression", 16),
        ([1, 2, 4], "<u1", 3),
        ([1, 300, 4], "<u2", 6),
        ([-1, 3, 4], "<i1", 3),
        ([0, 1 << 40, 7], "<i8", 24),
        ([0, (1 << 64) - 1, 7], "<u8", 24),
        ([1 << 33, (1 << 33) + 2], "progression", 16),
    ],
)
def test_values_come_back_from_the_narrowest_type(
    values: list[int], kind: str, nbytes: int
) -> None:
    unsigned = min(values, default=0) >= 0
    column = PackedIntegers.pack(np.array(values, np.uint64 if unsigned else np.int64))
    assert (column.kind, len(column.raw)) == (kind, nbytes)
    assert [column.at(row) for row in range(len(values))] == values
    if max(values, default=0) < 1 << 63 and values:
        assert column.take(np.arange(len(values))).tolist() == values


def test_a_column_that_repeats_is_kept_once() -> None:
    values = np.tile([7, 1, 90], 1000)
    column = PackedIntegers.pack(values, period=3)
    assert (column.count, column.kind, len(column.raw)) == (3, "<u1", 3)
    assert column.take(np.arange(3000)).tolist() == values.tolist()
    assert column.at(2999) == 90
    assert PackedIntegers.pack(values, period=7).count == 3000


def test_a_type_that_is_asked_for_is_kept_unless_values_need_another() -> None:
    assert PackedIntegers.pack(np.array([1, 2, 4]), kind="<i4").kind == "<i4"
    assert PackedIntegers.pack(np.array([1, 2, 1 << 40]), kind="<i4").kind == "<i8"


def test_a_constant_column() -> None:
    column = PackedIntegers.constant(9, 50)
    assert column.at(49) == 9
    assert column.take(np.array([0, 7])).tolist() == [9, 9]
