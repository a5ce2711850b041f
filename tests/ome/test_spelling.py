"""Values that the schema refuses and readers understand are written in its spelling.

Judges: the schema of OME (lxml), and XML Schema part 2 for numbers and dates.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import tifffile
from lxml import etree

from aicsio import ImageHandle, Planes, ome_xml, open_image, write_ome_tiff
from aicsio._ome.channels import read_channel
from aicsio._ome.lexical import to_date_time
from schema import SCHEMA

XML = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="2,5" LensNA="0,8" '
    'WorkingDistance="1,5" WorkingDistanceUnit="mm" Immersion="oil"/></Instrument>'
    '<Image ID="Image:0"><AcquisitionDate>{date}</AcquisitionDate><InstrumentRef ID="Instrument:0"/>'
    '<ObjectiveSettings ID="Objective:0" Medium="OIL" RefractiveIndex="1,52"/>'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="6" SizeY="4" SizeZ="1" SizeC="1" SizeT="2" '
    'PhysicalSizeX="0,25" PhysicalSizeY="2,5E-1" TimeIncrement="1,5" TimeIncrementUnit="min">'
    '<Channel ID="Channel:0" EmissionWavelength="519,5" PinholeSize="1,25" AcquisitionMode="Wide-field" '
    'IlluminationType="epifluorescence" ContrastMethod="dic" Color="4278190335"/><TiffData/>'
    '<Plane TheZ="0" TheC="0" TheT="0" DeltaT="0,5" ExposureTime="0,02" PositionX="-10,5" PositionXUnit="mm"/>'
    '<Plane TheZ="0" TheC="0" TheT="1" DeltaT="90,5" ExposureTime="0,02" PositionX="-10,5" PositionXUnit="mm"/>'
    "</Pixels></Image></OME>"
)
"""Numbers with the decimal comma of German and French systems, words in another case, colours unsigned."""


def image(folder: Path, xml: str) -> ImageHandle:
    path = folder / "odd.ome.tif"
    planes = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
    with tifffile.TiffWriter(path, ome=False) as file:
        for number, plane in enumerate(planes):
            text = xml if number == 0 else None
            file.write(plane, metadata=None, contiguous=False, description=text)
    return open_image(path)


def column(planes: Planes | None, name: str) -> list[float]:
    assert planes is not None
    values = planes.column(name)
    assert values is not None
    return [float(value) for value in values.ravel()]


def test_facts_that_were_read_are_written(tmp_path: Path) -> None:
    h = image(tmp_path, XML.format(date="2020-01-02 03:04:05"))
    report = write_ome_tiff(h, tmp_path / "new.ome.tif")
    assert report.not_kept == ()
    with tifffile.TiffFile(report.path) as file:
        text = file.ome_metadata
    assert text is not None
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    written = open_image(report.path)
    assert written.scene.acquired == h.scene.acquired == "2020-01-02T03:04:05"
    assert written.pixel_size == h.pixel_size
    assert (written.pixel_size.Y, written.pixel_size.X) == (0.25, 0.25)
    assert written.time_step == h.time_step == 90.0
    (channel,) = written.channels
    assert (channel,) == h.channels
    assert (channel.emission, channel.pinhole_size, channel.color) == (519.5, 1.25, 0xFF0000FF)
    assert channel.acquisition_mode == "WideField"
    assert channel.illumination_type == "Epifluorescence"
    assert channel.contrast_method == "DIC"
    lens = written.scene.objective
    assert lens is not None
    assert (lens.magnification, lens.aperture, lens.working_distance) == (2.5, 0.8, 1500.0)
    assert (lens.immersion, lens.medium, lens.refractive_index) == ("Oil", "Oil", 1.52)
    assert column(written.scene.planes, "time") == [0.0, 90.0]
    assert column(written.scene.planes, "exposure") == [0.02, 0.02]
    assert column(written.scene.planes, "x") == [-10500.0, -10500.0]


def test_the_document_itself_is_respelled(tmp_path: Path) -> None:
    text = ome_xml(image(tmp_path, XML.format(date="2020/1/2 03:04:05"))).text
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    assert 'PhysicalSizeX="0.25"' in text
    assert "<AcquisitionDate>2020-01-02T03:04:05</AcquisitionDate>" in text


def test_points_of_a_shape_keep_their_commas(tmp_path: Path) -> None:
    shape = (
        '<ROI ID="ROI:0"><Union><Polygon ID="Shape:0" Points="1,1 2,3 3,1"/></Union></ROI></OME>'
    )
    xml = XML.format(date="2020-01-02T03:04:05").replace("</OME>", shape)
    assert 'Points="1,1 2,3 3,1"' in ome_xml(image(tmp_path, xml)).text


def test_what_is_not_understood_is_left_to_the_validator(tmp_path: Path) -> None:
    xml = XML.format(date="yesterday").replace('"Wide-field"', '"sunlight"')
    report = write_ome_tiff(image(tmp_path, xml), tmp_path / "new.ome.tif")
    messages = " ".join(note.message for note in report.not_kept)
    assert "'yesterday'" in messages
    assert "'sunlight'" in messages


@pytest.mark.parametrize(
    ("attributes", "emission", "color"),
    [
        ('EmissionWavelength="0" Color="-1"', None, 0xFFFFFFFF),
        ('EmissionWavelength="-1" Color="4294967296"', None, None),
        ('EmissionWavelength="0.5" EmissionWavelengthUnit="&#181;m"', 500.0, None),
    ],
)
def test_no_wavelength_is_zero_or_less(
    attributes: str, emission: float | None, color: int | None
) -> None:
    # The schema has PositiveFloat for wavelengths, and int (32 bits) for colours.
    text = f'<Channel ID="Channel:0" {attributes}/>'
    channel = read_channel(ET.fromstring(text))  # noqa: S314 - made here
    assert (channel.emission, channel.color) == (emission, color)


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ("20170821T150807+0200", "2017-08-21T15:08:07+02:00"),
        ("2017-08-21 15:08:07,5", "2017-08-21T15:08:07.5"),
        ("2017-08-21T15:08:07Z", "2017-08-21T15:08:07Z"),
        ("2017-0821T15:08:07", None),
        ("2017-08-21T15:08", None),
        ("2017-02-30T15:08:07", None),
    ],
)
def test_both_forms_of_iso_8601_become_xsd(text: str, legal: str | None) -> None:
    assert to_date_time(text) == legal
