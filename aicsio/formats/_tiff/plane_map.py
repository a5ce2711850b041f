"""From the tables of pages to arrays: which page is which plane, and how planes are read.

Rule kept here: planes of an array have one shape and type; those that do not fit, or are missing, are blank, with a
``Diagnostic``.
"""

import math
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.chain import Chain, read_chain
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.layout import PlaneGroup, TiffLayout
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_tables import Integers, PageTable, SegmentTable, widened
from aicsio.formats._tiff.segments import Four, SegmentGrid, block_shape
from aicsio.formats._tiff.tag_tables import Counts, tabulate
from aicsio.records import Diagnostic, Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers


@attrs.frozen(eq=False)
class PlaneMap:
    """Which pages make an array: the step between tables and a ``LazyArray``."""

    letters: str
    """Letters of the axes along which planes are counted."""
    shape: tuple[int, ...]
    """Their sizes."""
    page_tables: tuple[PageTable, ...]
    """Files that hold pages."""
    table_of: Integers
    """OpenTiff of each plane, in C order over ``shape``."""
    page_of: Integers
    """Page of each plane in its file; -1 where there is none."""

    @classmethod
    def of_pages(
        cls,
        page_table: PageTable,
        pages: Sequence[int] | Integers,
        letters: str,
        shape: tuple[int, ...],
    ) -> "PlaneMap":
        """PlaneMap an array of pages of one file."""
        page_of = np.asarray(pages, np.int64)
        return cls(letters, shape, (page_table,), np.zeros(len(page_of), np.int64), page_of)


def length_of(array: LazyArray, letter: str, default: int) -> int:
    """Return the length of an axis, or the default where there is no such axis."""
    return dict(array.stored.items()).get(letter, default)


