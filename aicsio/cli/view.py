"""``aicsio view``: look at images in the browser.

Rule kept here: the address is printed on stdout, alone, so that a script can read it; the command ends
with Ctrl-C, a signal, or when nobody has looked for some time, and leaves nothing running.
"""

import argparse
import contextlib
import functools
import signal
import sys
import webbrowser
from collections.abc import Iterator
from typing import Any

from aicsio.cli.terminal import options
from aicsio.cli.terminal.opening import focus_as_requested, open_as_requested, pick_positions
from aicsio.records import ImageHandle
from aicsio.viewer.images import name_file
from aicsio.viewer.session import Viewer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Show images in the browser: pan and zoom, channels, Z and T, scenes and wells, pixel "
        "values, lengths, metadata. Served to this machine alone, from the file as it is; Ctrl-C ends."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="path or URL")
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="port of the server; default: a free one"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address and open no browser"
    )
    parser.add_argument(
        "--idle",
        type=_seconds,
        metavar="SECONDS",
        help="end when no page has been open for so long; default: run until Ctrl-C",
    )
    options.add_opening(parser)
    options.add_focus(parser)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: write 60")
    return float(text)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the end."""
    # The first file is opened before the browser: a mistake shows here, as with other commands.
    first = _open(arguments.files[0], arguments)
    named = []
    for index, name in enumerate(arguments.files):
        opened = functools.partial(_open, name, arguments)
        if index == 0:
            opened = functools.partial(_return, first)
        named.append(name_file(name, opened))
    with (
        contextlib.suppress(KeyboardInterrupt),
        Viewer(tuple(named), arguments.port) as viewer,
        _ending_by_signal(),
    ):
        print(viewer.url, flush=True)
        if not arguments.no_browser and not webbrowser.open(viewer.url):
            print("aicsio: no browser could be opened: open the address above", file=sys.stderr)
        viewer.wait(arguments.idle)
    return 0


def _open(name: str, arguments: argparse.Namespace) -> ImageHandle:
    handle = focus_as_requested(open_as_requested(name, arguments), arguments)
    return pick_positions(handle, arguments.pick, None)


def _return(handle: ImageHandle) -> ImageHandle:
    return handle


@contextlib.contextmanager
def _ending_by_signal() -> Iterator[None]:
    """End by SIGTERM as by Ctrl-C: service managers send it."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # only the main thread may set handlers
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
