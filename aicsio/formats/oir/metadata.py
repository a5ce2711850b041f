"""Documents of an OIR file to records: channels, sizes, objective, dates, facts of frames.

Rule kept here: a document is asked by the local names of its elements; what is not there is None.

Source of the facts: the documentation of the ``oirfile`` and ``OpenReadout`` packages, and readers
of public repositories: positions of Z are micrometres, those of lambda nanometres, times of frames
milliseconds and the step of the time series seconds.
"""

import re
from collections.abc import Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

import attrs
import numpy as np

from aicsio._ome.dates import iso_date
from aicsio._ome.lenses import name_immersion
from aicsio._ome.units import micrometres_per
from aicsio.formats.oir.documents import (
    OirDocument,
    find_all,
    local_name,
    number_of,
    parse_document,
    root_name,
    text_of,
    whole_of,
)
from aicsio.records import Channel, Coordinate, Dims, Objective, PixelSize, Planes

UNITS: Final = {"MICRO_METER": "um", "NANO_METER": "nm", "MILLI_METER": "mm", "METER": "m"}
"""Words for units of length."""
COLORS: Final = {
    "red": 0xFF0000FF, "green": 0x00FF00FF, "blue": 0x0000FFFF, "cyan": 0x00FFFFFF,
    "magenta": 0xFF00FFFF, "yellow": 0xFFFF00FF, "gray": 0xFFFFFFFF, "grey": 0xFFFFFFFF,
    "white": 0xFFFFFFFF, "orange": 0xFFA500FF,
}  # fmt: skip
"""0xRRGGBBAA of lookup tables that are called as a colour."""
LAST_VALUE: Final = re.compile(r"([0-9a-fA-F]{6})[0-9a-fA-F]{2}\s*</(?:\w+:)?data>")
AXIS_TYPES: Final = {"T": "TIMELAPSE", "L": "LAMBDA", "Z": "ZSTACK"}
NANOMETRES: Final = (150.0, 3000.0)


@attrs.frozen
class OirAxis:
    """One axis of the acquisition."""

    start: float | None
    """First position."""
    step: float | None
    """From one position to the next."""
    size: int
    """Positions that are announced; 0 if none are."""


@attrs.frozen(eq=False)
class OirDescription:
    """The documents of a file, parsed. Not a record: it lives for one opening."""

    text: str | None
    """XML of the properties of the image."""
    image: Element | None
    """The same, parsed."""
    detectors: dict[str, Element]
    """Settings of a detector by the channel that it takes."""
    colors: dict[str, int]
    """Colour of the lookup table of a channel, as 0xRRGGBBAA."""
    unread: tuple[str, ...]
    """Roots of the documents that are no XML."""


def parse_description(documents: Sequence[OirDocument]) -> OirDescription:
    """Parse those of the documents that records need."""
    text, image, unread = None, None, []
    detectors: dict[str, Element] = {}
    colors: dict[str, int] = {}
    for document in documents:
        name = root_name(document.text)
        if name == "imageProperties" and image is None:
            text, image = document.text, parse_document(document.text)
            if image is None:
                unread.append(name)
        elif name == "lsmChannel":
            root = parse_document(document.text)
            if root is None:
                unread.append(name)
            else:
                detectors[document.channel or root.get("id") or ""] = root
        elif name == "LUT" and document.channel is not None:
            color = _lut_color(document.text)
            if color is not None:
                colors[document.channel] = color
    return OirDescription(text, image, detectors, colors, tuple(unread))


def _lut_color(text: str) -> int | None:
    """Return the colour of a lookup table: that of its name, else the last of the table.

    It is not parsed: the table behind the name is half a megabyte of digits.
    """
    name = text[:4096].partition("name>")[2].partition("<")[0].strip().lower()
    if name in COLORS:
        return COLORS[name]
    # Eight digits a value: red, green, blue and 0.
    last = LAST_VALUE.search(text, max(len(text) - 4096, 0))
    return None if last is None else int(last[1], 16) << 8 | 0xFF


def list_channels(description: OirDescription) -> list[Element]:
    """Return the channels that have an identifier, by their order; each once."""
    first: dict[str, Element] = {}
    for element in find_all(description.image, "channel"):
        identifier = element.get("id")
        if identifier:
            first.setdefault(identifier, element)
    return sorted(first.values(), key=_order)


def _order(element: Element) -> float:
    order = element.get("order", "")
    return float(order) if order.isdecimal() and len(order) < 10 else 0.0


def describe_channels(
    description: OirDescription, identifiers: Sequence[str], samples: int
) -> tuple[Channel, ...]:
    """Describe the channels of the image; one of three samples if it is a colour."""
    listed = {element.get("id"): element for element in list_channels(description)}
    if samples > 1:
        return (Channel(samples=samples),)
    channels = []
    for identifier in identifiers:
        element = listed.get(identifier)
        detector = description.detectors.get(identifier)
        lines = excitation_lines(description, element)
        dye = text_of(detector, "dyeName") or text_of(element, "dyeName")
        channels.append(
            Channel(
                name=text_of(element, "name"),
                color=description.colors.get(identifier),
                emission=_wavelength(detector, element, "emissionWavelength"),
                # Of two lines, neither is that of the channel.
                excitation=lines[0] if len(lines) == 1 else None,
                fluor=None if dye == "None" else dye,
            )
        )
    return tuple(channels)


