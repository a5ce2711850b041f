from typing import Any

import numpy as np
import pytest

from aicsio._dims.notation import check_picks, parse_order, resolve_pick, suggestion
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import Dims


@pytest.mark.parametrize("order", ["X", "TCZYX", "QYXS", "ZYXCTSMHIVRB"])
def test_an_order_of_capital_letters_is_taken_as_it_is(order: str) -> None:
    assert parse_order(order) == order


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("", ["empty", "'CZYX'"]),
        ("czyx", ["'c', 'x', 'y', 'z'", "did you mean 'CZYX'?"]),
        ("CzYX", ["'z'", "'CZYX'"]),
        ("ZYX ", ["' '"]),
        ("Z,Y", ["','"]),
        ("ÄYX", ["'Ä'"]),
        ("YX1", ["'1'"]),
        ("YXY", ["'Y' twice"]),
        ("YX\n", ["'\\n'"]),
    ],
)
def test_a_broken_order_is_named_letter_by_letter(order: str, said: list[str]) -> None:
    with pytest.raises(DimensionError) as caught:
        parse_order(order)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("pick", "resolved"),
    [
        (0, 0),
        (-1, 4),
        (-5, 0),
        (np.int8(2), 2),
        (np.array(3), 3),
        (slice(None), range(5)),
        (slice(1, -1), range(1, 4)),
        (slice(None, None, -2), range(4, -1, -2)),
        (slice(-2, 99), range(3, 5)),
        (slice(np.int64(1), None), range(1, 5)),
        (range(1, 4), range(1, 4)),
        (range(4, -1, -2), range(4, -1, -2)),
        (range(-5, 0), range(5)),
        (range(-1, -6, -1), range(4, -1, -1)),
        (range(-1, 2), (4, 0, 1)),
        ([0], (0,)),
        ([3, 3, -1], (3, 3, 4)),
        ((1, 0), (1, 0)),
        (np.array([1, -1]), (1, 4)),
        (np.array([2, 4], np.uint8), (2, 4)),
    ],
)
def test_a_pick_becomes_positions(pick: Any, resolved: Any) -> None:
    found = resolve_pick(pick, "Z", 5)
    assert found == resolved
    assert type(found) is type(resolved)


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        (5, ["Z=5", "5 positions of Z (0 to 4)"]),
        (-6, ["Z=-6", "(0 to 4)"]),
        ([0, 7], ["Z=7"]),
        (range(3, 8), ["Z=7"]),
        (range(-7, -1), ["Z=-7"]),
        (slice(3, 3), ["slice(3, 3, None)", "nothing"]),
        (slice(9, None), ["nothing", "5 positions"]),
        (slice(0, 5, 0), ["step 0"]),
        (range(0), ["nothing", "at least one"]),
        ([], ["nothing", "5 positions"]),
        (np.array([], int), ["nothing"]),
        (10**30, ["out of range"]),
    ],
)
def test_a_pick_outside_says_what_is_inside(pick: Any, said: list[str]) -> None:
    with pytest.raises(DimensionError) as caught:
        resolve_pick(pick, "Z", 5)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "pick",
    [
        True,
        1.0,
        "1",
        b"1",
        None,
        [True, False],
        [1.0],
        [[1]],
        np.array([True]),
        np.array([1.5]),
        slice(0.0, 2),
        {1},
        {},
    ],
)
def test_what_is_no_pick_is_a_type_error(pick: Any) -> None:
    with pytest.raises(
        ArgumentTypeError, match="give an int, a slice, a range, or a list or tuple of ints"
    ):
        resolve_pick(pick, "Z", 5)


def test_sizes_are_counted_in_words_that_fit() -> None:
    with pytest.raises(DimensionError, match=r"there is 1 position of C \(0\)"):
        resolve_pick(1, "C", 1)
    with pytest.raises(DimensionError, match="no positions of C"):
        resolve_pick(0, "C", 0)


def test_picks_of_unknown_letters_are_listed_with_what_is_there() -> None:
    dims = Dims("ZYX", (3, 4, 5))
    check_picks({"Z": 0, "X": 1}, dims)
    with pytest.raises(DimensionError, match="'C', 'ZY'") as caught:
        check_picks({"C": 0, "Z": 0, "ZY": 1}, dims)
    assert "Z=3, Y=4, X=5" in str(caught.value)


@pytest.mark.parametrize(
    ("order", "picked", "better"),
    [
        ("YX", (), "TCYX"),
        ("YX", ("T",), "CYX"),
        ("XY", ("T", "C"), "YX"),
        ("QX", (), "QTCYX"),
        ("ZYX", (), "TCZYX"),
    ],
)
def test_the_suggested_order_drops_nothing_unpicked(
    order: str, picked: tuple[str, ...], better: str
) -> None:
    assert suggestion(order, Dims("TCZYX", (2, 3, 1, 4, 5)), picked) == better
