"""Remote TIFFs whose directories lie between compressed planes: few requests, and the same pages."""

import io
import struct
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import tifffile

from aicsio import open_image, to_numpy
from aicsio._io import pool
from aicsio._io.readers import identify, lend, session
from aicsio.formats._tiff.ifd import open_tiff
from aicsio.formats._tiff.lookahead import FetchedRanges
from aicsio.formats._tiff.page_tables import open_page_table
from http_server import Site, serving
from http_server import multipart as serve_parts
from support import takes_long

PLANES = 180
RNG = np.random.default_rng(17)
WAVE = 300_000 + 3_000 * np.sin(np.arange(PLANES) / PLANES * 6.28)
DRIFTING = (WAVE + RNG.normal(0, 400, PLANES)).astype(int).tolist()
"""A stack that grows brighter and darker again."""
ALTERNATING = [(330_000, 170_000, 520_000)[i % 3] + int(RNG.normal(0, 300)) for i in range(PLANES)]
EVEN = [400_000] * PLANES
BELL = 300_000 + 100_000 * np.exp(-((((np.arange(PLANES) % 45) - 22) / 10) ** 2))
POSITIONS = (BELL + RNG.normal(0, 800, PLANES)).astype(int).tolist()
"""Four positions of 45 sections, whose middle ones have the most structure."""
WILD = RNG.integers(20_000, 400_000, PLANES).tolist()


@pytest.fixture(autouse=True)
def no_idle_connections() -> Iterator[None]:
    yield
    pool.close_connections()


def spaced(lengths: Sequence[int]) -> bytes:
    """A TIFF of zstd strips of these lengths, which nobody decodes, each behind its directory."""
    parts, position = [struct.pack("<2sHI", b"II", 42, 8)], 8
    for number, length in enumerate(lengths):
        data = position + 2 + 9 * 12 + 4
        following = data + length if number + 1 < len(lengths) else 0
        entries = (
            (256, 4, 512), (257, 4, 512), (258, 3, 16), (259, 3, 50000), (262, 3, 1), (273, 4, data),
            (277, 3, 1), (278, 4, 512), (279, 4, length),
        )  # fmt: skip
        packed = b"".join(
            struct.pack("<HHII", code, kind, 1, value) for code, kind, value in entries
        )
        parts += [struct.pack("<H", 9), packed, struct.pack("<I", following), bytes(length)]
        position = data + length
    return b"".join(parts)


def same_pages(url: str, content: bytes) -> None:
    """Compare the tables of a remote file with those of its bytes."""
    tables = []
    for where in (url, content):
        with session():
            source = identify(where)
            with open_tiff(source) as (file, first):
                table, diagnostics = open_page_table(file, first)
        assert not diagnostics
        (segments,) = table.segment_tables
        tables.append((segments.offsets.tolist(), segments.counts.tolist()))
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    "lengths", [DRIFTING, ALTERNATING, EVEN], ids=["drift", "channels", "even"]
)
def test_180_planes_open_by_at_most_12_requests(lengths: list[int]) -> None:
    content = spaced(lengths)
    with serving() as site:
        site.files["planes.tif"], site.parts = content, True
        open_image(site.url + "planes.tif")
        assert len(site.asked) <= 12, site.sent
        assert sum(site.sent) <= 0.3 * len(content)
        same_pages(site.url + "planes.tif", content)


@pytest.mark.parametrize("parts", [True, False])
def test_sizes_without_a_rule_cost_what_they_did(parts: bool) -> None:
    content = spaced(WILD)
    with serving() as site:
        site.files["planes.tif"], site.parts = content, parts
        open_image(site.url + "planes.tif")
        assert len(site.asked) <= PLANES + 10
        same_pages(site.url + "planes.tif", content)


@takes_long
def test_guesses_that_broke_are_followed_by_smaller_ones() -> None:
    """A range that was guessed wrong is a request for nothing: 1.4 a plane in place of 2.6."""
    content = spaced(POSITIONS)
    with serving() as site:
        site.files["planes.tif"] = content
        open_image(site.url + "planes.tif")
        assert len(site.asked) <= 1.6 * PLANES
        same_pages(site.url + "planes.tif", content)


