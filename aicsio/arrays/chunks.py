"""Sizes of the chunks of a dask array.

Rule kept here: automatic chunks are whole stored blocks, since a block that lies in two chunks is
decoded twice; a block too large for a chunk is cut only where that costs nothing. No pixels are
read.
"""

import itertools
import math
import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from aicsio._dims import notation
from aicsio.errors import DimensionError, ImageTooLargeError
from aicsio.records import LazyArray, Strided
from aicsio.records.protocols import GroupsBlocks, offered

Chunks: TypeAlias = Annotated[
    str | int | Mapping[str, int] | tuple[int | tuple[int, ...], ...],
    "'auto', bytes such as '32MiB', letters, a size, sizes by letter or a tuple with a size for "
    "each dimension",
]
"""The ways to request chunks: see ``to_dask``."""
AxisRequest: TypeAlias = int | tuple[int, ...]
"""One size for all chunks of an axis, or the size of each."""
ChunkSizes: TypeAlias = tuple[tuple[int, ...], ...]
"""Size of each chunk, per axis."""

CHUNK_BYTES = 32 * 1024 * 1024
"""Automatic chunks grow to this size. Of a 360 MiB stack, chunks of one 2 MiB plane took 0.17 s to
compute and chunks of 40 MiB 0.09 s; larger ones leave cores idle."""
LARGEST_GROUP = 128 * 1024 * 1024
"""Shards up to this size, dask's own default, are one chunk: its table is then read once."""
DASK_DEFAULT = "128MiB"
"""``array.chunk-size`` of dask's own defaults: the user has not set it."""
MOST_CHUNKS = 10_000_000
"""Chunks of one array. Even a slice of a few pixels makes dask list the keys of all of them, which
takes 2 GB for this many."""
ADVICE = "give sizes from 1 on, -1 for all of a dimension, or tuples of sizes that add up"
_BYTES = re.compile(r"\d+(\.\d+)?\s*[kKMGT]?i?B")


def chunks_per_axis(array: LazyArray, chunks: Chunks) -> ChunkSizes:
    """Return the sizes of the chunks along each axis of what the array shows.

    Raises
    ------
    DimensionError
        When chunks do not fit the dims.
    ImageTooLargeError
        When there are more than ``MOST_CHUNKS`` chunks.
    """
    import dask.array as da

    requested = tuple(
        # A larger chunk is the whole axis; dask takes none that is no int64.
        min(each, max(size, 1)) if isinstance(each, int) else each
        for size, each in zip(array.shape, _requested(array, chunks), strict=True)
    )
    _require_few(array, requested)
    try:
        sizes: ChunkSizes = da.core.normalize_chunks(
            requested, shape=array.shape, dtype=array.dtype
        )
    except (ValueError, ArithmeticError) as error:
        # A size of 0 is a division by zero to dask, which explains nothing.
        reason = f" ({error})" if isinstance(error, ValueError) else ""
        raise DimensionError(
            f"chunks={chunks!r} do not fit {array.dims}{reason}: {ADVICE}"
        ) from error
    # dask accepts tuples that add up even if some sizes are negative.
    for axis_sizes in sizes:
        if min(axis_sizes) < 0:
            raise DimensionError(f"chunks={chunks!r} have negative sizes: {ADVICE}")
    return sizes


