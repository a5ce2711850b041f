"""Records of an OME-XML text: the document, its images, where their planes lie, folded dimensions.

Rule kept here: frozen records. ``document`` fills them from a text, ``writers`` from a handle.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import attrs

from aicsio.records import Channel, Coordinate, Diagnostic, Dims, Objective, PixelSize, Planes, Well

MODULO_LETTERS: Mapping[str, str] = {
    "lifetime": "H", "lambda": "E", "angle": "A", "phase": "P", "tile": "R", "other": "Q",
}  # fmt: skip
"""Letter of a dimension that a Modulo annotation folds into Z, C or T."""

PLANE_COLUMNS = ("time", "exposure", "x", "y", "z")
"""Columns of ``Planes``."""


class TiffData(NamedTuple):
    """One TiffData element, or several that follow each other: where a run of planes lies."""

    ifd: int | None
    """Index of the first directory; ``None`` if the attribute is missing."""
    planes: int | None
    """Number of planes (PlaneCount, formerly NumPlanes); ``None`` if the attribute is missing."""
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
    elements: int = 1
    """How many elements it was, each of one plane if there were several."""


@attrs.frozen
class Modulo:
    """A dimension folded into another, which runs over all its positions for each of its own."""

    along: str
    """Letter that it is folded into: Z, C or T."""
    letter: str
    """Its own letter."""
    size: int
    """Number of positions."""
    values: Coordinate | None = None
    """Values of the positions, if they are numbers."""
    kind: str = "other"
    """The schema's type: ``lifetime``, ``lambda``, ``angle``, ``phase``, ``tile`` or ``other``."""
    description: str | None = None
    """TypeDescription: the meaning of an ``other`` in words, or the letter of any."""
    labels: tuple[str, ...] = ()
    """Names of the positions, if the element gives names and not a range."""


@attrs.frozen
class OmeImage:
    """One Image element with one of its Pixels."""

    name: str | None
    """Name of the Image; ``None`` if it has none."""
    order: str
    """DimensionOrder turned round: slowest first, such as ``TCZYX``."""
    sizes: Dims
    """Sizes as the element gives them, in ``order``; C counts samples."""
    channels: tuple[Channel, ...]
    """Channel elements; empty if there are none."""
    pixel_size: PixelSize = attrs.Factory(PixelSize)
    """Physical sizes in micrometres."""
    time_step: float | None = None
    """TimeIncrement in seconds."""
    acquired: str | None = None
    """Date and time, ISO 8601."""
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
    metadata_only: bool = False
    """Whether the element states that it has no pixels (MetadataOnly)."""
    pixel_type: str | None = None
    """Type of the pixels, as the schema names it."""
    well: Well | None = None
    """Well of the plate that the image belongs to."""
    description: str | None = None
    """Free text of the user."""

    @property
    def label(self) -> str | None:
        """The name, or that of the well and the field as users count it, such as ``A1-1``."""
        if self.name or self.well is None:
            return self.name or None
        return f"{self.well.name}-{self.well.field + 1}"


def without_pages(images: Sequence[OmeImage]) -> tuple[bool, ...]:
    """Whether each image has no pixels: without TiffData elements, where others have some.

    Where none has, the pages of the file are those of its images, whatever the document states.
    """
    if not any(image.tiff_data for image in images):
        return (False,) * len(images)
    return tuple(not image.tiff_data for image in images)


@attrs.frozen
class OmeDocument:
    """The images of an OME-XML text."""

    uuid: str | None
    """UUID of the file that the text belongs to."""
    images: tuple[OmeImage, ...]
    """In document order."""
    metadata_file: str | None = None
    """Name of the file with the full metadata, if this text is BinaryOnly."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Faults of the text that did not stop the parsing."""
