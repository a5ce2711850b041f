"""Images on a web server that is some milliseconds away: opening them, and 20 planes drawn at random.

The server is a process of its own on this machine and waits before each answer. The floor is one download of as many
bytes without a wait, and one wait: bytes and one round trip.
"""

import contextlib
import http.client
import importlib
import importlib.util
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tifffile
from rich.console import Console
from rich.table import Table

import aicsio
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, write_lif
from benchmarks.samples import Sample, pixels
from http_server import serving

DELAY = 0.02
"""Seconds before each answer: a server in the same country."""
PLANES = 20
SERVE = "from benchmarks.remote import serve; serve({folder!r}, {delay})"


@attrs.frozen
class Row:
    """What one file costs, in seconds and requests."""

    name: str
    open_requests: int
    open_seconds: float
    planes_requests: int
    planes_nbytes: int
    planes_seconds: float
    """Of the open file."""
    floor_seconds: float
    """Bytes and one round trip."""
    peer_seconds: float | None
    """tifffile over fsspec: opening and the planes."""


def measure(folder: Path, planes: int, size: int, rounds: int) -> list[Row]:
    """Write the files, serve them, and read each of them."""
    stack = pixels(Sample("remote", "ZYX", (planes, size, size), None))
    names = write(folder, stack)
    picks = sorted(np.random.default_rng(5).choice(planes, min(PLANES, planes), replace=False))
    chosen = [int(at) for at in picks]
    with serving() as counting, far(folder, DELAY) as slow, far(folder, 0.0) as fast:
        counting.parts = True
        counting.files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        return [_row(name, chosen, counting, slow, fast, rounds) for name in names]


def write(folder: Path, stack: Any) -> list[str]:
    """Write the stack in each format; return the names."""
    image = aicsio.open_image(stack, dims="ZYX")
    aicsio.write_ome_tiff(image, folder / "tiles.ome.tiff", tile=256)
    axes = {"axes": "ZYX"}
    tifffile.imwrite(
        folder / "between.ome.tif",
        stack,
        compression="zlib",
        metadata=axes,
        photometric="minisblack",
    )
    write_czi(folder / "raw.czi", blocks_of(stack, "ZYX"), metadata_xml(channels=["a"]))
    write_lif(folder / "raw.lif", [LifImage(stack, "ZYX")])
    aicsio.write_ome_zarr(image, folder / "chunks.ome.zarr", shards=None)
    aicsio.write_ome_zarr(image, folder / "shards.ome.zarr")
    return [
        "tiles.ome.tiff",
        "between.ome.tif",
        "raw.czi",
        "raw.lif",
        "chunks.ome.zarr",
        "shards.ome.zarr",
    ]


@contextlib.contextmanager
def far(folder: Path, delay: float) -> Iterator[str]:
    """Serve a folder from a process of its own; yield the address."""
    code = SERVE.format(folder=str(folder), delay=delay)
    tests = Path(__file__).resolve().parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tests,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def serve(folder: str, delay: float) -> None:
    """Serve the files of a folder until standard input ends."""
    with serving() as site:
        root = Path(folder)
        paths = [path for path in root.rglob("*") if path.is_file()]
        site.files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
        site.delay, site.parts = delay, True
        print(site.url, flush=True)
        sys.stdin.read()


def _row(name: str, chosen: list[int], counting: Any, slow: str, fast: str, rounds: int) -> Row:
    counting.forget()
    aicsio.open_image(counting.url + name)
    open_requests = len(counting.asked)
    handle = aicsio.open_image(counting.url + name)
    counting.forget()
    _planes(handle, chosen)
    requests, nbytes = len(counting.asked), sum(counting.sent)
    largest = max(counting.files, key=lambda each: len(counting.files[each]))
    open_times, plane_times, floors, peers = [], [], [], []
    peer = _peer(name, chosen)
    for _ in range(rounds):
        open_times.append(_seconds(lambda: aicsio.open_image(slow + name)))
        handle = aicsio.open_image(slow + name)
        plane_times.append(_seconds(partial(_planes, handle, chosen)))
        floors.append(_seconds(lambda: _download(fast + largest, nbytes)) + DELAY)
        if peer is not None:
            peers.append(_seconds(partial(peer, slow + name)))
    return Row(
        name, open_requests, min(open_times), requests, nbytes, min(plane_times), min(floors),
        min(peers, default=None),
    )  # fmt: skip


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _planes(handle: Any, chosen: list[int]) -> None:
    aicsio.to_numpy(aicsio.transpose_to(handle, "ZYX", Z=chosen))


def _download(url: str, nbytes: int) -> None:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("GET", parts.path, headers={"Range": f"bytes=0-{nbytes - 1}"})
    connection.getresponse().read()
    connection.close()


def _peer(name: str, chosen: list[int]) -> Any:
    """Return the reading by tifffile over fsspec, if both are there and the file is a TIFF."""
    if "tif" not in name or importlib.util.find_spec("aiohttp") is None:
        return None
    fsspec: Any = importlib.import_module("fsspec")

    def read(url: str) -> None:
        with fsspec.open(url, "rb") as file, tifffile.TiffFile(file) as tiff:
            tiff.asarray(key=chosen)

    return read


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title=f"{DELAY * 1e3:g} ms away; least seconds of the clock")
    for heading in (
        "file",
        "open: requests",
        "ms",
        f"{PLANES} planes: requests",
        "MB",
        "ms",
        "bytes + 1 trip",
        "ratio",
    ):
        table.add_column(heading, justify="right")
    table.add_column("tifffile + fsspec, whole", justify="right")
    table.add_column("ratio", justify="right")
    for row in rows:
        ours = row.open_seconds + row.planes_seconds
        peer = ("", "")
        if row.peer_seconds is not None:
            peer = (f"{row.peer_seconds * 1e3:.0f}", f"{ours / row.peer_seconds:.2f}")
        table.add_row(
            row.name, str(row.open_requests), f"{row.open_seconds * 1e3:.0f}", str(row.planes_requests),
            f"{row.planes_nbytes / 1e6:.1f}", f"{row.planes_seconds * 1e3:.0f}", f"{row.floor_seconds * 1e3:.0f}",
            f"{row.planes_seconds / row.floor_seconds:.2f}", *peer,
        )  # fmt: skip
    console.print(table)
