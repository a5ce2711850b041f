"""TIFF and the formats that are written in it.

Rule kept here: this module is the door; ``_tiff.dialects`` chooses the dialect.
"""

from aicsio.formats import Options
from aicsio.formats._tiff.dialects import describe
from aicsio.formats._tiff.ifd import open_tiff, read_variant
from aicsio.records import Contents, Source

__all__ = ["read_contents", "recognises"]


def recognises(source: Source, head: bytes) -> bool:  # noqa: ARG001 - part of the protocol
    """Return whether the content begins as TIFF or BigTIFF does."""
    return read_variant(head) is not None


def read_contents(source: Source, options: Options) -> Contents:  # noqa: ARG001 - part of the protocol
    """Describe the scenes of a TIFF file; no pixels are read, nothing stays open.

    Raises
    ------
    CorruptFileError
        When no page can be used.
    UnsupportedFormatError
        When none can be decoded.
    """
    with open_tiff(source) as (file, first):
        return describe(file, first, [])
