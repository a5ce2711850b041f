"""Records -> OME-XML text, schema 2016-06: the way back of ``aicsio._ome.model``.

Rule kept here: pure functions. What comes out is valid against the schema; what the schema cannot hold is left out and
named in a diagnostic, never bent. The text is the same for the same records: no UUID, no date of writing.

Source of the facts: https://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd and the OME-TIFF specification
(https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html).
"""

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from aicsio._ome.model import Modulo, OmeImage
from aicsio._ome.schema import NAMESPACE
from aicsio.records import Channel, Diagnostic, Objective, Planes
from aicsio.writers._metadata.original_text import Original

MODULO = "openmicroscopy.org/omero/dimension/modulo"
"""Namespace of annotations that tell folded dimensions."""

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
"""What makers call media that the schema knows by another name."""
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
# Compiled when first needed: so wide a set takes as long as the import of the rest of this module.
_ILLEGAL = "[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# White space other than blanks could be written as character references, but Bio-Formats reads no text with "&#" in it.
_REPLACEMENTS = dict.fromkeys("\t\n\r", " ")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})

Attributes = Mapping[str, str | int | float | None]


def ome_xml(
    images: Sequence[tuple[OmeImage, str]], creator: str, originals: Sequence[Original] = ()
) -> tuple[bytes, tuple[Diagnostic, ...]]:
    """Write the metadata of images.

    Parameters
    ----------
    images
        Each with the name of its numpy type. ``sizes.C`` counts samples; ``planes`` runs over the letters of ``order``
        without ``YX``; ``tiff_data`` says where its planes are, and is empty where there is no file.
    creator
        Name and version of the program that writes.
    originals
        Metadata of sources to keep as they are.

    Returns
    -------
    tuple
        The text, and what could not be said in it.
    """
    lost: list[Diagnostic] = []
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    schema = f"{NAMESPACE} {NAMESPACE}/ome.xsd"
    parts.append(f'<OME xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ')
    parts.append(f'xsi:schemaLocation="{schema}"{_attributes({"Creator": creator}, lost)}>')
    lenses = {
        index: image.objective
        for index, (image, _) in enumerate(images)
        if image.objective is not None
    }
    for index, lens in lenses.items():
        parts += _instrument(index, lens, lost)
    for index, (image, type_name) in enumerate(images):
        linked = [
            original.identity(number)
            for number, original in enumerate(originals)
            if index in original.images
        ]
        parts += _image(index, image, type_name, linked, lost)
    annotations = [
        _modulo(index, image.modulo, lost)
        for index, (image, _) in enumerate(images)
        if image.modulo
    ]
    annotations += [original.annotation(number, lost) for number, original in enumerate(originals)]
    if annotations:
        parts += ["<StructuredAnnotations>", *annotations, "</StructuredAnnotations>"]
    parts.append("</OME>")
    return "".join(parts).encode(), tuple(lost)


def _image(
    index: int, image: OmeImage, type_name: str, linked: Sequence[str], lost: list[Diagnostic]
) -> Iterator[str]:
    where = f"Image:{index}"
    yield f"<Image{_attributes({'ID': where, 'Name': image.name}, lost)}>"
    acquired = _date_time(image.acquired, where, lost)
    if acquired is not None:
        yield f"<AcquisitionDate>{acquired}</AcquisitionDate>"
    if image.description is not None:
        yield f"<Description>{escaped(image.description, f'{where} Description', lost)}</Description>"
    if image.objective is not None:
        yield f'<InstrumentRef ID="Instrument:{index}"/><ObjectiveSettings ID="Objective:{index}:0"/>'
    yield f"<Pixels{_attributes(_pixels(index, image, type_name, lost), lost)}>"
    for number, channel in enumerate(image.channels):
        yield f"<Channel{_attributes(_channel(f'Channel:{index}:{number}', channel, lost), lost)}/>"
    if not image.tiff_data:
        yield "<MetadataOnly/>"
    for run in image.tiff_data:
        first = {"IFD": run.ifd, "PlaneCount": run.planes}
        yield f"<TiffData{_attributes(first | {'FirstZ': run.z, 'FirstC': run.c, 'FirstT': run.t}, lost)}/>"
    if image.planes is not None:
        yield from _planes(image.planes, where, lost)
    yield "</Pixels>"
    yield from (
        f'<AnnotationRef ID="{name}"/>'
        for name in [f"Annotation:Modulo:{index}"] * bool(image.modulo)
    )
    yield from (f'<AnnotationRef ID="{name}"/>' for name in linked)
    yield "</Image>"


