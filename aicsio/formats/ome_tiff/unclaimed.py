"""Pages that no image of the OME-XML names: levels behind the planes, or pages to be counted.

Rule kept here: a page becomes a level only if NewSubfileType calls it reduced and every plane of its
image has one. All other pages are counted in a diagnostic.

Source of the facts: TIFF 6.0 section 8 (NewSubfileType). OME-TIFF keeps levels in SubIFDs; libvips and
others append them as ordinary pages.
"""

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.words import count_of
from aicsio.formats._tiff.page_tables import Integers, PageTable
from aicsio.formats._tiff.series import PageSeries, is_level_of
from aicsio.formats.ome_tiff.planes import PlaneTable
from aicsio.records import Diagnostic


def find_levels_behind(
    page_tables: Sequence[PageTable], tables: Sequence[PlaneTable], where: str
) -> tuple[dict[int, list[PlaneTable]], list[Diagnostic]]:
    """Find the levels that follow the planes of images as ordinary pages.

    Parameters
    ----------
    page_tables
        Files of the set.
    tables
        Planes of each image.
    where
        File with the metadata, for diagnostics.

    Returns
    -------
    Planes of the levels, by index of the image; a diagnostic that counts the pages of no image.
    """
    if not page_tables:
        return {}, []
    # The usual case: the planes of one image are all pages of one file, in order.
    if len(tables) == len(page_tables) == 1 and tables[0].pages == range(len(page_tables[0])):
        return {}, []
    claimed = _claimed_pages(page_tables, tables)
    if np.count_nonzero(claimed) == len(claimed):
        return {}, []
    ends = np.cumsum([len(page_table) for page_table in page_tables])
    usable = np.concatenate([table.segment_table_of >= 0 for table in page_tables])
    page_count = int(np.count_nonzero(usable))
    free_pages = usable & ~claimed
    if not free_pages.any():
        return {}, []
    levels: dict[int, list[PlaneTable]] = {}
    unclaimed = 0
    for number, page_table in enumerate(page_tables):
        free = np.flatnonzero(free_pages[ends[number] - len(page_table) : ends[number]])
        for series in _group_by_structure(page_table, free):
            owners = _owners(series, tables)
            if not owners:
                unclaimed += len(series.pages)
            for index, level in owners.items():
                levels.setdefault(index, []).append(level)
    if not unclaimed:
        return levels, []
    message = f"{count_of(unclaimed, 'page', 'belong', total=page_count)} to no image of the OME-XML: not shown"
    return levels, [Diagnostic("ome-pages-unclaimed", message, where, not_shown=True)]


def _claimed_pages(
    page_tables: Sequence[PageTable], tables: Sequence[PlaneTable]
) -> npt.NDArray[np.bool_]:
    """Return which pages are planes, over all files: of 100 000 in 0.3 ms, sorted in 13 ms."""
    first_of, count = {}, 0
    for page_table in page_tables:
        first_of[id(page_table)] = count
        count += len(page_table)
    claimed = np.zeros(count, np.bool_)
    for table in tables:
        if not table.page_tables:
            continue
        table_of, page_of = table.table_of, table.page_of
        present = page_of >= 0
        if len(page_tables) == 1:
            # One file, as most are: its pages need no place among those of others.
            claimed[page_of[present]] = True
            continue
        firsts = np.array([first_of[id(one)] for one in table.page_tables], np.int64)
        if np.count_nonzero(present) < len(present):
            table_of, page_of = table_of[present], page_of[present]
        claimed[firsts[table_of] + page_of] = True
    return claimed


def _group_by_structure(page_table: PageTable, pages: Integers) -> list[PageSeries]:
    """Sort pages into groups of one size, type and meaning, in the order of the file."""
    groups: dict[object, list[int]] = {}
    for page in pages.tolist():
        kind = page_table.segment_tables[int(page_table.segment_table_of[page])].structure
        look = (kind.shape, kind.bits, kind.sample_format, kind.photometric, kind.reduced)
        groups.setdefault(look, []).append(page)
    series = []
    for group in groups.values():
        structure = page_table.structure(group[0])
        if structure is not None:
            series.append(PageSeries(page_table, tuple(group), structure))
    return series


def _owners(series: PageSeries, tables: Sequence[PlaneTable]) -> dict[int, PlaneTable]:
    """Give reduced pages to the images that they are a level of; none if the counts differ."""
    if not series.structure.reduced:
        return {}
    # Only the structures are compared here; the planes of all images are counted together.
    one = attrs.evolve(series, pages=series.pages[:1])
    candidates = [
        index
        for index, table in enumerate(tables)
        if table.kind is not None
        and len(table.page_tables) == 1
        and table.page_tables[0] is series.page_table
        and is_level_of(one, attrs.evolve(one, structure=table.kind))
    ]
    plane_pages = [tables[index].page_of for index in candidates]
    planes = np.concatenate([np.empty(0, np.int64), *plane_pages])
    if len(planes) != len(series.pages) or (planes < 0).any():
        return {}
    # The n-th plane of the file has the n-th page, whether levels alternate with planes or not.
    level_pages = np.empty_like(planes)
    level_pages[np.argsort(planes, kind="stable")] = series.pages
    ends = np.cumsum(list(map(len, plane_pages)))[:-1]
    return {
        index: attrs.evolve(tables[index], page_of=pages, kind=series.structure, pages=None)
        for index, pages in zip(candidates, np.split(level_pages, ends), strict=True)
    }
