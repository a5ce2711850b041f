"""Files of an OME-TIFF set: from the names and UUIDs in its XML to opened tables of pages.

Rule kept here: only files below the folder of the set are opened. Two names never become one file
because their folders were dropped: such a name is looked for by its UUID, or its planes are blank.

Source of the facts: https://docs.openmicroscopy.org/ome-model/ (OME-TIFF specification, "The
TiffData element"): FileName is relative to the folder of the file with the metadata.
"""

import contextlib
from collections.abc import Iterator

from aicsio._io import readers
from aicsio._io.look_ahead import LookAhead
from aicsio._ome.model import TiffData
from aicsio.errors import CorruptFileError, SourceError
from aicsio.formats._tiff.ifd import open_tiff
from aicsio.formats._tiff.page_tables import PageTable, open_page_table
from aicsio.formats.ome_tiff.names import MOST_TAILS, file_name_of, folders_of, split_name, tails_of
from aicsio.formats.ome_tiff.texts import Metadata, read_root_uuid
from aicsio.records import Diagnostic, Source

OME_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.btf", ".ome.tf2", ".ome.tf8")
"""Files that are looked at first of those."""
TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")
"""Files that are looked at: sets are renamed to these."""
MOST_AHEAD = 24
"""Files of a server that are opened at once."""
MOST_NEIGHBOURS = 10_000
"""How many of them are looked at: 0.2 ms each on a local disk."""


def _count_shared_folders(paths: list[tuple[str, ...]]) -> int:
    """Return how many folders all paths begin with."""
    # Whatever the smallest and the largest path share, those between them have too.
    first, last = min(paths)[:-1], max(paths)[:-1]
    for count, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return count
    return min(len(first), len(last))


