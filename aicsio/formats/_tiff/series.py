"""Pages of a plain TIFF -> scenes: pages that look alike are one scene, reduced ones its levels.

Rule kept here: NewSubfileType, SubIFDs and the sizes of pages decide; a guess is reported in a
``Diagnostic``. No page is dropped without one.

Source of the facts: TIFF 6.0 section 8 (NewSubfileType), Adobe PageMaker 6.0 TIFF technical notes
(SubIFDs).
"""

import bisect
import itertools
import operator
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats._tiff.acquisition import describe_exposure, read_acquisition
from aicsio.formats._tiff.electron_microscopes import digital_micrograph_pages
from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.makers import read_maker_size
from aicsio.formats._tiff.page import PageStructure, diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed
from aicsio.formats._tiff.page_tables import PageTable, read_page_table_at
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Diagnostic, LazyArray, PixelSize, Scene

MOST_SUB_IFDS = 4096
"""SubIFDs beyond the pages of a pyramid that are read, one by one."""
MOST_SIS_PAGES = 4096
"""Longer stacks are not searched for the tag of Olympus SIS: it takes 9 ms for 50 000 pages."""
MOST_OWNERS = 64
"""Images near a reduced page that are compared with it: 4000 pages of different sizes stay linear."""


@attrs.define(eq=False, repr=False)
class PageSeries:
    """Pages that look alike; lives while a file is being opened."""

    page_table: PageTable
    pages: tuple[int, ...]
    structure: PageStructure

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.structure.length, self.structure.width


def all_series(page_table: PageTable) -> list[PageSeries]:
    """Sort the pages of a file into runs of pages that look alike; runs that alternate are joined."""
    tables = page_table.segment_tables
    if len(tables) == 1 and len(tables[0].offsets) == len(page_table):
        # Without a look at each page: 10 ms less for 50 000 equal ones.
        return [PageSeries(page_table, tuple(range(len(page_table))), tables[0].structure)]
    # Compression and strips may differ inside one image; shape, type and meaning may not.
    looks = [_look(table.structure) for table in tables]
    usable = [
        (looks[number], page)
        for page, number in enumerate(page_table.segment_table_of.tolist())
        if number >= 0
    ]
    runs = [
        (look, [page for _, page in run])
        for look, run in itertools.groupby(usable, operator.itemgetter(0))
    ]
    if _alternate([look for look, _ in runs]):
        merged: dict[object, list[int]] = {}
        for look, pages in runs:
            merged.setdefault(look, []).extend(pages)
        runs = list(merged.items())
    return [
        PageSeries(page_table, tuple(pages), _structure(page_table, pages[0])) for _, pages in runs
    ]


def _alternate(looks: list[object]) -> bool:
    """Whether looks repeat in a fixed order, as images and their thumbnails do."""
    period = len(set(looks))
    return period < len(looks) and all(look == looks[i % period] for i, look in enumerate(looks))


def _look(structure: PageStructure) -> object:
    return (
        structure.shape,
        structure.bits,
        structure.sample_format,
        structure.photometric,
        structure.extra_samples,
        structure.mask,
        structure.reduced,
    )


def _structure(page_table: PageTable, page: int) -> PageStructure:
    return page_table.segment_tables[int(page_table.segment_table_of[page])].structure


# ---------------------------------------------------------------- levels


def is_level_of(small: PageSeries, large: PageSeries) -> bool:
    """Whether pages can be a lower resolution of others: equal but for rows and columns."""
    if len(small.pages) != len(large.pages):
        return False
    return _is_reduction(small.structure, large.structure)


def _is_reduction(small: PageStructure, large: PageStructure) -> bool:
    # A mask has the size of its image or of a level, but is no picture of it.
    if small.samples != large.samples or small.depth != large.depth or small.mask:
        return False
    if not shrinks_evenly((large.length, large.width), (small.length, small.width)):
        return False
    if not (small.is_decodable and large.is_decodable):
        return False
    return small.dtype.newbyteorder("=") == large.dtype.newbyteorder("=")


