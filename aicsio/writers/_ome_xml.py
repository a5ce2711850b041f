"""Records -> OME-XML text, schema 2016-06: the way back of ``aicsio._ome``.

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

from aicsio._ome import OmeImage
from aicsio.records import Channel, Diagnostic, Objective, Planes

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"

PIXEL_TYPES: Mapping[str, str] = {
    "int8": "int8", "int16": "int16", "int32": "int32", "uint8": "uint8", "uint16": "uint16", "uint32": "uint32",
    "float32": "float", "float64": "double", "complex64": "complex", "complex128": "double-complex",
}  # fmt: skip
"""OME's name of each numpy type that it has."""

_IMMERSIONS = ("Oil", "Water", "WaterDipping", "Air", "Multi", "Glycerol", "Other")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
# Compiled when first needed: so wide a set takes as long as the import of the rest of this module.
_ILLEGAL = "[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# White space other than blanks could be written as character references, but Bio-Formats reads no text with "&#" in it.
_REPLACEMENTS = dict.fromkeys("\t\n\r", " ")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})

Attributes = Mapping[str, str | int | float | None]


def ome_xml(images: Sequence[tuple[OmeImage, str]], creator: str) -> tuple[bytes, tuple[Diagnostic, ...]]:
    """Write the metadata of images.

    Parameters
    ----------
    images
        Each with the name of its numpy type. ``sizes.C`` counts samples; ``planes`` runs over the letters of ``order``
        without ``YX``; ``tiff_data`` says where its planes are, and is empty where there is no file.
    creator
        Name and version of the program that writes.

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
    lenses = {index: image.objective for index, (image, _) in enumerate(images) if image.objective is not None}
    for index, lens in lenses.items():
        parts += _instrument(index, lens, lost)
    for index, (image, type_name) in enumerate(images):
        parts += _image(index, image, type_name, lost)
    parts.append("</OME>")
    return "".join(parts).encode(), tuple(lost)


def _image(index: int, image: OmeImage, type_name: str, lost: list[Diagnostic]) -> Iterator[str]:
    where = f"Image:{index}"
    yield f"<Image{_attributes({'ID': where, 'Name': image.name}, lost)}>"
    acquired = _date_time(image.acquired, where, lost)
    if acquired is not None:
        yield f"<AcquisitionDate>{acquired}</AcquisitionDate>"
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
        yield from _planes(image.planes)
    yield "</Pixels></Image>"


def _pixels(index: int, image: OmeImage, type_name: str, lost: list[Diagnostic]) -> Attributes:
    where = f"Pixels:{index}"
    attributes: dict[str, str | int | float | None] = {
        "ID": where,
        "DimensionOrder": image.order[::-1],
        "Type": PIXEL_TYPES[type_name],
        "BigEndian": "false",
        "Interleaved": "true" if any(channel.samples > 1 for channel in image.channels) else "false",
    }
    attributes |= {f"Size{letter}": image.sizes[letter] for letter in "XYZCT"}
    for letter in "XYZ":
        size = _positive(getattr(image.pixel_size, letter), f"PhysicalSize{letter}", where, lost)
        attributes[f"PhysicalSize{letter}"] = size
        attributes[f"PhysicalSize{letter}Unit"] = None if size is None else "µm"
    step = image.time_step
    if step is not None and _is_float(step):
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
    immersion = next((known for known in _IMMERSIONS if known.lower() == (lens.immersion or "").lower()), None)
    if lens.immersion is not None and immersion is None:
        lost.append(_not_kept(where, f"Immersion {lens.immersion!r}: the schema knows {', '.join(_IMMERSIONS)}"))
    numbers = {"LensNA": lens.aperture, "NominalMagnification": lens.magnification}
    known = {name: value for name, value in numbers.items() if value is not None and _is_float(value)}
    attributes = {"ID": where, "Model": lens.name, "Immersion": immersion, **known}
    yield f'<Instrument ID="Instrument:{index}"><Objective{_attributes(attributes, lost)}/></Instrument>'


def _planes(planes: Planes) -> Iterator[str]:
    """One element for each plane of which something is known."""
    facts = (("DeltaT", "time", "s"), ("ExposureTime", "exposure", "s"),
             ("PositionX", "x", "µm"), ("PositionY", "y", "µm"), ("PositionZ", "z", "µm"))  # fmt: skip
    columns = [(name, unit, planes.column(field)) for name, field, unit in facts]
    known = [(name, unit, column) for name, unit, column in columns if column is not None]
    for position in np.ndindex(planes.dims.shape):
        at = dict(zip(planes.dims, position, strict=True))
        values = [(name, unit, float(column[position])) for name, unit, column in known]
        told = "".join(f' {name}="{value!r}" {name}Unit="{unit}"' for name, unit, value in values if _is_float(value))
        if told:
            yield f'<Plane TheZ="{at.get("Z", 0)}" TheT="{at.get("T", 0)}" TheC="{at.get("C", 0)}"{told}/>'


# ---------------------------------------------------------------- values


def _attributes(values: Attributes, lost: list[Diagnostic]) -> str:
    parts = []
    for name, value in values.items():
        if value is None:
            continue
        text = repr(float(value)) if isinstance(value, float) else str(value)
        legal = re.sub(_ILLEGAL, lambda found: _REPLACEMENTS.get(found[0], "\ufffd"), text)
        if legal != text:
            where = str(values.get("ID", ""))
            lost.append(_not_kept(where, f"{name} {text!r}: an attribute of XML cannot hold all its characters"))
        parts.append(f' {name}="{legal.translate(_ESCAPES)}"')
    return "".join(parts)


def _not_kept(where: str, what: str) -> Diagnostic:
    return Diagnostic("not-kept", what, where)


def _is_float(value: float) -> bool:
    # xsd:float is IEEE single precision: what is beyond it would come back as 0 or infinity.
    return value == 0 or (math.isfinite(value) and 1.2e-38 < abs(value) < 3.4e38)


def _positive(value: float | None, name: str, where: str, lost: list[Diagnostic]) -> float | None:
    if value is None or (value > 0 and _is_float(value)):
        return value
    lost.append(_not_kept(where, f"{name} {value!r}: not a positive number"))
    return None


def _date_time(text: str | None, where: str, lost: list[Diagnostic]) -> str | None:
    """Return what xsd:dateTime takes; a date without a time is not completed."""
    if text is None:
        return None
    candidate = text.strip()
    if _DATE_TIME.fullmatch(candidate):
        try:
            dt.datetime.fromisoformat(candidate)
        except ValueError:
            pass
        else:
            return candidate.replace(" ", "T")
    lost.append(_not_kept(where, f"AcquisitionDate {text!r}: not a date and time of ISO 8601"))
    return None
