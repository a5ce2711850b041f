"""Memory for results that lies as the bytes in the file do.

Rule kept here: the alignment is a hint that costs less than it saves. Where the place of the bytes is
not known, memory of any alignment does.

Source of the facts: measured. Copying 120 MiB out of the page cache by ``preadv`` takes 8.6 ms into
memory whose address and file offset agree modulo 64, and 13 to 39 ms into other memory, by how far
they are apart (AMD EPYC with AVX-512, Linux 6.18, where the copy is one ``rep movsb``).
"""

import math
import operator

import numpy as np

from aicsio import _codecs
from aicsio._engine.placements import Array
from aicsio._engine.plan import placements, tasks
from aicsio._io import readers
from aicsio._io.slow_copies import SLOW_REACH, address_of, is_slow
from aicsio.errors import AicsioError
from aicsio.records import DType, LazyArray, Strided

LINE = 64
"""Bytes of a line of the processor's cache."""
WORTHWHILE = 1 << 24
"""Bytes of the least result that is aligned. Smaller ones are made in memory that the processor's cache
holds: 8 MiB take 0.5 ms either way, 30 MiB take 3.8 ms and before 4.6."""
SMALLEST_SLOW = 1 << 14
"""Bytes of the least result that is looked at: less is copied in the time of the look, 1 us."""


def find_offset(array: LazyArray) -> int | None:
    """Return the byte of the local file that goes to the begin of the result.

    ``None`` if the bytes do not go there as they are, or are not found: reading them raises the error.
    """
    task = next(tasks(array), None)
    placement = None if task is None else next(placements(array, task), None)
    if placement is None:
        return None
    piece = placement.piece
    if not isinstance(piece, Strided) or not piece.source.local:
        return None
    offset = piece.offset + sum(map(operator.mul, piece.selection.source_start, piece.strides))
    if piece.header is None:
        return int(offset)
    kind = _codecs.HEADERS[piece.header.kind]
    try:
        with readers.lend(piece.source) as reader:
            nbytes = kind.head_nbytes(piece.header.nbytes)
            start, _ = kind.find(reader.read(piece.header.offset, nbytes))
    except (AicsioError, ValueError):
        return None
    return int(offset + piece.header.offset + start)


def make_array(
    shape: tuple[int, ...], dtype: DType, offset: int | None, *, zero_filled: bool
) -> Array:
    """Return memory whose address equals ``offset`` modulo ``LINE``; any memory for ``None``."""
    make = np.zeros if zero_filled else np.empty
    # Memory of items that cross their own alignment would be slower for all who use it.
    if offset is None or offset % dtype.alignment:
        return make(shape, dtype)
    nbytes = math.prod(shape) * dtype.itemsize
    room = make(nbytes + LINE, np.uint8)
    # A remainder is never negative in Python: the start lies within the first line.
    start = (offset - address_of(room)) % LINE
    return room[start : start + nbytes].view(dtype).reshape(shape)


def make_apart(shape: tuple[int, ...], dtype: DType, offset: int) -> Array:
    """Return memory into which the bytes from ``offset`` of a file on are copied fast, of any alignment.

    2 MiB take 87 us, and up to 650 elsewhere; ``slow_copies`` has the facts.
    """
    out: Array = np.empty(shape, dtype)
    if out.nbytes < SMALLEST_SLOW or not is_slow(address_of(out), offset):
        return out
    room = np.empty(out.nbytes + SLOW_REACH, np.uint8)
    # From an address in the slow range, `SLOW_REACH` bytes lead out of it.
    start = SLOW_REACH if is_slow(address_of(room), offset) else 0
    return room[start : start + out.nbytes].view(dtype).reshape(shape)
