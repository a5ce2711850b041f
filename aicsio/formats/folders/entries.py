"""Planes that an index lists, and facts that follow from them.

Rule kept here: a number that the index lacks is NaN, a fact that follows from none is ``None``.
"""

import math
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

import attrs

from aicsio._ome.dates import iso_date
from aicsio._ome.document import name_row
from aicsio._ome.elements import parse_integer, parse_number
from aicsio.records import Well

NAN = math.nan
T = TypeVar("T")


class PlaneEntry(NamedTuple):
    """One plane that an index lists. A tuple, for an index may list a million."""

    t: int
    """Position along T."""
    c: int
    """Position along C."""
    z: int
    """Position along Z."""
    file: str
    """Name of its file below the folder."""
    page: int = 0
    """Number of the plane in its file."""
    time: float = NAN
    """Seconds, on any clock of the index."""
    exposure: float = NAN
    """Seconds."""
    x: float = NAN
    """Stage position in micrometres."""
    y: float = NAN
    """Stage position in micrometres."""
    height: float = NAN
    """Focus position in micrometres."""


@attrs.define(eq=False)
class FieldPlanes:
    """One field of view while an index is read. Not a record: it lives for one opening."""

    name: str | None
    """Name of the scene; ``None`` for a well, which names it."""
    well: Well | None = None
    """Where it was taken."""
    entries: list[PlaneEntry] = attrs.Factory(list)
    """Its planes, in the order of the index."""
    acquired: str | None = None
    """Date and time of its first plane; ``None`` for that of the plate."""
    start: float | None = None
    """Seconds from ``acquired`` to the first plane; ``None`` if unknown."""


def in_wells(
    groups: Iterable[tuple[tuple[int, int, int], T]], plate: str | None
) -> Iterator[tuple[Well, T]]:
    """Yield the fields of a plate by row, column and number, each with its well.

    Parameters
    ----------
    groups
        Row and column of the well, from 1, and number of the field, with what was taken there.
    plate
        Name of the plate.
    """
    number_in_well: Counter[tuple[int, int]] = Counter()
    # By place alone: equal places ("1" and "01") would leave what is behind them to compare.
    for (row, column, _), members in sorted(groups, key=operator.itemgetter(0)):
        yield (
            Well(name_row(max(row, 1) - 1), str(column), number_in_well[row, column], plate),
            members,
        )
        number_in_well[row, column] += 1


def positive(value: float | None) -> float | None:
    """Return a size; ``None`` for one that is none."""
    return value if value is not None and 0 < value < math.inf else None


def or_nan(value: float | None) -> float:
    """Return a number; NaN for one that is missing."""
    return NAN if value is None else value


def even_step(values: Iterable[float]) -> float | None:
    """Return the mean distance of sorted different values; ``None`` of fewer than two."""
    # Rounded to microseconds or picometres, below which floats of one value may differ.
    distinct = sorted({round(value, 6) for value in values if math.isfinite(value)})
    if len(distinct) < 2:
        return None
    return positive((distinct[-1] - distinct[0]) / (len(distinct) - 1))


def delay_of_first(entries: Sequence[PlaneEntry]) -> float | None:
    """Return the seconds from the first listed plane to the earliest, which need not be the same."""
    times = [one.time for one in entries if math.isfinite(one.time)]
    if not times or not math.isfinite(entries[0].time):
        return None
    return min(times) - entries[0].time


def z_step(fields: Sequence[FieldPlanes]) -> float | None:
    """Return the distance of sections: of the heights of one stack in the first field that has some."""
    for field in fields:
        if not field.entries:
            continue
        first = field.entries[0]
        stack = [one.height for one in field.entries if (one.t, one.c) == (first.t, first.c)]
        step = even_step(stack)
        if step is not None:
            return step
    return None


def time_step(fields: Sequence[FieldPlanes]) -> float | None:
    """Return the mean distance of time points in the first field that has several."""
    for field in fields:
        if not field.entries:
            continue
        first = field.entries[0]
        times = [one.time for one in field.entries if (one.c, one.z) == (first.c, first.z)]
        step = even_step(times)
        if step is not None:
            return step
    return None


def positions_of(labels: Iterable[int]) -> Mapping[int, int]:
    """Number the labels of an axis, such as time points 1, 2 and 5, from 0 in their order."""
    return {label: position for position, label in enumerate(sorted(set(labels)))}


def shorten_fraction(text: str) -> str:
    """Cut the digits of a second behind the sixth, which a date of Python does not have."""
    before, dot, after = text.strip().partition(".")
    digits = after[: len(after) - len(after.lstrip("0123456789"))]
    return f"{before}{dot}{digits[:6]}{after[len(digits) :]}"


def date_of(text: str | None) -> str | None:
    """Return a date as ISO 8601; ``None`` for a text that is none."""
    return iso_date(shorten_fraction(text or ""))


class ParsedNumbers(dict[str | None, float]):
    """Numbers by their texts, each parsed once. Not a record: it lives for one opening."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor

    def __missing__(self, text: str | None) -> float:
        number = or_nan(parse_number(text)) * self.factor
        self[text] = number
        return number


class ParsedIntegers(dict[str | None, int]):
    """Whole numbers by their texts, 0 for a text that is none. Not a record, like the above."""

    def __missing__(self, text: str | None) -> int:
        number = self[text] = parse_integer(text) or 0
        return number


class ParsedSeconds(dict[str | None, float]):
    """Seconds of dates by their texts, on one clock. Not a record, like the above."""

    def __missing__(self, text: str | None) -> float:
        try:
            # A date without a zone is taken for local time: differences alone are used.
            seconds = datetime.fromisoformat(shorten_fraction(text or "")).timestamp()
        except (ValueError, OverflowError):
            seconds = NAN
        self[text] = seconds
        return seconds
