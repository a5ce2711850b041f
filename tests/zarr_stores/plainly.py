"""Stores without any library of Zarr, after the text of the specifications alone.

Zarr v2 (https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html), Zarr v3 and its codecs
(https://zarr-specs.readthedocs.io/en/latest/v3/core/, .../v3/codecs/). The tests of damage change
these; ``test_plainly`` shows that zarr-python reads them.
"""

import functools
import gzip
import itertools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from zarr_stores import Pixels, blobs, pixels
from zarr_stores.groups import multiscales, write_group, write_json

SHAPE = (2, 3, 29, 35)
LETTERS = "CZYX"
CHUNKS = (1, 2, 16, 16)
INNER = (1, 1, 8, 8)
MISSING = (1 << 64) - 1
"""Offset and length of a chunk that a shard lacks (codec sharding_indexed, "Binary shard format")."""


@functools.cache
def _table() -> tuple[int, ...]:
    values = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)  # Castagnoli, reflected
        values.append(value)
    return tuple(values)


def crc32c(data: bytes) -> bytes:
    """Four bytes, little-endian, as the codec crc32c appends them."""
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 255] ^ (value >> 8)
    return struct.pack("<I", value ^ 0xFFFFFFFF)


def chunks(array: Pixels, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Pixels]]:
    """Grid positions and whole chunks; those of the edge are filled up with 0."""
    counts = [range(-(-size // chunk)) for size, chunk in zip(array.shape, shape, strict=True)]
    for place in itertools.product(*counts):
        corner = [index * chunk for index, chunk in zip(place, shape, strict=True)]
        window = tuple(slice(at, at + size) for at, size in zip(corner, shape, strict=True))
        part = array[window]
        whole = np.zeros(shape, array.dtype)
        whole[tuple(slice(size) for size in part.shape)] = part
        yield place, whole


Encoder = Callable[[bytes], bytes]
ENCODERS: dict[str, Encoder] = {
    "raw": bytes,
    "gzip": gzip.compress,
    "zstd": lambda data: bytes(imagecodecs.zstd_encode(data, level=1)),
    "blosc": lambda data: bytes(
        imagecodecs.blosc_encode(data, compressor="lz4", shuffle=1, typesize=2, level=5)
    ),
}
COMPRESSORS: dict[str, dict[str, Any] | None] = {
    "raw": None,
    "gzip": {"id": "gzip", "level": 5},
    "zstd": {"id": "zstd", "level": 1},
    "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
}
CODECS: dict[str, list[dict[str, Any]]] = {
    "raw": [],
    "gzip": [{"name": "gzip", "configuration": {"level": 5}}],
    "zstd": [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}],
    "blosc": [
        {
            "name": "blosc",
            "configuration": {
                "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0
            },
        }
    ],
}  # fmt: skip


def separator_of(codec: str) -> str:
    """Raw chunks lie in nested folders, coded ones in one folder, which is removed faster."""
    return "/" if codec == "raw" else "."


def write_v2(folder: Path, array: Pixels, codec: str) -> None:
    """An array of Zarr v2."""
    separator = separator_of(codec)
    document = {
        "zarr_format": 2,
        "shape": list(array.shape),
        "chunks": list(CHUNKS),
        "dtype": array.dtype.str,
        "compressor": COMPRESSORS[codec],
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "dimension_separator": separator,
    }
    write_json(folder / ".zarray", document)
    for place, chunk in chunks(array, CHUNKS):
        path = folder / separator.join(map(str, place))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ENCODERS[codec](chunk.tobytes()))


def _shard(chunk: Pixels, codec: str) -> bytes:
    """The chunks of a shard, then their offsets and lengths, then the checksum of these."""
    parts, index, at = [], [], 0
    for _, inner in chunks(chunk, INNER):
        if not inner.any():
            index.append((MISSING, MISSING))
            continue
        part = ENCODERS[codec](inner.tobytes())
        parts.append(part)
        index.append((at, len(part)))
        at += len(part)
    table = b"".join(struct.pack("<QQ", *entry) for entry in index)
    return b"".join(parts) + table + crc32c(table)


def write_v3(folder: Path, array: Pixels, codec: str, *, sharded: bool) -> None:
    """An array of Zarr v3 with the default keys."""
    separator = separator_of(codec)
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    codecs = [little, *CODECS[codec]]
    if sharded:
        configuration = {
            "chunk_shape": list(INNER),
            "codecs": codecs,
            "index_codecs": [little, {"name": "crc32c"}],
            "index_location": "end",
        }
        codecs = [{"name": "sharding_indexed", "configuration": configuration}]
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(array.shape),
        "data_type": array.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(CHUNKS)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": separator}},
        "fill_value": 0,
        "codecs": codecs,
        "attributes": {},
        "dimension_names": list(LETTERS.lower()),
    }
    write_json(folder / "zarr.json", document)
    for place, chunk in chunks(array, CHUNKS):
        path = folder / separator.join(["c", *map(str, place)])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_shard(chunk, codec) if sharded else ENCODERS[codec](chunk.tobytes()))


def write_store(folder: Path, kind: str) -> tuple[Pixels, ...]:
    """Write an image with two levels, channels and labels; return the levels.

    ``kind`` is a version of NGFF, a codec, and perhaps ``shards``: ``"0.5 zstd shards"``.
    """
    version, codec, *more = kind.split()
    levels = (pixels(SHAPE), pixels((2, 3, 15, 18), seed=1))
    entry = multiscales(LETTERS, ("0", "1"), name="cells")
    if version < "0.5":
        entry["version"] = version
    channels = [
        {"label": label, "color": "00FF00", "window": {"start": 0, "end": 9, "min": 0, "max": 99}}
        for label in ("DAPI", "GFP")
    ]
    write_group(folder, {"multiscales": [entry], "omero": {"channels": channels}}, version)
    write_group(folder / "labels", {"labels": ["nuclei"]}, version)
    drawn = multiscales(LETTERS, ("0",), name="nuclei")
    write_group(folder / "labels" / "nuclei", {"multiscales": [drawn], "image-label": {}}, version)
    label = blobs((1, *SHAPE[1:]))
    arrays = {"0": levels[0], "1": levels[1], "labels/nuclei/0": label}
    for path, array in arrays.items():
        if version < "0.5":
            write_v2(folder / path, array, codec)
        else:
            write_v3(folder / path, array, codec, sharded="shards" in more)
    return levels


KINDS = (
    "0.4 raw",
    "0.4 gzip",
    "0.4 zstd",
    "0.4 blosc",
    "0.5 raw",
    "0.5 zstd",
    "0.5 blosc",
    "0.5 raw shards",
    "0.5 zstd shards",
    "0.5 blosc shards",
)
"""Stores that the tests of damage begin with."""
