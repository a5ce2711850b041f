"""Values as the schema of OME spells them: numbers, dates and times.

Rule kept here: a value is written so that reading it gives the same value, or it is not legal.

Source of the facts: XML Schema part 2 (xsd:float, xsd:dateTime).
"""

import datetime as dt
import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

_DATE_TIME = re.compile(
    r"(\d{4})(-?)(\d\d)\2(\d\d)[T ](\d\d)(:?)(\d\d)\6(\d\d)(?:[.,](\d+))?(?:(Z)|([+-]\d\d):?(\d\d))?"
)
"""Both forms of ISO 8601: with separators and, ``20170821T150807+0200``, without."""
_MINUTE = re.compile(r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)(Z|[+-]\d\d:?\d\d|)$")

IN_TAG = r"""(?:[^<>"']|"[^"<]*"|'[^'<]*')"""
"""Pattern of a character of a start tag, or of a whole value in it: values may hold ">" (XML 1.0, section 2.4)."""

# Python converts no decimal number of more than 4300 digits; no character has a number of 100.
_LONG_REFERENCE = re.compile(r"&#[0-9]{100,};?")


def resolve_references(text: str) -> str:
    """Replace references to characters, such as ``&#181;``, by those; numbers of none by U+FFFD.

    Source of the facts: XML 1.0, section 4.1.
    """
    import html  # its table of entities takes 1 ms, for few files

    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text))


def to_text(value: float) -> str:
    """Write a number so that reading it gives the same number."""
    # Whole numbers up to here are exact in a float: 2**53 is 9e15.
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def is_float(value: float) -> bool:
    """Whether the schema has such a number."""
    # xsd:float is IEEE single precision: numbers beyond it would come back as 0 or infinity.
    number = float(value)
    return number == 0 or (math.isfinite(number) and 1.2e-38 < abs(number) < 3.4e38)


def are_floats(values: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Whether the schema has each of some numbers; see ``is_float``."""
    with np.errstate(invalid="ignore"):
        sizes = np.abs(values)
        legal: npt.NDArray[Any] = (sizes == 0) | ((sizes > 1.2e-38) & (sizes < 3.4e38))
    return legal


def to_date_time(text: str) -> str | None:
    """Return a legal xsd:dateTime, or ``None``; a date without a time is not completed.

    Examples
    --------
    >>> from aicsio._ome.lexical import to_date_time
    >>> to_date_time("20170821T150807,5+0200"), to_date_time("2017-08-21")
    ('2017-08-21T15:08:07.5+02:00', None)
    """
    parts = _DATE_TIME.fullmatch(text.strip())
    if parts is None:
        return None
    year, _, month, day, hour, _, minute, second, fraction, utc, offset, rest = parts.groups()
    zone = utc or (f"{offset}:{rest}" if offset else "")
    candidate = f"{year}-{month}-{day}T{hour}:{minute}:{second}"
    try:
        dt.datetime.fromisoformat(candidate + zone)
    except ValueError:
        return None
    return candidate + (f".{fraction}" if fraction else "") + zone


def with_seconds(text: str) -> str:
    """Return a date and time of ISO 8601 with seconds, which xsd:dateTime demands.

    Examples
    --------
    >>> from aicsio._ome.lexical import with_seconds
    >>> with_seconds("2017-08-21T15:08+02:00"), with_seconds("2017-08-21")
    ('2017-08-21T15:08:00+02:00', '2017-08-21')
    """
    return _MINUTE.sub(r"\1:00\2", text.strip())
