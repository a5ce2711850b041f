"""PerkinElmer and Revvity Opera Phenix and Operetta: ``Index.xml`` or ``Index.idx.xml`` of Harmony.

Rule kept here: an image is placed by its numbers in the index; file names mean nothing.

Source of the facts: indices of Harmony 3 to 6 as public plates hold them, and what Bio-Formats'
``OperettaReader`` takes from them: lengths in metres, times in seconds; Harmony 5 keeps what
images of a channel share in ``Maps/Map/Entry``, older ones repeat it in each ``Image``.
"""

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias
from xml.etree.ElementTree import Element

from aicsio._ome.elements import local_name, parse_integer, parse_number
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import (
    FieldPlanes,
    ParsedNumbers,
    PlaneEntry,
    date_of,
    delay_of_first,
    in_wells,
    positive,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import find_index, is_folder_of
from aicsio.formats.folders.xml_lists import parse_rest, read_index, read_texts
from aicsio.records import Channel, Contents, Objective, PixelSize, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

Texts: TypeAlias = Mapping[str, str]

NAMES: Final = ("index.idx.xml", "index.xml")
"""Names of the index, in lower case."""
NUMBERS: Final = ("TimepointID", "ChannelID", "PlaneID")
"""Numbers of an image along T, C and Z."""
OF_CHANNELS: Final = (
    *("ExposureTime", "ChannelName", "MainEmissionWavelength", "MainExcitationWavelength"),
    *("ObjectiveMagnification", "ObjectiveNA", "ImageResolutionX", "ImageResolutionY"),
    *("ImageSizeX", "ImageSizeY"),
)
"""Texts that the images of a channel share."""
ROOT: Final = b"<EvaluationInputData"
ORIGINS: Final = FactOrigins(
    (
        FactOrigin("name", "harmony:Row, Col, FieldID"),
        FactOrigin("channels[*].name", "harmony:ChannelName"),
        FactOrigin("channels[*].emission", "harmony:MainEmissionWavelength"),
        FactOrigin("channels[*].excitation", "harmony:MainExcitationWavelength"),
        FactOrigin("pixel_size.X", "harmony:ImageResolutionX"),
        FactOrigin("pixel_size.Y", "harmony:ImageResolutionY"),
        FactOrigin("pixel_size.Z", "harmony:PositionZ"),
        FactOrigin("objective", "harmony:ObjectiveMagnification, ObjectiveNA"),
        FactOrigin("time_step", "harmony:MeasurementTimeOffset"),
        FactOrigin("acquired", "harmony:AbsTime"),
        FactOrigin("planes", "harmony:Image"),
        FactOrigin("well", "harmony:Row, Col"),
    )
)


class _ImageTexts(NamedTuple):
    """Texts of one image that opening needs. A tuple, for an index may list a million."""

    URL: str | None
    Row: str | None
    Col: str | None
    FieldID: str | None
    TimepointID: str | None
    ChannelID: str | None
    PlaneID: str | None
    PositionX: str | None
    PositionY: str | None
    PositionZ: str | None
    AbsPositionZ: str | None
    MeasurementTimeOffset: str | None
    AbsTime: str | None
    BufferNo: str | None
    ExposureTime: str | None
    ChannelName: str | None
    MainEmissionWavelength: str | None
    MainExcitationWavelength: str | None
    ObjectiveMagnification: str | None
    ObjectiveNA: str | None
    ImageResolutionX: str | None
    ImageResolutionY: str | None
    ImageSizeX: str | None
    ImageSizeY: str | None


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is an index of Harmony, or the folder has one, or ``Images`` in it."""
    if source.folder:
        return is_folder_of(source, NAMES, ("", "Images"))
    return ROOT in head


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the fields of a plate.

    Parameters
    ----------
    source
        The index, or its folder.
    options
        None applies.

    Returns
    -------
    Contents
        One scene a field, by row, column and number.

    Raises
    ------
    CorruptFileError
        When the index lists no image, or names files outside of its folder.
    """
    index = find_index(source, NAMES, ("", "Images"))
    raw = read_index(index)
    text, elements = read_texts(raw, b"<Images", b"</Images>", b"</Image>", _ImageTexts._fields)
    root, diagnostics = parse_rest(text, "harmony", index.uri)
    shared = _read_maps(root)
    images = [image for image in map(_ImageTexts._make, elements) if image.URL]
    if not images:
        raise CorruptFileError.at(index.uri, None, "expected elements Image, found none")
    numbers = {name: _AxisPositions(images, name) for name in NUMBERS}
    plate = _text(root, "Plates/Plate/Name")
    labels = numbers["ChannelID"].labels
    fields = _group(images, [shared.get(label, {}) for label in labels], numbers, plate)
    first = [_first_of(images, shared, label) for label in labels]
    size = (parse_integer(first[0].get("ImageSizeY")), parse_integer(first[0].get("ImageSizeX")))
    rows, columns = size
    return build_contents(
        PlateIndex(
            source=index,
            code="harmony",
            fields=fields,
            sizes=(len(numbers["TimepointID"]), len(labels), len(numbers["PlaneID"])),
            channels=tuple(_describe_channel(texts) for texts in first),
            pixel_size=PixelSize(
                z_step(fields),
                positive(_micrometres(first[0].get("ImageResolutionY"))),
                positive(_micrometres(first[0].get("ImageResolutionX"))),
            ),
            time_step=time_step(fields),
            objective=_describe_objective(first[0]),
            plane_size=(rows, columns) if rows and columns else None,
            text=text,
            diagnostics=tuple(diagnostics),
        )
    )


def _read_maps(root: Element) -> dict[int, dict[str, str]]:
    """Return what all images of a channel share; a later map adds to an earlier one."""
    shared: dict[int, dict[str, str]] = {}
    for element in root.iter():
        label = parse_integer(element.get("ChannelID"))
        if label is None or local_name(element) != "Entry":
            continue
        texts = shared.setdefault(label, {})
        for child in element:
            if child.text:
                texts.setdefault(local_name(child), child.text)
    return shared


class _AxisPositions(dict[str | None, int]):
    """Positions along an axis by the text of their number. Not a record: it lives for one opening."""

    def __init__(self, images: Sequence[_ImageTexts], name: str) -> None:
        # A plate has a hundred thousand texts, and few different ones.
        texts = set(map(operator.attrgetter(name), images))
        number_of = {text: parse_integer(text) or 0 for text in texts}
        self.labels = sorted(set(number_of.values()))
        position_of = {label: position for position, label in enumerate(self.labels)}
        super().__init__({text: position_of[number] for text, number in number_of.items()})


def _first_of(images: Sequence[_ImageTexts], shared: Mapping[int, Texts], label: int) -> Texts:
    """Return the facts of a channel: of its first image, and of the map."""
    image = next(image for image in images if (parse_integer(image.ChannelID) or 0) == label)
    own = {name: text for name in OF_CHANNELS if (text := getattr(image, name)) is not None}
    return {**shared.get(label, {}), **own}


def _group(
    images: Sequence[_ImageTexts],
    shared: Sequence[Texts],
    numbers: Mapping[str, _AxisPositions],
    plate: str | None,
) -> list[FieldPlanes]:
    groups: dict[tuple[str | None, str | None, str | None], list[_ImageTexts]] = {}
    for image in images:
        groups.setdefault((image.Row, image.Col, image.FieldID), []).append(image)
    named = []
    for texts, members in groups.items():
        row, column, label = (parse_integer(text) or 0 for text in texts)
        named.append(((row, column, label), members))
    # Lengths from metres to micrometres, and numbers as they are.
    parsed = (ParsedNumbers(1e6), ParsedNumbers())
    fields = []
    for well, members in in_wells(named, plate):
        entries = [_entry(image, numbers, shared, parsed) for image in members]
        taken = date_of(members[0].AbsTime)
        fields.append(FieldPlanes(None, well, entries, taken, delay_of_first(entries)))
    return fields


def _entry(
    image: _ImageTexts,
    numbers: Mapping[str, _AxisPositions],
    shared: Sequence[Texts],
    parsed: tuple[ParsedNumbers, ParsedNumbers],
) -> PlaneEntry:
    length, number = parsed
    channel = numbers["ChannelID"][image.ChannelID]
    common = shared[channel]
    # Harmony 5 gives the section relative to the focus in PositionZ, older ones the absolute one.
    height = image.PositionZ or common.get("PositionZ") or image.AbsPositionZ
    return PlaneEntry(
        t=numbers["TimepointID"][image.TimepointID],
        c=channel,
        z=numbers["PlaneID"][image.PlaneID],
        file=image.URL or "",
        # Columbus keeps the planes of a field in one file.
        page=parse_integer(image.BufferNo) or 0,
        time=number[image.MeasurementTimeOffset],
        exposure=number[image.ExposureTime or common.get("ExposureTime")],
        x=length[image.PositionX],
        y=length[image.PositionY],
        height=length[height],
    )


def _micrometres(text: str | None) -> float | None:
    metres = parse_number(text)
    return None if metres is None else metres * 1e6


def _describe_channel(texts: Texts) -> Channel:
    return Channel(
        name=texts.get("ChannelName"),
        emission=positive(parse_number(texts.get("MainEmissionWavelength"))),
        excitation=positive(parse_number(texts.get("MainExcitationWavelength"))),
    )


def _describe_objective(texts: Texts) -> Objective | None:
    magnification = positive(parse_number(texts.get("ObjectiveMagnification")))
    aperture = positive(parse_number(texts.get("ObjectiveNA")))
    if magnification is None and aperture is None:
        return None
    return Objective(magnification=magnification, aperture=aperture)


def _text(root: Element, path: str) -> str | None:
    """Return the text at a path of local names."""
    element: Any = root
    for name in path.split("/"):
        element = next((child for child in element if local_name(child) == name), None)
        if element is None:
            return None
    return (element.text or "").strip() or None


# ---------------------------------------------------------------- optional protocols of a format


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe the plate: its rows, columns and wells."""
    if contents.metadata is None:
        return None
    root, _ = parse_rest(contents.metadata, "harmony", source.uri)
    return geometry.describe_plate(
        contents,
        name=_text(root, "Plates/Plate/Name"),
        rows=parse_integer(_text(root, "Plates/Plate/PlateRows")),
        columns=parse_integer(_text(root, "Plates/Plate/PlateColumns")),
        identifier=_text(root, "Plates/Plate/PlateID"),
        description=_text(root, "Plates/Plate/PlateTypeName"),
        from_centre=True,
    )


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001
    """Return the elements of the index."""
    return ORIGINS
