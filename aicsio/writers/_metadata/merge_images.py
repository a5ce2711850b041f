"""One Image element of a document, on its way into that of what is written: settings, channels, planes.

Rule kept here: a record that differs from what the document says has the last word; where they say the same, the
document's own words and units stay.
"""

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._ome.model import OmeImage
from aicsio._ome.schema import Tree, tag
from aicsio.records import Channel
from aicsio.writers._metadata import merge_elements
from aicsio.writers._metadata.merge_elements import Key, name_of
from aicsio.writers._metadata.merge_rois import Frame

_IMAGE = (
    "AcquisitionDate", "ExperimenterRef", "Description", "ExperimentRef", "ExperimenterGroupRef", "InstrumentRef",
    "ObjectiveSettings", "ImagingEnvironment", "StageLabel", "Pixels", "ROIRef", "MicrobeamManipulationRef",
    "AnnotationRef",
)  # fmt: skip
_CHANNEL_FIELDS = (
    ("name", "Name"), ("color", "Color"), ("emission", "EmissionWavelength"), ("excitation", "ExcitationWavelength"),
    ("fluor", "Fluor"),
)  # fmt: skip
_PLANE_FIELDS = (
    ("time", "DeltaT"), ("exposure", "ExposureTime"), ("x", "PositionX"), ("y", "PositionY"), ("z", "PositionZ"),
)  # fmt: skip


@attrs.frozen
class Origin:
    """Where an image that is written comes from in a document."""

    text: str
    """The document."""
    number: int
    """Which of its images."""
    images: int
    """How many images it should have."""
    positions: tuple[tuple[str, tuple[int, ...] | None], ...]
    """For T, C and Z the position in the source of each position in the file; ``None`` where that is not known."""
    frame: Frame | None
    """Where its points go; ``None`` where that cannot be told."""
    scene: str
    """Its name."""
    whole: bool = True
    """Whether planes are as they were."""
    unscaled: str = "XYZ"
    """Letters along which the steps from pixel to pixel are."""
    unfolded: tuple[str, ...] = ()
    """Folded dimensions of the source that are dimensions of their own now, or again."""


@attrs.define
class Document:
    """A document on its way. Not a record: it lives for one writing."""

    root: Tree
    pairs: list[tuple[Tree, Tree]]
    """Image and Pixels elements."""
    images: tuple[OmeImage, ...]
    known: set[Key]
    """All that it defines."""
    folded: Mapping[str, set[str]]
    """Letters that each of its Modulo annotations tells."""
    ids: dict[Key, str] = attrs.Factory(dict)
    """New identifiers."""
    dangling: dict[Key, None] = attrs.Factory(dict)
    """References that led nowhere in the source."""
    regions: dict[tuple[str, Origin], str | None] = attrs.Factory(dict)
    """New identifier of each region, as it follows one image."""

    def lost(self, key: Key) -> None:
        """Remember a reference that cannot be kept; those to what belongs to other images are no loss."""
        if key not in self.known:
            self.dangling[key] = None


# ---------------------------------------------------------------- images


def join(mine: Tree, document: Document, origin: Origin, image: OmeImage) -> None:
    """Complete an Image element by what the source says of it."""
    from lxml import etree

    theirs, pixels = document.pairs[origin.number]
    source = document.images[origin.number]
    written = {name_of(child) for child in mine}
    skipped = {"Pixels", "ROIRef"}
    if image.acquired == source.acquired:
        merge_elements.without(mine, ["AcquisitionDate"])
    else:
        skipped.add("AcquisitionDate")
    if image.objective != source.objective:
        skipped |= {"InstrumentRef", "ObjectiveSettings"}
    if "Description" in written and image.description != source.description:
        skipped.add("Description")
    else:
        merge_elements.without(mine, ["Description"])
    for child in theirs:
        new = (
            None
            if name_of(child) in skipped
            else merge_elements.copied(child, document.ids, document.lost)
        )
        if new is not None:
            merge_elements.put(mine, new, _IMAGE)
    for reference in theirs.findall(tag("ROIRef")):
        identity = document.regions.get((reference.get("ID", ""), origin))
        if identity is not None:
            merge_elements.put(mine, etree.Element(tag("ROIRef"), ID=identity), _IMAGE)
    _pixels(mine.find(tag("Pixels")), pixels, document, origin, image)


def _pixels(mine: Tree, theirs: Tree, document: Document, origin: Origin, image: OmeImage) -> None:
    source = document.images[origin.number]
    for letter in "XYZ":
        same = getattr(image.pixel_size, letter) == getattr(source.pixel_size, letter)
        # A size that is no length, in pixels or frames, holds only for the steps that it was given for.
        if same and (letter in origin.unscaled or getattr(source.pixel_size, letter) is not None):
            _take(mine, theirs, f"PhysicalSize{letter}")
    if image.time_step == source.time_step:
        _take(mine, theirs, "TimeIncrement")
    if mine.get("Type") == theirs.get("Type") and theirs.get("SignificantBits") is not None:
        mine.set("SignificantBits", theirs.get("SignificantBits"))
    positions = dict(origin.positions)
    _channels(mine, theirs, document, image.channels, positions["C"], source)
    if all(known is not None for known in positions.values()):
        _planes(mine, theirs, document, origin, image)


