"""The chunks of an array as they lie in its files: one run of bytes each, all coded alike.

Rule kept here: no pixels are read, only headers whose lengths nothing else gives. A chunk that is
not one run of bytes is a reason, which is counted and not passed over.
"""

import itertools
import math
import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs

from aicsio import _codecs
from aicsio._engine import keyed, strided
from aicsio._engine.completing import complete
from aicsio._engine.placements import Placement
from aicsio._engine.plan import Task, placements, tasks
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.records import (
    Codec,
    Computed,
    Deferred,
    DType,
    Encoded,
    HeaderRef,
    Keyed,
    LazyArray,
    Nested,
    Source,
    Strided,
)
from aicsio.references.chunks import RegularGrid

Index: TypeAlias = tuple[int, ...]

LARGEST_RAW = 32 << 20
"""Raw planes beyond this are cut between rows: a reader holds a whole chunk in memory."""
MOST_SURPLUS = 4
"""Bytes of a scattered chunk per byte of its pixels: beyond this a reader fetches mostly others."""
HEADER_BATCH = 4096
"""Headers that are read by one call; 330 KB of CZI."""


@attrs.frozen
class StoredCoding:
    """How the bytes of a chunk become its pixels."""

    codecs: tuple[Codec, ...]
    """Applied in order; none means that the bytes are the pixels."""
    shape: tuple[int, ...]
    """Shape of the decoded array."""
    dtype: DType
    """Its type, with byte order."""
    axes: tuple[int, ...]
    """Axis of the decoded array for each axis of the chunk; -1 for an added one."""

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape with the axes of the chunk."""
        return tuple(1 if axis < 0 else self.shape[axis] for axis in self.axes)


@attrs.define
class StoredChunk:
    """Bytes of a chunk. Not a record: it lives for one export."""

    source: Source
    """The file."""
    offset: int
    """First byte; with ``header``, counted from the end of the header."""
    nbytes: int
    """Length; with ``header`` and codecs, the header gives it."""
    coding: StoredCoding
    """How they are coded."""
    header: HeaderRef | None
    """Header in front of the bytes."""
    covered: int = 0
    """Pixels of the array that it supplies."""


@attrs.define
class StoredChunks:
    """All chunks of an array. Not a record: it lives for one export."""

    array: LazyArray
    """The array."""
    grid: RegularGrid | None = None
    """The chunks that its pieces form; ``None`` until the first piece."""
    chunks: dict[Index, StoredChunk] = attrs.Factory(dict)
    """By the index of the chunk; a chunk of which nothing is stored is missing."""
    reasons: Counter[str] = attrs.Factory(Counter)
    """Why pieces cannot be referenced, and how many."""

    @property
    def codings(self) -> dict[StoredCoding, int]:
        """Codings, each with the number of its chunks."""
        return dict(Counter(chunk.coding for chunk in self.chunks.values()))


def find_chunks(array: LazyArray) -> StoredChunks:
    """Find the chunks that the stored pieces of an array form.

    Raises
    ------
    CorruptFileError
        When a header is damaged.
    SourceError
        When headers cannot be read.
    """
    array = complete(array)
    found = StoredChunks(array)
    # The tables of shards stay with the session: each is read once.
    with readers.session():
        for first, part in _even_parts(array):
            for task in tasks(part):
                for placement in placements(part, task):
                    _add(found, placement, _start_of(task, placement, first, array))
    # Before the headers: an array that is refused needs no reads.
    _check_cover(found)
    _resolve_headers(found)
    return found


def _even_parts(array: LazyArray) -> Iterator[tuple[dict[int, int], LazyArray]]:
    """Split uneven picks into single positions: first position by stored axis, and the part.

    Steps along other axes than Y and X are split, too: the engine cuts the pieces of a step to the
    pixels that are shown, and a tile that sticks out is referenced whole.
    """
    picks = array.view.picks
    uneven: dict[int, tuple[int, ...]] = {}
    for axis, (letter, pick) in enumerate(zip(array.stored, picks, strict=True)):
        if isinstance(pick, tuple) or (
            isinstance(pick, range) and pick.step != 1 and letter not in "YX"
        ):
            uneven[axis] = tuple(pick)
    for combination in itertools.product(*(enumerate(pick) for pick in uneven.values())):
        parts = list(picks)
        first: dict[int, int] = {}
        for axis, (shown, position) in zip(uneven, combination, strict=True):
            parts[axis] = range(position, position + 1)
            first[axis] = shown
        yield first, attrs.evolve(array, view=attrs.evolve(array.view, picks=tuple(parts)))


def _start_of(
    task: Task, placement: Placement[Any], first: dict[int, int], array: LazyArray
) -> Index:
    """Return the position in the output of the first pixel that a piece supplies."""
    start = []
    for axis in array.view.axes:
        if axis < 0:
            start.append(0)
            continue
        # A view of even picks fills slices, or single positions where it has one a block.
        part = task.target[axis]
        within = part.start if isinstance(part, slice) else part[0]
        start.append(first.get(axis, 0) + within + placement.target[axis].start)
    return tuple(start)


def _add(found: StoredChunks, placement: Placement[Any], start: Index) -> None:
    piece = placement.piece
    if isinstance(piece, Strided):
        _add_raw(found, piece, start)
    elif isinstance(piece, Encoded):
        _add_encoded(found, piece, placement.taken, start)
    elif isinstance(piece, Keyed):
        _add_keyed(found, piece, placement.taken, start)
    elif isinstance(piece, Nested):
        found.reasons["parts are put together from other images or samples"] += 1
    elif isinstance(piece, Deferred):
        found.reasons["planes lie in files that are opened when they are read"] += 1
    elif isinstance(piece, Computed):
        found.reasons[f"planes are read by the function {piece.function}"] += 1


def _shown(values: Sequence[int], array: LazyArray, added: int) -> Index:
    """Return values of stored axes for each axis as shown."""
    return tuple(added if axis < 0 else values[axis] for axis in array.view.axes)


# ---------------------------------------------------------------- compressed pieces


def _add_encoded(
    found: StoredChunks, piece: Encoded, taken: tuple[slice, ...] | None, start: Index
) -> None:
    array = found.array
    first, count = list(piece.selection.source_start), list(piece.selection.shape)
    if taken is not None:
        runs = [range(size)[part] for size, part in zip(piece.shape, taken, strict=True)]
        if any(len(run) > 1 and run.step != 1 for run in runs):
            found.reasons["picks take every second position, or fewer, of compressed chunks"] += 1
            return
        first, count = [run.start for run in runs], [len(run) for run in runs]
    # An axis that the view drops must have one position: the reader would get the others, too.
    dropped = set(range(len(piece.shape))) - set(array.view.axes)
    if any(piece.shape[axis] != 1 for axis in dropped):
        found.reasons["picks take one position of compressed chunks that hold several"] += 1
        return
    coding = StoredCoding(piece.codecs, piece.shape, piece.dtype, array.view.axes)
    if found.grid is None:
        found.grid = RegularGrid(array.shape, coding.chunk_shape)
    chunk = found.grid.chunk
    origin = tuple(map(operator.sub, start, _shown(first, array, 0)))
    if any(at % size for at, size in zip(origin, chunk, strict=True)):
        found.reasons["compressed tiles lie off the grid of the first one"] += 1
        return
    # Shorter ones are the strips at an edge, which `_Coded` compares.
    if any(a > b for a, b in zip(coding.chunk_shape, chunk, strict=True)):
        found.reasons["compressed tiles differ in size"] += 1
        return
    index = tuple(map(operator.floordiv, origin, chunk))
    stored = StoredChunk(piece.source, piece.offset, piece.nbytes, coding, piece.header)
    _put(found, index, stored, math.prod(_shown(count, array, 1)))


def _add_keyed(
    found: StoredChunks, piece: Keyed, taken: tuple[slice, ...] | None, start: Index
) -> None:
    """Add a chunk of a store, which is a file, or a part of a shard or of an archive."""
    if piece.shard is None:
        resolved = keyed.resolve_value(piece, raw=False)
    else:
        resolved = keyed.resolve_entry(piece, piece.shard, raw=False)
    if isinstance(resolved, Encoded):
        _add_encoded(found, resolved, taken, start)
    # References have no fill value: a missing chunk reads as 0.
    elif any(piece.fill):
        found.reasons["chunks are missing whose fill value is not 0"] += 1


def _put(found: StoredChunks, index: Index, stored: StoredChunk, pixels: int) -> None:
    # A block of the engine may hold a part of a chunk: the same bytes then come again.
    known = found.chunks.setdefault(index, stored)
    if (known.source, known.header, known.offset) != (stored.source, stored.header, stored.offset):
        found.reasons["chunks are made of several tiles, as those of a mosaic are"] += 1
        return
    known.covered += pixels


# ---------------------------------------------------------------- raw pieces


def _add_raw(found: StoredChunks, piece: Strided, start: Index) -> None:
    array = found.array
    strides = _shown(piece.strides, array, 0)
    sizes = _shown(piece.shape, array, 1)
    source_start = _shown(piece.selection.source_start, array, 0)
    count = _shown(piece.selection.shape, array, 1)
    if found.grid is None:
        chunk = _raw_chunk(array, sizes, strides, source_start, piece.dtype.itemsize)
        found.grid = RegularGrid(array.shape, chunk)
    chunk = found.grid.chunk
    low, nbytes, coding = _raw_coding(chunk, strides, piece.dtype)
    if nbytes > MOST_SURPLUS * math.prod(chunk) * piece.dtype.itemsize:
        found.reasons["pixels of a chunk lie apart from each other"] += 1
        return
    # Positions of the stored axes that the view drops have their share of the offset.
    base = piece.offset + sum(map(operator.mul, piece.selection.source_start, piece.strides))
    ranges = [
        range(at // size, (at + length - 1) // size + 1)
        for at, length, size in zip(start, count, chunk, strict=True)
    ]
    # One strided piece may hold thousands of planes: each chunk has its share of the strides.
    for index in itertools.product(*ranges):
        offset, covered = base + low, 1
        for axis, number in enumerate(index):
            shift = number * chunk[axis] - start[axis]
            stored = source_start[axis] + shift
            # The whole chunk must lie in its piece: bytes beyond it belong to others.
            if stored < 0 or stored + chunk[axis] > sizes[axis]:
                found.reasons["raw tiles differ in size, or lie off the grid of the first one"] += 1
                break
            offset += shift * strides[axis]
            inside_low, inside_high = max(shift, 0), min(shift + chunk[axis], count[axis])
            covered *= inside_high - inside_low
        else:
            chunk_bytes = StoredChunk(piece.source, offset, nbytes, coding, piece.header)
            _put(found, index, chunk_bytes, covered)


def _raw_chunk(
    array: LazyArray, sizes: Index, strides: Index, source_start: Index, itemsize: int
) -> Index:
    """Return the shape of raw chunks: planes, or tiles, or rows of very large planes."""
    chunk = [1] * len(sizes)
    letters = array.view.letters
    column_stride = abs(strides[letters.index("X")]) if "X" in letters else itemsize
    for axis, letter in enumerate(letters):
        # Samples belong to a chunk where they lie beside each other.
        if letter in "YX" or (letter in "SC" and abs(strides[axis]) < column_stride):
            chunk[axis] = sizes[axis]
    clipped = [min(size, length) for size, length in zip(chunk, array.shape, strict=True)]
    # A tile that sticks out of a small image is dense as a whole, and not as far as it is shown.
    fits = not any(source_start) and strided.is_dense(tuple(chunk), strides, itemsize)
    if not fits or strided.is_dense(tuple(clipped), strides, itemsize):
        chunk = clipped
    if "Y" in letters:
        axis = letters.index("Y")
        rows = chunk[axis]
        least = max(-(-math.prod(chunk) * itemsize // LARGEST_RAW), 1)
        least = min(least, rows)
        # Equal parts: the last chunk must have all its rows, too.
        parts = next(count for count in range(least, rows + 1) if rows % count == 0)
        chunk[axis] = rows // parts
    return tuple(chunk)


def _raw_coding(chunk: Index, strides: Index, dtype: DType) -> tuple[int, int, StoredCoding]:
    """Return the lowest byte from the first pixel, the length in bytes, and the coding."""
    # Strides are those of the axes as shown, so the pixels need not be turned.
    axes = tuple(range(len(chunk)))
    if strided.is_dense(chunk, strides, dtype.itemsize):
        return 0, math.prod(chunk) * dtype.itemsize, StoredCoding((), chunk, dtype, axes)
    ends = [(size - 1) * stride for size, stride in zip(chunk, strides, strict=True)]
    low = sum(end for end in ends if end < 0)
    high = sum(end for end in ends if end > 0) + dtype.itemsize
    coding = StoredCoding((_codecs.as_strided(-low, strides),), chunk, dtype, axes)
    return low, high - low, coding


# ---------------------------------------------------------------- checks and headers


def _check_cover(found: StoredChunks) -> None:
    """Count the chunks of which a part is not stored, or is stored twice."""
    if found.grid is None:
        return
    for index, chunk in found.chunks.items():
        region = found.grid.region(index)
        if chunk.covered != math.prod(part.stop - part.start for part in region):
            found.reasons["chunks are stored in part, or tiles overlap"] += 1


def _resolve_headers(found: StoredChunks) -> None:
    """Replace offsets behind headers by those from the start of the file."""
    if found.reasons:
        return  # nothing will be referenced
    pending: dict[Source, list[tuple[StoredChunk, HeaderRef]]] = {}
    for chunk in found.chunks.values():
        if chunk.header is not None:
            pending.setdefault(chunk.source, []).append((chunk, chunk.header))
    with readers.session(), readers.one_reader_at_a_time() as reader_of:
        for source, chunks in pending.items():
            for first in range(0, len(chunks), HEADER_BATCH):
                batch = chunks[first : first + HEADER_BATCH]
                spans = [
                    (header.offset, _codecs.HEADERS[header.kind].head_nbytes(header.nbytes))
                    for _, header in batch
                ]
                heads = reader_of(source).read_spans(spans)
                for (chunk, header), head in zip(batch, heads, strict=True):
                    _resolve_header(chunk, header, bytes(head))


def _resolve_header(chunk: StoredChunk, header: HeaderRef, head: bytes) -> None:
    try:
        start, nbytes = _codecs.HEADERS[header.kind].find(head)
    except (CorruptFileError, ValueError) as error:
        raise CorruptFileError.at(chunk.source.uri, header.offset, str(error)) from error
    codecs = chunk.coding.codecs
    # Compressed bytes fill the payload; raw ones are the part of it that a chunk shows.
    if codecs and codecs[0].name != "strided":
        chunk.nbytes = nbytes
    elif chunk.offset < 0 or chunk.offset + chunk.nbytes > nbytes:
        message = f"expected {chunk.offset + chunk.nbytes} bytes of pixels, it has {nbytes}"
        raise CorruptFileError.at(chunk.source.uri, header.offset, message)
    # The offset counted from the end of the header; `start` is the length of the header.
    chunk.offset += header.offset + start
    chunk.header = None
