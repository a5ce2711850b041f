"""Bio-Rad PIC of the MRC-600 and Radiance confocal microscopes.

Rule kept here: a file has the sections of one channel; notes behind the pixels give the steps.

Source of the facts: "Bio-Rad .PIC file format" of the manuals of the MRC-600 and LaserSharp (a header of
76 bytes, notes of 96); the names of notes as the files of these programs have them.
"""

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from aicsio._io import readers
from aicsio._ome.units import micrometres_per, seconds_per
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.raw_blocks.blocks import lay_out
from aicsio.records import Contents, Damage, Diagnostic, Objective, PixelSize, Scene, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

HEADER_NBYTES: Final = 76
FILE_ID: Final = 12345
"""At byte 54, which all files have."""
NOTE_NBYTES: Final = 96
# In front of the text: level, 4 bytes that announce another note, number, status, type, x, y.
NOTE_TEXT: Final = slice(16, 96)
MOST_NOTES: Final = 10_000
AXES: Final = {"AXIS_2": "X", "AXIS_3": "Y", "AXIS_4": "Z"}
"""Letters by the names of notes."""
ORIGINS: Final = (
    ("pixel_size", "pic:note/AXIS"),
    ("time_step", "pic:note/AXIS_4"),
    ("objective", "pic:header/lens"),
    ("name", "guess"),
)


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file has the identifier of Bio-Rad, and sizes that fit it."""
    if len(head) < HEADER_NBYTES or head[54:56] != FILE_ID.to_bytes(2, "little"):
        return False
    # The header begins with three signed words: columns, rows, sections.
    width, height, count = struct.unpack_from("<3h", head)
    if min(width, height, count) < 1:
        return False
    # The word at 14 is 1 for samples of 8 bits, 0 for 16.
    itemsize = 1 if head[14:16] == b"\1\0" else 2
    # Two bytes alone would take files of others: the first section must lie in the file.
    return source.size is None or source.size >= HEADER_NBYTES + width * height * itemsize


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the image of a PIC file.

    Parameters
    ----------
    source
        The file.
    options
        None applies.

    Returns
    -------
    One scene.

    Raises
    ------
    CorruptFileError
        When the header makes no sense.
    """
    head = readers.read_head(source, HEADER_NBYTES)
    if len(head) < HEADER_NBYTES or not recognises(source, head):
        raise CorruptFileError.at(source.uri, 0, "expected the header of a Bio-Rad PIC file")
    width, height, count = struct.unpack_from("<3h", head)
    dtype = np.dtype("u1" if head[14:16] == b"\1\0" else "<u2")
    end = HEADER_NBYTES + width * height * count * dtype.itemsize
    notes = list(_read_notes(source, end))
    steps: dict[str, float] = {}
    unusable: list[Diagnostic] = []
    third = "Z"
    for note in notes:
        # Words of an axis: type, origin, step, unit.
        name, *words = note.split()
        if name not in AXES or len(words) < 4:
            continue
        letter, unit = AXES[name], words[3]
        if letter == "Z" and seconds_per(unit) is not None:
            letter = third = "T"
        factor = seconds_per(unit) if letter == "T" else micrometres_per(unit)
        step = _number(words[2])
        if factor is not None and step is not None:
            steps[letter] = step * factor
        elif (letter in "YX" or count > 1) and unit:
            text = f"the step of {letter} is {' '.join(words[2:4])[:40]!r}: no size follows from it"
            unusable.append(Diagnostic("unusable-size", text, source.uri))
    shape = (count, height, width) if count > 1 else (height, width)
    letters = third + "YX" if count > 1 else "YX"
    array, diagnostics = lay_out(source, HEADER_NBYTES, letters, shape, dtype)
    # The word at 64 is the magnification of the lens.
    (lens,) = struct.unpack_from("<h", head, 64)
    scene = Scene(
        name="Image:0",
        levels=(array,),
        pixel_size=PixelSize(steps.get("Z"), steps.get("Y"), steps.get("X")),
        time_step=steps.get("T"),
        objective=Objective(magnification=lens) if 0 < lens < 1000 else None,
    )
    return Contents((scene,), "\n".join(notes) or None, (*diagnostics, *unusable))


def _read_notes(source: Source, start: int) -> Iterator[str]:
    """Yield the texts behind the pixels."""
    room = ((source.size or 0) - start) // NOTE_NBYTES
    if room < 1:
        return
    with readers.lend(source) as reader:
        raw = reader.read(start, min(room, MOST_NOTES) * NOTE_NBYTES)
    for at in range(0, len(raw), NOTE_NBYTES):
        note = raw[at : at + NOTE_NBYTES]
        text = note[NOTE_TEXT].partition(b"\0")[0].decode("latin_1").strip()
        if text:
            yield text
        # Bytes 2 to 5 are 0 in the last one.
        if note[2:6] == bytes(4):
            return


def _number(text: str) -> float | None:
    try:
        number = abs(float(text))
    except ValueError:
        return None
    return number if 0 < number < 1e9 else None


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Look for notes that are announced and not there; see ``ChecksStructure``."""
    head = readers.read_head(source, HEADER_NBYTES)
    width, height, count = struct.unpack_from("<3h", head)
    at = HEADER_NBYTES + width * height * count * (1 if head[14:16] == b"\1\0" else 2)
    # The 4 bytes at 10 are not 0 where notes follow the pixels.
    is_announced = head[10:14] != bytes(4)
    size = source.size or 0
    with readers.lend(source) as reader:
        for _ in range(MOST_NOTES):
            if not is_announced:
                return
            if at + NOTE_NBYTES > size:
                text = f"{source.uri} at byte {at}: expected a note, the file ends at {size}"
                yield Damage("pic-notes", text, source.uri, at)
                return
            is_announced = reader.read(at + 2, 4) != bytes(4)
            at += NOTE_NBYTES


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the fields of header and notes."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
