"""A store in a folder, which takes its name when it is whole.

Rule kept here: files go to a hidden folder beside the target, ``.NAME.part``: the store, and a
journal of its finished units. When the store is whole, it changes places with what had the name, in
one step of the file system where it has one. A killed process leaves the hidden folder, and the
same call goes on with it. Whoever writes holds a lock on it.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping

import attrs

from aicsio._io.urls import hide_secrets
from aicsio.errors import WriteError
from aicsio.writers._atomic_file import sync_to_disk
from aicsio.writers._zarr import journal
from aicsio.writers._zarr.arrays import Parts
from aicsio.writers._zarr.disk_errors import refuse
from aicsio.writers._zarr.targets.owning import own_folder
from aicsio.writers._zarr.targets.swapping import exchange, take_name
from aicsio.writers._zarr.targets.syncing import DiskSync
from aicsio.writers.target_names import no_folder

_MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""Files by which a folder shows that it is a Zarr store."""
_LONGEST_NAME = 200
"""Characters of a name that are repeated in the hidden one: file systems allow 255 bytes."""


class FolderTarget:
    """The hidden folder of one writing. Threads put files concurrently."""

    def __init__(
        self,
        store: str,
        target: str,
        log: "journal.UnitJournal | None" = None,
        stored: Mapping[str, int] | None = None,
        disk: DiskSync | None = None,
    ) -> None:
        self.name = target
        self._disk = disk
        self.store = store
        self.journal: journal.UnitJournal | None = log
        self._folders: set[str] = set()
        self._stored = stored or {}
        self._lock = threading.Lock()
        self.nbytes = sum(self._stored.values())
        self._is_shared = False

    def count_files(self) -> None:
        """Count the files that other processes put as well."""
        if self._is_shared:
            self.nbytes = sum(_list_files(self.store).values())

    def put(self, key: str, parts: Parts, /) -> None:
        """Write a file under a temporary name, then give it its own: it is whole or missing."""
        path = os.path.join(self.store, *key.split("/"))
        try:
            self._make_folder(os.path.dirname(path))
            write_whole(path, parts)
        except OSError as error:
            refuse(self.name, error)
        if self._disk is not None:
            self._disk.add(path)
        with self._lock:
            # A file of an earlier run that is written anew counts once.
            self.nbytes += sum(map(len, parts)) - self._stored.get(key, 0)

    def has(self, key: str, /) -> bool:
        """Whether an earlier run has stored the file."""
        return key in self._stored

    def get(self, key: str, /) -> bytes | None:
        """Return the bytes of a file; ``None`` for a missing one."""
        try:
            with open(os.path.join(self.store, *key.split("/")), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    def on_workers(self) -> "SharedFolder":
        """Return the store as processes of a cluster open it."""
        self._is_shared = True
        return SharedFolder(self.store, self.name)


@attrs.frozen
class SharedFolder:
    """The store of a writing in another process. Travels to it."""

    store: str
    """Path of the store in the hidden folder."""
    name: str
    """Path that the store will have."""

    def put(self, key: str, parts: Parts, /) -> None:
        """Write a file: it is whole or missing."""
        # Without this check a machine that lacks the folder would fill one of its own.
        if not os.path.isdir(self.store):
            raise WriteError(
                f"workers of the cluster do not see {self.store!r}: write to a folder that all "
                "machines share, or to an object store"
            )
        path = os.path.join(self.store, *key.split("/"))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_whole(path, parts)
        except OSError as error:
            refuse(self.name, error)

    def has(self, key: str, /) -> bool:
        """Whether the file is there."""
        return os.path.exists(os.path.join(self.store, *key.split("/")))

    def get(self, key: str, /) -> bytes | None:
        """Return the bytes of a file; ``None`` for a missing one."""
        try:
            with open(os.path.join(self.store, *key.split("/")), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None


def write_whole(path: str, parts: Parts) -> None:
    """Write a file that appears under its name when it is whole."""
    # A random part: processes that write the same file do not share a temporary one.
    temporary = f"{path}.{secrets.token_hex(4)}.part"
    fd = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
    )
    try:
        with open(fd, "wb", buffering=0) as file:
            for part in _gathered(parts):
                # An unbuffered write may take only a part of the bytes.
                remaining = memoryview(part)
                while remaining:
                    remaining = remaining[file.write(remaining) :]
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _gathered(parts: Parts) -> Parts:
    """Join small parts, so that a file of many chunks is not many small writes."""
    if len(parts) > 1 and sum(map(len, parts)) < 1 << 20:
        return [b"".join(parts)]
    return parts


def _list_files(store: str) -> dict[str, int]:
    """Return the sizes of the files that an earlier run left whole, by key."""
    sizes = {}
    for folder, _, names in os.walk(store):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith(".part"):
                os.unlink(path)  # a killed process was writing it
                continue
            key = os.path.relpath(path, store).replace(os.sep, "/")
            sizes[key] = os.path.getsize(path)
    return sizes


def check_target(path: str, *, overwrite: bool) -> str:
    """Return the absolute path that will be written.

    Raises
    ------
    WriteError
        When the name is none, or in a folder that does not exist; when it is taken and
        ``overwrite`` is false, or by something that is no Zarr store.
    """
    name = path.rstrip("/" + os.sep)
    if not name:
        raise WriteError(f"cannot write to {path!r}: give a name, such as 'image.ome.zarr'")
    try:
        target = os.path.realpath(os.path.expanduser(name))
        _restore_old(target)
        exists = _has_entry(target)
        replaceable = exists and os.path.isdir(target) and is_store(target)
    except (OSError, ValueError) as error:
        raise WriteError(hide_secrets(f"cannot write {path!r}: {error}")) from None
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise no_folder(path, folder)
    if not exists:
        return target
    # Deleting is for stores alone: a mistyped name must not cost a folder of data. Nothing else may
    # be told to overwrite, which would be refused, too.
    if not replaceable:
        raise WriteError(
            f"{path!r} exists and is no Zarr store: it is not replaced; give another path"
        )
    if not overwrite:
        raise WriteError(
            f"{path!r} exists: pass overwrite=True to replace it, or give another path"
        )
    return target


def _has_entry(path: str) -> bool:
    """Whether something has the name; names that can be none, such as long ones, raise OSError."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def existing(path: str) -> FolderTarget:
    """Open a store that has its name.

    Raises
    ------
    WriteError
        When there is none.
    """
    # A NUL is in the name of no file, and an error of its own.
    target = os.path.realpath(os.path.expanduser(path.rstrip("/" + os.sep).replace("\0", "?")))
    if "\0" in path or not os.path.isdir(target) or not is_store(target):
        raise WriteError(f"there is no Zarr store {path!r}: make it with write_ome_zarr")
    return FolderTarget(target, target)


def is_store(folder: str) -> bool:
    """Whether a folder is a Zarr store, or empty."""
    names = os.listdir(folder)
    return not names or any(mark in names for mark in _MARKS)


def hidden_folder(target: str) -> str:
    """Return the path of the hidden folder of a target."""
    folder, name = os.path.split(target)
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    # Beside the target, and so on its file system: only there a rename is one step.
    return os.path.join(folder, f".{name}.part")


@contextlib.contextmanager
def filling(
    target: str, fingerprint: str, *, overwrite: bool, resume: bool, sync: bool
) -> Iterator[FolderTarget]:
    """Lend a store to fill, which takes the name ``target`` when the block ends without an error.

    Parameters
    ----------
    target
        As ``check_target`` returned it.
    fingerprint
        Identifies source and options: unfinished work with the same fingerprint is taken over.
    overwrite
        Whether a store that has the name by then is replaced.
    resume
        Whether unfinished work may be taken over.
    sync
        Whether to wait for the disk before the store takes its name.

    Raises
    ------
    WriteError
        When another process writes the same target, or the disk refuses.
    """
    hidden = hidden_folder(target)
    lock = own_folder(hidden, target)
    try:
        log_folder = os.path.join(hidden, "journal")
        if not resume or journal.fingerprint_of(log_folder) != fingerprint:
            # The journal goes first: a journal whose files are gone would skip units that are
            # missing.
            _remove(log_folder)
            _remove(os.path.join(hidden, "store"))
        try:
            log = journal.UnitJournal(log_folder, fingerprint, target)
            os.makedirs(os.path.join(hidden, "store"), exist_ok=True)
        except OSError as error:
            if not journal.has_units(log_folder):
                _remove(hidden)
            refuse(target, error)
        disk = DiskSync() if sync else None
        try:
            store = os.path.join(hidden, "store")
            lent = FolderTarget(store, target, log, _list_files(store), disk)
            with contextlib.nullcontext() if disk is None else disk:
                yield lent
            lent.count_files()
        except BaseException:
            # Finished units are kept for the next call; without any there is nothing to keep.
            if log.is_empty():
                _remove(hidden)
            raise
        if disk is not None:
            # The bytes before the name: a power cut must not leave the name on files without bytes.
            try:
                disk.finish(hidden)
            except OSError as error:
                refuse(target, error)
        _finish(hidden, target, overwrite=overwrite)
        if sync:
            # The name itself is an entry of the folder above.
            sync_to_disk(os.path.dirname(target))
    finally:
        os.close(lock)


def _finish(hidden: str, target: str, *, overwrite: bool) -> None:
    """Give the store its name. From here on the journal counts for nothing."""
    store = os.path.join(hidden, "store")
    # Before the exchange: after it, the hidden folder holds the old store, which a later call would
    # take for finished work.
    journal.forget(os.path.join(hidden, "journal"))
    try:
        if os.path.lexists(target) and overwrite:
            _check_replaceable(target)
            exchange(store, target, os.path.join(hidden, "old"))
        else:
            take_name(store, target)
    except WriteError:
        raise
    except FileExistsError as error:
        raise WriteError(
            f"{target!r} appeared while it was being written, and is as it was: pass "
            "overwrite=True to replace it"
        ) from error
    except OSError as error:
        refuse(target, error)
    _remove(hidden)


def _check_replaceable(target: str) -> None:
    """Raise unless a store has the name, which may have changed since ``check_target``."""
    if not os.path.isdir(target) or not is_store(target):
        raise WriteError(
            f"{target!r} became something that is no Zarr store while it was being written: it is "
            "not replaced; give another path"
        )


def _restore_old(target: str) -> None:
    """Give an old store its name back, if a process was killed between two renames."""
    old = os.path.join(hidden_folder(target), "old")
    if os.path.isdir(old) and not os.path.lexists(target):
        os.rename(old, target)


def _remove(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)
