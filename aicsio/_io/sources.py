"""From a path, URL, buffer or file object to a ``Source`` with size and fingerprint.

Rule kept here: a file that names other files is given only files of its own folder.
"""

import io
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from aicsio._io import missing, pool, urls
from aicsio._io.local_files import open_descriptor
from aicsio._io.store_versions import folder_fingerprint
from aicsio.errors import ArgumentTypeError, CorruptFileError, SourceError, SourceNotFoundError
from aicsio.records import Source

MOST_HELD = 256 << 20
"""Bytes of files of one set that a server without ranges sends whole: the handle keeps them."""


def identify(
    where: object, storage_options: Mapping[str, Any] | None = None, *, folders: bool = False
) -> Source:
    """Find the bytes and take their size and fingerprint.

    Parameters
    ----------
    where
        Path, ``pathlib.Path``, fsspec URL, ``bytes``-like object, binary file object, or a
        ``Source``.
    storage_options
        Keyword arguments for the file system of a URL; JSON values.
    folders
        Whether a folder of this machine is a source; if not, it raises.

    Raises
    ------
    SourceNotFoundError
        When the path or URL names nothing.
    SourceError
        When it names a folder, a pipe or a device, or when the system or the server refuses.
    ArgumentTypeError
        When ``where`` is of another type, a file object is open as text, or an option is no JSON
        value.
    """
    if isinstance(where, str):
        # A local file may have a name that looks like a URL.
        if not urls.is_url(where) or os.path.exists(where):
            return _from_path(where, folders=folders)
        if where.startswith(("file://", "local://")):
            return _from_path(urls.path_of_file_url(where), folders=folders)
        if folders and urls.names_folder(where):
            return folder_url(where, storage_options or {})
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
        return _from_path(os.fsdecode(where), folders=folders)
    kind = type(where).__name__
    if isinstance(where, list | tuple) and where:
        raise ArgumentTypeError(
            f"cannot read from a {kind} of {type(where[0]).__name__}: open_many opens many files "
            "as one image, and numpy.asarray makes an array of numbers"
        )
    if hasattr(where, "scenes") and hasattr(where, "dims"):
        raise ArgumentTypeError(f"this {kind} is open already: use it as it is")
    raise ArgumentTypeError(
        f"cannot read from {kind}: give a path, URL, bytes, binary file or array"
    )


def folder_error(path: str) -> SourceError:
    """Make the error for a folder that no format opens."""
    return SourceError(f"{path!r} is a folder: give one of the files in it")


def find_at_once(
    find: Callable[[str], Source | None], names: Sequence[str], beside: Source
) -> list[Source | None]:
    """Look for many files by their names: those of a server at once, as each takes a round trip.

    Parameters
    ----------
    find
        Returns the file of a name, or ``None``.
    names
        What is looked for.
    beside
        A file of the same disk or server.

    Raises
    ------
    SourceError
        When a server without ranges sends more than ``MOST_HELD`` bytes of whole files.
    """
    if beside.local or not beside.has_place or len(names) < 2:
        return [find(name) for name in names]
    from concurrent.futures import ThreadPoolExecutor

    from aicsio._io import remote

    workers = min(remote.PARALLEL_DIRECTORIES, len(names))
    with ThreadPoolExecutor(workers, thread_name_prefix="aicsio-remote") as threads:
        found: list[Source | None] = []
        # An error ends what has not begun.
        for source in threads.map(find, names):
            found.append(source)
            check_held(found, beside)
        return found


def check_held(files: Sequence[Source | None], beside: Source) -> None:
    """Refuse files that came whole, if they are too many to keep.

    Raises
    ------
    SourceError
        When they have more than ``MOST_HELD`` bytes.
    """
    held = sum(len(file.content) for file in files if file is not None and file.content)
    if held > MOST_HELD:
        raise SourceError(
            f"{beside.uri!r}: the server sends {len(files)} files of the set whole ({held:,} bytes), for it serves no "
            "ranges: download the set"
        )


def sibling(source: Source, name: str, *, head_nbytes: int | None = None) -> Source | None:
    """Return the file ``name`` in the folder of ``source``, or ``None`` if there is no such file.

    Parameters
    ----------
    source
        A file.
    name
        A plain name.
    head_nbytes
        Bytes of a remote file that come with the first answer; ``None`` for those of any file.

    Raises
    ------
    CorruptFileError
        When ``name`` points out of the folder: a file must not make us read what the user did not
        name.
    """
    if not source.has_place:
        return None
    plain = name.replace("\\", "/")
    has_path = "/" in plain or bool(os.path.splitdrive(plain)[0])
    if has_path or plain in {"", ".", ".."} or "\0" in plain or "::" in plain:
        raise CorruptFileError.at(
            source.uri, None, f"it refers to {name!r}, which is not a plain name in its folder"
        )
    try:
        if source.local:
            path = os.path.join(os.path.dirname(source.uri), plain)
            return _from_path(path) if os.path.isfile(path) else None
        sibling_url = urls.sibling_url(urls.requested_url(source), plain)
        return _from_url(sibling_url, urls.client_options(source), head_nbytes)
    except SourceNotFoundError:
        return None


def file_below(source: Source, path: str, *, parents: int = 0) -> Source | None:
    """Return the file at a relative path below the folder of ``source``.

    Parameters
    ----------
    source
        A file.
    path
        Folders and a file name, with ``/`` between them.
    parents
        How many folders above that of ``source`` the path begins.

    Returns
    -------
    The file; ``None`` if there is no such file, or it lies outside of that folder: a file must not
    make us read files that the user did not name.
    """
    if not source.has_place:
        return None
    parts = path.replace("\\", "/").split("/")
    # A drive or a stream of Windows, a chain of fsspec, a step out of the folder.
    if any(part in {"", ".", ".."} or "\0" in part or ":" in part for part in parts):
        return None
    try:
        if source.local:
            return _local_file_below(source.uri, parts, parents)
        url = urls.url_below(urls.requested_url(source), parts, parents)
        return None if url is None else _from_url(url, urls.client_options(source))
    except (SourceNotFoundError, OSError):
        return None


