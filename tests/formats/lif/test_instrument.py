"""Instruments of LIF files. Right values are those of Leica's own XML: of real files, and of the texts below."""

from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from aicsio import ome_metadata, ome_xml, open_image
from aicsio.formats._leica.description import Axis
from aicsio.formats._leica.equipment import LaserLine
from aicsio.formats._leica.hardware import read_hardware
from aicsio.formats._leica.metadata import describe_planes
from aicsio.formats._leica.settings import exposure_of, find_settings
from aicsio.formats._leica.times import FIRST_TAKEN
from support import corpus_file

SYSTEM = 'Name="HardwareSetting" SystemTypeName="TCS SP8" DataSourceTypeName="Confocal"'


def image_of(settings: str, system: str = SYSTEM, dimensions: str = "") -> ET.Element:
    text = (
        f"<Image><ImageDescription><Dimensions>{dimensions}</Dimensions></ImageDescription>"
        f"<Attachment {system}>{settings}</Attachment></Image>"
    )
    return ET.fromstring(text)  # noqa: S314 - made here


# ---------------------------------------------------------------- real files


def test_the_instrument_of_a_confocal_scan() -> None:
    """Values of ATLConfocalSettingDefinition, Detector, MultiBand and LaserLineSetting of image ``xzt``."""
    ome: Any = ome_metadata(open_image(corpus_file("lif/xz-example.lif")))
    # The zoom of image ``xz`` is another one.
    first, second = ome.instruments
    microscope = first.microscope
    assert (microscope.model, microscope.serial_number) == ("DMI6000B-CS", "8100000201")
    assert microscope.type.value == "Inverted"
    (lens,) = first.objectives
    assert (lens.model, lens.lens_na) == ("HC PL APO CS2    63x/1.30 GLYC", 1.3)
    assert (lens.correction.value, lens.immersion.value) == ("PlanApo", "Glycerol")
    assert lens.nominal_magnification == 63.0
    assert [laser.wavelength for laser in first.lasers] == [488.0, 552.0]
    assert [(one.model, one.type.value) for one in first.detectors] == [
        ("HyD 1", "Other"),
        ("HyD 3", "Other"),
    ]
    assert [one.zoom for one in (first.detectors[0], second.detectors[0])] == pytest.approx(
        [10.3574655270055, 3.51619422337477]
    )
    bands = [filter_.transmittance_range for filter_ in first.filters]
    assert [(band.cut_in, band.cut_out) for band in bands] == [
        pytest.approx((492.993555750951, 541.093325251024)),
        pytest.approx((618.356164383559, 700.0)),
    ]
    image = ome.images[0]
    assert image.objective_settings.refractive_index == 1.46
    assert image.pixels.significant_bits == 8
    gains = [channel.detector_settings.gain for channel in image.pixels.channels]
    assert gains == pytest.approx([41.5023978574987, 105.842364225212])
    for channel in image.pixels.channels:
        assert channel.pinhole_size == pytest.approx(82.7950653654944)
        assert channel.acquisition_mode.value == "LaserScanningConfocalMicroscopy"
        # Two lines were on: neither is that of the channel.
        assert channel.light_source_settings is None
    (settings,) = (
        one for one in ome.structured_annotations if one.id == image.annotation_refs[0].id
    )
    values = {item.k: item.value for item in settings.value.ms}
    assert (values["ScanSpeed"], values["Software"]) == ("400", "LAS X 3.5.7.23225")


