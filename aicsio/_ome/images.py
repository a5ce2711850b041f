"""Image and Pixels elements -> ``OmeImage``.

Rule kept here: pure functions of elements. Elements that an image refers to by ID were looked up before, once
for the document, so that time and memory grow with the length of the text.
"""

from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element

import attrs

from aicsio._ome.channels import read_channel
from aicsio._ome.dates import iso_date
from aicsio._ome.elements import (
    group_by_name,
    number_of,
    parse_integer,
    parse_number,
    quantity_of,
    value_of,
    with_texts_as_attributes,
)
from aicsio._ome.model import Modulo, OmeImage
from aicsio._ome.modulo import read_modulo
from aicsio._ome.planes import PlaneBudget, read_planes
from aicsio._ome.runs import Runs
from aicsio._ome.tiff_data import read_tiff_data
from aicsio._ome.units import (
    MICROMETRE,
    UnitFactor,
    micrometres_per,
    normalize_unit,
    seconds_per,
)
from aicsio.errors import CorruptFileError
from aicsio.records import Channel, Diagnostic, Dims, Objective, PixelSize, Well
from aicsio.records.dims import trusted_dims

_NO_MEASURES = frozenset({"", "pixel", "pixels", "px", "reference frame"})
"""Units of a size that is not known; nothing is lost with them."""
_UNKNOWN = PixelSize()
_DATES = ("AcquisitionDate", "AcquiredDate", "CreationDate")
"""Names of the date in the versions of the schema, the newest first."""
LARGEST_SIZE = 1 << 48
"""Positions of an axis. Larger sizes overflow the 64 bits of byte offsets."""


@attrs.define(eq=False, repr=False)
class References:
    """Elements of a document that images refer to by ID; lives while it is read."""

    objectives: Mapping[str, Objective]
    """Lenses."""
    modulo: Mapping[str, Sequence[Element]]
    """ModuloAlong elements of each annotation that has some."""
    wells: Mapping[str, Well]
    """By the ID of the image."""
    budget: PlaneBudget
    """How many rows of plane columns may still be made."""
    runs: Runs
    """Elements that were cut out of the text."""


@attrs.define(eq=False, repr=False)
class _ImageElement:
    """An Image element with its children sorted; lives while its Pixels are read."""

    label: str
    """Name of the image in diagnostics."""
    values: Element
    """Attributes of the element, and the texts of its children."""
    children: Mapping[str, Sequence[Element]]
    """Children by name."""


def read_images(
    element: Element, references: References, diagnostics: list[Diagnostic]
) -> Iterator[OmeImage]:
    """Read one Image element; versions before 2009-09 allow it several Pixels.

    Raises
    ------
    CorruptFileError
        When a size is missing or no positive number.
    """
    # Pixels may have 100 000 children, and an Image 5 000 Pixels: children are sorted once.
    image = _ImageElement(
        element.get("ID") or element.get("Name") or "Image",
        with_texts_as_attributes(element),
        group_by_name(element),
    )
    for pixels in image.children.get("Pixels", ()):
        yield _read_pixels(pixels, image, references, diagnostics)


def _read_pixels(
    element: Element,
    image: _ImageElement,
    references: References,
    diagnostics: list[Diagnostic],
) -> OmeImage:
    children = group_by_name(element)
    # Values of Pixels are attributes in every version: lookups need not walk the children.
    pixels = Element(element.tag, element.attrib)
    order = _read_order(pixels, image.label, diagnostics)
    shape = tuple([_read_size(pixels, letter, image.label) for letter in order])
    sizes = trusted_dims(order, shape)
    # SizeC counts samples, so the number of channels is that of their elements.
    channels = _read_channels(image, children)
    planes = read_planes(
        children.get("Plane", ()),
        sizes,
        len(channels) or sizes.C,
        references.budget,
        references.runs,
    )
    if planes.diagnostic is not None:
        diagnostics.append(attrs.evolve(planes.diagnostic, where=image.label))
    return OmeImage(
        name=image.values.get("Name"),
        order=order,
        sizes=sizes,
        channels=channels,
        pixel_size=_read_pixel_size(image, pixels, diagnostics),
        time_step=_read_time_step(image, pixels, diagnostics),
        acquired=_read_date(image, diagnostics),
        objective=_find_objective(image, references.objectives),
        planes=planes.columns,
        tiff_data=read_tiff_data(
            children.get("TiffData", ()), references.runs, sizes, image.label, diagnostics
        ),
        modulo=_find_modulo(image, children, references.modulo, sizes, diagnostics),
        has_binary="BinData" in children,
        metadata_only="MetadataOnly" in children,
        pixel_type=value_of(pixels, "Type", "PixelType"),
        well=references.wells.get(image.values.get("ID", "")),
        description=value_of(image.values, "Description"),
    )


# ---------------------------------------------------------------- sizes


def _read_order(pixels: Element, label: str, diagnostics: list[Diagnostic]) -> str:
    """Return DimensionOrder turned round; the file's order is fastest first."""
    written = (value_of(pixels, "DimensionOrder") or "XYZCT").upper()
    order = written[::-1]
    if len(order) == 5 and set(order) == set("TCZYX") and order.endswith("YX"):
        return order
    message = f"DimensionOrder {written[:40]!r} is none; it is read as XYZCT"
    diagnostics.append(Diagnostic("ome-dimension-order", message, label))
    return "TCZYX"


