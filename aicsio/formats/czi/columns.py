"""Questions about whole columns of numbers, in few calls of numpy. Pure.

Rule kept here: a small file has columns of a few rows, where the call is the cost, and a large one
100 000, where the rows are: each function is fast for both. Of 6 rows ``argmin`` takes 0.2
microseconds, ``min`` 1.6; ``count_nonzero`` 0.2, ``any`` 1.0; of 100 000 rows they are alike.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio.records.packed import PROGRESSION, PackedIntegers

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def find_ends(values: npt.NDArray[Any]) -> tuple[int, int]:
    """Return the lowest and the highest of some integers, at least one."""
    return int(values[values.argmin()]), int(values[values.argmax()])


def holds_somewhere(mask: Bools) -> bool:
    """Whether some row of a mask is true."""
    return bool(np.count_nonzero(mask))


def holds_everywhere(mask: Bools) -> bool:
    """Whether all rows of a mask are true."""
    return bool(np.count_nonzero(mask) == len(mask))


def distinct(values: npt.NDArray[Any]) -> list[int]:
    """Return the sorted distinct integers: of 100 000, 4 000 of them different, in 0.4 ms.

    ``np.unique`` takes 2.2 ms.
    """
    if not len(values):
        return []
    low, high = find_ends(values)
    if low == high:
        return [low]
    # A table of counts of at most 8 MiB; wider ranges are sorted by ``np.unique``.
    if high - low < 1 << 20:
        counts = np.bincount((values - low).astype(np.int64))
        return [int(value) + low for value in np.flatnonzero(counts)]
    return [int(value) for value in np.unique(values)]


def is_among(values: npt.NDArray[Any], known: Sequence[int]) -> Bools:
    """Whether each integer is one of some; of 100 000 and one known in 0.05 ms.

    ``np.isin`` takes 2.5 ms.
    """
    if len(known) == 1:
        return np.asarray(values == known[0], np.bool_)
    return np.isin(values, known)


def group_rows(columns: Sequence[npt.NDArray[Any]]) -> tuple[Ints, Ints]:
    """Group the rows of a table that are equal in every column.

    Of 50 000 rows of 4 columns in 1.5 ms, by ``np.unique`` along an axis in 20 ms.

    Returns
    -------
    The first row of each group, and the group of each row; groups are sorted by their values.
    """
    groups = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        # Groups are renumbered after each column, so that their numbers stay small.
        count, which = _rank(column)
        groups = _rank(groups * count + which)[1]
    first_rows = np.empty(int(groups.max()) + 1, np.int64)
    # Written backwards: of the rows of a group, numpy keeps the one that is written last.
    first_rows[groups[::-1]] = np.arange(len(groups))[::-1]
    return first_rows, groups


def _rank(values: npt.NDArray[Any]) -> tuple[int, Ints]:
    """Return the number of distinct values, and the place of each among them, sorted."""
    low, high = find_ends(values)
    if low == high:
        return 1, np.zeros(len(values), np.int64)
    if high - low > 4 * len(values) + 1024:  # a table of all numbers between would cost more
        known, which = np.unique(values, return_inverse=True)
        return len(known), which
    # The running count of numbers that occur is the place of each among them.
    places = np.cumsum(np.bincount(values - low) > 0) - 1
    return int(places[-1]) + 1, places[values - low]


def split_runs(values: Ints) -> list[slice]:
    """Cut sorted values where they change."""
    changes = (values[1:] != values[:-1]).nonzero()[0]
    if not len(changes):
        return [slice(0, len(values))]
    edges = (changes + 1).tolist()
    starts, stops = [0, *edges], [*edges, len(values)]
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]


def slice_column(column: PackedIntegers, low: int, high: int) -> npt.NDArray[Any]:
    """Return the values of the rows of one plane, or of all planes; one value if all share it.

    The values of a plane are a view of the packed bytes: 100 of them take 0.5 microseconds, by
    index 0.9.
    """
    if column.kind == PROGRESSION:
        start, step = struct.unpack("<qq", column.raw)
        if step == 0:
            return np.array([start])
        return np.arange(start + low * step, start + high * step, step)
    values = np.frombuffer(column.raw, column.kind)
    # A column that repeats holds the values of one plane only.
    first = low % column.count
    return values[first : first + high - low]
