"""Whether a store is still the one that was opened.

Rule kept here: a missing chunk is the fill value only in a store that is there. One that was
deleted would be an image of fill values, and one that was replaced a mixture of two.

A folder is replaced where both its number on the disk and its time of change are others: labels
that are added change the time alone, and some network disks give other numbers at each mount.
"""

import os

from aicsio._io.ranges import changed_error
from aicsio.errors import SourceNotFoundError
from aicsio.records import Source

__all__ = ["ROOTS", "check_folder", "folder_fingerprint", "modified_part"]

ROOTS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
"""Documents of which the root of a Zarr has one at least (core specification, versions 3 and 2)."""


def folder_fingerprint(status: os.stat_result) -> str:
    """Describe the version of a folder.

    Parameters
    ----------
    status
        What the system says of it.

    Returns
    -------
    str
        Time of change in nanoseconds and number on the disk.

    Examples
    --------
    >>> import os
    >>> from aicsio._io.store_versions import folder_fingerprint
    >>> folder_fingerprint(os.stat("."))  # doctest: +SKIP
    '1796083309658513927-524312'
    """
    return f"{status.st_mtime_ns}-{status.st_ino}"


def modified_part(fingerprint: str) -> str:
    """Return the time of change alone, which other mounts of the same disk have, too.

    Parameters
    ----------
    fingerprint
        Of a folder.

    Returns
    -------
    str
        Nanoseconds.

    Examples
    --------
    >>> from aicsio._io.store_versions import modified_part
    >>> modified_part("1796083309658513927-524312")
    '1796083309658513927'
    """
    return fingerprint.partition("-")[0]


def check_folder(store: Source) -> None:
    """Compare a local folder with the one that was opened.

    Parameters
    ----------
    store
        The folder, as it was when it was opened.

    Raises
    ------
    SourceChangedError
        When another folder has its name.
    SourceNotFoundError
        When it is gone.

    Examples
    --------
    >>> import os
    >>> from aicsio._io.store_versions import check_folder, folder_fingerprint
    >>> from aicsio.records import Source
    >>> check_folder(Source(".", fingerprint=folder_fingerprint(os.stat(".")), folder=True))
    """
    try:
        status = os.stat(store.uri)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceNotFoundError(f"there is no folder {store.uri!r} any more") from error
    except OSError:
        return  # no answer is no other folder
    time, _, number = (store.fingerprint or "").partition("-")
    if number and str(status.st_ino) != number and str(status.st_mtime_ns) != time:
        raise changed_error(store)