def _local_file_below(uri: str, parts: list[str], parents: int) -> Source | None:
    folder = os.path.dirname(uri)
    for _ in range(parents):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    path = os.path.join(folder, *parts)
    if not os.path.isfile(path):
        return None
    # A link among the folders may lead anywhere; one in place of the file is the user's own.
    actual = os.path.realpath(os.path.dirname(path))
    root = os.path.realpath(folder)
    return _from_path(path) if os.path.commonpath([actual, root]) == root else None


def neighbours(source: Source) -> list[str]:
    """Return the sorted names of the files in the folder of a local source; empty for other
    sources.
    """
    if not source.local or source.content is not None:
        return []
    try:
        with os.scandir(os.path.dirname(source.uri)) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return []


def _from_bytes(content: bytes) -> Source:
    import hashlib  # it loads OpenSSL: 4 ms

    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return Source(
        f"memory:{digest}", size=len(content), fingerprint=digest, content=content, local=False
    )


def _from_file_object(file: Any) -> Source:
    name = getattr(file, "name", None)
    if isinstance(file, io.TextIOBase):
        raise ArgumentTypeError("the file is open in text mode: open it with mode 'rb'")
    if not _is_readable(file):
        raise ArgumentTypeError("the file is open for writing alone: open it with mode 'rb'")
    is_disk_file = isinstance(file, io.BufferedReader | io.FileIO)
    if is_disk_file and isinstance(name, str | bytes) and os.path.isfile(name):
        return _from_path(os.fsdecode(name))
    # The caller gets the file back at the position where it was.
    position = file.tell() if file.seekable() else None
    if position is not None:
        file.seek(0)
    content = file.read()
    if position is not None:
        file.seek(position)
    if not isinstance(content, bytes):
        raise ArgumentTypeError("the file object gives text: open it in binary mode")
    return _from_bytes(content)


def _is_readable(file: Any) -> bool:
    # Objects with ``read`` and nothing else are files, too.
    return not hasattr(file, "readable") or bool(file.readable())


def _from_path(name: str, *, folders: bool = False) -> Source:
    if not name:
        raise SourceNotFoundError("the path is empty: give the name of a file")
    path = name
    try:
        # abspath asks for the working folder, which may be gone.
        path = os.path.abspath(os.path.expanduser(name) if name[0] == "~" else name)
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        # An advice names parts of the path, in which a password looks like a folder.
        hidden = urls.hide_secrets(repr(path)) != repr(path)
        advice = "" if hidden else missing.advise_path(name, path)
        text = f"there is no file {path!r}{advice}"
        raise SourceNotFoundError(urls.hide_secrets(text)) from _cause(text, error)
    except (OSError, ValueError) as error:
        text = f"cannot look at {path!r}: {error}"
        raise SourceError(urls.hide_secrets(text)) from _cause(text, error)
    if stat.S_ISDIR(status.st_mode):
        if not folders:
            raise folder_error(path)
        return Source(path, fingerprint=folder_fingerprint(status), folder=True)
    if not stat.S_ISREG(status.st_mode):
        # Opening a pipe or a terminal waits until somebody writes to it.
        raise SourceError(f"{path!r} is no regular file: read it yourself and give the bytes")
    if status.st_size == 0:
        _check_empty(path)
    return Source(path, size=status.st_size, fingerprint=str(status.st_mtime_ns))


def _check_empty(path: str) -> None:
    """Refuse a file that the system makes while it is read: /proc gives such files the size 0."""
    descriptor, _ = open_descriptor(path)
    try:
        has_bytes = bool(os.read(descriptor, 1))
    except OSError as error:
        # No cause: to ``check`` an error of the disk is damage.
        raise SourceError(f"cannot read {path!r}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if has_bytes:
        raise SourceError(
            f"{path!r} has bytes, but no size that the system knows: read it yourself and give the "
            "bytes"
        )


def _cause(text: str, error: Exception) -> Exception | None:
    """Return the cause of an error about a path; ``None`` if the path holds the secrets of a URL.

    The system's own error repeats the name, which may be a URL with one slash.
    """
    return error if urls.hide_secrets(text) == text else None


def folder_url(url: str, storage_options: Mapping[str, Any]) -> Source:
    """Return a folder behind a URL. No request shows that it is there; its first file will."""
    source = _unseen(url.rstrip("/"), storage_options)
    return attrs.evolve(source, folder=True)


def _from_url(
    url: str, storage_options: Mapping[str, Any], head_nbytes: int | None = None
) -> Source:
    from aicsio._io import remote

    if head_nbytes is None:
        head_nbytes = remote.HEAD
    source, reader = remote.first_look(_unseen(url, storage_options), head_nbytes)
    if reader is not None:
        # The caller goes on reading with the bytes that came with the first answer.
        pool.offer(("reader", source), reader)
    return source


def _unseen(url: str, storage_options: Mapping[str, Any]) -> Source:
    """Make the source of a URL that was not requested yet."""
    options = dict(storage_options)
    public = urls.public_url(url)
    if public != url:
        options[urls.URL_KEY] = url
    import json  # 2 ms, for URLs alone

    try:
        encoded = json.dumps(options, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"storage_options must be JSON values, so that handles travel: {error}"
        ) from error
    return Source(public, storage_options=encoded, local=False)
