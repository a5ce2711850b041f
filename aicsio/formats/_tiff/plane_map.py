"""From the tables of pages to arrays: which page is which plane, and how planes are read.

Rule kept here: planes of an array have one shape and type; those that do not fit, or are missing, are blank, with a
``Diagnostic``.
"""

import math
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.ifd import Chain, File, read_directory
from aicsio.formats._tiff.layout import Column, Four, Pages, Segments, block_shape
from aicsio.formats._tiff.page import PageKind
from aicsio.formats._tiff.page_tables import Integers, Rows, Store, widened
from aicsio.formats._tiff.tag_tables import Counts, tabulate
from aicsio.records import Diagnostic, Dims, LazyArray, Source


@attrs.frozen(eq=False)
class Plan:
    """Which pages make an array: the step between tables and a ``LazyArray``."""

    letters: str
    """Letters of the axes along which planes are counted."""
    shape: tuple[int, ...]
    """Their sizes."""
    stores: tuple[Store, ...]
    """Files that hold pages."""
    store_of: Integers
    """File of each plane, in C order over ``shape``."""
    page_of: Integers
    """Page of each plane in its file; -1 where there is none."""

    @classmethod
    def of_pages(
        cls, store: Store, pages: Sequence[int] | Integers, letters: str, shape: tuple[int, ...]
    ) -> "Plan":
        """Plan an array of pages of one file."""
        page_of = np.asarray(pages, np.int64)
        return cls(letters, shape, (store,), np.zeros(len(page_of), np.int64), page_of)


def length_of(array: LazyArray, letter: str, default: int) -> int:
    """Return the length of an axis, or the default where there is no such axis."""
    return dict(array.stored.items()).get(letter, default)


def lazy_array(
    plan: Plan, plane_letters: str | None = None, like: PageKind | None = None
) -> tuple[LazyArray, list[Diagnostic]]:
    """Make the array of a plan.

    Parameters
    ----------
    plan
        Which pages.
    plane_letters
        Letters of the axes of a page, in place of ``ZYXS``.
    like
        Structure that all pages must have in shape and type; that of the first usable one by default.

    Raises
    ------
    UnsupportedFormatError
        When the pixels cannot be decoded.
    CorruptFileError
        When no plane is there.
    """
    alone = _of_one_table(plan)
    if alone is not None and (like is None or _fits(alone[0].kind, like)):
        table, rows = alone
        return _array(
            plan, plane_letters, like or table.kind, [_group_of(plan.stores[0].source, table, rows)]
        ), []
    kind_of, row_of = _look_up(plan)
    used = _pairs(plan.store_of, kind_of)
    if not used:
        raise CorruptFileError.at(
            plan.stores[0].source.uri, None, "expected pixels, but none of the planes is there"
        )
    first = int((kind_of >= 0).argmax())
    like = like or plan.stores[int(plan.store_of[first])].rows[int(kind_of[first])].kind
    group_of = np.zeros(len(kind_of), np.int64)
    rows = np.full(len(kind_of), -1, np.int64)
    groups: list[Segments] = []
    diagnostics: list[Diagnostic] = []
    for store, kind_number in used:
        planes = np.flatnonzero((plan.store_of == store) & (kind_of == kind_number))
        table = plan.stores[store].rows[kind_number]
        if not _fits(table.kind, like):
            text = f"{len(planes)} planes are blank: {_describe(table.kind)}, where {_describe(like)} is needed"
            diagnostics.append(Diagnostic("page-does-not-fit", text, plan.stores[store].source.uri))
            continue
        group_of[planes], rows[planes] = len(groups), np.arange(len(planes))
        groups.append(_group_of(plan.stores[store].source, table, row_of[planes]))
    simple = len(groups) == 1 and np.array_equal(rows, np.arange(len(rows)))
    tables = (
        b"" if len(groups) == 1 else group_of.astype("<i4").tobytes(),
        b"" if simple else rows.astype("<i4").tobytes(),
    )
    return _array(plan, plane_letters, like, groups, *tables), diagnostics


def _array(
    plan: Plan,
    plane_letters: str | None,
    like: PageKind,
    groups: Sequence[Segments],
    group_of: bytes = b"",
    row_of: bytes = b"",
) -> LazyArray:
    dtype = like.dtype.newbyteorder("=")
    plane: Four = (like.depth, like.length, like.width, like.samples)
    axes = (like.depth > 1, like.sampled)
    if not groups:
        raise CorruptFileError.at(
            plan.stores[0].source.uri, None, f"expected planes of {_describe(like)}, found none"
        )
    unit = (
        (1, 1, 1) if not groups[0].codecs and groups[0].size[1] == like.length else groups[0].size
    )
    shape = block_shape(plan.shape, plane, axes, dtype.itemsize, unit)
    layout = Pages(plan.shape, plane, axes, tuple(groups), shape, group_of, row_of)
    letters = plan.letters + (plane_letters or like.letters)
    return LazyArray.whole(layout, Dims(letters, plan.shape + like.shape), dtype)


def _of_one_table(plan: Plan) -> tuple[Rows, Integers] | None:
    """The table that has all pages of a plan, and their rows in it: so it is for most files."""
    store, pages = plan.stores[0], plan.page_of
    if (
        len(plan.stores) > 1
        or len(store.rows) > 1
        or len(store.rows[0].offsets) < len(store)
        or not pages.size
    ):
        return None
    if pages[pages.argmin()] < 0 or pages[pages.argmax()] >= len(store):
        return None
    return store.rows[0], store.row_of.take(pages)


