"""Time stamp lists of any length, and the times that fit the frames of an image."""

import math
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from aicsio.formats._leica.times import (
    FIRST_TAKEN,
    as_date,
    first_date,
    fit_times,
    parse_time_stamps,
)
from aicsio.records import Dims

BASE = 131 * 10**15
"""2016-02-14; tenths of microseconds since 1601."""
SECOND = 10_000_000
NAN = math.nan


def stamps(*seconds: float | None) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Stamps at these seconds after BASE; None is a frame that was not taken."""
    return np.array([0 if s is None else BASE + round(s * SECOND) for s in seconds], np.uint64)


def listed(text: str) -> ET.Element:
    return ET.fromstring(f"<Image>{text}</Image>")  # noqa: S314 - made here


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("<TimeStampList/>", []),
        ("<TimeStampList>1d1 FF 0 </TimeStampList>", [0x1D1, 0xFF, 0]),
        ('<TimeStampList><TimeStamp HighInteger="2" LowInteger="3"/></TimeStampList>', [2**33 + 3]),
        # Unreadable lists give no times at all, rather than some.
        ("<TimeStampList>1d1 xyz</TimeStampList>", []),
        ("<TimeStampList>1d1 -5</TimeStampList>", []),
        (f"<TimeStampList>{'f' * 17}</TimeStampList>", []),
        ('<TimeStampList><TimeStamp HighInteger="?" LowInteger="3"/></TimeStampList>', []),
    ],
)
def test_lists_in_both_encodings(text: str, expected: list[int]) -> None:
    assert parse_time_stamps(listed(text)).tolist() == expected


@pytest.mark.parametrize(
    ("stamp", "date"),
    [
        (0, None),
        (1, None),
        (FIRST_TAKEN - 1, None),
        (FIRST_TAKEN, "1980-01-01T00:00:00+00:00"),
        (132444736001234567, "2020-09-13T12:26:40.123456+00:00"),
        (2**64 - 1, None),
    ],
)
def test_dates_are_iso_8601_or_none(stamp: int, date: str | None) -> None:
    assert as_date(stamp) == date


def test_the_first_date_is_that_of_the_first_frame_that_was_taken() -> None:
    assert first_date(stamps(None, 4)) == as_date(BASE + 4 * SECOND)
    assert first_date(stamps(None, None)) is None


TZ = Dims("TZ", (3, 2))


@pytest.mark.parametrize(
    ("given", "frames", "channel_count", "order", "expected"),
    [
        (stamps(0, 1, 2, 3, 4, 5), TZ, 1, "TZ", [0, 1, 2, 3, 4, 5]),
        (stamps(0, 1, 2, 3, 4, 5), TZ, 2, "TZ", [0, 1, 2, 3, 4, 5]),
        (stamps(*range(12)), TZ, 2, "TZC", list(range(12))),
        # One stamp for each position of T.
        (stamps(0, 9, 18), TZ, 1, "T", [0, 9, 18]),
        # A series that was stopped: the rest has no time.
        (stamps(0, 1, 2, 3), TZ, 1, "TZ", [0, 1, 2, 3, NAN, NAN]),
        (stamps(*range(9)), TZ, 2, "TZC", [*range(9), NAN, NAN, NAN]),
        (stamps(0, 1, 2), Dims("T", (9,)), 1, "T", [0, 1, 2, *[NAN] * 6]),
        # A stamp of 0 stands for a frame that was not taken, wherever it is.
        (stamps(0, 10, None), Dims("T", (3,)), 1, "T", [0, 10, NAN]),
        (stamps(None, 10, 12), Dims("T", (3,)), 1, "T", [NAN, 0, 2]),
        # Clocks may be set back.
        (stamps(5, 0), Dims("T", (2,)), 1, "T", [0, -5]),
        (stamps(0), Dims("", ()), 1, "", [0]),
    ],
)
def test_times_that_fit(
    given: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
    frames: Dims,
    channel_count: int,
    order: str,
    expected: list[float],
) -> None:
    dims, seconds, remark = fit_times(given, frames, channel_count)
    assert dims.order == order
    assert seconds is not None
    np.testing.assert_array_equal(seconds, expected)
    stopped = len(given) != len(expected)
    assert (remark is not None) == stopped


def test_the_times_of_a_stopped_series_of_144_planes() -> None:
    frames = Dims("TZ", (24, 6))
    dims, seconds, remark = fit_times(stamps(*range(108)), frames, 1)
    assert dims == frames
    assert seconds is not None
    assert seconds[:108].tolist() == list(range(108))
    assert np.isnan(seconds[108:]).all()
    assert remark == "108 of 144 planes have a time"


@pytest.mark.parametrize("given", [stamps(), stamps(None), stamps(None, None, None)])
def test_no_times(given: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> None:
    assert fit_times(given, Dims("T", (3,)), 1) == (Dims("T", (3,)), None, None)


def test_a_list_that_is_too_long_is_left_out() -> None:
    dims, seconds, remark = fit_times(stamps(0, 1, 2, 3), Dims("T", (3,)), 1)
    assert (dims, seconds) == (Dims("T", (3,)), None)
    assert remark == "4 time stamps fit no axes of T=3: they are left out"
