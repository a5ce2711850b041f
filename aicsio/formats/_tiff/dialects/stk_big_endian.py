"""MetaMorph stacks in big-endian byte order, whose UIC tags tifffile refuses to read.

Rule kept here: the metadata have the names that tifffile gives to those of little-endian stacks, so
that both become facts by the same code. UIC4 is read up to the first tag of unknown length.

Source of the facts: Bio-Formats (``MetamorphReader``), which reads both byte orders, and tifffile's
table of UIC tags.
"""

import datetime as dt
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.axes import lazy_array_of_axes, page_letters
from aicsio.formats._tiff.chain import Chain
from aicsio.formats._tiff.contiguous import contiguous
from aicsio.formats._tiff.dialects.stk_positions import UIC1, UIC2, UIC4, as_fractions
from aicsio.formats._tiff.dialects.vendor_metadata import fit_to_scene, stack_scene
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import build_page_table
from aicsio.records import Contents, Diagnostic, Scene

UIC3 = 33630
_NUMBERS = {3: "SpatialCalibration", 41: "AbsoluteZValid"}
_FRACTIONS = {4: "XCalibration", 5: "YCalibration"}
_TEXTS = {6: "CalibrationUnits", 7: "Name"}
_DATES = {16: "CreateTime"}
_OF_PLANES = {28: ("StagePosition", (2, 2)), 40: ("AbsoluteZ", (2,)), 41: ("AbsoluteZValid", ())}
"""Name of each tag in UIC4, and the numbers that it has for each plane."""
_DAY_BEFORE_1970 = 2440587
"""Number of 1 January 1970 in MetaMorph, one less than its Julian day."""
_FIRST_DAY, _LAST_DAY = 2299161, 5373483
"""Days of the Gregorian calendar up to the year 9999."""
_LONGEST_TEXT = 1 << 16
_PLANE = struct.Struct(">2i4I")
"""UIC2: distance as a fraction, day and milliseconds of creation and of change."""


