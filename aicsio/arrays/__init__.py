"""From handles to arrays: numpy now, dask later, xarray with coordinates.

Rule kept here: pixels are read only by the engine; this module says how much of them at once, and labels them.
"""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _engine
from aicsio._dims import views
from aicsio._io import readers
from aicsio.arrays import chunks as chunk_sizes
from aicsio.arrays.chunks import Chunks
from aicsio.errors import MissingDependencyError
from aicsio.records import ImageHandle, LazyArray, Pick, as_numpy
from aicsio.steps import verb

if TYPE_CHECKING:
    import dask.array
    import xarray

__all__ = ["Chunks", "read_array", "to_dask", "to_numpy", "to_xarray", "token"]


def read_array(array: LazyArray, workers: int | None = None) -> npt.NDArray[Any]:
    """Read the pixels that a lazy array shows; dask computes a dask array of the caller."""
    return _engine.read(array, workers)


as_numpy.register(LazyArray, read_array)


@verb
def to_numpy(handle: ImageHandle, /, *, workers: int | None = None) -> npt.NDArray[Any]:
    """Read the pixels in focus, and only those, into a new array.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    workers
        Threads; by default as many as there are cores, up to 8.

    Returns
    -------
    numpy.ndarray
        Shape and order of ``handle.dims``, native byte order. What the file does not hold is 0.

    Raises
    ------
    CorruptFileError, SourceError

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, to_numpy, transpose_to
    >>> to_numpy(transpose_to(open_image(np.arange(6).reshape(2, 3)), "X", Y=1))
    array([3, 4, 5])
    """
    return read_array(handle.array, workers)


@attrs.frozen
class _Sliced:
    """The face that dask wants of an array: a shape, a type, and ``[...]``."""

    array: LazyArray
    """What is shown."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        with readers.session(readers.LINGER_SECONDS if _is_on_worker() else 0.0):
            return self._read(key)

    def allocate(self) -> tuple[npt.NDArray[Any], bool]:
        """Return memory for the whole array, and whether it holds zeros."""
        return _engine.allocate(self.array)

    def read_into(
        self, key: tuple[slice, ...], out: npt.NDArray[Any], *, zero_filled: bool
    ) -> None:
        """Read a part into memory of its shape; ``zero_filled`` if it holds zeros."""
        shown = views.transpose(
            self.array, self.array.dims.order, dict(zip(self.array.dims.order, key, strict=True))
        )
        _engine.read_into(shown, out, 1, zero_filled=zero_filled)

    def _read(self, key: Any) -> npt.NDArray[Any]:
        dims = self.array.dims
        parts = key if isinstance(key, tuple) else (key,)
        picks = dict(zip(dims.order, parts, strict=False))
        kept = "".join(c for c in dims if not isinstance(picks.get(c), int | np.integer))
        asked = [(dims[c], picks.get(c, slice(None))) for c in kept]
        taken = [range(size)[part] if isinstance(part, slice) else part for size, part in asked]
        # A pick of nothing is an error to a user, and an empty array to numpy and dask.
        if any(len(part) == 0 for part in taken):
            return np.zeros(tuple(map(len, taken)), self.array.dtype)
        if not kept:
            return read_array(views.transpose(self.array, dims.order, picks), 1).reshape(())
        # A task of a graph already runs beside others: one thread each.
        return read_array(views.transpose(self.array, kept, picks), 1)


def _is_on_worker() -> bool:
    """Whether this is a task in a process of a cluster: others that want the same file are likely to follow."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        address: str = distributed.get_worker().address
    except ValueError:
        return False
    return not address.startswith("inproc:")


@verb
def to_dask(handle: ImageHandle, /, *, chunks: Chunks = "auto") -> "dask.array.Array":
    """Show the pixels in focus as a dask array; nothing is read until it is computed.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    chunks
        ``"auto"``: whole stored blocks, fastest axes first, up to 32 MiB (up to what ``array.chunk-size`` of dask's
        configuration says, where that is set); ``"64MiB"``: up to this size. A letter string such as ``"ZYX"``: one
        chunk along these, one position along the others. A mapping by letter (others automatic; -1 for all), an int for
        all dimensions, or a tuple with an entry for each: an int, or the sizes of the chunks. Automatic chunks begin
        where stored blocks begin; giant planes of raw pixels, strips or tiles are cut along Y, then X.

    Returns
    -------
    dask.array.Array
        Shape and order of ``handle.dims``. The graph has the same small size for any number of chunks, and the same
        names for the same image. Its ``compute()`` with threads of this process reads straight into the result.

    Raises
    ------
    DimensionError
        For chunks that do not fit the dims.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, to_dask
    >>> to_dask(open_image(np.zeros((4, 64, 64))), chunks={"Z": 1}).numblocks
    (4, 1, 1)
    """
    array = handle.array
    sizes = chunk_sizes.cut(array, chunks)
    graph = _engine.as_dask(array)
    if graph is not None:
        return graph if chunks == "auto" else graph.rechunk(sizes)
    from aicsio.arrays import dask_graph

    edges = tuple(map(dask_graph.Edges.of, sizes))
    return dask_graph.array_of(_Sliced(array), f"aicsio-{token((array, edges))}", sizes, edges)