def _require_few(array: LazyArray, requested: tuple[AxisRequest, ...]) -> None:
    total = 1
    for size, request in zip(array.shape, requested, strict=True):
        if not isinstance(request, int):
            total *= max(len(request), 1)
        elif request > 0:
            total *= max(-(-size // request), 1)
    if total > MOST_CHUNKS:
        raise ImageTooLargeError(
            f"{array.dims} in chunks of {requested} would be {total:,} chunks: "
            "pick a part with transpose_to, or give larger chunks"
        )


def _requested(array: LazyArray, chunks: Chunks) -> tuple[AxisRequest, ...]:
    """Turn each form of the argument into one request per axis."""
    dims = array.dims
    if isinstance(chunks, str):
        if chunks == "auto" or _BYTES.fullmatch(chunks):
            return _automatic(array, {}, _limit(chunks))
        notation.parse_order(chunks)
        _require_letters(array, chunks, chunks)
        return tuple(size if letter in chunks else 1 for letter, size in dims.items())
    if isinstance(chunks, tuple):
        if len(chunks) != len(dims):
            raise DimensionError(
                f"{len(chunks)} chunk sizes {chunks} for the {len(dims)} dimensions {dims}"
            )
        return chunks
    if isinstance(chunks, int):
        return (chunks,) * len(dims)
    # A mapping: dask would leave the other dimensions whole; here they are automatic.
    several = [key for key in chunks if len(key) != 1]
    if several:
        raise DimensionError(
            f"chunks={chunks!r}: {several[0]!r} is no dimension: give one letter each"
        )
    _require_letters(array, chunks, "".join(chunks))
    fixed = {letter: dims[letter] if size == -1 else size for letter, size in chunks.items()}
    return _automatic(array, fixed, _limit("auto"))


def _require_letters(array: LazyArray, chunks: Chunks, letters: str) -> None:
    unknown = [letter for letter in letters if letter not in array.dims]
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise DimensionError(f"chunks={chunks!r} names {names}: there are {array.dims}")


def _limit(chunks: str) -> int:
    """Return the bytes of a chunk: as requested, as dask is configured, or ``CHUNK_BYTES``."""
    import dask.config
    from dask.utils import parse_bytes

    size = chunks
    if chunks == "auto":
        size = dask.config.get("array.chunk-size", DASK_DEFAULT)
    nbytes = int(parse_bytes(size))
    # dask's default is made for arithmetic. For reading, smaller chunks keep more cores busy.
    if chunks == "auto" and nbytes == parse_bytes(DASK_DEFAULT):
        return CHUNK_BYTES
    if nbytes < 1:
        raise DimensionError(f"chunks of {size!r} hold no pixel: give a size such as '32MiB'")
    return nbytes


def _automatic(array: LazyArray, fixed: Mapping[str, int], limit: int) -> tuple[AxisRequest, ...]:
    """Start from one stored block; take more of them, fastest stored axis first, or cut it."""
    view = array.view
    unit = _unit_shape(array, limit)
    block = [_block_positions(array, unit, axis) for axis in range(len(view.letters))]
    chunk = [fixed.get(letter, size) for letter, size in zip(view.letters, block, strict=True)]
    free = []
    for axis, letter in enumerate(view.letters):
        if letter not in fixed and view.axes[axis] >= 0:
            free.append(axis)
    free.sort(key=lambda axis: view.axes[axis])
    # Stored order: the axes at the end of `free` are the fastest ones of the file.
    if limit == CHUNK_BYTES and unit != array.layout.block_shape:
        limit = max(limit, _nbytes(array, chunk))  # a shard stays whole
    if _nbytes(array, chunk) > limit:
        _cut_block(array, chunk, free, limit)
    else:
        for axis in reversed(free):
            factor = max(1, limit // max(_nbytes(array, chunk), 1))
            chunk[axis] = min(array.shape[axis], chunk[axis] * factor)
    requests: list[AxisRequest] = list(chunk)
    for axis in free:
        if chunk[axis] % block[axis] == 0:
            requests[axis] = _aligned(array, unit, axis, chunk[axis], block[axis])
    return tuple(requests)


def _nbytes(array: LazyArray, chunk: list[int]) -> int:
    return math.prod(chunk) * array.dtype.itemsize


def _unit_shape(array: LazyArray, limit: int) -> tuple[int, ...]:
    """Return the stored shape that chunks hold whole: a block, or blocks that lie in one file.

    A group too large for a chunk is cut evenly, slowest axis first, so that no chunk has parts of two.
    """
    block_shape = array.layout.block_shape
    grouped = offered(array.layout, GroupsBlocks)
    if grouped is None:
        return block_shape
    unit = list(grouped.group_shape())
    most = LARGEST_GROUP if limit == CHUNK_BYTES else limit
    for axis, block in enumerate(block_shape):
        # Longer groups than the axis are cut at its end anyway.
        # Bytes of one position along the axis, with the other axes as they are so far.
        rest = _nbytes(array, unit) // unit[axis]
        count = max(most // max(rest * block, 1), 1)
        blocks = unit[axis] // block
        unit[axis] = block * next(n for n in range(min(count, blocks), 0, -1) if blocks % n == 0)
    return tuple(unit)


def _block_positions(array: LazyArray, unit: tuple[int, ...], output_axis: int) -> int:
    """Return how many positions of one unit the view shows along an output axis."""
    axis = array.view.axes[output_axis]
    if axis < 0:
        return 1
    pick = array.view.picks[axis]
    step = 1
    if isinstance(pick, range) and len(pick) > 1:
        # Every `step`-th position is shown; a list of positions may lie anywhere.
        step = abs(pick.step)
    return max(1, min(array.shape[output_axis], unit[axis] // step))


def _cut_block(array: LazyArray, chunk: list[int], free: list[int], limit: int) -> None:
    """Cut a block between its pieces, slowest stored axis first; compressed pieces stay whole."""
    block_shape, shape = array.layout.block_shape, array.stored.shape
    window = tuple(slice(0, min(sizes)) for sizes in zip(block_shape, shape, strict=True))
    first_block = (0,) * len(shape)
    # Two pieces stand for all of a block: the first may be cut off by an edge of the canvas.
    pieces = list(itertools.islice(array.layout.pieces(first_block, window), 2))
    raw = all(isinstance(piece, Strided) for piece in pieces)
    for output_axis in free:
        nbytes = _nbytes(array, chunk)
        if nbytes <= limit:
            return
        least = 1
        if not raw:
            axis = array.view.axes[output_axis]
            longest = max(piece.selection.shape[axis] for piece in pieces)
            least = min(longest, chunk[output_axis])
        fitting = chunk[output_axis] * limit // nbytes
        chunk[output_axis] = max(least, fitting // least * least)


def _aligned(
    array: LazyArray, unit: tuple[int, ...], output_axis: int, size: int, block_positions: int
) -> AxisRequest:
    """Let chunks begin where blocks begin, for a view that starts inside a block."""
    axis, total = array.view.axes[output_axis], array.shape[output_axis]
    pick, block = array.view.picks[axis], unit[axis]
    if not isinstance(pick, range) or not pick or abs(pick.step) != 1:
        return size
    if block_positions == 1 or block_positions != block or size >= total:
        return size
    # Positions from the start of the view to the next edge of a block, in its direction.
    lead = pick.start % block + 1
    if pick.step == 1:
        lead = block - pick.start % block
    if lead == block:
        return size
    first = min(size - block + lead, total)
    full_count, last = divmod(total - first, size)
    sizes = (first,) + (size,) * full_count
    return (*sizes, last) if last else sizes


def whole_blocks(array: LazyArray, limit: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the smallest parts that decode no block in vain.

    Parameters
    ----------
    array
        The array that is cut.
    limit
        Bytes up to which a part may be cut out of a larger block of raw pixels.

    Returns
    -------
    sizes : tuple of int
        Positions of one stored block along each axis; of raw pixels fewer.
    firsts : tuple of int
        Size of the first part, where the view begins inside of a block; 0 where it does not.
    """
    view = array.view
    unit = _unit_shape(array, limit)
    sizes = [_block_positions(array, unit, axis) for axis in range(len(view.letters))]
    firsts = [0] * len(sizes)
    if _nbytes(array, sizes) > limit:
        free = [axis for axis in range(len(sizes)) if view.axes[axis] >= 0]
        free.sort(key=lambda axis: view.axes[axis])
        _cut_block(array, sizes, free, limit)
    for axis, size in enumerate(sizes):
        request = _aligned(array, unit, axis, size, size)
        if isinstance(request, tuple):
            firsts[axis] = request[0]
    return tuple(sizes), tuple(firsts)
