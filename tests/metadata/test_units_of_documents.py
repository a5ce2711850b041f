"""Units of OME documents: every one of the schema is read and kept, spellings become its symbols."""

import importlib.util
from pathlib import Path

import attrs
import numpy as np
import ome_types
import pytest
from lxml import etree

from aicsio import ImageHandle, ome_metadata, ome_xml, open_image, write_ome_tiff
from schema import SCHEMA

XSD = "{http://www.w3.org/2001/XMLSchema}"
PLACES = {
    "UnitsLength": ("StageLabel", 'Name="a" X="2" XUnit="{}"'),
    "UnitsTime": ("Plane", 'TheZ="0" TheT="0" TheC="0" DeltaT="2" DeltaTUnit="{}"'),
    "UnitsPressure": ("ImagingEnvironment", 'AirPressure="2" AirPressureUnit="{}"'),
    "UnitsTemperature": ("ImagingEnvironment", 'Temperature="2" TemperatureUnit="{}"'),
    "UnitsElectricPotential": ("DetectorSettings", 'ID="Detector:0" Voltage="2" VoltageUnit="{}"'),
    "UnitsPower": ("Laser", 'ID="LightSource:0" Power="2" PowerUnit="{}"'),
    "UnitsFrequency": (
        "Laser",
        'ID="LightSource:0" RepetitionRate="2" RepetitionRateUnit="{}"',
    ),
}
"""An element for each enumeration of units in the schema, and the attribute that takes its values."""


def units() -> list[tuple[str, str]]:
    """Each unit of the schema with the name of its enumeration."""
    package = importlib.util.find_spec("ome_types")
    assert package is not None
    assert package.origin is not None
    tree = etree.parse(Path(package.origin).parent / "ome-2016-06.xsd")
    return [
        (kind.get("name", ""), value.get("value", ""))
        for kind in tree.iter(f"{XSD}simpleType")
        if kind.get("name") in PLACES
        for value in kind.iter(f"{XSD}enumeration")
    ]


def document(kind: str, unit: str) -> ImageHandle:
    element, attributes = PLACES[kind]
    made = f"<{element} {attributes.format(unit)}/>"
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Instrument ID="Instrument:0">'
        + (made if element == "Laser" else "")
        + '<Detector ID="Detector:0"/></Instrument>'
        '<Image ID="Image:0"><InstrumentRef ID="Instrument:0"/>'
        + (made if element in {"StageLabel", "ImagingEnvironment"} else "")
        + '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="3" '
        'SizeZ="1" SizeC="1" SizeT="1"><Channel ID="Channel:0:0">'
        + (made if element == "DetectorSettings" else "")
        + "</Channel><MetadataOnly/>"
        + (made if element == "Plane" else "")
        + "</Pixels></Image></OME>"
    )
    handle = open_image(np.zeros((3, 4), np.uint8), dims="YX")
    contents = attrs.evolve(handle.contents, metadata=text)
    return attrs.evolve(handle, format="ome-tiff", contents=contents)


def unit_of(text: str, kind: str) -> str | None:
    element, attributes = PLACES[kind]
    name = attributes.split("=")[-2].split()[-1]
    found = etree.fromstring(text.encode()).find(f".//{{*}}{element}")
    assert found is not None
    return found.get(name)


def test_all_enumerations_of_units_are_tried() -> None:
    # Nothing of the schema takes an angle.
    kinds = {kind for kind, _ in units()}
    assert kinds == set(PLACES)


@pytest.mark.parametrize(("kind", "unit"), units())
def test_every_unit_of_the_schema_is_kept(kind: str, unit: str) -> None:
    handle = document(kind, unit)
    xml = ome_xml(handle)
    assert unit_of(xml.text, kind) == unit
    assert xml.diagnostics == ()
    assert ome_metadata(handle) == ome_types.from_xml(xml.text.encode())


@pytest.mark.parametrize(("kind", "unit"), [pair for pair in units() if "\u00b5" in pair[1]])
def test_the_greek_mu_becomes_the_micro_sign(kind: str, unit: str) -> None:
    greek = unit.replace("\u00b5", "\u03bc")
    text = ome_xml(document(kind, greek)).text
    assert unit_of(text, kind) == unit
    assert "\u03bc" not in text


@pytest.mark.parametrize("unit", ["um", "micron", "Microns", "micrometer", "\u03bcm"])
def test_words_become_symbols_where_the_default_is_no_length(unit: str, tmp_path: Path) -> None:
    handle = document("UnitsLength", unit)
    assert unit_of(ome_xml(handle).text, "UnitsLength") == "\u00b5m"
    write_ome_tiff(handle, tmp_path / "a.ome.tiff")
    text = open_image(tmp_path / "a.ome.tiff").metadata or ""
    assert unit_of(text, "UnitsLength") == "\u00b5m"
    assert SCHEMA.validate(etree.fromstring(text.encode()))


@pytest.mark.parametrize("kind", ["UnitsTime", "UnitsPressure", "UnitsPower"])
def test_a_value_of_an_unknown_unit_goes_with_it(kind: str) -> None:
    """Left behind, it would be a value in the default unit: 2 furlongs are no 2 micrometres."""
    xml = ome_xml(document(kind, "furlong"))
    element, attributes = PLACES[kind]
    name = attributes.split("=")[-2].split()[-1].removesuffix("Unit")
    found = etree.fromstring(xml.text.encode()).find(f".//{{*}}{element}")
    assert found is not None
    assert found.get(name) is None
    assert any("Unit" in note.message for note in xml.diagnostics)
    assert ome_metadata(document(kind, "furlong")) == ome_types.from_xml(xml.text.encode())
