"""Instruments of the dialects of TIFF. Right values stand in the tags and texts of real files, and in those below."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from lxml import etree

from aicsio import ome_metadata, ome_xml, open_image
from aicsio.formats._tiff.instruments.metamorph import read_binning, read_gain, read_properties
from aicsio.formats._tiff.instruments.micromanager import find_lens
from support import corpus_file, reads_whole_stk

PIXELS = np.zeros((6, 8), np.uint16)


def ome_of(path: Path, **options: Any) -> Any:
    tifffile.imwrite(path / "a.tif", PIXELS, metadata=None, **options)
    handle = open_image(path / "a.tif")
    assert [one for one in ome_xml(handle).diagnostics if one.code == "ome-repaired"] == []
    return ome_metadata(handle)


def settings_of(ome: Any) -> dict[str, str]:
    (annotation,) = ome.structured_annotations
    return {item.k: item.value for item in annotation.value.ms}


# ---------------------------------------------------------------- real files


def test_a_metamorph_stack() -> None:
    """UIC1: _MagSetting_, _MagNA_, _MagRI_, CameraBin, StageLabel; lines of the camera's driver."""
    path = corpus_file("tiff/cellprofiler/MetamorphImage.tif")
    if not reads_whole_stk(path):
        pytest.skip("this tifffile reads less of UIC1")
    ome: Any = ome_metadata(open_image(path))
    (instrument,), (image,) = ome.instruments, ome.images
    (lens,), (camera,) = instrument.objectives, instrument.detectors
    assert (lens.model, lens.lens_na, lens.nominal_magnification) == (
        "20x Plan Fluor ELWD",
        0.45,
        20,
    )
    assert lens.correction.value == "PlanFluor"
    assert image.objective_settings.refractive_index == 1.0
    assert camera.model == "Photometrics"
    settings = image.pixels.channels[0].detector_settings
    assert (settings.binning.value, settings.gain, settings.read_out_rate) == ("2x2", 4.0, 20.0)
    label = image.stage_label
    assert (label.name, label.x, label.y) == ("P24 : Site 9", 115815.18, 242997.32)
    assert image.pixels.significant_bits == 12
    assert image.description.startswith("Experiment base name:IXMtest")
    # The chip of the camera is at -6.25 degrees, not the specimen.
    assert image.imaging_environment is None
    assert settings_of(ome)["Temperature"] == "-6.25"
    (plane,) = image.pixels.planes
    assert (plane.exposure_time, plane.position_x) == (0.3, 115815.18)


def test_an_lsm() -> None:
    """Entries of the scan information: LASER, TRACK, DETECTION_CHANNEL, BEAM_SPLITTER."""
    ome: Any = ome_metadata(open_image(corpus_file("lsm/test.lsm")))
    (instrument,), (image,) = ome.instruments, ome.images
    assert ome.experimenters[0].user_name == "Jefferis"
    (laser,) = instrument.lasers
    assert (laser.model, laser.wavelength, laser.power) == ("DPSS 561-10", 561.0, 20.0)
    (detector,) = instrument.detectors
    assert (detector.model, detector.type.value) == ("PmtSPI1", "PMT")
    assert (detector.gain, detector.amplification_gain, detector.zoom) == pytest.approx(
        (764.4112392398895, 1.0, 0.6)
    )
    assert [one.model for one in instrument.dichroics] == ["MBS 488/561/633", "MBS 690+"]
    assert instrument.objectives[0].correction.value == "PlanNeofluar"
    channel = image.pixels.channels[0]
    assert channel.pinhole_size == pytest.approx(38.4666)
    assert channel.light_path.dichroic_ref.id == instrument.dichroics[0].id
    assert settings_of(ome)["RtLinePeriod"] == "30.0"


def test_an_electron_microscope() -> None:
    """[System], [User], [Stage] and [Detectors] of the INI text; lengths are metres."""
    ome: Any = ome_metadata(open_image(corpus_file("tiff/imageio/fei-sem-rbc.tif")))
    (instrument,), (image,) = ome.instruments, ome.images
    assert (instrument.microscope.model, instrument.microscope.serial_number) == (
        "Teneo",
        "9924053",
    )
    assert instrument.detectors[0].model == "ETD"
    assert ome.experimenters[0].user_name == "boyin"
    label = image.stage_label
    assert (label.x, label.y, label.z) == pytest.approx((-24148.8, 919.542, 56947.7))
    assert settings_of(ome)["EBeam/WD"] == "0.00965589"