def test_wavelengths_that_were_swept_have_no_band_and_no_line() -> None:
    """Of an axis of wavelengths the settings have where it ended: 740 to 750 nm, and 560 nm."""
    name = "lif/LeicaLASX_wavelength-sweep_example.lif"
    ome: Any = ome_metadata(open_image(corpus_file(name)))
    instruments = {one.id: one for one in ome.instruments}
    emission, excitation = (instruments[image.instrument_ref.id] for image in ome.images[:2])
    assert [(one.type.value, one.transmittance_range) for one in emission.filters] == [
        ("Tuneable", None)
    ]
    assert [laser.wavelength for laser in emission.lasers] == [543.0]
    assert [laser.wavelength for laser in excitation.lasers] == [None]
    (band,) = excitation.filters
    assert band.transmittance_range.cut_in == pytest.approx(570.13698630137)
    settings = ome.images[0].pixels.channels[0].light_source_settings
    # IntensityDev is 3.99958249517364 percent.
    assert settings.attenuation == pytest.approx(1 - 0.0399958249517364)


@pytest.mark.parametrize("name", ["xz-example", "PR2729_frameOrderCombinedScanTypes"])
def test_nothing_of_a_real_file_breaks_the_schema(name: str) -> None:
    document = ome_xml(open_image(corpus_file(f"lif/{name}.lif")))
    assert [note for note in document.diagnostics if note.code == "ome-repaired"] == []


# ---------------------------------------------------------------- made here


def test_each_scan_of_a_sequence_has_its_own_laser_and_detector() -> None:
    scans = "".join(
        f'<ATLConfocalSettingDefinition ObjectiveName="" Zoom="2" IsSTEDActive="{sted}">'
        f'<Aotf LightSourceName="Vis"><LaserLineSetting LaserLine="{line}" IntensityDev="25"/>'
        '<LaserLineSetting LaserLine="633" IntensityDev="0"/></Aotf>'
        f'<Detector Name="PMT {number}" Type="PMT" Channel="{number}" IsActive="1" Gain="{gain}"/>'
        '<Detector Name="PMT Trans" Type="PMT" ScanType="TLD" Channel="9" IsActive="0"/>'
        '<Wheel FilterWheelName="Excitation Beam Splitter FW" FilterName="DD 488/561 "/>'
        f"</ATLConfocalSettingDefinition>"
        for number, (line, gain, sted) in enumerate([(488, 700, 0), (561, 650, 1)], 1)
    )
    sequence = f"<LDM_Block_Sequential_List>{scans}</LDM_Block_Sequential_List>"
    hardware = read_hardware(image_of(sequence), 2)
    assert hardware.instrument.lasers == (LaserLine("Vis", 488.0), LaserLine("Vis", 561.0))
    assert [part.name for part in hardware.instrument.detectors] == ["PMT 1", "PMT 2"]
    assert hardware.instrument.dichroics == ("DD 488/561",)
    first, second = hardware.channels
    assert (first.detector, first.gain, first.lines) == (0, 700.0, ((0, 0.75),))
    assert (second.detector, second.gain, second.lines) == (1, 650.0, ((1, 0.75),))
    assert [one.acquisition_mode for one in hardware.channels] == [
        "LaserScanningConfocalMicroscopy",
        "STED",
    ]
    assert [one.dichroic for one in hardware.channels] == [0, 0]


CAMERA = (
    '<ATLCameraSettingDefinition ObjectiveName="N PLAN    10x/0.25 DRY " Magnification="10" '
    'NumericalAperture="0.25" MicroscopeModel="DM2000" IsInverseMicroscopeModel="0">'
    '<WideFieldChannelConfigurator CameraName="DFC9000">'
    '<WideFieldChannelInfo ExposureTime="{first}" FluoCubeName="GFP" ContrastingMethodName="FLUO" '
    'EmissionWavelength="525" FFW_Emission1FilterName="Empty"/>'
    '<WideFieldChannelInfo ExposureTime="0.02" ContrastingMethodName="TL-DIC" Gain="2" '
    'FFW_Emission1FilterName="em 600"/>'
    "</WideFieldChannelConfigurator></ATLCameraSettingDefinition>"
)


