"""The arrays of a generated store: their documents, chunks and shards.

Rule kept here: a chunk is encoded by the rules of its version of Zarr, with nothing of the reader.

Source of the facts: Zarr core specification 3.1, Zarr v2 specification, codec ``sharding_indexed``
1.0; the CRC32C of RFC 3720.
"""

import gzip
import itertools
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._codecs import imagecodecs
from aicsio.testing.zarr.spec import ZarrImage, ZarrSpec

Json: TypeAlias = dict[str, Any]
Store: TypeAlias = dict[str, bytes]
Pixels: TypeAlias = npt.NDArray[Any]

EMPTY = (1 << 64) - 1
"""Offset and length of an inner chunk that is missing (``sharding_indexed``)."""


def join(path: str, name: str) -> str:
    """Return the key of a name below a path."""
    return f"{path}/{name}" if path else name


def put_json(store: Store, key: str, document: Json) -> None:
    """Add a document to a store."""
    store[key] = json.dumps(document, ensure_ascii=False).encode()


def put_array(
    store: Store, spec: ZarrSpec, image: ZarrImage, path: str, pixels: Pixels, fill: Any
) -> None:
    """Add the document and the chunks of an array to a store."""
    stored = pixels.dtype.newbyteorder(">" if spec.big_endian else "<")
    describe = _document_3 if spec.zarr == 3 else _document_2
    document = describe(spec, image, pixels.shape, stored, fill)
    if spec.zarr == 3:
        put_json(store, join(path, "zarr.json"), document)
    else:
        put_json(store, join(path, ".zarray"), document)
        if not spec.ngff:
            names = {"_ARRAY_DIMENSIONS": list(image.letters)}
            put_json(store, join(path, ".zattrs"), names)
    # Zarr 3: the grid of a sharded array is that of its shards; inner chunks have no keys.
    outer = image.shards or image.chunks
    # Zarr 3, key encoding `default`: "c" and the numbers; keys of Zarr 2 are the numbers alone.
    prefix = ["c"] if spec.zarr == 3 else []
    for index, part in _parts(pixels, outer, fill):
        value = _encode_shard(spec, image, part, stored, fill)
        if value is not None:
            key = spec.separator.join([*prefix, *map(str, index)])
            store[join(path, key)] = value


