"""TIFF as tifffile writes it: shape and axes as JSON in the description.

Rule kept here: the JSON names shape and axes as long as its end is the shape of a page; otherwise
the pages decide. NewSubfileType and the sizes of pages outrank a description: tools that make
pyramids repeat it on each level.

Source of the facts: the documentation of tifffile (``TiffWriter.write``, ``metadata``); the older
form is ``shape=(2, 3, 4)``.
"""

import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from aicsio.formats._tiff.axes import lazy_array_of_axes, match_axes_to_page, page_letters
from aicsio.formats._tiff.chain import Chain
from aicsio.formats._tiff.contiguous import contiguous, has_more_pages
from aicsio.formats._tiff.dialects.marks import is_shaped, parse_shaped
from aicsio.formats._tiff.dialects.shaped_steps import read_shaped_size, read_shaped_step
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page import PageStructure, diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed
from aicsio.formats._tiff.page_tables import (
    Integers,
    PageTable,
    build_page_table,
    open_page_table,
)
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.formats._tiff.series import PageSeries, is_level_of, sub_series
from aicsio.records import Contents, Diagnostic, LazyArray, Scene

MOST_AXES = 16
"""Axes of unknown name: letters of the alphabet that mean no other axis."""


@attrs.frozen(eq=False)
class _ShapedRun:
    """Pages of one series, with its description."""

    metadata: Mapping[str, Any]
    pages: Integers


