"""``-`` for the standard input and output.

Rule kept here: readers of images seek, so what comes through a pipe is first a temporary file, of a
limited size; it is removed in any case. Bytes of pictures never go to a terminal.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from aicsio.cli.terminal.text import format_size
from aicsio.errors import SourceError, WriteError

STREAM = "-"
"""Name of the standard input or output (POSIX Utility Syntax Guidelines, 13)."""
LIMIT_VARIABLE = "AICSIO_STDIN_LIMIT"
"""Environment variable with another limit, in bytes."""
MOST_BYTES = 16 * 10**9
"""Bytes of the standard input: an image of a gigabyte is common, an endless pipe is a mistake."""
_BLOCK = 1 << 20
_NAMES = ("files", "file", "inputs")
"""Arguments of the commands that name files to open."""


@contextlib.contextmanager
def spooling(arguments: argparse.Namespace) -> Iterator[None]:
    """Replace ``-`` among the files to open by a temporary file with the bytes of the standard input.

    Its name is ``arguments.spooled`` within the block; it is removed afterwards.

    Raises
    ------
    SourceError
        When the standard input is closed or a terminal, cannot be read, is empty, is named twice,
        or exceeds the limit.
    """
    named = [name for name in _NAMES if STREAM in _list_names(getattr(arguments, name, None))]
    if not named:
        yield
        return
    # A command has one of these arguments.
    (attribute,) = named
    value = getattr(arguments, attribute)
    if _list_names(value).count(STREAM) > 1:
        raise SourceError("the standard input can be read once: name '-' once")
    # The interpreter has no stdin where the shell closed it (<&-).
    if sys.stdin is None or sys.stdin.isatty():
        state = "closed" if sys.stdin is None else "a terminal"
        raise SourceError(
            f"'-' reads the standard input, which is {state}: aicsio info - < cells.tif"
        )
    with tempfile.TemporaryDirectory(prefix="aicsio-", ignore_cleanup_errors=True) as folder:
        path = os.path.join(folder, "stdin")
        _copy_input(path)
        arguments.spooled = path
        replaced: Any = path
        if isinstance(value, list):
            replaced = [path if name == STREAM else name for name in value]
        setattr(arguments, attribute, replaced)
        yield


def _list_names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return value or []


def _copy_input(path: str) -> None:
    limit = _read_limit()
    copied = 0
    with open(path, "wb") as output:
        while block := _read_block():
            copied += len(block)
            if copied > limit:
                raise SourceError(
                    f"the standard input has more than {format_size(limit)}: save it to a file, "
                    f"or set {LIMIT_VARIABLE} to more bytes"
                )
            try:
                output.write(block)
            except OSError as error:
                raise SourceError(
                    f"cannot keep the standard input in {path!r}: {error.strerror}"
                ) from error
    if not copied:
        raise SourceError("the standard input is empty")


def _read_block() -> bytes:
    try:
        return sys.stdin.buffer.read(_BLOCK)
    except OSError as error:  # it was opened for writing, or a disk fails
        raise SourceError(f"cannot read the standard input: {error.strerror}") from error


def _read_limit() -> int:
    text = os.environ.get(LIMIT_VARIABLE, "")
    if not text:
        return MOST_BYTES
    if not text.isascii() or not text.isdigit():
        raise SourceError(f"{LIMIT_VARIABLE}={text!r} is no number of bytes")
    return int(text)


def refuse_terminal() -> None:
    """Raise when the standard output is a terminal, or closed.

    Raises
    ------
    WriteError
        When it is: bytes of a picture would be control characters there, and would be lost in a
        closed one.
    """
    # The name of what stands in for a closed one; an open one is called "<stdout>" wherever it
    # leads.
    if getattr(sys.stdout, "name", "") == os.devnull:
        raise WriteError("'-' writes to the standard output, which is closed: add > FILE")
    if sys.stdout.isatty():
        raise WriteError("'-' writes to the standard output, which is a terminal: add > FILE")


def write_output(data: bytes) -> None:
    """Write bytes to the standard output."""
    # Text that was printed before waits in a buffer of its own, and goes first.
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def output_file(suffix: str) -> Iterator[str]:
    """Yield the name of a file to write; its bytes go to the standard output after the block."""
    refuse_terminal()
    with tempfile.TemporaryDirectory(prefix="aicsio-", ignore_cleanup_errors=True) as folder:
        path = os.path.join(folder, f"stdout{suffix}")
        yield path
        with open(path, "rb") as written:
            while block := written.read(_BLOCK):
                write_output(block)