def _pixels(index: int, image: OmeImage, type_name: str, lost: list[Diagnostic]) -> Attributes:
    where = f"Pixels:{index}"
    attributes: dict[str, str | int | float | None] = {
        "ID": where,
        "DimensionOrder": image.order[::-1],
        "Type": PIXEL_TYPES[type_name],
        "BigEndian": "false",
        "Interleaved": "true"
        if any(channel.samples > 1 for channel in image.channels)
        else "false",
    }
    attributes |= {f"Size{letter}": image.sizes[letter] for letter in "XYZCT"}
    for letter in "XYZ":
        size = _positive(getattr(image.pixel_size, letter), f"PhysicalSize{letter}", where, lost)
        attributes[f"PhysicalSize{letter}"] = size
        attributes[f"PhysicalSize{letter}Unit"] = None if size is None else "µm"
    step = image.time_step
    if step is not None and is_float(step):
        attributes |= {"TimeIncrement": step, "TimeIncrementUnit": "s"}
    elif step is not None:
        lost.append(_not_kept(where, f"TimeIncrement {step!r}: not a finite number"))
    return attributes


def _channel(name: str, channel: Channel, lost: list[Diagnostic]) -> Attributes:
    emission = _positive(channel.emission, "EmissionWavelength", name, lost)
    excitation = _positive(channel.excitation, "ExcitationWavelength", name, lost)
    color = channel.color
    return {
        "ID": name,
        "Name": channel.name,
        # The schema holds RGBA in a signed 32-bit integer.
        "Color": None if color is None else color - (1 << 32) if color >= 1 << 31 else color,
        "EmissionWavelength": emission,
        "EmissionWavelengthUnit": None if emission is None else "nm",
        "ExcitationWavelength": excitation,
        "ExcitationWavelengthUnit": None if excitation is None else "nm",
        "Fluor": channel.fluor,
        "SamplesPerPixel": channel.samples,
    }


def _instrument(index: int, lens: Objective, lost: list[Diagnostic]) -> Iterator[str]:
    where = f"Objective:{index}:0"
    told = (lens.immersion or "").strip().lower()
    immersion = next((known for known in _IMMERSIONS if known.lower() == told), _MEDIA.get(told))
    if immersion is not None and told in _MEDIA:
        lost.append(
            _not_kept(where, f"Immersion {lens.immersion!r}, which is written as {immersion!r}")
        )
    elif lens.immersion is not None and immersion is None:
        lost.append(
            _not_kept(
                where, f"Immersion {lens.immersion!r}: the schema knows {', '.join(_IMMERSIONS)}"
            )
        )
    numbers = {"LensNA": lens.aperture, "NominalMagnification": lens.magnification}
    known = {
        name: value for name, value in numbers.items() if value is not None and is_float(value)
    }
    lost += [
        _not_kept(where, f"{name} {value!r}: not a finite number")
        for name, value in numbers.items()
        if value is not None and name not in known
    ]
    attributes = {"ID": where, "Model": lens.name, "Immersion": immersion, **known}
    yield f'<Instrument ID="Instrument:{index}"><Objective{_attributes(attributes, lost)}/></Instrument>'


def _planes(planes: Planes, where: str, lost: list[Diagnostic]) -> Iterator[str]:
    """One element for each plane of which something is known."""
    facts = (("DeltaT", "time", "s"), ("ExposureTime", "exposure", "s"),
             ("PositionX", "x", "µm"), ("PositionY", "y", "µm"), ("PositionZ", "z", "µm"))  # fmt: skip
    columns = [(name, unit, planes.column(field)) for name, field, unit in facts]
    known = [(name, unit, column) for name, unit, column in columns if column is not None]
    for name, _, column in known:
        wild = sum(not is_float(value) for value in column[~np.isnan(column)].tolist())
        if wild:
            lost.append(_not_kept(where, f"{name} of {wild} planes: not finite numbers"))
    for position in np.ndindex(planes.dims.shape):
        at = dict(zip(planes.dims, position, strict=True))
        values = [(name, unit, float(column[position])) for name, unit, column in known]
        told = "".join(
            f' {name}="{value!r}" {name}Unit="{unit}"'
            for name, unit, value in values
            if is_float(value)
        )
        if told:
            yield f'<Plane TheZ="{at.get("Z", 0)}" TheT="{at.get("T", 0)}" TheC="{at.get("C", 0)}"{told}/>'


