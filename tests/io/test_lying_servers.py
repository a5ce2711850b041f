"""Web servers that lie, drip or never end: an error of ours, in time, in bounded memory.

Each server here is a function that is given the socket of one request. The right outcome needs no second reader: the
time-out bounds the wait for an answer (RFC 9110, section 9.2, leaves it to the client), and no answer may hold more
than the requested range (section 14.4).
"""

import contextlib
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from aicsio import AicsioError, SourceError, open_image
from aicsio._io import http_connection
from odd_servers import accepting
from support import mostly_long

Answer = Callable[[socket.socket], None]
TIMEOUT = 0.1
PATIENCE = 60.0
"""Seconds for a read with all its tries: it takes 4 s (five time-outs, pauses, 2 s for 64 KiB at the least rate) and
other work of the machine. A lie without an end that is believed takes forever."""
PAUSE = 0.02
"""Seconds between the bytes of a server that drips: no wait for one of them is a time-out."""
MEMORY = 40 << 20
"""Bytes of Python's own that a failed opening may take: the whole of a small file is 4 MiB."""
PART = b"HTTP/1.1 206 Partial Content\r\n"


@contextlib.contextmanager
def lying(answer: Answer) -> Iterator[str]:
    """Serve each connection by ``answer`` after its request has come; returns the address."""

    def serve(connection: socket.socket, _: int) -> None:
        with contextlib.suppress(OSError), connection:
            request = b""
            while b"\r\n\r\n" not in request:
                part = connection.recv(4096)
                if not part:
                    return
                request += part
            answer(connection)

    with accepting(serve) as url:
        yield f"{url}a.tif"


def repeat(connection: socket.socket, part: bytes, pause: float = 0.0) -> None:
    """Send the same bytes until the client leaves, or for a minute."""
    end = time.monotonic() + 60
    with contextlib.suppress(OSError):
        while time.monotonic() < end:
            connection.sendall(part)
            time.sleep(pause)


def drip_status(connection: socket.socket) -> None:
    for byte in PART * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(PAUSE)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(PART + b"X-A: ")
    repeat(connection, b"x", PAUSE)


def endless_headers(connection: socket.socket) -> None:
    connection.sendall(PART + b"X-A: ")
    repeat(connection, b"x" * 4096)


def many_headers(connection: socket.socket) -> None:
    connection.sendall(PART)
    repeat(connection, b"X-A: b\r\n" * 512)


def endless_continue(connection: socket.socket) -> None:
    repeat(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 64)


def slow_continue(connection: socket.socket) -> None:
    repeat(connection, b"HTTP/1.1 100 Continue\r\n\r\n", PAUSE)


def silent(connection: socket.socket) -> None:
    time.sleep(20)
    connection.close()


def drip_body(connection: socket.socket) -> None:
    connection.sendall(
        PART + b"Content-Range: bytes 0-65535/9999999\r\nContent-Length: 65536\r\n\r\n"
    )
    repeat(connection, b"x", PAUSE)


def drip_whole_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    repeat(connection, b"x", PAUSE)


def endless_whole_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    repeat(connection, b"x" * 65536)


def endless_chunks(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    repeat(connection, b"10000\r\n" + b"x" * 65536 + b"\r\n")


def empty_chunk_extensions(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
    repeat(connection, b"x" * 4096)


def endless_trailers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    repeat(connection, b"X-A: b\r\n" * 512)


def endless_refusal(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    repeat(connection, b"x" * 65536)


def dripping_refusal(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 60000\r\n\r\n")
    repeat(connection, b"x", PAUSE)


def part_of(text: str, length: int = 65536, body: bytes = b"II*\0" + bytes(65532)) -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(
            PART + f"Content-Range: {text}\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        with contextlib.suppress(OSError):
            connection.sendall(body)

    return answer


def redirect_to(location: str) -> Answer:
    def answer(connection: socket.socket) -> None:
        text = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(text.encode("latin-1"))

    return answer


def raw(text: bytes) -> Answer:
    return lambda connection: connection.sendall(text)


LIES: dict[str, Answer] = {
    "status line dripped": drip_status,
    "headers dripped": drip_headers,
    "headers without end": endless_headers,
    "headers without number": many_headers,
    "100 Continue without end": endless_continue,
    "100 Continue dripped": slow_continue,
    "no answer": silent,
    "body dripped": drip_body,
    "whole body dripped": drip_whole_body,
    "whole body without end": endless_whole_body,
    "chunks without end": endless_chunks,
    "chunk size without end": empty_chunk_extensions,
    "trailers without end": endless_trailers,
    "refusal without end": endless_refusal,
    "refusal dripped": dripping_refusal,
    "range larger than requested": part_of("bytes 0-99999999999/99999999999999", 1 << 40),
    "range of huge numbers": part_of(f"bytes 0-{'9' * 5000}/{'9' * 5001}"),
    "range that ends before it begins": part_of("bytes 9-3/100"),
    "range behind the end": part_of("bytes 0-65535/10"),
    "range elsewhere": part_of("bytes 5-65540/9999999"),
    "range without numbers": part_of("bytes nonsense"),
    "huge length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 4000 + b"\r\n\r\nx"),
    "absurd status": raw(b"HTTP/1.1 99999 Odd\r\n\r\n"),
    "switched protocols": raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "no http": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "location with an absurd port": redirect_to("http://127.0.0.1:99999/a.tif"),
    "location that is no URL": redirect_to("http://[::1"),
    "location of another scheme": redirect_to("file:///etc/passwd"),
    "location of a megabyte": redirect_to("/" + "a" * 60000),
    "location with letters for a port": redirect_to("http://127.0.0.1:http/a.tif"),
    "location to itself": redirect_to("/a.tif"),
}


pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.mark.parametrize("lie", mostly_long(LIES, *list(LIES)[::2]))
def test_a_lie_is_our_error_in_time_and_in_bounded_memory(lie: str) -> None:
    with lying(LIES[lie]) as url:
        tracemalloc.start()
        start = time.monotonic()
        try:
            # The file inside endless trailers has come whole; it is no image.
            kind = AicsioError if "trailers" in lie else SourceError
            with pytest.raises(kind) as caught:
                open_image(url, storage_options={"timeout": TIMEOUT})
            seconds = time.monotonic() - start
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert seconds < PATIENCE
    assert peak < MEMORY
    assert len(str(caught.value)) < 600


def test_headers_have_a_limit_that_servers_keep() -> None:
    long = b"X-A: " + b"x" * 8000 + b"\r\n"

    def answer(connection: socket.socket) -> None:
        body = b"not an image"
        headers = long * 3 + b"Content-Length: %d\r\n\r\n" % len(body)
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + headers + body)

    assert len(long) * 3 < http_connection.MAX_HEADER_BYTES
    with lying(answer) as url, pytest.raises(ValueError, match=r"begins with 6e 6f 74"):
        open_image(url)


def test_a_body_that_is_slow_but_fast_enough_is_received() -> None:
    """64 KiB in 0.5 s are four times the least rate, though two time-outs are 0.4 s."""
    body = b"II*\0" + bytes(65532)

    def answer(connection: socket.socket) -> None:
        header = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-65535/65536\r\nContent-Length: 65536\r\n\r\n"
        connection.sendall(header.encode())
        for start in range(0, len(body), 4096):
            connection.sendall(body[start : start + 4096])
            time.sleep(0.03)

    with lying(answer) as url, pytest.raises(OSError, match=r"byte 0|directory|IFD"):
        open_image(url, storage_options={"timeout": 0.2})
