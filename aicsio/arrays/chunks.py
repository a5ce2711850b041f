"""How a lazy array is cut into the chunks of a dask array.

Rule kept here: automatic chunks are whole stored blocks, since a block that lies in two chunks is decoded twice; a
block too large for a chunk is cut only where that costs nothing. No pixels are read.
"""

import itertools
import math
import re
from collections.abc import Mapping
from typing import TypeAlias

from aicsio._dims import notation
from aicsio.errors import DimensionError
from aicsio.records import LazyArray, Strided

Chunks: TypeAlias = str | int | Mapping[str, int] | tuple[int | tuple[int, ...], ...]
Cut: TypeAlias = tuple[tuple[int, ...], ...]

CHUNK_BYTES = 32 * 1024 * 1024
"""Automatic chunks grow to this size: below, tasks cost more than reading; above, fewer run at once."""
DASK_DEFAULT = "128MiB"
"""What ``array.chunk-size`` says where nobody has set it."""
ADVICE = "give sizes from 1 on, -1 for all of a dimension, or tuples of sizes that add up"
_BYTES = re.compile(r"\d+(\.\d+)?\s*[kKMGT]?i?B")


def cut(array: LazyArray, chunks: Chunks) -> Cut:
    """Say how large the chunks are, one after the other, per axis.

    Raises
    ------
    DimensionError
        For chunks that do not fit the dims.
    """
    import dask.array as da

    wanted = _wanted(array, chunks)
    try:
        sizes: Cut = da.core.normalize_chunks(wanted, shape=array.shape, dtype=array.dtype)
    except (ValueError, ArithmeticError) as error:
        raise DimensionError(
            f"chunks={chunks!r} do not fit {array.dims} ({error}): {ADVICE}"
        ) from error
    if any(size < 0 for row in sizes for size in (row[0], row[-1], min(row))):
        raise DimensionError(f"chunks={chunks!r} have negative sizes: {ADVICE}")
    return sizes


def _wanted(array: LazyArray, chunks: Chunks) -> tuple[int | tuple[int, ...], ...]:
    dims = array.dims
    if isinstance(chunks, str):
        if chunks == "auto" or _BYTES.fullmatch(chunks):
            return _grown(array, {}, _limit(chunks))
        notation.parse_order(chunks)
        unknown = [letter for letter in chunks if letter not in dims]
        if unknown:
            raise DimensionError(
                f"chunks={chunks!r} names {', '.join(map(repr, unknown))}: there are {dims}"
            )
        return tuple(size if letter in chunks else 1 for letter, size in dims.items())
    if isinstance(chunks, tuple):
        if len(chunks) != len(dims):
            raise DimensionError(
                f"{len(chunks)} chunk sizes {chunks} for the {len(dims)} dimensions {dims}"
            )
        return chunks
    if isinstance(chunks, int):
        return (chunks,) * len(dims)
    unknown = [letter for letter in chunks if letter not in dims]
    if unknown:
        raise DimensionError(
            f"chunks={chunks!r} names {', '.join(map(repr, unknown))}: there are {dims}"
        )
    return _grown(array, {c: dims[c] if n == -1 else n for c, n in chunks.items()}, _limit("auto"))


def _limit(chunks: str) -> int:
    """Bytes of a chunk: as asked, as dask is configured, or our own measure."""
    import dask.config
    from dask.utils import parse_bytes

    asked = dask.config.get("array.chunk-size", DASK_DEFAULT) if chunks == "auto" else chunks
    nbytes = parse_bytes(asked)
    if chunks == "auto" and nbytes == parse_bytes(DASK_DEFAULT):
        return CHUNK_BYTES
    if nbytes < 1:
        raise DimensionError(f"chunks of {asked!r} hold no pixel: give a size such as '32MiB'")
    return int(nbytes)


def _grown(
    array: LazyArray, fixed: Mapping[str, int], limit: int
) -> tuple[int | tuple[int, ...], ...]:
    """Start from the stored blocks; take more of them, fastest stored axis first, or cut one that is too large."""
    shape, axes, letters = array.shape, array.view.axes, array.view.letters
    unit = [_seen(array, i) for i in range(len(shape))]
    chunk = [fixed.get(letter, size) for letter, size in zip(letters, unit, strict=True)]
    free = sorted(
        (i for i, c in enumerate(letters) if c not in fixed and axes[i] >= 0), key=lambda i: axes[i]
    )
    if _nbytes(array, chunk) > limit:
        _divide(array, chunk, free, limit)
    else:
        for i in reversed(free):
            chunk[i] = min(shape[i], chunk[i] * max(1, limit // max(_nbytes(array, chunk), 1)))
    return tuple(
        _aligned(array, i, size, unit[i]) if i in free and size % unit[i] == 0 else size
        for i, size in enumerate(chunk)
    )


def _nbytes(array: LazyArray, chunk: list[int]) -> int:
    return math.prod(chunk) * array.dtype.itemsize


def _seen(array: LazyArray, i: int) -> int:
    """Positions of one stored block that the view shows along output axis ``i``."""
    axis = array.view.axes[i]
    if axis < 0:
        return 1
    pick = array.view.picks[axis]
    step = abs(pick.step) if isinstance(pick, range) and len(pick) > 1 else 1
    return max(1, min(array.shape[i], array.layout.block_shape[axis] // step))


def _divide(array: LazyArray, chunk: list[int], free: list[int], limit: int) -> None:
    """Cut a block, slowest stored axis first, along the pieces that make it; one compressed piece stays whole."""
    rank = len(array.stored)
    window = tuple(
        slice(0, min(b, n))
        for b, n in zip(array.layout.block_shape, array.stored.shape, strict=True)
    )
    pieces = list(itertools.islice(array.layout.pieces((0,) * rank, window), 2))
    for i in free:
        axis, nbytes = array.view.axes[i], _nbytes(array, chunk)
        if nbytes <= limit:
            return
        raw = all(isinstance(piece, Strided) for piece in pieces)
        least = 1 if raw else max(min(piece.selection.shape[axis], chunk[i]) for piece in pieces)
        chunk[i] = max(least, chunk[i] * limit // nbytes // least * least)


def _aligned(array: LazyArray, i: int, size: int, unit: int) -> int | tuple[int, ...]:
    """Let chunks begin where blocks begin, where a view starts inside of one."""
    axis, total = array.view.axes[i], array.shape[i]
    pick = array.view.picks[axis]
    if not isinstance(pick, range) or not pick or abs(pick.step) != 1 or unit == 1 or size >= total:
        return size
    block = array.layout.block_shape[axis]
    lead = block - pick.start % block if pick.step == 1 else pick.start % block + 1
    if unit != block or lead == block:
        return size
    first = min(size - block + lead, total)
    rest, last = divmod(total - first, size)
    return (first, *(size,) * rest, *((last,) if last else ()))
