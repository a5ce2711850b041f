"""Windows by the thousand: ours, the floor and the peers that read parts of slides.

Each contender returns the windows in order, by as many threads. opencodecs plans the windows of one call together as
``read_windows`` does; the others read one window after the other, on threads.
The floor reads and decodes each tile that the windows touch once, into memory of the thread, and places nothing.
"""

import contextlib
import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

import aicsio
from benchmarks import slides
from benchmarks.contenders import Case
from benchmarks.floors import Array
from benchmarks.slides import Place, Slide

PEERS = ("tifffile", "openslide", "tensorstore", "opencodecs", "aicspylibczi", "zarr")


def positions(size: int, window: int, count: int) -> Array:
    """Draw the upper left corners of windows."""
    return np.random.default_rng(8).integers(0, size - window + 1, (count, 2))


def cases(
    size: int, window: int, count: int, folder: Path, workers: int, peers: tuple[str, ...]
) -> Iterator[tuple[str, Case]]:
    """Yield the name of each slide and its case; the slide is deleted afterwards."""
    starts = positions(size, window, count)
    for make in slides.WRITERS:
        slide = slides.write(make, size, folder)
        handle = aicsio.open_image(slide.path)
        memory = aicsio.read_windows(handle, starts, window, workers=workers)
        contenders: dict[str, Callable[[], Any]] = {
            "ours": partial(aicsio.read_windows, handle, starts, window, workers=workers),
            "out": partial(
                aicsio.read_windows, handle, starts, window, workers=workers, out=memory
            ),
            "floor": partial(floor, slide, starts, window, workers),
        }
        for peer in peers:
            if peer in READERS and importlib.util.find_spec(peer) is not None:
                read = READERS[peer](slide, starts, window, workers)
                if read is not None:
                    contenders[peer] = read
        yield slide.name, Case("windows", contenders)
        contenders.clear()  # they hold files open
        if slide.path.is_dir():
            shutil.rmtree(slide.path)
        else:
            slide.path.unlink()


def touched(slide: Slide, starts: Array, window: int) -> list[Place]:
    """List the tiles that windows touch, each once, in the order of the file."""
    found: set[tuple[int, int]] = set()
    for y, x in starts.tolist():
        rows = range(y // slide.tile, (y + window - 1) // slide.tile + 1)
        columns = range(x // slide.tile, (x + window - 1) // slide.tile + 1)
        found.update((row, column) for row in rows for column in columns)
    return [slide.places[at] for at in sorted(found)]


def floor(slide: Slide, starts: Array, window: int, workers: int) -> None:
    """Read and decode each touched tile once."""
    places = touched(slide, starts, window)
    parts = np.array_split(np.arange(len(places)), workers)

    def work(part: Array) -> None:
        nbytes = slide.tile**2 * slide.samples * np.dtype(slide.dtype).itemsize
        raw: Any = np.empty(nbytes, np.uint8)
        path, fd = None, -1
        for number in part.tolist():
            place = places[number]
            if place.path != path:
                if fd >= 0:
                    os.close(fd)
                path, fd = place.path, os.open(place.path, os.O_RDONLY)
            if slide.codec is None:
                os.preadv(fd, [raw], place.offset)
                continue
            coded = os.pread(fd, place.nbytes, place.offset)
            if slide.codec == "jpeg":
                imagecodecs.jpeg_decode(coded, out=raw.reshape(slide.tile, slide.tile, 3))
            else:
                imagecodecs.zstd_decode(coded, out=raw)
        if fd >= 0:
            os.close(fd)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, parts))


# ---------------------------------------------------------------- peers


Reader = Callable[[], Any]


def _one_by_one(
    read: Callable[[slice, slice], Any], starts: Array, window: int, workers: int
) -> Reader:
    """Read window by window on threads, into one array."""

    def run() -> object:
        first = read(*_slices(starts[0], window))
        out = np.empty((len(starts), *first.shape), first.dtype)

        def work(number: int) -> None:
            out[number] = read(*_slices(starts[number], window))

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(len(starts))))
        return out

    return run


def _slices(start: Array, window: int) -> tuple[slice, slice]:
    y, x = start.tolist()
    return slice(y, y + window), slice(x, x + window)


