"""The planes of an image in a TIFF: their segments, where raw ones lie, and the header of the file.

Rule kept here: pure functions of sizes, no I/O. The file is header, pixels, shared values,
directories: offsets of raw pixels follow from the sizes alone, and the directories, written last,
hold the true offsets of compressed ones, so the choice between classic TIFF and BigTIFF is made by
the true size.

Source of the facts: TIFF Revision 6.0 (Adobe, 1992); the BigTIFF proposal
(https://libtiff.gitlab.io/libtiff/specification/bigtiff.html).
"""

import itertools
import math
import struct
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import DType

DATA_START = 16
"""Length of a BigTIFF header; a classic one leaves the second half of it unused."""
CLASSIC_LIMIT = (1 << 32) - (32 << 20)
"""Largest classic TIFF: 32-bit offsets reach 4 GiB, and 32 MiB stay free for tools that append a
new description."""
STRIP_BYTES = 8 << 20
"""Raw strips hold a whole plane up to this size."""
CODED_STRIP_BYTES = 1 << 20
"""Compressed strips are smaller: a reader must decode a whole strip to get its last row."""
ALIGNMENT = 16
"""Raw pixels of each image start at a multiple of the widest type, complex128."""
_CLASSIC_MAGIC, _BIG_MAGIC, _BIG_OFFSET_BYTES = 42, 43, 8

Offsets: TypeAlias = npt.NDArray[np.uint64]
SegmentTable: TypeAlias = tuple[Offsets, Offsets]
"""Byte offset and length of each segment of an image, both of shape (planes, segments of a
plane)."""


@attrs.frozen
class WrittenGrid:
    """How each plane is cut into segments, numbered row by row."""

    tiled: bool
    """Tiles all have one size, padded at the right and lower edge; strips span the width, and the
    last may be short."""
    height: int
    """Rows of a segment."""
    width: int
    """Columns of a segment."""
    rows: int
    """Segments from top to bottom."""
    columns: int
    """Segments from left to right."""

    @property
    def count(self) -> int:
        """Segments of a plane."""
        return self.rows * self.columns


def tiles(height: int, width: int, tile: tuple[int, int]) -> WrittenGrid:
    """Cut planes of ``height`` rows and ``width`` columns into tiles of (rows, columns)."""
    return WrittenGrid(True, *tile, math.ceil(height / tile[0]), math.ceil(width / tile[1]))


def strips(height: int, width: int, row_bytes: int, most: int, unit: int = 1) -> WrittenGrid:
    """Cut planes into strips.

    One, or as many as keep each within ``most`` bytes, with multiples of ``unit`` rows.
    """
    rows = height
    if height * row_bytes > most:
        # At least one unit, also where that is more than the limit.
        rows = max(1, most // row_bytes // unit) * unit
    return WrittenGrid(False, rows, width, math.ceil(height / rows), 1)


@attrs.frozen
class Pages:
    """The planes of one image: one directory each."""

    count: int
    """Number of planes."""
    height: int
    """Rows."""
    width: int
    """Columns."""
    samples: int
    """Samples of a pixel, interleaved: 3 for RGB, 4 for RGBA."""
    dtype: DType
    """Type of a sample, little-endian."""
    grid: WrittenGrid
    """Segments of a plane."""
    compression: int = 1
    """Value of the Compression tag."""
    predictor: int = 1
    """Value of the Predictor tag; 1 for none."""
    pixel_size: tuple[float | None, float | None] = (None, None)
    """Width and height of a pixel in micrometres."""
    color_map: bytes | None = attrs.field(default=None, repr=False)
    """Palette of indexed pixels: little-endian uint16, all reds, then greens, then blues."""
    reduced: bool = False
    """Whether these are smaller versions of other planes, which point to them."""

    @property
    def plane_bytes(self) -> int:
        """Bytes of a plane as stored without compression, padding of tiles included."""
        height = self.grid.height * self.grid.rows if self.grid.tiled else self.height
        # Strips span the width, in a single column.
        return height * self.grid.width * self.grid.columns * self.samples * self.dtype.itemsize

    def raw_segments(self, start: int = DATA_START) -> SegmentTable:
        """Return offsets and byte counts of raw segments, (planes, segments), stored in order from ``start`` on."""
        pixel_bytes = self.samples * self.dtype.itemsize
        segment_bytes = self.grid.height * self.grid.width * pixel_bytes
        counts = np.full(self.grid.count, segment_bytes, np.uint64)
        # TIFF 6.0, RowsPerStrip: the last strip may be short; tiles are always padded to full size.
        if not self.grid.tiled:
            last_rows = self.height - self.grid.height * (self.grid.rows - 1)
            counts[-1] = last_rows * self.width * pixel_bytes
        ends = np.cumsum(counts, dtype=np.uint64)
        # Shape (segments,): the first byte of each segment, from the start of its plane.
        starts_in_plane = np.concatenate([np.zeros(1, np.uint64), ends[:-1]])
        plane_starts = start + np.arange(self.count, dtype=np.uint64) * np.uint64(self.plane_bytes)
        return plane_starts[:, None] + starts_in_plane, np.tile(counts, (self.count, 1))


def raw_starts(images: Sequence[Pages]) -> tuple[int, ...]:
    """Return where the raw pixels of each image start, and last where those of one more would."""
    # Each image starts aligned, so that its pixels can be memory-mapped as an array.
    sizes = (pages.count * pages.plane_bytes for pages in images)
    aligned = (size + -size % ALIGNMENT for size in sizes)
    return tuple(itertools.accumulate(aligned, initial=DATA_START))


def header(first_directory: int, *, big: bool) -> bytes:
    """Return the first bytes of the file, little-endian.

    The argument is the offset of the first directory.
    """
    # TIFF 6.0, section 2: II for little-endian, 42, the first directory. BigTIFF: 43, the bytes of
    # an offset, a zero, the first directory.
    if big:
        return struct.pack("<2sHHHQ", b"II", _BIG_MAGIC, _BIG_OFFSET_BYTES, 0, first_directory)
    return struct.pack("<2sHI", b"II", _CLASSIC_MAGIC, first_directory)
