"""Folders change names: a new store takes the place of an old one.

Rule kept here: at every moment the name leads to a whole store, where the system can exchange two
names in one step (Linux: ``renameat2`` with ``RENAME_EXCHANGE``, from kernel 3.15). Elsewhere two
renames follow each other; the old store is beside the target in between, and is never deleted
before the new one has the name.
"""

import ctypes
import errno
import os
import sys

_AT_FDCWD = -100
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_NOT_SUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}


def exchange(new: str, target: str, old: str) -> None:
    """Give ``new`` the name ``target``; what had it goes to the path of ``new``, or to ``old``.

    Raises
    ------
    OSError
        When the system refuses; ``target`` is as it was.
    """
    if _rename(new, target, _RENAME_EXCHANGE):
        return
    # Until the second rename the name is free. A process that is killed here leaves the old store
    # in the hidden folder, and the next call gives it its name back.
    os.rename(target, old)
    try:
        os.rename(new, target)
    except OSError:
        os.rename(old, target)
        raise


def take_name(new: str, target: str) -> None:
    """Give ``new`` the name ``target`` only if that is free.

    Raises
    ------
    FileExistsError
        When it is taken.
    OSError
        When the system refuses.
    """
    if _rename(new, target, _RENAME_NOREPLACE):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(new, target)


def _rename(source: str, target: str, flags: int) -> bool:
    """Rename with flags of Linux; ``False`` where the system or the file system has none."""
    if not sys.platform.startswith("linux"):
        return False
    # The module os has no call with these flags.
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return False
    arguments = (_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags)
    if function(*arguments) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), target)
