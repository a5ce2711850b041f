"""Objects of ome_types that are made without its parser equal those that its parser makes."""

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import ome_types
import pytest
from lxml import etree
from ome_types.model import Channel, Reference
from pydantic import BaseModel, FileUrl

from aicsio import ome_metadata, open_image
from aicsio._ome.objects import to_objects

HEAD = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
PIXELS = (
    '<Image ID="Image:0" Name="a"><AcquisitionDate>2020-01-02T03:04:05</AcquisitionDate>'
    "<Description>two\nlines</Description>"
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="4" SizeY="3" SizeZ="1" '
    'SizeC="2" SizeT="1" PhysicalSizeX="0.25" PhysicalSizeXUnit="nm" BigEndian="false">'
    '<Channel ID="Channel:0:0" Name="DAPI" Color="-1" EmissionWavelength="450.5">'
    '<LightSourceSettings ID="LightSource:0" Attenuation="0.5"/><LightPath/></Channel>'
    '<Channel ID="Channel:0:1"/>'
    '<BinData Length="4" BigEndian="false">AAECAw==</BinData>'
    '<Plane TheZ="0" TheC="1" TheT="0" DeltaT="1.5" DeltaTUnit="ms" PositionX="-2"/>'
    "</Pixels></Image>"
)
DOCUMENTS = [
    HEAD + "</OME>",
    HEAD
    + '<Instrument ID="Instrument:0"><Laser ID="LightSource:0"/></Instrument>'
    + PIXELS
    + "</OME>",
    HEAD
    + '<Experimenter ID="Experimenter:0" FirstName="A" LastName="&#xe9;"/>'
    + '<Instrument ID="Instrument:0"><Microscope Manufacturer="M"/>'
    + '<Laser ID="LightSource:0" Type="Gas" Power="5" PowerUnit="mW"><Pump ID="LightSource:1"/></Laser>'
    + '<Arc ID="LightSource:1"/><Detector ID="Detector:0" Gain="2" Type="PMT"/>'
    + '<Objective ID="Objective:0" NominalMagnification="63" LensNA="1.4" Immersion="Oil"/>'
    + '<FilterSet ID="FilterSet:0"><ExcitationFilterRef ID="Filter:0"/></FilterSet>'
    + '<Filter ID="Filter:0"><TransmittanceRange CutIn="400" CutOut="450"/></Filter></Instrument>'
    + PIXELS
    + "<StructuredAnnotations>"
    + '<MapAnnotation ID="Annotation:0"><Value><M K="a">1</M><M K="b"/></Value></MapAnnotation>'
    + '<XMLAnnotation ID="Annotation:1"><Value><x xmlns="urn:y" z="1">t<w/></x></Value></XMLAnnotation>'
    + '<LongAnnotation ID="Annotation:2"><Value>7</Value></LongAnnotation>'
    + '<TagAnnotation ID="Annotation:3"><Value>red</Value></TagAnnotation></StructuredAnnotations>'
    + '<ROI ID="ROI:0"><Union><Rectangle ID="Shape:0" X="1" Y="2" Width="3" Height="4" Text="r"/>'
    + '<Polygon ID="Shape:1" Points="0,0 1,0 1,1" FillColor="255"/></Union></ROI></OME>',
]


@pytest.mark.parametrize("text", DOCUMENTS, ids=["empty", "image", "everything"])
def test_objects_equal_those_of_the_parser(text: str) -> None:
    assert to_objects(etree.fromstring(text)) == ome_types.from_xml(text)


class Root(BaseModel):
    """What any package may define; mcp does."""

    uri: FileUrl


def test_an_annotation_is_no_class_of_another_package() -> None:
    """ome_types.from_xml takes the element for the class above, and raises an XmlContextError (0.7, xsdata 26.10)."""
    inside = '<Root xmlns="" a="1"><b xmlns="urn:x">q</b></Root>'
    annotation = f'<XMLAnnotation ID="Annotation:0"><Value>{inside}</Value></XMLAnnotation>'
    text = f"{HEAD}<StructuredAnnotations>{annotation}</StructuredAnnotations></OME>"
    made: Any = to_objects(etree.fromstring(text)).structured_annotations
    (element,) = made.xml_annotations[0].value.any_elements
    assert (element.qname, element.attributes, element.children[0].text) == (
        "Root",
        {"a": "1"},
        "q",
    )


