"""``Planes`` -> attributes of Plane elements: the inverse of ``planes``.

Rule kept here: a plane without a known value has no element, and a missing value no attribute.
"""

from collections.abc import Iterator

import numpy as np

from aicsio._ome.lexical import is_float
from aicsio._ome.planes import plane_column
from aicsio.records import Planes

PLANE_FACTS = (
    ("DeltaT", "time", "s"), ("ExposureTime", "exposure", "s"), ("PositionX", "x", "µm"),
    ("PositionY", "y", "µm"), ("PositionZ", "z", "µm"),
)  # fmt: skip
"""Attribute of Plane, column of ``Planes``, unit."""


def plane_attributes(planes: Planes) -> Iterator[dict[str, str]]:
    """Yield the attributes of the Plane element of each plane with a known fact."""
    columns = []
    for name, field, unit in PLANE_FACTS:
        column = plane_column(planes, field)
        if column is not None:
            # In C order over the plane axes, as ``ndindex`` counts below.
            columns.append((name, unit, column.ravel().tolist()))
    for number, position in enumerate(np.ndindex(planes.dims.shape)):
        facts: dict[str, str] = {}
        for name, unit, values in columns:
            if is_float(values[number]):
                facts[name], facts[f"{name}Unit"] = repr(values[number]), unit
        if facts:
            index = dict(zip(planes.dims, position, strict=True))
            yield {f"The{letter}": str(index.get(letter, 0)) for letter in "ZTC"} | facts
