"""Columns of planes, tiles and facts as HTML tables.

Rule kept here: the first and the last rows are shown; a table of 100 000 planes is not turned into text.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from aicsio._metadata.origins import Provenance
from aicsio._metadata.tables import Table, TableColumn
from aicsio.notebook.drawings import draw_tiles
from aicsio.notebook.markup import (
    Markup,
    badge,
    head,
    join,
    muted,
    rows_of,
    table,
    tag,
    text,
    titled,
)
from aicsio.notebook.words import dims_of
from aicsio.records import Planes, Tiles

MOST_ROWS = 10
"""Rows of a table that are shown, half of them from the end."""
MOST_FACTS = 60
"""Origins that are shown: those of a scene with a few channels."""
PLANE_UNITS = {"time": "s", "exposure": "s", "x": "µm", "y": "µm", "z": "µm", "focus": "µm"}
UNITS = {"um": "µm"}


def show_table(shown: Table) -> Markup:
    """Draw a table of planes, tiles or wells."""
    count = len(shown)
    header = [text("")]
    for column in shown.columns:
        unit = f" ({UNITS.get(column.unit, column.unit)})" if column.unit else ""
        header.append(text(f"{column.name}{unit}"))
    drawn = list(rows_of(count, MOST_ROWS))
    cells = [_cells(column, drawn) for column in shown.columns]
    rows = [[muted(row), *(column[k] for column in cells)] for k, row in enumerate(drawn)]
    if count > len(drawn):
        rows.insert(MOST_ROWS // 2, [text("…")] * len(header))
    drawing = tag("div", table(header, rows), class_="aicsio-wide")
    return join([head("Table", text(f"{count:,} rows")), drawing])


def _cells(column: TableColumn, rows: list[int]) -> list[Markup]:
    """Write some values of a column; nothing for a missing one."""
    # Only these rows: the values of a column of texts are a list of all of them.
    codes, missing = column.codes[rows], column.missing[rows]
    cells = []
    for code, absent in zip(codes, missing, strict=True):
        if absent:
            cells.append(text(""))
        elif column.texts is not None:
            cells.append(_name(column.texts[int(code)]))
        elif codes.dtype.kind == "f":
            cells.append(text(f"{code:.6g}"))
        else:
            cells.append(text(code))
    return cells


def _name(whole: str) -> Markup:
    """Write a text; of a path its last part, with the whole on hover."""
    last = whole.rstrip("/").rpartition("/")[2]
    return text(whole) if last == whole else titled(text(last), whole)


def show_planes(planes: Planes) -> Markup:
    """Draw the columns of planes: how many are known, and between which values."""
    rows = []
    for name, unit in PLANE_UNITS.items():
        values = planes.column(name)
        if values is None:
            continue
        known = values[np.isfinite(values)]
        ends = [text(""), text("")]
        if known.size:
            ends = [text(f"{value:.6g} {unit}") for value in (known.min(), known.max())]
        rows.append([text(name), text(f"{known.size:,} of {values.size:,}"), *ends])
    if not rows:
        return join([head("Planes", text(dims_of(planes.dims))), muted("no columns")])
    header = [text("column"), text("known"), text("least"), text("greatest")]
    return join([head("Planes", text(dims_of(planes.dims))), table(header, rows)])


def show_tiles(tiles: Tiles) -> Markup:
    """Draw where tiles lie, and the first and last of them."""
    count = len(tiles)
    names = ("m", "y", "x", "height", "width")
    columns = [np.frombuffer(getattr(tiles, name), "<i4") for name in names]
    header = [text(name) for name in names]
    for name in ("stage_x", "stage_y"):
        raw = getattr(tiles, name)
        if raw is not None:
            columns.append(np.frombuffer(raw, "<f8"))
            header.append(text(f"{name} (µm)"))
    rows = [[text(f"{column[row]:g}") for column in columns] for row in rows_of(count, MOST_ROWS)]
    if count > MOST_ROWS:
        rows.insert(MOST_ROWS // 2, [text("…")] * len(header))
    drawing = tag("div", draw_tiles(tiles), table(header, rows), class_="aicsio-row")
    return join([head("Tiles", text(f"{count:,}")), drawing])


def show_provenance(origins: Provenance) -> Markup:
    """Draw where each fact comes from."""
    rows = [[text(fact.path), text(fact.origin)] for fact in origins.facts[:MOST_FACTS]]
    parts = [head("Provenance"), table([text("field"), text("origin")], rows)]
    if len(origins.facts) > MOST_FACTS:
        parts.append(muted(f"and {len(origins.facts) - MOST_FACTS} more fields"))
    parts += [
        tag("p", join([badge(note.code, "warn"), text(note.message, 400)], " "))
        for note in origins.diagnostics[:MOST_FACTS]
    ]
    return join(parts)


SHOWN: Mapping[str, Callable[[Any], Markup]] = {
    "Planes": show_planes,
    "Provenance": show_provenance,
    "Table": show_table,
    "Tiles": show_tiles,
}
"""Function of each class, by its name."""
