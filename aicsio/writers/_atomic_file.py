"""A file appears under its name whole, or not at all.

Rule kept here: bytes go to a hidden file beside the target, which takes the name only when
everything is on the disk. Whatever ends the block early (an error, Ctrl-C) removes the hidden file
and leaves the target as it was. A writer holds a lock on its hidden file from the moment it is made
until it has the name, and touches no other: two writers of one target cannot take each other's
file. A killed process leaves its hidden file without a lock; the next write of the same target
removes it.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from aicsio._io.urls import hide_secrets, public_url
from aicsio.errors import WriteError
from aicsio.writers.target_names import example_name, no_folder

if sys.platform != "win32":
    import fcntl

_MAX_ATTEMPTS = 100
"""Names that are tried: each attempt fails only if another writer of the target acts in between."""
_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Output:
    """The new file: any thread writes at any offset. Not a record: it holds an open file."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self._seek_lock = threading.Lock()

    def write_at(self, offset: int, data: bytes | npt.NDArray[Any]) -> None:
        """Write all of ``data``, which is bytes or a C-contiguous array.

        Raises
        ------
        WriteError
            When the disk is full, or takes no bytes for another reason.
        """
        octets = data if isinstance(data, bytes) else data.reshape(-1).view(np.uint8).data
        remaining = memoryview(octets)
        try:
            # One call may write less than requested: 2 GiB at most on Linux, less on a full disk.
            while remaining:
                count = self._write_some(offset, remaining)
                offset, remaining = offset + count, remaining[count:]
        except OSError as error:
            _refuse(self.path, error)

    def _write_some(self, offset: int, data: memoryview) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self.fd, data, offset)
        with self._seek_lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.write(self.fd, data)

    def read_at(self, offset: int, nbytes: int) -> bytes:
        """Return bytes that were written."""
        if hasattr(os, "pread"):
            return os.pread(self.fd, nbytes, offset)
        with self._seek_lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.read(self.fd, nbytes)

    def reserve(self, nbytes: int) -> None:
        """Reserve space on the disk, so that a disk that is too small refuses before pixels are read.

        Raises
        ------
        WriteError
            When there is no space.
        """
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self.fd, 0, nbytes)
        except OSError as error:
            # Any other error means that this file system cannot reserve, not that it cannot write.
            if error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
                _refuse(self.path, error)

    def finish(self, nbytes: int, *, sync: bool) -> None:
        """Cut the file to its length and, with ``sync``, wait until it is on the disk.

        Raises
        ------
        WriteError
            When the disk refuses.
        """
        try:
            os.ftruncate(self.fd, nbytes)
            if sync:
                os.fsync(self.fd)
        except OSError as error:
            _refuse(self.path, error)


def _refuse(path: str, error: OSError) -> NoReturn:
    reason = error.strerror or str(error)
    raise WriteError(f"cannot write {path!r}: {reason}{state_previous(path, 'file')}") from error


def state_previous(target: str, kind: str) -> str:
    """Return a sentence on what has the name of the target, with a full stop in front; nothing where nothing has."""
    return f". The previous {kind} is as it was" if os.path.lexists(target) else ""


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> str:
    """Return the absolute path that will be written, links followed.

    Parameters
    ----------
    path
        As the caller gave it.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    WriteError
        When the path is a URL, a folder (or has a slash at its end), no path of this system (a NUL,
        a loop of links, a name that is too long), or in a folder that does not exist; when the file
        exists and ``overwrite`` is false.
    """
    name = os.fsdecode(path)
    if "://" in name:
        raise WriteError(
            f"cannot write to {public_url(name)!r}: give a path of this machine, and copy the file "
            "from there"
        )
    example = example_name(name)
    if not name:
        raise WriteError(f"cannot write to '': give a file name, such as {example!r}")
    if name.endswith(("/", os.sep)):
        # POSIX, 4.13: such a path can be that of a folder alone.
        shown = hide_secrets(repr(name))
        raise WriteError(
            f"cannot write {shown}: it names a folder; add a file name, such as {example!r}"
        )
    status = None
    try:
        target = os.path.realpath(os.path.expanduser(name))
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            status = os.stat(target)  # realpath returns the first link of a loop, stat refuses it
    except OSError as error:
        shown = hide_secrets(f"cannot write {name!r}: {error.strerror or error}")
        raise WriteError(shown) from None
    except ValueError as error:  # a NUL, or characters that the system cannot encode
        raise WriteError(
            f"cannot write {name!r}: it is no path of this system ({error})"
        ) from error
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise no_folder(name, folder)
    if status is None:
        return target
    if stat.S_ISDIR(status.st_mode):
        raise WriteError(
            f"cannot write {name!r}: it is a folder; add a file name, such as {example!r}"
        )
    if not stat.S_ISREG(status.st_mode):
        raise WriteError(f"cannot write {name!r}: it is a device or pipe, not a file")
    if not overwrite:
        raise WriteError(
            f"{name!r} exists: pass overwrite=True to replace it, or give another path"
        )
    return target


