"""Metadata as AICSImageIO returns them: objects of ome_types for OME-TIFF, or on request.

Rule kept here: if ome_types does not accept the text of a file, a warning gives the reason and the
replacement.
"""

from typing import TYPE_CHECKING, Any

import attrs

from aicsio._ome.xml import refuse_doctype, remove_declaration
from aicsio._version import __version__
from aicsio.errors import CorruptFileError
from aicsio.legacy import tczyx
from aicsio.legacy.warning import warn
from aicsio.records import DType, ImageHandle
from aicsio.steps import select_scene

if TYPE_CHECKING:
    import ome_types

NEAREST_TYPES = {"bool": "uint8", "float16": "float32"}
"""Types that OME lacks, and the nearest one that holds their values."""


def parse_metadata(handle: ImageHandle) -> Any:
    """Return the metadata of a file as AICSImageIO does: an object for OME-TIFF, else the text."""
    if handle.metadata is None or handle.format != "ome-tiff":
        return handle.metadata
    try:
        return parse_ome(handle.metadata)
    except (CorruptFileError, ImportError) as error:
        warn(f"metadata is the OME-XML as text: {error}")
        return handle.metadata


def to_ome(handle: ImageHandle) -> "ome_types.OME":
    """Return OME metadata: the file's own if it is an OME-TIFF, else made from its records."""
    if handle.metadata is not None and handle.format == "ome-tiff":
        try:
            return parse_ome(handle.metadata)
        except (CorruptFileError, ImportError) as error:
            warn(f"ome_metadata is made from the records of aicsio: {error}")
    return _from_records(handle)


def parse_ome(text: str) -> "ome_types.OME":
    """Make an object of OME-XML of any schema version; versions before 2016-06 need lxml.

    Raises
    ------
    CorruptFileError
        When the text declares entities, or ome_types does not accept it.
    """
    import ome_types
    from xsdata.exceptions import ConverterWarning, ParserError

    refuse_doctype(text)
    # The text was decoded when the file was read: an encoding that it declares no longer holds.
    try:
        return ome_types.from_xml(remove_declaration(text).encode())
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        SyntaxError,
        ParserError,
        ConverterWarning,
    ) as error:
        # SyntaxError comes from both XML parsers, the others from the model; the warning is raised
        # where warnings are errors.
        raise CorruptFileError(f"ome_types does not accept it: {error}") from error


def _from_records(handle: ImageHandle) -> "ome_types.OME":
    from aicsio.writers._metadata import from_records, ome_xml

    images = []
    for index, scene in enumerate(handle.scenes):
        if not scene.levels:
            continue  # OME has no image without pixels
        shown = tczyx.to_tczyxs(select_scene(handle, index))
        image, _ = from_records.describe(shown, shown.array)
        images.append((attrs.evolve(image, tiff_data=()), _ome_type(shown.dtype)))
    return parse_ome(ome_xml.make_ome_xml(images, f"aicsio {__version__}")[0].decode())


def _ome_type(dtype: DType) -> str:
    """Return the name of the numpy type that stands for pixels of a type in OME."""
    from aicsio.writers._metadata.ome_xml import PIXEL_TYPES

    if dtype.name in PIXEL_TYPES:
        return dtype.name
    if dtype.kind == "c":
        return "complex128"
    # Integers of 64 bits: float64 has their range, if not all their digits.
    return NEAREST_TYPES.get(dtype.name, "float64")
