"""Naming where bytes are: paths, URLs, buffers and file objects become a ``Source`` with a fingerprint.

Rule kept here: what a file says of other files is looked for in its own folder and nowhere else.
"""

import io
import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from typing import Any

from aicsio._io import pool, remote
from aicsio.errors import ArgumentTypeError, CorruptFileError, SourceError, SourceNotFoundError
from aicsio.records import Source

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]+(://|::)")


def identify(where: object, storage_options: Mapping[str, Any] | None = None) -> Source:
    """Say where the bytes are and take their fingerprint.

    Parameters
    ----------
    where
        Path, ``pathlib.Path``, fsspec URL, ``bytes``-like object, binary file object, or a ``Source``.
    storage_options
        Keyword arguments for the fsspec file system of a URL; JSON values.

    Raises
    ------
    SourceNotFoundError, SourceError, ArgumentTypeError
    """
    if isinstance(where, str):
        if not _URL.match(where) or os.path.exists(where):
            return _from_path(where)
        if where.startswith(("file://", "local://")):
            return _from_path(_path_of_file_url(where))
        return _from_url(where, storage_options or {})
    if isinstance(where, Source):
        return where
    if isinstance(where, bytes | bytearray | memoryview):
        return _from_bytes(bytes(where))
    if isinstance(where, io.IOBase) or (
        hasattr(where, "read") and not isinstance(where, os.PathLike)
    ):
        return _from_file_object(where)
    if isinstance(where, os.PathLike):
        return _from_path(os.fsdecode(where))
    raise ArgumentTypeError(
        f"cannot read from a {type(where).__name__}: give a path, URL, bytes or binary file"
    )


def sibling(source: Source, name: str) -> Source | None:
    """Return the file ``name`` in the folder of ``source``, or ``None`` where it is not there.

    Raises
    ------
    CorruptFileError
        When ``name`` points out of the folder: a file must not make us read what the user did not name.
    """
    if source.content is not None:
        return None
    plain = name.replace("\\", "/")
    if (
        "/" in plain
        or plain in {"", ".", ".."}
        or "\0" in plain
        or "::" in plain
        or os.path.splitdrive(plain)[0]
    ):
        raise CorruptFileError.at(
            source.uri, None, f"it refers to {name!r}, which is not a plain name in its folder"
        )
    try:
        if source.local:
            path = os.path.join(os.path.dirname(source.uri), plain)
            return _from_path(path) if os.path.isfile(path) else None
        return _from_url(_neighbour(source.uri, plain), json.loads(source.storage_options))
    except SourceNotFoundError:
        return None


def neighbours(source: Source) -> list[str]:
    """Names of the files in the folder of a local source, sorted; empty where there is no folder to look at."""
    if not source.local or source.content is not None:
        return []
    try:
        with os.scandir(os.path.dirname(source.uri)) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return []


def _neighbour(url: str, name: str) -> str:
    """Put another file name into a URL: its query stays, and so does what a chain such as ``zip://a::b`` wraps."""
    parts = url.split("::")
    at = next(index for index, part in enumerate(parts) if "://" in part)
    head, query = parts[at], ""
    if head.startswith(("http://", "https://")):
        from urllib.parse import quote

        # A server would take "%2e%2e", "?" or "#" in a name for more than a name.
        head, mark, rest = head.partition("?")
        name, query = quote(name, safe=""), mark + rest
    parts[at] = f"{head.rsplit('/', 1)[0]}/{name}{query}"
    return "::".join(parts)


def _from_bytes(content: bytes) -> Source:
    import hashlib  # brings OpenSSL along

    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return Source(
        f"memory:{digest}", size=len(content), fingerprint=digest, content=content, local=False
    )


def _from_file_object(file: Any) -> Source:
    name = getattr(file, "name", None)
    if isinstance(file, io.TextIOBase):
        raise ArgumentTypeError("the file is open in text mode: open it with mode 'rb'")
    if (
        isinstance(name, str | bytes)
        and os.path.isfile(name)
        and isinstance(file, io.BufferedReader | io.FileIO)
    ):
        return _from_path(os.fsdecode(name))
    position = file.tell() if file.seekable() else None
    if position is not None:
        file.seek(0)
    content = file.read()
    if position is not None:
        file.seek(position)
    if not isinstance(content, bytes):
        raise ArgumentTypeError("the file object gives text: open it in binary mode")
    return _from_bytes(content)


def _path_of_file_url(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    # fsspec writes paths as they are, pathlib with percent signs (of the bytes of the name, whatever their encoding).
    plain = url.split("://", 1)[1]
    return (
        plain
        if os.path.exists(plain)
        else unquote(urlsplit(url).path, sys.getfilesystemencoding(), "surrogateescape")
    )


def _from_path(name: str) -> Source:
    path = os.path.abspath(os.path.expanduser(name))
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceNotFoundError(f"there is no file {path!r}") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot look at {path!r}: {error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path!r} is a folder: give one of the files in it")
    if not stat.S_ISREG(status.st_mode):
        # To open a pipe or a terminal is to wait for it.
        raise SourceError(f"{path!r} is no regular file: read it yourself and give the bytes")
    return Source(path, size=status.st_size, fingerprint=str(status.st_mtime_ns))


def _from_url(url: str, storage_options: Mapping[str, Any]) -> Source:
    try:
        options = json.dumps(dict(storage_options), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"storage_options must be JSON values, so that handles travel: {error}"
        ) from error
    source, reader = remote.first_look(Source(url, storage_options=options, local=False))
    if reader is not None:
        # Opening goes on with the bytes that came along.
        pool.offer(("reader", source), reader)
    return source
