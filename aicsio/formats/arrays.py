"""Arrays that the caller already has: numpy arrays are read in place, dask arrays chunk by chunk.

Here stands the one exception to the rule of records: the layout keeps a reference to the caller's array. It compares
by identity, a dask array by its token.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import (
    Channel,
    Computed,
    Contents,
    Diagnostic,
    Dims,
    LazyArray,
    Piece,
    Scene,
    Selection,
    Source,
)

GUESSES = {1: "X", 2: "YX", 3: "ZYX", 4: "CZYX", 5: "TCZYX", 6: "TCZYXS"}
"""Letters of an array whose axes the caller did not name, by rank: the customs of AICSImageIO."""


@attrs.frozen(eq=False)
class Held:
    """A reference to an array of the caller."""

    array: Any = attrs.field(repr=False)
    """numpy or dask array."""
    token: str
    """Name of the content: of a lazy array what dask says, of a numpy array one made for this reference."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __dask_tokenize__(self) -> str:
        return self.token


@attrs.frozen
class ArrayLayout:
    """Layout of an array that is already there: each block is one call that shows it."""

    held: Held
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
        """One piece: the window itself."""
        starts = tuple(
            b * n + part.start for b, n, part in zip(block, self.block_shape, window, strict=True)
        )
        extent = tuple(part.stop - part.start for part in window)
        origin = (0,) * len(extent)
        name = "aicsio.formats.arrays:take"
        yield Computed(
            name, (self.held, starts, extent), extent, self.dtype, Selection(origin, extent, origin)
        )


def _token(array: Any) -> str:
    # Not its ``name``: that of an xarray is what the user called it, and two may be called the same.
    from dask.base import tokenize

    return str(tokenize(array))


def take(held: Held, starts: tuple[int, ...], extent: tuple[int, ...]) -> npt.NDArray[Any]:
    """Cut a window from the caller's array; a dask array is computed."""
    cut = held.array[
        tuple(slice(start, start + n) for start, n in zip(starts, extent, strict=True))
    ]
    if hasattr(cut, "compute"):
        # Blocks already run on threads of the engine: one more pool for each would only stand in their way.
        cut = cut.compute(scheduler="synchronous")
    return np.asarray(cut)


def read_arrays(image: Any, dims: str | None) -> tuple[Source, Contents]:
    """Describe one array, or a list of them as scenes.

    Raises
    ------
    DimensionError
        When ``dims`` does not fit the rank.
    ArgumentTypeError
        For arrays of Python objects.
    """
    many = isinstance(image, Sequence)
    scenes, notes = [], []
    for index, array in enumerate(image if many else [image]):
        scene, guessed = _scene(array, f"Image:{index}", dims)
        scenes.append(scene)
        if guessed:
            message = f"axes taken as {guessed!r}: name them with dims=..."
            notes.append(Diagnostic("guessed-axes", message, scene.name))
    return Source("memory:array", local=False, content=b""), Contents(
        tuple(scenes), None, tuple(notes)
    )


def _scene(array: Any, name: str, dims: str | None) -> tuple[Scene, str | None]:
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "biufc":
        raise ArgumentTypeError(f"pixels of type {dtype} cannot be an image: give numbers")
    rank = len(array.shape)
    if dims is None and rank not in GUESSES:
        raise DimensionError(f"an array of {rank} axes needs dims=..., one letter an axis")
    letters = GUESSES[rank] if dims is None else dims
    if len(letters) != rank:
        raise DimensionError(
            f"dims={letters!r} names {len(letters)} axes, but the array has shape {array.shape}"
        )
    if any(n != n for n in array.shape):  # noqa: PLR0124 - not a number: the length of a dask selection
        raise DimensionError(
            f"the array has unknown sizes {array.shape}: call its compute_chunk_sizes() first"
        )
    stored = Dims(letters, tuple(int(n) for n in array.shape))
    chunks = getattr(array, "chunks", None)
    blocks = tuple(max(sizes) for sizes in chunks) if chunks else stored.shape
    # Chunks of uneven size cannot be a grid; then a block is a window that dask puts together.
    held = Held(array, _token(array) if chunks else uuid.uuid4().hex)
    layout = ArrayLayout(held, stored.shape, tuple(max(b, 1) for b in blocks), dtype)
    count = stored.get("C", 1)
    samples = stored.get("S", 1)
    scene = Scene(
        name, (LazyArray.whole(layout, stored, dtype),), (Channel(samples=samples),) * count
    )
    return scene, letters if dims is None else None