def _tifffile(slide: Slide, starts: Array, window: int, workers: int) -> Reader | None:
    if slide.path.suffix != ".tif" or importlib.util.find_spec("zarr") is None:
        return None
    zarr: Any = importlib.import_module("zarr")
    store: Any = tifffile.imread(slide.path, aszarr=True)
    array = zarr.open(store, mode="r")
    return _one_by_one(lambda y, x: array[y, x], starts, window, workers)


def _openslide(slide: Slide, starts: Array, window: int, workers: int) -> Reader | None:
    if slide.codec != "jpeg":
        return None
    openslide: Any = importlib.import_module("openslide")
    opened = openslide.OpenSlide(slide.path)

    def read(y: slice, x: slice) -> Any:
        region = opened.read_region((x.start, y.start), 0, (window, window))
        return np.asarray(region)[..., :3]

    return _one_by_one(read, starts, window, workers)


def _tensorstore(slide: Slide, starts: Array, window: int, workers: int) -> Reader | None:
    if slide.path.suffix != ".zarr":
        return None
    tensorstore: Any = importlib.import_module("tensorstore")
    limits = {"limit": workers}

    def run() -> object:
        context = {
            "data_copy_concurrency": limits,
            "file_io_concurrency": limits,
            # So much holds the chunks of a row of shards.
            "cache_pool": {"total_bytes_limit": 1 << 28},
        }
        place = {"driver": "file", "path": str(slide.path / "0")}
        spec = {"driver": "zarr3", "kvstore": place, "context": context}
        array = tensorstore.open(spec, read=True).result()
        out = np.empty((len(starts), window, window), slide.dtype)
        # In the order of rows, so that its cache serves neighbours.
        order = np.lexsort((starts[:, 1] // slide.tile, starts[:, 0] // slide.tile))
        futures = []
        for number in order.tolist():
            y, x = _slices(starts[number], window)
            futures.append((number, array[y, x].read()))
        for number, future in futures:
            out[number] = future.result()
        return out

    return run


def _zarr(slide: Slide, starts: Array, window: int, workers: int) -> Reader | None:
    if slide.path.suffix != ".zarr":
        return None
    zarr: Any = importlib.import_module("zarr")
    array = zarr.open_array(str(slide.path / "0"), mode="r")
    return _one_by_one(lambda y, x: array[y, x], starts, window, workers)


def _opencodecs(slide: Slide, starts: Array, window: int, workers: int) -> Reader | None:
    opencodecs: Any = importlib.import_module("opencodecs")
    if slide.path.suffix == ".zarr":
        array: Any = opencodecs.OmeZarrArray(str(slide.path / "0"))
        return _one_by_one(lambda y, x: array[y, x], starts, window, workers)
    boxes = [_slices(start, window) for start in starts]

    def run() -> object:
        with contextlib.ExitStack() as stack:
            if slide.path.suffix == ".czi":
                reader = importlib.import_module("opencodecs._czi_reader").CziReader
                opened: Any = opencodecs.CziPyramidReader(reader(str(slide.path)))
            else:
                opened = stack.enter_context(opencodecs.open_pyramid(str(slide.path)))
            # One batch: a tile of two batches would be decoded twice.
            return np.stack(opened.read_regions(0, boxes, max_batch_bytes=1 << 34))

    del workers  # it decides itself
    return run


def _aicspylibczi(slide: Slide, starts: Array, window: int, workers: int) -> Reader | None:
    if slide.path.suffix != ".czi":
        return None
    library: Any = importlib.import_module("aicspylibczi")
    opened = library.CziFile(slide.path)

    def read(y: slice, x: slice) -> Any:
        region = (x.start, y.start, window, window)
        return opened.read_mosaic(region=region, scale_factor=1.0, C=0).reshape(window, window)

    del workers  # one file object serves one thread
    return _one_by_one(read, starts, window, 1)


READERS: dict[str, Callable[[Slide, Array, int, int], Reader | None]] = {
    "tifffile": _tifffile,
    "openslide": _openslide,
    "tensorstore": _tensorstore,
    "zarr": _zarr,
    "opencodecs": _opencodecs,
    "aicspylibczi": _aicspylibczi,
}
