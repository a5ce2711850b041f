"""``view``: a viewer in the browser, or in the cell of a notebook.

Rule kept here: a viewer ends with its ``close``, its ``with`` block, or the program; no thread and no
socket outlives it.
"""

import sys
import threading
import time
import weakref
import webbrowser
from types import TracebackType
from typing import Self

from aicsio._checks import checked
from aicsio.errors import ArgumentTypeError, SourceError
from aicsio.records import ImageHandle
from aicsio.viewer.images import NamedImage, name_file
from aicsio.viewer.server import ViewerServer

__all__ = ["Viewer", "view"]

LOOK_SECONDS = 0.2
"""How long a waiting program takes to see that its viewer was closed, and a server that it is to end."""


class Viewer:
    """A running viewer. Not a record: it holds a server.

    Made by ``view``. In a notebook it shows itself in the cell.
    """

    def __init__(self, named: tuple[NamedImage, ...], port: int = 0, height: int = 600) -> None:
        if not 0 <= port < 1 << 16:
            raise SourceError(f"port={port}: give 1 to 65535, or 0 for a free one")
        try:
            self._server = ViewerServer(named, port)
        except OSError as error:
            raise SourceError(
                f"cannot listen on port {port}: {error.strerror}; port=0 takes a free one"
            ) from error
        self._height = height
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(LOOK_SECONDS,), name="aicsio-view", daemon=True
        )
        self._thread.start()
        # The finalizer also runs when the program ends.
        self._finalizer = weakref.finalize(self, _end, self._server, self._thread)

    @property
    def url(self) -> str:
        """Address of the page, with the token that opens it."""
        return self._server.url

    @property
    def is_open(self) -> bool:
        """Whether the server runs."""
        return self._finalizer.alive

    def close(self) -> None:
        """End the server, its threads and its connections; a second call does nothing."""
        self._finalizer()

    def wait(self, idle_seconds: float | None = None) -> None:
        """Wait until nobody has asked for anything for some time.

        Parameters
        ----------
        idle_seconds
            Seconds; an open page asks every 20 seconds. ``None`` to wait forever.
        """
        start = time.monotonic()
        while self.is_open:
            # Asleep, not waiting for an event: Ctrl-C inside of one may keep its lock, for which the
            # threads of requests would wait.
            left = LOOK_SECONDS
            if idle_seconds is not None:
                idle = time.monotonic() - max(start, self._server.last_request)
                left = min(left, idle_seconds - idle)
            if left <= 0:
                return
            time.sleep(left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = self.url if self.is_open else "closed"
        return f"<Viewer {state}>"

    def _repr_html_(self) -> str:
        if not self.is_open:
            return "<p>The viewer is closed.</p>"
        return (
            f'<iframe src="{self.url}" width="100%" height="{self._height}" '
            'style="border:0" allow="clipboard-write" title="aicsio viewer"></iframe>'
        )


def _end(server: ViewerServer, thread: threading.Thread) -> None:
    server.close()
    thread.join(timeout=10)


@checked
def view(
    *images: ImageHandle,
    port: int = 0,
    browser: bool | None = None,
    height: int = 600,
) -> Viewer:
    """Look at images in the browser: pan, zoom, channels, Z and T, scenes, wells, pixel values.

    The page is served from this process, to this machine alone, and reads what is on the screen.
    Levels that the file lacks are made on the fly.

    Parameters
    ----------
    *images
        Opened images. Each is shown as it is in focus; other scenes can be chosen on the page
        unless the handle shows a part.
    port
        Port of the server; 0 for a free one.
    browser
        Whether the browser is opened; ``None``: yes, unless this is a notebook, which shows the
        page in the cell.
    height
        Height of the page in a notebook, in pixels.

    Returns
    -------
    Viewer
        Runs until its ``close``, the end of its ``with`` block, of the program, or until the last
        reference to it is gone.

    Raises
    ------
    ArgumentTypeError
        When no image is given, or something else than a handle.
    SourceError
        When the port is taken, or is no port.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, view
    >>> with view(open_image(np.eye(4), dims="YX"), browser=False) as viewer:
    ...     viewer.url.startswith("http://127.0.0.1:")
    True
    """
    if not images:
        raise ArgumentTypeError("view: give at least one handle that open_image returned")
    for image in images:
        if not isinstance(image, ImageHandle):
            raise ArgumentTypeError(
                f"view takes handles from open_image, not {type(image).__name__}: open_image makes "
                "one of a path, a URL, bytes or an array"
            )
    named = tuple(name_file(image.source.uri, _Opened(image)) for image in images)
    viewer = Viewer(named, port, height)
    if browser is None:
        browser = "ipykernel" not in sys.modules
    if browser:
        webbrowser.open(viewer.url)
    return viewer


class _Opened:
    """Returns the handle that there is. Not a record: it stands for a function."""

    def __init__(self, handle: ImageHandle) -> None:
        self._handle = handle

    def __call__(self) -> ImageHandle:
        return self._handle
