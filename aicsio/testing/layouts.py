"""Images without a file: the blocks of an array as bytes of one source, in any memory order.

Rule kept here: no format is involved. ``store_array`` makes a lazy array, ``make_handle`` puts it
under a handle, and a test reads both through the engine like any file.
"""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.records import (
    Channel,
    Codec,
    Contents,
    Dims,
    DType,
    Encoded,
    ImageHandle,
    LazyArray,
    Piece,
    Scene,
    Selection,
    Source,
    Strided,
)
from aicsio.records.pickling import pickled_by_position

__all__ = ["GridLayout", "Kind", "make_handle", "read_content", "relocate", "store_array"]

Kind: TypeAlias = Literal["raw", "deflate"]
"""Storage of a block: raw bytes, or one zlib stream."""

_GAP = b"\xee" * 3
"""Between two blocks, so that a read of wrong bytes shows."""


@pickled_by_position
@attrs.frozen
class GridLayout:
    """Blocks on a regular grid, one piece each."""

    source: Source
    """Source of the bytes."""
    shape: tuple[int, ...]
    """Shape of the whole."""
    block_shape: tuple[int, ...]
    """Shape of a block; the last block of an axis may be shorter."""
    dtype: DType
    """Stored type, with its byte order."""
    kind: Kind
    """Storage of each block."""
    axes: tuple[int, ...]
    """Raw only: stored axes in the order of memory, slowest first."""
    flipped: tuple[bool, ...]
    """Raw only: which stored axes run backwards in memory."""
    offsets: bytes = attrs.field(repr=False)
    """Byte offset of each block, in C order over the grid; little-endian int64."""
    counts: bytes = attrs.field(repr=False)
    """Byte count of each block, likewise."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Yield the piece of a block that holds the window."""
        index = self._block_index(block)
        offset = int(np.frombuffer(self.offsets, "<i8")[index])
        shape = self._shape_of_block(block)
        selection = Selection(
            source_start=tuple(part.start for part in window),
            shape=tuple(part.stop - part.start for part in window),
            target_start=(0,) * len(window),
        )
        if self.kind == "raw":
            start, strides = _find_strides(shape, self.axes, self.flipped, self.dtype.itemsize)
            yield Strided(self.source, offset + start, shape, strides, self.dtype, selection)
        else:
            count = int(np.frombuffer(self.counts, "<i8")[index])
            codecs = (Codec("deflate"),)
            yield Encoded(self.source, offset, count, codecs, shape, self.dtype, selection)

    def _block_index(self, block: tuple[int, ...]) -> int:
        """Number of a block in C order over the grid."""
        return int(np.ravel_multi_index(block, _grid_shape(self.shape, self.block_shape)))

    def _shape_of_block(self, block: tuple[int, ...]) -> tuple[int, ...]:
        lengths = []
        for number, size, total in zip(block, self.block_shape, self.shape, strict=True):
            lengths.append(min(size, total - number * size))
        return tuple(lengths)


