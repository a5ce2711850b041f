"""OME-TIFF: OME-XML that describes pages of one or many files. Imports `_tiff`, `_ome`, `_io`.

``first_description`` shows whether a TIFF is one. ``contents`` describes it: ``texts`` finds the
XML, which ``aicsio/_ome`` parses, ``members`` opens the files of a set (``names`` reads what the XML
calls them), ``planes`` assigns pages to planes, ``levels`` makes arrays of them, ``scenes`` decides
on names and channels. ``late`` leaves directories between the planes of a remote file for the first
read. ``mixed`` splits images whose channels differ, ``unclaimed`` looks at pages of
no image, ``bin_data`` has pixels inside the XML.

Rule kept here: a set is entered by any of its files and is the same set. Faults of the XML become a
``Diagnostic``; a file whose XML cannot be read at all is read as the TIFF that it is.

Source of the facts: https://docs.openmicroscopy.org/ome-model/ (OME-TIFF specification).
"""

from collections.abc import Iterator

from aicsio._ome.xml import decode_xml, looks_like_ome
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats._tiff.dual_files import is_tiff
from aicsio.formats.ome_tiff.first_description import description_start
from aicsio.records import Contents, Damage, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

__all__ = ["read_contents", "recognises"]


def recognises(source: Source, head: bytes) -> bool:
    """Return whether the content is OME-XML, or a TIFF whose first description is."""
    if not is_tiff(source, head):
        return looks_like_ome(decode_xml(head))
    try:
        return looks_like_ome(description_start(source, head))
    except CorruptFileError:
        return False  # the plain TIFF format reports the fault


def read_contents(source: Source, options: Options) -> Contents:  # noqa: ARG001 - part of the protocol
    """Describe the scenes of an OME-TIFF, or of the set that it belongs to.

    Raises
    ------
    CorruptFileError
        When the file is OME-XML that cannot be read, or no image has pixels and sizes.
    UnsupportedFormatError
        When no image can be decoded.
    """
    # With the rooms of OME 24 modules, 10 ms, of which recognition needs none.
    from aicsio.formats.ome_tiff.contents import describe_file

    return describe_file(source)


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Walk the directories of one file of the set; see ``ChecksStructure``."""
    # A companion file is XML.
    if source.uri.endswith(".ome"):
        return iter(())
    from aicsio.formats._tiff import soundness

    return soundness.find_faults(source)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of the document; the palette is that of the pages."""
    from aicsio._ome.origins import ome_origins

    facts = [*ome_origins(), FactOrigin("color_map", "tag:ColorMap")]
    named = contents.scenes[scene]
    if named.well is not None and named.name == f"{named.well.name}-{named.well.field + 1}":
        facts.insert(0, FactOrigin("name", "ome:Plate/Well"))
    return FactOrigins(tuple(facts))
