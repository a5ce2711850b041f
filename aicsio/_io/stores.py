"""Values of a store: files of a folder, members of an archive, or objects below a URL.

Rule kept here: a key names a value below the store and nothing else. A link that leads out of the
folder is refused, and no value longer than its caller expects is read.

Source of the facts: Zarr core specification 3.1, "Storage"; RFC-9 of NGFF (``.ozx``);
APPNOTE.TXT of PKWARE 6.3.10, section 4.3.7 (the local header of a member).
"""

import contextlib
import functools
import json
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from aicsio._io import pool, readers, remote, urls
from aicsio._io.archives import Archive
from aicsio._io.local_files import open_descriptor
from aicsio._io.retrying import retry
from aicsio.errors import CorruptFileError, SourceError, SourceNotFoundError
from aicsio.records import Source

if TYPE_CHECKING:  # it takes 10 ms to import, and most images are in no archive
    import zipfile

FIRST_REQUEST = 4 << 20
"""Bytes of the first request for a value: most chunks are smaller, and so need one request."""
PARALLEL_VALUES = 48
"""Values that one reading thread requests at once."""
_NO_NAMES = frozenset({"", ".", ".."})
LOCAL_HEADER_NBYTES = 30
"""Bytes of a member's local header before its name (APPNOTE.TXT, 4.3.7)."""
_LOOKS = 4
"""Times that a file is opened which seems to lie elsewhere: a store that takes its name in between
moves its files."""
STORED, DEFLATED = 0, 8
"""Compression methods of a member (APPNOTE.TXT, 4.4.5)."""


@attrs.frozen
class Location:
    """Where a value lies. Not a record: it lives for one read."""

    source: Source
    """The file that holds it."""
    offset: int
    """Its first byte."""
    nbytes: int
    """Its length."""


def check_key(store: Source, key: str) -> None:
    """Refuse a key that could name something outside of the store.

    Raises
    ------
    CorruptFileError
        When a part of the key is empty, ``.`` or ``..``, or holds a character that paths give a
        meaning of its own.
    """
    if not key or not is_key(key):
        raise CorruptFileError.at(store.uri, None, f"{key[:200]!r} is no key of a store")


def is_key(key: str) -> bool:
    """Whether a key stays below the store; the empty one is the store itself."""
    # Three looks of C take a tenth of the time of a pattern.
    if "\\" in key or ":" in key or "\0" in key:
        return False
    return not key or _NO_NAMES.isdisjoint(key.split("/"))


def join(*parts: str) -> str:
    """Join parts of a key; empty ones are left out."""
    return "/".join(part for part in parts if part)


def read_value(store: Source, key: str, limit: int) -> bytes | None:
    """Read a value whole.

    Parameters
    ----------
    store
        A folder, here or behind a URL, or an archive.
    key
        Parts with ``/`` between them.
    limit
        Bytes that the value may have.

    Returns
    -------
    bytes or None
        ``None`` if there is no such key.

    Raises
    ------
    CorruptFileError
        When the value is longer than ``limit``, or leads out of the store.
    SourceError
        When it cannot be read.
    """
    if not store.folder:
        return _read_member(store, key, limit)
    return _read_file(store, key, limit) if store.local else _read_object(store, key, limit)


def read_values(store: Source, keys: Sequence[str], limit: int) -> Iterator[bytes | None]:
    """Yield several values in order, remote ones requested at once: the first is there before the last."""
    if store.local or not store.folder or len(keys) < 2:
        for key in keys:
            yield read_value(store, key, limit)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(PARALLEL_VALUES, len(keys))) as threads:
        try:
            yield from threads.map(lambda key: read_value(store, key, limit), keys)
        finally:
            # After an error of one, requests that have not begun are not made.
            threads.shutdown(cancel_futures=True)


def try_values(store: Source, keys: Sequence[str], limit: int) -> list[bytes | SourceError | None]:
    """Return a few values, or the errors of those that cannot be read; remote ones are requested at once."""

    def read(key: str) -> bytes | SourceError | None:
        try:
            return read_value(store, key, limit)
        except SourceError as error:
            return error

    if store.local or not store.folder:
        return [read(key) for key in keys]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max(len(keys), 1)) as threads:
        return list(threads.map(read, keys))