def lazy_array(
    plane_map: PlaneMap, plane_letters: str | None = None, like: PageStructure | None = None
) -> tuple[LazyArray, list[Diagnostic]]:
    """Make the array of a plane_map.

    Parameters
    ----------
    plane_map
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
    alone = _of_one_table(plane_map)
    if alone is not None and (like is None or _fits(alone[0].structure, like)):
        table, rows = alone
        return _array(
            plane_map,
            plane_letters,
            like or table.structure,
            [_group_of(plane_map.page_tables[0].source, table, rows)],
        ), []
    segment_table_of, row_of = _look_up(plane_map)
    used = _pairs(plane_map.table_of, segment_table_of)
    if not used:
        raise CorruptFileError.at(
            plane_map.page_tables[0].source.uri,
            None,
            "expected pixels, but none of the planes is there",
        )
    first = int((segment_table_of >= 0).argmax())
    like = (
        like
        or plane_map.page_tables[int(plane_map.table_of[first])]
        .segment_tables[int(segment_table_of[first])]
        .structure
    )
    group_of = np.zeros(len(segment_table_of), np.int64)
    rows = np.full(len(segment_table_of), -1, np.int64)
    groups: list[PlaneGroup] = []
    diagnostics: list[Diagnostic] = []
    for page_table, kind_number in used:
        planes = np.flatnonzero(
            (plane_map.table_of == page_table) & (segment_table_of == kind_number)
        )
        table = plane_map.page_tables[page_table].segment_tables[kind_number]
        if not _fits(table.structure, like):
            text = f"{len(planes)} planes are blank: {_describe(table.structure)}, where {_describe(like)} is needed"
            diagnostics.append(
                Diagnostic("page-does-not-fit", text, plane_map.page_tables[page_table].source.uri)
            )
            continue
        group_of[planes], rows[planes] = len(groups), np.arange(len(planes))
        groups.append(_group_of(plane_map.page_tables[page_table].source, table, row_of[planes]))
    simple = len(groups) == 1 and np.array_equal(rows, np.arange(len(rows)))
    tables = (
        b"" if len(groups) == 1 else group_of.astype("<i4").tobytes(),
        b"" if simple else rows.astype("<i4").tobytes(),
    )
    return _array(plane_map, plane_letters, like, groups, *tables), diagnostics


def _array(
    plane_map: PlaneMap,
    plane_letters: str | None,
    like: PageStructure,
    groups: Sequence[PlaneGroup],
    group_of: bytes = b"",
    row_of: bytes = b"",
) -> LazyArray:
    dtype = like.dtype.newbyteorder("=")
    plane: Four = (like.depth, like.length, like.width, like.samples)
    axes = (like.depth > 1, like.sampled)
    if not groups:
        raise CorruptFileError.at(
            plane_map.page_tables[0].source.uri,
            None,
            f"expected planes of {_describe(like)}, found none",
        )
    unit = (
        (1, 1, 1)
        if not groups[0].codecs and groups[0].grid.size[1] == like.length
        else groups[0].grid.size
    )
    shape = block_shape(plane_map.shape, plane, axes, dtype.itemsize, unit)
    layout = TiffLayout(plane_map.shape, plane, axes, tuple(groups), shape, group_of, row_of)
    letters = plane_map.letters + (plane_letters or like.letters)
    return LazyArray.whole(layout, Dims(letters, plane_map.shape + like.shape), dtype)


def _of_one_table(plane_map: PlaneMap) -> tuple[SegmentTable, Integers] | None:
    """The table that has all pages of a plane_map, and their rows in it: so it is for most files."""
    page_table, pages = plane_map.page_tables[0], plane_map.page_of
    if (
        len(plane_map.page_tables) > 1
        or len(page_table.segment_tables) > 1
        or len(page_table.segment_tables[0].offsets) < len(page_table)
        or not pages.size
    ):
        return None
    if pages[pages.argmin()] < 0 or pages[pages.argmax()] >= len(page_table):
        return None
    return page_table.segment_tables[0], page_table.row_of.take(pages)


def _pairs(table_of: Integers, segment_table_of: Integers) -> list[tuple[int, int]]:
    """Return the different pairs of page_table and kind, without the planes that are missing."""
    if (
        len(segment_table_of)
        and segment_table_of.min() == segment_table_of.max()
        and table_of.min() == table_of.max()
    ):
        return [(int(table_of[0]), int(segment_table_of[0]))] if segment_table_of[0] >= 0 else []
    there = segment_table_of >= 0
    pairs = np.unique(np.stack([table_of[there], segment_table_of[there]]), axis=1)
    return [(s, k) for s, k in pairs.T.tolist()]


def _look_up(plane_map: PlaneMap) -> tuple[Integers, Integers]:
    """Kind and row of each plane in the tables of its file; -1 where the page is not there."""
    segment_table_of = np.full(len(plane_map.page_of), -1, np.int64)
    row_of = np.zeros(len(plane_map.page_of), np.int64)
    for number, page_table in enumerate(plane_map.page_tables):
        planes = np.flatnonzero(
            (plane_map.table_of == number)
            & (plane_map.page_of >= 0)
            & (plane_map.page_of < len(page_table))
        )
        segment_table_of[planes] = page_table.segment_table_of[plane_map.page_of[planes]]
        row_of[planes] = page_table.row_of[plane_map.page_of[planes]]
    return segment_table_of, row_of


def _fits(kind: PageStructure, like: PageStructure) -> bool:
    return (
        kind.shape == like.shape
        and kind.is_decodable
        and kind.dtype.newbyteorder("=") == like.dtype.newbyteorder("=")
    )


def _describe(kind: PageStructure) -> str:
    return f"{' x '.join(map(str, kind.shape))} samples of {'/'.join(map(str, kind.bits))} bits"


def _group_of(source: Source, table: SegmentTable, rows: Integers) -> PlaneGroup:
    """Pack the rows of one kind; strips of raw pixels that touch become one segment."""
    kind = table.structure
    offsets, counts = table.offsets.take(rows, axis=0), table.counts.take(rows, axis=0)
    codecs = kind.codecs
    size, clipped = kind.segment, kind.tile is None
    if not codecs and clipped and _touching(kind, offsets):
        size = (kind.depth, kind.length, kind.width)
        offsets = offsets[:, :: math.prod(kind.grid)]
    return PlaneGroup(
        source=source,
        grid=SegmentGrid(size, clipped, kind.planar, offsets.shape[1]),
        dtype=kind.dtype,
        codecs=codecs,
        offsets=PackedIntegers.pack(offsets),
        # Raw pixels are found by their geometry.
        counts=PackedIntegers.pack(counts) if codecs else PackedIntegers.constant(0, offsets.size),
    )


def _touching(kind: PageStructure, offsets: Counts) -> bool:
    """Whether the strips of each sample plane follow each other without a gap."""
    strips = math.prod(kind.grid)
    if offsets.shape[1] != kind.segments or not offsets.all():
        return False
    if strips == 1:
        return True
    each = offsets.reshape(len(offsets), -1, strips)
    return bool((np.diff(each, axis=2) == np.uint64(kind.raw_bytes(kind.rows_per_strip))).all())


def contiguous(
    file: OpenTiff, page_table: PageTable, planes: int, following: int, page: int = 0
) -> tuple[PageTable, Integers] | None:
    """Show the planes that follow the pixels of a page without a gap, as if each had a directory.

    Parameters
    ----------
    file, page_table, page
        The page that comes first.
    planes
        How many there are with it.
    following
        Offset of the next directory, 0 for none: one that lies among the planes shows that they do not follow.

    Returns
    -------
    A page_table and its pages, or ``None`` when the pixels are not raw, or the file is too short.
    """
    kind = page_table.structure(page)
    if kind is None or not kind.is_decodable or not kind.is_raw or kind.tile is not None:
        return None
    table = page_table.segment_tables[int(page_table.segment_table_of[page])]
    offsets = table.offsets[int(page_table.row_of[page])][None]
    step = kind.raw_bytes(kind.length) * (kind.samples if kind.planar else 1) * kind.depth
    start, end = int(offsets[0, 0]), int(offsets[0, 0]) + planes * step
    if (
        kind.planar
        and (np.diff(offsets[0, :: math.prod(kind.grid)]) != np.uint64(step // kind.samples)).any()
    ):
        return None
    if not _touching(kind, offsets) or end > file.size or start < following < end:
        return None
    if len(page_table.directories) > page and start < page_table.directories[page].offset < end:
        return None
    if following and planes > 1 and not _follows(file, following, start + step):
        return None
    whole = attrs.evolve(kind, rows_per_strip=kind.length)
    each = start + step * np.arange(planes, dtype=np.uint64)[:, None]
    if kind.planar:
        each = each + np.uint64(step // kind.samples) * np.arange(kind.samples, dtype=np.uint64)
    rows = SegmentTable(whole, each, np.zeros_like(each))
    pages = np.arange(planes)
    return PageTable(
        page_table.source, (rows,), np.zeros(planes, np.int64), pages, {}, page_table.directories
    ), pages


def has_more_pages(file: OpenTiff, planes: int) -> bool:
    """Whether the chain goes on after the directories of some planes: with levels or other images."""
    directories, _ = read_chain(file, file.first)
    return len(directories) > planes


def _follows(file: OpenTiff, directory: int, offset: int) -> bool:
    """Whether the pixels of the next page begin at an offset."""
    groups, _ = tabulate(file, Chain.of([read_directory(file, directory)[0]]))
    return bool(groups) and groups[0].offsets.size > 0 and int(groups[0].offsets[0, 0]) == offset


def split_samples(page_table: PageTable) -> PageTable:
    """Show a file whose samples are stored apart as one page for each sample."""
    samples = page_table.segment_tables[0].structure.samples
    rows = []
    for table in page_table.segment_tables:
        kind = attrs.evolve(
            table.structure, samples=1, planar=False, photometric=1, extra_samples=()
        )
        width = -(-table.offsets.shape[1] // samples)
        offsets, counts = (widened(part, width * samples) for part in (table.offsets, table.counts))
        rows.append(SegmentTable(kind, offsets.reshape(-1, width), counts.reshape(-1, width)))
    segment_table_of = np.repeat(page_table.segment_table_of, samples)
    row_of = (page_table.row_of[:, None] * samples + np.arange(samples)).reshape(-1)
    return PageTable(
        page_table.source, tuple(rows), segment_table_of, row_of, {}, page_table.directories
    )
