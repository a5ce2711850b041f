"""Ranges of a file on a web server, over connections that wait for the next request.

Rule kept here: one range, one request, and each answer proves itself: it is the requested range of
a file with the size and the ETag that the file had when it was opened. No answer leads to another
host or path, none is trusted with its own length, and none takes longer or more memory than the
request allows.

Why by hand. Loopback, 128 MiB by 16 MiB ranges into one array, best of five interleaved: this
client 46 ms, urllib3 57 ms (its ``readinto`` is ``read`` and a copy), obstore 140 ms. 60 spread
reads of 64 KiB: this client 24 ms, urllib3 28, obstore 12. Import: http.client with ssl 38 ms,
urllib3 107, httpx 347, aiohttp 330. fsspec's own client shows no headers, so it asks twice, follows
redirects anywhere and copies each body twice.

Source of the facts: RFC 9110 (HTTP semantics), sections 8.8 (validators), 14 (ranges), 15 (status
codes).
"""

import contextlib
import http.client
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from aicsio._io import answer_headers as headers
from aicsio._io import http_connection, multipart, pool
from aicsio._io.http_connection import RangeRequest
from aicsio._io.http_options import encode_path, http_target, split_url
from aicsio._io.ranges import Span, changed_error
from aicsio._io.refusals import (
    CROWDED_STATUS,
    no_ranges_error,
    refusal,
    request_failure,
)
from aicsio._io.retrying import (
    RemoteInfo,
    RetryableError,
    check_unchanged,
    describe_error,
)
from aicsio._io.urls import public_url
from aicsio.errors import AicsioError, SourceError, SourceNotFoundError
from aicsio.records import Source

# As many as RFC 2068 recommended; browsers follow 20, but here each one stays on the same path.
MAX_REDIRECTS = 5
REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
# Answers to a signature whose time is over: S3 sends 403, others 400 or 401.
EXPIRED_STATUS = frozenset({400, 401, 403})
# Bytes; a body of a refusal up to this size is read, so that the connection can serve again.
MAX_SMALL_BODY = 1 << 16
# Seconds that such a body may take: a new connection takes less.
SMALL_BODY_SECONDS = 0.5


