"""GE and Cytiva InCell Analyzer: the ``.xdce`` index.

Rule kept here: an image is placed by its well and its ``Identifier``; file names mean nothing.

Source of the facts: indices in public, and what Bio-Formats' ``InCellReader`` takes from them:
pixel sizes and positions in micrometres, wavelengths in nanometres, times and exposures in
milliseconds. Wells are counted from 1, all indices of an ``Identifier`` from 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from aicsio._ome.dates import iso_date
from aicsio._ome.elements import local_name, parse_integer, parse_number
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import (
    NAN,
    FieldPlanes,
    ParsedIntegers,
    ParsedNumbers,
    PlaneEntry,
    in_wells,
    positions_of,
    positive,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import find_index, is_folder_of
from aicsio.formats.folders.xml_lists import Attribute, parse_rest, read_index, read_values
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


class _Image(NamedTuple):
    """One image of the index. A tuple, for an index may list a million."""

    place: tuple[int, int, int]
    """Row and column of the well, from 1, and number of the field, from 0."""
    time_index: int
    """Number of the time point."""
    wave: int
    """Number of the channel."""
    section: int
    """Number of the section."""
    name: str
    """Name of the file."""
    time: float
    """Seconds."""
    exposure: float
    """Seconds."""
    position: tuple[float, float] | None
    """X and Y in micrometres, where the image has its own."""
    height: float
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
    text, elements = read_values(read_index(index), b"<Images", b"</Images>", b"</Image>", WANTED)
    root, diagnostics = parse_rest(text, "incell", index.uri)
    images = _read_images(values for values, _ in elements)
    if not images:
        raise CorruptFileError.at(index.uri, None, "expected elements Image, found none")
    times = positions_of({image.time_index for image in images})
    waves = positions_of({image.wave for image in images})
    sections = positions_of({image.section for image in images})
    plate = _attributes(root, "Plate").get("name") or None
    offsets = _read_offsets(root)
    fields = _group(images, (times, waves, sections), plate, offsets)
    lens = _attributes(root, "ObjectiveCalibration")
    size = _attributes(root, "Size")
    rows, columns = parse_integer(size.get("height")), parse_integer(size.get("width"))
    creation = _attributes(root, "Creation")
    return build_contents(
        PlateIndex(
            source=index,
            code="incell",
            fields=fields,
            sizes=(len(times), len(waves), len(sections)),
            channels=_describe_channels(root, waves),
            pixel_size=PixelSize(
                z_step(fields),
                positive(parse_number(lens.get("pixel_height"))),
                positive(parse_number(lens.get("pixel_width"))),
            ),
            time_step=time_step(fields),
            acquired=iso_date(f"{creation.get('date', '')}T{creation.get('time', '')}"),
            objective=_describe_objective(lens),
            plane_size=(rows, columns) if rows and columns else None,
            text=text,
            diagnostics=tuple(diagnostics),
        )
    )


def _read_images(elements: Iterable[Sequence[str | None]]) -> list[_Image]:
    """Return the images that have a file and a place."""
    integer, number = ParsedIntegers(), ParsedNumbers()
    images = []
    for name, time, row, column, field, time_index, wave, section, exposure, x, y, z in elements:
        if not name or (field is None and time_index is None and wave is None and section is None):
            continue
        images.append(
            _Image(
                place=(integer[row], integer[column], integer[field]),
                time_index=integer[time_index],
                wave=integer[wave],
                section=integer[section],
                name=name,
                time=number[time] / 1000,
                exposure=number[exposure] / 1000,
                position=None if x is None and y is None else (number[x], number[y]),
                height=number[z],
            )
        )
    return images


def _group(
    images: Sequence[_Image],
    numbers: tuple[Mapping[int, int], Mapping[int, int], Mapping[int, int]],
    plate: str | None,
    offsets: Mapping[int, tuple[float, float]],
) -> list[FieldPlanes]:
    times, waves, sections = numbers
    groups: dict[tuple[int, int, int], list[PlaneEntry]] = {}
    for image in images:
        # An image without a position of its own has that of its field in the well.
        x, y = image.position or offsets.get(image.place[2], (NAN, NAN))
        entry = PlaneEntry(
            times[image.time_index],
            waves[image.wave],
            sections[image.section],
            image.name,
            time=image.time,
            exposure=image.exposure,
            x=x,
            y=y,
            height=image.height,
        )
        groups.setdefault(image.place, []).append(entry)
    return [FieldPlanes(None, well, entries) for well, entries in in_wells(groups.items(), plate)]


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
