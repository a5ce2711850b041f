"""Physical pixel size of a TIFF page.

Rule kept here: metadata of the maker outrank the resolution tags. A resolution that a writer fills
in for printing is no pixel size; a diagnostic gives the numbers that were left out.

Source of the facts: TIFF 6.0 section 8 (XResolution, YResolution, ResolutionUnit), "the number of
pixels per ResolutionUnit ... for display or printing"; ResolutionUnit 4 and 5 as tifffile defines
them (RESUNIT).
"""

import math
from collections.abc import Mapping

from aicsio.formats._tiff.makers import (
    NO_SIZE,
    read_maker_size,
    unit_without_length,
    unusable_size,
)
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import ResolutionUnit, Tag
from aicsio.records import Diagnostic, PixelSize

MICROMETRES_PER_INCH = 25400.0
_UNITS: Mapping[int, float] = {
    ResolutionUnit.INCH: MICROMETRES_PER_INCH,
    ResolutionUnit.CENTIMETER: 10000.0,
    ResolutionUnit.MILLIMETER: 1000.0,
    ResolutionUnit.MICROMETER: 1.0,
}
"""Micrometres of a ResolutionUnit; 1 is no absolute unit, so that no size follows from it."""

_LARGEST_PRINT_DPI = 4800
"""Printers and scanners go up to about this; at 4800 dpi a pixel has 5.3 micrometres."""
_PRINT_DPI = (72, 75, 90, 96, 100, 120, 144, 150, 180, 200, 220, 240, 250, 300, 350, 360, 400,
              600, 720, 1200, 2400)  # fmt: skip
"""Resolutions of screens and printers that writers convert to centimetres."""
_ROUNDED = 5e-4
"""Relative error of a resolution of screens that was rounded to hundredths per centimetre."""


def resolution_unit(tags: PageTags) -> float | None:
    """Return the micrometres of ResolutionUnit; inch is the default (TIFF 6.0 section 8)."""
    return _UNITS.get(tags.number(Tag.RESOLUTION_UNIT) or ResolutionUnit.INCH)


def read_pixel_size(tags: PageTags) -> tuple[PixelSize, list[Diagnostic]]:
    """Return the pixel size of a page in micrometres: by its maker, else by the resolution tags."""
    size = read_maker_size(tags)
    if size is not None:
        return size, []
    reason = unit_without_length(tags)
    if reason is not None:
        text = f"{reason}: there is no pixel size"
        return NO_SIZE, [Diagnostic("no-length", text, tags.file.source.uri)]
    size, notes = size_from_resolution(tags, resolution_unit(tags))
    words = unusable_size(tags)
    if words is not None:
        text = f"{words}, no length above 0: it is not used"
        notes = [Diagnostic("unusable-size", text, tags.file.source.uri), *notes]
    return size, notes


def size_from_resolution(
    tags: PageTags,
    x_unit: float | None,
    y_unit: float | None = None,
    *,
    is_unit_stated: bool = False,
) -> tuple[PixelSize, list[Diagnostic]]:
    """Return the pixel size that the resolution tags give in a unit.

    Parameters
    ----------
    tags
        Tags of the page.
    x_unit, y_unit
        Micrometres of the unit; ``None`` for no unit of length. ``y_unit`` defaults to ``x_unit``.
    is_unit_stated
        Whether a description names the unit: then only the usual resolutions of screens and
        printers are left out.
    """
    # Resolutions count pixels per unit: the size is their inverse.
    x, y = tags.positive(Tag.X_RESOLUTION), tags.positive(Tag.Y_RESOLUTION)
    if x_unit is None:
        return NO_SIZE, []
    notes = _unusable_resolutions(tags, x, y)
    if x is None and y is None:
        return NO_SIZE, notes
    y_unit = x_unit if y_unit is None else y_unit
    printed = [
        _is_print_resolution(value, unit, is_unit_stated=is_unit_stated)
        for value, unit in ((x, x_unit), (y, y_unit))
        if value is not None
    ]
    # One axis of odd resolution means that somebody measured: then both are taken.
    if all(printed):
        dots = [round(value * MICROMETRES_PER_INCH / x_unit, 2) for value in (x, y) if value]
        text = (
            f"the resolution of {' x '.join(map(str, dots))} dots per inch is one of screens and "
            "printers: it gives no pixel size"
        )
        return NO_SIZE, [
            *notes,
            Diagnostic("print-resolution", text, tags.file.source.uri),
        ]
    return PixelSize(None, y_unit / y if y else None, x_unit / x if x else None), notes


def _unusable_resolutions(tags: PageTags, x: float | None, y: float | None) -> list[Diagnostic]:
    """Report resolutions that are no number above 0."""
    bad = []
    if x is None and Tag.X_RESOLUTION in tags.tags:
        bad.append("XResolution")
    if y is None and Tag.Y_RESOLUTION in tags.tags:
        bad.append("YResolution")
    if not bad:
        return []
    text = f"{' and '.join(bad)}: no number above 0; the size along it is unknown"
    return [Diagnostic("unusable-size", text, tags.file.source.uri)]


def _is_print_resolution(per_unit: float, unit: float, *, is_unit_stated: bool) -> bool:
    """Whether a resolution is one that writers fill in when they know no size.

    Whole dots per inch count as such, but for multiples of 127: their pixels have a round metric
    size (254 dots per inch are 100 micrometres). So does one pixel in an inch or a centimetre.
    """
    if unit < _UNITS[ResolutionUnit.CENTIMETER]:
        return False
    if per_unit == 1 and not is_unit_stated:
        return True
    # Converted to dots per inch, a print resolution is recognised in any unit.
    dots = per_unit * MICROMETRES_PER_INCH / unit
    if not math.isfinite(dots):  # a tag may hold any float
        return False
    nearest = round(dots)
    is_whole_inch = unit == MICROMETRES_PER_INCH and not is_unit_stated
    if is_whole_inch and abs(dots - nearest) < 1e-6 * dots:
        return nearest <= _LARGEST_PRINT_DPI and nearest % 127 != 0
    return any(abs(dots - common) < _ROUNDED * common for common in _PRINT_DPI)
