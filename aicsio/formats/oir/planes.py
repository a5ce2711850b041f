"""Which chunks make which plane: axes in the names of chunks, channels by their identifiers.

Rule kept here: axes run from the lowest number to the highest; a plane or a part of one that has
no chunk is zero and counted. Chunks go where their tags state, whatever their order in the file.

Source of the facts: as for ``blocks``: ``l002z001_0_1_<channel>_17`` has numbers along T, lambda
and Z, from 1; ``REF_LSM0_<channel>_0`` is of a reference image.
"""

import math
import re
from bisect import bisect_right
from typing import Final, NamedTuple, TypeAlias

import attrs
import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats.oir.blocks import OirChunk, OirFile
from aicsio.records import Diagnostic

NAME: Final = re.compile(r"((?:[a-z]\d{1,9})*)(?:_\d+_\d+)?_([0-9a-fA-F-]{8,64})_(\d+)")
NUMBERED: Final = re.compile(r"([a-z])(\d+)")
REFERENCE: Final = "REF_"
AXES: Final = "tlz"
"""Axes of names: time, lambda, sections; slowest first."""
MOST_PLANES: Final = 1 << 22
"""Planes of an image: a table of these takes 32 MiB."""

Place: TypeAlias = tuple[int, int, int, str]
"""Numbers along T, lambda and Z, 0 where a name lacks the axis, and the channel."""


class ChunkOfFile(NamedTuple):
    """A chunk and the file of the set that it lies in."""

    file: int
    """Number of the file."""
    chunk: OirChunk
    """Place of its samples."""


ByStart: TypeAlias = dict[int, ChunkOfFile]
"""Chunks of a plane by the byte where they go."""


@attrs.frozen(eq=False)
class OirPlanes:
    """The chunks of an image by plane. Not a record: it lives for one opening."""

    letters: str
    """Axes that names have: some of T, L and Z."""
    shape: tuple[int, ...]
    """Their sizes."""
    channels: tuple[str, ...]
    """Identifiers, in the order of the image."""
    planes: tuple[tuple[ChunkOfFile, ...], ...]
    """Chunks of each plane by their place in it, in C order over the axes and channels."""
    references: dict[str, tuple[ChunkOfFile, ...]]
    """Those of reference images, by source and channel."""
    diagnostics: tuple[Diagnostic, ...]
    """Planes that are missing, names that are not known."""


def arrange_chunks(files: list[OirFile], described: list[str]) -> OirPlanes:
    """Give each chunk its plane.

    Parameters
    ----------
    files
        The file, and those that continue it.
    described
        Channels that the metadata list, in order.

    Raises
    ------
    CorruptFileError
        When the numbers of names span more planes than a table can hold.
    """
    places, references, unknown = _sort_chunks(files)
    diagnostics = []
    if unknown:
        text = f"{unknown} chunks have names that are not known: they are not shown"
        diagnostics.append(Diagnostic("oir-names", text, not_shown=True))
    columns = list(zip(*places, strict=True))[: len(AXES)]
    numbers = [sorted(int(number) for number in set(column)) for column in columns]
    # Numbers that no name has get planes too, so that a lost section shows as missing.
    extents = [range(each[0], each[-1] + 1) if each else range(1) for each in numbers]
    # An axis that no name has is all zeros: range(0, 1) equals range(1).
    used = [axis for axis, extent in enumerate(extents) if extent != range(1)]
    present = {place[-1] for place in places}
    channels = [one for one in described if one in present]
    channels += sorted(present - set(channels))
    shape = tuple(len(extents[axis]) for axis in used)
    count = math.prod(shape) * len(channels)
    if count > MOST_PLANES:
        raise CorruptFileError.at(
            files[0].source.uri, None, f"expected {MOST_PLANES} planes at most, found {count}"
        )
    planes: list[tuple[ChunkOfFile, ...]] = []
    for index in np.ndindex(*shape):
        at = [0, 0, 0]
        for axis, step in zip(used, index, strict=True):
            at[axis] = extents[axis][step]
        planes += [
            _in_order(places.get((at[0], at[1], at[2], channel), {})) for channel in channels
        ]
    missing = sum(not chunks for chunks in planes)
    if missing:
        text = f"{missing} of {len(planes)} planes are not in the file: they are zero"
        diagnostics.append(Diagnostic("oir-missing-planes", text, loss=True))
    return OirPlanes(
        letters="".join(AXES[axis].upper() for axis in used),
        shape=shape,
        channels=tuple(channels),
        planes=tuple(planes),
        references={name: _in_order(chunks) for name, chunks in references.items()},
        diagnostics=tuple(diagnostics),
    )


def _sort_chunks(files: list[OirFile]) -> tuple[dict[Place, ByStart], dict[str, ByStart], int]:
    """Return the chunks of planes, those of reference images, and how many have unknown names."""
    places: dict[Place, ByStart] = {}
    references: dict[str, ByStart] = {}
    unknown = 0
    for number, file in enumerate(files):
        for chunk in file.chunks:
            if chunk.name.startswith(REFERENCE):
                # Without its last part, the number of the chunk, a name is that of a whole image.
                of_channel = references.setdefault(chunk.name.rpartition("_")[0], {})
                of_channel[chunk.start] = ChunkOfFile(number, chunk)
                continue
            place = parse_name(chunk.name)
            if place is None:
                unknown += 1
            else:
                places.setdefault(place, {})[chunk.start] = ChunkOfFile(number, chunk)
    return places, references, unknown


def _in_order(chunks: ByStart) -> tuple[ChunkOfFile, ...]:
    return tuple(chunks[start] for start in sorted(chunks))


def find_frame(files: list[OirFile], table: OirPlanes, place: int) -> tuple[int, int] | None:
    """Find the properties of a frame.

    Parameters
    ----------
    files
        The file, and those that continue it.
    table
        Their planes.
    place
        Number of the frame, in C order over the axes.

    Returns
    -------
    Number of the file, and that of the frame in it; ``None`` where the file lacks the frame.
    """
    counts = [len(file.frames) for file in files]
    if sum(counts) == math.prod(table.shape):
        for number, count in enumerate(counts):
            if place < count:
                return number, place
            place -= count
        return None
    # With a missing frame, those behind it are found by their chunks, which follow the properties.
    channels = len(table.channels)
    for chunks in table.planes[place * channels : (place + 1) * channels]:
        if chunks:
            number, chunk = chunks[0]
            frames = files[number].frames
            found = bisect_right(frames, chunk.offset, key=lambda span: span[0]) - 1
            return None if found < 0 else (number, found)
    return None


def parse_name(name: str) -> Place | None:
    """Return the plane of a chunk; None where its name is not known.

    Examples
    --------
    >>> from aicsio.formats.oir.planes import parse_name
    >>> parse_name("t003z012_0_1_93e4632f-0000_17")
    (3, 0, 12, '93e4632f-0000')
    """
    match = NAME.fullmatch(name)
    if match is None:
        return None
    numbers = dict.fromkeys(AXES, 0)
    for letter, digits in NUMBERED.findall(match[1]):
        # Names count from 1: 0 is kept for an axis that a name lacks.
        if letter not in numbers or numbers[letter] or not int(digits):
            return None
        numbers[letter] = int(digits)
    return numbers["t"], numbers["l"], numbers["z"], match[2]
