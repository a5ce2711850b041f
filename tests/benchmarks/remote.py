"""Images on a web server that is some milliseconds away: opening them, and 20 planes drawn at random.

The servers share a process of their own on this machine, where one at a time has work, and wait
before each answer. The floor is one download of as many bytes without a wait, and one wait: bytes
and one round trip. Measured without a limit of the rate, where decoding and Python's server take
longer than the bytes, and over a line of 1 Gbit/s. A server that waits a second shows how many
round trips follow one another, whatever else the machine does.
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
RATE = 125e6
"""Bytes a second of the line: 1 Gbit/s."""
PLANES = 20
SERVE = "from benchmarks.remote import serve; serve({folder!r}, {lines!r})"
SINGLE = ", single ranges"
"""Behind the name of a file that is served one range a request, as S3 does."""


@attrs.frozen
class Row:
    """What one file costs, in seconds and requests."""

    name: str
    open_requests: int
    open_trips: int
    """Round trips that follow one another."""
    open_seconds: float
    planes_requests: int
    planes_trips: int
    planes_nbytes: int
    planes_seconds: float
    """Of the open file."""
    floor_seconds: float
    """Bytes and one round trip."""
    line_seconds: float
    """The planes over the line of limited rate."""
    line_floor_seconds: float
    """Its bytes and one round trip."""
    peer_seconds: float | None
    """tifffile over fsspec: opening and the planes."""


def measure(folder: Path, planes: int, size: int, rounds: int, distance: float) -> list[Row]:
    """Write the files, serve them, and read each of them.

    A server that waits ``distance`` seconds before each answer counts round trips.
    """
    stack = pixels(Sample("remote", "ZYX", (planes, size, size), None))
    names = write(folder, stack)
    picks = sorted(np.random.default_rng(5).choice(planes, min(PLANES, planes), replace=False))
    chosen = [int(at) for at in picks]
    rows: list[Row] = []
    lines = [(DELAY, 0.0), (0.0, 0.0), (DELAY, RATE), (0.0, RATE), (distance, 0.0)]
    with serving() as counting, far(folder, lines) as urls:
        counting.files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        counting.parts = True
        for name in names:
            query = "?single" if name.endswith(SINGLE) else ""
            file = name.removesuffix(SINGLE)
            row = _row(file + query, chosen, counting, urls, rounds, distance)
            rows.append(attrs.evolve(row, name=name))
    return rows


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
    names = [
        "tiles.ome.tiff",
        "between.ome.tif",
        "raw.czi",
        "raw.lif",
        "chunks.ome.zarr",
        "shards.ome.zarr",
    ]
    if importlib.util.find_spec("h5py") is not None:
        from aicsio.testing.ims import ImsImage, write_ims

        depth = min(4, len(stack))
        volumes = stack[: len(stack) // depth * depth].reshape(-1, 1, depth, *stack.shape[1:])
        write_ims(ImsImage(volumes, "TCZYX", levels=3, chunk=(4, 256, 256)), folder / "times.ims")
        names.append("times.ims")
    # The last one: what a server has not done for one file it is not asked to do for another.
    return [*names, "between.ome.tif" + SINGLE]


@contextlib.contextmanager
def far(folder: Path, lines: list[tuple[float, float]]) -> Iterator[list[str]]:
    """Serve a folder from another process, once for each delay and rate; yield the addresses."""
    code = SERVE.format(folder=str(folder), lines=lines)
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
        yield process.stdout.readline().split()
        process.stdin.close()


def serve(folder: str, lines: list[tuple[float, float]]) -> None:
    """Serve the files of a folder over each line until standard input ends."""
    root = Path(folder)
    paths = [path for path in root.rglob("*") if path.is_file()]
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    with contextlib.ExitStack() as stack:
        urls: list[str] = []
        for delay, rate in lines:
            site = stack.enter_context(serving())
            site.files, site.delay, site.rate, site.parts = files, delay, rate, True
            urls.append(site.url)
        print(*urls, flush=True)
        sys.stdin.read()


def _row(
    name: str, chosen: list[int], counting: Any, urls: list[str], rounds: int, distance: float
) -> Row:
    slow, fast, line, line_alone, trips = urls
    counting.forget()
    handle = aicsio.open_image(counting.url + name)
    open_requests = len(counting.asked)
    counting.forget()
    _planes(handle, chosen)
    requests, nbytes = len(counting.asked), sum(counting.sent)
    open_trips, planes_trips = (
        int(seconds // distance) for seconds in _open_and_planes(trips + name, chosen)
    )
    largest = max(counting.files, key=lambda each: len(counting.files[each]))
    peer = _peer(name, chosen)
    calls = {
        "floor": lambda: _download(fast + largest, nbytes),
        "line floor": lambda: _download(line_alone + largest, nbytes),
        **({} if peer is None else {"peer": partial(peer, slow + name)}),
    }
    keys = ("open", "planes", "line open", "line", *calls)
    best = dict.fromkeys(keys, float("inf"))
    for number in range(rounds):
        # Another address each time: what a process knows of a file from earlier reads would help the later rounds.
        address = f"{file_name(name)}?{number}{'&single' if name.endswith('single') else ''}"
        seconds = (
            *_open_and_planes(slow + address, chosen),
            *_open_and_planes(line + address, chosen),
        )
        measured = dict(zip(keys, seconds, strict=False))
        measured |= {key: _seconds(call) for key, call in calls.items()}
        best = {key: min(best[key], measured[key]) for key in keys}
    return Row(
        name, open_requests, open_trips, best["open"], requests, planes_trips, nbytes, best["planes"],
        best["floor"] + DELAY, best["line"], best["line floor"] + DELAY, best.get("peer"),
    )  # fmt: skip


def file_name(name: str) -> str:
    """Return the name of a file without a query."""
    return name.partition("?")[0]


def _open_and_planes(url: str, chosen: list[int]) -> tuple[float, float]:
    """Return the seconds of opening, and of the first read of planes."""
    start = time.perf_counter()
    handle = aicsio.open_image(url)
    opened = time.perf_counter()
    _planes(handle, chosen)
    return opened - start, time.perf_counter() - opened


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _planes(handle: Any, chosen: list[int]) -> None:
    """Read planes of a stack; of a series of volumes, the times that hold them."""
    if handle.dims["Z"] > max(chosen):
        aicsio.to_numpy(aicsio.transpose_to(handle, "ZYX", Z=chosen))
        return
    times = sorted(
        {at // handle.dims["Z"] for at in chosen if at // handle.dims["Z"] < handle.dims["T"]}
    )
    aicsio.to_numpy(aicsio.transpose_to(handle, "TYX", T=times, Z=0))


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
        "round trips",
        "ms",
        f"{PLANES} planes: requests",
        "round trips",
        "MB",
        "ms",
        "bytes + 1 trip",
        "ratio",
        "1 Gbit/s: ms",
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
            row.name, str(row.open_requests), str(row.open_trips), f"{row.open_seconds * 1e3:.0f}",
            str(row.planes_requests), str(row.planes_trips), f"{row.planes_nbytes / 1e6:.1f}",
            *_beside(row.planes_seconds, row.floor_seconds),
            *_beside(row.line_seconds, row.line_floor_seconds), *peer,
        )  # fmt: skip
    console.print(table)


def _beside(seconds: float, floor: float) -> tuple[str, str, str]:
    return f"{seconds * 1e3:.0f}", f"{floor * 1e3:.0f}", f"{seconds / floor:.2f}"
