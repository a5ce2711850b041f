"""URL and options of a web server: what is sent, what is refused, and through which proxy."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from aicsio import ArgumentTypeError, SourceError, open_image, to_numpy
from aicsio._io import retrying
from aicsio._io.answer_headers import ByteRange
from aicsio._io.http import HttpClient
from aicsio._io.http_options import HttpTarget, http_target
from aicsio._io.urls import split_chain
from aicsio.records import Source
from aicsio.testing import ImageSpec, TiffSpec, build
from http_server import Site, serving

(CONTENT,) = build(TiffSpec((ImageSpec(C=2, Y=32, X=32),))).values()


pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def target(url: str, **options: Any) -> HttpTarget:
    return http_target(Source(url, storage_options=json.dumps(options), local=False))


@pytest.mark.parametrize(
    ("url", "secure", "host", "port", "path"),
    [
        ("http://host/a.tif", False, "host", None, "/a.tif"),
        ("https://Host:8443/a b/ü.tif?x=1 2", True, "host", 8443, "/a%20b/%C3%BC.tif?x=1%202"),
        ("http://host", False, "host", None, "/"),
        ("http://[::1]:80/a%20b%.tif#part", False, "::1", 80, "/a%20b%25.tif"),
        # A byte of a shell that is no UTF-8 (PEP 383), percent-encoded (RFC 3986, 2.1).
        ("http://host/\udcff.tif?x=\udcfe", False, "host", None, "/%FF.tif?x=%FE"),
    ],
)
def test_where_a_file_is_requested(
    url: str, secure: bool, host: str, port: int | None, path: str
) -> None:
    found = target(url)
    assert (found.secure, found.host, found.port, found.path) == (secure, host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "http://host:99999/a", "http://host:-1/a", "http://host:x/a", "http://host:0/a", "http:///a", "http://[::1/a",
        "http://ho st/a", "http://h\0st/a", "http://[nothing]/a", f"http://{'a' * 70}/a", "http://a..b/a",
        "http://host/\ud800", "http://\ud800/a", "http://host/\ud800.zarr",
    ],
)  # fmt: skip
def test_urls_that_cannot_be_requested(url: str) -> None:
    with pytest.raises(SourceError, match="cannot read"):
        open_image(url, storage_options={"timeout": 1})


@pytest.mark.parametrize(
    "url", ["file://", "local://", "memory://", "zip::a.tif", "simplecache::", "http:://a"]
)
def test_urls_that_name_no_place(url: str) -> None:
    with pytest.raises(SourceError):
        open_image(url)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"timeout": "x"}, "timeout='x'"),
        ({"timeout": -1}, "timeout=-1"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": True}, "timeout='True'"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": float("inf")}, "timeout=inf"),
        ({"timeout": [1]}, "timeout"),
        ({"client_kwargs": {"timeout": {"total": 3}}}, "timeout"),
        ({"client_kwargs": 3}, "client_kwargs"),
        ({"headers": ["SEKRET"]}, "headers"),
        ({"headers": {"X-A": "SEKRET\r\nX-B: 1"}}, "'X-A'"),
        ({"headers": {"X-A": "SEKRET\u4e2d"}}, "'X-A'"),
        ({"headers": {"X A": "SEKRET"}}, "'X A'"),
        ({"headers": {"X-A": ["SEKRET"]}}, "'X-A'"),
        ({"cookies": "SEKRET"}, "cookies"),
        ({"cookies": {"a": "SEKRET\n"}}, "Cookie"),
        ({"auth": "SEKRET"}, "auth"),
        ({"auth": ["SEKRET"]}, "auth"),
        ({"auth": ["me", 5]}, "auth"),
        ({"ssl": "no"}, "ssl='no'"),
        ({"trust_env": 1}, "trust_env='1'"),
        ({"tiemout": 3}, "tiemout"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ArgumentTypeError, match="storage_options") as caught:
        open_image("http://127.0.0.1:1/a.tif", storage_options=options)
    assert named in str(caught.value)
    assert "SEKRET" not in str(caught.value)


def test_large_timeouts_are_cut_to_what_systems_take() -> None:
    assert target("http://host/a", timeout=1e300).timeout == 24 * 3600
    assert target("http://host/a", timeout=2).timeout == 2.0
    assert target("http://host/a").timeout == retrying.TIMEOUT


# ---------------------------------------------------------------- proxies


@contextlib.contextmanager
def proxy_to(site: Site) -> Iterator[tuple[str, list[str]]]:
    """Run a proxy for plain http that passes requests to the server of the test; yields address and first lines."""
    server = socket.create_server(("127.0.0.1", 0))
    port = int(site.url.rsplit(":", 1)[1].strip("/"))
    requests_seen: list[str] = []

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            requests_seen.append(head.decode("latin-1"))
            method, url, rest = head.split(b" ", 2)
            if method == b"CONNECT":
                client.sendall(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                )
                return
            path = b"/" + url.split(b"/", 3)[3]
            with socket.create_connection(("127.0.0.1", port)) as inner:
                lines = b"\r\n".join(line for line in rest.split(b"\r\n") if line)
                inner.sendall(
                    method + b" " + path + b" " + lines + b"\r\nConnection: close\r\n\r\n"
                )
                while part := inner.recv(65536):
                    client.sendall(part)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}", requests_seen
    finally:
        server.close()


def test_plain_http_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9112, section 3.2.2: a proxy is sent the absolute form; RFC 9110, 11.7.2: Proxy-Authorization."""
    with serving(a__ome__tif=CONTENT) as site, proxy_to(site) as (proxy, seen):
        monkeypatch.setenv("http_proxy", f"http://us3r:SEKRET@{proxy}")
        # A name that no server of names knows: only the proxy can reach it.
        url = "http://images.invalid/a.ome.tif"
        handle = open_image(url, storage_options={"trust_env": True})
        np.testing.assert_array_equal(to_numpy(handle), to_numpy(open_image(CONTENT)))
        assert seen[0].startswith(f"GET {url} HTTP/1.1\r\n")
        assert "Host: images.invalid\r\n" in seen[0]
        assert "Proxy-Authorization: Basic dXMzcjpTRUtSRVQ=\r\n" in seen[0]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        count = len(seen)
        open_image(site.url + "a.ome.tif", storage_options={"trust_env": True})
        open_image(site.url + "a.ome.tif")
        assert len(seen) == count


