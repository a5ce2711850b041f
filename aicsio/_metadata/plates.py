"""Plates of the document, made of the wells of scenes.

Rule kept here: a plate has the wells that scenes name and no others; empty wells are not guessed.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, tostring

from aicsio._ome.parts import ROOT_CHILDREN, add_part
from aicsio._ome.references import put
from aicsio._ome.schema import Tree, tag
from aicsio.records import Scene, Well


def add_plates(parts: Element | None, scenes: Sequence[Scene]) -> Element | None:
    """Add a Plate for each plate that scenes name, unless the format describes plates itself.

    Parameters
    ----------
    parts
        OME element of the format; ``None`` if it describes nothing.
    scenes
        Scenes of the image.
    """
    if not any(scene.well for scene in scenes) or (
        parts is not None and parts.find("Plate") is not None
    ):
        return parts
    parts = Element("OME") if parts is None else parts
    samples: dict[str | None, dict[tuple[int, int], list[tuple[int, int]]]] = {}
    for index, scene in enumerate(scenes):
        if scene.well is not None:
            plate = samples.setdefault(scene.well.plate, {})
            plate.setdefault(_place(scene.well), []).append((scene.well.field, index))
    for number, (name, wells) in enumerate(samples.items()):
        _add_plate(parts, number, name, wells)
    return parts


def complete_plates(root: Tree, scenes: Sequence[Scene]) -> None:
    """Add the plates that scenes name to a document that has none.

    Parameters
    ----------
    root
        OME element of lxml with an Image for each scene, in order; changed in place.
    scenes
        Scenes of the image.
    """
    from lxml import etree

    if root.find(tag("Plate")) is not None:
        return
    parts = add_plates(None, scenes)
    identities = [image.get("ID", "") for image in root.findall(tag("Image"))]
    for plate in () if parts is None else parts.findall("Plate"):
        for reference in plate.iter("ImageRef"):
            number = int(reference.get("ID", "").partition(":")[2])
            reference.set("ID", identities[number])
        for element in plate.iter():
            element.tag = tag(str(element.tag))
        put(root, etree.fromstring(tostring(plate)), ROOT_CHILDREN)


def _add_plate(
    parts: Element,
    number: int,
    name: str | None,
    wells: dict[tuple[int, int], list[tuple[int, int]]],
) -> None:
    conventions = {"RowNamingConvention": "letter", "ColumnNamingConvention": "number"}
    plate = add_part(parts, "Plate", {"ID": f"Plate:{number}", "Name": name, **conventions})
    sample_count = 0
    for well_number, ((row, column), fields) in enumerate(sorted(wells.items())):
        place: dict[str, str | float | bool | None] = {"Row": str(row), "Column": str(column)}
        well = add_part(plate, "Well", {"ID": f"Well:{number}:{well_number}", **place})
        for _, image in sorted(fields):
            identity = f"WellSample:{number}:{sample_count}"
            sample = add_part(well, "WellSample", {"ID": identity, "Index": str(sample_count)})
            add_part(sample, "ImageRef", {"ID": f"Image:{image}"})
            sample_count += 1


def _place(well: Well) -> tuple[int, int]:
    """Return row and column from 0."""
    return _number(well.row), _number(well.column)


def _number(name: str) -> int:
    """Return the position of a row or column: ``"B"`` and ``"2"`` are 1."""
    text = name.strip().upper()
    # More digits or letters than any plate has are no position.
    if text.isascii() and text.isdigit() and len(text) < 6:
        return max(0, int(text) - 1)
    if text.isascii() and text.isalpha() and len(text) < 4:
        number = 0
        for letter in text:
            number = number * 26 + ord(letter) - ord("A") + 1
        return number - 1
    return 0
