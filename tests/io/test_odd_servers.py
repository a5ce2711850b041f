"""Web servers that answer rightly in unusual ways give pixels; those that err give an error of ours that says why.

Which answers are right is settled by RFC 9110 (sections 8.4, 14.1, 15.2, 15.3.7) and RFC 9112 (sections 6 and 7.1).
"""

import gzip
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    SourceChangedError,
    SourceError,
    open_image,
    to_numpy,
    transpose_to,
    write_ome_zarr,
)
from aicsio._io import pool, remote, retrying
from aicsio._io.readers import identify, lend
from aicsio.testing.lif import LifImage, build_lif
from http_server import serving
from odd_servers import (
    CLOSE,
    ETAG,
    Answer,
    Request,
    head_of,
    odd_server,
    part_of,
    refusal,
)
from support import mostly_long

PIXELS = np.random.default_rng(1).integers(0, 4000, (5, 160, 256), np.uint16)
CONTENT = build_lif([LifImage(PIXELS, "ZYX")])
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"


pytestmark = pytest.mark.usefixtures("quick_retries")


def always(data: bytes) -> Answer:
    return lambda _: data


def chunked(data: bytes, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    parts = [data[at : at + 20_000] for at in range(0, len(data), 20_000)]
    lines = [b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts]
    return b"".join([*lines, b"0", extension, b"\r\n", trailer, b"\r\n"])


def coded(coding: str, encode: Callable[[bytes], bytes], end: bytes = b"") -> Answer:
    def answer(request: Request) -> bytes:
        headers = {
            "Content-Range": request.content_range,
            "ETag": ETAG,
            "Transfer-Encoding": coding,
        }
        return head_of("206 Partial Content", headers) + encode(request.part) + end

    return answer


def capped(nbytes: int) -> Answer:
    """A proxy that sends no more than so many bytes at once, a part of what was requested."""

    def answer(request: Request) -> bytes:
        low, high = request.range
        headers = dict(request.headers, range=f"bytes={low}-{min(high, low + nbytes) - 1}")
        return part_of(attrs.evolve(request, headers=headers))

    return answer


def refuses_behind_end(**headers: str) -> Answer:
    """A server that takes a range that ends behind the file for one outside of it."""

    def answer(request: Request) -> bytes:
        match = re.fullmatch(r"bytes=\d+-(\d+)", request.headers.get("range", ""))
        if match is not None and int(match[1]) >= len(request.content):
            return refusal("416 Range Not Satisfiable", **headers)
        return part_of(request)

    return answer


def signed(request: Request) -> bytes:
    """A server that redirects to a signature that serves two requests."""
    if "sig=" not in request.path:
        return refusal("302 Found", Location=f"/a.lif?sig={request.number}")
    first = int(request.path.partition("sig=")[2])
    return part_of(request) if request.number <= first + 2 else refusal("403 Forbidden")


def doubled_length(request: Request) -> bytes:
    return part_of(request, Content_Length=str(len(request.part) + 10)) + bytes(10)


RIGHT: dict[str, Answer] = {
    "a range twice": lambda request: part_of(request).replace(
        b"Content-Range:", f"Content-Range: {request.content_range}\r\nContent-Range:".encode()
    ),
    "http 1.0": lambda request: part_of(request, "1.0") + CLOSE,
    "http 1.0 without a length": lambda request: (
        part_of(request, "1.0", Content_Length=None) + CLOSE
    ),
    "closed each time": lambda request: part_of(request, Connection="close") + CLOSE,
    "closed without a word": lambda request: part_of(request) + CLOSE,
    "no length": lambda request: part_of(request, Content_Length=None) + CLOSE,
    "chunks": coded("chunked", chunked),
    "chunks in capitals": coded("Chunked", chunked),
    "chunks with extensions and trailers": coded(
        "chunked", lambda data: chunked(data, b";a=b", b"X-T: 1\r\n")
    ),
    "64 KiB at a time": capped(1 << 16),
    "no ranges behind the end": refuses_behind_end(Content_Range=f"bytes */{len(CONTENT)}"),
    "no ranges behind the end, no size": refuses_behind_end(),
    "no coding": lambda request: part_of(request, Content_Encoding=""),
    "identity": lambda request: part_of(request, Content_Encoding="Identity"),
    "coding of the upload": lambda request: part_of(request, Content_Encoding="aws-chunked"),
    "unit in capitals": lambda request: part_of(
        request, Content_Range=request.content_range.capitalize()
    ),
    "unit with a sign": lambda request: part_of(
        request, Content_Range=request.content_range.replace(" ", "=")
    ),
    "size in no range": lambda request: part_of(
        request, Content_Range=request.content_range.partition("/")[0] + "/*"
    ),
    "signatures that end": signed,
    "no etag": lambda request: part_of(request, ETag=None),
    "a date in place of the etag": lambda request: part_of(
        request, ETag=None if request.number else ETAG, Last_Modified=DATE
    ),
    "hints first": lambda request: (
        head_of("103 Early Hints", {"Link": "</a>"}) * 3 + part_of(request)
    ),
    "longer than its range": doubled_length,
    "bytes behind the body": lambda request: part_of(request) + b"\r\n\r\n",
}


def read_all(url: str) -> None:
    """Open the image, and read it whole, by plane and in part."""
    handle = open_image(url + "a.lif", storage_options={"timeout": 3})
    np.testing.assert_array_equal(to_numpy(handle).squeeze(), PIXELS)
    for z in (4, 1):
        plane: Any = to_numpy(transpose_to(handle, "YX", Z=z))
        np.testing.assert_array_equal(plane, PIXELS[z])
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "ZYX", Z=[0, 2])), PIXELS[[0, 2]])


@pytest.mark.parametrize("kind", RIGHT)
def test_unusual_answers_give_pixels(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MAX_WHOLE", 1000)
    with odd_server(RIGHT[kind], CONTENT) as url:
        read_all(url)


def test_a_host_with_an_address_of_ipv6() -> None:
    try:
        with odd_server(part_of, CONTENT, "::1") as url:
            read_all(url)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        pytest.skip(f"no IPv6 here: {error}")


def whole(headers: dict[str, str], body: bytes) -> Answer:
    return always(head_of("200 OK", {"ETag": ETAG, **headers}) + body + CLOSE)


def test_small_files_without_ranges_come_whole() -> None:
    length = {"Content-Length": str(len(CONTENT))}
    for answer in (whole(length, CONTENT), whole({}, CONTENT)):
        with odd_server(answer, CONTENT) as url:
            read_all(url)


PACKED = gzip.compress(CONTENT)
WRONG: dict[str, tuple[Answer, str]] = {
    "whole and large": (whole({}, CONTENT), r"whole file .*simplecache::http"),
    "whole and packed": (
        whole({"Content-Length": str(len(PACKED)), "Content-Encoding": "gzip"}, PACKED),
        "encoded as 'gzip'",
    ),
    "chunks packed": (
        coded("gzip, chunked", lambda data: chunked(gzip.compress(data)), CLOSE),
        "encoded as 'gzip, chunked'",
    ),
    "chunks twice": (
        coded("chunked, chunked", lambda data: chunked(chunked(data)), CLOSE),
        "encoded as 'chunked, chunked'",
    ),
    "two lengths": (
        lambda request: (
            part_of(request).replace(b"Content-Length:", b"Content-Length: 5\r\nContent-Length:")
            + CLOSE
        ),
        "states 2 different lengths",
    ),
    "two ranges": (
        lambda request: part_of(request).replace(
            b"Content-Range:", b"Content-Range: bytes 0-1/2\r\nContent-Range:"
        ),
        "a part without its range",
    ),
    "no size anywhere": (
        lambda request: (
            part_of(request, Content_Range=request.content_range.partition("/")[0] + "/*")
            if "range" in request.headers
            else head_of("200 OK", {}) + CONTENT + CLOSE
        ),
        "does not tell the size.*simplecache::http",
    ),
    "an hour to wait": (
        always(refusal("429 Too Many Requests", Retry_After="3600")),
        "429 Too Many Requests, and asks to wait 3600 s",
    ),
    "nothing yet": (always(refusal("202 Accepted", Retry_After="1")), "202 Accepted"),
    "nothing": (always(head_of("204 No Content", {})), "204 No Content"),
    "nothing new": (always(head_of("304 Not Modified", {})), "304 Not Modified"),
    "many places": (always(refusal("300 Multiple Choices", Location="/b")), "300"),
    "signatures that never hold": (
        lambda request: (
            refusal("403 Forbidden")
            if "sig=" in request.path
            else refusal("302 Found", Location="/a.lif?sig=1")
        ),
        "403 Forbidden: the URL is signed, and its time may be over",
    ),
    # RFC 9112, section 4: a status line begins with "HTTP/", a version, and a code of three digits.
    "another protocol": (
        always(b"SSH-2.0-OpenSSH_9.6\r\n" + CLOSE),
        r"a\.lif': the server does not speak HTTP, it answers 'SSH-2\.0-OpenSSH_9\.6'$",
    ),
    "another version": (
        always(b"HTTP/9.1 200 OK\r\n\r\n" + CLOSE),
        r"the server speaks 'HTTP/9\.1', not HTTP/1\.1$",
    ),
    "an endless line": (always(b"x" * 70_000 + CLOSE), "the server's answer is no HTTP: got more"),
    "4 bytes at a time": (capped(4), "answers in turn broke off"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_answers_are_errors_that_say_why(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MAX_WHOLE", 1000)
    answer, message = WRONG[kind]
    with (
        odd_server(answer, CONTENT) as url,
        pytest.raises(SourceError, match=message),
    ):
        open_image(url + "a.lif", storage_options={"timeout": 3})


def test_pixels_in_another_coding_are_refused_after_opening_too() -> None:
    packed = coded("gzip, chunked", lambda data: chunked(gzip.compress(data)), CLOSE)
    with odd_server(
        lambda request: (packed if request.number else part_of)(request), CONTENT
    ) as url:
        handle = open_image(url + "a.lif")
        with pytest.raises(SourceError, match="encoded as 'gzip, chunked'"):
            to_numpy(handle)


def test_a_signed_url_whose_time_is_over() -> None:
    def answer(request: Request) -> bytes:
        return refusal("403 Forbidden") if request.number else part_of(request)

    with odd_server(answer, CONTENT) as url:
        handle = open_image(url + "a.lif?X-Amz-Expires=60&X-Amz-Signature=abc")
        with pytest.raises(SourceError, match="time may be over; ask for a new one") as caught:
            to_numpy(handle)
    assert "abc" not in str(caught.value)


def test_an_etag_that_changes_is_a_change() -> None:
    with odd_server(lambda request: part_of(request, ETag=f'"{request.number}"'), CONTENT) as url:
        handle = open_image(url + "a.lif")
        with pytest.raises(SourceChangedError):
            to_numpy(handle)


# ---------------------------------------------------------------- crowds


BYTES = np.random.default_rng(0).integers(0, 255, 4 << 20, np.uint8).tobytes()
SPANS = [(at * 100_000, 20_000) for at in range(40)]


class Limited:
    """A server that refuses requests beyond some at once."""

    def __init__(self, most: int, status: str) -> None:
        self.most, self.status = most, status
        self.active = self.refused = self.asked = 0
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> bytes:
        with self.lock:
            self.asked += 1
            if self.active >= self.most:
                self.refused += 1
                return refusal(self.status)
            self.active += 1
        try:
            time.sleep(0.01)
            return part_of(request)
        finally:
            with self.lock:
                self.active -= 1


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Slow Down"])
@pytest.mark.parametrize("most", mostly_long([1, 2, 8], 2))
def test_a_server_that_takes_few_requests_at_once_is_asked_fewer(most: int, status: str) -> None:
    limited = Limited(most, status)
    with odd_server(limited, BYTES) as url:
        source = identify(url + "a.bin")
        for _ in range(2):
            refused = limited.refused
            with lend(source) as reader:
                parts = reader.read_spans(SPANS)
            for (offset, nbytes), part in zip(SPANS, parts, strict=True):
                assert bytes(part) == BYTES[offset : offset + nbytes]
    # The second read begins with as many as the first one learned, and tries one more now and then.
    assert limited.refused - refused <= len(SPANS) // 4


def test_one_refusal_does_not_slow_down_what_follows() -> None:
    """The server keeps the requests waiting until all have come."""
    barrier = threading.Barrier(20)

    def answer(request: Request) -> bytes:
        if request.number == 1:
            return refusal("503 Service Unavailable")
        if request.number > 2:
            barrier.wait(30)
        return part_of(request)

    with odd_server(answer, BYTES) as url:
        source = identify(url + "a.bin")
        with lend(source) as reader:
            reader.read(0, 10)
            reader.read_spans(SPANS[:20])
    assert not barrier.broken


def test_a_server_that_was_busy_is_asked_more_again() -> None:
    server = pool.Server()
    with server:
        assert not server.narrow()
        with server:
            assert server.narrow()
    places = []
    for _ in range(3 * pool.TRIAL):
        with server:
            pass
        places.append(server._most)
    assert places[0] == 1
    assert places[-1] == 3


def test_a_server_that_refuses_for_good_is_left_soon() -> None:
    refused: list[int] = []

    def answer(request: Request) -> bytes:
        if not request.number:
            return part_of(request)
        refused.append(request.number)
        return refusal("503 Service Unavailable")

    with odd_server(answer, BYTES) as url:
        source = identify(url + "a.bin")
        with pytest.raises(SourceError, match="503"), lend(source) as reader:
            reader.read_spans(SPANS)
    assert len(refused) < retrying.MAX_TRIES * len(SPANS)


def test_a_server_of_single_ranges_is_asked_for_many_once() -> None:
    several: list[str] = []

    def answer(request: Request) -> bytes:
        wanted = request.headers.get("range", "")
        if "," in wanted:
            several.append(wanted)
            return head_of("200 OK", {"Content-Length": str(len(BYTES)), "ETag": ETAG}) + BYTES
        return part_of(request)

    with odd_server(answer, BYTES) as url:
        for name in ("a.bin", "b.bin"):
            reader = remote.RemoteReader(identify(url + name), head=b"")
            parts = reader.read_spans([(at * 100_000, 8) for at in range(5, 30)])
            assert bytes(parts[0]) == BYTES[500_000:500_008]
    assert len(several) == 1


def test_more_ranges_than_one_request_may_ask_for() -> None:
    content = np.random.default_rng(0).integers(0, 255, 24 << 20, np.uint8).tobytes()
    near = [(at * 70_000, 8) for at in range(100, 330)]
    far = (15_000_000 + 9_000_000, 1_000_000)
    spans = [(0, 5 << 20), *near, far]
    with serving(a__bin=content) as site:
        site.parts = True
        reader = remote.RemoteReader(identify(site.url + "a.bin"), head=b"")
        site.forget()
        parts = reader.read_spans(spans)
        assert [bytes(part) for part in parts] == [content[at : at + size] for at, size in spans]
        # 128 ranges and 4 MiB at most in each.
        assert len(site.asked) == 3
        site.forget()
        parts = reader.read_spans(near)
        assert len(site.asked) == 2


@pytest.mark.parametrize("status", [403, 500])
def test_a_zarr_whose_server_refuses_names_that_it_lacks(tmp_path: Path, status: int) -> None:
    """As S3 does where nobody may list the names (Amazon S3, GetObject: "s3:ListBucket")."""
    write_ome_zarr(open_image(PIXELS, dims="ZYX"), tmp_path / "a.ome.zarr")
    files = {
        each.relative_to(tmp_path).as_posix(): each.read_bytes()
        for each in tmp_path.rglob("*")
        if each.is_file()
    }

    def answer(request: Request) -> bytes:
        content = files.get(request.path.lstrip("/"))
        if content is None:
            return refusal(f"{status} No")
        low = re.fullmatch(r"bytes=-(\d+)", request.headers.get("range", ""))
        first = 0 if low is None else max(len(content) - int(low[1]), 0)
        asked = request.headers.get("range", "") if low is None else f"bytes={first}-{len(content)}"
        return part_of(attrs.evolve(request, content=content, headers={"range": asked}))

    with odd_server(answer, b"") as url:
        handle = open_image(url + "a.ome.zarr")
        np.testing.assert_array_equal(to_numpy(handle).squeeze(), PIXELS)
        with pytest.raises(SourceError, match=str(status)):
            open_image(url + "b.ome.zarr")
