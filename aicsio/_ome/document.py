"""OME-XML text -> records, for every version of the schema from 2003-FC to 2016-06.

Rule kept here: pure functions of the text. No file is opened, no name resolved. Where a version of
the schema named an attribute or element differently, the names are listed together, newest first.
A fault of one element becomes a ``Diagnostic``; only sizes that cannot be read stop the parsing.

Source of the facts: the OME schema documentation (https://docs.openmicroscopy.org/ome-model/),
versions 2003-FC, 2007-06, 2008-02, 2008-09, 2009-09, 2010-04, 2010-06, 2011-06, 2012-06, 2013-06,
2015-01 and 2016-06.
"""

import contextlib
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from aicsio._ome.elements import (
    child_of,
    children_of,
    group_by_name,
    integer_of,
    local_name,
    number_of,
    quantity_of,
    value_of,
)
from aicsio._ome.images import References, read_images
from aicsio._ome.model import OmeDocument
from aicsio._ome.modulo import find_modulo_elements
from aicsio._ome.planes import PlaneBudget
from aicsio._ome.runs import Runs, cut_runs
from aicsio._ome.units import MICROMETRE, micrometres_per
from aicsio._ome.xml import parse_untrusted
from aicsio.errors import CorruptFileError
from aicsio.records import Diagnostic, Objective, Well

LAST_ROW = 1 << 16
"""Rows and columns of a plate beyond this are no wells: names of rows grow with the number."""


def parse_ome(text: str) -> OmeDocument:
    """Read the images of an OME-XML text.

    Parameters
    ----------
    text
        The whole document. Characters that XML forbids are left out with a diagnostic.

    Raises
    ------
    CorruptFileError
        When the text is not XML, declares a document type, or lacks the sizes of an image.
    """
    root, repaired, runs = _parse(text)
    diagnostics = []
    if repaired:
        message = "the OME-XML holds characters that XML forbids: they are left out, and & is read as itself"
        diagnostics.append(Diagnostic("ome-repaired-xml", message))
    return document_of(root, diagnostics, runs)


def _parse(text: str) -> tuple[Element, bool, Runs]:
    """Return the root element, whether the text was repaired, and what was cut out before."""
    shorter, runs = cut_runs(text)
    if runs:
        # Of a text with a fault, the error or the repair is that of the whole.
        with contextlib.suppress(CorruptFileError):
            root, repaired = parse_untrusted(shorter)
            if not repaired:
                return root, False, runs
    return *parse_untrusted(text), {}


def document_of(
    root: Element, diagnostics: list[Diagnostic] | None = None, runs: Runs | None = None
) -> OmeDocument:
    """Read the images of a parsed OME-XML; see ``parse_ome``.

    Parameters
    ----------
    root
        Its OME element.
    diagnostics
        Faults that are known already.
    runs
        Elements that were cut out of the text.

    Raises
    ------
    CorruptFileError
        When the root is no OME element, or an image lacks its sizes.
    """
    if local_name(root) != "OME":
        raise CorruptFileError(f"expected the root element OME, found {local_name(root)!r}")
    diagnostics = list(diagnostics or ())
    children = group_by_name(root)
    references = References(
        objectives=_find_objectives(children.get("Instrument", ())),
        modulo=find_modulo_elements(structured_annotations(root)),
        wells=_find_wells(children.get("Plate", ())),
        budget=PlaneBudget(),
        runs=runs or {},
    )
    images = [
        image
        for element in children.get("Image", ())
        for image in read_images(element, references, diagnostics)
    ]
    binary_only = children.get("BinaryOnly")
    metadata_file = binary_only[0].get("MetadataFile") if binary_only else None
    return OmeDocument(root.get("UUID"), tuple(images), metadata_file, tuple(diagnostics))


def structured_annotations(root: Element) -> Iterator[Element]:
    """Yield all annotations of a document."""
    for group in children_of(root, "StructuredAnnotations"):
        yield from group


def _find_objectives(instruments: Iterable[Element]) -> dict[str, Objective]:
    objectives = {}
    for instrument in instruments:
        for element in children_of(instrument, "Objective"):
            objectives[element.get("ID", "")] = Objective(
                name=value_of(element, "Model"),
                magnification=number_of(element, "NominalMagnification", "Magnification"),
                aperture=number_of(element, "LensNA"),
                immersion=value_of(element, "Immersion"),
                working_distance=quantity_of(
                    element, "WorkingDistance", micrometres_per, MICROMETRE
                ),
            )
    return objectives


def _find_wells(plates: Iterable[Element]) -> dict[str, Well]:
    """Return the well of each image that a plate refers to, by the ID of the image."""
    wells = {}
    for plate in plates:
        name = value_of(plate, "Name")
        rows = plate.get("RowNamingConvention", "letter")
        columns = plate.get("ColumnNamingConvention", "number")
        for well in children_of(plate, "Well"):
            row, column = integer_of(well, "Row"), integer_of(well, "Column")
            # Both are required; without them the well has no name.
            if row is None or column is None:
                continue
            if not (0 <= row < LAST_ROW and 0 <= column < LAST_ROW):
                continue
            row_name, column_name = _name_place(row, rows), _name_place(column, columns)
            # WellSample elements are the fields of a well, in order.
            for field, sample in enumerate(children_of(well, "WellSample")):
                image = child_of(sample, "ImageRef")
                if image is not None:
                    wells[image.get("ID", "")] = Well(row_name, column_name, field, name)
    return wells


def _name_place(position: int, convention: str) -> str:
    """Name a row or column as the plate names them: by letters, or by numbers from 1."""
    return name_row(position) if convention == "letter" else str(position + 1)


def name_row(row: int) -> str:
    """Name a row of a plate: A to Z, then AA, AB and so on.

    Examples
    --------
    >>> from aicsio._ome.document import name_row
    >>> name_row(0), name_row(25), name_row(26)
    ('A', 'Z', 'AA')
    """
    letters = ""
    # Bijective base 26: there is no zero, so Z is followed by AA.
    rest = row + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters
