"""Tags of many pages as columns: those that decide how pixels are stored, of all pages that look alike in one go.

Rule kept here: pages are compared by the bytes of their entries, so that fifty thousand equal ones cost a few calls of
numpy. Pages whose values lie outside the file are left out, with a ``Diagnostic``.

Source of the facts: TIFF 6.0 (Adobe, 1992), section 2.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.words import count_of
from aicsio.formats._tiff.chain import GAP, Chain, DirectoryRun
from aicsio.formats._tiff.ifd import OpenTiff, Value
from aicsio.formats._tiff.tags import FIELD_SIZES, FieldType, Tag
from aicsio.formats._tiff.values import NUMPY_TYPES, unpack
from aicsio.records import Diagnostic

Counts: TypeAlias = npt.NDArray[np.uint64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Integers: TypeAlias = npt.NDArray[np.int64]
Looks: TypeAlias = tuple[tuple[int | bytes, ...], ...]

OFFSETS = (Tag.TILE_OFFSETS, Tag.STRIP_OFFSETS)
COUNTS = (Tag.TILE_BYTE_COUNTS, Tag.STRIP_BYTE_COUNTS)
SUB_IFDS = (Tag.SUB_IFDS,)
TABLES: frozenset[int] = frozenset({*OFFSETS, *COUNTS, *SUB_IFDS})
"""Tags whose values are looked up page by page."""
STRUCTURE: frozenset[int] = frozenset({
    Tag.NEW_SUBFILE_TYPE, Tag.SUBFILE_TYPE, Tag.IMAGE_WIDTH, Tag.IMAGE_LENGTH, Tag.BITS_PER_SAMPLE,
    Tag.COMPRESSION, Tag.PHOTOMETRIC, Tag.FILL_ORDER, Tag.ORIENTATION, Tag.SAMPLES_PER_PIXEL,
    Tag.ROWS_PER_STRIP, Tag.PLANAR_CONFIGURATION, Tag.T4_OPTIONS, Tag.PREDICTOR, Tag.TILE_WIDTH,
    Tag.TILE_LENGTH, Tag.EXTRA_SAMPLES, Tag.SAMPLE_FORMAT, Tag.JPEG_TABLES,
    Tag.JPEG_INTERCHANGE_FORMAT, Tag.JPEG_INTERCHANGE_FORMAT_LENGTH, Tag.YCBCR_COEFFICIENTS,
    Tag.YCBCR_SUBSAMPLING, Tag.YCBCR_POSITIONING, Tag.REFERENCE_BLACK_WHITE, Tag.IMAGE_DEPTH,
    Tag.TILE_DEPTH, Tag.GDAL_NODATA, Tag.LERC_PARAMETERS, Tag.EER_POSITION_SKIP_BITS,
    Tag.EER_HORIZONTAL_SUB_BITS, Tag.EER_VERTICAL_SUB_BITS,
})  # fmt: skip
"""Tags that decide how pixels are stored. Pages in which they are equal are decoded alike."""
WHOLE = frozenset({
    FieldType.BYTE, FieldType.SHORT, FieldType.LONG, FieldType.IFD, FieldType.LONG8, FieldType.IFD8,
    FieldType.SBYTE, FieldType.SSHORT, FieldType.SLONG, FieldType.SLONG8,
})  # fmt: skip
"""Types of whole numbers. Some writers give offsets in signed ones, which libtiff and tifffile read; a negative one
becomes an offset beyond any file."""
CONCERNS = TABLES | STRUCTURE
MOST_READ = 16 << 20
"""Bytes of one read: memory for values that lie close together stays below this."""
_CONCERNS = np.zeros(1 << 16, bool)
_CONCERNS[list(CONCERNS)] = True


@attrs.define(eq=False, repr=False)
class PageGroup:
    """Pages with equal structure; lives while a file is being opened."""

    pages: Integers
    """Indices of the pages among those that were asked for."""
    values: Mapping[int, Value]
    """Values of the tags in ``STRUCTURE``."""
    offsets: Counts
    """Byte offset of each strip or tile: shape (pages, strips)."""
    counts: Counts
    """Byte count of each strip or tile; shape (pages, 0) where the file gives none."""
    sub_ifds: Counts
    """Offsets of SubIFDs: shape (pages, levels)."""


class _Columns(NamedTuple):
    """Entries of pages that look alike: those that decide how pixels are stored, by tag."""

    first: list[tuple[int, int, int, bytes]]
    """Of the first page: tag, type, count, value or its offset."""
    inline: dict[int, int]
    """Columns that hold their value, by tag."""
    distant: dict[int, int]
    """Columns that hold the offset of their value, by tag."""

    @classmethod
    def of(cls, file: OpenTiff, row: bytes) -> "_Columns":
        """Sort the entries of one page; of several entries with one tag the first counts."""
        entries = list(struct.iter_unpack(file.variant.entry_format, row))
        inline: dict[int, int] = {}
        distant: dict[int, int] = {}
        inline_size = file.variant.inline_size
        for column, (code, field_type, count, _) in enumerate(entries):
            if code not in CONCERNS or field_type not in FIELD_SIZES:
                continue
            # Readers disagree on doubled tags; libtiff takes the first.
            if code in inline or code in distant:
                continue
            # TIFF 6.0 section 2: a value that fits into four bytes is stored in the entry itself.
            if FIELD_SIZES[field_type] * count <= inline_size:
                inline[code] = column
            else:
                distant[code] = column
        return cls(entries, inline, distant)

    def has(self, code: int) -> bool:
        """Whether a tag is there."""
        return code in self.inline or code in self.distant

    def looks(self) -> Looks:
        """Return the parts of the entries that decide how pixels are stored."""
        first = self.first
        columns = (*self.inline.items(), *self.distant.items())
        # Values of other tags (offsets, byte counts) differ from page to page.
        return tuple([first[at] if code in STRUCTURE else first[at][:3] for code, at in columns])


class _Part(NamedTuple):
    """Pages that look alike, with equally many entries."""

    pages: Integers
    raw: bytes
    """Their entries."""
    width: int
    """Bytes of the entries of each."""
    columns: _Columns


def tabulate(file: OpenTiff, chain: Chain) -> tuple[list[PageGroup], list[Diagnostic]]:
    """Read the tags that decide how pixels are stored, of all pages at once."""
    diagnostics: list[Diagnostic] = []
    by_length: dict[int, list[DirectoryRun]] = {}
    for run in chain.runs:
        by_length.setdefault(len(run.raw) // len(run.offsets), []).append(run)
    alike: dict[Looks, list[_Part]] = {}
    # Pages with equally many entries are compared as the rows of one table.
    for width, runs in by_length.items():
        pages = _pages(runs)
        raw = runs[0].raw if len(runs) == 1 else b"".join([run.raw for run in runs])
        columns = _Columns.of(file, raw[:width])
        is_inside = all(_lie_inside(file, raw, width, columns, code) for code in columns.distant)
        # The usual case: all pages are equal but for their offsets, and nothing is sorted.
        if is_inside and _look_alike(file, raw, width, columns):
            alike.setdefault(columns.looks(), []).append(_Part(pages, raw, width, columns))
            continue
        entries = np.frombuffer(raw, file.variant.entry_dtype).reshape(len(pages), -1)
        for rows in _sorted(file, pages, entries, diagnostics):
            part = entries[rows].tobytes()
            columns = _Columns.of(file, part[:width])
            alike.setdefault(columns.looks(), []).append(_Part(pages[rows], part, width, columns))
    return [_group(file, parts) for parts in alike.values()], diagnostics


def _pages(runs: Sequence[DirectoryRun]) -> Integers:
    """Number the pages of some runs."""
    first, last = runs[0].first, runs[-1].first + len(runs[-1].offsets)
    if len(runs) == 1 or last - first == sum(len(run.offsets) for run in runs):
        return np.arange(first, last)
    return np.concatenate([np.arange(run.first, run.first + len(run.offsets)) for run in runs])


def _look_alike(file: OpenTiff, raw: bytes, width: int, columns: _Columns) -> bool:
    """Whether pages differ in nothing that decides how their pixels are stored.

    The entries are compared as words of four bytes, whatever they mean: of 50 000 pages with 16
    BigTIFF entries each in 2.0 ms.
    """
    if len(raw) == width:
        return True
    # Shape (pages, words of their entries). Entries have 12 or 20 bytes: whole words either way.
    words = np.frombuffer(raw, np.uint32).reshape(-1, width // 4)
    differing = (words != words[0]).any(axis=0).nonzero()[0]
    entry_words = file.variant.entry_dtype.itemsize // 4
    value_word = entry_words - file.variant.value_size // 4
    for number in differing.tolist():
        column, word = divmod(number, entry_words)
        code = columns.first[column][0]
        # Words of an entry: tag and type, then the count, then the value.
        if word == 0:
            return False
        if code in STRUCTURE or (code in CONCERNS and word < value_word):
            return False
    return True


def _group(file: OpenTiff, parts: Sequence[_Part]) -> PageGroup:
    """Describe pages that look alike."""
    _, raw, width, columns = parts[0]
    values: dict[int, Value] = {}
    for code, column in columns.inline.items():
        if code in STRUCTURE:
            _, kind, count, value = columns.first[column]
            values[code] = unpack(value[: FIELD_SIZES[kind] * count], kind, file.variant)
    for code, column in columns.distant.items():
        if code in STRUCTURE:
            _, kind, count, _ = columns.first[column]
            where, _ = _places(file, raw[:width], width, columns, code)
            values[code] = unpack(
                _values(file, where, FIELD_SIZES[kind] * count).tobytes(), kind, file.variant
            )
    pages = joined([part.pages for part in parts])
    offsets, counts = (
        joined([_table(file, part, codes) for part in parts]) for codes in (OFFSETS, COUNTS)
    )
    sub_ifds = np.zeros((len(pages), 0), np.uint64)
    if any(part.columns.has(code) for part in parts for code in SUB_IFDS):
        sub_ifds = joined([_table(file, part, SUB_IFDS) for part in parts])
    return PageGroup(pages, values, offsets, counts, sub_ifds)


def _table(file: OpenTiff, part: _Part, codes: tuple[int, ...]) -> Counts:
    """Return the whole numbers of the first of some tags that is there: shape (pages, numbers)."""
    pages, raw, width, columns = part
    variant = file.variant
    for code in codes:
        column = columns.inline.get(code, columns.distant.get(code))
        if column is None or columns.first[column][1] not in WHOLE:
            continue
        _, kind, count, _ = columns.first[column]
        itemsize, number = FIELD_SIZES[kind], variant.order + NUMPY_TYPES[kind]
        # The value is the last field of an entry, which ends where the next column begins.
        if code in columns.inline:
            start = (column + 1) * variant.entry_dtype.itemsize - variant.value_size
            return np.ndarray((len(pages), count), number, raw, start, (width, itemsize)).astype(
                np.uint64
            )
        where, _ = _places(file, raw, width, columns, code)
        return _values(file, where, itemsize * count).view(number).astype(np.uint64)
    return np.zeros((len(pages), 0), np.uint64)


def joined(tables: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Put tables of one width below each other."""
    if len(tables) == 1:
        return tables[0]
    return np.concatenate(tables)


