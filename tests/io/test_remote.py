"""Images on web servers and behind other file systems: what is asked of them, and what is believed."""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import (
    ArgumentTypeError,
    CorruptFileError,
    ImageHandle,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    explain,
    open_image,
    to_dask,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio._io import pool
from aicsio._io.ranges import coalesce
from aicsio._io.readers import identify, lend, open_binary
from aicsio._io.remote import RemoteReader
from aicsio.testing import ImageSpec, TiffSpec, build
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, build_lif
from http_server import Site, serving

PIXELS = np.random.default_rng(3).integers(0, 4096, (2, 24, 256, 256), np.uint16)
PLANE = 256 * 256 * 2
NAMES = ("raw.czi", "zstd.czi", "raw.lif", "raw.ome.tiff", "zlib.ome.tiff", "plain.tif")


pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same pixels in every format."""
    folder = tmp_path_factory.mktemp("remote")
    xml = metadata_xml(channels=["a", "b"])
    write_czi(folder / "raw.czi", blocks_of(PIXELS, "CZYX"), xml)
    write_czi(folder / "zstd.czi", blocks_of(PIXELS, "CZYX", compression="zstd1-hilo"), xml)
    (folder / "raw.lif").write_bytes(build_lif([LifImage(PIXELS, "CZYX")]))
    handle = open_image(PIXELS, dims="CZYX")
    write_ome_tiff(handle, folder / "raw.ome.tiff", compression=None)
    write_ome_tiff(handle, folder / "zlib.ome.tiff", compression="zlib", tile=(64, 64))
    tifffile.imwrite(
        folder / "plain.tif", PIXELS.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"}
    )
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.fixture
def site(contents: dict[str, bytes]) -> Iterator[Site]:
    with serving() as site:
        site.files.update(contents)
        yield site


def read(handle: ImageHandle) -> npt.NDArray[Any]:
    return to_numpy(handle).squeeze()


class TestCost:
    @pytest.mark.parametrize("name", NAMES)
    def test_few_requests_and_few_bytes(
        self, site: Site, contents: dict[str, bytes], name: str
    ) -> None:
        near = open_image(contents[name])
        site.forget()
        handle = open_image(site.url + name)
        assert len(site.asked) <= 6, site.sent
        assert sum(site.sent) <= 400_000
        assert {method for method, _ in site.asked} == {"GET"}
        picks = {letter: size // 2 for letter, size in handle.dims.items() if letter not in "YX"}
        plane = transpose_to(handle, "YX", **picks)
        site.forget()
        np.testing.assert_array_equal(to_numpy(plane), to_numpy(transpose_to(near, "YX", **picks)))
        assert len(site.asked) == 1
        assert sum(site.sent) <= 1.2 * PLANE
        site.forget()
        np.testing.assert_array_equal(to_numpy(handle), to_numpy(near))
        assert sum(site.sent) <= 1.05 * len(contents[name])
        assert len(site.asked) <= 4

    def test_a_chunk_costs_its_bytes_and_no_question_before(self, site: Site) -> None:
        lazy = to_dask(open_image(site.url + "raw.lif"), chunks="YX")
        site.forget()
        lazy[0, 3:5].compute(scheduler="sync")
        assert sorted(site.sent) == [PLANE, PLANE]
        assert [method for method, _ in site.asked] == ["GET", "GET"]
        assert site.connections <= 1

    def test_a_large_chunk_travels_in_parts_at_once(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("aicsio._io.ranges.MAX_REQUEST", 10 * PLANE)
        handle = open_image(site.url + "raw.lif")
        site.forget()
        np.testing.assert_array_equal(to_dask(handle, chunks=-1).compute().squeeze(), PIXELS)
        assert len(site.asked) == 5

    def test_scattered_planes_are_asked_for_together(self, site: Site) -> None:
        handle = transpose_to(open_image(site.url + "raw.lif"), "ZYX", C=1, Z=[1, 9, 17])
        site.forget()
        np.testing.assert_array_equal(to_numpy(handle), PIXELS[1, [1, 9, 17]])
        assert sum(site.sent) == 3 * PLANE

    @pytest.mark.parametrize("name", ["raw.lif", "raw.czi", "raw.ome.tiff"])
    def test_uneven_planes_cost_no_bytes_between_them(self, site: Site, name: str) -> None:
        planes = [1, 2, 7, 12, 21]
        handle = transpose_to(open_image(site.url + name), "ZYX", C=1, Z=planes[::-1])
        site.forget()
        np.testing.assert_array_equal(to_numpy(handle), PIXELS[1, planes[::-1]])
        assert sum(site.sent) <= 1.02 * 5 * PLANE

    def test_explaining_asks_little(self, site: Site) -> None:
        assert [c.format for c in explain(site.url + "zlib.ome.tiff") if c.taken] == ["ome-tiff"]
        assert len(site.asked) <= 3


class TestEverywhere:
    @pytest.mark.parametrize("name", ["zstd.czi", "raw.lif", "zlib.ome.tiff", "plain.tif"])
    def test_file_systems(
        self, contents: dict[str, bytes], name: str, tmp_path: Path, site: Site
    ) -> None:
        import fsspec

        expected = to_numpy(open_image(contents[name]))
        fsspec.filesystem("memory").pipe(f"/cells/{name}", contents[name])
        archive = tmp_path / "cells.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr(f"cells/{name}", contents[name])
        site.files["cells.zip"] = archive.read_bytes()
        cache = str(tmp_path / "cache")
        for url, options in (
            (f"memory://cells/{name}", {}),
            (f"zip://cells/{name}::{archive}", {}),
            (f"zip://cells/{name}::{site.url}cells.zip", {}),
            (f"simplecache::{site.url}{name}", {"simplecache": {"cache_storage": cache}}),
        ):
            handle = open_image(url, storage_options=options)
            np.testing.assert_array_equal(to_numpy(handle), expected)
            first = to_dask(handle)[0, 0].compute(scheduler="sync")
            np.testing.assert_array_equal(first, expected[0, 0])
        fsspec.filesystem("memory").rm("/cells", recursive=True)

    def test_libraries_read_files_that_are_elsewhere(self, site: Site) -> None:
        import imageio.v3

        frames = (PIXELS[0, :5] % 251).astype(np.uint8)
        made = io.BytesIO()
        imageio.v3.imwrite(made, frames, extension=".gif")
        site.files["many.gif"] = made.getvalue()
        np.testing.assert_array_equal(
            to_numpy(open_image(site.url + "many.gif")), to_numpy(open_image(made.getvalue()))
        )
        file: Any = open_binary(identify(site.url + "raw.czi"))
        with file:
            content = site.files["raw.czi"]
            for offset in (len(content) - 5, 0, 1000):
                assert file.seek(offset) == file.tell() == offset
                assert file.read(20) == content[offset : offset + 20]
            assert file.seek(-7, io.SEEK_END) == len(content) - 7
            assert file.read() == content[-7:]


class TestServers:
    def test_a_server_without_ranges_sends_small_files_whole(self, site: Site) -> None:
        site.ranges = False
        (content,) = build(TiffSpec()).values()
        site.files["small.ome.tiff"] = content
        handle = open_image(site.url + "small.ome.tiff")
        np.testing.assert_array_equal(to_numpy(handle), to_numpy(open_image(content)))
        assert site.sent == [len(content)]

    def test_and_large_ones_not_at_all(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        handle = open_image(site.url + "raw.czi")
        site.ranges = False
        with pytest.raises(SourceError, match=r"whole file \(of 6,.*simplecache::http"):
            open_image(site.url + "raw.czi")
        with pytest.raises(SourceError, match=r"whole file \(of 6,.*simplecache::http"):
            to_numpy(handle)
        monkeypatch.setattr("aicsio._io.remote.MAX_WHOLE", 1000)
        with pytest.raises(SourceError, match="whole file"):
            open_image(site.url + "raw.lif")

    @pytest.mark.parametrize("status", [403, 401, 400, 418])
    def test_lasting_refusals_are_not_repeated(self, site: Site, status: int) -> None:
        site.status = status
        with pytest.raises(SourceError, match=rf"raw\.czi.*{status}") as caught:
            open_image(site.url + "raw.czi")
        assert ("Authorization" in str(caught.value)) == (status in {401, 403})
        assert len(site.asked) == 1
        site.status = 404
        with pytest.raises(SourceNotFoundError, match="nothing at"):
            open_image(site.url + "raw.czi")

    @pytest.mark.parametrize("trouble", ["reset", "cut", "slow", "429", "500", "503"])
    def test_trouble_that_passes_is_passed_over(self, site: Site, trouble: str) -> None:
        site.trouble = lambda number: trouble if number % 3 else ""
        site.headers = {"Retry-After": "0"}
        handle = open_image(site.url + "raw.czi")
        np.testing.assert_array_equal(read(handle), PIXELS)

    @pytest.mark.parametrize("trouble", ["reset", "429", "500", "503"])
    def test_trouble_that_stays_is_an_error_in_the_end(self, site: Site, trouble: str) -> None:
        handle = open_image(site.url + "raw.czi")
        site.forget()
        site.trouble = lambda _: trouble
        with (
            pytest.raises(SourceError, match=r"raw\.czi.*tried 5 times"),
            lend(handle.source) as reader,
        ):
            reader.read(0, 4)
        assert 5 <= len(site.asked) <= 6  # the connection may have been an old one

    def test_a_server_that_falls_silent(self, site: Site) -> None:
        source = identify(site.url + "raw.czi", {"timeout": 0.05})
        site.trouble = lambda _: "stall"
        with pytest.raises(SourceError, match=r"raw\.czi"), lend(source) as reader:
            reader.read_spans([(0, 9)])

    def test_one_that_always_breaks_off_is_given_up(self, site: Site) -> None:
        source = identify(site.url + "raw.czi")
        site.cut = True
        with pytest.raises(SourceError, match=r"cannot read .*raw\.czi"), lend(source) as reader:
            reader.read(0, 1000)

    @pytest.mark.parametrize("change", ["longer", "shorter", "same length", "gone"])
    def test_a_file_that_changed_meanwhile(
        self, site: Site, contents: dict[str, bytes], change: str
    ) -> None:
        handle, old = open_image(site.url + "raw.czi"), contents["raw.czi"]
        new = {
            "longer": old + b"x",
            "shorter": old[:-1],
            "same length": old[:-1] + b"x",
            "gone": None,
        }[change]
        if new is None:
            del site.files["raw.czi"]
        else:
            site.files["raw.czi"] = new
        with pytest.raises(SourceNotFoundError if new is None else SourceChangedError):
            to_numpy(handle)
        with pytest.raises(SourceError):
            to_dask(handle)[0, 0].compute()

    def test_a_change_between_two_requests_of_a_read(
        self, site: Site, contents: dict[str, bytes]
    ) -> None:
        handle = open_image(site.url + "raw.lif")
        site.forget()

        def trouble(number: int) -> str:
            if number == 1:
                site.files["raw.lif"] = contents["raw.lif"][:-1] + b"x"
            return ""

        site.trouble = trouble
        with pytest.raises(SourceChangedError, match="call open_image on it again"):
            to_dask(handle, chunks="YX").compute(scheduler="sync")


class TestTrust:
    """Neither a redirect nor what a file says leads anywhere else."""

    def test_another_host_is_not_asked(self, site: Site) -> None:
        with serving() as other:
            other.files.update(site.files)
            site.status, site.headers = 302, {"Location": other.url + "raw.czi"}
            for url in (site.url + "raw.czi", f"simplecache::{site.url}raw.czi"):
                with pytest.raises(
                    SourceError, match=r"another place.*raw\.czi.*open that if you trust it"
                ):
                    open_image(url)
            assert other.asked == []

    @pytest.mark.parametrize(
        "location", ["/secret", "http://169.254.169.254/latest", "//localhost/raw.czi", ""]
    )
    def test_nor_another_path(self, site: Site, location: str) -> None:
        site.status, site.headers = 307, {"Location": location}
        with pytest.raises(SourceError, match=r"another place|lead nowhere"):
            open_image(site.url + "raw.czi")
        assert {path for _, path in site.asked} == {"/raw.czi"}

    def test_the_same_path_with_another_query_is(self, site: Site) -> None:
        site.trouble = lambda number: "302" if number == 0 else ""
        site.headers = {"Location": "/raw.czi?signed=1"}
        np.testing.assert_array_equal(read(open_image(site.url + "raw.czi")), PIXELS)
        assert [path for _, path in site.asked][:2] == ["/raw.czi", "/raw.czi?signed=1"]

    @pytest.mark.parametrize(
        "name", ["../secret.ome.tif", "/etc/passwd", "http://127.0.0.1:1/x.tif", "..%2fsecret.tif"]
    )
    def test_members_of_a_set_lie_in_its_folder(self, site: Site, name: str) -> None:
        files = build(TiffSpec((ImageSpec(T=2),), files=2))
        first, second = sorted(files)
        named = name.encode().ljust(len(second))[: len(second)]
        site.files |= {
            "a/" + first: files[first].replace(second.encode(), named),
            "secret.ome.tif": files[second],
        }
        site.forget()
        handle = open_image(site.url + "a/" + first)
        to_numpy(handle)
        assert handle.diagnostics
        # OME-TIFF allows relative names with folders; none leads out of the folder of the set.
        assert all(
            path.startswith("/a/") and ".." not in path.split("/") for _, path in site.asked
        ), site.asked

    def test_a_set_beside_each_other(self, site: Site) -> None:
        files = build(TiffSpec((ImageSpec(T=3, Z=2),), files=3))
        site.files |= {"a/" + name: content for name, content in files.items()}
        handle = open_image(site.url + "a/" + min(files))
        assert not any(note.code.startswith("ome-member") for note in handle.diagnostics)
        assert to_numpy(handle).any(axis=(1, 2, 3, 4)).all()

    def test_what_the_server_says_of_a_range_is_checked(self, site: Site) -> None:
        source = identify(site.url + "raw.czi")
        for said, why in (
            ("bytes 5-8/9", "changed"),
            ("bytes 0-9/*", "asked for"),
            ("nonsense", "without its range"),
        ):
            site.headers = {"Content-Range": said}
            with pytest.raises(SourceError, match=why), lend(source) as reader:
                reader.read_spans([(2, 4)])
        site.headers = {"Content-Encoding": "gzip"}
        with pytest.raises(SourceError, match="encoded as 'gzip'"):
            open_image(site.url + "raw.czi")


class TestOptions:
    def test_headers_and_names(self, site: Site) -> None:
        options = {
            "headers": {"X-Key": "1"},
            "cookies": {"a": "b"},
            "client_kwargs": {"auth": ["me", "it"]},
        }
        with pytest.raises(SourceNotFoundError):
            open_image(site.url + "a b/ü%20c%.tif?x=1 2", storage_options=options)
        headers = site.received[0]
        assert site.asked[0] == ("GET", "/a%20b/%C3%BC%20c%25.tif?x=1%202")
        assert (headers["X-Key"], headers["Cookie"], headers["Authorization"]) == (
            "1",
            "a=b",
            "Basic bWU6aXQ=",
        )
        with pytest.raises(SourceNotFoundError):
            open_image(site.url.replace("http://", "http://me:it@") + "no.tif")
        assert site.received[1]["Authorization"] == "Basic bWU6aXQ="
        with pytest.raises(ArgumentTypeError, match=r"'headrs'.*mean nothing here"):
            open_image(site.url + "raw.czi", storage_options={"headrs": {}})
        with pytest.raises(SourceError, match="no host"):
            open_image("http:///raw.czi")

    def test_no_such_host(self) -> None:
        with pytest.raises(SourceError, match=r"nowhere\.invalid"):
            open_image("https://nowhere.invalid/raw.czi")


class TestReader:
    def test_what_opening_reads_is_kept_and_bounded(self, site: Site) -> None:
        site.files["big.bin"] = content = bytes(range(256)) * 100_000
        reader = RemoteReader(identify(site.url + "big.bin"), head=b"")
        site.forget()
        for offset in range(0, 10_000_000, 5000):
            assert reader.read(offset, 16) == content[offset : offset + 16]
        assert len(site.asked) < 25
        assert sum(len(part) for _, part in reader._cache) <= 5 << 20
        for offset in range(25_000_000, 20_000_000, -5000):
            assert reader.read(offset, 16) == content[offset : offset + 16]
        assert reader.read_spans([(3, 4), (20_000_000, 5), (3, 0)]) == [
            content[3:7],
            content[20_000_000:20_000_005],
            b"",
        ]

    def test_requests_have_a_size(self) -> None:
        assert coalesce([(0, 1 << 24), (1 << 24, 1)]) == [(0, 1 << 24), (1 << 24, 1)]

    def test_connections_are_few_and_do_not_grow_old(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            open_image(site.url + "raw.lif")
        assert len(pool._pool.idle_connections) == 1
        monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
        assert pool.take_connection("other") is None
        assert pool._pool.idle_connections == []

    def test_a_connection_that_the_server_closed_meanwhile(self, site: Site) -> None:
        handle = open_image(site.url + "raw.lif")
        (_, connection, _) = pool._pool.idle_connections[0]
        connection.sock.close()
        np.testing.assert_array_equal(read(handle), PIXELS)


def test_a_local_disk_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes]
) -> None:
    path = tmp_path / "raw.lif"
    path.write_bytes(contents["raw.lif"])
    handle = open_image(path)

    def broken(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", broken)
        patch.setattr(os, "pread", broken)
        for read_it in (lambda: to_numpy(handle), lambda: open_image(path)):
            with pytest.raises(SourceError, match=r"raw\.lif.*Input/output error"):
                read_it()
        patch.setattr(os, "preadv", lambda *_: 0)
        with pytest.raises(SourceChangedError, match="ends at byte"):
            to_numpy(handle)
    with pytest.raises(CorruptFileError), lend(handle.source) as reader:
        reader.read(len(contents["raw.lif"]), 1)
