"""MetaMorph and MetaXpress: UIC tags of stacks, XML of single images.

Rule kept here: both hold the same properties under the same names; one function reads them.

Source of the facts: "MetaMorph Stack (STK) Image File Format" (Molecular Devices): UIC1 and UIC4,
CameraBin, StageLabel, PlaneProperty; the XML of MetaXpress; the lines that camera drivers write into
the description.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from aicsio._ome.parts import add_part, add_quantity
from aicsio._ome.units import finite_number
from aicsio.formats._tiff.dialects.opened import open_with_tifffile
from aicsio.formats._tiff.instruments.parts import ImageParts
from aicsio.formats._tiff.makers import METASERIES_PROPERTY, is_metaseries
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.settings import xml_attribute
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents

NAMESPACE = "moleculardevices.com/metamorph"


def describe_metamorph(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the settings of MetaMorph."""
    if is_metaseries(tags.description):
        properties = read_properties(tags.description)
        text = properties.pop("Description", "")
    elif Tag.UIC1 in tags.tags and not tags.text(Tag.SOFTWARE).startswith("Prairie"):
        info = open_with_tifffile(tags.file.source, "stk_metadata")
        properties = _stack_properties(info)
        text = tags.description
    else:
        return False
    del contents
    _add(parts, properties, text)
    return True


def read_properties(text: str) -> dict[str, str]:
    """Return the properties of MetaMorph's XML by their names."""
    properties = {}
    for element in METASERIES_PROPERTY.finditer(text):
        name, value = (xml_attribute(element[0], key) for key in ("id", "value"))
        if name is not None and value is not None:
            properties[name] = value
    return properties


def _stack_properties(info: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of the first plane under the names of the XML."""
    properties: dict[str, str] = {}
    listed = info.get("PlaneProperty")
    # Before 2025 tifffile gives a number in place of the list.
    for item in listed if isinstance(listed, list | tuple) else ():
        if isinstance(item, Mapping) and "name" in item:
            properties.setdefault(str(item["name"]), str(item.get("value", "")))
    # Pixels of the chip along X and Y that became one.
    binning: Any = np.asarray(info.get("CameraBin") or (), np.float64).reshape(-1)
    if len(binning) == 2:
        properties["camera-binning-x"] = f"{binning[0]:.0f}"
        properties["camera-binning-y"] = f"{binning[1]:.0f}"
    places: Any = np.asarray(info.get("StagePosition", ()), np.float64)
    if places.ndim == 2 and places.shape[1] == 2 and places.any():
        for axis, place in zip("xy", places[0].tolist(), strict=True):
            properties[f"stage-position-{axis}"] = repr(place)
    labels: Any = info.get("StageLabel") or ()
    if len(labels):
        properties["stage-label"] = str(labels[0])
    if np.any(info.get("AbsoluteZValid", 0)) and info.get("AbsoluteZ") is not None:
        heights = np.asarray(info["AbsoluteZ"], np.float64).reshape(-1)
        properties["z-position"] = repr(float(heights[0]))
    if info.get("wavelength"):
        properties["wavelength"] = str(info["wavelength"])
    return properties


def read_lines(text: str) -> dict[str, str]:
    """Return the lines ``name: value`` of a description."""
    lines: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and value.strip():
            lines.setdefault(name.strip(), value.strip())
    return lines


def _add(parts: ImageParts, properties: Mapping[str, str], text: str) -> None:
    lines = read_lines(text)
    lens = properties.get("_MagSetting_") or properties.get("ImageXpress Micro Objective")
    aperture = finite_number(properties.get("_MagNA_")) or None
    if lens or aperture:
        index = finite_number(properties.get("_MagRI_")) or None
        parts.add_objective(lens, aperture=aperture, refractive_index=index)
    camera = re.search(r"^Acquired from (.+?)\s*$", text, re.MULTILINE)
    channel = parts.add_channel()
    settings = {
        # The schema has no word for a camera whose chip is not named.
        "ID": parts.add_detector(Model=camera[1] if camera else None, Type="Other"),
        "Binning": read_binning(properties, lines),
        "Gain": read_gain(lines.get("Gain")),
    }
    detector = add_part(channel, "DetectorSettings", settings)
    rate = re.fullmatch(r"([\d.]+)\s*MHz", lines.get("Digitizer", ""))
    add_quantity(detector, "ReadOutRate", finite_number(rate[1]) if rate else None, "MHz")
    bits = finite_number(properties.get("Camera Bit Depth"))
    if bits and 0 < bits <= 64:
        parts.pixels.set("SignificantBits", str(int(bits)))
    x, y, z = (finite_number(properties.get(name)) for name in _STAGE)
    if x is not None and y is not None:
        parts.set_stage(properties.get("stage-label", ""), x, y, z)
    parts.set_description(text)
    known = {"_MagSetting_", "_MagNA_", "_MagRI_", *_STAGE}
    others = [item for item in properties.items() if item[0] not in known]
    parts.annotate(NAMESPACE, [*others, *lines.items()])


_STAGE = ("stage-position-x", "stage-position-y", "z-position")


def read_binning(properties: Mapping[str, str], lines: Mapping[str, str]) -> str | None:
    """Return the binning as the schema writes it; ``Other`` for one that it lacks."""
    sides = [finite_number(properties.get(f"camera-binning-{axis}")) for axis in "xy"]
    if None in sides or not all(sides):
        match = re.fullmatch(r"(\d+)\s*[xX]\s*(\d+)", lines.get("Binning", ""))
        if match is None:
            return None
        sides = [float(match[1]), float(match[2])]
    text = "x".join(str(int(side)) for side in sides if side is not None)
    return text if text in {"1x1", "2x2", "4x4", "8x8"} else "Other"


def read_gain(text: str | None) -> float | None:
    """Return the factor of ``Gain 2 (4x)``, or the number of ``Gain 2``."""
    factor = re.search(r"\(([\d.]+)\s*x\)", text or "")
    if factor is None:
        factor = re.search(r"([\d.]+)\s*x?\s*$", text or "")
    return finite_number(factor[1]) if factor else None
