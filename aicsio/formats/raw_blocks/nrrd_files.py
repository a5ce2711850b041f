"""Names of the files with the pixels of an NRRD, where there are several.

Rule kept here: names are those below the folder of the header, and no more of them are made than the
axes have positions.

Source of the facts: "Definition of NRRD File Format", section 3, detached headers: ``<format> <min>
<max> <step> [<subdim>]``, and ``LIST [<subdim>]`` with a name a line up to the end of the header.
"""

import math
import re
from typing import Final

import attrs

from aicsio._io import readers
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.records import Source

LIST: Final = re.compile(r"^data ?file: LIST(?:[ \t]+([0-9]{1,3}))?[ \t]*$", re.MULTILINE)
PATTERN: Final = re.compile(r"(.*?%.*?)((?:\s+-?[0-9]{1,9}){3})(?:\s+([0-9]{1,3}))?", re.DOTALL)
NUMBER: Final = re.compile(r"%(0?)([0-9]{0,2})d")
"""A number as ``printf`` writes it; ``%%`` is a percent sign. The format has no other forms."""
MOST_FILES: Final = 100_000


@attrs.frozen
class SeveralFiles:
    """Files of an NRRD. It lives for one opening."""

    names: tuple[str, ...]
    """In the order of the slowest axes."""
    dimension: int | None
    """Axes of each file; ``None`` is one less than those of the array."""


def split_list(text: str) -> tuple[str, SeveralFiles | None]:
    """Return the header without the list of files at its end, and the list; ``None`` without one."""
    plain = text.replace("\r\n", "\n")
    found = LIST.search(plain)
    if found is None:
        return text, None
    names = [line.strip() for line in plain[found.end() :].split("\n")]
    dimension = None if found[1] is None else int(found[1])
    return plain[: found.end()], SeveralFiles(tuple(name for name in names if name), dimension)


def parse_pattern(source: Source, value: str) -> SeveralFiles | None:
    """Return the files of a name with a number in it; ``None`` for the name of one file.

    Raises
    ------
    CorruptFileError
        When first, last and step give no numbers, or more files than any array has.
    UnsupportedFormatError
        For a number that is written otherwise than as digits.
    """
    found = PATTERN.fullmatch(value)
    if found is None or NUMBER.search(found[1]) is None:
        return None
    first, last, step = map(int, found[2].split())
    count = (last - first) // step + 1 if step else 0
    if not 0 < count <= MOST_FILES:
        text = f"expected numbers of files, found {first} to {last} by {step}"
        raise CorruptFileError.at(source.uri, None, text)
    numbers = range(first, first + count * step, step)
    dimension = None if found[3] is None else int(found[3])
    name = found[1].strip()
    if "%" in NUMBER.sub("", name, count=1).replace("%%", ""):
        raise UnsupportedFormatError(
            f"{source.uri}: numbers in {name!r} are written as digits alone"
        )
    return SeveralFiles(tuple(_fill(name, number) for number in numbers), dimension)


def _fill(name: str, number: int) -> str:
    def write(match: re.Match[str]) -> str:
        zeros, width = match.groups()
        return f"{number:{zeros}{width}d}"

    return NUMBER.sub(write, name, count=1).replace("%%", "%")


def measure_slab(source: Source, files: SeveralFiles, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of one file, with as many axes as the array has, the slowest first.

    Raises
    ------
    CorruptFileError
        When the number of files is not that of positions of the axes which they divide.
    """
    count, rank = len(files.names), len(shape)
    dimension = rank - 1 if files.dimension is None else files.dimension
    # Files of as many axes as the array follow each other along the slowest.
    lead = max(rank - dimension, 1)
    positions = math.prod(shape[:lead])
    first = 1
    if dimension == rank and count and positions % count == 0:
        first = shape[0] // count
        positions = count
    if not 0 < dimension <= rank or positions != count:
        text = (
            f"expected {positions} files of {dimension} axes for the sizes {shape}, found {count}"
        )
        raise CorruptFileError.at(source.uri, None, text)
    return (first, *(1,) * (lead - 1), *shape[lead:])


def find_files(source: Source, files: SeveralFiles) -> list[tuple[str, Source | None]]:
    """Return names and files; those of a server are asked for at once.

    Raises
    ------
    CorruptFileError
        When there are more names than any array has files.
    """
    if len(files.names) > MOST_FILES:
        raise CorruptFileError.at(source.uri, None, f"it names {len(files.names)} files")

    def find(name: str) -> Source | None:
        return readers.file_below(source, name.removeprefix("./"))

    found = readers.find_at_once(find, list(files.names), source)
    return list(zip(files.names, found, strict=True))
