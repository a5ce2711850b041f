"""One Image element of a source's document, merged into the Image of the file.

Settings, channels, planes.

Rule kept here: a record that differs from the document has the last word; where they agree, the
document's own words and units stay.
"""

from collections.abc import Collection, Mapping, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._ome import references as merge_elements
from aicsio._ome.model import OmeImage
from aicsio._ome.references import Key, name_of
from aicsio._ome.schema import Tree, tag
from aicsio.records import Channel
from aicsio.writers._metadata.merge.rois import Frame

_IMAGE = (
    "AcquisitionDate", "ExperimenterRef", "Description", "ExperimentRef", "ExperimenterGroupRef", "InstrumentRef",
    "ObjectiveSettings", "ImagingEnvironment", "StageLabel", "Pixels", "ROIRef", "MicrobeamManipulationRef",
    "AnnotationRef",
)  # fmt: skip
_CHANNEL_FIELDS = (
    ("name", "Name"), ("color", "Color"), ("emission", "EmissionWavelength"), ("excitation", "ExcitationWavelength"),
    ("fluor", "Fluor"), ("acquisition_mode", "AcquisitionMode"), ("pinhole_size", "PinholeSize"),
    ("illumination_type", "IlluminationType"), ("contrast_method", "ContrastMethod"),
)  # fmt: skip
_PLANE_FIELDS = (
    ("time", "DeltaT"), ("exposure", "ExposureTime"), ("x", "PositionX"), ("y", "PositionY"), ("z", "PositionZ"),
)  # fmt: skip
_INDICES = frozenset({"TheT", "TheC", "TheZ"})


@attrs.frozen
class SourceImage:
    """The image of a document that a written image comes from."""

    text: str
    """The document."""
    number: int
    """Index of the image in the document."""
    image_count: int
    """Number of images that the document should have."""
    positions: tuple[tuple[str, tuple[int, ...] | None], ...]
    """For T, C and Z the position in the source of each position in the file; ``None`` where that
    is unknown."""
    frame: Frame | None
    """The map of its points; ``None`` where there is none."""
    scene: str
    """Name of the written scene."""
    whole: bool = True
    """Whether planes are written whole and at full resolution."""
    unscaled: str = "XYZ"
    """Letters along which neighbours in the file are neighbours in the source."""
    unfolded: tuple[str, ...] = ()
    """Dimensions that the source had folded and that are described anew."""
    is_of_file: bool = False
    """Whether the document was made of the file, or beside it: its lens is that of the records."""
    is_part: bool = False
    """Whether the scene shows only some planes of the image, whose pages are alike."""


@attrs.define
class Document:
    """A document on its way. Not a record: it lives for one writing."""

    root: Tree
    """OME element."""
    pairs: list[tuple[Tree, Tree]]
    """Image and Pixels elements."""
    images: tuple[OmeImage, ...]
    """The images, as records."""
    defined: set[Key]
    """All keys that it defines."""
    folded: Mapping[str, set[str]]
    """Letters that each of its Modulo annotations describes."""
    ids: dict[Key, str] = attrs.Factory(dict)
    """New identifiers."""
    dangling: dict[Key, None] = attrs.Factory(dict)
    """References that led nowhere in the source."""
    regions: dict[SourceImage, dict[str, str | None]] = attrs.Factory(dict)
    """For each image, the new identifiers of its regions; ``None`` for a region without shapes on
    it."""

    def lost(self, key: Key) -> None:
        """Remember a reference that leads nowhere.

        One to a part of an unwritten image is no loss.
        """
        if key not in self.defined:
            self.dangling[key] = None


def assign_image_identifiers(
    ids: dict[Key, str], pair: tuple[Tree, Tree], index: int, channels: tuple[int, ...] | None
) -> None:
    """Name an image, its pixels and channels.

    References to an image that is written twice lead to the first.
    """
    image, pixels = pair
    ids.setdefault(("Image", image.get("ID", "")), f"Image:{index}")
    ids.setdefault(("Pixels", pixels.get("ID", "")), f"Pixels:{index}")
    elements = pixels.findall(tag("Channel"))
    for number, position in enumerate(channels or ()):
        if position < len(elements):
            identity = elements[position].get("ID", "")
            ids.setdefault(("Channel", identity), f"Channel:{index}:{number}")


# ---------------------------------------------------------------- images


