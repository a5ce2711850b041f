"""Documents of an OIR file to the parts of OME that the records lack: lasers, detectors, objective.

Rule kept here: a part is written where the documents name it. Laser lines that were off are left
out.

Source of the facts: as for ``metadata``; OME schema 2016-06 for the places and their units.
"""

from typing import Final
from xml.etree.ElementTree import Element

from aicsio._ome.lenses import read_engraving
from aicsio._ome.parts import add_part, add_quantity
from aicsio.formats.oir.documents import find_all, number_of, text_of, whole_of
from aicsio.formats.oir.metadata import OirDescription, excitation_lines, list_channels
from aicsio.records import Scene

NAMESPACE: Final = "olympus-lifescience.com/oir"
"""Namespace of the map annotation; the keys are names of elements."""
SETTINGS: Final = (
    *("scannerType", "zoom", "rotation", "xpan", "ypan", "pixelSpeed", "lineSpeed", "frameSpeed"),
)
"""Settings of the scan that the schema has no place for."""


def describe_instrument(
    description: OirDescription, identifiers: tuple[str, ...], producer: str, scene: Scene
) -> Element:
    """Return an OME element with one Image.

    Parameters
    ----------
    description
        The documents.
    identifiers
        Of the channels, in the order of the image.
    producer
        Program that wrote the file.
    scene
        The image.
    """
    image = description.image
    ome = Element("OME")
    instrument = add_part(ome, "Instrument", {"ID": "Instrument:0"})
    model = text_of(image, "systemName") or producer or None
    microscope = {"Model": model, "Manufacturer": "Olympus", "Type": "Other"}
    add_part(instrument, "Microscope", microscope)
    lasers = _add_lasers(instrument, description)
    channels = identifiers[: len(scene.channels)]
    for index, identifier in enumerate(channels):
        detector = description.detectors.get(identifier)
        name = text_of(detector, "deviceName")
        add_part(instrument, "Detector", {"ID": f"Detector:0:{index}", "Model": name})
    _add_objective(instrument, scene)
    entry = add_part(ome, "Image")
    add_part(entry, "InstrumentRef", {"ID": "Instrument:0"})
    if scene.objective is not None:
        add_part(entry, "ObjectiveSettings", {"ID": "Objective:0:0"})
    pixels = add_part(entry, "Pixels")
    bits = whole_of(image, "bitCounts")
    if bits is not None and 0 < bits <= 64:
        pixels.set("SignificantBits", str(bits))
    listed = {element.get("id"): element for element in list_channels(description)}
    for index, identifier in enumerate(channels):
        _add_channel(pixels, index, description, listed.get(identifier), lasers)
    add_part(entry, "AnnotationRef", {"ID": "Annotation:Settings:0"})
    annotations = add_part(ome, "StructuredAnnotations")
    attributes = {"ID": "Annotation:Settings:0", "Namespace": NAMESPACE}
    value = add_part(add_part(annotations, "MapAnnotation", attributes), "Value")
    for key in SETTINGS:
        text = text_of(image, key)
        if text is not None:
            add_part(value, "M", {"K": key}).text = text
    return ome


def _add_lasers(instrument: Element, description: OirDescription) -> dict[float, str]:
    """Add the laser lines that were on; return their identifiers by wavelength."""
    lasers: dict[float, str] = {}
    for element in find_all(description.image, "imagingMainLaser"):
        wavelength = number_of(element, "wavelength")
        if element.get("enable", "true") != "true" or not wavelength or wavelength in lasers:
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
    attributes: dict[str, str | float | bool | None] = {
        "ID": "Objective:0:0",
        "Model": lens.name,
        "Correction": read_engraving(lens.name).correction,
        "Immersion": lens.immersion,
        "LensNA": lens.aperture,
        "NominalMagnification": lens.magnification,
    }
    add_part(instrument, "Objective", attributes)


def _add_channel(
    pixels: Element,
    index: int,
    description: OirDescription,
    channel: Element | None,
    lasers: dict[float, str],
) -> None:
    element = add_part(pixels, "Channel", {"AcquisitionMode": "LaserScanningConfocalMicroscopy"})
    pinhole = number_of(channel, "pinholeDiameter")
    add_quantity(element, "PinholeSize", pinhole, "µm", positive=True)
    lines = [line for line in excitation_lines(description, channel) if line in lasers]
    if len(lines) == 1:
        source = add_part(element, "LightSourceSettings", {"ID": lasers[lines[0]]})
        attenuation = _attenuation(description, channel)
        if attenuation is not None:
            source.set("Attenuation", repr(attenuation))
    settings = add_part(element, "DetectorSettings", {"ID": f"Detector:0:{index}"})
    identifier = "" if channel is None else channel.get("id", "")
    detector = description.detectors.get(identifier)
    add_quantity(settings, "Voltage", number_of(detector, "voltage"), "V")
    gain = number_of(detector, "gain")
    if gain is not None:
        settings.set("Gain", repr(gain))


def _attenuation(description: OirDescription, channel: Element | None) -> float | None:
    """Return the part of a laser that does not reach the sample; settings have percent that do."""
    wanted = {(one.text or "").strip() for one in find_all(channel, "laserDataId")}
    for laser in find_all(description.image, "mainLaser"):
        percent = number_of(laser, "transmissivity")
        if laser.get("id") in wanted and percent is not None and 0 <= percent <= 100:
            return round(1 - percent / 100, 6)
    return None
