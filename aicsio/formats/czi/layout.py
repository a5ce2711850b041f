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
"""Mosaics whose tiles overlap are cut into blocks of about this many pixels (16-bit: 8 MiB)."""


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
IMAGE_CODECS = frozenset({1, 4})
"""Compressions that store one image with a header of its own: JPEG and JPEG XR."""
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
    """Rows on the canvas."""
    width: Column
    """Columns on the canvas."""
    pixel_type: Column
    """Number of the pixel type."""
    compression: Column
    """Number of the compression."""
    inner: Column
    """Index of the plane inside its subblock: above 0 only if a subblock holds several."""
    planes_inside: Column | None = None
    """Planes that the subblock holds; ``None`` if each holds one."""
    stored_height: Column | None = None
    """Stored rows; ``None`` if all subblocks are shown in their stored size."""
    stored_width: Column | None = None
    """Stored columns; ``None`` likewise."""

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
        for row in touched:
            selection = self._selection(row, top, left, rows, columns, window)
            if selection is not None:
                yield self._piece(row, selection)

    def _selection(
        self,
        row: int,
        top: int,
        left: int,
        rows: int,
        columns: int,
        window: tuple[slice, ...],
    ) -> Selection | None:
        """Return the part of a subblock that lies in a window of the canvas; ``None`` if none does."""
        plane_axes = self.planes
        subblock_y, subblock_x = self.y.at(row) - top, self.x.at(row) - left
        target_y, target_x = max(subblock_y, 0), max(subblock_x, 0)
        height = min(subblock_y + self.height.at(row), rows) - target_y
        width = min(subblock_x + self.width.at(row), columns) - target_x
        if height <= 0 or width <= 0:
            return None
        zeros, ones = (0,) * plane_axes, (1,) * plane_axes
        source_y, source_x = target_y - subblock_y, target_x - subblock_x
        if not self.samples:
            return Selection(
                (*zeros, source_y, source_x), (*ones, height, width), (*zeros, target_y, target_x)
            )
        samples = window[-1]
        return Selection(
            (*zeros, source_y, source_x, samples.start),
            (*ones, height, width, samples.stop - samples.start),
            (*zeros, target_y, target_x, 0),
        )

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

    def _piece(self, row: int, selection: Selection) -> Piece:
        """Describe the wanted part of one subblock."""
        kind = PIXEL_TYPES[self.pixel_type.at(row)]
        compression, nbytes = self.compression.at(row), self.segment.at(row)
        height, width = self.height.at(row), self.width.at(row)
        shape = (*(1,) * self.planes, height, width, *((self.samples,) if self.samples else ()))
        header = HeaderRef(HEADER, self.position.at(row), nbytes)
        stored = height, width
        if self.stored_height is not None and self.stored_width is not None:
            stored = self.stored_height.at(row), self.stored_width.at(row)
        planes_inside = 1 if self.planes_inside is None else self.planes_inside.at(row)
        if compression == 0 and kind.samples != 4 and stored == (height, width):
            offset, strides = self._raw_strides(kind, self.inner.at(row), height, width)
            return Strided(self.source, offset, shape, strides, kind.dtype, selection, header)
        chain = self._chain(kind, compression)
        if stored != (height, width) or planes_inside > 1:
            parameters = (
                ("codecs", tuple((codec.name, codec.parameters) for codec in chain)),
                ("planes", planes_inside),
                ("index", self.inner.at(row)),
                ("size", stored),
                ("axis", self.planes),
            )
            chain = (Codec("stored-planes", parameters),)
        return Encoded(self.source, 0, nbytes, chain, shape, kind.dtype, selection, header)

    def _raw_strides(
        self, kind: PixelType, inner: int, height: int, width: int
    ) -> tuple[int, tuple[int, ...]]:
        """Return the offset and the strides of raw pixels, in bytes from the start of the payload."""
        item = kind.dtype.itemsize
        pixel = kind.samples * item
        offset = inner * height * width * pixel
        strides = (*(0,) * self.planes, width * pixel, pixel)
        if not self.samples:
            return offset, strides
        if kind.samples == 3:
            # Blue lies first: red, green, blue is read backwards.
            return offset + 2 * item, (*strides, -item)
        # One gray sample stands for all three.
        return offset, (*strides, 0)

    def _chain(self, kind: PixelType, compression: int) -> tuple[Codec, ...]:
        """Return the codecs from stored bytes to pixels in the order red, green, blue, alpha."""
        chain = CHAINS[compression]
        if not self.samples:
            return chain
        if kind.samples == 1:
            repeated = (0,) * self.samples
            return (*chain, Codec("samples", (("order", repeated), ("stored", 1))))
        if compression in IN_RGB_ORDER:
            return (Codec(chain[0].name, (("sampled", True),)),)
        order = (2, 1, 0, 3)[: kind.samples]
        return (*chain, Codec("samples", (("order", order), ("stored", kind.samples))))
