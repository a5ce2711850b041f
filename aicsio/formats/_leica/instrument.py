"""Leica's XML to the parts of OME that the records lack: instrument, settings, light paths.

Rule kept here: a part is written where the XML holds it. Hardware that was not in use, such as
laser lines of no intensity and inactive detectors, is left out. Settings without a place in the
schema become a map annotation under their own names.

Source of the facts: "LIF File Format Description" (Leica Microsystems); attributes of
``ATLConfocalSettingDefinition``, ``ATLCameraSettingDefinition`` and ``FilterSettingRecord`` in files
of LAS AF 1 to LAS X 3.7; OME schema 2016-06 for the places and their units.
"""

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

import attrs

from aicsio._ome.lenses import name_immersion, read_engraving
from aicsio._ome.parts import ENUMERATIONS, add_part, add_quantity, schema_word
from aicsio._ome.units import MICROMETRE, finite_number
from aicsio._ome.xml import find_all
from aicsio.formats._leica.equipment import ChannelHardware, ImageHardware, Instrument, Lens
from aicsio.formats._leica.hardware import read_hardware

ANNOTATION_NAMESPACE = "leica-microsystems.com/lif"
"""Namespace of the map annotations; the keys are attributes of Leica's XML."""
MOST_BITS = 64
"""Of a pixel: the largest depth of a channel that is read."""


def describe_instruments(elements: Iterable[ET.Element]) -> ET.Element:
    """Return an OME element with one Image for each image of the project.

    Images that were taken with the same hardware share an Instrument.
    """
    ome = ET.Element("OME")
    images = [_describe_image(element) for element in elements]
    # Instruments are frozen records: those with equal parts are one key.
    numbers: dict[Instrument, int] = {}
    for description in images:
        numbers.setdefault(description.hardware.instrument, len(numbers))
    for instrument, number in numbers.items():
        _add_instrument(ome, instrument, number)
    # The schema has annotations behind all images.
    annotations = ET.Element("StructuredAnnotations")
    for index, description in enumerate(images):
        hardware = description.hardware
        image = _add_image(ome, description, numbers[hardware.instrument])
        if hardware.settings:
            identity = f"Annotation:Settings:{index}"
            add_part(image, "AnnotationRef", {"ID": identity})
            _add_settings(annotations, identity, hardware.settings)
    if len(annotations):
        ome.append(annotations)
    return ome


@attrs.frozen
class ImageDescription:
    """What the XML of one image holds beyond the records."""

    hardware: ImageHardware
    """Instrument and light paths."""
    description: str | None
    """Text of the user."""
    significant_bits: int | None
    """Of a pixel."""


def _describe_image(element: ET.Element) -> ImageDescription:
    image = find_all(element, "Data", "Image")[0]
    descriptions = find_all(image, "ImageDescription", "Channels", "ChannelDescription")
    bits = {finite_number(one.get("Resolution")) for one in descriptions}
    depth = bits.pop() if len(bits) == 1 else None
    # Samples of a colour have the tags 1 to 3 (LIF File Format Description, ChannelTag).
    samples = [one for one in descriptions if one.get("ChannelTag", "0") in {"2", "3"}]
    return ImageDescription(
        hardware=read_hardware(image, len(descriptions) - len(samples)),
        description=_user_text(image),
        significant_bits=int(depth) if depth and 0 < depth <= MOST_BITS else None,
    )


def _user_text(image: ET.Element) -> str | None:
    """Return the description that the user typed, in either of its two places."""
    text = image.get("TextDescription", "").strip()
    if not text:
        text = (image.findtext("User-Comments") or "").strip()
    return text or None


# ---------------------------------------------------------------- instrument


