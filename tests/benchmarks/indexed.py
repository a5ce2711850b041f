"""ND2, Imaris and the LOF of Leica projects: files whose planes or tiles have an index of their own.

One stack each, of the same pixels as those of TIFF, CZI and LIF. The tiles of Imaris lie in single
planes here, so that the bare decoder of the tiles of TIFF is their floor, too.
"""

import contextlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import aicsio
from aicsio._codecs.nd2 import CHUNK_HEAD, find_frame_pixels
from aicsio.records import Encoded, Strided
from aicsio.testing.ims import ImsImage, write_ims
from aicsio.testing.lif import LifImage, build_lof
from aicsio.testing.nd2 import Nd2Image, write_nd2
from benchmarks.contenders import Made
from benchmarks.samples import Ranges, Sample, pixels

PEERS = {"ND2": ("nd2", "openreadout"), "IMS": ("h5py", "openreadout"), "LOF": ("liffile",)}
"""liffile reads LOF, too."""
TILE = 256
"""Rows and columns of the tiles of Imaris."""


def samples(planes: int, size: int) -> list[Sample]:
    """List the files."""
    shape = (planes, size, size)
    return [
        Sample("nd2 raw", "ZYX", shape, None, container="ND2"),
        Sample("nd2 zlib", "ZYX", shape, "zlib", container="ND2"),
        Sample("ims zlib", "ZYX", shape, "zlib", min(TILE, size), container="IMS"),
        Sample("ims raw", "ZYX", shape, None, min(TILE, size), container="IMS"),
        Sample("lof raw", "ZYX", shape, None, container="LOF"),
    ]


def write(sample: Sample, path: Path) -> None:
    """Write a sample."""
    if sample.container == "ND2":
        write_nd2(Nd2Image(pixels(sample), "ZYX", compressed=sample.compression is not None), path)
    elif sample.container == "IMS":
        side = min(TILE, sample.shape[-1])
        filters = ("gzip",) if sample.compression else ()
        stack = pixels(sample)[None, None]
        write_ims(ImsImage(stack, "TCZYX", chunk=(1, side, side), filters=filters), path)
    else:
        lengths = {"X": 1e-4, "Y": 1e-4, "Z": 1e-5}
        path.write_bytes(build_lof(LifImage(pixels(sample), "ZYX", lengths=lengths)))


def ranges(sample: Sample, path: Path) -> Ranges:
    """Return where the pixels of ND2 and Imaris lie, as the pieces of the layout have it."""
    layout: Any = aicsio.open_image(path).array.layout
    rows, columns = sample.shape[-2:]
    side = min(TILE, rows) if sample.container == "IMS" else rows
    size = rows * columns * 2 if sample.container == "ND2" else side * side * 2
    found = []
    blocks = [-(-n // extent) for n, extent in zip(layout.shape, layout.block_shape, strict=True)]
    for block in np.ndindex(*blocks):
        corner = np.multiply(block, layout.block_shape)
        extents = np.minimum(layout.block_shape, np.subtract(layout.shape, corner))
        for piece in layout.pieces(block, tuple(slice(0, int(extent)) for extent in extents)):
            place = tuple(corner + piece.selection.target_start)
            start, count = _place(path, piece, size)
            found.append((place, start, count))
    # Tiles of a plane follow each other, as the floor has them.
    _, offsets, counts = zip(*sorted(found), strict=True)
    return Ranges(
        path,
        (sample.planes, rows, columns),
        (side, side),
        sample.compression,
        offsets,
        counts,
    )


def _place(path: Path, piece: Encoded | Strided, raw_nbytes: int) -> tuple[int, int]:
    """Return where the pixels of a piece begin, and how many bytes they take."""
    if piece.header is not None:
        # A chunk of ND2 has a head, whose length the head gives.
        with path.open("rb") as file:
            file.seek(piece.header.offset)
            behind, count = find_frame_pixels(file.read(CHUNK_HEAD.size))
        return piece.header.offset + behind, count
    return piece.offset, piece.nbytes if isinstance(piece, Encoded) else raw_nbytes


def _nd2(sample: Sample, path: Path, workers: int) -> Made:  # noqa: ARG001 - it has no such choice
    ND2File: Any = importlib.import_module("nd2").ND2File
    at = sample.planes // 2

    def opened() -> object:
        with ND2File(path) as file:
            return file.sizes, file.metadata, file.voxel_size()

    def read() -> object:
        with ND2File(path) as file:
            return file.asarray()

    def plane() -> object:
        with ND2File(path) as file:
            return file.read_frame(at)

    return {"open": {"nd2": opened}, "read": {"nd2": read}, "plane, open": {"nd2": plane}}


def _h5py(sample: Sample, path: Path, workers: int) -> Made:  # noqa: ARG001 - it has no such choice
    File: Any = importlib.import_module("h5py").File
    name = "DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"

    def read() -> object:
        with File(path) as file:
            return file[name][...]

    def plane() -> object:
        with File(path, rdcc_nbytes=0) as file:
            return file[name][sample.planes // 2]

    # It knows no metadata of Imaris, so that its opening would compare with nothing.
    return {"read": {"h5py": read}, "plane, open": {"h5py": plane}}


def _open_nd2(sample: Sample, path: Path, stack: contextlib.ExitStack) -> Made:
    """Read a plane of a file that stays open."""
    file = stack.enter_context(importlib.import_module("nd2").ND2File(path))
    return {"plane": {"nd2": lambda: file.read_frame(sample.planes // 2)}}


def _open_h5py(sample: Sample, path: Path, stack: contextlib.ExitStack) -> Made:
    """Read a plane of a file that stays open."""
    # HDF5 shares what a process has open: with its cache of chunks nothing would be decoded twice, not even
    # by the case that opens the file.
    file = stack.enter_context(importlib.import_module("h5py").File(path, rdcc_nbytes=0))
    data = file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"]
    return {"plane": {"h5py": lambda: data[sample.planes // 2]}}


OPEN: dict[str, Callable[[Sample, Path, contextlib.ExitStack], Made]] = {
    "nd2": _open_nd2,
    "h5py": _open_h5py,
}
STACKS: dict[str, Callable[[Sample, Path, int], Made]] = {"nd2": _nd2, "h5py": _h5py}