class Members:
    """Files of a set, found and opened once each. Not a record: lives while the set is opened."""

    def __init__(self, metadata: Metadata) -> None:
        self.base = metadata.source
        self.document = metadata.document
        self.page_tables: list[PageTable] = (
            [] if metadata.page_table is None else [metadata.page_table]
        )
        self.diagnostics: list[Diagnostic] = []
        self._own = None if metadata.page_table is None else 0
        self._member = metadata.member
        self._number_of: dict[tuple[str | None, str | None], int | None] = {}
        self._number_of_uri: dict[str, int | None] = {}
        if metadata.page_table is not None:
            self._number_of_uri[metadata.page_table.source.uri] = 0
        self._source_of_uuid: dict[str, Source] | None = None
        # Most sets name a few files in thousands of elements: each name is looked for once.
        references = dict.fromkeys(
            (entry.uuid, entry.file_name)
            for image in self.document.images
            for entry in image.tiff_data
            if entry.uuid is not None or entry.file_name
        )
        self._is_alone = len(references) <= 1
        paths = [split_name(name) for _, name in references if name]
        self._paths = {*paths} - {None}
        self._ahead = LookAhead(self._find_and_load, self.base, MOST_AHEAD)
        # Most files name no other: then nothing of this is needed.
        if paths:
            own_name = None if self._own is None else file_name_of(self.base).lower()
            members = [path for path in paths if path is not None and path[-1].lower() != own_name]
            self._ahead.expect("/".join(path) for path in members)
        self._tables: dict[str, tuple[PageTable, list[Diagnostic]]] = {}
        # How many different paths end alike: such an end means none of them.
        self._tail_count: dict[tuple[str, ...], int] = {}
        for path in self._paths:
            for tail in tails_of(path) if path is not None else ():
                self._tail_count[tail] = self._tail_count.get(tail, 0) + 1
        self._folders_up = self._count_folders_up() if paths else 0

    def _count_folders_up(self) -> int:
        """Return how many folders above the metadata the set begins.

        The file with the metadata is a member itself, and may have a path with folders: ``a/1.tif``
        for a file in the folder ``a``. Then all names are relative to the parent of that folder. Folders
        that all names begin with are those of the machine that wrote them, and do not count.
        """
        paths = [path for path in self._paths if path is not None]
        if self._own is None or not paths:
            return 0
        own_path = folders_of(self.base)
        shared = _count_shared_folders(paths)
        depths = [
            len(path) - 1 - skipped
            for path in paths
            for skipped in {0, shared}
            if own_path[skipped - len(path) :] == path[skipped:]
        ]
        return max(depths, default=0)

    def find(self, entry: TiffData) -> int | None:
        """Return the number of the page table that an element refers to; ``None`` if it is missing."""
        key = (entry.uuid, entry.file_name)
        if key not in self._number_of:
            self._number_of[key] = self._look_for(*key)
        return self._number_of[key]

    def _look_for(self, uuid: str | None, file_name: str | None) -> int | None:
        # Specification: without a UUID element, planes are in the file with the metadata.
        if uuid is None and not file_name:
            return self._own
        # The UUID outranks the name: a renamed file keeps it.
        if self._own is not None and uuid is not None and uuid == self.document.uuid:
            return self._own
        source = self._find_by_name(file_name or "")
        if source is not None:
            return self._open(source)
        if self._own is not None and self._is_alone:
            message = (
                f"the metadata call this file {file_name!r}; it is the only one, so it was renamed"
            )
            self._note("ome-renamed", message)
            return self._own
        renamed = self._find_by_uuid(uuid)
        # Reading UUIDs opens every TIFF of the folder, so it comes last.
        if renamed is not None:
            message = f"{file_name or uuid!r} is found by its UUID"
            self._note("ome-renamed", message, renamed.uri)
            return self._open(renamed)
        message = f"{file_name or uuid!r} is missing: its planes are blank"
        self._note("ome-member-missing", message, loss=True)
        return None

    # ------------------------------------------------------------ by name

    def _find_by_name(self, name: str) -> Source | None:
        """Return the file of a name: with its folders, else without those that are not here."""
        path = split_name(name)
        if path is None:
            return None
        source, shown = None, path[-1]
        for tail in tails_of(path)[-MOST_TAILS:]:
            # "img.tif" of "a/img.tif" and "b/img.tif" means neither.
            if tail != path and self._tail_count.get(tail, 0) > 1:
                continue
            source = next(self._files_at(tail), None)
            if source is not None:
                shown = "/".join(tail)
                break
        if shown != name:
            message = f"{name!r} is looked for as {shown!r} below the folder of the metadata"
            self._note("ome-path", f"{message}, not elsewhere")
        return source

    def _files_at(self, path: tuple[str, ...]) -> Iterator[Source]:
        """Yield the files that a relative path may mean, the likeliest first."""
        relative = "/".join(path)
        own_name = file_name_of(self.base)
        if self._own is not None and len(path) == 1 and relative.lower() == own_name.lower():
            yield self.base
        for parents in range(self._folders_up, -1, -1):
            if parents == self._folders_up:
                source = self._ahead.find(relative)
            else:
                source = readers.file_below(self.base, relative, parents=parents)
            if source is not None:
                yield source
        # A member in a folder of its own that led to metadata above it has its siblings there.
        if self._member is not None:
            source = readers.file_below(self._member, relative)
            if source is not None:
                yield source

    def _find_and_load(self, relative: str) -> Source | None:
        source = readers.file_below(self.base, relative, parents=self._folders_up)
        if source is not None and source.uri not in self._number_of_uri:
            # A file that cannot be read is read again where its error is noted.
            with contextlib.suppress(CorruptFileError, SourceError):
                self._tables[source.uri] = self._load(source)
        return source

    # ------------------------------------------------------------ by UUID

    def _find_by_uuid(self, uuid: str | None) -> Source | None:
        if uuid is None:
            return None
        if self._source_of_uuid is None:
            self._source_of_uuid = self._read_uuids()
        return self._source_of_uuid.get(uuid)

    def _read_uuids(self) -> dict[str, Source]:
        """Return the files of the folder by the UUID that they give themselves.

        They are read once, and only if a member is missing.
        """
        neighbours = readers.neighbours(self.base)
        names = [name for name in neighbours if name.lower().endswith(TIFF_SUFFIXES)]
        # Names of OME-TIFF come first: the list is cut at its end.
        names.sort(key=lambda name: not name.lower().endswith(OME_SUFFIXES))
        source_of_uuid: dict[str, Source] = {}
        for name in names[:MOST_NEIGHBOURS]:
            source = readers.sibling(self.base, name)
            if source is None or source.uri in self._number_of_uri:
                continue
            uuid = read_root_uuid(source)
            if uuid is not None:
                source_of_uuid.setdefault(uuid, source)
        return source_of_uuid

    # ------------------------------------------------------------ opening

    def _open(self, source: Source) -> int | None:
        if source.uri not in self._number_of_uri:
            self._number_of_uri[source.uri] = self._read(source)
        return self._number_of_uri[source.uri]

    def _read(self, source: Source) -> int | None:
        try:
            if source.uri not in self._tables:
                self._tables[source.uri] = self._load(source)
            page_table, diagnostics = self._tables.pop(source.uri)
            readers.check_held([*(table.source for table in self.page_tables), source], self.base)
        except (CorruptFileError, SourceError) as error:
            message = f"its planes are blank: {error}"
            self._note("ome-member-broken", message, source.uri, loss=True)
            return None
        self.diagnostics += diagnostics
        self.page_tables.append(page_table)
        return len(self.page_tables) - 1

    def _load(self, source: Source) -> tuple[PageTable, list[Diagnostic]]:
        with open_tiff(source) as (file, first):
            return open_page_table(file, first)

    def _note(
        self, code: str, message: str, where: str | None = None, *, loss: bool = False
    ) -> None:
        self.diagnostics.append(Diagnostic(code, message, where or self.base.uri, loss=loss))
