"""A file appears under its name whole, or not at all.

Rule kept here: bytes go to a hidden file beside the target, which takes the name only when everything is on the disk.
Whatever ends the block early (an error, Ctrl-C) removes the hidden file and leaves the target as it was. A process
that is killed leaves its hidden file behind; it is locked while in use, so the next write of the same target knows
an abandoned one and removes it.
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

from aicsio.errors import WriteError

if sys.platform != "win32":
    import fcntl

_ATTEMPTS = 100
_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Output:
    """The new file: written at any offset, from any thread."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path
        self._turn = threading.Lock()

    def write_at(self, offset: int, data: bytes | npt.NDArray[Any]) -> None:
        """Write all of ``data``, which is bytes or a C-contiguous array.

        Raises
        ------
        WriteError
            When the disk is full, or takes no bytes for another reason.
        """
        rest = memoryview(data if isinstance(data, bytes) else data.reshape(-1).view(np.uint8).data)
        try:
            while rest:
                done = self._write_some(offset, rest)
                offset, rest = offset + done, rest[done:]
        except OSError as error:
            _refuse(self.path, error)

    def _write_some(self, offset: int, data: memoryview) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self.fd, data, offset)
        with self._turn:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.write(self.fd, data)

    def reserve(self, nbytes: int) -> None:
        """Ask for room on the disk: writing is faster then, and a disk that is too small says so at once.

        Raises
        ------
        WriteError
            When there is no room.
        """
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self.fd, 0, nbytes)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
                _refuse(self.path, error)
            # Any other answer says that this file system cannot reserve, not that it cannot write.

    def finish(self, nbytes: int, *, sync: bool) -> None:
        """Cut the file to its length and, if asked, wait until it is on the disk."""
        try:
            os.ftruncate(self.fd, nbytes)
            if sync:
                os.fsync(self.fd)
        except OSError as error:
            _refuse(self.path, error)


def _refuse(path: str, error: OSError) -> NoReturn:
    reason = error.strerror or str(error)
    raise WriteError(
        f"cannot write {path!r}: {reason}. What was there before is as it was"
    ) from error


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> str:
    """Return the absolute path that will be written, links followed.

    Raises
    ------
    WriteError
        For a URL, a folder, a folder that is not there, and a file that is there unless ``overwrite``.
    """
    name = os.fspath(path)
    if "://" in name:
        raise WriteError(
            f"cannot write to {name!r}: give a path of this machine, and copy the file from there"
        )
    target = os.path.realpath(os.path.expanduser(name)) if name else ""
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise WriteError(f"cannot write {name!r}: there is no folder {folder!r}; make it first")
    if os.path.isdir(target):
        raise WriteError(
            f"cannot write {name!r}: it is a folder; add a file name, such as 'image.ome.tiff'"
        )
    if os.path.lexists(target):
        if not stat.S_ISREG(os.stat(target).st_mode):
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
        Whether to wait for the disk, so that a power cut cannot leave the name on a file without bytes.

    Raises
    ------
    WriteError
        When the file cannot be made, or another one took the name meanwhile.
    """
    fd, hidden = _create(target)
    try:
        try:
            yield Output(fd, target)
        finally:
            os.close(fd)
        _take_name(hidden, target, overwrite=overwrite)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden)
        raise
    if sync:
        _sync_folder(os.path.dirname(target))


def _create(target: str) -> tuple[int, str]:
    folder, name = os.path.split(target)
    # A digest, because the name itself may already be as long as the file system allows.
    stem = os.path.join(
        folder, f".aicsio-{hashlib.blake2b(os.fsencode(name), digest_size=6).hexdigest()}"
    )
    hidden = f"{stem}.part"
    try:
        for _ in range(_ATTEMPTS):
            try:
                fd = os.open(hidden, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                if not _remove_abandoned(hidden):
                    hidden = f"{stem}-{secrets.token_hex(4)}.part"
                continue
            try:
                if _lock(fd, wait=True) and not _is_at(fd, hidden):
                    os.close(fd)  # someone took it for an abandoned one between the two calls
                    continue
                if os.path.exists(target) and hasattr(os, "fchmod"):
                    os.fchmod(fd, stat.S_IMODE(os.stat(target).st_mode))
            except BaseException:  # Ctrl-C too: what was made goes again
                os.close(fd)
                os.unlink(hidden)
                raise
            return fd, hidden
    except OSError as error:
        _refuse(target, error)
    raise WriteError(f"cannot write {target!r}: no name for a temporary file is free in {folder!r}")


def _remove_abandoned(hidden: str) -> bool:
    """Remove a hidden file that nobody writes any more; say whether the name is free."""
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
        if _is_at(fd, hidden):
            os.unlink(hidden)
    finally:
        os.close(fd)
    return True


def _lock(fd: int, *, wait: bool) -> bool:
    """Mark the file as in use until it is closed; ``False`` where someone else has it or locks are unknown."""
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


def _take_name(hidden: str, target: str, *, overwrite: bool) -> None:
    try:
        if overwrite or not _link(hidden, target):
            os.replace(hidden, target)
    except FileExistsError as error:
        raise WriteError(
            f"{target!r} appeared while it was being written, and is as it was: pass overwrite=True to replace it"
        ) from error
    except OSError as error:
        _refuse(target, error)


def _link(hidden: str, target: str) -> bool:
    """Take the name only if it is free, in one step of the file system; ``False`` where it knows no such step."""
    try:
        os.link(hidden, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from None
        return False
    os.unlink(hidden)
    return True


def _sync_folder(folder: str) -> None:
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network file systems refuse to sync a folder; the file itself is on the disk.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}:
            raise
    finally:
        os.close(fd)
