"""Facts of Micro-Manager's summary metadata, which its stacks, NDTiff and image series share.

Rule kept here: pure functions of parsed JSON. A value that is missing, or of another kind, is
``None``.

Source of the facts: https://micro-manager.org/Micro-Manager_File_Formats.
"""

import math
from collections.abc import Mapping
from typing import Any

from aicsio._ome.dates import iso_date
from aicsio._ome.units import finite_number

_DATES = ("StartTime", "Time", "DateAndTime")
"""Keys of the summary: of Micro-Manager 2, of 1.4, and of AcqEngJ, which Pycro-Manager runs on."""


def start_of(summary: Mapping[str, Any], *others: object) -> str | None:
    """Return the start of an acquisition as ISO 8601; ``None`` without one.

    Parameters
    ----------
    summary
        The summary metadata.
    *others
        Dates that count where the summary has none, such as that of the first plane.

    Examples
    --------
    >>> from aicsio.formats._micromanager import start_of
    >>> start_of({"Time": "2011-01-18 Tue 16:52:41 -0800"}), start_of({})
    ('2011-01-18T16:52:41-0800', None)
    """
    for text in (*(summary.get(name) for name in _DATES), *others):
        date = iso_date(text) if isinstance(text, str) else None
        if date is not None:
            return date
    return None


def z_step_of(summary: Mapping[str, Any]) -> float | None:
    """Return the micrometres between sections; ``None`` without them, or for 0.

    Examples
    --------
    >>> from aicsio.formats._micromanager import z_step_of
    >>> z_step_of({"z-step_um": -0.5}), z_step_of({"z-step_um": 0})
    (0.5, None)
    """
    # The step is negative for a stack in the other direction.
    return abs(number_of(summary, "z-step_um") or 0.0) or None


def number_of(facts: Mapping[str, Any], name: str) -> float | None:
    """Return a number, which version 2.0 may store as ``{"scalar": 1.0}``.

    Examples
    --------
    >>> from aicsio.formats._micromanager import number_of
    >>> number_of({"Exposure-ms": {"scalar": 10}}, "Exposure-ms")
    10.0
    """
    value = facts.get(name)
    if isinstance(value, dict):
        value = value.get("scalar")
    # Most are floats already: their text would take a microsecond more.
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return finite_number(str(value))
