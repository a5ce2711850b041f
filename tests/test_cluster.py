"""Reading by processes that know nothing of this one: a scheduler and two workers started from a shell, and pools."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import pytest

from aicsio import (
    AICSImage,
    CorruptFileError,
    ImageHandle,
    SourceChangedError,
    dask_utils,
    errors,
    imread_dask,
    open_image,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    transpose_to,
    use_dask,
)
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, write_lif
from dask_clusters import Outside, outside_cluster, started
from support import takes_long

SPEC = ImageSpec(T=2, C=3, Z=4, Y=64, X=80)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with outside_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def client(outside: Outside) -> Iterator[distributed.Client]:
    with dask_utils.cluster_and_client(address=outside.address) as (none, client):
        assert none is None
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of every kind."""
    import imageio.v3

    made = tmp_path_factory.mktemp("images")
    planes = pixels(SPEC)[..., :64, :80].reshape(2, 3, 4, 64, 80)
    write(TiffSpec((SPEC,), compression="zlib", tile=(32, 32)), made, "tiles.ome.tiff")
    write(TiffSpec((SPEC,), files=3), made, "set.ome.tiff")
    write(TiffSpec((ImageSpec(Z=4),), flavour="plain"), made, "plain.tif")
    write_czi(made / "raw.czi", blocks_of(planes, "TCZYX"), metadata_xml(channels=["a", "b", "c"]))
    mosaic = blocks_of(planes[0], "CZYX", tile=(40, 40), overlap=8, levels=2, compression="zstd1")
    write_czi(made / "mosaic.czi", mosaic, metadata_xml(channels=["a", "b", "c"]))
    write_lif(
        made / "two.lif", [LifImage(planes[0], "CZYX"), LifImage(planes[1], "CZYX", name="second")]
    )
    imageio.v3.imwrite(made / "one.png", (planes[0, 0, 0] % 251).astype(np.uint8))
    imageio.v3.imwrite(made / "many.gif", (planes[0, 0] % 251).astype(np.uint8))
    return made


NAMES = (
    "tiles.ome.tiff",
    "set_0.ome.tiff",
    "plain.tif",
    "raw.czi",
    "mosaic.czi",
    "two.lif",
    "one.png",
    "many.gif",
)


