"""The layout of a Zarr array: a regular grid of chunks, in shards or each under a key of its own.

Rule kept here: a key is computed when its chunk is requested. An array of a billion chunks opens
like one of ten.
"""

import itertools
import math
import operator
from collections.abc import Iterator

import attrs
import numpy as np

from aicsio.formats.zarr.arrays import ArrayDescription
from aicsio.records import Codec, DType, Keyed, Selection, ShardIndex, Source
from aicsio.records.boxes import BoxParts, Integers, cut_boxes
from aicsio.records.lazy import cut_at_chunks
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

BLOCK_NBYTES = 1 << 18
"""Chunks smaller than this are taken together: a task of the plan costs some 20 us."""


@printed_short
@pickled_by_position
@attrs.frozen
class ChunkGrid:
    """Chunks of one array."""

    store: Source
    """Folder, archive or URL."""
    image: str
    """Path of the image that the array belongs to; of the array itself where there is none."""
    prefix: str
    """Key of the array, and the parts of a key before the numbers of a chunk."""
    separator: str
    """Between the numbers of a chunk."""
    outer: tuple[int, ...]
    """Shape of a value: a chunk, or a shard."""
    chunk: tuple[int, ...]
    """Shape of a chunk that is decoded at once."""
    block_shape: tuple[int, ...]
    """Chunks that are read in one task."""
    dtype: DType
    """Type of the stored pixels, with their byte order."""
    codecs: tuple[Codec, ...]
    """From the bytes of a chunk to its pixels."""
    fill: bytes
    """One pixel of a chunk that is missing."""
    index: ShardIndex | None = None
    """The table of a shard; ``None`` for chunks under keys of their own."""
    grid: tuple[int, ...] = ()
    """Values along each axis; empty where there are more than a number of 63 bits counts."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...]) -> Iterator[Keyed]:
        """Yield a piece for each chunk of the window."""
        axes = zip(block, self.block_shape, self.chunk, window, strict=True)
        runs = [
            cut_at_chunks(at * size + part.start, at * size + part.stop, chunk)
            for at, size, chunk, part in axes
        ]
        # A part, of one axis: index of the chunk, first position in it, count, place in the window.
        for parts in itertools.product(*runs):
            key, entry = self._address([part[0] for part in parts])
            selection = Selection(
                source_start=tuple(part[1] for part in parts),
                shape=tuple(part[2] for part in parts),
                target_start=tuple(part[3] for part in parts),
            )
            yield self._piece(key, entry, selection)

    def plan_boxes(self, starts: Integers, stops: Integers) -> BoxParts | None:
        """Chunks of many boxes; see ``PlansBoxes``. Those of a shard have numbers that follow each other."""
        if self.grid == () and self.chunk:
            return None
        cuts = cut_boxes(starts, stops, self.chunk)
        # One a cut: the number of its value, and of its chunk in the value, both in C order.
        number, entry = np.zeros((2, len(cuts.box)), np.int64)
        for axis, (outer, inner, values) in enumerate(
            zip(self.outer, self.chunk, self.grid, strict=True)
        ):
            per_value = outer // inner
            value, within = np.divmod(cuts.cell[:, axis], per_value)
            number = number * values + value
            entry = entry * per_value + within
        numbers = number * self._entry_count() + entry
        return BoxParts(cuts.box, numbers, cuts.source_start, cuts.shape, cuts.target_start)

    def make_pieces(self, numbers: Integers) -> Iterator[Keyed]:
        """Whole chunks; see ``PlansBoxes``."""
        none = (0,) * len(self.chunk)
        selection = Selection(none, self.chunk, none)
        # ``plan_boxes`` makes a number of the value times its entries, plus the entry.
        values, entries = np.divmod(numbers, self._entry_count())
        # Shape (pieces, axes).
        index = np.stack(np.unravel_index(values, self.grid), axis=-1).tolist()
        for place, entry in zip(index, entries.tolist(), strict=True):
            yield self._piece(self._key(place), entry, selection)

    def _entry_count(self) -> int:
        """Return the chunks of a value."""
        return math.prod(map(operator.floordiv, self.outer, self.chunk))

    def _piece(self, key: str, entry: int, selection: Selection) -> Keyed:
        return Keyed(
            self.store,
            key,
            self.codecs,
            self.chunk,
            self.dtype,
            selection,
            self.fill,
            self.index,
            entry,
        )

    def group_shape(self) -> tuple[int, ...]:
        """Return the shape of a shard; of a block where there are none."""
        return self.block_shape if self.index is None else self.outer

    def _address(self, chunk_index: list[int]) -> tuple[str, int]:
        """Return the key of a chunk, and its entry in the table of its shard."""
        if self.index is None:
            return self._key(chunk_index), 0
        entry = 0
        shard_index: list[int] = []
        for at, outer, inner in zip(chunk_index, self.outer, self.chunk, strict=True):
            per_shard = outer // inner
            shard_index.append(at // per_shard)
            # The table has its entries in C order.
            entry = entry * per_shard + at % per_shard
        return self._key(shard_index), entry

    def _key(self, index: list[int]) -> str:
        return self.prefix + self.separator.join(map(str, index))


def make_grid(store: Source, array: ArrayDescription, image: str) -> ChunkGrid:
    """Lay out the chunks of an array."""
    separator = array.separator
    # A key of Zarr v3 is "path/c/0/1", or "path/c.0.1" with the other separator.
    prefix = f"{array.path}/" if array.path else ""
    if array.prefix:
        prefix += "".join(f"{part}{separator}" for part in array.prefix)
    chain = array.chain
    return ChunkGrid(
        store=store,
        image=image,
        prefix=prefix,
        separator=separator,
        outer=array.outer,
        chunk=chain.chunk,
        block_shape=_block_shape(array),
        dtype=chain.dtype,
        codecs=chain.codecs,
        fill=array.fill,
        index=chain.index,
        grid=_values(array),
    )


def _values(array: ArrayDescription) -> tuple[int, ...]:
    """Return the values along each axis; nothing where their chunks are too many to be numbered."""
    values = tuple(map(_ceiling, array.shape, array.outer))
    chunk_count = math.prod(map(_ceiling, array.shape, array.chain.chunk))
    most = math.prod(map(_ceiling, array.outer, array.chain.chunk))
    # Shards at an edge count all of their entries: numbers exceed the chunks, not this product.
    if chunk_count * most >= 1 << 62 or 0 in values:
        return ()
    return values


def _ceiling(size: int, part: int) -> int:
    return -(-size // part)


def _block_shape(array: ArrayDescription) -> tuple[int, ...]:
    """Take small chunks together along the last axes, and never across the edge of a shard."""
    block = list(array.chain.chunk)
    nbytes = math.prod(block) * array.dtype.itemsize
    for axis in reversed(range(len(block))):
        limit = array.shape[axis]
        if array.chain.index is not None:
            limit = array.outer[axis]
        room = max(BLOCK_NBYTES // max(nbytes, 1), 1)
        count = -(-limit // block[axis])
        taken = min(count, room)
        if array.chain.index is not None:
            # Blocks of one size fill a shard, so that none lies in two of them.
            while count % taken:
                taken -= 1
        nbytes *= taken
        block[axis] *= taken
        if taken < count:
            break
    return tuple(block)
