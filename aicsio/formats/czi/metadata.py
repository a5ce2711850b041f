"""Metadata XML of CZI -> channels, physical sizes, lens, dates, scenes. Pure.

Rule kept here: a missing fact is ``None``; unreadable XML is a diagnostic, never an exception.

Source of the paths: "CZI Image Document Metadata", Carl Zeiss Microscopy.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

import attrs

from aicsio._ome.parts import schema_word
from aicsio._ome.units import finite_number
from aicsio._ome.xml import find_all, find_first
from aicsio.formats.czi.channel_numbers import read_numbers, report_order
from aicsio.formats.czi.scene_metadata import SceneMetadata, read_scenes
from aicsio.formats.czi.xml_sections import parse_sections
from aicsio.records import Channel, Diagnostic, Objective, PixelSize
from aicsio.records.comparing import compared_by_fields

UNKNOWN = PixelSize()
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
DATES = ("AcquisitionDateAndTime", "Dimensions/T/StartTime")
"""Where the date of acquisition stands, the more trusted place first."""


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class CziMetadata:
    """Metadata of a file, as far as the records hold it."""

    channels: tuple[Channel, ...] = ()
    """In the order of the list."""
    channel_numbers: tuple[int, ...] = ()
    """Numbers of their Ids; empty where they have none."""
    pixel_size: PixelSize = UNKNOWN
    """Micrometres."""
    time_step: float | None = None
    """Seconds."""
    acquired: str | None = None
    """Date and time of acquisition, ISO 8601."""
    objective: Objective | None = None
    """The objective of the image."""
    scenes: tuple[tuple[int, SceneMetadata], ...] = ()
    """By number of the scene."""
    exposure: tuple[float | None, ...] = ()
    """Seconds, by position along C."""
    times: tuple[float, ...] = ()
    """Seconds of the time points, if the XML lists them."""
    plate: str | None = None
    """Name of the sample holder, if a scene lies in a well."""
    sections: tuple[float, float] | None = None
    """First section and step from one to the next in micrometres, from the Z of the scene."""


def parse_metadata(text: str | None) -> tuple[CziMetadata, tuple[Diagnostic, ...]]:
    """Read the facts out of the XML.

    Parameters
    ----------
    text
        XML of the file, or ``None`` if it has none.

    Returns
    -------
    The facts, and a diagnostic if there is no XML or it cannot be parsed.
    """
    if not text:
        message = "the file has no metadata: names and sizes are not known"
        return CziMetadata(), (Diagnostic("no-metadata", message),)
    try:
        metadata = parse_sections(text)
    except (ET.ParseError, ValueError) as error:
        message = f"the XML cannot be parsed: {error}"
        return CziMetadata(), (Diagnostic("corrupt-metadata", message, loss=True),)
    if metadata is None:
        message = "expected ImageDocument/Metadata in the XML"
        return CziMetadata(), (Diagnostic("corrupt-metadata", message, loss=True),)
    image = find_first(metadata, "Information", "Image")
    axes = None if image is None else image.find("Dimensions")
    times, sections = (None if axes is None else axes.find(letter) for letter in "TZ")
    pairs = pair_with_displays(metadata, image)
    exposures = [finite_number(_text(element, "ExposureTime")) for element, _ in pairs]
    scenes = read_scenes(axes)
    size, notes = _read_pixel_size(metadata)
    on_plate = any(scene.well is not None for _, scene in scenes)
    facts = CziMetadata(
        channels=_read_channels(metadata, pairs),
        channel_numbers=read_numbers([element for element, _ in pairs]),
        pixel_size=size,
        time_step=_read_time_step(times),
        acquired=_read_acquired(image),
        objective=_read_objective(metadata, image),
        scenes=scenes,
        plate=_read_plate_name(text) if on_plate else None,
        # A count of nanoseconds: docs/fidelity-czi.md has the evidence.
        exposure=tuple(map(_read_exposure, exposures)),
        times=_read_time_offsets(times),
        sections=_read_sections(sections),
    )
    notes += [*_report_colors(pairs), *report_order(facts.channel_numbers)]
    created = None
    if facts.acquired is None:
        created = _parse_date(_text(metadata, "Information/Document/CreationDate"))
    if created is not None:
        message = (
            f"the file has no date of acquisition; its document was created at {created}, "
            "which may be later"
        )
        notes.append(Diagnostic("document-date", message))
    return facts, tuple(notes)


def _read_plate_name(text: str) -> str | None:
    from aicsio.formats.czi.plates import plate_name

    return plate_name(text)


# ---------------------------------------------------------------- texts and numbers


def _text(element: ET.Element | None, path: str) -> str | None:
    if element is None:
        return None
    # One tag is the work of C, as most are.
    child = find_first(element, *path.split("/")) if "/" in path else element.find(path)
    if child is None or child.text is None:
        return None
    return child.text.strip() or None


def _positive(text: str | None) -> float | None:
    value = finite_number(text)
    return value if value is not None and value > 0 else None


def _read_exposure(nanoseconds: float | None) -> float | None:
    """Return seconds; ``None`` for 0, which stands for no exposure."""
    seconds = _scaled(nanoseconds, 1e-9)
    return seconds if seconds is not None and seconds > 0 else None


def _scaled(value: float | None, factor: float) -> float | None:
    # The product may overflow though both factors are finite.
    return None if value is None or math.isinf(value * factor) else value * factor


def _child_texts(element: ET.Element) -> dict[str, str | None]:
    """Return the text of each child, of several with one name the first: one walk for ten lookups."""
    texts: dict[str, str | None] = {}
    for child in element:
        texts.setdefault(child.tag, (child.text or "").strip() or None)
    return texts


def _first_text(tables: Iterable[Mapping[str, str | None]], name: str) -> str | None:
    """Return the first text of a name."""
    for texts in tables:
        text = texts.get(name)
        if text is not None:
            return text
    return None


# ---------------------------------------------------------------- channels


def _channel_elements(image: ET.Element | None) -> list[ET.Element]:
    return [] if image is None else find_all(image, "Dimensions", "Channels", "Channel")


def display_elements(metadata: ET.Element) -> list[ET.Element]:
    """Return the channels of the display."""
    return find_all(metadata, "DisplaySetting", "Channels", "Channel")


def _read_channels(
    metadata: ET.Element, pairs: Sequence[tuple[ET.Element, ET.Element | None]]
) -> tuple[Channel, ...]:
    """Read the channels of the image; missing facts come from the display of the same channel."""
    if not pairs:
        displays = display_elements(metadata)
        return tuple(read_channel([element], element) for element in displays)
    channels = []
    for element, display in pairs:
        sources = [element]
        if display is not None:
            sources.append(display)
        channels.append(read_channel(sources, display))
    return tuple(channels)


def pair_with_displays(
    metadata: ET.Element, image: ET.Element | None
) -> list[tuple[ET.Element, ET.Element | None]]:
    """Pair the channels of the image with their display settings."""
    elements = _channel_elements(image)
    displays = display_elements(metadata)
    # Image and display list the same channels, under one Id.
    by_id = {element.get("Id"): element for element in displays if element.get("Id")}
    same_count = len(displays) == len(elements)
    pairs = []
    for index, element in enumerate(elements):
        display = by_id.get(element.get("Id"))
        # Without a common Id, equal numbers of both are in the same order.
        if display is None and same_count:
            display = displays[index]
        pairs.append((element, display))
    return pairs


def _report_colors(pairs: Sequence[tuple[ET.Element, ET.Element | None]]) -> list[Diagnostic]:
    """Report channels whose colour of the acquisition is not that of the display."""
    notes = []
    for element, display in pairs:
        taken = _parse_color(_text(element, "Color"))
        if taken is None:
            continue
        shown = _parse_color(_text(display, "Color"))
        if shown is not None and taken != shown:
            message = (
                f"channel {element.get('Name')!r} was acquired as {_text(element, 'Color')} and is "
                f"displayed as {_text(display, 'Color')}: the colour is that of the display"
            )
            notes.append(Diagnostic("channel-color", message, element.get("Id")))
    return notes


def read_channel(sources: list[ET.Element], display: ET.Element | None) -> Channel:
    """Read a channel from its elements, the more trusted one first, and its colour from the display.

    ZEN and libCZI draw a channel in the colour of DisplaySetting, which the user may have changed
    after the acquisition.
    """
    tables = [_child_texts(element) for element in sources]
    fluor = _first_text(tables, "Fluor") or _first_text(tables, "DyeName")
    name = None
    for element in sources:
        name = name or (element.get("Name") or "").strip() or None
    # Name is the channel's own; ShortName and the dye stand in where a writer left it out.
    if name is None:
        name = _first_text(tables, "ShortName") or fluor
    color = None if display is None else _parse_color(_text(display, "Color"))
    for texts in tables:
        color = _parse_color(texts.get("Color")) if color is None else color
    return Channel(
        name=name,
        color=color,
        emission=_first_positive(tables, "EmissionWavelength", "DyeMaxEmission"),
        excitation=_first_positive(tables, "ExcitationWavelength", "DyeMaxExcitation"),
        fluor=fluor,
        acquisition_mode=_first_word(tables, "AcquisitionMode"),
        pinhole_size=_first_positive(tables, "PinholeSize"),
        illumination_type=_first_word(tables, "IlluminationType"),
        contrast_method=_first_word(tables, "ContrastMethod"),
    )


def _first_word(tables: Iterable[Mapping[str, str | None]], name: str) -> str | None:
    """Return the first text of a name that is a word of the schema of OME for it."""
    for texts in tables:
        if name in texts:
            word = schema_word(name, texts[name])
            if word is not None:
                return word
    return None


def _first_positive(tables: Iterable[Mapping[str, str | None]], *names: str) -> float | None:
    """Return the first number above 0, of one table after the other."""
    for texts in tables:
        for name in names:
            if name in texts:
                length = _positive(texts[name])
                if length is not None:
                    return length
    return None


def _parse_color(text: str | None) -> int | None:
    """Turn ``#AARRGGBB`` or ``#RRGGBB`` into 0xRRGGBBAA."""
    if text is None:
        return None
    digits = text.lstrip("#")
    if len(digits) not in {6, 8} or not _HEXADECIMAL.issuperset(digits):
        return None
    # Six digits are an opaque colour. So are eight with an alpha of 0: no channel is invisible.
    if len(digits) == 6 or digits.startswith("00"):
        digits = "FF" + digits[-6:]
    # Alpha moves from the front to the end.
    return int(digits[2:] + digits[:2], 16)