def _wavelength(detector: Element | None, element: Element | None, name: str) -> float | None:
    value = number_of(detector, name) or number_of(element, name)
    return value if value is not None and NANOMETRES[0] <= value <= NANOMETRES[1] else None


def excitation_lines(description: OirDescription, channel: Element | None) -> list[float]:
    """Return the wavelengths of the lasers that a channel names and that were on."""
    lasers = {
        laser.get("id"): number_of(laser, "wavelength")
        for laser in find_all(description.image, "imagingMainLaser")
        if laser.get("enable", "true") == "true"
    }
    found = (lasers.get((one.text or "").strip()) for one in find_all(channel, "laserDataId"))
    return list(dict.fromkeys(value for value in found if value is not None and value > 0))


# ---------------------------------------------------------------- axes and sizes


def parse_axes(description: OirDescription) -> dict[str, OirAxis]:
    """Return the axes of the acquisition by letter: as taken, else as set."""
    taken = find_all(description.image, "imageInfo", "axis")
    planned = [
        axis
        for axis in find_all(description.image, "axis")
        if axis.get("enable") == "true" and axis.get("paramEnable") != "false"
    ]
    axes: dict[str, OirAxis] = {}
    letters = {word: letter for letter, word in AXIS_TYPES.items()}
    for element in (*taken, *planned):
        # An element ``axis`` holds another one of that name, with the word.
        words = [(child.text or "").strip() for child in element if local_name(child) == "axis"]
        letter = letters.get(words[0]) if words else None
        if letter is not None and letter not in axes:
            step = number_of(element, "step")
            size = whole_of(element, "maxSize") or 0
            axes[letter] = OirAxis(number_of(element, "startPosition"), step, max(size, 0))
    return axes


def describe_pixel_size(
    description: OirDescription, axes: dict[str, OirAxis], rows: str
) -> PixelSize:
    """Return the pixel size; rows that are no Y have none."""
    unit = UNITS.get(text_of(description.image, "pixelUnit", "x") or "MICRO_METER")
    factor = micrometres_per(unit) or 0.0
    sizes: dict[str, float | None] = {}
    for letter, name in (("X", "x"), (rows, "y")):
        value = number_of(description.image, "length", name)
        sizes[letter] = value * factor if value is not None and value * factor > 0 else None
    step = axes["Z"].step if "Z" in axes else None
    sizes["Z"] = abs(step) if step else None
    return PixelSize(sizes.get("Z"), sizes.get("Y"), sizes.get("X"))


def describe_coordinates(
    letters: str, shape: Sequence[int], axes: dict[str, OirAxis]
) -> tuple[Coordinate, ...]:
    """Return the wavelengths of a lambda scan."""
    axis = axes.get("L")
    if axis is None or "L" not in letters or axis.start is None or not axis.step:
        return ()
    count = shape[letters.index("L")]
    return (Coordinate("L", tuple(axis.start + axis.step * one for one in range(count)), "nm"),)


def line_period(description: OirDescription) -> float | None:
    """Return seconds between the lines of a scan along T, by the settings of its scanner."""
    kind = text_of(description.image, "scannerType")
    for settings in find_all(description.image, "scannerSettings"):
        if settings.get("type") == kind:
            period = number_of(settings, "seriesInterval")
            return period / 1000 if period is not None and period > 0 else None
    return None


# ---------------------------------------------------------------- the rest


def describe_objective(description: OirDescription) -> Objective | None:
    """Return the objective that the image was taken with."""
    lens = next(iter(find_all(description.image, "objectiveLens")), None)
    if lens is None:
        return None
    distance = number_of(lens, "wdValue")
    objective = Objective(
        name=text_of(lens, "displayName") or text_of(lens, "name"),
        magnification=_above_zero(number_of(lens, "magnification")),
        aperture=_above_zero(number_of(lens, "naValue")),
        immersion=name_immersion(text_of(lens, "immersion")),
        # Millimetres, as makers print it on the lens.
        working_distance=None if not distance or distance < 0 else distance * 1000,
    )
    return None if objective == Objective() else objective


def _above_zero(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def parse_date(description: OirDescription) -> str | None:
    """Return the start of the acquisition, with its zone."""
    text = text_of(description.image, "general", "creationDateTime")
    return iso_date(text or "")


def frame_positions(frame: Element | None) -> dict[str, float]:
    """Return the positions of a frame by letter: seconds, nanometres, micrometres."""
    letters = {word: letter for letter, word in AXIS_TYPES.items()}
    positions = {}
    for value in find_all(frame, "axisValue"):
        letter = letters.get(text_of(value, "axisType") or "")
        number = number_of(value, "position")
        if letter is not None and number is not None:
            positions[letter] = number / 1000 if letter == "T" else number
    return positions


def describe_planes(
    frames: Sequence[Element | None], letters: str, shape: tuple[int, ...]
) -> Planes | None:
    """Give times and Z positions to the frames, which are in C order over their axes.

    Times count from the first frame; ``None`` where the file has another number of frames.
    """
    if len(frames) != int(np.prod(shape, dtype=np.int64)):
        return None
    columns: dict[str, Any] = {}
    positions = [frame_positions(frame) for frame in frames]
    for name, letter in (("time", "T"), ("z", "Z")):
        values = np.array([one.get(letter, np.nan) for one in positions], "<f8")
        if np.isfinite(values).any():
            columns[name] = values - np.nanmin(values) if name == "time" else values
    kept: dict[str, Any] = {name: values.tobytes() for name, values in columns.items()}
    return Planes(Dims(letters, shape), **kept) if kept else None
