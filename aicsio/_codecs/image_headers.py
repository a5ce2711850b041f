"""Sizes that compressed images declare in their headers, read without decoding.

Rule kept here: a function reads its first bytes only, allocates nothing, and returns ``None`` for
bytes that it does not understand: the decoder then reports what is wrong with them.
"""

import re
import struct
from typing import Final

import attrs

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG2000_CODESTREAM = b"\xff\x4f\xff\x51"
_TILE_PART = b"\xff\x90\0\x0a"
"""SOT, which begins a part of a tile, and its length."""
JPEGXL_CODESTREAM = b"\xff\x0a"
JPEGXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height; the number in the header counts from 1 (ISO/IEC 18181-1, SizeHeader)."""
JPEGXL_SIZE_BITS = (9, 13, 18, 30)
"""Widths of the field of a size, by its selector (ISO/IEC 18181-1, SizeHeader)."""

_END_OF_JPEGLS_SCAN: Final = re.compile(rb"\xff[\x80-\xcf\xd8-\xff]")
"""A marker that is no restart marker."""


# ---------------------------------------------------------------- JPEG and JPEG XR


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return rows and columns from the frame header of a JPEG stream (ITU-T T.81, B.2.2)."""
    offset = 2
    while offset + 9 <= len(data):
        if data[offset] != 0xFF:
            return None
        marker = data[offset + 1]
        # SOF0 to SOF15, without DHT (C4), JPG (C8) and DAC (CC); SOF55 is JPEG-LS (ITU-T T.87).
        is_frame = 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}
        if is_frame or marker == 0xF7:
            # Behind the marker: Lf of two bytes, P of one, then Y and X.
            rows, columns = struct.unpack_from(">HH", data, offset + 5)
            return rows, columns
        if marker == 0xFF:  # a fill byte
            offset += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # TEM, RST and SOI have no length
            offset += 2
        else:
            offset += 2 + int.from_bytes(data[offset + 2 : offset + 4])
    return None


def require_jpegls_end(data: bytes) -> None:
    """Refuse a JPEG-LS stream without an end: CharLS reads on behind a scan that is cut off, without an end.

    Raises
    ------
    ValueError
        When the last marker of the stream is missing. ITU-T T.87, C.1: in coded data, a bit of 0
        follows FF.
    """
    at = 2
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xD9:
            return
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xDA:
            end = _END_OF_JPEGLS_SCAN.search(data, at)
            if end is None:
                break
            at = end.start()
    raise ValueError("its JPEG-LS stream has no end: it is cut off or damaged")


def jpegxr_size(data: bytes) -> tuple[int, int]:
    """Return rows and columns of a JPEG XR file (ITU-T T.832, annex A and section 8.3).

    Raises
    ------
    ValueError
        When the bytes are no JPEG XR file, or its container has more than 64 directory entries.
    """
    start = data.find(b"WMPHOTO\0")
    if data[:2] != b"II" or len(data) < start + 20 or start < 0:
        raise ValueError("it is no JPEG XR stream")
    directory = int.from_bytes(data[4:8], "little")
    # jxrlib allocates by this number before it reads the entries; encoders write about ten.
    if int.from_bytes(data[directory : directory + 2], "little") > 64:
        raise ValueError("its JPEG XR container has no plausible directory")
    # SHORT_HEADER_FLAG: sizes take 16 bits in place of 32.
    field = 2 if data[start + 10] & 0x80 else 4
    columns = int.from_bytes(data[start + 12 : start + 12 + field]) + 1
    rows = int.from_bytes(data[start + 12 + field : start + 12 + 2 * field]) + 1
    return rows, columns


def jpegxr_type(data: bytes) -> str | None:
    """Return the NumPy type of whole numbers that a JPEG XR file holds; ``None`` for other samples.

    ITU-T T.832, 8.3: OUTPUT_BITDEPTH follows OUTPUT_CLR_FMT; 1 is BD8, 2 is BD16.
    """
    start = data.find(b"WMPHOTO\0")
    return {1: "u1", 2: "u2"}.get(data[start + 11] & 15) if start >= 0 else None


def jpegxr_nbytes(data: bytes) -> int:
    """Return the bytes that the image of a JPEG XR file needs, from the start of the file.

    ITU-T T.832, A.7: IMAGE_OFFSET (0xBCC0) and IMAGE_BYTE_COUNT (0xBCC1) of the directory. A count
    of 0 runs to the end of the file.
    """
    entries = jpegxr_entries(data)
    nbytes = entries.get(0xBCC1, 0)
    return entries.get(0xBCC0, 0) + nbytes if nbytes else 0


