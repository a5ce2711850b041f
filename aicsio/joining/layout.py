"""Layouts of images that lie in many files: each position of a grid of files is an array of its own.

Rule kept here: pure arithmetic, no I/O. A piece of a part becomes a piece of the whole by giving it the axes that the
part lacks; they come first, so whatever decodes it sees the same trailing axes.
"""

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from aicsio._dims import views
from aicsio.records import (
    Computed,
    Dims,
    DType,
    LazyArray,
    Nested,
    Piece,
    Selection,
    Source,
    Strided,
)

__all__ = ["Edges", "Joined", "Opening", "Parts", "Promised", "Promises", "join", "promises"]

Edges: TypeAlias = range | tuple[int, ...]
"""First position of each part along an axis, and behind them the end of the last."""
PROMISED_BYTES = 32 << 20
"""Blocks of files that are opened when they are read grow to this size: each costs one opening."""


@attrs.frozen
class Joined:
    """Layout of a grid of arrays, one behind the other along some axes."""

    parts: "tuple[LazyArray | None, ...] | Promises" = attrs.field(repr=False)
    """In C order over the grid, each shown whole and as stored; ``None`` where there is none, which reads as 0."""
    edges: tuple[Edges, ...]
    """Of each axis of the grid."""
    axes: tuple[int, ...]
    """Stored axis of each axis of the grid."""
    added: int
    """How many axes the parts lack: the first ones."""
    block_shape: tuple[int, ...]
    """Each block lies in one part, and in one block of it."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """The pieces of the one part that the block lies in."""
        starts = [
            at * size + cut.start
            for at, size, cut in zip(block, self.block_shape, window, strict=True)
        ]
        index = 0
        for axis, edges in zip(self.axes, self.edges, strict=True):
            place = bisect.bisect_right(edges, starts[axis]) - 1
            starts[axis] -= edges[place]
            index = index * (len(edges) - 1) + place
        part = self.parts[index]
        if part is None:
            return
        inner, blocks, windows = starts[self.added :], [], []
        for start, size, cut in zip(
            inner, part.layout.block_shape, window[self.added :], strict=True
        ):
            blocks.append(start // size)
            windows.append(slice(start % size, start % size + cut.stop - cut.start))
        for piece in part.layout.pieces(tuple(blocks), tuple(windows)):
            yield _lifted(piece, self.added) if self.added else piece


def _lifted(piece: Piece, added: int) -> Piece:
    """Give a piece more axes of length 1, in front."""
    ones, zeros = (1,) * added, (0,) * added
    selection = Selection(
        zeros + piece.selection.source_start,
        ones + piece.selection.shape,
        zeros + piece.selection.target_start,
    )
    shape = ones + piece.shape
    if isinstance(piece, Strided):
        strides = zeros + piece.strides
        return attrs.evolve(piece, shape=shape, strides=strides, selection=selection)
    return attrs.evolve(piece, shape=shape, selection=selection)


@attrs.frozen
class Recut:
    """Layout of an array as it is shown, in blocks of another shape than its own."""

    inner: LazyArray
    """The pixels."""
    block_shape: tuple[int, ...]
    """As the caller wants them."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """One nested read of the window."""
        starts, extent = _reach(block, self.block_shape, window)
        order = self.inner.dims.order
        picks = {
            letter: range(at, at + n) for letter, at, n in zip(order, starts, extent, strict=True)
        }
        part, origin = views.transpose(self.inner, order, picks), (0,) * len(extent)
        yield Nested(part, extent, Selection(origin, extent, origin))


@attrs.frozen
class Opening:
    """How a file is opened that nobody has looked into, and which array of it is wanted."""

    format: str | None
    """As in ``open_image``."""
    engine: str | None
    """As in ``open_image``."""
    mosaic: str
    """As in ``open_image``."""
    dims: str | None
    """As in ``open_image``."""
    scene: int | str
    """As in ``select_scene``."""
    level: int
    """As in ``select_level``."""
    like: Source
    """The file that it must be like."""


@attrs.frozen
class Promised:
    """Layout of a file that is opened when it is read, and must then be as promised."""

    source: Source
    """The file; without a fingerprint where nobody asked its server."""
    opening: Opening
    """How it is opened."""
    dims: Dims
    """What it must hold."""
    dtype: DType
    """Of which type."""
    block_shape: tuple[int, ...]
    """Each block is one opening."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """One call that opens the file and reads the window."""
        starts, extent = _reach(block, self.block_shape, window)
        origin = (0,) * len(extent)
        asked = (self.source, self.opening, self.dims, self.dtype, starts, extent)
        yield Computed(
            "aicsio.joining:read_promised",
            asked,
            extent,
            self.dtype,
            Selection(origin, extent, origin),
        )


def _reach(
    block: tuple[int, ...], size: tuple[int, ...], window: tuple[slice, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    starts = tuple(at * n + cut.start for at, n, cut in zip(block, size, window, strict=True))
    return starts, tuple(cut.stop - cut.start for cut in window)


@attrs.frozen
class Promises:
    """Many files that nobody has looked into, in columns: ten thousand are one small record."""

    uris: tuple[str | None, ...]
    """Where they are; ``None`` where there is no file."""
    sizes: bytes
    """int64: bytes of each file; -1 where nobody asked."""
    fingerprints: tuple[str | None, ...]
    """What changes when their content does."""
    storage_options: str = attrs.field(repr=False)
    """As in ``Source``, of all."""
    local: bool
    """Whether they are paths of this machine's file system."""
    opening: Opening
    """How each is opened."""
    dims: Dims
    """What each must hold."""
    dtype: DType
    """Of which type."""
    block_shape: tuple[int, ...]
    """Each block is one opening."""

    def __len__(self) -> int:
        return len(self.uris)

    def __getitem__(self, index: int) -> LazyArray | None:
        uri = self.uris[index]
        if uri is None:
            return None
        size = int(np.frombuffer(self.sizes, "<i8", 1, 8 * index)[0])
        source = Source(
            uri,
            self.storage_options,
            size if size >= 0 else None,
            self.fingerprints[index],
            local=self.local,
        )
        layout = Promised(source, self.opening, self.dims, self.dtype, self.block_shape)
        return LazyArray.whole(layout, self.dims, self.dtype)


