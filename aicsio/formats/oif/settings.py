"""The settings texts of FluoView: sections of ``key=value`` lines, in UTF-16 or UTF-8.

Rule kept here: a text that is damaged gives the lines that can be read; nothing here raises.

Source of the facts: files of FluoView 2.1 and 4.2, and the documentation of ``oiffile``. Texts are
in quotation marks of either kind. Where Windows writes a comma for the decimal point, numbers look
like ``0,207.0``. A lookup table follows the line ``[ColorLUTData]`` as bytes.
"""

import math
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

Section: TypeAlias = Mapping[str, str]
Settings: TypeAlias = Mapping[str, Section]
"""Sections by name, values by key, as they are written."""

LARGEST_TEXT: Final = 16 << 20
"""Bytes of a text that are read: a hundred times the longest seen."""
UNSET: Final = 9999.0
"""FluoView's number for "not set" where a lens or a pinhole is not known."""
_COMMA: Final = re.compile(r"(-?\d+),(\d+)(?:\.0*)?")
_NO_SECTION: Final[Section] = {}


def decode_settings(data: bytes) -> str:
    """Return the text of a settings file, with line ends as in Unix."""
    # The bytes of the lookup table behind this line are no text.
    table = data.find("[ColorLUTData]".encode("utf-16-le"))
    data = data[:LARGEST_TEXT] if table < 0 else data[:table]
    # Without a byte order mark, a zero behind the first bracket marks UTF-16.
    if data[:2] == b"\xff\xfe" or data[1:2] == b"\0":
        text = data.decode("utf-16-le", "replace")
    else:
        text = data.decode("utf-8", "replace")
    return text.lstrip("\ufeff").replace("\r\n", "\n")


def looks_like_settings(head: bytes) -> bool:
    """Return whether a file begins as a settings text does: with the name of a section."""
    # The argument of lstrip is a set of bytes: those of the marks of UTF-16 and UTF-8.
    return head.lstrip(b"\xff\xfe\xef\xbb\xbf")[:1] == b"["


def parse_settings(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of a text; of two lines with one key the first counts."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = sections.setdefault(stripped[1:-1], {})
        elif "=" in stripped:
            key, _, value = stripped.partition("=")
            section.setdefault(key.strip(), value.strip())
    return sections


def section_of(settings: Settings, name: str) -> Section:
    """Return a section; empty where the text lacks it."""
    return settings.get(name, _NO_SECTION)


def text_of(section: Section, key: str) -> str | None:
    """Return a value without its quotation marks and repeated blanks; None where it is empty."""
    value = section.get(key, "").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return " ".join(value.split()) or None


def number_of(section: Section, key: str) -> float | None:
    """Return a finite number; None where there is none."""
    value = text_of(section, key)
    if value is None:
        return None
    comma = _COMMA.fullmatch(value)
    if comma is not None:
        value = f"{comma[1]}.{comma[2]}"
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def positive_of(section: Section, key: str) -> float | None:
    """Return a number above 0; FluoView writes 0 and 9999 where it knows none."""
    number = number_of(section, key)
    return number if number is not None and number > 0 and number != UNSET else None


def whole_of(section: Section, key: str) -> int | None:
    """Return a whole number."""
    number = number_of(section, key)
    return int(number) if number is not None and number == int(number) else None
