"""Yokogawa CellVoyager CV7000 and CV8000: ``MeasurementData.mlf``, with settings in files beside it.

Rule kept here: ``MeasurementData.mlf`` places the planes. ``MeasurementDetail.mrf``, the plate
(``.wpi``, ``.wpp``) and the settings (``.mes``) add facts, and any of them may be missing.

Source of the facts: measurements in public, and what Bio-Formats' ``CV7000Reader`` takes from them:
positions and pixel sizes in micrometres, exposures in milliseconds.
"""

import itertools
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

import attrs
import numpy as np

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
    Field,
    Integers,
    ListedPlanes,
    ParsedIntegers,
    ParsedNumbers,
    ParsedSeconds,
    choose_rows,
    date_of,
    delays_of_first,
    gather,
    order_fields,
    positions_of,
    positive,
    take_each,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import is_folder_of, list_beside
from aicsio.formats.folders.name_lookup import Folder
from aicsio.formats.folders.xml_lists import Attribute, Columns, parse_rest, read_index, read_values
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
"""In the order in which ``_read_records`` takes them. Behind them stands the name of the file."""


@attrs.frozen(eq=False)
class _Records:
    """Images of the index, in columns. Not a record: it lives for one opening."""

    places: list[tuple[int, int, int]]
    """Row and column of the well, and number of the field, from 1."""
    timelines: list[int]
    """Numbers of timelines, which take some wells by channels and time points of their own."""
    channels: list[int]
    """Numbers of channels."""
    actions: list[int]
    """Numbers of the actions that took them."""
    time_points: list[int]
    """Numbers of time points."""
    sections: list[int]
    """Numbers of sections."""
    dates: list[str | None]
    """Dates and times."""
    facts: dict[str, list[float]]
    """Seconds on a clock, and positions in micrometres."""
    names: list[str]
    """Names of files."""

    def choose(self, chosen: Sequence[bool]) -> "_Records":
        """Return some of the images."""
        columns: dict[str, Any] = {
            field.name: list(itertools.compress(getattr(self, field.name), chosen))
            for field in attrs.fields(_Records)
            if field.name != "facts"
        }
        facts = {name: list(itertools.compress(one, chosen)) for name, one in self.facts.items()}
        return _Records(facts=facts, **columns)


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
    text, columns = read_values(
        read_index(index),
        b"<bts:MeasurementData",
        b"</bts:MeasurementData>",
        b"</bts:MeasurementRecord>",
        WANTED,
        DECLARATION,
    )
    _, notes = parse_rest(text, "cellvoyager", index.uri)
    records, failures = _read_records(columns)
    if not records.names:
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
    places = (sorted(set(part.places)) for part in parts)
    scenes = [
        pair
        for part, content in zip(places, contents, strict=True)
        for pair in zip(part, content.scenes, strict=True)
    ]
    ordered = tuple(scene for _, scene in sorted(scenes, key=operator.itemgetter(0)))
    notes += (note for content in contents for note in content.diagnostics)
    return Contents(ordered, contents[0].metadata, tuple(notes))


def _part_by_timelines(records: _Records) -> list[_Records]:
    """Return the records of the fields that the same timelines took, by the first place of each part.

    Timelines of other wells have channels and time points of their own: in one block of all, most
    planes of a field would be zero.
    """
    timelines: dict[tuple[int, int, int], set[int]] = {}
    for place, timeline in set(zip(records.places, records.timelines, strict=True)):
        timelines.setdefault(place, set()).add(timeline)
    parts = dict.fromkeys(frozenset(timelines[place]) for place in sorted(timelines))
    if len(parts) == 1:
        return [records]
    return [
        records.choose([timelines[place] == timelines_of_part for place in records.places])
        for timelines_of_part in parts
    ]


