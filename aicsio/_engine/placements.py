"""Placements of pieces, and the worker that executes them, which the modules of placing share.

Rule kept here: both live for one read. No record refers to them.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import attrs
import numpy.typing as npt

from aicsio import _codecs
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.records import (
    Computed,
    Deferred,
    Encoded,
    Keyed,
    LazyArray,
    Nested,
    Piece,
    Source,
    Strided,
)

Array: TypeAlias = npt.NDArray[Any]
Box: TypeAlias = tuple[slice, ...]
"""Positions along each axis."""
P = TypeVar("P", Strided, Encoded, Computed, Nested, Keyed, Deferred)


@attrs.define
class Placement(Generic[P]):
    """A piece, and where its pixels go. Not a record: it lives for one read."""

    piece: P
    """The piece to read."""
    target: tuple[slice, ...]
    """Part of the block's share of the output, or of its window, that the piece fills."""
    taken: tuple[slice, ...] | None
    """Positions of the decoded array that fill it; ``None`` for the piece's own selection."""
    shared: Sequence[tuple[Box, Array]] = ()
    """Where else the pixels of the piece go: positions of the decoded array, and their memory."""

    def positions(self) -> tuple[slice, ...]:
        """Return the positions of the decoded array that fill the target."""
        if self.taken is not None:
            return self.taken
        selection = self.piece.selection
        stops = map(operator.add, selection.source_start, selection.shape)
        return tuple(map(slice, selection.source_start, stops))


@attrs.define
class Worker:
    """Buffers and readers of one thread while it does its share of a plan."""

    scratch: _codecs.Scratch
    """Its buffers."""
    reader_of: Callable[[Source], readers.Reader]
    """Lends a reader until the next one is requested."""
    read_array: Callable[[LazyArray], Array]
    """Reads the array of a ``Nested`` piece."""
    read_into: Callable[[LazyArray, Array, _codecs.Scratch], None]
    """Reads the array of a ``Deferred`` piece to its place, through the buffers of this thread."""
    call_nbytes: int = 0
    """Bytes that cost as much as one more call, for local raw pixels: so many unwanted ones may be
    read to save it. With 0, a read takes at most twice the wanted bytes."""


Todo: TypeAlias = Sequence[tuple[Placement[P], Array]]
"""Placements, and the memory that each fills."""


def is_remote(piece: Piece) -> bool:
    """Whether the bytes of a piece come over a network."""
    if not isinstance(piece, Strided | Encoded | Keyed | Deferred):
        return False
    return not piece.source.local and piece.source.content is None


def check_inside(source: Source, offset: int, nbytes: int) -> None:
    if offset < 0 or nbytes < 0 or (source.size is not None and offset + nbytes > source.size):
        raise CorruptFileError.at(
            source.uri,
            offset,
            f"expected {nbytes} bytes of pixels, but the file ends at {source.size}",
        )