# ---------------------------------------------------------------- sizes and times


def _read_pixel_size(metadata: ET.Element) -> tuple[PixelSize, list[Diagnostic]]:
    """Read the sizes in micrometres; Scaling/Items/Distance/Value is in metres."""
    sizes: dict[str, float | None] = {}
    notes = []
    for item in find_all(metadata, "Scaling", "Items", "Distance"):
        text, letter = _text(item, "Value"), item.get("Id", "")
        size = _positive(text)
        sizes[letter] = _scaled(size, 1e6)
        if size is None and text is not None and letter in {"X", "Y", "Z"}:
            message = (
                f"Scaling of {letter} is {text[:40]!r}, no number above 0: "
                f"the pixel size along {letter} is unknown"
            )
            notes.append(Diagnostic("unusable-size", message))
    return PixelSize(sizes.get("Z"), sizes.get("Y"), sizes.get("X")), notes


def _read_time_step(axis: ET.Element | None) -> float | None:
    """Read the seconds between evenly spaced time points."""
    if axis is None:
        return None
    # Writers disagree about the level of Positions between T and Interval.
    increment = _text(axis, "Positions/Interval/Increment")
    return _positive(increment or _text(axis, "Interval/Increment"))


def _read_time_offsets(axis: ET.Element | None) -> tuple[float, ...]:
    words = (_text(axis, "Positions/List/Offsets") or "").split()
    values = [finite_number(word) for word in words]
    # One unreadable offset would shift the others to wrong time points, so the list is not used.
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else ()


