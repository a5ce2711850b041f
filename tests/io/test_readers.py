import io
import itertools
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, to_numpy, to_xarray
from aicsio._io import pool as file_pool
from aicsio._io import readers, retrying
from aicsio._io.readers import (
    coalesce,
    identify,
    lend,
    open_binary,
    open_count,
    read_head,
    session,
    sibling,
)
from aicsio.errors import (
    ArgumentTypeError,
    CorruptFileError,
    MissingDependencyError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
)
from aicsio.records import Source
from aicsio.testing import ImageSpec, TiffSpec, build, pixels, write
from http_server import Site, serving

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "file.bin"
    found.write_bytes(CONTENT)
    return found


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(file__bin=CONTENT) as site:
        yield site


@pytest.fixture
def memory() -> Iterator[Any]:
    import fsspec

    system: Any = fsspec.filesystem("memory")
    system.pipe("/folder/file.bin", CONTENT)
    yield system
    system.rm("/folder", recursive=True)


@pytest.fixture(params=["path", "bytes", "memory", "http", "seeking"])
def source(request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The same bytes, wherever bytes may be."""
    match request.param:
        case "bytes":
            return identify(CONTENT)
        case "memory":
            request.getfixturevalue("memory")
            return identify("memory://folder/file.bin")
        case "http":
            return identify(request.getfixturevalue("site").url + "file.bin")
        case "seeking":  # as on a system without positional reads
            monkeypatch.delattr(os, "preadv")
    return identify(path)


class TestIdentify:
    def test_a_path_becomes_absolute_and_takes_a_fingerprint(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(path.parent)
        expected = Source(str(path), size=len(CONTENT), fingerprint=str(path.stat().st_mtime_ns))
        for name in (
            path,
            str(path),
            "file.bin",
            Path("file.bin"),
            f"../{path.parent.name}/file.bin",
        ):
            assert identify(name) == expected

    def test_home_is_expanded(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(path.parent))
        assert identify("~/file.bin").uri == str(path)

    def test_a_source_is_taken_as_it_is(self) -> None:
        source = Source("anything")
        assert identify(source) is source

    @pytest.mark.parametrize(
        "name",
        [
            "ü 名 \U0001d518.tif",
            "a%20b.tif",
            "#1?.tif",
            "a::b.tif",
            "x:y.tif",
            "new\nline.tif",
            "http:",
        ],
    )
    def test_any_name_will_do(
        self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = tmp_path / name
        found.write_bytes(CONTENT)
        monkeypatch.chdir(tmp_path)
        for where in (found, str(found), name, "file://" + str(found), found.as_uri()):
            source = identify(where)
            assert source.uri == str(found)
            assert source.local
            with lend(source) as reader:
                assert reader.read(3, 4) == CONTENT[3:7]

    def test_names_need_not_be_utf8(self, tmp_path: Path) -> None:
        name = os.path.join(tmp_path, os.fsdecode(b"caf\xe9 \xff.ome.tif"))
        try:
            Path(name).write_bytes(next(iter(build(TiffSpec()).values())))
        except (OSError, UnicodeEncodeError):
            pytest.skip("this file system holds only UTF-8 names")
        for where in (name, Path(name), "file://" + name, Path(name).as_uri()):
            handle = pickle.loads(pickle.dumps(open_image(where)))
            assert handle.source.uri == name
            assert np.array_equal(to_numpy(handle).squeeze(), pixels(ImageSpec()).squeeze())
            assert json.loads(json.dumps(to_xarray(handle).attrs))["format"] == "ome-tiff"
            assert hash(handle) == hash(open_image(where))

    def test_what_is_not_there_is_named(self, tmp_path: Path, path: Path) -> None:
        for where in (tmp_path / "no.tif", path / "no.tif", f"file://{tmp_path}/no.tif"):
            with pytest.raises(SourceNotFoundError, match=r"no\.tif"):
                identify(where)
        with pytest.raises(FileNotFoundError):
            open_image(tmp_path / "no.tif")

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="is a folder: give one of the files in it"):
            identify(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.tif")
        for where in (tmp_path / "pipe.tif", "/dev/null"):
            with pytest.raises(
                SourceError, match="no regular file: read it yourself and give the bytes"
            ):
                identify(where)

    def test_a_name_that_no_system_takes(self) -> None:
        with pytest.raises(SourceError, match="null"):
            identify("a\0b")

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
    )
    def test_a_file_that_may_not_be_read(self, path: Path) -> None:
        path.chmod(0)
        with pytest.raises(SourceError, match="Permission"):
            read_head(identify(path), 4)

    @pytest.mark.parametrize("where", [3, None, 1.5, [], {}, (), object()])
    def test_what_names_no_file(self, where: object) -> None:
        with pytest.raises(
            ArgumentTypeError, match="give a path, URL, bytes, binary file or array"
        ):
            identify(where)

    def test_a_list_of_names_is_for_another_function(self) -> None:
        with pytest.raises(ArgumentTypeError, match="open_many opens many files as one image"):
            identify(["a.tif"])


class TestBuffers:
    def test_bytes_are_named_by_their_digest(self) -> None:
        for where in (CONTENT, bytearray(CONTENT), memoryview(CONTENT)):
            source = identify(where)
            assert source == identify(CONTENT)
            assert source.uri.startswith("memory:")
            assert (source.size, source.local) == (len(CONTENT), False)
        assert identify(CONTENT) != identify(CONTENT[1:])

    def test_changes_of_a_bytearray_do_not_reach_the_source(self) -> None:
        content = bytearray(CONTENT)
        source = identify(content)
        content[:4] = b"zzzz"
        assert read_head(source, 4) == CONTENT[:4]

    def test_buffers_keep_their_position(self) -> None:
        file = io.BytesIO(CONTENT)
        file.seek(17)
        assert identify(file) == identify(CONTENT)
        assert file.tell() == 17
        assert not file.closed

    def test_an_open_file_is_known_by_its_path(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(9)
            assert identify(file) == identify(path)
            assert file.tell() == 9
        with path.open("rb", buffering=0) as raw:
            assert identify(raw) == identify(path)

    def test_a_file_that_is_being_written_is_taken_as_it_is_now(self, path: Path) -> None:
        with path.open("r+b") as file:
            file.write(b"abc")
            assert read_head(identify(file), 4) == b"abc" + CONTENT[3:4]

    def test_temporary_files_are_taken(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(CONTENT)
            assert read_head(identify(file), 8) == CONTENT[:8]
        with tempfile.NamedTemporaryFile() as named:
            named.write(CONTENT)
            assert read_head(identify(named), 8) == CONTENT[:8]

    def test_what_cannot_be_wound_back_is_read_from_where_it_is(self) -> None:
        low, high = os.pipe()
        with os.fdopen(high, "wb") as out:
            out.write(b"piped")
        with os.fdopen(low, "rb") as file:
            assert identify(file) == identify(b"piped")

    def test_anything_that_reads_will_do(self) -> None:
        class Reading:
            def seekable(self) -> bool:
                return False

            def read(self) -> bytes:
                return CONTENT

        assert identify(Reading()) == identify(CONTENT)

    def test_text_is_refused(self, path: Path) -> None:
        with (
            path.open(encoding="latin-1") as file,
            pytest.raises(ArgumentTypeError, match="mode 'rb'"),
        ):
            identify(file)
        with pytest.raises(ArgumentTypeError, match=r"rb|binary"):
            identify(io.StringIO("text"))

    def test_images_open_from_all_of_them(self, tmp_path: Path) -> None:
        spec = TiffSpec((ImageSpec(C=2),))
        (content,) = build(spec).values()
        path = write(spec, tmp_path)
        with path.open("rb") as file:
            for where in (content, io.BytesIO(content), file, memoryview(content)):
                assert np.array_equal(
                    to_numpy(open_image(where)).squeeze(), pixels(spec.images[0]).squeeze()
                )
        with pytest.raises(UnsupportedFormatError, match="no format opens"):
            open_image(b"neither this nor that")
        with pytest.raises(CorruptFileError, match="empty"):
            open_image(b"")


class TestUrls:
    def test_remote_sources_are_fingerprinted(self, site: Site, memory: Any) -> None:
        del memory
        for url in (site.url + "file.bin", "memory://folder/file.bin"):
            source = identify(url)
            assert source.uri == url
            assert source.size == len(CONTENT)
            assert source.fingerprint
            assert not source.local
            assert identify(url) == source

    def test_nothing_at_a_url(self, site: Site) -> None:
        for url in (site.url + "no.bin", "memory://no/file.bin"):
            with pytest.raises(SourceNotFoundError, match=r"nothing at .*no"):
                identify(url)

    def test_a_server_in_trouble(self, site: Site) -> None:
        source = identify(site.url + "file.bin")
        for status in (403, 500, 503):
            site.status = status
            with (
                pytest.raises(SourceError, match=rf"file\.bin.*{status}") as caught,
                lend(source) as reader,
            ):
                reader.read(0, 4)
            assert not isinstance(caught.value, SourceNotFoundError)
        site.status = 404
        with pytest.raises(SourceNotFoundError), lend(source) as reader:
            reader.read(0, 4)

    def test_a_server_that_is_gone(self) -> None:
        with serving(file__bin=CONTENT) as site:
            source = identify(site.url + "file.bin")
        with pytest.raises(SourceError, match=r"file\.bin"), lend(source) as reader:
            reader.read(0, 4)

    def test_an_unknown_protocol(self) -> None:
        with pytest.raises(SourceError, match="nonsense"):
            identify("nonsense://a/b")

    def test_a_protocol_whose_package_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("obstore", "obstore.store"):
            monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingDependencyError, match=r"pip install 'aicsio\[remote\]'"):
            identify("s3://bucket/key", {"anon": True})

    def test_options_travel_as_json(self, memory: Any) -> None:
        del memory
        source = identify("memory://folder/file.bin", {"skip_instance_cache": True})
        assert json.loads(source.storage_options) == {"skip_instance_cache": True}
        assert pickle.loads(pickle.dumps(source)) == source
        with pytest.raises(ArgumentTypeError, match="JSON"):
            identify("memory://folder/file.bin", {"session": object()})

    def test_images_open_from_urls(self, memory: Any) -> None:
        spec = TiffSpec((ImageSpec(C=2, Y=100, X=100),), compression="zlib", tile=(32, 32))
        (content,) = build(spec).values()
        memory.pipe("/folder/image.ome.tif", content)
        with serving(image__ome__tif=content) as site:
            for url in (site.url + "image.ome.tif", "memory://folder/image.ome.tif"):
                handle = open_image(url)
                assert np.array_equal(to_numpy(handle).squeeze(), pixels(spec.images[0]).squeeze())
                assert np.array_equal(
                    to_numpy(pickle.loads(pickle.dumps(handle))), to_numpy(handle)
                )
        assert open_count() == 0


class TestReaders:
    def test_reads_are_exact(self, source: Source) -> None:
        with lend(source) as reader:
            assert reader.read(0, 5) == CONTENT[:5]
            assert reader.read(len(CONTENT) - 3, 3) == CONTENT[-3:]
            assert reader.read(0, len(CONTENT)) == CONTENT
            assert reader.read(7, 0) == b""

    def test_buffers_are_filled_one_after_the_other(self, source: Source) -> None:
        buffers = [bytearray(n) for n in (3, 0, 1000, 1, 0)]
        with lend(source) as reader:
            reader.read_into(11, [memoryview(buffer) for buffer in buffers])
            reader.read_into(11, [])
            reader.read_into(11, [memoryview(bytearray())])
        assert b"".join(buffers) == CONTENT[11 : 11 + 1004]

    def test_buffers_may_be_arrays_of_any_type(self, source: Source) -> None:
        out = np.zeros((3, 4), "<u2")
        with lend(source) as reader:
            reader.read_into(2, [out.data])
        assert out.tobytes() == CONTENT[2:26]

    def test_more_buffers_than_the_system_takes_at_once(self, source: Source) -> None:
        buffers = [bytearray(2) for _ in range(3000)]
        with lend(source) as reader:
            reader.read_into(1, [memoryview(buffer) for buffer in buffers])
        assert b"".join(buffers) == CONTENT[1:6001]

    def test_spans_come_back_in_the_order_asked(self, source: Source) -> None:
        spans = [(900, 10), (0, 4), (905, 50), (0, 4), (3, 0), (len(CONTENT), 0), (954, 2)]
        with lend(source) as reader:
            assert reader.read_spans(spans) == [CONTENT[low : low + n] for low, n in spans]
            assert reader.read_spans([]) == []

    @pytest.mark.parametrize(
        ("offset", "nbytes"),
        [
            (len(CONTENT), 1),
            (len(CONTENT) - 2, 3),
            (-1, 1),
            (-5, 5),
            (0, -1),
            (1 << 70, 1),
            (0, 1 << 70),
            (1 << 62, 0),
        ],
    )
    def test_what_lies_outside_is_corrupt(self, source: Source, offset: int, nbytes: int) -> None:
        with lend(source) as reader:
            for read in (
                lambda: reader.read(offset, nbytes),
                lambda: reader.read_spans([(0, 1), (offset, nbytes)]),
            ):
                with pytest.raises(
                    CorruptFileError, match=f"the file ends at {len(CONTENT)}"
                ) as caught:
                    read()
                assert caught.value.uri == source.uri

    def test_buffers_beyond_the_end_are_corrupt(self, source: Source) -> None:
        with lend(source) as reader, pytest.raises(CorruptFileError, match="the file ends at"):
            reader.read_into(
                len(CONTENT) - 10, [memoryview(bytearray(6)), memoryview(bytearray(6))]
            )

    def test_the_system_may_read_less_than_asked(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not hasattr(os, "preadv"):
            pytest.skip("no positional reads here")
        pread, preadv = os.pread, os.preadv
        monkeypatch.setattr(os, "pread", lambda fd, n, at: pread(fd, min(n, 7), at))
        monkeypatch.setattr(os, "preadv", lambda fd, parts, at: preadv(fd, [parts[0][:7]], at))
        buffers = [bytearray(5), bytearray(20), bytearray(7), bytearray(1)]
        with lend(identify(path)) as reader:
            assert reader.read(3, 100) == CONTENT[3:103]
            reader.read_into(3, [memoryview(buffer) for buffer in buffers])
        assert b"".join(buffers) == CONTENT[3:36]

    def test_heads_of_short_files_are_short(self, source: Source) -> None:
        assert read_head(source, 16) == CONTENT[:16]
        assert read_head(source, 1 << 30) == CONTENT
        assert read_head(identify(b""), 4) == b""

    def test_libraries_get_a_file_that_they_can_seek(self, source: Source) -> None:
        file = open_binary(source)
        try:
            file.seek(100)
            assert file.read(3) == CONTENT[100:103]
        finally:
            file.close()


class TestChanges:
    @pytest.mark.parametrize("change", [CONTENT + b"x", CONTENT[:-1], CONTENT[::-1]])
    def test_a_changed_file_is_not_read(self, path: Path, change: bytes) -> None:
        source = identify(path)
        before = path.stat().st_mtime_ns
        path.write_bytes(change)
        os.utime(path, ns=(before + 1_000_000, before + 1_000_000))
        with pytest.raises(SourceChangedError, match="call open_image on it again"), lend(source):
            pass
        assert open_count() == 0
        assert identify(path) != source

    def test_a_changed_image_says_so(self, tmp_path: Path) -> None:
        handle = open_image(write(TiffSpec(), tmp_path))
        path = write(TiffSpec((ImageSpec(seed=1),)), tmp_path)
        os.utime(path, ns=(1, 1))
        with pytest.raises(SourceChangedError, match=r"image\.ome\.tif"):
            to_numpy(handle)

    def test_a_file_that_is_gone(self, path: Path) -> None:
        source = identify(path)
        path.unlink()
        with pytest.raises(SourceNotFoundError, match="any more"), lend(source):
            pass
        with pytest.raises(SourceNotFoundError, match="any more"):
            open_binary(source)

    def test_a_changed_object_in_memory(self, memory: Any) -> None:
        source = identify("memory://folder/file.bin")
        memory.pipe("/folder/file.bin", CONTENT + b"more")
        with pytest.raises(SourceChangedError), lend(source) as reader:
            reader.read(0, 4)

    def test_a_changed_page_of_a_server(self, site: Site) -> None:
        source = identify(site.url + "file.bin")
        site.files["file.bin"] = CONTENT[::-1]
        with pytest.raises(SourceChangedError, match="call open_image"), lend(source) as reader:
            reader.read(0, 4)


class TestSibling:
    def test_only_plain_names_in_the_same_folder(self, path: Path) -> None:
        other = path.with_name("ö ther.tif")
        other.write_bytes(b"other")
        assert sibling(identify(path), "ö ther.tif") == identify(other)
        assert sibling(identify(path), "none.tif") is None
        (path.parent / "folder").mkdir()
        assert sibling(identify(path), "folder") is None

    @pytest.mark.parametrize(
        "name",
        [
            "../secret",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "..\\secret",
            "C:\\x",
            ".",
            "..",
            "",
            "a\0b",
            "zip::x",
            "http://h/x",
        ],
    )
    @pytest.mark.parametrize("where", ["path", "url"])
    def test_a_name_that_leaves_the_folder_is_refused(
        self, path: Path, memory: Any, where: str, name: str
    ) -> None:
        del memory
        source = identify(path) if where == "path" else identify("memory://folder/file.bin")
        with pytest.raises(CorruptFileError, match="not a plain name in its folder"):
            sibling(source, name)

    def test_buffers_have_none(self) -> None:
        assert sibling(identify(CONTENT), "file.bin") is None

    def test_beside_a_url(self, memory: Any) -> None:
        memory.pipe("/folder/other.bin", b"other")
        found = sibling(identify("memory://folder/file.bin"), "other.bin")
        assert found is not None
        assert read_head(found, 9) == b"other"
        assert sibling(identify("memory://folder/file.bin"), "no.bin") is None

    def test_a_server_is_asked_for_the_name_and_nothing_else(self, site: Site) -> None:
        source = identify(site.url + "file.bin?key=1/2")
        site.forget()
        for name in ("%2e%2e", "..%2fsecret", "a?b#c", "ü"):
            assert sibling(source, name) is None
        paths = {path for _, path in site.asked}
        assert paths == {
            f"/{name}?key=1/2" for name in ("%252e%252e", "..%252fsecret", "a%3Fb%23c", "%C3%BC")
        }

    def test_inside_an_archive(self, tmp_path: Path) -> None:
        import zipfile

        archive = tmp_path / "set.zip"
        with zipfile.ZipFile(archive, "w") as out:
            out.writestr("folder/a.bin", b"first")
            out.writestr("folder/b.bin", b"second")
        found = sibling(identify(f"zip://folder/a.bin::{archive}"), "b.bin")
        assert found is not None
        assert read_head(found, 9) == b"second"


SPANS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60)), max_size=12)


class TestCoalesce:
    @given(SPANS, st.integers(0, 40), st.integers(1, 120))
    def test_joined_spans_cover_all_and_little_more(
        self, spans: list[tuple[int, int]], gap: int, biggest: int
    ) -> None:
        joined = coalesce(spans, gap, biggest)
        for offset, nbytes in spans:
            assert any(low <= offset and offset + nbytes <= low + n for low, n in joined)
        for (low, n), (following, _) in itertools.pairwise(joined):
            assert low + n <= following
        wanted = {byte for offset, nbytes in spans for byte in range(offset, offset + nbytes)}
        for low, n in joined:
            inside = [byte for byte in range(low, low + n) if byte in wanted]
            assert all(b - a <= gap + 1 for a, b in itertools.pairwise(inside))

    def test_neighbours_are_joined_up_to_a_size(self) -> None:
        assert coalesce([(0, 10), (10, 10), (20, 10)], 0, 20) == [(0, 20), (20, 10)]
        assert coalesce([(0, 10), (14, 2)], 4, 100) == [(0, 16)]
        assert coalesce([(0, 10), (15, 2)], 4, 100) == [(0, 10), (15, 2)]

    def test_what_overlaps_is_always_joined(self) -> None:
        assert coalesce([(5, 10), (0, 10), (3, 1)], 0, 1) == [(0, 15)]

    def test_near_ranges_are_fetched_together_and_far_ones_are_not(self) -> None:
        content = bytes(1_000_000)
        with serving(file__bin=content) as site, lend(identify(site.url + "file.bin")) as reader:
            site.forget()
            reader.read_spans([(0, 10), (100, 10), (900_000, 10), (5, 50)])
            assert sorted(site.sent) == [10, 110]


class TestPool:
    def test_a_file_is_open_while_it_is_lent(self, path: Path) -> None:
        source = identify(path)
        with lend(source) as one:
            assert open_count() == 1
            with lend(source) as other:
                assert other is one
                assert open_count() == 1
            assert open_count() == 1
        assert open_count() == 0

    def test_a_session_keeps_files_open_until_its_end(self, path: Path) -> None:
        source = identify(path)
        with session():
            with lend(source) as one:
                pass
            assert open_count() == 1
            with session(), lend(source) as other:
                assert other is one
            assert open_count() == 1
        assert open_count() == 0

    def test_a_session_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_pool, "MAX_OPEN", 3)
        sources = []
        for index in range(8):
            (tmp_path / f"{index}").write_bytes(b"%d" % index)
            sources.append(identify(tmp_path / f"{index}"))
        with session():
            for _ in range(2):
                for index, source in enumerate(sources):
                    assert read_head(source, 1) == b"%d" % index
                    assert open_count() <= 3
            with (
                lend(sources[0]),
                lend(sources[1]),
                lend(sources[2]),
                lend(sources[3]),
                lend(sources[4]) as reader,
            ):
                assert reader.read(0, 1) == b"4"
            assert open_count() <= 3
        assert open_count() == 0

    def test_the_file_lent_longest_ago_is_closed_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_pool, "MAX_OPEN", 2)
        for name in "abc":
            (tmp_path / name).write_bytes(name.encode())
        a, b, c = (identify(tmp_path / name) for name in "abc")
        with session():
            for source in (a, b, a, c):
                read_head(source, 1)
            kept = list(file_pool._pool.open)
            assert kept == [("reader", a), ("reader", c)]

    def test_an_error_while_reading_closes_the_file(self, path: Path) -> None:
        with pytest.raises(ZeroDivisionError), session(), lend(identify(path)):
            raise ZeroDivisionError
        assert open_count() == 0

    def test_the_loser_of_a_race_to_open_is_closed(self) -> None:
        class Thing:
            closed = 0

            def close(self) -> None:
                self.closed += 1

        made: list[Thing] = []
        barrier = threading.Barrier(8)

        def opener() -> Thing:
            barrier.wait()  # all are here before any has opened
            made.append(Thing())
            return made[-1]

        def use(_: int) -> Thing:
            with readers.borrow("race", opener) as thing:
                assert thing.closed == 0
                barrier.wait()
                found: Thing = thing
                return found

        with ThreadPoolExecutor(8) as pool:
            used = set(map(id, pool.map(use, range(8))))
        assert len(made) == 8
        assert len(used) == 1
        assert [thing.closed for thing in made] == [1] * 8
        assert open_count() == 0

    def test_many_threads_read_many_files(self, tmp_path: Path) -> None:
        specs = [
            TiffSpec((ImageSpec(Z=3, Y=60, X=70, seed=seed),), compression="zlib")
            for seed in range(6)
        ]
        handles = [
            open_image(write(spec, tmp_path, f"{seed}.ome.tif")) for seed, spec in enumerate(specs)
        ]
        expected = [pixels(spec.images[0]).tobytes() for spec in specs]

        def read(turn: int) -> bool:
            index = turn % 6
            return to_numpy(handles[index], workers=1 + turn % 3).tobytes() == expected[index]

        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(read, range(200)))
        assert open_count() == 0

    def test_a_reader_in_turn_holds_one_file(self, path: Path) -> None:
        other = path.with_name("other")
        other.write_bytes(b"other")
        with readers.one_reader_at_a_time() as reader_of:
            first, second = identify(path), identify(other)
            assert reader_of(first).read(0, 2) == CONTENT[:2]
            assert reader_of(first) is reader_of(first)
            assert reader_of(second).read(0, 2) == b"ot"
            assert open_count() == 1
        assert open_count() == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_reads_and_leaves_its_parent_alone(tmp_path: Path) -> None:
    """Children are made while threads of the parent read; each reads for itself, and the parent reads on."""
    spec = TiffSpec((ImageSpec(Z=40, Y=100, X=200),), compression="zlib")
    path = write(spec, tmp_path)
    code = f"""
import os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads: that is what is tried here
import numpy as np
from aicsio import open_image, to_numpy
from aicsio._io import pool, readers, retrying
handle = open_image({str(path)!r})
expected = to_numpy(handle)
stop, wrong = threading.Event(), []

def work():
    while not stop.is_set():
        if not np.array_equal(to_numpy(handle), expected):
            wrong.append(1)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
codes = []
with readers.session(), readers.lend(handle.source) as reader:
    for _ in range(15):
        child = os.fork()
        if child == 0:
            fine = readers.open_count() == 0 and np.array_equal(to_numpy(handle), expected) and readers.open_count() == 0
            os._exit(0 if fine else 1)
        codes.append(os.waitpid(child, 0)[1])
    assert reader.read(0, 2) in (b"II", b"MM")
stop.set()
for thread in threads:
    thread.join()
assert not wrong and not any(codes), (wrong, codes)
assert readers.open_count() == 0
print("fine")
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.stdout.strip() == "fine", run.stderr