def _pairs(store_of: Integers, kind_of: Integers) -> list[tuple[int, int]]:
    """Return the different pairs of store and kind, without the planes that are missing."""
    if len(kind_of) and kind_of.min() == kind_of.max() and store_of.min() == store_of.max():
        return [(int(store_of[0]), int(kind_of[0]))] if kind_of[0] >= 0 else []
    there = kind_of >= 0
    pairs = np.unique(np.stack([store_of[there], kind_of[there]]), axis=1)
    return [(s, k) for s, k in pairs.T.tolist()]


def _look_up(plan: Plan) -> tuple[Integers, Integers]:
    """Kind and row of each plane in the tables of its file; -1 where the page is not there."""
    kind_of = np.full(len(plan.page_of), -1, np.int64)
    row_of = np.zeros(len(plan.page_of), np.int64)
    for number, store in enumerate(plan.stores):
        planes = np.flatnonzero(
            (plan.store_of == number) & (plan.page_of >= 0) & (plan.page_of < len(store))
        )
        kind_of[planes] = store.kind_of[plan.page_of[planes]]
        row_of[planes] = store.row_of[plan.page_of[planes]]
    return kind_of, row_of


def _fits(kind: PageKind, like: PageKind) -> bool:
    return (
        kind.shape == like.shape
        and kind.is_decodable
        and kind.dtype.newbyteorder("=") == like.dtype.newbyteorder("=")
    )


def _describe(kind: PageKind) -> str:
    return f"{' x '.join(map(str, kind.shape))} samples of {'/'.join(map(str, kind.bits))} bits"


def _group_of(source: Source, table: Rows, rows: Integers) -> Segments:
    """Pack the rows of one kind; strips of raw pixels that touch become one segment."""
    kind = table.kind
    offsets, counts = table.offsets.take(rows, axis=0), table.counts.take(rows, axis=0)
    codecs = kind.codecs
    size, clipped = kind.segment, kind.tile is None
    if not codecs and clipped and _touching(kind, offsets):
        size = (kind.depth, kind.length, kind.width)
        offsets = offsets[:, :: math.prod(kind.grid)]
    return Segments(
        source=source,
        size=size,
        clipped=clipped,
        planar=kind.planar,
        dtype=kind.dtype,
        codecs=codecs,
        width=offsets.shape[1],
        offsets=Column.of(offsets),
        # Raw pixels are found by their geometry.
        counts=Column.of(counts) if codecs else Column.zeros(offsets.size),
    )


def _touching(kind: PageKind, offsets: Counts) -> bool:
    """Whether the strips of each sample plane follow each other without a gap."""
    strips = math.prod(kind.grid)
    if offsets.shape[1] != kind.segments or not offsets.all():
        return False
    if strips == 1:
        return True
    each = offsets.reshape(len(offsets), -1, strips)
    return bool((np.diff(each, axis=2) == np.uint64(kind.raw_bytes(kind.rows_per_strip))).all())


def contiguous(
    file: File, store: Store, planes: int, following: int, page: int = 0
) -> tuple[Store, Integers] | None:
    """Show the planes that follow the pixels of a page without a gap, as if each had a directory.

    Parameters
    ----------
    file, store, page
        The page that comes first.
    planes
        How many there are with it.
    following
        Offset of the next directory, 0 for none: one that lies among the planes shows that they do not follow.

    Returns
    -------
    A store and its pages, or ``None`` when the pixels are not raw, or the file is too short.
    """
    kind = store.kind(page)
    if kind is None or not kind.is_decodable or not kind.is_raw or kind.tile is not None:
        return None
    table = store.rows[int(store.kind_of[page])]
    offsets = table.offsets[int(store.row_of[page])][None]
    step = kind.raw_bytes(kind.length) * (kind.samples if kind.planar else 1) * kind.depth
    start, end = int(offsets[0, 0]), int(offsets[0, 0]) + planes * step
    if (
        kind.planar
        and (np.diff(offsets[0, :: math.prod(kind.grid)]) != np.uint64(step // kind.samples)).any()
    ):
        return None
    if not _touching(kind, offsets) or end > file.size or start < following < end:
        return None
    if len(store.directories) > page and start < store.directories[page].offset < end:
        return None
    if following and planes > 1 and not _follows(file, following, start + step):
        return None
    whole = attrs.evolve(kind, rows_per_strip=kind.length)
    each = start + step * np.arange(planes, dtype=np.uint64)[:, None]
    if kind.planar:
        each = each + np.uint64(step // kind.samples) * np.arange(kind.samples, dtype=np.uint64)
    rows = Rows(whole, each, np.zeros_like(each))
    pages = np.arange(planes)
    return Store(
        store.source, (rows,), np.zeros(planes, np.int64), pages, {}, store.directories
    ), pages


def _follows(file: File, directory: int, offset: int) -> bool:
    """Whether the pixels of the next page begin at an offset."""
    groups, _ = tabulate(file, Chain.of([read_directory(file, directory)[0]]))
    return bool(groups) and groups[0].offsets.size > 0 and int(groups[0].offsets[0, 0]) == offset


def split_samples(store: Store) -> Store:
    """Show a file whose samples are stored apart as one page for each sample."""
    samples = store.rows[0].kind.samples
    rows = []
    for table in store.rows:
        kind = attrs.evolve(table.kind, samples=1, planar=False, photometric=1, extra_samples=())
        width = -(-table.offsets.shape[1] // samples)
        offsets, counts = (widened(part, width * samples) for part in (table.offsets, table.counts))
        rows.append(Rows(kind, offsets.reshape(-1, width), counts.reshape(-1, width)))
    kind_of = np.repeat(store.kind_of, samples)
    row_of = (store.row_of[:, None] * samples + np.arange(samples)).reshape(-1)
    return Store(store.source, tuple(rows), kind_of, row_of, {}, store.directories)
