"""GE and Cytiva InCell Analyzer: the ``.xdce`` index.

Rule kept here: an image is placed by its well and its ``Identifier``; file names mean nothing.

Source of the facts: indices in public, and what Bio-Formats' ``InCellReader`` takes from them:
pixel sizes and positions in micrometres, wavelengths in nanometres, times and exposures in
milliseconds. Wells are counted from 1, all indices of an ``Identifier`` from 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

import attrs
import numpy as np

from aicsio._ome.dates import iso_date
from aicsio._ome.elements import local_name, parse_integer, parse_number
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import (
    NAN,
    Field,
    Integers,
    ListedPlanes,
    ParsedIntegers,
    ParsedNumbers,
    choose_rows,
    gather,
    order_fields,
    positions_of,
    positive,
    take_each,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import find_index, is_folder_of
from aicsio.formats.folders.xml_lists import Attribute, Columns, parse_rest, read_index, read_values
from aicsio.records import Channel, Contents, Objective, PixelSize, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

NAMES: Final = ("*.xdce",)
WANTED: Final[tuple[Attribute, ...]] = (
    ("Image", "filename"),
    ("Image", "acquisition_time_ms"),
    ("Row", "number"),
    ("Column", "number"),
    ("Identifier", "field_index"),
    ("Identifier", "time_index"),
    ("Identifier", "wave_index"),
    ("Identifier", "z_index"),
    ("Exposure", "time"),
    ("PlatePosition_um", "x"),
    ("PlatePosition_um", "y"),
    ("FocusPosition", "z"),
)
"""In the order in which ``_read_images`` takes them."""
ORIGINS: Final = FactOrigins(
    (
        FactOrigin("name", "incell:Well, Identifier/field_index"),
        FactOrigin("channels[*].name", "incell:Wavelength/EmissionFilter"),
        FactOrigin("channels[*].emission", "incell:Wavelength/EmissionFilter"),
        FactOrigin("channels[*].excitation", "incell:Wavelength/ExcitationFilter"),
        FactOrigin("pixel_size.X", "incell:ObjectiveCalibration/pixel_width"),
        FactOrigin("pixel_size.Y", "incell:ObjectiveCalibration/pixel_height"),
        FactOrigin("pixel_size.Z", "incell:FocusPosition"),
        FactOrigin("objective", "incell:ObjectiveCalibration"),
        FactOrigin("time_step", "incell:Image/acquisition_time_ms"),
        FactOrigin("acquired", "incell:Creation"),
        FactOrigin("planes", "incell:Image"),
        FactOrigin("well", "incell:Well"),
    )
)


@attrs.frozen(eq=False)
class _Images:
    """Images of the index, in columns. Not a record: it lives for one opening."""

    places: list[tuple[int, int, int]]
    """Row and column of the well, from 1, and number of the field, from 0."""
    axes: tuple[list[int], list[int], list[int]]
    """Numbers of time points, channels and sections."""
    names: list[str]
    """Names of files."""
    milliseconds: tuple[list[float], list[float]]
    """Times and exposures."""
    positions: list[tuple[float, float] | None]
    """X and Y in micrometres, where the image has its own."""
    heights: list[float]
    """Micrometres."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is an index of an InCell, or the folder has one."""
    if source.folder:
        return is_folder_of(source, NAMES)
    # The name of the root is common: the suffix or the maker must fit, too.
    is_named = source.uri.lower().endswith(".xdce")
    return b"<ImageStack" in head and (is_named or b"IN Cell" in head or b"InCell" in head)


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
    index = find_index(source, NAMES)
    text, parts = read_values(read_index(index), b"<Images", b"</Images>", b"</Image>", WANTED)
    root, diagnostics = parse_rest(text, "incell", index.uri)
    images = _read_images(parts)
    if not images.names:
        raise CorruptFileError.at(index.uri, None, "expected elements Image, found none")
    times, waves, sections = numbers = tuple(map(positions_of, images.axes))
    plate = _attributes(root, "Plate").get("name") or None
    field, wells, _ = order_fields(images.places, lambda place: place, plate)
    planes = _list_planes(images, field, numbers, _read_offsets(root))
    lens = _attributes(root, "ObjectiveCalibration")
    size = _attributes(root, "Size")
    rows, columns = parse_integer(size.get("height")), parse_integer(size.get("width"))
    creation = _attributes(root, "Creation")
    return build_contents(
        PlateIndex(
            source=index,
            code="incell",
            fields=[Field(None, well) for well in wells],
            planes=planes,
            sizes=(len(times), len(waves), len(sections)),
            channels=_describe_channels(root, waves),
            pixel_size=PixelSize(
                z_step(planes),
                positive(parse_number(lens.get("pixel_height"))),
                positive(parse_number(lens.get("pixel_width"))),
            ),
            time_step=time_step(planes),
            acquired=iso_date(f"{creation.get('date', '')}T{creation.get('time', '')}"),
            objective=_describe_objective(lens),
            plane_size=(rows, columns) if rows and columns else None,
            text=text,
            diagnostics=tuple(diagnostics),
        )
    )