def _read_size(pixels: Element, letter: str, label: str) -> int:
    text = pixels.get(f"Size{letter}")
    size = parse_integer(text)
    if size is None or not 0 < size < LARGEST_SIZE:
        shown = None if text is None else text[:40]
        raise CorruptFileError(
            f"OME-XML {label}: expected a positive Size{letter}, found {shown!r}"
        )
    return size


def _read_pixel_size(
    image: _ImageElement, pixels: Element, diagnostics: list[Diagnostic]
) -> PixelSize:
    sizes: list[float | None] = []
    for letter in "ZYX":
        name = f"PhysicalSize{letter}"
        size = None
        if name in pixels.attrib:
            size = quantity_of(pixels, name, micrometres_per, MICROMETRE)
            if size is None or size <= 0:
                _report_unusable(pixels, name, f"the pixel size along {letter}", image, diagnostics)
        # 2003-FC keeps it on Image, in micrometres.
        if size is None and f"PixelSize{letter}" in image.values.attrib:
            size = number_of(image.values, f"PixelSize{letter}")
        sizes.append(size if size is not None and size > 0 else None)
    if sizes == [None, None, None]:
        return _UNKNOWN
    return PixelSize(*sizes)


def _read_time_step(
    image: _ImageElement, pixels: Element, diagnostics: list[Diagnostic]
) -> float | None:
    _report_unusable(pixels, "TimeIncrement", "the time step", image, diagnostics)
    # 2003-FC keeps it on Image, as the sizes.
    for element in (pixels, image.values):
        if "TimeIncrement" not in element.attrib:
            continue
        step = quantity_of(element, "TimeIncrement", seconds_per, "s")
        if step is not None and step > 0:
            return step
    return None


def _report_unusable(
    pixels: Element,
    name: str,
    fact: str,
    image: _ImageElement,
    diagnostics: list[Diagnostic],
) -> None:
    """Report a size that is no number above 0, or has no unit of the schema.

    The schema has the type PositiveFloat, and the units of UnitsLength and UnitsTime.
    """
    text = value_of(pixels, name)
    if text is None:
        return
    number = parse_number(text)
    unit = pixels.get(f"{name}Unit")
    factor = seconds_per if name == "TimeIncrement" else micrometres_per
    if number is None or number <= 0:
        message = f"{name} is {text[:40]!r}, no number above 0: {fact} is unknown"
    elif unit is None or not _names_no_unit(unit, factor):
        return
    else:
        message = f"{name} has the unit {unit[:40]!r}, which OME lacks: {fact} is unknown"
    diagnostics.append(Diagnostic("unusable-size", message, image.label))


def _names_no_unit(unit: str, factor: UnitFactor) -> bool:
    """Whether a unit is neither one of the schema nor a word for it."""
    return factor(unit) is None and normalize_unit(unit).lower() not in _NO_MEASURES


def _read_date(image: _ImageElement, diagnostics: list[Diagnostic]) -> str | None:
    text = value_of(image.values, *_DATES)
    if text is None:
        return None
    date = iso_date(text)
    if date is None:
        message = f"the acquisition date {text[:40]!r} is none of ISO 8601: it is left out"
        diagnostics.append(Diagnostic("ome-date", message, image.label))
    return date


# ---------------------------------------------------------------- children and references


def _read_channels(
    image: _ImageElement, children: Mapping[str, Sequence[Element]]
) -> tuple[Channel, ...]:
    """Read Channel (2009-09 on), LogicalChannel (2007-06 on) or ChannelInfo (2003-FC) elements."""
    # The first name that is present counts: 2008 files list LogicalChannel and ChannelComponent.
    elements = (
        children.get("Channel")
        or image.children.get("LogicalChannel")
        or image.children.get("ChannelInfo")
        or ()
    )
    return tuple(read_channel(with_texts_as_attributes(element)) for element in elements)


def _find_objective(image: _ImageElement, objectives: Mapping[str, Objective]) -> Objective | None:
    settings = image.children.get("ObjectiveSettings") or image.children.get("ObjectiveRef") or ()
    lens = objectives.get(settings[0].get("ID", "")) if settings else None
    if lens is None:
        return None
    return attrs.evolve(
        lens,
        medium=value_of(settings[0], "Medium"),
        refractive_index=number_of(settings[0], "RefractiveIndex"),
    )


def _find_modulo(
    image: _ImageElement,
    children: Mapping[str, Sequence[Element]],
    annotations: Mapping[str, Sequence[Element]],
    sizes: Dims,
    diagnostics: list[Diagnostic],
) -> tuple[Modulo, ...]:
    """Read the folded dimensions that an image links to, at most one along each of Z, C and T."""
    links = [*image.children.get("AnnotationRef", ()), *children.get("AnnotationRef", ())]
    # A dict keeps the order and drops a link that is repeated.
    identities = dict.fromkeys(link.get("ID", "") for link in links)
    # The specification allows one folded dimension for each of Z, C and T: the first one counts.
    folded: dict[str, Modulo] = {}
    for identity in identities:
        for element in annotations.get(identity, ()):
            modulo = read_modulo(element, sizes)
            if isinstance(modulo, Diagnostic):
                diagnostics.append(attrs.evolve(modulo, where=image.label))
            else:
                folded.setdefault(modulo.along, modulo)
    return tuple(folded.values())
