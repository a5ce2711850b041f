"""Tags of many pages as columns: what decides how pixels are stored, of all pages that look alike in one go.

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

from aicsio.formats._tiff.chain import GAP, Chain, DirectoryRun
from aicsio.formats._tiff.ifd import NUMPY_TYPES, OpenTiff, Value, unpack
from aicsio.formats._tiff.tags import FIELD_SIZES, FieldType, Tag
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
})  # fmt: skip
"""Types of whole numbers that are not negative."""
CONCERNS = TABLES | STRUCTURE
_CONCERNS = np.zeros(1 << 16, bool)
_CONCERNS[list(CONCERNS)] = True


@attrs.frozen(eq=False)
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
    """Entries of pages that look alike: those that concern us, by tag."""

    first: list[tuple[int, int, int, bytes]]
    """Of the first page: tag, type, count, value or its offset."""
    inline: dict[int, int]
    """Columns that hold their value, by tag."""
    distant: dict[int, int]
    """Columns that hold the offset of their value, by tag."""

    @classmethod
    def of(cls, file: OpenTiff, row: bytes) -> "_Columns":
        """Look at one page; of several entries with one tag the first counts."""
        made = cls(list(struct.iter_unpack(file.variant.entry_format, row)), {}, {})
        for column, (code, kind, count, _) in enumerate(made.first):
            if (
                code in CONCERNS
                and kind in FIELD_SIZES
                and code not in made.inline
                and code not in made.distant
            ):
                (
                    made.inline
                    if FIELD_SIZES[kind] * count <= file.variant.inline_size
                    else made.distant
                )[code] = column
        return made

    def looks(self) -> Looks:
        """What of the entries decides how pixels are stored."""
        ours = (*self.inline.items(), *self.distant.items())
        return tuple(self.first[column][: 4 if code in STRUCTURE else 3] for code, column in ours)


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
    for width, runs in by_length.items():
        pages = _pages(runs)
        raw = runs[0].raw if len(runs) == 1 else b"".join([run.raw for run in runs])
        columns = _Columns.of(file, raw[:width])
        if _look_alike(file, raw, width, columns) and not any(
            _places(file, raw, width, columns, code)[1].any() for code in columns.distant
        ):
            alike.setdefault(columns.looks(), []).append(_Part(pages, raw, width, columns))
            continue
        entries = np.frombuffer(raw, file.variant.entry_dtype).reshape(len(pages), -1)
        for rows in _sorted(file, pages, entries, diagnostics):
            own = entries[rows].tobytes()
            columns = _Columns.of(file, own[:width])
            alike.setdefault(columns.looks(), []).append(_Part(pages[rows], own, width, columns))
    return [_group(file, parts) for parts in alike.values()], diagnostics


def _pages(runs: Sequence[DirectoryRun]) -> Integers:
    """Number the pages of some runs."""
    first, last = runs[0].first, runs[-1].first + len(runs[-1].offsets)
    if last - first == sum(len(run.offsets) for run in runs):
        return np.arange(first, last)
    return np.concatenate([np.arange(run.first, run.first + len(run.offsets)) for run in runs])


def _look_alike(file: OpenTiff, raw: bytes, width: int, columns: _Columns) -> bool:
    """Whether pages differ in nothing but values that are looked up page by page, or do not concern us."""
    if len(raw) == width:
        return True
    words = np.frombuffer(raw, np.uint32).reshape(-1, width // 4)
    size = file.variant.entry_dtype.itemsize // 4
    for number in np.logical_or.reduce(words != words[0], axis=0).nonzero()[0].tolist():
        column, word = divmod(number, size)
        code = columns.first[column][0]
        # Words of an entry: tag and type, count, value.
        if word == 0 or (
            code in CONCERNS and (code in STRUCTURE or word < size - file.variant.value_size // 4)
        ):
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
    offsets, counts, sub_ifds = (
        joined([_table(file, part, codes) for part in parts])
        for codes in (OFFSETS, COUNTS, SUB_IFDS)
    )
    return PageGroup(joined([part.pages for part in parts]), values, offsets, counts, sub_ifds)


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
    return tables[0] if len(tables) == 1 else np.concatenate(tables)


def _places(
    file: OpenTiff, raw: bytes, width: int, columns: _Columns, code: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """Return the offset of the value of a tag, page by page, and which do not lie in the file."""
    variant, column = file.variant, columns.distant[code]
    _, kind, count, _ = columns.first[column]
    start = (column + 1) * variant.entry_dtype.itemsize - variant.value_size
    where = np.ndarray(len(raw) // width, variant.pointer, raw, start, width).astype(np.uint64)
    nbytes = FIELD_SIZES[kind] * count
    return where, (where < 8) | (where > max(file.size - nbytes, 0)) | (nbytes > file.size)


def _values(file: OpenTiff, where: npt.NDArray[np.uint64], nbytes: int) -> Bytes:
    """Read the raw values of one tag of many pages: shape (pages, bytes)."""
    file.spend(nbytes * len(where), int(where[0]))
    return _gather(file, where.astype(np.int64), nbytes)


# ---------------------------------------------------------------- pages that differ


def _sorted(
    file: OpenTiff, pages: Integers, entries: npt.NDArray[Any], diagnostics: list[Diagnostic]
) -> list[Integers]:
    """Sort rows by what they have in common, down to the values of ``STRUCTURE``; those that break the rules go."""
    found: list[Integers] = []
    for rows in _alike(entries):
        alike, own = rows, entries[rows]
        raw, width = own.tobytes(), own.shape[1] * own.itemsize
        columns = _Columns.of(file, raw[:width])
        places = {code: _places(file, raw, width, columns, code) for code in columns.distant}
        broken = (
            np.any([bad for _, bad in places.values()], axis=0)
            if places
            else np.zeros(len(own), bool)
        )
        if broken.any():
            first = int(pages[alike][broken][0])
            text = f"{int(broken.sum())} pages are left out, from page {first}: their tags point out of the file"
            diagnostics.append(Diagnostic("tiff-tags-outside", text, file.source.uri))
            if broken.all():
                continue
        alike, own = alike[~broken], own[~broken]
        same = [column for code, column in columns.inline.items() if code in STRUCTURE]
        key = [np.ascontiguousarray(own[:, same]).view(np.uint8).reshape(len(own), -1)]
        for code, (where, _) in places.items():
            if code in STRUCTURE:
                _, kind, count, _ = columns.first[columns.distant[code]]
                key.append(_values(file, where[~broken], FIELD_SIZES[kind] * count))
        found += [alike[equal] for equal in _equal_rows(np.concatenate(key, axis=1))]
    return found


def _alike(entries: npt.NDArray[Any]) -> list[Integers]:
    """Sort rows by what their entries have in common: codes, and types and counts of those that concern us."""
    codes, types, counts = entries["code"], entries["type"], entries["count"]
    ours = _CONCERNS[codes]
    key = np.concatenate(
        [codes, np.where(ours, types, 0), np.where(ours, counts, 0)], axis=1, dtype="<u8"
    )
    return _equal_rows(key.view(np.uint8).reshape(len(entries), -1))


def _equal_rows(rows: Bytes) -> list[Integers]:
    """Return the indices of rows that are equal byte by byte, in the order in which they first occur."""
    if len(rows) == 1 or rows.shape[1] == 0 or (rows == rows[0]).all():
        return [np.arange(len(rows))]
    found: dict[bytes, list[int]] = {}
    data, width = np.ascontiguousarray(rows).tobytes(), rows.shape[1]
    for index in range(len(rows)):
        found.setdefault(data[index * width : (index + 1) * width], []).append(index)
    return [np.array(indices) for indices in found.values()]


def _gather(file: OpenTiff, where: Integers, nbytes: int) -> Bytes:
    """Read ``nbytes`` at each offset, near ones together."""
    order = np.argsort(where, kind="stable")
    ordered = where[order]
    far = np.flatnonzero(np.diff(ordered) > nbytes + GAP) + 1
    found = np.empty((len(where), nbytes), np.uint8)
    if len(far) + 1 == len(where) or file.reader.remote:
        # Remote spans are joined and asked for at once; local ones that lie apart are read one by one.
        raw = b"".join(file.reader.read_spans([(offset, nbytes) for offset in ordered.tolist()]))
        found[order] = np.frombuffer(raw, np.uint8).reshape(found.shape)
        return found
    for run in np.split(np.arange(len(where)), far):
        for part in np.array_split(
            run, max(1, int((ordered[run[-1]] - ordered[run[0]]) // (16 << 20)))
        ):
            low = int(ordered[part[0]])
            data = np.frombuffer(file.read(low, int(ordered[part[-1]]) + nbytes - low), np.uint8)
            found[order[part]] = data[(ordered[part] - low)[:, None] + np.arange(nbytes)]
    return found
