"""Micro-Manager image series: ``metadata.txt`` and one TIFF a plane, of versions 1.4 and 2.0.

Rule kept here: a plane is placed by the indices in ``metadata.txt``. A folder of position folders is
one image; a ``metadata.txt`` alone is its position.

Source of the facts: https://micro-manager.org/Micro-Manager_File_Formats. Version 1.4 has keys
``FrameKey-<time>-<channel>-<section>``, version 2.0 ``Coords-<file>`` and ``Metadata-<file>``;
lengths are in micrometres, times in milliseconds. Files of a series lie beside ``metadata.txt``.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

import attrs
import numpy as np

from aicsio._io import readers
from aicsio._io.named_files import list_folder
from aicsio._ome.units import finite_number
from aicsio.errors import CorruptFileError, SourceError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats._micromanager import number_of, start_of, z_step_of
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import (
    FieldPlanes,
    PlaneEntry,
    or_nan,
    positive,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import is_folder_of
from aicsio.formats.folders.xml_lists import read_index
from aicsio.records import Channel, Contents, Diagnostic, PixelSize, Source, Well
from aicsio.records.provenance import FactOrigin, FactOrigins

NAME: Final = "metadata.txt"
TYPES: Final = {"GRAY8": "u1", "GRAY16": "u2"}
"""By ``PixelType``; of the others a file tells the type."""
ORIGINS: Final = FactOrigins(
    (
        FactOrigin("name", "micromanager:PositionName"),
        FactOrigin("channels[*].name", "micromanager:Summary/ChNames"),
        FactOrigin("channels[*].color", "micromanager:Summary/ChColors"),
        FactOrigin("pixel_size.Z", "micromanager:Summary/z-step_um"),
        FactOrigin("pixel_size", "micromanager:PixelSizeUm"),
        FactOrigin("time_step", "micromanager:ElapsedTime-ms"),
        FactOrigin("acquired", "micromanager:Summary/StartTime"),
        FactOrigin("planes", "micromanager:FrameKey"),
        FactOrigin("well", "micromanager:PositionName"),
    )
)
_FRAME_KEY = re.compile(r"FrameKey-(\d+)-(\d+)-(\d+)")
_WELL = re.compile(r"(?P<row>[A-Z]{1,2})(?P<column>\d{1,2})-Site_?(?P<site>\d+)")
LARGEST_INTEGER: Final = 1 << 1023
"""Below the largest float."""
_START = re.compile(r'\s*\{\s*"(?:Summary|FrameKey-|Coords-|Metadata-)')


@attrs.frozen(eq=False)
class _Frame:
    """One plane of ``metadata.txt``. Not a record: it lives for one opening."""

    t: int
    c: int
    z: int
    file: str
    facts: Mapping[str, Any]


@attrs.frozen(eq=False)
class _Position:
    """One ``metadata.txt``. Not a record: it lives for one opening."""

    folder: str
    """Its folder below that which was opened; empty for the same."""
    summary: Mapping[str, Any]
    frames: Sequence[_Frame]
    diagnostics: Sequence[Diagnostic]


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is the metadata of a series, or the folder or one below has some."""
    if source.folder:
        if is_folder_of(source, (NAME,)):
            return True
        return any(_is_position(source, name) for name in list_folder(source))
    is_named = source.uri.rpartition("?")[0] or source.uri
    return is_named.lower().endswith(NAME) and _START.match(head.decode("latin-1")) is not None


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the positions of a series.

    Parameters
    ----------
    source
        A ``metadata.txt``, its folder, or the folder of position folders.
    options
        None applies.

    Returns
    -------
    Contents
        One scene a position.

    Raises
    ------
    CorruptFileError
        When the metadata list no plane.
    UnsupportedFormatError
        When they describe a stack, which opens by itself.
    """
    index, positions = _read_positions(source)
    diagnostics = [note for position in positions for note in position.diagnostics]
    frames = [frame for position in positions for frame in position.frames]
    if not frames:
        raise CorruptFileError.at(index.uri, None, "expected planes in metadata.txt, found none")
    sizes = (
        1 + max(frame.t for frame in frames),
        1 + max(frame.c for frame in frames),
        1 + max(frame.z for frame in frames),
    )
    summary = positions[0].summary
    planned = _integer(summary.get("Frames"))
    if planned is not None and planned > sizes[0]:
        message = f"{planned} time points were planned, {sizes[0]} were taken"
        diagnostics.append(Diagnostic("micromanager-stopped", message, index.uri))
    fields = [_describe_position(position) for position in positions]
    first = frames[0].facts
    size = number_of(first, "PixelSizeUm") or number_of(summary, "PixelSize_um")
    rows, columns = (_integer(first.get(name, summary.get(name))) for name in ("Height", "Width"))
    kind = TYPES.get(str(first.get("PixelType", summary.get("PixelType"))))
    return build_contents(
        PlateIndex(
            source=index,
            code="micromanager",
            fields=fields,
            sizes=sizes,
            channels=_describe_channels(summary, frames, sizes[1]),
            pixel_size=PixelSize(
                z_step_of(summary) or z_step(fields),
                positive(size),
                positive(size),
            ),
            time_step=time_step(fields),
            acquired=start_of(summary, first.get("ReceivedTime"), first.get("Time")),
            plane_size=(rows, columns) if rows and columns and rows > 0 and columns > 0 else None,
            dtype=None if kind is None else np.dtype(kind),
            text=json.dumps({"Summary": summary}, ensure_ascii=False),
            diagnostics=tuple(diagnostics),
        )
    )


# ---------------------------------------------------------------- reading


def _position_folders(source: Source) -> list[str]:
    """Return the folders below that have metadata, in the order of their numbers."""
    folders = filter(_may_be_folder, list_folder(source))
    return sorted([name for name in folders if NAME in list_folder(source, name)], key=_natural_key)


def _is_position(source: Source, name: str) -> bool:
    try:
        return _may_be_folder(name) and NAME in list_folder(source, name)
    except SourceError:
        # A folder that the system locks hides no format: what lies beside it is still recognised.
        return False


def _may_be_folder(name: str) -> bool:
    # Thousands of images beside each other are no folders, and not looked into.
    return not name.lower().endswith((".tif", ".tiff", ".txt", ".json", ".xml"))


def _natural_key(name: str) -> list[tuple[int, str]]:
    # The group keeps numbers among the parts: Pos10 sorts behind Pos9.
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]


def _read_positions(source: Source) -> tuple[Source, list[_Position]]:
    if not source.folder:
        return source, [_read_position(source, "")]
    if is_folder_of(source, (NAME,)):
        index = readers.identify(f"{source.uri}/{NAME}")
        return index, [_read_position(index, "")]
    folders = _position_folders(source)
    positions = []
    for folder in folders:
        index = readers.identify(f"{source.uri}/{folder}/{NAME}")
        positions.append(_read_position(index, folder))
    return source, positions


def _read_position(index: Source, folder: str) -> _Position:
    tree, diagnostics = _parse(index)
    summary = tree.get("Summary")
    frames = list(_frames(tree, index.uri))
    stacks = {frame.file for frame in frames}
    # A stack has one file for many planes, with metadata of its own inside.
    if len(frames) > 1 and len(stacks) == 1 and "MMStack" in next(iter(stacks)):
        raise UnsupportedFormatError(
            f"{index.uri} describes the stack {next(iter(stacks))!r}: open that file"
        )
    return _Position(folder, summary if isinstance(summary, dict) else {}, frames, diagnostics)


def _parse(index: Source) -> tuple[dict[str, Any], list[Diagnostic]]:
    raw = read_index(index)
    text = raw.decode("utf-8", "replace").rstrip().rstrip(",")
    # An acquisition that was stopped lacks the last brace; one that crashed ends inside of a plane.
    cut = text.rfind("},")
    for attempt, note in (
        (text, ""),
        (text + "}", "its last brace"),
        (f"{text[: cut + 1]}}}", "its end"),
    ):
        try:
            tree = json.loads(attempt)
        except (ValueError, RecursionError):
            continue
        if not isinstance(tree, dict):
            break
        if note:
            message = f"the metadata lack {note}: what is whole is shown"
            return tree, [Diagnostic("micromanager-cut", message, index.uri, loss=True)]
        return tree, []
    raise CorruptFileError.at(index.uri, None, "expected a JSON object")


def _frames(tree: Mapping[str, Any], uri: str) -> Iterator[_Frame]:
    for key, facts in tree.items():
        if not isinstance(facts, dict):
            continue
        place: tuple[int | None, ...] = (None, None, None)
        name = facts.get("FileName")
        match = _FRAME_KEY.fullmatch(key)
        if match is not None:
            place = (int(match[1]), int(match[2]), int(match[3]))
        elif key.startswith("Metadata-"):
            path = key.removeprefix("Metadata-")
            coords = tree.get(f"Coords-{path}")
            coords = coords if isinstance(coords, dict) else {}
            place = tuple(_integer(coords.get(axis, 0)) for axis in ("time", "channel", "z"))
            # The path counts from the folder of all positions.
            name = path.replace("\\", "/").rpartition("/")[2]
        if not isinstance(name, str) or not name or any(at is None or at < 0 for at in place):
            continue
        t, c, z = (at or 0 for at in place)
        # A number beyond these is damage, and would make an array of as many planes.
        if max(t, c, z) >= 1 << 24:
            raise CorruptFileError.at(uri, None, f"expected indices of a plane, found {place}")
        yield _Frame(t, c, z, name, facts)


# ---------------------------------------------------------------- facts


def _describe_position(position: _Position) -> FieldPlanes:
    prefix = f"{position.folder}/" if position.folder else ""
    entries = []
    for frame in position.frames:
        facts = frame.facts
        entries.append(
            PlaneEntry(
                t=frame.t,
                c=frame.c,
                z=frame.z,
                file=prefix + frame.file,
                time=or_nan(number_of(facts, "ElapsedTime-ms")) / 1000,
                exposure=or_nan(number_of(facts, "Exposure-ms")) / 1000,
                x=or_nan(number_of(facts, "XPositionUm")),
                y=or_nan(number_of(facts, "YPositionUm")),
                height=or_nan(number_of(facts, "ZPositionUm")),
            )
        )
    name = None
    if position.frames:
        label = position.frames[0].facts.get("PositionName")
        name = label if isinstance(label, str) and label not in {"", "null"} else None
    name = name or position.folder or None
    match = _WELL.fullmatch(name or "")
    well = None
    if match is not None:
        well = Well(match["row"], match["column"], int(match["site"]))
    # Times count from the start of the acquisition, of which only the summary has the date.
    has_start = "StartTime" in position.summary
    start = min((one.time for one in entries if math.isfinite(one.time)), default=None)
    return FieldPlanes(name, well, entries, start=start if has_start else None)


def _describe_channels(
    summary: Mapping[str, Any], frames: Sequence[_Frame], count: int
) -> tuple[Channel, ...]:
    names: list[str | None] = [None] * count
    listed = summary.get("ChNames")
    if isinstance(listed, list) and len(listed) == count:
        names = [str(name) for name in listed]
    for frame in frames:
        if names[frame.c] is None and isinstance(frame.facts.get("Channel"), str):
            names[frame.c] = frame.facts["Channel"]
    colors: list[int | None] = [None] * count
    listed = summary.get("ChColors")
    if isinstance(listed, list) and len(listed) == count:
        # Colours of Java: signed, with the opacity in front.
        colors = [
            (color & 0xFFFFFF) << 8 | 0xFF if isinstance(color, int) else None for color in listed
        ]
    return tuple(Channel(name=name, color=color) for name, color in zip(names, colors, strict=True))


def _integer(value: object) -> int | None:
    if type(value) is int:
        # One that no float holds is damage.
        return value if abs(value) <= LARGEST_INTEGER else None
    if isinstance(value, bool) or not isinstance(value, float | str):
        return None
    number = finite_number(str(value))
    return int(number) if number is not None and number.is_integer() else None


# ---------------------------------------------------------------- optional protocols of a format


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:  # noqa: ARG001
    """Describe the plate, where positions are wells."""
    return geometry.describe_plate(contents)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001
    """Return the places in the metadata."""
    return ORIGINS
