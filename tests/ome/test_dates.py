"""Dates of files: ISO 8601, or none."""

import pytest

from aicsio._ome.dates import iso_date


@pytest.mark.parametrize(
    "text",
    [
        "2017-08-21",
        "2017-08-21T15:08",
        "2017-08-21T15:08:07",
        "2017-08-21T15:08:07.123",
        "2017-08-21T15:08:07.123456789Z",
        "2017-08-21T15:08:07+02:00",
        "20170821T150807Z",
        "20170821",
    ],
)
def test_iso_8601_stays_as_it_is(text: str) -> None:
    assert iso_date(text) == text


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2017:08:21 15:08:07", "2017-08-21T15:08:07"),  # TIFF 6.0, DateTime
        ("2017/8/1 5:08:07", "2017-08-01T05:08:07"),
        (" 2017-08-21 15:08:07\0", "2017-08-21T15:08:07"),
        ("2017.08.21", "2017-08-21"),
        ("2017-08-21T15:08:07,5Z", "2017-08-21T15:08:07.5Z"),
        ("2017-08-21 15:08:07 +0200", "2017-08-21T15:08:07+0200"),
        # https://micro-manager.org/Files_and_Metadata, version 1.4
        ("2011-01-18 Tue 16:52:41 -0800", "2011-01-18T16:52:41-0800"),
    ],
)
def test_forms_that_begin_with_the_year(text: str, date: str) -> None:
    assert iso_date(text) == date


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "08/09/2017",
        "2017-08-21T15:08:70",
        "2017-02-30",
        "0000-00-00",
        "2017-08-21T25:00:00",
        "0000:00:00 00:00:00",
        "2017",
        "9" * 5000,
        "2017-08-21T15:08:07Zulu",
        "2011-01-18 Tue",
        "2011-01-18 Day 16:52:41",
    ],
)
def test_no_date(text: str) -> None:
    assert iso_date(text) is None