def jpegxr_entries(data: bytes) -> dict[int, int]:
    """Return the values or offsets of the directory of a JPEG XR file by their tags (ITU-T T.832, A.7)."""
    directory = int.from_bytes(data[4:8], "little")
    values = {}
    for index in range(int.from_bytes(data[directory : directory + 2], "little")):
        # Entries are those of TIFF: tag and type of two bytes, count and value of four.
        entry = directory + 2 + 12 * index
        tag = int.from_bytes(data[entry : entry + 2], "little")
        values[tag] = int.from_bytes(data[entry + 8 : entry + 12], "little")
    return values


# ---------------------------------------------------------------- JPEG 2000


@attrs.frozen
class Jpeg2000Header:
    """The SIZ marker segment of a codestream (ITU-T T.800, A.5.1)."""

    rows: int
    """Rows of the reference grid that belong to the image."""
    columns: int
    """Columns of the reference grid that belong to the image."""
    depths: tuple[int, ...]
    """Bits of each component."""
    signed: tuple[bool, ...]
    """Whether the numbers of each component have a sign."""
    subsampling: tuple[tuple[int, int], ...]
    """Columns and rows of the grid that one sample of each component covers."""


def jpeg2000_header(data: bytes) -> Jpeg2000Header | None:
    """Read the image size of a codestream, or of the first codestream of a JP2 file."""
    start = 0 if data[:4] == JPEG2000_CODESTREAM else _jp2_codestream(data)
    if start is None or data[start : start + 4] != JPEG2000_CODESTREAM or len(data) < start + 42:
        return None
    # SOC, SIZ, Lsiz and Rsiz take eight bytes; then Xsiz, Ysiz, XOsiz and YOsiz.
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    # Four numbers of the tiles lie between; behind Csiz, three bytes for each component.
    (component_count,) = struct.unpack_from(">H", data, start + 40)
    components = data[start + 42 : start + 42 + 3 * component_count]
    if len(components) < 3 * component_count:
        return None
    precisions = components[0::3]
    return Jpeg2000Header(
        rows=max(bottom - top, 0),
        columns=max(right - left, 0),
        # Ssiz: the depth less one in seven bits, and the sign in the highest.
        depths=tuple((precision & 0x7F) + 1 for precision in precisions),
        signed=tuple(precision >= 0x80 for precision in precisions),
        subsampling=tuple(zip(components[1::3], components[2::3], strict=True)),
    )


def jpeg2000_size(data: bytes) -> tuple[int, int, int] | None:
    """Return rows, columns and components of a JPEG 2000 image."""
    header = jpeg2000_header(data)
    if header is None:
        return None
    return header.rows, header.columns, len(header.depths)


def miscounts_tile_parts(data: bytes) -> bool:
    """Whether a tile has more parts than the number of parts that it states.

    Some writers count one part too few (TNsot, ITU-T T.800, A.4.2). With the count mended, pillow
    and Bio-Formats decode the pixels that OpenJPEG decodes without it.
    """
    at = data.find(_TILE_PART)
    while at >= 0 and data[at : at + 4] == _TILE_PART and at + 12 <= len(data):
        # Behind marker and length: number of the tile, bytes and index of the part, count of parts.
        nbytes, index, count = struct.unpack_from(">IBB", data, at + 6)
        if 0 < count <= index:
            return True
        # 0 stands for the last part, which reaches to the end.
        if nbytes == 0:
            return False
        at += nbytes
    return False


def _jp2_codestream(data: bytes) -> int | None:
    """Find the first codestream in the boxes of a JP2 file (ITU-T T.800, annex I)."""
    return _find_box(data, b"jp2c")


def _find_box(data: bytes, kind: bytes) -> int | None:
    """Find the content of the first box of a kind among the boxes of the highest level."""
    offset = 0
    while offset + 8 <= len(data):
        length = int.from_bytes(data[offset : offset + 4])
        header_nbytes = 8
        if length == 1:  # the length follows as 64 bits
            length = int.from_bytes(data[offset + 8 : offset + 16])
            header_nbytes = 16
        if data[offset + 4 : offset + 8] == kind:
            return offset + header_nbytes
        # A length of 0 runs to the end of the file.
        if length < header_nbytes:
            return None
        offset += length
    return None


# ---------------------------------------------------------------- JPEG XL