def test_channels_of_a_camera() -> None:
    system = 'Name="HardwareSetting" DataSourceTypeName="Camera"'
    hardware = read_hardware(image_of(CAMERA.format(first="0.1"), system), 2)
    instrument = hardware.instrument
    assert (instrument.microscope.model, instrument.microscope.type) == ("DM2000", "Upright")
    assert [part.name for part in instrument.detectors] == ["DFC9000"]
    assert [part.name for part in instrument.filters] == ["em 600"]
    assert instrument.dichroics == ("GFP",)
    assert [one.contrast for one in hardware.channels] == ["Fluorescence", "DIC"]
    assert [one.illumination for one in hardware.channels] == ["Epifluorescence", "Transmitted"]
    assert [one.acquisition_mode for one in hardware.channels] == ["WideField", "WideField"]


def test_exposures_of_a_camera_are_those_of_its_channels() -> None:
    settings = find_settings(image_of(CAMERA.format(first="10 ms")))
    axes = (
        Axis("T", 2, 100, 0.0, 0.0, ""),
        Axis("Y", 3, 4, 0.0, 0.0, ""),
        Axis("X", 4, 1, 0.0, 0.0, ""),
    )
    ticks = np.array([FIRST_TAKEN + 10_000_000, FIRST_TAKEN + 30_000_000], np.uint64)
    planes, _ = describe_planes(settings, axes, 2, ticks)
    assert planes is not None
    exposure, time = planes.column("exposure"), planes.column("time")
    assert exposure is not None
    assert time is not None
    assert str(planes.dims) == "T=2, C=2"
    assert exposure.tolist() == [[0.01, 0.02], [0.01, 0.02]]
    assert time.tolist() == [[0.0, 0.0], [2.0, 2.0]]
    # A list is taken only where its length fits.
    other, _ = describe_planes(settings, axes, 3, ticks)
    assert other is not None
    assert other.column("exposure") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0.1", 0.1),
        ("10 ms", 0.01),
        ("10ms", 0.01),
        ("2 s", 2.0),
        ("0", None),
        ("", None),
        ("x", None),
    ],
)
def test_exposures(text: str, seconds: float | None) -> None:
    info = ET.Element("WideFieldChannelInfo", {"ExposureTime": text})
    assert exposure_of(info) == pytest.approx(seconds)


def test_settings_that_do_not_fit_the_channels_describe_none() -> None:
    hardware = read_hardware(image_of(CAMERA.format(first="0.1")), 3)
    assert hardware.channels == ()
    assert hardware.instrument.lens is not None


def test_detectors_of_las_af_1() -> None:
    records = [
        ("CTurret", "Objective", "HCX PL APO CS 63.0x1.40 OIL UV", "Turret", ""),
        ("CTurret", "RefractionIndex", "1.52", "Turret", ""),
        ("CTurret", "OrderNumber", "506192", "Turret", ""),
        ("CDetectionUnit", "State", "Active", "PMT 1", ""),
        ("CDetectionUnit", "HighVoltage", "712.5", "PMT 1", ""),
        ("CDetectionUnit", "VideoOffset", "-1.5", "PMT 1", ""),
        ("CDetectionUnit", "State", "Inactive", "PMT 2", ""),
        ("CSpectrophotometerUnit", "Wavelength", "500", "SP Mirror Channel 1", "Mirror (left)"),
        ("CSpectrophotometerUnit", "Wavelength", "550", "SP Mirror Channel 1", "Mirror (right)"),
    ]
    text = "".join(
        f'<FilterSettingRecord ClassName="{kind}" Attribute="{attribute}" Variant="{value}" '
        f'ObjectName="{part}" Description="{description}"/>'
        for kind, attribute, value, part, description in records
    )
    hardware = read_hardware(image_of(text), 1)
    lens = hardware.instrument.lens
    assert lens is not None
    assert (lens.refractive_index, lens.order_number, lens.aperture) == (1.52, "506192", 1.4)
    (channel,) = hardware.channels
    assert (channel.voltage, channel.offset) == (712.5, -1.5)
    (band,) = hardware.instrument.filters
    assert (band.low, band.high) == (500.0, 550.0)
