"""A store is whole or not there; writing that was interrupted goes on."""

import contextlib
import errno
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import ImageHandle, open_image, to_numpy, write_ome_tiff, write_ome_zarr
from aicsio.errors import WriteError
from aicsio.writers._zarr import parts
from aicsio.writers._zarr.targets import folder, owning, swapping
from support import files_of, mostly_long, takes_long
from zarr_interrupted import compare, interrupt
from zarr_stores import judges


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file, which a second run finds again."""
    pixels = np.random.default_rng(0).integers(0, 4000, (2, 300, 400)).astype(np.uint16)
    return Path(
        write_ome_tiff(
            open_image(pixels, dims="ZYX"), tmp_path / "a.ome.tiff", compression=None
        ).path
    )


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many units, and levels above them."""
    monkeypatch.setattr(parts, "UNIT_BYTES", 1 << 16)
    monkeypatch.setattr(parts, "BOX_BYTES", 1 << 14)


OPTIONS: Any = {"chunks": 32, "shards": 64, "levels": 4}


class Interrupted(Exception):  # noqa: N818 - not an error of the package
    """Raised by a progress function, as Ctrl-C would be."""


def interrupted_after(calls: int) -> Any:
    """A progress function that ends the writing."""
    seen = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == calls:
            raise Interrupted

    return progress


@takes_long
def test_killed_at_random_it_goes_on(tmp_path: Path) -> None:
    assert interrupt(tmp_path, kills=3, seed=1).kills == 3