def test_a_camera_of_exif() -> None:
    ome: Any = ome_metadata(open_image(corpus_file("tiff/cellprofiler/NikonTIF.tif")))
    (camera,) = ome.instruments[0].detectors
    assert (camera.manufacturer, camera.model) == ("NIKON CORPORATION", "NIKON D5000")


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        # BitDepth of the metadata of the first plane.
        ("ndtiff/v3/ndtiff3.2_11bit_1/ndtiff3.2_11bit_NDTiffStack.tif", 11),
        ("ndtiff/v3/12_bit_pycromanager_mda/12_bit_pycromanager_mda_NDTiffStack.tif", 12),
    ],
)
def test_devices_of_micro_manager(name: str, bits: int) -> None:
    ome: Any = ome_metadata(open_image(corpus_file(name)))
    assert ome.images[0].pixels.significant_bits == bits
    assert [one.model for one in ome.instruments[0].detectors] == ["DemoCamera-MultiMode"]
    lens = ome.instruments[0].objectives[0]
    assert (lens.model, lens.nominal_magnification) == ("Nikon 10X S Fluor", 10.0)
    assert lens.correction.value == "SuperFluor"


def test_the_header_of_scanimage() -> None:
    name = "tiff/image-tiff/images/ScanImageBigTIFFv57.tif"
    ome: Any = ome_metadata(open_image(corpus_file(name)))
    assert settings_of(ome)["VERSION_MAJOR"] == "'5.7'"


# ---------------------------------------------------------------- made here

METASERIES = (
    '<MetaData><prop id="Description" type="string" value="Exposure: 50 ms&#13;&#10;Gain: 2"/>'
    '<PlaneInfo><prop id="_MagSetting_" type="string" value="40X S Fluor"/>'
    '<prop id="_MagNA_" type="float" value="0.9"/><prop id="_MagRI_" type="float" value="1"/>'
    '<prop id="camera-binning-x" type="int" value="4"/>'
    '<prop id="camera-binning-y" type="int" value="4"/>'
    '<prop id="stage-position-x" type="float" value="12.5"/>'
    '<prop id="stage-position-y" type="float" value="-3"/>'
    '<prop id="stage-label" type="string" value="B02 : Site 1"/>'
    '<custom-prop id="A &amp; B" type="string" value="&lt;c&gt;"/>'
    "</PlaneInfo></MetaData>"
)


def test_the_xml_of_metaxpress(tmp_path: Path) -> None:
    ome = ome_of(tmp_path, description=METASERIES)
    (lens,) = ome.instruments[0].objectives
    assert (lens.model, lens.lens_na, lens.nominal_magnification) == ("40X S Fluor", 0.9, 40.0)
    settings = ome.images[0].pixels.channels[0].detector_settings
    assert (settings.binning.value, settings.gain) == ("4x4", 2.0)
    label = ome.images[0].stage_label
    assert (label.name, label.x, label.y) == ("B02 : Site 1", 12.5, -3.0)
    assert settings_of(ome)["A & B"] == "<c>"
    assert ome.images[0].description == "Exposure: 50 ms\r\nGain: 2".replace("\r\n", "\n")


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize(
    "text", ["10 &#181;m", "&#xB5;m &#x03b1;", "a &amp;lt; b", "&amp;#181;", "two&#10;lines"]
)
def test_texts_of_metamorph_are_those_of_an_xml_parser(
    quote: str, text: str, tmp_path: Path
) -> None:
    value = f"value={quote}{text}{quote}"
    document = (
        f'<MetaData><prop id="Description" type="string" {value}/>'
        f'<PlaneInfo><prop id="image-name" type="string" {value}/>'
        f'<custom-prop id="Dye" type="string" {value}/></PlaneInfo></MetaData>'
    )
    expected = str(etree.fromstring(document).findall(".//custom-prop")[0].get("value"))
    ome = ome_of(tmp_path, description=document)
    assert settings_of(ome)["Dye"] == expected
    assert str(ome.images[0].description).strip() == expected.strip()
    assert open_image(tmp_path / "a.tif").channel_names == (expected.strip(),)


@pytest.mark.parametrize(
    ("properties", "lines", "binning"),
    [
        ({"camera-binning-x": "2", "camera-binning-y": "2"}, {}, "2x2"),
        ({}, {"Binning": "8 x 8"}, "8x8"),
        ({}, {"Binning": "3 x 3"}, "Other"),
        ({}, {"Binning": "none"}, None),
        ({"camera-binning-x": "x", "camera-binning-y": "2"}, {}, None),
    ],
)
def test_binnings(properties: dict[str, str], lines: dict[str, str], binning: str | None) -> None:
    assert read_binning(properties, lines) == binning


@pytest.mark.parametrize(
    ("text", "gain"),
    [("Gain 2 (4x)", 4.0), ("2", 2.0), ("Gain 1", 1.0), ("High", None), (None, None)],
)
def test_gains(text: str | None, gain: float | None) -> None:
    assert read_gain(text) == gain


def test_properties_of_broken_xml_are_those_that_can_be_read() -> None:
    assert read_properties('<MetaData><prop id="a" value="1"/><prop id="b"') == {"a": "1"}


