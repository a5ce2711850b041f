"""The graph behind ``to_dask``: one key for the reader, one rule for all chunks. Imports dask.

Rule kept here: the graph has the same size for any number of chunks; a task needs the reader and
its slices.

Of dask's interfaces ``blockwise``, ``HighLevelGraph`` and ``__dask_postcompute__`` are documented.
``TaskRef`` is not: without it, ``dask.array.from_array`` builds the graph, which then also lists
the sizes of all chunks.
"""

import uuid
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import attrs
import dask.array as da
import dask.local
import dask.threaded
import numpy as np
import numpy.typing as npt
from dask.base import compute, get_scheduler
from dask.blockwise import BlockwiseDep, blockwise
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from aicsio._engine.fresh_pages import FreshPages
from aicsio._tracebacks import short_traceback
from aicsio.arrays.chunks import ChunkSizes
from aicsio.errors import AicsioError
from aicsio.records.pickling import pickled_by_position

TaskRef: Any
getter: Any
try:
    # In the new task specification a bare string is no key of the graph, only a TaskRef is.
    from dask._task_spec import TaskRef
    from dask.array.core import getter
except ImportError:  # moved by a later dask
    TaskRef = getter = None

Pixels: TypeAlias = npt.NDArray[Any]
Slicing: TypeAlias = tuple[slice, ...]
A = TypeVar("A", bound=da.Array)

IN_PROCESS = (dask.threaded.get, dask.local.get_sync)
"""Schedulers whose tasks can fill memory of the caller."""


@runtime_checkable
class PixelSource(Protocol):
    """The source of a dask array: pixels that are read when they are indexed."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""

    def __getitem__(self, key: Any, /) -> Pixels:
        """Read a part."""

    def require_memory(self) -> None:
        """Raise if the whole does not fit into the free memory."""

    def allocate(self) -> tuple[Pixels, bool]:
        """Return memory for the whole, and whether it holds zeros."""

    def read_into(self, key: Slicing, out: Pixels, pages: FreshPages | None) -> None:
        """Read a part into memory of its shape, which holds zeros if it has ``pages``."""


@pickled_by_position
@attrs.frozen
class AxisChunks:
    """The chunks of one axis, as a rule."""

    count: int
    """Number of chunks."""
    total: int
    """Size of the axis."""
    first: int
    """Size of the first chunk."""
    size: int
    """Size of the others; the last may be shorter."""
    uneven: tuple[int, ...] | None = None
    """Start of each chunk, and the end of the last; ``None`` if the rule gives them."""

    @classmethod
    def of(cls, sizes: tuple[int, ...]) -> "AxisChunks":
        """Find the rule that sizes follow, or list the starts."""
        count, total, first = len(sizes), sum(sizes), sizes[0]
        size = sizes[1] if count > 1 else first
        # First and last chunk may differ: a view may begin and end inside of a stored block.
        rule = cls(count, total, first, size)
        inner_even = sizes[1:-1] == (size,) * (count - 2)
        if inner_even and (count < 3 or 0 < sizes[-1] <= size):
            return rule
        starts = [0]
        for each in sizes:
            starts.append(starts[-1] + each)
        return attrs.evolve(rule, uneven=tuple(starts))

    def slice(self, index: int) -> slice:
        """Return the positions of one chunk."""
        # A step of None, as in the slices that dask makes itself: equal slices get equal tokens.
        if self.uneven is not None:
            return slice(self.uneven[index], self.uneven[index + 1], None)
        start = 0 if index == 0 else self.first + (index - 1) * self.size
        return slice(start, min(self.total, self.first + index * self.size), None)


class ChunkSlices(BlockwiseDep):
    """Argument of the tasks of a blockwise layer: the slices of the chunk."""

    produces_tasks = False

    def __init__(self, axes: tuple[AxisChunks, ...]) -> None:
        self.axes = axes
        self.numblocks = tuple(axis.count for axis in axes)

    def __getitem__(self, idx: tuple[int, ...]) -> tuple[slice, ...]:
        """Return the slices of a chunk."""
        return tuple(axis.slice(i) for axis, i in zip(self.axes, idx, strict=True))


@attrs.frozen(eq=False)
class _OutputFiller:
    """Reads parts to their places in the result. Not a record: it lives for one computation."""

    source: PixelSource
    """The pixels."""
    out: Pixels
    """The result."""
    pages: FreshPages | None
    """The pages of ``out``, if it holds zeros."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.out.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.out.dtype

    @property
    def ndim(self) -> int:
        return self.out.ndim

    def __getitem__(self, key: Slicing) -> Pixels:
        index: Any = (*key, ...)  # with the ellipsis a part is a view, even one without axes
        part: Pixels = self.out[index]
        if part.size:
            self.source.read_into(key, part, self.pages)
        return part


