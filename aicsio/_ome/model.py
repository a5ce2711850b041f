"""OME-XML text -> records, for every version of the schema from 2003-FC to 2016-06.

Rule kept here: pure functions of the text. No file is opened, no name resolved. Where a version of the schema named a
thing differently, the names are listed together, newest first. Folded dimensions: "6D, 7D and 8D storage" of
https://docs.openmicroscopy.org/ome-model/.

Source of the facts: the OME schema documentation (https://docs.openmicroscopy.org/ome-model/), versions 2003-FC,
2007-06, 2008-02, 2008-09, 2009-09, 2010-04, 2010-06, 2011-06, 2012-06, 2013-06, 2015-01 and 2016-06.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

import attrs
import numpy as np

from aicsio._ome.elements import (
    child_of,
    children_of,
    group_by_name,
    integer_of,
    local_name,
    number_of,
    quantity_of,
    value_of,
    with_texts_as_attributes,
)
from aicsio._ome.units import UnitFactor, micrometres_per, seconds_per
from aicsio._ome.xml import parse_root
from aicsio.errors import CorruptFileError
from aicsio.records import Channel, Coordinate, Diagnostic, Dims, Objective, PixelSize, Planes

MODULO_LETTERS: Mapping[str, str] = {
    "lifetime": "H", "lambda": "E", "angle": "A", "phase": "P", "tile": "R", "other": "Q",
}  # fmt: skip
"""Letter of a dimension that a Modulo annotation folds into Z, C or T."""


class TiffData(NamedTuple):
    """One TiffData element: where a run of planes lies."""

    ifd: int | None
    """Index of the first directory; ``None`` where the element does not say."""
    planes: int | None
    """Number of planes (PlaneCount, formerly NumPlanes); ``None`` where the element does not say."""
    z: int
    """First Z, from 0."""
    c: int
    """First channel, from 0."""
    t: int
    """First T, from 0."""
    uuid: str | None
    """UUID of the file that holds the planes; ``None`` for this one."""
    file_name: str | None
    """Name of that file."""


@attrs.frozen
class Modulo:
    """A dimension folded into another: ``Z``, ``C`` or ``T`` runs over all its values for each position."""

    along: str
    """Letter that it is folded into."""
    letter: str
    """Its own letter."""
    size: int
    """How many positions it has."""
    values: Coordinate | None = None
    """Values of the positions, where they are numbers."""
    kind: str = "other"
    """What the schema calls it: ``lifetime``, ``lambda``, ``angle``, ``phase``, ``tile`` or ``other``."""
    description: str | None = None
    """TypeDescription: what an ``other`` is, in words, or the letter of any."""
    labels: tuple[str, ...] = ()
    """Names of the positions, where the element gives names and not a range."""


@attrs.frozen
class OmeImage:
    """One Image element with its Pixels."""

    name: str | None
    """As the file names it."""
    order: str
    """DimensionOrder turned round: slowest first, such as ``TCZYX``."""
    sizes: Dims
    """Sizes as the element gives them, in ``order``; C counts samples."""
    channels: tuple[Channel, ...]
    """Channel elements; empty where there are none."""
    pixel_size: PixelSize = attrs.Factory(PixelSize)
    """Physical sizes in micrometres."""
    time_step: float | None = None
    """TimeIncrement in seconds."""
    acquired: str | None = None
    """Date and time as written."""
    objective: Objective | None = None
    """The lens that the image refers to."""
    planes: Planes | None = None
    """Plane elements in columns."""
    tiff_data: tuple[TiffData, ...] = ()
    """TiffData elements in order."""
    modulo: tuple[Modulo, ...] = ()
    """Folded dimensions."""
    has_binary: bool = False
    """Whether the pixels are inside the XML (BinData)."""
    pixel_type: str | None = None
    """Type of the pixels, as the schema names it."""
    well: str | None = None
    """Well and field of the plate that the image belongs to, such as ``A1-1``."""
    description: str | None = None
    """What somebody wrote about it."""


@attrs.frozen
class OmeDocument:
    """What an OME-XML text says of pixels."""

    uuid: str | None
    """UUID of the file that the text belongs to."""
    images: tuple[OmeImage, ...]
    """In document order."""
    metadata_file: str | None = None
    """Where the full metadata are, when this text is BinaryOnly."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What is wrong with the text and did not stop the parsing."""


