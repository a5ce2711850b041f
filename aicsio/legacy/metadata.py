"""Metadata as AICSImageIO returns them: objects of ome_types for OME-TIFF, elements of other XML.

Rule kept here: if ome_types does not accept the text of a file, a warning gives the reason and the
replacement.
"""

from typing import TYPE_CHECKING, Any

from aicsio import formats
from aicsio.errors import AicsioError
from aicsio.legacy.warning import warn
from aicsio.records import ImageHandle
from aicsio.records.protocols import ReadsTags, offered

if TYPE_CHECKING:
    import ome_types


def parse_metadata(handle: ImageHandle) -> Any:
    """Return the metadata of a file as AICSImageIO does.

    An object for OME-TIFF, the root element of other XML (CZI, LIF), else the text.
    """
    text = handle.metadata
    is_xml = text is not None and text.lstrip("\ufeff \t\r\n").startswith("<")
    # Of a format whose metadata are tags, the text is a description alone.
    if not is_xml or offered(formats.module_of(handle.format), ReadsTags) is not None:
        return text
    # Imported here: few scripts that read pixels ask for metadata, too, and it takes 6 ms.
    from aicsio._metadata import documents, metadata
    from aicsio._metadata.ome import ome_objects

    if handle.format != "ome-tiff":
        try:
            return metadata(handle)
        except AicsioError as error:
            warn(f"metadata is the text: {error}")
            return text
    own = documents.own_document(handle)
    reasons = [note.message for note in own] if isinstance(own, tuple) else []
    try:
        if not isinstance(own, tuple):
            return ome_objects(own)
    except AicsioError as error:
        reasons = [str(error)]
    warn(f"metadata is the OME-XML as text: {'; '.join(reasons) or 'it has no images'}")
    return text


def to_ome(handle: ImageHandle) -> "ome_types.OME":
    """Return OME metadata: the file's own where it has some, else made of its records."""
    from aicsio._metadata import documents
    from aicsio._metadata.ome import ome_objects

    tree = documents.make_tree(handle, planes=False)
    for note in tree.diagnostics:
        if note.code == "ome-unusable":
            warn(f"ome_metadata is made from the records of aicsio: {note.message}")
    return ome_objects(tree)
