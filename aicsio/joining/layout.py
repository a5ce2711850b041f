"""Layouts of images in many files: each position of a grid of files is an array of its own.

Rule kept here: pure arithmetic, no I/O. A piece of one file becomes a piece of the whole when it
gets the axes that the file lacks; they come first, so its decoder sees the same trailing axes.
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
    PlanePlaces,
    Selection,
    Source,
    Strided,
)
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short
from aicsio.records.protocols import LocatesPlanes, offered

__all__ = [
    "Edges",
    "JoinedLayout",
    "OpenRequest",
    "Parts",
    "Rechunked",
    "UncheckedFile",
    "UncheckedFiles",
    "join_arrays",
    "unchecked_files",
]

Edges: TypeAlias = range | tuple[int, ...]
"""First position of each part along an axis, and the end of the last part."""
UNCHECKED_BLOCK_BYTES = 32 << 20
"""Blocks of files that are opened when they are read grow to this size: each costs one opening,
0.3 ms for an OME-TIFF, beside the 2 to 4 ms that 32 MiB take to come from the page cache."""


@printed_short
@pickled_by_position
@attrs.frozen
class JoinedLayout:
    """Layout of a grid of arrays, one after the other along some axes."""

    parts: "tuple[LazyArray | None, ...] | UncheckedFiles" = attrs.field(repr=False)
    """In C order over the grid, each whole and as stored; ``None`` for a missing one, read as 0."""
    edges: tuple[Edges, ...]
    """Per axis of the grid."""
    axes: tuple[int, ...]
    """Stored axis of each axis of the grid."""
    added: int
    """Number of axes that the parts lack: the first ones."""
    block_shape: tuple[int, ...]
    """Each block lies in one part, and in one block of it."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield the pieces of the one part that the block lies in."""
        starts, _ = window_in_array(block, self.block_shape, window)
        part_index = 0
        in_part = list(starts)
        for axis, edges in zip(self.axes, self.edges, strict=True):
            # Ranges and tuples both bisect: thousands of files are found in a few steps.
            along_axis = bisect.bisect_right(edges, starts[axis]) - 1
            in_part[axis] -= edges[along_axis]
            part_index = part_index * (len(edges) - 1) + along_axis
        part = self.parts[part_index]
        if part is None:
            return  # the engine fills with 0
        part_block: list[int] = []
        part_window: list[slice] = []
        # `join_arrays` makes blocks that lie in one block of the part, so one division is enough.
        for axis, size in enumerate(part.layout.block_shape, self.added):
            index, start = divmod(in_part[axis], size)
            extent = window[axis].stop - window[axis].start
            part_block.append(index)
            part_window.append(slice(start, start + extent))
        for piece in part.layout.pieces(tuple(part_block), tuple(part_window)):
            yield _with_leading_axes(piece, self.added) if self.added else piece

    def locate_planes(self) -> PlanePlaces | None:
        """Return where the planes of each file lie; ``None`` where files are not opened yet."""
        if not isinstance(self.parts, tuple):
            return None
        known = next(part for part in self.parts if part is not None)
        shape = [1] * self.added + list(plane_shape(known.stored))
        if max(self.axes) >= len(shape):
            return None  # files side by side: a plane lies in several
        for axis, edges in zip(self.axes, self.edges, strict=True):
            shape[axis] = edges[-1]
        files, offsets = np.full(shape, -1, "<i4"), np.full(shape, -1, "<i8")
        uris: dict[str, int] = {}
        steps = itertools.product(*(itertools.pairwise(edges) for edges in self.edges))
        for part, ranges in zip(self.parts, steps, strict=True):
            layout = None if part is None else offered(part.layout, LocatesPlanes)
            places = None if layout is None else layout.locate_planes()
            if places is None:
                continue
            window = [slice(None)] * len(shape)
            for axis, (start, stop) in zip(self.axes, ranges, strict=True):
                window[axis] = slice(start, stop)
            numbers = [uris.setdefault(uri, len(uris)) for uri in places.uris]
            # The last number answers -1, a plane without a file.
            of_part = np.array([*numbers, -1], "<i4")[np.frombuffer(places.file, "<i4")]
            target = files[tuple(window)]
            target[...] = of_part.reshape(target.shape)
            offsets[tuple(window)] = np.frombuffer(places.offset, "<i8").reshape(target.shape)
        return PlanePlaces(tuple(uris), files.tobytes(), offsets.tobytes())


def plane_shape(stored: Dims) -> tuple[int, ...]:
    """Return the sizes of the axes along which planes are counted."""
    return tuple(size for letter, size in stored.items() if letter != "S")[:-2]