def references(value: object) -> Iterator[Reference]:
    """References below an object, in the order of the fields."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, BaseModel):
        for one in vars(value).values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


@pytest.mark.parametrize("text", DOCUMENTS, ids=["empty", "image", "everything"])
def test_references_lead_to_the_same_objects(text: str) -> None:
    ours, theirs = to_objects(etree.fromstring(text)), ome_types.from_xml(text)
    pairs = list(zip(references(ours), references(theirs), strict=True))
    assert len(pairs) == text.count("Ref ID") + text.count("Settings ID") + text.count("<Pump")
    for one, other in pairs:
        assert one.ref == other.ref
        assert one.ref is not other.ref


def test_a_reference_to_nothing_is_warned_of() -> None:
    text = f'{HEAD}<Project ID="Project:0"><DatasetRef ID="Dataset:7"/></Project></OME>'
    with pytest.warns(UserWarning, match="Reference to unknown ID: Dataset:7"):
        to_objects(etree.fromstring(text))


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_is_left_as_it_was(*, is_enabled: bool) -> None:
    was_enabled = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        ome_metadata(open_image(np.zeros((2, 3))))
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def repeated(count: int) -> str:
    """Images whose channels have the same settings, light paths and references."""
    light = '<LightPath><ExcitationFilterRef ID="Filter:0"/><EmissionFilterRef ID="Filter:0"/></LightPath>'
    settings = '<DetectorSettings ID="Detector:0" Gain="2"/>'
    images = "".join(
        f'<Image ID="Image:{number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYZCT" Type="uint8" SizeX="1" '
        f'SizeY="1" SizeZ="1" SizeC="2" SizeT="1"><Channel ID="Channel:{number}:0">{settings}{light}</Channel>'
        f'<Channel ID="Channel:{number}:1">{settings}<LightPath/></Channel><MetadataOnly/></Pixels></Image>'
        for number in range(count)
    )
    instrument = '<Instrument ID="Instrument:0"><Detector ID="Detector:0"/><Filter ID="Filter:0"/></Instrument>'
    annotations = "".join(
        f'<MapAnnotation ID="Annotation:Map:{number}"><Value><M K="a">1</M></Value></MapAnnotation>'
        f'<XMLAnnotation ID="Annotation:XML:{number}"><Value><x xmlns="" b="1">t<y/></x></Value></XMLAnnotation>'
        for number in range(count)
    )
    return f"{HEAD}{instrument}{images}<StructuredAnnotations>{annotations}</StructuredAnnotations></OME>"


def test_what_images_repeat_is_equal_and_shares_nothing() -> None:
    text = repeated(5)
    made: Any = to_objects(etree.fromstring(text))
    assert made == ome_types.from_xml(text)
    assert made.to_xml() == ome_types.from_xml(text).to_xml()
    channels = [image.pixels.channels[0] for image in made.images]
    paths = [channel.light_path for channel in channels]
    settings = [channel.detector_settings for channel in channels]
    filters = [path.emission_filters for path in paths]
    references_ = [references_of_path[0] for references_of_path in filters]
    for objects in (paths, settings, filters, references_):
        assert len({id(one) for one in objects}) == 5
    instrument = made.instruments[0]
    assert all(one.ref is instrument.filters[0] for one in references_)
    settings[-1].gain = 7.0
    assert [one.gain for one in settings] == [2.0, 2.0, 2.0, 2.0, 7.0]
    references_[-1]._ref = None
    assert references_[-2].ref is instrument.filters[0]
    filters[-1].clear()
    assert len(filters[-2]) == 1
    assert "gain" in settings[0].model_fields_set
    assert "offset" not in settings[0].model_fields_set


def test_annotations_that_are_repeated_share_nothing() -> None:
    made: Any = to_objects(etree.fromstring(repeated(5))).structured_annotations
    foreign = [annotation.value.any_elements[0] for annotation in made.xml_annotations]
    pairs = [annotation.value.ms[0] for annotation in made.map_annotations]
    attributes = [element.attributes for element in foreign]
    for objects in (foreign, pairs, attributes, [element.children for element in foreign]):
        assert len({id(one) for one in objects}) == 5
    foreign[-1].attributes["b"] = "2"
    pairs[-1].value = "2"
    assert [element.attributes["b"] for element in foreign] == ["1", "1", "1", "1", "2"]
    assert [pair.value for pair in pairs] == ["1", "1", "1", "1", "2"]
    assert [annotation.id for annotation in made.map_annotations] == [
        f"Annotation:Map:{number}" for number in range(5)
    ]


def test_ids_of_new_objects_go_on_behind_those_of_copies() -> None:
    number = int(Channel().id.rpartition(":")[2])
    text = repeated(9).replace("Channel:8:0", f"Channel:8:{number + 70}")
    to_objects(etree.fromstring(text))
    assert Channel().id == f"Channel:{number + 71}"


def test_an_illegal_id_of_a_repeated_channel_is_changed_by_ome_types() -> None:
    text = repeated(4).replace("Channel:3:0", "Detector:3:7")
    with pytest.warns(UserWarning, match="Casting invalid ChannelID 'Detector:3:7'"):
        made: Any = to_objects(etree.fromstring(text))
    assert made.images[3].pixels.channels[0].id == "Channel:7"


def test_time_stamps_of_years_that_python_lacks_stay_in_the_text() -> None:
    """The last two stamps of timestampannotation.ome.xml (ome-model 2016-06); xsd:dateTime has them."""
    values = [
        *("2037-12-15T17:30:00", "0066-07-18T00:00:00", "-0005-12-25T00:00:00"),
        *("-231400000-01-01T00:00:00", "12020-01-01T00:00:00"),
    ]
    stamps = "".join(
        f'<TimestampAnnotation ID="Annotation:{number}"><Value>{value}</Value></TimestampAnnotation>'
        for number, value in enumerate(values)
    )
    references = "".join(f'<AnnotationRef ID="Annotation:{n}"/>' for n in range(len(values)))
    image = PIXELS.replace("</Image>", f"{references}</Image>")
    laser = '<Instrument ID="Instrument:0"><Laser ID="LightSource:0"/></Instrument>'
    text = f"{HEAD}{laser}{image}<StructuredAnnotations>{stamps}</StructuredAnnotations></OME>"
    ome: Any = to_objects(etree.fromstring(text))
    found = ome.structured_annotations.timestamp_annotations
    assert [one.value.year for one in found] == [2037, 66]
    assert [one.id for one in ome.images[0].annotation_refs] == ["Annotation:0", "Annotation:1"]
