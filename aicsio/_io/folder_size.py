"""How much a folder holds.

Rule kept here: a store of a million files is not walked to its end, and links are not followed.
"""

import os

import attrs

MOST_FILES = 10_000
"""Files that are looked at: half a second on a disk, some ten seconds on a slow network drive."""


@attrs.frozen
class FolderSize:
    """Bytes and files of a folder. Not a record: it lives for one answer."""

    nbytes: int
    """Bytes of the files that were looked at."""
    file_count: int
    """Number of these files."""
    complete: bool
    """Whether these are all files of the folder."""


def measure_folder(path: str) -> FolderSize:
    """Add up the sizes of the files in a folder and the folders below.

    Parameters
    ----------
    path
        A local folder.

    Returns
    -------
    FolderSize
        Of the first ``MOST_FILES`` files; folders that cannot be listed are not counted.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from aicsio._io.folder_size import measure_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "a").write_bytes(bytes(9))
    ...     measure_folder(folder)
    FolderSize(nbytes=9, file_count=1, complete=True)
    """
    nbytes = file_count = 0
    complete = True
    # A stack of folders in place of a recursion: any depth is fine.
    folders = [path]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        continue
                    if file_count == MOST_FILES:
                        return FolderSize(nbytes, file_count, complete=False)
                    nbytes += entry.stat(follow_symlinks=False).st_size
                    file_count += 1
        except OSError:  # no permission, or gone meanwhile
            complete = False
    return FolderSize(nbytes, file_count, complete)
