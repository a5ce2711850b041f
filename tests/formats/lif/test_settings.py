"""Hardware settings of LAS X and of LAS AF 1, and the records that they become."""

from functools import partial
from xml.etree import ElementTree as ET

import pytest

from aicsio.formats._leica.settings import (
    detected_channels,
    find_settings,
    parse_objective,
    parse_stage_position,
    turn_to_image,
)
from aicsio.records import Channel, Objective


def image_of(settings: str) -> ET.Element:
    text = f'<Image><Attachment Name="HardwareSetting">{settings}</Attachment></Image>'
    return ET.fromstring(text)  # noqa: S314 - made here


def band(number: int, low: object, high: object, dye: str = "") -> str:
    return (
        f'<MultiBand Channel="{number}" TargetWaveLengthBegin="{low}" TargetWaveLengthEnd="{high}" '
        f'DyeName="{dye}"/>'
    )


def detector(number: int, active: int = 1) -> str:
    return f'<Detector Channel="{number}" IsActive="{active}"/>'


def laser(wavelength: object, intensity: object) -> str:
    return f'<LaserLineSetting LaserLine="{wavelength}" IntensityDev="{intensity}"/>'


def confocal(content: str, **attributes: str) -> str:
    extra = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<ATLConfocalSettingDefinition{extra}>{content}</ATLConfocalSettingDefinition>"


scanned = partial(
    Channel,
    acquisition_mode="LaserScanningConfocalMicroscopy",
    illumination_type="Epifluorescence",
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ()),
        (detector(1) + band(1, 570, 650), (scanned(emission=610.0),)),
        (detector(1) + band(1, 570, 650, "Cy5"), (scanned("Cy5", emission=610.0, fluor="Cy5"),)),
        (detector(1, 0) + detector(2) + band(2, 500, 520), (scanned(emission=510.0),)),
        (detector(1) + band(1, "?", 650), (scanned(),)),
        (detector(1) + laser(488, 20), (scanned(excitation=488.0),)),
        (detector(1) + laser(488, 20) + laser(561, 0), (scanned(excitation=488.0),)),
        (detector(1) + laser(488, 20) + laser(561, 5), (scanned(),)),
        (
            detector(1).replace("/>", ' ScanType="TLD"/>'),
            (scanned(illumination_type="Transmitted"),),
        ),
        # The state before a lambda scan is another one.
        (
            detector(1)
            + f"<Spectro>{band(1, 570, 650)}</Spectro>"
            + f"<PreLambdaSpectro>{band(1, 380, 400)}</PreLambdaSpectro>",
            (scanned(emission=610.0),),
        ),
        (
            f"<PreLambdaDetectorList>{detector(3)}</PreLambdaDetectorList>"
            f"<PreLambdaAotfList>{laser(405, 9)}</PreLambdaAotfList>"
            f"<PreLambdaSpectro>{band(1, 380, 400)}</PreLambdaSpectro>"
            + detector(1)
            + laser(561, 5),
            (scanned(excitation=561.0),),
        ),
    ],
)
def test_channels_of_a_confocal_scan(content: str, expected: tuple[Channel, ...]) -> None:
    assert detected_channels(find_settings(image_of(confocal(content)))) == expected


def test_the_pinhole_is_that_of_descanned_detectors() -> None:
    detectors = detector(1) + detector(2).replace("/>", ' ScanType="TLD"/>')
    image = image_of(confocal(detectors, Pinhole="0.0000828"))
    sizes = [channel.pinhole_size for channel in detected_channels(find_settings(image))]
    assert sizes == [pytest.approx(82.8), None]


def test_channels_of_a_camera() -> None:
    info = (
        '<WideFieldChannelInfo FluoCubeName="GFP" EmissionWavelength="525" '
        'ExcitationWavelength="470"/><WideFieldChannelInfo ContrastingMethodName="BF"/>'
    )
    image = image_of(f"<ATLCameraSettingDefinition>{info}</ATLCameraSettingDefinition>")
    assert detected_channels(find_settings(image)) == (
        Channel(
            "GFP",
            emission=525.0,
            excitation=470.0,
            fluor="GFP",
            acquisition_mode="WideField",
            illumination_type="Epifluorescence",
        ),
        Channel(
            "BF",
            acquisition_mode="WideField",
            illumination_type="Transmitted",
            contrast_method="Brightfield",
        ),
    )


