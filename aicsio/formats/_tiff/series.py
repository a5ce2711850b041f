"""TiffLayout of a plain TIFF -> scenes: pages that look alike are one scene, reduced ones its levels.

Rule kept here: what the file says decides -- NewSubfileType, SubIFDs -- and what is guessed is told by a
``Diagnostic``. No page is dropped without one.

Source of the facts: TIFF 6.0 section 8 (NewSubfileType), Adobe PageMaker 6.0 TIFF technical notes (SubIFDs).
"""

import itertools
import operator
from collections.abc import Sequence

import attrs
import numpy as np

from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.page import PageStructure, diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed
from aicsio.formats._tiff.page_tables import PageTable, page_table_at
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.records import Diagnostic, LazyArray, Scene

MOST_SUB_IFDS = 4096
"""SubIFDs beyond the pages of a pyramid that are looked at, one by one."""


@attrs.frozen(eq=False)
class PageSeries:
    """TiffLayout that look alike; lives while a file is being opened."""

    page_table: PageTable
    pages: tuple[int, ...]
    kind: PageStructure

    @property
    def size(self) -> tuple[int, int]:
        """SegmentTable and columns."""
        return self.kind.length, self.kind.width


def all_series(page_table: PageTable) -> list[PageSeries]:
    """Sort the pages of a file into runs of pages that look alike; runs that alternate are joined."""
    looks = [_look(rows.kind) for rows in page_table.rows]
    usable = [
        (looks[number], page)
        for page, number in enumerate(page_table.kind_of.tolist())
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
    return [PageSeries(page_table, tuple(pages), _kind(page_table, pages[0])) for _, pages in runs]


def _alternate(looks: list[object]) -> bool:
    """Whether looks repeat in a fixed order, as images and their thumbnails do."""
    period = len(set(looks))
    return period < len(looks) and all(look == looks[i % period] for i, look in enumerate(looks))


def _look(kind: PageStructure) -> object:
    return (
        kind.shape,
        kind.bits,
        kind.sample_format,
        kind.photometric,
        kind.extra_samples,
        kind.mask,
        kind.reduced,
    )


def _kind(page_table: PageTable, page: int) -> PageStructure:
    return page_table.rows[int(page_table.kind_of[page])].kind


def is_level_of(small: PageSeries, large: PageSeries) -> bool:
    """Whether pages can be a lower resolution of others: equal but for rows and columns, which shrink alike."""
    if (
        len(small.pages) != len(large.pages)
        or small.kind.samples != large.kind.samples
        or small.kind.mask
    ):
        return False
    if not (small.kind.is_decodable and large.kind.is_decodable):
        return False
    if small.kind.dtype.newbyteorder("=") != large.kind.dtype.newbyteorder("="):
        return False
    down, across = (a / b for a, b in zip(large.size, small.size, strict=True))
    if min(down, across) < 1 or max(down, across) <= 1:
        return False
    # Sizes are rounded: the factor of one axis must reproduce the other within a pixel and a bit.
    factor = max(down, across)
    return all(abs(b - a / factor) <= 1.5 for a, b in zip(large.size, small.size, strict=True))


def plain_scenes(file: OpenTiff, page_table: PageTable) -> tuple[list[Scene], list[Diagnostic]]:
    """Make scenes of all pages of a file.

    Raises
    ------
    UnsupportedFormatError
        When none of them can be decoded.
    """
    diagnostics: list[Diagnostic] = []
    pyramids: list[list[PageSeries]] = []
    for series in all_series(page_table):
        owner = next(
            (p for p in pyramids if series.kind.reduced and is_level_of(series, p[0])), None
        )
        if owner is not None:
            owner.append(series)
            continue
        pyramids.append([series])
    for pyramid in list(pyramids):
        levels, others, notes = sub_series(file, pyramid[0])
        pyramid.extend(levels)
        pyramids += [[other] for other in others]
        diagnostics += notes
    return make_scenes(file, pyramids, diagnostics)


def sub_series(
    file: OpenTiff, series: PageSeries
) -> tuple[list[PageSeries], list[PageSeries], list[Diagnostic]]:
    """Find the SubIFDs of the pages of a series: levels of it, and other images."""
    offsets = [series.page_table.sub_ifds.get(page, ()) for page in series.pages]
    count = min(map(len, offsets), default=0)
    levels: list[PageSeries] = []
    others: list[PageSeries] = []
    diagnostics: list[Diagnostic] = []
    rest = [offset for own in offsets for offset in own[count:]]
    for level in range(min(count, MOST_SUB_IFDS)):
        page_table, notes = page_table_at(file, [own[level] for own in offsets])
        diagnostics += notes
        for found in all_series(page_table) if page_table is not None else ():
            same = len(found.pages) == len(series.pages) and is_level_of(found, series)
            (levels if same else others).append(found)
    for offset in rest[:MOST_SUB_IFDS]:
        page_table, notes = page_table_at(file, [offset])
        diagnostics += notes
        others += all_series(page_table) if page_table is not None else []
    levels.sort(key=lambda found: found.size, reverse=True)
    return levels, others, diagnostics


def make_scenes(
    file: OpenTiff, pyramids: Sequence[Sequence[PageSeries]], diagnostics: list[Diagnostic]
) -> tuple[list[Scene], list[Diagnostic]]:
    """Make one scene of each pyramid; those that cannot be decoded have no levels."""
    scenes: list[Scene] = []
    trouble: UnsupportedFormatError | None = None
    for pyramid in pyramids:
        top = sorted(pyramid, key=lambda series: series.size, reverse=True)
        where = f"page {top[0].pages[0]}"
        facts = PageTags.of(file, top[0].page_table.directories[top[0].pages[0]])
        arrays: list[LazyArray] = []
        try:
            for series in top:
                array, notes = _stack(series)
                arrays.append(array)
                diagnostics += notes
        except UnsupportedFormatError as error:
            trouble = trouble or UnsupportedFormatError(f"{file.source.uri}: {error}")
            diagnostics.append(Diagnostic("undecodable", str(error), where))
        diagnostics += diagnose(top[0].kind, where)
        if len(top[0].pages) > 1 and arrays:
            diagnostics.append(guessed("Z", (len(top[0].pages),), where))
        scenes.append(
            Scene(
                name=f"Image:{len(scenes)}",
                levels=tuple(arrays),
                pixel_size=facts.pixel_size(),
                acquired=facts.acquired(),
                color_map=facts.color_map(top[0].kind),
            )
        )
    if trouble is not None and not any(scene.levels for scene in scenes):
        raise trouble
    if not scenes:
        raise CorruptFileError.at(
            file.source.uri, None, "expected at least one page that can be read"
        )
    return scenes, diagnostics


def _stack(series: PageSeries) -> tuple[LazyArray, list[Diagnostic]]:
    """Stack pages that look alike along Z, which is a guess."""
    letters = "Z" if series.kind.depth == 1 else "T"
    shape = (len(series.pages),) if len(series.pages) > 1 else ()
    plane_map = PlaneMap.of_pages(
        series.page_table, np.array(series.pages), letters[: len(shape)], shape
    )
    return lazy_array(plane_map, like=series.kind)
