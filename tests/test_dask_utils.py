"""Reading through clusters: one of this test's own, and one that runs without it."""

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import distributed
import numpy as np
import pytest

import aicsio
from aicsio import (
    AICSImage,
    AicsioError,
    SourceChangedError,
    dask_utils,
    imread_dask,
    open_image,
    select_level,
    select_scene,
    to_dask,
    transpose_to,
    use_dask,
)
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from support import takes_long

FIRST = ImageSpec(T=2, C=3, Z=4, Y=64, X=80)
SECOND = ImageSpec(C=2, Y=40, X=64, samples=3, dtype="uint8", levels=2, seed=5)
# A dashboard on any free port of this machine: one that is busy is a warning, and so an error here.
DASHBOARD = "127.0.0.1:0"
THREADS: dict[str, Any] = {"n_workers": 1, "processes": False, "dashboard_address": DASHBOARD}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The three files of the legacy README."""
    folder = tmp_path_factory.mktemp("images")
    first = write(TiffSpec((FIRST, SECOND)), folder, "1.tiff")
    second = write(TiffSpec((FIRST,), compression="zlib", tile=(32, 32)), folder, "2.tiff")
    third = write(TiffSpec((ImageSpec(T=4, Z=3),), files=3), folder, "3.ome.tiff")
    return [str(first), str(second), str(third)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[distributed.LocalCluster, distributed.Client]]:
    """Two worker processes on this machine."""
    with dask_utils.cluster_and_client(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=DASHBOARD,
    ) as (started, client):
        assert started is not None
        yield started, client


@pytest.fixture
def nothing_is_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process read no pixels, so that what is read was read by a worker."""

    def refuse(*_: object) -> None:
        raise AssertionError("pixels were read in this process")

    monkeypatch.setattr("aicsio._engine.read", refuse)
    monkeypatch.setattr("aicsio._engine.read_into", refuse)
    monkeypatch.setattr("aicsio._engine.run.read_into", refuse)


# ---------------------------------------------------------------- a cluster of our own


@pytest.mark.usefixtures("cluster", "nothing_is_read_here")
def test_images_are_read_by_the_workers(files: list[str]) -> None:
    img1, img2, img3 = map(AICSImage, files)
    for img in (img1, img2):
        np.testing.assert_array_equal(img.data, pixels(FIRST))
    np.testing.assert_array_equal(img1.get_image_data("ZYX", T=1, C=2), pixels(FIRST)[1, 2])
    np.testing.assert_array_equal(img3.data, pixels(ImageSpec(T=4, Z=3)))
    np.testing.assert_array_equal(imread_dask(files[0])[0, :].compute(), pixels(FIRST)[0])
    np.testing.assert_array_equal(img3.get_stack()[0], pixels(ImageSpec(T=4, Z=3)))


@pytest.mark.usefixtures("cluster", "nothing_is_read_here")
def test_samples_and_levels_are_read_by_the_workers(files: list[str]) -> None:
    img = AICSImage(files[0])
    img.set_scene(1)
    for level in img.resolution_levels:
        img.set_resolution_level(level)
        np.testing.assert_array_equal(img.get_image_data("CYXS"), pixels(SECOND, level)[0, :, 0])
        expected = np.moveaxis(pixels(SECOND, level)[0, :, 0], -1, 1)
        np.testing.assert_array_equal(img.data[0, :, 0], expected.reshape(6, *expected.shape[2:]))


