"""Whether every directory, tag value, strip and tile of a TIFF lies inside of the file.

Rule kept here: directories that no image shows are walked too: thumbnails, EXIF, pages of other images.
"""

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from aicsio.errors import AicsioError, CorruptFileError
from aicsio.formats._tiff.ifd import Directory, IfdEntry, OpenTiff, open_tiff, read_directory
from aicsio.formats._tiff.tags import FIELD_SIZES, FieldType, Tag
from aicsio.records import Damage, Source

_POINTERS: Final = (Tag.SUB_IFDS, 34665, 34853, 40965)
"""Tags whose values are offsets of directories: levels and thumbnails, EXIF, GPS, interoperability."""
_SEGMENTS: Final = (
    (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS),
    (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS),
)
_OFFSET_TYPES: Final = (
    *(FieldType.SHORT, FieldType.LONG, FieldType.IFD),
    *(FieldType.LONG8, FieldType.IFD8),
)
MOST_DIRECTORIES: Final = 1 << 24
"""Directories that are walked: a million-page file has as many, a cycle is cut before."""


def find_faults(source: Source) -> Iterator[Damage]:
    """Walk all directories of a file.

    Parameters
    ----------
    source
        A TIFF.

    Yields
    ------
    Damage
        One for each directory, value or run of pixels that the file does not hold whole.
    """
    try:
        with open_tiff(source) as (file, first):
            yield from _walk(file, first)
    except AicsioError as error:
        yield Damage("tiff-structure", str(error), source.uri)


def _walk(file: OpenTiff, first: int) -> Iterator[Damage]:
    """Walk the chain of directories, and those that tags point at."""
    seen: set[int] = set()
    waiting = [first]
    while waiting and len(seen) < MOST_DIRECTORIES:
        offset = waiting.pop()
        if offset in seen or not offset:
            continue
        seen.add(offset)
        try:
            directory, following, nbytes = read_directory(file, offset)
        except CorruptFileError as error:
            yield Damage("tiff-structure", str(error), error.uri, error.offset)
            continue
        if offset + nbytes > file.size and not file.variant.is_ndpi:
            # The four or eight bytes behind the entries are the offset of the next directory.
            text = f"expected an image file directory of {nbytes} bytes"
            yield _beyond(file, offset, text)
        waiting.append(following)
        tags = directory.tags(file.variant)
        yield from _check_values(file, directory, tags)
        yield from _check_segments(file, tags)
        for code in _POINTERS:
            if code in tags:
                waiting += _numbers(file, tags[code])


def _beyond(file: OpenTiff, offset: int, expected: str) -> Damage:
    text = f"{file.source.uri} at byte {offset}: {expected}, but the file ends at {file.size}"
    return Damage("tiff-structure", text, file.source.uri, offset)


def _check_values(
    file: OpenTiff, directory: Directory, tags: dict[int, IfdEntry]
) -> Iterator[Damage]:
    """Yield the values that reach beyond the end of the file."""
    for entry in tags.values():
        nbytes = FIELD_SIZES.get(entry.type, 0) * entry.length
        if nbytes and entry.offset + nbytes > file.size:
            where = f"of the directory at byte {directory.offset}"
            yield _beyond(
                file, entry.offset, f"expected {nbytes} bytes of tag {entry.code} {where}"
            )


def _check_segments(file: OpenTiff, tags: dict[int, IfdEntry]) -> Iterator[Damage]:
    """Yield the strips or tiles that reach beyond the end of the file, the first one by its place."""
    for offsets_tag, counts_tag in _SEGMENTS:
        if offsets_tag not in tags or counts_tag not in tags:
            continue
        offsets = np.array(_numbers(file, tags[offsets_tag]), np.uint64)
        counts = np.array(_numbers(file, tags[counts_tag]), np.uint64)
        count = min(len(offsets), len(counts))
        # No sum of two 64-bit numbers: a damaged one would wrap around.
        room = np.uint64(file.size) - np.minimum(offsets[:count], np.uint64(file.size))
        bad = np.flatnonzero(counts[:count] > room)
        if len(bad):
            first = int(bad[0])
            text = f"expected {int(counts[first])} bytes of strip or tile {first}"
            if len(bad) > 1:
                text += f" (and {len(bad) - 1} more)"
            yield _beyond(file, int(offsets[first]), text)


def _numbers(file: OpenTiff, entry: IfdEntry) -> list[int]:
    """Return the values of a tag of offsets or lengths; none where they are not in the file."""
    nbytes = FIELD_SIZES.get(entry.type, 0) * entry.length
    if entry.type not in _OFFSET_TYPES or not nbytes or entry.offset + nbytes > file.size:
        return []
    raw = file.read(entry.offset, nbytes)
    if file.variant.is_ndpi and entry.length == 1 and entry.type != FieldType.SHORT:
        # Hamamatsu: one value of four bytes has its higher half behind the entries.
        return []
    size = {2: "H", 4: "I", 8: "Q"}[FIELD_SIZES[entry.type]]
    return list(struct.unpack(f"{file.variant.order}{entry.length}{size}", raw))
