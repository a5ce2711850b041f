"""Archives, object stores and file systems of fsspec as targets of the OME-Zarr writer."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import open_image, write_ome_tiff, write_ome_zarr
from aicsio.errors import WriteError
from aicsio.writers._zarr.targets import remote
from s3_server import serving_s3
from support import files_of
from zarr_stores import judges, library

PIXELS = np.random.default_rng(1).integers(0, 4000, (2, 3, 150, 170)).astype(np.uint16)
OPTIONS: Any = {"chunks": 32, "shards": 64, "levels": 3}


def image() -> Any:
    return open_image(PIXELS, dims="CZYX", channel_names=["DAPI", "GFP"])


def read_levels(path: Path) -> list[npt.NDArray[Any]]:
    return list(judges.zarr_pixels(path, "", ("0", "1", "2")))


# ---------------------------------------------------------------- archives


@pytest.mark.parametrize("name", ["a.ozx", "a.ome.zarr.zip"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_archive_holds_what_the_folder_holds(name: str, version: Any, tmp_path: Path) -> None:
    options = {"levels": 3, "chunks": 32, "version": version}
    folder, archive = tmp_path / "a.zarr", tmp_path / name
    write_ome_zarr(image(), folder, **options)
    report = write_ome_zarr(image(), archive, **options)
    assert report.nbytes == archive.stat().st_size
    for one, other in zip(read_levels(folder), read_levels(archive), strict=True):
        assert np.array_equal(one, other)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        for entry in opened.infolist():
            inside, outside = opened.read(entry), (folder / entry.filename).read_bytes()
            if entry.filename.endswith((".json", ".zattrs")):
                assert json.loads(inside) == json.loads(outside)
            else:
                assert inside == outside


def test_an_archive_follows_rfc_9(tmp_path: Path) -> None:
    path = tmp_path / "a.ozx"
    scenes = [image(), image()]
    write_ome_zarr(scenes, path, **OPTIONS)
    with zipfile.ZipFile(path) as opened:
        names = [entry.filename for entry in opened.infolist()]
        documents = [name for name in names if name.endswith("zarr.json")]
        # "The root-level zarr.json file SHOULD be the first ZIP file entry and the first entry in
        # the central directory header; other zarr.json files SHOULD follow immediately afterwards,
        # in breadth-first order."
        assert names[0] == "zarr.json"
        assert names[: len(documents)] == documents
        depths = [name.count("/") for name in documents]
        assert depths == sorted(depths)
        offsets = [entry.header_offset for entry in opened.infolist()]
        assert offsets == sorted(offsets)
        assert {entry.compress_type for entry in opened.infolist()} == {zipfile.ZIP_STORED}
        assert json.loads(opened.comment)["ome"]["version"] == "0.5"
    # Its fields of ZIP64 begin with the first entry.
    assert path.read_bytes()[18:26] == b"\xff" * 8


def test_ngff_zarr_reads_the_archive(tmp_path: Path) -> None:
    library("ngff_zarr")
    path = tmp_path / "a.ozx"
    write_ome_zarr(image(), path, **OPTIONS)
    reading = judges.by_ngff_zarr(path)
    assert np.array_equal(reading.levels[0], PIXELS)
    assert reading.channels == ("DAPI", "GFP")


def test_an_old_archive_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.ozx"
    write_ome_zarr(image(), path, **OPTIONS)
    old = path.read_bytes()

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(WriteError, match="exists"):
        write_ome_zarr(image(), path, **OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        write_ome_zarr(image(), path, overwrite=True, progress=stop, **OPTIONS)
    assert path.read_bytes() == old
    assert [each.name for each in tmp_path.iterdir()] == ["a.ozx"]


# ---------------------------------------------------------------- servers

BUSY: Any = {"retries": {"max_attempts": 20}}
"""Options of botocore, which reads what was written."""


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, Any]]:
    """Options of a bucket ``cells`` on a server of this machine."""
    with serving_s3("cells") as options:
        yield options


def download(url: str, options: dict[str, Any], folder: Path) -> Path:
    """Copy the objects below a URL, with fsspec's own client."""
    import fsspec

    opened: Any = fsspec.core.url_to_fs(url, **options)
    system, root = opened
    system.invalidate_cache()
    for key in system.find(root):
        path = folder / key[len(root) + 1 :]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(system.cat_file(key))
    return folder