def jpegxl_size(data: bytes) -> tuple[int, int] | None:
    """Return rows and columns of a JPEG XL image (ISO/IEC 18181-1 SizeHeader, 18181-2 boxes)."""
    start = 0
    if data[:2] != JPEGXL_CODESTREAM:
        whole = _find_box(data, b"jxlc")
        part = _find_box(data, b"jxlp")
        if whole is not None:
            start = whole
        elif part is not None:
            start = part + 4  # the number of the part
        else:
            return None
    header = data[start + 2 : start + 2 + 12]
    if data[start : start + 2] != JPEGXL_CODESTREAM or len(header) < 2:
        return None
    bits = _LowBitsFirst(header)
    small = bits.take(1)
    rows = (bits.take(5) + 1) * 8 if small else _jpegxl_length(bits)
    ratio = bits.take(3)
    if ratio:
        across, down = JPEGXL_RATIOS[ratio - 1]
        return rows, rows * across // down
    columns = (bits.take(5) + 1) * 8 if small else _jpegxl_length(bits)
    return rows, columns


class _LowBitsFirst:
    """Takes bits from the lowest on. Not a record: it lives for one header."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value


def _jpegxl_length(bits: _LowBitsFirst) -> int:
    return bits.take(JPEGXL_SIZE_BITS[bits.take(2)]) + 1


# ---------------------------------------------------------------- BMP, WebP, PNG, LERC


def bmp_size(data: bytes) -> tuple[int, int] | None:
    """Return rows and columns of a BMP image (BITMAPINFOHEADER); rows are negative from the top."""
    if data[:2] != b"BM" or len(data) < 26:
        return None
    # BITMAPFILEHEADER takes 14 bytes, biSize four: biWidth and biHeight follow.
    columns, rows = struct.unpack_from("<ii", data, 18)
    return abs(rows), abs(columns)


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return rows and columns of a WebP image (WebP container specification.

    RFC 6386 section 9.1 for VP8).
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    kind = data[12:16]
    # Flags and reserved bits take four bytes; width and height less one have 24 bits each.
    if kind == b"VP8X":
        columns, rows = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return rows, columns
    if kind == b"VP8L":
        # 14 bits of width less one, then 14 bits of height less one, after the signature 0x2F.
        sizes = int.from_bytes(data[21:25], "little")
        return (sizes >> 14 & 0x3FFF) + 1, (sizes & 0x3FFF) + 1
    # Frame tag and start code have three bytes each; a size has 14 bits, its scale two above them.
    if kind == b"VP8 ":
        columns, rows = struct.unpack_from("<HH", data, 26)
        return rows & 0x3FFF, columns & 0x3FFF
    return None


def png_size(data: bytes) -> tuple[int, int] | None:
    """Return rows and columns of a PNG image (PNG specification, 11.2.1)."""
    if data[:8] != PNG_SIGNATURE or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    # Signature of eight bytes, length and type of IHDR, then width and height.
    columns, rows = struct.unpack_from(">II", data, 16)
    return rows, columns


def lerc_size(data: bytes) -> tuple[int, int, int] | None:
    """Return rows, columns and samples of all bands of LERC (Esri LERC, versions 1 and 2)."""
    # Version and type, int32 each, stand before height and width.
    if data[:10] == b"CntZImage ":
        if len(data) < 26:
            return None
        rows, columns = struct.unpack_from("<ii", data, 18)
        return max(rows, 0), max(columns, 0), 1
    rows = columns = samples = offset = 0
    while data[offset : offset + 6] == b"Lerc2 ":
        band = _lerc2_band(data, offset)
        if band is None:
            break
        band_rows, band_columns, band_samples, blob_nbytes = band
        rows, columns = max(rows, band_rows), max(columns, band_columns)
        samples += band_samples
        if blob_nbytes <= 0:
            break
        offset += blob_nbytes
    return (rows, columns, samples) if samples else None


def _lerc2_band(data: bytes, offset: int) -> tuple[int, int, int, int] | None:
    """Return rows, columns, samples and bytes of the band at ``offset``."""
    if len(data) < offset + 46:
        return None
    (version,) = struct.unpack_from("<i", data, offset + 6)
    fields = offset + 10
    if version >= 3:
        fields += 4  # a checksum
    rows, columns = struct.unpack_from("<ii", data, fields)
    fields += 8
    samples = 1
    if version >= 4:
        (samples,) = struct.unpack_from("<i", data, fields)
        fields += 4
    # The number of valid pixels and the size of a micro block stand before the bytes of the blob.
    (blob_nbytes,) = struct.unpack_from("<i", data, fields + 8)
    return max(rows, 0), max(columns, 0), max(samples, 0), blob_nbytes