def _with_leading_axes(piece: Piece, count: int) -> Piece:
    """Give a piece more axes of length 1, in front."""
    ones, zeros = (1,) * count, (0,) * count
    selection = Selection(
        zeros + piece.selection.source_start,
        ones + piece.selection.shape,
        zeros + piece.selection.target_start,
    )
    shape = ones + piece.shape
    # Encoded and computed pixels are reshaped when they are decoded; raw ones need strides.
    if isinstance(piece, Strided):
        strides = zeros + piece.strides
        return attrs.evolve(piece, shape=shape, strides=strides, selection=selection)
    return attrs.evolve(piece, shape=shape, selection=selection)


@printed_short
@pickled_by_position
@attrs.frozen
class Rechunked:
    """Layout of an array as it is shown, in blocks of another shape than its own."""

    inner: LazyArray
    """The pixels."""
    block_shape: tuple[int, ...]
    """As the caller needs them."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield one nested read of the window."""
        starts, extent = window_in_array(block, self.block_shape, window)
        order = self.inner.dims.order
        picks: dict[str, range] = {}
        for letter, start, length in zip(order, starts, extent, strict=True):
            picks[letter] = range(start, start + length)
        # The view of the inner array may reorder, so its stored blocks are of no use here.
        part = views.transpose(self.inner, order, picks)
        origin = (0,) * len(extent)
        yield Nested(part, extent, Selection(origin, extent, origin))


@printed_short
@pickled_by_position
@attrs.frozen
class OpenRequest:
    """How an unchecked file is opened, and which of its arrays is read."""

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
    reference: Source
    """The checked file, which the array must match in dims and dtype."""
    masks: bool = False
    """As in ``open_image``."""


@printed_short
@pickled_by_position
@attrs.frozen
class UncheckedFile:
    """Layout of a file that is opened when it is read, and checked then."""

    source: Source
    """The file; without a fingerprint if its server was not asked."""
    request: OpenRequest
    """How it is opened."""
    dims: Dims
    """Its expected dims."""
    dtype: DType
    """Its expected type."""
    block_shape: tuple[int, ...]
    """Each block is one opening."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield one call that opens the file and reads the window."""
        starts, extent = window_in_array(block, self.block_shape, window)
        origin = (0,) * len(extent)
        yield Computed(
            "aicsio.joining.files:read_unchecked_file",
            (self.source, self.request, self.dims, self.dtype, starts, extent),
            extent,
            self.dtype,
            Selection(origin, extent, origin),
        )


@printed_short
@pickled_by_position
@attrs.frozen
class UncheckedFiles:
    """Many unchecked files in columns: ten thousand are one small record."""

    uris: tuple[str | None, ...]
    """Path or URL of each; ``None`` for a missing one."""
    sizes: bytes
    """int64: bytes of each file; -1 if unknown."""
    fingerprints: tuple[str | None, ...]
    """As in ``Source``."""
    storage_options: tuple[str, ...] = attrs.field(repr=False)
    """As in ``Source``; one entry if all files have the same. URLs with passwords differ."""
    local: bool
    """Whether they are paths of this machine's file system."""
    request: OpenRequest
    """How each is opened."""
    dims: Dims
    """Expected dims of each."""
    dtype: DType
    """Expected type of each."""
    block_shape: tuple[int, ...]
    """Each block is one opening."""

    def __len__(self) -> int:
        return len(self.uris)

    def __getitem__(self, index: int) -> LazyArray | None:
        uri = self.uris[index]
        if uri is None:
            return None
        size: int | None = int(np.frombuffer(self.sizes, "<i8", 1, 8 * index)[0])
        if size == -1:
            size = None
        options = self.storage_options[index if len(self.storage_options) > 1 else 0]
        source = Source(uri, options, size, self.fingerprints[index], local=self.local)
        layout = UncheckedFile(source, self.request, self.dims, self.dtype, self.block_shape)
        return LazyArray.whole(layout, self.dims, self.dtype)


Parts: TypeAlias = Sequence[LazyArray | None] | UncheckedFiles
"""The arrays of a grid."""


