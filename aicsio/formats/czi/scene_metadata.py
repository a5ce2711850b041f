"""Scenes in the metadata XML of CZI: names, shapes, places on the stage. Pure.

Rule kept here: a missing fact is ``None``.

Source of the paths: "CZI Image Document Metadata", Carl Zeiss Microscopy.
"""

from xml.etree import ElementTree as ET

import attrs

from aicsio._ome.units import finite_number
from aicsio.records.comparing import compared_by_fields


@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class SceneMetadata:
    """Metadata of one scene."""

    name: str | None = None
    """Its own name."""
    shape: str | None = None
    """Name of the shape (well, region) that it lies in."""
    center: tuple[float, float] | None = None
    """Stage position (x, y) of its centre in micrometres."""
    z: float | None = None
    """Stage position along Z in micrometres."""
    well: tuple[int, int] | None = None
    """Row and column of the well from 0, if the shape is one."""


def read_scenes(axes: ET.Element | None) -> tuple[tuple[int, SceneMetadata], ...]:
    """Read the scenes that the element ``Dimensions`` lists, by number."""
    axis = None if axes is None else axes.find("S")
    if axis is None:
        return ()
    from aicsio.formats.czi.plates import well_of

    scenes = []
    for position, element in enumerate(axis.findall("Scenes/Scene")):
        index = element.get("Index", "")
        # ``str.isdigit`` is true for superscripts, which ``int`` refuses, and long runs are no
        # index.
        number = int(index) if index.isascii() and index.isdigit() and len(index) < 10 else position
        shape = element.find("Shape")
        shape_name = None if shape is None else (shape.get("Name") or "").strip() or None
        x_y, z = _read_stage_position(element)
        facts = SceneMetadata(
            name=(element.get("Name") or "").strip() or None,
            shape=shape_name,
            center=x_y,
            z=z,
            well=well_of(element),
        )
        scenes.append((number, facts))
    return tuple(scenes)


def _read_stage_position(
    scene: ET.Element,
) -> tuple[tuple[float, float] | None, float | None]:
    """Read the centre (x, y) of a scene, and its Z, in micrometres."""
    position = scene.find("Positions/Position")
    attributes = {} if position is None else position.attrib
    x, y, z = (finite_number(attributes.get(letter)) for letter in "XYZ")
    center = _parse_pair(scene.findtext("CenterPosition"))
    if center is None and x is not None and y is not None:
        center = (x, y)
    return center, z


def _parse_pair(text: str | None) -> tuple[float, float] | None:
    values = [finite_number(part) for part in (text or "").split(",")]
    if len(values) != 2:
        return None
    x, y = values
    return None if x is None or y is None else (x, y)
