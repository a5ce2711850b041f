"""The regular grid of chunks in which an array is shown.

Rule kept here: a compressed piece is cut by no chunk where the grid can help it, because every
chunk that needs a part of it decodes all of it. No pixels are read.
"""

import itertools
import math
from collections.abc import Iterator, Mapping

import attrs

from aicsio import _engine
from aicsio.errors import DimensionError
from aicsio.records import LazyArray, Pick, Strided
from aicsio.records.lazy import StoredPiece
from aicsio.records.protocols import InMemory, offered

LARGEST_PLANE = 8 << 20
"""Planes up to this many bytes are one chunk, as 2048 x 2048 pixels of 16 bits are: a plane is then
one request, as it is for ``to_numpy``."""
CUT_BYTES = 2 << 20
"""Chunks of larger planes: 1024 x 1024 pixels of 16 bits, which a screen shows four of."""
LEAST_BYTES = 1 << 20
"""Smaller planes are shown together up to this size: each chunk costs a reader about 1 ms."""


@attrs.frozen
class RegularGrid:
    """An array cut into equal chunks; those at the far edges stick out."""

    shape: tuple[int, ...]
    """Sizes of the array."""
    chunk: tuple[int, ...]
    """Sizes of a chunk."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return tuple(-(-size // part) for size, part in zip(self.shape, self.chunk, strict=True))

    @property
    def count(self) -> int:
        """Number of all chunks."""
        return math.prod(self.counts)

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Yield the index of each chunk, in C order."""
        return itertools.product(*map(range, self.counts))

    def region(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Return the positions of a chunk, without those that stick out."""
        return tuple(
            slice(number * part, min((number + 1) * part, size))
            for number, part, size in zip(index, self.chunk, self.shape, strict=True)
        )


def choose_grid(array: LazyArray, requested: Mapping[str, int] | None = None) -> RegularGrid:
    """Cut an array into chunks: planes, or parts of large planes, or several small planes.

    Parameters
    ----------
    array
        With the axes Y and X.
    requested
        Sizes by letter; -1 takes all of a dimension. The other axes are cut as without them.

    Returns
    -------
    RegularGrid
        Of the array as shown.

    Raises
    ------
    DimensionError
        When a letter or a size does not fit.
    """
    dims = array.dims
    requested = requested or {}
    for letter, size in requested.items():
        if letter not in dims or (size < 1 and size != -1):
            raise DimensionError(
                f"chunks={dict(requested)!r} do not fit {dims}: give sizes from 1 on by letter, "
                "or -1 for all of a dimension"
            )
    sizes = _usual_sizes(array)
    for letter, size in requested.items():
        sizes[letter] = dims[letter] if size == -1 else min(size, dims[letter])
    # An empty axis has chunks of length 1, too: `counts` divides by it.
    chunk = tuple(max(sizes[letter], 1) for letter in dims)
    return RegularGrid(array.shape, chunk)


def _usual_sizes(array: LazyArray) -> dict[str, int]:
    dims, itemsize = array.dims, array.dtype.itemsize
    piece = _largest_piece(array)
    sizes = dict(piece)
    plane = dims["Y"] * dims["X"] * itemsize
    beside = math.prod(size for letter, size in piece.items() if letter not in "YX")
    if plane * beside <= LARGEST_PLANE:
        sizes["Y"], sizes["X"] = dims["Y"], dims["X"]
        _add_planes(array, sizes)
        return sizes
    # Doubled in turn, so that chunks stay near to squares of whole pieces.
    for letter in "YX" * 32:
        if sizes[letter] < dims[letter] and 2 * math.prod(sizes.values()) * itemsize <= CUT_BYTES:
            sizes[letter] = min(2 * sizes[letter], dims[letter])
    return sizes


def _largest_piece(array: LazyArray) -> dict[str, int]:
    """Return how far a chunk must reach at least, by letter: one compressed piece, or raw rows."""
    dims = array.dims
    unit = {letter: dims[letter] if letter == "X" else 1 for letter in dims}
    if offered(array.layout, InMemory) is not None:
        return unit  # an array of the caller is cut anywhere at no cost
    # Two pieces stand for all: the first may be cut off by an edge of the canvas.
    pieces = list(itertools.islice(_engine.pieces(_first_planes(array)), 2))
    if not pieces:
        return unit
    axis_of = dict(zip(dims, array.view.axes, strict=True))
    for letter, axis in axis_of.items():
        if axis < 0:
            continue
        longest = max(_extent(piece, axis, axis_of["X"]) for piece in pieces)
        pick = array.view.picks[axis]
        step = abs(pick.step) if isinstance(pick, range) and len(pick) > 1 else 1
        unit[letter] = max(1, min(dims[letter], longest // step))
    return unit


def _extent(piece: StoredPiece, axis: int, column_axis: int) -> int:
    """Return how many positions of an axis a chunk should take together."""
    # Pieces of nested arrays may have other axes: those are cut as if they were raw.
    if not 0 <= max(axis, column_axis) < len(piece.shape):
        return 1
    if not isinstance(piece, Strided):
        return piece.shape[axis]
    # Raw pixels may be cut between rows; a row is read whole.
    is_in_row = abs(piece.strides[axis]) <= abs(piece.strides[column_axis])
    return piece.shape[axis] if is_in_row else 1


def _first_planes(array: LazyArray) -> LazyArray:
    """Show the first block alone: planning a view of all may list 100 000 blocks."""
    picks: list[Pick] = []
    for pick, block in zip(array.view.picks, array.layout.block_shape, strict=True):
        if isinstance(pick, int):
            picks.append(pick)
            continue
        picks.append(pick[: max(block, 1)])
    return attrs.evolve(array, view=attrs.evolve(array.view, picks=tuple(picks)))


def _add_planes(array: LazyArray, sizes: dict[str, int]) -> None:
    """Add planes along Z, then T, while a chunk stays small; channels are shown one by one."""
    for letter in "ZT":
        if letter not in sizes:
            continue
        nbytes = math.prod(sizes.values()) * array.dtype.itemsize
        growth = min(LEAST_BYTES // max(nbytes, 1), -(-array.dims[letter] // sizes[letter]))
        if growth > 1:
            sizes[letter] = min(sizes[letter] * growth, array.dims[letter])
        # Time points are joined only where a chunk has all sections.
        if sizes[letter] < array.dims[letter]:
            return
