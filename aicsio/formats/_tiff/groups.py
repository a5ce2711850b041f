"""Planes that are stored alike: their grid of strips or tiles, and the tables of their bytes.

Rule kept here: tables only, made of numbers that were checked when the file was opened.
"""

import attrs
import numpy as np

from aicsio.formats._tiff.segments import Four, Integers, SegmentGrid
from aicsio.records import Codec, DType, Source
from aicsio.records.comparing import compared_by_fields
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short


@printed_short
@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class PlaneGroup:
    """Planes that are stored alike, in one file."""

    source: Source
    """The file."""
    grid: SegmentGrid
    """How each plane is cut into strips or tiles."""
    dtype: DType
    """Type of the decoded pixels, with byte order."""
    codecs: tuple[Codec, ...]
    """From bytes to pixels; none if they are raw."""
    offsets: PackedIntegers
    """Byte offset, (planes, segments); 0 where nothing is stored."""
    counts: PackedIntegers
    """Byte count, (planes, segments)."""

    def strides(self, shape: Four) -> Four:
        """Bytes between the samples of a raw segment, along depth, rows, columns and samples."""
        _, length, width, samples = shape
        itemsize = self.dtype.itemsize
        row = width * samples * itemsize
        return length * row, row, samples * itemsize, itemsize

    def segment_offsets(self, rows: Integers, segment: int) -> Integers:
        """Return the offsets of one segment of some planes; 0 for row -1, a missing plane."""
        if segment >= self.grid.width:
            return np.zeros(rows.shape, np.int64)
        # Row 0 stands in for missing planes, so that ``take`` stays inside; they are masked below.
        present = np.asarray(np.maximum(rows, 0) * self.grid.width + segment)
        offsets = self.offsets.take(present)
        if rows.min(initial=0) >= 0:
            return offsets
        return np.where(rows < 0, 0, offsets)