ZEISS = (
    "\r\nAP_WD\r\nWD =  5.2 mm\r\nDP_SEM\r\nSEM = ULTRA 55-36-73\r\nSV_SERIAL_NUMBER\r\n"
    "Serial No. = ULTRA 55-36-73\r\nSV_USER_NAME\r\nUser Name = JANE\r\nDP_DETECTOR_CHANNEL\r\n"
    "Signal A = InLens\r\nAP_STAGE_AT_X\r\nStage at X = 61.5 mm\r\nAP_STAGE_AT_Y\r\n"
    "Stage at Y = 250 \xb5m\r\nAP_TIME\r\nTime :10:12:13\r\nAP_DATE\r\nDate :12 Apr 2016\r\n"
)


def test_a_zeiss_electron_microscope(tmp_path: Path) -> None:
    raw = ZEISS.encode("latin-1")
    ome = ome_of(tmp_path, extratags=[(34118, 7, len(raw), raw, True)])
    (instrument,), (image,) = ome.instruments, ome.images
    assert instrument.microscope.model == "ULTRA 55-36-73"
    assert instrument.detectors[0].model == "InLens"
    assert ome.experimenters[0].user_name == "JANE"
    assert (image.stage_label.x, image.stage_label.y) == pytest.approx((61500.0, 250.0))
    assert settings_of(ome)["AP_WD"] == "WD 5.2 mm"
    assert image.acquisition_date is not None
    assert image.acquisition_date.isoformat() == "2016-04-12T10:12:13"


def test_a_stack_of_micro_manager(tmp_path: Path) -> None:
    properties = {
        "Core-Camera": "Andor", "Andor-CameraName": "Zyla", "Andor-Binning": "2x2",
        "Andor-Gain": "1.5", "BitDepth": 12, "XPositionUm": 1.5, "YPositionUm": -2,
        "ZPositionUm": 3.25, "PositionName": "Pos7", "UserName": "jane",
        "TINosePiece-Label": "2-Plan Apo 60x NA 1.40 Oil", "Objective-Label": "Position-1",
    }  # fmt: skip
    text = json.dumps(properties)
    ome = ome_of(tmp_path, extratags=[(51123, 2, len(text) + 1, text, True)])
    (instrument,), (image,) = ome.instruments, ome.images
    assert instrument.detectors[0].model == "Zyla"
    lens = instrument.objectives[0]
    assert (lens.lens_na, lens.nominal_magnification, lens.immersion.value) == (1.4, 60.0, "Oil")
    settings = image.pixels.channels[0].detector_settings
    assert (settings.binning.value, settings.gain) == ("2x2", 1.5)
    label = image.stage_label
    assert (label.name, label.x, label.y, label.z) == ("Pos7", 1.5, -2.0, 3.25)
    assert (image.pixels.significant_bits, ome.experimenters[0].user_name) == (12, "jane")


def test_a_label_that_is_a_mere_position_is_no_lens() -> None:
    assert find_lens({"Objective-Label": "Position-1", "Shutter-Label": "10x"}) is None


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "{}", '{"BitDepth": 1000, "Core-Camera": 5}'])
def test_broken_properties_break_nothing(tmp_path: Path, text: str) -> None:
    ome = ome_of(tmp_path, extratags=[(51123, 2, len(text) + 1, text, True)])
    assert ome.images[0].pixels.size_x == 8


def test_a_scanimage_header(tmp_path: Path) -> None:
    header = (
        "SI.hChannels.channelSave = [1;2]\nSI.hRoiManager.scanZoomFactor = 2.5\n"
        "SI.hPmts.names = {'green' 'red'}\nSI.hPmts.gains = [60 65.5]\n"
        "SI.hMotors.motorPosition = [10 -20.5 30]\n"
    )
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for _ in range(2):
            tif.write(PIXELS, metadata=None, software=header, contiguous=False)
    ome: Any = ome_metadata(open_image(tmp_path / "a.tif"))
    detectors = ome.instruments[0].detectors
    assert [(one.model, one.type.value, one.zoom) for one in detectors] == [
        ("green", "PMT", 2.5),
        ("red", "PMT", 2.5),
    ]
    channels = ome.images[0].pixels.channels
    assert [one.detector_settings.gain for one in channels] == [60.0, 65.5]
    label = ome.images[0].stage_label
    assert (label.x, label.y, label.z) == (10.0, -20.5, 30.0)


def test_the_text_of_a_plain_tiff(tmp_path: Path) -> None:
    ome = ome_of(tmp_path, description="cells of mouse 12", extratags=[(315, 2, 5, "jane", True)])
    assert ome.images[0].description == "cells of mouse 12"
    assert ome.experimenters[0].user_name == "jane"
    assert ome.instruments == []
