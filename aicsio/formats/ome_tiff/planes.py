"""OME-XML and TIFF directories -> which page of which file is which plane.

Rule kept here: the XML proposes, the directories decide. A plane that the XML lists and no file has is blank, with a
``Diagnostic``; sizes and samples of pages come from the pages. Names of members are looked up in the folder of the
metadata and nowhere else.

Source of the facts: https://docs.openmicroscopy.org/ome-model/ (OME-TIFF specification, "The TiffData element").
"""

import math
import re
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio._io import readers
from aicsio._ome.model import OmeDocument, OmeImage, TiffData
from aicsio._ome.xml import decode_xml
from aicsio.errors import CorruptFileError, SourceError
from aicsio.formats._tiff.ifd import open_tiff, read_directory
from aicsio.formats._tiff.page import PALETTE, PageStructure
from aicsio.formats._tiff.page_metadata import IMAGE_DESCRIPTION, PageTags
from aicsio.formats._tiff.page_tables import Integers, PageTable, open_page_table, page_table_at
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.formats._tiff.series import PageSeries, is_level_of
from aicsio.records import Diagnostic, LazyArray, Source

MOST_PLANES = 1 << 22
"""Sizes that come to more planes than this are not believed: the tables of planes would fill the memory."""


SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.btf", ".ome.tf2", ".ome.tf8")
"""Files that may be members of a set under another name."""
MOST_NEIGHBOURS = 10_000
"""How many of them are looked at."""


def description_start(source: Source, nbytes: int = 1 << 14) -> str:
    """Return the beginning of the first description of a TIFF, empty where there is none.

    Raises
    ------
    CorruptFileError
    """
    with open_tiff(source) as (file, first):
        tag = read_directory(file, first)[0].find(file.form, IMAGE_DESCRIPTION)
        if tag is None or tag.type not in {1, 2, 7} or tag.at + tag.length > file.size:
            return ""
        raw = file.read(tag.at, min(tag.length, nbytes))
        if tag.length <= nbytes:
            file.start.description = raw
        return decode_xml(raw)


def own_uuid(source: Source) -> str | None:
    """Return the UUID that a TIFF gives itself in the root of its OME-XML."""
    try:
        found = re.search(
            r"<(?:\w+:)?OME\b[^>]*\bUUID\s*=\s*[\"']([^\"']+)", description_start(source)
        )
    except (CorruptFileError, SourceError):
        return None
    return found[1] if found else None


# ---------------------------------------------------------------- members of a set


class Members:
    """Files of a set, found and opened once each; lives while the set is being opened."""

    def __init__(self, base: Source, document: OmeDocument, own: PageTable | None) -> None:
        self.base, self.document = base, document
        self.page_tables: list[PageTable] = [] if own is None else [own]
        self.diagnostics: list[Diagnostic] = []
        self._own = own
        self._found: dict[tuple[str | None, str | None], int | None] = {}
        self._by_uri: dict[str, int | None] = {} if own is None else {own.source.uri: 0}
        named = {
            (entry.uuid, entry.file_name) for image in document.images for entry in image.tiff_data
        }
        self._by_uuid: dict[str, Source] | None = None
        self._alone = len({pair for pair in named if pair != (None, None)}) <= 1

    def find(self, entry: TiffData) -> int | None:
        """Return the number of the page_table that an element refers to, or ``None`` where there is none."""
        key = (entry.uuid, entry.file_name)
        if key not in self._found:
            self._found[key] = self._look_for(*key)
        return self._found[key]

    def _look_for(self, uuid: str | None, file_name: str | None) -> int | None:
        own = None if self._own is None else 0
        if uuid is None and not file_name:
            return own
        if own is not None and uuid is not None and uuid == self.document.uuid:
            return own
        plain = (file_name or "").replace("\\", "/").rsplit("/", 1)[-1]
        if (
            own is not None
            and plain.lower() == self.base.uri.replace("\\", "/").rsplit("/", 1)[-1].lower()
        ):
            return own
        if plain != file_name and file_name:
            self._note(
                "ome-path",
                f"{file_name!r} is looked for as {plain!r} in the folder of the metadata, not elsewhere",
            )
        try:
            sibling = readers.sibling(self.base, plain) if plain not in {"", ".", ".."} else None
        except CorruptFileError:
            sibling = None  # a name that no file of this folder can have
        if sibling is not None:
            return self._open(sibling)
        if own is not None and self._alone:
            self._note(
                "ome-renamed",
                f"the metadata call this file {file_name!r}; it is the only one, so it was renamed",
            )
            return own
        moved = self._renamed().get(uuid or "")
        if moved is not None:
            self._note("ome-renamed", f"{file_name or uuid!r} is found by its UUID", moved.uri)
            return self._open(moved)
        self._note(
            "ome-member-missing", f"{file_name or uuid!r} is not there: its planes are blank"
        )
        return None

    def _renamed(self) -> dict[str, Source]:
        """Files of the folder by the UUID that they give themselves; looked at once, and only if one is missing."""
        if self._by_uuid is None:
            self._by_uuid = {}
            names = [
                name for name in readers.neighbours(self.base) if name.lower().endswith(SUFFIXES)
            ]
            for name in names[:MOST_NEIGHBOURS]:
                source = readers.sibling(self.base, name)
                uuid = (
                    own_uuid(source)
                    if source is not None and source.uri not in self._by_uri
                    else None
                )
                if source is not None and uuid is not None:
                    self._by_uuid.setdefault(uuid, source)
        return self._by_uuid

    def _open(self, source: Source) -> int | None:
        if source.uri not in self._by_uri:
            try:
                with open_tiff(source) as (file, first):
                    page_table, notes = open_page_table(file, first)
            except (CorruptFileError, SourceError) as error:
                self._note("ome-member-broken", f"its planes are blank: {error}", source.uri)
                self._by_uri[source.uri] = None
            else:
                self.diagnostics += notes
                self._by_uri[source.uri] = len(self.page_tables)
                self.page_tables.append(page_table)
        return self._by_uri[source.uri]

    def _note(self, code: str, message: str, where: str | None = None) -> None:
        self.diagnostics.append(Diagnostic(code, message, where or self.base.uri))


