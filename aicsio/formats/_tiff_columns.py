"""Tags of many pages as columns: what decides how pixels are stored, of all pages that look alike in one go.

Rule kept here: pages are compared by the bytes of their entries, so that fifty thousand equal ones cost a few calls of
numpy. Pages whose values lie outside the file are left out, with a ``Diagnostic``.

Source of the facts: TIFF 6.0 (Adobe, 1992), section 2.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats._tiff_ifd import GAP, NUMPY, SIZES, Chain, File, Run, Value, unpack
from aicsio.records import Diagnostic

Counts: TypeAlias = npt.NDArray[np.uint64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Rows: TypeAlias = npt.NDArray[np.int64]

OFFSETS = (324, 273)
"""TileOffsets, StripOffsets."""
COUNTS = (325, 279)
"""TileByteCounts, StripByteCounts."""
SUB_IFDS = (330,)
TABLES = frozenset({*OFFSETS, *COUNTS, *SUB_IFDS})
"""Tags whose values are looked up page by page."""
# fmt: off
STRUCTURE = frozenset({
    254, 255, 256, 257, 258, 259, 262, 266, 274, 277, 278, 284, 292, 317, 322, 323, 338, 339, 347, 513, 514, 529, 530,
    531, 532, 32997, 32998, 42113, 50674, 65007, 65008, 65009,
})
# fmt: on
"""Tags that decide how pixels are stored. Pages in which they are equal are decoded alike."""
_CONCERNS = np.zeros(1 << 16, bool)
_CONCERNS[list(TABLES | STRUCTURE)] = True


@attrs.frozen(eq=False)
class Group:
    """Pages with equal structure; lives while a file is being opened."""

    pages: Rows
    """Indices of the pages among those that were asked for."""
    values: Mapping[int, Value]
    """Values of the tags in ``STRUCTURE``."""
    offsets: Counts
    """Byte offset of each strip or tile: shape (pages, strips)."""
    counts: Counts
    """Byte count of each strip or tile; shape (pages, 0) where the file gives none."""
    sub_ifds: Counts
    """Offsets of SubIFDs: shape (pages, levels)."""


def tabulate(file: File, chain: Chain) -> tuple[list[Group], list[Diagnostic]]:
    """Read the tags that say how pixels are stored, of all pages at once."""
    groups: list[Group] = []
    diagnostics: list[Diagnostic] = []
    by_length: dict[int, list[Run]] = {}
    for run in chain.runs:
        by_length.setdefault(len(run.raw) // len(run.offsets), []).append(run)
    for runs in by_length.values():
        pages = np.concatenate([np.arange(run.first, run.first + len(run.offsets)) for run in runs])
        raw = runs[0].raw if len(runs) == 1 else b"".join([run.raw for run in runs])
        entries = np.frombuffer(raw, file.form.entry).reshape(len(pages), -1)
        for rows in _alike(entries):
            whole = len(rows) == len(entries)
            groups += _groups(file, *((pages, entries) if whole else (pages[rows], entries[rows])), diagnostics)
    return groups, diagnostics


def _alike(entries: npt.NDArray[Any]) -> list[Rows]:
    """Sort rows by what their entries have in common: codes, and types and counts of those that concern us."""
    if len(entries) == 1:
        return [np.zeros(1, np.int64)]
    codes, types, counts = entries["code"], entries["type"], entries["count"]
    ours = _CONCERNS[codes[0]]
    if (codes == codes[0]).all() and (types == types[0])[:, ours].all() and (counts == counts[0])[:, ours].all():
        return [np.arange(len(entries))]
    ours = _CONCERNS[codes]
    key = np.concatenate([codes, np.where(ours, types, 0), np.where(ours, counts, 0)], axis=1, dtype="<u8")
    return _equal_rows(key.view(np.uint8).reshape(len(entries), -1))


def _equal_rows(rows: Bytes) -> list[Rows]:
    """Return the indices of rows that are equal byte by byte, in the order in which they first occur."""
    if len(rows) == 1 or rows.shape[1] == 0 or (rows == rows[0]).all():
        return [np.arange(len(rows))]
    found: dict[bytes, list[int]] = {}
    data, width = np.ascontiguousarray(rows).tobytes(), rows.shape[1]
    for index in range(len(rows)):
        found.setdefault(data[index * width : (index + 1) * width], []).append(index)
    return [np.array(indices) for indices in found.values()]


def _groups(file: File, pages: Rows, entries: npt.NDArray[Any], diagnostics: list[Diagnostic]) -> list[Group]:
    """Sort pages that have the same tags by the values that decide how pixels are stored."""
    inline, distant = _sorted_columns(file, entries[0])
    apart: dict[int, Bytes] = {}
    broken = np.zeros(len(entries), bool)
    for code, column in distant.items():
        apart[code], bad = _distant_values(file, entries[:, column])
        broken |= bad
    if broken.any():
        first = int(pages[broken][0])
        text = f"{int(broken.sum())} pages are left out, from page {first}: their tags point out of the file"
        diagnostics.append(Diagnostic("tiff-tags-outside", text, file.source.uri))
        if broken.all():
            return []
        pages, entries = pages[~broken], entries[~broken]
        apart = {code: values[~broken] for code, values in apart.items()}
    found = []
    for rows in _alike_in_structure(entries, inline, apart):
        first_row = entries[rows[0]].tolist()
        values = {code: _inline_value(file, *first_row[column]) for code, column in inline.items() if code in STRUCTURE}
        for code, column in distant.items():
            if code in STRUCTURE:
                values[code] = unpack(apart[code][rows[0]].tobytes(), first_row[column][1], file.form)
        tables = [_table(file, codes, entries, rows, inline, distant, apart) for codes in (OFFSETS, COUNTS, SUB_IFDS)]
        found.append(Group(pages[rows], values, *tables))
    return found


def _alike_in_structure(entries: npt.NDArray[Any], inline: Mapping[int, int], apart: Mapping[int, Bytes]) -> list[Rows]:
    """Sort rows by the values of the tags in ``STRUCTURE``."""
    if len(entries) == 1:
        return [np.zeros(1, np.int64)]
    same = [column for code, column in inline.items() if code in STRUCTURE]
    key = np.ascontiguousarray(entries[:, same]).view(np.uint8).reshape(len(entries), -1)
    far = [values for code, values in apart.items() if code in STRUCTURE]
    return _equal_rows(np.concatenate([key, *far], axis=1) if far else key)


def _sorted_columns(file: File, row: npt.NDArray[Any] | np.void) -> tuple[dict[int, int], dict[int, int]]:
    """Columns of the tags that concern us: those whose value is in the entry, and those where it is elsewhere."""
    inline: dict[int, int] = {}
    distant: dict[int, int] = {}
    for column, (code, kind, count, _) in enumerate(row.tolist()):
        if not _CONCERNS[code] or kind not in SIZES or code in inline or code in distant:
            continue
        (inline if SIZES[kind] * count <= file.form.inline else distant)[code] = column
    return inline, distant


def _inline_value(file: File, _code: int, kind: int, count: int, value: bytes) -> Value:
    return unpack(value[: SIZES[kind] * count], kind, file.form)


def _table(
    file: File,
    codes: tuple[int, ...],
    entries: npt.NDArray[Any],
    rows: Rows,
    inline: Mapping[int, int],
    distant: Mapping[int, int],
    apart: Mapping[int, Bytes],
) -> Counts:
    """Return the whole numbers of the first of some tags that is there: shape (pages, numbers)."""
    for code in codes:
        column = inline.get(code, distant.get(code))
        if column is None:
            continue
        kind, count = int(entries["type"][0, column]), int(entries["count"][0, column])
        if kind not in {1, 3, 4, 13, 16, 18}:
            continue
        if code in inline:
            field = np.ascontiguousarray(entries["value"][rows, column]).view(np.uint8).reshape(len(rows), -1)
            raw = np.ascontiguousarray(field[:, : SIZES[kind] * count])
        else:
            raw = np.ascontiguousarray(apart[code][rows])
        return raw.view(file.form.order + NUMPY[kind]).astype(np.uint64)
    return np.zeros((len(rows), 0), np.uint64)


def _distant_values(file: File, entries: npt.NDArray[Any]) -> tuple[Bytes, npt.NDArray[np.bool_]]:
    """Return the raw values of one tag of many pages: shape (pages, bytes), and which lie outside the file."""
    nbytes = SIZES[int(entries["type"][0])] * int(entries["count"][0])
    where = np.ascontiguousarray(entries["value"]).view(file.form.pointer).astype(np.uint64)
    bad = (where < 8) | (where > max(file.size - nbytes, 0)) | (nbytes > file.size)
    if bad.all():
        return np.zeros((len(entries), 0), np.uint8), bad
    file.spend(nbytes * int((~bad).sum()), int(where[~bad][0]))
    found = np.zeros((len(entries), nbytes), np.uint8)
    found[~bad] = _gather(file, where[~bad].astype(np.int64), nbytes)
    return found, bad


def _gather(file: File, where: Rows, nbytes: int) -> Bytes:
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
        for part in np.array_split(run, max(1, int((ordered[run[-1]] - ordered[run[0]]) // (16 << 20)))):
            low = int(ordered[part[0]])
            data = np.frombuffer(file.read(low, int(ordered[part[-1]]) + nbytes - low), np.uint8)
            found[order[part]] = data[(ordered[part] - low)[:, None] + np.arange(nbytes)]
    return found
