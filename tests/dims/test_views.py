from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import ImageHandle, open_image, transpose_to
from aicsio._dims.notation import resolve_pick
from aicsio._dims.views import BlockRun, as_range, compose, split_by_block
from aicsio.errors import DimensionError
from aicsio.records import Pick
from aicsio.testing.strategies import Draw, composite, picks


@pytest.fixture
def image() -> ImageHandle:
    return open_image(np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5), dims="CZYX")


@composite
def resolved(draw: Draw, size: int) -> Pick:
    return resolve_pick(draw(picks(size)), "Z", size)


@given(st.data(), st.integers(1, 12))
def test_composed_picks_are_picks_of_picks(data: st.DataObject, size: int) -> None:
    outer = data.draw(resolved(size).filter(lambda pick: not isinstance(pick, int)))
    assert not isinstance(outer, int)
    inner = data.draw(resolved(len(outer)))
    found = compose(outer, inner)
    if isinstance(inner, int):
        assert found == outer[inner]
    else:
        assert not isinstance(found, int)
        assert list(found) == [outer[i] for i in inner]


def test_a_dropped_axis_stays_dropped() -> None:
    assert compose(3, range(1)) == 3
    assert compose(3, 0) == 3


@pytest.mark.parametrize(
    ("positions", "kept"),
    [
        ((4,), range(4, 5)),
        ((1, 2, 3), range(1, 4)),
        ((5, 3, 1), range(5, 0, -2)),
        ((0, 0), (0, 0)),
        ((0, 1, 3), (0, 1, 3)),
        ((2, 1, 2), (2, 1, 2)),
    ],
)
def test_even_positions_become_a_range(positions: tuple[int, ...], kept: Pick) -> None:
    assert as_range(positions) == kept


def reassembled(pick: Pick, block: int) -> list[int]:
    """Positions in output order, as the split_by_block of a pick supply them."""
    wanted = [pick] if isinstance(pick, int) else list(pick)
    found: dict[int, int] = {}
    for part in split_by_block(pick, block):
        assert 0 <= part.start < part.stop <= block
        window = np.arange(part.start, part.stop) + part.block * block
        inside = (
            list(part.window_positions)
            if isinstance(part.window_positions, tuple)
            else part.window_positions
        )
        kept = window if inside is None else window[inside]
        outs = range(len(wanted))[part.target] if isinstance(part.target, slice) else part.target
        assert len(outs) == len(kept)
        for out, position in zip(outs, kept.tolist(), strict=True):
            assert out not in found
            found[out] = position
    return [found[out] for out in range(len(wanted))]


@given(st.data(), st.integers(1, 20), st.integers(1, 25))
def test_segments_supply_each_position_once(data: st.DataObject, size: int, block: int) -> None:
    pick = data.draw(resolved(size))
    assert reassembled(pick, block) == ([pick] if isinstance(pick, int) else list(pick))


def test_segments_touch_only_blocks_that_are_needed() -> None:
    assert [part.block for part in split_by_block((0, 95, 5), 10)] == [0, 9]
    assert [part.block for part in split_by_block(range(0, 100, 40), 10)] == [0, 4, 8]
    assert split_by_block(range(12, 18), 10) == [BlockRun(1, 2, 8, None, slice(0, 6))]


def test_single_positions_have_a_place_in_the_output_of_their_own() -> None:
    assert split_by_block((7, 30, 12), 1) == [
        BlockRun(7, 0, 1, None, slice(0, 1)),
        BlockRun(12, 0, 1, None, slice(2, 3)),
        BlockRun(30, 0, 1, None, slice(1, 2)),
    ]


def test_a_window_is_no_wider_than_its_positions() -> None:
    (part,) = split_by_block(range(17, 11, -2), 100)
    assert (part.start, part.stop) == (13, 18)
    (part,) = split_by_block((40, 42, 40), 100)
    assert (part.start, part.stop, part.window_positions) == (40, 43, (0, 2, 0))


@pytest.mark.parametrize(
    ("order", "kwargs", "said"),
    [
        ("ZYX", {}, ["would drop 'C'", "2 positions", "C=0", "'CZYX'"]),
        ("YX", {"C": 0}, ["would drop 'Z'", "Z=0", "'ZYX'"]),
        ("YX", {"C": [0, 1], "Z": 0}, ["would drop 'C'", "2 positions", "'CYX'"]),
        ("CZYX", {"T": 0}, ["cannot pick from 'T'", "C=2, Z=3, Y=4, X=5"]),
        ("CZYX", {"c": 0}, ["cannot pick from 'c'"]),
        ("CZYX", {"Z": 3}, ["Z=3", "3 positions of Z (0 to 2)"]),
        ("CZYXC", {}, ["'C' twice"]),
        ("", {}, ["empty"]),
    ],
)
def test_what_does_not_fit_names_the_call_that_does(
    image: ImageHandle, order: str, kwargs: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(DimensionError) as caught:
        transpose_to(image, order, **kwargs)
    for part in said:
        assert part in str(caught.value)


def test_picks_are_relative_to_what_is_shown(image: ImageHandle) -> None:
    once = transpose_to(image, "CZYX", Z=[2, 0], Y=slice(None, None, -1))
    twice = transpose_to(once, "ZYX", C=1, Z=0, Y=slice(1, 3))
    assert twice.array.view.picks == (1, range(2, 3), range(2, 0, -1), range(5))
    assert np.array_equal(np.asarray(twice), np.arange(120).reshape(2, 3, 4, 5)[1, 2:3, 2:0:-1])


def test_an_added_axis_has_one_position(image: ImageHandle) -> None:
    grown = transpose_to(image, "TCZYX")
    assert grown.shape == (1, 2, 3, 4, 5)
    assert transpose_to(grown, "TCZYX", T=-1).shape == (1, 2, 3, 4, 5)
    assert transpose_to(grown, "CZYX", T=0) == image
    with pytest.raises(DimensionError, match="T was added with length 1"):
        transpose_to(grown, "TCZYX", T=[0, 0])
    with pytest.raises(DimensionError, match="1 position of T"):
        transpose_to(grown, "TCZYX", T=1)
    with pytest.raises(DimensionError, match=r"which has 2 positions: pick one with T=0$"):
        transpose_to(grown, "CZYX", T=[0, 0])


def test_a_length_one_pick_of_any_kind_drops_a_letter(image: ImageHandle) -> None:
    for one in (1, -1, [1], (1,), slice(1, 2), range(1, 2), np.int64(1), np.array([1])):
        assert transpose_to(image, "ZYX", C=one) == transpose_to(image, "ZYX", C=1)


def test_views_of_huge_images_cost_nothing() -> None:
    size = 1 << 31
    image = open_image(np.broadcast_to(np.uint8(7), (size, size)), dims="YX")
    window = transpose_to(image, "XY", Y=slice(size - 2, None), X=slice(None, None, -(size // 2)))
    assert image.size == size * size
    assert np.asarray(window).tolist() == [[7, 7]] * 2
