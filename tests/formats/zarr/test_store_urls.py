"""Stores behind URLs: names that do not show a store, servers with pages, S3, chains of fsspec."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    ImageHandle,
    SourceNotFoundError,
    UnsupportedFormatError,
    explain,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_zarr,
)
from http_server import Site, serving
from s3_server import serving_s3

PIXELS = np.random.default_rng(8).integers(1, 4000, (2, 3, 90, 120)).astype(np.uint16)
OPTIONS: Any = {"chunks": 32, "levels": 2}


pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def image() -> ImageHandle:
    return open_image(PIXELS, dims="CZYX", channel_names=["DAPI", "GFP"])


def files_of(store: Path, name: str) -> dict[str, bytes]:
    """Files of a store by their address on a server."""
    return {
        f"{name}/{path.relative_to(store).as_posix()}": path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_url_without_the_suffix(site: Site, tmp_path: Path, version: Any) -> None:
    write_ome_zarr(image(), tmp_path / "a.zarr", version=version, **OPTIONS)
    site.files = files_of(tmp_path / "a.zarr", "cells/42")
    with_suffix = len(site.asked)
    h = open_image(f"{site.url}cells/42")
    without = [path for _, path in site.asked[with_suffix:]]
    assert np.array_equal(to_numpy(h), PIXELS)
    assert h.channel_names == ("DAPI", "GFP")
    # The same store under a name that shows it, and how many requests more there were.
    site.files |= files_of(tmp_path / "a.zarr", "cells.zarr")
    site.asked.clear()
    named = open_image(f"{site.url}cells.zarr")
    assert named.dims == h.dims
    tried = without.index("/cells/42")
    extra = len(without) - len(site.asked) - (tried + 1)
    assert extra <= {"0.5": 1, "0.4": 2}[version]


def test_a_page_in_place_of_a_folder(site: Site, tmp_path: Path) -> None:
    write_ome_zarr(image(), tmp_path / "a.zarr", **OPTIONS)
    site.files = files_of(tmp_path / "a.zarr", "cells")
    site.files["cells"] = b"<!DOCTYPE html>\n<html><body>Index of /cells</body></html>"
    assert np.array_equal(to_numpy(open_image(f"{site.url}cells")), PIXELS)
    (taken,) = [each for each in explain(f"{site.url}cells") if each.taken]
    assert taken.format == "ome-zarr"


def test_a_redirect_to_the_name_of_a_folder(site: Site, tmp_path: Path) -> None:
    """Python's http.server, Apache and nginx add a slash to the name of a folder; nginx then lists none."""
    write_ome_zarr(image(), tmp_path / "a.zarr", **OPTIONS)
    site.files = files_of(tmp_path / "a.zarr", "cells")
    site.trouble = lambda number: "" if number else "301"
    site.headers = {"Location": "/cells/"}
    site.forget()
    assert np.array_equal(to_numpy(open_image(f"{site.url}cells")), PIXELS)
    site.files = {}
    site.forget()
    with pytest.raises(SourceNotFoundError, match="cells' is a folder of the server"):
        open_image(f"{site.url}cells")


def test_what_is_no_store_costs_two_requests_more(site: Site) -> None:
    with pytest.raises(SourceNotFoundError, match="there is nothing at"):
        open_image(f"{site.url}missing/image")
    assert [path for _, path in site.asked][-2:] == [
        "/missing/image/zarr.json",
        "/missing/image/.zattrs",
    ]
    # A server that answers every address with the same page has no store.
    page = b"<html><body>Welcome</body></html>"
    site.files = dict.fromkeys(("x", "x/zarr.json", "x/.zattrs"), page)
    with pytest.raises(UnsupportedFormatError):
        open_image(f"{site.url}x")


def test_a_query_goes_with_every_request(site: Site, tmp_path: Path) -> None:
    write_ome_zarr(image(), tmp_path / "a.zarr", **OPTIONS)
    site.files = files_of(tmp_path / "a.zarr", "cells.zarr")
    h = open_image(f"{site.url}cells.zarr?token=SEKRET")
    assert np.array_equal(to_numpy(h), PIXELS)
    assert all(path.endswith("?token=SEKRET") for _, path in site.asked)
    assert "SEKRET" not in repr(h)