def shrinks_evenly(large: tuple[int, int], small: tuple[int, int]) -> bool:
    """Whether one factor explains the rows and the columns of a smaller image.

    Writers round each level up, down or to the nearest, some of them at each halving, so that a
    size may be wrong by up to one pixel. The factors that explain a size with such an error form an
    interval; the intervals of both axes must overlap.

    Examples
    --------
    >>> from aicsio.formats._tiff.series import shrinks_evenly
    >>> shrinks_evenly((511, 1540), (63, 192)), shrinks_evenly((500, 1000), (200, 500))
    (True, False)
    """
    if large == small or any(b > a or b < 1 for a, b in zip(large, small, strict=True)):
        return False
    # b = a / f, wrong by up to one: a / (b + 1) <= f <= a / (b - 1) for each axis.
    lowest = max(a / (b + 1) for a, b in zip(large, small, strict=True))
    highest = min(a / (b - 1) if b > 1 else float("inf") for a, b in zip(large, small, strict=True))
    return max(lowest, 1.0) < highest


def sub_series(
    file: OpenTiff, series: PageSeries
) -> tuple[list[PageSeries], list[PageSeries], list[Diagnostic]]:
    """Read the SubIFDs of the pages of a series.

    Returns
    -------
    Levels of the series, largest first; other images; diagnostics.
    """
    if not series.page_table.sub_ifds:
        return [], [], []
    offsets = [series.page_table.sub_ifds.get(page, ()) for page in series.pages]
    # A level needs a SubIFD of each page; more of them belong to single pages.
    level_count = min(map(len, offsets), default=0)
    levels: list[PageSeries] = []
    others: list[PageSeries] = []
    diagnostics: list[Diagnostic] = []
    for level in range(min(level_count, MOST_SUB_IFDS)):
        page_table, notes = read_page_table_at(file, [listed[level] for listed in offsets])
        diagnostics += notes
        for found in all_series(page_table) if page_table is not None else ():
            (levels if is_level_of(found, series) else others).append(found)
    beyond = [offset for listed in offsets for offset in listed[level_count:]]
    for offset in beyond[:MOST_SUB_IFDS]:
        page_table, notes = read_page_table_at(file, [offset])
        diagnostics += notes
        others += all_series(page_table) if page_table is not None else []
    levels.sort(key=lambda found: found.size, reverse=True)
    return levels, others, diagnostics


def build_pyramids(all_pages: Sequence[PageSeries]) -> list[list[PageSeries]]:
    """Give each reduced series to the full image that it is a level of, before or after it."""
    full = [series for series in all_pages if not series.structure.reduced]
    first_pages = [series.pages[0] for series in full]
    pyramids = {id(series): [series] for series in full}
    for series in all_pages:
        if not series.structure.reduced:
            continue
        # Writers put levels after their image (libtiff, tifffile), some before it, smallest first.
        first_page = series.pages[0]
        position = bisect.bisect(first_pages, first_page)
        before = full[max(position - MOST_OWNERS, 0) : position]
        after = full[position : position + MOST_OWNERS]
        nearest_first = (*reversed(before), *after)
        owner = next((other for other in nearest_first if is_level_of(series, other)), None)
        if owner is None:
            pyramids[id(series)] = [series]
        else:
            pyramids[id(owner)].append(series)
    return sorted(pyramids.values(), key=lambda pyramid: pyramid[0].pages[0])


def plain_scenes(file: OpenTiff, page_table: PageTable) -> tuple[list[Scene], list[Diagnostic]]:
    """Make scenes of all pages of a file.

    Raises
    ------
    UnsupportedFormatError
        When none of them can be decoded.
    """
    diagnostics: list[Diagnostic] = []
    pyramids = build_pyramids(all_series(page_table))
    pyramids = _join_orphans(pyramids)
    for pyramid in list(pyramids):
        levels, others, notes = sub_series(file, pyramid[0])
        pyramid.extend(levels)
        pyramids += [[other] for other in others]
        diagnostics += notes
    return make_scenes(file, pyramids, diagnostics)


