"""All pages of a TIFF in tables, and the arrays that are made of them.

Rule kept here: a table row is used only after it was held against the structure of its page; a page that breaks the
rules is left out with a ``Diagnostic``, and an error is raised only where nothing would remain.
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.words import count_of
from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.chain import Chain, read_chain
from aicsio.formats._tiff.compressions import JPEG_2000
from aicsio.formats._tiff.ifd import Directory, OpenTiff, read_directory
from aicsio.formats._tiff.jpeg2000 import holds_ycbcr
from aicsio.formats._tiff.page import PageStructure
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.structure import first_number, read_page_structure
from aicsio.formats._tiff.tag_tables import Counts, PageGroup, joined, tabulate
from aicsio.formats._tiff.tags import Compression, Tag
from aicsio.records import Diagnostic, Source

Integers = npt.NDArray[np.int64]


@attrs.define(eq=False, repr=False)
class SegmentTable:
    """Strips or tiles of all pages of one kind."""

    structure: PageStructure
    """How they are stored."""
    offsets: Counts
    """(pages, segments), 0 where nothing is stored."""
    counts: Counts
    """(pages, segments)."""


@attrs.define(eq=False, repr=False)
class PageTable:
    """All pages of one file; lives while files are being opened."""

    source: Source
    """The file."""
    segment_tables: tuple[SegmentTable, ...]
    """One for each structure."""
    segment_table_of: Integers
    """Index into ``segment_tables`` for each page; -1 for pages that cannot be used."""
    row_of: Integers
    """Row of each page in the table of its kind."""
    sub_ifds: dict[int, tuple[int, ...]]
    """Offsets of the SubIFDs of the pages that have some."""
    directories: Chain
    """Where the pages are."""

    def __len__(self) -> int:
        return len(self.segment_table_of)

    def structure(self, page: int) -> PageStructure | None:
        """How a page is stored, or ``None`` when it cannot be used."""
        number = int(self.segment_table_of[page])
        if number < 0:
            return None
        return self.segment_tables[number].structure


def open_page_table(file: OpenTiff, first: int) -> tuple[PageTable, list[Diagnostic]]:
    """Read the tables of a whole file, from the offset of its first directory.

    Raises
    ------
    CorruptFileError
        When no page can be used.
    """
    directories, diagnostics = read_chain(file, first)
    page_table, more = build_page_table(file, directories)
    return page_table, [*diagnostics, *more]


def read_page_table_at(
    file: OpenTiff, offsets: Sequence[int]
) -> tuple[PageTable | None, list[Diagnostic]]:
    """Read the tables of directories at given offsets (SubIFDs); those that cannot be read are left out."""
    directories: list[Directory] = []
    diagnostics: list[Diagnostic] = []
    for offset in offsets:
        try:
            directories.append(read_directory(file, offset)[0])
        except CorruptFileError as error:
            diagnostics.append(
                Diagnostic("tiff-broken-subifd", str(error), file.source.uri, loss=True)
            )
    # A level needs the SubIFD of each page: with one missing, planes would shift.
    if len(directories) < len(offsets) or not directories:
        return None, diagnostics
    try:
        page_table, more = build_page_table(file, Chain.of(directories))
    except CorruptFileError as error:
        return None, [Diagnostic("tiff-broken-subifd", str(error), file.source.uri, loss=True)]
    return page_table, [*diagnostics, *more]


def build_page_table(file: OpenTiff, directories: Chain) -> tuple[PageTable, list[Diagnostic]]:
    """Read the tables of some directories.

    Raises
    ------
    CorruptFileError
        When none of them can be used.
    """
    # Pages of equal tags share one structure, which is computed once.
    groups, diagnostics = tabulate(file, directories)
    kinds: dict[PageStructure, list[tuple[Integers, Counts, Counts]]] = {}
    sub_ifds: dict[int, tuple[int, ...]] = {}
    trouble: CorruptFileError | None = None
    for group in groups:
        where = directories.offset(int(group.pages[0]))
        try:
            kind = read_page_structure(group.values, file.variant.order)
            offsets, counts, notes = _segments(file, kind, group, where)
        except CorruptFileError as error:
            # The first error stands for the file if no page remains; its place is the directory.
            trouble = trouble or file.error(
                where, str(error) if error.uri is None else str(error).split(": ", 1)[-1]
            )
            text = (
                f"{count_of(len(group.pages), 'page', 'are')} left out, from page "
                f"{int(group.pages[0])}: {error}"
            )
            # One broken page must not take the others with it.
            note = Diagnostic("tiff-broken-page", text, f"byte {where}", loss=True, not_shown=True)
            diagnostics.append(note)
            continue
        diagnostics += notes
        # Technical Note 2 withdrew section 22: streams whose tables lie elsewhere are not decoded.
        if kind.compression == Compression.OLD_JPEG and not _is_jpeg(file, int(offsets[0, 0])):
            kind = attrs.evolve(kind, jpeg_parts=True)
        if kind.compression in JPEG_2000 and kind.samples == 3:
            tags = PageTags.of(file, directories[int(group.pages[0])])
            if holds_ycbcr(file, tags, kind.compression, int(offsets[0, 0])):
                kind = attrs.evolve(kind, decodes_to_ycbcr=True)
        kinds.setdefault(kind, []).append((group.pages, offsets, counts))
        if group.sub_ifds.size:
            sub_ifds.update(
                zip(group.pages.tolist(), map(tuple, group.sub_ifds.tolist()), strict=True)
            )
    if not kinds:
        raise trouble or file.error(
            directories[0].offset, "expected a page whose tags lie inside the file"
        )
    return _assemble(file.source, kinds, sub_ifds, directories), diagnostics


def _assemble(
    source: Source,
    kinds: dict[PageStructure, list[tuple[Integers, Counts, Counts]]],
    sub_ifds: dict[int, tuple[int, ...]],
    directories: Chain,
) -> PageTable:
    total = len(directories)
    segment_table_of, row_of = np.zeros((2, total), np.int64)
    # -1 marks pages that were left out; most files have none.
    if sum(len(pages) for parts in kinds.values() for pages, _, _ in parts) < total:
        segment_table_of[:] = -1
    rows = []
    for number, (kind, parts) in enumerate(kinds.items()):
        # Damaged pages may list fewer segments than others of their structure.
        width = max(part[1].shape[1] for part in parts)
        pages = joined([pages for pages, _, _ in parts])
        offsets = joined([widened(offsets, width) for _, offsets, _ in parts])
        counts = joined([widened(counts, width) for _, _, counts in parts])
        # Pages of one structure may come in several parts, not all of them in order.
        if np.count_nonzero(pages[1:] < pages[:-1]):
            order = np.argsort(pages, kind="stable")
            pages, offsets, counts = pages[order], offsets[order], counts[order]
        if len(pages) == total:  # so it is for most files: page n is row n
            row_of = pages
        else:
            segment_table_of[pages], row_of[pages] = number, np.arange(len(pages))
        rows.append(SegmentTable(kind, offsets, counts))
    return PageTable(source, tuple(rows), segment_table_of, row_of, sub_ifds, directories)


def widened(table: Counts, width: int) -> Counts:
    """Add columns of zeros."""
    return (
        table if table.shape[1] == width else np.pad(table, ((0, 0), (0, width - table.shape[1])))
    )


# ---------------------------------------------------------------- strips and tiles


def _segments(
    file: OpenTiff, kind: PageStructure, group: PageGroup, where: int
) -> tuple[Counts, Counts, list[Diagnostic]]:
    """Give each page as many offsets and counts as it has segments, as far as the file has them."""
    offsets, counts, notes = group.offsets, group.counts, []
    expected, found = kind.segments, offsets.shape[1]
    if kind.compression == Compression.OLD_JPEG:
        stream = _whole_stream(file, kind, group)
        if stream is not None:
            offsets, counts, found = *stream, 1
    if found == 0:
        raise file.error(where, "expected StripOffsets or TileOffsets, found neither")
    # A page may lack some segments (stopped writers), not most: tables are as long as expected,
    # and 2^31 rows of one strip each would fill memory.
    if expected > 4 * found + 16:
        pixels = f"{kind.length} x {kind.width} pixels"
        raise file.error(
            where, f"expected {expected} strips or tiles for {pixels}, the page lists {found}"
        )
    if found != expected:
        notes.append(
            Diagnostic(
                "tiff-segment-count",
                f"page needs {expected} strips or tiles, lists {found}",
                f"byte {where}",
            )
        )
        offsets = offsets[:, :expected]
    # Byte counts are missing in files of old writers; TIFF 6.0 requires them.
    if counts.shape[1] != found:
        counts = _estimated(file, kind, offsets)
    counts = counts[:, : offsets.shape[1]]
    # Raw segments are found by their geometry: counts that are wrong do no harm.
    if kind.is_decodable and not kind.codecs:
        return offsets, counts, notes
    if found == 1 and (counts == 0).any():
        # libtiff: a single strip without a count ends with the file.
        counts = np.where(counts == 0, _estimated(file, kind, offsets), counts)
    return offsets, counts, notes


def _whole_stream(
    file: OpenTiff, kind: PageStructure, group: PageGroup
) -> tuple[Counts, Counts] | None:
    """Find the JPEG stream of whole pages at JPEGInterchangeFormat (TIFF 6.0 section 22)."""
    start, length = (
        first_number(group.values, code, 0)
        for code in (Tag.JPEG_INTERCHANGE_FORMAT, Tag.JPEG_INTERCHANGE_FORMAT_LENGTH)
    )
    if kind.segments != 1 or not _is_jpeg(file, start):
        return None
    offsets = np.full((len(group.pages), 1), start, np.uint64)
    return offsets, np.full_like(offsets, length or file.size - start)


def _is_jpeg(file: OpenTiff, offset: int) -> bool:
    return 8 <= offset < file.size - 2 and file.read(offset, 2) == b"\xff\xd8"


def _estimated(file: OpenTiff, kind: PageStructure, offsets: Counts) -> Counts:
    """Guess missing byte counts: the size of raw pixels, else up to the end of the file."""
    starts = np.minimum(offsets, file.size).astype(np.int64)
    rest = np.maximum(file.size - starts, 0).astype(np.uint64)
    if kind.compression != Compression.NONE:
        return rest
    # Sides of 2^31 come to more bytes than 64 bits can count.
    raw_nbytes = min(kind.raw_bytes(kind.segment[1]), file.size)
    return np.minimum(rest, np.uint64(raw_nbytes))
