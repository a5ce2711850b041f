"""What the tags of one TIFF page say besides pixels: description, physical size, palette, date.

Rule kept here: a tag that is missing, blank or impossible is ``None``, never a default that looks like a value.

Source of the facts: TIFF 6.0 section 8 (XResolution, ResolutionUnit, DateTime, ColorMap).
"""

import math
import re
from collections.abc import Mapping

import attrs
import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.ifd import Directory, IfdEntry, OpenTiff, Value, read_value, text_of
from aicsio.formats._tiff.page import PALETTE, PageStructure
from aicsio.records import Diagnostic, PixelSize

IMAGE_DESCRIPTION, SOFTWARE = 270, 305
_MICROMETRES = {2: 25400.0, 3: 10000.0}
"""ResolutionUnit: 2 is inch, 3 is centimetre; 1 is no absolute unit, so that no size follows from it."""


@attrs.frozen(eq=False)
class PageTags:
    """Tags of one page, read on demand; lives while a file is being opened."""

    file: OpenTiff
    tags: Mapping[int, IfdEntry]

    @classmethod
    def of(cls, file: OpenTiff, directory: Directory) -> "PageTags":
        """Look at one directory."""
        return cls(file, directory.tags(file.form))

    def value(self, code: int, limit: int = 64 << 20) -> Value | None:
        """Return the value of a tag, ``None`` where it is absent, larger than a limit, or outside the file."""
        tag = self.tags.get(code)
        try:
            return None if tag is None else read_value(self.file, tag, limit)
        except CorruptFileError:
            return None

    def text(self, code: int) -> str:
        """Return the text of a tag, empty where there is none."""
        return text_of(self.value(code)).rstrip("\0")

    @property
    def description(self) -> str:
        """ImageDescription."""
        return self.text(IMAGE_DESCRIPTION)

    def number(self, code: int) -> int | None:
        """Return the first whole number of a tag."""
        value = self.value(code)
        return int(value[0]) if isinstance(value, tuple) and value else None

    def rational(self, code: int) -> float | None:
        """Return a positive quotient."""
        value = self.value(code)
        if not isinstance(value, tuple) or len(value) < 2 or value[0] <= 0 or value[1] <= 0:
            return None
        return value[0] / value[1]

    def per_unit(self) -> tuple[float | None, float | None, int]:
        """Pixels a unit along Y and X, and ResolutionUnit (2, inch, where the tag is missing, as TIFF 6.0 says)."""
        return self.rational(283), self.rational(282), self.number(296) or 2

    def pixel_size(self) -> PixelSize:
        """Physical size from the resolution tags, in micrometres."""
        fei = self._fei_pixel_size()
        if fei is not None:
            return fei
        y, x, unit = self.per_unit()
        micrometres = _MICROMETRES.get(unit)
        if micrometres is None:
            return PixelSize()
        return PixelSize(None, micrometres / y if y else None, micrometres / x if x else None)

    def _fei_pixel_size(self) -> PixelSize | None:
        """FEI electron microscopes keep the size, in metres, in an INI text (tags 34680 and 34682)."""
        for code in (34680, 34682):
            found = dict(
                re.findall(
                    r"^Pixel(Width|Height)\s*=\s*([\d.eE+-]+)\s*$", self.text(code), re.MULTILINE
                )
            )
            if len(found) == 2:
                y, x = (_float(found[name]) for name in ("Height", "Width"))
                return PixelSize(None, y and y * 1e6, x and x * 1e6)
        return None

    def acquired(self) -> str | None:
        """DateTime as ISO 8601."""
        found = re.match(r"\s*(\d{4})[:\-/](\d\d)[:\-/](\d\d)[ T](\d\d:\d\d:\d\d)", self.text(306))
        if found is None or found[1] == "0000":
            return None
        year, month, day, time = found.groups()
        return f"{year}-{month}-{day}T{time}"

    def color_map(self, kind: PageStructure) -> bytes | None:
        """Palette of indexed pixels: little-endian uint16, (3, entries)."""
        value = self.value(320)
        if (
            kind.photometric != PALETTE
            or not isinstance(value, tuple)
            or len(value) % 3
            or not value
        ):
            return None
        return np.array(value).astype("<u2").tobytes()


def _float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def guessed(letters: str, shape: tuple[int, ...], where: str) -> Diagnostic:
    """Say that axes were named by guessing."""
    sizes = ", ".join(f"{letter}={size}" for letter, size in zip(letters, shape, strict=True))
    return Diagnostic(
        "guessed-axes",
        f"the file does not name its axes: {sizes} is a guess; open_image(dims=...) names them",
        where,
    )


def unknown_letters(letters: str, unknown: str = "QI") -> str:
    """Name the unknown axes among letters: Z first, then C, then T, as the last ones of TCZYX that are free."""
    free = [letter for letter in "ZCTRHVBUDFGJKNO" if letter not in letters]
    named = list(letters)
    for index in reversed(range(len(named))):
        if named[index] in unknown or named[index] in named[index + 1 :]:
            named[index] = free.pop(0)
    return "".join(named)
