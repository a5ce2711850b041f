"""Large single planes in four containers, whose tiles repeat a few drawn ones: quick to write, real to decode.

JPEG tiles of 256 x 256 RGB in a TIFF, zstd tiles of 512 x 512 in an OME-TIFF, raw tiles of 1024 x 1024 in a CZI mosaic,
and zstd chunks of 512 x 512 in shards of 4096 x 4096 in an OME-Zarr. All but the first hold 16-bit counts of photons.
"""

import itertools
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import imagecodecs
import numpy as np
import tifffile

from aicsio.testing.czi import Block, metadata_xml, write_czi
from benchmarks.floors import Array
from zarr_stores.groups import multiscales, write_group, write_json
from zarr_stores.plainly import crc32c

DRAWN = 32
"""Different tiles."""
SHARD = 4096
QUALITY = 85
"""Of JPEG."""


@attrs.frozen
class Place:
    """The bytes of one tile."""

    path: Path
    offset: int
    nbytes: int


@attrs.frozen(eq=False)
class Slide:
    """One written plane."""

    name: str
    path: Path
    tile: int
    dtype: str
    samples: int
    codec: str | None
    places: Mapping[tuple[int, int], Place]
    """By row and column of the tile."""


def tiles(side: int, samples: int) -> list[Array]:
    """Draw tiles: photon counts, or something like stained tissue."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:side, :side] / side
    drawn: list[Array] = []
    for number in range(DRAWN):
        waves = np.sin(2 * np.pi * (3 * x + number * y)) + np.cos(2 * np.pi * (number * x - 5 * y))
        if samples == 1:
            drawn.append(rng.poisson(100 + 20 * waves).astype(np.uint16))
            continue
        grain = rng.normal(0, 8, (side, side, 1))
        means = np.array([200, 150, 190]) + np.array([20, 35, 20]) * waves[..., None] / 2
        drawn.append(np.clip(means + grain, 0, 255).astype(np.uint8))
    return drawn


def _grid(size: int, side: int) -> list[tuple[int, int]]:
    across = range(-(-size // side))
    return list(itertools.product(across, across))


def jpeg(size: int, folder: Path) -> Slide:
    """Write the JPEG slide."""
    return _tiff("jpeg slide", size, 256, folder / "slide.tif", "jpeg", 3)


def zstd(size: int, folder: Path) -> Slide:
    """Write the zstd OME-TIFF."""
    return _tiff("zstd ome-tiff", size, 512, folder / "slide.ome.tif", "zstd", 1)


def _tiff(name: str, size: int, side: int, path: Path, codec: str, samples: int) -> Slide:
    coded = [_encoded(tile, codec) for tile in tiles(side, samples)]
    grid = _grid(size, side)
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": {"axes": "YX"}}
    if samples == 3:
        # As slide scanners write them: YCbCr with the colours halved, which openslide reads as well.
        options = {
            "photometric": "ycbcr", "subsampling": (2, 2), "planarconfig": "contig", "metadata": None
        }  # fmt: skip
    shape = (size, size, samples)[: 3 if samples == 3 else 2]
    dtype = "uint8" if samples == 3 else "uint16"
    tifffile.imwrite(
        path, (coded[_number(place)] for place in grid), shape=shape, dtype=dtype,
        tile=(side, side), compression=codec, ome=samples == 1, bigtiff=True, **options,
    )  # fmt: skip
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        found = zip(grid, page.dataoffsets, page.databytecounts, strict=True)
        places = {at: Place(path, offset, count) for at, offset, count in found}
    return Slide(name, path, side, dtype, samples, codec, places)


def _encoded(tile: Array, codec: str) -> bytes:
    if codec == "jpeg":
        return bytes(imagecodecs.jpeg_encode(tile, level=QUALITY))
    return bytes(imagecodecs.zstd_encode(tile.tobytes(), level=1))


def _number(place: tuple[int, int]) -> int:
    return (5 * place[0] + place[1]) % DRAWN


def mosaic(size: int, folder: Path) -> Slide:
    """Write the raw CZI mosaic."""
    path, side = folder / "mosaic.czi", 1024
    drawn, grid = tiles(side, 1), _grid(size, side)

    def blocks() -> Iterator[Block]:
        for m, (row, column) in enumerate(grid):
            where = {"C": 0, "M": m, "Y": row * side, "X": column * side}
            yield Block(drawn[_number((row, column))], where)

    write_czi(path, blocks(), metadata_xml(channels=["DAPI"], pixel_size={"X": 0.1, "Y": 0.1}))
    import aicsio
    from aicsio._codecs import find_subblock_payload

    layout: Any = aicsio.open_image(path).array.layout
    places = {}
    with path.open("rb") as file:
        for row, at in enumerate(grid):
            offset = layout.file_position.at(row)
            file.seek(offset)
            start, count = find_subblock_payload(file.read(80))
            places[at] = Place(path, offset + start, count)
    return Slide("raw czi", path, side, "uint16", 1, None, places)


def shards(size: int, folder: Path) -> Slide:
    """Write the sharded OME-Zarr, from the specification of Zarr v3."""
    path, side = folder / "slide.ome.zarr", 512
    coded = [_encoded(tile, "zstd") for tile in tiles(side, 1)]
    write_group(path, {"multiscales": [multiscales("YX")]}, "0.5")
    outer = min(SHARD, size)
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    codecs = [little, {"name": "zstd", "configuration": {"level": 1, "checksum": False}}]
    sharding = {
        "chunk_shape": [side, side],
        "codecs": codecs,
        "index_codecs": [little, {"name": "crc32c"}],
    }
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [size, size],
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [outer, outer]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "dimension_names": ["y", "x"],
    }
    write_json(path / "0" / "zarr.json", document)
    places: dict[tuple[int, int], Place] = {}
    per = outer // side
    for shard in _grid(size, outer):
        target = path / "0" / "c" / str(shard[0]) / str(shard[1])
        target.parent.mkdir(parents=True, exist_ok=True)
        content, index = bytearray(), b""
        for row, column in itertools.product(range(per), repeat=2):
            at = (shard[0] * per + row, shard[1] * per + column)
            chunk = coded[_number(at)]
            places[at] = Place(target, len(content), len(chunk))
            index += struct.pack("<QQ", len(content), len(chunk))
            content += chunk
        target.write_bytes(bytes(content) + index + crc32c(index))
    return Slide("sharded ome-zarr", path, side, "uint16", 1, "zstd", places)


WRITERS: tuple[Callable[[int, Path], Slide], ...] = (jpeg, zstd, mosaic, shards)


def write(make: Callable[[int, Path], Slide], size: int, folder: Path) -> Slide:
    """Write a slide and wait until the disk has it."""
    slide = make(size, folder)
    os.sync()
    return slide
