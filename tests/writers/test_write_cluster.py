"""dask arrays while a cluster is there: its workers compute the chunks, a bounded number of boxes ahead."""

import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client

from aicsio import open_image, to_numpy, transpose_to, write_ome_tiff
from aicsio.writers._pixels import boxes, dask_chunks
from support import takes_long


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as client:
        yield client


def noting(folder: Path, shape: tuple[int, ...], chunks: tuple[int, ...], fails: int = -1) -> Any:
    """An array of which each chunk notes the thread that computes it, in a file: workers have copies of the rest."""
    folder.mkdir()

    def chunk(block: Any, block_info: Any = None) -> Any:
        number = sum(block_info[0]["chunk-location"])
        Path(folder, uuid.uuid4().hex).write_text(threading.current_thread().name)
        if number == fails:
            raise ArithmeticError("half way")
        return block + number

    lazy = da.zeros(shape, dtype="u2", chunks=chunks)
    return lazy.map_blocks(chunk, dtype="u2", meta=np.zeros((0,) * len(shape), "u2"))


def noted(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.iterdir()]


@pytest.mark.parametrize("options", [{}, {"levels": "auto"}, {"compression": None}, {"workers": 1}])
def test_the_workers_compute_each_chunk_once(
    client: Client, options: dict[str, Any], tmp_path: Path
) -> None:
    lazy = noting(tmp_path / "notes", (2, 5, 600, 700), (1, 1, 600, 700))
    report = write_ome_tiff(open_image(lazy, dims="CZYX"), tmp_path / "a.ome.tiff", **options)
    names = noted(tmp_path / "notes")
    assert len(names) == 10
    assert not [name for name in names if name.startswith("aicsio") or name == "MainThread"]
    wanted = np.add.outer(np.arange(2), np.arange(5))[:, :, None, None] + np.zeros((600, 700), "u2")
    assert (to_numpy(open_image(report.path)) == wanted).all()
    assert not client.futures


def test_the_scheduler_that_the_user_chose_is_kept(client: Client, tmp_path: Path) -> None:
    lazy = noting(tmp_path / "notes", (2, 60, 70), (1, 60, 70))
    with dask.config.set(scheduler="threads"):
        write_ome_tiff(open_image(lazy), tmp_path / "a.ome.tiff", workers=1)
    assert set(noted(tmp_path / "notes")) == {"MainThread"}
    assert not client.futures


def test_a_view_of_an_array(client: Client, tmp_path: Path) -> None:
    assert client.status == "running"
    image = np.arange(2 * 4 * 100 * 50, dtype="u2").reshape(2, 4, 100, 50)
    handle = open_image(da.from_array(image, chunks=(1, 2, 30, 50)), dims="CZYX")
    shown = transpose_to(handle, "XZY", C=1, Z=[3, 0, 3], Y=slice(90, 3, -7))
    report = write_ome_tiff(shown, tmp_path / "a.ome.tiff", tile=16)
    assert (
        to_numpy(open_image(report.path)).tobytes()
        == to_numpy(transpose_to(shown, "ZYX")).tobytes()
    )


def test_an_error_on_a_worker_leaves_the_old_file(
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "a.ome.tiff"
    path.write_bytes(b"the old one")
    lazy = noting(tmp_path / "notes", (40, 60, 70), (1, 60, 70), fails=9)
    with (
        caplog.at_level("CRITICAL", "distributed"),
        pytest.raises(ArithmeticError, match="half way"),
    ):
        write_ome_tiff(open_image(lazy), path, overwrite=True)
    assert path.read_bytes() == b"the old one"
    assert os.listdir(folder) == [path.name]
    assert len(noted(tmp_path / "notes")) < 30
    assert not client.futures


@takes_long
def test_few_boxes_are_computed_ahead(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)
    most: list[int] = []
    start = dask_chunks.Cluster.start

    def counted(self: dask_chunks.Cluster, window: Any) -> dask_chunks.Chunk:
        chunk = start(self, window)
        most.append(len(client.futures))
        return chunk

    monkeypatch.setattr(dask_chunks.Cluster, "start", counted)
    lazy = noting(tmp_path / "notes", (60, 64, 64), (1, 64, 64))
    write_ome_tiff(open_image(lazy), tmp_path / "a.ome.tiff", workers=2)
    assert len(most) == 60
    assert max(most) < 10