def _grid_shape(shape: tuple[int, ...], block_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Blocks along each axis."""
    return tuple(-(-total // size) for total, size in zip(shape, block_shape, strict=True))


def _find_strides(
    shape: tuple[int, ...], axes: tuple[int, ...], flipped: tuple[bool, ...], item_size: int
) -> tuple[int, tuple[int, ...]]:
    """Offset of the first position in a block, and bytes from one position to the next."""
    strides = [0] * len(shape)
    step, start = item_size, 0
    for axis in reversed(axes):
        if flipped[axis]:
            # A flipped axis begins at its last position in memory.
            strides[axis] = -step
            start += step * (shape[axis] - 1)
        else:
            strides[axis] = step
        # From the fastest axis outwards, each step spans all positions of the axes before it.
        step *= shape[axis]
    return start, tuple(strides)


def store_array(
    pixels: npt.NDArray[Any],
    dims: str,
    block_shape: tuple[int, ...] | None = None,
    kind: Kind = "raw",
    *,
    axes: tuple[int, ...] | None = None,
    flipped: Sequence[bool] | None = None,
) -> LazyArray:
    """Store an array block by block in memory.

    Parameters
    ----------
    pixels
        Array of any shape, type and byte order.
    dims
        One letter an axis.
    block_shape
        Shape of a block; ``None`` for one block.
    kind
        ``"raw"``, or ``"deflate"`` for one zlib stream a block.
    axes
        Raw only: axes in the order of memory, slowest first; by default that of ``dims``.
    flipped
        Raw only: axes that run backwards in memory; by default none.

    Returns
    -------
    LazyArray
        Shows ``pixels``; its source holds the stored bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.layouts import store_array
    >>> array = store_array(np.eye(4, dtype=np.uint8), "YX", (3, 3), "deflate")
    >>> array.dims, array.layout.block_shape
    (Dims(order='YX', shape=(4, 4)), (3, 3))
    """
    # An axis of length 0 still has blocks of length 1, none of them stored.
    blocks = tuple(max(size, 1) for size in block_shape or pixels.shape)
    axes = tuple(range(pixels.ndim)) if axes is None else axes
    flips = (False,) * pixels.ndim if flipped is None else tuple(flipped)
    # Seven bytes in front: offsets are neither 0 nor aligned.
    content, offsets, counts = bytearray(b"\xee" * 7), [], []
    for block in np.ndindex(*_grid_shape(pixels.shape, blocks)):
        window = tuple(slice(i * b, (i + 1) * b) for i, b in zip(block, blocks, strict=True))
        # Blocks at an edge are stored short, not padded: the other case is that of TIFF tiles.
        chunk = _store_block(pixels[window], kind, axes, flips)
        offsets.append(len(content))
        counts.append(len(chunk))
        content += chunk + _GAP
    layout = GridLayout(
        readers.identify(bytes(content)),
        pixels.shape,
        blocks,
        pixels.dtype,
        kind,
        axes,
        flips,
        np.array(offsets, "<i8").tobytes(),
        np.array(counts, "<i8").tobytes(),
    )
    return LazyArray.whole(layout, Dims(dims, pixels.shape), pixels.dtype)


def _store_block(
    part: npt.NDArray[Any], kind: Kind, axes: tuple[int, ...], flips: tuple[bool, ...]
) -> bytes:
    if kind == "deflate":
        # Level 1: a test reads the bytes once.
        return zlib.compress(part.tobytes(), 1)
    # tobytes of the transposed view copies in its order: the last of axes runs fastest.
    directions = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    return part[directions].transpose(axes).tobytes()


def relocate(array: LazyArray, source: object) -> LazyArray:
    """Read an array of ``store_array`` from another source that holds the same bytes.

    Parameters
    ----------
    array
        Array of ``store_array``.
    source
        Path, URL or bytes.

    Returns
    -------
    LazyArray
        The same pixels, read from ``source``.

    Raises
    ------
    SourceNotFoundError
        When nothing is at the path or URL.

    Examples
    --------
    >>> import pathlib
    >>> import numpy as np
    >>> from aicsio.testing.layouts import read_content, relocate, store_array
    >>> array = store_array(np.eye(4, dtype=np.uint8), "YX")
    >>> _ = pathlib.Path("pixels.raw").write_bytes(read_content(array))
    >>> relocate(array, "pixels.raw").shape
    (4, 4)
    """
    # Offsets stay, as the other source holds the same bytes.
    layout = attrs.evolve(cast("GridLayout", array.layout), source=readers.identify(source))
    return attrs.evolve(array, layout=layout)


def read_content(array: LazyArray) -> bytes:
    """Return the stored bytes of an array of ``store_array``.

    Parameters
    ----------
    array
        Array of ``store_array``.

    Returns
    -------
    bytes
        All blocks, with gaps between them.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.layouts import read_content, store_array
    >>> list(read_content(store_array(np.arange(3, dtype=np.uint8), "X"))[7:10])
    [0, 1, 2]
    """
    return cast("GridLayout", array.layout).source.content or b""


def make_handle(*levels: LazyArray, name: str = "Image:0") -> ImageHandle:
    """Put arrays under a handle, as the levels of one scene.

    Parameters
    ----------
    *levels
        Arrays of the same dimensions, full resolution first.
    name
        Name of the scene.

    Returns
    -------
    ImageHandle
        In focus: level 0. Its channels have no names.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import to_numpy
    >>> from aicsio.testing.layouts import make_handle, store_array
    >>> handle = make_handle(store_array(np.eye(2, dtype=np.uint8), "YX"))
    >>> to_numpy(handle).tolist()
    [[1, 0], [0, 1]]
    """
    # Channels by the sizes of C and S, as a format without names would make them.
    first = levels[0].stored
    channels = (Channel(samples=first.get("S", 1)),) * first.get("C", 1)
    in_memory = Source("memory:layout", local=False, content=b"")
    # A layout of another test may have no source of its own.
    source = getattr(levels[0].layout, "source", in_memory)
    return ImageHandle(source, "test", Contents((Scene(name, levels, channels),)), 0, 0, levels[0])