# ---------------------------------------------------------------- document


def parse_ome(text: str) -> OmeDocument:
    """Read the images of an OME-XML text.

    Parameters
    ----------
    text
        The whole document.

    Raises
    ------
    CorruptFileError
        When the text is not XML, declares entities, or lacks the sizes of an image.
    """
    return document_of(parse_root(text))


def document_of(root: Element) -> OmeDocument:
    """Read the images of an OME-XML that is parsed already; see ``parse_ome``."""
    if local_name(root) != "OME":
        raise CorruptFileError(f"expected the root element OME, found {local_name(root)!r}")
    binary_only = child_of(root, "BinaryOnly")
    diagnostics: list[Diagnostic] = []
    instruments = _objectives(root)
    annotations = modulo_annotations(
        one for group in children_of(root, "StructuredAnnotations") for one in group
    )
    wells = _wells(root)
    images = [
        _image(element, pixels, instruments, annotations, wells, diagnostics)
        for element in children_of(root, "Image")
        for pixels in children_of(element, "Pixels")
    ]
    return OmeDocument(
        root.get("UUID"),
        tuple(images),
        None if binary_only is None else binary_only.get("MetadataFile"),
        tuple(diagnostics),
    )


def _image(
    element: Element,
    pixels: Element,
    instruments: Mapping[str, Objective],
    annotations: Mapping[str, tuple[Modulo, ...]],
    wells: Mapping[str, str],
    diagnostics: list[Diagnostic],
) -> OmeImage:
    name, where = element.get("Name"), element.get("ID") or element.get("Name") or "Image"
    # Pixels may have a hundred thousand children: they are sorted by name once, and its attributes looked at alone.
    inside, around = group_by_name(pixels), group_by_name(element)
    pixels, element = Element(pixels.tag, pixels.attrib), with_texts_as_attributes(element)
    order = (value_of(pixels, "DimensionOrder") or "XYZCT").upper()[::-1]
    if len(order) != 5 or set(order) != set("TCZYX") or not order.endswith("YX"):
        diagnostics.append(
            Diagnostic(
                "ome-dimension-order", f"DimensionOrder {order[::-1]!r} read as XYZCT", where
            )
        )
        order = "TCZYX"
    sizes = Dims(order, tuple(_size(pixels, letter, where) for letter in order))
    channels = tuple(
        _channel(with_texts_as_attributes(child))
        for child in inside.get("Channel")
        or around.get("LogicalChannel")
        or around.get("ChannelInfo")
        or ()
    )
    lens = next(
        (
            child.get("ID")
            for child in around.get("ObjectiveSettings") or around.get("ObjectiveRef") or ()
        ),
        None,
    )
    links = [child.get("ID", "") for child in around.get("AnnotationRef", ())]
    links += [child.get("ID", "") for child in inside.get("AnnotationRef", ())]
    folded = [modulo for link in links for modulo in annotations.get(link, ())]
    return OmeImage(
        name=name,
        order=order,
        sizes=sizes,
        channels=channels,
        pixel_size=_pixel_size(element, pixels),
        time_step=quantity_of(pixels, "TimeIncrement", seconds_per, "s")
        or quantity_of(element, "TimeIncrement", seconds_per, "s"),
        acquired=value_of(element, "AcquisitionDate", "AcquiredDate", "CreationDate"),
        objective=instruments.get(lens or ""),
        planes=_planes(inside.get("Plane", ()), sizes, len(channels) or sizes.C),
        tiff_data=tuple(_tiff_data(child) for child in inside.get("TiffData", ())),
        modulo=tuple(folded),
        has_binary="BinData" in inside,
        pixel_type=value_of(pixels, "Type", "PixelType"),
        well=wells.get(element.get("ID", "")),
        description=value_of(element, "Description"),
    )


