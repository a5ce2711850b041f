"""Attributes of an Imaris file to records: channels, sizes, times, the objective.

Rule kept here: a text that is no number, or that Imaris writes for "unknown", becomes None.

Source of the facts: "Imaris 5.5 File Format Description" (Bitplane), group ``DataSetInfo``.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

import numpy as np

from aicsio._ome.dates import iso_date
from aicsio._ome.lenses import read_engraving
from aicsio._ome.units import finite_number, micrometres_per
from aicsio.formats._steps import report_unit
from aicsio.records import Channel, Diagnostic, Dims, Objective, Origin, PixelSize, Planes

Texts: TypeAlias = Mapping[str, str]
Info: TypeAlias = Mapping[str, Texts]
"""Attributes by name, by the name of their group."""

AXES: Final = {"X": 0, "Y": 1, "Z": 2}
"""Numbers of ``ExtMin`` and ``ExtMax``."""
UNKNOWN: Final = re.compile(r"\(\s*(?:\w+ )?not specified\s*\)|")
"""Text that Imaris writes where the user gave none."""
EVEN: Final = 0.01
"""Steps of time are even where they differ by less than this part: dates have milliseconds."""


def known_text(texts: Texts, name: str) -> str | None:
    """Return a text; ``None`` where it is missing or Imaris made it up."""
    text = texts.get(name, "").strip()
    return None if UNKNOWN.fullmatch(text) else text


# ---------------------------------------------------------------- channels


def describe_channels(info: Info, count: int) -> tuple[Channel, ...]:
    """Return one record a channel."""
    return tuple(_describe_channel(info.get(f"Channel {n}", {})) for n in range(count))


def _describe_channel(texts: Texts) -> Channel:
    return Channel(
        name=known_text(texts, "Name"),
        color=_parse_color(texts.get("Color", "")),
        emission=_positive(texts.get("LSMEmissionWavelength")),
        excitation=_positive(texts.get("LSMExcitationWavelength")),
        window=_parse_window(texts.get("ColorRange", "")),
    )


def _numbers(text: str) -> list[float]:
    """Return the numbers of a text; none unless all its words are."""
    values = [finite_number(word) for word in text.split()]
    return [value for value in values if value is not None] if None not in values else []


def _parse_color(text: str) -> int | None:
    """Turn three numbers from 0 to 1 into 0xRRGGBBAA."""
    parts = _numbers(text)
    if len(parts) != 3 or not all(0 <= part <= 1 for part in parts):
        return None
    red, green, blue = (round(part * 255) for part in parts)
    return red << 24 | green << 16 | blue << 8 | 0xFF


def _parse_window(text: str) -> tuple[float, float] | None:
    parts = _numbers(text)
    return (parts[0], parts[1]) if len(parts) == 2 and parts[0] < parts[1] else None


def _positive(text: str | None) -> float | None:
    value = finite_number(text)
    return value if value is not None and value > 0 else None


# ---------------------------------------------------------------- sizes


def parse_pixel_size(image: Texts, sizes: Dims) -> PixelSize:
    """Return the extent of the image divided by its pixels."""
    found = {letter: _spacing(image, letter, sizes[letter]) for letter in AXES}
    return PixelSize(found["Z"], found["Y"], found["X"])


def _spacing(image: Texts, letter: str, count: int) -> float | None:
    low, high, factor = _extent(image, letter)
    if low is None or high is None or factor is None:
        return None
    # A stack from top to bottom has its extent the other way round.
    spacing = abs(high - low) * factor / count
    return spacing if 0 < spacing < np.inf else None


def report_sizes(image: Texts, size: PixelSize, where: str) -> list[Diagnostic]:
    """Report a unit that is not known, else extents that are stated and give no size."""
    unit = image.get("Unit") or "um"
    if micrometres_per(unit) is None:
        return [report_unit(unit, "X, Y and Z", where)]
    unusable = [
        letter
        for letter, number in AXES.items()
        if f"ExtMax{number}" in image and getattr(size, letter) is None
    ]
    if not unusable:
        return []
    text = f"the extent along {', '.join(unusable)} gives no size above 0: it is not used"
    return [Diagnostic("unusable-size", text, where)]


def parse_origin(image: Texts, sizes: Dims) -> Origin:
    """Return the centre of the first pixel: half a pixel behind the corner of the image."""
    places: dict[str, float | None] = {}
    for letter in AXES:
        low, high, factor = _extent(image, letter)
        places[letter] = None
        if low is not None and high is not None and factor is not None:
            place = (low + (high - low) / (2 * sizes[letter])) * factor
            places[letter] = place if np.isfinite(place) else None
    return Origin(places["Z"], places["Y"], places["X"])


def _extent(image: Texts, letter: str) -> tuple[float | None, float | None, float | None]:
    """Return both ends of an axis, and the micrometres of their unit."""
    number = AXES[letter]
    low = finite_number(image.get(f"ExtMin{number}"))
    high = finite_number(image.get(f"ExtMax{number}"))
    return low, high, micrometres_per(image.get("Unit") or "um")


# ---------------------------------------------------------------- times


def parse_dates(times: Texts, count: int) -> list[datetime | None]:
    """Return the date of each time point; they are numbered from 1."""
    return [_parse_date(times.get(f"TimePoint{t + 1}", "")) for t in range(count)]


def _parse_date(text: str) -> datetime | None:
    date = iso_date(text)
    if date is None:
        return None
    # No zone is written; one would make dates that cannot be compared with the others.
    return datetime.fromisoformat(date).replace(tzinfo=None)


def describe_times(dates: list[datetime | None]) -> tuple[float | None, Planes | None]:
    """Return the step of even times, and the time of each time point since the first."""
    known = [date for date in dates if date is not None]
    if not known or len(dates) < 2:
        return None, None
    first = known[0]
    seconds = np.array([np.nan if d is None else (d - first).total_seconds() for d in dates])
    if not np.nanmax(np.abs(seconds)) > 0:
        # One date for all: the file was made from images without times.
        return None, None
    planes = Planes(Dims("T", (len(dates),)), seconds.astype("<f8").tobytes())
    steps = np.diff(seconds)
    # A missing date makes the mean NaN, which is not above 0: the step stays unknown.
    step = float(steps.mean())
    is_even = step > 0 and bool(np.all(np.abs(steps - step) <= max(EVEN * step, 0.001)))
    return (round(step, 6) if is_even else None), planes


def find_start(image: Texts, dates: list[datetime | None]) -> str | None:
    """Return the date of the first time point, else that of the recording."""
    if dates and dates[0] is not None:
        return dates[0].isoformat()
    return iso_date(image.get("RecordingDate", ""))


def parse_objective(image: Texts) -> Objective | None:
    """Return the objective, or ``None`` if the file has none."""
    power = known_text(image, "LensPower")
    magnification = _positive(power)
    if power is not None and magnification is None:
        magnification = read_engraving(power).magnification
    aperture = _positive(image.get("NumericalAperture"))
    if magnification is None and aperture is None:
        return None
    return Objective(None, magnification, aperture)