@pytest.mark.parametrize("inside", ["", "folder/cells"])
def test_chains_of_fsspec(site: Site, tmp_path: Path, inside: str) -> None:
    pytest.importorskip("aiohttp")
    import zipfile

    write_ome_zarr(image(), tmp_path / "a.zarr", **OPTIONS)
    with zipfile.ZipFile(tmp_path / "stores.zip", "w") as archive:
        for name, data in files_of(tmp_path / "a.zarr", inside or "x").items():
            archive.writestr(name if inside else name[2:], data)
    site.files = {"stores.zip": (tmp_path / "stores.zip").read_bytes()}
    h = open_image(f"zip://{inside}::{site.url}stores.zip")
    assert np.array_equal(to_numpy(h), PIXELS)


# ---------------------------------------------------------------- S3


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, Any]]:
    """Options of a bucket ``cells`` on a server of this machine."""
    with serving_s3("cells") as options:
        yield options


@pytest.mark.parametrize("shards", [None, 64])
@pytest.mark.parametrize("name", ["a.ome.zarr", "experiment/42"])
def test_s3_plain_and_sharded(s3: dict[str, Any], shards: Any, name: str) -> None:
    url = f"s3://cells/{name}-{shards}" if "." not in name else f"s3://cells/{shards}-{name}"
    write_ome_zarr(image(), url, storage_options=s3, shards=shards, **OPTIONS)
    h = open_image(url, storage_options=s3)
    assert np.array_equal(to_numpy(h), PIXELS)
    import fsspec

    everybody: Any = fsspec.filesystem("s3", **s3)
    everybody.chmod(url.removeprefix("s3://"), "public-read", recursive=True)
    as_anybody = {"anon": True, "endpoint_url": s3["endpoint_url"]}
    assert np.array_equal(to_numpy(open_image(url, storage_options=as_anybody)), PIXELS)
    part = transpose_to(h, "YX", C="GFP", Z=1, Y=slice(30, 70), X=slice(100, 120))
    assert np.array_equal(to_numpy(part), PIXELS[1, 1, 30:70, 100:120])


def test_s3_plate(s3: dict[str, Any]) -> None:
    fields = [open_image(PIXELS[0] + number, dims="ZYX") for number in range(3)]
    url = "s3://cells/plates/7"
    write_ome_zarr(fields, url, storage_options=s3, plate=["A1", "A1", "C12"], **OPTIONS)
    h = open_image(url, storage_options=s3)
    assert len(h.scenes) == 3
    assert [scene.well.row + str(scene.well.column) for scene in h.scenes if scene.well] == [
        "A1", "A1", "C12",
    ]  # fmt: skip
    assert np.array_equal(to_numpy(select_scene(h, 2)), PIXELS[0] + 2)


# ---------------------------------------------------------------- requests


@pytest.mark.parametrize("suffixes", [True, False])
def test_the_table_of_a_shard_takes_one_request(
    site: Site, tmp_path: Path, *, suffixes: bool
) -> None:
    pixels = np.random.default_rng(3).integers(0, 60000, (1, 1, 1024, 512)).astype(np.uint16)
    store = tmp_path / "a.zarr"
    write_ome_zarr(
        open_image(pixels, dims="CZYX"), store, chunks=256, shards=512, levels=1, compression="zstd"
    )
    site.files = files_of(store, "a.zarr")
    site.suffixes = suffixes
    h = open_image(f"{site.url}a.zarr")
    site.forget()
    assert np.array_equal(to_numpy(h), pixels)
    shard = [
        fields["Range"]
        for (_, path), fields in zip(site.asked, site.received, strict=True)
        if path.endswith("/c/0/0/0/0")
    ]
    size = len(site.files["a.zarr/0/c/0/0/0/0"])
    table = 4 * 16 + 4
    if suffixes:
        # The table with the size of the shard, then its chunks, which lie side by side.
        assert shard == [f"bytes=-{table}", f"bytes=0-{size - table - 1}"]
    else:
        assert shard[:2] == [f"bytes=-{table}", "bytes=0-65535"]


def test_chunks_are_requested_at_once(site: Site, tmp_path: Path) -> None:
    # Each answer waits until all requests are there: one after the other, none would come.
    pixels = np.random.default_rng(3).integers(0, 60000, (1, 40, 128, 128)).astype(np.uint16)
    write_ome_zarr(
        open_image(pixels, dims="CZYX"), tmp_path / "a.zarr", chunks=128, shards=None, levels=1
    )
    site.files = files_of(tmp_path / "a.zarr", "a.zarr")
    h = open_image(f"{site.url}a.zarr")
    all_there = threading.Barrier(40)

    def wait(number: int) -> str:
        del number
        all_there.wait(20)
        return ""

    site.trouble = wait
    assert np.array_equal(to_numpy(h), pixels)
