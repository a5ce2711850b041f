"""Subblocks -> pieces. A layout is one resolution level of one scene.

Rule kept here: rows are sorted by plane, and within a plane in the order in which they cover each
other. A window yields only the pieces of subblocks that a comparison of rectangles finds.
"""

import bisect
import itertools
import math
import struct
from collections.abc import Iterator

import attrs
import numpy as np

from aicsio.formats.czi import boxes
from aicsio.formats.czi.columns import slice_column
from aicsio.formats.czi.pixels import PIXEL_TYPES, UNCOMPRESSED, PixelType, choose_chain
from aicsio.records import (
    Codec,
    Encoded,
    HeaderRef,
    Pick,
    Piece,
    PlanePlaces,
    Selection,
    Source,
    Strided,
)
from aicsio.records.boxes import BoxParts, Integers
from aicsio.records.comparing import compared_by_fields
from aicsio.records.packed import PROGRESSION, PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

HEADER = "zisraw-subblock"
"""Name of the subblock's header in the table of headers: only it gives the start of the pixels."""
WHOLE = "zisraw-whole-subblock"
"""The same for a subblock that is read with its metadata and its attachment."""
BLOCK_PIXELS = 1 << 22
"""Mosaics of overlapping tiles are cut into blocks of about this many pixels: 8 MiB of uint16,
which one core decodes from zstd in 7 ms, while few tiles lie across two blocks."""


@printed_short
@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Resampled:
    """Columns of the subblocks whose stored size is not that of their rectangle on the canvas."""

    scale: float
    """Full-resolution pixels per pixel of the canvas."""
    top: PackedIntegers
    """First full-resolution row, counted from that of the canvas."""
    left: PackedIntegers
    """First full-resolution column."""
    rows: PackedIntegers
    """Full-resolution rows that the subblock covers."""
    columns: PackedIntegers
    """Full-resolution columns."""
    stored_height: PackedIntegers
    """Stored rows."""
    stored_width: PackedIntegers
    """Stored columns."""
    flags: PackedIntegers
    """1 for each row that is resampled, 0 for each that is stored as it is shown."""


@attrs.define
class Overlap:
    """The part of a subblock that a window shows, along Y and X. Not a record: it lives for a read."""

    frame: tuple[int, int]
    """Rows and columns of the subblock's rectangle."""
    source_start: tuple[int, int]
    """First position inside of the rectangle."""
    shape: tuple[int, int]
    """Number of positions."""
    target_start: tuple[int, int]
    """First position in the window."""


