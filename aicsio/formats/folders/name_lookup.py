"""Names that are in the folder of an index.

Rule kept here: a folder is listed once an opening, and only when a name in it is asked for.
"""

from collections.abc import Collection

from aicsio._io.named_files import list_folder
from aicsio._io.stores import is_key
from aicsio.formats.folders.listing import list_once
from aicsio.records import Source


class Folder:
    """Names in the folder of an index and in those below. Not a record: it lives for one opening."""

    def __init__(self, index: Source) -> None:
        self.index = index
        self.is_listed = index.local
        # The names are keys, which are found at once and keep their order.
        self._listed: dict[str, dict[str, None]] = {}
        self._plain: dict[str, Collection[str]] = {}
        self._by_lower: dict[str, dict[str, str]] = {}

    def listed(self, folder: str = "") -> Collection[str]:
        """Return the sorted names in a folder, in which one is found at once."""
        known = self._listed.get(folder)
        if known is None:
            names = list_folder(self.index, folder) if folder else list_once(self.index)
            known = self._listed[folder] = dict.fromkeys(names)
        return known

    def names(self, folder: str = "") -> dict[str, str]:
        """Return the names in a folder, by their lower-case form."""
        known = self._by_lower.get(folder)
        if known is None:
            known = {name.lower(): name for name in self.listed(folder)}
            self._by_lower[folder] = known
        return known

    def holds(self, key: str) -> bool:
        """Whether a name is in the folder as it is written, and has no character of a path."""
        folder, _, name = key.rpartition("/")
        plain = self._plain.get(folder)
        if plain is None:
            plain = self._plain[folder] = self._list_plain(folder)
        return name in plain

    def _list_plain(self, folder: str) -> Collection[str]:
        if not is_name(folder):
            return ()
        names = self.listed(folder)
        # One look at all of them: few folders have a name that a path gives a meaning of its own.
        text = "\n".join(names)
        if is_key(text) and text.count("\n") < max(len(names), 1):
            return names
        return {name for name in names if is_name(name)}

    def find(self, key: str) -> str | None:
        """Return a name as the folder has it; ``None`` if it is not there.

        The folder of a web server has no list: its files are looked for when they are read.
        """
        if not self.is_listed or self.holds(key):
            return key
        folder, _, name = key.rpartition("/")
        # Copies to other systems change the case of suffixes.
        actual = self.names(folder).get(name.lower())
        if actual is None:
            return None
        return f"{folder}/{actual}" if folder else actual


def is_name(key: str) -> bool:
    """Whether a key stays below the folder and stands in one line; the empty one is the folder."""
    return is_key(key) and "\n" not in key
