"""The plate of an index as OME.

Rule kept here: rows and columns come from the index; wells are those of scenes.
"""

from xml.etree.ElementTree import Element

from aicsio._ome.plates import add_plate, wells_of
from aicsio.records import Contents

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
) -> Element | None:
    """Describe the plate on which scenes were taken.

    Parameters
    ----------
    contents
        What was opened.
    name, rows, columns, identifier, description
        As the index has them.

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
    return parts


def _count(value: int | None) -> str | None:
    return str(value) if value is not None and 0 < value < MOST_WELLS else None
