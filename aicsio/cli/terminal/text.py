"""Text for people: sizes, safe names, and tables that fit the terminal.

Rule kept here: text from a file is shown without its control characters, so that no file can send
commands to the terminal.
"""

import os
import sys
import unicodedata
from collections.abc import Sequence

from aicsio._io.urls import hide_secrets
from aicsio.cli.terminal.wording import speak_options
from aicsio.errors import AicsioError

GAP = "  "
"""Between two columns."""
NARROWEST = 10
"""Columns are not squeezed below this: words would be cut into syllables."""


def escape_controls(text: str) -> str:
    """Replace line breaks by spaces, other control characters by escapes, and URLs by their public part."""
    characters = []
    for character in hide_secrets(" ".join(text.split())):
        # Lone surrogates stand for bytes of file names that are no text; stderr escapes them.
        if character.isprintable() or "\ud800" <= character <= "\udfff":
            characters.append(character)
        else:
            characters.append(f"\\x{ord(character):02x}")
    return "".join(characters)


def format_size(nbytes: int) -> str:
    """Write a number of bytes in powers of 1000: ``12.3 MB``."""
    value, units = float(nbytes), ["B", "kB", "MB", "GB", "TB", "PB"]
    # 999.5 and above would print as 1e+03 with three digits.
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    if units[0] == "B":
        return f"{nbytes} B"
    return f"{value:.3g} {units[0]}"


def format_seconds(seconds: float) -> str:
    """Write a duration with three digits: ``1.23 ms``."""
    # Down to ns: a step of the demo may take less than a microsecond.
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def terminal_width() -> int | None:
    """Columns of the terminal; ``None`` if stdout is a file or a pipe."""
    return terminal_columns() if sys.stdout.isatty() else None


def terminal_columns() -> int:
    """Columns as ``shutil.get_terminal_size`` has them: that module loads three compressors, 2 ms."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns > 0:
        return columns
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def bold(text: str) -> str:
    """Make text bold on a terminal, unless the user wants no colour (https://no-color.org)."""
    # Escape sequences around nothing would still count in some terminals.
    if not text or not sys.stdout.isatty():
        return text
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[1m{text}\033[0m"


def display_width(text: str) -> int:
    """Columns that text takes on a terminal."""
    width = 0
    for character in text:
        # Combining characters take none. Unicode Standard Annex 11: Wide and Fullwidth characters take two columns.
        if unicodedata.east_asian_width(character) in "WF":
            width += 2
        elif not unicodedata.combining(character):
            width += 1
    return width


def wrap(text: str, width: int) -> list[str]:
    """Break text into lines of at most ``width`` columns, at spaces if there are any."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and display_width(lines[-1]) + 1 + display_width(word) <= width:
            lines[-1] += f" {word}"
            continue
        if lines[-1]:
            lines.append("")
        rest = word
        while display_width(rest) > width:
            length = _longest_prefix(rest, width)
            lines[-1:] = [rest[:length], ""]
            rest = rest[length:]
        lines[-1] += rest
    return lines


def _longest_prefix(text: str, width: int) -> int:
    """Characters from the start of the text that fit; at least one, so that wrapping ends."""
    length = len(text)
    while length > 1 and display_width(text[:length]) > width:
        length -= 1
    return length


def layout_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    *,
    plain: bool = False,
) -> list[str] | None:
    """Lay out rows under a header; ``None`` if they do not fit into ``width`` columns.

    ``plain`` takes the header for a row as the others.
    """
    widths = _column_widths([header, *rows], width)
    if widths is None:
        return None
    lines = _layout_row(header, widths)
    if not plain:
        lines = [bold(line) for line in lines]
    for row in rows:
        lines += _layout_row(row, widths)
    return lines


def _column_widths(rows: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    """Width of each column: its longest cell, the widest columns squeezed until all fit.

    The first column, which names the row, is squeezed last: names that are cut cannot be copied.
    """
    # A file or pipe (None) has no edge: every column gets its full width.
    widths = [max(map(display_width, cells)) for cells in zip(*rows, strict=True)]
    if width is None:
        return widths
    gaps = len(GAP) * (len(widths) - 1)
    while sum(widths) + gaps > width:
        widest = max(range(len(widths)), key=lambda column: (column > 0, widths[column]))
        if widths[widest] <= NARROWEST:
            widest = 0
        if widths[widest] <= NARROWEST:
            return None
        # One column at a time keeps the columns as even as they can be.
        widths[widest] -= 1
    return widths


def _layout_row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Lines of one row: each cell is wrapped in its column."""
    cells = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, cells))):
        parts = []
        for cell, width in zip(cells, widths, strict=True):
            part = cell[number] if number < len(cell) else ""
            parts.append(part + " " * (width - display_width(part)))
        lines.append(GAP.join(parts).rstrip())
    return lines


def layout_entries(header: Sequence[str], row: Sequence[str], width: int | None) -> list[str]:
    """Lay out one row as lines of name and value, for terminals too narrow for a table."""
    name_width = max(map(display_width, header))
    room = max(NARROWEST, (width or 10_000) - name_width - len(GAP))
    lines = []
    for name, value in zip(header, row, strict=True):
        first, *others = wrap(value, room)
        lines.append(bold(name) + " " * (name_width - display_width(name)) + GAP + first)
        lines += [" " * name_width + GAP + part for part in others]
    return lines


def print_error(
    error: AicsioError,
    about: str = "",
    *,
    file: str = "",
    command: str = "",
    spooled: str | None = None,
) -> None:
    """Print an error as one line on stderr, and a second one with the next thing to type.

    Parameters
    ----------
    error
        The error.
    about
        Name of the file, which the line begins with.
    file
        Name of the file for the next thing to type; by default ``about``.
    command
        Name of the command that failed.
    spooled
        Temporary file of the standard input, which is called ``-`` in messages.
    """
    # Imported here: a command that succeeds needs no advice.
    from aicsio.cli.terminal.advice import next_step

    message = escape_controls(speak_options(str(error)))
    if spooled is not None:
        message = message.replace(spooled, "-")
    # Most errors name their file; naming it twice would hide the reason.
    name = escape_controls(about)
    if name and name not in message:
        message = f"{name}: {message}"
    print(f"aicsio: {message}", file=sys.stderr)
    advice = next_step(error, file or about, command)
    if advice:
        print(f"  try: {escape_controls(advice)}", file=sys.stderr)