def join(element: Tree, document: Document, source: SourceImage, image: OmeImage) -> None:
    """Complete an Image element of the file.

    Parameters
    ----------
    element
        The element, as the records make it.
    document
        The document of the source.
    source
        The image of the document.
    image
        The record of the element.
    """
    from lxml import etree

    source_element, source_pixels = document.pairs[source.number]
    described = document.images[source.number]
    skipped = _settle_conflicts(element, image, described, is_of_file=source.is_of_file)
    # The schema fixes the order of children, so each is put behind those of its name.
    for child in source_element:
        if name_of(child) in skipped:
            continue
        new = merge_elements.copy_element(child, document.ids, document.lost)
        if new is not None:
            merge_elements.put(element, new, _IMAGE)
    regions = document.regions.get(source, {})
    for reference in source_element.findall(tag("ROIRef")):
        identity = regions.get(reference.get("ID", ""))
        if identity is not None:
            merge_elements.put(element, etree.Element(tag("ROIRef"), ID=identity), _IMAGE)
    _join_pixels(element.find(tag("Pixels")), source_pixels, document, source, image)


def _settle_conflicts(
    element: Tree, image: OmeImage, described: OmeImage, *, is_of_file: bool
) -> set[str]:
    """Decide which children come from the records.

    Remove the others, and return the names not to copy.
    """
    skipped = {"Pixels", "ROIRef"}  # they are joined apart
    if image.acquired == described.acquired:
        merge_elements.remove_children(element, ["AcquisitionDate"])
    else:
        skipped.add("AcquisitionDate")
    # Words of the file and words of the schema differ for one lens.
    if image.objective != described.objective and not is_of_file:
        skipped |= {"InstrumentRef", "ObjectiveSettings"}
    has_description = element.find(tag("Description")) is not None
    if has_description and image.description != described.description:
        skipped.add("Description")
    else:
        merge_elements.remove_children(element, ["Description"])
    return skipped


def _join_pixels(
    pixels: Tree, source_pixels: Tree, document: Document, source: SourceImage, image: OmeImage
) -> None:
    described = document.images[source.number]
    for letter in "XYZ":
        described_size = getattr(described.pixel_size, letter)
        same = getattr(image.pixel_size, letter) == described_size
        # A size that is no length, in pixels or frames, holds for the steps it was given for only.
        if same and (letter in source.unscaled or described_size is not None):
            _copy_quantity(pixels, source_pixels, f"PhysicalSize{letter}")
    if image.time_step == described.time_step:
        _copy_quantity(pixels, source_pixels, "TimeIncrement")
    significant_bits = source_pixels.get("SignificantBits")
    if significant_bits is not None and pixels.get("Type") == source_pixels.get("Type"):
        pixels.set("SignificantBits", significant_bits)
    positions = dict(source.positions)
    _join_channels(pixels, source_pixels, document, image.channels, source, described)
    if None not in positions.values():
        _join_planes(pixels, source_pixels, document, source, image)


def _copy_quantity(element: Tree, source_element: Tree, name: str) -> None:
    """Write an attribute and its unit as the source has them."""
    for attribute in (name, f"{name}Unit"):
        element.attrib.pop(attribute, None)
        value = source_element.get(attribute)
        if value is not None:
            element.set(attribute, merge_elements.clean_attribute(value))


def _join_channels(
    pixels: Tree,
    source_pixels: Tree,
    document: Document,
    channels: Sequence[Channel],
    source: SourceImage,
    described: OmeImage,
) -> None:
    elements, source_elements = (
        pixels.findall(tag("Channel")),
        source_pixels.findall(tag("Channel")),
    )
    positions = dict(source.positions)["C"] or ()
    for element, channel, position in zip(elements, channels, positions, strict=False):
        if position >= len(source_elements):
            continue  # the source has fewer elements than channels
        source_element = source_elements[position]
        from_records = {"ID", "SamplesPerPixel"}
        for field, name in _CHANNEL_FIELDS:
            from_records |= {name, f"{name}Unit"}
            value = getattr(channel, field)
            # A document beside the file has facts that the records, read without it, lack.
            is_missing = value is None and source.is_of_file
            if is_missing or value == getattr(described.channels[position], field):
                _copy_quantity(element, source_element, name)
        for name, value in source_element.attrib.items():
            if name not in from_records:
                element.set(name, merge_elements.clean_attribute(value))
        _copy_children(element, source_element, document)


