"""Ranges of a file on a web server, over connections that wait for the next request.

Rule kept here: one range, one request, and each answer proves what it is: the range that was asked for, of a file with
the size and the ETag that it had when it was opened. No answer leads to another host or path.

Why not fsspec's own: it sees no header of an answer (so it asks twice), follows redirects anywhere, and copies each
body twice where this one receives it in place.

Source of the facts: RFC 9110 (HTTP semantics), sections 8.8 (validators), 14 (ranges), 15 (status codes).
"""

import base64
import contextlib
import email.utils
import http.client
import json
import re
import socket
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from aicsio._io import pool
from aicsio._io.requests import TIMEOUT, Answer, Transient, changed, check_same, deadline, said
from aicsio.errors import ArgumentTypeError, SourceError, SourceNotFoundError
from aicsio.records import Source

MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
STEP = 1 << 20
"""Bytes after which the clock is looked at."""
SMALL_BODY = 1 << 16
"""Bodies of refusals up to this size are read, so that the connection can serve again."""
OPTIONS = ("headers", "cookies", "auth", "timeout", "ssl", "trust_env", "client_kwargs")
IGNORED = frozenset({
    "asynchronous", "block_size", "cache_options", "cache_type", "encoded", "listings_expiry_time", "max_paths",
    "same_scheme", "simple_links", "size_policy", "skip_instance_cache", "use_listings_cache",
})  # fmt: skip
"""Options of fsspec's file system that have no meaning here."""


