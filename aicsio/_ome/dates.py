"""Dates and times of files -> ISO 8601.

Rule kept here: a date that is not certain is no date. Day and month are never guessed.
"""

import re
from datetime import datetime, timedelta

_YEAR_FIRST = re.compile(
    r"(\d{4})[:/.-](\d{1,2})[:/.-](\d{1,2})(?:[T ]+(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) +)?"
    r"(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s*(Z|[+-]\d{2}:?\d{2})?)?"
)


_CLOCK = re.compile(r"\b(\d{1,2}):(\d\d):(\d\d)(?:\s*([AP]M)\b)?", re.IGNORECASE)
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
SHORT_MONTHS = tuple(name[:3] for name in _MONTHS)
"""The first three letters of each month, in lower case."""
_BASIC_FORM = re.compile(r"\d{8}(?:T\d{4}(?:\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d{4})?)?")


def iso_date(text: str) -> str | None:
    """Return a date, or date and time, as ISO 8601; ``None`` if the text is none.

    Forms that begin with a year of four digits are brought into the form of ISO 8601, such as the
    ``2017:08:21 15:08:07`` of TIFF 6.0; a day of the week may follow the date. Others, such as
    ``08/09/2017``, have no certain meaning.

    Examples
    --------
    >>> from aicsio._ome.dates import iso_date
    >>> iso_date("2017-08-21T15:08:07Z"), iso_date("2017:08:21 15:08:07")
    ('2017-08-21T15:08:07Z', '2017-08-21T15:08:07')
    >>> iso_date("2011-01-18 Tue 16:52:41 -0800")
    '2011-01-18T16:52:41-0800'
    >>> iso_date("2017-08-21T15:08:70"), iso_date("08/09/2017")
    (None, None)
    """
    date = text.strip("\0 \t\r\n")
    parts = _YEAR_FIRST.fullmatch(date)
    # 30 February and second 70 pass the pattern: the calendar decides below.
    if parts is not None:
        date = _normalize(*parts.groups())
    elif not _BASIC_FORM.fullmatch(date):
        return None
    return valid_date(date)


def written_date(text: str) -> str | None:
    """Return a date whose month is a word as ISO 8601; ``None`` if the text is none.

    Examples
    --------
    >>> from aicsio._ome.dates import written_date
    >>> written_date("Thursday, May 10, 2007 03:05:37 PM"), written_date("Thu May 10 15:05:37 2007")
    ('2007-05-10T15:05:37', '2007-05-10T15:05:37')
    >>> written_date("10.05.2007 15:05:37"), written_date("May 2007")
    (None, None)
    """
    clock = _CLOCK.search(text)
    if clock is None:
        return None
    rest = f"{text[: clock.start()]} {text[clock.end() :]}"
    months = [
        number
        for word in re.findall(r"[a-z]{3,}", rest.lower())
        for number, name in enumerate(_MONTHS, 1)
        if name.startswith(word)
    ]
    numbers = re.findall(r"\d+", rest)
    years = [number for number in numbers if len(number) == 4]
    days = [number for number in numbers if len(number) < 3]
    # Zones stand there as letters that several places of the earth share: they are left out.
    if not len(months) == len(years) == len(days) == len(numbers) - 1 == 1:
        return None
    hour, minute, second, half = clock.groups()
    if half is not None:
        hour = str(int(hour) % 12 + 12 * (half.lower() == "pm"))
    return valid_date(f"{years[0]}-{months[0]:02}-{days[0]:0>2}T{hour:0>2}:{minute}:{second}")


def valid_date(date: str | None) -> str | None:
    """Return a date of ISO 8601 as it is; ``None`` if the calendar or the clock lacks it.

    Examples
    --------
    >>> from aicsio._ome.dates import valid_date
    >>> valid_date("2017-08-21T15:08:07.25+02:00"), valid_date("2017-02-30T15:08:07")
    ('2017-08-21T15:08:07.25+02:00', None)
    """
    try:
        # Only checked: the text keeps its zone and all digits of its second.
        datetime.fromisoformat(date or "")
    except ValueError:
        return None
    return date


def _normalize(year: str, month: str, day: str, time: str | None, zone: str | None) -> str:
    date = f"{year}-{month:0>2}-{day:0>2}"
    if time is None:
        return date
    hours, _, rest = time.partition(":")
    rest = rest.replace(",", ".")
    # The end of a day is the start of the next one (ISO 8601, xsd:dateTime).
    if hours == "24" and not rest.strip("0:."):
        try:
            date = (datetime.fromisoformat(date) + timedelta(days=1)).strftime("%Y-%m-%d")
        except (ValueError, OverflowError):
            return ""
        hours = "00"
    return f"{date}T{hours:0>2}:{rest}{zone or ''}"