def _parts(
    pixels: Pixels, size: tuple[int, ...], fill: Any
) -> Iterator[tuple[tuple[int, ...], Pixels]]:
    """Cut an array into parts of one size; those at the edges are filled up."""
    counts = [-(-length // part) for length, part in zip(pixels.shape, size, strict=True)]
    for index in itertools.product(*map(range, counts)):
        begin = [at * part for at, part in zip(index, size, strict=True)]
        cut = pixels[tuple(slice(at, at + part) for at, part in zip(begin, size, strict=True))]
        whole = np.full(size, fill, pixels.dtype)
        whole[tuple(map(slice, cut.shape))] = cut
        yield index, whole


def _encode_shard(
    spec: ZarrSpec, image: ZarrImage, part: Pixels, stored: np.dtype[Any], fill: Any
) -> bytes | None:
    if image.shards is None:
        return _encode_chunk(spec, part, stored, fill)
    chunks = [
        _encode_chunk(spec, chunk, stored, fill) for _, chunk in _parts(part, image.chunks, fill)
    ]
    # A shard of empty chunks alone is missing as a whole.
    if not any(chunks):
        return None
    # `sharding_indexed`: two uint64 for each inner chunk, then 4 bytes of CRC32C.
    # Offsets count from the start of the shard, so a table in front moves all of them.
    index_nbytes = 16 * len(chunks) + 4
    offset = index_nbytes if spec.index_at_start else 0
    table = b""
    for chunk in chunks:
        entry = (EMPTY, EMPTY) if chunk is None else (offset, len(chunk))
        table += struct.pack("<QQ", *entry)
        offset += len(chunk or b"")
    table += _crc32c(table)
    body = b"".join(chunk or b"" for chunk in chunks)
    return table + body if spec.index_at_start else body + table


def _encode_chunk(spec: ZarrSpec, chunk: Pixels, stored: np.dtype[Any], fill: Any) -> bytes | None:
    if spec.sparse and bool((chunk == fill).all()):
        return None
    raw = chunk.astype(stored).tobytes("F" if spec.fortran else "C")
    # The checksum comes last in the chain of codecs: it covers the compressed bytes.
    coded = _COMPRESS[spec.compressor](raw, stored.itemsize)
    return coded + _crc32c(coded) if spec.checksum else coded


def _blosc(raw: bytes, itemsize: int) -> bytes:
    coded: bytes = imagecodecs().blosc_encode(
        raw, level=5, compressor="lz4", shuffle=1, typesize=itemsize
    )
    return coded


_COMPRESS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "none": lambda raw, _: raw,
    # Without a time stamp, the same description gives the same bytes.
    "gzip": lambda raw, _: gzip.compress(raw, 1, mtime=0),
    "zlib": lambda raw, _: zlib.compress(raw, 1),
    "zstd": lambda raw, _: bytes(imagecodecs().zstd_encode(raw, level=1)),
    "blosc": _blosc,
}


def _crc32c(raw: bytes) -> bytes:
    import google_crc32c  # a file without checksums needs none

    return struct.pack("<I", google_crc32c.value(raw))


# ---------------------------------------------------------------- documents


def _fill_value(fill: Any) -> Any:
    if fill.dtype.kind == "c":
        # JSON has no complex numbers: Zarr 3 takes the real and the imaginary part.
        return [float(fill.real), float(fill.imag)]
    return fill.item()


def _document_2(
    spec: ZarrSpec, image: ZarrImage, shape: tuple[int, ...], stored: np.dtype[Any], fill: Any
) -> Json:
    compressors: Mapping[str, Json | None] = {
        "none": None,
        "gzip": {"id": "gzip", "level": 1},
        "zlib": {"id": "zlib", "level": 1},
        "zstd": {"id": "zstd", "level": 1},
        "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    }
    document = {
        "zarr_format": 2,
        "shape": list(shape),
        "chunks": list(image.chunks),
        "dtype": stored.str,
        "compressor": compressors[spec.compressor],
        "fill_value": _fill_value(fill),
        "order": "F" if spec.fortran else "C",
        # Zarr 2 requires the key, with null where there are none.
        "filters": None,
    }
    if spec.separator != ".":  # the default, and the only one of stores before 0.2
        document["dimension_separator"] = spec.separator
    return document


def _document_3(
    spec: ZarrSpec, image: ZarrImage, shape: tuple[int, ...], stored: np.dtype[Any], fill: Any
) -> Json:
    codecs = _codecs_3(spec, len(shape), stored)
    if image.shards is not None:
        little = {"name": "bytes", "configuration": {"endian": "little"}}
        configuration = {
            "chunk_shape": list(image.chunks),
            "codecs": codecs,
            "index_codecs": [little, {"name": "crc32c"}],
            "index_location": "start" if spec.index_at_start else "end",
        }
        codecs = [{"name": "sharding_indexed", "configuration": configuration}]
    outer = list(image.shards or image.chunks)
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": stored.newbyteorder("=").name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": outer}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": spec.separator}},
        "fill_value": _fill_value(fill),
        "codecs": codecs,
        "dimension_names": [letter.lower() for letter in image.letters],
        "attributes": {},
    }


def _codecs_3(spec: ZarrSpec, rank: int, stored: np.dtype[Any]) -> list[Json]:
    codecs: list[Json] = []
    if spec.fortran:
        # Zarr 3 has no "order": F is a transpose of all axes, in front of `bytes`.
        order = list(range(rank))[::-1]
        codecs.append({"name": "transpose", "configuration": {"order": order}})
    endian = "big" if spec.big_endian else "little"
    codecs.append({"name": "bytes", "configuration": {"endian": endian}})
    blosc = {
        "cname": "lz4",
        "clevel": 5,
        # A word in Zarr 3, the number 1 in Zarr 2.
        "shuffle": "shuffle",
        "typesize": stored.itemsize,
        "blocksize": 0,
    }
    compressors: Mapping[str, Json] = {
        "gzip": {"level": 1},
        "zstd": {"level": 1, "checksum": False},
        "blosc": blosc,
    }
    if spec.compressor in compressors:
        codecs.append({"name": spec.compressor, "configuration": compressors[spec.compressor]})
    if spec.checksum:
        codecs.append({"name": "crc32c"})
    return codecs
