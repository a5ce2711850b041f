"""Local files that change, vanish, or are no files: an error of ours, at once, and never bytes of two versions.

Sources of the right outcomes: POSIX open(2) (a FIFO opened for reading waits for a writer) and stat(2) (ELOOP); the
rest follows from what a read promises: the bytes of the file that was opened.
"""

import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aicsio import (
    ArgumentTypeError,
    CorruptFileError,
    ImageHandle,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    WriteError,
    open_image,
    to_dask,
    to_numpy,
    write_region,
)
from aicsio._io import local_files
from aicsio._io.readers import identify, lend, one_reader_at_a_time, open_binary
from aicsio.testing.lif import LifImage, build_lif

PIXELS = np.arange(4 * 16 * 20, dtype=np.uint16).reshape(4, 16, 20)
CONTENT = build_lif([LifImage(PIXELS, "ZYX")])
posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.lif"
    path.write_bytes(CONTENT)
    return path


def overwrite(path: Path, content: bytes) -> None:
    """Write into the same file, as a program that saves again does, later than the clock of the file system ticks."""
    before = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
    while path.stat().st_mtime_ns == before:
        time.sleep(0.005)
        os.utime(path)


READS: dict[str, Callable[[ImageHandle], object]] = {
    "to_numpy": to_numpy,
    "one thread": lambda handle: to_numpy(handle, workers=1),
    "dask": lambda handle: to_dask(handle).compute(),
}


@pytest.mark.parametrize("read", READS)
def test_a_file_overwritten_during_a_read_raises(
    path: Path, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    handle = open_image(path)
    preadv = os.preadv

    def read_and_overwrite(*arguments: Any) -> int:
        count: int = preadv(*arguments)
        monkeypatch.setattr(os, "preadv", preadv)
        overwrite(path, CONTENT[:-4] + b"new!")
        return count

    monkeypatch.setattr(os, "preadv", read_and_overwrite)
    with pytest.raises(SourceChangedError, match="call open_image on it again"):
        READS[read](handle)


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_so_does_one_that_a_library_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    picture = tmp_path / f"a.{kind.lower()}"
    noise = np.random.default_rng(3).integers(0, 256, (300, 300), np.uint8)
    Image.fromarray(noise).save(picture, kind)
    handle = open_image(picture)
    readinto = io.FileIO.readinto

    def read_and_overwrite(self: Any, buffer: Any) -> Any:
        count = readinto(self, buffer)
        if picture.stat().st_size > 9:
            overwrite(picture, b"shorter")
        return count

    def checked(self: Any, buffer: Any) -> Any:
        count = read_and_overwrite(self, buffer)
        self._check()
        return count

    monkeypatch.setattr(local_files.WatchedFile, "readinto", checked)
    with pytest.raises(SourceChangedError, match="call open_image on it again"):
        to_numpy(handle)


def test_an_error_of_damage_in_a_file_that_was_overwritten_is_no_damage(path: Path) -> None:
    source = identify(path)

    def read() -> None:
        with lend(source) as reader:
            reader.read(0, 8)
            overwrite(path, CONTENT[::-1])
            raise CorruptFileError("a decoder met the bytes of two versions")

    with pytest.raises(SourceChangedError) as caught:
        read()
    assert isinstance(caught.value.__cause__, CorruptFileError)


def test_other_errors_pass_as_they_are(path: Path) -> None:
    def read(error: BaseException) -> None:
        with one_reader_at_a_time() as reader_of:
            reader_of(identify(path)).read(0, 8)
            overwrite(path, CONTENT[::-1])
            raise error

    with pytest.raises(KeyboardInterrupt):
        read(KeyboardInterrupt())
    with pytest.raises(ZeroDivisionError):
        read(ZeroDivisionError())


def test_a_change_between_two_sources_of_a_thread_is_found(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.lif"
    other.write_bytes(CONTENT)
    first, second = identify(path), identify(other)

    def read() -> None:
        with one_reader_at_a_time() as reader_of:
            reader_of(first).read(0, 8)
            overwrite(path, CONTENT[::-1])
            reader_of(second).read(0, 8)

    with pytest.raises(SourceChangedError, match=r"a\.lif"):
        read()


@posix
@pytest.mark.parametrize("kind", ["named pipe", "folder", "link to a device", "nothing"])
def test_something_else_takes_the_place_of_a_file(path: Path, kind: str) -> None:
    handle = open_image(path)
    path.unlink()
    if kind == "named pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    expected = SourceNotFoundError if kind == "nothing" else SourceError
    failures: list[BaseException] = []

    def read() -> None:
        for attempt in (lambda: to_numpy(handle), lambda: open_binary(handle.source)):
            try:
                attempt()
            except SourceError as error:
                failures.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for a writer"
    assert [type(error) for error in failures] == [expected] * 2
    assert all("a.lif" in str(error) for error in failures)


@posix
def test_names_that_lead_to_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = tmp_path / "loop.tif"
    loop.symlink_to(loop)
    dangling = tmp_path / "dangling.tif"
    dangling.symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe.tif")
    deep = tmp_path / "/".join(["a" * 200] * 30)
    for name in (
        loop,
        str(loop),
        "a\0b.tif",
        f"{tmp_path}/a\0b.tif",
        deep,
        "/dev/null",
        tmp_path / "pipe.tif",
    ):
        with pytest.raises(SourceError):
            open_image(name)
    for name in (
        dangling,
        tmp_path / "gone.tif",
        "file:///a%00b.tif",
        "~nobody-is-called-so/a.tif",
    ):
        with pytest.raises(SourceError):
            open_image(name)
    gone = tmp_path / "working"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SourceNotFoundError):
        open_image("a.tif")


def test_a_link_that_is_turned_to_another_file_is_another_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.lif"
    link.symlink_to(path)
    handle = open_image(link)
    other = tmp_path / "other.lif"
    other.write_bytes(CONTENT + b"more")
    link.unlink()
    link.symlink_to(other)
    with pytest.raises(SourceChangedError):
        to_numpy(handle)


@pytest.mark.parametrize("mode", ["wb", "ab", "xb"])
def test_a_file_that_is_open_for_writing(tmp_path: Path, mode: str) -> None:
    with (
        open(tmp_path / "a.tif", mode) as file,
        pytest.raises(ArgumentTypeError, match="open for writing alone: open it with mode 'rb'"),
    ):
        open_image(file)


def test_a_store_of_a_name_that_no_file_has(path: Path) -> None:
    with pytest.raises(WriteError, match="there is no Zarr store"):
        write_region(open_image(path), "a\0b.ome.zarr")
