"""Hardware settings of LAS X and LAS AF: channels, lens and stage of one image.

``metadata`` decides which of these names a channel bears.

Rule kept here: settings describe the scan that made the pixels. The state before a lambda scan
(``PreLambda...``) is another one.

Source of the facts: "LIF File Format Description" (Leica Microsystems); ``ATLConfocalSetting``
and ``ATLCameraSetting`` as LAS AF 2 to LAS X write them, ``FilterSettingRecord`` as LAS AF 1
does.
"""

import copy
import itertools
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

import attrs

from aicsio._ome.units import finite_number
from aicsio._ome.xml import find_all
from aicsio.formats._leica.modes import (
    CONFOCAL,
    MICROMETRES_PER_METRE,
    contrast_of_camera,
    find_system,
    illumination_of_camera,
    illumination_of_detector,
    mode_of_scan,
    pinhole_of_detector,
)
from aicsio.records import Channel, Objective

SETTING_TAGS = ("ATLConfocalSettingDefinition", "ATLCameraSettingDefinition")
_PRINTED_LENS = re.compile(r"(\d+(?:\.\d+)?)\s*[xX]\s*/?(\d+(?:\.\d+)?)(?:\s+([A-Za-z]+))?")
EARLIER_STATE = "PreLambda"
"""Beginning of the tags that hold the state before a lambda scan."""
FARTHEST_STAGE = 1e9
"""Metres. Positions are cut to it, so that their sums and products stay finite."""


@attrs.define(eq=False, repr=False)
class HardwareSettings:
    """The hardware settings of an image. Not a record: it lives for one image.

    Settings are thousands of elements, so they are looked for once, not for each fact.
    """

    scans: list[ET.Element]
    """Settings of each sequential scan, or the only ones."""
    filters: "FilterSettings"
    """Settings as LAS AF 1 writes them."""
    system: ET.Element
    """Attachment that describes the system; an empty element without one."""


def find_settings(image: ET.Element) -> HardwareSettings:
    """Find the hardware settings of an image."""
    sequential = []
    for block in image.iter("LDM_Block_Sequential_List"):
        sequential += [setting for setting in block if setting.tag in SETTING_TAGS]
    scans = sequential
    if not sequential:
        for tag in SETTING_TAGS:
            scans += find_all(image, "Attachment", tag)
    scans = list(map(_without_earlier_state, scans))
    return HardwareSettings(scans, FilterSettings(image), find_system(image))


def _without_earlier_state(scan: ET.Element) -> ET.Element:
    """Return a scan without the state before it, which then need not be looked for in each search."""
    if not any(element.tag.startswith(EARLIER_STATE) for element in scan.iter()):
        return scan
    # A copy: the tree belongs to the caller.
    pruned = copy.deepcopy(scan)
    for element in list(pruned.iter()):
        for child in list(element):
            if child.tag.startswith(EARLIER_STATE):
                element.remove(child)
    return pruned


def descendants(setting: ET.Element, tag: str) -> Iterator[ET.Element]:
    """Yield elements of the scan itself, in document order."""
    # In C: for 500 scans of a hundred elements, a recursion in Python took a third of the time of
    # all instruments.
    for element in setting.iter(tag):
        if element is not setting:
            yield element


# ---------------------------------------------------------------- channels


def detected_channels(settings: HardwareSettings) -> tuple[Channel, ...]:
    """Return the channels that the settings describe, in the order of detectors or cameras."""
    # A file has the one or the other: cameras are described without detectors.
    confocal: list[Channel] = []
    for scan in settings.scans:
        confocal += _confocal_channels(scan, settings.system)
    if confocal:
        return tuple(confocal)
    camera = list(itertools.chain.from_iterable(map(_camera_channels, settings.scans)))
    return tuple(camera) or settings.filters.channels()


def _confocal_channels(setting: ET.Element, system: ET.Element) -> Iterator[Channel]:
    """Yield a channel for each active detector of a confocal scan."""
    bands = {band.get("Channel"): band for band in descendants(setting, "MultiBand")}
    laser = _only_laser(setting)
    for detector in descendants(setting, "Detector"):
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
        yield Channel(
            name=dye,
            fluor=dye,
            emission=emission,
            excitation=laser,
            acquisition_mode=mode_of_scan(setting, system),
            pinhole_size=pinhole_of_detector(detector, setting),
            illumination_type=illumination_of_detector(detector),
        )


def _middle(low: float | None, high: float | None) -> float | None:
    # Halves first: the sum of two huge floats is infinite.
    return low / 2 + high / 2 if low and high else None


