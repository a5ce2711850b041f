"""A file appears whole or not at all: errors, full disks, Ctrl-C, kills and rivals."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile

from aicsio import ImageHandle, WriteError, open_image, write_ome_tiff
from aicsio.writers import _atomic_file
from aicsio.writers._pixels import boxes
from support import mostly_long

posix = pytest.mark.skipif(os.name == "nt", reason="the calls are those of POSIX")


class BrokenError(Exception):
    """What the source of a test raises."""


def failing(at: int, error: type[BaseException] = BrokenError) -> ImageHandle:
    """An image of 20 planes of which one cannot be computed."""

    def plane(block: Any, block_info: Any = None) -> Any:
        if block_info[0]["chunk-location"][0] == at:
            raise error("half way")
        return block

    lazy = da.zeros((20, 60, 70), dtype="u2", chunks=(1, 60, 70))
    return open_image(
        lazy.map_blocks(plane, dtype="u2", meta=np.zeros((0, 0, 0), "u2")), dims="ZYX"
    )


@pytest.fixture(autouse=True)
def one_plane_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that half way is half way, for small images too."""
    monkeypatch.setattr(boxes, "BOX_BYTES", 1)


@pytest.fixture(params=[False, True], ids=["new", "old"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A path, with a file there or without; it must be the same after the test, and nothing beside it."""
    path = tmp_path / "a.ome.tiff"
    if request.param:
        path.write_bytes(b"the old one")
    yield path
    assert [entry.name for entry in tmp_path.iterdir()] == ([path.name] if request.param else [])
    assert not request.param or path.read_bytes() == b"the old one"


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("workers", mostly_long([1, 3], 3))
@pytest.mark.parametrize("error", [BrokenError, KeyboardInterrupt, OSError])
def test_a_source_that_fails_half_way(
    target: Path, error: type[BaseException], workers: int, compression: Any
) -> None:
    with pytest.raises(error, match="half way"):
        write_ome_tiff(
            failing(13, error), target, overwrite=True, workers=workers, compression=compression
        )


@pytest.mark.parametrize("error", [BrokenError, KeyboardInterrupt])
def test_a_progress_that_raises(target: Path, error: type[BaseException]) -> None:
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise error("half way")

    with pytest.raises(error, match="half way"):
        write_ome_tiff(failing(99), target, overwrite=True, progress=stop, workers=2)


@pytest.mark.parametrize(
    ("call", "compression"),
    [
        ("posix_fallocate", None),
        *(
            (call, c)
            for call in ("pwrite", "fsync", "ftruncate", "replace")
            for c in (None, "zlib")
        ),
    ],
)
@posix
def test_a_full_disk(
    target: Path, call: str, compression: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    if call == "replace":
        monkeypatch.setattr(os, "link", full)
    previous = r"\. The previous file is as it was" if target.exists() else ""
    with pytest.raises(WriteError, match=rf"No space left on device{previous}$") as caught:
        write_ome_tiff(failing(99), target, overwrite=True, compression=compression)
    assert isinstance(caught.value.__cause__, OSError)


@posix
def test_a_file_system_that_cannot_reserve_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    report = write_ome_tiff(failing(99), tmp_path / "a.ome.tiff", compression=None)
    assert os.path.getsize(report.path) == report.nbytes


@posix
def test_a_true_limit_of_the_system(tmp_path: Path) -> None:
    code = """
import resource, signal, sys, numpy as np
from aicsio import WriteError, open_image, write_ome_tiff
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
for compression in (None, "zlib"):
    noise = np.random.default_rng(0).integers(0, 65535, (9, 300, 300), np.uint16)
    try:
        write_ome_tiff(open_image(noise), sys.argv[1], overwrite=True, compression=compression)
    except WriteError as error:
        print(error)
"""
    target = tmp_path / "a.ome.tiff"
    target.write_bytes(b"the old one")
    done = subprocess.run(
        [sys.executable, "-c", code, target], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("File too large") == 2
    assert target.read_bytes() == b"the old one"
    assert [entry.name for entry in tmp_path.iterdir()] == [target.name]


def test_writes_that_come_short_are_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.arange(60_000, dtype="u2").reshape(6, 100, 100)
    monkeypatch.setattr(_atomic_file.Output, "_write_some", _short(_atomic_file.Output._write_some))
    report = write_ome_tiff(open_image(image), tmp_path / "a.ome.tiff", compression=None)
    assert tifffile.imread(report.path).tobytes() == image.tobytes()


def _short(write: Any) -> Any:
    return lambda self, offset, data: write(self, offset, data[:777])


def test_a_system_without_positional_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in ("pwrite", "posix_fallocate"):
        monkeypatch.delattr(os, call, raising=False)
    image = np.arange(60_000, dtype="u2").reshape(6, 100, 100)
    for compression in (None, "zlib"):
        path = tmp_path / f"{compression}.ome.tiff"
        report = write_ome_tiff(open_image(image), path, compression=compression, workers=3)
        assert tifffile.imread(report.path).tobytes() == image.tobytes()


# ---------------------------------------------------------------- names


def test_a_file_that_is_there_is_kept_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"
    path.write_bytes(b"the old one")
    with pytest.raises(WriteError, match="overwrite=True"):
        write_ome_tiff(failing(0), path)
    assert path.read_bytes() == b"the old one"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "this file system knows no links")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.ome.tiff"
    with pytest.raises(WriteError, match="appeared while it was being written"):
        write_ome_tiff(failing(99), path, progress=lambda *_: path.write_bytes(b"a rival"))
    assert path.read_bytes() == b"a rival"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    path.unlink()
    assert write_ome_tiff(failing(99), path).nbytes == path.stat().st_size


@posix
def test_a_link_stays_a_link_and_modes_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.ome.tiff", tmp_path / "link.ome.tiff"
    real.write_bytes(b"the old one")
    real.chmod(0o640)
    link.symlink_to(real)
    report = write_ome_tiff(failing(99), link, overwrite=True)
    assert link.is_symlink()
    assert report.path == str(real)
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert tifffile.imread(real).shape == (20, 60, 70)


@posix
def test_a_new_file_has_the_modes_that_the_user_set(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        report = write_ome_tiff(failing(99), tmp_path / "a.ome.tiff")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(report.path).st_mode) == 0o640


def test_a_relative_path_and_a_link_that_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_ome_tiff(failing(99), "a.ome.tiff").path == str(tmp_path / "a.ome.tiff")
    (tmp_path / "dangling").symlink_to(tmp_path / "b.ome.tiff")
    assert write_ome_tiff(failing(99), "dangling").path == str(tmp_path / "b.ome.tiff")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no/a.ome.tiff", "make it first"),
        ("", "give a file name"),
        (".", "it is a folder"),
        ("s3://bucket/a.ome.tiff", "a path of this machine"),
    ],
)
def test_places_that_cannot_be_written(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WriteError, match=told):
        write_ome_tiff(failing(0), name, overwrite=True)


@posix
def test_a_device_is_not_replaced() -> None:
    with pytest.raises(WriteError, match="device or pipe"):
        write_ome_tiff(failing(0), os.devnull, overwrite=True)
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(WriteError, match="Permission denied"):
        write_ome_tiff(failing(0), tmp_path / "a.ome.tiff")


# ---------------------------------------------------------------- kills and rivals

SLOW = """
import signal, sys, time, numpy as np
from aicsio import open_image, write_ome_tiff
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has its children ignore it
def wait(done, total):
    print(flush=True)
    time.sleep(60)
write_ome_tiff(open_image(np.zeros((20, 600, 700))), sys.argv[1], overwrite=True, compression=None, progress=wait)
"""


@pytest.fixture
def slow_writer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, in the middle of writing a.ome.tiff."""
    code = [sys.executable, "-c", SLOW, str(tmp_path / "a.ome.tiff")]
    with subprocess.Popen(code, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        process.kill()


@posix
def test_what_a_killed_writer_leaves_is_removed_by_the_next(
    tmp_path: Path, slow_writer: subprocess.Popen[bytes]
) -> None:
    target = tmp_path / "a.ome.tiff"
    slow_writer.send_signal(signal.SIGKILL)
    slow_writer.wait()
    left = list(tmp_path.iterdir())
    assert [path.name[:8] for path in left] == [".aicsio-"]
    write_ome_tiff(failing(99), tmp_path / "b.ome.tiff")
    assert left[0].exists()  # it belongs to another target
    write_ome_tiff(failing(99), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ome.tiff", "b.ome.tiff"]
    assert tifffile.imread(target).shape == (20, 60, 70)


@posix
def test_ctrl_c_leaves_nothing(tmp_path: Path, slow_writer: subprocess.Popen[bytes]) -> None:
    slow_writer.send_signal(signal.SIGINT)
    assert slow_writer.wait() != 0
    assert not list(tmp_path.iterdir())


@posix
def test_a_living_writer_is_left_alone(
    tmp_path: Path, slow_writer: subprocess.Popen[bytes]
) -> None:
    target = tmp_path / "a.ome.tiff"
    report = write_ome_tiff(failing(99), target)
    assert slow_writer.poll() is None
    assert tifffile.imread(report.path).shape == (20, 60, 70)
    left = [path.name for path in tmp_path.iterdir() if path != target]
    assert len(left) == 1


def test_writers_of_one_target_do_not_mix(tmp_path: Path) -> None:
    images = [np.full((30, 100, 100), value, "u2") for value in range(4)]
    target = tmp_path / "a.ome.tiff"
    threads = [
        threading.Thread(
            target=lambda image=image: write_ome_tiff(open_image(image), target, overwrite=True)
        )
        for image in images
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    found = tifffile.imread(target)
    assert found.min() == found.max()
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@posix
def test_a_name_taken_between_two_calls_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen: list[str] = []
    lock = _atomic_file._lock

    def steal(fd: int, *, wait: bool) -> bool:
        hidden = next((path for path in tmp_path.glob(".aicsio-*")), None)
        if wait and not stolen and hidden is not None:
            stolen.append(hidden.name)
            hidden.unlink()
        return lock(fd, wait=wait)

    monkeypatch.setattr(_atomic_file, "_lock", steal)
    report = write_ome_tiff(failing(99), tmp_path / "a.ome.tiff")
    assert stolen
    assert tifffile.imread(report.path).shape == (20, 60, 70)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ome.tiff"]


@posix
@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("second_fails", [True, False])
def test_a_second_writer_cannot_take_the_file_of_the_first(
    overwrite: bool, second_fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second starts when the first is about to give its file the name, which is when a lock was lost."""
    target = str(tmp_path / "a.ome.tiff")
    call = "replace" if overwrite else "link"
    take_name = getattr(os, call)
    names: list[str] = []

    def start_second(*args: str) -> None:
        monkeypatch.setattr(os, call, take_name)
        names.extend(path.name for path in tmp_path.iterdir())
        with (
            contextlib.suppress(BrokenError),
            _atomic_file.replacing(target, overwrite=True, sync=False) as output,
        ):
            output.write_at(0, b"second")
            if second_fails:
                raise BrokenError
        names.extend(path.name for path in tmp_path.iterdir())
        take_name(*args)

    monkeypatch.setattr(os, call, start_second)
    with (
        contextlib.suppress(WriteError),
        _atomic_file.replacing(target, overwrite=overwrite, sync=False) as output,
    ):
        output.write_at(0, b"first")
    assert names
    # Without overwrite, the second writer's file is there first and stays.
    expected = b"second" if not second_fails and not overwrite else b"first"
    assert Path(target).read_bytes() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["a.ome.tiff"]


@posix
def test_a_hidden_file_that_vanishes_is_an_error_and_no_empty_target(tmp_path: Path) -> None:
    target = tmp_path / "a.ome.tiff"
    target.write_bytes(b"before")
    writer = _atomic_file.replacing(str(target), overwrite=True, sync=False)
    writer.__enter__()
    (hidden,) = tmp_path.glob(".aicsio-*")
    hidden.unlink()
    hidden.write_bytes(b"of another")
    with pytest.raises(WriteError, match="another process removed its temporary file"):
        writer.__exit__(None, None, None)
    assert target.read_bytes() == b"before"
    assert hidden.read_bytes() == b"of another"


@posix
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("loop", "Too many levels of symbolic links"),
        ("loop/a.ome.tiff", "Too many levels of symbolic links"),
        ("a\0.ome.tiff", "no path of this system"),
        ("\ud800.ome.tiff", "no path of this system"),
        ("x" * 300 + ".tiff", "File name too long"),
        ("file/a.ome.tiff", "there is no folder"),
        ("", "give a file name"),
    ],
)
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_target_that_is_no_place_is_an_error_of_ours(
    name: str, message: str, overwrite: bool, tmp_path: Path
) -> None:
    os.symlink("loop", tmp_path / "loop")
    (tmp_path / "file").touch()
    path = f"{tmp_path}/{name}" if name else ""
    with pytest.raises(WriteError, match=message):
        write_ome_tiff(failing(99), path, overwrite=overwrite)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


KILLED = """
import os, random, signal, sys, time
import numpy as np
from aicsio import open_image, write_ome_tiff
images = [open_image(np.full((3, 700, 600), 1000 * k, "u2")) for k in range(5)]
options = [{}, {"compression": None}, {"levels": "auto"}, {"compression": None, "levels": 3}]
write_ome_tiff(images[0], sys.argv[1])
for seed in range(12):
    child = os.fork()
    if child == 0:
        for turn in range(1, 1000):
            chosen = options[(seed + turn) % 4]
            write_ome_tiff(images[turn % 5], sys.argv[1], overwrite=True, sync=turn % 2 == 0, **chosen)
    time.sleep(random.Random(seed).random() * 0.2)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(seed, flush=True)
    sys.stdin.readline()
"""


@posix
def test_killed_at_any_moment_the_target_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.ome.tiff"
    code = [sys.executable, "-c", KILLED, str(target)]
    with subprocess.Popen(
        code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in process.stdout:
            with tifffile.TiffFile(target) as tiff:
                values = [np.unique(level.asarray()) for level in tiff.series[0].levels]
            assert values[0].size == 1
            assert {value.tobytes() for value in values} == {values[0].tobytes()}
            left = [path.name for path in tmp_path.iterdir() if path != target]
            assert not left or (len(left) == 1 and left[0].startswith(".aicsio-"))
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.returncode == 0
    write_ome_tiff(failing(99), target, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