def _offsets(
    file: OpenTiff, raw: bytes, width: int, columns: _Columns, code: int
) -> tuple[npt.NDArray[Any], int]:
    """Return the offset of the value of a tag, page by page as the entries have it, and its bytes."""
    variant, column = file.variant, columns.distant[code]
    _, kind, count, _ = columns.first[column]
    start = (column + 1) * variant.entry_dtype.itemsize - variant.value_size
    offsets = np.ndarray(len(raw) // width, variant.pointer, raw, start, width)
    return offsets, FIELD_SIZES[kind] * count


def _lie_inside(file: OpenTiff, raw: bytes, width: int, columns: _Columns, code: int) -> bool:
    """Whether the values of a tag lie in the file, those of all pages; takes a third of ``_places``."""
    offsets, nbytes = _offsets(file, raw, width, columns, code)
    first, last = offsets[offsets.argmin()], offsets[offsets.argmax()]
    return int(first) >= 8 and int(last) <= file.size - nbytes


def _places(
    file: OpenTiff, raw: bytes, width: int, columns: _Columns, code: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """Return the offset of the value of a tag, page by page, and which do not lie in the file."""
    offsets, nbytes = _offsets(file, raw, width, columns, code)
    where = offsets.astype(np.uint64)
    return where, (where < 8) | (where > max(file.size - nbytes, 0)) | (nbytes > file.size)


def _values(file: OpenTiff, where: npt.NDArray[np.uint64], nbytes: int) -> Bytes:
    """Read the raw values of one tag of many pages: shape (pages, bytes)."""
    file.spend(nbytes * len(where), int(where[0]))
    return _gather(file, where.astype(np.int64), nbytes)


# ---------------------------------------------------------------- pages that differ


def _sorted(
    file: OpenTiff, pages: Integers, entries: npt.NDArray[Any], diagnostics: list[Diagnostic]
) -> list[Integers]:
    """Sort pages by the values of ``STRUCTURE``; those whose tags point out of the file are left out."""
    sorted_rows: list[Integers] = []
    for rows in _alike(entries):
        part = entries[rows]
        raw, width = part.tobytes(), part.shape[1] * part.itemsize
        columns = _Columns.of(file, raw[:width])
        places = {code: _places(file, raw, width, columns, code) for code in columns.distant}
        is_broken = np.zeros(len(part), bool)
        for _, is_outside in places.values():
            is_broken |= is_outside
        if is_broken.any():
            first = int(pages[rows][is_broken][0])
            text = (
                f"{count_of(int(is_broken.sum()), 'page', 'are')} left out, from page {first}: "
                "their tags point out of the file"
            )
            diagnostics.append(Diagnostic("tiff-tags-outside", text, file.source.uri))
            if is_broken.all():
                continue
        kept, part = rows[~is_broken], part[~is_broken]
        # Pages are decoded alike if these bytes are equal: entries that hold their value, and the
        # values that lie elsewhere.
        held = [column for code, column in columns.inline.items() if code in STRUCTURE]
        key = [np.ascontiguousarray(part[:, held]).view(np.uint8).reshape(len(part), -1)]
        for code, (offsets, _) in places.items():
            if code in STRUCTURE:
                _, field_type, count, _ = columns.first[columns.distant[code]]
                key.append(_values(file, offsets[~is_broken], FIELD_SIZES[field_type] * count))
        sorted_rows += [kept[equal] for equal in _equal_rows(np.concatenate(key, axis=1))]
    return sorted_rows


def _alike(entries: npt.NDArray[Any]) -> list[Integers]:
    """Sort rows by the codes of their entries, and the types and counts of those in ``CONCERNS``."""
    codes = entries["code"]
    is_concerned = _CONCERNS[codes]
    # Types and counts of other tags (descriptions of different length) are no difference.
    types = np.where(is_concerned, entries["type"], 0)
    counts = np.where(is_concerned, entries["count"], 0)
    key = np.concatenate([codes, types, counts], axis=1, dtype="<u8")
    return _equal_rows(key.view(np.uint8).reshape(len(entries), -1))


def _equal_rows(rows: Bytes) -> list[Integers]:
    """Return the indices of rows that are equal byte by byte, in order of first occurrence."""
    if len(rows) == 1 or rows.shape[1] == 0 or (rows == rows[0]).all():
        return [np.arange(len(rows))]
    # A dictionary keeps the order, which np.unique does not.
    found: dict[bytes, list[int]] = {}
    data, width = np.ascontiguousarray(rows).tobytes(), rows.shape[1]
    for index in range(len(rows)):
        found.setdefault(data[index * width : (index + 1) * width], []).append(index)
    return [np.array(indices) for indices in found.values()]


def _gather(file: OpenTiff, where: Integers, nbytes: int) -> Bytes:
    """Read ``nbytes`` at each offset, near ones together."""
    order = np.argsort(where, kind="stable")
    ordered = where[order]
    gaps = np.flatnonzero(np.diff(ordered) > nbytes + GAP) + 1
    values = np.empty((len(where), nbytes), np.uint8)
    if len(gaps) + 1 == len(where) or file.reader.remote:
        # Remote spans are joined and requested at once; local ones that lie apart are read one by
        # one, which costs less than reading the gaps.
        spans = [(offset, nbytes) for offset in ordered.tolist()]
        raw = b"".join(file.read_spans(spans))
        values[order] = np.frombuffer(raw, np.uint8).reshape(values.shape)
        return values
    for run in np.split(np.arange(len(where)), gaps):
        run_nbytes = int(ordered[run[-1]] - ordered[run[0]])
        # Values of a million pages may span gigabytes: they are read in parts.
        for part in np.array_split(run, max(1, run_nbytes // MOST_READ)):
            low, high = int(ordered[part[0]]), int(ordered[part[-1]]) + nbytes
            # The index below has shape (values, bytes): all bytes of each value, from one read.
            data = np.frombuffer(file.read(low, high - low), np.uint8)
            values[order[part]] = data[(ordered[part] - low)[:, None] + np.arange(nbytes)]
    return values