def test_a_range_shrinks_once_its_directory_was_found() -> None:
    """40 MiB of guesses are more than are kept; the directories in them and their values are not."""
    content = np.random.default_rng(3).bytes(40 << 20)
    fetched = FetchedRanges()
    places = [(number << 20) + 5000 for number in range(40)]
    with lend(identify(content)) as reader:
        for place in places:
            fetched.fetch(reader, [(place - 5000, 1 << 20)])
            fetched.keep(place)
    assert fetched.nbytes < 1 << 20
    for place in places:
        assert bytes(fetched.find(place, 2048) or b"")[:2048] == content[place : place + 2048]
    assert fetched.find(places[3] + (512 << 10), 10) is None


def test_near_planes_are_read_through_where_a_server_sends_no_parts() -> None:
    content = spaced([90_000 + int(RNG.normal(0, 200)) for _ in range(PLANES)])
    with serving() as site:
        site.files["planes.tif"] = content
        open_image(site.url + "planes.tif")
        assert len(site.asked) <= 12
        same_pages(site.url + "planes.tif", content)


def _other_total(body: bytes, content: bytes) -> bytes:
    return body.replace(b"/%d\r\n" % len(content), b"/%d\r\n" % (len(content) + 1))


def _other_range(body: bytes, content: bytes) -> bytes:
    del content
    return body.replace(b"Content-Range: bytes ", b"Content-Range: bytes 1", 1)


def _cut_short(body: bytes, content: bytes) -> bytes:
    del content
    return body[: len(body) // 2]


def _first_part_only(body: bytes, content: bytes) -> bytes:
    del content
    second = body.index(b"\r\n--", 4)
    return body[:second] + body[body.rindex(b"\r\n--") :]


def _endless_lines(body: bytes, content: bytes) -> bytes:
    del content
    return b"X: y\r\n" * 40 + body


def _no_parts_at_all(body: bytes, content: bytes) -> bytes:
    del content
    return bytes(len(body))


LIES = (_other_total, _other_range, _cut_short, _first_part_only, _endless_lines, _no_parts_at_all)


@pytest.mark.parametrize("lie", LIES)
def test_parts_are_believed_only_where_they_are_what_was_asked_for(
    lie: Callable[[bytes, bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = spaced(DRIFTING[:40])
    right = serve_parts

    def lying(content: bytes, spans: list[tuple[str, str]]) -> bytes:
        return lie(right(content, spans), content)

    monkeypatch.setattr("http_server.multipart", lying)
    with serving() as site:
        site.files["planes.tif"], site.parts = content, True
        same_pages(site.url + "planes.tif", content)
        # It is asked for parts once, and then for one range after the other.
        assert sum("," in headers["Range"] for headers in site.received) == 1


def test_parts_may_come_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    content = spaced(DRIFTING)
    right = serve_parts
    monkeypatch.setattr("http_server.multipart", lambda c, spans: right(c, spans[::-1]))
    with serving() as site:
        site.files["planes.tif"], site.parts = content, True
        same_pages(site.url + "planes.tif", content)
        assert len(site.asked) <= 12


def test_pixels_and_names_are_those_of_the_file(site_of_tifffile: tuple[Site, bytes]) -> None:
    site, content = site_of_tifffile
    near, far = open_image(content), open_image(site.url + "planes.tif")
    assert len(site.asked) <= 12
    assert far.scenes[0].levels[0].dims == near.scenes[0].levels[0].dims
    np.testing.assert_array_equal(to_numpy(far), to_numpy(near))


@pytest.fixture(params=[True, False], ids=["parts", "single ranges"])
def site_of_tifffile(request: pytest.FixtureRequest) -> Iterator[tuple[Site, bytes]]:
    """Strips of several rows, whose tables lie outside of the directories, as tifffile writes them."""
    stack = RNG.integers(0, 4096, (60, 160, 160), np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, stack, compression="zlib", rowsperstrip=16, photometric="minisblack")
    with serving() as site:
        site.files["planes.tif"], site.parts = file.getvalue(), request.param
        yield site, file.getvalue()
