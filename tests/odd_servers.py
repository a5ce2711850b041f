"""Web servers that answer rightly in unusual ways, and wrongly in usual ones. Nothing here is a test."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs

ETAG = '"one"'


@attrs.define
class Request:
    """One request, and the file that it asks for."""

    number: int
    """Requests before this one, on all connections."""
    connection: int
    """Number of the connection."""
    method: str
    path: str
    headers: dict[str, str]
    """By lower-case names."""
    content: bytes
    """The whole file."""

    @property
    def range(self) -> tuple[int, int]:
        """Return the requested range as offset and stop; the whole file if none was requested."""
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        if match is None:
            return 0, len(self.content)
        return int(match[1]), min(int(match[2]) + 1, len(self.content))

    @property
    def part(self) -> bytes:
        """Return the bytes of the requested range."""
        low, high = self.range
        return self.content[low:high]

    @property
    def content_range(self) -> str:
        """Return the header of an answer with the requested range."""
        low, high = self.range
        return f"bytes {low}-{high - 1}/{len(self.content)}"


def head_of(status: str, headers: dict[str, str], version: str = "1.1") -> bytes:
    """Return status line and headers."""
    lines = [f"HTTP/{version} {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def part_of(request: Request, version: str = "1.1", **more: str | None) -> bytes:
    """Return a plain answer with the requested range; ``more`` headers replace its own, or ``None`` drops them.

    A request without a range is given the whole file.
    """
    if "range" not in request.headers:
        size = str(len(request.content))
        return head_of("200 OK", {"Content-Length": size, "ETag": ETAG}) + request.content
    headers: dict[str, str | None] = {
        "Content-Range": request.content_range,
        "Content-Length": str(len(request.part)),
        "ETag": ETAG,
    }
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    kept = {name: value for name, value in headers.items() if value is not None}
    return head_of("206 Partial Content", kept, version) + request.part


def refusal(status: str, **headers: str) -> bytes:
    """Return an answer without a body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return head_of(status, {"Content-Length": "0", **named})


Answer: TypeAlias = Callable[[Request], bytes]
"""From a request to the bytes of its answer; a behaviour that closes the connection ends with ``CLOSE``."""
CLOSE = b"<close the connection>"


Serve: TypeAlias = Callable[[socket.socket, int], None]
"""Talks with a client on a connection, whose number is given."""


@contextlib.contextmanager
def accepting(serve: Serve, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve each connection in a thread of its own until the end of the block; yield the URL of a folder."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, 0), family=family, backlog=128)
    connections: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                connections.append(connection)
                place = len(connections)
                threading.Thread(target=serve, args=(connection, place), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{shown}:{server.getsockname()[1]}/"
    finally:
        server.close()
        for connection in connections:
            connection.close()


@contextlib.contextmanager
def odd_server(answer: Answer, content: bytes, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve a file by ``answer``; yield the URL of its folder."""
    lock, count = threading.Lock(), [0]

    def serve(connection: socket.socket, place: int) -> None:
        with (
            contextlib.suppress(OSError, ValueError),
            connection,
            connection.makefile("rb") as file,
        ):
            while line := file.readline():
                method, path, _ = line.decode("latin-1").split(" ", 2)
                headers = {}
                while (line := file.readline()) not in {b"\r\n", b""}:
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                with lock:
                    number, count[0] = count[0], count[0] + 1
                request = Request(number, place, method, path, headers, content)
                data = answer(request)
                connection.sendall(data.removesuffix(CLOSE))
                if data.endswith(CLOSE):
                    return

    with accepting(serve, host) as url:
        yield url
