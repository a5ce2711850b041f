"""NDTiff of Micro-Manager and Pycro-Manager: an index of all planes beside the files.

Rule kept here: the index proposes offsets, the size of each file decides whether they can be. Names
in the index are plain names in its folder, and nothing else is opened.

Source of the facts: https://github.com/micro-manager/NDTiffStorage, section "NDTiff file format":
after the TIFF header four bytes 483729, the major version, in version 3 the minor one, then 2355492,
the length of the summary metadata and the metadata as JSON. ``NDTiff.index`` has for each plane the
length of its axes and the axes as JSON, the length of the file name and the name, and eight numbers:
offset, width, height, pixel type, compression, and offset, length and compression of the metadata.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.words import count_of
from aicsio._io import readers
from aicsio.errors import CorruptFileError, SourceError
from aicsio.formats._micromanager import start_of, z_step_of
from aicsio.formats._tiff.chain import Chain
from aicsio.formats._tiff.dialects.marks import INDEX, SUMMARY_MARK, read_header
from aicsio.formats._tiff.ifd import OpenTiff, open_tiff, read_directory
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import PageTable, SegmentTable, build_page_table
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array, length_of
from aicsio.records import Channel, Contents, Diagnostic, PixelSize, Scene, Source

LETTERS: Mapping[str, str] = {
    "position": "R",
    "row": "K",
    "column": "J",
    "time": "T",
    "channel": "C",
    "z": "Z",
}
"""Axes of NDTiff, slowest first as they are shown; others follow by free letters."""
_FREE_LETTERS = "QHIVBEAPLGNOUDF"
LARGEST_INDEX = 1 << 28
"""An index larger than this is not read: it would hold two million planes."""
LARGEST_POSITION = 1 << 31
"""Positions count planes; numbers beyond this are damage and would not fit the arithmetic."""
FEWEST_SLOTS = 1 << 16
"""Positions that a map may always have; a larger one may have 64 for each plane that is listed."""
_INDEX_NUMBERS = struct.Struct("<IiiiiIii")


@attrs.frozen
class Entry:
    """One plane of an NDTiff.index."""

    axes: tuple[tuple[str, int | str], ...]
    """Position along each axis, by the name of the axis."""
    file: str
    """Name of the file that holds the plane."""
    offset: int
    """Byte offset of the pixels."""
    width: int
    """Columns."""
    length: int
    """Rows."""
    pixel_type: int
    """Number of the pixel type."""
    compression: int
    """0 for raw pixels."""


# ---------------------------------------------------------------- index


def parse_index(raw: bytes, uri: str) -> tuple[list[Entry], list[Diagnostic]]:
    """Read the planes of an NDTiff.index; a broken end is left out, with a diagnostic."""
    entries: list[Entry] = []
    offset = 0
    # An acquisition that was stopped leaves a broken last entry.
    while offset + 4 <= len(raw):
        start = offset
        try:
            axes_text, offset = _read_text(raw, offset)
            name, offset = _read_text(raw, offset)
            pixels, width, height, kind, compression, *_ = _INDEX_NUMBERS.unpack_from(raw, offset)
            offset += _INDEX_NUMBERS.size
            axes = _parse_axes(axes_text)
        except (struct.error, ValueError, AttributeError, RecursionError) as error:
            text = f"the index breaks at byte {start}: {error}"
            return entries, [Diagnostic("ndtiff-index", text, uri)]
        entries.append(Entry(axes, name, pixels, width, height, kind, compression))
    return entries, []


def _read_text(raw: bytes, offset: int) -> tuple[str, int]:
    """Read a text with its length in front; returns it, and where it ends."""
    (nbytes,) = struct.unpack_from("<I", raw, offset)
    end = offset + 4 + nbytes
    return raw[offset + 4 : end].decode(), end


def _parse_axes(text: str) -> tuple[tuple[str, int | str], ...]:
    axes = json.loads(text)
    positions: list[tuple[str, int | str]] = []
    for name, position in axes.items():
        if isinstance(position, int) and abs(position) >= LARGEST_POSITION:
            raise ValueError(f"position {name} is beyond {LARGEST_POSITION}")
        if isinstance(position, int | str):
            positions.append((str(name), position))
    return tuple(positions)


@attrs.frozen(eq=False)
class _Positions:
    """Position of each plane along each axis."""

    letters: str
    table: npt.NDArray[np.int64]
    """(planes, axes), each axis from 0."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple((self.table.max(axis=0, initial=0) + 1).tolist())


