"""A document whose repeats are checked once is as valid as the schema finds the whole of it."""

import copy
import os
from collections.abc import Callable

import ome_types
import pytest
from lxml import etree

from aicsio._ome import repeats, schema

HEAD = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
XSD = "http://www.w3.org/2001/XMLSchema"
INSTRUMENT = (
    '<Instrument ID="Instrument:0"><Detector ID="Detector:0"/><Filter ID="Filter:0"/></Instrument>'
)
CHANNEL = (
    '<Channel ID="Channel:{image}:{number}" Name="a" Color="7"><DetectorSettings ID="Detector:0" Gain="2"/>'
    '<LightPath><EmissionFilterRef ID="Filter:0"/></LightPath></Channel>'
)
ANNOTATIONS = (
    '<MapAnnotation ID="Annotation:Map:{image}"><Value><M K="a">1</M></Value></MapAnnotation>'
    '<XMLAnnotation ID="Annotation:XML:{image}"><Value><x xmlns="" b="1">t</x></Value></XMLAnnotation>'
)
IMAGES, CHANNELS = 40, 10


def document() -> etree._Element:
    """Images whose channels and annotations repeat those of the first."""
    images = "".join(
        f'<Image ID="Image:{image}"><Pixels ID="Pixels:{image}" DimensionOrder="XYZCT" Type="uint8" SizeX="1" '
        f'SizeY="1" SizeZ="1" SizeC="{CHANNELS}" SizeT="1">'
        + "".join(CHANNEL.format(image=image, number=number) for number in range(CHANNELS))
        + f'<MetadataOnly/></Pixels><AnnotationRef ID="Annotation:Map:{image}"/></Image>'
        for image in range(IMAGES)
    )
    annotations = "".join(ANNOTATIONS.format(image=image) for image in range(IMAGES))
    text = f"{HEAD}{INSTRUMENT}{images}<StructuredAnnotations>{annotations}</StructuredAnnotations></OME>"
    root: etree._Element = etree.fromstring(text)
    return root


def channel(root: etree._Element) -> etree._Element:
    """A channel in the middle."""
    return root.findall(".//{*}Channel")[IMAGES * CHANNELS // 2]


def annotation(root: etree._Element, kind: str) -> etree._Element:
    """An annotation in the middle."""
    return root.findall(f".//{{*}}{kind}Annotation")[IMAGES // 2]


def set_text(element: etree._Element) -> None:
    element.text = "text"


def set_tail(element: etree._Element) -> None:
    element.tail = "text"


def set_colors(root: etree._Element) -> None:
    for one in root.findall(".//{*}Channel"):
        one.set("Color", "red")


def append(parent: etree._Element, name: str, **attributes: str) -> None:
    etree.SubElement(parent, schema.tag(name), attributes)


FAULTS: dict[str, Callable[[etree._Element], None]] = {
    "none": lambda root: None,  # noqa: ARG005
    "an ID twice": lambda root: channel(root).set("ID", "Channel:0:0"),
    "an ID of another kind": lambda root: channel(root).set("ID", "Image:0:77"),
    "an ID of any characters": lambda root: channel(root).set("ID", "Channel: &7"),
    "no ID": lambda root: channel(root).attrib.clear(),
    "another colour": lambda root: channel(root).set("Color", "red"),
    "an unknown attribute": lambda root: channel(root).set("Colour", "1"),
    "a reference to nothing": lambda root: channel(root)[0].set("ID", "Detector:7"),
    "text in a channel": lambda root: set_text(channel(root)),
    "text behind a channel": lambda root: set_tail(channel(root)),
    "text in the pixels": lambda root: set_text(root[1][0]),
    "text behind the pixels": lambda root: set_tail(root[1][0]),
    "text in the image": lambda root: set_text(root[1]),
    "another order": lambda root: channel(root).append(channel(root)[0]),
    "a channel behind the pixels": lambda root: root[5].append(copy.deepcopy(root[5][0][0])),
    "all channels of a wrong colour": set_colors,
    "no instrument": lambda root: root.remove(root[0]),
    "an ID of an annotation twice": lambda root: annotation(root, "Map").set(
        "ID", "Annotation:Map:0"
    ),
    "an annotation that is referred to": lambda root: annotation(root, "Map").set(
        "ID", "Annotation:Map:77"
    ),
    "an annotation of another kind": lambda root: annotation(root, "XML").set("ID", "Image:Map:77"),
    "an unknown pair": lambda root: append(annotation(root, "Map")[0], "N", K="a"),
    "a foreign value": lambda root: append(annotation(root, "XML")[0], "Channel", Colour="red"),
    "no value": lambda root: annotation(root, "XML").remove(annotation(root, "XML")[0]),
    "an unknown element": lambda root: append(root, "Nothing"),
    "an image without pixels": lambda root: root[9].remove(root[9][0]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_removed_is_what_the_schema_removes(name: str) -> None:
    root = document()
    FAULTS[name](root)
    whole = copy.deepcopy(root)
    removed = repeats.remove_invalid(root, schema.essential_elements(root))
    assert removed == schema.remove_invalid(whole, schema.essential_elements(whole))
    assert etree.tostring(root) == etree.tostring(whole)


def test_a_valid_document_is_checked_by_its_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []
    is_valid = schema.is_valid

    def count(root: etree._Element) -> bool:
        checked.append(len(root.findall(".//{*}Channel")))
        return is_valid(root)

    monkeypatch.setattr(schema, "is_valid", count)
    monkeypatch.setattr(schema, "remove_invalid", None)
    assert repeats.remove_invalid(document()) == []
    assert checked == [1]


def test_few_repeats_need_no_copy() -> None:
    root = document()
    for image in root.findall(schema.tag("Image"))[5:]:
        root.remove(image)
    assert repeats.without_repeats(root) is None


def test_the_schema_has_the_rules_that_are_counted_on() -> None:
    """Content models as the module's docstring has them: a new schema has to be read again."""
    folder = os.path.dirname(ome_types.__file__)
    rules = etree.parse(os.path.join(folder, "ome-2016-06.xsd")).getroot()
    names = "key", "keyref", "unique", "assert"
    counts = {name: len(rules.findall(f".//{{{XSD}}}{name}")) for name in names}
    assert counts == {"key": 28, "keyref": 42, "unique": 0, "assert": 0}
    # No reference leads to a channel, so that it may be left out.
    assert not any("Channel" in one.get("refer", "") for one in rules.iter(f"{{{XSD}}}keyref"))
    channels = rules.findall(".//*[@name='Pixels']//*[@ref='Channel']")
    assert [(one.get("minOccurs"), one.get("maxOccurs")) for one in channels] == [
        ("0", "unbounded")
    ]