# ---------------------------------------------------------------- planes of an image


@attrs.frozen(eq=False)
class Located:
    """Where the planes of one image are; lives while a file is being opened."""

    letters: str
    """Letters along which planes are counted, slowest first."""
    shape: tuple[int, ...]
    """Their sizes; C counts channels, not samples."""
    table_of: Integers
    """Number of the page_table of each plane."""
    page_of: Integers
    """Page in that page_table, -1 where there is none."""
    kind: PageStructure | None
    """Structure of the first plane that is there."""
    last: int
    """Highest page that was taken; -1 for none."""

    def plane_map(self, page_tables: Sequence[PageTable]) -> PlaneMap:
        """Return the plane_map of the array."""
        return PlaneMap(self.letters, self.shape, tuple(page_tables), self.table_of, self.page_of)


def locate(image: OmeImage, members: Members, next_ifd: int) -> tuple[Located, list[Diagnostic]]:
    """Find the page of each plane of an image.

    Parameters
    ----------
    image
        What the XML says.
    members
        Files of the set; opened as needed.
    next_ifd
        First directory that no earlier image took, for images without TiffData elements.

    Raises
    ------
    CorruptFileError
        When the sizes come to more planes than can be.
    """
    notes: list[Diagnostic] = []
    entries = image.tiff_data or (TiffData(next_ifd, None, 0, 0, 0, None, None),)
    if not image.tiff_data:
        entries = (entries[0]._replace(planes=_most(image)),)
    entries = _from_zero(image, entries, notes)
    files = [members.find(entry) for entry in entries]
    kind = _first_kind(members.page_tables, entries, files)
    channels = _channels(image, entries, 1 if kind is None else kind.samples)
    letters = image.order[:-2]
    sizes = {**dict(image.sizes.items()), "C": channels}
    shape = tuple(sizes[letter] for letter in letters)
    total = math.prod(shape)
    if total > MOST_PLANES:
        raise CorruptFileError(
            f"OME-XML {image.name!r}: expected at most {MOST_PLANES} planes, the sizes come to {total}"
        )
    table_of, page_of = np.zeros(total, np.int64), np.full(total, -1, np.int64)
    last = -1
    steps = {letter: math.prod(shape[i + 1 :]) for i, letter in enumerate(letters)}
    for entry, number in zip(entries, files, strict=True):
        first = entry.z * steps["Z"] + entry.t * steps["T"]
        c = entry.c if entry.c < channels else entry.c * channels // image.sizes.C
        first += c * steps["C"]
        if not (0 <= entry.z < sizes["Z"] and 0 <= entry.t < sizes["T"] and 0 <= c < channels):
            notes.append(
                Diagnostic(
                    "ome-index",
                    f"TiffData Z={entry.z} C={entry.c} T={entry.t} lies outside",
                    image.name,
                )
            )
            continue
        if number is None:
            continue
        pages, ifd = len(members.page_tables[number]), entry.ifd or 0
        count = entry.planes if entry.planes is not None else 1 if entry.ifd is not None else pages
        count = min(count, total - first, pages - ifd)
        if ifd < 0 or count <= 0:
            continue
        table_of[first : first + count] = number
        page_of[first : first + count] = np.arange(ifd, ifd + count)
        last = max(last, ifd + count - 1)
    missing = np.count_nonzero(page_of < 0)
    if 0 < missing < total:
        notes.append(
            Diagnostic(
                "ome-planes-missing",
                f"{missing} of {total} planes are in no file and blank",
                image.name,
            )
        )
    return Located(letters, shape, table_of, page_of, kind, last), notes


def _most(image: OmeImage) -> int:
    return min(image.sizes.Z * image.sizes.C * image.sizes.T, MOST_PLANES)