@pytest.mark.usefixtures("cluster")
def test_without_dask_the_workers_have_nothing_to_do(
    files: list[str], nothing_is_read_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    img = AICSImage(files[0])
    with use_dask(False), pytest.raises(AssertionError, match="in this process"):
        _ = img.data
    assert img.data.any()
    del nothing_is_read_here
    monkeypatch.undo()
    with use_dask(False):
        np.testing.assert_array_equal(AICSImage(files[0]).data, pixels(FIRST))


@pytest.mark.usefixtures("nothing_is_read_here")
def test_pixels_that_are_here_are_not_sent_around(
    cluster: tuple[distributed.LocalCluster, distributed.Client], files: list[str]
) -> None:
    before = cluster[1].run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    for image in (np.zeros((4, 5)), Path(files[0]).read_bytes()):
        with pytest.raises(AssertionError, match="in this process"):
            _ = AICSImage(image).data
    assert (
        cluster[1].run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
        == before
    )


@pytest.mark.usefixtures("cluster")
def test_arrays_through_the_cluster() -> None:
    array = np.arange(4 * 30 * 40).reshape(4, 30, 40)
    assert to_dask(open_image(array)).sum().compute() == array.sum()
    persisted = da.from_array(array, chunks=(1, 30, 40)).persist()
    np.testing.assert_array_equal(AICSImage(persisted).data[0, 0], array)
    assert AICSImage(persisted).dask_data.max().compute() == array.max()
    colours = da.from_array(array.reshape(40, 40, 3), chunks=(20, 40, 1)).persist()
    np.testing.assert_array_equal(
        AICSImage(colours, dim_order="YXS").get_image_data("YXC"), array.reshape(40, 40, 3)
    )


def inside(path: str) -> int:
    """A user's own function on a worker."""
    return int(AICSImage(path).data.astype(np.int64).sum())


def test_a_task_on_a_worker_reads_images(
    cluster: tuple[distributed.LocalCluster, distributed.Client], files: list[str]
) -> None:
    futures = [cluster[1].submit(inside, path, pure=False) for path in files * 2]
    total = int(pixels(FIRST).astype(np.int64).sum())
    assert [future.result() for future in futures][:2] == [total, total]


def test_handles_and_images_travel(
    cluster: tuple[distributed.LocalCluster, distributed.Client], files: list[str]
) -> None:
    handle = transpose_to(
        select_level(select_scene(open_image(files[0]), 1), 1), "YXS", C=1, T=0, Z=0
    )
    back = cluster[1].submit(lambda given: given, handle).result()
    assert back == handle
    assert hash(back) == hash(handle)
    assert (
        to_dask(back).name
        == to_dask(handle).name
        == cluster[1].submit(lambda h: to_dask(h).name, handle).result()
    )
    np.testing.assert_array_equal(
        cluster[1].submit(np.asarray, handle).result(), pixels(SECOND, 1)[0, 1, 0]
    )
    img = AICSImage(files[1])
    assert cluster[1].submit(lambda given: given.get_image_data("YX", Z=1).shape, img).result() == (
        64,
        80,
    )


def test_a_graph_is_small_and_holds_no_file(files: list[str]) -> None:
    many = AICSImage(files[0], chunk_dims="X").dask_data
    few = AICSImage(files[0]).dask_data
    assert many.npartitions == 24
    sizes = [len(pickle.dumps(array.dask)) for array in (few, many)]
    assert sizes[1] < sizes[0] + 2000


@pytest.mark.usefixtures("cluster")
def test_an_error_of_a_worker_arrives_as_it_is(files: list[str], tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    path.write_bytes(Path(files[1]).read_bytes())
    img = AICSImage(path)
    os.utime(path, (1, 1))
    with pytest.raises(SourceChangedError, match="changed since it was opened"):
        _ = img.data


def test_a_cluster_ends_with_its_block() -> None:
    with dask_utils.cluster_and_client(**THREADS) as (started, client):
        assert started is not None
        assert client.submit(sum, [1, 2]).result() == 3
        assert distributed.get_client() is client
    assert started.status.value == "closed"
    assert client.status == "closed"


def test_a_cluster_ends_when_its_block_fails() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        dask_utils.cluster_and_client(**THREADS) as (started, client),
    ):
        _ = 1 / 0
    assert started is not None
    assert started.status.value == client.status == "closed"


def test_a_cluster_whose_client_fails_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    def fail(given: Any) -> None:
        started.append(given)
        raise OSError("no client today")

    monkeypatch.setattr(distributed, "Client", fail)
    with pytest.raises(OSError, match="no client today"):
        dask_utils.spawn_cluster_and_client(**THREADS)
    assert started[0].status.value == "closed"


# ---------------------------------------------------------------- a cluster of somebody else


def test_no_scheduler_answers(unused_port: int) -> None:
    with pytest.raises(OSError, match="Timed out"):
        dask_utils.spawn_cluster_and_client(f"tcp://127.0.0.1:{unused_port}", timeout=0.3)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---------------------------------------------------------------- what it costs to have it


def test_the_module_comes_with_the_package_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, aicsio; from aicsio import dask_utils; assert aicsio.dask_utils is dask_utils; "
        "print([name for name in ('dask', 'distributed', 'xarray', 'tifffile', 'imageio', 'ome_types') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "dask_utils" in aicsio.__all__


def test_reading_without_a_client_does_not_import_distributed(files: list[str]) -> None:
    code = (
        "import sys, aicsio; img = aicsio.AICSImage(sys.argv[1]); img.data; img.get_image_data('YX'); "
        "print('distributed' in sys.modules, 'dask' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, files[0]], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False False"


def test_an_asynchronous_client_is_left_to_its_owner(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asynchronous:
        asynchronous = True

    monkeypatch.setattr(distributed, "get_client", Asynchronous)
    assert not importlib.import_module("aicsio.legacy.reading")._cluster_is_active()
    np.testing.assert_array_equal(AICSImage(files[1]).data, pixels(FIRST))


def test_a_busy_port_is_no_trouble() -> None:
    quiet: dict[str, Any] = {"n_workers": 1, "processes": False}
    with (
        dask_utils.cluster_and_client(**quiet) as (first, _),
        dask_utils.cluster_and_client(**quiet) as (second, _),
    ):
        assert first is not None
        assert second is not None
        assert first.dashboard_link != second.dashboard_link


# ---------------------------------------------------------------- scripts without their guard

CALL = "with cluster_and_client(n_workers=1{}) as (cluster, client): print(client.submit(sum, [1]).result())"
IMPORT = "from aicsio.dask_utils import cluster_and_client\n"


@pytest.mark.parametrize(
    ("script", "refused"),
    [
        (IMPORT + CALL.format(""), True),
        pytest.param(
            IMPORT + "def main():\n    " + CALL.format("") + "\nmain()", True, marks=takes_long
        ),
        (IMPORT + CALL.format(", processes=False, dashboard_address='127.0.0.1:0'"), False),
    ],
)
def test_a_script_without_its_guard_is_refused_at_once(
    tmp_path: Path, script: str, *, refused: bool
) -> None:
    path = tmp_path / "script.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    if not refused:
        assert done.stdout == "1\n"
        return
    assert done.returncode == 1
    last_line = done.stderr.splitlines()[-1]
    assert f"{path}, line {len(script.splitlines())}: " in last_line
    assert 'under the line if __name__ == "__main__":' in last_line
    assert done.stderr.count("Traceback") == 1


GUARD = 'if __name__ == "__main__":\n    start()'


@pytest.mark.parametrize(
    ("script", "line", "refused"),
    [
        ("start()", 1, True),
        (GUARD, 2, False),
        (f"start()\n{GUARD}", 1, True),
        (f"x = 1\n{GUARD}\nstart()", 3, False),
        ('if __name__ != "__main__":\n    raise SystemExit\nstart()', 3, False),
        ("if ready:\n    start()", 2, True),
        ("no python at all", 1, False),
    ],
)
def test_where_a_line_is_guarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, line: int, *, refused: bool
) -> None:
    path = str(tmp_path / "script.py")
    Path(path).write_text(script)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", path, raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    if refused:
        with pytest.raises(AicsioError, match="processes of the cluster import this script"):
            dask_utils._require_guarded_line(path, line)
    else:
        dask_utils._require_guarded_line(path, line)


def test_a_line_of_no_file_and_of_another_program_is_not_refused() -> None:
    dask_utils._require_guarded_line(None, 1)
    dask_utils._require_guarded_line(__file__, 1)
