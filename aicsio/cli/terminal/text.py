"""Text for people: sizes, safe names, and tables that fit the terminal.

Rule kept here: what comes from a file is shown without its control characters, so that no file can talk to the
terminal.
"""

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

from aicsio.errors import AicsioError

GAP = "  "
NARROWEST = 10
"""Columns are not squeezed below this."""


def plain(text: str) -> str:
    """Replace line breaks by spaces and other control characters by escapes."""
    joined = " ".join(text.split())
    return "".join(
        c if c.isprintable() or "\ud800" <= c <= "\udfff" else f"\\x{ord(c):02x}" for c in joined
    )


def size_of(nbytes: int | None) -> str:
    """Write a number of bytes in powers of 1000: ``12.3 MB``."""
    if nbytes is None:
        return "?"
    value, units = float(nbytes), ["B", "kB", "MB", "GB", "TB", "PB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{nbytes} B" if units[0] == "B" else f"{value:.3g} {units[0]}"


def seconds_of(seconds: float) -> str:
    """Write a duration with three digits: ``1.23 ms``."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is; ``None`` where it is a file or a pipe, which have no edge."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def bold(text: str) -> str:
    """Make text bold on a terminal that wants it so (https://no-color.org)."""
    wanted = (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
    return f"\033[1m{text}\033[0m" if wanted and text else text


def width_of(text: str) -> int:
    """Columns that text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def wrapped(text: str, width: int) -> list[str]:
    """Break text into lines of at most ``width`` columns, at spaces where there are some."""
    lines = [""]
    for word in text.split(" "):
        rest = word
        if lines[-1] and width_of(lines[-1]) + 1 + width_of(rest) <= width:
            lines[-1] += f" {rest}"
            continue
        if lines[-1]:
            lines.append("")
        while width_of(rest) > width:
            at = next(i for i in range(len(rest), 0, -1) if width_of(rest[:i]) <= width or i == 1)
            lines[-1:] = [rest[:at], ""]
            rest = rest[at:]
        lines[-1] += rest
    return lines


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> list[str] | None:
    """Lay out rows under a header; ``None`` where they do not fit into ``width`` columns."""
    widths = [max(width_of(row[i]) for row in (header, *rows)) for i in range(len(header))]
    if width is not None:
        while sum(widths) + len(GAP) * (len(widths) - 1) > width:
            widest = max(range(len(widths)), key=lambda i: widths[i])
            if widths[widest] <= NARROWEST:
                return None
            widths[widest] -= 1
    lines = []
    for n, row in enumerate((header, *rows)):
        cells = [wrapped(cell, size) for cell, size in zip(row, widths, strict=True)]
        for i in range(max(map(len, cells))):
            parts = [(cell[i] if i < len(cell) else "") for cell in cells]
            line = GAP.join(
                part + " " * (size - width_of(part))
                for part, size in zip(parts, widths, strict=True)
            )
            lines.append(bold(line.rstrip()) if n == 0 else line.rstrip())
    return lines


def entries(header: Sequence[str], row: Sequence[str], width: int | None) -> list[str]:
    """Lay out one row as lines of name and value, for terminals too narrow for a table."""
    left = max(map(width_of, header))
    lines = []
    for name, value in zip(header, row, strict=True):
        parts = wrapped(value, max(NARROWEST, (width or 10_000) - left - len(GAP)))
        lines.append(bold(name) + " " * (left - width_of(name)) + GAP + parts[0])
        lines += [" " * left + GAP + part for part in parts[1:]]
    return lines


def complain(error: AicsioError, about: str = "") -> None:
    """Say in one line on stderr what went wrong."""
    told = plain(str(error))
    print(
        f"aicsio: {plain(about) + ': ' if about and about not in told else ''}{told}",
        file=sys.stderr,
    )
