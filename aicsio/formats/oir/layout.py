"""Chunks of an OIR file -> pieces. A plane is scattered: some rows, the tag of the next ones, and so on.

Rule kept here: what no chunk holds yields no piece, so that its pixels are zero.

A plane of 2 MiB has 136 chunks. Where they lie close to each other one piece reads all that a window
needs, along with the tags between them, which are 0.6 % of it; else each chunk is a piece.
"""

import math
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs
import numpy as np

from aicsio.records import (
    Codec,
    DType,
    Encoded,
    Piece,
    PlanePlaces,
    Selection,
    Source,
    Strided,
)
from aicsio.records.lazy import window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

Chunk: TypeAlias = tuple[int, int, int, int]
"""Number of its file, byte offset, first byte of the plane, and bytes."""
MOST_WASTE: Final = 1.25
"""Share of the bytes of a window that may be read along with it. Channels take turns in the file: of
two, a plane is half of what lies between its first chunk and its last. 16 planes of 1024 x 1024 of such a
file take 16 ms by one read each, 44 ms by one a chunk; remote chunks so near share a request anyway."""


@printed_short
@pickled_by_position
@attrs.frozen
class OirLayout:
    """Pixels of a file and of those that continue it."""

    sources: tuple[Source, ...]
    """The files."""
    shape: tuple[int, ...]
    """Stored shape: axes, channels, rows, columns; samples last in place of channels."""
    lead: int
    """Number of axes in front of rows, channels among them."""
    sampled: bool
    """Whether planes are samples of a colour: then their axis is the last."""
    dtype: DType
    """Stored type."""
    first_chunk: PackedIntegers
    """One a plane and one more: number of its first chunk."""
    files: PackedIntegers
    """One a chunk: number of its file."""
    offsets: PackedIntegers
    """One a chunk: byte offset of its samples."""
    starts: PackedIntegers
    """One a chunk: byte of the plane where they go; each whole samples."""
    lengths: PackedIntegers
    """One a chunk: its bytes."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """One plane, with its samples if it is a colour."""
        return (*(1,) * self.lead, *self.shape[self.lead :])

    def locate_planes(self) -> PlanePlaces | None:
        """Return where the first samples of each plane lie."""
        # Each sample of a colour is a plane of its own in the file: a pixel has no single place.
        if self.sampled:
            return None
        planes = np.arange(math.prod(self.shape[: self.lead]))
        first, after = self.first_chunk.take(planes), self.first_chunk.take(planes + 1)
        # A plane without a chunk looks up row 0 here and gets -1 below.
        rows = np.where(after > first, first, 0)
        files = np.where(after > first, self.files.take(rows), -1)
        offsets = np.where(after > first, self.offsets.take(rows), -1)
        uris = tuple(source.uri for source in self.sources)
        return PlanePlaces(uris, files.astype("<i4").tobytes(), offsets.astype("<i8").tobytes())

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        lead = self.lead
        for inside in np.ndindex(*counts[:lead]):
            place = tuple(start + step for start, step in zip(starts, inside, strict=False))
            plane = int(np.ravel_multi_index(place, self.shape[:lead])) if lead else 0
            if not self.sampled:
                part = _PlaneWindow(self, inside, starts[lead:], counts[lead:], None)
                yield from part.pieces(plane)
                continue
            for sample in range(counts[-1]):
                part = _PlaneWindow(self, inside, starts[lead:-1], counts[lead:-1], sample)
                yield from part.pieces(plane * self.shape[-1] + starts[-1] + sample)

    def chunks_of(self, plane: int) -> range:
        """Return the numbers of the chunks of a plane."""
        return range(self.first_chunk.at(plane), self.first_chunk.at(plane + 1))


class _PlaneWindow:
    """The window of one plane. It lives for one plan."""

    def __init__(
        self,
        layout: OirLayout,
        inside: tuple[int, ...],
        start: tuple[int, ...],
        count: tuple[int, ...],
        sample: int | None,
    ) -> None:
        self.layout = layout
        self.inside = inside
        self.row, self.column = start
        self.rows, self.columns = count
        self.sample = sample
        self.width = layout.shape[layout.lead + 1]
        self.row_nbytes = self.width * layout.dtype.itemsize

    def pieces(self, plane: int) -> Iterator[Piece]:
        """Yield one piece for all chunks that the rows need, or one for each."""
        low, high = self.row * self.row_nbytes, (self.row + self.rows) * self.row_nbytes
        needed = self._needed(plane, low, high)
        joined = self._joined(needed, low, high)
        if joined is not None:
            yield joined
            return
        for chunk in needed:
            yield from self._of_chunk(chunk, low, high)

    def _needed(self, plane: int, low: int, high: int) -> list[Chunk]:
        """Return the chunks that hold some of the bytes of a plane.

        Columns are read at once: 150 chunks take 0.1 ms, one by one 0.5 ms.
        """
        layout = self.layout
        numbers = np.array(layout.chunks_of(plane), np.int64)
        starts, lengths = layout.starts.take(numbers), layout.lengths.take(numbers)
        kept = (starts < high) & (starts + lengths > low)
        columns = (layout.files.take(numbers), layout.offsets.take(numbers), starts, lengths)
        rows = zip(*(column[kept].tolist() for column in columns), strict=True)
        return list(rows)

    def _joined(self, chunks: list[Chunk], low: int, high: int) -> Piece | None:
        """Return one piece for chunks that follow each other closely and have all of the rows."""
        layout = self.layout
        if len(chunks) < 2 or len({file for file, _, _, _ in chunks}) > 1:
            return None
        spans = [(offset, nbytes) for _, offset, _, nbytes in chunks]
        starts = [start for _, _, start, _ in chunks]
        ends = [start + nbytes for _, _, start, nbytes in chunks]
        # A piece places all of its rows, so the chunks must fill them without a gap.
        if starts[0] > low or ends[-1] < high or starts[1:] != ends[:-1]:
            return None
        first = min(offset for offset, _ in spans)
        nbytes = max(offset + length for offset, length in spans) - first
        used = sum(length for _, length in spans)
        if nbytes > used * (1 + MOST_WASTE):
            return None
        ranges = tuple(number for offset, length in spans for number in (offset - first, length))
        shape, strides, selection = self._placed(0, self.rows, 0)
        chain = (
            Codec("gather", (("ranges", ranges),)),
            Codec("strided", (("offset", low - starts[0]), ("strides", strides))),
        )
        source = layout.sources[chunks[0][0]]
        return Encoded(source, first, nbytes, chain, shape, layout.dtype, selection)

    def _of_chunk(self, chunk: Chunk, low: int, high: int) -> Iterator[Piece]:
        """Yield the rows of one chunk: whole ones, and parts of the first and the last."""
        layout = self.layout
        file, offset, start, nbytes = chunk
        source = layout.sources[file]
        end = min(start + nbytes, high)
        at = max(start, low)
        while at < end:
            row, inside = divmod(at, self.row_nbytes)
            whole = (end - at) // self.row_nbytes
            if inside or not whole:
                # A part of a row: chunks of odd lengths end anywhere.
                stop = min(end, (row + 1) * self.row_nbytes)
                yield from self._of_row(source, offset + at - start, row, at, stop)
                at = stop
                continue
            shape, strides, selection = self._placed(row - self.row, whole, 0)
            yield Strided(source, offset + at - start, shape, strides, layout.dtype, selection)
            at += whole * self.row_nbytes

    def _of_row(self, source: Source, offset: int, row: int, at: int, stop: int) -> Iterator[Piece]:
        """Yield the wanted columns of a part of one row."""
        itemsize = self.layout.dtype.itemsize
        first = (at - row * self.row_nbytes) // itemsize
        after = (stop - row * self.row_nbytes) // itemsize
        low, high = max(first, self.column), min(after, self.column + self.columns)
        if low >= high:
            return
        _, strides, selection = self._placed(row - self.row, 1, low - self.column)
        count = high - low
        shape = (*(1,) * self.layout.lead, 1, count, *self._last(1))
        wanted = Selection((0,) * len(shape), shape, selection.target_start)
        start = offset + (low - first) * itemsize
        yield Strided(source, start, shape, strides, self.layout.dtype, wanted)

    def _placed(
        self, row: int, rows: int, column: int
    ) -> tuple[tuple[int, ...], tuple[int, ...], Selection]:
        """Return shape, strides and selection of whole rows that begin at a row of the window."""
        lead, itemsize = self.layout.lead, self.layout.dtype.itemsize
        shape = (*(1,) * lead, rows, self.width, *self._last(1))
        # Leading axes have one position each, so their stride is never used.
        strides = (*(0,) * lead, self.row_nbytes, itemsize, *self._last(itemsize))
        selection = Selection(
            (*(0,) * lead, 0, self.column, *self._last(0)),
            (*(1,) * lead, rows, self.columns, *self._last(1)),
            (*self.inside, row, column, *self._last(self.sample or 0)),
        )
        return shape, strides, selection

    def _last(self, value: int) -> tuple[int, ...]:
        """Return the number of the axis of samples, if there is one."""
        return () if self.sample is None else (value,)
