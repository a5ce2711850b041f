"""When and how a page was taken, by the metadata of cameras, electron microscopes and scanners.

Rule kept here: the moment of the exposure outranks DateTime, which is that of the last change of
the file. A date that can be read in two ways is left out.

Source of the facts: Exif 2.32 (CIPA DC-008, section 4.6.5: DateTimeOriginal is "the date and time
when the original image data was generated", ExposureTime is given in seconds); TIFF/EP (ISO
12234-2), which has the same tags in the first directory; the INI text of FEI electron microscopes;
the description that Aperio ImageScope writes.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from aicsio._ome.dates import SHORT_MONTHS, valid_date
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.electron_microscopes import (
    FEI,
    read_fei_settings,
    read_zeiss_sem_settings,
)
from aicsio.formats._tiff.ifd import read_directory
from aicsio.formats._tiff.page_metadata import PageTags, iso_date, positive_float
from aicsio.formats._tiff.slides import read_aperio_settings, read_slide_lens
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Dims, Planes

_AMERICAN_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})")
_EUROPEAN_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d):(\d\d)\s*([AP]M)?", re.IGNORECASE)
_ZONE = re.compile(r"(?:GMT|UTC)?([+-]\d\d):?(\d\d)")


def read_acquisition(tags: PageTags) -> dict[str, Any]:
    """Return the fields of a scene that describe how its page was taken: date and lens."""
    return {"acquired": read_date(tags), "objective": read_slide_lens(tags)}


def describe_exposure(tags: PageTags, stored: Dims) -> Planes | None:
    """Return the exposure of a page as a column; ``None`` without one, or for several pages."""
    seconds = read_exposure(tags)
    if seconds is None:
        return None
    letters = "".join(letter for letter in stored if letter not in "YXS")
    shape = tuple(stored[letter] for letter in letters)
    # The tags are those of one page: the others may have been exposed longer.
    if any(size > 1 for size in shape):
        return None
    return Planes(Dims(letters, shape), exposure=np.full(shape, seconds, "<f8").tobytes())


# ---------------------------------------------------------------- dates


def read_date(tags: PageTags) -> str | None:
    """Return the date and time at which a page was taken as ISO 8601; ``None`` without one."""
    return locate_date(tags)[0]


def locate_date(tags: PageTags) -> tuple[str | None, str | None]:
    """Return the date and time at which a page was taken, and the place that has it."""
    for place, read in _DATES:
        date = read(tags)
        if date is not None:
            return date, place
    return None, None


def _exif_date(tags: PageTags) -> str | None:
    for page in (_read_exif(tags), tags):
        if page is None or Tag.DATE_TIME_ORIGINAL not in page.tags:
            continue
        text = page.text(Tag.DATE_TIME_ORIGINAL).strip()
        if not text:
            continue
        fraction = page.text(Tag.SUB_SEC_TIME_ORIGINAL).strip()
        # ``isdigit`` alone takes digits of other scripts, and superscripts.
        if fraction.isascii() and fraction.isdigit() and fraction.strip("0"):
            text = f"{text}.{fraction[:6]}"
        zone = page.text(Tag.OFFSET_TIME_ORIGINAL).strip()
        # The offset has its own tag since Exif 2.31; before, the time is that of the camera.
        date = iso_date(text + zone) if zone else None
        return date or iso_date(text)
    return None


def _fei_date(tags: PageTags) -> str | None:
    """FEI: TimeOfCreation has one form; Date and Time are those of the regional settings."""
    if not tags.has_any(FEI):
        return None
    settings = read_fei_settings(tags)
    created = settings.get("PrivateFei", {}).get("TimeOfCreation", "")
    user = settings.get("User", {})
    return join_date(created, created) or join_date(user.get("Date", ""), user.get("Time", ""))


def _aperio_date(tags: PageTags) -> str | None:
    settings = read_aperio_settings(tags)
    if not settings:
        return None
    date = join_date(settings.get("Date", ""), settings.get("Time", ""), month_first=True)
    zone = _ZONE.fullmatch(settings.get("Time Zone", ""))
    if date is None or zone is None:
        return date
    return valid_date(f"{date}{zone[1]}:{zone[2]}") or date


def _zeiss_sem_date(tags: PageTags) -> str | None:
    if Tag.CZ_SEM not in tags.tags:
        return None
    settings = read_zeiss_sem_settings(tags)
    words = settings.get("AP_DATE", ("", ""))[1].split()
    clock = _CLOCK.search(settings.get("AP_TIME", ("", ""))[1])
    if clock is None or len(words) != 3 or words[1].lower() not in SHORT_MONTHS:
        return None
    month = SHORT_MONTHS.index(words[1].lower()) + 1
    return join_date(f"{words[0]}.{month}.{words[2]}", clock[0])


def join_date(date: str, clock: str, *, month_first: bool = False) -> str | None:
    """Join a date and a time of day to ISO 8601.

    Days come first between dots. Between slashes the month comes first, if the writer is known to
    write so, or if the clock counts to twelve, as it does where the month comes first.

    Parameters
    ----------
    date, clock
        Texts that begin with, or hold, a date and a time of day.
    month_first
        Whether the writer puts the month first between slashes.

    Examples
    --------
    >>> from aicsio.formats._tiff.acquisition import join_date
    >>> join_date("10/27/2016", "01:16:51 PM"), join_date("27.10.2016", "13:16:51")
    ('2016-10-27T13:16:51', '2016-10-27T13:16:51')
    """
    time = _CLOCK.search(clock)
    if time is None:
        return None
    hour, half = int(time[1]), (time[4] or "").upper()
    if half:
        hour = hour % 12 + 12 * (half == "PM")
    american, european = _AMERICAN_DATE.search(date), _EUROPEAN_DATE.search(date)
    if european is not None:
        day, month, year = european.groups()
    elif american is not None and (month_first or half or int(american[2]) > 12):
        month, day, year = american.groups()
    else:
        return None
    century = "20" if len(year) == 2 else ""
    return iso_date(f"{century}{year}-{int(month):02}-{int(day):02}T{hour:02}:{time[2]}:{time[3]}")


_DATES: tuple[tuple[str, Callable[[PageTags], str | None]], ...] = (
    ("tag:DateTimeOriginal", _exif_date),
    ("fei:TimeOfCreation", _fei_date),
    ("zeiss-sem:AP_DATE", _zeiss_sem_date),
    ("aperio:Date", _aperio_date),
    ("tag:DateTime", PageTags.acquired),
)
"""Places of a date, the most trusted first, and their readers."""


# ---------------------------------------------------------------- exposures


def read_exposure(tags: PageTags) -> float | None:
    """Return the exposure time of a page in seconds; ``None`` without one."""
    return locate_exposure(tags)[0]


def locate_exposure(tags: PageTags) -> tuple[float | None, str]:
    """Return the exposure time of a page in seconds, and the place that has it."""
    for page in (_read_exif(tags), tags):
        if page is None or Tag.EXPOSURE_TIME not in page.tags:
            continue
        seconds = page.positive(Tag.EXPOSURE_TIME)
        if seconds is not None:
            return seconds, "tag:ExposureTime"
    settings = read_aperio_settings(tags)
    # Exposure Scale is in seconds: 0.000001 with an Exposure Time of 109 is 109 microseconds.
    scale = positive_float(settings.get("Exposure Scale"))
    exposure = positive_float(settings.get("Exposure Time"), scale) if scale else None
    return exposure, "aperio:Exposure Time"


def _read_exif(tags: PageTags) -> PageTags | None:
    """Return the tags of the Exif directory; ``None`` where it is missing or damaged."""
    offset = tags.number(Tag.EXIF_IFD) if Tag.EXIF_IFD in tags.tags else None
    if offset is None:
        return None
    try:
        return PageTags.of(tags.file, read_directory(tags.file, offset)[0])
    except CorruptFileError:
        return None
