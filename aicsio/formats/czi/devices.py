"""Devices in the metadata XML of CZI -> elements of OME: light sources, detectors, lenses, filters. Pure.

Rule kept here: a value that the schema cannot hold, or that is none, is left out.

Source of the paths: "CZI Image Document Metadata", Carl Zeiss Microscopy.
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from aicsio._ome.parts import add_part, add_quantity, schema_word
from aicsio._ome.units import finite_number

_LIGHT_SOURCES: Mapping[str, str] = {
    "Laser": "Laser",
    "LightEmittingDiode": "LightEmittingDiode",
    "Filament": "Filament",
    "ArcLamp": "Arc",
    "Arc": "Arc",
}
"""Element of OME for each kind of light source; others are generic."""


def text_at(element: Element | None, path: str) -> str | None:
    """Return the text at a path; ``None`` if it is missing or blank."""
    child = None if element is None else element.find(path)
    return (child.text or "").strip() or None if child is not None else None


def number_at(element: Element | None, path: str) -> float | None:
    """Return the finite number at a path, or ``None``."""
    return finite_number(text_at(element, path))


def positive_at(element: Element | None, path: str) -> float | None:
    """Return the number above 0 at a path, or ``None``."""
    value = number_at(element, path)
    return value if value is not None and value > 0 else None


def first_text(element: Element | None, *paths: str) -> str | None:
    """Return the first text that one of the paths has."""
    return next((text for path in paths if (text := text_at(element, path)) is not None), None)


def maker_of(element: Element, *, named: bool = False) -> dict[str, str | float | bool | None]:
    """Return the attributes of whatever has a maker; ``named``: its name stands for the model."""
    model = text_at(element, "Manufacturer/Model")
    if named and model is None:
        model = (element.get("Name") or "").strip() or None
    return {
        "Manufacturer": text_at(element, "Manufacturer/Manufacturer"),
        "Model": model,
        "SerialNumber": text_at(element, "Manufacturer/SerialNumber"),
        "LotNumber": text_at(element, "Manufacturer/LotNumber"),
    }


def add_light_source(part: Element, element: Element) -> None:
    """Add a laser, lamp or diode, or a generic source of light."""
    kinds = element.find("LightSourceType")
    # LightSourceType has one child, whose name is the kind.
    kind = next(iter(kinds), None) if kinds is not None else None
    name = _LIGHT_SOURCES.get(kind.tag, "") if kind is not None else ""
    source = add_part(
        part,
        name or "GenericExcitationSource",
        {"ID": element.get("Id"), **maker_of(element, named=True)},
    )
    add_quantity(source, "Power", number_at(element, "Power"), "mW")
    if name == "Laser":
        _set_word(source, "LaserType", text_at(kind, "Type"))
        tuneable = text_at(kind, "Tuneable")
        if tuneable in {"true", "false"}:
            source.set("Tuneable", tuneable)
        add_quantity(source, "Wavelength", positive_at(kind, "Wavelength"), "nm")
    elif name in {"Filament", "Arc"}:
        _set_word(source, f"{name}Type", text_at(kind, "Type"))


def _set_word(element: Element, kind: str, text: str | None) -> None:
    word = schema_word(kind, text)
    if word is not None:
        element.set("Type", word)


def add_detector(part: Element, element: Element) -> None:
    """Add a camera or a photomultiplier."""
    detector = add_part(
        part,
        "Detector",
        {
            "ID": element.get("Id"),
            **maker_of(element, named=True),
            "Type": schema_word("DetectorType", text_at(element, "Type")),
            "Gain": number_at(element, "Gain"),
            "AmplificationGain": number_at(element, "AmplificationGain"),
            "Offset": number_at(element, "Offset"),
            "Zoom": number_at(element, "Zoom"),
        },
    )
    add_quantity(detector, "Voltage", number_at(element, "Voltage"), "V")


def add_objective(part: Element, element: Element) -> None:
    """Add a lens."""
    lens = add_part(
        part,
        "Objective",
        {
            "ID": element.get("Id"),
            **maker_of(element, named=True),
            "Correction": schema_word("Correction", text_at(element, "Correction")),
            "Immersion": schema_word("Immersion", text_at(element, "Immersion")),
            "LensNA": positive_at(element, "LensNA"),
            "NominalMagnification": positive_at(element, "NominalMagnification"),
            "CalibratedMagnification": positive_at(element, "CalibratedMagnification"),
        },
    )
    add_quantity(lens, "WorkingDistance", positive_at(element, "WorkingDistance"), "µm")


def add_filter(part: Element, element: Element) -> None:
    """Add a filter and its band."""
    one = add_part(
        part,
        "Filter",
        {
            "ID": element.get("Id"),
            **maker_of(element, named=True),
            "Type": schema_word("FilterType", text_at(element, "Type")),
            "FilterWheel": text_at(element, "FilterWheel"),
        },
    )
    band = element.find("TransmittanceRange")
    limits = {name: positive_at(band, name) for name in ("CutIn", "CutOut")}
    if any(limits.values()):
        transmittance = add_part(one, "TransmittanceRange")
        for name, value in limits.items():
            add_quantity(transmittance, name, value, "nm")
        # The schema has a PercentFraction there: 0 to 1.
        fraction = number_at(band, "Transmittance")
        if fraction is not None and 0 <= fraction <= 1:
            transmittance.set("Transmittance", repr(fraction))
