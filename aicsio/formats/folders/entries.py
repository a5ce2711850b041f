"""Planes that an index lists, in columns, and facts that follow from them.

Rule kept here: a number that the index lacks is NaN, a fact that follows from none is ``None``. An
index may list a million planes: columns are handled whole, one object a plane takes a second of 100 000.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._ome.dates import iso_date
from aicsio._ome.document import name_row
from aicsio._ome.elements import parse_integer, parse_number
from aicsio.errors import CorruptFileError
from aicsio.records import Well

NAN = math.nan
Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Place: TypeAlias = tuple[int, int, int]
"""Row and column of a well, from 1, and number of a field in it."""
K = TypeVar("K", bound=Hashable)


@attrs.frozen(eq=False)
class Field:
    """One field of view while an index is read. Not a record: it lives for one opening."""

    name: str | None
    """Name of the scene; ``None`` for a well, which names it."""
    well: Well | None = None
    """Where it was taken."""
    acquired: str | None = None
    """Date and time of its first plane; ``None`` for that of the plate."""
    start: float | None = None
    """Seconds from ``acquired`` to the first plane; ``None`` if unknown."""


@attrs.frozen(eq=False)
class ListedPlanes:
    """Planes that an index lists, field by field. Not a record: it lives for one opening."""

    field: Integers
    """Position of the field among all of them; ascending."""
    t: Integers
    """Position along T."""
    c: Integers
    """Position along C."""
    z: Integers
    """Position along Z."""
    page: Integers
    """Number of the plane in its file."""
    time: Floats
    """Seconds, on any clock of the index."""
    exposure: Floats
    """Seconds."""
    x: Floats
    """Stage position in micrometres."""
    y: Floats
    """Stage position in micrometres."""
    height: Floats
    """Focus position in micrometres."""
    files: Sequence[str]
    """Name of its file below the folder."""

    @classmethod
    def of_fields(
        cls, field: npt.ArrayLike, files: Sequence[str], **columns: npt.ArrayLike
    ) -> "ListedPlanes":
        """Sort planes by their field; those of one field stay in the order of the index.

        Parameters
        ----------
        field, files
            One value a plane.
        **columns
            The other columns, one value a plane. Positions and pages that are left out are 0, facts are
            missing.

        Examples
        --------
        >>> from aicsio.formats.folders.entries import ListedPlanes
        >>> planes = ListedPlanes.of_fields([1, 0], ["b", "a"], z=[1, 0], x=[2.5, 0.5])
        >>> planes.files, planes.x.tolist(), planes.page.tolist(), planes.time.tolist()
        (['a', 'b'], [0.5, 2.5], [0, 0], [nan, nan])
        """
        numbers = np.asarray(field, np.int64)
        order: slice | Integers = slice(None)
        if (numbers[1:] < numbers[:-1]).any():
            order = np.argsort(numbers, kind="stable")
            files = [files[row] for row in order.tolist()]

        def sort(name: str, default: float, kind: type[Any]) -> npt.NDArray[Any]:
            try:
                values = np.asarray(columns.get(name, default), kind)
            except OverflowError as error:
                text = f"expected numbers of 64 bits for {name} of the planes of an index"
                raise CorruptFileError(text) from error
            return np.broadcast_to(values, numbers.shape)[order]

        integers = {name: sort(name, 0.0, np.int64) for name in ("t", "c", "z", "page")}
        facts = ("time", "exposure", "x", "y", "height")
        floats = {name: sort(name, NAN, np.float64) for name in facts}
        return cls(field=numbers[order], files=files, **integers, **floats)

    def __len__(self) -> int:
        return len(self.files)

    def facts(self) -> dict[str, Floats]:
        """Return the columns of ``Planes`` by their names."""
        return {
            "time": self.time,
            "exposure": self.exposure,
            "x": self.x,
            "y": self.y,
            "z": self.height,
        }

    def starts(self, count: int) -> Integers:
        """Return the first row of each of ``count`` fields, and the number of rows."""
        return np.searchsorted(self.field, np.arange(count + 1))


def order_fields(
    keys: Sequence[K], place_of: Callable[[K], Place], plate: str | None
) -> tuple[Integers, list[Well], list[int]]:
    """Order the fields of a plate by row, column and number.

    Parameters
    ----------
    keys
        Of each plane a value that all planes of its field share, and no other.
    place_of
        Makes the place of a key.
    plate
        Name of the plate.

    Returns
    -------
    field : numpy.ndarray
        Of each plane the position of its field.
    wells : list of Well
        Of each field its well.
    first : list of int
        Of each field its first plane in the index.

    Examples
    --------
    >>> from aicsio.formats.folders.entries import order_fields
    >>> keys = [(2, 1, 1), (1, 3, 1), (2, 1, 1)]
    >>> field, wells, first = order_fields(keys, lambda place: place, None)
    >>> field.tolist(), [well.name for well in wells], first
    ([1, 0, 1], ['A3', 'B1'], [1, 0])
    """
    first_of = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
    # Fields of equal places, such as "1" and "01", keep the order of the index.
    placed = sorted(((place_of(key), key) for key in dict.fromkeys(keys)), key=lambda pair: pair[0])
    wells = []
    number_in_well: Counter[tuple[int, int]] = Counter()
    for (row, column, _), _ in placed:
        well = (row, column)
        name = name_row(max(row, 1) - 1)
        wells.append(Well(name, str(column), number_in_well[well], plate))
        number_in_well[well] += 1
    position_of = {key: position for position, (_, key) in enumerate(placed)}
    return take_each(position_of, keys), wells, [first_of[key] for _, key in placed]


def take_each(numbers: Mapping[K, int], keys: Sequence[K]) -> Integers:
    """Return the number of each key."""
    return np.fromiter(map(numbers.__getitem__, keys), np.int64, len(keys))


def gather(
    parts: Iterable[Sequence[Sequence[str | None]]],
    parsers: Sequence[Mapping[str | None, Any] | None],
) -> list[list[Any]]:
    """Join the parts of a list, and parse its texts.

    Parameters
    ----------
    parts
        Of each part its columns.
    parsers
        Of each column the values by their texts; ``None`` keeps the texts.

    Examples
    --------
    >>> from aicsio.formats.folders.entries import ParsedIntegers, gather
    >>> gather([[["1", "2"], ["a", "b"]], [["3"], ["c"]]], [ParsedIntegers(), None])
    [[1, 2, 3], ['a', 'b', 'c']]
    """
    columns: list[list[Any]] = [[] for _ in parsers]
    for part in parts:
        for column, parser, texts in zip(columns, parsers, part, strict=True):
            column.extend(texts if parser is None else map(parser.__getitem__, texts))
    return columns


def choose_rows(
    columns: Sequence[Sequence[str | None]], chosen: Sequence[bool]
) -> Sequence[Sequence[str | None]]:
    """Return some rows of columns."""
    if all(chosen):
        return columns
    return [list(itertools.compress(column, chosen)) for column in columns]


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


def delays_of_first(planes: ListedPlanes, count: int) -> list[float | None]:
    """Return of each field the seconds from the first listed plane to the earliest.

    Parameters
    ----------
    planes
        One or more of each field.
    count
        Number of fields.
    """
    starts = planes.starts(count)[:-1]
    is_known = np.isfinite(planes.time)
    earliest = np.minimum.reduceat(np.where(is_known, planes.time, math.inf), starts)
    # Of a field whose first plane has no time NaN is left; + 0.0 makes 0.0 of -0.0.
    delays = earliest - np.where(is_known, planes.time, NAN)[starts] + 0.0
    return [None if math.isnan(delay) else delay for delay in delays.tolist()]


def z_step(planes: ListedPlanes) -> float | None:
    """Return the distance of sections: of the heights of one stack in the first field that has some."""
    return _first_step(planes, planes.height, planes.t, planes.c)


def time_step(planes: ListedPlanes) -> float | None:
    """Return the mean distance of time points in the first field that has several."""
    return _first_step(planes, planes.time, planes.c, planes.z)


def _first_step(planes: ListedPlanes, values: Floats, *others: Integers) -> float | None:
    """Return the step of the first field that has one, where other axes are as in its first plane."""
    count = int(planes.field[-1]) + 1 if len(planes) else 0
    starts = planes.starts(count)
    first = starts[planes.field]
    is_taken: npt.NDArray[np.bool_] = np.isfinite(values)
    for positions in others:
        is_taken &= positions == positions[first]
    # Of thousands of fields with one value each none is looked at.
    for field in np.flatnonzero(np.bincount(planes.field[is_taken]) > 1).tolist():
        rows = slice(starts[field], starts[field + 1])
        step = even_step(values[rows][is_taken[rows]].tolist())
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


class SharedTexts(dict[str | None, str | None]):
    """Equal texts as one object, ``None`` for an empty one. Not a record, like the above."""

    def __missing__(self, text: str | None) -> str | None:
        shared = self[text] = text or None
        return shared