def test_channels_of_sequential_scans_follow_each_other() -> None:
    scans = confocal(detector(1) + band(1, 500, 520)) + confocal(detector(2) + band(2, 600, 620))
    image = image_of(f"<LDM_Block_Sequential_List>{scans}</LDM_Block_Sequential_List>")
    assert [channel.emission for channel in detected_channels(find_settings(image))] == [510, 610]


def test_lens_and_stage_of_las_x() -> None:
    image = image_of(
        confocal(
            "",
            ObjectiveName="HC PL APO ",
            Magnification="63",
            NumericalAperture="1.4",
            Immersion="OIL",
            StagePosX="0.001",
            StagePosY="0.0025",
        )
    )
    assert parse_objective(find_settings(image)) == Objective("HC PL APO", 63.0, 1.4, "OIL")
    assert parse_stage_position(find_settings(image)) == pytest.approx((1000, 2500))


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ((False, False, False), (1, 2)),
        ((True, False, False), (-1, 2)),
        ((False, True, False), (1, -2)),
        ((False, False, True), (2, 1)),
        ((True, False, True), (-2, 1)),
        ((True, True, True), (-2, -1)),
    ],
)
def test_axes_are_swapped_first_and_then_reversed(
    turn: tuple[bool, bool, bool], expected: tuple[float, float]
) -> None:
    assert turn_to_image(1.0, 2.0, turn) == expected
    flips = dict(zip(("FlipX", "FlipY", "SwapXY"), (str(int(flag)) for flag in turn), strict=True))
    image = image_of(confocal("", StagePosX="1e-6", StagePosY="2e-6", **flips))
    assert parse_stage_position(find_settings(image)) == pytest.approx(expected)


@pytest.mark.parametrize(("x", "y"), [("", "1"), ("1", "nan"), ("1", "")])
def test_half_a_stage_position_is_none(x: str, y: str) -> None:
    assert (
        parse_stage_position(find_settings(image_of(confocal("", StagePosX=x, StagePosY=y))))
        is None
    )


# ---------------------------------------------------------------- LAS AF 1


def record(name: str, kind: str, attribute: str, value: str, description: str = "") -> str:
    return (
        f'<FilterSettingRecord ObjectName="{name}" ClassName="{kind}" Attribute="{attribute}" '
        f'Description="{description}" Variant="{value}"/>'
    )


def mirror(number: int, low: int, high: int, stain: str) -> str:
    name, kind = f"SP Mirror Channel {number}", "CSpectrophotometerUnit"
    return (
        record(name, kind, "Wavelength", str(low), f"{name} (left)")
        + record(name, kind, "Wavelength", str(high), f"{name} (right)")
        + record(name, kind, "Stain", stain)
    )


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ("", None),
        (
            record("DMI6000 Turret", "CTurret", "Objective", "HCX PL APO CS 63.0x1.40 OIL UV"),
            Objective("HCX PL APO CS 63.0x1.40 OIL UV", 63.0, 1.4, "OIL"),
        ),
        (
            record("Turret", "CTurret", "Objective", "HC PL 10x/0.3")
            + record("Turret", "CTurret", "NumericalAperture", "0.31"),
            Objective("HC PL 10x/0.3", 10.0, 0.31, None),
        ),
        (
            record("Turret", "CTurret", "NumericalAperture", "0.7"),
            Objective(None, None, 0.7, None),
        ),
        (record("Turret", "CTurret", "Objective", "special"), Objective("special")),
    ],
)
def test_lens_of_version_1(records: str, expected: Objective | None) -> None:
    image = image_of(f"<FilterSetting>{records}</FilterSetting>")
    assert parse_objective(find_settings(image)) == expected


def test_channels_and_stage_of_version_1() -> None:
    records = (
        record("PMT 1", "CDetectionUnit", "State", "Inactive")
        + record("PMT 2", "CDetectionUnit", "State", "Active")
        + record("PMT 3", "CDetectionUnit", "State", "Active")
        + mirror(1, 400, 450, "DAPI")
        + mirror(2, 500, 550, "Alexa 488")
        + mirror(3, 600, 640, "None")
        + record("DM6000 Stage", "CXYZStage", "XPos", "0.0068")
        + record("DM6000 Stage", "CXYZStage", "YPos", "0.0054")
    )
    image = image_of(f"<FilterSetting>{records}</FilterSetting>")
    mode = "LaserScanningConfocalMicroscopy"
    assert detected_channels(find_settings(image)) == (
        Channel("Alexa 488", emission=525.0, fluor="Alexa 488", acquisition_mode=mode),
        Channel(emission=620.0, acquisition_mode=mode),
    )
    assert parse_stage_position(find_settings(image)) == pytest.approx((6800, 5400))
