"""Fields of an ICS header -> channels, lens, date and times of planes. Pure.

Rule kept here: a list is taken only where its length fits; the others are reported.

Source of the facts: ``IcsSetSensorEmissionWavelength`` and its companions of libics, which has a
value of each sensor channel; Bio-Formats (``ICSReader``) for names, dates and times. PinholeRadius
is left out: its unit is that of the writer.
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np

from aicsio._ome.dates import iso_date, written_date
from aicsio._ome.units import finite_number
from aicsio.records import Channel, Diagnostic, Dims, Objective, Planes

Fields = Mapping[tuple[str, str], Sequence[str]]
"""Values by category and name, both in small letters."""
DATES = ("date", "created on", "creation date")
"""Beginnings of the line of the history that has the date of acquisition."""


def describe_channels(
    fields: Fields, count: int, samples: int, where: str
) -> tuple[tuple[Channel, ...], list[Diagnostic]]:
    """Return names and wavelengths of the channels.

    Parameters
    ----------
    fields
        Of the header.
    count
        Length of C; 0 of an image without.
    samples
        Of each channel: 3 of a colour image.
    where
        The file, for diagnostics.
    """
    unknown = Channel(samples=samples)
    length = max(count, 1)
    names = fields.get(("parameter", "ch"), ())
    notes: list[Diagnostic] = []
    emissions, excitations = (
        _wavelengths(fields, name, length, where, notes) for name in ("lambdaem", "lambdaex")
    )
    channels = tuple(
        attrs.evolve(
            unknown,
            name=names[index] if len(names) == length else None,
            emission=emissions[index],
            excitation=excitations[index],
        )
        for index in range(length)
    )
    has_facts = any(one != unknown for one in channels)
    return channels if count or has_facts else (), notes


def _wavelengths(
    fields: Fields, name: str, length: int, where: str, notes: list[Diagnostic]
) -> list[float | None]:
    """Return nanometres by channel; adds a note on a list of another length."""
    words = fields.get(("s_params", name), ())
    if len(words) == length:
        return [_positive(word) for word in words]
    if words:
        text = f"{name} has {len(words)} values, {length} channels are stored: not used"
        notes.append(Diagnostic("channels-length", text, where))
    return [None] * length


def describe_objective(fields: Fields) -> Objective | None:
    """Return the lens of the sensor parameters."""
    aperture, index = (
        _positive(next(iter(fields.get(("s_params", name), ())), ""))
        for name in ("numaperture", "refrinxmedium")
    )
    if aperture is None:
        return None
    return Objective(aperture=aperture, refractive_index=index)


def describe_planes(
    fields: Fields, time_count: int, where: str
) -> tuple[Planes | None, list[Diagnostic]]:
    """Return the times that are listed for the time points."""
    words = fields.get(("parameter", "t"), ())
    if not words:
        return None, []
    times = np.array([_number(word) for word in words])
    if len(times) != time_count:
        text = f"{len(times)} times fit no {time_count} time points: they are not used"
        return None, [Diagnostic("time-stamps-length", text, where)]
    known = times[np.isfinite(times)]
    if not known.size:
        return None, []
    column = (times - known[0]).astype("<f8").tobytes()
    return Planes(Dims("T", (time_count,)), time=column), []


def read_date(history: Iterable[str]) -> str | None:
    """Return the date of acquisition of the lines of the history."""
    lines = [line.strip() for line in history]
    for name in DATES:
        for line in lines:
            if line.lower().startswith(f"{name} "):
                text = line[len(name) :].strip()
                date = iso_date(text) or written_date(text)
                if date is not None:
                    return date
    return None


def _number(word: str) -> float:
    value = finite_number(word)
    return np.nan if value is None else value


def _positive(word: str) -> float | None:
    value = finite_number(word)
    return value if value is not None and value > 0 else None
