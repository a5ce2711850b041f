"""Whether a file is a TIFF, where its first bytes may be the preamble of a DICOM file.

Rule kept here: only a file that is DICOM, too, is looked into; of any other the header decides.

Source of the facts: DICOM PS3.10, 7.1: 128 bytes of preamble, which another format may use for its
own header (a file of two formats), then the letters "DICM"; TIFF 6.0, section 8: ImageWidth is
required.
"""

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.ifd import open_tiff, read_directory, read_variant
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Source

PREAMBLE_NBYTES = 128
PREFIX = b"DICM"


def is_tiff(source: Source, head: bytes) -> bool:
    r"""Return whether a file is a TIFF; of one that is DICOM, too, the first directory must
    describe an image.

    Writers of DICOM left the header of a TIFF in preambles whose directory was cut off or never
    written.

    Parameters
    ----------
    source
        The file.
    head
        Its first bytes.

    Returns
    -------
    bool
        Nothing is read, unless the file is DICOM; then the directory, which opening a TIFF reads
        anyway.

    Examples
    --------
    >>> from aicsio import Source
    >>> from aicsio.formats._tiff.dual_files import is_tiff
    >>> is_tiff(Source("a.tif"), b"II*\0" + bytes(4092)), is_tiff(Source("a.dcm"), b"DICM")
    (True, False)
    """
    if read_variant(head) is None:
        return False
    if head[PREAMBLE_NBYTES : PREAMBLE_NBYTES + len(PREFIX)] != PREFIX:
        return True
    try:
        with open_tiff(source, head) as (file, first):
            return Tag.IMAGE_WIDTH in read_directory(file, first)[0].tags(file.variant)
    except CorruptFileError:
        return False
