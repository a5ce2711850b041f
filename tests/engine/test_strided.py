"""Plans of reads, as a table: which bytes hold the wanted pixels of a strided piece."""

import numpy as np
import pytest

from aicsio._engine.strided import is_dense, plan_reads, take_positions
from aicsio.records import Selection, Source, Strided

ITEM = 2
ROW = 100 * ITEM


def rows_of(start: tuple[int, int], shape: tuple[int, int], strides: tuple[int, int]) -> Strided:
    """Part of an image of 50 x 100 pixels of 16 bits whose first pixel is at byte 1000."""
    selection = Selection(start, shape, (0, 0))
    return Strided(Source("a"), 1000, (50, 100), strides, np.dtype("<u2"), selection)


@pytest.mark.parametrize(
    ("start", "shape", "reads", "nbytes", "dense"),
    [
        # whole rows follow each other: one read
        ((0, 0), (50, 100), [1000], 50 * ROW, True),
        ((10, 0), (2, 100), [1000 + 10 * ROW], 2 * ROW, True),
        # a window of half the width: one read of all rows would take no more than twice the bytes
        ((0, 0), (4, 60), [1000], 3 * ROW + 60 * ITEM, False),
        # a narrow window: a read for each row
        ((5, 20), (5, 40), [1000 + (5 + r) * ROW + 40 for r in range(5)], 80, True),
        # rows shorter than 64 bytes are read with the bytes between them
        ((0, 0), (2, 10), [1000], ROW + 20, False),
        # one pixel
        ((49, 99), (1, 1), [1000 + 50 * ROW - 2], 2, True),
    ],
)
def test_reads(
    start: tuple[int, int], shape: tuple[int, int], reads: list[int], nbytes: int, dense: bool
) -> None:
    plan = plan_reads(rows_of(start, shape, (ROW, ITEM)))
    assert [low for low, _ in plan.each()] == reads
    assert (plan.nbytes, plan.dense) == (nbytes, dense)


def test_a_read_backwards_starts_at_its_lowest_byte() -> None:
    piece = rows_of((0, 0), (1, 100), (ROW, -ITEM))
    plan = plan_reads(piece)
    assert (plan.low, plan.nbytes, plan.start) == (1000 - 99 * ITEM, ROW, 99 * ITEM)


@pytest.mark.parametrize(
    ("shape", "strides", "dense"),
    [
        ((3, 4), (8, 2), True),
        ((3, 4), (10, 2), False),
        ((1, 4), (999, 2), True),  # the stride of an axis of one position is never used
        ((3, 1), (2, 999), True),
        ((3, 4), (2, 6), False),
        ((), (), True),
    ],
)
def test_dense(shape: tuple[int, ...], strides: tuple[int, ...], dense: bool) -> None:
    assert is_dense(shape, strides, 2) is dense


def test_positions_are_taken_from_the_selection() -> None:
    piece = rows_of((10, 20), (30, 40), (ROW, ITEM))
    taken = take_positions(piece, [range(0, 30, 3), range(39, -1, -2)])
    assert taken.offset == 1000 + 10 * ROW + (20 + 39) * ITEM
    assert taken.strides == (3 * ROW, -2 * ITEM)
    assert taken.shape == taken.selection.shape == (10, 20)
    assert taken.selection.source_start == (0, 0)