def _take(mine: Tree, theirs: Tree, name: str) -> None:
    """Say an attribute, and its unit, in the words of the source."""
    for attribute in (name, f"{name}Unit"):
        mine.attrib.pop(attribute, None)
        if theirs.get(attribute) is not None:
            mine.set(attribute, merge_elements.clean_attribute(theirs.get(attribute)))


def _channels(
    mine: Tree,
    theirs: Tree,
    document: Document,
    channels: Sequence[Channel],
    positions: tuple[int, ...] | None,
    source: OmeImage,
) -> None:
    known = theirs.findall(tag("Channel"))
    for element, channel, position in zip(
        mine.findall(tag("Channel")), channels, positions or (), strict=False
    ):
        if position >= len(known):
            continue
        other = known[position]
        patched = {"ID", "SamplesPerPixel"}
        for field, name in _CHANNEL_FIELDS:
            patched |= {name, f"{name}Unit"}
            if getattr(channel, field) == getattr(source.channels[position], field):
                _take(element, other, name)
        for name, value in other.attrib.items():
            if name not in patched:
                element.set(name, merge_elements.clean_attribute(value))
        for child in other:
            new = merge_elements.copied(child, document.ids, document.lost)
            if new is not None:
                element.append(new)


# ---------------------------------------------------------------- planes


def _planes(mine: Tree, theirs: Tree, document: Document, origin: Origin, image: OmeImage) -> None:
    """Renumber the Plane elements of the source, and complete them by what the records say otherwise."""
    from lxml import etree

    known = {_index(plane, "TCZ"): plane for plane in theirs.findall(tag("Plane"))}
    if not known:
        return
    positions = {letter: places or () for letter, places in origin.positions}
    source = document.images[origin.number]
    changed = [
        name for field, name in _PLANE_FIELDS if not _same_column(field, image, source, positions)
    ]
    skipped = {f"{name}{unit}" for name in changed for unit in ("", "Unit")} | {
        "TheT",
        "TheC",
        "TheZ",
    }
    records = mine.findall(tag("Plane"))
    own = (
        {_index(plane, image.order[:3]): dict(plane.attrib) for plane in records} if changed else {}
    )
    for plane in records:
        mine.remove(plane)
    hashed = origin.whole and mine.get("Type") == theirs.get("Type")
    for index in np.ndindex(tuple(len(positions[letter]) for letter in image.order[:3])):
        at = dict(zip(image.order[:3], index, strict=True))
        other = known.get(tuple(positions[letter][at[letter]] for letter in "TCZ"))
        told = own.get(index, {})
        if other is None and not told:
            continue
        attributes = {f"The{letter}": str(at[letter]) for letter in "ZTC"}
        for name, value in () if other is None else other.attrib.items():
            if name not in skipped:
                attributes[name] = merge_elements.clean_attribute(value)
        attributes |= {
            name: value
            for name, value in told.items()
            if name in skipped and name not in attributes
        }
        new = etree.SubElement(mine, tag("Plane"), attributes)
        for child in () if other is None else other:
            if name_of(child) != "HashSHA1" or hashed:
                inside = merge_elements.copied(child, document.ids, document.lost)
                new.extend([] if inside is None else [inside])


def planes_outside(document: Document, number: int) -> int:
    """Count the Plane elements that lie outside of the sizes of their image."""
    source = document.images[number]
    sizes = (source.sizes.T, max(source.sizes.C, len(source.channels)), source.sizes.Z)
    indices = [_index(plane, "TCZ") for plane in document.pairs[number][1].findall(tag("Plane"))]
    return sum(
        any(not 0 <= at < size for at, size in zip(index, sizes, strict=True)) for index in indices
    )


def _index(plane: Tree, letters: str) -> tuple[int, ...]:
    texts = [plane.get(f"The{letter}", "") for letter in letters]
    return tuple(int(text) if text.isdecimal() else -1 for text in texts)


def _same_column(
    name: str, image: OmeImage, source: OmeImage, positions: Mapping[str, tuple[int, ...]]
) -> bool:
    """Whether the records say of the planes that are written what the source says of them."""
    shape = tuple(len(positions[letter]) for letter in image.order[:3])
    unknown = np.full(shape, np.nan)
    mine = None if image.planes is None else image.planes.column(name)
    theirs = unknown
    if source.planes is not None and (column := source.planes.column(name)) is not None:
        order = source.planes.dims.order
        if any(max(positions[c]) >= n for c, n in source.planes.dims.items()):
            return False
        picked: npt.NDArray[np.float64] = column[np.ix_(*(positions[letter] for letter in order))]
        theirs = picked.transpose([order.index(letter) for letter in image.order[:3]])
    mine = unknown if mine is None else mine
    return mine.shape == theirs.shape and bool(np.array_equal(mine, theirs, equal_nan=True))