class ImageChunks(da.Array):
    """A dask array that reads straight into its result when it is computed by threads.

    dask holds all pixels twice: as chunks, and as the array into which one thread joins them.
    Arrays that are computed from this one, and copies that were pickled or persisted, are plain
    dask arrays.
    """

    source: PixelSource

    @short_traceback(AicsioError)
    def compute(self, **kwargs: Any) -> Any:
        """Read all chunks.

        Parameters
        ----------
        **kwargs
            As in ``dask.compute``.

        Raises
        ------
        ImageTooLargeError
            When the result does not fit into the free memory.
        """
        if get_scheduler(scheduler=kwargs.get("scheduler"), collections=[self]) not in IN_PROCESS:
            self.source.require_memory()
            return compute(self, traverse=False, **kwargs)[0]
        out, zero_filled = self.source.allocate()
        # Under a name of its own: caches of dask keep results by name, and this memory becomes the
        # caller's.
        name = f"{self.name}-{uuid.uuid4().hex}"
        axes = tuple(map(AxisChunks.of, self.chunks))
        pages = FreshPages(out) if zero_filled else None
        filler = _OutputFiller(self.source, out, pages)
        filled = _build(_OutputChunks, filler, name, self.chunks, axes)
        compute(filled, traverse=False, **kwargs)
        return out


class _OutputChunks(da.Array):
    """Chunks that are parts of the result already."""

    def __dask_postcompute__(self) -> Any:
        """Return a function that joins nothing, and its further arguments."""
        return len, ()


def build_array(
    source: PixelSource, name: str, sizes: ChunkSizes, axes: tuple[AxisChunks, ...]
) -> ImageChunks:
    """Make a dask array of a source of pixels.

    Parameters
    ----------
    source
        One key of the graph, on which all tasks depend: a cluster sends it to each worker once.
    name
        Name of the array, the same for the same pixels and chunks.
    sizes, axes
        Sizes of the chunks per axis, and the rules that they follow.
    """
    array = _build(ImageChunks, source, name, sizes, axes)
    array.source = source
    return array


def _build(
    array_class: type[A],
    source: PixelSource | _OutputFiller,
    name: str,
    sizes: ChunkSizes,
    axes: tuple[AxisChunks, ...],
) -> A:
    # Without data, so that dask does not index the source to learn what its pixels are.
    meta = np.empty((0,) * len(sizes), source.dtype)
    if TaskRef is None:
        plain = da.from_array(source, chunks=sizes, name=name, asarray=False, meta=meta)
        return array_class(plain.dask, name, chunks=sizes, dtype=source.dtype, meta=meta)
    original = f"original-{name}"
    numbers = tuple(range(len(sizes)))
    layer = blockwise(
        getter,
        name,
        numbers,
        TaskRef(original),
        None,
        ChunkSlices(axes),
        numbers,
        numblocks={},
        _data_producer=True,
    )
    layers = {original: MaterializedLayer({original: source}), name: layer}
    graph = HighLevelGraph(layers, {original: set(), name: {original}})
    array = array_class(graph, name, chunks=sizes, dtype=source.dtype, meta=meta)
    # dask uses this annotation only for its HTML repr; it would list the sizes of all chunks.
    layer.collection_annotations.pop("chunks", None)
    return array