Parts: TypeAlias = Sequence[LazyArray | None] | Promises


def promises(sources: Sequence[Source | None], opening: Opening, like: LazyArray) -> Promises:
    """Show files that nobody has looked into as if each were like an array of another."""
    first = next(source for source in sources if source is not None)
    sizes = [-1 if source is None or source.size is None else source.size for source in sources]
    return Promises(
        uris=tuple(None if source is None else source.uri for source in sources),
        sizes=np.array(sizes, "<i8").tobytes(),
        fingerprints=tuple(None if source is None else source.fingerprint for source in sources),
        storage_options=first.storage_options,
        local=first.local,
        opening=opening,
        dims=like.dims,
        dtype=like.dtype,
        block_shape=_grown(_blocks_seen(like), like.dims.shape, like.dtype.itemsize),
    )


def _grown(block: Sequence[int], shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Take more blocks together, fastest axis first."""
    grown = list(block)
    for axis in reversed(range(len(grown))):
        nbytes = math.prod(grown) * itemsize
        grown[axis] = min(shape[axis], grown[axis] * max(1, PROMISED_BYTES // max(nbytes, 1)))
    return tuple(max(size, 1) for size in grown)


def join(parts: Parts, letters: str, sizes: Sequence[Sequence[int]]) -> LazyArray:
    """Put arrays one behind the other.

    Parameters
    ----------
    parts
        In C order over a grid with an axis for each of ``letters``; their dims agree but along these.
    letters
        Axes along which they are joined. One that the parts lack becomes a new axis in front.
    sizes
        Along each letter, how much the parts have of it; 1 for a new one.
    """
    if isinstance(parts, Promises):
        dims, dtype, stored_blocks = parts.dims, parts.dtype, parts.block_shape
    else:
        first = next(part for part in parts if part is not None)
        dims, dtype, stored_blocks = first.dims, first.dtype, _blocks_seen(first)
    new = "".join(letter for letter in letters if letter not in dims)
    order, inner = (
        new + dims.order,
        tuple(map(max, map(min, stored_blocks, dims.shape), (1,) * len(dims))),
    )
    edges = [_edges(along) for along in sizes]
    shape, cut = list((1,) * len(new) + dims.shape), list((1,) * len(new) + inner)
    for letter, along in zip(letters, edges, strict=True):
        axis = order.index(letter)
        shape[axis] = along[-1]
        cut[axis] = math.gcd(cut[axis], *along[1:-1])
    if not isinstance(parts, Promises):
        parts = tuple(part if part is None else _as_stored(part, inner) for part in parts)
    axes = tuple(order.index(letter) for letter in letters)
    layout = Joined(parts, tuple(edges), axes, len(new), tuple(cut))
    return LazyArray.whole(layout, Dims(order, tuple(shape)), dtype)


def _edges(sizes: Sequence[int]) -> Edges:
    ends = [0, *itertools.accumulate(sizes)]
    step = sizes[0]
    even = step > 0 and all(size == step for size in sizes)
    return range(0, ends[-1] + 1, step) if even else tuple(ends)


def _blocks_seen(array: LazyArray) -> tuple[int, ...]:
    """Shape of the stored blocks along the axes that are shown."""
    blocks = array.layout.block_shape
    return tuple(1 if axis < 0 else max(1, blocks[axis]) for axis in array.view.axes)


def _as_stored(array: LazyArray, blocks: tuple[int, ...]) -> LazyArray:
    """Show an array as one that is stored so, in blocks of one shape."""
    whole = array.view == LazyArray.whole(array.layout, array.stored, array.dtype).view
    # A block that is cut off by the end of the array is the same block.
    same = whole and all(
        size == block or min(size, n) == min(block, n) == n
        for size, block, n in zip(array.layout.block_shape, blocks, array.stored.shape, strict=True)
    )
    return array if same else LazyArray.whole(Recut(array, blocks), array.dims, array.dtype)
