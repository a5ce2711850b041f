"""Lazy arrays, and the protocol of the layouts behind them. The whole seam is ``protocols``.

Rule kept here: pure data. Reading is the engine's; ``as_numpy`` is the one open function that the
room of arrays fills in, so that ``numpy.asarray`` works without an import of a higher room.
"""

import functools
import math
from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.constructors import checked_record
from aicsio._tracebacks import short_traceback
from aicsio.errors import AicsioError
from aicsio.records.comparing import compared_by_fields
from aicsio.records.conversions import plain_text
from aicsio.records.dims import Dims, trusted_dims
from aicsio.records.pickling import pickled_by_position
from aicsio.records.pieces import Computed, Deferred, DType, Encoded, Keyed, Selection, Strided
from aicsio.records.printing import drawn_in_notebooks

Pick: TypeAlias = int | range | tuple[int, ...]


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Nested:
    """Pixels of another lazy array, for layouts that wrap layouts. The engine reads it."""

    array: "LazyArray"
    """The array to read; it is read whole."""
    shape: tuple[int, ...]
    """Shape that its pixels take, with the rank of the stored dims."""
    selection: Selection
    """The wanted part, and where it goes."""

    @property
    def dtype(self) -> DType:
        """Type of the pixels."""
        return self.array.dtype


StoredPiece: TypeAlias = Strided | Encoded | Computed | Keyed | Deferred
"""A piece that lies in a source, as against one that nests another array."""
Piece: TypeAlias = StoredPiece | Nested


@runtime_checkable
class Layout(Protocol):
    """A frozen record that names, without any I/O, the pieces that hold a window of a stored block.

    The stored array is cut into a regular grid of blocks; the last block of an axis may be shorter.
    Pixels that lie in no piece are zero. A later piece of a block covers an earlier one.
    ``aicsio.records.protocols`` lists what a layout may offer besides.
    """

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Size of a block along each stored axis."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterable[Piece]:
        """Return the pieces of one window of one block.

        Parameters
        ----------
        block
            Grid index of the block.
        window
            One slice of unit step per stored axis, relative to the block.
        """


@runtime_checkable
class CompletesLater(Protocol):
    """A layout of a file that opening did not read to the end of its index."""

    def completed(self, picks: tuple[Pick, ...], /) -> Layout:
        """Complete the layout, for which the file may be read.

        Parameters
        ----------
        picks
            Positions along the stored axes that will be read.

        Returns
        -------
        Layout
            Of the same stored axes, true for these positions at least.
        """