def unchecked_files(
    sources: Sequence[Source | None], request: OpenRequest, reference: LazyArray
) -> UncheckedFiles:
    """Describe unopened files, assuming the shape and dtype of ``reference``.

    Parameters
    ----------
    sources
        The files; ``None`` for a missing one.
    request
        How each is opened.
    reference
        The array of the checked file.
    """
    # Columns: a record per file would make the handle of ten thousand files several megabytes.
    uris: list[str | None] = []
    sizes: list[int] = []
    fingerprints: list[str | None] = []
    options: list[str] = []
    for source in sources:
        if source is None:
            uris.append(None)
            sizes.append(-1)
            fingerprints.append(None)
            options.append("{}")
        else:
            uris.append(source.uri)
            sizes.append(-1 if source.size is None else source.size)
            fingerprints.append(source.fingerprint)
            options.append(source.storage_options)
    first = next(source for source in sources if source is not None)
    same = all(
        source is None or source.storage_options == first.storage_options for source in sources
    )
    return UncheckedFiles(
        uris=tuple(uris),
        sizes=np.array(sizes, "<i8").tobytes(),
        fingerprints=tuple(fingerprints),
        storage_options=(first.storage_options,) if same else tuple(options),
        local=first.local,
        request=request,
        dims=reference.dims,
        dtype=reference.dtype,
        block_shape=_enlarged(reference),
    )


def _enlarged(array: LazyArray) -> tuple[int, ...]:
    """Return the shape of several stored blocks together, fastest axis first."""
    block = list(_shown_block_shape(array))
    # The last axes are the fastest of the file: a block grows into rows, planes, then stacks.
    for axis in reversed(range(len(block))):
        nbytes = max(1, math.prod(block) * array.dtype.itemsize)
        factor = max(1, UNCHECKED_BLOCK_BYTES // nbytes)
        block[axis] = max(1, min(array.dims.shape[axis], block[axis] * factor))
    return tuple(block)


def join_arrays(parts: Parts, letters: str, sizes: Sequence[Sequence[int]]) -> LazyArray:
    """Put arrays one after the other.

    Parameters
    ----------
    parts
        In C order over a grid with an axis for each of ``letters``; their dims differ only along
        these.
    letters
        Axes along which they are joined. One that the parts lack becomes a new axis in front.
    sizes
        Along each letter, the size of each part; 1 for a new axis.
    """
    if isinstance(parts, UncheckedFiles):
        dims, dtype, part_block = parts.dims, parts.dtype, parts.block_shape
    else:
        first = next(part for part in parts if part is not None)
        dims, dtype, part_block = first.dims, first.dtype, _shown_block_shape(first)
    # A block may be larger than the array; an axis of length 0 still has blocks of 1.
    inner = tuple(max(1, min(pair)) for pair in zip(part_block, dims.shape, strict=True))
    new = "".join(letter for letter in letters if letter not in dims)
    order = new + dims.order
    shape = [1] * len(new) + list(dims.shape)
    block = [1] * len(new) + list(inner)
    edges_of_axis = [_edges(along) for along in sizes]
    axes = tuple(order.index(letter) for letter in letters)
    for axis, edges in zip(axes, edges_of_axis, strict=True):
        shape[axis] = edges[-1]
        # No block crosses an edge between two parts: its size divides the position of each.
        block[axis] = math.gcd(block[axis], *edges[1:-1])
    if not isinstance(parts, UncheckedFiles):
        parts = tuple(part if part is None else _as_stored(part, inner) for part in parts)
    layout = JoinedLayout(parts, tuple(edges_of_axis), axes, len(new), tuple(block))
    return LazyArray.whole(layout, Dims(order, tuple(shape)), dtype)


def _edges(sizes: Sequence[int]) -> Edges:
    """Return the edges between parts; a range if all parts have one size."""
    # A range hashes and pickles in a few bytes, where a tuple lists every file.
    ends = (0, *itertools.accumulate(sizes))
    step = sizes[0]
    if step > 0 and all(size == step for size in sizes):
        return range(0, ends[-1] + 1, step)
    return ends


def _shown_block_shape(array: LazyArray) -> tuple[int, ...]:
    """Return the shape of the stored blocks along the axes that are shown."""
    blocks = array.layout.block_shape
    return tuple(1 if axis < 0 else max(1, blocks[axis]) for axis in array.view.axes)


def _as_stored(array: LazyArray, block_shape: tuple[int, ...]) -> LazyArray:
    """Return an array that shows the same pixels whole, stored in blocks of one shape."""
    if array.view == LazyArray.whole(array.layout, array.stored, array.dtype).view and all(
        map(_same_blocks, array.layout.block_shape, block_shape, array.stored.shape)
    ):
        return array
    return LazyArray.whole(Rechunked(array, block_shape), array.dims, array.dtype)


def _same_blocks(one: int, other: int, axis_size: int) -> bool:
    """Whether blocks of two sizes are the same blocks of an axis: both may exceed it."""
    return one == other or min(one, other) >= axis_size
