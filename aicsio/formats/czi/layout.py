"""Subblocks -> pieces. A layout is one resolution level of one scene: its subblocks, sorted by plane and by M.

Rule kept here: columns are ``bytes`` as narrow as their values allow; a column that is the same for every subblock, or
repeats with every plane, is kept once. A window touches only the subblocks that a comparison of rectangles finds.
"""

import bisect
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import Codec, DType, Encoded, HeaderRef, Piece, Selection, Source, Strided

Ints = npt.NDArray[np.int64]

HEADER = "zisraw-subblock"
BLOCK_PIXELS = 1 << 22
"""Mosaics whose tiles overlap are cut into blocks of about this many pixels."""


@attrs.frozen
class PixelType:
    """How ZISRAW stores a pixel (section 3.3, PixelTypes)."""

    name: str
    """As in the metadata."""
    dtype: DType
    """Of one sample, little-endian."""
    samples: int
    """Stored samples of a pixel: blue, green, red, alpha."""


PIXEL_TYPES = {
    0: PixelType("Gray8", np.dtype("u1"), 1),
    1: PixelType("Gray16", np.dtype("<u2"), 1),
    2: PixelType("Gray32Float", np.dtype("<f4"), 1),
    3: PixelType("Bgr24", np.dtype("u1"), 3),
    4: PixelType("Bgr48", np.dtype("<u2"), 3),
    8: PixelType("Bgr96Float", np.dtype("<f4"), 3),
    9: PixelType("Bgra32", np.dtype("u1"), 4),
    10: PixelType("Gray64ComplexFloat", np.dtype("<c8"), 1),
    11: PixelType("Bgr192ComplexFloat", np.dtype("<c8"), 3),
    12: PixelType("Gray32", np.dtype("<i4"), 1),
    13: PixelType("Gray64Float", np.dtype("<f8"), 1),
}

COMPRESSIONS = {0: "uncompressed", 1: "JPEG", 2: "LZW", 4: "JPEG XR", 5: "zstd0", 6: "zstd1"}
LIBRARIES = {1: "jpeg8", 2: "tiff", 4: "jpegxr", 5: "zstd", 6: "zstd"}
"""What imagecodecs must have been built with."""
CHAINS: dict[int, tuple[Codec, ...]] = {
    0: (),
    1: (Codec("jpeg", (("sampled", False),)),),
    2: (Codec("lzw"),),
    4: (Codec("jpegxr", (("sampled", False),)),),
    5: (Codec("zstd"),),
    6: (Codec("zstd1"),),
}
IN_RGB_ORDER = {1, 4}
"""Compressions whose decoder already gives red, green, blue."""


KINDS = {
    name: (int(np.iinfo(name).min), int(np.iinfo(name).max))
    for name in ("<u1", "<i1", "<u2", "<i2", "<u4", "<i4", "<i8")
}
"""Types of columns, narrow first."""


def _fits(kind: str, low: int, high: int) -> bool:
    least, most = KINDS[kind]
    return least <= low and high <= most


@attrs.frozen
class Column:
    """Integers, one a row, or one a row of a plane that every plane repeats, or a single one for all."""

    raw: bytes = attrs.field(repr=False)
    """Little-endian, of type ``kind``."""
    kind: str
    """Such as ``"<u4"``."""
    count: int
    """How many are kept."""

    @classmethod
    def of(cls, values: Ints, per_plane: int = 0, kind: str | None = None) -> "Column":
        """Keep values as narrowly as they allow."""
        if len(values):
            low, high = int(values.min()), int(values.max())
        else:
            low = high = 0
        if low == high:
            values, kind = values[:1], None
        elif per_plane and len(values) > per_plane:
            table = values.reshape(-1, per_plane)
            if (table == table[0]).all():
                values = table[0]
        if kind is None or not _fits(kind, low, high):
            kind = next(name for name in KINDS if _fits(name, low, high))
        return cls(values.astype(kind).tobytes(), kind, len(values))

    def at(self, row: int) -> int:
        """Value of one row."""
        item = int(self.kind[-1])
        at = row % self.count * item
        return int.from_bytes(self.raw[at : at + item], "little", signed=self.kind[1] == "i")

    def rows(self, low: int, high: int) -> npt.NDArray[Any]:
        """Values of the rows of one plane, or of all of them; a single value for a column of one."""
        values = np.frombuffer(self.raw, self.kind)
        if self.count == 1:
            return values
        start = low % self.count
        return values[start : start + high - low]


