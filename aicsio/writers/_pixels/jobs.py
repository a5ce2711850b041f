"""An image to write: its pixels, the planes and segments they become, and how they are encoded.

Rule kept here: a job is data for the stream; nothing is read, encoded or written here.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import numpy.typing as npt

from aicsio.records import LazyArray
from aicsio.writers._pixels.downsampling import Pooling
from aicsio.writers._pixels.tiff import Pages

Array: TypeAlias = npt.NDArray[Any]
Encode: TypeAlias = Callable[[Array], bytes]


@attrs.define
class ImageJob:
    """One image to write. Not a record: it lives for one writing."""

    array: LazyArray
    """Pixels in the order of the file: letters of the planes, then Y, X, S."""
    pages: Pages
    """The planes of full resolution in the file."""
    encode: Encode | None
    """Compressor of a segment; ``None`` to store it raw."""
    smaller: tuple[Pages, ...] = ()
    """The planes of the smaller levels, largest first."""
    pooling: Pooling | None = None
    """How pixels of the smaller levels are computed."""
    lossy: bool = False
    """Whether compression changes pixels; padding then repeats edge pixels, so that it disturbs
    them little."""
    source_levels: tuple["ImageJob", ...] = ()
    """Smaller levels that are read from the source instead, largest first: images of one level each."""

    @property
    def levels(self) -> tuple[Pages, ...]:
        """The planes that are made of the array: full resolution, and the levels computed of it."""
        return (self.pages, *self.smaller)

    @property
    def all_levels(self) -> tuple[Pages, ...]:
        """The planes of all levels in the file, full resolution first."""
        return (*self.levels, *(level.pages for level in self.source_levels))


@attrs.frozen
class Box:
    """A window of the array that is read at once."""

    start: tuple[int, ...]
    """First position, per axis."""
    shape: tuple[int, ...]
    """Positions, per axis."""


@attrs.frozen
class TilePosition:
    """Where a segment belongs."""

    level: int
    """Level, 0 for full resolution."""
    plane: int
    """Plane of the image."""
    row: int
    """Row of segments."""
    column: int
    """Column of segments."""


@attrs.frozen
class EncodedSegment:
    """A compressed tile or strip on its way to the file."""

    position: TilePosition
    """Where it belongs."""
    data: bytes
    """The bytes that are stored."""