def locate(store: Source, key: str, limit: int, end_nbytes: int = 0) -> Location | None:
    """Find a value, of which parts will be read.

    Parameters
    ----------
    store
        A folder, here or behind a URL, or an archive.
    key
        Parts with ``/`` between them.
    limit
        Bytes that a compressed member of an archive may take: it is decoded whole.
    end_nbytes
        Last bytes of the value that will be read first: one request brings them and the size.

    Returns
    -------
    Location or None
        ``None`` if there is no such key.

    Raises
    ------
    CorruptFileError
        When the value leads out of the store.
    SourceError
        When it cannot be looked at.
    """
    if not store.folder:
        return _locate_member(store, key, limit)
    if store.local:
        return _locate_file(store, key)
    value = _object(store, key)
    try:
        if 0 < end_nbytes <= FIRST_REQUEST:
            source, reader = remote.look_at_end(value, end_nbytes)
        else:
            source, reader = remote.first_look(value)
    except SourceNotFoundError:
        return None
    if reader is not None:
        # Its first bytes are here already: the table of a shard may be among them.
        pool.offer(("reader", source), reader)
    return Location(source, 0, source.size or 0)


def list_names(store: Source, folder: str) -> list[str]:
    """List the sorted names below a folder of the store; none where that takes a listing by a server.

    Raises
    ------
    SourceError
        When the system refuses.
    """
    if not store.folder:
        with _archive(store) as archive:
            return archive.names_below(folder)
    if not store.local:
        return []
    path = os.path.join(store.uri, *folder.split("/")) if folder else store.uri
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SourceError(f"cannot list {path!r}: {error.strerror}") from error


# ---------------------------------------------------------------- folders


@functools.lru_cache(maxsize=64)
def _real_root(uri: str) -> str:
    return os.path.join(os.path.realpath(uri), "")


def _open_file(store: Source, key: str) -> tuple[int, os.stat_result] | None:
    """Open the file of a key; ``None`` if there is none."""
    check_key(store, key)
    path = f"{store.uri}/{key}"
    for _ in range(_LOOKS):
        try:
            descriptor, status = open_descriptor(path)
        except SourceNotFoundError:
            return None
        except SourceError as error:
            # A file in the place of a folder: the key below it does not exist.
            if isinstance(error.__cause__, NotADirectoryError):
                return None
            raise
        if _actual_path(descriptor, path).startswith(_real_root(store.uri)):
            return descriptor, status
        os.close(descriptor)
        # The folder may have been a link to another one before, or was replaced in between.
        _real_root.cache_clear()
    raise CorruptFileError.at(path, None, "a link leads out of the store, and is not followed")


def _actual_path(descriptor: int, path: str) -> str:
    """Return the path of an open file without links."""
    # The kernel's own name of the open file costs 2 us, a walk over the links of the path 20.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/self/fd/{descriptor}")
    return os.path.realpath(path)


def _read_file(store: Source, key: str, limit: int) -> bytes | None:
    opened = _open_file(store, key)
    if opened is None:
        return None
    descriptor, status = opened
    try:
        return _read_descriptor(store, key, descriptor, status.st_size, limit)
    finally:
        os.close(descriptor)


def _read_descriptor(store: Source, key: str, descriptor: int, nbytes: int, limit: int) -> bytes:
    _check_length(store, key, nbytes, limit)
    try:
        # A read may end early, as after 2 GiB on Linux: the loop asks for the rest.
        data = os.read(descriptor, nbytes)
        while 0 < len(data) < nbytes:
            more = os.read(descriptor, nbytes - len(data))
            if not more:
                break
            data += more
    except OSError as error:
        raise SourceError(f"cannot read {store.uri}/{key}: {error.strerror}") from error
    return data


def _locate_file(store: Source, key: str) -> Location | None:
    opened = _open_file(store, key)
    if opened is None:
        return None
    descriptor, status = opened
    os.close(descriptor)
    fingerprint = str(status.st_mtime_ns)
    source = Source(f"{store.uri}/{key}", size=status.st_size, fingerprint=fingerprint)
    return Location(source, 0, status.st_size)


