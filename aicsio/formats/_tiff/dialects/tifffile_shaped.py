"""TIFF as tifffile writes it: shape and axes as JSON in the description.

Rule kept here: the JSON names shape and axes as long as its end is the shape of a page; otherwise the pages speak.

Source of the facts: the documentation of tifffile (``TiffWriter.write``, ``metadata``); the older form is
``shape=(2, 3, 4)``.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from aicsio.formats._tiff.axes import lazy_array_of_axes, page_letters
from aicsio.formats._tiff.ifd import Chain, OpenTiff, read_directory
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import PageTags, guessed
from aicsio.formats._tiff.page_tables import Integers, PageTable, build_page_table, open_page_table
from aicsio.formats._tiff.plane_map import PlaneMap, contiguous, lazy_array
from aicsio.formats._tiff.series import PageSeries, is_level_of, sub_series
from aicsio.records import Contents, Diagnostic, LazyArray, Scene


def is_shaped(facts: PageTags) -> bool:
    """Whether the description is tifffile's."""
    return parse_description(facts.description) is not None


def parse_description(text: str) -> dict[str, Any] | None:
    """Return the JSON of a description, or ``None`` when it is not tifffile's.

    Examples
    --------
    >>> from aicsio.formats._tiff.dialects.tifffile_shaped import parse_description
    >>> parse_description("shape=(2, 3, 4)")
    {'shape': [2, 3, 4]}
    """
    old = re.fullmatch(r"shape=\(([\d, ]+)\)\s*", text)
    if old:
        return {"shape": [int(n) for n in re.findall(r"\d+", old[1])]}
    if not text.startswith("{") or '"shape":' not in text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    shape = found.get("shape") if isinstance(found, dict) else None
    if not isinstance(shape, list) or not all(
        isinstance(n, int) and 0 < n < 1 << 48 for n in shape
    ):
        return None
    return {str(key): value for key, value in found.items()}


def read_shaped(file: OpenTiff, first: int, facts: PageTags) -> Contents | Diagnostic:
    """Describe a file of one or several series."""
    declared = parse_description(facts.description) or {"shape": []}
    single = _single(file, first, declared)
    if single is not None:
        page_table, pages, notes = single
        runs = [(declared, pages)]
    else:
        page_table, notes = open_page_table(file, first)
        runs = _runs(file, page_table)
    scenes: list[Scene] = []
    tops: list[PageSeries] = []
    for metadata, pages in runs:
        kind = page_table.kind(int(pages[0]))
        if kind is None:
            return Diagnostic(
                "shaped-mismatch", f"page {int(pages[0])} cannot be used", file.source.uri
            )
        series = PageSeries(page_table, tuple(pages.tolist()), kind)
        array, more = _array(file, series, metadata)
        notes += more
        if kind.reduced and tops and is_level_of(series, tops[-1]):
            scenes[-1] = attrs.evolve(scenes[-1], levels=(*scenes[-1].levels, array))
            continue
        levels, others, more = sub_series(file, series) if page_table.sub_ifds else ([], [], [])
        small = [_array(file, level, None, like=array)[0] for level in levels]
        for other in others:
            more.append(
                Diagnostic(
                    "shaped-subifd",
                    f"a SubIFD of {other.size} is no level and is left out",
                    file.source.uri,
                )
            )
        notes += [*more, *diagnose(kind, f"page {pages[0]}")]
        tops.append(series)
        scenes.append(
            _scene(file, page_table, int(pages[0]), metadata, (array, *small), len(scenes), facts)
        )
    return Contents(tuple(scenes), facts.description, tuple(notes))


def _scene(
    file: OpenTiff,
    page_table: PageTable,
    page: int,
    metadata: Mapping[str, Any],
    levels: tuple[LazyArray, ...],
    index: int,
    facts: PageTags,
) -> Scene:
    own = facts if page == 0 else PageTags.of(file, page_table.directories[page])
    name = metadata.get("name")
    return Scene(
        name=name if isinstance(name, str) and name else f"Image:{index}",
        levels=levels,
        pixel_size=own.pixel_size(),
        acquired=own.acquired(),
        color_map=own.color_map(page_table.rows[0].kind),
    )


def _single(
    file: OpenTiff, first: int, declared: Mapping[str, Any]
) -> tuple[PageTable, Integers, list[Diagnostic]] | None:
    """Find a single series whose pixels follow the first directory without a gap: then the others need not be read."""
    directory, following, _ = read_directory(file, first)
    page_table, notes = build_page_table(file, Chain.of([directory]))
    kind = page_table.rows[0].kind
    planes, rest = divmod(math.prod(declared["shape"]), math.prod(kind.shape))
    if (
        rest
        or planes < 1
        or page_table.sub_ifds
        or (following and not declared.get("truncated") and planes == 1)
    ):
        return None
    found = contiguous(file, page_table, planes, following)
    if found is None or (following and _begins_series(file, following)):
        return None
    return (*found, notes)


def _begins_series(file: OpenTiff, offset: int) -> bool:
    directory, _, _ = read_directory(file, offset)
    return is_shaped(PageTags.of(file, directory))


def _runs(file: OpenTiff, page_table: PageTable) -> list[tuple[dict[str, Any], Integers]]:
    """SegmentWindow the pages into series: each begins with a description of its own."""
    runs: list[tuple[dict[str, Any], Integers]] = []
    page = 0
    while page < len(page_table):
        metadata = parse_description(PageTags.of(file, page_table.directories[page]).description)
        kind = page_table.kind(page)
        count = 1
        if metadata is not None and kind is not None and not metadata.get("truncated"):
            count = max(math.prod(metadata["shape"]) // math.prod(kind.shape), 1)
        runs.append(
            (metadata or {"shape": []}, np.arange(page, min(page + count, len(page_table))))
        )
        page += count
    return runs


def _array(
    file: OpenTiff,
    series: PageSeries,
    metadata: Mapping[str, Any] | None,
    like: LazyArray | None = None,
) -> tuple[LazyArray, list[Diagnostic]]:
    """Make the array of a series; a level takes the axes of the full resolution."""
    page_table, kind, pages = series.page_table, series.kind, np.array(series.pages)
    if like is not None:
        rank = len(kind.shape)
        lead = PlaneMap.of_pages(
            page_table, pages, like.stored.order[:-rank], like.stored.shape[:-rank]
        )
        return lazy_array(lead, like.stored.order[-rank:], like=kind)
    shape, axes = tuple((metadata or {}).get("shape", ())), (metadata or {}).get("axes")
    stack: tuple[PageTable, Integers] | None = (page_table, pages)
    planes = math.prod(shape) // max(math.prod(kind.shape), 1)
    if planes > len(pages):
        stack = contiguous(file, page_table, planes, 0, int(pages[0]))
    letters = "Q" * (len(shape) - len(kind.shape)) + page_letters(kind)
    if isinstance(axes, str) and len(axes) == len(shape) and axes.isascii() and axes.isalpha():
        letters = axes.upper()
    if shape and stack is not None and len(letters) == len(shape):
        found = lazy_array_of_axes(*stack, shape, letters, file.source.uri)
        if found is not None:
            return found
    notes = [
        Diagnostic(
            "shaped-mismatch",
            f"{shape} does not fit {len(pages)} pages of {kind.shape}",
            file.source.uri,
        )
    ]
    letters, sizes = ("Z", (len(pages),)) if len(pages) > 1 else ("", ())
    if letters:
        notes.append(guessed(letters, sizes, file.source.uri))
    array, more = lazy_array(PlaneMap.of_pages(page_table, pages, letters, sizes), like=kind)
    return array, [*notes, *more]
