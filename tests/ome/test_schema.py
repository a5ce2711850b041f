"""The schema of OME: transforms between versions, what breaks the rules, errors of lxml as ours."""

import pytest
from lxml import etree

from aicsio._ome import schema
from aicsio.errors import CorruptFileError

OME = "http://www.openmicroscopy.org/Schemas/OME"
SIZES = 'SizeX="4" SizeY="3" SizeZ="1" SizeC="1" SizeT="1" DimensionOrder="XYZCT"'
PIXELS = f'<Pixels ID="Pixels:0" Type="uint8" {SIZES}><MetadataOnly/></Pixels>'
LATEST = f'<OME xmlns="{OME}/2016-06">{{}}<Image ID="Image:0">{PIXELS}</Image>{{}}</OME>'


def old(inside: str, version: str = "2010-04") -> str:
    pixels = f'<Pixels ID="Pixels:0" Type="uint8" {SIZES}><TiffData/></Pixels>'
    return f'<OME xmlns="{OME}/{version}"><Image ID="Image:0">{pixels}</Image>{inside}</OME>'


def test_the_latest_version_stays_as_it_is() -> None:
    root, version = schema.upgrade(LATEST.format("", ""))
    assert (root.tag, version) == (schema.tag("OME"), "2016-06")


@pytest.mark.parametrize("version", ["2010-04", "2010-06", "2011-06", "2012-06", "2013-06"])
def test_old_versions_are_brought_to_the_latest(version: str) -> None:
    root, written = schema.upgrade(old("", version))
    assert (root.tag, written) == (schema.tag("OME"), version)
    assert schema.remove_invalid(root) is not None


def test_a_transform_that_fails_is_an_error_of_ours() -> None:
    # "xsl:element: The effective name '' is not a valid QName", of the transform itself.
    shape = '<r:Shape ID="Shape:0" TheZ="0" TheT="0"><r:Polyline Points="1,1"/></r:Shape>'
    roi = "http://www.openmicroscopy.org/Schemas/ROI/2010-04"
    text = old(f'<r:ROI xmlns:r="{roi}" ID="ROI:0"><r:Union>{shape}</r:Union></r:ROI>')
    with pytest.raises(CorruptFileError, match="transform from version 2010-04"):
        schema.upgrade(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/1999-01"/>', "no transform"),
        ("<OME/>", "names no version"),
        ("<!DOCTYPE OME []><OME/>", "document type"),
        ("<OME", "well-formed"),
        ("", "well-formed"),
        ("<a>" * 100_000, "well-formed"),
    ],
)
def test_texts_that_cannot_be_brought_to_it(text: str, message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        schema.upgrade(text)


def test_the_time_of_transforms_is_bounded() -> None:
    image = f'<Image ID="Image:0"><Pixels ID="Pixels:0" {SIZES}><TiffData/></Pixels></Image>'
    with pytest.raises(CorruptFileError, match="at most 3200 images"):
        schema.upgrade(f'<OME xmlns="{OME}/2010-04">{image * 3201}</OME>')


def test_forbidden_characters_are_left_out() -> None:
    root, _ = schema.upgrade(LATEST.format("<Project ID='Project:0' Name='a\x02b&#3;'/>", ""))
    project = root.find(schema.tag("Project"))
    assert project is not None
    assert project.get("Name") == "ab"


def test_attributes_and_elements_that_break_the_rules_are_removed() -> None:
    text = LATEST.format('<Project ID="wrong"/>', "<Nonsense/>")
    text = text.replace("<Pixels ", '<Pixels PhysicalSizeX="-1" PhysicalSizeXUnit="nm" ')
    root = schema.parse(text)
    removed = schema.remove_invalid(root)
    assert removed is not None
    assert len(removed) >= 3
    pixels = root.find(f"{schema.tag('Image')}/{schema.tag('Pixels')}")
    assert pixels is not None
    assert "PhysicalSizeX" not in pixels.attrib
    assert "PhysicalSizeXUnit" not in pixels.attrib
    assert root.find(schema.tag("Nonsense")) is None
    assert schema.remove_invalid(root) == []


def test_elements_with_prefixes_are_found() -> None:
    text = LATEST.format("", f'<z:Nonsense xmlns:z="{OME}/2016-06"/><y:Other xmlns:y="urn:y"/>')
    root = schema.parse(text)
    assert schema.remove_invalid(root)
    assert [etree.QName(child).localname for child in root] == ["Image"]


def test_what_must_stay_makes_a_tree_that_cannot_be_mended() -> None:
    root = schema.parse(LATEST.format("", "<Nonsense/>"))
    assert schema.remove_invalid(root, fixed=list(root.iter())) is None
