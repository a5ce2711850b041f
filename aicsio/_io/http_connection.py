"""Connections to a web server that end in time and in bounded memory, whatever the server sends.

Rule kept here: a request has one deadline. The headers, with the connection, TLS and every interim
answer, must come within the time-out; a body must then come faster than ``MIN_BYTES_PER_SECOND``.
So a server that drips bytes, repeats ``100 Continue`` or never ends its headers is an error in
time.

``http.client`` alone restarts its time-out with each byte, and skips interim answers without a
limit.

Source of the facts: RFC 9110, sections 9.3.6 (CONNECT) and 15.2 (interim answers); RFC 9112,
section 3.2 (targets).
"""

import contextlib
import http.client
import io
import socket
import ssl
import time
from typing import Any

import attrs

from aicsio._io.http_options import HttpTarget, Proxy
from aicsio._io.ranges import Span
from aicsio._io.retrying import MIN_BYTES_PER_SECOND
from aicsio.errors import SourceError

# Bytes of all headers of an answer, interim ones included. Servers send up to 16 KiB; nginx refuses
# to pass on more than 32 KiB.
MAX_HEADER_BYTES = 256 * 1024


@attrs.frozen
class RangeRequest:
    """One request for a range, or for several. Not a record: it lives for one answer."""

    spans: tuple[Span, ...]
    """Offset and length of each range; several make a request for parts, none one for the whole file. A negative
    offset asks for the end."""
    nbytes: int
    """Bytes that the body may have."""
    whole_limit: int
    """Bytes that are accepted if the server sends the whole file."""
    deadline: float
    """Moment on the monotonic clock at which the headers must have come."""

    @property
    def header(self) -> str | None:
        """Value of the header Range; ``None`` without one."""
        if not self.spans:
            return None
        # "suffix-range = "-" suffix-length" (RFC 9110, section 14.1.1): the last bytes of a file of any size.
        ranges = [
            f"-{nbytes}" if low < 0 else f"{low}-{low + nbytes - 1}" for low, nbytes in self.spans
        ]
        return "bytes=" + ",".join(ranges)


class TimedSocket:
    """A socket that watches the clock and counts. Not a record: it lives while the connection is
    open.

    It has the methods that ``http.client`` calls.
    """

    def __init__(self, sock: socket.socket, uri: str) -> None:
        self._socket = sock
        self._uri = uri
        self._timeout = 0.0
        self._deadline = 0.0
        self._header_bytes: int | None = None
        self._body_start = 0.0
        self._body_bytes = 0
        self._body_limit = 0

    def begin_headers(self, deadline: float, timeout: float) -> None:
        """Start an exchange whose headers must have come at ``deadline`` on the monotonic clock."""
        self._deadline = deadline
        self._timeout = timeout
        self._header_bytes = 0

    def begin_body(self, nbytes: int, seconds: float | None = None) -> None:
        """Start a body.

        Parameters
        ----------
        nbytes
            Bytes that the answer may hold. Chunked coding may add as many again, and trailers
            (RFC 9112, section 7.1) as many as headers.
        seconds
            Time for it; ``None`` for as long as it comes fast enough.
        """
        self._header_bytes = None
        self._body_start = time.monotonic()
        self._body_bytes = 0
        self._body_limit = 2 * nbytes + MAX_HEADER_BYTES
        self._deadline = self._body_start + (2 * self._timeout if seconds is None else seconds)

    def _seconds_left(self) -> float:
        left = self._deadline - time.monotonic()
        if self._header_bytes is None:
            left += self._body_bytes / MIN_BYTES_PER_SECOND
        return left

    def _wait(self) -> None:
        """Let the next call of the system wait until the deadline at most."""
        left = self._seconds_left()
        if left <= 0:
            raise self._late_error()
        self._socket.settimeout(min(left, self._timeout))

    def _late_error(self) -> OSError:
        """Make the error for a deadline: one that another try may overcome, or one for a slow body."""
        if self._header_bytes is not None:
            return TimeoutError(f"the headers did not come within {self._timeout:g} s")
        seconds = time.monotonic() - self._body_start
        return SourceError(
            f"cannot read {self._uri!r}: the server sends {self._body_bytes} bytes in {seconds:.1f} s, "
            "which is too slow"
        )

    def receive_into(self, raw: Any, buffer: Any) -> int:
        """Receive bytes from the stream ``raw`` of this socket, and count them."""
        self._wait()
        try:
            count = raw.readinto(buffer) or 0
        except TimeoutError:
            if self._seconds_left() <= 0:
                raise self._late_error() from None
            raise
        if self._header_bytes is None:
            self._body_bytes += count
            if self._body_bytes > self._body_limit:
                raise SourceError(
                    f"cannot read {self._uri!r}: the server sends more than was asked for"
                )
            return count
        self._header_bytes += count
        if self._header_bytes > MAX_HEADER_BYTES:
            raise SourceError(
                f"cannot read {self._uri!r}: the server sends more than {MAX_HEADER_BYTES} bytes of headers"
            )
        return count

    def sendall(self, data: Any) -> None:
        """Send bytes."""
        self._wait()
        self._socket.sendall(data)

    def makefile(self, mode: str = "rb", *_: object, **__: object) -> io.BufferedReader:
        """Return a buffered stream of what arrives."""
        del mode
        return io.BufferedReader(_TimedStream(self, self._socket.makefile("rb", buffering=0)))

    def close(self) -> None:
        """Close the socket; streams of it stay open until they are closed."""
        self._socket.close()


