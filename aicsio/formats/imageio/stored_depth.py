"""Depth, sign and channels that a file declares, for formats that pillow would narrow.

Rule kept here: a file is read by the engine that keeps its depth. Where there is none, a
diagnostic names the loss.
"""

import re
from collections.abc import Callable, Mapping

from aicsio._codecs.image_headers import jpeg2000_header
from aicsio._io.readers import BinaryFile
from aicsio.formats.imageio.frames import Note

HEADER_NBYTES = 1 << 16
"""Bytes in which a header is looked for: ICC profiles and EXIF may stand before it."""
PILLOW_DEPTH = 8
"""Bits of a sample that pillow keeps in images with several samples."""
JPEG_LS = 0xF7
"""Marker SOF55, the frame header of JPEG-LS (ITU-T T.87, C.2.2)."""
PNG_SAMPLES: Mapping[int, int] = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type of PNG (third edition, table 11.1)."""
PNG_HEADER = 16
"""Place of the content of IHDR: behind the signature, and its length and type."""
BC6H_FORMATS = frozenset({94, 95, 96})
"""DXGI_FORMAT numbers of half floats in DDS (Microsoft, DXGI_FORMAT enumeration)."""


def choose_engine(kind: str, file: BinaryFile) -> str:
    """Return the engine that keeps the stored depth: imagecodecs, rasters, apng, heif or pillow."""
    file.seek(0)
    head = file.read(HEADER_NBYTES)
    file.seek(0)
    if kind == "PNG" and _is_apng(head):
        return "apng"
    test: Callable[[bytes], bool] | None = _TESTS.get(kind)
    if test is not None and test(head):
        return _ENGINES[kind]
    return "pillow"


def _is_apng(head: bytes) -> bool:
    """PNG specification, 11.3.6.1: acTL stands before the image data."""
    before_data, _, _ = head.partition(b"IDAT")
    return b"acTL" in before_data


def png_bits(header: bytes) -> int | None:
    """Return the bits of a pixel of a PNG by IHDR (11.2.1); ``None`` for damage.

    Parameters
    ----------
    header
        Content of IHDR.
    """
    if len(header) < 10:
        return None
    samples = PNG_SAMPLES.get(header[9])
    return None if samples is None else header[8] * samples


def _is_deep_png(head: bytes) -> bool:
    """PNG specification, 11.2.1: bit depth at byte 24, colour type at 25 (0 gray, 3 palette)."""
    # RGB, gray and alpha, RGBA; pillow keeps the 16 bits of plain gray.
    return len(head) > 25 and head[24] == 16 and head[25] in {2, 4, 6}


def _is_deep_jpeg2000(head: bytes) -> bool:
    header = jpeg2000_header(head)
    if header is None or b"pclr" in head[:4096]:  # a palette, which pillow applies
        return False
    plain = set(header.depths) == {PILLOW_DEPTH} and not any(header.signed)
    return not plain or len(header.depths) > 4


def _is_deep_avif(head: bytes) -> bool:
    """AV1 codec configuration (AV1 in ISOBMFF, 2.3.3): high_bitdepth and monochrome."""
    configuration = re.search(rb"av1C\x81.(.)", head, re.DOTALL)
    # Bits from the highest: tier, high_bitdepth, twelve_bit, monochrome.
    return configuration is not None and bool(configuration[1][0] & 0x50)


def _is_deep_jpeg(head: bytes) -> bool:
    """ITU-T T.81, B.2.2: precision behind the length of the frame header; SOF3 is lossless.

    SOF55 (F7) is JPEG-LS (ITU-T T.87, C.2.2), which pillow does not read.
    """
    frame = jpeg_frame(head)
    return frame is not None and (frame[0] in {0xC3, 0xC7, 0xF7} or frame[1] != PILLOW_DEPTH)


def jpeg_frame(head: bytes) -> tuple[int, int] | None:
    """Return marker and precision of the frame header of a JPEG, or ``None``."""
    offset = 2
    while offset + 5 <= len(head) and head[offset] == 0xFF:
        marker = head[offset + 1]
        # DHT, JPG and DAC lie among the markers of frames.
        is_frame = 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}
        if is_frame or marker == JPEG_LS:
            return marker, head[offset + 4]
        if marker == 0xFF:  # a fill byte
            offset += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            offset += 2
        else:
            offset += 2 + int.from_bytes(head[offset + 2 : offset + 4])
    return None


def _is_deep_sgi(head: bytes) -> bool:
    """SGI image file format 1.0: bytes per pixel channel at byte 3."""
    return head[:2] == b"\x01\xda" and head[3:4] == b"\x02"


def _is_deep_heif(head: bytes) -> bool:
    """HEVC configuration (ISO/IEC 14496-15, 8.3.3.1): bit depth of luma less 8 at byte 17."""
    configuration = re.search(rb"hvcC\x01.{16}(.)", head, re.DOTALL)
    return configuration is not None and bool(configuration[1][0] & 7)


def _is_fits(_head: bytes) -> bool:
    """All of FITS: pillow drops the sign of 16 bits, narrows 64 bits and ignores BZERO."""
    return True


def _is_deep_pnm(head: bytes) -> bool:
    """All of netpbm but bitmaps and CMYK: pillow stretches samples to 8 or 16 bits."""
    return head[:2] in {b"P2", b"P3", b"P5", b"P6", b"PF", b"Pf"}


_TESTS: Mapping[str, Callable[[bytes], bool]] = {
    "PNG": _is_deep_png,
    "JPEG2000": _is_deep_jpeg2000,
    "AVIF": _is_deep_avif,
    "JPEG": _is_deep_jpeg,
    "SGI": _is_deep_sgi,
    "PPM": _is_deep_pnm,
    "FITS": _is_fits,
    "HEIF": _is_deep_heif,
}
_ENGINES = {
    "PNG": "imagecodecs",
    "JPEG2000": "imagecodecs",
    "AVIF": "imagecodecs",
    "JPEG": "imagecodecs",
    "SGI": "rasters",
    "PPM": "rasters",
    "FITS": "rasters",
    "HEIF": "heif",
}


def report_loss(kind: str, file: BinaryFile) -> list[Note]:
    """Name the depth that pillow does not keep, for formats without another engine."""
    file.seek(0)
    head = file.read(HEADER_NBYTES)
    bits = 0
    # The four characters stand at byte 84; DXGI_FORMAT follows 4 + 124 bytes of header.
    if kind == "DDS" and head[84:88] == b"DX10":
        bits = 16 if int.from_bytes(head[128:132], "little") in BC6H_FORMATS else 0
    if bits <= PILLOW_DEPTH:
        return []
    return [("depth-lost", f"its samples have {bits} bits; they are shown with 8")]