def _from_zero(
    image: OmeImage, entries: Sequence[TiffData], notes: list[Diagnostic]
) -> tuple[TiffData, ...]:
    """Some writers count from 1: then no element starts at 0 and one starts at the size."""
    shift = {}
    if any(entry.z or entry.c or entry.t for entry in entries):
        for letter in "zct":
            firsts = {getattr(entry, letter) for entry in entries}
            if min(firsts) == 1 and max(firsts) == image.sizes[letter.upper()]:
                shift[letter] = 1
    if not shift:
        return tuple(entries)
    notes.append(
        Diagnostic(
            "ome-counts-from-one", f"{'/'.join(shift).upper()} of TiffData count from 1", image.name
        )
    )
    return tuple(
        entry._replace(**{letter: getattr(entry, letter) - 1 for letter in shift})
        for entry in entries
    )


def _first_kind(
    page_tables: Sequence[PageTable], entries: Sequence[TiffData], files: Sequence[int | None]
) -> PageStructure | None:
    for entry, number in zip(entries, files, strict=True):
        if number is not None and 0 <= (entry.ifd or 0) < len(page_tables[number]):
            kind = page_tables[number].kind(entry.ifd or 0)
            if kind is not None:
                return kind
    return None


def _channels(image: OmeImage, entries: Sequence[TiffData], samples: int) -> int:
    """Count the channels: SizeC counts samples, and is sometimes written as if it did not."""
    size = image.sizes.C
    declared = [channel.samples for channel in image.channels]
    if samples == 1:
        return size
    if sum(declared) == size and set(declared) == {samples}:
        return len(declared)
    if size % samples:
        return size
    # SizeC can be channels or samples: as many planes as there are decide.
    listed = sum(entry.planes or 1 for entry in entries)
    return size if listed >= size * image.sizes.Z * image.sizes.T else size // samples


# ---------------------------------------------------------------- arrays


def arrays(located: Located, members: Members) -> tuple[tuple[LazyArray, ...], list[Diagnostic]]:
    """Make the levels of an image: its planes, and their SubIFDs.

    Raises
    ------
    UnsupportedFormatError
        When the pixels cannot be decoded.
    """
    if located.kind is None or located.last < 0:
        return (), [
            Diagnostic(
                "ome-no-pixels",
                "none of the planes is there: the scene has no levels",
                members.base.uri,
            )
        ]
    full, notes = lazy_array(located.plane_map(members.page_tables), like=located.kind)
    levels = [full]
    while True:
        found, more = _level(located, members, len(levels) - 1)
        notes += more
        if found is None:
            return tuple(levels), notes
        levels.append(found)


def palette(located: Located, members: Members) -> bytes | None:
    """Return the colours of indexed pixels, as the first plane gives them."""
    if located.kind is None or located.kind.photometric != PALETTE:
        return None
    first = int(np.argmax(located.page_of >= 0))
    page_table = members.page_tables[int(located.table_of[first])]
    with open_tiff(page_table.source) as (file, _):
        return PageTags.of(file, page_table.directories[int(located.page_of[first])]).color_map(
            located.kind
        )


def _level(
    located: Located, members: Members, level: int
) -> tuple[LazyArray | None, list[Diagnostic]]:
    """Make the array of one SubIFD of each plane, or ``None`` when not every plane has that many."""
    notes: list[Diagnostic] = []
    if not any(page_table.sub_ifds for page_table in members.page_tables):
        return None, notes
    page_tables, page_of = [], np.full_like(located.page_of, -1)
    for number, page_table in enumerate(members.page_tables):
        planes = np.flatnonzero((located.table_of == number) & (located.page_of >= 0))
        offsets = [page_table.sub_ifds.get(page, ()) for page in located.page_of[planes].tolist()]
        if any(len(own) <= level for own in offsets):
            return None, notes
        if not offsets:
            page_tables.append(page_table)
            continue
        with open_tiff(page_table.source) as (file, _):
            small, more = page_table_at(file, [own[level] for own in offsets])
        notes += more
        if small is None:
            return None, notes
        page_tables.append(small)
        page_of[planes] = np.arange(len(planes))
    plane_map = PlaneMap(
        located.letters, located.shape, tuple(page_tables), located.table_of, page_of
    )
    kind = next(
        (
            s.kind(int(p))
            for s, p in (
                (page_tables[n], p) for n, p in zip(plane_map.table_of, page_of, strict=True)
            )
            if p >= 0
        ),
        None,
    )
    if kind is None or located.kind is None:
        return None, notes
    if not is_level_of(
        PageSeries(page_tables[0], (0,), kind), PageSeries(page_tables[0], (0,), located.kind)
    ):
        notes.append(
            Diagnostic(
                "ome-subifd",
                f"SubIFD {level} is no smaller version of its plane and is left out",
                None,
            )
        )
        return None, notes
    array, more = lazy_array(plane_map, like=kind)
    return array, [*notes, *more]
