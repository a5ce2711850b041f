"""The settings of a slide: sections of ``KEY = VALUE`` lines in ``Slidedat.ini``.

Rule kept here: a key that is missing, or holds no number where one is expected, is ``None``; whoever
needs it raises. Numbers that place pixels (``between``, ``count``) are checked here.

Source of the facts: see ``aicsio.formats.mirax``. The text is UTF-8 with a byte-order mark, or UTF-16.
"""

import configparser
import math
import re
from typing import Final

import attrs

from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.records import Source

LARGEST_TEXT: Final = 4 << 20
"""Bytes of a text that is read; slides have up to 100 KB."""
START: Final = re.compile(r"\s*\[GENERAL\]")
KEYS: Final = ("SLIDE_ID", "SLIDE_VERSION")
"""Keys of which the first section of a slide has one among its first."""


@attrs.frozen(eq=False)
class Settings:
    """Sections of a text. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    text: str
    """As read."""
    sections: configparser.RawConfigParser
    """By name."""

    def get(self, section: str, key: str) -> str | None:
        """Return a value without blanks around it; ``None`` where it is missing or empty."""
        value = self.sections.get(section, key, fallback=None)
        return (value or "").strip() or None

    def number(self, section: str, key: str) -> float | None:
        """Return a finite number; some writers use a decimal comma."""
        try:
            value = float((self.get(section, key) or "").replace(",", "."))
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def between(self, section: str, key: str, low: int, high: int) -> float | None:
        """Return a number between two others; ``None`` where it is missing or empty.

        Raises
        ------
        CorruptFileError
            When it is no number, or beyond them.
        """
        if self.get(section, key) is None:
            return None
        value = self.number(section, key)
        if value is None or not low <= value <= high:
            raise self._unexpected(section, key, low, high)
        return value

    def count(self, section: str, key: str, low: int, high: int) -> int:
        """Return a whole number between two others.

        Raises
        ------
        CorruptFileError
            When it is missing, no whole number, or beyond them.
        """
        value = self.between(section, key, low, high)
        if value is None or value != int(value):
            raise self._unexpected(section, key, low, high)
        return int(value)

    def _unexpected(self, section: str, key: str, low: int, high: int) -> CorruptFileError:
        found = self.get(section, key)
        text = f"expected {key} of [{section}] between {low} and {high}, found {found!r}"
        return CorruptFileError.at(self.source.uri, None, text)


def decode_text(data: bytes) -> str:
    """Return a text of either encoding, without its byte-order mark."""
    # UTF-16 without a mark shows by the zero byte behind its first character.
    is_wide = data[:2] == b"\xff\xfe" or data[1:2] == b"\0"
    return data.decode("utf-16-le" if is_wide else "utf-8", "replace").lstrip("\ufeff")


def looks_like_settings(head: bytes) -> bool:
    """Return whether a file begins as the settings of a slide do."""
    text = decode_text(head)
    return START.match(text) is not None and any(key in text for key in KEYS)


def read_settings(source: Source) -> Settings:
    """Read the settings of a slide.

    Raises
    ------
    CorruptFileError
        When the text is no list of sections, or is far too long.
    """
    if (source.size or 0) > LARGEST_TEXT:
        raise CorruptFileError.at(source.uri, None, f"expected settings, found {source.size} bytes")
    text = decode_text(readers.read_head(source, LARGEST_TEXT))
    # Section "DEFAULT" of the standard library would give its keys to all others.
    # Sections and keys that repeat are no error (`strict`).
    sections = configparser.RawConfigParser(
        delimiters=("=",), allow_no_value=True, strict=False, default_section="\0"
    )
    sections.optionxform = str  # type: ignore[assignment, method-assign] # keys keep their case
    try:
        sections.read_string(text)
    except (configparser.Error, AttributeError) as error:
        # AttributeError: an indented line behind a key without a value (python/cpython#119600).
        raise CorruptFileError.at(source.uri, None, f"damaged settings: {error}") from error
    return Settings(source, text, sections)
