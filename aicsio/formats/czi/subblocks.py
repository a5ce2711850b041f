"""Which subblocks are shown: those of this file, of known types, with one row for each plane.

Rule kept here: a subblock that cannot be shown is counted in a diagnostic; the others stay.
"""

import numpy as np

from aicsio import _codecs
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.czi.directory import Ints, Subblocks, distinct
from aicsio.formats.czi.index import Index
from aicsio.formats.czi.layout import COMPRESSIONS, IMAGE_CODECS, LIBRARIES, PIXEL_TYPES
from aicsio.records import Diagnostic, Source


def drop_other_file_parts(index: Index, notes: list[Diagnostic]) -> Subblocks:
    """Leave out the subblocks that lie in other files of a set.

    Raises
    ------
    UnsupportedFormatError
        When all of them do.
    """
    blocks = index.subblocks
    elsewhere = blocks.file_part != index.file_part
    if not elsewhere.any():
        return blocks
    parts = distinct(blocks.file_part[elsewhere])
    where = f"in other files of the set (parts {parts[:8]})"
    if elsewhere.all():
        raise UnsupportedFormatError(
            f"{index.source.uri}: all {len(blocks)} subblocks lie {where}; join the files in ZEN "
            "(Save as one file) and open the result"
        )
    count = f"{int(elsewhere.sum())} of {len(blocks)} subblocks lie {where}"
    notes.append(Diagnostic("missing-file-parts", f"{count}: they read as zero", index.source.uri))
    return blocks.only(~elsewhere)


def check_pixel_types(blocks: Subblocks, source: Source) -> None:
    """Refuse pixel types that ZISRAW section 3.3 does not list.

    Raises
    ------
    CorruptFileError
        With the offset of the first entry of an unknown type.
    """
    unknown = [number for number in distinct(blocks.pixel_type) if number not in PIXEL_TYPES]
    if unknown:
        entry_offset = int(blocks.entry[np.argmax(blocks.pixel_type == unknown[0])])
        raise CorruptFileError.at(
            source.uri, entry_offset, f"expected a known pixel type, found number {unknown[0]}"
        )


def reason_not_native(blocks: Subblocks) -> str | None:
    """Return why a compression of the subblocks cannot be decoded here; ``None`` if all can."""
    for number in distinct(blocks.compression):
        if number not in COMPRESSIONS:
            maker = "camera" if 100 <= number < 1000 else "system"
            known = ", ".join(COMPRESSIONS.values())
            return (
                f"compression {number} ({maker}-specific) of its subblocks is not published; "
                f"known are {known}"
            )
        if number and not _codecs.has_library(LIBRARIES[number]):
            return (
                f"its subblocks are compressed by {COMPRESSIONS[number]}, which imagecodecs was "
                "built without here"
            )
    return None


def one_row_per_plane(
    blocks: Subblocks, source: Source, notes: list[Diagnostic]
) -> tuple[Subblocks, Ints, Ints]:
    """Give each plane of a subblock that holds several (a size of Z, T, ... above 1) its own row.

    M and S number tiles and scenes, so their sizes never multiply planes; libCZI ignores them too.

    Returns
    -------
    tuple
        The rows, the index of each plane inside its subblock, and the planes of that subblock.

    Raises
    ------
    CorruptFileError
        When a subblock claims more pixels than its bytes allow.
    """
    letters = [
        letter for letter, size in blocks.size.items() if letter not in "YXMS" and (size > 1).any()
    ]
    if not letters:
        return blocks, np.zeros(len(blocks), np.int64), np.ones(len(blocks), np.int64)
    sizes = {letter: np.maximum(blocks.size[letter], 1) for letter in letters}
    count = np.prod([sizes[letter] for letter in letters], axis=0)
    blocks, count = _drop_images_of_several_planes(blocks, count, source, notes)
    pixels = blocks.stored["Y"] * blocks.stored["X"]
    raw = blocks.compression == 0
    if (raw & (count * pixels > np.maximum(blocks.segment, 0))).any() or (count > 1 << 20).any():
        entry_offset = int(blocks.entry[np.argmax(count)])
        raise CorruptFileError.at(
            source.uri, entry_offset, f"expected sizes along {letters} that its bytes allow"
        )
    rows = np.repeat(np.arange(len(blocks)), count)
    inner = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    wide = blocks.only(rows)
    _number_planes(wide, inner, letters)
    return wide, inner, count[rows]


def _number_planes(wide: Subblocks, inner: Ints, letters: list[str]) -> None:
    """Set the position of each plane: the first dimension of an entry runs fastest in its pixels."""
    slots = np.stack([wide.slot[letter] for letter in letters])
    for letter in letters:
        faster = slots < wide.slot[letter]
        step = np.ones(len(inner), np.int64)
        for other, is_faster in zip(letters, faster, strict=True):
            step *= np.where(is_faster, np.maximum(wide.size[other], 1), 1)
        wide.start[letter] = wide.start[letter] + inner // step % np.maximum(wide.size[letter], 1)


def _drop_images_of_several_planes(
    blocks: Subblocks, count: Ints, source: Source, notes: list[Diagnostic]
) -> tuple[Subblocks, Ints]:
    """Leave out subblocks whose codec stores one image but that claim several planes."""
    images = (count > 1) & np.isin(blocks.compression, list(IMAGE_CODECS))
    if not images.any():
        return blocks, count
    entry_offset = int(blocks.entry[np.argmax(images)])
    name = COMPRESSIONS[int(blocks.compression[np.argmax(images)])]
    message = (
        f"{int(images.sum())} of {len(blocks)} subblocks are left out: they claim several planes, "
        f"but {name} stores one image; the first entry is at byte {entry_offset}"
    )
    if images.all():
        raise UnsupportedFormatError(f"{source.uri}: {message}")
    notes.append(Diagnostic("left-out-subblocks", message, source.uri))
    return blocks.only(~images), count[~images]


def number_scenes(
    blocks: Subblocks, notes: list[Diagnostic], source: Source
) -> tuple[Subblocks, Ints]:
    """Return the scene of each subblock: its S, or ``NO_SCENE`` in a file without S.

    A subblock without S in a file with S is in no scene: those of full resolution become a scene of
    their own, levels alone are left out.
    """
    numbers = blocks.start.get("S")
    if numbers is None:
        return blocks, np.full(len(blocks), NO_SCENE, np.int64)
    without = ~blocks.has["S"]
    if not without.any():
        return blocks, numbers
    full = (blocks.stored["X"] >= blocks.size["X"]) & (blocks.stored["Y"] >= blocks.size["Y"])
    count = f"{int(without.sum())} of {len(blocks)} subblocks have no scene (S)"
    if (without & full).any():
        text = f"{count}, others have: they are a scene of their own, the last"
        notes.append(Diagnostic("subblocks-without-scene", text, source.uri))
        return blocks, np.where(without, NO_SCENE, numbers)
    text = f"{count} and are pyramid levels only: they are left out"
    notes.append(Diagnostic("left-out-subblocks", text, source.uri))
    return blocks.only(~without), numbers[~without]


NO_SCENE = 1 << 40
"""Number of the scene of subblocks without S: it sorts last, and no file has it (S is an int32)."""