class FinalResponse(http.client.HTTPResponse):
    """An answer behind all interim ones; ``http.client`` skips ``100 Continue`` alone. Not a record: it lives while
    it is read.
    """

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            # "A client MUST be able to parse one or more 1xx responses" (RFC 9110, section 15.2). 100 is skipped by the
            # caller, 101 is not asked for.
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _TimedStream(io.RawIOBase):
    """What arrives at a ``TimedSocket``. Not a record: it lives for one answer."""

    def __init__(self, owner: TimedSocket, raw: Any) -> None:
        super().__init__()
        self._owner = owner
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._owner.receive_into(self._raw, buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def connect(target: HttpTarget, uri: str, deadline: float) -> http.client.HTTPConnection:
    """Connect to a server, or through a proxy to it.

    Raises
    ------
    OSError, http.client.HTTPException
        When there is no connection.
    SourceError
        When a proxy refuses.
    """
    proxy = target.proxy
    port = target.port or (443 if target.secure else 80)
    host, socket_port = (target.host, port) if proxy is None else (proxy.host, proxy.port)
    sock = socket.create_connection((host, socket_port), _seconds_until(deadline))
    with contextlib.ExitStack() as on_error:
        on_error.callback(sock.close)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None and proxy.secure:
            sock = _secured(sock, proxy.host, deadline, verify=target.verify)
        if proxy is not None and target.secure:
            _open_tunnel(sock, target, proxy, port, uri, deadline)
        if target.secure:
            sock = _secured(sock, target.host, deadline, verify=target.verify)
        on_error.pop_all()
    connection = http.client.HTTPConnection(target.host, port)
    # A connection made here is used for as long as it lasts; http.client must not make another one
    # by its own rules.
    connection.auto_open = 0
    connection.response_class = FinalResponse
    connection.sock = TimedSocket(sock, uri)
    return connection


def _seconds_until(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no connection within the time-out")
    return seconds


def _secured(sock: socket.socket, host: str, deadline: float, *, verify: bool) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # A handshake as a whole takes the time-out of the socket at most.
    sock.settimeout(_seconds_until(deadline))
    return context.wrap_socket(sock, server_hostname=host)


def _open_tunnel(
    sock: socket.socket, target: HttpTarget, proxy: Proxy, port: int, uri: str, deadline: float
) -> None:
    """Ask a proxy to pass bytes on to the server (RFC 9110, section 9.3.6)."""
    name = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}", "User-Agent: aicsio"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    timed = TimedSocket(sock, uri)
    timed.begin_headers(deadline, target.timeout)
    timed.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    response = http.client.HTTPResponse(timed, method="CONNECT")  # type: ignore[arg-type]
    try:
        response.begin()
        if response.status != 200:
            raise SourceError(
                f"cannot read {uri!r}: the proxy {proxy.host}:{proxy.port} answers {response.status}"
            )
    finally:
        response.close()
