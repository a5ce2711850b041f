"""Micro-Manager and NDTiff: properties of the devices at the first plane.

Rule kept here: a device is known by its role, which ``Core-`` properties name, or by the word
"objective" or "nosepiece" in its label.

Source of the facts: https://micro-manager.org/Micro-Manager_File_Formats ("Image Plane metadata" of
tag 51123) and "Metadata Tags" of the same site.
"""

import json
from collections.abc import Mapping
from typing import Any

from aicsio._ome.lenses import read_engraving
from aicsio._ome.parts import add_part
from aicsio._ome.units import finite_number
from aicsio.formats._tiff.instruments.parts import ImageParts, count_channels
from aicsio.formats._tiff.page_metadata import PageTags, text_of
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents

NAMESPACE = "micro-manager.org"
_LARGEST_TEXT = 1 << 24
"""Bytes of the properties of one plane; a microscope has some 20 000."""
_LENS_WORDS = ("objective", "nosepiece")


def describe_micromanager(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the properties of the devices of Micro-Manager."""
    if Tag.MICRO_MANAGER_METADATA not in tags.tags:
        return False
    properties = read_plane_properties(tags)
    if not properties:
        return False
    lens = find_lens(properties)
    if lens:
        parts.add_objective(lens)
    camera = str(properties.get("Core-Camera") or properties.get("Camera") or "").strip()
    if camera:
        _add_camera(parts, camera, properties, count_channels(contents))
    bits = properties.get("BitDepth")
    if isinstance(bits, int) and 0 < bits <= 64:
        parts.pixels.set("SignificantBits", str(bits))
    x, y, z = (_number(properties.get(f"{axis}PositionUm")) for axis in "XYZ")
    label = properties.get("PositionName") or properties.get("Position")
    if x is not None and y is not None:
        parts.set_stage(str(label or "Default"), x, y, z)
    user = properties.get("UserName") or _summary(contents).get("UserName")
    parts.set_experimenter(str(user or ""))
    comment = _summary(contents).get("Comment") or properties.get("Comment")
    parts.set_description(str(comment or ""))
    parts.annotate(NAMESPACE, _flatten(properties))
    return True


def read_plane_properties(tags: PageTags) -> dict[str, Any]:
    """Return the properties of a page; empty without them.

    Version 2.0 gives each as ``{"PropVal": ...}`` under its name in a list, earlier and later ones
    plain values.
    """
    value = tags.value(Tag.MICRO_MANAGER_METADATA, _LARGEST_TEXT)
    try:
        found = json.loads(text_of(value)) if isinstance(value, bytes) else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    device_properties = found.get("ScopeData") or found.get("scopeData") or {}
    if isinstance(device_properties, dict):
        found |= device_properties
    return {
        str(key): item.get("PropVal", item) if isinstance(item, dict) else item
        for key, item in found.items()
    }


def find_lens(properties: Mapping[str, Any]) -> str | None:
    """Return the label of the lens in place; ``None`` for labels that are mere positions."""
    for key, value in properties.items():
        device, _, name = key.rpartition("-")
        is_lens = any(word in device.lower() for word in _LENS_WORDS)
        if is_lens and name == "Label" and read_engraving(str(value)).magnification:
            return str(value).strip()
    return None


def _add_camera(
    parts: ImageParts, camera: str, properties: Mapping[str, Any], channel_count: int
) -> None:
    kind = str(properties.get(f"{camera}-CameraName") or properties.get(f"{camera}-Name") or camera)
    serial = str(properties.get(f"{camera}-CameraID") or "").strip() or None
    identity = parts.add_detector(Model=kind, SerialNumber=serial, Type="Other")
    binning = str(properties.get(f"{camera}-Binning") or properties.get("Binning") or "").strip()
    # Drivers write 2 or 2x2.
    text = f"{binning}x{binning}" if binning.isdigit() else binning.lower()
    for _ in range(channel_count):
        settings = {
            "ID": identity,
            "Binning": text if text in {"1x1", "2x2", "4x4", "8x8"} else None,
            "Gain": _number(properties.get(f"{camera}-Gain")),
            "Offset": _number(properties.get(f"{camera}-Offset")),
        }
        add_part(parts.add_channel(), "DetectorSettings", settings)


def _summary(contents: Contents) -> dict[str, Any]:
    try:
        found = json.loads(contents.metadata or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    return finite_number(str(value)) if isinstance(value, int | float | str) else None


def _flatten(properties: Mapping[str, Any]) -> list[tuple[str, object]]:
    plain = (str, int, float)
    return [(key, value) for key, value in properties.items() if isinstance(value, plain)]
