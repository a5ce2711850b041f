"""Records -> OME-XML text, schema 2016-06: the inverse of ``document``.

Rule kept here: pure functions. The text is valid against the schema; a value that the schema cannot
hold is left out and reported, never bent. The text is the same for the same records: no UUID, no
date of writing. ElementTree escapes and orders; this module decides what is legal.

Source of the facts: https://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd and the OME-TIFF
specification (https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from aicsio._ome import serial
from aicsio._ome.lexical import is_float, to_date_time, to_text, with_seconds
from aicsio._ome.model import Modulo, OmeImage, TiffData
from aicsio._ome.modulo import range_attributes
from aicsio._ome.parts import (
    has_instrument,
    join_document,
    join_image,
    part_images,
    schema_word,
)
from aicsio._ome.plane_elements import PLANE_FACTS, plane_attributes
from aicsio._ome.planes import plane_column
from aicsio._ome.schema import NAMESPACE
from aicsio.records import Channel, Diagnostic, Objective, Planes

MODULO = "openmicroscopy.org/omero/dimension/modulo"
"""Namespace of annotations that describe folded dimensions."""
_MODULO_CONTENT = "http://www.openmicroscopy.org/Schemas/Additions/2011-09"
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

PIXEL_TYPES: Mapping[str, str] = {
    "int8": "int8", "int16": "int16", "int32": "int32", "uint8": "uint8", "uint16": "uint16", "uint32": "uint32",
    "float32": "float", "float64": "double", "complex64": "complex", "complex128": "double-complex",
}  # fmt: skip
"""OME's name of each numpy type that it has."""

_IMMERSIONS = ("Oil", "Water", "WaterDipping", "Air", "Multi", "Glycerol", "Other")
_MEDIA = {
    "dry": "Air",
    "glyc": "Glycerol",
    "glycerine": "Glycerol",
    "glycerin": "Glycerol",
    "wat": "Water",
}
"""Makers' names of media that the schema has under another name."""
# A text, compiled when it is first needed: for so wide a set that takes as long as the import of
# the rest of this module.
_ILLEGAL = "[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# ElementTree writes white space other than blanks in attributes as character references, but
# Bio-Formats reads no text with "&#" in it.
_BLANKS = dict.fromkeys("\t\n\r", " ")
_LINES = dict.fromkeys("\t\n")

Value: TypeAlias = str | int | float | None
Attributes: TypeAlias = Mapping[str, Value]


def make_ome_xml(
    images: Sequence[tuple[OmeImage, str]],
    creator: str,
    annotations: Sequence[Sequence[str]] = (),
    parts: Element | None = None,
) -> tuple[bytes, tuple[Diagnostic, ...]]:
    """Write the metadata of images.

    Parameters
    ----------
    images
        Each with the name of its numpy type. ``sizes.C`` counts samples; ``planes`` runs over the
        letters of ``order`` without ``YX``; ``tiff_data`` lists the places of its planes, and is
        empty where there is no file.
    creator
        Name and version of the program that writes.
    annotations
        By image, the annotations that it refers to and that the caller adds.
    parts
        An OME element with more than the records hold; see ``aicsio._ome.parts``.

    Returns
    -------
    tuple
        The text in UTF-8, and the metadata that it cannot hold.
    """
    builder = _OmeBuilder()
    root = builder.build(images, creator, annotations, parts)
    text = "<?xml version='1.0' encoding='UTF-8'?>\n" + serial.to_text(root)
    return text.encode(), tuple(builder.not_kept)