@attrs.frozen
class CziLayout:
    """Layout of one level of one scene."""

    source: Source
    """Where the bytes are."""
    shape: tuple[int, ...]
    """Stored shape: plane axes, Y, X, and samples where there are any."""
    block_shape: tuple[int, ...]
    """One plane, or a part of the canvas."""
    planes: int
    """How many leading axes are plane axes."""
    samples: int
    """Length of the axis of samples; 0 where there is none."""
    keys: Column | None
    """Plane of each row, ascending; ``None`` where every plane has ``per_plane`` rows."""
    per_plane: int
    """Rows of each plane, or 0."""
    total: int
    """Number of rows."""
    position: Column
    """Offset of the subblock."""
    segment: Column
    """Bytes from there to the next segment."""
    y: Column
    """First row of the subblock on the canvas of this level; pyramid levels may begin outside of it."""
    x: Column
    """First column, likewise."""
    height: Column
    """Stored rows."""
    width: Column
    """Stored columns."""
    pixel_type: Column
    """Number of the pixel type."""
    compression: Column
    """Number of the compression."""
    inner: Column
    """Which plane inside its subblock: 0 but for subblocks that hold several."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces of the subblocks that the window touches, later M last."""
        key = 0
        for index, size in zip(block[: self.planes], self.shape[: self.planes], strict=True):
            key = key * size + index
        low, high = self._rows_of(key)
        n = self.planes
        corner = (block[n] * self.block_shape[n], block[n + 1] * self.block_shape[n + 1])
        top, left = corner[0] + window[n].start, corner[1] + window[n + 1].start
        rows, columns = window[n].stop - window[n].start, window[n + 1].stop - window[n + 1].start
        if high - low <= 1:
            touched: Any = range(low, high)
        else:
            y, x = self.y.rows(low, high), self.x.rows(low, high)
            hit = (y < top + rows) & (y + self.height.rows(low, high).astype(np.int64) > top)
            hit = (
                hit
                & (x < left + columns)
                & (x + self.width.rows(low, high).astype(np.int64) > left)
            )
            touched = (np.flatnonzero(np.broadcast_to(hit, high - low)) + low).tolist()
        samples = (window[-1],) if self.samples else ()
        for row in touched:
            y0, x0 = self.y.at(row) - top, self.x.at(row) - left
            y1, x1 = max(y0, 0), max(x0, 0)
            height, width = self.height.at(row), self.width.at(row)
            down, across = min(y0 + height, rows) - y1, min(x0 + width, columns) - x1
            if down > 0 and across > 0:
                crop = (*(0,) * n, y1 - y0, x1 - x0, *(part.start for part in samples))
                extent = (*(1,) * n, down, across, *(part.stop - part.start for part in samples))
                place = (*(0,) * n, y1, x1, *(0,) * len(samples))
                yield self._piece(row, height, width, (crop, extent, place))

    def first_row(self, key: int) -> int | None:
        """Row of the first subblock of a plane; ``None`` where it has none."""
        low, high = self._rows_of(key)
        return low if low < high else None

    def _rows_of(self, key: int) -> tuple[int, int]:
        if self.keys is None:
            return key * self.per_plane, (key + 1) * self.per_plane
        # The search asks the memory itself: no array, and few Python objects, of 100 000 keys.
        view = np.frombuffer(self.keys.raw, self.keys.kind).data
        if self.keys.count == 1:
            return (0, self.total) if view[0] == key else (0, 0)
        low = bisect.bisect_left(view, key)
        return low, bisect.bisect_right(view, key, low)

    def _piece(self, row: int, height: int, width: int, cut: tuple[tuple[int, ...], ...]) -> Piece:
        """Describe one subblock; ``cut`` is what is wanted of it: crop, extent, place."""
        crop, extent, place = cut
        kind = PIXEL_TYPES[self.pixel_type.at(row)]
        compression, offset, nbytes = (
            self.compression.at(row),
            self.position.at(row),
            self.segment.at(row),
        )
        shape = (*(1,) * self.planes, height, width, *((self.samples,) if self.samples else ()))
        behind = HeaderRef(HEADER, offset, nbytes)
        if compression == 0 and kind.samples != 4:
            item = kind.dtype.itemsize
            strides = (*(0,) * self.planes, width * kind.samples * item, kind.samples * item)
            inner = self.inner.at(row) * height * width * kind.samples * item
            if self.samples and kind.samples == 3:
                # Blue lies first: red, green, blue is read backwards.
                strides, inner = (*strides, -item), inner + 2 * item
            elif self.samples:
                # One gray sample stands for all three.
                strides = (*strides, 0)
            return Strided(
                self.source,
                inner,
                shape,
                strides,
                kind.dtype,
                Selection(crop, extent, place),
                behind,
            )
        chain = CHAINS[compression]
        if self.samples and kind.samples == 1:
            chain = (*chain, Codec("samples", (("order", (0,) * self.samples), ("stored", 1))))
        elif self.samples and compression in IN_RGB_ORDER:
            chain = (Codec(chain[0].name, (("sampled", True),)),)
        elif self.samples:
            chain = (
                *chain,
                Codec(
                    "samples", (("order", (2, 1, 0, 3)[: kind.samples]), ("stored", kind.samples))
                ),
            )
        return Encoded(
            self.source, 0, nbytes, chain, shape, kind.dtype, Selection(crop, extent, place), behind
        )
