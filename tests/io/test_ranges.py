"""Arithmetic of byte ranges: spans in, spans out."""

import pytest

from aicsio import CorruptFileError
from aicsio._io.ranges import Span, check_inside, coalesce, find_in_windows, split_request
from aicsio.records import Source


@pytest.mark.parametrize(
    ("spans", "joined"),
    [
        ([], []),
        ([(5, 10)], [(5, 10)]),
        ([(20, 5), (0, 10)], [(0, 25)]),  # a gap of 10
        ([(0, 10), (21, 5)], [(0, 10), (21, 5)]),  # a gap of 11
        ([(0, 10), (3, 4)], [(0, 10)]),  # one inside another
        ([(0, 10), (5, 10), (5, 2)], [(0, 15)]),
        ([(0, 10), (10, 10), (20, 10)], [(0, 20), (20, 10)]),  # joined spans have at most 25
        ([(0, 40), (30, 20)], [(0, 50)]),  # but those that overlap are never apart
    ],
)
def test_spans_closer_than_a_gap_are_joined(spans: list[Span], joined: list[Span]) -> None:
    assert coalesce(spans, gap=10, max_size=25) == joined


@pytest.mark.parametrize(
    ("nbytes", "sizes"), [(1, [1]), (10, [10]), (11, [6, 5]), (20, [10, 10]), (25, [9, 9, 7])]
)
def test_a_large_range_is_cut_into_equal_requests(
    nbytes: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aicsio._io.ranges.MAX_REQUEST", 10)
    parts = split_request(100, memoryview(bytearray(nbytes)))
    assert [part.nbytes for _, part in parts] == sizes
    assert [start for start, _ in parts] == [100 + sum(sizes[:i]) for i in range(len(sizes))]


def test_a_span_is_found_in_the_window_that_holds_it() -> None:
    windows, parts = [(0, 4), (10, 5)], [b"abcd", b"vwxyz"]
    assert find_in_windows(windows, parts, 11, 3) == b"wxy"
    assert find_in_windows(windows, parts, 0, 4) == b"abcd"


@pytest.mark.parametrize(("offset", "nbytes"), [(-1, 1), (0, -1), (0, 101), (100, 1), (1 << 80, 1)])
def test_ranges_outside_a_file_are_refused(offset: int, nbytes: int) -> None:
    with pytest.raises(CorruptFileError, match="the file ends at 100") as caught:
        check_inside(Source("a.tif", size=100), offset, nbytes)
    assert caught.value.offset == offset


@pytest.mark.parametrize(("offset", "nbytes"), [(0, 100), (100, 0), (99, 1)])
def test_ranges_inside_a_file_are_not(offset: int, nbytes: int) -> None:
    check_inside(Source("a.tif", size=100), offset, nbytes)
    check_inside(Source("http://host/a.tif"), offset, nbytes)
