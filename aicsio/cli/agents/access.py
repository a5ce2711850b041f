"""Which files an agent may read, and where it may write.

Rule kept here: a path is compared after all links are followed. URLs, chains of fsspec and patterns
are no paths. A folder that is an image has no link that leads out of the folders of the user.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from aicsio._io.urls import is_url
from aicsio.errors import SourceError, SourceNotFoundError, WriteError
from aicsio.records import ImageHandle, Source

MOST_ENTRIES = 200_000
"""Entries of a folder that are looked at for links: a store of a plate has 100 000 chunks."""
SUFFIXES = (".ome.tiff", ".ome.tif", ".ome.zarr")
"""Names of what an agent may write."""


@attrs.frozen
class AgentAccess:
    """Folders of an agent."""

    folders: tuple[str, ...]
    """Absolute paths, links followed, of what may be read."""
    output: str | None = None
    """Absolute path, links followed, of the folder that may be written; ``None`` for nothing."""

    def resolve(self, name: str) -> str:
        """Return the path of a file or folder, links followed.

        Parameters
        ----------
        name
            Absolute, or relative to one of the folders.

        Raises
        ------
        SourceError
            When it is no path, or leads out of the folders.
        SourceNotFoundError
            When there is no such file.
        """
        if is_url(name) or "::" in name or "\0" in name:
            raise SourceError(f"{name!r} is no path: name a file below {self._listed()}")
        allowed = list(self.folders)
        if self.output is not None:
            allowed.append(self.output)
        outside = False
        for folder in allowed:
            # An absolute name stays as it is.
            path = os.path.realpath(os.path.join(folder, name))
            if not any(is_below(path, one) for one in allowed):
                outside = True
            elif os.path.exists(path):
                self._refuse_links(path, allowed)
                return path
        if outside:
            raise SourceError(
                f"{name!r} is not below {self._listed()}: only files there are opened"
            )
        raise SourceNotFoundError(f"there is no file {name!r} below {self._listed()}")

    def target(self, name: str) -> str:
        """Return the path of a file to write.

        Parameters
        ----------
        name
            Name of a file without folders.

        Raises
        ------
        WriteError
            When nothing may be written, the name is no plain one, or there is such a file.
        """
        if self.output is None:
            raise WriteError("nothing may be written: the user gave aicsio mcp no --output folder")
        plain = os.path.basename(name) == name and not name.startswith(".") and name.isprintable()
        if not plain or not name.endswith(SUFFIXES):
            raise WriteError(
                f"{name!r} is no name for an output: give one without folders that ends in "
                f"{', '.join(SUFFIXES)}"
            )
        path = os.path.join(self.output, name)
        if os.path.lexists(path):
            raise WriteError(f"there is a file {name!r} already: give another name")
        return path

    def check_sources(self, handle: ImageHandle) -> None:
        """Raise when a file that an image consists of lies outside, such as a member of a set.

        Raises
        ------
        SourceError
            When one does.
        """
        allowed = [*self.folders, *filter(None, [self.output])]
        for source in set(_list_sources(handle.contents)):
            inside = any(is_below(os.path.realpath(source.uri), folder) for folder in allowed)
            if source.content is None and not (source.local and inside):
                raise SourceError(
                    f"a part of the image is {source.uri!r}, which is not below {self._listed()}"
                )

    def _refuse_links(self, path: str, allowed: list[str]) -> None:
        """Raise when a folder has a link that leads out of the folders: a chunk of a store may be one."""
        if not os.path.isdir(path):
            return
        for count, entry in enumerate(_walk(path)):
            if count >= MOST_ENTRIES:
                raise SourceError(f"{path!r} has more than {MOST_ENTRIES} entries")
            if entry.is_symlink():
                end = os.path.realpath(entry.path)
                if not any(is_below(end, one) for one in allowed):
                    raise SourceError(f"{entry.path!r} is a link out of {self._listed()}")

    def _listed(self) -> str:
        return " or ".join(map(repr, self.folders))


def open_folders(folders: list[str], output: str | None) -> AgentAccess:
    """Follow the links of the folders that the user names, and make that for output.

    Raises
    ------
    SourceNotFoundError
        When one does not exist.
    WriteError
        When that for output cannot be made.
    """
    for folder in folders:
        if not os.path.isdir(folder):
            raise SourceNotFoundError(f"there is no folder {folder!r}")
    written = None
    if output is not None:
        written = os.path.realpath(output)
        try:
            os.makedirs(written, exist_ok=True)
        except OSError as error:
            raise WriteError(f"cannot make the folder {output!r}: {error.strerror}") from error
    return AgentAccess(tuple(map(os.path.realpath, folders)), written)


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it; both absolute, links followed."""
    # With the separator: "/data2" is not below "/data".
    return path == folder or path.startswith(os.path.join(folder, ""))


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)


def _list_sources(record: Any) -> Iterator[Source]:
    """Yield each source in a record, and in the records and tuples that it holds."""
    if isinstance(record, Source):
        yield record
    elif attrs.has(type(record)):
        for field in attrs.fields(type(record)):
            yield from _list_sources(getattr(record, field.name))
    elif isinstance(record, tuple):
        yield from _list_sources_of(record)


def _list_sources_of(records: Iterable[Any]) -> Iterator[Source]:
    for record in records:
        # Texts and numbers are most of what tuples hold.
        if not isinstance(record, str | int | float):
            yield from _list_sources(record)