def read_shaped(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    """Describe a file of one or several series."""
    metadata = parse_shaped(tags.description) or {"shape": []}
    single = _read_single_series(file, first, metadata)
    if single is not None:
        page_table, pages, notes = single
        runs = [_ShapedRun(metadata, pages)]
    else:
        page_table, notes = open_page_table(file, first)
        runs = _levels_last(page_table, _split_into_series(file, page_table))
    scenes: list[Scene] = []
    tops: list[PageSeries] = []
    for run in runs:
        first_page = int(run.pages[0])
        series = _series_of(page_table, run)
        if series is None:
            text = f"page {first_page} cannot be used"
            return Diagnostic("shaped-mismatch", text, file.source.uri, loss=True)
        owner = _find_owner(series, run.metadata, tops)
        if owner is not None:
            level = _level_array(series, scenes[owner].levels[0])
            if level is not None:
                scenes[owner] = _with_level(scenes[owner], level)
                continue
        array, more = _array(file, series, run.metadata)
        notes += more
        levels, more = _levels_in_sub_ifds(file, series, array)
        notes += [*more, *diagnose(series.structure, f"page {first_page}")]
        page_tags = tags
        if first_page:
            page_tags = PageTags.of(file, page_table.directories[first_page])
        size, more = read_shaped_size(page_tags, run.metadata)
        step, trouble = read_shaped_step(run.metadata, file.source.uri)
        notes += [*more, *trouble]
        name = run.metadata.get("name")
        tops.append(series)
        scenes.append(
            Scene(
                name=name if isinstance(name, str) and name else f"Image:{len(scenes)}",
                levels=(array, *levels),
                pixel_size=size,
                time_step=step,
                acquired=page_tags.acquired(),
                color_map=page_tags.color_map(series.structure),
            )
        )
    return Contents(tuple(scenes), tags.description, tuple(notes))


# ---------------------------------------------------------------- series


def _read_single_series(
    file: OpenTiff, first: int, metadata: Mapping[str, Any]
) -> tuple[PageTable, Integers, list[Diagnostic]] | None:
    """Describe a single series whose pixels follow the first directory without a gap.

    The other directories of such a file need not be read.
    """
    directory, next_offset, _ = read_directory(file, first)
    page_table, notes = build_page_table(file, Chain.of([directory]))
    structure = page_table.segment_tables[0].structure
    # More planes than directories: tifffile writes one directory for contiguous planes.
    planes, rest = divmod(math.prod(metadata["shape"]), math.prod(structure.shape))
    if rest or planes < 1 or page_table.sub_ifds:
        return None
    # A second directory behind a single plane is another series, unless the file lost its planes.
    if next_offset and planes == 1 and not metadata.get("truncated"):
        return None
    stack = contiguous(file, page_table, planes, next_offset)
    if stack is None or (next_offset and _begins_series(file, next_offset)):
        return None
    if next_offset and has_more_pages(file, planes):
        return None
    return (*stack, notes)


def _begins_series(file: OpenTiff, offset: int) -> bool:
    directory, _, _ = read_directory(file, offset)
    return is_shaped(PageTags.of(file, directory))


def _split_into_series(file: OpenTiff, page_table: PageTable) -> list[_ShapedRun]:
    """Cut the pages into series: each begins with a description that fits its first page."""
    runs: list[_ShapedRun] = []
    page = 0
    while page < len(page_table):
        text = PageTags.of(file, page_table.directories[page]).description
        metadata = parse_shaped(text)
        structure = page_table.structure(page)
        count = 1
        if metadata is not None and structure is not None and not metadata.get("truncated"):
            count = _count_pages(metadata["shape"], structure)
        pages = np.arange(page, min(page + count, len(page_table)))
        runs.append(_ShapedRun(metadata or {"shape": []}, pages))
        page += count
    return runs


def _series_of(page_table: PageTable, run: _ShapedRun) -> PageSeries | None:
    structure = page_table.structure(int(run.pages[0]))
    if structure is None:
        return None
    return PageSeries(page_table, tuple(run.pages.tolist()), structure)


def _levels_last(page_table: PageTable, runs: list[_ShapedRun]) -> list[_ShapedRun]:
    """Put levels that lie before their full resolution behind it."""
    ordered: list[_ShapedRun] = []
    waiting: list[tuple[_ShapedRun, PageSeries]] = []
    top: PageSeries | None = None
    for run in runs:
        series = _series_of(page_table, run)
        is_reduced = series is not None and series.structure.reduced
        if series is not None and is_reduced and (top is None or not is_level_of(series, top)):
            waiting.append((run, series))
            continue
        ordered.append(run)
        if series is not None and not is_reduced:
            top = series
            ordered += [level for level, small in waiting if is_level_of(small, series)]
            waiting = [pair for pair in waiting if not is_level_of(pair[1], series)]
    return [*ordered, *(run for run, _ in waiting)]


def _count_pages(shape: list[int], structure: PageStructure) -> int:
    """Return the pages of a series; 1 if the description is that of a page of another size."""
    # Tools that make levels (vips, bfconvert) copy the description of the full resolution.
    if match_axes_to_page(shape, structure) is None:
        return 1
    return max(math.prod(shape) // math.prod(structure.shape), 1)


def _find_owner(
    series: PageSeries, metadata: Mapping[str, Any], tops: list[PageSeries]
) -> int | None:
    """Return the scene that a series is a level of: it is marked as reduced, or its shape is stale."""
    shape = metadata["shape"]
    # A description of another shape than the page was copied from the full resolution.
    is_stale = bool(shape) and match_axes_to_page(shape, series.structure) is None
    if not tops or not (series.structure.reduced or is_stale):
        return None
    return len(tops) - 1 if is_level_of(series, tops[-1]) else None


def _with_level(scene: Scene, level: LazyArray) -> Scene:
    levels = sorted((*scene.levels, level), key=lambda array: array.size, reverse=True)
    return attrs.evolve(scene, levels=tuple(levels))


def _levels_in_sub_ifds(
    file: OpenTiff, series: PageSeries, array: LazyArray
) -> tuple[list[LazyArray], list[Diagnostic]]:
    if not series.page_table.sub_ifds:
        return [], []
    levels, others, notes = sub_series(file, series)
    for other in others:
        text = f"a SubIFD of {other.size} is no level and is left out"
        notes.append(Diagnostic("shaped-subifd", text, file.source.uri))
    arrays = [_level_array(level, array) for level in levels]
    return [level for level in arrays if level is not None], notes


def _level_array(series: PageSeries, like: LazyArray) -> LazyArray | None:
    """Make the array of a level, with the axes of the full resolution; ``None`` if they do not fit."""
    rank = len(series.structure.shape)
    letters, shape = like.stored.order[:-rank], like.stored.shape[:-rank]
    # A level of other planes than full resolution would show them at the wrong places.
    if math.prod(shape) != len(series.pages):
        return None
    plane_map = PlaneMap.of_pages(series.page_table, np.array(series.pages), letters, shape)
    return lazy_array(plane_map, like.stored.order[-rank:], like=series.structure)[0]


def _array(
    file: OpenTiff, series: PageSeries, metadata: Mapping[str, Any]
) -> tuple[LazyArray, list[Diagnostic]]:
    """Make the array of a series with the axes of its description, if they fit the pages."""
    page_table, structure = series.page_table, series.structure
    pages = np.array(series.pages)
    shape = _without_unit_axes(tuple(metadata["shape"]), structure)
    stack: tuple[PageTable, Integers] | None = (page_table, pages)
    planes = math.prod(shape) // max(math.prod(structure.shape), 1)
    if planes > len(pages):
        stack = contiguous(file, page_table, planes, 0, int(pages[0]))
    letters = _axis_letters(metadata.get("axes"), shape, structure)
    if shape and stack is not None and len(letters) == len(shape):
        found = lazy_array_of_axes(*stack, shape, letters, file.source.uri)
        if found is not None:
            return found
    text = f"{_shape_text(shape)} does not fit {len(pages)} pages of {structure.shape}"
    notes = [Diagnostic("shaped-mismatch", text, file.source.uri, loss=True)] if shape else []
    letters, sizes = ("Z", (len(pages),)) if len(pages) > 1 else ("", ())
    if letters:
        notes.append(guessed(letters, sizes, file.source.uri))
    array, more = lazy_array(PlaneMap.of_pages(page_table, pages, letters, sizes), like=structure)
    return array, [*notes, *more]


def _without_unit_axes(shape: tuple[int, ...], structure: PageStructure) -> tuple[int, ...]:
    """Drop the axes of one position of a shape with more axes than there are letters."""
    if len(shape) <= MOST_AXES:
        return shape
    # Only axes in front of the page are dropped: those of the page keep their places.
    rank = len(structure.shape)
    return (*(size for size in shape[:-rank] if size > 1), *shape[-rank:])


def _axis_letters(axes: object, shape: tuple[int, ...], structure: PageStructure) -> str:
    if isinstance(axes, str) and len(axes) == len(shape) and axes.isascii() and axes.isalpha():
        return axes.upper()
    # tifffile's own letter for "other": an axis whose meaning the file does not give.
    return "Q" * (len(shape) - len(structure.shape)) + page_letters(structure)


def _shape_text(shape: tuple[int, ...]) -> str:
    if len(shape) <= 10:
        return str(shape)
    return f"a shape of {len(shape)} axes"