def test_https_asks_a_proxy_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as site, proxy_to(site) as (proxy, seen):
        monkeypatch.setenv("https_proxy", proxy)
        with pytest.raises(SourceError, match=r"the proxy 127\.0\.0\.1:\d+ answers 407"):
            open_image("https://images.invalid/a.tif", storage_options={"trust_env": True})
        assert seen[0].startswith(
            "CONNECT images.invalid:443 HTTP/1.1\r\nHost: images.invalid:443\r\n"
        )


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://us3r:SEKRET@127.0.0.1:1",
        "http://us3r:SEKRET@127.0.0.1:99999",
        "http://us3r:SEKRET@",
    ],
)
def test_proxies_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(SourceError, match="proxy") as caught:
        open_image("http://images.invalid/a.tif", storage_options={"trust_env": True})
    assert "SEKRET" not in str(caught.value)


# ---------------------------------------------------------------- parts of answers and URLs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes 0-9/100", ByteRange(0, 10, 100)),
        ("bytes 0-0/1", ByteRange(0, 1, 1)),
        ("bytes 0-4/*", ByteRange(0, 5, None)),
        ("bytes 0-10/100", None),
        ("bytes 1-9/100", None),
        ("bytes 0-9/9", None),
        ("bytes 5-2/100", None),
        ("bytes 0-9/-1", None),
        ("bytes */100", None),
        ("", None),
        ("bytes 0-9/" + "9" * 19, None),
    ],
)
def test_the_range_of_an_answer_is_the_requested_one(text: str, expected: ByteRange | None) -> None:
    import http.client
    from email.message import Message
    from unittest.mock import Mock

    headers = Message()
    headers["Content-Range"] = text
    response = Mock(spec=http.client.HTTPResponse, headers=headers)
    client = HttpClient(Source("http://host/a", local=False))
    if expected is None:
        with pytest.raises(SourceError, match="the server sends"):
            client._content_range(response, 0, 10)
    else:
        assert client._content_range(response, 0, 10) == expected


@pytest.mark.parametrize(
    ("url", "links"),
    [
        ("https://host/a", ["https://host/a"]),
        ("zip://a::https://host/b.zip", ["zip://a", "https://host/b.zip"]),
        ("http://[::1]:80/a", ["http://[::1]:80/a"]),
        ("simplecache::http://[fe80::1]/a", ["simplecache", "http://[fe80::1]/a"]),
    ],
)
def test_chains_are_split_at_their_links_alone(url: str, links: list[str]) -> None:
    assert split_chain(url) == links


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_a_host_of_ipv6() -> None:
    with pytest.raises(SourceError, match=r"\[::1\]:1/a\.tif.*(refused|assign|unreach|tried)"):
        open_image("http://[::1]:1/a.tif", storage_options={"timeout": 1})
