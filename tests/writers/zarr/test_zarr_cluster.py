"""dask arrays while a cluster is there: each worker stores its own files."""

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from distributed import Client

from aicsio import open_image, transpose_to, write_ome_zarr
from aicsio.errors import WriteError
from aicsio.records import View
from aicsio.writers._pixels.dask_chunks import HeldBlocks
from aicsio.writers._zarr import cluster, parts
from aicsio.writers._zarr.plan import plan_image
from aicsio.writers._zarr.targets import folder
from aicsio.writers.zarr_options import ZARR_DEFAULTS
from support import files_of, takes_long
from zarr_stores import judges

PIXELS = np.random.default_rng(6).integers(0, 4000, (2, 4, 300, 400)).astype(np.uint16)
OPTIONS: Any = {"chunks": 32, "shards": 64, "levels": 4}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many units, and levels above them."""
    monkeypatch.setattr(parts, "UNIT_BYTES", 1 << 18)
    monkeypatch.setattr(parts, "BOX_BYTES", 1 << 14)


def lazy() -> Any:
    return da.from_array(PIXELS, chunks=(1, 1, 150, 400))


@takes_long
def test_workers_store_their_own_files(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: set[str] = set()
    original = folder.SharedFolder.put

    def noted(self: Any, key: str, data: Any) -> None:
        writers.add(threading.current_thread().name)
        original(self, key, data)

    monkeypatch.setattr(folder.SharedFolder, "put", noted)
    report = write_ome_zarr(open_image(lazy(), dims="CZYX"), tmp_path / "a.zarr", **OPTIONS)
    assert writers
    assert not [name for name in writers if name.startswith(("aicsio", "MainThread"))]
    assert not client.futures
    whole = tmp_path / "whole.zarr"
    write_ome_zarr(open_image(PIXELS, dims="CZYX"), whole, **OPTIONS)
    assert files_of(Path(report.path)) == files_of(whole)
    assert report.nbytes == sum(map(len, files_of(whole).values()))


def test_picks_go_to_the_workers(client: Client, tmp_path: Path) -> None:  # noqa: ARG001
    part = transpose_to(open_image(lazy(), dims="CZYX"), "ZYX", C=1, Z=(3, 0), X=slice(390, 6, -2))
    write_ome_zarr(part, tmp_path / "a.zarr", **OPTIONS)
    (stored,) = judges.zarr_pixels(tmp_path / "a.zarr", "", ("0",))
    assert np.array_equal(stored, PIXELS[1][[3, 0]][:, :, 390:6:-2])


def test_an_archive_is_written_here(client: Client, tmp_path: Path) -> None:  # noqa: ARG001
    write_ome_zarr(open_image(lazy(), dims="CZYX"), tmp_path / "a.ozx", **OPTIONS)
    assert np.array_equal(judges.zarr_pixels(tmp_path / "a.ozx", "", ("0",))[0], PIXELS)


def test_a_task_is_small(monkeypatch: pytest.MonkeyPatch, client: Client, tmp_path: Path) -> None:
    import cloudpickle

    sizes: list[int] = []
    original = client.submit

    def measured(function: Any, task: Any, *rest: Any, **options: Any) -> Any:
        sizes.append(len(cloudpickle.dumps(task)))
        return original(function, task, *rest, **options)

    monkeypatch.setattr(client, "submit", measured)
    write_ome_zarr(open_image(lazy(), dims="CZYX"), tmp_path / "a.zarr", **OPTIONS)
    assert sizes
    assert max(sizes) < 10_000


def test_a_worker_lets_go_of_the_pixels_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "UNIT_BYTES", 1 << 16)  # parts of planes: something goes up
    h = open_image(da.from_array(PIXELS, chunks=(1, 1, 128, 128)), dims="CZYX")
    plan = plan_image(h, "", {**ZARR_DEFAULTS, **OPTIONS})
    unit = next(parts.cut(plan).units())
    blocks = PIXELS[
        tuple(slice(a, a + n) for a, n in zip(unit.box.start, unit.box.shape, strict=True))
    ].copy()
    task = cluster.UnitTask(
        plan.path, plan.levels, plan.tile, plan.cell, plan.pooling, unit, "CZYX",
        tuple((size,) for size in blocks.shape),
        View("CZYX", (0, 1, 2, 3), tuple(map(range, blocks.shape))),
        blocks.dtype, folder.SharedFolder(str(tmp_path), "a.zarr"),
    )  # fmt: skip
    gone = weakref.ref(blocks)
    gc.disable()  # which a worker runs seldom: units of 128 MiB would pile up until it does
    try:
        carries = cluster.write_unit(task, blocks)
        del blocks
        assert gone() is None
    finally:
        gc.enable()
    assert carries
    assert sum(carry.state.nbytes for carry in carries) <= unit_bytes(unit) // 2
    assert all(carry.state.base is None for carry in carries)


def unit_bytes(unit: parts.Unit) -> int:
    return int(np.prod(unit.box.shape)) * PIXELS.itemsize


def test_a_worker_has_one_unit_a_thread_and_never_a_joined_array(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    largest: list[int] = []
    original, submit = cluster._first_finished, cluster._submit

    def looked(pending: list[cluster.PendingUnit]) -> cluster.PendingUnit:
        at_once.append(len(pending))
        assert len({each.worker for each in pending}) == len(pending)
        return original(pending)

    def noted(plan: Any, unit: parts.Unit, *rest: Any) -> cluster.PendingUnit:
        largest.append(unit_bytes(unit))
        return submit(plan, unit, *rest)

    monkeypatch.setattr(cluster, "_first_finished", looked)
    monkeypatch.setattr(cluster, "_submit", noted)
    monkeypatch.setattr(client, "compute", None)  # would join the chunks
    write_ome_zarr(open_image(lazy(), dims="CZYX"), tmp_path / "a.zarr", **OPTIONS)
    assert max(at_once) == 2
    assert max(largest) <= parts.UNIT_BYTES


def test_held_blocks_show_any_window_of_uneven_chunks() -> None:
    whole = np.arange(7 * 9 * 5).reshape(7, 9, 5)
    lazily = da.from_array(whole, chunks=((3, 1, 3), (4, 5), (5,)))
    blocks = tuple(np.asarray(lazily.blocks[index]) for index in np.ndindex(lazily.numblocks))
    held = HeldBlocks(lazily.chunks, blocks)
    assert held.shape == whole.shape
    for window in (np.s_[0:7, 0:9, 0:5], np.s_[2:4, 3:6, 1:2], np.s_[3:4, 8:9, 4:5]):
        assert np.array_equal(held[window], whole[window])


@takes_long
def test_a_failure_of_a_worker_leaves_units_to_go_on_with(client: Client, tmp_path: Path) -> None:  # noqa: ARG001
    def fails(block: Any, block_info: Any = None) -> Any:
        location = block_info[0]["chunk-location"]
        if location == (1, 3, 1, 0) and not (tmp_path / "mended").exists():
            raise ArithmeticError("half way")
        return block

    broken = da.map_blocks(fails, lazy(), dtype=PIXELS.dtype, name="the same in both runs")
    target = tmp_path / "a.zarr"
    with pytest.raises(ArithmeticError, match="half way"):
        write_ome_zarr(open_image(broken, dims="CZYX"), target, **OPTIONS)
    assert not target.exists()
    (tmp_path / "mended").touch()
    write_ome_zarr(open_image(broken, dims="CZYX"), target, **OPTIONS)
    assert np.array_equal(judges.zarr_pixels(target, "", ("0",))[0], PIXELS)


def test_workers_that_do_not_see_the_folder_say_so(tmp_path: Path) -> None:
    shared = folder.SharedFolder(str(tmp_path / "elsewhere"), "a.zarr")
    with pytest.raises(WriteError, match="workers of the cluster do not see"):
        shared.put("0/c/0/0", [b"1"])
    assert cluster.write_unit.__module__ == "aicsio.writers._zarr.cluster"
