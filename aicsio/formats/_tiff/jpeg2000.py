"""Colours of JPEG 2000 in TIFF: whether three components are YCbCr that nobody marked.

Rule kept here: codestream and maker decide, not the number of the compression and not
PhotometricInterpretation: Bio-Formats writes RGB under the numbers under which Aperio and libvips
write YCbCr.

A decoder undoes the component transform of the codestream (ITU-T T.800, annex G). YCbCr remains
where the encoder was given YCbCr:

- Aperio, 33003: YCbCr without a component transform. OpenSlide converts it under
  every PhotometricInterpretation.
- libvips, 33004: it converts to YCbCr itself and has OpenJPEG transform the result once more. Its
  files have a bare codestream with the comment of OpenJPEG, and no Software tag.

Source of the facts: ITU-T T.800 (markers COD, A.6.1, and COM, A.9.2); OpenSlide
(openslide-vendor-aperio.c); libvips (``jp2ksave.c``: YCbCr unless ``rgbjpeg``, and ``tcp_mct`` 1 for
three bands; ``vips2tiff.c`` and ``tiff.h``: 33004 alone is written).
"""

import struct

from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Compression, Tag

_CODESTREAM = b"\xff\x4f\xff\x51"
"""Start of codestream, then image and tile size."""
_COD, _COM, _SOT = 0xFF52, 0xFF64, 0xFF90
_TRANSFORM_OFFSET = 8
"""From the marker COD to the flag of the component transform: length, style, order, layers."""
_MAIN_HEADER = 4096
"""Bytes of a tile that are searched: main headers have about 200."""
_OPENJPEG = b"Created by OpenJPEG"
_APERIO = "Aperio "


def holds_ycbcr(file: OpenTiff, tags: PageTags, compression: int, offset: int) -> bool:
    """Whether the JPEG 2000 tiles of a page decode to YCbCr.

    Parameters
    ----------
    file, tags
        The page.
    compression
        Its compression.
    offset
        Byte offset of its first tile.
    """
    # 33003 of any other writer is RGB: Bio-Formats and aicsio write it so.
    if compression == Compression.APERIO_JP2K_YCBCR:
        return tags.description.startswith(_APERIO)
    # Bio-Formats, tifffile and aicsio name themselves in Software; libvips does not.
    if compression != Compression.JP2K_LOSSY or tags.text(Tag.SOFTWARE):
        return False
    if not 8 <= offset < file.size:
        return False
    transform, comment = parse_main_header(file.read(offset, min(_MAIN_HEADER, file.size - offset)))
    return transform and _OPENJPEG in comment


def parse_main_header(data: bytes) -> tuple[bool, bytes]:
    """Return the flag of the component transform and the comment of a codestream.

    Examples
    --------
    >>> from aicsio.formats._tiff.jpeg2000 import parse_main_header
    >>> parse_main_header(b"no codestream")
    (False, b'')
    """
    transform, comment = False, b""
    if data[:4] != _CODESTREAM:
        return transform, comment
    offset = 2
    while offset + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, offset)
        # SOT begins the first tile-part: the main header ends (A.4.2).
        if marker == _SOT or length < 2:
            break
        if marker == _COD and offset + _TRANSFORM_OFFSET < len(data):
            transform = data[offset + _TRANSFORM_OFFSET] == 1
        elif marker == _COM:
            # Behind the marker: Lcom and Rcom of two bytes each, then the text (A.9.2).
            comment += data[offset + 6 : offset + 2 + length]
        offset += 2 + length
    return transform, comment
