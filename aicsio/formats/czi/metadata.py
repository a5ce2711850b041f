"""Metadata XML of CZI -> channels, physical sizes, lens, dates, scenes. Pure.

Rule kept here: what the file does not say is ``None``; what cannot be parsed is a diagnostic, never an exception.
Paths are those of the CZI metadata schema ("CZI Image Document Metadata", Carl Zeiss Microscopy).
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from xml.etree import ElementTree as ET

import attrs

from aicsio._ome.xml import declares_doctype
from aicsio.records import Channel, Diagnostic, Objective, PixelSize

T = TypeVar("T")

UNKNOWN = PixelSize()

Wanted: TypeAlias = Mapping[str, Any]
SECTIONS: Wanted = {
    "Information": {"Image": None, "Document": None, "Instrument": {"Objectives": None}},
    "Scaling": None,
    "DisplaySetting": None,
}
"""Children of ``Metadata`` that hold what the records want to know; ``None`` for all that is in one."""
_TAG = re.compile("<(/?)([A-Za-z_][\\w.-]*)[^>]*?(/?)>")


@attrs.frozen
class SceneFacts:
    """What the metadata say of one scene."""

    name: str | None = None
    """Its own name."""
    shape: str | None = None
    """Name of the shape (well, region) that it lies in."""
    center: tuple[float, float] | None = None
    """Stage position (x, y) of its centre in micrometres."""
    stage_z: float | None = None
    """Focus position of its first position in micrometres."""


@attrs.frozen
class Facts:
    """What the metadata say that the records want to know."""

    channels: tuple[Channel, ...] = ()
    """By position along C."""
    pixel_size: PixelSize = UNKNOWN
    """Micrometres."""
    time_step: float | None = None
    """Seconds."""
    acquired: str | None = None
    """ISO 8601."""
    objective: Objective | None = None
    """The lens of the image."""
    scenes: tuple[tuple[int, SceneFacts], ...] = ()
    """By number of the scene."""
    exposure: tuple[float | None, ...] = ()
    """Seconds, by position along C."""
    times: tuple[float, ...] = ()
    """Seconds of the time points, where the XML lists them."""


def parse(text: str | None) -> tuple[Facts, tuple[Diagnostic, ...]]:
    """Read the facts out of the XML; what is wrong with it is a diagnostic."""
    if not text:
        return Facts(), (
            Diagnostic("no-metadata", "the file has no metadata: names and sizes are not known"),
        )
    try:
        metadata = _metadata_element(text)
    except (ET.ParseError, ValueError) as error:
        return Facts(), (Diagnostic("corrupt-metadata", f"the XML cannot be parsed: {error}"),)
    if metadata is None:
        return Facts(), (
            Diagnostic("corrupt-metadata", "expected ImageDocument/Metadata in the XML"),
        )
    image = metadata.find("Information/Image")
    facts = Facts(
        channels=_channels(metadata, image),
        pixel_size=_pixel_size(metadata),
        time_step=_time_step(image),
        acquired=_acquired(image),
        objective=_objective(metadata, image),
        scenes=_scenes(image),
        exposure=tuple(
            _scaled(_number(_text(c, "ExposureTime")), 1e-9) for c in _channel_elements(image)
        ),
        times=_offsets(image),
    )
    created = _date(_text(metadata, "Information/Document/CreationDate"))
    if facts.acquired is None and created is not None:
        text = (
            f"the file has no date of acquisition; its document was created at {created}, "
            "which may be later"
        )
        return facts, (Diagnostic("document-date", text),)
    return facts, ()


def _metadata_element(text: str) -> ET.Element | None:
    """Parse the parts that are read here; the experiment and the hardware settings are most of the text."""
    parts = _sections(text)
    if parts is not None:
        try:
            # Inside of an element no entity can be declared.
            return _parsed(f"<Metadata>{parts}</Metadata>")
        except ET.ParseError:
            # A tag inside a comment or CDATA may have misled the cut: the whole text decides.
            pass
    if declares_doctype(text):
        raise ValueError("it declares a document type, which CZI does not")
    root = _parsed(text)
    return root if root.tag == "Metadata" else root.find("Metadata")


def _sections(text: str) -> str | None:
    """Cut the wanted children of ``Metadata`` out of the text; ``None`` where that is not plain."""
    at = text.find("<Metadata>")
    if at < 0 or declares_doctype(text):
        return None
    for end_of in (_first_end, _end_of):
        found: list[str] = []
        end = _cut(text, at + len("<Metadata>"), ("Metadata", SECTIONS), found, end_of)
        if end >= 0 and text[end : end + 99].lstrip().startswith("</ImageDocument>"):
            return "".join(found)
    return None


def _cut(
    text: str,
    at: int,
    parent: tuple[str, Wanted],
    found: list[str],
    end_of: Callable[[str, str, int], int],
) -> int:
    """Append the wanted children of the element that began before ``at``; say where it ends, or -1."""
    while at >= 0:
        tag = _TAG.search(text, at)
        if tag is None or (tag.start() > at and not text[at : tag.start()].isspace()):
            # A comment, say: what is a tag and what is not would have to be parsed.
            return -1
        closing, name, empty = tag.groups()
        if closing:
            return tag.end() if name == parent[0] else -1
        within = parent[1].get(name)
        if within and not empty:
            found.append(tag[0])
            at = _cut(text, tag.end(), (name, within), found, end_of)
            found.append(f"</{name}>")
        else:
            at = tag.end() if empty else end_of(text, name, tag.end())
            if name in parent[1]:
                found.append(text[tag.start() : at])
    return -1


def _first_end(text: str, name: str, at: int) -> int:
    """Find the first closing tag: too early where the element has its own name inside, and the walk then stumbles."""
    close = f"</{name}>"
    end = text.find(close, at)
    return -1 if end < 0 else end + len(close)


def _end_of(text: str, name: str, at: int) -> int:
    """Find the end of an element that began before ``at``, or -1."""
    close, depth = f"</{name}>", 1
    while depth:
        end = text.find(close, at)
        if end < 0:
            return -1
        depth += text.count(f"<{name}>", at, end) - 1
        if text.find(f"<{name} ", at, end) >= 0:
            depth += len(re.findall(f"<{name}\\s[^>]*(?<!/)>", text[at:end]))
        at = end + len(close)
    return at


def _parsed(text: str) -> ET.Element:
    try:
        return ET.fromstring(text)  # noqa: S314 - no entities
    except ET.ParseError:
        # XML 1.0 forbids these characters; some writers let them through.
        return ET.fromstring(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text))  # noqa: S314


# ---------------------------------------------------------------- small readers


def _text(element: ET.Element | None, path: str) -> str | None:
    found = None if element is None else element.find(path)
    value = None if found is None or found.text is None else found.text.strip()
    return value or None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is None or math.isfinite(value) else None


def _positive(text: str | None) -> float | None:
    value = _number(text)
    return value if value is not None and value > 0 else None


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _first(values: list[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)


# ---------------------------------------------------------------- channels


def _channel_elements(image: ET.Element | None) -> list[ET.Element]:
    return [] if image is None else image.findall("Dimensions/Channels/Channel")


def _channels(metadata: ET.Element, image: ET.Element | None) -> tuple[Channel, ...]:
    """Channels of the image; each fact from the image, else from the display settings of the same channel."""
    elements = _channel_elements(image)
    displays = metadata.findall("DisplaySetting/Channels/Channel")
    if not elements:
        return tuple(_channel(element, None) for element in displays)
    by_id = {element.get("Id"): element for element in displays if element.get("Id")}
    same_count = len(displays) == len(elements)
    found = []
    for index, element in enumerate(elements):
        display = by_id.get(element.get("Id"))
        if display is None and same_count:
            display = displays[index]
        found.append(_channel(element, display))
    return tuple(found)


def _channel(element: ET.Element, display: ET.Element | None) -> Channel:
    both = [element] if display is None else [element, display]

    def either(read: Callable[[ET.Element], T | None]) -> T | None:
        return _first([read(one) for one in both])

    fluor = either(lambda e: _text(e, "Fluor")) or either(lambda e: _text(e, "DyeName"))
    name = (
        either(lambda e: (e.get("Name") or "").strip() or None)
        or either(lambda e: _text(e, "ShortName"))
        or fluor
    )
    return Channel(
        name=name,
        color=either(lambda e: _color(_text(e, "Color"))),
        emission=either(lambda e: _wavelength(e, "EmissionWavelength", "DyeMaxEmission")),
        excitation=either(lambda e: _wavelength(e, "ExcitationWavelength", "DyeMaxExcitation")),
        fluor=fluor,
    )


def _wavelength(element: ET.Element, *paths: str) -> float | None:
    return _first([_positive(_text(element, path)) for path in paths])


def _color(text: str | None) -> int | None:
    """``#AARRGGBB`` or ``#RRGGBB`` to 0xRRGGBBAA."""
    digits = (text or "").lstrip("#")
    if not re.fullmatch("[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}", digits):
        return None
    if len(digits) == 6:
        digits = "FF" + digits
    return int(digits[2:] + digits[:2], 16)