def _modulo(index: int, folded: Sequence[Modulo], lost: list[Diagnostic]) -> str:
    """Tell the folded dimensions of an image (6D, 7D and 8D storage)."""
    parts = []
    for one in sorted(folded, key=lambda modulo: "ZTC".index(modulo.along)):
        values = None if one.values is None or one.labels else _range_of(one.values.values)
        unit = None if one.values is None else one.values.unit
        attributes = {
            "Type": one.kind,
            "TypeDescription": one.description,
            "Unit": unit,
            **(values or {}),
        }
        labels = list(one.labels) or [f"{one.letter}{position}" for position in range(one.size)]
        if one.values is not None and not one.labels:
            labels = [number(value) for value in one.values.values]
        inside = (
            ""
            if values
            else "".join(f"<Label>{escaped(label, 'Label', lost)}</Label>" for label in labels)
        )
        name = f"ModuloAlong{one.along}"
        parts.append(f"<{name}{_attributes(attributes, lost)}>{inside}</{name}>")
    # In the namespace of OME, a Label would be a region of interest.
    value = f'<Modulo xmlns="" namespace="http://www.openmicroscopy.org/Schemas/Additions/2011-09">{"".join(parts)}</Modulo>'
    identity = f'ID="Annotation:Modulo:{index}" Namespace="{MODULO}"'
    return f"<XMLAnnotation {identity}><Value>{value}</Value></XMLAnnotation>"


def _range_of(values: Sequence[float]) -> Attributes | None:
    """Return even values by their ends; ``None`` where a reader would not find each of them again."""
    if len(values) < 2:
        return None
    start, step = values[0], values[1] - values[0]
    if (
        not step
        or not math.isfinite(step)
        or any(start + step * i != value for i, value in enumerate(values))
    ):
        return None
    return {"Start": number(start), "Step": number(step), "End": number(values[-1])}


# ---------------------------------------------------------------- values


def number(value: float) -> str:
    """Write a number so that it is read as it was."""
    return (
        str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
    )


def escaped(text: str, where: str, lost: list[Diagnostic]) -> str:
    """Write text between elements; what XML cannot hold is replaced and told."""
    plain = text.replace("\r\n", "\n")
    legal = re.sub(_ILLEGAL, lambda found: found[0] if found[0] in "\t\n" else "\ufffd", plain)
    if legal != plain:
        lost.append(_not_kept(where, "XML cannot hold all characters of the text"))
    return legal.translate(_ESCAPES)


def _attributes(values: Attributes, lost: list[Diagnostic]) -> str:
    parts = []
    for name, value in values.items():
        if value is None:
            continue
        text = repr(float(value)) if isinstance(value, float) else str(value)
        legal = re.sub(_ILLEGAL, lambda found: _REPLACEMENTS.get(found[0], "\ufffd"), text)
        if legal != text:
            where = str(values.get("ID", ""))
            lost.append(
                _not_kept(
                    where, f"{name} {text!r}: an attribute of XML cannot hold all its characters"
                )
            )
        parts.append(f' {name}="{legal.translate(_ESCAPES)}"')
    return "".join(parts)


def _not_kept(where: str, what: str) -> Diagnostic:
    return Diagnostic("not-kept", what, where)


def is_float(value: float) -> bool:
    """Whether a number is one to the schema."""
    # xsd:float is IEEE single precision: what is beyond it would come back as 0 or infinity.
    return value == 0 or (math.isfinite(value) and 1.2e-38 < abs(value) < 3.4e38)


def _positive(value: float | None, name: str, where: str, lost: list[Diagnostic]) -> float | None:
    if value is None or (value > 0 and is_float(value)):
        return value
    lost.append(_not_kept(where, f"{name} {value!r}: not a positive number"))
    return None


def _date_time(text: str | None, where: str, lost: list[Diagnostic]) -> str | None:
    legal = None if text is None else date_time(text)
    if text is not None and legal is None:
        lost.append(_not_kept(where, f"AcquisitionDate {text!r}: not a date and time of ISO 8601"))
    return legal


def date_time(text: str) -> str | None:
    """Return what xsd:dateTime takes, or ``None``; a date without a time is not completed."""
    candidate = text.strip()
    if not _DATE_TIME.fullmatch(candidate):
        return None
    try:
        dt.datetime.fromisoformat(candidate)
    except ValueError:
        return None
    return candidate.replace(" ", "T")
