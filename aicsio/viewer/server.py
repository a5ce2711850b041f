"""The server of a viewer: HTTP on loopback, for the browser of this machine alone.

Rule kept here: nobody else may read the images. The server listens on 127.0.0.1; every address holds
a random token; requests that name another host (DNS rebinding) or come from another site are
refused; only GET and HEAD are answered; nothing is written, and no path is ever taken from a request.
"""

import hmac
import http.server
import os
import secrets
import select
import socket
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aicsio._version import __version__
from aicsio.errors import AicsioError
from aicsio.viewer import answers
from aicsio.viewer.answers import Answer, NotFound
from aicsio.viewer.images import Images, NamedImage, reason_of

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine that nobody else can claim by DNS. Any port: it may be forwarded by ssh."""
NOTEBOOKS = "http://localhost:* http://127.0.0.1:* https://localhost:* vscode-webview:"
"""Pages that may show the viewer in a frame: notebooks of this machine."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    f"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self' {NOTEBOOKS}"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
IDLE_SECONDS = 30.0
"""A connection without a request is closed after this time; browsers open a new one."""
TOKEN_BYTES = 24
"""192 random bits: nobody guesses them."""


class Cancelled(Exception):  # noqa: N818 - it is no error: the page has moved on
    """The browser has closed the connection of a request: nobody waits for the answer."""


class ViewerServer(http.server.ThreadingHTTPServer):
    """A server of named images. Not a record: it holds a socket and threads."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, named: tuple[NamedImage, ...], port: int = 0) -> None:
        self.images = Images(named)
        self.answers = answers.Answers(self.images)
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        # Reads take all cores by themselves: more at once would only share them.
        self.reading = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))
        self.last_request = time.monotonic()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def close(self) -> None:
        """Stop listening, close all connections, and wait for their threads."""
        self.shutdown()
        self.server_close()
        with self._guard:
            open_now = list(self._connections.items())
        for connection, _ in open_now:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the browser was faster
        for _, thread in open_now:
            thread.join(timeout=10)

    def remember(self, connection: socket.socket) -> None:
        """Note a connection, so that ``close`` can end it."""
        with self._guard:
            self._connections[connection] = threading.current_thread()

    def forget(self, connection: socket.socket) -> None:
        """Drop a connection that ended."""
        with self._guard:
            self._connections.pop(connection, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a browser that closes a connection early is no error."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection. Not a record: it lives with a socket."""

    server: ViewerServer
    protocol_version = "HTTP/1.1"
    server_version = f"aicsio/{__version__}"
    sys_version = ""
    timeout = IDLE_SECONDS
    # A tile is a head and a body: without this the second waits for the receipt of the first.
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self.server.remember(self.connection)

    def finish(self) -> None:
        """End a connection."""
        self.server.forget(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the address of each request holds the token."""

    def do_GET(self) -> None:
        """Answer a request."""
        refusal = self._refusal()
        if refusal is not None:
            self._send(Answer.of_text(refusal, status=403))
            return
        self.server.last_request = time.monotonic()
        path, query = self._split()
        try:
            answer = self._answer(path, query)
        except Cancelled:
            self.close_connection = True
            return
        except NotFound as error:
            answer = Answer.of_json({"error": str(error)}, status=404)
        except AicsioError as error:
            answer = Answer.of_json({"error": reason_of(error)}, status=422)
        self._send(answer)

    def do_HEAD(self) -> None:
        """Answer as GET, without the body. Other methods get 501 from the base class."""
        self.do_GET()

    def _refusal(self) -> str | None:
        """Return why a request is refused; ``None`` if it may be answered."""
        host = self.headers.get("Host", "")
        # RFC 3986, section 3.2.2: an IPv6 address stands in brackets; its colons precede no port.
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if len(self.headers.get_all("Host", [])) != 1 or name not in LOOPBACK:
            return "this server answers to 127.0.0.1 and localhost only"
        # The browser sets Origin for scripts; a page that is opened by its address has none.
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            return "this server answers to its own page only"
        parts = self.path.split("/", 2)
        given = parts[1].partition("?")[0].encode() if len(parts) > 1 else b""
        # In constant time: a faster refusal would reveal how much of a guess is right.
        if not hmac.compare_digest(given, self.server.token.encode()):
            return "the address lacks the token that `aicsio view` printed"
        # Fetch Metadata: "none" is an address that the user entered, and the page of another site,
        # such as a notebook, may show this one in a frame. Nothing else of it is answered.
        site = self.headers.get("Sec-Fetch-Site", "none")
        is_page = self.headers.get("Sec-Fetch-Dest") in {"document", "iframe"}
        if site not in {"none", "same-origin"} and not is_page:
            return "this server answers to its own page only"
        return None

    def _split(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        _, _, path = parts.path.removeprefix("/").partition("/")
        return path, dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=64))

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        if path not in answers.READS_PIXELS:
            return self.server.answers.answer(path, query, self._stop)
        # The page closes the connection of a tile that left the screen while it waited.
        while not self.server.reading.acquire(timeout=0.05):
            self._stop()
        try:
            self._stop()
            return self.server.answers.answer(path, query, self._stop)
        finally:
            self.server.reading.release()

    def _stop(self) -> None:
        """Raise if the browser has closed the connection.

        Raises
        ------
        Cancelled
            When it has.
        """
        # Readable, and no byte to read: the end of the stream. A byte would be of the next request.
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable and not self.connection.recv(1, socket.MSG_PEEK):
            raise Cancelled

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()