def _join_orphans(pyramids: list[list[PageSeries]]) -> list[list[PageSeries]]:
    """Join reduced series without a full image: the largest of them that follow stands for it."""
    joined: list[list[PageSeries]] = []
    for pyramid in pyramids:
        top = joined[-1][0] if joined else None
        is_orphan = pyramid[0].structure.reduced
        if is_orphan and top is not None and top.structure.reduced and is_level_of(pyramid[0], top):
            joined[-1] += pyramid
        else:
            joined.append(pyramid)
    return joined


# ---------------------------------------------------------------- scenes


def make_scenes(
    file: OpenTiff, pyramids: Sequence[Sequence[PageSeries]], diagnostics: list[Diagnostic]
) -> tuple[list[Scene], list[Diagnostic]]:
    """Make one scene of each pyramid; those that cannot be decoded have no levels.

    Raises
    ------
    UnsupportedFormatError
        When none of them can be decoded.
    CorruptFileError
        When there is no page.
    """
    scenes: list[Scene] = []
    undecodable: UnsupportedFormatError | None = None
    sis_size = _size_of_sis_page(file, pyramids)
    for pyramid in pyramids:
        # The largest is the full resolution, whatever the order in the file.
        levels = sorted(pyramid, key=lambda series: series.size, reverse=True)
        top = levels[0]
        where = f"page {top.pages[0]}"
        tags = PageTags.of(file, top.page_table.directories[top.pages[0]])
        named = digital_micrograph_pages(tags) if len(top.pages) > 1 else None
        letter, time_step = named or ("Z", None)
        arrays: list[LazyArray] = []
        try:
            for series in levels:
                array, notes = stack_pages(series, letter)
                arrays.append(array)
                diagnostics += notes
        except UnsupportedFormatError as error:
            undecodable = undecodable or UnsupportedFormatError(f"{file.source.uri}: {error}")
            diagnostics.append(Diagnostic("undecodable", str(error), where))
        diagnostics += diagnose(top.structure, where)
        if len(top.pages) > 1 and arrays and named is None:
            diagnostics.append(guessed("Z", (len(top.pages),), where))
        size, notes = (sis_size, []) if sis_size is not None else read_pixel_size(tags)
        diagnostics += notes
        scenes.append(
            Scene(
                name=f"Image:{len(scenes)}",
                levels=tuple(arrays),
                pixel_size=size,
                time_step=time_step,
                color_map=tags.color_map(top.structure),
                planes=describe_exposure(tags, arrays[0].stored) if arrays else None,
                **read_acquisition(tags),
            )
        )
    if undecodable is not None and not any(scene.levels for scene in scenes):
        raise undecodable
    if not scenes:
        text = "expected at least one page that can be read"
        raise CorruptFileError.at(file.source.uri, None, text)
    return scenes, diagnostics


def _size_of_sis_page(file: OpenTiff, pyramids: Sequence[Sequence[PageSeries]]) -> PixelSize | None:
    """Return the pixel size of Olympus SIS, which only one page of the main image may have."""
    directories = pyramids[0][0].page_table.directories if pyramids else ()
    if len(pyramids) != 1 or not 0 < len(directories) <= MOST_SIS_PAGES:
        return None
    pages = pyramids[0][0].page_table.directories.pages_with(file.variant, Tag.OLYMPUS_SIS)
    for page in pages[:MOST_SUB_IFDS]:
        size = read_maker_size(PageTags.of(file, directories[page]))
        if size is not None:
            return size
    return None


def stack_pages(series: PageSeries, letter: str) -> tuple[LazyArray, list[Diagnostic]]:
    """Stack pages that look alike along an axis, which is a guess unless the file names it."""
    # ImageDepth is an axis Z inside each page: the pages then count something else.
    letters = letter if series.structure.depth == 1 else "T"
    shape = (len(series.pages),) if len(series.pages) > 1 else ()
    plane_map = PlaneMap.of_pages(
        series.page_table, np.array(series.pages), letters[: len(shape)], shape
    )
    return lazy_array(plane_map, like=series.structure)
