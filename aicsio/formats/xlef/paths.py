"""Paths that the files of a project name, to files below its folder.

Rule kept here: no file outside of the folder of the project is looked at. Names are compared without
regard to case, since projects are written on Windows and copied elsewhere.
"""

import os
import posixpath
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from aicsio._io import readers
from aicsio._io.look_ahead import LookAhead
from aicsio.records import Source

MOST_AHEAD: Final = 32
"""Files of a server that are asked for at once."""
MOST_PARENTS: Final = 2
"""Folders above that of the opened file in which its project file is looked for."""
PROJECT_SUFFIX: Final = ".xlef"


class ProjectFolder:
    """The folder of a project. Not a record: it lives for one opening."""

    def __init__(self, source: Source) -> None:
        self.source = source
        """The file that was opened."""
        self.parents = _count_parents(source)
        """How many folders the project begins above that of the opened file."""
        self.own = _own_path(source, self.parents)
        """Path of the opened file below the folder of the project."""
        self._listed: dict[str, dict[str, str]] = {}
        self._ahead = LookAhead(self._find, source, MOST_AHEAD)
        self._whole: list[Source] = []  # files that a server without ranges sends whole

    def resolve(self, referrer: str, name: str) -> str | None:
        """Return the path of a file that another names, below the folder of the project.

        Parameters
        ----------
        referrer
            Path of the file that names it, below the folder of the project.
        name
            As written: relative to the folder of ``referrer``, with slashes of either kind, perhaps
            with percent escapes.

        Returns
        -------
        The path as the file system has it; ``None`` if it leads out of the project, or if there is
        no such file.
        """
        # As written first: a percent sign may belong to the name of the file.
        candidates = dict.fromkeys((name, unquote(name)))
        for candidate in candidates:
            plain = candidate.replace("\\", "/")
            # A colon is that of a drive or of a URL: both lead out of the folder.
            if "\0" in plain or ":" in plain or plain.startswith("/"):
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(referrer), plain))
            if path in {"", "."} or path.split("/")[0] == "..":
                continue
            actual = self._as_stored(path)
            if actual is not None:
                return actual
        return None

    def open(self, path: str) -> Source | None:
        """Return the file at a path of ``resolve``."""
        source = self._ahead.find(path)
        if source is not None and source.content:
            self._whole.append(source)
            readers.check_held(self._whole, self.source)
        return source

    def expect(self, paths: Iterable[str]) -> None:
        """Note that these paths will be opened."""
        self._ahead.expect(paths)

    def _find(self, path: str) -> Source | None:
        return readers.file_below(self.source, path, parents=self.parents)

    def _as_stored(self, path: str) -> str | None:
        """Return a path in the case in which the file system has it; of a web server, as it is."""
        if not self.source.local:
            return path if self.source.has_place else None
        folder = os.path.dirname(self.source.uri)
        for _ in range(self.parents):
            folder = os.path.dirname(folder)
        actual: list[str] = []
        for part in path.split("/"):
            names = self._names(os.path.join(folder, *actual))
            stored = part if part in names else names.get(part.lower())
            if stored is None:
                return None
            actual.append(stored)
        return "/".join(actual)

    def _names(self, folder: str) -> dict[str, str]:
        """Return the names in a folder by themselves and by their lower case; it is listed once."""
        if folder not in self._listed:
            try:
                # Sorted: of names that differ by case alone, the same one wins on each system.
                names = sorted(os.listdir(folder))
            except OSError:
                names = []
            by_name = {name.lower(): name for name in names}
            # A name that is written as the file system has it outranks one of another case.
            self._listed[folder] = by_name | {name: name for name in names}
        return self._listed[folder]


def _count_parents(source: Source) -> int:
    """Return how many folders the project begins above that of a file.

    LAS X keeps collections and images in the folder "Metadata" beside the project file; an image of
    it that is opened alone belongs to the same folder.
    """
    if not source.local or source.content is not None:
        return 0
    folder = os.path.dirname(os.path.abspath(source.uri))
    for parents in range(MOST_PARENTS + 1):
        try:
            names = os.listdir(folder)
        except OSError:
            return 0
        if any(name.lower().endswith(PROJECT_SUFFIX) for name in names):
            return parents
        folder = os.path.dirname(folder)
    return 0


def _own_path(source: Source, parents: int) -> str:
    parts = os.path.abspath(source.uri).split(os.sep) if source.local else source.uri.split("/")
    return "/".join(parts[-1 - parents :])
