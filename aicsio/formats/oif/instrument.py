"""Settings of FluoView to the parts of OME that the records lack: lasers, detectors, light paths.

Rule kept here: a part is written where the settings name it. Laser lines that were off are left
out, as are the settings of detectors that took no channel.

Source of the facts: files of FluoView 2.1; OME schema 2016-06 for the places and their units.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from aicsio._ome.lenses import read_engraving
from aicsio._ome.parts import add_part, add_quantity, schema_word
from aicsio.formats.oif.metadata import COMMON
from aicsio.formats.oif.settings import (
    Section,
    Settings,
    number_of,
    positive_of,
    section_of,
    text_of,
    whole_of,
)
from aicsio.records import Scene

BAND: Final = re.compile(r"(?:BA|BP)\s*(\d{3,4})-(\d{3,4})")
"""Name of a barrier filter: the lowest and highest wavelength that pass."""
MOST_LASERS: Final = 32
"""Sections of lasers that are looked for. Systems have up to 10."""
NAMESPACE: Final = "olympus-lifescience.com/oif"
"""Namespace of the map annotation; the keys are those of the settings."""
ANNOTATED: Final = (
    *("ScanMode", "ScanDirection", "SequentialMode", "SamplingClock", "ZoomValue"),
    *("IntegrationType", "IntegrationCount", "Observation Mode"),
)
"""Settings of the scan that the schema has no place for."""
PLANE_ANNOTATED: Final = ("ScanSpeed", "Time Per Frame", "Time Per Line", "Time Per Pixel")
"""The same in the settings of a plane; times are microseconds."""


def describe_instrument(
    settings: Settings, planes: Sequence[Mapping[str, Section]], scene: Scene
) -> Element:
    """Return an OME element with one Image.

    Parameters
    ----------
    settings
        Main settings.
    planes
        Settings of the first plane of each channel; empty for one that the set lacks.
    scene
        The image.
    """
    ome = Element("OME")
    instrument = add_part(ome, "Instrument", {"ID": "Instrument:0"})
    system = section_of(settings, "Version Info")
    device = text_of(section_of(settings, COMMON), "Acquisition Device")
    model = text_of(system, "SystemName") or device
    add_part(instrument, "Microscope", {"Model": model, "Manufacturer": "Olympus", "Type": "Other"})
    lasers = _add_lasers(instrument, settings)
    count = len(scene.channels)
    channels = [
        section_of(settings, f"Channel {number} Parameters") for number in range(1, count + 1)
    ]
    paths = [_LightPath(index, channel) for index, channel in enumerate(channels)]
    for path in paths:
        path.add_detector(instrument, settings)
    _add_objective(instrument, scene)
    for path in paths:
        path.add_filter(instrument)
    for path in paths:
        path.add_dichroics(instrument)
    image = add_part(ome, "Image")
    comment = text_of(section_of(settings, "File Info"), "UserComment")
    if comment is not None:
        add_part(image, "Description").text = comment
    add_part(image, "InstrumentRef", {"ID": "Instrument:0"})
    if scene.objective is not None:
        add_part(image, "ObjectiveSettings", {"ID": "Objective:0:0"})
    pixels = add_part(image, "Pixels")
    bits = whole_of(section_of(settings, "Reference Image Parameter"), "ValidBitCounts")
    if bits is not None and 0 < bits <= 64:
        pixels.set("SignificantBits", str(bits))
    for path, plane in zip(paths, planes, strict=True):
        path.add_channel(pixels, section_of(plane, COMMON), lasers)
    add_part(image, "AnnotationRef", {"ID": "Annotation:Settings:0"})
    first = planes[0] if planes else {}
    _annotate(ome, section_of(settings, COMMON), section_of(first, COMMON))
    return ome


def _add_lasers(instrument: Element, settings: Settings) -> dict[float, str]:
    """Add the laser lines that were on; return their identifiers by wavelength."""
    lasers: dict[float, str] = {}
    for number in range(MOST_LASERS):
        section = section_of(settings, f"Laser {number} Parameters")
        wavelength = positive_of(section, "LaserWavelength")
        if number_of(section, "Laser Enable") != 1 or wavelength is None or wavelength in lasers:
            continue
        identity = f"LightSource:0:{len(lasers)}"
        laser = add_part(
            instrument, "Laser", {"ID": identity, "Type": "Other", "LaserMedium": "Other"}
        )
        add_quantity(laser, "Wavelength", wavelength, "nm", positive=True)
        lasers[wavelength] = identity
    return lasers


def _add_objective(instrument: Element, scene: Scene) -> None:
    lens = scene.objective
    if lens is None:
        return
    engraving = read_engraving(lens.name)
    add_part(
        instrument,
        "Objective",
        {
            "ID": "Objective:0:0",
            "Model": lens.name,
            "Correction": engraving.correction,
            "Immersion": engraving.immersion,
            "LensNA": lens.aperture,
            "NominalMagnification": lens.magnification,
        },
    )


class _LightPath:
    """Detector, filter and mirrors of one channel. It lives for one description."""

    def __init__(self, index: int, section: Section) -> None:
        self.index = index
        self.section = section
        self.references: list[tuple[str, str]] = []

    def add_detector(self, instrument: Element, settings: Settings) -> None:
        """Add the detector: photomultipliers in these systems."""
        zoom = positive_of(section_of(settings, COMMON), "ZoomValue")
        name = text_of(self.section, "CH Name")
        add_part(
            instrument,
            "Detector",
            {"ID": f"Detector:0:{self.index}", "Model": name, "Type": "PMT", "Zoom": zoom},
        )

    def add_filter(self, instrument: Element) -> None:
        """Add the barrier filter."""
        name = text_of(self.section, "BF Name")
        if name is None:
            return
        identity = f"Filter:0:{self.index}"
        element = add_part(instrument, "Filter", {"ID": identity, "Model": name})
        band = BAND.fullmatch(name)
        if band is not None:
            element.set("Type", "BandPass")
            passed = add_part(element, "TransmittanceRange")
            add_quantity(passed, "CutIn", float(band[1]), "nm", positive=True)
            add_quantity(passed, "CutOut", float(band[2]), "nm", positive=True)
        self.references.append(("EmissionFilterRef", identity))

    def add_dichroics(self, instrument: Element) -> None:
        """Add the mirror of the excitation."""
        name = text_of(self.section, "ExcitationDM Name")
        if name is None:
            return
        identity = f"Dichroic:0:{self.index}"
        add_part(instrument, "Dichroic", {"ID": identity, "Model": name})
        # The schema has the mirror in front of the filters.
        self.references.insert(0, ("DichroicRef", identity))

    def add_channel(self, pixels: Element, plane: Section, lasers: dict[float, str]) -> None:
        """Add the channel with its settings."""
        light = text_of(self.section, "LightType") or ""
        transmitted = light.startswith("Transmitted")
        channel = add_part(
            pixels,
            "Channel",
            {
                "AcquisitionMode": "LaserScanningConfocalMicroscopy",
                "IlluminationType": schema_word(
                    "IlluminationType", "Transmitted" if transmitted else "Epifluorescence"
                ),
            },
        )
        diameter = positive_of(plane, "PinholeDiameter")
        if diameter is not None and text_of(self.section, "Confocal") == "ON":
            # Nanometres: 100000 is the Airy disk of a 40x lens here.
            add_quantity(channel, "PinholeSize", diameter / 1000, "µm", positive=True)
        # No laser has the wavelength 0, which stands for an unknown one.
        wavelength = positive_of(self.section, "ExcitationWavelength") or 0.0
        if wavelength in lasers:
            source = add_part(channel, "LightSourceSettings", {"ID": lasers[wavelength]})
            # Percent of the laser that reach the sample; the schema has the part that does not.
            level = number_of(plane, "ExcitationOutPutLevel")
            if level is not None and 0 <= level <= 100:
                source.set("Attenuation", repr(round(1 - level / 100, 6)))
        self._add_detector_settings(channel)
        if self.references:
            path = add_part(channel, "LightPath")
            for name, identity in self.references:
                add_part(path, name, {"ID": identity})

    def _add_detector_settings(self, channel: Element) -> None:
        # Mode 1 counts photons, 0 measures a current.
        kind = "CountingPMT" if number_of(self.section, "PMTDetectingMode") == 1 else "AnalogPMT"
        gain = number_of(self.section, f"{kind}Gain")
        settings = add_part(
            channel,
            "DetectorSettings",
            {
                "ID": f"Detector:0:{self.index}",
                "Gain": None if gain is None else gain / 1000,
                "Offset": number_of(self.section, f"{kind}Offset"),
            },
        )
        add_quantity(settings, "Voltage", number_of(self.section, f"{kind}Voltage"), "V")


def _annotate(ome: Element, common: Section, plane: Section) -> None:
    annotations = add_part(ome, "StructuredAnnotations")
    attributes = {"ID": "Annotation:Settings:0", "Namespace": NAMESPACE}
    value = add_part(add_part(annotations, "MapAnnotation", attributes), "Value")
    for section, keys in ((common, ANNOTATED), (plane, PLANE_ANNOTATED)):
        for key in keys:
            text = text_of(section, key)
            if text is not None:
                add_part(value, "M", {"K": key}).text = text
