"""Pixels of a handle as a numpy or a dask array.

Rule kept here: only the engine reads pixels; this module chooses which part is read at once.
"""

import sys
from typing import TYPE_CHECKING, Any, overload

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _engine
from aicsio._dims import views
from aicsio._engine import memory
from aicsio._engine.fresh_pages import FreshPages
from aicsio._engine.run import Progress
from aicsio._io import readers
from aicsio._tracebacks import short_traceback
from aicsio.arrays import chunks as chunk_sizes
from aicsio.arrays import outputs
from aicsio.arrays.chunks import Chunks
from aicsio.arrays.outputs import Output
from aicsio.arrays.tokens import token
from aicsio.errors import AicsioError
from aicsio.records import ImageHandle, LazyArray, as_numpy
from aicsio.steps.verbs import overloaded_verb

if TYPE_CHECKING:
    import dask.array

    from aicsio.arrays.ranked import DaskPixels, DaskStep, NumpyStep
    from aicsio.records.shapes import Shape

__all__ = ["read_array", "to_dask", "to_numpy"]


def read_array(
    array: LazyArray, workers: int | None = None, progress: Progress | None = None
) -> npt.NDArray[Any]:
    """Read the pixels that a lazy array shows; dask computes a dask array of the caller.

    Parameters
    ----------
    array
        The array to read.
    workers
        Threads; ``None`` for one per core, up to 8.
    progress
        Called with the bytes that are done and their total, in one thread at a time.

    Returns
    -------
    numpy.ndarray
        Shape and order of ``array.dims``, native byte order.

    Raises
    ------
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    ImageTooLargeError
        When the pixels do not fit into the free memory.
    SourceError
        When the bytes cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.arrays.read import read_array
    >>> read_array(open_image(np.eye(2), dims="YX").levels[0]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _engine.read(array, workers, progress)


as_numpy.register(LazyArray, read_array)


if TYPE_CHECKING:

    @overload
    def to_numpy(
        handle: ImageHandle[Shape],
        /,
        *,
        out: Output | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray[Shape, np.dtype[Any]]: ...
    @overload
    def to_numpy(
        *, out: Output | None = None, workers: int | None = None, progress: Progress | None = None
    ) -> NumpyStep: ...


@overloaded_verb
def to_numpy(
    handle: ImageHandle,
    /,
    *,
    out: Output | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> npt.NDArray[Any]:
    """Read the pixels in focus, and only those, into a new array or into memory of the caller.

    Parameters
    ----------
    handle
        An opened image. Without it, the call returns a step.
    out
        Contiguous memory of the shape and type of the result, which is then returned. Memory that
        is used again saves the system from handing out fresh pages, about half the time of a raw
        read.
    workers
        Threads; by default one per core, up to 8.
    progress
        Called with bytes done and bytes in total while blocks are read, in one thread at a time; not for
        a single block, nor for a dask array. ``ProgressBar`` shows it.

    Returns
    -------
    numpy.ndarray
        Shape and order of ``handle.dims``, native byte order. Pixels that the file lacks are 0.

    Raises
    ------
    DimensionError
        When ``out`` has another shape, or ``workers`` is below 1.
    ArgumentTypeError
        When ``out`` has another type or gaps, is read-only or memory of the image itself.
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    ImageTooLargeError
        When the pixels do not fit into the free memory; nothing is allocated then.
    SourceChangedError
        When the file has changed since it was opened.
    SourceError
        When the bytes cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, to_numpy, transpose_to
    >>> to_numpy(transpose_to(open_image(np.arange(6).reshape(2, 3)), "X", Y=1))
    array([3, 4, 5])

    Memory that is used for one image after the other:

    >>> image = open_image(np.arange(6, dtype=np.uint16).reshape(2, 3))
    >>> memory = np.empty(image.shape, image.dtype)
    >>> to_numpy(image, out=memory) is memory
    True
    """
    outputs.check_workers(workers)
    if out is None:
        return read_array(handle.array, workers, progress)
    array = handle.array
    outputs.check_output(out, array.shape, array)
    graph = _engine.as_dask(array)
    if graph is not None:
        out[...] = _engine.compute(graph, array)
    elif out.size:
        _engine.read_into(array, out, workers, progress=progress)
    return out


if TYPE_CHECKING:

    @overload
    def to_dask(handle: ImageHandle[Shape], /, *, chunks: Chunks = "auto") -> DaskPixels[Shape]: ...
    @overload
    def to_dask(*, chunks: Chunks = "auto") -> DaskStep: ...


@overloaded_verb
def to_dask(handle: ImageHandle, /, *, chunks: Chunks = "auto") -> "dask.array.Array":
    """Show the pixels in focus as a dask array; nothing is read until it is computed.

    Parameters
    ----------
    handle
        An opened image. Without it, the call returns a step.
    chunks
        - ``"auto"``: whole stored blocks, fastest axes first, up to 32 MiB (or up to
          ``array.chunk-size`` of dask's configuration if it is set); ``"64MiB"``: up to this size.
          Automatic chunks begin where stored blocks begin; giant planes of raw pixels, strips or
          tiles are cut along Y, then X.
        - A letter string such as ``"ZYX"``: one chunk along these, one position along the others.
        - A mapping by letter; other letters are automatic, -1 takes all of a dimension.
        - An int for all dimensions.
        - A tuple with one entry per dimension: an int, or the sizes of its chunks.

    Returns
    -------
    dask.array.Array
        Shape and order of ``handle.dims``. The graph has the same small size for any number of
        chunks, and the same names for the same image. Its ``compute()`` with threads of this
        process reads straight into the result.

    Raises
    ------
    DimensionError
        When chunks do not fit the dims.
    ImageTooLargeError
        When there would be more than ten million chunks. By ``compute()``, when the result does
        not fit into the free memory.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, to_dask
    >>> to_dask(open_image(np.zeros((4, 64, 64))), chunks={"Z": 1}).numblocks
    (4, 1, 1)
    """
    array = handle.array
    sizes = chunk_sizes.chunks_per_axis(array, chunks)
    graph = _engine.as_dask(array)
    if graph is not None:
        # The caller's own chunks are the automatic ones: cutting them anew would cost copies.
        return graph if chunks == "auto" else graph.rechunk(sizes)
    from aicsio.arrays import dask_graph

    axes = tuple(map(dask_graph.AxisChunks.of, sizes))
    name = f"aicsio-{token((array, axes))}"
    return dask_graph.build_array(SliceReader(array), name, sizes, axes)


@attrs.frozen
class SliceReader:
    """An array as dask needs it: a shape, a type, and ``[...]``."""

    array: LazyArray
    """The array that is read in parts."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.array.ndim

    # A task of dask that fails shows dask's frames, then this one.
    @short_traceback(AicsioError)
    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        linger_seconds = 0.0
        if _is_on_worker():
            # Other tasks of this worker are likely to read the same file: it stays open a while.
            linger_seconds = readers.LINGER_SECONDS
        with readers.session(linger_seconds):
            return self._read(key)

    def require_memory(self) -> None:
        """Raise ``ImageTooLargeError`` if the whole array does not fit into the free memory."""
        memory.require(self.array.nbytes, self.array)

    def allocate(self) -> tuple[npt.NDArray[Any], bool]:
        """Return memory for the whole array, and whether it holds zeros."""
        return _engine.allocate(self.array)

    def read_into(
        self, key: tuple[slice, ...], out: npt.NDArray[Any], pages: FreshPages | None
    ) -> None:
        """Read a part into memory of its shape, which holds zeros if it has ``pages``."""
        order = self.array.dims.order
        part = views.transpose(self.array, order, dict(zip(order, key, strict=True)))
        _engine.read_into(part, out, 1, zero_filled=pages is not None, pages=pages)

    def _read(self, key: Any) -> npt.NDArray[Any]:
        dims = self.array.dims
        parts = key if isinstance(key, tuple) else (key,)
        picks = dict(zip(dims.order, parts, strict=False))
        kept = ""
        shape: list[int] = []
        for letter, size in dims.items():
            pick = picks.get(letter, slice(None))
            if isinstance(pick, int | np.integer):
                continue  # drops the axis
            kept += letter
            positions = range(size)[pick] if isinstance(pick, slice) else pick
            shape.append(len(positions))
        # An empty pick is an error to a user, and an empty array to numpy and dask.
        if 0 in shape:
            return np.zeros(shape, self.array.dtype)
        # A task of a graph already runs beside others: one thread each.
        if not kept:
            return read_array(views.transpose(self.array, dims.order, picks), 1).reshape(())
        return read_array(views.transpose(self.array, kept, picks), 1)


def _is_on_worker() -> bool:
    """Whether this is a task in a process of a cluster."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    # Threads of a worker that runs inside this process share the open files of the caller.
    try:
        address: str = distributed.get_worker().address
    except ValueError:  # there is no worker here
        return False
    return not address.startswith("inproc:")
