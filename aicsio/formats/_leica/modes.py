"""How a channel was taken: acquisition mode, illumination, contrast and pinhole of Leica's settings.

Rule kept here: words are those of the OME schema. What the settings do not say is ``None``.

Source of the facts: attributes of ``ATLConfocalSettingDefinition`` and ``WideFieldChannelInfo`` in files
of LAS AF 2 to LAS X 3.7.
"""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from aicsio._ome.units import finite_number

CONFOCAL = "LaserScanningConfocalMicroscopy"
TRANSMITTED, EPIFLUORESCENCE = "Transmitted", "Epifluorescence"
MICROMETRES_PER_METRE = 1e6
_CONTRASTS: Mapping[str, str] = {
    "FLUO": "Fluorescence", "BF": "Brightfield", "TL-BF": "Brightfield", "DIC": "DIC",
    "TL-DIC": "DIC", "PH": "Phase", "TL-PH": "Phase", "POL": "PolarizedLight",
    "TL-POL": "PolarizedLight", "DF": "Darkfield", "TL-DF": "Darkfield",
}  # fmt: skip
"""ContrastMethod of the schema by ContrastingMethodName."""


def find_system(image: ET.Element) -> ET.Element:
    """Return the attachment that describes the system; an empty element without one."""
    for attachment in image.findall("Attachment"):
        if attachment.get("Name") == "HardwareSetting":
            return attachment
    return ET.Element("None")


def mode_of_scan(scan: ET.Element, system: ET.Element) -> str:
    """Return the acquisition mode of a confocal scan."""
    if scan.get("IsSTEDActive") == "1":
        return "STED"
    if system.get("DataSourceTypeName", "Confocal") != "Confocal":
        return "Other"
    return CONFOCAL


def detects_transmitted(detector: ET.Element) -> bool:
    """Whether a detector stands behind the specimen."""
    # TLD is the transmitted light detector.
    return detector.get("ScanType") == "TLD"


def illumination_of_detector(detector: ET.Element) -> str:
    """Return the illumination that a detector of a scan sees."""
    return TRANSMITTED if detects_transmitted(detector) else EPIFLUORESCENCE


def pinhole_of_detector(detector: ET.Element, scan: ET.Element) -> float | None:
    """Return the diameter of the pinhole in micrometres."""
    # The pinhole lies in front of the descanned detectors.
    if detects_transmitted(detector):
        return None
    metres = finite_number(scan.get("Pinhole"))
    return metres * MICROMETRES_PER_METRE if metres is not None and 0 < metres < 1 else None


def contrast_of_camera(info: ET.Element) -> str | None:
    """Return the contrast of a channel of a camera."""
    return _CONTRASTS.get(_contrasting_method(info))


def illumination_of_camera(info: ET.Element) -> str:
    """Return the illumination of a channel of a camera."""
    contrast = _contrasting_method(info)
    return TRANSMITTED if contrast.startswith("TL") or contrast == "BF" else EPIFLUORESCENCE


def _contrasting_method(info: ET.Element) -> str:
    return info.get("ContrastingMethodName", "").strip().upper()