class _OmeBuilder:
    """Builds one document. Not a record: it gathers the values that the document cannot hold."""

    def __init__(self) -> None:
        self.not_kept: list[Diagnostic] = []
        self.instruments: set[int] = set()

    def build(
        self,
        images: Sequence[tuple[OmeImage, str]],
        creator: str,
        annotations: Sequence[Sequence[str]],
        parts: Element | None,
    ) -> Element:
        # A default namespace as an attribute: ElementTree has no other way to write one beside
        # elements of no namespace, which the content of Modulo annotations is.
        root = Element(
            "OME",
            {
                "xmlns": NAMESPACE,
                "xmlns:xsi": _SCHEMA_INSTANCE,
                "xsi:schemaLocation": f"{NAMESPACE} {NAMESPACE}/ome.xsd",
                **self._legal({"Creator": creator}),
            },
        )
        if parts is not None:
            self._make_legal(parts)
        parts_of = part_images(parts, len(images))
        # An instrument of the parts has the objectives, too.
        if not has_instrument(parts):
            for index, (image, _) in enumerate(images):
                if image.objective is not None:
                    self._add_instrument(root, index, image.objective)
        for index, (image, type_name) in enumerate(images):
            references = [f"Annotation:Modulo:{index}"] if image.modulo else []
            references += annotations[index] if annotations else ()
            element = self._add_image(root, index, image, type_name, references)
            part = parts_of[index]
            if part is not None:
                join_image(element, part)
        folded = [(index, image) for index, (image, _) in enumerate(images) if image.modulo]
        if folded:
            structured = SubElement(root, "StructuredAnnotations")
            for index, image in folded:
                self._add_modulo(structured, index, image.modulo)
        if parts is not None:
            join_document(root, parts)
        return root

    # ------------------------------------------------------------ elements

    def _add(self, parent: Element, name: str, attributes: Attributes | None = None) -> Element:
        return SubElement(parent, name, self._legal(attributes or {}))

    def _add_image(
        self,
        root: Element,
        index: int,
        image: OmeImage,
        type_name: str,
        annotations: Iterable[str],
    ) -> Element:
        identity = f"Image:{index}"
        element = self._add(root, "Image", {"ID": identity, "Name": image.name})
        acquired = self._date_time(image.acquired, identity)
        if acquired is not None:
            self._add(element, "AcquisitionDate").text = acquired
        if image.description is not None:
            description = self._text(image.description, f"{identity} Description")
            self._add(element, "Description").text = description
        if image.objective is not None and index in self.instruments:
            self._add(element, "InstrumentRef", {"ID": f"Instrument:{index}"})
            self._add_objective_settings(element, index, image.objective)
        self._add_pixels(element, index, image, type_name)
        for annotation in annotations:
            self._add(element, "AnnotationRef", {"ID": annotation})
        return element

    def _add_pixels(self, parent: Element, index: int, image: OmeImage, type_name: str) -> None:
        identity = f"Pixels:{index}"
        interleaved = any(channel.samples > 1 for channel in image.channels)
        attributes: dict[str, Value] = {
            "ID": identity,
            "DimensionOrder": image.order[::-1],  # OME names the fastest dimension first
            "Type": PIXEL_TYPES[type_name],
            "BigEndian": "false",
            "Interleaved": str(interleaved).lower(),
        }
        for letter in "XYZCT":
            attributes[f"Size{letter}"] = image.sizes[letter]
        for letter in "XYZ":
            name, size = f"PhysicalSize{letter}", getattr(image.pixel_size, letter)
            attributes |= self._length(name, size, "µm", identity)
        attributes |= self._time_increment(image.time_step, identity)
        pixels = self._add(parent, "Pixels", attributes)
        for number, channel in enumerate(image.channels):
            self._add_channel(pixels, f"Channel:{index}:{number}", channel)
        if not image.tiff_data:
            self._add(pixels, "MetadataOnly")
        for run in image.tiff_data:
            self._add(pixels, "TiffData", _tiff_data(run))
        if image.planes is not None:
            self._add_planes(pixels, image.planes, f"Image:{index}")

    def _add_channel(self, pixels: Element, identity: str, channel: Channel) -> None:
        color = channel.color
        if color is not None and not color & 0xFF:
            self._report(identity, f"Color {color:#010x}: an alpha of 0, which is read as opaque")
        if color is not None and color >= 1 << 31:
            color -= 1 << 32  # the schema holds RGBA in a signed 32-bit integer
        attributes: dict[str, Value] = {"ID": identity, "Name": channel.name, "Color": color}
        attributes |= self._length("EmissionWavelength", channel.emission, "nm", identity)
        attributes |= self._length("ExcitationWavelength", channel.excitation, "nm", identity)
        attributes |= {"Fluor": channel.fluor, "SamplesPerPixel": channel.samples}
        attributes |= self._length("PinholeSize", channel.pinhole_size, "µm", identity)
        for name, text in (
            ("AcquisitionMode", channel.acquisition_mode),
            ("IlluminationType", channel.illumination_type),
            ("ContrastMethod", channel.contrast_method),
        ):
            attributes[name] = self._word(name, text, identity)
        self._add(pixels, "Channel", attributes)

    def _add_instrument(self, root: Element, index: int, lens: Objective) -> None:
        self.instruments.add(index)
        identity = f"Objective:{index}:0"
        attributes: dict[str, Value] = {
            "ID": identity,
            "Model": lens.name,
            "Immersion": self._immersion(lens.immersion, identity),
        }
        for name, value in (
            ("LensNA", lens.aperture),
            ("NominalMagnification", lens.magnification),
        ):
            if value is not None and is_float(value):
                attributes[name] = value
            elif value is not None:
                self._report(identity, f"{name} {value!r}: not a finite number")
        if lens.working_distance is not None and is_float(lens.working_distance):
            attributes |= {"WorkingDistance": lens.working_distance, "WorkingDistanceUnit": "µm"}
        instrument = self._add(root, "Instrument", {"ID": f"Instrument:{index}"})
        self._add(instrument, "Objective", attributes)

    def _add_objective_settings(self, image: Element, index: int, lens: Objective) -> None:
        """Refer to the lens, with the medium that was used."""
        identity = f"Objective:{index}:0"
        attributes: dict[str, Value] = {"ID": identity}
        if lens.medium is not None:
            attributes["Medium"] = self._word("Medium", lens.medium, identity)
        attributes |= self._positive("RefractiveIndex", lens.refractive_index, identity)
        self._add(image, "ObjectiveSettings", attributes)

    def _word(self, name: str, text: str | None, where: str) -> str | None:
        """Return the word of the schema; report one that it lacks."""
        word = schema_word(name, text)
        if word == "Other" and text != word:
            self._report(where, f"{name} {text!r}, which is written as 'Other'")
        return word

    def _positive(self, name: str, value: float | None, where: str) -> dict[str, Value]:
        if value is None:
            return {}
        if value > 0 and is_float(value):
            return {name: float(value)}
        self._report(where, f"{name} {value!r}: not a positive number")
        return {}

    def _add_planes(self, pixels: Element, planes: Planes, image: str) -> None:
        """Add one element for each plane with a known fact."""
        for name, field, _ in PLANE_FACTS:
            column = plane_column(planes, field)
            if column is None:
                continue
            illegal = sum(not is_float(value) for value in column[~np.isnan(column)].tolist())
            if illegal:
                self._report(image, f"{name} of {illegal} planes: not finite numbers")
        for attributes in plane_attributes(planes):
            # All values are numbers and units, so they need no check of characters.
            SubElement(pixels, "Plane", attributes)

    def _add_modulo(self, annotations: Element, index: int, folded: Sequence[Modulo]) -> None:
        """Describe the folded dimensions of an image (6D, 7D and 8D storage)."""
        identity = {"ID": f"Annotation:Modulo:{index}", "Namespace": MODULO}
        annotation = self._add(annotations, "XMLAnnotation", identity)
        value = self._add(annotation, "Value")
        # In the namespace of OME, a Label would be a region of interest.
        modulo = self._add(value, "Modulo", {"xmlns": "", "namespace": _MODULO_CONTENT})
        for fold in sorted(folded, key=lambda fold: "ZTC".index(fold.along)):
            self._add_fold(modulo, fold)

    def _add_fold(self, modulo: Element, fold: Modulo) -> None:
        attributes: dict[str, Value] = {"Type": fold.kind, "TypeDescription": fold.description}
        labels = list(fold.labels)
        value_range = None
        if fold.values is not None:
            attributes["Unit"] = fold.values.unit
            if not labels:
                value_range = range_attributes(fold.values.values)
                labels = list(map(to_text, fold.values.values))
        if value_range is not None:
            self._add(modulo, f"ModuloAlong{fold.along}", {**attributes, **value_range})
            return
        element = self._add(modulo, f"ModuloAlong{fold.along}", attributes)
        for label in labels or [f"{fold.letter}{position}" for position in range(fold.size)]:
            self._add(element, "Label").text = self._text(label, "Label")

    # ------------------------------------------------------------ values

    def _report(self, where: str, message: str) -> None:
        self.not_kept.append(Diagnostic("not-kept", message, where))

    def _length(self, name: str, value: float | None, unit: str, where: str) -> dict[str, Value]:
        """Return the attributes of a positive number and its unit.

        None where it is unknown or illegal.
        """
        attributes = self._positive(name, value, where)
        return attributes | {f"{name}Unit": unit} if attributes else {}

    def _time_increment(self, step: float | None, where: str) -> dict[str, Value]:
        if step is None:
            return {}
        if is_float(step):
            return {"TimeIncrement": float(step), "TimeIncrementUnit": "s"}
        self._report(where, f"TimeIncrement {step!r}: not a finite number")
        return {}

    def _immersion(self, medium: str | None, where: str) -> str | None:
        """Return the schema's name of a medium; report where it is another one, or missing."""
        if medium is None:
            return None
        spelled = medium.strip().lower()
        for name in _IMMERSIONS:
            if name.lower() == spelled:
                return name
        if spelled in _MEDIA:
            name = _MEDIA[spelled]
            self._report(where, f"Immersion {medium!r}, which is written as {name!r}")
            return name
        known = ", ".join(_IMMERSIONS)
        self._report(where, f"Immersion {medium!r}: the schema knows {known}")
        return None

    def _date_time(self, text: str | None, where: str) -> str | None:
        if text is None:
            return None
        legal = to_date_time(with_seconds(text))
        if legal is None or to_date_time(text) is None:
            trouble = "not a date and time of ISO 8601" if legal is None else "written with 0 s"
            self._report(where, f"AcquisitionDate {text!r}: {trouble}")
        return legal

    def _text(self, text: str, where: str) -> str:
        """Return the text of an element.

        Characters that XML cannot hold are replaced and reported.
        """
        if text.isascii() and text.isprintable():
            return text
        plain = text.replace("\r\n", "\n")
        legal = re.sub(_ILLEGAL, lambda match: match[0] if match[0] in _LINES else "\ufffd", plain)
        if legal != plain:
            self._report(where, "XML cannot hold all characters of the text")
        return legal

    def _make_legal(self, parts: Element) -> None:
        """Replace characters that XML cannot hold in parts that a format made."""
        for part in parts.iter():
            # Parts come from a file: their texts may hold any character, but few do.
            values = "".join(part.attrib.values())
            if not (values.isascii() and values.isprintable()):
                for name, value in self._legal(part.attrib).items():
                    part.set(name, value)
            if part.text is not None:
                part.text = self._text(part.text, str(part.tag))

    def _legal(self, attributes: Attributes) -> dict[str, str]:
        """Return attributes as texts, without those that are ``None``."""
        texts: dict[str, str] = {}
        for name, value in attributes.items():
            if value is None:
                continue
            text = texts[name] = repr(float(value)) if isinstance(value, float) else str(value)
            if text.isascii() and text.isprintable():
                continue  # in a tenth of the time of the pattern
            legal = re.sub(_ILLEGAL, lambda match: _BLANKS.get(match[0], "\ufffd"), text)
            if legal != text:
                problem = "an attribute of XML cannot hold all its characters"
                self._report(str(attributes.get("ID", "")), f"{name} {text!r}: {problem}")
            texts[name] = legal
        return texts


def _tiff_data(run: TiffData) -> dict[str, Value]:
    return {
        "IFD": run.ifd,
        "PlaneCount": run.planes,
        "FirstZ": run.z,
        "FirstC": run.c,
        "FirstT": run.t,
    }
