"""Parts of OME that the records lack: instruments, settings, people, environments.

A format that knows more than the records hold returns an ``OME`` element with one ``Image`` a scene
(``DescribesInstrument`` of ``records/protocols.py``). Elements have the names of the schema 2016-06
and no namespace; identifiers are the format's own. ``Pixels`` needs no sizes and ``Channel`` no
identifier there: channels count in their order.

Rule kept here: the records have the first word. A part adds what they leave out and replaces nothing.

Source of the facts: https://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from aicsio._ome.elements import child_of

ROOT_CHILDREN: Final = (
    "Rights", "Project", "Dataset", "Folder", "Experiment", "Plate", "Screen", "Experimenter",
    "ExperimenterGroup", "Instrument", "Image", "StructuredAnnotations", "ROI", "BinaryOnly",
)  # fmt: skip
IMAGE_CHILDREN: Final = (
    "AcquisitionDate", "ExperimenterRef", "Description", "ExperimentRef", "ExperimenterGroupRef",
    "InstrumentRef", "ObjectiveSettings", "ImagingEnvironment", "StageLabel", "Pixels", "ROIRef",
    "MicrobeamManipulationRef", "AnnotationRef",
)  # fmt: skip
_CHANNEL: Final = (
    "LightSourceSettings", "OpticsSettings", "DetectorSettings", "FilterSetRef", "AnnotationRef",
    "LightPath",
)  # fmt: skip
"""Children of OME, Image and Channel, in the order of the schema."""
_REPEATED: Final = frozenset({"ROIRef", "MicrobeamManipulationRef", "AnnotationRef"})

ENUMERATIONS: Mapping[str, Sequence[str]] = {
    "AcquisitionMode": (
        "WideField", "LaserScanningConfocalMicroscopy", "SpinningDiskConfocal",
        "SlitScanConfocal", "MultiPhotonMicroscopy", "StructuredIllumination",
        "SingleMoleculeImaging", "TotalInternalReflection", "FluorescenceLifetime",
        "SpectralImaging", "FluorescenceCorrelationSpectroscopy",
        "NearFieldScanningOpticalMicroscopy", "SecondHarmonicGenerationImaging", "PALM", "STORM",
        "STED", "TIRF", "FSM", "LCM", "BrightField", "SweptFieldConfocal", "SPIM", "Other",
    ),
    "Binning": ("1x1", "2x2", "4x4", "8x8", "Other"),
    "ContrastMethod": (
        "Brightfield", "Phase", "DIC", "HoffmanModulation", "ObliqueIllumination",
        "PolarizedLight", "Darkfield", "Fluorescence", "Other",
    ),
    "Correction": (
        "UV", "PlanApo", "PlanFluor", "SuperFluor", "VioletCorrected", "Achro", "Achromat",
        "Fluor", "Fl", "Fluar", "Neofluar", "Fluotar", "Apo", "PlanNeofluar", "Other",
    ),
    "DetectorType": (
        "CCD", "IntensifiedCCD", "AnalogVideo", "PMT", "Photodiode", "Spectroscopy",
        "LifetimeImaging", "CorrelationSpectroscopy", "FTIR", "EMCCD", "APD", "CMOS", "EBCCD",
        "Other",
    ),
    "FilterType": (
        "Dichroic", "LongPass", "ShortPass", "BandPass", "MultiPass", "NeutralDensity",
        "Tuneable", "Other",
    ),
    "IlluminationType": (
        "Transmitted", "Epifluorescence", "Oblique", "NonLinear", "Other",
    ),
    "Immersion": ("Oil", "Water", "WaterDipping", "Air", "Multi", "Glycerol", "Other"),
    "LaserType": ("Excimer", "Gas", "MetalVapor", "SolidState", "Dye", "Semiconductor",
        "FreeElectron", "Other"),
    "Medium": ("Air", "Oil", "Water", "Glycerol", "Other"),
    "MicroscopeType": ("Upright", "Inverted", "Dissection", "Electrophysiology", "Other"),
    "ArcType": ("Hg", "Xe", "HgXe", "Other"),
    "FilamentType": ("Incandescent", "Halogen", "Other"),
}  # fmt: skip
"""Words of the schema by the thing that they name."""


_FORMER_WORDS: Mapping[str, str] = {
    "laserscanningmicroscopy": "LaserScanningConfocalMicroscopy",
    "laserscanningconfocal": "LaserScanningConfocalMicroscopy",
}
"""Words of AcquisitionMode before 2010-04, and what the schema made of them."""


@functools.lru_cache(256)
def schema_word(kind: str, text: str | None) -> str | None:
    """Return the word of the schema for a word of a file; its case and blanks do not matter.

    Parameters
    ----------
    kind
        Key of ``ENUMERATIONS``.
    text
        Word of the file.

    Returns
    -------
    str or None
        ``"Other"`` for a word that the schema lacks; ``None`` without a word.

    Examples
    --------
    >>> from aicsio._ome.parts import schema_word
    >>> schema_word("DetectorType", "pmt"), schema_word("Immersion", "Silicone")
    ('PMT', 'Other')
    """
    if text is None or not text.strip():
        return None
    plain = _plain(text)
    if kind == "AcquisitionMode":
        plain = _plain(_FORMER_WORDS.get(plain, plain))
    for word in ENUMERATIONS[kind]:
        if _plain(word) == plain:
            return word
    return "Other"


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def add_part(
    parent: Element, name: str, attributes: Mapping[str, str | float | bool | None] | None = None
) -> Element:
    """Append an element; attributes that are ``None`` are left out.

    Parameters
    ----------
    parent
        The element that gets a child.
    name
        Name in the schema.
    attributes
        Values by name; a number is written so that reading it gives the same number.
    """
    texts = {}
    for key, value in (attributes or {}).items():
        if isinstance(value, bool):
            texts[key] = str(value).lower()
        elif value is not None:
            texts[key] = value if isinstance(value, str) else repr(value)
    return SubElement(parent, name, texts)


def add_quantity(
    element: Element, name: str, value: float | None, unit: str, *, positive: bool = False
) -> None:
    """Set a value and its unit, if the value is known.

    Parameters
    ----------
    element
        The element with the attribute.
    name
        Such as ``WorkingDistance``; the unit stands in ``WorkingDistanceUnit``.
    value
        The number, or ``None``.
    unit
        Symbol of the schema.
    positive
        Whether the schema wants a number above 0; others are left out.
    """
    if value is None or (positive and value <= 0):
        return
    element.set(name, repr(float(value)))
    element.set(f"{name}Unit", unit)


# ---------------------------------------------------------------- joining


def part_images(parts: Element | None, count: int) -> list[Element | None]:
    """Return the Image of each scene; ``None`` where the parts have none."""
    images: list[Element | None] = []
    if parts is not None:
        images += parts.findall("Image")
    return (images + [None] * count)[:count]


def pick_images(parts: Element, numbers: Sequence[int]) -> None:
    """Leave the Image elements of some scenes, and the places of plates that refer to them.

    Parameters
    ----------
    parts
        Changed in place; a reference to ``Image:3`` becomes that of its new number.
    numbers
        Numbers of the scenes, in their new order.
    """
    images = parts.findall("Image")
    for image in images:
        parts.remove(image)
    parts.extend(images[number] for number in numbers if number < len(images))
    new_numbers = {f"Image:{number}": f"Image:{new}" for new, number in enumerate(numbers)}
    for plate in parts.findall("Plate"):
        for well in plate.findall("Well"):
            for sample in well.findall("WellSample"):
                reference = sample.find("ImageRef")
                identity = None if reference is None else reference.get("ID")
                if reference is None or identity not in new_numbers:
                    well.remove(sample)
                else:
                    reference.set("ID", new_numbers[identity])
            if well.find("WellSample") is None:
                plate.remove(well)
        if plate.find("Well") is None:
            parts.remove(plate)


def has_instrument(parts: Element | None) -> bool:
    """Whether the parts describe the instrument, and so the objectives."""
    return parts is not None and parts.find("Instrument") is not None


def join_document(root: Element, parts: Element) -> None:
    """Add everything but the images to a document."""
    for child in parts:
        if child.tag == "StructuredAnnotations":
            annotations = child_of(root, "StructuredAnnotations")
            if annotations is not None:
                annotations.extend(child)
                continue
        if child.tag != "Image" and child.tag in ROOT_CHILDREN:
            _put(root, child, ROOT_CHILDREN)


def join_image(image: Element, part: Element) -> None:
    """Complete an Image of the records by the part of its scene."""
    for child in part:
        if child.tag == "Pixels":
            _join_pixels(child_of(image, "Pixels"), child)
        elif child.tag in _REPEATED or child_of(image, child.tag) is None:
            _put(image, child, IMAGE_CHILDREN)


def _join_pixels(pixels: Element | None, part: Element) -> None:
    if pixels is None:
        return
    _complete(pixels, part)
    channels = [child for child in pixels if child.tag == "Channel"]
    parts = part.findall("Channel")
    # A dimension that is folded into C repeats each channel.
    repeats = len(channels) // len(parts) if parts and not len(channels) % len(parts) else 1
    repeated = (channel_part for channel_part in parts for _ in range(repeats))
    for channel, channel_part in zip(channels, repeated, strict=False):
        _complete(channel, channel_part)
        for child in channel_part:
            # The same element in several channels: a document is written, and nothing changes it.
            _put(channel, child, _CHANNEL)


def _complete(element: Element, part: Element) -> None:
    """Add the attributes that an element lacks; a unit goes with its value."""
    lacking = {
        name: value
        for name, value in part.attrib.items()
        if name not in element.attrib and name.removesuffix("Unit") not in element.attrib
    }
    element.attrib.update(lacking)


def _put(parent: Element, child: Element, order: Sequence[str]) -> None:
    """Insert a child in the order of the schema: after those of its name and of earlier names."""
    place = order.index(child.tag) if child.tag in order else len(order)
    # From the end: a document may have thousands of images before its annotations.
    index = len(parent)
    while index and _place(parent[index - 1].tag, order) > place:
        index -= 1
    parent.insert(index, child)


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)
