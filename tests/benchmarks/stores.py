"""OME-Zarr: stores of zstd, in chunks and in shards, and who reads them how fast.

The stores are written chunk by chunk from the specification of Zarr v3, with no library of Zarr. The floor reads and
decodes the same bytes, whose places are known to it, into the same array.
"""

import importlib
import importlib.util
import itertools
import json
import os
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import imagecodecs
import numpy as np

import aicsio
from benchmarks.contenders import WINDOW, Case, Made
from benchmarks.floors import Array
from benchmarks.samples import Sample, pixels
from zarr_stores.groups import multiscales, write_group, write_json
from zarr_stores.plainly import crc32c

PEERS = ("tensorstore", "zarr", "zarrs")
CHUNK = 512
"""Height and width of chunks; they hold one plane."""
SHARD_PLANES = 16
"""Planes of a shard, which is as high and wide as the image."""
LEVEL = 1
"""Of zstd."""


def samples(planes: int, size: int) -> list[Sample]:
    """List the stores."""
    shape = (planes, size, size)
    return [
        Sample(name, "ZYX", shape, "zstd", min(CHUNK, size), container="Zarr")
        for name in ("zarr chunks", "zarr shards")
    ]


@attrs.frozen(eq=False)
class Place:
    """One chunk: where its bytes are, and where its pixels go."""

    path: Path
    offset: int
    nbytes: int
    plane: int
    y: int
    x: int


def _grid(sample: Sample) -> list[tuple[int, int, int]]:
    size, chunk = sample.shape[-1], sample.tile or sample.shape[-1]
    across = range(0, size, chunk)
    return list(itertools.product(range(sample.planes), across, across))


def write(sample: Sample, folder: Path) -> Path:
    """Write a store and wait until the disk has it."""
    path = folder / f"{sample.name.replace(' ', '-')}.ome.zarr"
    write_group(path, {"multiscales": [multiscales("ZYX")]}, "0.5")
    array, side = pixels(sample), sample.tile or sample.shape[-1]
    sharded = sample.name == "zarr shards"
    codecs: list[dict[str, Any]] = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}},
    ]
    inner = [1, side, side]
    outer = [SHARD_PLANES, *sample.shape[1:]] if sharded else inner
    if sharded:
        index_codecs = [codecs[0], {"name": "crc32c"}]
        configuration = {"chunk_shape": inner, "codecs": codecs, "index_codecs": index_codecs}
        codecs = [{"name": "sharding_indexed", "configuration": configuration}]
    write_json(
        path / "0" / "zarr.json",
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(sample.shape),
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": outer}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": codecs,
            "dimension_names": ["z", "y", "x"],
        },
    )
    coded = ((place, _encoded(array, place, side)) for place in _grid(sample))
    places = _write_shards(path, sample, coded) if sharded else _write_chunks(path, side, coded)
    document = [[str(each.path), *attrs.astuple(each)[1:]] for each in places]
    (path / "places.json").write_text(json.dumps(document), encoding="utf-8")
    os.sync()
    return path


def _encoded(array: Array, place: tuple[int, int, int], side: int) -> bytes:
    plane, y, x = place
    chunk = array[plane, y : y + side, x : x + side]
    return bytes(imagecodecs.zstd_encode(chunk.tobytes(), level=LEVEL))


Coded = Iterator[tuple[tuple[int, int, int], bytes]]