def window_in_array(
    block: tuple[int, ...], block_shape: tuple[int, ...], window: tuple[slice, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the first positions and the sizes of a window, counted from the start of the array.

    Parameters
    ----------
    block
        Grid index of the block.
    block_shape
        Size of a block along each stored axis.
    window
        As ``Layout.pieces`` takes it: relative to the block.

    Returns
    -------
    starts, extent : tuple of int
        One value a stored axis.

    Examples
    --------
    >>> from aicsio.records.lazy import window_in_array
    >>> window_in_array((2, 0), (1, 64), (slice(0, 1), slice(5, 25)))
    ((2, 5), (1, 20))
    """
    starts: list[int] = []
    extent: list[int] = []
    for index, size, part in zip(block, block_shape, window, strict=True):
        starts.append(index * size + part.start)
        extent.append(part.stop - part.start)
    return tuple(starts), tuple(extent)


def cut_at_chunks(start: int, stop: int, chunk: int) -> list[tuple[int, int, int, int]]:
    """Cut positions of an axis where chunks meet.

    Parameters
    ----------
    start, stop
        First position, and the one behind the last.
    chunk
        Size of a chunk along the axis.

    Returns
    -------
    list of tuple of int
        For each chunk its index, the first position in it, the number of positions, and their
        place behind ``start``; empty where ``stop`` is not behind ``start``.

    Examples
    --------
    >>> from aicsio.records.lazy import cut_at_chunks
    >>> cut_at_chunks(6, 17, 8)
    [(0, 6, 2, 0), (1, 0, 8, 2), (2, 0, 1, 10)]
    """
    runs: list[tuple[int, int, int, int]] = []
    position = start
    while position < stop:
        index, offset = divmod(position, chunk)
        count = min(chunk - offset, stop - position)
        runs.append((index, offset, count, position - start))
        position += count
    return runs


@pickled_by_position
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class View:
    """Which stored positions are shown, in which order."""

    # A text of numpy is a str: every record with these letters would show it as np.str_.
    letters: str = attrs.field(converter=plain_text)
    """Letters of the output axes."""
    axes: tuple[int, ...]
    """Stored axis of each output axis; -1 for an added axis of length 1."""
    # Of stored axes, shown or not: a later view composes with them.
    picks: tuple[Pick, ...]
    """Per stored axis: an int drops the axis, a range or a tuple of ints keeps these positions."""


@drawn_in_notebooks
@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class LazyArray:
    """Pixels that have not been read: a layout, its stored dims, a type, and a view."""

    layout: Layout
    """Which pieces hold which window."""
    stored: Dims
    """Letters and sizes as in the file."""
    dtype: DType
    """Type of the pixels once read, in native byte order."""
    view: View
    """Which stored positions are shown, in which order."""

    @classmethod
    def whole(cls, layout: Layout, stored: Dims, dtype: npt.DTypeLike) -> "LazyArray":
        """Make the array that shows everything stored, in stored order.

        Parameters
        ----------
        layout
            Layout of the stored pixels.
        stored
            Letters and sizes of the stored axes.
        dtype
            Pixel type; its byte order is that of the file and is not kept.

        Returns
        -------
        LazyArray
            Seen through no view.
        """
        # Ranges, not slices: they know their length, compose, hash and pickle.
        picks = tuple(range(size) for size in stored.shape)
        view = View(stored.order, tuple(range(len(stored))), picks)
        # Pieces keep the byte order of the file; pixels lose it when they are read.
        return cls(layout, stored, np.dtype(dtype).newbyteorder("="), view)

    @property
    def blocks(self) -> tuple[range, ...]:
        """First positions of the stored blocks, per stored axis."""
        sizes = zip(self.stored.shape, self.layout.block_shape, strict=True)
        # The block of an empty axis may have length 0, a step that a range refuses.
        return tuple(range(0, size, max(block, 1)) for size, block in sizes)

    @property
    def dims(self) -> Dims:
        """Letters and sizes as seen through the view."""
        return trusted_dims(self.view.letters, self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis."""
        view = self.view
        picks: Any = view.picks
        # A shown axis is never picked by an int: that would have dropped it.
        return tuple([1 if axis < 0 else len(picks[axis]) for axis in view.axes])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.view.axes)

    @property
    def size(self) -> int:
        """Number of pixels, as a Python int that does not overflow."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the array once read."""
        return self.size * self.dtype.itemsize

    @short_traceback(AicsioError)
    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        # NumPy 2 asks for copy=False when it wants a view; there is no memory yet to view.
        if copy is False:
            raise ValueError("pixels are read into a new array: leave out copy=False")
        pixels = as_numpy(self)
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<LazyArray {self.dims} {self.dtype}>"


# Registered from above, so that no record imports the engine, by name or by string.
@functools.singledispatch
def as_numpy(array: object, /) -> npt.NDArray[Any]:
    """Read pixels; ``aicsio.arrays`` registers the implementation for lazy arrays.

    Parameters
    ----------
    array
        A lazy array.

    Returns
    -------
    numpy.ndarray
        Shape and order of its dims, native byte order.

    Raises
    ------
    TypeError
        For objects of a type that no room has registered.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.records.lazy import as_numpy
    >>> as_numpy(open_image(np.eye(2), dims="YX").array).shape
    (2, 2)
    """
    raise TypeError(f"{type(array).__name__} objects cannot be read as pixels")
