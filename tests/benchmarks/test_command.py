"""The benchmarks run, on tiny files."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import open_image, to_numpy
from benchmarks import conversion, cores, floors, microscopes, stores
from benchmarks.samples import pixels, samples, write

FOLDER = Path(__file__).resolve().parent
TINY = ["--planes=3", "--size=128", "--tile=32", "--tiny-planes=20", "--tiny-size=16", "--rounds=1"]
TINY += ["--mosaic=200", "--subblocks=1000"]
# They take a minute and a half: the README's command leaves them to the gate `servers`.
takes_long = pytest.mark.skipif(
    importlib.util.find_spec("zarr") is None, reason="needs zarr: pip install '.[test,servers]'"
)


def measured(folder: Path, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(FOLDER), *TINY, "--folder", str(folder), "--json", *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)["measured"]
    return rows


@takes_long
def test_every_case_of_every_file_is_measured_and_no_file_is_left(tmp_path: Path) -> None:
    cases = ["open", "read", "plane, open", "window", "dask", "write", "pickled handle"]
    rows = measured(
        tmp_path,
        "tiff",
        "--peers",
        "tifffile",
        "--cases",
        "open",
        "read",
        "plane",
        "window",
        "dask",
        "write",
        "sizes",
    )
    found = {(row["file"], row["case"]) for row in rows}
    assert all(
        (file, case) in found
        for file in ("raw", "zlib", "zstd", "tiny raw", "tiny zlib", "tiny zstd")
        for case in cases
    )
    assert all(
        seconds > 0 for row in rows for times in row["seconds"].values() for seconds in times
    )
    assert {"ours", "floor", "tifffile"} <= set(
        next(row for row in rows if row["case"] == "read")["seconds"]
    )
    assert list(tmp_path.iterdir()) == []


@takes_long
def test_files_of_microscopes_are_measured(tmp_path: Path) -> None:
    rows = measured(tmp_path, "czi", "lif", "oib", "nd2", "ims", "lof", "--peers", "--clock", "cpu")
    found = {(row["file"], row["case"]) for row in rows}
    stacks = (
        "czi raw",
        "czi zstd1",
        "czi jpegxr",
        "lif raw",
        "oib raw",
        "nd2 raw",
        "ims zlib",
        "lof raw",
    )
    assert {
        (file, case)
        for file in stacks
        for case in ("open", "read", "plane, open", "pickled handle")
    } <= found
    assert {("czi tiles", "open"), ("czi scenes", "open"), ("czi mosaic", "window")} <= found
    window = next(row for row in rows if row["case"] == "window bytes")
    assert (
        window["needed_bytes"]
        <= window["bytes"].get("ours", 8192)
        <= 2 * window["needed_bytes"] + 256
    )
    assert list(tmp_path.iterdir()) == []


@takes_long
def test_windows_of_slides_are_measured(tmp_path: Path) -> None:
    tiny = ["--slide=1024", "--windows=5", "--window=64", "--peers", "tifffile"]
    rows = measured(tmp_path, "windows", *tiny)
    found = {(row["file"], row["case"]) for row in rows}
    slides = ("jpeg slide", "zstd ome-tiff", "raw czi", "sharded ome-zarr")
    assert found == {(slide, "windows") for slide in slides}
    assert {"ours", "out", "floor"} <= set(rows[0]["seconds"])
    assert list(tmp_path.iterdir()) == []


@takes_long
def test_distance_scale_start_and_threads_have_tables(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER), *TINY, "--folder", str(tmp_path)]
    command += [
        "documents",
        "plates",
        "remote",
        "requests",
        "scale",
        "scenes",
        "stacks",
        "start",
        "writing",
        "--cores",
        "2",
    ]
    command += ["--distance=0.01", "--scenes=8", "--plate-files=40", "--peers"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in (
        "between.ome.tif",
        "harmony",
        "raw.lif",
        "shards.ome.zarr",
        "oif",
        "subblocks.czi",
        "write zstd, levels",
        "raw tiles, 4 levels, 12 bits",
        "zlib tiles, default level",
        "aicsio info, CZI",
        "raw, second read",
        "zstd tiles, statistics",
        "TiffData with UUID and Plane",
        "ome_metadata of a LIF of many scenes",
    ):
        assert name in shown
    assert list(tmp_path.iterdir()) == []


def test_the_serial_part_is_that_of_amdahl() -> None:
    counts = cores.thread_counts(12)
    assert counts == [1, 2, 4, 8, 12]
    for part in (0.0, 0.25, 1.0):
        seconds = [3 * (part + (1 - part) / count) for count in counts]
        assert abs(cores.serial_part(counts, seconds) - part) < 1e-9
    assert cores.serial_part([1], [2.0]) == 0.0


@takes_long
def test_two_trees_are_compared_in_turns(tmp_path: Path) -> None:
    tree = FOLDER.parent.parent
    command = [
        sys.executable,
        str(FOLDER),
        *TINY,
        "--folder",
        str(tmp_path),
        "--against",
        str(tree),
    ]
    command += ["import", "small czi", "lif raw", "czi two levels", "tiny raw", "write"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = done.stdout.splitlines()[1:]
    cases = {(row[:16].strip(), row[17:29].strip()) for row in rows}
    assert {("", "import"), ("small czi", "plane, open"), ("lif raw", "read")} <= cases
    assert {("tiny raw", "graph"), ("write", "pyramid"), ("czi two levels", "loads")} <= cases
    sizes = [row for row in rows if " bytes " in row]
    assert all(row.endswith(" 1.000") for row in sizes)
    assert list(tmp_path.iterdir()) == []


def test_floors_read_what_we_read(tmp_path: Path) -> None:
    for sample in microscopes.samples(6, 32, 64, 4):
        if sample.letters == "ZYX":
            path = microscopes.write(sample, tmp_path)
            where = microscopes.ranges(sample, path)
            pixels = to_numpy(open_image(path)).reshape(where.shape)
            assert np.array_equal(floors.read(where, 2), pixels)
            assert np.array_equal(
                floors.plane(where, where.shape[0] // 2), pixels[where.shape[0] // 2]
            )


@takes_long
def test_stores_are_measured_and_their_floor_reads_what_we_read(tmp_path: Path) -> None:
    rows = measured(tmp_path, "zarr", "--peers", "--clock", "cpu")
    found = {(row["file"], row["case"]) for row in rows}
    assert {
        (file, case)
        for file in ("zarr chunks", "zarr shards")
        for case in ("open", "read", "plane, open", "window, open")
    } == found
    assert list(tmp_path.iterdir()) == []
    for sample in stores.samples(19, 64):
        path = stores.write(sample, tmp_path)
        made = pixels(sample)
        assert np.array_equal(to_numpy(open_image(path)), made)
        assert np.array_equal(stores.floor(sample, stores.places_of(path), 2), made)


@takes_long
def test_our_conversion_is_measured(tmp_path: Path) -> None:
    sample = next(each for each in samples(3, 128, 1, 1, 32) if each.name == "zstd")
    source = write(sample, tmp_path)
    result = conversion.measure(source, tmp_path, Path(sys.executable), [], 1)
    assert result.timings["ours"].median > 0
    assert result.outputs["ours"].levels >= 1
    assert result.outputs["ours"].mebibytes > 0


@takes_long
def test_new_processes_are_measured(tmp_path: Path) -> None:
    rows = measured(tmp_path, "import", "raw", "--peers", "--cases", "new process")
    assert [row["case"] for row in rows] == ["import", "plane, new process"]


@takes_long
def test_the_bytes_of_a_window_of_raw_pixels_are_counted(tmp_path: Path) -> None:
    rows = measured(tmp_path, "raw", "--peers", "--cases", "window", "--size=512")
    counted = [row for row in rows if row["case"] == "window bytes"]
    assert [row["needed_bytes"] for row in counted] == [64 * 64 * 2]
    assert all(
        row["needed_bytes"] <= row["bytes"].get("ours", 8192) <= 2 * row["needed_bytes"]
        for row in counted
    )