def _write_chunks(path: Path, side: int, coded: Coded) -> list[Place]:
    places = []
    for (plane, y, x), content in coded:
        target = path / "0" / "c" / str(plane) / str(y // side) / str(x // side)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        places.append(Place(target, 0, len(content), plane, y, x))
    return places


def _write_shards(path: Path, sample: Sample, coded: Coded) -> list[Place]:
    places: list[Place] = []
    many = len(_grid(sample)) // sample.planes * SHARD_PLANES
    for number in range(-(-sample.planes // SHARD_PLANES)):
        part = list(itertools.islice(coded, many))
        target = path / "0" / "c" / str(number) / "0" / "0"
        target.parent.mkdir(parents=True, exist_ok=True)
        at, index = 0, b""
        for (plane, y, x), content in part:
            places.append(Place(target, at, len(content), plane, y, x))
            index += struct.pack("<QQ", at, len(content))
            at += len(content)
        index += b"\xff" * (16 * (many - len(part)))  # chunks beyond the last plane
        content = b"".join(content for _, content in part)
        target.write_bytes(content + index + crc32c(index))
    return places


def places_of(path: Path) -> list[Place]:
    """Return the places of all chunks, which ``write`` has noted."""
    listed = json.loads((path / "places.json").read_text(encoding="utf-8"))
    return [Place(Path(name), *rest) for name, *rest in listed]


def floor(sample: Sample, places: list[Place], workers: int) -> Array:
    """Read and decode all chunks into a fresh array."""
    out: Array = np.empty(sample.shape, np.uint16)
    groups = [list(group) for _, group in itertools.groupby(places, key=lambda each: each.path)]
    parts = np.array_split(np.arange(len(groups)), workers)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda part: _decode(sample, [groups[i] for i in part], out), parts))
    return out


def _decode(sample: Sample, groups: list[list[Place]], out: Array) -> None:
    side = sample.tile or sample.shape[-1]
    decoded = np.empty((side, side), np.uint16)
    raw: Any = decoded.view(np.uint8).reshape(-1)
    for group in groups:
        fd = os.open(group[0].path, os.O_RDONLY)
        for place in group:
            coded = os.pread(fd, place.nbytes, place.offset)
            imagecodecs.zstd_decode(coded, out=raw)
            out[place.plane, place.y : place.y + side, place.x : place.x + side] = decoded
        os.close(fd)


def cases(sample: Sample, path: Path, workers: int, peers: tuple[str, ...]) -> Iterator[Case]:
    """List the cases of one store."""
    places = places_of(path)
    middle = sample.planes // 2
    own = [place for place in places if place.plane == middle]
    first = Sample(sample.name, "ZYX", (1, *sample.shape[1:]), "zstd", sample.tile)
    at_zero = [attrs.evolve(place, plane=0) for place in own]
    made: list[Made] = [
        _ours(path, middle, workers),
        {
            "read": {"floor": lambda: floor(sample, places, workers)},
            "plane, open": {"floor": lambda: floor(first, at_zero, 1)},
        },
    ]
    made += [READERS[peer](path, middle, workers) for peer in peers if peer in READERS]
    for name in dict.fromkeys(itertools.chain(*made)):
        contenders = {who: call for each in made for who, call in each.get(name, {}).items()}
        yield Case(name, contenders)


def _ours(path: Path, middle: int, workers: int) -> Made:
    handle = aicsio.open_image(path)
    start = handle.dims.Y // 3
    square = slice(start, start + WINDOW)

    def plane() -> object:
        return aicsio.to_numpy(aicsio.transpose_to(aicsio.open_image(path), "YX", Z=middle))

    def window() -> object:
        return aicsio.to_numpy(
            aicsio.transpose_to(aicsio.open_image(path), "YX", Z=middle, Y=square, X=square)
        )

    return {
        "open": {"ours": lambda: aicsio.open_image(path).dims},
        "read": {"ours": lambda: aicsio.to_numpy(aicsio.open_image(path), workers=workers)},
        "plane, open": {"ours": plane},
        "window, open": {"ours": window},
    }


def _array_cases(
    who: str, opened: Callable[[], Any], read: Callable[[Any], Any], middle: int
) -> Made:
    def window() -> object:
        array = opened()
        start = array.shape[-1] // 3
        return read(array[middle, start : start + WINDOW, start : start + WINDOW])

    return {
        "open": {who: lambda: opened().shape},
        "read": {who: lambda: read(opened()[...])},
        "plane, open": {who: lambda: read(opened()[middle])},
        "window, open": {who: window},
    }


def _tensorstore(path: Path, middle: int, workers: int) -> Made:
    tensorstore: Any = importlib.import_module("tensorstore")
    limits = {"limit": workers}

    def opened() -> Any:
        context = {"data_copy_concurrency": limits, "file_io_concurrency": limits}
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": str(path / "0")},
            "context": context,
        }
        return tensorstore.open(spec, read=True).result()

    return _array_cases("tensorstore", opened, lambda part: part.read().result(), middle)


def _zarr(path: Path, middle: int, workers: int) -> Made:
    zarr: Any = importlib.import_module("zarr")
    zarr.config.set({"threading.max_workers": workers})

    def opened() -> Any:
        with zarr.config.set(
            {"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}
        ):
            return zarr.open_array(str(path / "0"), mode="r")

    return _array_cases("zarr", opened, lambda part: part, middle)


def _zarrs(path: Path, middle: int, workers: int) -> Made:
    zarr: Any = importlib.import_module("zarr")
    importlib.import_module("zarrs")

    def opened() -> Any:
        options = {
            "codec_pipeline.path": "zarrs.ZarrsCodecPipeline",
            "threading.num_workers": workers,
        }
        with zarr.config.set(options):
            return zarr.open_array(str(path / "0"), mode="r")

    return _array_cases("zarrs", opened, lambda part: part, middle)


READERS: dict[str, Callable[[Path, int, int], Made]] = {
    "tensorstore": _tensorstore,
    "zarr": _zarr,
    "zarrs": _zarrs,
}
