"""Metadata as AICSImageIO gives them: objects of ome_types where the file is an OME-TIFF, or where OME is asked for.

Rule kept here: where ome_types does not take the text of a file, a warning says why and what is given instead.
"""

from typing import TYPE_CHECKING, Any

import attrs

from aicsio._ome.xml import refuse_doctype, remove_declaration
from aicsio._version import __version__
from aicsio.errors import CorruptFileError
from aicsio.legacy import tczyx
from aicsio.records import DType, ImageHandle
from aicsio.steps import select_scene

if TYPE_CHECKING:
    import ome_types


def parsed(handle: ImageHandle) -> Any:
    """The metadata of a file as an object where AICSImageIO gave one, else the raw text."""
    if handle.metadata is None or handle.format != "ome-tiff":
        return handle.metadata
    try:
        return parse_ome(handle.metadata)
    except (CorruptFileError, ImportError) as error:
        tczyx.warn(f"metadata is the OME-XML as text: {error}")
        return handle.metadata


def ome_of(handle: ImageHandle) -> "ome_types.OME":
    """OME metadata: what the file says if it is an OME-TIFF, else made of the records of all scenes with pixels."""
    if handle.metadata is not None and handle.format == "ome-tiff":
        try:
            return parse_ome(handle.metadata)
        except (CorruptFileError, ImportError) as error:
            tczyx.warn(f"ome_metadata is made of what aicsio knows of the image: {error}")
    return _from_records(handle)


def parse_ome(text: str) -> "ome_types.OME":
    """Make an object of OME-XML of any schema version; versions before 2016-06 need lxml.

    Raises
    ------
    CorruptFileError
        When ome_types does not take the text.
    """
    import ome_types
    from xsdata.exceptions import ConverterWarning, ParserError

    refuse_doctype(text)
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
        # SyntaxError is what both XML parsers raise; the others come from the model, the warning where it is an error.
        raise CorruptFileError(f"ome_types does not take it: {error}") from error


def _from_records(handle: ImageHandle) -> "ome_types.OME":
    from aicsio.writers._metadata import from_records, ome_xml

    images = []
    for index, scene in enumerate(handle.scenes):
        if scene.levels:
            shown = tczyx.unfolded(select_scene(handle, index))
            image, _ = from_records.described(shown, shown.array)
            images.append((attrs.evolve(image, tiff_data=()), _ome_type(shown.dtype)))
    return parse_ome(ome_xml.ome_xml(images, f"aicsio {__version__}")[0].decode())


def _ome_type(dtype: DType) -> str:
    """Name of the numpy type that stands for pixels of a type; for what OME lacks, the nearest that reaches as far."""
    from aicsio.writers._metadata.ome_xml import PIXEL_TYPES

    if dtype.name in PIXEL_TYPES:
        return dtype.name
    near = {"bool": "uint8", "float16": "float32"}
    return near.get(dtype.name, "complex128" if dtype.kind == "c" else "float64")
