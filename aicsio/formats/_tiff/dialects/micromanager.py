"""Multipage stacks of Micro-Manager: a map of planes inside the TIFF.

Rule kept here: the map proposes directories; each is read and checked before a plane is shown.

Source of the facts: https://micro-manager.org/Micro-Manager_File_Formats: after the TIFF header
54773648 and the offset of the index map, display settings and comments, 2355492 and the length of
the summary metadata, which begin at byte 40. The map begins with 3453623 and the number of planes;
each has channel, slice, frame, position and the offset of its directory.
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio.errors import CorruptFileError
from aicsio.formats._micromanager import start_of
from aicsio.formats._tiff.chain import Chain
from aicsio.formats._tiff.dialects.marks import read_header
from aicsio.formats._tiff.dialects.ndtiff import (
    FEWEST_SLOTS,
    name_channels,
    pixel_size,
    read_json,
)
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.page_tables import build_page_table
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array, length_of
from aicsio.records import Contents, Diagnostic, PixelSize, Scene

_MAP_MARK = 3453623
_SUMMARY_OFFSET = 40
_MAP_LETTERS = "CZTR"
"""Columns of the map: channel, slice, frame, position."""
_ORDER = "RTZC"
"""Axes, slowest first."""
_ROW_NBYTES = 20
"""Five numbers of four bytes."""


def read_stack(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:  # noqa: ARG001 - one signature for all
    """Describe a multipage stack by its index map."""
    table = _read_map(file)
    if isinstance(table, str):
        return Diagnostic(
            "micromanager-map", f"{table}: read as plain TIFF", file.source.uri, loss=True
        )
    # Positions may begin at any number: files of a split acquisition go on counting.
    offsets, columns = table[:, 4].tolist(), table[:, :4] - table[:, :4].min(axis=0)
    sizes = (columns.max(axis=0) + 1).tolist()
    order = [_MAP_LETTERS.index(letter) for letter in _ORDER]
    shape = tuple(sizes[column] for column in order)
    # A map of few planes at distant positions is damage.
    if math.prod(shape) > max(64 * len(table), FEWEST_SLOTS):
        text = f"{len(table)} planes in {shape}: read as plain TIFF"
        return Diagnostic("micromanager-map", text, file.source.uri, loss=True)
    try:
        directories = Chain.of([read_directory(file, offset)[0] for offset in offsets])
        page_table, notes = build_page_table(file, directories)
    except CorruptFileError as error:
        text = f"read as plain TIFF: {error}"
        return Diagnostic("micromanager-map", text, file.source.uri, loss=True)
    slots = np.ravel_multi_index(tuple(columns[:, column] for column in order), shape)
    # -1 stands for a plane that the map does not list: it is blank.
    page_of = np.full(math.prod(shape), -1, np.int64)
    page_of[slots] = np.arange(len(table))
    kept = [axis for axis, size in enumerate(shape) if size > 1]
    letters = "".join(_ORDER[axis] for axis in kept)
    plane_map = PlaneMap.of_pages(page_table, page_of, letters, tuple(shape[axis] for axis in kept))
    array, more = lazy_array(plane_map)
    notes += more
    summary = read_json(file, _SUMMARY_OFFSET, read_header(file)[7])
    size, more = _stack_size(tags, summary)
    scene = Scene(
        name=str(summary.get("Prefix") or "Image:0"),
        levels=(array,),
        channels=name_channels((), length_of(array, "C", 0), summary),
        pixel_size=size,
        acquired=start_of(summary) or tags.acquired(),
    )
    metadata = json.dumps(summary) if summary else tags.description or None
    return Contents((scene,), metadata, (*notes, *more))


def _read_map(file: OpenTiff) -> npt.NDArray[np.int64] | str:
    """Return the rows of the index map that have a directory; the reason if there are none."""
    offset = read_header(file)[1]
    if not 8 <= offset <= file.size - 8:
        return "the index map lies outside the file"
    mark, count = struct.unpack(file.variant.order + "2I", file.read(offset, 8))
    nbytes = _ROW_NBYTES * count
    if mark != _MAP_MARK or not 0 < nbytes <= file.size - offset - 8:
        return "the index map is missing"
    # Five numbers a row: channel, slice, frame, position, offset of the directory.
    numbers = np.frombuffer(file.read(offset + 8, nbytes), file.variant.order + "u4")
    table = numbers.reshape(-1, 5).astype(np.int64)
    # A stack that was stopped early has rows of zeros.
    table = table[table[:, 4] > 0]
    return table if len(table) else "the index map lists no planes"


def _stack_size(tags: PageTags, summary: Mapping[str, Any]) -> tuple[PixelSize, list[Diagnostic]]:
    """Return the pixel size: ``PixelSize_um`` is that of the camera on the sample."""
    size, notes = pixel_size(tags, summary)
    side = positive_float(summary.get("PixelSize_um"))
    if side is None:
        return (size, notes)
    return (PixelSize(size.Z, side, side), [])