def test_objects_of_s3_are_the_files_of_a_folder(s3: dict[str, Any], tmp_path: Path) -> None:
    report = write_ome_zarr(image(), "s3://cells/a.ome.zarr", storage_options=s3, **OPTIONS)
    assert report.path == "s3://cells/a.ome.zarr"
    copy = download(report.path, s3, tmp_path / "copy")
    folder = tmp_path / "a.ome.zarr"
    write_ome_zarr(image(), folder, **OPTIONS)
    assert files_of(copy) == files_of(folder)
    with pytest.raises(WriteError, match="exists: pass overwrite=True"):
        write_ome_zarr(image(), "s3://cells/a.ome.zarr", storage_options=s3, **OPTIONS)
    write_ome_zarr(
        open_image(PIXELS[0, 0]), "s3://cells/a.ome.zarr", storage_options=s3, overwrite=True
    )
    assert judges.zarr_pixels(
        download(report.path, s3, tmp_path / "new"), "", ("0",)
    )[0].shape == (150, 170)  # fmt: skip


def test_a_server_that_is_busy_at_times_gets_all_objects(tmp_path: Path) -> None:
    """Source: Amazon S3, "503 Slow Down" above 3500 writes a second below a prefix: reduce the rate and retry."""
    with serving_s3("cells", busy_every=7) as options:
        report = write_ome_zarr(
            image(), "s3://cells/a.ome.zarr", storage_options=options, **OPTIONS
        )
        copy = download(report.path, {**options, "config_kwargs": BUSY}, tmp_path / "copy")
    folder = tmp_path / "a.ome.zarr"
    write_ome_zarr(image(), folder, **OPTIONS)
    assert files_of(copy) == files_of(folder)


def test_a_bucket_that_is_not_there(s3: dict[str, Any]) -> None:
    with pytest.raises(
        WriteError,
        match=r"^cannot write 's3://none/a\.ome\.zarr': the server answers 404 \(NoSuchBucket\)$",
    ):
        write_ome_zarr(image(), "s3://none/a.ome.zarr", storage_options=s3)


def test_an_unfinished_store_on_a_server_is_visible_and_goes_on(
    s3: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_ome_tiff(image(), tmp_path / "a.ome.tiff", compression=None).path
    url = "s3://cells/b.ome.zarr"
    count: list[int] = []

    def stop(done: int, _total: int) -> None:
        count.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_ome_zarr(open_image(source), url, storage_options=s3, progress=stop, **OPTIONS)
    half = files_of(download(url, s3, tmp_path / "half"))
    assert remote.UNFINISHED in half
    assert "zarr.json" not in half
    put: list[str] = []
    original = remote.RemoteTarget.put

    def counted(self: Any, key: str, parts: Any) -> None:
        put.append(key)
        original(self, key, parts)

    monkeypatch.setattr(remote.RemoteTarget, "put", counted)
    write_ome_zarr(open_image(source), url, storage_options=s3, **OPTIONS)
    assert not set(put) & {name for name in half if "/c/" in name}
    whole = files_of(download(url, s3, tmp_path / "whole"))
    write_ome_zarr(open_image(source), tmp_path / "a.zarr", **OPTIONS)
    assert whole == files_of(tmp_path / "a.zarr")


def test_any_file_system_of_fsspec_is_a_target(tmp_path: Path) -> None:
    import fsspec

    memory: Any
    url = "memory://stores/a.ome.zarr"
    try:
        write_ome_zarr(image(), url, **OPTIONS)
        assert np.array_equal(read_levels(download(url, {}, tmp_path / "copy"))[0], PIXELS)
        memory = fsspec.filesystem("memory")
        memory.pipe("/others/readme.txt", b"1")
        with pytest.raises(WriteError, match="are no Zarr store: they are not replaced"):
            write_ome_zarr(image(), "memory://others", overwrite=True, **OPTIONS)
    finally:
        memory = fsspec.filesystem("memory")
        memory.store.clear()


def test_errors_of_a_server_are_ours_and_hide_secrets(s3: dict[str, Any]) -> None:
    with pytest.raises(WriteError, match=r"cannot write 's3://missing/a\.zarr'") as caught:
        write_ome_zarr(image(), "s3://missing/a.zarr", storage_options=s3)
    assert s3["secret"] not in str(caught.value).split("'")
