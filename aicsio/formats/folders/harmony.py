"""PerkinElmer and Revvity Opera Phenix and Operetta: ``Index.xml`` or ``Index.idx.xml`` of Harmony.

Rule kept here: an image is placed by its numbers in the index; file names mean nothing.

Source of the facts: indices of Harmony 3 to 6 as public plates hold them, and what Bio-Formats'
``OperettaReader`` takes from them: lengths in metres, times in seconds; Harmony 5 keeps what
images of a channel share in ``Maps/Map/Entry``, older ones repeat it in each ``Image``.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from xml.etree.ElementTree import Element

from aicsio._ome.elements import local_name, parse_integer, parse_number
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import (
    Field,
    Integers,
    ListedPlanes,
    ParsedIntegers,
    ParsedNumbers,
    SharedTexts,
    choose_rows,
    date_of,
    delays_of_first,
    gather,
    order_fields,
    positive,
    take_each,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import find_index, is_folder_of
from aicsio.formats.folders.xml_lists import Columns, parse_rest, read_index, read_texts
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


OF_IMAGES: Final = (
    *("URL", "Row", "Col", "FieldID", *NUMBERS, "PositionX", "PositionY", "PositionZ"),
    *("AbsPositionZ", "MeasurementTimeOffset", "AbsTime", "BufferNo", *OF_CHANNELS),
)
"""Texts that opening needs of each image."""
_Images: TypeAlias = Mapping[str, list[str | None]]
"""Texts of the images by their names, in columns."""


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
    text, parts = read_texts(raw, b"<Images", b"</Images>", b"</Image>", OF_IMAGES)
    root, diagnostics = parse_rest(text, "harmony", index.uri)
    shared = _read_maps(root)
    images = _read_images(parts)
    if not images["URL"]:
        raise CorruptFileError.at(index.uri, None, "expected elements Image, found none")
    numbers = {name: _AxisPositions(images[name]) for name in NUMBERS}
    plate = _text(root, "Plates/Plate/Name")
    labels = numbers["ChannelID"].labels
    keys = [*zip(images["Row"], images["Col"], images["FieldID"], strict=True)]
    field, wells, first_rows = order_fields(keys, _place_of, plate)
    planes = _list_planes(images, field, numbers, [shared.get(label, {}) for label in labels])
    taken = [date_of(images["AbsTime"][row]) for row in first_rows]
    delays = delays_of_first(planes, len(wells))
    channels = numbers["ChannelID"].of_images.tolist()
    first = [
        _first_of(images, shared.get(label, {}), channels.index(channel))
        for channel, label in enumerate(labels)
    ]
    size = (parse_integer(first[0].get("ImageSizeY")), parse_integer(first[0].get("ImageSizeX")))
    rows, columns = size
    return build_contents(
        PlateIndex(
            source=index,
            code="harmony",
            fields=list(map(Field, itertools.repeat(None), wells, taken, delays)),
            planes=planes,
            sizes=(len(numbers["TimepointID"].labels), len(labels), len(numbers["PlaneID"].labels)),
            channels=tuple(_describe_channel(texts) for texts in first),
            pixel_size=PixelSize(
                z_step(planes),
                positive(_micrometres(first[0].get("ImageResolutionY"))),
                positive(_micrometres(first[0].get("ImageResolutionX"))),
            ),
            time_step=time_step(planes),
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


def _read_images(parts: Iterable[Columns]) -> _Images:
    """Return the images that have a file."""
    named = (choose_rows(part, [*map(bool, part[0])]) for part in parts)
    # Texts of a channel repeat: one object for all keeps them out of the memory.
    texts = SharedTexts()
    keeps = {"URL", "AbsTime"}
    parsers = [None if name in keeps else texts for name in OF_IMAGES]
    return dict(zip(OF_IMAGES, gather(named, parsers), strict=True))


class _AxisPositions:
    """Positions of images along an axis. Not a record: it lives for one opening."""

    def __init__(self, texts: Sequence[str | None]) -> None:
        # A plate has a hundred thousand texts, and few different ones.
        number_of = {text: parse_integer(text) or 0 for text in set(texts)}
        self.labels = sorted(set(number_of.values()))
        position_of = {label: position for position, label in enumerate(self.labels)}
        positions = {text: position_of[number] for text, number in number_of.items()}
        self.of_images = take_each(positions, texts)


def _first_of(images: _Images, shared: Texts, row: int) -> Texts:
    """Return the facts of a channel: of its first image, and of the map."""
    own = {name: text for name in OF_CHANNELS if (text := images[name][row]) is not None}
    return {**shared, **own}


def _place_of(texts: tuple[str | None, ...]) -> tuple[int, int, int]:
    row, column, label = (parse_integer(text) or 0 for text in texts)
    return row, column, label


def _list_planes(
    images: _Images,
    field: Integers,
    numbers: Mapping[str, _AxisPositions],
    shared: Sequence[Texts],
) -> ListedPlanes:
    # Lengths from metres to micrometres, and numbers as they are.
    length, number, integer = ParsedNumbers(1e6), ParsedNumbers(), ParsedIntegers()
    time_point, channel, section = (numbers[name].of_images for name in NUMBERS)
    exposures = _complete(images["ExposureTime"], channel, shared, "ExposureTime")
    # Harmony 5 gives the section relative to the focus in PositionZ, older ones the absolute one.
    heights = _complete(images["PositionZ"], channel, shared, "PositionZ")
    heights = [
        height or absolute for height, absolute in zip(heights, images["AbsPositionZ"], strict=True)
    ]
    return ListedPlanes.of_fields(
        field,
        [name or "" for name in images["URL"]],
        t=time_point,
        c=channel,
        z=section,
        # Columbus keeps the planes of a field in one file.
        page=[*map(integer.__getitem__, images["BufferNo"])],
        time=[*map(number.__getitem__, images["MeasurementTimeOffset"])],
        exposure=[*map(number.__getitem__, exposures)],
        x=[*map(length.__getitem__, images["PositionX"])],
        y=[*map(length.__getitem__, images["PositionY"])],
        height=[*map(length.__getitem__, heights)],
    )


def _complete(
    texts: list[str | None], channel: Integers, shared: Sequence[Texts], name: str
) -> list[str | None]:
    """Fill the texts that images lack with those of their channel."""
    if all(texts):
        return texts
    of_channels = [one.get(name) for one in shared]
    return [text or of_channels[at] for text, at in zip(texts, channel.tolist(), strict=True)]


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