class HttpRanges:
    """Reads ranges of one file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        options = _options(source)
        parts = urllib.parse.urlsplit(source.uri)
        if not parts.hostname:
            raise SourceError(f"cannot read {source.uri!r}: the URL names no host")
        self._headers = _headers(parts, options)
        self._scheme, self._host, self._port = parts.scheme, parts.hostname, parts.port
        self._target = _target(parts)
        self._timeout = float(options.get("timeout") or TIMEOUT)
        self._verify = options.get("ssl", True) is not False
        self._trust_env = bool(options.get("trust_env"))

    def probe(self, nbytes: int, most: int) -> Answer:
        """Ask for the first bytes, and so for size and fingerprint.

        All of a file up to ``most`` bytes is fetched where the server knows no ranges.
        """
        low, high = 0, nbytes - 1
        with self._asked(low, high) as response:
            fingerprint = _fingerprint(response)
            if response.status == 416:
                return Answer(_total(response) or 0, fingerprint, b"", whole=False)
            if response.status == 206:
                start, stop, total = self._range(response)
                if start != 0:
                    raise SourceError(
                        f"cannot read {self._source.uri!r}: bytes from {start} where 0 was asked for"
                    )
                return Answer(total, fingerprint, self._body(response, stop - start), whole=False)
            length = response.length
            if length is not None and length > most:
                raise self._no_ranges(length)
            head = self._body(response, most + 1 if length is None else length)
            if len(head) > most:
                raise self._no_ranges(None)
            return Answer(len(head), fingerprint, head, whole=True)

    def fill(self, offset: int, into: memoryview) -> int:
        """Receive bytes from ``offset`` on; returns how many came, which may be fewer than there is room for."""
        with self._asked(offset, offset + into.nbytes - 1) as response:
            check_same(self._source, _total(response), _fingerprint(response))
            if response.status == 416:
                raise changed(self._source)
            if response.status != 206 and not (offset == 0 and response.length == into.nbytes):
                raise self._no_ranges(response.length)
            if response.status == 206:
                start, stop, _ = self._range(response)
                if start != offset or stop > offset + into.nbytes:
                    raise SourceError(
                        f"cannot read {self._source.uri!r}: the server sends bytes {start} to {stop - 1} where "
                        f"{into.nbytes} bytes from {offset} on were asked for"
                    )
                into = into[: stop - start]
            return self._receive(response, into, partly=True)

    def close(self) -> None:
        """Connections wait in the pool."""

    # ------------------------------------------------------------ answers

    def _range(self, response: http.client.HTTPResponse) -> tuple[int, int, int | None]:
        found = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if found is None:
            raise SourceError(
                f"cannot read {self._source.uri!r}: the server sends a part and does not say which"
            )
        return int(found[1]), int(found[2]) + 1, None if found[3] == "*" else int(found[3])

    def _no_ranges(self, length: int | None) -> SourceError:
        size = "of unknown size" if length is None else f"of {length:,} bytes"
        return SourceError(
            f"{self._source.uri!r}: the server sends the whole file ({size}) where a part was asked for: "
            f"download it, or open 'simplecache::{self._source.uri}'"
        )

    def _body(self, response: http.client.HTTPResponse, nbytes: int) -> bytes:
        buffer = bytearray(nbytes)
        done = self._receive(response, memoryview(buffer), partly=False)
        if response.length:  # what was announced and did not come
            raise Transient(f"the connection broke after {done} of {nbytes} bytes")
        return bytes(buffer[:done])

    def _receive(
        self, response: http.client.HTTPResponse, into: memoryview, *, partly: bool
    ) -> int:
        done, end = 0, deadline(into.nbytes, self._timeout)
        try:
            while done < into.nbytes:
                count = response.readinto(into[done : done + STEP])
                if not count:
                    break
                done += count
                if time.monotonic() > end:
                    raise TimeoutError("it comes too slowly")
        except (OSError, http.client.HTTPException) as error:
            # What has come is good; the next request asks for the rest.
            if not (done and partly):
                raise Transient(said(error)) from error
        if not done and partly:
            raise Transient("the connection was closed before the first byte")
        return done

    # ------------------------------------------------------------ requests

    @contextlib.contextmanager
    def _asked(self, low: int, high: int) -> Iterator[http.client.HTTPResponse]:
        """Make the request, and give the answer if it has bytes, or none because the file is shorter."""
        headers = {**self._headers, "Range": f"bytes={low}-{high}", "Accept-Encoding": "identity"}
        with pool.request():
            for _ in range(MOST_REDIRECTS):
                key = (
                    self._scheme,
                    self._host,
                    self._port,
                    self._verify,
                    self._trust_env,
                    self._timeout,
                )
                connection, response = self._sent(key, headers)
                with contextlib.ExitStack() as closing:
                    closing.callback(connection.close)
                    closing.callback(response.close)
                    good = response.status in {200, 206, 416}
                    if good:
                        self._check_plain(response)
                        yield response
                    if response.status not in {200, 206} and (response.length or 0) <= SMALL_BODY:
                        with contextlib.suppress(OSError, http.client.HTTPException):
                            response.read()
                    if response.isclosed() and connection.sock is not None:
                        # Nothing of this answer is left in it: it serves the next request.
                        closing.pop_all()
                        pool.keep_connection(key, connection)
                if good:
                    return
                if response.status not in REDIRECTS:
                    raise self._refused(response)
                self._follow(response)
        raise SourceError(
            f"cannot read {self._source.uri!r}: {MOST_REDIRECTS} redirects lead nowhere"
        )

    def _sent(
        self, key: Any, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        waiting = pool.connection(key)
        connection = waiting or self._connect(key[0], key[1], key[2])
        try:
            connection.request("GET", self._target, headers=dict(headers))
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if waiting is not None and not isinstance(error, TimeoutError):
                # The server had closed it meanwhile, as it may.
                return self._sent(key, headers)
            if isinstance(error, ssl.SSLCertVerificationError) or (
                isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN
            ):
                raise SourceError(f"cannot read {self._source.uri!r}: {said(error)}") from error
            raise Transient(said(error)) from error

    def _connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        proxy = None
        if self._trust_env and not urllib.request.proxy_bypass(host):
            proxy = urllib.request.getproxies().get(scheme)
        at = urllib.parse.urlsplit(proxy) if proxy else None
        name, number = (host, port) if at is None or not at.hostname else (at.hostname, at.port)
        if scheme == "https":
            context = ssl.create_default_context()
            if not self._verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            secure = http.client.HTTPSConnection(
                name, number, timeout=self._timeout, context=context
            )
            if at is not None:
                secure.set_tunnel(host, port)
            return secure
        if at is not None:
            raise SourceError(
                f"cannot read {self._source.uri!r}: plain http through a proxy is not done; use https"
            )
        return http.client.HTTPConnection(name, number, timeout=self._timeout)

    def _follow(self, response: http.client.HTTPResponse) -> None:
        """Ask elsewhere: the same path of the same host, over TLS or with another query; nothing else."""
        own = f"{self._scheme}://{_netloc(self._host, self._port)}{self._target}"
        where = urllib.parse.urljoin(own, response.headers.get("Location", ""))
        there = urllib.parse.urlsplit(where)
        safer = (
            (self._scheme, there.scheme) == ("http", "https")
            and self._port is None
            and there.port is None
        )
        same = (there.scheme, there.port) == (self._scheme, self._port)
        if (there.hostname, there.path) != (self._host, self._target.partition("?")[0]) or not (
            same or safer
        ):
            raise SourceError(
                f"cannot read {self._source.uri!r}: the server points to another place, {where!r}: open that if you "
                "trust it"
            )
        self._scheme, self._target = there.scheme, _target(there)

    def _check_plain(self, response: http.client.HTTPResponse) -> None:
        coding = response.headers.get("Content-Encoding", "identity")
        if coding != "identity":
            raise SourceError(
                f"cannot read {self._source.uri!r}: the server sends it encoded as {coding!r}"
            )

    def _refused(self, response: http.client.HTTPResponse) -> Exception:
        status, reason = response.status, response.reason
        if status in {404, 410}:
            return SourceNotFoundError(
                f"there is nothing at {self._source.uri!r}: the server answers {status}"
            )
        said = f"the server answers {status} {reason}".strip()
        if status in TRANSIENT:
            return Transient(said, _pause(response.headers.get("Retry-After")))
        advice = (
            ": give storage_options={'headers': {'Authorization': ...}}"
            if status in {401, 403}
            else ""
        )
        return SourceError(f"cannot read {self._source.uri!r}: {said}{advice}")


def _fingerprint(response: http.client.HTTPResponse) -> str | None:
    # A server that compresses on the way weakens the tag of the same bytes.
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
    return tag.removeprefix("W/") if tag else None


def _total(response: http.client.HTTPResponse) -> int | None:
    found = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    if found:
        return int(found[1])
    return response.length if response.status == 200 else None


def _pause(text: str | None) -> float | None:
    """Seconds that a Retry-After asks for: a number, or a date."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    return None


