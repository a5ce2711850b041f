"""A loopback web server: its files are bytes in memory, and it counts what it is asked. Nothing here is a test."""

import contextlib
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

BOUNDARY = "THIS_STRING_SEPARATES"
PACKET = 1 << 16
"""Bytes that a line of limited rate sends at once."""
NEVER: Callable[[int], str] = lambda _: ""


@attrs.define
class Site:
    """What is served, and what was asked."""

    url: str = ""
    """Address, with a slash at its end."""
    files: dict[str, bytes] = attrs.Factory(dict)
    """Contents by name."""
    ranges: bool = True
    """Whether ranges are honoured, or answered with the whole file."""
    suffixes: bool = True
    """Whether ranges may count from the end, which Azure refuses."""
    parts: bool = False
    """Whether several ranges are answered in one, as Apache, nginx and Caddy do and S3 does not; for a query that
    ends with ``single`` they are not."""
    cut: bool = False
    """Whether the connection breaks in the middle of a body."""
    status: int = 0
    """Answer everything with this status; 0 for none."""
    rate: float = 0.0
    """Bytes a second of all bodies together; 0 for as many as the machine sends."""
    free: float = 0.0
    """Moment at which the line has sent what was sent so far."""
    line: threading.Lock = attrs.Factory(threading.Lock)
    """Held while a body books its time."""
    delay: float = 0.0
    """Seconds before each answer."""
    trouble: Callable[[int], str] = NEVER
    """By number of the request: "reset", "cut", "slow", "stall", a status, or nothing."""
    headers: dict[str, str] = attrs.Factory(dict)
    """More headers of each answer; a status of redirection needs a Location."""
    asked: list[tuple[str, str]] = attrs.Factory(list)
    """Method and path of each request."""
    received: list[dict[str, str]] = attrs.Factory(list)
    """Headers of each request."""
    sent: list[int] = attrs.Factory(list)
    """Length of each body."""
    moments: list[tuple[float, float]] = attrs.Factory(list)
    """When each request came and when the body of its answer began."""
    connections: int = 0
    """How many were made."""

    @property
    def round_trips(self) -> int:
        """Return how many of the requests waited for one another: apart from these, they ran side by side."""
        count, end = 0, 0.0
        for arrival, answered in sorted(self.moments, key=lambda moment: moment[1]):
            if arrival >= end:
                count, end = count + 1, answered
        return count

    def wait_for_line(self, nbytes: int) -> None:
        """Wait until the line has sent so many bytes behind those of other answers."""
        if not self.rate:
            return
        with self.line:
            self.free = max(self.free, time.monotonic()) + nbytes / self.rate
            pause = self.free - time.monotonic()
        time.sleep(max(pause, 0.0))

    def forget(self) -> None:
        """Begin to count anew."""
        self.asked.clear()
        self.received.clear()
        self.sent.clear()
        self.moments.clear()
        self.connections = 0


def multipart(content: bytes, spans: list[tuple[str, str]]) -> bytes:
    """Return the body of an answer with several ranges (RFC 9110, section 14.6)."""
    lines = []
    for low, high in spans:
        lines.append(f"\r\n--{BOUNDARY}\r\nContent-Type: image/tiff\r\n".encode())
        lines.append(f"Content-Range: bytes {low}-{high}/{len(content)}\r\n\r\n".encode())
        lines.append(content[int(low) : int(high) + 1])
    return b"".join([*lines, f"\r\n--{BOUNDARY}--\r\n".encode()])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    site: Site

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        site = self.site
        trouble = site.trouble(len(site.asked))
        site.asked.append((self.command, self.path))
        site.received.append(dict(self.headers.items()))
        arrival = time.monotonic()
        time.sleep(site.delay)
        site.moments.append((arrival, time.monotonic()))
        if trouble == "reset":
            # With no time to linger, closing resets.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        content = site.files.get(urllib.parse.unquote(self.path.partition("?")[0].lstrip("/")))
        status = int(trouble) if trouble.isdigit() else site.status
        if status or content is None:
            self.send_response(status or HTTPStatus.NOT_FOUND)
            self.close_with({**site.headers, "Content-Length": "0"})
            return
        part, status, more = content, HTTPStatus.OK, dict[str, str]()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and site.ranges:
            low, high = int(wanted[1]), int(wanted[2] or len(content) - 1)
            part, status = content[low : high + 1], HTTPStatus.PARTIAL_CONTENT
            more["Content-Range"] = f"bytes {low}-{low + len(part) - 1}/{len(content)}"
            if not part:
                status, more["Content-Range"] = (
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                    f"bytes */{len(content)}",
                )
        wanted = re.fullmatch(r"bytes=-(\d+)", self.headers.get("Range", ""))
        if wanted and site.ranges and site.suffixes:
            low = max(len(content) - int(wanted[1]), 0)
            part, status = content[low:], HTTPStatus.PARTIAL_CONTENT
            more["Content-Range"] = f"bytes {low}-{len(content) - 1}/{len(content)}"
        spans = re.findall(r"(\d+)-(\d+)", self.headers.get("Range", ""))
        is_single = self.path.partition("?")[2].endswith("single")
        if len(spans) > 1 and site.ranges and site.parts and not is_single:
            part, status = multipart(content, spans), HTTPStatus.PARTIAL_CONTENT
            more["Content-Type"] = f"multipart/byteranges; boundary={BOUNDARY}"
        self.send_response(status)
        self.close_with({
            "Content-Length": str(len(part)), "Accept-Ranges": "bytes" if site.ranges else "none",
            "ETag": f'"{hash(content)}"', **more, **site.headers,
        })  # fmt: skip
        if body:
            self.send_body(part, trouble)

    def close_with(self, headers: dict[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_body(self, part: bytes, trouble: str) -> None:
        site = self.site
        site.sent.append(len(part))
        view = memoryview(part)
        if site.cut or trouble == "cut":
            self.close_connection = True
            view = view[: len(view) // 2]
        with contextlib.suppress(ConnectionError):
            if trouble in {"slow", "stall"}:
                self.wfile.write(view[: len(view) // 3])
                self.wfile.flush()
                time.sleep(0.02 if trouble == "slow" else 2.0)
                view = view[len(view) // 3 :]
            for start in range(0, len(view), PACKET if site.rate else max(len(view), 1)):
                packet = view[start : start + PACKET] if site.rate else view
                site.wait_for_line(len(packet))
                self.wfile.write(packet)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, site: Site) -> None:
        super().__init__(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
        self.site = site
        self.open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.site.connections += 1
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may leave when they like."""

    def hang_up(self) -> None:
        for request in list(self.open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(**files: bytes) -> Iterator[Site]:
    """Serve files until the end of the block; ``__`` in a name stands for a dot."""
    site = Site(files={name.replace("__", "."): content for name, content in files.items()})
    server = _Server(site)
    site.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        server.hang_up()
        thread.join()
