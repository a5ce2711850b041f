"""Sizes of chunks, shards and levels, from the options and the image.

Rule kept here: pure functions of sizes. A chunk is no longer than its axis; a shard is a whole
number of chunks.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from aicsio.errors import WriteError
from aicsio.records import Dims
from aicsio.writers._pixels import downsampling

CHUNK = 512
"""Default height and width of a chunk. 512 x 512 pixels of 16 bits are 512 KiB: one request of a
browser, drawn as one texture; the 4 to 12 chunks of a screen come in parallel."""
SHARD_BYTES = 16 << 20
"""Largest default shard, before compression: about 10 MB stored, one PUT of an object store, a task
of 0.1 s on one core, and few enough files (64 a GiB) for the file system of a cluster."""

Sizes = int | Mapping[str, int] | Sequence[int]


def chunk_shape(chunks: Sizes | Literal["auto"], dims: Dims) -> tuple[int, ...]:
    """Return the size of a chunk, per axis, as requested, not cut to the image.

    Raises
    ------
    WriteError
        When the sizes do not fit the axes.
    """
    usual = {letter: CHUNK if letter in "YX" else 1 for letter in dims}
    if isinstance(chunks, str):
        return tuple(usual.values())
    return _sizes("chunks", chunks, dims, usual)


def shard_shape(
    shards: Sizes | Literal["auto"] | None,
    chunk: tuple[int, ...],
    dims: Dims,
    itemsize: int,
    block: tuple[int, ...],
) -> tuple[int, ...] | None:
    """Return the size of a shard, per axis; ``None`` for none.

    Raises
    ------
    WriteError
        When the sizes do not fit the axes, or are no multiples of the chunk.
    """
    if shards is None:
        return None
    if isinstance(shards, str):
        return _usual_shard(chunk, dims, itemsize, block)
    usual = dict(zip(dims, chunk, strict=True))
    requested = _sizes("shards", shards, dims, usual)
    for letter, shard, part in zip(dims, requested, chunk, strict=True):
        if shard % part:
            raise WriteError(
                f"shards: {letter}={shard} is no multiple of the chunk, {letter}={part}: give "
                f"{letter}={math.ceil(shard / part) * part}"
            )
    return requested


def _usual_shard(
    chunk: tuple[int, ...], dims: Dims, itemsize: int, block: tuple[int, ...]
) -> tuple[int, ...]:
    """Grow a chunk in the plane, then along Z, then along T; never across channels.

    Analysis reads channel by channel; a browser reads the chunks inside. Of a source in blocks of
    several planes, such as dask chunks, a shard takes the part of one block first: planes of shards
    that cross blocks could be written only with many blocks in memory.
    """
    room = SHARD_BYTES // itemsize
    within = dims.order, tuple(map(min, block, dims.shape))
    sizes = dict(zip(dims, chunk, strict=True))
    if math.prod(part for letter, part in zip(*within, strict=True) if letter in "ZT") > 1:
        sizes = _grow(sizes, dict(zip(*within, strict=True)), room)
    return tuple(_grow(sizes, dict(dims.items()), room).values())


def _grow(sizes: dict[str, int], limits: dict[str, int], room: int) -> dict[str, int]:
    """Grow towards the limits while the product is within the room."""
    sizes = dict(sizes)
    for letter in "XY" * 32:  # doubled in turn, so that shards stay near to squares
        if sizes[letter] < limits[letter] and 2 * math.prod(sizes.values()) <= room:
            sizes[letter] *= 2
    for letter in "ZT":
        growth = room // math.prod(sizes.values())
        if letter in sizes and growth > 1:
            chunk_count = math.ceil(limits[letter] / sizes[letter])
            # 5 planes of which 4 fit make shards of 3 and 2, not of 4 and 1.
            shard_count = math.ceil(chunk_count / growth)
            sizes[letter] *= math.ceil(chunk_count / shard_count)
        # A shard that ends within a stack does not go on along T.
        if sizes.get(letter, 0) < limits.get(letter, 0):
            break
    return sizes


def _sizes(name: str, requested: Sizes, dims: Dims, usual: Mapping[str, int]) -> tuple[int, ...]:
    shown = f"{name}={requested!r}"
    by_letter: dict[str, Any] = dict(usual)
    if isinstance(requested, int):
        # One number is for the plane; other axes keep their usual size.
        by_letter |= {"Y": requested, "X": requested}
    elif isinstance(requested, Mapping):
        unknown = [letter for letter in requested if letter.upper() not in dims]
        if unknown:
            raise WriteError(f"{shown}: this image has no {', '.join(unknown)}, it has {dims}")
        by_letter |= {letter.upper(): size for letter, size in requested.items()}
    elif len(requested) != len(dims):
        raise WriteError(f"{shown}: give one size for each of {', '.join(dims)}, or by letter")
    else:
        by_letter = dict(zip(dims, requested, strict=True))
    if any(size < 1 for size in by_letter.values()):
        raise WriteError(f"{shown}: sizes are at least 1")
    return tuple(by_letter.values())


def cut_to(
    shape: tuple[int, ...], chunk: tuple[int, ...], shard: tuple[int, ...] | None
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Cut chunk and shard to an array: no chunk is longer than its axis."""
    # Zarr stores the chunks at an edge whole: a chunk beyond its axis would hold fill alone there.
    fitting = tuple(map(min, shape, chunk))
    if shard is None:
        return fitting, None
    # Zarr v3, sharding_indexed: a shard is a whole number of chunks, along each axis. It ends with
    # the last chunk of the array: its index lists none beyond.
    whole = (math.ceil(size / part) * part for size, part in zip(shape, fitting, strict=True))
    return fitting, tuple(map(min, whole, map(_multiple, shard, fitting)))


def _multiple(size: int, part: int) -> int:
    return math.ceil(size / part) * part


def level_count(
    levels: int | Literal["auto", "source"], height: int, width: int, chunk: tuple[int, int]
) -> int:
    """Return the number of resolution levels to compute, the full one included.

    Raises
    ------
    WriteError
        When the image has not so many.
    """
    most = downsampling.most_levels(height, width)
    if levels == "source":
        return 1
    if isinstance(levels, str):
        # A level below one chunk would save a reader no request.
        largest = max(chunk[0], CHUNK), max(chunk[1], CHUNK)
        return min(downsampling.levels_to_fit(height, width, largest), most)
    if not 1 <= levels <= most:
        raise WriteError(
            f"levels={levels}: a plane of {width} x {height} pixels has 1 (full resolution only) "
            f"to {most}; levels='auto' chooses"
        )
    return levels


USUAL_TILE = 512
"""Side up to which tiles grow: 512 x 512 sums of 32 bits are 1 MiB, which a cache holds."""


def tile_side(chunk: int, file: int) -> int:
    """Return the side of the tiles that smaller levels are made of.

    It is even, and a file is a whole number of tiles, or a tile of files.
    """
    # Even, because a tile passes half its height and width up: an odd side would divide a square of
    # two by two pixels between two tiles.
    if chunk % 2 == 0 and file % chunk == 0:
        side = chunk
    else:
        side = file if file % 2 == 0 else 2 * file
    # Only to divisors of the file: a file never ends within a tile.
    while 2 * side <= USUAL_TILE and file % (2 * side) == 0:
        side *= 2
    return side
