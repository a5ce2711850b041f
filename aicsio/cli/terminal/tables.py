"""Tables on stdout: aligned text, CSV or JSON.

Rule kept here: a missing value is an empty cell, in JSON ``null``. Programs get all columns; text
leaves out those without a value.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from aicsio._metadata import Table
from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import print_document
from aicsio.cli.terminal.text import escape_controls

BATCH = 10_000
"""Rows of text that are aligned together: widths of a whole table would hold back its first row."""


def add_forms(parser: argparse.ArgumentParser) -> None:
    """Add the options ``--csv`` and ``--json``."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="comma-separated values, all columns")
    forms.add_argument(
        "--json", action="store_true", help="JSON, all columns; aicsio schema prints its schema"
    )


def print_table(table: Table, arguments: argparse.Namespace) -> None:
    """Print a table in the requested form."""
    if arguments.json:
        rows = [{name: _plain(value) for name, value in row.items()} for row in table.rows()]
        rows = options.show_dash(rows, arguments)
        name = options.shown_name(arguments.file, arguments)
        print_document(arguments.command, {"file": name, "rows": rows})
    elif arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(table.names)
        for row in table.rows():
            writer.writerow(options.show_dash([_plain(one) for one in row.values()], arguments))
    else:
        _print_text(table, arguments)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _print_text(table: Table, arguments: argparse.Namespace) -> None:
    names = [column.name for column in table.columns if not column.missing.all()]
    batch: list[list[str]] = [names]
    for row in table.rows():
        batch.append([_cell(options.show_dash(row[name], arguments)) for name in names])
        if len(batch) >= BATCH:
            _print_aligned(batch)
            batch = []
    _print_aligned(batch)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return escape_controls(str(_plain(value)))


def _print_aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(_join_cells(zip(row, widths, strict=True)))


def _join_cells(cells: Iterable[tuple[str, int]]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in cells).rstrip()