class HttpClient:
    """Reads ranges of one file of a web server. Not a record: it lives while the file is open."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._target = self._first_target = http_target(source)
        self.timeout = self._target.timeout
        self._serves_parts = True

    def probe(self, nbytes: int, whole_limit: int) -> RemoteInfo:
        """Request the first bytes, and with them size and fingerprint.

        A server without ranges sends the whole file, which is read up to ``whole_limit`` bytes.
        """
        with self._request([(0, nbytes)], whole_limit) as response:
            fingerprint = headers.fingerprint(response)
            total = headers.total_size(response)
            if response.status == 206:
                part = self._content_range(response, 0, nbytes)
                head = self._read_body(response, part.stop)
                if part.total is not None:
                    return RemoteInfo(part.total, fingerprint, head)
            elif response.status == 200:
                return self._read_whole(response, whole_limit)
            elif total == 0:
                return RemoteInfo(0, fingerprint)
        if total:  # some servers refuse a range that ends behind the end of the file
            return self._probe_start(min(nbytes, total))
        return self._probe_size(whole_limit)

    def _probe_start(self, nbytes: int) -> RemoteInfo:
        """Request the first bytes, which are there."""
        with self._request([(0, nbytes)]) as response:
            if response.status == 206:
                part = self._content_range(response, 0, nbytes)
                head = self._read_body(response, part.stop)
                return RemoteInfo(part.total, headers.fingerprint(response), head)
            raise no_ranges_error(self._source.uri, response.length)

    def _probe_size(self, whole_limit: int) -> RemoteInfo:
        """Request the file without a range: its length stands in no answer to one."""
        with self._request((), whole_limit) as response:
            length = response.length
            if response.status != 200 or length is None:
                raise SourceError(
                    f"cannot read {self._source.uri!r}: the server does not tell the size of the file: "
                    f"download it, or open 'simplecache::{self._source.uri}'"
                )
            if length <= whole_limit:
                return self._read_whole(response, whole_limit)
            return RemoteInfo(length, headers.fingerprint(response))

    def _read_whole(self, response: http.client.HTTPResponse, whole_limit: int) -> RemoteInfo:
        """Read the body of an answer that is the whole file."""
        length = response.length
        if length is not None and length > whole_limit:
            raise no_ranges_error(self._source.uri, length)
        # One byte more shows that a body of unknown length is too long.
        head = self._read_body(response, whole_limit + 1 if length is None else length)
        if len(head) > whole_limit:
            raise no_ranges_error(self._source.uri, None)
        return RemoteInfo(len(head), headers.fingerprint(response), head, whole=True)

    def probe_end(self, nbytes: int) -> RemoteInfo | None:
        """Request the last bytes, and with them size and fingerprint.

        ``None`` if the server does not count from the end.
        """
        with self._request([(-1, nbytes)]) as response:
            _, part = headers.content_range(response)
            if response.status != 206 or part is None or part.total is None or not part.is_inside:
                return None
            if part.stop != part.total or part.stop - part.start > nbytes:
                return None
            end = self._read_body(response, part.stop - part.start)
            return RemoteInfo(part.total, headers.fingerprint(response), end)

    def receive(self, offset: int, buffer: memoryview) -> int:
        """Receive bytes from ``offset`` on; returns their number, fewer than fit if the answer
        broke off.
        """
        with self._request([(offset, buffer.nbytes)]) as response:
            check_unchanged(
                self._source, headers.total_size(response), headers.fingerprint(response)
            )
            if response.status == 416:
                raise changed_error(self._source)
            if response.status == 206:
                part = self._content_range(response, offset, buffer.nbytes)
                buffer = buffer[: part.stop - part.start]
            elif offset or response.length != buffer.nbytes:
                raise no_ranges_error(self._source.uri, response.length)
            return self._receive_body(response, buffer, keep_part=True)

    def receive_many(self, buffers: Mapping[Span, memoryview]) -> bool:
        """Fill buffers with many ranges by one request; return whether the server can do that."""
        server = pool.server_of(self._connection_key())
        if not (self._serves_parts and server.serves_parts):
            return False
        # One try: ranges that do not come this way are requested one by one, by whose answers errors are judged.
        is_filled = False
        with (
            contextlib.suppress(RetryableError, OSError, http.client.HTTPException),
            self._request(tuple(buffers)) as response,
        ):
            boundary = multipart.boundary_of(response.headers.get("Content-Type", ""))
            if response.status == 206 and boundary is not None:
                check_unchanged(self._source, None, headers.fingerprint(response))
                size = self._source.size
                is_filled = multipart.receive_parts(response, boundary, buffers, size)
                # The last boundary follows; with it the connection serves again.
                response.read(multipart.PART_OVERHEAD)
            else:
                # So it answers for other files, too.
                server.serves_parts = False
        if not is_filled:
            self._serves_parts = False
        return is_filled

    def close(self) -> None:
        """Connections wait in the pool."""

    # ------------------------------------------------------------ answers

    def _content_range(
        self, response: http.client.HTTPResponse, offset: int, nbytes: int
    ) -> headers.ByteRange:
        """Read the range of an answer and compare it with the requested one."""
        text, part = headers.content_range(response)
        if part is None:
            raise SourceError(
                f"cannot read {self._source.uri!r}: the server sends a part without its range"
            )
        is_wanted = part.start == offset and part.stop <= offset + nbytes
        if not part.is_inside or not is_wanted:
            raise SourceError(
                f"cannot read {self._source.uri!r}: the server sends {text!r} where {nbytes} bytes "
                f"from {offset} on were asked for"
            )
        return part

    def _read_body(self, response: http.client.HTTPResponse, nbytes: int) -> bytes:
        buffer = bytearray(nbytes)
        count = self._receive_body(response, memoryview(buffer), keep_part=False)
        # Bytes that Content-Length announced and that did not come.
        if response.length and count < nbytes:
            raise RetryableError(f"the connection broke after {count} of {nbytes} bytes")
        return bytes(buffer[:count])

    def _receive_body(
        self, response: http.client.HTTPResponse, buffer: memoryview, *, keep_part: bool
    ) -> int:
        count = 0
        try:
            while count < buffer.nbytes:
                received = response.readinto(buffer[count:])
                if not received:
                    break
                count += received
        except AicsioError:
            raise
        except (OSError, http.client.HTTPException) as error:
            # The bytes that came are good; the next request asks for the rest.
            if not (count and keep_part):
                raise RetryableError(describe_error(error)) from error
        if not count and keep_part:
            raise RetryableError("the connection was closed before the first byte")
        return count

    # ------------------------------------------------------------ requests

    @contextlib.contextmanager
    def _request(
        self, spans: Sequence[Span], whole_limit: int = 0
    ) -> Iterator[http.client.HTTPResponse]:
        """Make a request; yield an answer with bytes, or the answer 416: the file has none there."""
        server = pool.server_of(self._connection_key())
        with server, pool.request_slot():
            deadline = time.monotonic() + self.timeout
            nbytes = sum(nbytes for _, nbytes in spans)
            if len(spans) > 1:
                nbytes += len(spans) * multipart.PART_OVERHEAD
            limit = max(nbytes, whole_limit)
            request = RangeRequest(tuple(spans), nbytes, limit, deadline)
            is_renewed = False
            for _ in range(MAX_REDIRECTS):
                key = self._connection_key()
                connection, response = self._exchange(key, request)
                with contextlib.ExitStack() as closing:
                    closing.callback(connection.close)
                    closing.callback(response.close)
                    succeeded = response.status in {200, 206, 416}
                    if succeeded:
                        self._check_body(response)
                        yield response
                    if response.status not in {200, 206}:
                        self._drain(connection, response)
                    if response.isclosed() and connection.sock is not None:
                        # Nothing of this answer is left in it, so it can serve the next request.
                        closing.pop_all()
                        pool.return_connection(key, connection)
                if succeeded:
                    return
                if response.status in REDIRECT_STATUS:
                    self._follow(response)
                elif self._can_renew(response) and not is_renewed:
                    # A redirect led to a signed URL whose time is over; the next one leads to a new one.
                    self._target, is_renewed = self._first_target, True
                else:
                    crowded = response.status in CROWDED_STATUS and server.narrow()
                    path = self._target.path
                    raise refusal(self._source.uri, path, response, is_crowded=crowded)
        raise SourceError(
            f"cannot read {self._source.uri!r}: {MAX_REDIRECTS} redirects lead nowhere"
        )

    def _connection_key(self) -> tuple[object, ...]:
        target = self._target
        return target.secure, target.host, target.port, target.verify, target.proxy

    def _exchange(
        self, key: tuple[object, ...], request: RangeRequest
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a request and receive the headers of its answer."""
        while True:
            idle = pool.take_connection(key)
            connection = idle
            try:
                if connection is None:
                    connection = http_connection.connect(
                        self._target, self._source.uri, request.deadline
                    )
                # getresponse lets go of a socket that the server will close; the answer still comes
                # through it.
                timed_socket: Any = connection.sock
                timed_socket.begin_headers(request.deadline, self.timeout)
                self._send(connection, request.header)
                response = connection.getresponse()
                timed_socket.begin_body(
                    request.whole_limit if response.status == 200 else request.nbytes
                )
            except AicsioError:
                _close(connection)
                raise
            except (OSError, http.client.HTTPException, ValueError) as error:
                _close(connection)
                if idle is not None and not isinstance(error, TimeoutError):
                    continue  # the server had closed it meanwhile, as it may
                raise request_failure(self._source.uri, error) from error
            return connection, response

    def _send(self, connection: http.client.HTTPConnection, range_header: str | None) -> None:
        target = self._target
        fields = {**dict(target.headers), "Accept-Encoding": "identity"}
        if range_header is not None:
            fields["Range"] = range_header
        path = target.path
        if target.proxy is not None and not target.secure:
            # A proxy for plain http is given the whole URL (RFC 9112, section 3.2.2).
            path = target.url
            if target.proxy.authorization is not None:
                fields["Proxy-Authorization"] = target.proxy.authorization
        connection.request("GET", path, headers=fields)

    def _drain(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        """Read the small body of a refusal; one that is long, slow or without a length is left."""
        if response.length is None or response.length > MAX_SMALL_BODY:
            return
        timed_socket: Any = connection.sock
        if timed_socket is None:
            return
        timed_socket.begin_body(MAX_SMALL_BODY, SMALL_BODY_SECONDS)
        with contextlib.suppress(OSError, http.client.HTTPException):
            response.read(response.length)

    def _follow(self, response: http.client.HTTPResponse) -> None:
        """Go where a redirect points: the same path of the same host, by TLS or with another query;
        nowhere else.
        """
        target = self._target
        shown = self._source.uri
        location = response.headers.get("Location", "")
        try:
            url = urllib.parse.urljoin(target.url, location)
        except ValueError:
            raise SourceError(
                f"cannot read {shown!r}: the server points to {location[:200]!r}, which is no URL"
            ) from None
        parts = split_url(url, f"{shown} through the redirect to {public_url(url)[:200]}")
        secure = parts.scheme == "https"
        upgraded = secure and not target.secure and target.port is None and parts.port is None
        unchanged = secure == target.secure and parts.port == target.port
        own_path = target.path.partition("?")[0]
        if (parts.hostname, parts.path) == (target.host, own_path + "/"):
            # Web servers answer the name of a folder so, whether or not they list it.
            raise SourceNotFoundError(
                f"{shown!r} is a folder of the server: open a file in it, or a Zarr"
            )
        same_file = (parts.hostname, parts.path) == (target.host, own_path)
        if parts.scheme not in {"http", "https"} or not same_file or not (upgraded or unchanged):
            raise SourceError(
                f"cannot read {shown!r}: the server points to another place, {public_url(url)[:200]!r}: "
                "open that if you trust it"
            )
        self._target = attrs.evolve(target, secure=secure, path=encode_path(parts))

    def _can_renew(self, response: http.client.HTTPResponse) -> bool:
        return self._target is not self._first_target and response.status in EXPIRED_STATUS

    def _check_body(self, response: http.client.HTTPResponse) -> None:
        """Refuse a body that is not the bytes of the file."""
        codings = headers.content_codings(response)
        fault = headers.framing_fault(response)
        if codings:
            fault = f"the server sends it encoded as {', '.join(codings)[:40]!r}"
        if fault is not None:
            raise SourceError(f"cannot read {self._source.uri!r}: {fault}")


def _close(connection: http.client.HTTPConnection | None) -> None:
    if connection is not None:
        connection.close()
