"""Who does what: each case gives a function to ours, to the floor and to the peers that are installed.

Peers are asked in the fastest way that their documentation offers. Where there are several, each runs, and the table
shows the fastest.
"""

import contextlib
import importlib
import importlib.util
import itertools
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tifffile

import aicsio
from benchmarks import floors, reads
from benchmarks.samples import Ranges, Sample

WINDOW = 64
"""Height and width of the window that is cut from one plane."""

IMPORTS = {
    "ours": "import aicsio",
    "floor": "import numpy",
    "tifffile": "import tifffile",
    "bioio": "import bioio",
}
"""The floor of an import is numpy's."""

COLD = {
    "ours": "import aicsio as a; a.to_numpy(a.transpose_to(a.open_image({path!r}), 'YX', **{picks!r}))",
    "tifffile": "import tifffile as t; f = t.TiffFile({path!r}); f.pages[{page}].asarray(); f.close()",
    "bioio": "import bioio as b; b.BioImage({path!r}).get_image_dask_data('YX', **{picks!r}).compute()",
}
"""What a short script does: import, open, read one plane."""


def installed(peers: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the peers that are not here."""
    return tuple(peer for peer in peers if importlib.util.find_spec(peer) is not None)


@attrs.frozen(eq=False)
class Case:
    """One line of the table."""

    name: str
    contenders: dict[str, Callable[[], Any]]
    """Functions by name: ``ours``, ``floor``, or a peer, which may have several (``"tifffile pages"``)."""
    needed: int | None = None
    """Bytes that hold the pixels asked for, where the bytes read are to be counted."""


def cases(
    sample: Sample, where: Ranges, folder: Path, workers: int, peers: tuple[str, ...]
) -> Iterator[Case]:
    """List the cases of one file."""
    index = where.shape[0] // 2
    start = where.shape[2] // 3 if where.shape[2] > WINDOW else 0
    with contextlib.ExitStack() as stack:
        made = [
            _ours(sample, where, index, start, folder, workers),
            _floor(where, index, start, folder, workers),
            reads.reused(aicsio.open_image(where.path), workers),
        ]
        if "tifffile" in peers:
            made.append(_tifffile(sample, where, index, start, folder, workers, stack))
        if "bioio" in peers:
            made.append(_bioio(sample, where, index, start, folder))
        if "openreadout" in peers:
            made.append(openreadout(sample, where.path, stack))
        for name in dict.fromkeys(itertools.chain(*made)):
            contenders = {who: call for each in made for who, call in each.get(name, {}).items()}
            if "ours" in contenders:
                yield Case(name, contenders, WINDOW * WINDOW * 2 if name == "window" else None)


def _fresh(path: Path) -> Path:
    """Remove what the last turn wrote: ext4 waits for the disk where one file takes the place of another."""
    path.unlink(missing_ok=True)
    return path


Made = dict[str, dict[str, Callable[[], Any]]]


def picks(sample: Sample, index: int) -> dict[str, int]:
    """Positions of a plane, by letter."""
    letters, sizes = sample.letters[:-2], sample.shape[:-2]
    return {
        letter: int(i) for letter, i in zip(letters, np.unravel_index(index, sizes), strict=True)
    }


def _ours(
    sample: Sample, where: Ranges, index: int, start: int, folder: Path, workers: int
) -> Made:
    handle = aicsio.open_image(where.path)
    at = picks(sample, index)
    square = slice(start, start + WINDOW)
    array = aicsio.open_image(np.ascontiguousarray(aicsio.to_numpy(handle)), dims=handle.dims.order)
    out = folder / "ours.ome.tif"
    compression: Any = sample.compression

    def plane() -> object:
        return aicsio.to_numpy(aicsio.transpose_to(aicsio.open_image(where.path), "YX", **at))

    def window() -> object:
        return aicsio.to_numpy(aicsio.transpose_to(handle, "YX", Y=square, X=square, **at))

    return {
        "open": {"ours": lambda: aicsio.open_image(where.path)},
        "read": {"ours": lambda: aicsio.to_numpy(handle, workers=workers)},
        "plane, open": {"ours": plane},
        "plane": {"ours": lambda: aicsio.to_numpy(aicsio.transpose_to(handle, "YX", **at))},
        "window": {"ours": window},
        "dask": {
            "ours": lambda: aicsio.to_dask(handle).compute(num_workers=workers),
            "floor": lambda: aicsio.to_numpy(handle, workers=workers),
        },
        "write": {
            "ours": lambda: aicsio.write_ome_tiff(
                array, _fresh(out), compression=compression, tile=sample.tile, sync=False
            )
        },
    }


def _floor(where: Ranges, index: int, start: int, folder: Path, workers: int) -> Made:
    pixels = floors.read(where, workers)
    made: Made = {
        "read": {"floor": lambda: floors.read(where, workers)},
        "plane, open": {"floor": lambda: floors.plane(where, index)},
    }
    if where.compression is None:
        made["window"] = {"floor": lambda: floors.window(where, index, start, WINDOW)}
        made["write"] = {"floor": lambda: floors.write(pixels, _fresh(folder / "floor.bin"))}
    return made


def _tifffile(
    sample: Sample,
    where: Ranges,
    index: int,
    start: int,
    folder: Path,
    workers: int,
    stack: contextlib.ExitStack,
) -> Made:
    file = stack.enter_context(tifffile.TiffFile(where.path))
    series = file.series[0]
    pixels = series.asarray().reshape(sample.shape)
    square = (slice(start, start + WINDOW),) * 2

    def opened() -> object:
        with tifffile.TiffFile(where.path) as fresh:
            return fresh.series[0].shape

    def page() -> object:
        with tifffile.TiffFile(where.path) as fresh:
            return fresh.pages[index].asarray(maxworkers=workers)

    def mapped() -> object:
        return np.array(tifffile.memmap(where.path, page=index, mode="r"))

    def write() -> None:
        tile = (sample.tile, sample.tile) if sample.tile else None
        tifffile.imwrite(
            _fresh(folder / "tifffile.ome.tif"), pixels, ome=True, photometric="minisblack", tile=tile,
            compression=sample.compression, metadata={"axes": sample.letters}, maxworkers=workers,
        )  # fmt: skip

    planes = {
        "tifffile pages": page,
        "tifffile imread": lambda: tifffile.imread(where.path, key=index),
    }
    if where.compression is None:
        planes["tifffile memmap"] = mapped
    made: Made = {
        "open": {"tifffile": opened},
        "read": {"tifffile": lambda: series.asarray(maxworkers=workers)},
        "plane, open": planes,
        "plane": {"tifffile": lambda: file.pages[index].asarray(maxworkers=workers)},
        "window": {"tifffile": lambda: file.pages[index].asarray()[square]},
        "write": {"tifffile": write},
    }
    if importlib.util.find_spec("zarr") is not None:
        made["dask"] = {"tifffile": lambda: _zarr_as_dask(where.path, workers)}
    return made


def _zarr_as_dask(path: Path, workers: int) -> object:
    import dask.array as da

    store: Any = tifffile.imread(path, aszarr=True)
    try:
        return da.from_zarr(store).compute(num_workers=workers)
    finally:
        store.close()


def _bioio(sample: Sample, where: Ranges, index: int, start: int, folder: Path) -> Made:
    from bioio import BioImage

    at = picks(sample, index)
    opened = BioImage(where.path)
    lazy = opened.get_image_dask_data("YX", **at)
    square = (slice(start, start + WINDOW),) * 2
    made: Made = {
        "open": {"bioio": lambda: BioImage(where.path).dims.shape},
        # An opened BioImage keeps what it has read, so that each reading needs a new one.
        "read": {"bioio": lambda: BioImage(where.path).get_image_data()},
        "plane, open": {
            "bioio": lambda: BioImage(where.path).get_image_dask_data("YX", **at).compute()
        },
        "window": {"bioio": lazy[square].compute},
        "dask": {"bioio": lambda: opened.get_image_dask_data().compute()},
    }
    if sample.compression is None:
        from bioio_ome_tiff.writers import OmeTiffWriter

        pixels = opened.get_image_data(sample.letters)
        name = str(folder / "bioio.ome.tif")
        made["write"] = {
            "bioio": lambda: OmeTiffWriter.save(
                pixels, _fresh(Path(name)), dim_order=sample.letters
            )
        }
    return made


def openreadout(sample: Sample, path: Path, stack: contextlib.ExitStack) -> Made:
    """Open and describe a file, read a plane with opening, and a plane of an open file."""
    library: Any = importlib.import_module("openreadout")
    at = picks(sample, sample.planes // 2)
    place = at.get("C", 0), at.get("Z", 0), at.get("T", 0)
    opened = stack.enter_context(library.open(str(path)))

    def describe() -> object:
        with library.open(str(path)) as file:
            return file.info

    def plane() -> object:
        with library.open(str(path)) as file:
            return file.read_plane(0, *place)

    return {
        "open": {"openreadout": describe},
        "plane, open": {"openreadout": plane},
        "plane": {"openreadout": lambda: opened.read_plane(0, *place)},
    }


def sizes(where: Ranges) -> dict[str, int]:
    """Bytes that travel: the pickled handle, and dask graphs with few and with many chunks."""
    handle = aicsio.open_image(where.path)
    return {
        "pickled handle": len(pickle.dumps(handle)),
        "graph, automatic chunks": _graph_bytes(aicsio.to_dask(handle)),
        "graph, a chunk a plane": _graph_bytes(aicsio.to_dask(handle, chunks="YX")),
    }


def _graph_bytes(array: Any) -> int:
    return len(pickle.dumps(array.dask))
