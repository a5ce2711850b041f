"""The command line as a process of its own."""

import argparse
import errno
import gc
import io
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aicsio import SceneError, SourceNotFoundError, WriteError, cli
from aicsio.__main__ import run
from aicsio.cli.terminal.advice import next_step
from aicsio.progress import make_console


@pytest.fixture(autouse=True)
def _usual_interrupts() -> Iterator[None]:
    """The process of the tests goes on after ``run``, and Ctrl-C has to end them as before."""
    usual = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, usual)


def test_the_objects_of_a_process_are_frozen_at_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["aicsio", "info", "missing.tif"])
    try:
        assert run() == 1
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    assert "missing.tif" in capsys.readouterr().err


def test_they_are_frozen_after_the_help_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["aicsio", "--help"])
    try:
        with pytest.raises(SystemExit):
            run()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    assert "usage" in capsys.readouterr().out


AICSIO = f"{shlex.quote(sys.executable)} -m aicsio"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
@pytest.mark.parametrize("command", ["schema", "--help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_the_output_is_no_traceback(command: str, unbuffered: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{AICSIO} {command} > /dev/full"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert done.returncode == 1
    reason = os.strerror(errno.ENOSPC)
    assert done.stderr == f"aicsio: cannot write the output: {reason}\n  try: df -h\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
@pytest.mark.parametrize(
    ("command", "code"), [("", 2), ("info --bad", 2), ("info missing.tif missing.tif", 1), ("schema", 0)]
)  # fmt: skip
def test_a_full_disk_under_the_messages_changes_no_code(command: str, code: int) -> None:
    """The code of the command itself; 120 is that of an interpreter whose last flush failed."""
    done = subprocess.run(
        ["sh", "-c", f"{AICSIO} {command} 2> /dev/full"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
def test_nor_does_it_end_the_work(tmp_path: Path) -> None:
    """The first of two images fails, and its message is lost; the second is written."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tif").write_bytes(b"no image")
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "in" / "b.tif")
    command = f"{AICSIO} convert in out 2> /dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert (tmp_path / "out" / "b.ome.tiff").exists()


@pytest.mark.skipif(os.name == "nt", reason="pipes have no signal")
@pytest.mark.parametrize("command", ["--bad", "info --bad"])
def test_the_reader_of_the_messages_has_gone(command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "aicsio", *command.split()], stderr=writer, check=False
    )
    os.close(writer)
    assert done.returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="a shell that closes the input")
@pytest.mark.parametrize(
    ("redirection", "message"),
    [("<&-", "which is closed: aicsio info - < cells.tif"), ("0> written", "Bad file descriptor")],
)
def test_an_input_that_cannot_be_read(redirection: str, message: str, tmp_path: Path) -> None:
    command = f"{AICSIO} info - {redirection}"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="files that Linux makes")
@pytest.mark.parametrize("name", ["mem", "status"])
def test_files_of_the_system_are_not_damaged(name: str) -> None:
    """Source: proc(5); their size is 0, and they have bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "aicsio", "check", f"/proc/self/{name}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"/proc/self/{name}'" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes have no signal")
@pytest.mark.parametrize("command", ["schema", "--help", "info --help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone(command: str, unbuffered: str) -> None:
    """Source: docs/command-line.md, exit codes; 128 + SIGPIPE, as of ``cat`` in bash."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "aicsio", *command.split()],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(os.name == "nt", reason="a shell that closes the output")
@pytest.mark.parametrize(
    ("command", "code", "message"),
    [("schema", 0, ""), ("thumbnail plane.png -", 1, "aicsio: '-' writes to the standard output, which is closed")],
)  # fmt: skip
def test_a_closed_output_is_no_traceback(command: str, code: int, message: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{AICSIO} {command} >&-"], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stderr[: len(message) or None] == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["info", "--bogus"], "there is no option '--bogus': choose from -h"),
        (["convert", "--overwite"], "there is no option '--overwite': did you mean '--overwrite'?"),
        (["--bogus"], "there is no option '--bogus'"),
        (
            ["info", "-a.tif"],
            "there is no option '-a.tif': for the file of this name write ./-a.tif",
        ),
        (["thumbnail", "b.tif"], "the following arguments are required: OUT"),
        (["info"], "the following arguments are required: FILE"),
    ],
)
def test_the_option_that_is_none_comes_before_what_is_missing(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-a.tif").write_bytes(b"1")
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    assert message in capsys.readouterr().err


def test_an_advised_name_is_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Source: POSIX Utility Syntax Guidelines, 4: an argument that begins with a dash is an option."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-cells.tif").write_bytes(b"1")
    missing = SourceNotFoundError("there is no file")
    assert next_step(missing, "cells.tif", "info") == "aicsio info ./-cells.tif"
    assert next_step(SceneError("no scene 4"), "-cells.tif") == "aicsio info ./-cells.tif"


def test_other_errors_of_the_system_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.ENOENT, "no such file", "a")

    monkeypatch.setattr(cli, "_module", failing)
    monkeypatch.setattr(cli, "parse", lambda _: argparse.Namespace(command="x", debug=False))
    with pytest.raises(FileNotFoundError):
        cli.main(["x"])


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "df -h"), (errno.EACCES, "ls -ld"), (errno.EROFS, "ls -ld"), (errno.EIO, None)],
)
def test_a_folder_that_takes_nothing_is_looked_at(
    number: int, advice: str | None, tmp_path: Path
) -> None:
    error = WriteError(f"cannot write {os.fspath(tmp_path / 'no' / 'it.tif')!r}: {os.strerror(number)}")  # fmt: skip
    error.__cause__ = OSError(number, os.strerror(number))
    expected = "aicsio convert --help" if advice is None else f"{advice} {tmp_path}"
    assert next_step(error, "", "convert") == expected


def test_a_missing_folder_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "it's new"
    picture = tmp_path / "a.png"
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(picture)
    for command in ("convert", "thumbnail"):
        suffix = ".png" if command == "thumbnail" else ".ome.tiff"
        assert cli.main([command, str(picture), str(folder / f"b{suffix}")]) == 1
        (advice,) = capsys.readouterr().err.splitlines()[1:]
        assert shlex.split(advice) == ["try:", "mkdir", "-p", str(folder)]


def test_lines_beside_a_bar_are_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    console = make_console()
    console.file = io.StringIO()
    line = "  try: aicsio check a/folder/of/some/length/and/a/file.ome.tiff"
    console.print(line)
    assert console.file.getvalue() == f"{line}\n"
