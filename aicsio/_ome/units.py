"""Units of length and time: factors to micrometres and seconds, the one table of the package.

``elements.quantity_of`` applies them.

Rule kept here: a unit that is no measure (``pixel``, ``reference frame``) or that nobody defined
has no factor. It is never taken for the base unit.

Source of the facts: UnitsLength and UnitsTime of the OME schema 2016-06, whose symbols are those of
the SI brochure (9th edition, tables 2, 7 and 8) and of the international yard and pound agreement
of 1959; the words are those that ImageJ, MetaMorph, FluoView, LAS X and xarray users write.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import TypeAlias

UnitFactor: TypeAlias = Callable[[str | None], float | None]
"""Returns the base units in one of a unit: ``micrometres_per`` or ``seconds_per``."""

MICRO = "\u00b5"
"""MICRO SIGN, the spelling of the schema. GREEK SMALL LETTER MU (U+03BC) is read as the same."""
MICROMETRE = MICRO + "m"
"""The unit of length in which sizes are written."""

_INCH = 25400.0
_PREFIXES: Mapping[str, float] = {
    "Y": 1e24, "Z": 1e21, "E": 1e18, "P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2,
    "da": 1e1, "": 1.0, "d": 1e-1, "c": 1e-2, "m": 1e-3, MICRO: 1e-6, "n": 1e-9, "p": 1e-12,
    "f": 1e-15, "a": 1e-18, "z": 1e-21, "y": 1e-24,
}  # fmt: skip
"""SI prefixes that the schema has; their case matters: ``Mm`` is no ``mm``."""

MICROMETRES: Mapping[str, float] = {
    "Ym": 1e30, "Zm": 1e27, "Em": 1e24, "Pm": 1e21, "Tm": 1e18, "Gm": 1e15, "Mm": 1e12, "km": 1e9,
    "hm": 1e8, "dam": 1e7, "m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, MICROMETRE: 1.0, "nm": 1e-3,
    "pm": 1e-6, "fm": 1e-9, "am": 1e-12, "zm": 1e-15, "ym": 1e-18, "\u00c5": 1e-4,
    "thou": _INCH / 1000, "li": _INCH / 12, "in": _INCH, "ft": 12 * _INCH, "yd": 36 * _INCH,
    "mi": 63360 * _INCH, "pt": _INCH / 72, "ua": 149597870700e6, "ly": 9460730472580800e6,
    "pc": 3.0856775814913673e22,
}  # fmt: skip
"""Micrometres in a unit of length: all symbols of UnitsLength but pixel and reference frame."""

SECONDS: Mapping[str, float] = {
    **{f"{prefix}s": factor for prefix, factor in _PREFIXES.items()},
    "min": 60.0, "h": 3600.0, "d": 86400.0,
}  # fmt: skip
"""Seconds in a unit of time: all symbols of UnitsTime."""

_LENGTH_WORDS: Mapping[str, float] = {
    "um": 1.0, "micron": 1.0, "micrometer": 1.0, "micrometre": 1.0, "nanometer": 1e-3,
    "nanometre": 1e-3, "picometer": 1e-6, "picometre": 1e-6, "millimeter": 1e3, "millimetre": 1e3,
    "centimeter": 1e4, "centimetre": 1e4, "decimeter": 1e5, "decimetre": 1e5, "meter": 1e6,
    "metre": 1e6, "kilometer": 1e9, "kilometre": 1e9, "angstrom": 1e-4, "\u00e5ngstr\u00f6m": 1e-4,
    "inch": _INCH, "inches": _INCH, "foot": 12 * _INCH, "feet": 12 * _INCH, "yard": 36 * _INCH,
    "mile": 63360 * _INCH, "au": 149597870700e6,
}  # fmt: skip
_TIME_WORDS: Mapping[str, float] = {
    "us": 1e-6, "sec": 1.0, "second": 1.0, "msec": 1e-3, "millisec": 1e-3, "millisecond": 1e-3,
    "usec": 1e-6, "microsecond": 1e-6, "nsec": 1e-9, "nanosecond": 1e-9, "picosecond": 1e-12,
    "minute": 60.0, "hr": 3600.0, "hour": 3600.0, "day": 86400.0,
}  # fmt: skip
"""Words have no case, and may stand in the plural."""


def micrometres_per(unit: str | None) -> float | None:
    """Return the micrometres in one unit of length; ``None`` if the unit is missing or unknown.

    Examples
    --------
    >>> from aicsio._ome.units import micrometres_per
    >>> micrometres_per("nm"), micrometres_per("Microns"), micrometres_per("pixel")
    (0.001, 1.0, None)
    """
    return _factor(unit, MICROMETRES, _LENGTH_WORDS)


def seconds_per(unit: str | None) -> float | None:
    """Return the seconds in one unit of time; ``None`` if the unit is missing or unknown.

    Examples
    --------
    >>> from aicsio._ome.units import seconds_per
    >>> seconds_per("ms"), seconds_per("hours"), seconds_per("frame")
    (0.001, 3600.0, None)
    """
    return _factor(unit, SECONDS, _TIME_WORDS)


def _factor(
    unit: str | None, symbols: Mapping[str, float], words: Mapping[str, float]
) -> float | None:
    if unit is None:
        return None
    # The lookup as it stands comes first: a document may hold 500 000 positions with a unit each.
    factor = symbols.get(unit)
    if factor is not None:
        return factor
    symbol = normalize_unit(unit)
    word = symbol.lower()
    for name, table in (
        (symbol, symbols),
        (word, words),
        (word.replace(MICRO, "u"), words),
        (word.removesuffix("s"), words),
    ):
        if name in table:
            return table[name]
    return None


def normalize_unit(unit: str) -> str:
    r"""Return a unit without blanks and zeros around it, with the micro and angstrom of the schema.

    Examples
    --------
    >>> from aicsio._ome.units import normalize_unit
    >>> ascii(normalize_unit("\u03bcm "))
    "'\\xb5m'"
    """
    # NFKC turns both micro signs into the Greek letter, and U+212B into the letter of Angstrom.
    text = unicodedata.normalize("NFKC", unit.strip("\0 \t\r\n")).replace("\u03bc", MICRO)
    # UTF-8 that some program read as Latin-1 and wrote again.
    return text.replace("\u00c2" + MICRO, MICRO)


def schema_symbol(unit: str) -> str:
    r"""Return the symbol of the schema for a unit that is spelled otherwise; others stay as they are.

    Examples
    --------
    >>> from aicsio._ome.units import schema_symbol
    >>> ascii(schema_symbol("\u03bcm")), ascii(schema_symbol("Microns")), schema_symbol("px")
    ("'\\xb5m'", "'\\xb5m'", 'px')
    """
    symbol = normalize_unit(unit)
    if symbol in MICROMETRES or symbol in SECONDS:
        return symbol
    for table, unit_factor in ((MICROMETRES, micrometres_per), (SECONDS, seconds_per)):
        factor = unit_factor(symbol)
        for name, known in table.items():
            if known == factor:
                return name
    return symbol


def positive_product(value: float | None, factor: float | None) -> float | None:
    """Return a size in the base unit; ``None`` if it is not above 0, or beyond a float.

    Examples
    --------
    >>> from aicsio._ome.units import positive_product
    >>> positive_product(2.0, 60.0), positive_product(1e308, 60.0), positive_product(2.0, None)
    (120.0, None, None)
    """
    product = 0.0 if value is None or factor is None else value * factor
    return product if 0 < product < math.inf else None


def finite_number(text: str | None) -> float | None:
    """Return the number that a metadata text is; ``None`` if it is none, NaN or infinite.

    Examples
    --------
    >>> from aicsio._ome.units import finite_number
    >>> finite_number("0.25"), finite_number("NaN"), finite_number("1.2.3"), finite_number(None)
    (0.25, None, None, None)
    """
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
