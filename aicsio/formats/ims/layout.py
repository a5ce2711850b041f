"""Chunks of an Imaris level -> pieces. Each time point and channel is an array of its own.

Rule kept here: an array or chunk that the file lacks yields no piece, so that its pixels are zero.
Chunks are stored whole; what lies behind the edge of the image is never shown.
"""

import itertools
import math
import operator
from collections.abc import Iterator

import attrs
import numpy as np

from aicsio.formats.ims.filters import decoders
from aicsio.records import Codec, DType, Encoded, Piece, Selection, Source, Strided
from aicsio.records.lazy import cut_at_chunks, window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short


@pickled_by_position
@attrs.frozen
class ArrayStorage:
    """How an array is stored; nearly always all arrays of a file are stored alike."""

    shape: tuple[int, int, int]
    """Z, Y, X of the stored array, with its padding."""
    chunk: tuple[int, int, int]
    """Z, Y, X of a chunk; the shape for a contiguous array."""
    dtype: DType
    """Stored type, with its byte order."""
    filters: tuple[Codec, ...]
    """Codecs that undo the filters, in the order of writing."""

    @property
    def grid(self) -> tuple[int, ...]:
        """Numbers of chunks along Z, Y, X."""
        return tuple(-(-n // step) for n, step in zip(self.shape, self.chunk, strict=True))


@printed_short
@pickled_by_position
@attrs.frozen
class ImsLayout:
    """Pixels of one resolution level."""

    source: Source
    """Where the bytes are."""
    shape: tuple[int, ...]
    """T, C, Z, Y, X of the image."""
    block_shape: tuple[int, ...]
    """One chunk, or several of one array."""
    storages: tuple[ArrayStorage, ...]
    """The kinds of arrays."""
    kind: PackedIntegers
    """One a time point and channel: index into ``storages``, -1 where the file lacks the array."""
    first: PackedIntegers
    """One a time point and channel: the row of its first chunk."""
    offsets: PackedIntegers
    """One a chunk, in C order of each array: byte offset; -1 where the file lacks it."""
    sizes: PackedIntegers
    """One a chunk: stored bytes."""
    masks: PackedIntegers
    """One a chunk: a bit for each filter that it skipped."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        for t, c in itertools.product(range(counts[0]), range(counts[1])):
            row = (starts[0] + t) * self.shape[1] + starts[1] + c
            number = self.kind.at(row)
            if number >= 0:
                yield from self._cut(self.storages[number], row, (t, c), starts[2:], counts[2:])

    def _cut(
        self,
        storage: ArrayStorage,
        row: int,
        target: tuple[int, int],
        starts: tuple[int, ...],
        counts: tuple[int, ...],
    ) -> Iterator[Piece]:
        """Pieces for a window of one array."""
        # A chunk as T, C, Z, Y, X.
        shape = (1, 1, *storage.chunk)
        strides = c_strides(shape, storage.dtype.itemsize)
        _, grid_height, grid_width = storage.grid
        first = self.first.at(row)
        axes = zip(starts, counts, storage.shape, storage.chunk, strict=True)
        # An array that is smaller than the image leaves the rest zero.
        runs = [cut_at_chunks(start, min(start + n, end), step) for start, n, end, step in axes]
        t, c = target
        # Written out: a generator for each of the three tuples takes 3 us of the 15 of a chunk.
        for (z, z0, depth, tz), (y, y0, height, ty), (x, x0, width, tx) in itertools.product(*runs):
            cell = first + (z * grid_height + y) * grid_width + x
            offset = self.offsets.at(cell)
            if offset < 0:
                continue
            selection = Selection(
                (0, 0, z0, y0, x0), (1, 1, depth, height, width), (t, c, tz, ty, tx)
            )
            # A mask may skip every filter of a chunk, whose bytes are raw then.
            codecs = storage.filters and decoders(storage.filters, self.masks.at(cell))
            if codecs:
                size = self.sizes.at(cell)
                yield Encoded(self.source, offset, size, codecs, shape, storage.dtype, selection)
            else:
                yield Strided(self.source, offset, shape, strides, storage.dtype, selection)


def c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the bytes from one position to the next along each axis, in C order."""
    # Running products of the sizes from the last axis to the second are the strides.
    return tuple(itertools.accumulate((itemsize, *shape[:0:-1]), operator.mul))[::-1]


RAW_BYTES = 2 << 20
"""Contiguous arrays are cut into blocks of about this size, so that threads share them, and raw chunks
are taken together: 960 of 128 KiB take 40 ms, two by two 50."""
CODED_BYTES = 1 << 18
"""Compressed chunks smaller than this are taken together: a task of the plan costs some 20 us."""


def block_shape_of(storage: ArrayStorage, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of blocks for a level whose arrays are stored in this way."""
    is_contiguous = storage.chunk == storage.shape and not storage.filters
    block = list(shape[2:]) if is_contiguous else list(storage.chunk)
    itemsize = storage.dtype.itemsize
    if is_contiguous:
        # Blocks are cut between planes; where one plane is too large between rows, then columns.
        for axis in range(3):
            rest = math.prod(block[axis + 1 :]) * itemsize
            block[axis] = max(1, min(block[axis], RAW_BYTES // max(rest, 1)))
        return (1, 1, *block)
    most = CODED_BYTES if storage.filters else RAW_BYTES
    # Chunks join along X, and along Y and Z once the block holds all of the axes behind.
    for axis in (2, 1, 0):
        room = max(most // (math.prod(block) * itemsize), 1)
        count = -(-shape[2 + axis] // block[axis])
        block[axis] *= min(count, room)
        if count > room:
            break
    return (1, 1, *block)


@attrs.frozen(eq=False)
class ChunkTable:
    """Chunks of one array. Not a record: it lives for one opening."""

    storage: ArrayStorage
    """How the array is stored."""
    offsets: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Byte offset, one a chunk; -1 where there is none."""
    sizes: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Stored bytes."""
    masks: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Filters that were skipped."""
    damaged: int = 0
    """Chunks that lie outside of the array or of the file."""
    fill: float = 0.0
    """Value of chunks that the file lacks, as it states it; they are shown as zero."""
