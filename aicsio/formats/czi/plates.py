"""Sample holders of CZI -> the Plate of OME. Pure.

Rule kept here: a well is a shape of the holder with a row and a column, in which a scene was taken.

Source of the paths: "CZI Image Document Metadata", Carl Zeiss Microscopy: Information/Image/Dimensions/S,
and the SampleHolder of the experiment.
"""

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from aicsio._ome.elements import parse_integer, parse_number
from aicsio._ome.lexical import IN_TAG, resolve_references
from aicsio._ome.parts import add_part

_TEMPLATE = re.compile(rf'<Template {IN_TAG}*?\bName="([^"]*)"')


def add_plate(parts: Element, root: Element, places: Sequence[Element | None]) -> None:
    """Add the plate that scenes were taken on, if there is one.

    Parameters
    ----------
    parts
        OME element.
    root
        Root element of the XML.
    places
        Scene element of each scene.
    """
    wells: dict[tuple[int, int], list[int]] = {}
    for index, place in enumerate(places):
        well = well_of(place)
        if well is not None:
            wells.setdefault(well, []).append(index)
    if not wells:
        return
    template = root.find(".//SampleHolder/Template")
    name = (template.get("Name") or "").strip() or None if template is not None else None
    plate = add_part(
        parts,
        "Plate",
        {
            "ID": "Plate:0",
            "Name": name,
            "RowNamingConvention": "letter",
            "ColumnNamingConvention": "number",
            "Rows": _count(template, "ShapeRows"),
            "Columns": _count(template, "ShapeColumns"),
        },
    )
    # Samples are numbered through the plate, not from 0 in each well.
    sample_count = 0
    for number, ((row, column), scenes) in enumerate(sorted(wells.items())):
        well_part = add_part(
            plate, "Well", {"ID": f"Well:0:{number}", "Row": str(row), "Column": str(column)}
        )
        for scene in scenes:
            identity = f"WellSample:0:{sample_count}"
            sample = add_part(well_part, "WellSample", {"ID": identity, "Index": str(sample_count)})
            add_part(sample, "ImageRef", {"ID": f"Image:{scene}"})
            sample_count += 1


def well_of(place: Element | None) -> tuple[int, int] | None:
    """Return row and column from 0; Zeiss counts from 1."""
    if place is None:
        return None
    row = parse_integer(place.findtext("Shape/RowIndex"))
    column = parse_integer(place.findtext("Shape/ColumnIndex"))
    if row is None or column is None or row < 1 or column < 1:
        return None
    return row - 1, column - 1


def plate_name(text: str) -> str | None:
    """Return the name of the sample holder in the XML of a file, without parsing all of it."""
    start = text.find("<SampleHolder>")
    match = _TEMPLATE.search(text, start) if start >= 0 else None
    if match is None:
        return None
    return resolve_references(match[1]).strip() or None


def _count(template: Element | None, path: str) -> str | None:
    count = None if template is None else parse_integer(template.findtext(path))
    return None if count is None or count < 1 else str(count)


def planned_heights(root: Element) -> dict[str, float]:
    """Return the Z of tile regions in micrometres, by the shape of the holder that they lie in."""
    heights: dict[str, float] = {}
    for region in root.iterfind(".//SampleHolder//*[TemplateShapeId]"):
        height = parse_number(region.findtext("Z"))
        identity = region.findtext("TemplateShapeId")
        if height is not None and identity:
            heights.setdefault(identity, height)
    return heights
