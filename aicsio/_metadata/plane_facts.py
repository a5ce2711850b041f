"""Facts of planes: read with their pixels, and shown as objects of ome_types.

Rule kept here: a plane that cannot be read costs its facts, not the document.
"""

from typing import Any

import attrs
import numpy as np

from aicsio._ome import lexical
from aicsio._ome.planes import plane_column
from aicsio.errors import AicsioError
from aicsio.records import Diagnostic, Planes, Scene
from aicsio.records.protocols import ReadsPlanes

PLANE_ATTRIBUTES = (
    ("delta_t", "time", "s"),
    ("exposure_time", "exposure", "s"),
    ("position_x", "x", "µm"),
    ("position_y", "y", "µm"),
    ("position_z", "z", "µm"),
)
"""Attribute of an OME Plane in ome_types, column of ``Planes``, and unit."""


def with_planes_read(reader: ReadsPlanes, scene: Scene, notes: list[Diagnostic]) -> Scene:
    """Return a scene with the facts that lie with the pixels of its planes."""
    try:
        planes = reader.read_planes(scene, scene.levels[0])
    except AicsioError as error:
        notes.append(Diagnostic("planes-unreadable", str(error), scene.name))
        return scene
    return attrs.evolve(scene, planes=planes)


def plane_objects(planes: Planes) -> list[Any]:
    """Make the Plane elements without their XML.

    ome_types needs 160 microseconds to parse one and 8 to make one: for a LIF of 500 scenes with
    120 planes each, that is 10 s or 0.6.
    """
    from ome_types.model import Plane

    columns = []
    for attribute, field, unit in PLANE_ATTRIBUTES:
        column = plane_column(planes, field)
        if column is not None:
            columns.append((attribute, column.ravel().tolist(), unit))
    objects = []
    for number, position in enumerate(np.ndindex(planes.dims.shape)):
        facts: dict[str, Any] = {}
        for attribute, values, unit in columns:
            if lexical.is_float(values[number]):
                facts |= {attribute: values[number], f"{attribute}_unit": unit}
        if facts:
            places = dict(zip(planes.dims, position, strict=True))
            indices = {f"the_{letter.lower()}": places.get(letter, 0) for letter in "ZTC"}
            objects.append(Plane(**indices, **facts))
    return objects