def _read_sections(axis: ET.Element | None) -> tuple[float, float] | None:
    """Read where sections lie, relative to the Z position of their scene."""
    if axis is None:
        return None
    start = finite_number(_text(axis, "Positions/Interval/Start"))
    step = finite_number(_text(axis, "Positions/Interval/Increment"))
    return None if start is None or step is None else (start, step)


def _read_acquired(image: ET.Element | None) -> str | None:
    """Read the date of acquisition.

    Document/CreationDate is none: it is the date at which the file was made, and a file that was
    cut out of another one years later has it, too.
    """
    for path in DATES:
        date = date_at(image, path)
        if date is not None:
            return date
    return None


def date_at(image: ET.Element | None, path: str) -> str | None:
    """Return the date at one of ``DATES``."""
    return _parse_date(_text(image, path))


def _parse_date(text: str | None) -> str | None:
    """Return the text if it is a date in ISO 8601; ``None`` otherwise."""
    # ZEN writes the first day of the calendar for "unknown".
    if text is None or text.startswith("0001-01-01"):
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text


def _read_objective(metadata: ET.Element, image: ET.Element | None) -> Objective | None:
    """Read the objective that the image refers to, or else the first one."""
    lenses = find_all(metadata, "Information", "Instrument", "Objectives", "Objective")
    if not lenses:
        return None
    reference = None if image is None else find_first(image, "ObjectiveSettings", "ObjectiveRef")
    identifier = None if reference is None else reference.get("Id")
    lens = lenses[0]
    if identifier:
        lens = next((one for one in lenses if one.get("Id") == identifier), lens)
    return Objective(
        name=(lens.get("Name") or "").strip() or _text(lens, "Manufacturer/Model"),
        magnification=_positive(_text(lens, "NominalMagnification")),
        aperture=_positive(_text(lens, "LensNA")),
        immersion=_text(lens, "Immersion"),
        working_distance=_positive(_text(lens, "WorkingDistance")),
        medium=_text(image, "ObjectiveSettings/Medium"),
        refractive_index=_positive(_text(image, "ObjectiveSettings/RefractiveIndex")),
    )
