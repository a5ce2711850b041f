"""Arrays that the caller already has: numpy arrays are read in place, dask arrays chunk by chunk.

Rule kept here: no pixel is copied or computed before it is asked for. This is the one exception to
the rule of records: the layout keeps a reference to the caller's array. It compares by identity, a
dask array by its token.
"""

import math
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.formats.data_arrays import NamedArray, is_data_array, read_data_array
from aicsio.records import (
    Channel,
    Computed,
    Contents,
    Diagnostic,
    Dims,
    LazyArray,
    Piece,
    PixelSize,
    Scene,
    Selection,
    Source,
)
from aicsio.records.computed import as_promised
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position

GUESSES = {1: "X", 2: "YX", 3: "ZYX", 4: "CZYX", 5: "TCZYX", 6: "TCZYXS"}
"""Letters of an array whose axes the caller did not name, by rank: the customs of AICSImageIO."""


@attrs.frozen(eq=False)
class ArrayRef:
    """A reference to an array of the caller."""

    array: Any = attrs.field(repr=False)
    """numpy or dask array."""
    token: str
    """Name of the content: dask's own for a lazy array, one made for this reference else."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayRef) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __dask_tokenize__(self) -> str:
        return self.token


@pickled_by_position
@attrs.frozen
class ArrayLayout:
    """Layout of an array in memory, or of a dask array: each block is one call that cuts it."""

    held: ArrayRef
    """The array."""
    shape: tuple[int, ...]
    """Its shape."""
    block_shape: tuple[int, ...]
    """The chunks of a dask array; the whole of a numpy array."""
    dtype: np.dtype[Any]
    """Its type."""

    def held_array(self) -> Any:
        """Return the caller's array; see ``aicsio.records.protocols.InMemory``."""
        return self.held.array

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield one piece: the window itself."""
        starts, shape = window_in_array(block, self.block_shape, window)
        # The function cuts the window itself, so the piece is taken whole.
        origin = (0,) * len(shape)
        arguments = (self.held, starts, shape)
        selection = Selection(origin, shape, origin)
        yield Computed("aicsio.formats.arrays:take", arguments, shape, self.dtype, selection)


def _token(array: Any) -> str:
    # Not its ``name``: that of an xarray is the user's word, and two may be called the same.
    from dask.base import tokenize

    return str(tokenize(array))


def take(held: ArrayRef, starts: tuple[int, ...], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Cut a window from the caller's array; a dask array is computed.

    Parameters
    ----------
    held
        The array.
    starts
        First position of the window along each axis.
    shape
        Positions of the window along each axis.
    """
    ends = zip(starts, shape, strict=True)
    window = held.array[tuple(slice(start, start + count) for start, count in ends)]
    if hasattr(window, "compute"):
        # Blocks already run on threads of the engine: a pool for each would stand in their way.
        pixels = window.compute(scheduler="synchronous")
        return as_promised(pixels, shape, window.dtype)
    return np.asarray(window)


def read_arrays(image: Any, dims: str | None) -> tuple[Source, Contents]:
    """Describe one array, or a list of them as scenes.

    Parameters
    ----------
    image
        A numpy, dask or xarray array, or a list of them.
    dims
        Letters of the axes; ``None`` to take those of an xarray, or of ``GUESSES``, which is noted.

    Raises
    ------
    DimensionError
        When ``dims`` does not fit the rank, a size is unknown, or an xarray has other names.
    ArgumentTypeError
        When the pixels are no numbers.
    """
    # Arrays of numpy, dask and xarray are no ``Sequence``; lists and tuples of them are.
    arrays = image if isinstance(image, Sequence) else [image]
    scenes, diagnostics = [], []
    for index, array in enumerate(arrays):
        named = NamedArray(array, dims)
        if is_data_array(array):
            named = read_data_array(array, dims)
        stored = _name_axes(named.pixels, named.dims)
        scene = _make_scene(named, stored, f"Image:{index}")
        scenes.append(scene)
        if named.dims is None:
            message = f"axes taken as {stored.order!r}: name them with dims=..."
            diagnostics.append(Diagnostic("guessed-axes", message, scene.name))
        # ``getmask`` of any other array is the constant for no mask, without a look at its pixels.
        masked = int(np.count_nonzero(np.ma.getmask(named.pixels)))
        if masked:
            message = f"{masked} of {array.size} pixels are masked: they are shown without the mask"
            diagnostics.append(Diagnostic("masked-pixels", message, scene.name, loss=True))
    source = Source("memory:array", local=False, content=b"")
    return source, Contents(tuple(scenes), None, tuple(diagnostics))


def _name_axes(array: Any, dims: str | None) -> Dims:
    rank = len(array.shape)
    if dims is None and rank not in GUESSES:
        raise DimensionError(f"an array of {rank} axes needs dims=..., one letter an axis")
    letters = GUESSES[rank] if dims is None else dims
    if len(letters) != rank:
        raise DimensionError(
            f"dims={letters!r} names {len(letters)} axes, but the array has shape {array.shape}"
        )
    # dask gives NaN for the length of a selection by a mask; a sum with it is NaN.
    if math.isnan(sum(array.shape)):
        raise DimensionError(
            f"the array has unknown sizes {array.shape}: call its compute_chunk_sizes() first"
        )
    return Dims(letters, tuple(map(int, array.shape)))


def _make_scene(named: NamedArray, stored: Dims, name: str) -> Scene:
    array = named.pixels
    dtype = np.dtype(array.dtype)
    # Objects, texts and dates have no place in memory that pixels could be copied to.
    if dtype.kind not in "biufc":
        raise ArgumentTypeError(f"pixels of type {dtype} cannot be an image: give numbers")
    chunks = getattr(array, "chunks", None)
    if chunks:
        # Chunks of uneven size are no grid; then a block is a window that dask puts together.
        blocks = tuple(max(1, *sizes) for sizes in chunks)
        held = ArrayRef(array, _token(array))
    else:
        blocks = tuple(max(1, size) for size in stored.shape)
        # The pixels of a numpy array may change: no name follows from its content.
        held = ArrayRef(array, uuid.uuid4().hex)
    layout = ArrayLayout(held, stored.shape, blocks, dtype)
    level = LazyArray.whole(layout, stored, dtype)
    names: Sequence[str | None] = named.channel_names or ()
    if len(names) != stored.get("C", 1):
        names = (None,) * stored.get("C", 1)
    channels = tuple(Channel(each, samples=stored.get("S", 1)) for each in names)
    return Scene(name, (level,), channels, named.pixel_size or PixelSize())