# ---------------------------------------------------------------- sizes and times


def _pixel_size(metadata: ET.Element) -> PixelSize:
    """Scaling/Items/Distance/Value is in metres."""
    found: dict[str, float | None] = {}
    for item in metadata.findall("Scaling/Items/Distance"):
        found[item.get("Id", "")] = _scaled(_positive(_text(item, "Value")), 1e6)
    return PixelSize(found.get("Z"), found.get("Y"), found.get("X"))


def _time_step(image: ET.Element | None) -> float | None:
    """Seconds; CZI gives the interval of evenly spaced time points."""
    increment = _text(image, "Dimensions/T/Positions/Interval/Increment") or _text(
        image, "Dimensions/T/Interval/Increment"
    )
    return _positive(increment)


def _offsets(image: ET.Element | None) -> tuple[float, ...]:
    words = (_text(image, "Dimensions/T/Positions/List/Offsets") or "").split()
    values = [_number(word) for word in words]
    return tuple(value for value in values if value is not None) if None not in values else ()


def _acquired(image: ET.Element | None) -> str | None:
    """Return the date of acquisition. That of the document is another fact: it may be a copy's."""
    return _date(_text(image, "AcquisitionDateAndTime")) or _date(
        _text(image, "Dimensions/T/StartTime")
    )


