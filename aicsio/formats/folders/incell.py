"""GE and Cytiva InCell Analyzer: the ``.xdce`` index.

Rule kept here: an image is placed by its well and its ``Identifier``; file names mean nothing.

Source of the facts: indices in public, and what Bio-Formats' ``InCellReader`` takes from them:
pixel sizes and positions in micrometres, wavelengths in nanometres, times and exposures in
milliseconds. Wells are counted from 1, all indices of an ``Identifier`` from 0.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element

from aicsio._ome.dates import iso_date
from aicsio._ome.document import name_row
from aicsio._ome.elements import local_name, parse_integer, parse_number
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.folders import geometry
from aicsio.formats.folders.entries import (
    NAN,
    FieldPlanes,
    PlaneEntry,
    or_nan,
    positions_of,
    positive,
    time_step,
    z_step,
)
from aicsio.formats.folders.fields import PlateIndex, build_contents
from aicsio.formats.folders.listing import find_index, is_folder_of
from aicsio.formats.folders.xml_lists import parse_rest, read_index, split_list
from aicsio.records import Channel, Contents, Objective, PixelSize, Source, Well
from aicsio.records.provenance import FactOrigin, FactOrigins

NAMES: Final = ("*.xdce",)
INDICES: Final = ("field_index", "time_index", "wave_index", "z_index")
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
    text, elements = split_list(read_index(index), b"<Images", b"</Images>", b"</Image>")
    root, diagnostics = parse_rest(text, "incell", index.uri)
    images = list(_images(elements))
    if not images:
        raise CorruptFileError.at(index.uri, None, "expected elements Image, found none")
    numbers = {name: positions_of(image[name] for image in images) for name in INDICES}
    plate = _attributes(root, "Plate").get("name") or None
    offsets = _read_offsets(root)
    fields = _group(images, numbers, plate, offsets)
    lens = _attributes(root, "ObjectiveCalibration")
    size = _attributes(root, "Size")
    rows, columns = parse_integer(size.get("height")), parse_integer(size.get("width"))
    creation = _attributes(root, "Creation")
    return build_contents(
        PlateIndex(
            source=index,
            code="incell",
            fields=fields,
            sizes=tuple(len(numbers[name]) for name in INDICES[1:]),  # type: ignore[arg-type]
            channels=_describe_channels(root, numbers["wave_index"]),
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


def _images(elements: Iterator[Element]) -> Iterator[dict[str, Any]]:
    """Yield well, indices and facts of each image that has a file."""
    for element in elements:
        name = element.get("filename")
        if element.tag != "Image" or not name:
            continue
        image: dict[str, Any] = {"file": name, "time": element.get("acquisition_time_ms")}
        for child in element.iter():
            if child.tag == "Identifier":
                for index in INDICES:
                    image[index] = parse_integer(child.get(index)) or 0
            elif child.tag in {"Row", "Column"}:
                image[child.tag] = parse_integer(child.get("number")) or 0
            elif child.tag == "FocusPosition":
                image["height"] = child.get("z")
            elif child.tag == "Exposure":
                image["exposure"] = child.get("time")
            elif child.tag == "PlatePosition_um":
                image["x"], image["y"] = child.get("x"), child.get("y")
        if INDICES[0] in image:
            yield image


def _group(
    images: list[dict[str, Any]],
    numbers: Mapping[str, Mapping[int, int]],
    plate: str | None,
    offsets: Mapping[int, tuple[float, float]],
) -> list[FieldPlanes]:
    groups: dict[tuple[int, int, int], list[PlaneEntry]] = {}
    for image in images:
        place = (image.get("Row", 0), image.get("Column", 0), image["field_index"])
        # An image without a position of its own has that of its field in the well.
        x, y = offsets.get(image["field_index"], (NAN, NAN))
        entry = PlaneEntry(
            t=numbers["time_index"][image["time_index"]],
            c=numbers["wave_index"][image["wave_index"]],
            z=numbers["z_index"][image["z_index"]],
            file=image["file"],
            time=or_nan(parse_number(image["time"])) / 1000,
            exposure=or_nan(parse_number(image.get("exposure"))) / 1000,
            x=or_nan(parse_number(image["x"])) if "x" in image else x,
            y=or_nan(parse_number(image["y"])) if "y" in image else y,
            height=or_nan(parse_number(image.get("height"))),
        )
        groups.setdefault(place, []).append(entry)
    fields = []
    number_in_well: Counter[tuple[int, int]] = Counter()
    # Places differ, so that sorting never compares the lists behind them.
    for (row, column, _), entries in sorted(groups.items()):
        well = Well(name_row(max(row, 1) - 1), str(column), number_in_well[row, column], plate)
        number_in_well[row, column] += 1
        fields.append(FieldPlanes(None, well, entries))
    return fields


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
