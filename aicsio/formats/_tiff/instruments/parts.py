"""The elements of one image and its instrument, in the order of the schema.

Rule kept here: an element without attributes and children is left out, and so is an instrument that
holds nothing.
"""

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element

import attrs

from aicsio._ome.lenses import read_engraving
from aicsio._ome.parts import ENUMERATIONS, add_part, add_quantity
from aicsio._ome.units import MICROMETRE
from aicsio.records import Contents

_INSTRUMENT = ("Microscope", "Laser", "Arc", "Detector", "Objective", "Filter", "Dichroic")
"""Children of Instrument, in the order of the schema."""
LONGEST_SETTING = 4096
"""Characters of a setting that is kept: lists of a thousand numbers are in the raw metadata."""
MOST_SETTINGS = 2000
"""Settings of one image that are kept; ScanImage writes some 300."""


def count_channels(contents: Contents) -> int:
    """Return the number of channels of the first scene."""
    scene = contents.scenes[0]
    return len(scene.channels) or scene.dims.get("C", 1)


@attrs.define(eq=False, repr=False)
class ImageParts:
    """Elements that grow while the settings of a file are read. Not a record."""

    ome: Element
    instrument: Element
    image: Element
    pixels: Element
    channels: list[Element] = attrs.Factory(list)
    annotations: Element = attrs.Factory(lambda: Element("StructuredAnnotations"))

    @classmethod
    def empty(cls) -> "ImageParts":
        """Make the elements of an image about which nothing is known."""
        return cls(Element("OME"), Element("Instrument"), Element("Image"), Element("Pixels"))

    def set_microscope(self, **attributes: str | None) -> None:
        """Describe the stand: Manufacturer, Model, SerialNumber, Type."""
        add_part(self.instrument, "Microscope", attributes)

    def add_objective(
        self,
        name: str | None,
        *,
        aperture: float | None = None,
        magnification: float | None = None,
        refractive_index: float | None = None,
        working_distance: float | None = None,
    ) -> None:
        """Add the lens of the image; facts that are not given come from its engraving.

        ``working_distance`` is in micrometres.
        """
        lens = read_engraving(name)
        attributes = {
            "ID": "Objective:0:0",
            "Model": name,
            "Correction": lens.correction,
            "Immersion": lens.immersion,
            "LensNA": aperture or lens.aperture,
            "NominalMagnification": magnification or lens.magnification,
        }
        element = add_part(self.instrument, "Objective", attributes)
        add_quantity(element, "WorkingDistance", working_distance, MICROMETRE, positive=True)
        medium = lens.immersion if lens.immersion in ENUMERATIONS["Medium"] else None
        settings = {"ID": "Objective:0:0", "Medium": medium, "RefractiveIndex": refractive_index}
        add_part(self.image, "ObjectiveSettings", settings)

    def add_detector(self, **attributes: str | float | None) -> str:
        """Add a detector; return its identifier."""
        return self._add("Detector", "Detector", attributes)

    def add_laser(self, wavelength: float | None, power: float | None, name: str | None) -> str:
        """Add a laser of nanometres and milliwatts; return its identifier."""
        identity = self._add("Laser", "LightSource", {"Model": name})
        add_quantity(self.instrument[-1], "Power", power, "mW", positive=True)
        add_quantity(self.instrument[-1], "Wavelength", wavelength, "nm", positive=True)
        return identity

    def add_filter(self, name: str | None, band: tuple[float, float] | None = None) -> str:
        """Add a filter, with the edges of its band in nanometres; return its identifier."""
        identity = self._add("Filter", "Filter", {"Model": name})
        if band is not None:
            # ``_add`` has just appended it.
            element = self.instrument[-1]
            element.set("Type", "BandPass")
            transmitted = add_part(element, "TransmittanceRange")
            add_quantity(transmitted, "CutIn", band[0], "nm", positive=True)
            add_quantity(transmitted, "CutOut", band[1], "nm", positive=True)
        return identity

    def add_dichroic(self, name: str) -> str:
        """Add a beam splitter; return its identifier."""
        return self._add("Dichroic", "Dichroic", {"Model": name})

    def _add(self, name: str, kind: str, attributes: Mapping[str, str | float | None]) -> str:
        number = sum(child.tag == name for child in self.instrument)
        identity = f"{kind}:0:{number}"
        add_part(self.instrument, name, {"ID": identity, **attributes})
        return identity

    def add_channel(self, **attributes: str | float | None) -> Element:
        """Add the element of the next channel."""
        channel = add_part(Element("Pixels"), "Channel", attributes)
        self.channels.append(channel)
        return channel

    def set_stage(
        self, name: str, x: float | None, y: float | None, z: float | None = None
    ) -> None:
        """Describe the place of the stage in micrometres; the schema wants a name."""
        label = add_part(self.image, "StageLabel", {"Name": name})
        for axis, value in zip("XYZ", (x, y, z), strict=True):
            add_quantity(label, axis, value, MICROMETRE)

    def set_description(self, text: str | None) -> None:
        """Add the text of the user."""
        if text and text.strip():
            add_part(self.image, "Description").text = text.strip()

    def set_experimenter(self, name: str | None) -> None:
        """Add the person at the microscope by the name of the account."""
        if name and name.strip():
            add_part(self.ome, "Experimenter", {"ID": "Experimenter:0", "UserName": name.strip()})
            add_part(self.image, "ExperimenterRef", {"ID": "Experimenter:0"})

    def annotate(self, namespace: str, settings: Iterable[tuple[str, object]]) -> None:
        """Keep settings that the schema has no place for, under their own names."""
        kept = [(key, str(value).strip()) for key, value in settings]
        kept = [(key, text) for key, text in kept if text and len(text) <= LONGEST_SETTING]
        if kept:
            value = add_part(self._add_annotation("MapAnnotation", "Settings", namespace), "Value")
            for key, text in kept[:MOST_SETTINGS]:
                add_part(value, "M", {"K": key}).text = text

    def comment(self, namespace: str, text: str) -> None:
        """Keep a text that has no place in the schema."""
        if text.strip():
            annotation = self._add_annotation("CommentAnnotation", "Text", namespace)
            add_part(annotation, "Value").text = text.strip()

    def _add_annotation(self, kind: str, name: str, namespace: str) -> Element:
        identity = f"Annotation:{name}:0"
        add_part(self.image, "AnnotationRef", {"ID": identity})
        return add_part(self.annotations, kind, {"ID": identity, "Namespace": namespace})

    def finish(self) -> Element | None:
        """Return the OME element; ``None`` where there is nothing in it."""
        parts = [child for child in self.instrument if len(child.attrib) > _has_id(child)]
        parts.sort(key=lambda child: _INSTRUMENT.index(child.tag))
        if parts:
            instrument = add_part(self.ome, "Instrument", {"ID": "Instrument:0"})
            instrument.extend(parts)
            add_part(self.image, "InstrumentRef", {"ID": "Instrument:0"})
        if len(self.annotations):
            self.ome.append(self.annotations)
        self.pixels.extend(self.channels)
        if self.pixels.attrib or any(one.attrib or len(one) for one in self.channels):
            self.image.append(self.pixels)
        self.ome.append(self.image)
        return self.ome if len(self.ome) > 1 or len(self.image) else None


def _has_id(element: Element) -> int:
    # A lens or a detector of which nothing is known but that settings refer to it stays.
    return 0 if "ID" in element.attrib else -1