def read_big_endian_stack(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    """Describe a big-endian stack: its planes follow each other without directories."""
    uri = file.source.uri
    count = tags.tags[UIC2].length if UIC2 in tags.tags else 1
    directory, next_offset, _ = read_directory(file, first)
    page_table, notes = build_page_table(file, Chain.of([directory]))
    stack = contiguous(file, page_table, count, next_offset) if count > 1 else None
    if stack is None:
        if count > 1:
            text = f"{count} planes are described, and do not follow each other: one is shown"
            notes.append(Diagnostic("stk-planes", text, uri, loss=True))
        count, stack = 1, (page_table, np.zeros(1, np.int64))
    structure = page_table.segment_tables[0].structure
    try:
        info = _read_metadata(tags, count)
    except (struct.error, CorruptFileError, ValueError, OverflowError) as error:
        return Diagnostic("tiff-structure", f"read as plain TIFF: {error}", uri)
    letters = ("" if count == 1 else _plane_axis(info)) + page_letters(structure)
    shape = ((count,) if count > 1 else ()) + structure.shape
    found = lazy_array_of_axes(*stack, shape, letters, uri)
    if found is None:
        return Diagnostic("tiff-structure", "its planes have no size: read as plain TIFF", uri)
    array, more = found
    name = str(info.get("Name", "")) or "Image:0"
    scene = stack_scene(info, _z_distance(info, count), tags)
    fields, misfits = fit_to_scene(scene.fields, array.stored, uri)
    described = {"name": name, "levels": (array,), "color_map": tags.color_map(structure), **fields}
    notes += [*more, *diagnose(structure, name), *scene.notes, *misfits]
    return Contents((Scene(**described),), tags.description or None, tuple(notes))


def _plane_axis(info: dict[str, Any]) -> str:
    """Return the letter of the planes by the rule of tifffile; I where neither holds."""
    if np.all(info["ZDistance"] != 0):
        return "Z"
    return "T" if np.all(np.diff(info["TimeCreated"]) != 0) else "I"


def _z_distance(info: dict[str, Any], count: int) -> float | None:
    # The distance of the first plane counts from nowhere.
    distance = float(info["ZDistance"][1]) if count > 1 else np.nan
    return distance if np.isfinite(distance) else None


# ---------------------------------------------------------------- UIC tags


def _read_metadata(tags: PageTags, count: int) -> dict[str, Any]:
    info: dict[str, Any] = {"NumberPlanes": count}
    if tags.description:
        info["PlaneDescriptions"] = tags.description.rstrip("\0").split("\0")
    if UIC1 in tags.tags:
        info |= dict(_read_table(tags))
    if UIC3 in tags.tags:
        raw = tags.file.read(tags.tags[UIC3].offset, 8 * count)
        info["Wavelengths"] = as_fractions(np.frombuffer(raw, ">u4").reshape(-1, 2))
    if UIC4 in tags.tags:
        info |= dict(_read_list(tags, tags.tags[UIC4].offset, count))
    if UIC2 in tags.tags:
        raw = tags.file.read(tags.tags[UIC2].offset, _PLANE.size * count)
        planes = np.frombuffer(raw, ">i4").reshape(count, 6)
        info["ZDistance"] = as_fractions(planes[:, :2])
        info["TimeCreated"] = planes[:, 3].astype(np.int64)
        dates = [_read_date(int(day), int(time)) for day, time in planes[:, 2:4]]
        if None not in dates:
            info["DatetimeCreated"] = np.array(dates, "datetime64[ms]")
    return info


def _read_table(tags: PageTags) -> Iterator[tuple[str, Any]]:
    """Yield names and values of UIC1: each has a number, or the place of its value."""
    entry, file = tags.tags[UIC1], tags.file
    for code, value in struct.iter_unpack(">2I", file.read(entry.offset, 8 * entry.length)):
        if code in _NUMBERS:
            yield _NUMBERS[code], value
        elif code in _FRACTIONS:
            (number,) = as_fractions(np.frombuffer(file.read(value, 8), ">u4").reshape(1, 2))
            yield _FRACTIONS[code], float(number)
        elif code in _TEXTS:
            yield _TEXTS[code], _read_text(tags, value)[0]
        elif code in _DATES:
            date = _read_date(*struct.unpack(">2I", file.read(value, 8)))
            if date is not None:
                yield _DATES[code], date


def _read_list(tags: PageTags, offset: int, count: int) -> Iterator[tuple[str, Any]]:
    """Yield names and values of UIC4: tags behind each other, each with its value."""
    while True:
        (code,) = struct.unpack(">H", tags.file.read(offset, 2))
        offset += 2
        if code in _TEXTS:
            text, nbytes = _read_text(tags, offset)
            yield _TEXTS[code], text
        elif code in _OF_PLANES:
            name, numbers = _OF_PLANES[code]
            nbytes = 4 * count * int(np.prod(numbers, dtype=np.int64))
            raw = tags.file.read(offset, nbytes)
            table = np.frombuffer(raw, ">i4").reshape(count, *numbers)
            yield name, as_fractions(table) if numbers else table
        else:
            return
        offset += nbytes


def _read_text(tags: PageTags, offset: int) -> tuple[str, int]:
    """Return a text, and its bytes with those of its length."""
    (length,) = struct.unpack(">I", tags.file.read(offset, 4))
    if length > _LONGEST_TEXT:
        raise ValueError(f"a text of {length} bytes")
    raw = tags.file.read(offset + 4, length)
    return raw.split(b"\0")[0].decode("latin-1").strip(), 4 + length


def _read_date(day: int, milliseconds: int) -> dt.datetime | None:
    if not _FIRST_DAY <= day < _LAST_DAY or not 0 <= milliseconds <= 86_400_000:
        return None
    # The clock of the microscope, of no zone.
    start = dt.datetime(1970, 1, 1)  # noqa: DTZ001
    return start + dt.timedelta(days=day - _DAY_BEFORE_1970, milliseconds=milliseconds)