def token(value: object) -> str:
    """Name a record by its content, the same in every process: hexadecimal digits."""
    import hashlib  # brings OpenSSL along

    digest = hashlib.blake2b(digest_size=16)
    _feed(digest.update, value)
    return digest.hexdigest()


def _feed(update: Callable[[bytes], object], value: Any) -> None:
    if hasattr(value, "__dask_tokenize__") and not isinstance(value, type):
        update(repr(value.__dask_tokenize__()).encode())
    elif attrs.has(type(value)):
        update(type(value).__qualname__.encode())
        for field in attrs.fields(type(value)):
            _feed(update, getattr(value, field.name))
    elif isinstance(value, tuple):
        update(f"({len(value)}".encode())
        for item in value:
            _feed(update, item)
    else:
        # Equal values need equal names, and dtypes and ranges that are equal may have been written differently.
        if isinstance(value, np.dtype):
            value = value.str
        elif isinstance(value, range):
            value = (
                (value[0], value.step if len(value) > 1 else 1, len(value)) if value else "empty"
            )
        raw = value if isinstance(value, bytes) else repr(value).encode(errors="surrogatepass")
        update(f"{type(value).__name__}{len(raw)}:".encode() + raw)


@verb
def to_xarray(
    handle: ImageHandle, /, *, lazy: bool = False, chunks: Chunks = "auto"
) -> "xarray.DataArray":
    """Show the pixels in focus as an xarray, with letters as dims and coordinates with units.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    lazy
        Whether the data are a dask array; by default they are read.
    chunks
        For ``lazy``, as in ``to_dask``.

    Returns
    -------
    xarray.DataArray
        Coordinates: channel names along C, micrometres along Z, Y, X and seconds along T where the file knows them,
        sample names along S. The attributes hold only what JSON can hold.

    Raises
    ------
    MissingDependencyError
        Without the ``xarray`` extra.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import PixelSize, open_image, to_xarray
    >>> image = open_image(np.zeros((4, 4)), pixel_size=PixelSize(X=0.5, Y=0.5))
    >>> to_xarray(image).coords["X"].values
    array([0. , 0.5, 1. , 1.5])
    """
    try:
        import xarray as xr
    except ImportError as error:
        raise MissingDependencyError(
            "to_xarray needs xarray: pip install 'aicsio[xarray]'"
        ) from error
    data = to_dask(handle, chunks=chunks) if lazy else to_numpy(handle)
    coords = {letter: (letter, values, labels) for letter, values, labels in _coordinates(handle)}
    scene = handle.scene
    size = dict(zip("ZYX", handle.pixel_size, strict=True))
    known = {
        "source": os.fsencode(handle.source.uri).decode(errors="replace"),
        "format": handle.format,
        "scene": scene.name,
        "scene_index": handle.scene_index,
        "level": handle.level,
        "pixel_size_um": {letter: value for letter, value in size.items() if value is not None},
        "time_step_s": handle.time_step,
        "acquired": scene.acquired,
    }
    attributes = {key: value for key, value in known.items() if value not in (None, {})}
    return xr.DataArray(
        data, dims=tuple(handle.dims), coords=coords, attrs=attributes, name=scene.name or None
    )


def _coordinates(handle: ImageHandle) -> list[tuple[str, Any, dict[str, str]]]:
    array, scene = handle.array, handle.scene
    found: list[tuple[str, Any, dict[str, str]]] = []
    explicit = {axis.letter: axis for axis in scene.coordinates}
    spacing = dict(zip("ZYX", scene.pixel_size, strict=True)) | {"T": scene.time_step}
    for letter, axis in zip(array.view.letters, array.view.axes, strict=True):
        if axis < 0:
            continue
        positions = _positions(array.view.picks[axis])
        if letter == "C":
            found.append(("C", list(handle.channel_names), {}))
        elif letter == "S":
            found.append(("S", ["RGBA"[i] if i < 4 else f"S{i}" for i in positions], {}))
        elif letter in explicit and len(explicit[letter].values) == array.stored[letter]:
            values = np.array([explicit[letter].values[i] for i in positions])
            unit = explicit[letter].unit
            found.append((letter, values, {"units": unit} if unit else {}))
        elif spacing.get(letter) is not None:
            step = cast("float", spacing[letter])
            if letter in handle.levels[0].stored:
                step *= handle.levels[0].stored[letter] / array.stored[letter]
            found.append(
                (letter, np.array(positions) * step, {"units": "s" if letter == "T" else "um"})
            )
    return found


def _positions(pick: Pick) -> tuple[int, ...]:
    return (pick,) if isinstance(pick, int) else tuple(pick)
