"""The index of a folder.

Rule kept here: a folder is taken only for the sake of an index in it; of several, the caller must
choose.
"""

import functools
from collections.abc import Sequence

from aicsio._io import readers
from aicsio._io.named_files import folder_of, list_folder
from aicsio.errors import SourceNotFoundError, UnsupportedFormatError
from aicsio.records import Source

__all__ = ["find_beside", "find_index", "is_folder_of", "list_beside", "list_indices", "list_once"]


class _Names:
    """Names of a folder in the pool: six formats ask for the list while one image is opened."""

    def __init__(self, source: Source, folder: str) -> None:
        self.names = list_folder(source, folder)

    def close(self) -> None:
        """Nothing is open."""


def list_once(source: Source, folder: str = "") -> Sequence[str]:
    """List a folder as ``list_folder`` does, once while an image is opened.

    Parameters
    ----------
    source
        The folder, or a file in it.
    folder
        One below it.
    """
    if not source.local:
        return []
    key = ("names", folder_of(source), folder)
    with readers.borrow(key, functools.partial(_Names, source, folder)) as listed:
        return listed.names


def list_indices(
    source: Source, patterns: Sequence[str], folders: Sequence[str] = ("",)
) -> list[str]:
    """Return the names in a folder that are an index.

    Parameters
    ----------
    source
        The folder.
    patterns
        Names in lower case, or suffixes that begin with ``*``; the likeliest first.
    folders
        Folders below it that are looked at, too.
    """
    for folder in folders:
        names = list_once(source, folder)
        for pattern in patterns:
            if pattern.startswith("*"):
                found = [name for name in names if name.lower().endswith(pattern[1:])]
            else:
                found = [name for name in names if name.lower() == pattern]
            # Resource forks of macOS have the suffix of their file.
            found = [name for name in found if not name.startswith("._")]
            if found:
                return [f"{folder}/{name}" if folder else name for name in found]
    return []


def is_folder_of(source: Source, patterns: Sequence[str], folders: Sequence[str] = ("",)) -> bool:
    """Return whether a folder has an index; see ``list_indices``."""
    return bool(list_indices(source, patterns, folders))


def find_index(source: Source, patterns: Sequence[str], folders: Sequence[str] = ("",)) -> Source:
    """Return the index of a folder; a file is the index itself.

    Raises
    ------
    UnsupportedFormatError
        When the folder has several.
    SourceNotFoundError
        When it has none.
    """
    if not source.folder:
        return source
    found = list_indices(source, patterns, folders)
    if not found:
        raise SourceNotFoundError(f"{source.uri!r} has no {' or '.join(patterns)}")
    if len(found) > 1:
        shown = ", ".join(found[:8])
        raise UnsupportedFormatError(
            f"{source.uri!r} has {len(found)} indices: open one of them: {shown}"
        )
    return readers.identify(f"{source.uri}/{found[0]}")


def find_beside(index: Source, name: str) -> Source | None:
    """Return a file of a known name in the folder of an index; ``None`` if there is none."""
    if not index.has_place:
        return None
    return readers.sibling(index, name)


def list_beside(index: Source, suffix: str) -> list[str]:
    """Return the sorted names in the folder of an index that end with a suffix; none of a remote one."""
    return [name for name in list_once(index) if name.lower().endswith(suffix)]