def _check_length(store: Source, key: str, nbytes: int, limit: int) -> None:
    if nbytes > limit:
        raise CorruptFileError.at(
            f"{store.uri}/{key}", None, f"it has {nbytes} bytes, expected {limit} at most"
        )


# ---------------------------------------------------------------- objects below a URL


def _object(store: Source, key: str) -> Source:
    check_key(store, key)
    base = urls.folder_url(urls.requested_url(store))
    url = urls.url_below(base, key.split("/"), 0)
    if url is None:  # every URL has a folder of its own
        raise SourceError(f"{store.uri!r} has no folder")
    public = urls.public_url(url)
    options = urls.client_options(store)
    if public != url:
        options[urls.URL_KEY] = url
    encoded = json.dumps(options, sort_keys=True)
    return Source(public, storage_options=encoded, local=False)


def _read_object(store: Source, key: str, limit: int) -> bytes | None:
    source = _object(store, key)
    client = remote.open_client(source)
    try:
        info = retry(lambda: client.probe(min(limit, FIRST_REQUEST), limit), source.uri)
    except SourceNotFoundError:
        return None
    finally:
        client.close()
    if info.size is None or info.whole or len(info.head) >= info.size:
        return bytes(info.head)
    _check_length(store, key, info.size, limit)
    known = attrs.evolve(source, size=info.size, fingerprint=info.fingerprint)
    data = bytearray(info.size)
    data[: len(info.head)] = info.head
    reader = remote.RemoteReader(known)
    try:
        # The first answer has the start of the value: only the rest is requested.
        reader.read_into(len(info.head), [memoryview(data)[len(info.head) :]])
    finally:
        reader.close()
    return bytes(data)


# ---------------------------------------------------------------- members of an archive


def _archive(store: Source) -> contextlib.AbstractContextManager[Archive]:
    return readers.borrow(("archive", store), functools.partial(Archive, store))


def _data_offset(store: Source, member: "zipfile.ZipInfo") -> int:
    """Return the first byte of a member: its local header has a length of its own."""
    with readers.lend(store) as reader:
        head = reader.read(member.header_offset, LOCAL_HEADER_NBYTES)
    # Lengths of name and extra field; those of the central directory may be others.
    name_nbytes, extra_nbytes = (int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
    # Bit 0 of the flags marks an encrypted member (APPNOTE.TXT, 4.4.4).
    if head[:4] != b"PK\x03\x04" or member.flag_bits & 1:
        raise CorruptFileError.at(
            store.uri, member.header_offset, f"{member.filename!r} has no readable local header"
        )
    return member.header_offset + LOCAL_HEADER_NBYTES + name_nbytes + extra_nbytes


def _locate_member(store: Source, key: str, limit: int) -> Location | None:
    check_key(store, key)
    with _archive(store) as archive:
        member = archive.find(key)
    if member is None:
        return None
    if member.compress_type != STORED:
        _check_length(store, key, member.file_size, limit)
        content = _inflate(store, member, member.file_size)
        source = Source(f"{store.uri}/{key}", size=len(content), content=content, local=False)
        return Location(source, 0, len(content))
    return Location(store, _data_offset(store, member), member.compress_size)


def _read_member(store: Source, key: str, limit: int) -> bytes | None:
    check_key(store, key)
    with _archive(store) as archive:
        member = archive.find(key)
    if member is None:
        return None
    _check_length(store, key, member.file_size, limit)
    if member.compress_type != STORED:
        return _inflate(store, member, limit)
    offset = _data_offset(store, member)
    with readers.lend(store) as reader:
        return reader.read(offset, member.compress_size)


def _inflate(store: Source, member: "zipfile.ZipInfo", limit: int) -> bytes:
    where = f"{store.uri}/{member.filename}"
    if member.compress_type != DEFLATED:
        raise CorruptFileError.at(
            where, None, f"compression method {member.compress_type} of ZIP is not read"
        )
    offset = _data_offset(store, member)
    with readers.lend(store) as reader:
        raw = reader.read(offset, member.compress_size)
    try:
        # Bounded, because a small member may inflate to anything.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, limit + 1)[:limit]
    except zlib.error as error:
        raise CorruptFileError.at(where, None, str(error)) from error
