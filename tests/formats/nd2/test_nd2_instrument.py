"""Instruments of ND2 files. Judges: the package nd2, which makes OME of its own, and the texts of the files."""

from typing import Any

import nd2
import pytest
from lxml import etree

from aicsio import ome_metadata, ome_xml, open_image, provenance
from aicsio.formats.nd2.instrument import describe_instrument, lasers_that_were_on
from aicsio.formats.nd2.modes import read_mask
from aicsio.records import Contents, Scene
from schema import SCHEMA
from support import corpus_file

FILES = ("nd2/cluster.nd2", "nd2/example-timelapse.nd2")


@pytest.mark.parametrize("name", FILES)
def test_channels_are_those_of_the_package_nd2(name: str) -> None:
    path = corpus_file(name)
    handle = open_image(path)
    ome: Any = ome_metadata(handle)
    assert SCHEMA.validate(etree.fromstring(ome_xml(handle).text.encode())), SCHEMA.error_log
    with nd2.ND2File(path) as file:
        theirs: Any = file.ome_metadata()
        bits = file.attributes.bitsPerComponentSignificant
    # Bio-Formats 7.3.1 shows the same: 12 of cluster.nd2.
    assert ome.images[0].pixels.significant_bits == bits == (12 if "cluster" in name else 16)
    shown = zip(ome.images[0].pixels.channels, theirs.images[0].pixels.channels, strict=True)
    for channel, other in shown:
        assert channel.acquisition_mode == other.acquisition_mode
        assert channel.contrast_method == other.contrast_method
        assert channel.illumination_type == other.illumination_type
        assert channel.pinhole_size == (other.pinhole_size or None)
    (lens,), (their_lens,) = (one.instruments[0].objectives for one in (ome, theirs))
    assert (lens.lens_na, lens.model) == (their_lens.lens_na, their_lens.model)
    assert not handle.diagnostics


def test_a_scanner_has_a_detector_and_a_laser_a_channel() -> None:
    """``CH2 {Laser Wavelength}: 488.0 {Laser Power}: 0.5 {PMT HV}: 37 {PMT Offset}: -29``."""
    ome: Any = ome_metadata(open_image(corpus_file(FILES[0])))
    (instrument,) = ome.instruments
    assert instrument.microscope.model == "Nikon Ti"
    assert [laser.wavelength for laser in instrument.lasers] == [488.0, 561.0]
    assert [one.model for one in instrument.detectors] == ["Nikon A1 CH2", "Nikon A1 CH4"]
    first, second = ome.images[0].pixels.channels
    assert (first.detector_settings.gain, first.detector_settings.offset) == (37.0, -29.0)
    assert (second.detector_settings.gain, second.detector_settings.offset) == (75.0, -25.0)
    assert first.light_source_settings.attenuation == pytest.approx(0.995)
    assert second.detector_settings.zoom == 2.469
    pairs = {one.k: one.value for one in ome.structured_annotations[0].value.ms}
    assert pairs["First Dichroic Mirror"] == "405/488/561"


def test_a_camera_has_binning_wheels_and_the_laser_that_was_on() -> None:
    handle = open_image(corpus_file(FILES[1]))
    ome: Any = ome_metadata(handle)
    (instrument,) = ome.instruments
    (camera,) = instrument.detectors
    assert (camera.model, camera.serial_number) == ("C14440-20UP", "500651")
    assert [laser.wavelength for laser in instrument.lasers] == [488.0]
    assert instrument.dichroics[0].model == "Di01-T405/488/532/647-13x15x0.5"
    assert [one.model for one in instrument.filters] == [
        "86000v2 - Sedat Quad (Em3)",
        "86000v2 - Sedat Quad (Em2)",
    ]
    # An air lens: its engraving "DIC N2" is the prism of DIC.
    (lens,) = instrument.objectives
    assert (lens.immersion, lens.lot_number) == (None, "MRD70470")
    assert ome.images[0].pixels.channels[0].detector_settings.binning.value == "2x2"
    # The filter of the light path says 405 nm, the laser was 488 nm.
    (note,) = [one for one in provenance(handle).diagnostics if one.code == "contradiction"]
    assert (note.where, "488 nm" in note.message) == ("channels[0].excitation", True)


@pytest.mark.parametrize(
    "sequence",
    [
        {},
        {"sPicturePlanes": 5},
        {"sPicturePlanes": {"sSampleSetting": [{"pCameraSetting": 3, "sSpecSettings": 7}]}},
        {"sPicturePlanes": {"sPlaneNew": {"a": {"uiSampleIndex": 9}}}, "wsObjectiveName": "10x"},
    ],
)
def test_metadata_of_other_kinds_are_missing(sequence: Any) -> None:
    root = describe_instrument(
        sequence, {"a": 5}, {"uiBpcSignificant": sequence}, Contents((Scene("a", ()),))
    )
    assert [child.tag for child in root] == ["Instrument", "Image"]


def test_masks_and_lasers() -> None:
    assert read_mask(0x401)["acquisition_mode"] == "SpinningDiskConfocal"
    assert read_mask(0x22) == {
        "acquisition_mode": "BrightField",
        "illumination_type": "Transmitted",
        "contrast_method": "DIC",
    }
    assert read_mask(0x200) == read_mask(True) == read_mask("1") == {}
    text = "Line:2; ExW:488; Power: 95.7; On\nLine:3; ExW:561; Power: 5; Off"
    assert lasers_that_were_on({"a": text, "b": 7}) == [488.0]