def _size(pixels: Element, letter: str, where: str) -> int:
    text = pixels.get(f"Size{letter}", "")
    size = int(text) if text.isdecimal() else integer_of(pixels, f"Size{letter}")
    if size is None or not 0 < size < 1 << 48:
        found = pixels.get(f"Size{letter}")
        raise CorruptFileError(
            f"OME-XML {where}: expected a positive Size{letter}, found {found!r}"
        )
    return size


def _pixel_size(element: Element, pixels: Element) -> PixelSize:
    sizes: list[float | None] = []
    for letter in "ZYX":
        size = quantity_of(pixels, f"PhysicalSize{letter}", micrometres_per, "µm")
        if size is None:  # 2003-FC keeps it on Image, in micrometres
            size = number_of(element, f"PixelSize{letter}")
        sizes.append(size if size is not None and size > 0 else None)
    return PixelSize(*sizes)


# ---------------------------------------------------------------- channels


def _channel(element: Element) -> Channel:
    """Read a Channel (2009-09 on), LogicalChannel (2007-06 on) or ChannelInfo (2003-FC) element."""
    samples = integer_of(element, "SamplesPerPixel")
    return Channel(
        name=value_of(element, "Name"),
        color=_color(element),
        emission=_wavelength(element, "EmissionWavelength", "EmWave"),
        excitation=_wavelength(element, "ExcitationWavelength", "ExWave"),
        fluor=value_of(element, "Fluor"),
        samples=samples if samples is not None and 0 < samples < 1 << 16 else 1,
    )


def _color(element: Element) -> int | None:
    text = element.get("Color")
    try:
        return None if text is None else int(text) & 0xFFFFFFFF
    except ValueError:
        return None


def _wavelength(element: Element, *names: str) -> float | None:
    for name in names:
        if element.get(f"{name}Unit", "nm").strip() == "nm":
            length = number_of(element, name)
        else:
            micrometres = quantity_of(element, name, micrometres_per, None)
            # Rounding removes the noise that the two products leave.
            length = None if micrometres is None else round(micrometres * 1000, 9)
        if length is not None:
            return length
    return None


# ---------------------------------------------------------------- planes


_PLANE_FACTS: tuple[tuple[str, str, UnitFactor, str | None], ...] = (
    ("time", "DeltaT", seconds_per, "s"),
    ("exposure", "ExposureTime", seconds_per, "s"),
    ("x", "PositionX", micrometres_per, None),
    ("y", "PositionY", micrometres_per, None),
    ("z", "PositionZ", micrometres_per, None),
)


def _planes(elements: Sequence[Element], sizes: Dims, channels: int) -> Planes | None:
    """Put the Plane elements into columns; their facts moved from child elements to attributes in 2009-09."""
    letters = sizes.order[:-2]
    count = {"Z": sizes.Z, "T": sizes.T, "C": channels}
    shape = tuple(count[letter] for letter in letters)
    total = math.prod(shape)
    if not elements or total > max(
        4 * len(elements), 1 << 16
    ):  # sizes that lie must not cost memory
        return None
    columns: dict[str, list[float]] = {name: [math.nan] * total for name, *_ in _PLANE_FACTS}
    for element in elements:
        index = _plane_index(element, letters, shape)
        if index is None:
            continue
        nested = {local_name(child): child for child in element}
        for name, attribute, units, default in _PLANE_FACTS:
            holder = nested.get("PlaneTiming" if units is seconds_per else "StagePosition", element)
            value = quantity_of(
                element if attribute in element.attrib else holder, attribute, units, default
            )
            if value is not None:
                columns[name][index] = value
    arrays = {name: np.array(column, "<f8") for name, column in columns.items()}
    known = {name: array.tobytes() for name, array in arrays.items() if not np.isnan(array).all()}
    return Planes(Dims(letters, shape), **known) if known else None


