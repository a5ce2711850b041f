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
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

import numpy as np

from aicsio._io import readers
from aicsio._io.named_files import list_folder
from aicsio._ome.units import finite_number
from aicsio.errors import CorruptFileError, SourceError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats._micromanager import number_of, start_of, z_step_of
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import (
    NAN,
    Field,
    ListedPlanes,
    or_nan,
    positive,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import is_folder_of
from aicsio.formats.folders.name_lookup import Folder
from aicsio.formats.folders.xml_lists import read_index
from aicsio.records import Channel, Contents, Diagnostic, PixelSize, Source, Well
from aicsio.records.provenance import FactOrigin, FactOrigins

NAME: Final = "metadata.txt"
TYPES: Final = {"GRAY8": "u1", "GRAY16": "u2"}
"""By ``PixelType``; the type of others is that of a file."""
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


FACTS: Final = {
    "time": "ElapsedTime-ms",
    "exposure": "Exposure-ms",
    "x": "XPositionUm",
    "y": "YPositionUm",
    "height": "ZPositionUm",
}
"""Keys of the facts of a plane, by the columns in which they are shown."""
MOST_INDEX: Final = 1 << 24
"""Planes along an axis."""


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
    folder = Folder(source) if source.folder else None
    index, series = _read_series(source, folder)
    if not series.files:
        raise CorruptFileError.at(index.uri, None, "expected planes in metadata.txt, found none")
    planes = series.list_planes()
    sizes = (1 + int(planes.t.max()), 1 + int(planes.c.max()), 1 + int(planes.z.max()))
    summary, first = series.summary, series.first
    diagnostics = series.diagnostics
    planned = _integer(summary.get("Frames"))
    if planned is not None and planned > sizes[0]:
        message = f"{planned} time points were planned, {sizes[0]} were taken"
        diagnostics.append(Diagnostic("micromanager-stopped", message, index.uri))
    size = number_of(first, "PixelSizeUm") or number_of(summary, "PixelSize_um")
    rows, columns = (_integer(first.get(name, summary.get(name))) for name in ("Height", "Width"))
    kind = TYPES.get(str(first.get("PixelType", summary.get("PixelType"))))
    return build_contents(
        PlateIndex(
            source=index,
            code="micromanager",
            fields=series.fields,
            planes=planes,
            sizes=sizes,
            channels=_describe_channels(summary, series.channels, sizes[1]),
            pixel_size=PixelSize(
                z_step_of(summary) or z_step(planes),
                positive(size),
                positive(size),
            ),
            time_step=time_step(planes),
            acquired=start_of(summary, first.get("ReceivedTime"), first.get("Time")),
            plane_size=(rows, columns) if rows and columns and rows > 0 and columns > 0 else None,
            dtype=None if kind is None else np.dtype(kind),
            text=json.dumps({"Summary": summary}, ensure_ascii=False),
            diagnostics=tuple(diagnostics),
        ),
        folder if index is source else None,
    )


# ---------------------------------------------------------------- reading


def _position_folders(folder: Folder) -> list[str]:
    """Return the folders below that have metadata, in the order of their numbers."""
    folders = filter(_may_be_folder, folder.listed())
    return sorted([name for name in folders if NAME in folder.listed(name)], key=_natural_key)


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


def _read_series(source: Source, folder: Folder | None) -> tuple[Source, "_Series"]:
    series = _Series()
    if folder is None:
        series.add(source, "")
        return source, series
    if is_folder_of(source, (NAME,)):
        index = readers.identify(f"{source.uri}/{NAME}")
        series.add(index, "")
        return index, series
    for name in _position_folders(folder):
        series.add(readers.identify(f"{source.uri}/{name}/{NAME}"), name)
    return source, series


class _Series:
    """The contents of the ``metadata.txt`` of all positions. Not a record: it lives for one opening."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.diagnostics: list[Diagnostic] = []
        self.summary: Mapping[str, Any] = {}
        """Of the first position."""
        self.first: Mapping[str, Any] = {}
        """Facts of the first plane."""
        self.channels: dict[int, str] = {}
        """Names that planes give their channels."""
        self.files: list[str] = []
        """Of each plane its file."""
        # Numbers of the planes, one behind the other: position, T, C and Z; and facts as in ``FACTS``.
        self.numbers = array("q")
        self.facts = array("d")

    def add(self, index: Source, folder: str) -> None:
        """Read a position, which lies in a folder below that which was opened."""
        tree, diagnostics = _parse(index)
        self.diagnostics += diagnostics
        places, files, facts = _frames(tree, index.uri)
        # A stack has one file for many planes, with metadata of its own inside.
        if len(files) > 1 and len(set(files)) == 1 and "MMStack" in files[0]:
            raise UnsupportedFormatError(
                f"{index.uri} describes the stack {files[0]!r}: open that file"
            )
        summary = tree.get("Summary")
        if not isinstance(summary, dict):
            summary = {}
        if not self.fields:
            self.summary = summary
        if facts and not self.files:
            self.first = facts[0]
        for (_, channel, _), one in zip(places, facts, strict=True):
            name = one.get("Channel")
            if isinstance(name, str):
                self.channels.setdefault(channel, name)
        for place in places:
            self.numbers.extend((len(self.fields), *place))
        self.files += [f"{folder}/{file}" for file in files] if folder else files
        numbers = _numbers_of(facts)
        self.facts.extend(numbers)
        label = facts[0].get("PositionName") if facts else None
        # Times count from the start of the acquisition, of which only the summary has the date.
        times = numbers[:: len(FACTS)] if "StartTime" in summary else []
        self.fields.append(_describe_field(label, folder, times))

    def list_planes(self) -> ListedPlanes:
        """Return the planes of all positions."""
        field, t, c, z = np.array(self.numbers).reshape(-1, 4).T
        table = np.array(self.facts).reshape(-1, len(FACTS))
        table[np.isinf(table)] = NAN
        facts = dict(zip(FACTS, table.T, strict=True))
        # Times and exposures are in milliseconds.
        facts["time"] /= 1000
        facts["exposure"] /= 1000
        return ListedPlanes.of_fields(field, self.files, t=t, c=c, z=z, **facts)


def _numbers_of(planes: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the facts of planes, one behind the other; NaN or infinite where one is missing."""
    keys = FACTS.values()
    values: list[Any] = [facts.get(key) for facts in planes for key in keys]
    # Usually all are numbers already, which are taken as they are.
    if set(map(type, values)) <= {float}:
        return values
    return [or_nan(number_of(facts, key)) for facts in planes for key in keys]


def _parse(index: Source) -> tuple[dict[str, Any], list[Diagnostic]]:
    raw = read_index(index, is_one_of_many=True)
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


def _frames(
    tree: Mapping[str, Any], uri: str
) -> tuple[list[tuple[int, int, int]], list[str], list[Mapping[str, Any]]]:
    """Return T, C and Z of each plane, its file, and its facts."""
    places: list[tuple[int, int, int]] = []
    files: list[str] = []
    planes: list[Mapping[str, Any]] = []
    for key, facts in tree.items():
        name: object
        if key.startswith("Metadata-"):
            path = key.removeprefix("Metadata-")
            coords = tree.get(f"Coords-{path}")
            coords = coords if isinstance(coords, dict) else {}
            indices = (coords.get("time", 0), coords.get("channel", 0), coords.get("z", 0))
            # The path counts from the folder of all positions.
            name = path.replace("\\", "/").rpartition("/")[2]
        elif key.startswith("FrameKey-") and (match := _FRAME_KEY.fullmatch(key)):
            indices = (int(match[1]), int(match[2]), int(match[3]))
            name = facts.get("FileName") if isinstance(facts, dict) else None
        else:
            continue
        if not isinstance(facts, dict) or not isinstance(name, str) or not name:
            continue
        place = _place_of(indices, uri)
        if place is not None:
            places.append(place)
            files.append(name)
            planes.append(facts)
    return places, files, planes


def _place_of(indices: tuple[object, object, object], uri: str) -> tuple[int, int, int] | None:
    """Return T, C and Z; ``None`` where one is no whole number from 0."""
    t, c, z = indices
    if not type(t) is type(c) is type(z) is int:
        t, c, z = map(_integer, indices)
    if t is None or c is None or z is None or t < 0 or c < 0 or z < 0:
        return None
    # A number beyond these is damage, and would make an array of as many planes.
    if t >= MOST_INDEX or c >= MOST_INDEX or z >= MOST_INDEX:
        raise CorruptFileError.at(uri, None, f"expected indices of a plane, found {(t, c, z)}")
    return t, c, z


# ---------------------------------------------------------------- facts


def _describe_field(label: object, folder: str, milliseconds: Sequence[float]) -> Field:
    name = label if isinstance(label, str) and label not in {"", "null"} else None
    name = name or folder or None
    match = _WELL.fullmatch(name or "")
    well = None
    if match is not None:
        well = Well(match["row"], match["column"], int(match["site"]))
    start = min(filter(math.isfinite, milliseconds), default=None)
    return Field(name, well, start=None if start is None else start / 1000)


def _describe_channels(
    summary: Mapping[str, Any], own: Mapping[int, str], count: int
) -> tuple[Channel, ...]:
    names: list[str | None] = [None] * count
    listed = summary.get("ChNames")
    if isinstance(listed, list) and len(listed) == count:
        names = [str(name) for name in listed]
    for channel, name in own.items():
        if names[channel] is None:
            names[channel] = name
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
