"""Metadata of one TIFF page besides its pixels: texts, resolution, palette, date.

Rule kept here: a tag that is missing, blank or impossible is ``None``, never a default that looks
like a value.

Source of the facts: TIFF 6.0 section 8 (XResolution, ResolutionUnit, DateTime, ColorMap).
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from aicsio._ome.dates import valid_date
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.ifd import (
    Directory,
    IfdEntry,
    OpenTiff,
    Value,
    read_directory,
)
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.tags import FieldType, Photometric, Tag
from aicsio.formats._tiff.values import read_value
from aicsio.records import Diagnostic

_GUESSED_LETTERS = "ZCTRHVBUDFGJKNO"
"""Letters for axes without a name, in the order in which they are given."""


@attrs.define(eq=False, repr=False)
class PageTags:
    """Tags of one page, read on demand; lives while a file is being opened."""

    file: OpenTiff
    tags: Mapping[int, IfdEntry]
    texts: dict[int, str] = attrs.field(factory=dict)
    """Texts that were read, by tag."""

    @classmethod
    def of(cls, file: OpenTiff, directory: Directory) -> "PageTags":
        """List the tags of one directory."""
        if directory.offset != file.first:
            return cls(file, directory.tags(file.variant))
        # Formats and dialects ask for the first one in turn.
        if file.first_tags is None:
            file.first_tags = directory.tags(file.variant)
        return cls(file, file.first_tags, file.first_texts)

    def value(self, code: int, limit: int = 64 << 20) -> Value | None:
        """Return the value of a tag; ``None`` if missing, larger than a limit, or outside the file."""
        entry = self.tags.get(code)
        if entry is None:
            return None
        try:
            return read_value(self.file, entry, limit)
        except CorruptFileError:
            return None

    def has_any(self, codes: Iterable[int]) -> bool:
        """Whether the page has one of some tags."""
        return not self.tags.keys().isdisjoint(codes)

    def text(self, code: int) -> str:
        """Return the text of a tag; empty if it is missing."""
        if code not in self.tags:
            return ""
        text = self.texts.get(code)
        if text is None:
            text = self.texts[code] = text_of(self.value(code))
        return text

    @property
    def description(self) -> str:
        """ImageDescription."""
        return self.text(Tag.IMAGE_DESCRIPTION)

    def number(self, code: int) -> int | None:
        """Return the first whole number of a tag."""
        value = self.value(code)
        if not isinstance(value, tuple) or not value or not math.isfinite(value[0]):
            return None
        return int(value[0])

    def positive(self, code: int) -> float | None:
        """Return the first number of a tag if it is positive: a quotient, or a number."""
        value, entry = self.value(code), self.tags.get(code)
        if entry is None or not isinstance(value, tuple) or not value:
            return None
        if entry.type not in {FieldType.RATIONAL, FieldType.SRATIONAL}:
            return positive_float(value[0])
        numerator, denominator = value[:2]
        return positive_float(numerator / denominator) if denominator > 0 else None

    def acquired(self) -> str | None:
        """Return DateTime as ISO 8601; ``None`` if it is no date."""
        text = self.text(Tag.DATE_TIME)
        return iso_date(text) if text else None

    def color_map(self, structure: PageStructure) -> bytes | None:
        """Return the palette of indexed pixels: little-endian uint16, (3, entries)."""
        if structure.photometric != Photometric.PALETTE:
            return None
        value = self.value(Tag.COLOR_MAP)
        if not isinstance(value, tuple) or not value or len(value) % 3:
            return None
        return np.array(value).astype("<u2").tobytes()


LARGEST_SHOWN = 16 << 20
"""Bytes of one tag. Offsets of a million strips take 8 MiB; larger ones are tables for programs."""


def read_all_tags(file: OpenTiff, offset: int) -> dict[str, Any]:
    """Return the values of all tags of a directory by name; ``None`` for one that cannot be read.

    A value of one number is that number; text is decoded.
    """
    tags = PageTags.of(file, read_directory(file, offset)[0])
    values: dict[str, Any] = {}
    for code, entry in tags.tags.items():
        value: Any = tags.value(code, LARGEST_SHOWN)
        if entry.type == FieldType.ASCII:
            value = text_of(value)
        elif isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        values[_tag_name(code)] = value
    return values


def _tag_name(code: int) -> str:
    """Return the name of a tag as TIFF 6.0 spells it; the number of one that has none here."""
    try:
        return Tag(code).name.title().replace("_", "")
    except ValueError:
        return str(code)


def text_of(value: Value | None) -> str:
    """Decode an ASCII value up to the zeros at its end: as UTF-8, else as Latin-1."""
    if not isinstance(value, bytes):
        return ""
    # TIFF 6.0 section 2: ASCII ends with NUL; some writers pad with more of them.
    raw = value.rstrip(b"\0")
    try:
        # ASCII is 7-bit; makers write names and the micro sign as UTF-8, older ones as Latin-1.
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def iso_date(text: str) -> str | None:
    """Return the date at the start of a text as ISO 8601; ``None`` for text that is no date.

    TIFF 6.0 writes ``YYYY:MM:DD HH:MM:SS``; other writers use dashes, slashes or no sign at all.

    Examples
    --------
    >>> from aicsio.formats._tiff.page_metadata import iso_date
    >>> iso_date("2017:08:21 15:08:07"), iso_date("2017:08:21 15:08:70")
    ('2017-08-21T15:08:07', None)
    """
    match = re.match(
        r"\s*(\d{4})[:\-/]?(\d\d)[:\-/]?(\d\d)[ T](\d\d):(\d\d)(?:(:\d\d)(\.\d{1,9})?\d*)?"
        r"(?:(Z|[+-]\d\d):?(\d\d)?)?",
        text,
    )
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone, zone_minutes = match.groups()
    # A zone is kept as ISO 8601 writes it; a lone sign with two digits means whole hours.
    offset = zone if zone in {None, "Z"} else f"{zone}:{zone_minutes or '00'}"
    # The fields have two digits, but nothing keeps a writer from 61 minutes or month 13.
    minutes = f"{year}-{month}-{day}T{hour}:{minute}"
    return valid_date(f"{minutes}{second or ''}{fraction or ''}{offset or ''}")


def positive_float(value: object, factor: float = 1.0) -> float | None:
    """Return a number or the text of one, times a factor; ``None`` unless finite and positive.

    A comma is that of decimals: scanners write numbers as their system has them. OpenSlide and
    Bio-Formats read it so.
    """
    if not isinstance(value, str | bytes | int | float | np.number):
        return None
    if isinstance(value, str):
        value = value.replace(",", ".")
    try:
        number = float(value) * factor
    except (ValueError, OverflowError):
        return None
    if math.isfinite(number) and number > 0:
        return number
    return None


def guessed(letters: str, shape: tuple[int, ...], where: str) -> Diagnostic:
    """Report axes that were named by guessing."""
    sizes = ", ".join(f"{letter}={size}" for letter, size in zip(letters, shape, strict=True))
    return Diagnostic(
        "guessed-axes",
        f"the file does not name its axes: {sizes} is a guess; open_image(dims=...) names them",
        where,
    )


def name_unknown_axes(letters: str, unknown: str = "QI") -> str | None:
    """Name the unknown axes among letters: Z first, then C, then T, as the last free ones of TCZYX.

    Returns ``None`` when there are more axes than letters.
    """
    # Letters that the file uses already keep their meaning.
    free = [letter for letter in _GUESSED_LETTERS if letter not in letters]
    named = list(letters)
    for index in reversed(range(len(named))):
        # A letter that occurs twice can name one axis only: the last, which the pages have.
        if named[index] in unknown or named[index] in named[index + 1 :]:
            if not free:
                return None
            named[index] = free.pop(0)
    return "".join(named)