@printed_short
@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class CziLayout:
    """Layout of one level of one scene."""

    source: Source
    """Where the bytes are."""
    shape: tuple[int, ...]
    """Stored shape: plane axes, Y, X, and samples if there are any."""
    block_shape: tuple[int, ...]
    """One plane, or a part of the canvas."""
    plane_ndim: int
    """Number of leading axes that are plane axes."""
    samples: int
    """Length of the axis of samples; 0 if there is none."""
    keys: PackedIntegers | None
    """Index of the plane of each row, ascending; ``None`` if every plane has ``per_plane`` rows."""
    per_plane: int
    """Rows of each plane, or 0 if they differ."""
    row_count: int
    """Number of rows."""
    file_position: PackedIntegers
    """Byte offset of the subblock."""
    segment_size: PackedIntegers
    """Bytes from there to the next segment."""
    y: PackedIntegers
    """First row of the subblock on the canvas of this level; it may lie outside of the canvas."""
    x: PackedIntegers
    """First column, likewise."""
    height: PackedIntegers
    """Rows on the canvas."""
    width: PackedIntegers
    """Columns on the canvas."""
    pixel_type: PackedIntegers
    """Number of the pixel type."""
    compression: PackedIntegers
    """Number of the compression."""
    inner_index: PackedIntegers
    """Index of the plane inside its subblock: 0 but for subblocks that hold several."""
    inner_count: PackedIntegers
    """Number of planes inside the subblock."""
    resampled: Resampled | None = None
    """For levels in which some subblock is shown at another size than it is stored."""
    masked: bool = False
    """Whether the masks of valid pixels are applied. Subblocks are then read whole: only their
    metadata state whether they have one."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield the pieces of the subblocks that the window touches, those on top last."""
        samples = window[-1] if self.samples else None
        for row, overlap in self.overlaps(block, window):
            yield self._piece(row, overlap, samples)

    def plan_boxes(self, starts: Integers, stops: Integers) -> BoxParts | None:
        """Subblocks of many boxes; see ``PlansBoxes``."""
        # Pieces that are resampled have the size of the part that is shown.
        if self.masked or self.resampled is not None:
            return None
        return boxes.find_parts(starts, stops, self.shape, self.plane_ndim, self._rectangles)

    def make_pieces(self, numbers: Integers) -> Iterator[Piece]:
        """Whole subblocks; see ``PlansBoxes``."""
        samples = slice(0, self.samples) if self.samples else None
        for row in numbers.tolist():
            frame = self.height.at(row), self.width.at(row)
            yield self._piece(row, Overlap(frame, (0, 0), frame, (0, 0)), samples)

    def _rectangles(self, key: int) -> boxes.Rectangles:
        rows = np.arange(*self._rows_of(key))
        columns = (self.y, self.x, self.height, self.width)
        return boxes.Rectangles(rows, *(column.take(rows) for column in columns))

    def overlaps(
        self, block: tuple[int, ...], window: tuple[slice, ...]
    ) -> Iterator[tuple[int, Overlap]]:
        """Yield the rows of the subblocks that a window shows, and the parts that it shows."""
        n = self.plane_ndim
        key = 0
        for index, size in zip(block[:n], self.shape[:n], strict=True):
            key = key * size + index
        low, high = self._rows_of(key)
        top = block[n] * self.block_shape[n] + window[n].start
        left = block[n + 1] * self.block_shape[n + 1] + window[n + 1].start
        height = window[n].stop - window[n].start
        width = window[n + 1].stop - window[n + 1].start
        # Rows come in the order in which they cover each other: the engine places later pieces on
        # top.
        for row in self._touching(low, high, top, left, height, width):
            y, x = self.y.at(row) - top, self.x.at(row) - left
            y_start, x_start = max(y, 0), max(x, 0)
            frame = self.height.at(row), self.width.at(row)
            y_stop, x_stop = min(y + frame[0], height), min(x + frame[1], width)
            # Of a plane with one row no rectangle was compared: it may lie outside of the window.
            if y_stop > y_start and x_stop > x_start:
                yield (
                    row,
                    Overlap(
                        frame,
                        (y_start - y, x_start - x),
                        (y_stop - y_start, x_stop - x_start),
                        (y_start, x_start),
                    ),
                )

    def find_shown(self, picks: tuple[Pick, ...]) -> Iterator[int]:
        """Yield the file positions of the subblocks that a view shows, by plane, those on top last.

        ``picks`` has the positions of each stored axis. A subblock that holds several of the planes
        is yielded for each.
        """
        n = self.plane_ndim
        positions = [(pick,) if isinstance(pick, int) else tuple(pick) for pick in picks]
        y, x = np.array(positions[n]), np.array(positions[n + 1])
        for indices in itertools.product(*positions[:n]):
            key = 0
            for index, size in zip(indices, self.shape[:n], strict=True):
                key = key * size + index
            for row in range(*self._rows_of(key)):
                top, left = self.y.at(row), self.x.at(row)
                bottom, right = top + self.height.at(row), left + self.width.at(row)
                if ((y >= top) & (y < bottom)).any() and ((x >= left) & (x < right)).any():
                    yield self.file_position.at(row)

    def first_row(self, key: int) -> int | None:
        """Return the row of the first subblock of a plane; ``None`` if it has none."""
        low, high = self._rows_of(key)
        return low if low < high else None

    def locate_planes(self) -> PlanePlaces:
        """Return where the subblock of each plane begins; of several, the first."""
        keys = np.arange(math.prod(self.shape[: self.plane_ndim]), dtype=np.int64)
        rows, exists = keys * self.per_plane, keys * self.per_plane < self.row_count
        if self.keys is not None:
            known = np.broadcast_to(slice_column(self.keys, 0, self.row_count), self.row_count)
            rows = np.searchsorted(known, keys)
            exists = rows < self.row_count
            exists[exists] = known[rows[exists]] == keys[exists]
        offsets = np.where(exists, self.file_position.take(np.where(exists, rows, 0)), -1)
        files = np.where(exists, 0, -1).astype("<i4")
        return PlanePlaces((self.source.uri,), files.tobytes(), offsets.astype("<i8").tobytes())

    def count_planes(self) -> int:
        """Return how many planes have a subblock."""
        if self.keys is None:
            return self.row_count // max(self.per_plane, 1)
        return len(np.unique(slice_column(self.keys, 0, self.row_count)))

    def _touching(
        self, low: int, high: int, top: int, left: int, height: int, width: int
    ) -> "range | list[int]":
        """Return the rows from ``low`` to ``high`` whose rectangles meet that of a window."""
        # One row is cheaper to cut than to compare.
        if high - low <= 1:
            return range(low, high)
        y, x = slice_column(self.y, low, high), slice_column(self.x, low, high)
        bottom = y + slice_column(self.height, low, high).astype(np.int64)
        right = x + slice_column(self.width, low, high).astype(np.int64)
        meets = (y < top + height) & (bottom > top) & (x < left + width) & (right > left)
        touched: list[int] = (np.flatnonzero(np.broadcast_to(meets, high - low)) + low).tolist()
        return touched

    def _rows_of(self, key: int) -> tuple[int, int]:
        if self.keys is None:
            return key * self.per_plane, (key + 1) * self.per_plane
        if self.keys.kind == PROGRESSION:
            # Each row is a plane of its own, or all are of one plane.
            start, step = struct.unpack("<qq", self.keys.raw)
            if step == 0:
                return (0, self.row_count) if start == key else (0, 0)
            row, rest = divmod(key - start, step)
            exists = rest == 0 and 0 <= row < self.row_count
            return (row, row + 1) if exists else (0, 0)
        # bisect reads the memory itself: searchsorted would first make an array of 100 000 keys.
        view = np.frombuffer(self.keys.raw, self.keys.kind).data
        low = bisect.bisect_left(view, key)
        return low, bisect.bisect_right(view, key, low)

    # ------------------------------------------------------------ one subblock

    def _piece(self, row: int, overlap: Overlap, samples: slice | None) -> Piece:
        pixel_type = PIXEL_TYPES[self.pixel_type.at(row)]
        compression = self.compression.at(row)
        if self.masked or (self.resampled is not None and self.resampled.flags.at(row)):
            return self._resampled_piece(row, overlap, samples, pixel_type)
        if compression == UNCOMPRESSED and pixel_type.samples != 4:
            return self._raw_piece(row, overlap, samples, pixel_type)
        if self.inner_count.at(row) > 1:
            return self._resampled_piece(row, overlap, samples, pixel_type)
        chain = choose_chain(compression, self.samples, pixel_type.samples)
        header = self._header(row)
        shape = self.piece_shape(overlap.frame)
        selection = self.selection(overlap.source_start, overlap, samples)
        return Encoded(
            self.source, 0, header.nbytes, chain, shape, pixel_type.dtype, selection, header
        )

    def _raw_piece(
        self, row: int, overlap: Overlap, samples: slice | None, pixel_type: PixelType
    ) -> Strided:
        height, width = overlap.frame
        itemsize = pixel_type.dtype.itemsize
        pixel_size = pixel_type.samples * itemsize
        offset = self.inner_index.at(row) * height * width * pixel_size
        strides: tuple[int, ...] = (*(0,) * self.plane_ndim, width * pixel_size, pixel_size)
        if self.samples and pixel_type.samples == 3:
            # Section 3.3: blue is stored first, so red, green, blue is read backwards.
            strides = (*strides, -itemsize)
            offset += 2 * itemsize
        elif self.samples:
            # One gray sample stands for all three.
            strides = (*strides, 0)
        shape = self.piece_shape((height, width))
        selection = self.selection(overlap.source_start, overlap, samples)
        header = self._header(row)
        return Strided(self.source, offset, shape, strides, pixel_type.dtype, selection, header)

    def _resampled_piece(
        self, row: int, overlap: Overlap, samples: slice | None, pixel_type: PixelType
    ) -> Encoded:
        """Decode whole stored planes, then take the shown pixels of one of them.

        The piece has the size of the overlap: a tiny subblock that covers a huge rectangle must not
        be blown up before the window is cut.
        """
        compression = self.compression.at(row)
        chain = choose_chain(compression, self.samples, pixel_type.samples)
        y, x = self._axes(row, overlap)
        parameters = (
            ("chain", tuple((codec.name, codec.parameters) for codec in chain)),
            ("plane_count", self.inner_count.at(row)),
            ("plane_index", self.inner_index.at(row)),
            ("y", y),
            ("x", x),
            ("samples", self.samples),
        )
        header = self._header(row)
        codec = Codec("resample", parameters)
        if self.masked:
            header = HeaderRef(WHOLE, header.offset, header.nbytes)
            codec = Codec("zisraw-masked", parameters)
        return Encoded(
            self.source,
            0,
            header.nbytes,
            (codec,),
            self.piece_shape(overlap.shape),
            pixel_type.dtype,
            self.selection((0, 0), overlap, samples),
            header,
            partial=self.masked,
        )

    def _axes(
        self, row: int, overlap: Overlap
    ) -> tuple[tuple[int | float, ...], tuple[int | float, ...]]:
        """Return the fields of ``resampling.ResampledAxis`` along Y and X."""
        table = self.resampled
        first_y = self.y.at(row) + overlap.source_start[0]
        first_x = self.x.at(row) + overlap.source_start[1]
        if table is None or not table.flags.at(row):
            height, width = self.height.at(row), self.width.at(row)
            return (
                (first_y, 1.0, self.y.at(row), height, height),
                (first_x, 1.0, self.x.at(row), width, width),
            )
        return (
            (
                first_y,
                table.scale,
                table.top.at(row),
                table.rows.at(row),
                table.stored_height.at(row),
            ),
            (
                first_x,
                table.scale,
                table.left.at(row),
                table.columns.at(row),
                table.stored_width.at(row),
            ),
        )

    def _header(self, row: int) -> HeaderRef:
        return HeaderRef(HEADER, self.file_position.at(row), self.segment_size.at(row))

    def piece_shape(self, frame: tuple[int, int]) -> tuple[int, ...]:
        """Return the shape of a piece of ``frame`` rows and columns, with the rank of the array."""
        sample_shape = (self.samples,) if self.samples else ()
        return (*(1,) * self.plane_ndim, *frame, *sample_shape)

    def selection(
        self, source_start: tuple[int, int], overlap: Overlap, samples: slice | None
    ) -> Selection:
        """Return an overlap as a selection, with the rank of the array."""
        n = self.plane_ndim
        if samples is None:
            return Selection(
                (*(0,) * n, *source_start),
                (*(1,) * n, *overlap.shape),
                (*(0,) * n, *overlap.target_start),
            )
        return Selection(
            (*(0,) * n, *source_start, samples.start),
            (*(1,) * n, *overlap.shape, samples.stop - samples.start),
            (*(0,) * n, *overlap.target_start, 0),
        )
