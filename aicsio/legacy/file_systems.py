"""``pathlike_to_fs``: the fsspec file system of a path or URL.

Rule kept here: for scripts that list or open files themselves; ``open_image`` has its own way.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aicsio._checks import checked
from aicsio.errors import SourceNotFoundError

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem

__all__ = ["pathlike_to_fs"]


@checked
def pathlike_to_fs(
    uri: str | os.PathLike[str],
    enforce_exists: bool = False,
    fs_kwargs: Mapping[str, Any] | None = None,
) -> tuple["AbstractFileSystem", str]:
    """Return the file system of a path or URL, and the path on it.

    Parameters
    ----------
    uri
        Path or URL.
    enforce_exists
        Whether a path that is not there raises.
    fs_kwargs
        Keyword arguments of the fsspec file system.

    Returns
    -------
    tuple
        File system and path.

    Raises
    ------
    SourceNotFoundError
        When ``enforce_exists`` and nothing has the path.

    Examples
    --------
    >>> from aicsio.utils.io_utils import pathlike_to_fs
    >>> fs, path = pathlike_to_fs("memory://folder/a.tiff")
    >>> fs.exists(path), path
    (False, '/folder/a.tiff')
    """
    from fsspec.core import url_to_fs

    file_system, path = url_to_fs(os.fspath(uri), **(fs_kwargs or {}))
    if enforce_exists and not file_system.exists(path):
        raise SourceNotFoundError(f"there is no file {path!r} on {file_system.protocol}")
    return file_system, path
