"""The hidden folder of a store belongs to one writer.

Rule kept here: a lock counts only while its file has its name. Whoever ends removes the folder with
the lock in it, and another writer may have opened that file just before.
"""

import errno
import os
import sys

from aicsio.errors import WriteError
from aicsio.writers._zarr.disk_errors import refuse

if sys.platform != "win32":
    import fcntl

_MAX_ATTEMPTS = 100
"""Tries to own the hidden folder: one fails only if another writer of the target ends meanwhile."""


def own_folder(hidden: str, target: str) -> int:
    """Make the hidden folder and lock it.

    Parameters
    ----------
    hidden
        Its path.
    target
        Path of the store, for messages.

    Returns
    -------
    int
        Descriptor that holds the lock until it is closed.

    Raises
    ------
    WriteError
        When another writer has it, or the disk refuses.

    Examples
    --------
    >>> import os
    >>> from aicsio.writers._zarr.targets.owning import own_folder
    >>> os.close(own_folder(".new.ome.zarr.part", "new.ome.zarr"))
    >>> os.listdir(".new.ome.zarr.part")
    ['lock']
    """
    path = os.path.join(hidden, "lock")
    for _ in range(_MAX_ATTEMPTS):
        try:
            os.makedirs(hidden, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # another writer ended in between, and removed the folder
        except OSError as error:
            refuse(target, error)
        _lock(fd, target)
        # A writer that ended in between has removed the file: a lock on it would keep nobody out.
        if _is_at(fd, path):
            return fd
        os.close(fd)
    raise WriteError(f"cannot write {target!r}: other writers make and remove {hidden!r}")


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _lock(fd: int, target: str) -> None:
    """Lock a file; close it where another writer has the lock.

    Raises
    ------
    WriteError
        When another writer has it.
    """
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN}:
                return  # a file system without locks
            os.close(fd)
            raise WriteError(
                f"{target!r} is being written by another process or thread: wait for it, or give "
                "another path"
            ) from error
