"""From pages to the array that shows them.

Rule kept here: an array is made of planes of one shape and type. Planes that differ are blank, with
a ``Diagnostic``; an error is raised only if nothing would remain.
"""

import math
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.groups import PlaneGroup
from aicsio.formats._tiff.layout import TiffLayout
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_tables import Integers, PageTable, SegmentTable, widened
from aicsio.formats._tiff.segments import Four, SegmentGrid, block_shape
from aicsio.formats._tiff.tag_tables import Counts
from aicsio.formats._tiff.tags import Photometric
from aicsio.records import Diagnostic, Dims, LazyArray, Source
from aicsio.records.packed import PackedIntegers


@attrs.define(eq=False, repr=False)
class PlaneMap:
    """Which pages make an array: the step between tables and a ``LazyArray``."""

    letters: str
    """Letters of the axes along which planes are counted."""
    shape: tuple[int, ...]
    """Their sizes."""
    page_tables: tuple[PageTable, ...]
    """Files that hold pages."""
    table_of: Integers
    """Index into ``page_tables`` for each plane, in C order over ``shape``."""
    page_of: Integers
    """Page of each plane in its file; -1 if it is missing."""

    @classmethod
    def of_pages(
        cls,
        page_table: PageTable,
        pages: Sequence[int] | Integers,
        letters: str,
        shape: tuple[int, ...],
    ) -> "PlaneMap":
        """Map planes to pages of one file."""
        page_of = np.asarray(pages, np.int64)
        return cls(letters, shape, (page_table,), np.zeros(len(page_of), np.int64), page_of)


def length_of(array: LazyArray, letter: str, default: int) -> int:
    """Return the length of an axis, or the default where there is no such axis."""
    return array.stored.get(letter, default)


def lazy_array(
    plane_map: PlaneMap, plane_letters: str | None = None, like: PageStructure | None = None
) -> tuple[LazyArray, list[Diagnostic]]:
    """Make the array of a map of planes.

    Parameters
    ----------
    plane_map
        Which pages.
    plane_letters
        Letters of the axes of a page, in place of ``ZYXS``.
    like
        Structure whose shape and type all pages must have; that of the first usable one by default.

    Raises
    ------
    UnsupportedFormatError
        When the pixels cannot be decoded.
    CorruptFileError
        When no plane is in the file.
    """
    source = plane_map.page_tables[0].source
    single = _find_single_table(plane_map)
    if single is not None and (like is None or _fits(single[0].structure, like)):
        segment_table, rows = single
        groups = [_pack_group(source, segment_table, rows)]
        return _build_array(plane_map, plane_letters, like or segment_table.structure, groups), []
    segment_table_of, row_of = _look_up(plane_map)
    used = _used_tables(plane_map.table_of, segment_table_of)
    if not used:
        text = "expected pixels, but the file has none of the planes"
        raise CorruptFileError.at(source.uri, None, text)
    if like is None:
        first = int((segment_table_of >= 0).argmax())
        first_table = plane_map.page_tables[int(plane_map.table_of[first])]
        like = first_table.segment_tables[int(segment_table_of[first])].structure
    group_of = np.zeros(len(segment_table_of), np.int64)
    rows = np.full(len(segment_table_of), -1, np.int64)
    groups = []
    notes: list[Diagnostic] = []
    for table_number, segment_table_number in used:
        page_table = plane_map.page_tables[table_number]
        segment_table = page_table.segment_tables[segment_table_number]
        is_in_table = plane_map.table_of == table_number
        planes = np.flatnonzero(is_in_table & (segment_table_of == segment_table_number))
        if not _fits(segment_table.structure, like):
            text = (
                f"{count_of(len(planes), 'plane', 'are')} blank: {_describe(segment_table.structure)}, "
                f"where {_describe(like)} is needed"
            )
            notes.append(Diagnostic("page-does-not-fit", text, page_table.source.uri))
            continue
        group_of[planes], rows[planes] = len(groups), np.arange(len(planes))
        groups.append(_pack_group(page_table.source, segment_table, row_of[planes]))
    # Columns that follow from the order of planes are left out: four bytes a plane.
    is_simple = len(groups) == 1 and np.array_equal(rows, np.arange(len(rows)))
    packed_groups = b"" if len(groups) == 1 else group_of.astype("<i4").tobytes()
    packed_rows = b"" if is_simple else rows.astype("<i4").tobytes()
    array = _build_array(plane_map, plane_letters, like, groups, packed_groups, packed_rows)
    return array, notes


def _build_array(
    plane_map: PlaneMap,
    plane_letters: str | None,
    like: PageStructure,
    groups: Sequence[PlaneGroup],
    group_of: bytes = b"",
    row_of: bytes = b"",
) -> LazyArray:
    # The type comes first: pixels that cannot be decoded are not reported as missing.
    dtype = like.dtype.newbyteorder("=")
    if not groups:
        text = f"expected planes of {_describe(like)}, found none"
        raise CorruptFileError.at(plane_map.page_tables[0].source.uri, None, text)
    plane: Four = (like.depth, like.length, like.width, like.samples)
    axes = (like.depth > 1, like.sampled)
    unit = groups[0].grid.size
    # Raw planes in one piece may be cut anywhere; others between their segments, since a segment
    # that belongs to two blocks is decoded twice.
    if not groups[0].codecs and unit[1] == like.length:
        unit = (1, 1, 1)
    shape = block_shape(plane_map.shape, plane, axes, dtype.itemsize, unit)
    layout = TiffLayout(plane_map.shape, plane, axes, tuple(groups), shape, group_of, row_of)
    letters = plane_map.letters + (plane_letters or like.letters)
    return LazyArray.whole(layout, Dims(letters, plane_map.shape + like.shape), dtype)