def _add_instrument(ome: ET.Element, parts: Instrument, number: int) -> None:
    instrument = add_part(ome, "Instrument", {"ID": f"Instrument:{number}"})
    microscope = parts.microscope
    add_part(
        instrument,
        "Microscope",
        {
            "Model": microscope.model,
            "SerialNumber": microscope.serial,
            "Type": schema_word("MicroscopeType", microscope.type or "Other"),
        },
    )
    for index, laser in enumerate(parts.lasers):
        source = add_part(
            instrument, "Laser", {"ID": f"LightSource:{number}:{index}", "Model": laser.name}
        )
        add_quantity(source, "Power", laser.milliwatts, "mW", positive=True)
        add_quantity(source, "Wavelength", laser.wavelength, "nm", positive=True)
    for index, detector in enumerate(parts.detectors):
        add_part(
            instrument,
            "Detector",
            {
                "ID": f"Detector:{number}:{index}",
                "Model": detector.name,
                "Type": schema_word("DetectorType", detector.type),
                "Zoom": detector.zoom,
            },
        )
    if parts.lens is not None:
        _add_objective(instrument, parts.lens, number)
    for index, band in enumerate(parts.filters):
        attributes = {"ID": f"Filter:{number}:{index}", "Model": band.name}
        element = add_part(instrument, "Filter", attributes)
        if band.type is not None:
            element.set("Type", band.type)
        if band.low and band.high:
            transmitted = add_part(element, "TransmittanceRange")
            add_quantity(transmitted, "CutIn", band.low, "nm", positive=True)
            add_quantity(transmitted, "CutOut", band.high, "nm", positive=True)
    for index, name in enumerate(parts.dichroics):
        add_part(instrument, "Dichroic", {"ID": f"Dichroic:{number}:{index}", "Model": name})


def _add_objective(instrument: ET.Element, lens: Lens, number: int) -> None:
    engraving = read_engraving(lens.name)
    immersion = name_immersion(lens.immersion) or engraving.immersion
    add_part(
        instrument,
        "Objective",
        {
            "ID": f"Objective:{number}:0",
            "Model": lens.name,
            "LotNumber": lens.order_number,
            "Correction": engraving.correction or ("Other" if lens.name else None),
            "Immersion": immersion,
            "LensNA": lens.aperture or engraving.aperture,
            "NominalMagnification": lens.magnification or engraving.magnification,
        },
    )


# ---------------------------------------------------------------- images


def _add_image(ome: ET.Element, description: ImageDescription, number: int) -> ET.Element:
    image = add_part(ome, "Image")
    hardware = description.hardware
    if description.description:
        add_part(image, "Description").text = description.description
    add_part(image, "InstrumentRef", {"ID": f"Instrument:{number}"})
    lens = hardware.instrument.lens
    if lens is not None:
        immersion = name_immersion(lens.immersion) or read_engraving(lens.name).immersion
        medium = immersion if immersion in ENUMERATIONS["Medium"] else None
        add_part(
            image,
            "ObjectiveSettings",
            {
                "ID": f"Objective:{number}:0",
                "Medium": medium,
                "RefractiveIndex": lens.refractive_index,
            },
        )
    pixels = add_part(image, "Pixels")
    if description.significant_bits is not None:
        pixels.set("SignificantBits", str(description.significant_bits))
    for channel in hardware.channels:
        _add_channel(pixels, channel, number)
    return image


def _add_channel(pixels: ET.Element, hardware: ChannelHardware, number: int) -> None:
    channel = add_part(
        pixels,
        "Channel",
        {
            "AcquisitionMode": hardware.acquisition_mode,
            "IlluminationType": hardware.illumination,
            "ContrastMethod": hardware.contrast,
        },
    )
    add_quantity(channel, "PinholeSize", hardware.pinhole, MICROMETRE, positive=True)
    # The schema has one source for a channel; of two lines, neither is that of the channel.
    if len(hardware.lines) == 1:
        ((laser, attenuation),) = hardware.lines
        source = {"ID": f"LightSource:{number}:{laser}", "Attenuation": attenuation}
        add_part(channel, "LightSourceSettings", source)
    if hardware.detector is not None:
        settings = {
            "ID": f"Detector:{number}:{hardware.detector}",
            "Gain": hardware.gain,
            "Offset": hardware.offset,
        }
        detector = add_part(channel, "DetectorSettings", settings)
        add_quantity(detector, "Voltage", hardware.voltage, "V")
    references = tuple(_references(hardware, number))
    if references:
        path = add_part(channel, "LightPath")
        for name, identity in references:
            add_part(path, name, {"ID": identity})


def _references(hardware: ChannelHardware, number: int) -> Iterator[tuple[str, str]]:
    """Yield the elements of a light path in the order of the schema."""
    if hardware.dichroic is not None:
        yield "DichroicRef", f"Dichroic:{number}:{hardware.dichroic}"
    for index in hardware.filters:
        yield "EmissionFilterRef", f"Filter:{number}:{index}"


def _add_settings(
    annotations: ET.Element, identity: str, settings: Iterable[tuple[str, str]]
) -> None:
    attributes = {"ID": identity, "Namespace": ANNOTATION_NAMESPACE}
    value = add_part(add_part(annotations, "MapAnnotation", attributes), "Value")
    for key, text in settings:
        add_part(value, "M", {"K": key}).text = text
