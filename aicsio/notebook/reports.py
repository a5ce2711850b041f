"""What checks, comparisons and writers return, as HTML.

Rule kept here: the first line is the answer; what was lost stands open below it. Classes are named, not
imported: the writers take 150 ms to import, and whoever holds a report has imported them.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aicsio._checks.words import count_of
from aicsio.notebook.drawings import draw_dims
from aicsio.notebook.markup import (
    NONE,
    Markup,
    badge,
    facts,
    folded,
    head,
    join,
    listed,
    muted,
    table,
    tag,
    text,
    titled,
)
from aicsio.notebook.words import dims_of, shape_of, size_of
from aicsio.records import Damage, Diagnostic

MOST_LINES = 20
"""Findings that are shown, as in the text of a report."""


def _file(path: str) -> Markup:
    return titled(tag("b", text(os.path.basename(path.rstrip("/")) or path)), path)


def _position(plane: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{letter}={index}" for letter, index in plane)


def show_check(report: Any) -> Markup:
    """Draw the result of ``check``."""
    how = "read and decoded" if report.deep else "found in place"
    if report.whole:
        answer = badge("whole", "good")
        words = text(f"{count_of(report.planes, 'plane', 'are')} {how}")
        return head("CheckReport", _file(report.uri), answer, words)
    total = len(report.damage) + report.unlisted
    answer = badge(f"damaged: {count_of(total, 'finding')}", "bad")
    parts = [head("CheckReport", _file(report.uri), answer)]
    lost = report.lost_planes
    if lost:
        summary = count_of(len(lost), "plane", "are", total=report.planes)
        named = [f"scene {scene} {_position(at)}".strip() for scene, at in lost[:MOST_LINES]]
        rest = len(lost) - len(named)
        if rest:
            named.append(f"and {rest} more")
        line = muted("; ".join(named))
        parts.append(tag("p", join([text(f"{summary} not whole:"), line], " ")))
    rows = [_finding(one) for one in report.damage[:MOST_LINES]]
    parts.append(table([text("finding"), text("where"), text("fault")], rows))
    if total > len(rows):
        parts.append(muted(f"and {count_of(total - len(rows), 'more finding')}"))
    return join(parts)


def _finding(one: Damage) -> list[Markup]:
    where = []
    if one.scene is not None:
        where.append(f"scene {one.scene}")
        if one.level:
            where.append(f"level {one.level}")
    if one.offset is not None:
        where.append(f"byte {one.offset:,}")
    place = titled(text(", ".join(where)), one.uri)
    return [badge(one.code, "bad"), place, text(one.message, 300)]


def show_verification(report: Any) -> Markup:
    """Draw the result of ``verify``."""
    both = text(f"through {' and '.join(report.engines)}")
    name = _file(report.uri)
    if report.unread is not None:
        reason = tag("p", text(report.unread, 400))
        return join([head("Verification", name, badge("not verified", "warn")), reason])
    if report.agrees:
        words = text(f"{count_of(report.planes, 'plane', 'are')} the same")
        return head("Verification", name, badge("agrees", "good"), words, both)
    answer = badge(count_of(len(report.differences), "difference"), "bad")
    parts = [
        head("Verification", name, answer, text(f"in {count_of(report.planes, 'plane')}"), both)
    ]
    rows = [
        [text(one.scene), text(_position(one.plane)), text(one.what, 300)]
        for one in report.differences[:MOST_LINES]
    ]
    if rows:
        parts.append(table([text("scene"), text("plane"), text("difference")], rows))
    if len(report.differences) > MOST_LINES:
        parts.append(muted(f"and {len(report.differences) - MOST_LINES} more"))
    parts += [tag("p", muted(f"not compared: {each}")) for each in report.not_shown[:MOST_LINES]]
    return join(parts)


def show_written_image(report: Any) -> Markup:
    """Draw the result of ``write_ome_tiff``."""
    pairs = [
        ("type", text(report.dtype)),
        ("levels", text(report.levels)),
        ("file", text("BigTIFF" if report.bigtiff else "TIFF")),
    ]
    return _written(report, "WriteReport", pairs, report.reader_limits)


def show_store(report: Any) -> Markup:
    """Draw the result of ``write_ome_zarr``."""
    pairs = [
        ("type", text(report.dtype)),
        ("levels", text(report.levels)),
        ("chunks", text(shape_of(report.chunks))),
        ("shards", text(shape_of(report.shards or ()))),
        ("OME-Zarr", text(report.version)),
    ]
    return _written(report, "ZarrReport", pairs, ())


def show_picture(report: Any) -> Markup:
    """Draw the result of ``write_picture`` and ``write_movie``."""
    height, width = report.shape
    parts = [
        _file(report.path),
        text(f"{shape_of((width, height))} pixels, {size_of(report.nbytes)}"),
    ]
    if report.frames > 1:
        parts.append(text(count_of(report.frames, "frame")))
    return head("PictureReport", *parts)


def _written(
    report: Any, kind: str, pairs: Sequence[tuple[str, Markup]], limits: Sequence[Diagnostic]
) -> Markup:
    name = _file(report.path)
    line = head(kind, name, text(f"{dims_of(report.dims)}, {size_of(report.nbytes)}"))
    body = tag("div", draw_dims(report.dims), facts(pairs), class_="aicsio-row")
    lost = _notes(report.not_kept, "not kept: {} of the metadata")
    return join([line, body, lost, _notes(limits, "readers that cannot open it: {}")])


def _notes(notes: Sequence[Diagnostic], words: str) -> Markup:
    if not notes:
        return NONE

    def show(index: int, note: Diagnostic) -> Markup:
        del index
        where = muted(note.where) if note.where else NONE
        return join([badge(note.code, "warn"), text(note.message, 300), where], " ")

    few = len(notes) < 6
    parts = listed(notes, show, MOST_LINES, "note")
    return folded(words.format(count_of(len(notes), "part")), parts, is_open=few)


SHOWN: Mapping[str, Callable[[Any], Markup]] = {
    "CheckReport": show_check,
    "PictureReport": show_picture,
    "Verification": show_verification,
    "WriteReport": show_written_image,
    "ZarrReport": show_store,
}
"""Function of each class, by its name."""
