"""The plate of an index as OME.

Rule kept here: rows and columns come from the index; wells are those of scenes.
"""

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from aicsio._ome.plates import add_plate, wells_of
from aicsio.records import Contents, Scene

MOST_WELLS = 1000
"""Rows or columns at most: the largest plates have 64 and 96; a damaged number is none."""


def describe_plate(
    contents: Contents,
    *,
    name: str | None = None,
    rows: int | None = None,
    columns: int | None = None,
    identifier: str | None = None,
    description: str | None = None,
    from_centre: bool = False,
) -> Element | None:
    """Describe the plate on which scenes were taken.

    Parameters
    ----------
    contents
        What was opened.
    name, rows, columns, identifier, description
        As the index has them.
    from_centre
        Whether positions of planes count from the centre of the well: then they are those of
        fields, too.

    Returns
    -------
    xml.etree.ElementTree.Element or None
        An ``OME`` element; ``None`` where no scene lies in a well.
    """
    plates = wells_of(contents.scenes)
    if not plates:
        return None
    parts = Element("OME")
    attributes = {
        "Rows": _count(rows),
        "Columns": _count(columns),
        "ExternalIdentifier": identifier,
    }
    for number, (plate_name, wells) in enumerate(plates.items()):
        plate = add_plate(parts, number, plate_name or name, wells, attributes)
        if description:
            element = Element("Description")
            element.text = description
            plate.insert(0, element)
        if from_centre:
            _place_fields(plate, contents.scenes)
    return parts


def _place_fields(plate: Element, scenes: Sequence[Scene]) -> None:
    """Give each field the position of its first plane."""
    for sample in plate.iter("WellSample"):
        reference = sample.find("ImageRef")
        number = -1 if reference is None else int(reference.get("ID", "").partition(":")[2])
        planes = scenes[number].planes if number >= 0 else None
        if planes is None:
            continue
        for letter in "XY":
            position = planes.column(letter.lower())
            # OME schema 2016-06, WellSample: from the origin of the wells, which is in the centre
            # here.
            if position is not None and position.size and math.isfinite(position.flat[0]):
                sample.set(f"Position{letter}", repr(float(position.flat[0])))
                sample.set(f"Position{letter}Unit", "µm")


def _count(value: int | None) -> str | None:
    return str(value) if value is not None and 0 < value < MOST_WELLS else None
