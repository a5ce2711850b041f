"""The begin of the first description of a TIFF, by which OME-TIFF is recognised.

Rule kept here: it is asked of every TIFF, so that it imports no room of OME but its text.
"""

from aicsio._ome.xml import decode_xml
from aicsio.formats._tiff.ifd import open_tiff, read_directory
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Source


def description_start(source: Source, head: bytes = b"", nbytes: int = 1 << 14) -> str:
    """Return the beginning of the first description of a TIFF, empty if it has none.

    Parameters
    ----------
    source, head
        As ``open_tiff`` takes them.
    nbytes
        Most bytes of the description.

    Raises
    ------
    CorruptFileError
        When the first directory cannot be read.
    """
    with open_tiff(source, head) as (file, first):
        tag = PageTags.of(file, read_directory(file, first)[0]).tags.get(Tag.IMAGE_DESCRIPTION)
        # BYTE, ASCII and UNDEFINED are text here; TIFF 6.0, section 2, "Types".
        if tag is None or tag.type not in {1, 2, 7} or tag.offset + tag.length > file.size:
            return ""
        raw = file.read(tag.offset, min(tag.length, nbytes))
        if tag.length <= nbytes:
            # Opening reads it again a moment later.
            file.description = raw
        return decode_xml(raw)
