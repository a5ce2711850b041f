"""A loopback web server: its files are bytes in memory, and it counts what it is asked. Nothing here is a test."""

import contextlib
import re
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs


@attrs.define
class Site:
    """What is served, and what was asked."""

    url: str = ""
    """Address, with a slash at its end."""
    files: dict[str, bytes] = attrs.Factory(dict)
    """Contents by name."""
    ranges: bool = True
    """Whether ranges are honoured, or answered with the whole file."""
    cut: bool = False
    """Whether the connection breaks in the middle of a body."""
    status: int = 0
    """Answer everything with this status; 0 for none."""
    asked: list[tuple[str, str]] = attrs.Factory(list)
    """Method and path of each request."""
    sent: list[int] = attrs.Factory(list)
    """Length of each body."""

    def forget(self) -> None:
        """Begin to count anew."""
        self.asked.clear()
        self.sent.clear()


@contextlib.contextmanager
def serving(**files: bytes) -> Iterator[Site]:
    """Serve files until the end of the block."""
    site = Site(files={name.replace("__", "."): content for name, content in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            site.asked.append((self.command, self.path))
            content = site.files.get(self.path.partition("?")[0].lstrip("/"))
            if site.status or content is None:
                self.send_response(site.status or HTTPStatus.NOT_FOUND)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            part, status = content, HTTPStatus.OK
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted and site.ranges:
                low, high = int(wanted[1]), int(wanted[2] or len(content) - 1)
                part, status = content[low : high + 1], HTTPStatus.PARTIAL_CONTENT
            self.send_response(status)
            if status is HTTPStatus.PARTIAL_CONTENT:
                self.send_header("Content-Range", f"bytes {low}-{low + len(part) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Accept-Ranges", "bytes" if site.ranges else "none")
            self.send_header("ETag", f'"{hash(content)}"')
            self.end_headers()
            if body:
                site.sent.append(len(part))
                self.wfile.write(part[: len(part) // 2] if site.cut else part)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    site.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
