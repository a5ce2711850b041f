"""CZI, LIF, OIB and those of `indexed`: the files, where their pixels lie, and who does what with them.

Stacks hold the same pixels as those of TIFF. A mosaic of raw tiles shows what a small window costs, and two files of
very many tiny subblocks (one mosaic; many scenes) show what opening costs.
"""

import contextlib
import importlib.util
import itertools
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import aicsio
from aicsio._codecs.tiff_images import HEAD_NBYTES, find_strips
from aicsio.testing.czi import Block, blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, write_lif
from aicsio.testing.oif import OifImage, write_oif
from benchmarks import floors, indexed, reads
from benchmarks.contenders import WINDOW, Case, Made, openreadout, picks
from benchmarks.samples import Ranges, Sample, pixels

PEERS = {
    "CZI": ("czifile", "aicspylibczi", "pylibCZIrw", "bioio", "openreadout", "opencodecs"),
    "LIF": ("liffile", "readlif", "bioio", "openreadout"),
    "OIB": ("oiffile",),
    **indexed.PEERS,
}
COMPRESSIONS = {None: "raw", "zstd1": "zstd1-hilo", "jpegxr": "jpegxr"}
MOSAIC_TILE = 1000
"""Height and width of the tiles of the large mosaic."""
SCENES = 1000
"""Scenes of the file that has many."""
HEADER = 80
"""Bytes of a subblock that tell where its pixels begin."""


