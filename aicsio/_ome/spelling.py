"""Values of documents in the spelling of the schema, which refuses others that readers understand.

Writers spell ``um``, a decimal comma, ``widefield`` or a date with a blank. The validator would take
such a value out, though the records have it.

Rule kept here: only the spelling changes. A value that is not understood stays, for the validator.

Source of the facts: https://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd, and XML Schema part 2
for its numbers and dates (xsd:float has a decimal point, xsd:dateTime a ``T``).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from aicsio._ome.dates import iso_date
from aicsio._ome.elements import parse_integer, parse_number
from aicsio._ome.lenses import name_immersion
from aicsio._ome.lexical import to_date_time, to_text
from aicsio._ome.parts import ENUMERATIONS, schema_word
from aicsio._ome.units import schema_symbol

Tree: TypeAlias = Any
"""An element of lxml, whose types beartype would import with it."""

_UNIT = re.compile("Unit\\s*=\\s*[\"']([^\"'<]*)")
_COMMA = re.compile("[\"'>]\\s*[+-]?\\d*,\\d+(?:[eE][+-]?\\d+)?\\s*[\"'<]")
_NUMBERS: Final = frozenset({
    "PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ", "TimeIncrement", "EmissionWavelength",
    "ExcitationWavelength", "PinholeSize", "NDFilter", "DeltaT", "ExposureTime", "PositionX",
    "PositionY", "PositionZ", "X", "Y", "Z", "NominalMagnification", "CalibratedMagnification",
    "LensNA", "WorkingDistance", "RefractiveIndex", "CorrectionCollar", "Gain", "Offset",
    "Voltage", "Zoom", "AmplificationGain", "ReadOutRate", "Temperature", "AirPressure",
    "Humidity", "CO2Percent", "Wavelength", "Power", "Attenuation",
})  # fmt: skip
"""Attributes that hold one number; those of shapes may be lists with commas."""
_OWNERS_OF_NUMBERS: Final = (
    "Pixels", "Channel", "Plane", "Objective", "ObjectiveSettings", "Detector", "DetectorSettings",
    "StageLabel", "ImagingEnvironment", "Laser", "LightSourceSettings",
)  # fmt: skip
_LARGEST_COLOR: Final = 0xFFFFFFFF


def respell(root: Tree, text: str) -> None:
    """Respell the values of a document; its elements are changed in place.

    Parameters
    ----------
    root
        OME element of 2016-06.
    text
        The text that it was read from, in any version. It is searched first: a document of 100 000
        planes has half a million units and numbers.
    """
    _respell_units(root, text)
    if "," in text and _COMMA.search(text):
        _respell_numbers(root)
    for name, respelled in _WORDS.items():
        for element in root.iter(f"{{*}}{name}"):
            _respell_words(element, respelled)
    for element in root.iter("{*}AcquisitionDate"):
        date = to_date_time(iso_date(element.text or "") or "")
        if date is not None:
            element.text = date


def _respell_units(root: Tree, text: str) -> None:
    """Give units the symbols of the schema, which refuses ``um`` and the Greek letter mu.

    The validator would take such a unit out, and leave its value to the default unit.
    """
    spelled = set(_UNIT.findall(text))
    symbols = {unit: schema_symbol(unit) for unit in spelled}
    if all(unit == symbol for unit, symbol in symbols.items()):
        return
    for element in root.iter():
        for name, value in element.attrib.items():
            # ``Unit`` alone belongs to Modulo, where it is free text.
            if name.endswith("Unit") and name != "Unit" and symbols.get(value, value) != value:
                element.set(name, symbols[value])


def _respell_numbers(root: Tree) -> None:
    for owner in _OWNERS_OF_NUMBERS:
        for element in root.iter(f"{{*}}{owner}"):
            for name, value in element.attrib.items():
                number = parse_number(value) if name in _NUMBERS and "," in value else None
                if number is not None:
                    element.set(name, to_text(number))


def _respell_words(element: Tree, respelled: Mapping[str, Callable[[str], str | None]]) -> None:
    for name, spelling in respelled.items():
        value = element.get(name)
        if value is None:
            continue
        word = spelling(value)
        # "Other" holds less than the word of the file: that stays, and is reported.
        if word is not None and word != "Other":
            element.set(name, word)


def _word_of(kind: str) -> Callable[[str], str | None]:
    return lambda text: schema_word(kind, text)


def _medium(text: str) -> str | None:
    word = name_immersion(text)
    return word if word in ENUMERATIONS["Medium"] else None


def signed_color(text: str) -> str | None:
    """Return a colour as the signed integer of the schema; ``None`` for one beyond 32 bits.

    Examples
    --------
    >>> from aicsio._ome.spelling import signed_color
    >>> signed_color("4294967295"), signed_color("-1"), signed_color("red")
    ('-1', '-1', None)
    """
    color = parse_integer(text)
    if color is None or not -0x80000000 <= color <= _LARGEST_COLOR:
        return None
    return str(color - (1 << 32) if color > 0x7FFFFFFF else color)


_WORDS: Mapping[str, Mapping[str, Callable[[str], str | None]]] = {
    "Channel": {
        "AcquisitionMode": _word_of("AcquisitionMode"),
        "IlluminationType": _word_of("IlluminationType"),
        "ContrastMethod": _word_of("ContrastMethod"),
        "Color": signed_color,
    },
    "Objective": {"Immersion": name_immersion, "Correction": _word_of("Correction")},
    "ObjectiveSettings": {"Medium": _medium},
    "Detector": {"Type": _word_of("DetectorType")},
    "Microscope": {"Type": _word_of("MicroscopeType")},
}
"""Attributes with words of the schema, by the element that has them."""
