"""When, where and how long a plane of MetaMorph or MetaXpress was taken, as the XML of its page says.

Rule kept here: a property that is missing or no number is left out.

Source of the facts: the XML that MetaMorph and MetaXpress write into the description of each page, as
Bio-Formats' ``MetamorphHandler`` and ``faim-ipa`` read it: positions in micrometres, exposures in
milliseconds.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from aicsio._ome.units import finite_number, seconds_per
from aicsio.formats._tiff.makers import metaseries_property

_DATE = re.compile(r"\s*(\d{4})(\d\d)(\d\d) (\d{1,2}:\d\d:\d\d)(?:\.(\d{1,9}))?\s*")
_EXPOSURE = re.compile(r"Exposure:\s*([\d.]+)\s*(\w+)")
_STATED_EXPOSURE = re.compile(r"\s*([\d.]+)\s*(\w*)\s*")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "x": ("stage-position-x", "ImageXpress Micro X"),
    "y": ("stage-position-y", "ImageXpress Micro Y"),
    "z": ("z-position",),
    "focus": ("ImageXpress Micro Z",),
}
"""Names of properties by the column of ``Planes``, the first that is there counts."""


def metamorph_date(text: str) -> str | None:
    """Return a date such as ``20240816 09:49:42.978`` as ISO 8601; ``None`` for a text that is none.

    Examples
    --------
    >>> from aicsio.formats._tiff.metamorph import metamorph_date
    >>> metamorph_date("20240816 09:49:42.978"), metamorph_date("20240816 9:49:42.66")
    ('2024-08-16T09:49:42.978', '2024-08-16T09:49:42.066')
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, clock, fraction = match.groups()
    date = f"{year}-{month}-{day}T{clock:0>8}"
    if fraction is not None:
        # Behind the dot stand milliseconds, without zeros in front: .66 follows .42 and precedes .102.
        date += f".{fraction[:6] if len(fraction) > 3 else fraction.zfill(3)}"
    try:
        datetime.fromisoformat(date)
    except ValueError:
        return None
    return date


def seconds_of(date: str | None) -> float | None:
    """Return the seconds of a date on a clock that all files of an acquisition share."""
    if date is None:
        return None
    try:
        moment = datetime.fromisoformat(date)
        # Dates without a zone count as UTC: only their differences matter.
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def exposure_of(text: str) -> float | None:
    """Return the seconds of ``Exposure: 100 ms`` in the description of a plane."""
    match = _EXPOSURE.search(text)
    return None if match is None else _to_seconds(match[1], match[2])


def read_metaseries(text: str) -> dict[str, float]:
    """Return the facts of a page by the column of ``Planes``; ``time`` in seconds of ``seconds_of``."""
    found: dict[str, float | None] = {
        "time": seconds_of(
            metamorph_date(metaseries_property(text, "acquisition-time-local") or "")
        ),
        "exposure": _read_exposure(text),
    }
    for column, names in _NAMES.items():
        for name in names:
            number = finite_number(metaseries_property(text, name))
            if number is not None:
                found[column] = number
                break
    return {name: number for name, number in found.items() if number is not None}


def _read_exposure(text: str) -> float | None:
    stated = _STATED_EXPOSURE.fullmatch(metaseries_property(text, "Exposure Time") or "")
    if stated is not None:
        return _to_seconds(stated[1], stated[2] or "ms")
    return exposure_of(metaseries_property(text, "Description") or "")


def _to_seconds(number: str, unit: str) -> float | None:
    factor, value = seconds_per(unit), finite_number(number)
    if factor is None or value is None or value <= 0:
        return None
    return value * factor