# ---------------------------------------------------------------- what the caller gives


def _netloc(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def _target(parts: urllib.parse.SplitResult) -> str:
    """Path and query as they travel; what is quoted already stays."""
    kept = "/%:@!$&'()*+,;=~-._"
    path = urllib.parse.quote(_whole_percents(parts.path or "/"), safe=kept)
    query = urllib.parse.quote(_whole_percents(parts.query), safe=kept + "?[]")
    return f"{path}?{query}" if query else path


def _whole_percents(text: str) -> str:
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)


def _options(source: Source) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(source.storage_options)
    client = given.pop("client_kwargs", None) or {}
    options = {**client, **given}
    if client.get("headers"):
        options["headers"] = {**client["headers"], **(given.get("headers") or {})}
    unknown = sorted(set(options) - set(OPTIONS) - IGNORED)
    if unknown:
        raise ArgumentTypeError(
            f"storage_options for {source.uri!r}: {unknown} mean nothing here; known: {OPTIONS}"
        )
    return options


def _headers(parts: urllib.parse.SplitResult, options: Mapping[str, Any]) -> dict[str, str]:
    headers = {
        "User-Agent": "aicsio",
        **{str(k): str(v) for k, v in (options.get("headers") or {}).items()},
    }
    user = options.get("auth") or (
        (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
        if parts.username
        else None
    )
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
    if options.get("cookies"):
        headers["Cookie"] = "; ".join(
            f"{name}={value}" for name, value in options["cookies"].items()
        )
    return headers
