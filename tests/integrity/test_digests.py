"""Digests of files: what ``sha256sum`` writes is read, what is written ``sha256sum -c`` accepts."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from aicsio import (
    CorruptFileError,
    SourceError,
    SourceNotFoundError,
    WriteError,
    check,
    open_image,
    write_ome_zarr,
    write_sums,
)
from aicsio.cli import main
from aicsio.cli.terminal.advice import next_step
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.lif import LifImage, write_lif

needs_sha256sum = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum")


def make(folder: Path, name: str = "a.ome.tiff") -> Path:
    return write(TiffSpec((ImageSpec(T=2, Y=8, X=9),)), folder, name)


def flip(path: Path, byte: int) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_of_raw_pixels_is_found(tmp_path: Path) -> None:
    path = make(tmp_path)
    sums = write_sums(tmp_path / "SUMS", path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sums.read_text() == f"{digest}  a.ome.tiff\n"
    assert check(path, sums=sums).whole
    for byte in range(0, path.stat().st_size, 97):
        flip(path, byte)
        report = check(path, sums=sums)
        assert "digest-differs" in {one.code for one in report.damage}
        flip(path, byte)
    assert check(path, sums=str(sums), deep=True).whole


@needs_sha256sum
def test_sha256sum_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    odd = write_lif(
        tmp_path / "inner" / "two\nlines\\.lif", [LifImage(np.zeros((4, 5), "u1"), "YX", "a")]
    )
    sums = write_sums(tmp_path / "SUMS", make(tmp_path), odd)
    command = ["sha256sum", "--check", "--strict", "--quiet", sums.name]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert check(odd, sums=sums).whole
    flip(odd, 3)
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1
    assert not check(odd, sums=sums).whole


@needs_sha256sum
@pytest.mark.parametrize("options", [[], ["--tag"], ["--binary"]])
def test_what_sha256sum_writes_is_read(options: list[str], tmp_path: Path) -> None:
    names = [make(tmp_path).name, make(tmp_path, "back\\slash.ome.tiff").name]
    done = subprocess.run(
        ["sha256sum", *options, *names], cwd=tmp_path, check=True, capture_output=True
    )
    (tmp_path / "SUMS").write_bytes(b"# made by hand\n\n" + done.stdout)
    for name in names:
        assert check(tmp_path / name, sums=tmp_path / "SUMS").whole
        flip(tmp_path / name, 300)
        report = check(tmp_path / name, sums=tmp_path / "SUMS")
        assert "digest-differs" in {one.code for one in report.damage}


def test_all_files_of_a_folder_and_of_a_set(tmp_path: Path) -> None:
    folder = tmp_path / "a.zarr"
    write_ome_zarr(open_image(make(tmp_path)), folder)
    sums = write_sums(tmp_path / "SUMS", folder)
    assert check(folder, sums=sums).whole
    chunks = [each for each in sorted(tmp_path.glob("a.zarr/**/*")) if each.is_file()]
    assert len(sums.read_text().splitlines()) == len(chunks)
    chunk = next(each for each in chunks if each.name.isdigit())
    chunk.unlink()  # legal in a Zarr: it shows the fill value
    assert [(one.code, one.uri) for one in check(folder, sums=sums).damage] == [
        ("file-missing", str(chunk))
    ]
    (tmp_path / "set").mkdir()
    files = write(TiffSpec((ImageSpec(T=4, Y=8, X=9),), files=2), tmp_path / "set")
    write_sums(sums, files)
    other = next(each for each in sorted(files.parent.iterdir()) if each != files)
    flip(other, other.stat().st_size // 2)
    report = check(files, sums=sums)
    assert ("digest-differs", str(other)) in [(one.code, one.uri) for one in report.damage]


def test_lines_of_other_files_are_kept(tmp_path: Path) -> None:
    first, second = make(tmp_path), make(tmp_path, "b.ome.tiff")
    sums = write_sums(tmp_path / "SUMS", first)
    before = sums.read_text()
    write_sums(sums, second)
    assert sums.read_text().startswith(before)
    flip(second, 300)
    assert check(first, sums=sums).whole
    assert not check(second, sums=sums).whole
    # A file that does not open any more is compared, too.
    second.write_bytes(second.read_bytes()[:3])
    codes = [one.code for one in check(second, sums=sums, format="ome-tiff").damage]
    assert codes == ["cannot-open", "digest-differs"]


def test_a_list_without_the_file_is_an_error(tmp_path: Path) -> None:
    path, other = make(tmp_path), make(tmp_path, "b.ome.tiff")
    sums = write_sums(tmp_path / "SUMS", other)
    with pytest.raises(SourceNotFoundError, match=r"no line of .*--write-sums"):
        check(path, sums=sums)
    with pytest.raises(SourceNotFoundError, match="no list of digests"):
        check(path, sums=tmp_path / "none")
    with pytest.raises(SourceError):
        check(path, sums=tmp_path)
    sums.write_text("d41d8cd98f00b204e9800998ecf8427e  a.ome.tiff\n")
    with pytest.raises(CorruptFileError, match="line 1: expected a SHA-256"):
        check(path, sums=sums)
    with pytest.raises(SourceError, match="local files"):
        write_sums(tmp_path / "SUMS2", path.read_bytes())
    with pytest.raises(WriteError):
        write_sums(tmp_path / "no" / "SUMS", path)


def test_the_command_lists_what_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, bad = make(tmp_path), make(tmp_path, "bad.ome.tiff")
    bad.write_bytes(bad.read_bytes()[:-200])
    sums = tmp_path / "SUMS"
    assert main(["check", str(path), str(bad), "--write-sums", str(sums)]) == 4
    assert sums.read_text().split()[1:] == ["a.ome.tiff"]
    assert main(["check", str(path), "--sums", str(sums)]) == 0
    flip(path, path.stat().st_size // 2)
    capsys.readouterr()
    assert main(["check", str(path), "--sums", str(sums), "--json"]) == 4
    [entry] = json.loads(capsys.readouterr().out)["files"]
    assert [one["code"] for one in entry["damage"]] == ["digest-differs"]


def test_a_list_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = make(tmp_path)
    listed = tmp_path / "SHA256SUMS"
    write_sums(listed, picture)
    before = listed.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteError, match=r"cannot write '.*SUMS': No space left") as caught:
        write_sums(listed, picture)
    assert next_step(caught.value, str(picture), "check") == f"df -h {tmp_path}"
    assert listed.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["SHA256SUMS", "a.ome.tiff"]