def test_finished_units_are_not_read_again(source: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.zarr", tmp_path / "target.zarr"
    write_ome_zarr(open_image(source), whole, **OPTIONS)
    boxes: list[int] = []
    write = {"workers": 1, **OPTIONS}
    with pytest.raises(Interrupted):
        write_ome_zarr(open_image(source), target, progress=interrupted_after(20), **write)
    assert not target.exists()
    hidden = tmp_path / ".target.zarr.part"
    before = {
        name: (hidden / "store" / name).stat().st_mtime_ns for name in files_of(hidden / "store")
    }
    assert before
    write_ome_zarr(open_image(source), target, progress=lambda done, _: boxes.append(done), **write)
    assert boxes[0] > 64 * 64 * 2 * 2, "the first units were there"
    compare(whole, target)
    for name, time in before.items():
        assert (target / name).stat().st_mtime_ns == time, f"{name} was written again"
    assert not hidden.exists()


@pytest.mark.parametrize("change", mostly_long(["options", "source", "resume"], "source"))
def test_unfinished_work_of_another_kind_is_discarded(
    change: str, source: Path, tmp_path: Path
) -> None:
    target, whole = tmp_path / "target.zarr", tmp_path / "whole.zarr"
    with pytest.raises(Interrupted):
        write_ome_zarr(open_image(source), target, progress=interrupted_after(20), **OPTIONS)
    options = dict(OPTIONS)
    if change == "source":
        other = np.zeros((2, 300, 400), np.uint16)
        write_ome_tiff(open_image(other, dims="ZYX"), source, overwrite=True, compression=None)
    elif change == "options":
        options["downsample"] = "nearest"
    else:
        options["resume"] = False
    seen: list[int] = []
    write_ome_zarr(
        open_image(source), target, progress=lambda done, _: seen.append(done), workers=1, **options
    )
    assert seen[0] <= 64 * 64 * 2 * 2
    write_ome_zarr(open_image(source), whole, **options)
    compare(whole, target)


def old_store(target: Path) -> dict[str, bytes]:
    write_ome_zarr(open_image(np.full((40, 50), 5, np.uint8)), target)
    return files_of(target)


@pytest.mark.parametrize("exchanges", [True, False])
def test_an_old_store_stays_until_the_new_one_is_whole(
    exchanges: bool, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanges:
        monkeypatch.setattr(swapping, "_rename", lambda *_: False)
    target = tmp_path / "a.zarr"
    old = old_store(target)
    with pytest.raises(WriteError, match="exists: pass overwrite=True"):
        write_ome_zarr(open_image(source), target)
    with pytest.raises(Interrupted):
        write_ome_zarr(
            open_image(source), target, overwrite=True, progress=interrupted_after(3), **OPTIONS
        )
    assert files_of(target) == old
    write_ome_zarr(open_image(source), target, overwrite=True, **OPTIONS)
    assert files_of(target) != old
    assert judges.zarr_pixels(target, "", ("0",))[0].shape[-3:] == (2, 300, 400)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ome.tiff", "a.zarr"]


def test_a_process_killed_between_two_renames_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system cannot exchange names: the old store gets its name back."""
    monkeypatch.setattr(swapping, "_rename", lambda *_: False)
    target = tmp_path / "a.zarr"
    old = old_store(target)
    hidden = Path(folder.hidden_folder(str(target)))
    hidden.mkdir()
    target.rename(hidden / "old")
    with pytest.raises(WriteError, match="exists: pass overwrite=True"):
        write_ome_zarr(open_image(np.zeros((4, 5))), target)
    assert files_of(target) == old


def test_a_full_disk_is_our_error_and_leaves_the_old_store(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.zarr"
    old = old_store(target)

    def full(path: str, _parts: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    monkeypatch.setattr(folder, "write_whole", full)
    with pytest.raises(WriteError, match="No space left on device"):
        write_ome_zarr(open_image(source), target, overwrite=True, **OPTIONS)
    assert files_of(target) == old
    assert not Path(folder.hidden_folder(str(target))).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_two_writers_of_one_target_do_not_meet(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    messages: list[str] = []

    def write_too(_done: int, _total: int) -> None:
        if not messages:
            with pytest.raises(WriteError) as caught:
                write_ome_zarr(open_image(source), target, **OPTIONS)
            messages.append(str(caught.value))

    write_ome_zarr(open_image(source), target, progress=write_too, **OPTIONS)
    assert messages == [
        f"'{target}' is being written by another process or thread: wait for it, or give another path"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks")
def test_a_lock_on_a_folder_that_another_writer_has_removed_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source: flock(2), a lock belongs to an open file, whatever its name is by then."""
    hidden = tmp_path / ".a.zarr.part"
    lock, asked = owning._lock, 0

    def lock_late(fd: int, target: str) -> None:
        # As by another writer that ended between the opening of the file and the lock.
        nonlocal asked
        asked += 1
        if asked == 1:
            shutil.rmtree(hidden)
        lock(fd, target)

    monkeypatch.setattr(owning, "_lock", lock_late)
    fd = owning.own_folder(str(hidden), "a.zarr")
    try:
        assert asked == 2
        assert os.path.samestat(os.fstat(fd), os.stat(hidden / "lock"))
        with pytest.raises(WriteError, match="by another process or thread"):
            owning.own_folder(str(hidden), "a.zarr")
    finally:
        os.close(fd)


def test_threads_that_replace_one_store_leave_a_whole_one(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"

    def write(value: int) -> int:
        image = open_image(np.full((2, 40, 40), value, np.uint16), dims="CYX")
        done = 0
        for _ in range(8):
            with contextlib.suppress(WriteError):  # another one is at work
                write_ome_zarr(image, target, overwrite=True, sync=False)
                done += 1
        return done

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(write, (1, 2, 3))) > 0
    assert len(np.unique(to_numpy(open_image(target)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_only_a_zarr_is_replaced(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "photos.zarr"
    target.mkdir()
    (target / "one.jpg").write_bytes(b"1")
    with pytest.raises(WriteError, match="is no Zarr store: it is not replaced"):
        write_ome_zarr(open_image(source), target, overwrite=True)
    assert files_of(target) == {"one.jpg": b"1"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_zarr_is_not_replaced_and_no_option_would(
    source: Path, tmp_path: Path, *, overwrite: bool
) -> None:
    """A file, a pipe, a folder of others: ``overwrite=True`` was advised, and then refused."""
    (tmp_path / "file.zarr").write_bytes(b"1")
    (tmp_path / "folder.zarr").mkdir()
    (tmp_path / "folder.zarr" / "one.jpg").write_bytes(b"1")
    names = ["file.zarr", "folder.zarr"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.zarr")
        names.append("pipe.zarr")
    for name in names:
        with pytest.raises(WriteError, match="is no Zarr store: it is not replaced"):
            write_ome_zarr(open_image(source), tmp_path / name, overwrite=overwrite)


def test_what_took_the_name_meanwhile_is_deleted_only_if_it_is_a_zarr(
    source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "a.zarr"

    def take_name(_done: int, _total: int) -> None:
        target.mkdir(exist_ok=True)
        (target / "one.jpg").write_bytes(b"1")

    with pytest.raises(WriteError, match="became something that is no Zarr store"):
        write_ome_zarr(open_image(source), target, overwrite=True, progress=take_name)
    assert files_of(target) == {"one.jpg": b"1"}


def test_a_name_that_is_too_long_is_refused_at_once(source: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="too long"):
        write_ome_zarr(open_image(source), tmp_path / ("a" * 300))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("url", ["s3://", "file://", "memory://", "http://"])
def test_urls_that_name_no_place_make_no_folder(
    url: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    with pytest.raises(WriteError, match="names no place"):
        write_ome_zarr(open_image(source), url)
    assert set(tmp_path.iterdir()) == before


def memory_image() -> ImageHandle:
    """An array that no later process could find."""
    pixels: npt.NDArray[Any] = np.arange(300 * 400, dtype=np.uint32).reshape(300, 400)
    return open_image(pixels)


def test_arrays_in_memory_are_written_anew(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    with pytest.raises(Interrupted):
        write_ome_zarr(memory_image(), target, progress=interrupted_after(5), workers=1, **OPTIONS)
    seen: list[int] = []
    write_ome_zarr(
        memory_image(), target, progress=lambda done, _: seen.append(done), workers=1, **OPTIONS
    )
    assert seen[0] <= 64 * 64 * 2 * 4


@pytest.mark.parametrize("what", ["header", "units", "half a line"])
def test_a_disk_that_is_full_for_the_journal(
    source: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.zarr"
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def dump(*_: object) -> None:
        raise full

    def write(fd: int, data: bytes) -> int:
        if what == "units" or len(data) > 200:
            raise full
        return real_write(fd, data[:-5])

    real_write = os.write
    with monkeypatch.context() as patch:
        if what == "header":
            patch.setattr(json, "dump", dump)
        else:
            patch.setattr(os, "write", write)
        with pytest.raises(WriteError, match=r"cannot write '.*a\.zarr': No space left on device"):
            write_ome_zarr(open_image(source), target, **OPTIONS)
    assert Path(folder.hidden_folder(str(target))).exists() is (what != "header")
    # With space again it goes on, also after a line that was cut off.
    with pytest.raises(Interrupted):
        write_ome_zarr(open_image(source), target, progress=interrupted_after(5), **OPTIONS)
    write_ome_zarr(open_image(source), target, **OPTIONS)
    write_ome_zarr(open_image(source), tmp_path / "b.zarr", **OPTIONS)
    assert files_of(target) == files_of(tmp_path / "b.zarr")
