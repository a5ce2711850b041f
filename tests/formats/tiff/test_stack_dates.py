"""Dates of the planes of MetaMorph stacks, as releases of tifffile give them."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from aicsio.formats._tiff.dialects.vendor_metadata import _first_date, _stk_columns

NOON = dt.datetime(2026, 1, 2, 12)  # noqa: DTZ001 - files have no zone


@pytest.mark.parametrize("unit", [1, 1000])
def test_milliseconds_are_those_of_the_file(unit: int) -> None:
    """tifffile 2024.8.30 gives 125 microseconds for 125 milliseconds, 2025.2.18 the latter."""
    dates = [NOON + dt.timedelta(seconds=n, microseconds=125 * n * unit) for n in (1, 2, 0)]
    info: dict[str, Any] = {"DatetimeCreated": np.array(dates, "datetime64[us]")}
    assert _stk_columns(info)["time"].tolist() == [0, 1.125, -1.125]
    assert _first_date(info) == NOON + dt.timedelta(seconds=1.125)
