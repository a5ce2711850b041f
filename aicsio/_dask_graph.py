"""The graph behind ``to_dask``: one key for the reader, one rule for all chunks. Imported only when dask is wanted.

Rule kept here: the graph has the same size for any number of chunks; a task needs the reader and its slices.
"""

from typing import Any

import attrs
import dask.array as da
import numpy as np
from dask._task_spec import TaskRef
from dask.array.core import getter
from dask.blockwise import BlockwiseDep, blockwise
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from aicsio._chunking import Cut


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


def array_of(reader: Any, name: str, cut: Cut, edges: tuple[Edges, ...]) -> "da.Array":
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
    original, axes = f"original-{name}", tuple(range(len(cut)))
    layer = blockwise(
        getter, name, axes, TaskRef(original), None, Slices(edges), axes, numblocks={}, _data_producer=True
    )
    layers = {original: MaterializedLayer({original: reader}), name: layer}
    graph = HighLevelGraph(layers, {original: set(), name: {original}})
    made = da.Array(graph, name, chunks=cut, dtype=reader.dtype, meta=np.empty(0, reader.dtype))
    # The array knows its chunks; here they would list each of them once more, for a picture.
    layer.collection_annotations.pop("chunks", None)
    return made