def _date(text: str | None) -> str | None:
    """Return an ISO 8601 date; ``None`` for text that is none.

    ZEN writes the first day of the calendar for an unknown date.
    """
    if not text or text.startswith("0001-01-01"):
        return None
    # ZEN writes seven digits of a second, which Python takes from 3.11 on.
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text


def _objective(metadata: ET.Element, image: ET.Element | None) -> Objective | None:
    lenses = metadata.findall("Information/Instrument/Objectives/Objective")
    reference = None if image is None else image.find("ObjectiveSettings/ObjectiveRef")
    wanted = None if reference is None else reference.get("Id")
    lens = next(
        (one for one in lenses if wanted and one.get("Id") == wanted), lenses[0] if lenses else None
    )
    if lens is None:
        return None
    return Objective(
        name=(lens.get("Name") or "").strip() or _text(lens, "Manufacturer/Model"),
        magnification=_positive(_text(lens, "NominalMagnification")),
        aperture=_positive(_text(lens, "LensNA")),
        immersion=_text(lens, "Immersion"),
    )


# ---------------------------------------------------------------- scenes


def _scenes(image: ET.Element | None) -> tuple[tuple[int, SceneFacts], ...]:
    if image is None:
        return ()
    found = []
    for position, element in enumerate(image.findall("Dimensions/S/Scenes/Scene")):
        index = element.get("Index", "")
        shape = element.find("Shape")
        facts = SceneFacts(
            name=(element.get("Name") or "").strip() or None,
            shape=None if shape is None else (shape.get("Name") or "").strip() or None,
            center=_pair(_text(element, "CenterPosition"))
            or _position(element.find("Positions/Position")),
            stage_z=_stage_z(element.find("Positions/Position")),
        )
        found.append((int(index) if index.isascii() and index.isdigit() else position, facts))
    return tuple(found)


def _position(element: ET.Element | None) -> tuple[float, float] | None:
    return None if element is None else _pair(f"{element.get('X', '')},{element.get('Y', '')}")


def _stage_z(element: ET.Element | None) -> float | None:
    return None if element is None else _number(element.get("Z"))


def _pair(text: str | None) -> tuple[float, float] | None:
    values = [_number(part) for part in (text or "").split(",")]
    x, y = values if len(values) == 2 else (None, None)
    return None if x is None or y is None else (x, y)
