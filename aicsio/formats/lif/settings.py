"""Hardware settings of LAS X and LAS AF: channels, lens and stage of one image.

``metadata`` decides which of these names a channel bears.

Rule kept here: settings describe the scan that made the pixels. The state before a lambda scan
(``PreLambda...``) is another one.

Source of the facts: "LIF File Format Description" (Leica Microsystems); ``ATLConfocalSetting``
and ``ATLCameraSetting`` as LAS AF 2 to LAS X write them, ``FilterSettingRecord`` as LAS AF 1
does.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

import attrs

from aicsio._ome.units import finite_number
from aicsio.formats.lif.description import find_all
from aicsio.records import Channel, Objective

SETTING_TAGS = ("ATLConfocalSettingDefinition", "ATLCameraSettingDefinition")
_PRINTED_LENS = re.compile(r"(\d+(?:\.\d+)?)\s*[xX]\s*/?(\d+(?:\.\d+)?)(?:\s+([A-Za-z]+))?")
EARLIER_STATE = "PreLambda"
"""Beginning of the tags that hold the state before a lambda scan."""
MICROMETRES_PER_METRE = 1e6
FARTHEST_STAGE = 1e9
"""Metres. Positions are cut to it, so that their sums and products stay finite."""


@attrs.define(eq=False)
class HardwareSettings:
    """The hardware settings of an image. Not a record: it lives for one image.

    Settings are thousands of elements, so they are looked for once, not for each fact.
    """

    scans: list[ET.Element]
    """Settings of each sequential scan, or the only ones."""
    filters: "FilterSettings"
    """Settings as LAS AF 1 writes them."""


def find_settings(image: ET.Element) -> HardwareSettings:
    """Find the hardware settings of an image."""
    sequential = []
    for block in image.iter("LDM_Block_Sequential_List"):
        sequential += [setting for setting in block if setting.tag in SETTING_TAGS]
    scans = sequential
    if not sequential:
        for tag in SETTING_TAGS:
            scans += find_all(image, "Attachment", tag)
    return HardwareSettings(scans, FilterSettings(image))


def _descendants(setting: ET.Element, tag: str) -> Iterator[ET.Element]:
    """Yield elements of the scan itself, in document order."""
    for child in setting:
        if child.tag.startswith(EARLIER_STATE):
            continue
        if child.tag == tag:
            yield child
        yield from _descendants(child, tag)


# ---------------------------------------------------------------- channels


def detected_channels(settings: HardwareSettings) -> tuple[Channel, ...]:
    """Return the channels that the settings describe, in the order of detectors or cameras."""
    # A file has the one or the other: cameras are described without detectors.
    confocal = list(itertools.chain.from_iterable(map(_confocal_channels, settings.scans)))
    if confocal:
        return tuple(confocal)
    camera = list(itertools.chain.from_iterable(map(_camera_channels, settings.scans)))
    return tuple(camera) or settings.filters.channels()


def _confocal_channels(setting: ET.Element) -> Iterator[Channel]:
    """Yield a channel for each active detector of a confocal scan."""
    bands = {band.get("Channel"): band for band in _descendants(setting, "MultiBand")}
    laser = _only_laser(setting)
    for detector in _descendants(setting, "Detector"):
        if detector.get("IsActive") != "1":
            continue
        band = bands.get(detector.get("Channel"))
        dye = emission = None
        if band is not None:
            dye = band.get("DyeName") or None
            emission = _middle(
                finite_number(band.get("TargetWaveLengthBegin")),
                finite_number(band.get("TargetWaveLengthEnd")),
            )
        yield Channel(name=dye, fluor=dye, emission=emission, excitation=laser)


def _middle(low: float | None, high: float | None) -> float | None:
    return low / 2 + high / 2 if low and high else None


def _only_laser(setting: ET.Element) -> float | None:
    """Return the wavelength of the laser line in use; of two, neither excites all channels."""
    # Lines that are off are listed too, with an intensity of 0.
    lines = set()
    for line in _descendants(setting, "LaserLineSetting"):
        wavelength = finite_number(line.get("LaserLine"))
        if wavelength and (finite_number(line.get("IntensityDev")) or 0) > 0:
            lines.add(wavelength)
    return lines.pop() if len(lines) == 1 else None


def _camera_channels(setting: ET.Element) -> Iterator[Channel]:
    for info in _descendants(setting, "WideFieldChannelInfo"):
        cube = info.get("FluoCubeName") or None
        yield Channel(
            name=info.get("UserDefName") or cube or info.get("ContrastingMethodName") or None,
            fluor=cube,
            emission=finite_number(info.get("EmissionWavelength")) or None,
            excitation=finite_number(info.get("ExcitationWavelength")) or None,
        )


# ---------------------------------------------------------------- lens and stage


def parse_objective(settings: HardwareSettings) -> Objective | None:
    """Return the lens, or ``None`` where the settings name none."""
    for setting in settings.scans:
        if setting.get("ObjectiveName") or setting.get("Magnification"):
            return Objective(
                name=(setting.get("ObjectiveName") or "").strip() or None,
                magnification=finite_number(setting.get("Magnification")),
                aperture=finite_number(setting.get("NumericalAperture")),
                immersion=(setting.get("Immersion") or "").strip() or None,
            )
    return settings.filters.objective()


def parse_stage_position(settings: HardwareSettings) -> tuple[float, float] | None:
    """Return the stage position x, y of an image in micrometres, in the directions of the image."""
    for setting in settings.scans:
        x, y = finite_number(setting.get("StagePosX")), finite_number(setting.get("StagePosY"))
        if x is not None and y is not None:
            x, y = to_micrometres(x), to_micrometres(y)
            return turn_to_image(x, y, orientation(setting))
    return settings.filters.stage_position()


def to_micrometres(metres: float) -> float:
    """Return a stage position in micrometres."""
    return max(-FARTHEST_STAGE, min(FARTHEST_STAGE, metres)) * MICROMETRES_PER_METRE


def orientation(element: ET.Element) -> tuple[bool, bool, bool]:
    """Return FlipX, FlipY, SwapXY."""
    return element.get("FlipX") == "1", element.get("FlipY") == "1", element.get("SwapXY") == "1"


def turn_to_image(x: float, y: float, turn: tuple[bool, bool, bool]) -> tuple[float, float]:
    """Turn stage coordinates to the directions of the image: first swapped, then reversed."""
    flip_x, flip_y, swap = turn
    if swap:
        x, y = y, x
    if flip_x:
        x = -x
    if flip_y:
        y = -y
    return x, y


# ---------------------------------------------------------------- LAS AF 1


class FilterSettings:
    """The FilterSettingRecords of LAS AF 1. Not a record: it lives for one image.

    Each record has the name of a part of the microscope (ObjectName), its class (ClassName), an
    Attribute and its value (Variant).
    """

    def __init__(self, image: ET.Element) -> None:
        self._records = [record.attrib for record in image.iter("FilterSettingRecord")]

    def _select(self, class_name: str, attribute: str) -> list[Mapping[str, str]]:
        wanted = (class_name, attribute)
        return [
            one for one in self._records if (one.get("ClassName"), one.get("Attribute")) == wanted
        ]

    def _value(self, class_name: str, attribute: str) -> str | None:
        for record in self._select(class_name, attribute):
            text = record.get("Variant", "").strip()
            if text:
                return text
        return None

    def objective(self) -> Objective | None:
        """Return the lens of the turret; magnification and aperture also from its name."""
        name = self._value("CTurret", "Objective")
        aperture = finite_number(self._value("CTurret", "NumericalAperture"))
        if name is None and aperture is None:
            return None
        # Such as "HCX PL APO CS 63.0x1.40 OIL UV".
        printed = _PRINTED_LENS.search(name or "")
        magnification = immersion = None
        if printed:
            magnification = finite_number(printed[1])
            aperture = aperture or finite_number(printed[2])
            immersion = printed[3]
        return Objective(name, magnification, aperture, immersion)

    def channels(self) -> tuple[Channel, ...]:
        """Return a channel for each active detector, with the band and stain of its number."""
        channels = []
        for record in self._select("CDetectionUnit", "State"):
            if record.get("Variant") != "Active":
                continue
            number = record.get("ObjectName", "").rpartition(" ")[2]
            stain, emission = self._band(f"SP Mirror Channel {number}")
            channels.append(Channel(name=stain, fluor=stain, emission=emission))
        return tuple(channels)

    def _band(self, mirror: str) -> tuple[str | None, float | None]:
        """Return stain and middle of the band of a mirror of the spectrophotometer."""
        edges: dict[str, float | None] = {}
        for record in self._select("CSpectrophotometerUnit", "Wavelength"):
            side = re.search(r"\((left|right)\)\s*$", record.get("Description", ""))
            if record.get("ObjectName") == mirror and side:
                edges[side[1]] = finite_number(record.get("Variant"))
        stain = None
        for record in self._select("CSpectrophotometerUnit", "Stain"):
            if record.get("ObjectName") == mirror:
                stain = record.get("Variant", "").strip() or None
        if stain in {"None", "none"}:
            stain = None
        return stain, _middle(edges.get("left"), edges.get("right"))

    def stage_position(self) -> tuple[float, float] | None:
        """Return the stage position x, y in micrometres."""
        x = finite_number(self._value("CXYZStage", "XPos"))
        y = finite_number(self._value("CXYZStage", "YPos"))
        if x is None or y is None:
            return None
        return to_micrometres(x), to_micrometres(y)
