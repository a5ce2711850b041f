"""Where the OME-XML of a file is: its first description, the file itself, or a companion.

Rule kept here: a companion is looked for below the folder of the file that names it. One in a
folder above counts only if it names that file in turn; so nothing outside of a set is read.

Source of the facts: https://docs.openmicroscopy.org/ome-model/ (OME-TIFF specification, "The
BinaryOnly element", "Metadata-only companion file").
"""

import re

import attrs

from aicsio._io import readers
from aicsio._ome.document import parse_ome
from aicsio._ome.lexical import IN_TAG
from aicsio._ome.model import OmeDocument
from aicsio._ome.xml import decode_xml
from aicsio.errors import CorruptFileError, SourceError
from aicsio.formats._tiff.ifd import OpenTiff, open_tiff, read_variant
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import PageTable, open_page_table
from aicsio.formats._tiff.tags import Tag
from aicsio.formats.ome_tiff.first_description import description_start
from aicsio.formats.ome_tiff.names import MOST_TAILS, file_name_of, split_name, tails_of
from aicsio.records import Diagnostic, Source

LARGEST_XML = 1 << 30
"""Bytes. A larger text would not fit into memory as elements, which take ten times as much."""
FOLDERS_UP = 3
"""How many folders above a file its companion may be."""
_ROOT_UUID = re.compile(rf"""<(?:\w+:)?OME\b{IN_TAG}*?\sUUID\s*=\s*["']([^"']+)""")


@attrs.define(eq=False, repr=False)
class Metadata:
    """The OME-XML of a set, and where it was; lives while the set is being opened."""

    source: Source
    """File with the XML; names of members are relative to its folder."""
    text: str
    """The XML."""
    document: OmeDocument
    """Its images."""
    page_table: PageTable | None
    """Pages of ``source`` if it is a TIFF."""
    member: Source | None = None
    """File that led here, if it is another one."""


def read_root_uuid(source: Source) -> str | None:
    """Return the UUID that a TIFF gives itself in the root of its OME-XML."""
    try:
        match = _ROOT_UUID.search(description_start(source))
    except (CorruptFileError, SourceError):
        return None
    return match[1] if match else None


def read_description(file: OpenTiff, page_table: PageTable) -> str:
    """Return the whole first description of a TIFF, empty if it is no text."""
    if file.description is not None:
        return decode_xml(file.description)
    value = PageTags.of(file, page_table.directories[0]).value(Tag.IMAGE_DESCRIPTION, LARGEST_XML)
    return decode_xml(value) if isinstance(value, bytes) else ""


def read_xml_file(source: Source) -> str:
    """Return the text of a file that is OME-XML itself.

    Raises
    ------
    CorruptFileError
        When it is larger than ``LARGEST_XML``.
    """
    if source.size is None or source.size > LARGEST_XML:
        raise CorruptFileError.at(
            source.uri,
            None,
            f"expected at most {LARGEST_XML} bytes of OME-XML, found {source.size}",
        )
    return decode_xml(readers.read_head(source, source.size))


# ---------------------------------------------------------------- companions


def find_metadata(source: Source, binary_only: OmeDocument) -> Metadata | Diagnostic:
    """Open the file with the metadata that a BinaryOnly element names.

    Parameters
    ----------
    source
        The file with the element.
    binary_only
        Its document.

    Returns
    -------
    The metadata, or a diagnostic that gives the reason why there are none.
    """
    name = binary_only.metadata_file or ""
    troubles = []
    for companion, must_name_us in _candidates(source, name):
        try:
            metadata = _read_metadata(companion, source)
        except (CorruptFileError, SourceError) as error:
            troubles.append(
                Diagnostic("ome-metadata-broken", f"read as plain TIFF: {error}", source.uri)
            )
            continue
        # Two BinaryOnly files that name each other would never end.
        if metadata.document.metadata_file is not None or not metadata.document.images:
            message = f"{name!r} holds no metadata either: read as plain TIFF"
            troubles.append(Diagnostic("ome-metadata-missing", message, source.uri))
            continue
        # Below the file, the name alone proves enough: it is the file's own folder.
        if not must_name_us or _names(metadata, source, binary_only.uuid):
            return metadata
    if troubles:
        return troubles[0]
    message = f"the metadata are in {name!r}, which is not in this folder: read as plain TIFF"
    return Diagnostic("ome-metadata-missing", message, source.uri)


def _candidates(source: Source, name: str) -> list[tuple[Source, bool]]:
    """Return the files that a name may mean, and whether each must name ``source`` in turn."""
    parts = split_name(name)
    if parts is None:
        return []
    candidates = []
    for tail in tails_of(parts)[-MOST_TAILS:]:
        below = readers.file_below(source, "/".join(tail))
        if below is not None:
            candidates.append((below, False))
    # Members that were moved into a folder of their own, and names that begin with "..".
    for up in range(1, FOLDERS_UP + 1):
        above = readers.file_below(source, "/".join(parts), parents=up)
        if above is not None:
            candidates.append((above, True))
            break
    return candidates


def _read_metadata(companion: Source, member: Source) -> Metadata:
    if read_variant(readers.read_head(companion, 16)) is None:
        text = read_xml_file(companion)
        return Metadata(companion, text, parse_ome(text), None, member)
    with open_tiff(companion) as (file, first):
        page_table, _ = open_page_table(file, first)
        text = read_description(file, page_table)
    return Metadata(companion, text, parse_ome(text), page_table, member)


def _names(metadata: Metadata, member: Source, uuid: str | None) -> bool:
    """Return whether metadata name a member: by its UUID, or by its file name."""
    plain = file_name_of(member)
    for image in metadata.document.images:
        for entry in image.tiff_data:
            if entry.uuid is not None and entry.uuid == uuid:
                return True
            parts = split_name(entry.file_name or "")
            if parts is not None and parts[-1] == plain:
                return True
    return False
