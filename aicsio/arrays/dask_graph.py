"""The graph behind ``to_dask``: one key for the reader, one rule for all chunks. Imported only when dask is wanted.

Rule kept here: the graph has the same size for any number of chunks; a task needs the reader and its slices.
"""

import uuid
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs
import dask.array as da
import dask.local
import dask.threaded
import numpy as np
import numpy.typing as npt
from dask._task_spec import TaskRef
from dask.array.core import getter
from dask.base import compute, get_scheduler
from dask.blockwise import BlockwiseDep, blockwise
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from aicsio.arrays.chunks import Cut

Pixels: TypeAlias = npt.NDArray[Any]
A = TypeVar("A", bound=da.Array)
Slicing: TypeAlias = tuple[slice, ...]

IN_PROCESS = (dask.threaded.get, dask.local.get_sync)
"""Schedulers whose tasks can fill memory of the caller."""


@runtime_checkable
class Reader(Protocol):
    """What dask arrays are made of: pixels that are read when they are indexed."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a sample."""

    def __getitem__(self, key: Any, /) -> Pixels:
        """Read a part."""

    def allocate(self) -> tuple[Pixels, bool]:
        """Return memory for the whole, and whether it holds zeros."""

    def read_into(self, key: Slicing, out: Pixels, *, zero_filled: bool) -> None:
        """Read a part into memory of its shape; ``zero_filled`` if it holds zeros."""


@attrs.frozen
class Edges:
    """Where the chunks of one axis lie."""

    count: int
    """Number of chunks."""
    total: int
    """Size of the axis."""
    first: int
    """Size of the first chunk."""
    size: int
    """Size of the others; the last may be shorter."""
    uneven: tuple[int, ...] | None = None
    """Where each chunk begins, and the end, where they follow no rule."""

    @classmethod
    def of(cls, sizes: tuple[int, ...]) -> "Edges":
        """Find the rule that sizes follow."""
        count, total, first = len(sizes), sum(sizes), sizes[0]
        size = sizes[1] if count > 1 else first
        made = cls(count, total, first, size)
        if sizes[1:-1] == (size,) * (count - 2) and (count < 3 or 0 < sizes[-1] <= size):
            return made
        starts = [0]
        for each in sizes:
            starts.append(starts[-1] + each)
        return attrs.evolve(made, uneven=tuple(starts))

    def slice(self, index: int) -> slice:
        """Positions of a chunk."""
        if self.uneven is not None:
            return slice(self.uneven[index], self.uneven[index + 1], None)
        start = 0 if index == 0 else self.first + (index - 1) * self.size
        return slice(start, min(self.total, self.first + index * self.size), None)


class Slices(BlockwiseDep):
    """What dask asks for the arguments of a task: the slices of its chunk."""

    produces_tasks = False

    def __init__(self, edges: tuple[Edges, ...]) -> None:
        self.edges = edges
        self.numblocks = tuple(each.count for each in edges)

    def __getitem__(self, idx: tuple[int, ...]) -> tuple[slice, ...]:
        """Return the slices of a chunk."""
        return tuple(each.slice(i) for each, i in zip(self.edges, idx, strict=True))


@attrs.frozen(eq=False)
class _Filling:
    """Reads parts to where they belong in the result, in place of parts that must be joined."""

    reader: Reader
    out: Pixels
    zero_filled: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.out.dtype

    def __getitem__(self, key: Slicing) -> Pixels:
        index: Any = (*key, ...)  # with the ellipsis a part is a view, even one without axes
        part: Pixels = self.out[index]
        if part.size:
            self.reader.read_into(key, part, zero_filled=self.zero_filled)
        return part


class ImageChunks(da.Array):
    """A dask array that, computed as it is by threads of this process, reads straight into its result.

    Dask's own way holds all pixels twice, as chunks and as the array that one thread joins of them. What is computed
    from this array, and a copy of it that was pickled or persisted, are plain dask arrays.
    """

    reader: Reader

    def compute(self, **kwargs: Any) -> Any:
        """Read all chunks: see ``dask.compute`` for the options."""
        if get_scheduler(scheduler=kwargs.get("scheduler"), collections=[self]) not in IN_PROCESS:
            return compute(self, traverse=False, **kwargs)[0]
        out, zero_filled = self.reader.allocate()
        # Under a name of its own: a cache of dask's keeps what it knows by name, and this memory is the caller's.
        name = f"{self.name}-{uuid.uuid4().hex}"
        edges = tuple(map(Edges.of, self.chunks))
        filled = _make(_Filled, _Filling(self.reader, out, zero_filled), name, self.chunks, edges)
        compute(filled, traverse=False, **kwargs)
        return out


class _Filled(da.Array):
    """Chunks that are parts of the result already."""

    def __dask_postcompute__(self) -> Any:
        """Say that there is nothing to join."""
        return len, ()


def array_of(reader: Reader, name: str, cut: Cut, edges: tuple[Edges, ...]) -> ImageChunks:
    """Make a dask array of what has a shape, a type and ``[...]``.

    Parameters
    ----------
    reader
        Becomes one key of the graph, on which all tasks depend: a cluster sends it to each worker once.
    name
        Of the array, the same for the same pixels and chunks.
    cut, edges
        Sizes of the chunks, per axis, and the rules that they follow.
    """
    made = _make(ImageChunks, reader, name, cut, edges)
    made.reader = reader
    return made


def _make(
    kind: type[A], reader: Reader | _Filling, name: str, cut: Cut, edges: tuple[Edges, ...]
) -> A:
    original, axes = f"original-{name}", tuple(range(len(cut)))
    layer = blockwise(
        getter,
        name,
        axes,
        TaskRef(original),
        None,
        Slices(edges),
        axes,
        numblocks={},
        _data_producer=True,
    )
    layers = {original: MaterializedLayer({original: reader}), name: layer}
    graph = HighLevelGraph(layers, {original: set(), name: {original}})
    made = kind(graph, name, chunks=cut, dtype=reader.dtype, meta=np.empty(0, reader.dtype))
    # The array knows its chunks; here they would list each of them once more, for a picture.
    layer.collection_annotations.pop("chunks", None)
    return made
