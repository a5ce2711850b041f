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
_WAVELENGTHS = {"emission": "lambdaem", "excitation": "lambdaex"}
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
    channels = [unknown] * max(count, 1)
    notes = []
    names = fields.get(("parameter", "ch"), ())
    if len(names) == len(channels):
        channels = [attrs.evolve(one, name=name) for one, name in zip(channels, names, strict=True)]
    for field, name in _WAVELENGTHS.items():
        words = fields.get(("s_params", name), ())
        if not words:
            continue
        if len(words) != len(channels):
            text = f"{name} has {len(words)} values, {len(channels)} channels are stored: not used"
            notes.append(Diagnostic("channels-length", text, where))
            continue
        channels = [
            attrs.evolve(one, **{field: _positive(word)})
            for one, word in zip(channels, words, strict=True)
        ]
    has_facts = any(one != unknown for one in channels)
    return tuple(channels) if count or has_facts else (), notes


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
