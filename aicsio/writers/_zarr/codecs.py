"""Compressions of Zarr: their metadata in both versions, and chunks to bytes and back.

Rule kept here: one row a compression. The row makes the metadata that readers decode by, so what
is stored and what is declared cannot differ.

Source of the facts: Zarr v3 codecs (https://zarr-specs.readthedocs.io/en/latest/v3/codecs/) and
zarr-extensions for ``zstd``; numcodecs' configuration dictionaries for Zarr v2.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import WriteError
from aicsio.records import DType

Array: TypeAlias = npt.NDArray[Any]
Configuration: TypeAlias = dict[str, Any]

_BLOSC_OF_LZ4_LEVEL = 5
_BLOCK_BYTES = 256 << 10
"""Bytes that blosc shuffles and compresses at once. Its own choice, 32 KiB, takes 1.25 times as
long to write and 1.7 times as long to read, for zstd of 512 x 512 counts of photons."""
# Numbers of c-blosc, which Zarr v2 stores: 0 for none, 1 for bytes, 2 for bits.
_BIT_SHUFFLE = 2


@attrs.frozen
class ChunkCodec:
    """A compression, chosen for one type of pixels. Travels to other processes."""

    name: str | None
    """Key of ``COMPRESSIONS``; ``None`` for raw chunks."""
    level: int
    """Effort; 0 for raw chunks."""
    itemsize: int
    """Bytes of a pixel, which blosc shuffles by."""

    def encode(self, chunk: Array) -> bytes | memoryview:
        """Compress a C-contiguous chunk of little-endian pixels."""
        if self.name is None:
            # A view: raw chunks go to the file without another copy.
            return chunk.reshape(-1).view(np.uint8).data
        return COMPRESSIONS[self.name].encode(chunk, self.level)

    def decode(self, data: bytes, dtype: DType, shape: tuple[int, ...]) -> Array:
        """Return the pixels of a stored chunk."""
        raw = data if self.name is None else COMPRESSIONS[self.name].decode(data)
        return np.frombuffer(raw, dtype).reshape(shape)

    def v3_metadata(self) -> list[Configuration]:
        """Return the codecs of a chunk for ``zarr.json``."""
        # Zarr v3, bytes codec: endian is required where an item has more than one byte.
        endian = {"configuration": {"endian": "little"}} if self.itemsize > 1 else {}
        codecs: list[Configuration] = [{"name": "bytes", **endian}]
        if self.name is not None:
            codecs.append(COMPRESSIONS[self.name].v3(self.level, self.itemsize))
        return codecs

    def v2_metadata(self) -> Configuration | None:
        """Return the compressor for ``.zarray``."""
        return None if self.name is None else COMPRESSIONS[self.name].v2(self.level)


@attrs.frozen(eq=False)
class _CompressionRow:
    """One row of the table of compressions."""

    level: int
    """Default effort."""
    levels: range
    """Allowed efforts."""
    encode: Callable[[Array, int], bytes]
    """From a chunk and an effort."""
    decode: Callable[[bytes], bytes]
    """From the stored bytes to those of the pixels."""
    v3: Callable[[int, int], Configuration]
    """Metadata for Zarr v3, from effort and item size."""
    v2: Callable[[int], Configuration]
    """Metadata for Zarr v2, from effort."""


def _blosc_row(inner: str, level: int) -> _CompressionRow:
    def encode(chunk: Array, effort: int) -> bytes:
        import imagecodecs

        # The writer's threads encode chunks side by side, so blosc gets one thread each.
        return bytes(
            imagecodecs.blosc_encode(
                cast("Any", chunk),  # the stubs know bytes alone
                level=effort,
                compressor=inner,
                shuffle=_BIT_SHUFFLE,
                typesize=chunk.itemsize,
                blocksize=_BLOCK_BYTES,
                numthreads=1,
            )
        )

    def decode(data: bytes) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.blosc_decode(data, numthreads=1))

    def v3(effort: int, itemsize: int) -> Configuration:
        settings = {
            "cname": inner,
            "clevel": effort,
            "shuffle": "bitshuffle",
            # Zarr v3, blosc: typesize is required where pixels are shuffled.
            "typesize": itemsize,
            "blocksize": _BLOCK_BYTES,
        }
        return {"name": "blosc", "configuration": settings}

    # Zarr v2 has no typesize: numcodecs takes it from the array.
    def v2(effort: int) -> Configuration:
        return {
            "id": "blosc",
            "cname": inner,
            "clevel": effort,
            "shuffle": _BIT_SHUFFLE,
            "blocksize": _BLOCK_BYTES,
        }

    return _CompressionRow(level, range(1, 10), encode, decode, v3, v2)


def _bytes_row(name: str, level: int, levels: range, **settings: Any) -> _CompressionRow:
    def encode(chunk: Array, effort: int) -> bytes:
        import imagecodecs

        return bytes(getattr(imagecodecs, f"{name}_encode")(chunk, level=effort))

    def decode(data: bytes) -> bytes:
        import imagecodecs

        return bytes(getattr(imagecodecs, f"{name}_decode")(data))

    def v3(effort: int, itemsize: int) -> Configuration:  # noqa: ARG001 - one signature for all
        return {"name": name, "configuration": {"level": effort, **settings}}

    def v2(effort: int) -> Configuration:
        return {"id": name, "level": effort}

    return _CompressionRow(level, levels, encode, decode, v3, v2)


COMPRESSIONS: Mapping[str, _CompressionRow] = {
    # 512 x 512 counts of photons in 16 bits, one core: blosc makes 49 % of them at 1060 MB/s, zstd
    # alone 69 % at 725 MB/s, gzip 64 % at 170 MB/s. The bits of noise do not compress; shuffled,
    # they stand apart from those that do.
    "blosc": _blosc_row("zstd", 1),
    "lz4": _blosc_row("lz4", _BLOSC_OF_LZ4_LEVEL),
    "zstd": _bytes_row("zstd", 1, range(1, 23), checksum=False),
    "gzip": _bytes_row("gzip", 1, range(1, 10)),
}


def codec_of_metadata(metadata: Mapping[str, Any] | None, dtype: DType) -> ChunkCodec:
    """Return the codec that metadata of an array describe, in either version.

    Raises
    ------
    WriteError
        When the writer has no such codec.
    """
    if metadata is None:
        return ChunkCodec(None, 0, dtype.itemsize)
    # Zarr v3 has a name and a configuration, v2 one flat dictionary with an id.
    name = str(metadata.get("name", metadata.get("id")))
    settings: Mapping[str, Any] = metadata.get("configuration", metadata)
    if name == "blosc":
        # The option names blosc with zstd "blosc", and blosc with another codec by that codec.
        name = {"zstd": "blosc"}.get(str(settings.get("cname")), str(settings.get("cname")))
    # blosc names its effort clevel, the others level.
    level = settings.get("clevel", settings.get("level"))
    if name not in COMPRESSIONS or not isinstance(level, int):
        raise WriteError(f"chunks are compressed with {dict(metadata)}, which the writer lacks")
    return ChunkCodec(name, level, dtype.itemsize)


def choose_codec(name: str | None, level: int | None, dtype: DType) -> ChunkCodec:
    """Choose how chunks are compressed.

    Parameters
    ----------
    name
        A key of ``COMPRESSIONS``; ``None`` for raw chunks.
    level
        The requested effort; ``None`` for the default.
    dtype
        Type of the pixels.

    Raises
    ------
    WriteError
        When the compression has no such effort.
    """
    if name is None:
        if level is not None:
            raise WriteError(
                f"compression_level={level} without a compression: leave it out, or name one"
            )
        return ChunkCodec(None, 0, dtype.itemsize)
    row = COMPRESSIONS[name]
    if level is not None and level not in row.levels:
        raise WriteError(
            f"compression_level={level}: {name} has effort from {row.levels[0]} to {row.levels[-1]}"
        )
    return ChunkCodec(name, row.level if level is None else level, dtype.itemsize)
