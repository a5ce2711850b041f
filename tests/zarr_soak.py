"""A large image written as OME-Zarr by threads, and by two dask workers: memory of each process.

    python tests/zarr_soak.py threads 8
    python tests/zarr_soak.py workers 8

writes 8 GiB, reads samples back, and prints the most memory that each process held.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from aicsio import open_image, to_numpy, transpose_to, write_ome_zarr

PLANE = 4096
CHUNK = 1024
DEPTH = 16
"""Planes of a chunk: with 1024 x 1024 pixels of 16 bits it has 32 MiB."""
MIB = 1 << 20


def make_chunk(seed: int) -> Any:
    """Draw the pixels of a chunk: counts of photons, other ones in each."""
    generator = np.random.default_rng(seed)
    frame = generator.poisson(90, (CHUNK, CHUNK)).astype(np.uint16)
    return np.stack([np.roll(frame, 17 * plane, 1) for plane in range(DEPTH)])


def make_image(gibibytes: float) -> Any:
    """Make a dask array whose chunks are drawn when they are computed."""
    planes = max(DEPTH, round(gibibytes * (1 << 30) / (2 * PLANE * PLANE)) // DEPTH * DEPTH)
    shape = (planes, PLANE, PLANE)

    def draw(block_info: Any = None) -> Any:
        z, y, x = block_info[None]["chunk-location"]
        return make_chunk(z * 10_000 + y * 100 + x)

    chunks = tuple(
        (size,) * (n // size) for n, size in zip(shape, (DEPTH, CHUNK, CHUNK), strict=True)
    )
    return da.map_blocks(draw, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))


def most_memory() -> float:
    """Most MiB that this process held at once."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def check(store: Path, image: Any) -> None:
    """Raise unless some chunks are read back as they were drawn."""
    h = open_image(store)
    counts = image.numblocks
    for z, y, x in (
        (0, 0, 0),
        (counts[0] - 1, counts[1] - 1, counts[2] - 1),
        (counts[0] // 2, 1, 2),
    ):
        picks: dict[str, Any] = {
            letter: slice(index * size, (index + 1) * size)
            for letter, index, size in zip("ZYX", (z, y, x), (DEPTH, CHUNK, CHUNK), strict=True)
        }
        pixels = to_numpy(transpose_to(h, "ZYX", **picks))
        assert np.array_equal(pixels, make_chunk(z * 10_000 + y * 100 + x)), (z, y, x)


def by_threads(folder: Path, gibibytes: float) -> dict[str, list[float]]:
    """Write an image by threads of this process; return the most MiB that it held."""
    image = make_image(gibibytes)
    write_ome_zarr(open_image(image, dims="ZYX"), folder / "threads.ome.zarr")
    held = {"threads": [most_memory()]}
    check(folder / "threads.ome.zarr", image)
    return held


def by_workers(folder: Path, gibibytes: float) -> dict[str, list[float]]:
    """Write an image by two workers; return the most MiB of the processes."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        image = make_image(gibibytes)
        write_ome_zarr(open_image(image, dims="ZYX"), folder / "workers.ome.zarr")
        of_workers = list(client.run(most_memory).values())
        held = {"workers": of_workers, "client": [most_memory()]}
        check(folder / "workers.ome.zarr", image)
    return held


if __name__ == "__main__":
    way = {"threads": by_threads, "workers": by_workers}[sys.argv[1]]
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        for who, mebibytes in way(Path(name), float(sys.argv[2])).items():
            print(who, ", ".join(f"{each:.0f} MiB" for each in mebibytes))
    print(f"{time.perf_counter() - begin:.0f} s")