def samples(planes: int, size: int, mosaic: int, subblocks: int) -> list[Sample]:
    """List the files; JPEG XR decodes so slowly that a sixth of the planes tells as much."""
    few = max(planes // 6, 1)
    return [
        Sample("czi raw", "ZYX", (planes, size, size), None, container="CZI"),
        Sample("czi zstd1", "ZYX", (planes, size, size), "zstd1", container="CZI"),
        Sample("czi jpegxr", "ZYX", (few, size, size), "jpegxr", container="CZI"),
        Sample("czi mosaic", "YX", (mosaic, mosaic), None, MOSAIC_TILE, container="CZI"),
        Sample("czi tiles", "MYX", (subblocks, 4, 4), None, container="CZI"),
        Sample(
            "czi scenes", "SMYX", (SCENES, max(subblocks // SCENES, 1), 4, 4), None, container="CZI"
        ),
        Sample("lif raw", "ZYX", (planes, size, size), None, container="LIF"),
        Sample("oib raw", "ZYX", (planes, size, size), None, container="OIB"),
        *indexed.samples(planes, size),
    ]


def write(sample: Sample, folder: Path) -> Path:
    """Write a sample and wait until the disk has it."""
    path = folder / f"{sample.name.replace(' ', '-')}.{sample.container.lower()}"
    if sample.container in indexed.PEERS:
        indexed.write(sample, path)
    elif sample.container == "OIB":
        write_oif(OifImage(pixels(sample), "ZYX"), path)
    elif sample.container == "LIF":
        write_lif(
            path, [LifImage(pixels(sample), "ZYX", lengths={"X": 1e-4, "Y": 1e-4, "Z": 1e-5})]
        )
    else:
        sizes = {"X": 0.1, "Y": 0.1, "Z": 1.0}
        write_czi(path, _blocks(sample), metadata_xml(channels=["DAPI"], pixel_size=sizes))
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return path


def _blocks(sample: Sample) -> Iterator[Block]:
    if sample.name == "czi mosaic":
        across = sample.shape[1] // MOSAIC_TILE or 1
        side = min(MOSAIC_TILE, sample.shape[1])
        for m, (row, column) in enumerate(itertools.product(range(across), repeat=2)):
            tile = np.full((side, side), m % 251, np.uint8)
            yield Block(tile, {"C": 0, "M": m, "Y": row * side, "X": column * side})
    elif "M" in sample.letters:
        tile = np.zeros((4, 4), np.uint8)
        scenes, tiles = sample.shape[:2] if "S" in sample.letters else (1, sample.shape[0])
        for scene, m in itertools.product(range(scenes), range(tiles)):
            across = round(tiles**0.5)
            # They overlap, so that no column of the table is regular.
            y, x = 3 * (m // across), 3 * (m % across) + m % 2
            yield Block(tile, {"S": scene, "C": 0, "M": m, "Y": y, "X": x + scene * 4 * across})
    else:
        yield from blocks_of(
            pixels(sample), "ZYX", fixed={"C": 0}, compression=COMPRESSIONS[sample.compression]
        )


def ranges(sample: Sample, path: Path) -> Ranges:
    """Say where the pixels lie."""
    if sample.container in {"ND2", "IMS"}:
        return indexed.ranges(sample, path)
    layout: Any = aicsio.open_image(path).array.layout
    rows, columns = sample.shape[-2:]
    shape, tile = (sample.planes, rows, columns), (rows, columns)
    if sample.container == "OIB":
        # The first strip of each TIFF lies at one place: they have the same tags.
        starts = [layout.extents(index)[0][0] for index in range(shape[0])]
        with path.open("rb") as file:
            file.seek(starts[0])
            first, nbytes = find_strips(file.read(HEAD_NBYTES))
        offsets = tuple(start + first for start in starts)
        return Ranges(path, shape, tile, None, offsets, (nbytes,) * shape[0])
    if sample.container in {"LIF", "LOF"}:
        nbytes = rows * columns * 2
        offsets = tuple(layout.offsets[0] + index * nbytes for index in range(shape[0]))
        return Ranges(path, shape, tile, None, offsets, (nbytes,) * shape[0])
    from aicsio._codecs import find_subblock_payload

    found = []
    with path.open("rb") as file:
        for row in range(layout.row_count):
            file.seek(layout.file_position.at(row))
            start, count = find_subblock_payload(file.read(HEADER))
            found.append((layout.file_position.at(row) + start, count))
    return Ranges(path, shape, tile, sample.compression, *zip(*found, strict=True))


def cases(sample: Sample, path: Path, workers: int, peers: tuple[str, ...]) -> Iterator[Case]:
    """List the cases of one file."""
    with contextlib.ExitStack() as stack:
        if sample.name == "czi mosaic":
            made = [_window(sample, path, peers)]
        elif "M" in sample.letters:
            made = [_opening(path, peers)]
        else:
            where = ranges(sample, path)
            made = [_ours(sample, path, workers), _floor(where, workers), reads.decoder(where)]
            made.append(reads.reused(aicsio.open_image(path), workers))
            made += [STACKS[peer](sample, path, workers) for peer in peers if peer in STACKS]
            if "openreadout" in peers:
                made.append(openreadout(sample, path, stack))
            made += [OPEN[peer](sample, path, stack) for peer in peers if peer in OPEN]
        for name in dict.fromkeys(itertools.chain(*made)):
            contenders = {who: call for each in made for who, call in each.get(name, {}).items()}
            yield Case(name, contenders, WINDOW * WINDOW if name == "window" else None)


def sizes(path: Path) -> dict[str, int]:
    """Bytes that travel."""
    return {"pickled handle": len(pickle.dumps(aicsio.open_image(path)))}


# ---------------------------------------------------------------- stacks


def _ours(sample: Sample, path: Path, workers: int) -> Made:
    at = picks(sample, sample.planes // 2)
    handle = aicsio.open_image(path)
    return {
        "open": {"ours": lambda: _known(aicsio.open_image(path))},
        "read": {"ours": lambda: aicsio.to_numpy(aicsio.open_image(path), workers=workers)},
        "plane, open": {
            "ours": lambda: aicsio.to_numpy(
                aicsio.transpose_to(aicsio.open_image(path), "YX", **at)
            )
        },
        "plane": {"ours": lambda: aicsio.to_numpy(aicsio.transpose_to(handle, "YX", **at))},
    }


def _known(handle: aicsio.ImageHandle) -> object:
    return handle.dims, handle.channel_names, handle.pixel_size


def _floor(where: Ranges, workers: int) -> Made:
    return {
        "read": {"floor": lambda: floors.read(where, workers)},
        "plane, open": {"floor": lambda: floors.plane(where, where.shape[0] // 2)},
        "plane": {"floor": lambda: floors.plane(where, where.shape[0] // 2)},
    }


def _czifile(sample: Sample, path: Path, workers: int) -> Made:
    czifile: Any = importlib.import_module("czifile")
    if not hasattr(czifile.CziFile, "scenes"):
        return {}  # before 2026 it reads whole files only, and not zstd

    def opened() -> object:
        with czifile.CziFile(path) as file:
            return file.scenes[0].sizes, file.scenes[0].channels

    def read() -> object:
        with czifile.CziFile(path) as file:
            return file.asarray(maxworkers=workers)

    def plane() -> object:
        with czifile.CziFile(path) as file:
            return file.asarray(maxworkers=1, **picks(sample, sample.planes // 2))

    return {
        "open": {"czifile": opened},
        "read": {"czifile": read},
        "plane, open": {"czifile": plane},
    }


def _aicspylibczi(sample: Sample, path: Path, workers: int) -> Made:
    CziFile: Any = importlib.import_module("aicspylibczi").CziFile
    at = picks(sample, sample.planes // 2)
    return {
        "open": {"aicspylibczi": lambda: CziFile(path).get_dims_shape()},
        "read": {
            "aicspylibczi": lambda: CziFile(path).read_image(cores=workers),
            "aicspylibczi 2x": lambda: CziFile(path).read_image(cores=2 * workers),
        },
        "plane, open": {"aicspylibczi": lambda: CziFile(path).read_image(cores=1, **at)},
    }


def _bioio(sample: Sample, path: Path, workers: int) -> Made:  # noqa: ARG001 - it has no such choice
    BioImage: Any = importlib.import_module("bioio").BioImage
    name = "bioio_czi" if sample.container == "CZI" else "bioio_lif"
    if importlib.util.find_spec(name) is None:
        return {}
    reader = importlib.import_module(name).Reader
    at = picks(sample, sample.planes // 2)

    def known(image: Any) -> object:
        return image.dims.shape, image.channel_names, image.physical_pixel_sizes

    return {
        "open": {
            "bioio": lambda: known(BioImage(path)),
            "bioio reader named": lambda: known(BioImage(path, reader=reader)),
        },
        "read": {"bioio": lambda: BioImage(path, reader=reader).get_image_data()},
        # As its documentation has it; then with the reader named; the second reads past its own lazy array.
        "plane, open": {
            "bioio": lambda: BioImage(path).get_image_dask_data("YX", **at).compute(),
            "bioio-direct": lambda: BioImage(path).get_image_data("YX", **at),
            "bioio-direct reader named": lambda: BioImage(path, reader=reader).get_image_data(
                "YX", **at
            ),
        },
    }


def _liffile(sample: Sample, path: Path, workers: int) -> Made:  # noqa: ARG001 - it has no such choice
    LifFile: Any = importlib.import_module("liffile").LifFile

    def opened() -> object:
        with LifFile(path) as file:
            return file.images[0].sizes, file.images[0].coords

    def read() -> object:
        with LifFile(path) as file:
            return file.images[0].asarray()

    def plane() -> object:
        with LifFile(path) as file:
            return file.images[0].frame(**picks(sample, sample.planes // 2))

    return {
        "open": {"liffile": opened},
        "read": {"liffile": read},
        "plane, open": {"liffile": plane},
    }


def _readlif(sample: Sample, path: Path, workers: int) -> Made:  # noqa: ARG001 - it has no such choice
    LifFile: Any = importlib.import_module("readlif.reader").LifFile
    at = sample.planes // 2
    return {
        "open": {"readlif": lambda: LifFile(path).get_image(0).dims},
        "read": {
            "readlif": lambda: np.stack(
                [np.asarray(frame) for frame in LifFile(path).get_image(0).get_iter_z()]
            )
        },
        "plane, open": {"readlif": lambda: np.asarray(LifFile(path).get_image(0).get_frame(z=at))},
    }


def _oiffile(sample: Sample, path: Path, workers: int) -> Made:  # noqa: ARG001 - it has no such choice
    OifFile: Any = importlib.import_module("oiffile").OifFile
    name = f"Storage00001/s_C001Z{sample.planes // 2 + 1:03}.tif"

    def opened() -> object:
        with OifFile(path) as file:
            return file.shape, file.axes

    def read() -> object:
        with OifFile(path) as file:
            return file.asarray()

    def plane() -> object:
        with OifFile(path) as file:
            return file.asarray(name)

    return {
        "open": {"oiffile": opened},
        "read": {"oiffile": read},
        "plane, open": {"oiffile": plane},
    }


def _open_czifile(sample: Sample, path: Path, stack: contextlib.ExitStack) -> Made:
    """Read a plane of a file that stays open."""
    czifile: Any = importlib.import_module("czifile")
    if not hasattr(czifile.CziFile, "scenes"):
        return {}
    file = stack.enter_context(czifile.CziFile(path))
    at = picks(sample, sample.planes // 2)
    return {"plane": {"czifile": lambda: file.asarray(maxworkers=1, **at)}}


def _open_liffile(sample: Sample, path: Path, stack: contextlib.ExitStack) -> Made:
    """Read a plane of a file that stays open."""
    file = stack.enter_context(importlib.import_module("liffile").LifFile(path))
    image, at = file.images[0], picks(sample, sample.planes // 2)
    return {"plane": {"liffile": lambda: image.frame(**at)}}


OPEN: dict[str, Callable[[Sample, Path, contextlib.ExitStack], Made]] = {
    "czifile": _open_czifile,
    "liffile": _open_liffile,
    **indexed.OPEN,
}
"""Who reads planes of a file that stays open."""
STACKS: dict[str, Callable[[Sample, Path, int], Made]] = {
    "czifile": _czifile,
    "aicspylibczi": _aicspylibczi,
    "bioio": _bioio,
    "liffile": _liffile,
    "readlif": _readlif,
    "oiffile": _oiffile,
    "opencodecs": reads.opencodecs,
    "pylibCZIrw": reads.pylibczirw,
    **indexed.STACKS,
}


# ---------------------------------------------------------------- one large mosaic, and very many subblocks


def _window(sample: Sample, path: Path, peers: tuple[str, ...]) -> Made:
    """Read a window that lies in one tile."""
    handle = aicsio.open_image(path)
    start = sample.shape[0] // 3
    square = slice(start, start + WINDOW)
    found: dict[str, Callable[[], Any]] = {
        "ours": lambda: aicsio.to_numpy(aicsio.transpose_to(handle, "YX", C=0, Y=square, X=square))
    }
    if "aicspylibczi" in peers:
        CziFile: Any = importlib.import_module("aicspylibczi").CziFile
        library = CziFile(path)
        found["aicspylibczi"] = lambda: library.read_mosaic(
            region=(start, start, WINDOW, WINDOW), scale_factor=1, C=0
        )
    return {"window": found}


def _opening(path: Path, peers: tuple[str, ...]) -> Made:
    found: dict[str, Callable[[], Any]] = {"ours": lambda: _known(aicsio.open_image(path))}
    if "aicspylibczi" in peers:
        CziFile: Any = importlib.import_module("aicspylibczi").CziFile
        found["aicspylibczi"] = lambda: CziFile(path).get_dims_shape()
    return {"open": found}
