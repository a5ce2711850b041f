"""From the codecs that an array names to the chain that decodes its chunks.

Rule kept here: a codec that is unknown refuses the array by name; nothing is guessed.

Source of the facts: Zarr core specification 3.1, "Codecs"; numcodecs 0.16 for the parameters of
Zarr v2 and of the names ``numcodecs.*``; imagecodecs' numcodecs module for ``imagecodecs_*``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

from aicsio._codecs import pack_codecs
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.zarr.documents import Json, extension_of
from aicsio.records import Codec, DType, ShardIndex, Value

Parameters: TypeAlias = tuple[tuple[str, Value], ...]

# An offset and a length, of 8 bytes each.
INDEX_ENTRY_NBYTES = 16
MOST_CODECS = 16
"""Codecs of one chunk: the longest chain of the documentation of numcodecs has four."""


@attrs.frozen
class ChunkCoding:
    """How the chunks of an array are decoded. Not a record: it lives while the array is opened."""

    chunk: tuple[int, ...]
    """Shape of a chunk that is decoded at once."""
    dtype: DType
    """Type of its pixels, with their byte order."""
    codecs: tuple[Codec, ...]
    """In the order of decoding."""
    index: ShardIndex | None = None
    """The table of a shard, where chunks lie in shards."""


def _type_name(parameters: Json, name: str, default: str) -> str:
    try:
        return np.dtype(parameters.get(name) or default).str
    except TypeError as error:
        raise UnsupportedFormatError(
            f"the codec names the type {parameters.get(name)!r}"
        ) from error


def _delta(parameters: Json, dtype: DType) -> Parameters:
    name = _type_name(parameters, "dtype", dtype.str)
    # ``dtype`` is the decoded type, ``astype`` the stored one; without it both are the same.
    return (("dtype", name), ("stored", _type_name(parameters, "astype", name)))


def _scale(parameters: Json, dtype: DType) -> Parameters:
    name = _type_name(parameters, "dtype", dtype.str)
    return (
        ("offset", float(parameters.get("offset", 0))),
        ("scale", float(parameters.get("scale", 1))),
        ("dtype", name),
        ("stored", _type_name(parameters, "astype", name)),
    )


def _convert(parameters: Json, dtype: DType) -> Parameters:
    return (
        ("dtype", _type_name(parameters, "decode_dtype", dtype.str)),
        ("stored", _type_name(parameters, "encode_dtype", dtype.str)),
    )


def _shuffle(parameters: Json, dtype: DType) -> Parameters:
    return (("size", max(int(parameters.get("elementsize", dtype.itemsize)), 1)),)


def _checksum(name: str, *, at_end: bool) -> Callable[[Json, DType], Parameters]:
    def parameters_of(parameters: Json, dtype: DType) -> Parameters:  # noqa: ARG001
        # numcodecs puts CRC-32 and Adler-32 before the bytes, CRC-32C behind them; ``location``
        # overrides.
        place = parameters.get("location")
        ends = at_end if place is None else place == "end"
        return (("name", name), ("at_end", ends))

    return parameters_of


COMPRESSORS: Mapping[str, str] = {
    "blosc": "zarr-blosc",
    "bz2": "zarr-bz2",
    "gzip": "zarr-gzip",
    "imagecodecs_blosc": "zarr-blosc",
    "imagecodecs_bz2": "zarr-bz2",
    "imagecodecs_deflate": "zarr-zlib",
    "imagecodecs_gzip": "zarr-gzip",
    "imagecodecs_lzma": "zarr-lzma",
    "imagecodecs_zlib": "zarr-zlib",
    "imagecodecs_zlibng": "zarr-zlib",
    "imagecodecs_zstd": "zarr-zstd",
    "lz4": "zarr-lz4",
    "lzma": "zarr-lzma",
    "zlib": "zarr-zlib",
    "zstd": "zarr-zstd",
}
"""Codecs of bytes that take the parameter ``sized``."""
PLAIN: Mapping[str, str] = {"imagecodecs_lzw": "lzw", "imagecodecs_packbits": "packbits"}
"""Codecs whose result always is the pixels, and that take no parameters."""
IMAGES: Mapping[str, str] = {
    f"imagecodecs_{name}": name
    for name in ("jpeg", "jpeg2k", "jpegxl", "jpegxr", "lerc", "png", "webp")
}
"""Chunks that are images of their own."""
FILTERS: Mapping[str, tuple[str, Callable[[Json, DType], Parameters]]] = {
    "adler32": ("zarr-checksum", _checksum("adler32", at_end=False)),
    "astype": ("zarr-convert", _convert),
    "crc32": ("zarr-checksum", _checksum("crc32", at_end=False)),
    "crc32c": ("zarr-checksum", _checksum("crc32c", at_end=True)),
    "delta": ("zarr-delta", _delta),
    "fixedscaleoffset": ("zarr-scale", _scale),
    "fletcher32": ("zarr-checksum", _checksum("fletcher32", at_end=True)),
    "packbits": ("zarr-packbits", lambda parameters, dtype: ()),  # noqa: ARG005
    "shuffle": ("zarr-shuffle", _shuffle),
}
LOSSY_ON_WRITING = frozenset({"bitround", "quantize"})
"""Filters that change pixels when they are written, and nothing when they are read."""


def _one(name: str, parameters: Json, dtype: DType) -> list[Codec]:
    """Return the codec that undoes one of numcodecs or Zarr.

    Raises
    ------
    UnsupportedFormatError
        When it is unknown.
    """
    # They rounded the pixels when the chunk was written: there is nothing to undo.
    if name in LOSSY_ON_WRITING:
        return []
    if name in COMPRESSORS:
        # Whether its result is the pixels depends on the codecs after it: ``_with_sizes`` decides.
        return [Codec(COMPRESSORS[name], (("sized", False),))]
    if name in PLAIN:
        return [Codec(PLAIN[name])]
    if name in IMAGES:
        return [Codec(IMAGES[name], (("sampled", False),))]
    if name in FILTERS:
        codec, parameters_of = FILTERS[name]
        return [Codec(codec, parameters_of(parameters, dtype))]
    raise UnsupportedFormatError(
        f"its chunks are coded by {name!r}, which is not read; known are "
        f"{', '.join(sorted((*COMPRESSORS, *FILTERS)))}"
    )


def _with_sizes(codecs: Sequence[Codec]) -> tuple[Codec, ...]:
    """Mark the decompressors whose result is the pixels, so that it goes to the output."""
    marked: list[Codec] = []
    sized = True
    # From the pixels backwards: before a codec that changes the size, no size is known.
    for codec in reversed(codecs):
        if codec.parameters == (("sized", False),):
            marked.append(Codec(codec.name, (("sized", sized),)))
        else:
            marked.append(codec)
        # A transposed chunk has the size of the pixels; other codecs may have any.
        sized = sized and codec.name == "zarr-transpose"
    return tuple(reversed(marked))


def _transposed(order: Sequence[int]) -> list[Codec]:
    if list(order) == list(range(len(order))):
        return []
    return [Codec("zarr-transpose", (("order", tuple(order)),))]


def version_2_chain(document: Json, chunk: tuple[int, ...], dtype: DType) -> ChunkCoding:
    """Return the chain of an array of Zarr v2: filters, then one compressor.

    Raises
    ------
    UnsupportedFormatError
        When a codec is unknown.
    """
    # A writer applies the filters in order, then the compressor; reading undoes the last one first.
    stages = [*(document.get("filters") or []), document.get("compressor")]
    _check_length(stages)
    codecs: list[Codec] = []
    for stage in stages:
        if stage is None:
            continue
        if not isinstance(stage, dict):
            raise UnsupportedFormatError(f"{stage!r} is no codec")
        codecs = _one(str(stage.get("id")), stage, dtype) + codecs
    # Order F stores a chunk with its first axis fastest: the C order of the reversed axes.
    if document.get("order") == "F":
        codecs += _transposed(range(len(chunk))[::-1])
    return ChunkCoding(chunk, dtype, _with_sizes(codecs))


def version_3_chain(codecs: Any, chunk: tuple[int, ...], dtype: DType, fill: bytes) -> ChunkCoding:
    """Return the chain of an array of Zarr v3.

    A shard whose own bytes are neither transposed nor compressed is read chunk by chunk. Others,
    and shards inside of shards, are decoded whole.

    Raises
    ------
    CorruptFileError
        When the codecs are no list.
    UnsupportedFormatError
        When a codec is unknown, or the chain is not one of the specification.
    """
    if not isinstance(codecs, list):
        raise CorruptFileError(f"its codecs are {str(codecs)[:80]!r}, expected a list")
    _check_length(codecs)
    order = list(range(len(chunk)))
    chain: list[Codec] = []
    shard: ChunkCoding | None = None
    stored_chunk = chunk
    has_bytes = False
    # Encoding goes from array to array, from array to bytes, from bytes to bytes, in the listed
    # order. Each further codec is undone earlier, so it goes to the front of the chain.
    for stage in codecs:
        name, parameters = _named(stage)
        if name == "transpose" and not has_bytes:
            order = _next_order(order, parameters.get("order"))
        elif name == "bytes" and not has_bytes:
            # ``endian`` is absent for types of one byte, which have no order.
            dtype = dtype.newbyteorder(">" if parameters.get("endian") == "big" else "<")
            has_bytes = True
        elif name == "sharding_indexed" and not has_bytes:
            # A shard behind ``transpose`` has the transposed shape, which its chunks divide.
            stored_chunk = tuple(chunk[axis] for axis in order)
            shard = _shard_chain(parameters, stored_chunk, dtype, fill)
            has_bytes = True
        else:
            chain = _one(name, parameters, dtype) + chain
    if not has_bytes:
        # numcodecs' own array-to-bytes codecs stand in place of ``bytes``: native is little-endian.
        dtype = dtype.newbyteorder("<")
    if shard is None:
        return ChunkCoding(chunk, dtype, _with_sizes([*chain, *_transposed(order)]))
    # The usual shard: its table gives the place of each chunk, so a window decodes its own alone.
    if not chain and not _transposed(order):
        return shard
    # The bytes of such a shard exist after its outer codecs only: its chunks have no place in a file.
    whole = _whole_shard(shard, stored_chunk, fill)
    return ChunkCoding(chunk, shard.dtype, _with_sizes([*chain, whole, *_transposed(order)]))


def _check_length(stages: Sequence[Any]) -> None:
    if len(stages) > MOST_CODECS:
        raise UnsupportedFormatError(
            f"its chunks are coded by {len(stages)} codecs, {MOST_CODECS} are read"
        )


def _named(stage: Any) -> tuple[str, Json]:
    name, parameters = extension_of(stage)
    if name is None:
        raise UnsupportedFormatError(f"{stage!r} is no codec")
    # zarr-python offers the codecs of numcodecs to Zarr v3 under this prefix.
    return name.removeprefix("numcodecs."), parameters


def _next_order(order: list[int], axes: Any) -> list[int]:
    # Early writers of Zarr v3 named the orders of C and Fortran.
    if axes == "C":
        return order
    if axes == "F":
        return order[::-1]
    if not isinstance(axes, list) or sorted(map(str, axes)) != sorted(map(str, range(len(order)))):
        raise UnsupportedFormatError(f"a chunk of {len(order)} axes is transposed by {axes!r}")
    # Two transpositions in a row are one: the second picks from the axes of the first.
    return [order[axis] for axis in axes]


def _shard_chain(
    parameters: Json, chunk: tuple[int, ...], dtype: DType, fill: bytes
) -> ChunkCoding:
    inner_shape = parameters.get("chunk_shape")
    if not isinstance(inner_shape, list) or len(inner_shape) != len(chunk):
        raise UnsupportedFormatError(f"a shard of {chunk} has chunks of {inner_shape!r}")
    # The specification demands that the chunks divide the shard evenly.
    for size, part in zip(chunk, inner_shape, strict=True):
        if type(part) is not int or part < 1 or size % part:
            raise UnsupportedFormatError(f"a shard of {chunk} has chunks of {inner_shape!r}")
    inner = version_3_chain(parameters.get("codecs") or [], tuple(inner_shape), dtype, fill)
    # A shard in a shard has its table inside of the outer one; it is decoded whole.
    if inner.index is not None:
        packed = _whole_shard(inner, tuple(inner_shape), fill)
        inner = ChunkCoding(tuple(inner_shape), inner.dtype, (packed,))
    counts = [size // part for size, part in zip(chunk, inner.chunk, strict=True)]
    index = _index(parameters, math.prod(counts))
    return ChunkCoding(inner.chunk, inner.dtype, inner.codecs, index)


def _index(parameters: Json, count: int) -> ShardIndex:
    stages = parameters.get("index_codecs") or []
    # The table has one row a chunk: offset and length, both uint64.
    chain = version_3_chain(stages, (count, 2), np.dtype("u8"), bytes(8))
    # A reader must know the length of the table before it has the table, so the specification
    # allows no codec whose result has a variable size.
    nbytes = count * INDEX_ENTRY_NBYTES
    for codec in chain.codecs:
        if codec.name != "zarr-checksum":
            raise UnsupportedFormatError("the table of its shards is compressed")
        # Every checksum takes four bytes.
        nbytes += 4
    return ShardIndex(
        entry_count=count,
        nbytes=nbytes,
        at_end=parameters.get("index_location", "end") != "start",
        codecs=chain.codecs,
        big_endian=chain.dtype.str[0] == ">",
    )


def _whole_shard(shard: ChunkCoding, shape: tuple[int, ...], fill: bytes) -> Codec:
    index = shard.index
    if index is None:
        raise AssertionError("only chains of shards are packed")
    return Codec(
        "zarr-shard",
        (
            ("shape", shape),
            ("chunk", shard.chunk),
            ("stored", shard.dtype.str),
            ("codecs", pack_codecs(shard.codecs)),
            ("index_codecs", pack_codecs(index.codecs)),
            ("index_dtype", ">u8" if index.big_endian else "<u8"),
            ("index_nbytes", index.nbytes),
            ("at_end", index.at_end),
            ("fill", fill),
        ),
    )