# ---------------------------------------------------------------- where planes are


def _find_single_table(plane_map: PlaneMap) -> tuple[SegmentTable, Integers] | None:
    """Return the only table of a file that has all planes, and their rows in it.

    Most files have pages of one structure, for which nothing is compared plane by plane.
    """
    page_table, pages = plane_map.page_tables[0], plane_map.page_of
    if len(plane_map.page_tables) > 1 or len(page_table.segment_tables) > 1 or not pages.size:
        return None
    segment_table = page_table.segment_tables[0]
    # A shorter table means that some pages were left out when the file was opened.
    if len(segment_table.offsets) < len(page_table):
        return None
    # Of a few pages, argmin takes a tenth of the time of min: 0.2 microseconds.
    if pages[pages.argmin()] < 0 or pages[pages.argmax()] >= len(page_table):
        return None
    return segment_table, page_table.row_of.take(pages)


def _used_tables(table_of: Integers, segment_table_of: Integers) -> list[tuple[int, int]]:
    """Return the different pairs of file and table, without those of missing planes."""
    present = segment_table_of >= 0
    if not present.any():
        return []
    pairs = np.stack([table_of[present], segment_table_of[present]])
    # np.unique sorts, which planes of one table do not need.
    if (pairs == pairs[:, :1]).all():
        return [(int(pairs[0, 0]), int(pairs[1, 0]))]
    return [(file, table) for file, table in np.unique(pairs, axis=1).T.tolist()]


def _look_up(plane_map: PlaneMap) -> tuple[Integers, Integers]:
    """Return table and row of each plane in its file; table -1 if the page is missing."""
    page_of = plane_map.page_of
    segment_table_of = np.full(len(page_of), -1, np.int64)
    row_of = np.zeros(len(page_of), np.int64)
    for number, page_table in enumerate(plane_map.page_tables):
        # A description may name pages beyond the end of the chain.
        is_inside = (page_of >= 0) & (page_of < len(page_table))
        planes = np.flatnonzero((plane_map.table_of == number) & is_inside)
        segment_table_of[planes] = page_table.segment_table_of[page_of[planes]]
        row_of[planes] = page_table.row_of[page_of[planes]]
    return segment_table_of, row_of


def _fits(structure: PageStructure, like: PageStructure) -> bool:
    if not structure.is_decodable:
        return False
    if structure is like:
        return True
    if structure.shape != like.shape:
        return False
    # Byte order is part of each group: planes of both orders may stand side by side.
    return structure.dtype.newbyteorder("=") == like.dtype.newbyteorder("=")


def _describe(structure: PageStructure) -> str:
    shape = " x ".join(map(str, structure.shape))
    return f"{shape} samples of {'/'.join(map(str, structure.bits))} bits"


# ---------------------------------------------------------------- how planes are stored


def _pack_group(source: Source, table: SegmentTable, rows: Integers) -> PlaneGroup:
    """Pack the rows of one structure; strips of raw pixels that touch become one segment."""
    structure = table.structure
    offsets = table.offsets.take(rows, axis=0)
    codecs = structure.codecs
    size, is_strips = structure.segment, structure.tile is None
    if not codecs and is_strips and strips_touch(structure, offsets):
        size = (structure.depth, structure.length, structure.width)
        offsets = offsets[:, :: math.prod(structure.grid)]
    packed_counts = PackedIntegers.constant(0, offsets.size)
    if codecs:  # raw pixels are found by their geometry
        packed_counts = PackedIntegers.pack(table.counts.take(rows, axis=0))
    return PlaneGroup(
        source=source,
        grid=SegmentGrid(size, is_strips, structure.planar, offsets.shape[1]),
        dtype=structure.dtype,
        codecs=codecs,
        offsets=PackedIntegers.pack(offsets),
        counts=packed_counts,
    )


def strips_touch(structure: PageStructure, offsets: Counts) -> bool:
    """Whether the strips of each sample plane follow each other without a gap.

    TIFF 6.0 section 3 allows strips in any order and anywhere; most writers append them.
    """
    if offsets.shape[1] != structure.segments or np.count_nonzero(offsets) < offsets.size:
        return False
    strip_count = math.prod(structure.grid)
    if strip_count == 1:
        return True
    strips = offsets.reshape(len(offsets), -1, strip_count)
    strip_nbytes = structure.raw_bytes(structure.rows_per_strip)
    # Strips of 2^31 x 2^31 pixels: more bytes than 64 bits can count, and no file has them.
    if strip_nbytes >= 1 << 62:
        return False
    return bool((np.diff(strips, axis=2) == np.uint64(strip_nbytes)).all())


def split_samples(page_table: PageTable) -> PageTable:
    """Show a file whose samples are stored apart as one page for each sample."""
    samples = page_table.segment_tables[0].structure.samples
    tables = []
    for table in page_table.segment_tables:
        structure = attrs.evolve(
            table.structure,
            samples=1,
            planar=False,
            photometric=Photometric.MIN_IS_BLACK,
            extra_samples=(),
        )
        # TIFF 6.0, PlanarConfiguration: all segments of the first sample come before those of the
        # second. A table that is too short is filled up with segments that are not stored.
        width = -(-table.offsets.shape[1] // samples)
        offsets = widened(table.offsets, width * samples).reshape(-1, width)
        counts = widened(table.counts, width * samples).reshape(-1, width)
        tables.append(SegmentTable(structure, offsets, counts))
    segment_table_of = np.repeat(page_table.segment_table_of, samples)
    row_of = (page_table.row_of[:, None] * samples + np.arange(samples)).reshape(-1)
    return PageTable(
        page_table.source, tuple(tables), segment_table_of, row_of, {}, page_table.directories
    )