@contextlib.contextmanager
def replacing(target: str, *, overwrite: bool, sync: bool) -> Iterator[Output]:
    """Lend a new file, which takes the name ``target`` when the block ends without an error.

    Parameters
    ----------
    target
        As ``check_target`` returned it.
    overwrite
        Whether a file that has the name by then is replaced.
    sync
        Whether to wait for the disk, so that a power cut cannot leave the name on a file without
        bytes.

    Raises
    ------
    WriteError
        When the file cannot be made, or another file took the name meanwhile.
    """
    hidden = _create(target)
    try:
        try:
            yield Output(hidden.fd, target)
            _take_name(hidden, target, overwrite=overwrite)
        except BaseException:
            hidden.remove()
            raise
    finally:
        # The lock goes with the descriptor: only now may other writers touch a file of that name.
        hidden.close()
    if sync:
        # The new name is an entry of the folder: its bytes alone do not put it on the disk.
        sync_to_disk(os.path.dirname(target))


class _HiddenFile:
    """The file that one writer fills and has locked. Not a record: it holds an open file."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self._is_open = True

    def close(self) -> None:
        """Close the file, once: its number may belong to another file by the second call."""
        if self._is_open:
            self._is_open = False
            os.close(self.fd)

    def has_its_name(self) -> bool:
        """Whether the path still leads to this file."""
        return not self._is_open or _is_at(self.fd, self.path)

    def remove(self) -> None:
        """Remove this file, and no other that has its name by now."""
        if sys.platform == "win32":
            self.close()  # an open file cannot be removed; nobody else can remove it before either
        if self.has_its_name():
            with contextlib.suppress(FileNotFoundError, PermissionError):
                os.unlink(self.path)


def _create(target: str) -> _HiddenFile:
    """Make a hidden file that this writer has locked.

    Raises
    ------
    WriteError
        When the folder refuses a new file.
    """
    folder, name = os.path.split(target)
    # A digest, because the name itself may already be as long as the file system allows.
    digest = hashlib.blake2b(os.fsencode(name), digest_size=6).hexdigest()
    stem = os.path.join(folder, f".aicsio-{digest}")
    path = f"{stem}.part"
    try:
        for _ in range(_MAX_ATTEMPTS):
            try:
                fd = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                if not _remove_abandoned(path):
                    path = f"{stem}-{secrets.token_hex(4)}.part"
                continue
            hidden = _HiddenFile(fd, path)
            if _own(hidden, target):
                return hidden
    except OSError as error:
        _refuse(target, error)
    raise WriteError(f"cannot write {target!r}: no name for a temporary file is free in {folder!r}")


def _own(hidden: _HiddenFile, target: str) -> bool:
    """Lock a new hidden file and give it the target's permissions.

    ``False`` where another writer took it for an abandoned one before it was locked.
    """
    try:
        if _lock(hidden.fd, wait=True) and not hidden.has_its_name():
            hidden.close()
            return False
        if os.path.exists(target) and hasattr(os, "fchmod"):
            # Else an overwritten file would change who may read it.
            os.fchmod(hidden.fd, stat.S_IMODE(os.stat(target).st_mode))
    except BaseException:  # Ctrl-C too: nothing is left behind
        hidden.remove()
        hidden.close()
        raise
    return True


def _remove_abandoned(hidden: str) -> bool:
    """Remove a hidden file that no writer has locked; return whether the name is free."""
    try:
        if sys.platform == "win32":
            os.unlink(hidden)  # which the system refuses while a writer has it open
            return True
        fd = os.open(hidden, _FLAGS)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not _lock(fd, wait=False):
            return False
        # Before the lock, another writer may have put a file of its own under this name.
        if _is_at(fd, hidden):
            os.unlink(hidden)
    finally:
        os.close(fd)
    return True


def _lock(fd: int, *, wait: bool) -> bool:
    """Mark the file as in use until it is closed.

    ``False`` where someone else has it or locks are unknown.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _take_name(hidden: _HiddenFile, target: str, *, overwrite: bool) -> None:
    """Give the hidden file its name, while it is locked.

    Raises
    ------
    WriteError
        When another file took the name and may not be replaced, or the hidden file is gone.
    """
    if sys.platform == "win32":
        hidden.close()  # an open file cannot be renamed
    if not hidden.has_its_name():
        raise WriteError(
            f"cannot write {target!r}: another process removed its temporary file "
            f"{hidden.path!r}{state_previous(target, 'file')}"
        )
    try:
        if sys.platform != "win32":
            # Network file systems report a full disk when a descriptor is closed. The lock stays:
            # it belongs to both descriptors.
            os.close(os.dup(hidden.fd))
        if overwrite or not _link(hidden.path, target):
            os.replace(hidden.path, target)
    except FileExistsError as error:
        raise WriteError(
            f"{target!r} appeared while it was being written, and is as it was: pass "
            "overwrite=True to replace it"
        ) from error
    except OSError as error:
        _refuse(target, error)


def _link(hidden: str, target: str) -> bool:
    """Take the name only if it is free, in one step of the file system.

    ``False`` where it knows no such step.
    """
    try:
        # link(2) refuses a name that is taken; rename(2) would replace the file there.
        os.link(hidden, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
        return False
    os.unlink(hidden)
    return True


def sync_to_disk(path: str) -> None:
    """Wait until a file, or the list of names of a folder, is on the disk."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network file systems refuse to sync a folder; its files are on the disk.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}:
            raise
    finally:
        os.close(fd)
