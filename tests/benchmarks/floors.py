"""The floor: what the same bytes cost without any reader. Bare ``preadv``, bare decoder, as many threads, fresh array.

Compressed tiles are read and decoded into buffers that each thread keeps, then copied to their place; whole planes of
CZI are decoded where they belong. zlib is decoded by libdeflate, as in the package.
"""

import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from benchmarks.samples import Ranges

Array = npt.NDArray[Any]


def _copy(coded: Array, *, out: Array) -> None:
    out[...] = coded


DECODERS: dict[str | None, Callable[..., Any]] = {
    None: _copy,
    "zlib": imagecodecs.deflate_decode,
    "zstd": imagecodecs.zstd_decode,
}


def read(where: Ranges, workers: int) -> Array:
    """Read all planes."""
    if where.compression in PLANE_DECODERS:
        return read_planes(where, workers)
    return read_raw(where, workers) if _is_raw_plane(where) else read_coded(where, workers)


def _is_raw_plane(where: Ranges) -> bool:
    return where.compression is None and where.tile == where.shape[1:]


def read_raw(where: Ranges, workers: int) -> Array:
    """Read raw planes: in one run where they follow each other, else one by one."""
    out = np.empty(where.shape, np.uint16)
    fd = os.open(where.path, os.O_RDONLY)
    size = out.nbytes // where.shape[0]
    apart = any(b - a != size for a, b in itertools.pairwise(where.offsets))

    def work(number: int) -> None:
        if apart:
            for index in range(number, where.shape[0], workers):
                fill(fd, out[index], 0, size, where.offsets[index])
            return
        fill(
            fd,
            out,
            out.nbytes * number // workers,
            out.nbytes * (number + 1) // workers,
            where.offsets[0],
        )

    _run(work, workers)
    os.close(fd)
    return out


def fill(fd: int, out: Array, low: int, high: int, offset: int) -> None:
    """Read bytes ``low`` to ``high`` of an array that lies at ``offset`` of a file."""
    memory = out.reshape(-1).view(np.uint8).data
    while low < high:
        low += os.preadv(fd, [memory[low:high]], offset + low)


def read_planes(where: Ranges, workers: int) -> Array:
    """Read and decode planes, each of one range."""
    out = np.empty(where.shape, np.uint16)
    fd = os.open(where.path, os.O_RDONLY)
    _run(
        lambda number: decode_planes(fd, where, out, range(number, where.shape[0], workers)),
        workers,
    )
    os.close(fd)
    return out


def decode_planes(
    fd: int, where: Ranges, out: Array, numbers: Iterable[int], first: int = 0
) -> None:
    """Read and decode some planes."""
    decode = PLANE_DECODERS[where.compression]
    coded = np.empty(max(where.counts), np.uint8)
    scratch = np.empty(out[0].nbytes, np.uint8)
    for number in numbers:
        count = where.counts[number]
        os.preadv(fd, [coded.data[:count]], where.offsets[number])
        decode(coded[:count], out[number - first], scratch)


def _zstd1(coded: Array, plane: Array, scratch: Array) -> None:
    """Decode zstd behind its header of three bytes, then put low and high bytes together."""
    DECODERS["zstd"](coded[3:], out=scratch)
    words, half = plane.reshape(-1), len(scratch) // 2
    np.multiply(scratch[half:], 256, out=words, dtype=np.uint16, casting="unsafe")
    np.add(words, scratch[:half], out=words)


def _jpegxr(coded: Array, plane: Array, scratch: Array) -> None:  # noqa: ARG001 - one signature
    plane[...] = imagecodecs.jpegxr_decode(coded.tobytes())


PLANE_DECODERS: dict[str | None, Callable[[Array, Array, Array], None]] = {
    "zstd1": _zstd1,
    "jpegxr": _jpegxr,
}


BARE_DECODERS: dict[str | None, Callable[[bytes, Array], object]] = {
    "zstd1": lambda coded, plane: DECODERS["zstd"](coded[3:], out=plane.reshape(-1).view(np.uint8)),
    "jpegxr": lambda coded, plane: imagecodecs.jpegxr_decode(coded, out=plane),
}
"""Nothing but the decoder; bytes of zstd1 stay apart."""


def read_coded(where: Ranges, workers: int) -> Array:
    """Read, decode and place tiles."""
    out = np.empty(where.shape, np.uint16)
    fd = os.open(where.path, os.O_RDONLY)
    _run(lambda number: tiles(fd, where, out, range(number, len(where.offsets), workers)), workers)
    os.close(fd)
    return out


def tiles(fd: int, where: Ranges, out: Array, numbers: Iterable[int], first_plane: int = 0) -> None:
    """Read, decode and place some tiles."""
    height, width = where.tile
    rows, columns = where.shape[1] // height, where.shape[2] // width
    decode = DECODERS[where.compression]
    coded = np.empty(max(where.counts), np.uint8)
    memory = coded.data
    decoded = np.empty(height * width * 2, np.uint8)
    tile = decoded.view(np.uint16).reshape(height, width)
    for number in numbers:
        count = where.counts[number]
        os.preadv(fd, [memory[:count]], where.offsets[number])
        decode(coded[:count], out=decoded)
        plane, rest = divmod(number, rows * columns)
        y, x = rest // columns * height, rest % columns * width
        out[plane - first_plane, y : y + height, x : x + width] = tile


def plane(where: Ranges, index: int) -> Array:
    """Open the file and read one plane, whose place is known."""
    out: Array = np.empty((1, *where.shape[1:]), np.uint16)
    fd = os.open(where.path, os.O_RDONLY)
    if where.compression in PLANE_DECODERS:
        decode_planes(fd, where, out, [index], index)
    elif _is_raw_plane(where):
        fill(fd, out, 0, out.nbytes, where.offsets[index])
    else:
        per = len(where.offsets) // where.shape[0]
        tiles(fd, where, out, range(index * per, (index + 1) * per), index)
    os.close(fd)
    return out.reshape(where.shape[1:])


def window(where: Ranges, index: int, start: int, size: int) -> Array | None:
    """Read a square of one raw plane, row by row; ``None`` for compressed planes, which have no such floor."""
    if not _is_raw_plane(where):
        return None
    out = np.empty((size, size), np.uint16)
    pitch = where.shape[2] * 2
    first = (
        where.offsets[index]
        if len(where.offsets) == where.shape[0]
        else where.offsets[0] + index * where.shape[1] * pitch
    )
    offset = first + start * pitch + start * 2
    fd = os.open(where.path, os.O_RDONLY)
    for row in range(size):
        os.preadv(fd, [out[row]], offset + row * pitch)
    os.close(fd)
    return out


def write(array: Array, path: Path) -> None:
    """Write the bare bytes of an array."""
    memory = array.reshape(-1).view(np.uint8).data
    with path.open("wb", buffering=0) as file:
        done = 0
        while done < len(memory):
            done += file.write(memory[done:])


def _run(work: Callable[[int], None], workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
