"""Files of a server that an index names, found some at once before each is asked for.

Rule kept here: a file is looked for once. On a local disk nothing is looked for in advance.
"""

import itertools
from collections.abc import Callable, Iterable

from aicsio._io.sources import find_at_once
from aicsio.records import Source


class LookAhead:
    """Names that will be asked for, and the files that were found early. Not a record: it lives for one opening."""

    def __init__(self, find: Callable[[str], Source | None], beside: Source, most: int) -> None:
        self._find = find
        self._beside = beside
        self._most = most
        self._expected: dict[str, None] = {}
        self._found: dict[str, Source | None] = {}

    def expect(self, names: Iterable[str]) -> None:
        """Note names that will be asked for; those of a local disk are looked for one by one."""
        if not self._beside.local:
            self._expected |= dict.fromkeys(names)

    def find(self, name: str) -> Source | None:
        """Return the file of a name, or ``None``; with it others that are expected are looked for.

        Parameters
        ----------
        name
            As ``find`` of the constructor takes it.
        """
        if name in self._expected:
            ahead = itertools.islice(self._expected, self._most)
            batch = list(dict.fromkeys([name, *ahead]))
            for each in batch:
                self._expected.pop(each, None)
            found = find_at_once(self._find, batch, self._beside)
            self._found |= dict(zip(batch, found, strict=True))
        return self._found.pop(name) if name in self._found else self._find(name)