def _plane_index(element: Element, letters: str, shape: tuple[int, ...]) -> int | None:
    index = 0
    for letter, size in zip(letters, shape, strict=True):
        try:
            position = int(element.get(f"The{letter}", "0"))
        except ValueError:
            return None
        if not 0 <= position < size:
            return None
        index = index * size + position
    return index


def _tiff_data(element: Element) -> TiffData:
    get = element.get
    uuid = next((child for child in element if local_name(child) == "UUID"), None)
    count = get("PlaneCount", get("NumPlanes"))
    ifd = get("IFD")
    try:
        return TiffData(
            None if ifd is None else int(ifd),
            None if count is None else int(count),
            int(get("FirstZ", "0")),
            int(get("FirstC", "0")),
            int(get("FirstT", "0")),
            None if uuid is None or uuid.text is None else uuid.text.strip() or None,
            None if uuid is None else uuid.get("FileName"),
        )
    except ValueError as error:
        raise CorruptFileError(
            f"OME-XML TiffData {element.attrib}: expected whole numbers"
        ) from error


# ---------------------------------------------------------------- instruments, plates, annotations


def _objectives(root: Element) -> dict[str, Objective]:
    found = {}
    for instrument in children_of(root, "Instrument"):
        for element in children_of(instrument, "Objective"):
            found[element.get("ID", "")] = Objective(
                name=value_of(element, "Model"),
                magnification=number_of(element, "NominalMagnification", "Magnification"),
                aperture=number_of(element, "LensNA"),
                immersion=value_of(element, "Immersion"),
            )
    return found


def _wells(root: Element) -> dict[str, str]:
    """Name the well and field of each image that a plate holds."""
    found = {}
    for plate in children_of(root, "Plate"):
        for well in children_of(plate, "Well"):
            row, column = integer_of(well, "Row"), integer_of(well, "Column")
            if row is None or column is None or not 0 <= row < 1 << 16:
                continue
            for field, sample in enumerate(children_of(well, "WellSample")):
                image = child_of(sample, "ImageRef")
                if image is not None:
                    found[image.get("ID", "")] = f"{_row_name(row)}{column + 1}-{field + 1}"
    return found


def _row_name(row: int) -> str:
    letters = ""
    row += 1
    while row:
        row, digit = divmod(row - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def modulo_annotations(annotations: Iterable[Element]) -> dict[str, tuple[Modulo, ...]]:
    """Find the annotations that tell folded dimensions; their Modulo elements by ID."""
    found = {}
    for annotation in annotations:
        folded = [
            _modulo(element)
            for element in annotation.iter()
            if local_name(element) in {"ModuloAlongZ", "ModuloAlongC", "ModuloAlongT"}
        ]
        known = tuple(modulo for modulo in folded if modulo is not None)
        if known:
            found[annotation.get("ID", "")] = known
    return found


def _modulo(element: Element) -> Modulo | None:
    kind, description = element.get("Type", "other"), element.get("TypeDescription")
    own = (description or "").strip()
    # A letter that the schema has no type for is told by the description, as our writer does.
    letter = (
        own if re.fullmatch("[A-Z]", own) and own not in "TCZYXS" else MODULO_LETTERS.get(kind, "Q")
    )
    start, end, step = (
        number_of(element, "Start"),
        number_of(element, "End"),
        number_of(element, "Step"),
    )
    unit = element.get("Unit")
    if start is not None and end is not None:
        width = step or 1.0
        size = round((end - start) / width) + 1
        if not 0 < size < 1 << 20:
            return None
        values = tuple(start + width * i for i in range(size))
        return Modulo(
            local_name(element)[-1],
            letter,
            size,
            Coordinate(letter, values, unit),
            kind,
            description,
        )
    labels = tuple(child.text or "" for child in children_of(element, "Label"))
    if not labels:
        return None
    named = _label_values(letter, labels, unit)
    return Modulo(local_name(element)[-1], letter, len(labels), named, kind, description, labels)


def _label_values(letter: str, labels: Sequence[str], unit: str | None) -> Coordinate | None:
    try:
        return Coordinate(letter, tuple(float(label) for label in labels), unit)
    except ValueError:
        return None
