"""The text of ``.HTD`` and ``.nd`` files: a key in quotes, a comma, and values, one line each.

Rule kept here: a line that is none is left out; counts are checked where they are used.
"""

import re
from collections.abc import Iterator, Mapping

from aicsio._io import readers
from aicsio._ome.elements import parse_integer
from aicsio.errors import CorruptFileError
from aicsio.records import Damage, Source

__all__ = ["count_at", "find_missing_end", "is_true", "read_lines", "split_values"]

LARGEST = 1 << 24
"""Bytes of such a text: those of 1536 wells have 40 kB."""
# Key in quotes, comma, values; the last line, "EndFile", is a key alone.
_LINE = re.compile(r'\s*"([^"]*)"\s*,?\s*(.*?)\s*$')


def read_lines(source: Source) -> tuple[dict[str, str], str]:
    """Return values by key, the first of a key counts, and the text.

    Raises
    ------
    CorruptFileError
        When the file is longer than any such text.
    """
    if (source.size or 0) > LARGEST:
        raise CorruptFileError.at(source.uri, None, f"expected a text below {LARGEST} bytes")
    raw = readers.read_head(source, LARGEST)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Latin-1 takes any byte: another code page costs letters of names, not the file.
        text = raw.decode("latin-1")
    values: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is not None:
            values.setdefault(match[1].strip(), match[2])
    return values, text


def find_missing_end(source: Source) -> Iterator[Damage]:
    """Yield a finding where the last line, ``"EndFile"``, is missing: such a text is cut."""
    values, _ = read_lines(source)
    if "EndFile" not in values:
        message = f'{source.uri}: expected "EndFile" as its last line: planes may be missing'
        yield Damage("index-cut", message, source.uri, source.size)


def is_true(text: str | None) -> bool:
    """Whether a value is ``TRUE``, in any case."""
    return (text or "").strip().strip('"').lower() == "true"


def split_values(text: str) -> list[str]:
    """Return the values of a line without their quotes."""
    return [part.strip().strip('"') for part in text.split(",")]


def count_at(values: Mapping[str, str], key: str, default: int, most: int, uri: str) -> int:
    """Return a count.

    Raises
    ------
    CorruptFileError
        When it is no number from 0 to ``most``.
    """
    if key not in values:
        return default
    number = parse_integer(values[key].strip().strip('"'))
    if number is None or not 0 <= number <= most:
        raise CorruptFileError.at(
            uri, None, f"expected {key} up to {most}, found {values[key][:80]!r}"
        )
    return number