@takes_long
def test_every_format_from_workers_elsewhere(
    client: distributed.Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert os.getcwd() not in client.run(os.getcwd).values()
    for name in NAMES:
        handle = open_image(name)  # by a name that means nothing to the workers
        for scene in range(len(handle.scenes)):
            for level in range(len(select_scene(handle, scene).levels)):
                shown = select_level(select_scene(handle, scene), level)
                expected = to_numpy(shown)
                np.testing.assert_array_equal(to_dask(shown, chunks="YX").compute(), expected)
                np.testing.assert_array_equal(client.submit(to_numpy, shown).result(), expected)
        assert len(pickle.dumps(handle)) < 20_000


@takes_long
def test_connecting_leaves_the_scheduler_running(
    outside: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "tiles.ome.tiff"
    for _ in range(2):
        with dask_utils.cluster_and_client(address=outside.address) as (none, client):
            assert none is None
            img = AICSImage(path)
            np.testing.assert_array_equal(img.data, pixels(SPEC))
            np.testing.assert_array_equal(imread_dask(path)[0, :].compute(), pixels(SPEC)[0])
            with use_dask(False), monkeypatch.context() as patch:
                patch.setattr("aicsio.legacy.reading.to_dask", None)
                np.testing.assert_array_equal(AICSImage(path).data, pixels(SPEC))
                np.testing.assert_array_equal(
                    AICSImage(path).get_image_data("ZYX", T=1, C=2), pixels(SPEC)[1, 2]
                )
        assert client.status == "closed"
    direct = AICSImage(path)
    np.testing.assert_array_equal(direct.data, pixels(SPEC))


def counted() -> None:
    """Count, on a worker, what is opened and parsed from now on."""
    from aicsio import opening
    from aicsio._io import pool
    from aicsio.formats.imageio import movie_engine

    counts = {"open_image": 0, "cursors": 0, "most open": 0}

    def counting(module: Any, name: str, key: str) -> None:
        whole = getattr(module, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            counts[key] += 1
            counts["most open"] = max(counts["most open"], pool.open_count())
            return whole(*args, **kwargs)

        setattr(module, name, wrapper)

    counting(opening, "_choose", "open_image")
    counting(movie_engine, "_MovieCursor", "cursors")
    opening.counts = counts  # type: ignore[attr-defined]


def counts_of_worker() -> dict[str, int]:
    from aicsio import opening

    counts: dict[str, int] = opening.counts  # type: ignore[attr-defined]
    return counts


@takes_long
def test_no_chunk_parses_the_file_again(client: distributed.Client, folder: Path) -> None:
    handles = [open_image(folder / name) for name in NAMES]
    expected = [to_numpy(handle) for handle in handles]
    client.run(counted)
    for handle, pixels_ in zip(handles, expected, strict=True):
        lazy = to_dask(handle, chunks="X" if "Z" not in handle.dims else "YX")
        np.testing.assert_array_equal(lazy.compute(), pixels_)
    for counts in client.run(counts_of_worker).values():
        assert counts["open_image"] == 0
        assert counts["cursors"] <= 2  # one a file, not one a chunk
        assert counts["most open"] <= 64


@pytest.mark.usefixtures("client")
def test_a_reader_is_one_key_and_tasks_are_small(folder: Path) -> None:
    lazy = to_dask(open_image(folder / "tiles.ome.tiff"), chunks=(1, 1, 1, 32, 32))
    tasks = dict(lazy.__dask_optimize__(lazy.__dask_graph__(), lazy.__dask_keys__()))
    assert sum(len(pickle.dumps(task)) > 1000 for task in tasks.values()) == 1
    assert lazy.sum().compute() == pixels(SPEC).sum()


def slowly(block: Any) -> Any:
    time.sleep(0.05)
    return block


def read_and_fail(path: str) -> None:
    raise CorruptFileError.at(path, 17, "expected something else")


def test_errors_travel(client: distributed.Client, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="at byte 17: expected") as caught:
        client.submit(read_and_fail, "a.czi").result()
    assert (caught.value.uri, caught.value.offset) == ("a.czi", 17)
    for name in errors.__all__:
        made = getattr(errors, name)("said")
        assert type(pickle.loads(pickle.dumps(made))) is type(made)
    path = tmp_path / "raw.czi"
    path.write_bytes((folder / "raw.czi").read_bytes())
    lazy = to_dask(open_image(path), chunks="YX")
    assert lazy[0, 0, 0, 0, 0].compute() == pixels(SPEC)[0, 0, 0, 0, 0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, (1, 1))
    with pytest.raises(SourceChangedError, match=r"raw\.czi.*changed since it was opened"):
        lazy.compute()


@takes_long
def test_a_worker_that_dies_loses_nothing(outside: Outside, folder: Path) -> None:
    handle = open_image(folder / "tiles.ome.tiff")
    with dask_utils.cluster_and_client(address=outside.address) as (_, client):
        client.wait_for_workers(2, timeout=60)
        read = client.compute(to_dask(handle, chunks=(1, 1, 1, 32, 80)).map_blocks(slowly))  # type: ignore[call-arg,arg-type]
        time.sleep(0.4)
        assert not read.done()
        killed = outside.workers.pop(0)
        killed.kill()
        killed.wait()
        np.testing.assert_array_equal(read.result(), pixels(SPEC))
        assert len(client.scheduler_info()["workers"]) == 1
        outside.workers.append(started("worker", outside.folder, "--nthreads", "1", "--no-nanny"))
        client.wait_for_workers(2, timeout=60)


START = """
import multiprocessing, os, pickle, sys, tempfile, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
import numpy as np
from aicsio import open_image, pipe, to_numpy, transpose_to
corner = transpose_to("YX", **{c: 0 for c in "TCZ"})

def read(handle):
    return to_numpy(handle)

if __name__ == "__main__":
    handles = [open_image(path) for path in sys.argv[1:]]
    expected = list(map(read, handles))
    os.chdir(tempfile.gettempdir())
    for method in ("fork", "forkserver", "spawn"):
        if method in multiprocessing.get_all_start_methods():
            with multiprocessing.get_context(method).Pool(1) as pool:
                assert all(map(np.array_equal, pool.map(read, handles), expected)), method
                assert np.array_equal(pool.apply(to_numpy, (handles[0],)), expected[0]), method
                assert pool.apply(pipe, (handles[0], corner, to_numpy())).shape == (64, 80), method
    print("fine")
"""


@takes_long
def test_every_way_to_start_a_process(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(START)
    names = ["tiles.ome.tiff", "raw.czi", "two.lif", "many.gif"]
    done = subprocess.run(
        [sys.executable, str(script), *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "fine", done.stderr


def test_an_image_of_the_legacy_face_travels(client: distributed.Client, folder: Path) -> None:
    img = AICSImage(folder / "two.lif")
    img.set_scene(1)
    data = client.submit(lambda given: given.get_image_data("CZYX"), img).result()
    np.testing.assert_array_equal(data, img.get_image_data("CZYX"))
    handle: ImageHandle = transpose_to(open_image(folder / "raw.czi"), "YX", T=1, C=1, Z=1)
    back = client.submit(lambda given: given, handle).result()
    assert (back, hash(back), to_dask(back).name) == (handle, hash(handle), to_dask(handle).name)
