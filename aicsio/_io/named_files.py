"""Files that an index names: those of its own folder and of folders below, nothing else.

Rule kept here: a name is refused before anything is looked at, and only the answer "there is no such
file" makes a file missing; every other trouble raises.
"""

import errno
import functools
import os

from aicsio._io import urls
from aicsio._io.sources import identify
from aicsio._io.stores import check_key
from aicsio.errors import CorruptFileError, SourceError, SourceNotFoundError
from aicsio.records import Source

__all__ = ["find_named", "folder_of", "list_folder"]


def folder_of(index: Source) -> str:
    """Return the path of the folder of a local index; of a folder, its own."""
    return index.uri if index.folder else os.path.dirname(index.uri)


def find_named(index: Source, key: str) -> Source | None:
    """Find a file by the name that an index gives it.

    Parameters
    ----------
    index
        The index, in whose folder the file lies, or the folder itself.
    key
        Name below the folder, with ``/`` between its parts.

    Returns
    -------
    Source or None
        ``None`` if there is no such file.

    Raises
    ------
    CorruptFileError
        When the name, or a link among its folders, leads out of the folder.
    SourceError
        When the file cannot be looked at.
    """
    check_key(index, key)
    try:
        if not index.local:
            url = urls.url_below(urls.requested_url(index), key.split("/"), 0)
            if url is None:
                raise SourceError(f"{index.uri!r} has no folder")
            return identify(url, urls.client_options(index))
        folder = folder_of(index)
        path = os.path.join(folder, *key.split("/"))
        # A link in place of the file is the user's own, a link among the folders may lead anywhere.
        if "/" in key and not _lies_below(os.path.dirname(path), folder):
            raise CorruptFileError.at(path, None, "a folder of the name leads out, by a link")
        return identify(path)
    except SourceNotFoundError:
        return None


@functools.lru_cache(maxsize=64)
def _lies_below(folder: str, root: str) -> bool:
    """Whether a folder lies below another once links are followed, which takes 20 us."""
    actual, limit = os.path.realpath(folder), os.path.realpath(root)
    return os.path.commonpath([actual, limit]) == limit


def list_folder(index: Source, folder: str = "") -> list[str]:
    """List the sorted names in the folder of an index, or in one below it; none of a remote one.

    Raises
    ------
    SourceError
        When the system refuses.
    """
    if not index.local or index.content is not None:
        return []
    path = os.path.join(folder_of(index), *folder.split("/")) if folder else folder_of(index)
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        # A link to itself leads nowhere, as one to a missing folder.
        if error.errno == errno.ELOOP:
            return []
        raise SourceError(f"cannot list {path!r}: {error.strerror}") from error