def _only_laser(setting: ET.Element) -> float | None:
    """Return the wavelength of the laser line in use; of two, neither excites all channels."""
    # Lines that are off are listed, too, with an intensity of 0.
    lines = {wavelength for wavelength, _ in lines_in_use(setting)}
    return lines.pop() if len(lines) == 1 else None


def lines_in_use(setting: ET.Element) -> Iterator[tuple[float, float]]:
    """Yield wavelength in nanometres and intensity in percent of each laser line that was on."""
    for line in descendants(setting, "LaserLineSetting"):
        wavelength = finite_number(line.get("LaserLine"))
        percent = finite_number(line.get("IntensityDev")) or 0.0
        if wavelength and percent > 0:
            yield wavelength, percent


def _camera_channels(setting: ET.Element) -> Iterator[Channel]:
    for info in descendants(setting, "WideFieldChannelInfo"):
        cube = info.get("FluoCubeName") or None
        yield Channel(
            name=info.get("UserDefName") or cube or info.get("ContrastingMethodName") or None,
            fluor=cube,
            emission=finite_number(info.get("EmissionWavelength")) or None,
            excitation=finite_number(info.get("ExcitationWavelength")) or None,
            acquisition_mode="WideField",
            illumination_type=illumination_of_camera(info),
            contrast_method=contrast_of_camera(info),
        )


def channel_exposures(settings: HardwareSettings) -> tuple[float, ...]:
    """Return the exposure time of each camera channel in seconds; empty if one has none."""
    exposures = []
    for scan in settings.scans:
        for info in descendants(scan, "WideFieldChannelInfo"):
            seconds = exposure_of(info)
            if seconds is None:
                return ()
            exposures.append(seconds)
    return tuple(exposures)


def exposure_of(info: ET.Element) -> float | None:
    """Return the exposure time of a camera channel in seconds; some versions write ``10 ms``."""
    match = re.fullmatch(r"\s*([^\s]+?)\s*(ms|s)?\s*", info.get("ExposureTime", ""))
    seconds = finite_number(match[1]) if match else None
    if match is None or seconds is None or seconds <= 0:
        return None
    return seconds / 1000 if match[2] == "ms" else seconds


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


@attrs.frozen
class ActiveDetector:
    """A detector that was on; wavelengths in nanometres."""

    name: str
    """Such as ``"PMT 1"``."""
    stain: str | None
    """Dye of its band."""
    low: float | None
    """Lower edge of its band."""
    high: float | None
    """Upper edge."""
    voltage: float | None
    """Volts."""
    offset: float | None
    """Without a unit."""


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

    def value(self, class_name: str, attribute: str) -> str | None:
        """Return the first value of an attribute of a class of parts."""
        for record in self._select(class_name, attribute):
            text = record.get("Variant", "").strip()
            if text:
                return text
        return None

    def objective(self) -> Objective | None:
        """Return the lens of the turret; magnification and aperture also from its name."""
        name = self.value("CTurret", "Objective")
        aperture = finite_number(self.value("CTurret", "NumericalAperture"))
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
        for detector in self.active_detectors():
            emission = _middle(detector.low, detector.high)
            channels.append(
                Channel(
                    name=detector.stain,
                    fluor=detector.stain,
                    emission=emission,
                    acquisition_mode=CONFOCAL,
                )
            )
        return tuple(channels)

    def active_detectors(self) -> Iterator["ActiveDetector"]:
        """Yield each detector that was on, with the band and stain of its number."""
        for record in self._select("CDetectionUnit", "State"):
            if record.get("Variant") != "Active":
                continue
            name = record.get("ObjectName", "")
            number = name.rpartition(" ")[2]
            stain, low, high = self._band(f"SP Mirror Channel {number}")
            yield ActiveDetector(
                name=name,
                stain=stain,
                low=low,
                high=high,
                voltage=self._number(name, "HighVoltage"),
                offset=self._number(name, "VideoOffset"),
            )

    def _number(self, detector: str, attribute: str) -> float | None:
        for record in self._select("CDetectionUnit", attribute):
            if record.get("ObjectName") == detector:
                return finite_number(record.get("Variant"))
        return None

    def _band(self, mirror: str) -> tuple[str | None, float | None, float | None]:
        """Return stain and edges of the band of a mirror of the spectrophotometer."""
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
        return stain, edges.get("left"), edges.get("right")

    def stage_position(self) -> tuple[float, float] | None:
        """Return the stage position x, y in micrometres."""
        x = finite_number(self.value("CXYZStage", "XPos"))
        y = finite_number(self.value("CXYZStage", "YPos"))
        if x is None or y is None:
            return None
        return to_micrometres(x), to_micrometres(y)