def _describe_part(
    records: _Records, folder: Folder, detail: MeasurementSettings, text: str
) -> Contents:
    """Describe fields of the same channels, time points and sections."""
    channels = _channel_keys(records)
    times, sections = positions_of(records.time_points), positions_of(records.sections)
    exposures = [
        positive(parse_number(detail.channel(key).get("ExposureTime"))) for key in channels
    ]
    field, wells, first = order_fields(records.places, lambda place: place, detail.plate_name)
    planes = _list_planes(records, field, channels, (times, sections), exposures)
    taken = [date_of(records.dates[row]) for row in first]
    delays = delays_of_first(planes, len(wells))
    return build_contents(
        PlateIndex(
            source=folder.index,
            code="cellvoyager",
            fields=list(map(Field, itertools.repeat(None), wells, taken, delays)),
            planes=planes,
            sizes=(len(times), len(channels), len(sections)),
            channels=tuple(detail.describe_channel(key) for key in channels),
            pixel_size=detail.pixel_size(channels[0], z_step(planes)),
            time_step=time_step(planes),
            acquired=date_of(detail.root.get("BeginTime")),
            objective=detail.describe_objective(channels[0]),
            plane_size=detail.plane_size(channels[0]),
            text=detail.text or text,
        ),
        folder,
    )


def _read_records(parts: Iterable[Columns]) -> tuple[_Records, int]:
    """Return the images, and how many others failed."""
    integer, number, seconds = ParsedIntegers(), ParsedNumbers(), ParsedSeconds()
    failures = 0

    def choose_images() -> Iterator[Sequence[Sequence[str | None]]]:
        nonlocal failures
        for part in parts:
            # ``Type`` is IMG for an image, ERR for one that failed.
            kinds, names = part[0], part[-1]
            failures += kinds.count("ERR")
            images = [
                kind in {"IMG", None} and bool(name)
                for kind, name in zip(kinds, names, strict=True)
            ]
            # The times are read as dates and as seconds.
            yield choose_rows([*part, part[WANTED.index(("MeasurementRecord", "Time"))]], images)

    parsers = (None, *(integer,) * 7, None, *(number,) * 3, integer, None, seconds)
    (
        _,
        *places,
        channels,
        actions,
        time_points,
        sections,
        dates,
        x,
        y,
        z,
        timelines,
        names,
        times,
    ) = gather(choose_images(), parsers)
    records = _Records(
        places=list(zip(*places, strict=True)),
        timelines=timelines,
        channels=channels,
        actions=actions,
        time_points=time_points,
        sections=sections,
        dates=dates,
        facts={"time": times, "x": x, "y": y, "height": z},
        names=names,
    )
    return records, failures


def _channel_keys(records: _Records) -> list[tuple[int, int]]:
    """Return channel and action of each position of C.

    One action takes all sections of a channel. Where two actions take the same plane of a channel,
    such as a stack and its projection, both are shown.
    """
    actions: dict[int, set[int]] = {}
    for label, action in set(zip(records.channels, records.actions, strict=True)):
        actions.setdefault(label, set()).add(action)
    planes = [
        *zip(records.channels, records.time_points, records.sections, records.places, strict=True)
    ]
    repeated: set[int] = set()
    if len(set(planes)) < len(planes):
        repeated = {plane[0] for plane, count in Counter(planes).items() if count > 1}
    keys = []
    for label in sorted(actions):
        if label in repeated:
            keys += [(label, action) for action in sorted(actions[label])]
        else:
            keys.append((label, ANY_ACTION))
    return keys


def _list_planes(
    records: _Records,
    field: Integers,
    channels: Sequence[tuple[int, int]],
    numbers: tuple[Mapping[int, int], Mapping[int, int]],
    exposures: Sequence[float | None],
) -> ListedPlanes:
    position_of = {key: position for position, key in enumerate(channels)}
    # A channel without repeated planes stands for all of its actions.
    pairs = [*zip(records.channels, records.actions, strict=True)]
    channel_of = {
        pair: position_of.get((pair[0], ANY_ACTION), position_of.get(pair, 0))
        for pair in set(pairs)
    }
    channel = take_each(channel_of, pairs)
    seconds = [NAN if exposure is None else exposure / 1000 for exposure in exposures]
    times, sections = numbers
    return ListedPlanes.of_fields(
        field,
        records.names,
        t=take_each(times, records.time_points),
        c=channel,
        z=take_each(sections, records.sections),
        exposure=np.array(seconds)[channel],
        **records.facts,
    )


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
