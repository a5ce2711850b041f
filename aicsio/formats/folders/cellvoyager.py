"""Yokogawa CellVoyager CV7000 and CV8000: ``MeasurementData.mlf``, with settings in files beside it.

Rule kept here: ``MeasurementData.mlf`` places the planes. ``MeasurementDetail.mrf``, the plate
(``.wpi``, ``.wpp``) and the settings (``.mes``) add facts, and any of them may be missing.

Source of the facts: measurements in public, and what Bio-Formats' ``CV7000Reader`` takes from them:
positions and pixel sizes in micrometres, exposures in milliseconds.
"""

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from xml.etree.ElementTree import Element

import attrs

from aicsio._ome.elements import parse_integer, parse_number
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.folders import geometry
from aicsio.formats.folders.cellvoyager_settings import (
    NAMES,
    MeasurementSettings,
    find_measurement,
    first_parsed,
    plain_attributes,
    read_settings,
)
from aicsio.formats.folders.entries import (
    NAN,
    FieldPlanes,
    ParsedIntegers,
    ParsedNumbers,
    ParsedSeconds,
    PlaneEntry,
    date_of,
    delay_of_first,
    in_wells,
    positions_of,
    positive,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import Folder, PlateIndex, build_contents
from aicsio.formats.folders.listing import is_folder_of, list_beside
from aicsio.formats.folders.xml_lists import Attribute, parse_rest, read_index, read_values
from aicsio.records import Contents, Diagnostic, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

# Parts of the list are parsed without the root, which declares the prefix.
DECLARATION: Final = b'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
ROOTS: Final = (b"<bts:MeasurementData", b"<bts:MeasurementDetail", b"<bts:WellPlate")
ANY_ACTION: Final = -1
"""In place of an action, for a channel whose actions take different planes."""
ORIGINS: Final = FactOrigins(
    (
        FactOrigin("name", "cellvoyager:MeasurementRecord/Row, Column, FieldIndex"),
        FactOrigin("channels[*].name", "cellvoyager:Channel/Fluorophore"),
        FactOrigin("channels[*].fluor", "cellvoyager:Channel/Fluorophore"),
        FactOrigin("channels[*]", "cellvoyager:MeasurementSetting/Channel"),
        FactOrigin("pixel_size.Z", "cellvoyager:MeasurementRecord/Z"),
        FactOrigin("pixel_size.Y", "cellvoyager:MeasurementChannel/VerticalPixelDimension"),
        FactOrigin("pixel_size.X", "cellvoyager:MeasurementChannel/HorizontalPixelDimension"),
        FactOrigin("objective", "cellvoyager:Channel/Objective"),
        FactOrigin("time_step", "cellvoyager:MeasurementRecord/Time"),
        FactOrigin("acquired", "cellvoyager:MeasurementRecord/Time"),
        FactOrigin("planes", "cellvoyager:MeasurementRecord"),
        FactOrigin("well", "cellvoyager:MeasurementRecord/Row, Column"),
    )
)


WANTED: Final[tuple[Attribute, ...]] = tuple(
    ("MeasurementRecord", name)
    for name in (
        *("Type", "Row", "Column", "FieldIndex", "Ch", "ActionIndex", "TimePoint", "ZIndex"),
        *("Time", "X", "Y", "Z", "TimelineIndex"),
    )
)
"""In the order in which ``_read_records`` takes them."""


class _Record(NamedTuple):
    """One image of the index. A tuple, for an index may list a million."""

    place: tuple[int, int, int]
    """Row and column of the well, and number of the field, from 1."""
    timeline: int
    """Number of the timeline, which takes some wells by channels and time points of its own."""
    channel: int
    """Number of the channel."""
    action: int
    """Number of the action that took it."""
    time_point: int
    """Number of the time point."""
    section: int
    """Number of the section."""
    date: str
    """Date and time."""
    seconds: float
    """The same on a clock."""
    position: tuple[float, float, float]
    """X, Y and Z in micrometres."""
    name: str
    """Name of the file."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is a part of a measurement's description, or the folder has one."""
    if source.folder:
        return is_folder_of(source, NAMES)
    return any(root in head for root in ROOTS)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the fields of a measurement.

    Parameters
    ----------
    source
        ``MeasurementData.mlf``, a ``.mrf`` or ``.wpi`` beside it, or their folder.
    options
        None applies.

    Returns
    -------
    Contents
        One scene a field, by row, column and number.

    Raises
    ------
    CorruptFileError
        When there is no ``MeasurementData.mlf``, it lists no image, or names files elsewhere.
    """
    index = find_measurement(source)
    text, elements = read_values(
        read_index(index),
        b"<bts:MeasurementData",
        b"</bts:MeasurementData>",
        b"</bts:MeasurementRecord>",
        WANTED,
        DECLARATION,
    )
    _, notes = parse_rest(text, "cellvoyager", index.uri)
    records, failures = _read_records(elements)
    if not records:
        raise CorruptFileError.at(index.uri, None, "expected images of type IMG, found none")
    if failures:
        message = f"{failures} images failed when they were taken, the microscope notes"
        notes.append(Diagnostic("cellvoyager-failed-images", message, index.uri))
    detail, trouble = read_settings(index)
    folder = Folder(index)
    parts = _part_by_timelines(records)
    contents = [_describe_part(part, folder, detail, text) for part in parts]
    notes += trouble
    if len(parts) == 1:
        return attrs.evolve(contents[0], diagnostics=(*notes, *contents[0].diagnostics))
    places = (sorted({record.place for record in part}) for part in parts)
    scenes = [
        pair
        for part, content in zip(places, contents, strict=True)
        for pair in zip(part, content.scenes, strict=True)
    ]
    ordered = tuple(scene for _, scene in sorted(scenes, key=operator.itemgetter(0)))
    notes += (note for content in contents for note in content.diagnostics)
    return Contents(ordered, contents[0].metadata, tuple(notes))


def _part_by_timelines(records: Sequence[_Record]) -> list[list[_Record]]:
    """Return the records of the fields that the same timelines took, by the first place of each part.

    Timelines of other wells have channels and time points of their own: in one block of all, most
    planes of a field would be zero.
    """
    timelines: dict[tuple[int, int, int], set[int]] = {}
    for record in records:
        timelines.setdefault(record.place, set()).add(record.timeline)
    parts: dict[frozenset[int], list[_Record]] = {
        frozenset(timelines[place]): [] for place in sorted(timelines)
    }
    if len(parts) == 1:
        return [list(records)]
    for record in records:
        parts[frozenset(timelines[record.place])].append(record)
    return list(parts.values())


def _describe_part(
    records: Sequence[_Record], folder: Folder, detail: MeasurementSettings, text: str
) -> Contents:
    """Describe fields of the same channels, time points and sections."""
    channels = _channel_keys(records)
    times = positions_of({record.time_point for record in records})
    sections = positions_of({record.section for record in records})
    exposures = [
        positive(parse_number(detail.channel(key).get("ExposureTime"))) for key in channels
    ]
    fields = _group(records, channels, (times, sections), exposures, detail.plate_name)
    return build_contents(
        PlateIndex(
            source=folder.index,
            code="cellvoyager",
            fields=fields,
            sizes=(len(times), len(channels), len(sections)),
            channels=tuple(detail.describe_channel(key) for key in channels),
            pixel_size=detail.pixel_size(channels[0], z_step(fields)),
            time_step=time_step(fields),
            acquired=date_of(detail.root.get("BeginTime")),
            objective=detail.describe_objective(channels[0]),
            plane_size=detail.plane_size(channels[0]),
            text=detail.text or text,
        ),
        folder,
    )


def _read_records(
    elements: Iterable[tuple[Sequence[str | None], str]],
) -> tuple[list[_Record], int]:
    """Return the images, and how many others failed."""
    integer, number, seconds = ParsedIntegers(), ParsedNumbers(), ParsedSeconds()
    records = []
    failures = 0
    for values, name in elements:
        kind, row, column, field, channel, action, time_point, section, time, *rest = values
        x, y, z, timeline = rest
        # ``Type`` is IMG for an image, ERR for one that failed.
        if kind in {"IMG", None} and name:
            records.append(
                _Record(
                    place=(integer[row], integer[column], integer[field]),
                    timeline=integer[timeline],
                    channel=integer[channel],
                    action=integer[action],
                    time_point=integer[time_point],
                    section=integer[section],
                    date=time or "",
                    seconds=seconds[time],
                    position=(number[x], number[y], number[z]),
                    name=name,
                )
            )
        elif kind == "ERR":
            failures += 1
    return records, failures


def _channel_keys(records: Sequence[_Record]) -> list[tuple[int, int]]:
    """Return channel and action of each position of C.

    One action takes all sections of a channel. Where two actions take the same plane of a channel,
    such as a stack and its projection, both are shown.
    """
    actions: dict[int, set[int]] = {}
    planes: set[tuple[Any, ...]] = set()
    repeated: set[int] = set()
    for record in records:
        actions.setdefault(record.channel, set()).add(record.action)
        plane = (record.channel, record.time_point, record.section, record.place)
        if plane in planes:
            repeated.add(record.channel)
        planes.add(plane)
    keys = []
    for label in sorted(actions):
        if label in repeated:
            keys += [(label, action) for action in sorted(actions[label])]
        else:
            keys.append((label, ANY_ACTION))
    return keys


def _group(
    records: Sequence[_Record],
    channels: Sequence[tuple[int, int]],
    numbers: tuple[Mapping[int, int], Mapping[int, int]],
    exposures: Sequence[float | None],
    plate: str | None,
) -> list[FieldPlanes]:
    position_of = {key: position for position, key in enumerate(channels)}
    times, sections = numbers
    groups: dict[tuple[int, int, int], list[_Record]] = {}
    for record in records:
        groups.setdefault(record.place, []).append(record)
    fields = []
    for well, members in in_wells(groups.items(), plate):
        entries = []
        for record in members:
            # A channel without repeated planes stands for all of its actions.
            channel = position_of.get((record.channel, ANY_ACTION))
            if channel is None:
                channel = position_of[record.channel, record.action]
            exposure = exposures[channel]
            entries.append(
                PlaneEntry(
                    t=times[record.time_point],
                    c=channel,
                    z=sections[record.section],
                    file=record.name,
                    time=record.seconds,
                    exposure=NAN if exposure is None else exposure / 1000,
                    x=record.position[0],
                    y=record.position[1],
                    height=record.position[2],
                )
            )
        taken = date_of(members[0].date)
        fields.append(FieldPlanes(None, well, entries, taken, delay_of_first(entries)))
    return fields


# ---------------------------------------------------------------- optional protocols of a format


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe the plate: its rows, columns and wells."""
    index = find_measurement(source)
    attributes: Mapping[str, str] = {}
    plate = first_parsed(index, list_beside(index, ".wpi"), [])
    if plate is not None:
        attributes = plain_attributes(plate)
    return geometry.describe_plate(
        contents,
        name=attributes.get("Name"),
        rows=parse_integer(attributes.get("Rows")),
        columns=parse_integer(attributes.get("Columns")),
        identifier=attributes.get("ProductID"),
        from_centre=True,
    )


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001
    """Return the elements of the description."""
    return ORIGINS
