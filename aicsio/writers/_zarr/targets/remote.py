"""A store of objects on a server: S3, Google Cloud, Azure through obstore, others through fsspec.

Rule kept here: an object is put whole. Servers rename no folders, so an unfinished store is visible
by two things: the document of the root, which readers open first, is put last; and an object
``.aicsio-unfinished`` stands in it until then. The same call goes on with such a store: objects
that are there are not put again.
"""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import attrs

from aicsio._io.object_stores import describe_failure, writable_store
from aicsio._io.sources import folder_url
from aicsio._io.urls import names_place, public_url
from aicsio.errors import AicsioError, WriteError
from aicsio.writers._zarr.arrays import Parts
from aicsio.writers._zarr.journal import UnitJournal

UNFINISHED = ".aicsio-unfinished"
_ROOTS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
_OBJECT_STORES = ("s3://", "s3a://", "gs://", "gcs://", "az://", "abfs://")


class RemoteTarget:
    """The objects of one writing. Threads put objects concurrently."""

    journal: UnitJournal | None = None

    def __init__(self, url: str, client: Any, options: Mapping[str, Any] | None = None) -> None:
        self.name, self._url = public_url(url), url
        self._options = json.dumps(dict(options or {}))
        self.client = client
        self.nbytes = 0
        self.present: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def put(self, key: str, parts: Parts, /) -> None:
        """Put an object."""
        data = b"".join(parts)
        with _refusing(self.name):
            self.client.put(key, data)
        with self._lock:
            self.nbytes += len(data)

    def has(self, key: str, /) -> bool:
        """Whether an earlier run has put the object."""
        return key in self.present

    def get(self, key: str, /) -> bytes | None:
        """Return the bytes of an object; ``None`` for a missing one."""
        with _refusing(self.name):
            try:
                data: bytes = self.client.get(key)
            except FileNotFoundError:
                return None
        return data

    def on_workers(self) -> "SharedObjects | None":
        """Return the store as processes of a cluster open it."""
        # The memory of fsspec is that of one process: workers would fill their own.
        if self._url.startswith("memory:"):
            return None
        return SharedObjects(self._url, self._options, self.present)


class _FsspecClient:
    """Objects below a URL, through fsspec."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        import fsspec

        system, self._root = fsspec.core.url_to_fs(url, **options)
        self._system: Any = system

    def put(self, key: str, data: bytes) -> None:
        """Put an object."""
        path = f"{self._root}/{key}"
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._system.pipe_file(path, data)

    def get(self, key: str) -> bytes:
        """Return the bytes of an object."""
        return bytes(self._system.cat_file(f"{self._root}/{key}"))

    def keys(self) -> list[str]:
        """List all objects."""
        try:
            found = self._system.find(self._root)
        except FileNotFoundError:
            return []
        start = len(self._root) + 1
        return [path[start:] for path in found]

    def delete(self, keys: list[str]) -> None:
        """Delete objects."""
        for key in keys:
            self._system.rm_file(f"{self._root}/{key}")


class _ObstoreClient:
    """Objects below a URL, through obstore."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._store, self._root = writable_store(folder_url(url, options))

    def put(self, key: str, data: bytes) -> None:
        """Put an object."""
        self._store.put(f"{self._root}/{key}", data)

    def get(self, key: str) -> bytes:
        """Return the bytes of an object."""
        return bytes(self._store.get(f"{self._root}/{key}").bytes())

    def keys(self) -> list[str]:
        """List all objects."""
        start = len(self._root) + 1
        return [meta["path"][start:] for part in self._store.list(self._root) for meta in part]

    def delete(self, keys: list[str]) -> None:
        """Delete objects."""
        for first in range(0, len(keys), 1000):  # S3: "up to 1000 keys" a request
            self._store.delete([f"{self._root}/{key}" for key in keys[first : first + 1000]])


