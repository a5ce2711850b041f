"""Arrays of every codec, order, byte order and shape, by zarr-python, numcodecs and tensorstore.

Each is the only level of an image. The pixels of a case are what its library reads back.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from zarr_stores import Image, Maker, Pixels, Store, library, pixels
from zarr_stores.groups import multiscales, write_group, write_json

SHAPE, CHUNKS = (3, 37, 45), (2, 16, 16)
"""No chunk divides the sizes."""
LETTERS = "ZYX"


def _image(folder: Path, array: Pixels, version: str, letters: str) -> Store:
    write_group(folder, {"multiscales": [multiscales(letters, version=version)]}, version)
    return Store(folder, (Image("", letters, array, ("0",)),), version)


# ---------------------------------------------------------------- Zarr v2


def version_2(
    dtype: str = "<u2",
    shape: tuple[int, ...] = SHAPE,
    chunks: tuple[int, ...] = CHUNKS,
    *,
    part: tuple[slice, ...] = (),
    codec: tuple[str, dict[str, Any]] | None = None,
    **options: Any,
) -> Maker:
    """Make an array of Zarr v2; ``part`` is the only one that is written."""

    def make(folder: Path) -> Store:
        zarr, numcodecs = library("zarr"), library("numcodecs")
        compressor = None
        if codec is not None:
            name, parameters = codec
            if name.startswith("imagecodecs_"):
                library("imagecodecs.numcodecs").register_codecs(verbose=False)
            compressor = numcodecs.get_codec({"id": name, **parameters})
        filters = [numcodecs.get_codec(dict(each)) for each in options.get("filters", [])]
        letters = "TCZYX"[-len(shape) :]
        array = zarr.create_array(
            str(folder / "0"),
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            zarr_format=2,
            compressors=compressor,
            filters=filters or None,  # zarr wants None where there is none
            fill_value=options.get("fill_value", 0),
            order=options.get("order", "C"),
            chunk_key_encoding={"name": "v2", "separator": options.get("separator", "/")},
            config={"write_empty_chunks": options.get("write_empty_chunks", False)},
        )
        array[part or ...] = pixels(shape, dtype)[part or ...]
        return _image(folder, np.asarray(array[...]), "0.4", letters)

    return make


BLOSC = {
    f"v2 blosc {cname} shuffle {shuffle} {dtype}": version_2(
        dtype, codec=("blosc", {"cname": cname, "shuffle": shuffle, "clevel": 5})
    )
    for cname, shuffle, dtype in itertools.product(
        ("blosclz", "lz4", "lz4hc", "zlib", "zstd"), (0, 1, 2, -1), ("|u1", "<u2", "<f4")
    )
}
COMPRESSED: dict[str, tuple[str, dict[str, Any]]] = {
    "blosc level 0": ("blosc", {"cname": "lz4", "clevel": 0}),
    "blosc blocksize": ("blosc", {"cname": "zstd", "blocksize": 256}),
    "zstd": ("zstd", {"level": 3}),
    "zstd checksum": ("zstd", {"level": 3, "checksum": True}),
    "gzip": ("gzip", {"level": 5}),
    "zlib": ("zlib", {"level": 5}),
    "lz4": ("lz4", {"acceleration": 1}),
    "bz2": ("bz2", {"level": 5}),
    "lzma": ("lzma", {}),
    "imagecodecs_packbits": ("imagecodecs_packbits", {}),
    "imagecodecs_zlib": ("imagecodecs_zlib", {"level": 5}),
    "imagecodecs_zstd": ("imagecodecs_zstd", {"level": 5}),
    "imagecodecs_lzw": ("imagecodecs_lzw", {}),
    "imagecodecs_deflate": ("imagecodecs_deflate", {"level": 5}),
}
"""Compressors that the field uses, with their parameters."""
FILTERS: dict[str, list[dict[str, Any]]] = {
    "delta": [{"id": "delta", "dtype": "<u2"}],
    "shuffle": [{"id": "shuffle", "elementsize": 2}],
    "crc32": [{"id": "crc32"}],
    "crc32c": [{"id": "crc32c"}],
    "adler32": [{"id": "adler32"}],
    "fletcher32": [{"id": "fletcher32"}],
    "fixedscaleoffset": [
        {"id": "fixedscaleoffset", "offset": 0, "scale": 1, "dtype": "<u2", "astype": "<u4"}
    ],
    "delta, shuffle": [{"id": "delta", "dtype": "<u2"}, {"id": "shuffle", "elementsize": 2}],
}
VERSION_2: dict[str, Maker] = {
    **BLOSC,
    **{f"v2 {name}": version_2(codec=codec) for name, codec in COMPRESSED.items()},
    **{
        f"v2 filter {name}": version_2(codec=("zstd", {"level": 1}), filters=filters)
        for name, filters in FILTERS.items()
    },
    "v2 filter packbits": version_2("|b1", filters=[{"id": "packbits"}]),
    **{
        f"v2 raw {dtype} {order} {separator}": version_2(dtype, order=order, separator=separator)
        for dtype, order, separator in (
            ("|b1", "C", "/"),
            ("|i1", "F", "."),
            (">u2", "C", "."),
            (">u2", "F", "/"),
            ("<i4", "F", "/"),
            (">i8", "C", "/"),
            ("<u8", "C", "/"),
            ("<f2", "C", "/"),
            (">f4", "F", "."),
            ("<f8", "C", "."),
        )
    },
    "v2 big endian blosc F": version_2(">u2", codec=("blosc", {"cname": "lz4"}), order="F"),
    "v2 fill 7, half written": version_2(part=(slice(0, 2), slice(0, 20)), fill_value=7),
    "v2 fill null, half written": version_2(part=(slice(0, 2), slice(0, 20)), fill_value=None),
    "v2 fill NaN, half written": version_2("<f4", part=(slice(0, 2),), fill_value=float("nan")),
    "v2 fill -Infinity": version_2("<f8", part=(slice(0, 2),), fill_value=float("-inf")),
    "v2 fill -3, big endian": version_2(">i2", part=(slice(0, 2),), fill_value=-3),
    "v2 nothing written": version_2(part=(slice(0, 0),), fill_value=11),
    "v2 chunks larger than the array": version_2(chunks=(8, 64, 64), codec=("zstd", {})),
    "v2 one chunk a pixel": version_2(shape=(2, 5, 7), chunks=(1, 1, 1)),
    "v2 YX": version_2(shape=(37, 45), chunks=(16, 16)),
    "v2 TCZYX": version_2(shape=(2, 3, 4, 21, 17), chunks=(1, 2, 3, 8, 8)),
}

# ---------------------------------------------------------------- Zarr v3

ENDIAN = {"name": "bytes", "configuration": {"endian": "little"}}
CRC = {"name": "crc32c"}


def codec(name: str, **configuration: Any) -> dict[str, Any]:
    """One codec of Zarr v3."""
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


def blosc(cname: str, shuffle: str, typesize: int = 2) -> dict[str, Any]:
    """The codec blosc of Zarr v3."""
    return codec("blosc", cname=cname, shuffle=shuffle, typesize=typesize, clevel=5, blocksize=0)


def shards(
    inner: tuple[int, ...],
    codecs: list[dict[str, Any]],
    index: list[dict[str, Any]] | None = None,
    location: str = "end",
) -> list[dict[str, Any]]:
    """A chain whose only codec is that of shards."""
    index_codecs = [ENDIAN, CRC] if index is None else index
    return [
        codec(
            "sharding_indexed",
            chunk_shape=list(inner),
            codecs=codecs,
            index_codecs=index_codecs,
            index_location=location,
        )
    ]


def document(
    codecs: list[dict[str, Any]],
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    data_type: str,
    fill_value: Any,
    keys: dict[str, Any],
) -> dict[str, Any]:
    """The ``zarr.json`` of an array."""
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": data_type,
        "chunk_grid": codec("regular", chunk_shape=list(chunks)),
        "chunk_key_encoding": keys,
        "fill_value": fill_value,
        "codecs": codecs,
        "attributes": {},
        "dimension_names": list("tczyx"[-len(shape) :]),
    }


def version_3(
    codecs: list[dict[str, Any]],
    data_type: str = "uint16",
    shape: tuple[int, ...] = SHAPE,
    chunks: tuple[int, ...] = CHUNKS,
    *,
    fill_value: Any = 0,
    part: tuple[slice, ...] = (),
    keys: dict[str, Any] | None = None,
    by: str = "zarr",
) -> Maker:
    """Make an array of Zarr v3 by zarr-python or tensorstore."""

    def make(folder: Path) -> Store:
        content = document(
            codecs,
            shape,
            chunks,
            data_type,
            fill_value,
            keys or codec("default", separator="/"),
        )
        values = pixels(shape, np.dtype(data_type).str)
        if by == "zarr":
            zarr = library("zarr")
            write_json(folder / "0" / "zarr.json", content)
            array = zarr.open_array(str(folder / "0"), mode="r+")
            array[part or ...] = values[part or ...]
            found = np.asarray(array[...])
        else:
            opened = (
                library("tensorstore")
                .open(
                    {
                        "driver": "zarr3",
                        "kvstore": {"driver": "file", "path": str(folder / "0")},
                        "metadata": {k: v for k, v in content.items() if k != "node_type"},
                    },
                    create=True,
                )
                .result()
            )
            opened[part or ...].write(values[part or ...]).result()
            found = np.asarray(opened.read().result())
        return _image(folder, found, "0.5", "TCZYX"[-len(shape) :])

    return make


def _transpose(*order: int) -> dict[str, Any]:
    return codec("transpose", order=list(order))


BIG = codec("bytes", endian="big")
ZSTD = codec("zstd", level=3, checksum=False)
GZIP = codec("gzip", level=5)
INNER = (2, 8, 8)
CHAINS: dict[str, list[dict[str, Any]]] = {
    "raw": [ENDIAN],
    "raw big": [BIG],
    "zstd": [ENDIAN, ZSTD],
    "gzip": [ENDIAN, GZIP],
    "crc32c": [ENDIAN, CRC],
    "gzip crc32c": [BIG, GZIP, CRC],
    "transpose": [_transpose(2, 0, 1), ENDIAN],
    "transpose twice": [_transpose(2, 0, 1), _transpose(0, 2, 1), ENDIAN, ZSTD],
    "transpose big zstd crc32c": [_transpose(2, 1, 0), BIG, ZSTD, CRC],
    "shards": shards(INNER, [ENDIAN, ZSTD]),
    "shards raw": shards(INNER, [ENDIAN]),
    "shards index first": shards(INNER, [ENDIAN, GZIP], location="start"),
    "shards index without checksum": shards(INNER, [ENDIAN, ZSTD], [ENDIAN]),
    "shards index big": shards(INNER, [ENDIAN, ZSTD], [BIG, CRC]),
    "shards crc32c": shards(INNER, [ENDIAN, ZSTD, CRC]),
    "shards transposed big": shards(INNER, [_transpose(1, 2, 0), BIG, ZSTD]),
    "shards blosc": shards(INNER, [ENDIAN, blosc("lz4", "bitshuffle")]),
    "shards of one chunk": shards(CHUNKS, [ENDIAN, ZSTD]),
    "shards in shards": shards((2, 8, 16), shards((1, 4, 8), [ENDIAN, GZIP])),
}
NUMCODECS: dict[str, list[dict[str, Any]]] = {
    "numcodecs.lz4": [ENDIAN, codec("numcodecs.lz4", acceleration=1)],
    "numcodecs.zlib": [ENDIAN, codec("numcodecs.zlib", level=5)],
    "numcodecs.bz2": [ENDIAN, codec("numcodecs.bz2", level=5)],
    "numcodecs.blosc": [
        ENDIAN,
        codec("numcodecs.blosc", cname="zstd", clevel=5, shuffle=1, blocksize=0),
    ],
    "numcodecs.zstd": [ENDIAN, codec("numcodecs.zstd", level=5)],
    "numcodecs.delta": [codec("numcodecs.delta", dtype="<u2"), ENDIAN, ZSTD],
    "numcodecs.shuffle": [ENDIAN, codec("numcodecs.shuffle", elementsize=2), ZSTD],
}
"""Codecs of numcodecs under the names that zarr-python gives them in Zarr v3."""
HALF = (slice(0, 2), slice(0, 9))
VERSION_3: dict[str, Maker] = {
    **{f"v3 {name}": version_3(chain) for name, chain in CHAINS.items()},
    **{
        f"v3 blosc {cname} {shuffle}": version_3([ENDIAN, blosc(cname, shuffle)])
        for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
        for shuffle in ("noshuffle", "shuffle", "bitshuffle")
    },
    **{f"v3 {name}": version_3(chain) for name, chain in NUMCODECS.items()},
    **{
        f"v3 {data_type}": version_3([ENDIAN, ZSTD], data_type)
        for data_type in ("bool", "int8", "int64", "uint64", "float16", "float32", "float64")
    },
    "v3 zstd checksum": version_3([ENDIAN, codec("zstd", level=3, checksum=True)]),
    "v3 uint8 without endian": version_3([codec("bytes")], "uint8"),
    "v3 keys .": version_3([ENDIAN], keys=codec("default", separator=".")),
    "v3 keys of v2": version_3([ENDIAN], keys=codec("v2", separator="/")),
    "v3 keys of v2 by default": version_3([ENDIAN], keys=codec("v2")),
    "v3 fill 7, half written": version_3([ENDIAN, ZSTD], fill_value=7, part=HALF),
    "v3 fill NaN": version_3([ENDIAN], "float32", fill_value="NaN", part=HALF),
    "v3 fill -Infinity": version_3([ENDIAN], "float64", fill_value="-Infinity", part=HALF),
    "v3 fill bits of a NaN": version_3([ENDIAN], "float32", fill_value="0x7fc00001", part=HALF),
    "v3 fill true": version_3([ENDIAN], "bool", fill_value=True, part=HALF),
    "v3 nothing written": version_3([ENDIAN], fill_value=11, part=(slice(0, 0),)),
    "v3 shards half written": version_3(CHAINS["shards"], fill_value=9, part=HALF),
    "v3 shards larger than the array": version_3(
        shards((4, 32, 32), [ENDIAN, ZSTD]), chunks=(8, 64, 64)
    ),
    "v3 YX": version_3([ENDIAN], shape=(37, 45), chunks=(16, 16)),
    "v3 TCZYX shards": version_3(
        shards((1, 1, 2, 8, 8), [ENDIAN, ZSTD]), shape=(2, 3, 4, 21, 17), chunks=(1, 1, 4, 16, 16)
    ),
}

# ---------------------------------------------------------------- tensorstore


def _tensorstore_2(dtype: str, compressor: dict[str, Any] | None, **options: Any) -> Maker:
    def make(folder: Path) -> Store:
        metadata = {
            "shape": list(SHAPE),
            "chunks": list(CHUNKS),
            "dtype": dtype,
            "compressor": compressor,
            "order": "C",
            "fill_value": None,
            "dimension_separator": "/",
            **options,
        }
        place = {"driver": "file", "path": str(folder / "0")}
        spec = {"driver": "zarr", "kvstore": place, "metadata": metadata}
        opened = library("tensorstore").open(spec, create=True).result()
        part = (slice(0, 3), slice(0, 20)) if options.get("fill_value") is not None else (...,)
        opened[part].write(pixels(SHAPE, dtype)[part]).result()
        return _image(folder, np.asarray(opened.read().result()), "0.4", LETTERS)

    return make


TENSORSTORE: dict[str, Maker] = {
    **{
        f"tensorstore v2 blosc {cname}": _tensorstore_2(
            "<u2", {"id": "blosc", "cname": cname, "clevel": 5, "shuffle": -1}
        )
        for cname in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
    },
    "tensorstore v2 zlib": _tensorstore_2("<u2", {"id": "zlib", "level": 5}),
    "tensorstore v2 bz2": _tensorstore_2("<u2", {"id": "bz2", "level": 5}),
    "tensorstore v2 zstd": _tensorstore_2("<u2", {"id": "zstd", "level": 5}),
    "tensorstore v2 F big endian": _tensorstore_2(">u2", None, order="F", dimension_separator="."),
    "tensorstore v2 fill": _tensorstore_2("<i4", None, fill_value=-5),
    **{
        f"tensorstore v3 {name}": version_3(chain, by="tensorstore")
        for name, chain in CHAINS.items()
    },
    "tensorstore v3 half written": version_3(
        CHAINS["shards"], fill_value=9, part=HALF, by="tensorstore"
    ),
}

MAKERS: dict[str, Maker] = {**VERSION_2, **VERSION_3, **TENSORSTORE}