def _read_images(parts: Iterable[Columns]) -> _Images:
    """Return the images that have a file and a place."""
    integer, number = ParsedIntegers(), ParsedNumbers()
    chosen = (_choose_images(part) for part in parts)
    parsers = (None, number, *(integer,) * 6, number, None, None, number, None)
    names, times, *places, t, c, z, exposures, x, y, heights, _ = gather(chosen, parsers)
    return _Images(
        places=list(zip(*places, strict=True)),
        axes=(t, c, z),
        names=names,
        milliseconds=(times, exposures),
        positions=[
            None if x is None and y is None else (number[x], number[y])
            for x, y in zip(x, y, strict=True)
        ],
        heights=heights,
    )


def _choose_images(part: Columns) -> Sequence[Sequence[str | None]]:
    names, identifiers = part[0], part[4:8]
    is_image = [
        bool(name) and any(one is not None for one in numbers)
        for name, *numbers in zip(names, *identifiers, strict=True)
    ]
    return choose_rows(part, is_image)


def _list_planes(
    images: _Images,
    field: Integers,
    numbers: Sequence[Mapping[int, int]],
    offsets: Mapping[int, tuple[float, float]],
) -> ListedPlanes:
    # An image without a position of its own has that of its field in the well.
    positions = [
        position or offsets.get(place[2], (NAN, NAN))
        for position, place in zip(images.positions, images.places, strict=True)
    ]
    t, c, z = map(take_each, numbers, images.axes)
    time, exposure = np.array(images.milliseconds) / 1000
    x, y = np.array(positions).T
    return ListedPlanes.of_fields(
        field,
        images.names,
        t=t,
        c=c,
        z=z,
        time=time,
        exposure=exposure,
        x=x,
        y=y,
        height=images.heights,
    )


def _read_offsets(root: Element) -> dict[int, tuple[float, float]]:
    """Return the places of fields from the centre of their well."""
    offsets = {}
    for number, point in enumerate(_elements(root, "offset_point")):
        index = parse_integer(point.get("index"))
        x, y = parse_number(point.get("x")), parse_number(point.get("y"))
        if x is not None and y is not None:
            offsets[number if index is None else index] = (x, y)
    return offsets


def _elements(root: Element, name: str) -> list[Element]:
    return [element for element in root.iter() if local_name(element) == name]


def _attributes(root: Element, name: str) -> Mapping[str, str]:
    """Return the attributes of the first element of a name."""
    found = _elements(root, name)
    return found[0].attrib if found else {}


def _describe_channels(root: Element, positions: Mapping[int, int]) -> tuple[Channel, ...]:
    waves: dict[int, Element] = {}
    for number, wave in enumerate(_elements(root, "Wavelength")):
        index = parse_integer(wave.get("index"))
        waves[number if index is None else index] = wave
    channels = []
    for label in positions:
        wave_of_label = waves.get(label)
        if wave_of_label is None:
            channels.append(Channel())
            continue
        emission = _attributes(wave_of_label, "EmissionFilter")
        excitation = _attributes(wave_of_label, "ExcitationFilter")
        channels.append(
            Channel(
                name=emission.get("name") or excitation.get("name"),
                emission=positive(parse_number(emission.get("wavelength"))),
                excitation=positive(parse_number(excitation.get("wavelength"))),
            )
        )
    return tuple(channels)


def _describe_objective(lens: Mapping[str, str]) -> Objective | None:
    if not lens:
        return None
    return Objective(
        name=lens.get("objective_name"),
        magnification=positive(parse_number(lens.get("magnification"))),
        aperture=positive(parse_number(lens.get("numerical_aperture"))),
        refractive_index=positive(parse_number(lens.get("refractive_index"))),
    )


# ---------------------------------------------------------------- optional protocols of a format


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe the plate: its rows, columns and wells."""
    if contents.metadata is None:
        return None
    root, _ = parse_rest(contents.metadata, "incell", source.uri)
    plate = _attributes(root, "Plate")
    return geometry.describe_plate(
        contents,
        name=plate.get("name"),
        rows=parse_integer(plate.get("rows")),
        columns=parse_integer(plate.get("columns")),
        identifier=_attributes(root, "Barcode").get("value"),
        from_centre=True,
    )


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001
    """Return the elements of the index."""
    return ORIGINS