def _copy_children(
    element: Tree, source_element: Tree, document: Document, skipped: Collection[str] = ()
) -> None:
    for child in source_element:
        if name_of(child) in skipped:
            continue
        new = merge_elements.copy_element(child, document.ids, document.lost)
        if new is not None:
            element.append(new)


# ---------------------------------------------------------------- planes


def _join_planes(
    pixels: Tree, source_pixels: Tree, document: Document, source: SourceImage, image: OmeImage
) -> None:
    """Renumber the Plane elements of the source, with the values of the records where they differ."""
    from lxml import etree

    source_planes = {_index(plane, "TCZ"): plane for plane in source_pixels.findall(tag("Plane"))}
    if not source_planes:
        return
    positions = {letter: places or () for letter, places in source.positions}
    from_records = _plane_attributes_of_records(image, document.images[source.number], positions)
    order = image.order[:3]
    recorded: dict[tuple[int, ...], dict[str, str]] = {}
    for plane in pixels.findall(tag("Plane")):
        if len(from_records) > len(_INDICES):
            recorded[_index(plane, order)] = dict(plane.attrib)
        pixels.remove(plane)
    # A hash of pixels holds only for planes that are written as they were.
    same_pixels = source.whole and pixels.get("Type") == source_pixels.get("Type")
    skipped = () if same_pixels else ("HashSHA1",)
    for index in np.ndindex(tuple(len(positions[letter]) for letter in order)):
        place = dict(zip(order, index, strict=True))
        source_plane = source_planes.get(tuple(positions[c][place[c]] for c in "TCZ"))
        values = recorded.get(index, {})
        if source_plane is None and not values:
            continue
        attributes = {f"The{letter}": str(place[letter]) for letter in "ZTC"}
        if source_plane is not None:
            for name, value in source_plane.attrib.items():
                if name not in from_records:
                    attributes[name] = merge_elements.clean_attribute(value)
        attributes |= {
            name: value
            for name, value in values.items()
            if name in from_records and name not in _INDICES
        }
        element = etree.SubElement(pixels, tag("Plane"), attributes)
        if source_plane is not None:
            _copy_children(element, source_plane, document, skipped)


def _plane_attributes_of_records(
    image: OmeImage, described: OmeImage, positions: Mapping[str, tuple[int, ...]]
) -> frozenset[str]:
    """Return the attributes whose values in the records differ from the source, and the indices."""
    names = set(_INDICES)
    for field, name in _PLANE_FIELDS:
        if not _same_column(field, image, described, positions):
            names |= {name, f"{name}Unit"}
    return frozenset(names)


def count_planes_outside(document: Document, number: int) -> int:
    """Return the number of Plane elements outside of the sizes of their image."""
    described = document.images[number]
    sizes = (described.sizes.T, max(described.sizes.C, len(described.channels)), described.sizes.Z)
    outside = 0
    for plane in document.pairs[number][1].findall(tag("Plane")):
        index = _index(plane, "TCZ")
        if any(not 0 <= place < size for place, size in zip(index, sizes, strict=True)):
            outside += 1
    return outside


def _index(plane: Tree, letters: str) -> tuple[int, ...]:
    """Return TheT, TheC and TheZ in some order; -1 for one that is no number."""
    texts = [plane.get(f"The{letter}", "") for letter in letters]
    return tuple(int(text) if text.isdecimal() and len(text) < 19 else -1 for text in texts)


def _same_column(
    name: str, image: OmeImage, described: OmeImage, positions: Mapping[str, tuple[int, ...]]
) -> bool:
    """Whether the records of the written planes have the values of the source."""
    order = image.order[:3]
    unknown = np.full(tuple(len(positions[letter]) for letter in order), np.nan)
    written = None if image.planes is None else image.planes.column(name)
    column = None if described.planes is None else described.planes.column(name)
    expected: npt.NDArray[np.float64] = unknown
    if column is not None and described.planes is not None:
        dims = described.planes.dims
        # The image has positions that the document lacks, so there is nothing to compare.
        if any(max(positions[letter]) >= size for letter, size in dims.items()):
            return False
        # The positions that are written along each axis, then the axes in file order.
        picked = column[np.ix_(*(positions[letter] for letter in dims))]
        expected = picked.transpose([dims.order.index(letter) for letter in order])
    if written is None:
        written = unknown
    # NaN stands for a missing value, and two missing values agree.
    return written.shape == expected.shape and np.array_equal(written, expected, equal_nan=True)
