"""Places of a CZI from which the facts of its scenes come.

Rule kept here: an origin is found by the value: the record shows one of the places that were read.
Two places with different values are a contradiction.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias
from xml.etree import ElementTree as ET

import attrs

from aicsio.formats.czi import metadata as czi_xml
from aicsio.formats.czi.xml_sections import parse_sections
from aicsio.records import Channel, Contents
from aicsio.records.provenance import FactOrigin, FactOrigins

INFORMATION = "czi:Information/Image/Channel"
DISPLAY = "czi:DisplaySetting"
SAME = 1e-3
"""Relative difference of numbers that still counts as one value: writers round."""
PLACES = (
    ("name", "czi:Scene@Name"),
    ("pixel_size", "czi:Scaling/Items/Distance"),
    ("objective", "czi:Instrument/Objectives/Objective"),
    ("planes.time", "czi:TimeStamps"),
    ("planes.exposure", "czi:Channel/ExposureTime"),
    ("planes.dims", "czi:SubBlockDirectory"),
    ("planes.x", "czi:Scene/CenterPosition"),
    ("planes.y", "czi:Scene/CenterPosition"),
    ("planes.z", "czi:Scene/Positions/Position"),
    ("planes", "czi:SubBlock/METADATA"),
    ("tiles.stage_x", "czi:Scene/CenterPosition"),
    ("tiles.stage_y", "czi:Scene/CenterPosition"),
    ("tiles", "czi:SubBlockDirectory"),
    ("coordinates", "czi:TimeStamps"),
    ("well.plate", "czi:SampleHolder/Template@Name"),
    ("well.field", "czi:Scene"),
    ("well", "czi:Scene/Shape"),
)
"""Fields and records with one place."""


def trace(contents: Contents, index: int) -> FactOrigins:
    """Return the origins of the facts of a scene.

    Parameters
    ----------
    contents
        As opened.
    index
        Index of the scene.

    Raises
    ------
    CorruptFileError
        When the XML cannot be parsed a second time.
    """
    scene = contents.scenes[index]
    facts = [FactOrigin(path, origin) for path, origin in PLACES]
    parsed, _ = czi_xml.parse_metadata(contents.metadata)
    planned = parsed.time_step is not None
    facts.append(
        FactOrigin("time_step", "czi:T/Positions/Interval" if planned else "czi:TimeStamps")
    )
    root = parse_sections(contents.metadata) if contents.metadata and parsed != _NOTHING else None
    if root is None:
        return FactOrigins(tuple(facts))
    image = root.find("Information/Image")
    dates = {path: czi_xml.date_at(image, path) for path in czi_xml.DATES}
    facts += [FactOrigin("acquired", f"czi:{p}") for p, d in dates.items() if d == scene.acquired][
        :1
    ]
    conflicts: list[tuple[str, str]] = []
    for number, (element, display) in enumerate(_pairs(root, image)[: len(scene.channels)]):
        # Read apart here, where opening reads both together: so their values can be compared.
        taken = Channel() if element is None else czi_xml.read_channel([element], None)
        shown = Channel() if display is None else czi_xml.read_channel([display], display)
        path, channel = f"channels[{number}]", scene.channels[number]
        places = ((taken, element, INFORMATION), (shown, display, DISPLAY))
        facts += _trace_channel(path, channel, places)
        conflicts += _compare(path, taken, shown)
    return FactOrigins(tuple(facts), tuple(conflicts))


_NOTHING = czi_xml.CziMetadata()


def _pairs(
    root: ET.Element, image: ET.Element | None
) -> Sequence[tuple[ET.Element | None, ET.Element | None]]:
    """Pair the channels of image and display; other programs than ZEN may write the display alone."""
    pairs = czi_xml.pair_with_displays(root, image)
    return pairs or [(None, one) for one in czi_xml.display_elements(root)]


Place: TypeAlias = tuple[Channel, ET.Element | None, str]
"""The channel as one place of the file has it, its element, and the name of the place."""


def _trace_channel(path: str, channel: Channel, places: Sequence[Place]) -> Iterator[FactOrigin]:
    for field in attrs.fields(Channel):
        value = getattr(channel, field.name)
        if value is None:
            continue
        # The colour is that of the display, where there is one.
        for one, element, place in reversed(places) if field.name == "color" else places:
            if getattr(one, field.name) == value:
                origin = place
                if field.name == "name" and element is not None:
                    origin += _stand_in(element)
                yield FactOrigin(f"{path}.{field.name}", origin)
                break


def _stand_in(element: ET.Element) -> str:
    """Return what stands in for a name that a writer left out, as a path below the channel."""
    if (element.get("Name") or "").strip():
        return ""
    for name in ("ShortName", "Fluor", "DyeName"):
        if (element.findtext(name) or "").strip():
            return f"/{name}"
    return ""


def _compare(path: str, taken: Channel, shown: Channel) -> Iterator[tuple[str, str]]:
    for name in ("name", "color", "emission", "excitation", "fluor"):
        first, second = getattr(taken, name), getattr(shown, name)
        if first is None or second is None or first == second:
            continue
        if isinstance(first, float) and math.isclose(first, second, rel_tol=SAME):
            continue
        if name == "color":
            first, second = f"{first:08x}", f"{second:08x}"
        yield f"{path}.{name}", f"{INFORMATION} has {first!r}, {DISPLAY} {second!r}"