def _number_positions(entries: Sequence[Entry]) -> _Positions:
    """Number the positions of planes; names of channels are numbered as they occur."""
    names = list(dict.fromkeys(name for entry in entries for name, _ in entry.axes))
    order = [name for name in LETTERS if name in names]
    order += [name for name in names if name not in LETTERS]
    free = iter(letter for letter in _FREE_LETTERS if letter not in LETTERS.values())
    letters = "".join(LETTERS.get(name) or next(free, "Q") for name in order)
    numbers_of_texts: dict[str, dict[str, int]] = {name: {} for name in order}
    table = np.zeros((len(entries), len(order)), np.int64)
    for row, entry in enumerate(entries):
        axes = dict(entry.axes)
        for column, name in enumerate(order):
            position = axes.get(name, 0)
            if isinstance(position, str):
                numbers = numbers_of_texts[name]
                position = numbers.setdefault(position, len(numbers))
            table[row, column] = position
    # Grids of Micro-Magellan begin at any number, below 0 where they grew to the left.
    return _Positions(letters, table - table.min(axis=0))


def read_ndtiff(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    """Describe the dataset that a file belongs to."""
    index = readers.sibling(file.source, INDEX)
    if index is None or index.size is None or index.size > LARGEST_INDEX:
        return _decline("the index is missing, or too large", file.source.uri)
    entries, notes = parse_index(readers.read_head(index, index.size), index.uri)
    # The format reserves other numbers for compression; no writer uses them yet.
    entries = [entry for entry in entries if entry.compression == 0]
    if not entries:
        return _decline("the index lists no uncompressed planes", index.uri)
    positions = _number_positions(entries)
    shape = positions.shape
    # Sparse acquisitions are legal; a map of billions of empty positions is damage.
    if math.prod(shape) > max(64 * len(entries), FEWEST_SLOTS):
        return _decline(f"{len(entries)} planes in {shape}", index.uri)
    planes = _find_planes(file, first, entries)
    notes += planes.notes
    if not planes.page_tables:
        return _decline("no file of the index can be read", index.uri)
    plane_map = _map_planes(positions, planes)
    notes += _note_missing(positions, index.uri)
    structure = planes.page_tables[0].segment_tables[0].structure
    array, more = lazy_array(plane_map, like=structure)
    notes += more
    summary = _summary(file)
    size, more = pixel_size(tags, summary)
    scene = Scene(
        name=str(summary.get("Prefix") or "Image:0"),
        levels=(array,),
        channels=name_channels(entries, length_of(array, "C", 0), summary),
        pixel_size=size,
        acquired=start_of(summary) or tags.acquired(),
    )
    metadata = json.dumps(summary) if summary else None
    return Contents((scene,), metadata, (*notes, *more))


def _decline(reason: str, where: str) -> Diagnostic:
    return Diagnostic("ndtiff-index", f"{reason}: read as plain TIFF", where)


# ---------------------------------------------------------------- planes


@attrs.frozen(eq=False)
class _FoundPlanes:
    """Planes of all files of a dataset."""

    page_tables: list[PageTable]
    """One for each file."""
    table_of: npt.NDArray[np.int64]
    """Index into ``page_tables`` for each entry of the index."""
    page_of: npt.NDArray[np.int64]
    """Row of each entry in its table; -1 if it is missing."""
    notes: list[Diagnostic]


def _find_planes(file: OpenTiff, first: int, entries: Sequence[Entry]) -> _FoundPlanes:
    """Make one table for each file of the dataset."""
    rows_of_files: dict[str, list[int]] = {}
    for row, entry in enumerate(entries):
        rows_of_files.setdefault(entry.file, []).append(row)
    found = _FoundPlanes(
        [], np.zeros(len(entries), np.int64), np.full(len(entries), -1, np.int64), []
    )
    # The file at hand is open already, and may have come without a folder.
    this_name = file.source.uri.replace("\\", "/").rsplit("/", 1)[-1]
    for name, rows in rows_of_files.items():
        try:
            if name == this_name:
                source, structure = _first_page(file, first)
            else:
                source, structure = _first_page_of(file.source, name)
        except (CorruptFileError, SourceError) as error:
            text = f"{name!r}: {count_of(len(rows), 'plane', 'are')} blank: {error}"
            found.notes.append(Diagnostic("ndtiff-member", text, file.source.uri, loss=True))
            continue
        # All planes of an array have one size; others are blank and reported.
        size = (structure.length, structure.width)
        fitting = [row for row in rows if (entries[row].length, entries[row].width) == size]
        if len(fitting) < len(rows):
            text = f"{count_of(len(rows) - len(fitting), 'plane')} of another size: blank"
            found.notes.append(Diagnostic("ndtiff-size", text, name, loss=True))
        found.table_of[fitting] = len(found.page_tables)
        found.page_of[fitting] = np.arange(len(fitting))
        offsets = np.array([entries[row].offset for row in fitting], np.uint64).reshape(-1, 1)
        found.page_tables.append(_table_of_offsets(source, structure, offsets))
    return found


def _table_of_offsets(
    source: Source, structure: PageStructure, offsets: npt.NDArray[np.uint64]
) -> PageTable:
    """Make the table of raw planes, each of which is one strip: NDTiff stores them so."""
    whole = attrs.evolve(structure, rows_per_strip=structure.length)
    segments = SegmentTable(whole, offsets, np.zeros_like(offsets))
    pages = np.arange(len(offsets))
    return PageTable(source, (segments,), np.zeros_like(pages), pages, {}, Chain(0, ()))


def _map_planes(positions: _Positions, planes: _FoundPlanes) -> PlaneMap:
    """Put each plane at its position; positions that the index does not list are missing."""
    shape = positions.shape
    slots = np.zeros(len(positions.table), np.int64)
    if shape:
        slots = np.ravel_multi_index(tuple(positions.table.T), shape)
    table_of = np.zeros(math.prod(shape), np.int64)
    page_of = np.full(math.prod(shape), -1, np.int64)
    # Of several entries with one position the last one counts: numpy assigns in order.
    table_of[slots], page_of[slots] = planes.table_of, planes.page_of
    # An axis of one position is shown only if it names its channel.
    kept = [axis for axis, size in enumerate(shape) if size > 1 or positions.letters[axis] == "C"]
    return PlaneMap(
        "".join(positions.letters[axis] for axis in kept),
        tuple(shape[axis] for axis in kept),
        tuple(planes.page_tables),
        table_of,
        page_of,
    )


def _note_missing(positions: _Positions, where: str) -> list[Diagnostic]:
    """Count the positions that the index does not list: grids that were explored have corners without."""
    shape = positions.shape
    if not shape:
        return []
    slots = np.ravel_multi_index(tuple(positions.table.T), shape)
    total = math.prod(shape)
    missing = total - int(np.count_nonzero(np.bincount(slots, minlength=total)))
    if not missing:
        return []
    pairs = zip(positions.letters, shape, strict=True)
    sizes = ", ".join(f"{letter}={size}" for letter, size in pairs if size > 1)
    text = f"{missing} of {total} positions of {sizes} have no plane: blank"
    return [Diagnostic("ndtiff-missing-planes", text, where)]


def _first_page(file: OpenTiff, first: int) -> tuple[Source, PageStructure]:
    directory, _, _ = read_directory(file, first)
    page_table, _ = build_page_table(file, Chain.of([directory]))
    return file.source, page_table.segment_tables[0].structure


def _first_page_of(source: Source, name: str) -> tuple[Source, PageStructure]:
    sibling = readers.sibling(source, name)
    if sibling is None:
        text = f"the index refers to {name!r}, which is missing"
        raise CorruptFileError.at(source.uri, None, text)
    with open_tiff(sibling) as (file, first):
        return _first_page(file, first)


# ---------------------------------------------------------------- metadata


def _summary(file: OpenTiff) -> dict[str, Any]:
    """Return the summary metadata; version 3 has a minor version before their length."""
    header = read_header(file)
    # The header counts from byte 8: version 2 has its text at byte 24, version 3 at byte 28.
    if header[2] == SUMMARY_MARK:
        return read_json(file, 24, header[3])
    return read_json(file, 28, header[4])


def read_json(file: OpenTiff, offset: int, nbytes: int) -> dict[str, Any]:
    """Return an object of JSON in the file; an empty one if it is missing or broken."""
    if not 0 < nbytes <= file.size - offset:
        return {}
    try:
        found = json.loads(file.read(offset, nbytes))
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, dict):
        return found
    return {}


def name_channels(
    entries: Sequence[Entry], count: int, summary: Mapping[str, Any]
) -> tuple[Channel, ...]:
    """Name channels by the positions of the index, else by ``ChNames`` of the summary."""
    positions = [
        position for entry in entries for name, position in entry.axes if name == "channel"
    ]
    names = list(dict.fromkeys(name for name in positions if isinstance(name, str)))
    listed = summary.get("ChNames")
    if not names and isinstance(listed, list) and len(listed) == count:
        names = [str(name) for name in listed]
    return tuple(Channel(name) for name in names) if len(names) == count else ()


def pixel_size(tags: PageTags, summary: Mapping[str, Any]) -> tuple[PixelSize, list[Diagnostic]]:
    """Return the pixel size: Z is ``z-step_um`` of the summary."""
    size, notes = read_pixel_size(tags)
    return PixelSize(z_step_of(summary), size.Y, size.X), notes
