"""Plate, wells and their samples as parts of OME.

Rule kept here: a plate has the wells that scenes name and no others; empty wells are not guessed.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias
from xml.etree.ElementTree import Element

from aicsio._ome.parts import add_part
from aicsio.records import Scene, Well

Wells: TypeAlias = dict[tuple[int, int], list[tuple[int, int]]]
"""Row and column from 0: number of the field, and index of the scene, of each sample."""


def wells_of(scenes: Sequence[Scene]) -> dict[str | None, Wells]:
    """Return the wells of scenes by plate."""
    plates: dict[str | None, Wells] = {}
    for index, scene in enumerate(scenes):
        if scene.well is not None:
            wells = plates.setdefault(scene.well.plate, {})
            wells.setdefault(place_of(scene.well), []).append((scene.well.field, index))
    return plates


def add_plate(
    parts: Element,
    number: int,
    name: str | None,
    wells: Wells,
    attributes: Mapping[str, str | None] | None = None,
) -> Element:
    """Add a plate.

    Parameters
    ----------
    parts
        OME element.
    number
        Number of the plate in it.
    name
        Name of the plate.
    wells
        Its wells.
    attributes
        Further attributes of ``Plate``, such as its ``Rows``.

    Returns
    -------
    xml.etree.ElementTree.Element
        The plate.
    """
    conventions = {"RowNamingConvention": "letter", "ColumnNamingConvention": "number"}
    identity = {"ID": f"Plate:{number}", "Name": name, **conventions, **(attributes or {})}
    plate = add_part(parts, "Plate", identity)
    sample_count = 0
    for well_number, ((row, column), fields) in enumerate(sorted(wells.items())):
        place: dict[str, str | float | bool | None] = {"Row": str(row), "Column": str(column)}
        well = add_part(plate, "Well", {"ID": f"Well:{number}:{well_number}", **place})
        for _, image in sorted(fields):
            sample_id = f"WellSample:{number}:{sample_count}"
            sample = add_part(well, "WellSample", {"ID": sample_id, "Index": str(sample_count)})
            add_part(sample, "ImageRef", {"ID": f"Image:{image}"})
            sample_count += 1
    return plate


def place_of(well: Well) -> tuple[int, int]:
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
        # Letters count from 1 in base 26: AA follows Z.
        for letter in text:
            number = number * 26 + ord(letter) - ord("A") + 1
        return number - 1
    return 0
