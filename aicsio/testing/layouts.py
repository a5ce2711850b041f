"""Layouts without a file: the blocks of an array as bytes of one source, raw or compressed, in any memory order.

``stored`` makes such an array, ``handle_of`` puts it under a handle. What a reader of a format does with the bytes of a
file, a test does with these.
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

__all__ = ["Grid", "Kind", "content_of", "handle_of", "moved", "stored"]

Kind: TypeAlias = Literal["raw", "deflate"]


@attrs.frozen
class Grid:
    """Blocks on a regular grid, one piece each."""

    source: Source
    """Where they are."""
    shape: tuple[int, ...]
    """Shape of the whole."""
    block_shape: tuple[int, ...]
    """Shape of a block; the last ones of an axis are shorter."""
    dtype: DType
    """Stored type, with its byte order."""
    kind: Kind
    """Raw, or each block as one zlib stream."""
    axes: tuple[int, ...]
    """Raw only: stored axes in the order of memory, slowest first."""
    flipped: tuple[bool, ...]
    """Raw only: which stored axes run backwards in memory."""
    offsets: bytes = attrs.field(repr=False)
    """Byte offset of each block, in C order over the grid; little-endian int64."""
    counts: bytes = attrs.field(repr=False)
    """Byte count of each block, likewise."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """The block, of which the window is wanted."""
        grid = tuple(-(-n // b) for n, b in zip(self.shape, self.block_shape, strict=True))
        index = int(np.ravel_multi_index(block, grid))
        offset = int(np.frombuffer(self.offsets, "<i8")[index])
        shape = tuple(
            min(size, n - at * size)
            for at, size, n in zip(block, self.block_shape, self.shape, strict=True)
        )
        crop = tuple(part.start for part in window)
        extent = tuple(part.stop - part.start for part in window)
        place = (0,) * len(extent)
        if self.kind == "raw":
            first, strides = _strides(shape, self.axes, self.flipped, self.dtype.itemsize)
            yield Strided(
                self.source,
                offset + first,
                shape,
                strides,
                self.dtype,
                Selection(crop, extent, place),
            )
        else:
            count = int(np.frombuffer(self.counts, "<i8")[index])
            codecs = (Codec("deflate"),)
            yield Encoded(
                self.source,
                offset,
                count,
                codecs,
                shape,
                self.dtype,
                Selection(crop, extent, place),
            )


def _strides(
    shape: tuple[int, ...], axes: tuple[int, ...], flipped: tuple[bool, ...], item: int
) -> tuple[int, tuple[int, ...]]:
    """Offset of the first position, and bytes from one to the next."""
    strides, step, first = [0] * len(shape), item, 0
    for axis in reversed(axes):
        strides[axis] = -step if flipped[axis] else step
        first += step * (shape[axis] - 1) if flipped[axis] else 0
        step *= shape[axis]
    return first, tuple(strides)


def stored(
    pixels: npt.NDArray[Any],
    dims: str,
    block_shape: tuple[int, ...] | None = None,
    kind: Kind = "raw",
    *,
    axes: tuple[int, ...] | None = None,
    flipped: Sequence[bool] | None = None,
) -> LazyArray:
    """Store an array block by block.

    Parameters
    ----------
    pixels
        What to store, in any byte order.
    dims
        One letter an axis.
    block_shape
        Shape of a block; ``None`` for one block.
    kind
        Raw, or zlib.
    axes
        Raw only: axes in the order of memory, slowest first; by default that of ``dims``.
    flipped
        Raw only: axes that run backwards in memory; by default none.
    """
    blocks = pixels.shape if block_shape is None else block_shape
    blocks = tuple(max(size, 1) for size in blocks)
    axes = tuple(range(pixels.ndim)) if axes is None else axes
    flips = (False,) * pixels.ndim if flipped is None else tuple(flipped)
    content, offsets, counts = bytearray(b"\xee" * 7), [], []
    for at in np.ndindex(*(-(-n // b) for n, b in zip(pixels.shape, blocks, strict=True))):
        part = pixels[tuple(slice(i * b, (i + 1) * b) for i, b in zip(at, blocks, strict=True))]
        if kind == "raw":
            part = part[tuple(slice(None, None, -1 if flip else 1) for flip in flips)].transpose(
                axes
            )
        raw = part.tobytes()
        chunk = raw if kind == "raw" else zlib.compress(raw, 1)
        offsets.append(len(content))
        counts.append(len(chunk))
        content += chunk + b"\xee" * 3
    table = [np.array(column, "<i8").tobytes() for column in (offsets, counts)]
    layout = Grid(
        readers.identify(bytes(content)),
        pixels.shape,
        blocks,
        pixels.dtype,
        kind,
        axes,
        flips,
        *table,
    )
    return LazyArray.whole(layout, Dims(dims, pixels.shape), pixels.dtype)


def moved(array: LazyArray, where: object) -> LazyArray:
    """Show what ``stored`` made from another source, such as a path or URL, that holds the bytes of its own."""
    return attrs.evolve(
        array, layout=attrs.evolve(cast("Grid", array.layout), source=readers.identify(where))
    )


def content_of(array: LazyArray) -> bytes:
    """Bytes of what ``stored`` made."""
    return cast("Grid", array.layout).source.content or b""


def handle_of(*levels: LazyArray, name: str = "Image:0") -> ImageHandle:
    """Put arrays under a handle, as the levels of one scene."""
    first = levels[0].stored
    channels = (Channel(samples=first.get("S", 1)),) * first.get("C", 1)
    source = getattr(levels[0].layout, "source", Source("memory:layout", local=False, content=b""))
    return ImageHandle(source, "test", Contents((Scene(name, levels, channels),)), 0, 0, levels[0])