@attrs.frozen(eq=False)
class SharedObjects:
    """The objects of a writing in another process. Not a record: it lives for one writing."""

    url: str
    """URL of the store."""
    storage_options: str = attrs.field(repr=False)
    """JSON of the options, which may be credentials."""
    present: frozenset[str] = attrs.field(repr=False)
    """Keys that an earlier run has put."""

    def put(self, key: str, parts: Parts, /) -> None:
        """Put an object."""
        with _refusing(public_url(self.url)):
            _client_of(self.url, json.loads(self.storage_options)).put(key, b"".join(parts))

    def has(self, key: str, /) -> bool:
        """Whether an earlier run has put the object."""
        return key in self.present

    def get(self, key: str, /) -> bytes | None:
        """Return the bytes of an object; ``None`` for a missing one."""
        target = RemoteTarget(self.url, _client_of(self.url, json.loads(self.storage_options)))
        return target.get(key)


def _client_of(url: str, options: Mapping[str, Any]) -> Any:
    kind: Any = _ObstoreClient if url.lower().startswith(_OBJECT_STORES) else _FsspecClient
    return kind(url, options)


@contextlib.contextmanager
def filling(
    url: str, storage_options: Mapping[str, Any] | None, fingerprint: str, *, overwrite: bool
) -> Iterator[RemoteTarget]:
    """Lend a store to fill; its root document is put last.

    Raises
    ------
    WriteError
        When the URL names no place, there are objects and ``overwrite`` is false, or the server
        refuses.
    """
    url = _without_last_slash(url)
    options = storage_options or {}
    if url.lower().startswith(("http://", "https://")):
        raise WriteError(
            f"cannot write {public_url(url)!r}: a web server takes no stores; give a folder, or a "
            "URL such as s3://bucket/name.ome.zarr"
        )
    with _refusing(public_url(url)):
        client = _client_of(url, options)
        target = RemoteTarget(url, client, options)
        present = set(client.keys())
        unfinished = UNFINISHED in present and client.get(UNFINISHED).decode() == fingerprint
    if unfinished:
        target.present = frozenset(present - {UNFINISHED} - set(_ROOTS))
    elif present:
        _make_room(target, present, overwrite=overwrite)
    # Before the first object: a killed run leaves none of its own without the mark.
    with _refusing(target.name):
        client.put(UNFINISHED, fingerprint.encode())
    yield target
    with _refusing(target.name):
        # Not after an error: by the mark the next call finds its unfinished store.
        client.delete([UNFINISHED])


def existing(url: str, storage_options: Mapping[str, Any] | None) -> RemoteTarget:
    """Open a store that exists; its documents are read when they are needed."""
    url = _without_last_slash(url)
    options = storage_options or {}
    with _refusing(public_url(url)):
        return RemoteTarget(url, _client_of(url, options), options)


def _without_last_slash(url: str) -> str:
    # "s3://" without its slashes would be the folder "s3:" of this machine.
    if not names_place(url):
        raise WriteError(
            f"cannot write {public_url(url)!r}: the URL names no place; give one such as "
            "s3://bucket/name.ome.zarr"
        )
    return url.rstrip("/")


def _make_room(target: RemoteTarget, present: set[str], *, overwrite: bool) -> None:
    """Delete what is at the URL, its root documents first.

    Raises
    ------
    WriteError
        When it may not be deleted, or is no Zarr store.
    """
    roots = [key for key in _ROOTS if key in present]
    if not roots and UNFINISHED not in present:
        raise WriteError(
            f"{target.name!r} holds {len(present)} objects that are no Zarr store: they are not "
            "replaced; give another URL"
        )
    if not overwrite and UNFINISHED not in present:
        raise WriteError(
            f"{target.name!r} exists: pass overwrite=True to replace it, or give another URL"
        )
    with _refusing(target.name):
        # The roots first: no reader takes a store that is half deleted for a whole one.
        target.client.delete(roots)
        target.client.delete(sorted(present - set(roots)))


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn what servers and their clients raise into our error."""
    try:
        yield
    except AicsioError:
        raise
    # Any exception: obstore makes its own at run time, and fsspec's file systems raise theirs.
    except Exception as error:  # noqa: BLE001
        _refuse(name, error)


def _refuse(name: str, error: Exception) -> NoReturn:
    raise WriteError(f"cannot write {name!r}: {describe_failure(error)}") from None
