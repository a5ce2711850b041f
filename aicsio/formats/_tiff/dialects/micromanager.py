"""TIFF as Micro-Manager writes it: an index beside the files (NDTiff), or a map of planes inside (multipage stacks).

Rule kept here: the index proposes offsets, the size of each file decides whether they can be; names in the index are
plain names in its folder, and nothing else is opened.

Source of the facts: https://github.com/micro-manager/NDTiffStorage (NDTiff.index);
https://micro-manager.org/Micro-Manager_File_Formats (multipage stacks).
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import CorruptFileError, SourceError
from aicsio.formats._tiff.chain import Chain
from aicsio.formats._tiff.ifd import OpenTiff, open_tiff, read_directory
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.page_tables import PageTable, SegmentTable, build_page_table
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array, length_of
from aicsio.records import Channel, Contents, Diagnostic, PixelSize, Scene, Source

INDEX = "NDTiff.index"
LETTERS: Mapping[str, str] = {
    "position": "R",
    "row": "K",
    "column": "J",
    "time": "T",
    "channel": "C",
    "z": "Z",
}
"""Axes of NDTiff, slowest first as they are shown; others follow by free letters."""
BIGGEST_INDEX = 1 << 28
"""An index larger than this is not read: it would hold millions of planes."""


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
    """SegmentTable."""
    pixel_type: int
    """Number of the pixel type."""
    compression: int
    """0 for raw pixels."""


def _header(file: OpenTiff) -> tuple[int, ...]:
    if file.variant.big or file.size < 40:
        return (0,) * 8
    return struct.unpack(file.variant.order + "8I", file.read(8, 32))


def is_ndtiff(facts: PageTags) -> bool:
    """Whether the header is that of NDTiff 2 or 3, and the index lies in the same folder."""
    header = _header(facts.file)
    return (
        header[0] == 483729
        and header[1] >= 2
        and readers.sibling(facts.file.source, INDEX) is not None
    )


def parse_index(raw: bytes, uri: str) -> tuple[list[Entry], list[Diagnostic]]:
    """Read the planes of an NDTiff.index; a broken end is left out."""
    entries: list[Entry] = []
    at = 0
    while at + 4 <= len(raw):
        try:
            length = struct.unpack_from("<I", raw, at)[0]
            axes = json.loads(raw[at + 4 : at + 4 + length])
            at += 4 + length
            length = struct.unpack_from("<I", raw, at)[0]
            name = raw[at + 4 : at + 4 + length].decode()
            at += 4 + length
            offset, width, height, kind, compression, *_ = struct.unpack_from("<IiiiiIii", raw, at)
            at += 32
            positions = tuple((str(k), v) for k, v in axes.items() if isinstance(v, int | str))
        except (struct.error, ValueError, AttributeError, RecursionError) as error:
            return entries, [
                Diagnostic("ndtiff-index", f"the index breaks at byte {at}: {error}", uri)
            ]
        entries.append(Entry(positions, name, offset, width, height, kind, compression))
    return entries, []


def read_ndtiff(file: OpenTiff, first: int, facts: PageTags) -> Contents | Diagnostic:
    """Describe the dataset that a file belongs to."""
    index = readers.sibling(file.source, INDEX)
    if index is None or index.size is None or index.size > BIGGEST_INDEX:
        return Diagnostic(
            "ndtiff-index",
            "the index is not there, or too large: read as plain TIFF",
            file.source.uri,
        )
    entries, notes = parse_index(readers.read_head(index, index.size), index.uri)
    entries = [entry for entry in entries if entry.compression == 0]
    if not entries:
        return Diagnostic(
            "ndtiff-index", "the index lists no uncompressed planes: read as plain TIFF", index.uri
        )
    names, tables = _positions(entries)
    low, high = tables.min(axis=0), tables.max(axis=0)
    shape = tuple((high - low + 1).tolist())
    if math.prod(shape) > max(64 * len(entries), 1 << 16):
        return Diagnostic(
            "ndtiff-index", f"{len(entries)} planes in {shape}: read as plain TIFF", index.uri
        )
    page_tables, numbers, more = _stores(file, first, entries)
    notes += more
    kind = next(
        (
            page_table.segment_tables[0].structure
            for page_table in page_tables
            if page_table.segment_tables
        ),
        None,
    )
    if kind is None:
        return Diagnostic(
            "ndtiff-index", "no file of the index can be read: read as plain TIFF", index.uri
        )
    flat = (
        np.ravel_multi_index(tuple((tables - low).T), shape)
        if shape
        else np.zeros(len(entries), np.int64)
    )
    table_of, page_of = (
        np.zeros(math.prod(shape), np.int64),
        np.full(math.prod(shape), -1, np.int64),
    )
    table_of[flat], page_of[flat] = numbers[:, 0], numbers[:, 1]
    letters = "".join(name[0] for name in names)
    keep = [i for i, size in enumerate(shape) if size > 1 or letters[i] == "C"]
    plane_map = PlaneMap(
        "".join(letters[i] for i in keep),
        tuple(shape[i] for i in keep),
        tuple(page_tables),
        table_of,
        page_of,
    )
    array, more = lazy_array(plane_map, like=kind)
    notes += more
    summary = _summary(file)
    size, more = _pixel_size(facts, summary)
    notes += more
    scene = Scene(
        name=str(summary.get("Prefix") or "Image:0"),
        levels=(array,),
        channels=_channels(entries, length_of(array, "C", 0), summary),
        pixel_size=size,
        acquired=facts.acquired(),
    )
    return Contents((scene,), json.dumps(summary) if summary else None, tuple(notes))


def _positions(entries: Sequence[Entry]) -> tuple[list[tuple[str, str]], npt.NDArray[Any]]:
    """Return letter and name of each axis, and the position of each plane along it; texts are counted."""
    names = list(dict.fromkeys(name for entry in entries for name, _ in entry.axes))
    order = [name for name in LETTERS if name in names] + [
        name for name in names if name not in LETTERS
    ]
    free = iter(letter for letter in "QHIVBEAPLGNOUDF" if letter not in LETTERS.values())
    letters = [(LETTERS.get(name) or next(free, "Q"), name) for name in order]
    texts: dict[str, dict[str, int]] = {name: {} for name in order}
    rows = []
    for entry in entries:
        found = dict(entry.axes)
        row = []
        for name in order:
            value = found.get(name, 0)
            row.append(
                texts[name].setdefault(value, len(texts[name])) if isinstance(value, str) else value
            )
        rows.append(row)
    return letters, np.array(rows, np.int64).reshape(len(entries), len(order))


def _stores(
    file: OpenTiff, first: int, entries: Sequence[Entry]
) -> tuple[list[PageTable], npt.NDArray[Any], list[Diagnostic]]:
    """Make one table for each file of the set; returns page_table and row of each plane."""
    notes: list[Diagnostic] = []
    by_file: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        by_file.setdefault(entry.file, []).append(number)
    page_tables: list[PageTable] = []
    numbers = np.full((len(entries), 2), -1, np.int64)
    numbers[:, 0] = 0
    own = file.source.uri.replace("\\", "/").rsplit("/", 1)[-1]
    for name, planes in by_file.items():
        try:
            source, kind = (
                _first_page(file, first) if name == own else _other_page(file.source, name)
            )
        except (CorruptFileError, SourceError) as error:
            notes.append(
                Diagnostic(
                    "ndtiff-member",
                    f"{name!r}: its {len(planes)} planes are blank: {error}",
                    file.source.uri,
                )
            )
            continue
        good = [
            n for n in planes if (entries[n].length, entries[n].width) == (kind.length, kind.width)
        ]
        if len(good) < len(planes):
            notes.append(
                Diagnostic(
                    "ndtiff-size",
                    f"{len(planes) - len(good)} planes differ in size and are blank",
                    name,
                )
            )
        offsets = np.array([[entries[n].offset] for n in good], np.uint64).reshape(-1, 1)
        whole = attrs.evolve(kind, rows_per_strip=kind.length)
        rows = SegmentTable(whole, offsets, np.zeros_like(offsets))
        numbers[good, 0], numbers[good, 1] = len(page_tables), np.arange(len(good))
        page_tables.append(
            PageTable(
                source,
                (rows,),
                np.zeros(len(good), np.int64),
                np.arange(len(good)),
                {},
                Chain(0, ()),
            )
        )
    return page_tables, numbers, notes


def _first_page(file: OpenTiff, first: int) -> tuple[Source, PageStructure]:
    directory, _, _ = read_directory(file, first)
    page_table, _ = build_page_table(file, Chain.of([directory]))
    return file.source, page_table.segment_tables[0].structure


def _other_page(source: Source, name: str) -> tuple[Source, PageStructure]:
    sibling = readers.sibling(source, name)
    if sibling is None:
        raise CorruptFileError.at(
            source.uri, None, f"the index refers to {name!r}, which is not there"
        )
    with open_tiff(sibling) as (file, first):
        return _first_page(file, first)


def _summary(file: OpenTiff) -> dict[str, Any]:
    """Summary metadata after the header; version 3 has a minor version before its length."""
    header = _header(file)
    at, length = (24, header[3]) if header[2] == 2355492 else (28, header[4])
    if not 0 < length <= file.size - at:
        return {}
    try:
        found = json.loads(file.read(at, length))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _channels(
    entries: Sequence[Entry], count: int, summary: Mapping[str, Any]
) -> tuple[Channel, ...]:
    names = list(
        dict.fromkeys(
            v for entry in entries for k, v in entry.axes if k == "channel" and isinstance(v, str)
        )
    )
    channel_names = summary.get("ChNames")
    if not names and isinstance(channel_names, list) and len(channel_names) == count:
        names = [str(name) for name in channel_names]
    return tuple(Channel(name) for name in names) if len(names) == count else ()


def _pixel_size(facts: PageTags, summary: Mapping[str, Any]) -> tuple[PixelSize, list[Diagnostic]]:
    step = summary.get("z-step_um")
    size, notes = read_pixel_size(facts)
    return PixelSize(positive_float(step), size.Y, size.X), notes


# ---------------------------------------------------------------- multipage stacks


def is_stack(facts: PageTags) -> bool:
    """Whether the header is that of a Micro-Manager multipage stack (and no NDTiff)."""
    header = _header(facts.file)
    return header[0] == 54773648 and header[6] == 2355492


def read_stack(file: OpenTiff, first: int, facts: PageTags) -> Contents | Diagnostic:  # noqa: ARG001 - one signature for all
    """Describe a multipage stack by its index map: (channel, slice, frame, position, offset of the directory)."""
    order = file.variant.order
    at = _header(file)[1]
    if not 8 <= at <= file.size - 8:
        return Diagnostic(
            "micromanager-map",
            "the index map lies outside the file: read as plain TIFF",
            file.source.uri,
        )
    mark, count = struct.unpack(order + "2I", file.read(at, 8))
    if mark != 3453623 or not 0 < 20 * count <= file.size - at - 8:
        return Diagnostic(
            "micromanager-map", "the index map is not there: read as plain TIFF", file.source.uri
        )
    table = (
        np.frombuffer(file.read(at + 8, 20 * count), order + "u4").reshape(-1, 5).astype(np.int64)
    )
    table = table[table[:, 4] > 0]
    low, high = table[:, :4].min(axis=0, initial=0), table[:, :4].max(axis=0, initial=0)
    sizes = dict(zip("CZTR", (high - low + 1).tolist(), strict=True))
    letters = "RTZC"
    shape = tuple(sizes[letter] for letter in letters)
    if not len(table) or math.prod(shape) > max(64 * len(table), 1 << 16):
        return Diagnostic(
            "micromanager-map",
            f"{len(table)} planes in {shape}: read as plain TIFF",
            file.source.uri,
        )
    try:
        page_table, notes = build_page_table(
            file, Chain.of([read_directory(file, int(offset))[0] for offset in table[:, 4]])
        )
    except CorruptFileError as error:
        return Diagnostic("micromanager-map", f"read as plain TIFF: {error}", file.source.uri)
    flat = np.ravel_multi_index(
        tuple((table[:, "CZTR".index(letter)] - low["CZTR".index(letter)]) for letter in letters),
        shape,
    )
    page_of = np.full(math.prod(shape), -1, np.int64)
    page_of[flat] = np.arange(len(table))
    keep = [i for i, size in enumerate(shape) if size > 1]
    plane_map = PlaneMap.of_pages(
        page_table, page_of, "".join(letters[i] for i in keep), tuple(shape[i] for i in keep)
    )
    array, more = lazy_array(plane_map)
    notes += more
    length = _header(file)[7]
    summary = _json_at(file, 40, length)
    size, more = _stack_size(facts, summary)
    notes += more
    scene = Scene(
        name=str(summary.get("Prefix") or "Image:0"),
        levels=(array,),
        channels=_channels((), length_of(array, "C", 0), summary),
        pixel_size=size,
        acquired=facts.acquired(),
    )
    return Contents(
        (scene,), json.dumps(summary) if summary else facts.description or None, tuple(notes)
    )


def _json_at(file: OpenTiff, at: int, length: int) -> dict[str, Any]:
    if not 0 < length <= file.size - at:
        return {}
    try:
        found = json.loads(file.read(at, length))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _stack_size(facts: PageTags, summary: Mapping[str, Any]) -> tuple[PixelSize, list[Diagnostic]]:
    size, notes = _pixel_size(facts, summary)
    side = positive_float(summary.get("PixelSize_um"))
    return (size, notes) if side is None else (PixelSize(size.Z, side, side), [])
