"""Sizes in headers that are packed by hand: bytes in, sizes out.

``test_image_headers`` compares with encoders; here stand the branches that no encoder at hand takes.
"""

import struct

import pytest

from aicsio._codecs.image_headers import (
    Jpeg2000Header,
    jpeg2000_header,
    jpeg_size,
    jpegxl_size,
    jpegxr_nbytes,
    jpegxr_size,
    jpegxr_type,
    lerc_size,
    png_size,
    webp_size,
)

SOI = b"\xff\xd8"


def frame(marker: int, rows: int, columns: int) -> bytes:
    """A frame header (ITU-T T.81, B.2.2): marker, length, precision, rows, columns, components."""
    return struct.pack(">BBHBHHB", 0xFF, marker, 11, 8, rows, columns, 1) + bytes(3)


APP0 = b"\xff\xe0" + struct.pack(">H", 6) + b"JFIF"
# A table whose content looks like a frame header.
DHT = b"\xff\xc4" + struct.pack(">H", 2 + 13) + frame(0xC0, 1, 1)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (SOI + frame(0xC0, 300, 200), (300, 200)),
        (SOI + frame(0xC2, 300, 200), (300, 200)),  # progressive
        (SOI + APP0 + DHT + frame(0xC1, 300, 200), (300, 200)),
        (SOI + b"\xff\xff\xff" + frame(0xC0, 300, 200)[1:], (300, 200)),  # fill bytes
        (SOI + b"\xff\x01\xff\xd0" + frame(0xC0, 300, 200), (300, 200)),  # markers without a length
        (SOI + APP0, None),
        (SOI + b"\x00" + frame(0xC0, 300, 200), None),
    ],
)
def test_jpeg(data: bytes, size: tuple[int, int] | None) -> None:
    assert jpeg_size(data) == size


def jpegxr(flags: int, sizes: bytes, entries: dict[int, int] | None = None) -> bytes:
    """A file (ITU-T T.832, annex A): directory of IFD entries at 8, then the codestream."""
    listed = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in (entries or {}).items()
    )
    directory = struct.pack("<H", len(entries or {})) + listed
    stream = b"WMPHOTO\0" + bytes([0x10, 0x71, flags, 0]) + sizes
    return b"II\xbc\x01" + struct.pack("<I", 8) + directory + stream.ljust(32, b"\0")


@pytest.mark.parametrize(
    ("flags", "sizes"),
    [(0x80, struct.pack(">HH", 199, 299)), (0x00, struct.pack(">II", 199, 299))],
)
def test_jpeg_xr_stores_columns_and_rows_less_one(flags: int, sizes: bytes) -> None:
    assert jpegxr_size(jpegxr(flags, sizes)) == (300, 200)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"MM" + jpegxr(0x80, bytes(4))[2:], "no JPEG XR stream"),
        (b"II\xbc\x01" + bytes(60), "no JPEG XR stream"),
        (jpegxr(0x80, bytes(4), dict.fromkeys(range(65), 0)), "no plausible directory"),
    ],
)
def test_other_bytes_never_reach_the_library_of_jpeg_xr(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jpegxr_size(data)


@pytest.mark.parametrize(
    ("depth", "dtype"), [(1, "u1"), (2, "u2"), (3, None), (4, None), (7, None)]
)
def test_depth_of_jpeg_xr(depth: int, dtype: str | None) -> None:
    """OUTPUT_BITDEPTH (ITU-T T.832, 8.3): BD8, BD16, BD16S, BD16F, BD32F; a grey image is OUTPUT_CLR_FMT 0."""
    data = bytearray(jpegxr(0x80, bytes(4)))
    data[data.index(b"WMPHOTO") + 11] = depth
    assert jpegxr_type(bytes(data)) == dtype
    data[data.index(b"WMPHOTO") + 11] |= 0x70
    assert jpegxr_type(bytes(data)) == dtype


@pytest.mark.parametrize(
    ("entries", "nbytes"),
    [({0xBC80: 7, 0xBCC0: 100, 0xBCC1: 50}, 150), ({0xBCC0: 100, 0xBCC1: 0}, 0), ({}, 0)],
)
def test_bytes_of_the_image_of_jpeg_xr(entries: dict[int, int], nbytes: int) -> None:
    """IMAGE_OFFSET and IMAGE_BYTE_COUNT (ITU-T T.832, A.7); a count of 0 runs to the end."""
    assert jpegxr_nbytes(jpegxr(0x80, bytes(4), entries)) == nbytes


def codestream(*components: tuple[int, int, int]) -> bytes:
    """SIZ (ITU-T T.800, A.5.1) of a grid of 220 x 330 whose image begins at column 20, row 30."""
    grid = struct.pack(">4I", 220, 330, 20, 30) + bytes(16)
    listed = b"".join(map(bytes, components))
    return (
        b"\xff\x4f\xff\x51"
        + struct.pack(">HH", 38, 0)
        + grid
        + struct.pack(">H", len(components))
        + listed
    )


HEADER = Jpeg2000Header(300, 200, (12, 8), (True, False), ((1, 1), (2, 1)))
PIXELS = codestream((0x8B, 1, 1), (0x07, 2, 1))


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (PIXELS, HEADER),
        (struct.pack(">I4s4s", 12, b"jP  ", b"\r\n\x87\n") + struct.pack(">I4s", 0, b"jp2c") + PIXELS, HEADER),
        (struct.pack(">I4sQ", 1, b"jp2c", 16 + len(PIXELS)) + PIXELS, HEADER),  # a length of 64 bits
        (struct.pack(">I4s", 0, b"jp2h") + struct.pack(">I4s", 0, b"jp2c") + PIXELS, None),
        (PIXELS[:-1], None),
        (b"", None),
    ],
)  # fmt: skip
def test_jpeg_2000(data: bytes, header: Jpeg2000Header | None) -> None:
    assert jpeg2000_header(data) == header


def bits(*fields: tuple[int, int]) -> bytes:
    """Pack (value, width) from the lowest bit on, as JPEG XL does."""
    number = shift = 0
    for value, width in fields:
        number |= value << shift
        shift += width
    return number.to_bytes(12, "little")


JPEGXL = b"\xff\x0a"


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (bits((1, 1), (2, 5), (0, 3), (4, 5)), (24, 40)),  # small: multiples of 8 up to 256
        (bits((1, 1), (2, 5), (1, 3)), (24, 24)),  # ratio 1: a square
        (bits((0, 1), (0, 2), (299, 9), (0, 3), (1, 2), (5999, 13)), (300, 6000)),
        (bits((0, 1), (2, 2), (100_000, 18), (7, 3)), (100_001, 200_002)),  # ratio 7: 2 to 1
        (bits((0, 1), (3, 2), (1 << 29, 30), (2, 3)), ((1 << 29) + 1, ((1 << 29) + 1) * 12 // 10)),
    ],
)
def test_jpeg_xl(header: bytes, size: tuple[int, int]) -> None:
    """ISO/IEC 18181-1, SizeHeader; the boxes of 18181-2."""
    assert jpegxl_size(JPEGXL + header) == size
    whole = struct.pack(">I4s", 0, b"jxlc") + JPEGXL + header
    part = struct.pack(">I4sI", 0, b"jxlp", 0) + JPEGXL + header
    assert (jpegxl_size(whole), jpegxl_size(part)) == (size, size)
    assert jpegxl_size(struct.pack(">I4s", 0, b"JXL ") + JPEGXL + header) is None


def webp(kind: bytes, content: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + kind + bytes(4) + content.ljust(20, b"\0")


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (webp(b"VP8X", bytes(4) + (199).to_bytes(3, "little") + (299).to_bytes(3, "little")), (300, 200)),
        (webp(b"VP8L", b"\x2f" + (199 | 299 << 14).to_bytes(4, "little")), (300, 200)),
        # The highest two bits are a scale.
        (webp(b"VP8 ", bytes(6) + struct.pack("<HH", 200 | 0x4000, 300 | 0xC000)), (300, 200)),
        (webp(b"ANIM", b""), None),
        (webp(b"VP8X", b"")[:29], None),
    ],
)  # fmt: skip
def test_webp(data: bytes, size: tuple[int, int] | None) -> None:
    assert webp_size(data) == size


def test_png() -> None:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 200, 300)
    assert png_size(head) == (300, 200)
    assert png_size(head[:-1]) is None
    assert png_size(head.replace(b"IHDR", b"CgBI")) is None


def lerc2(version: int, rows: int, columns: int, samples: int, nbytes: int) -> bytes:
    """Head of a band (Esri LERC 2): version, checksum from 3 on, rows, columns, samples from 4 on."""
    fields = [rows, columns, *([samples] if version >= 4 else []), 0, 8, nbytes]
    checksum = bytes(4) if version >= 3 else b""
    head = b"Lerc2 " + struct.pack("<i", version) + checksum
    return (head + struct.pack(f"<{len(fields)}i", *fields)).ljust(nbytes, b"\0")


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"CntZImage " + struct.pack("<iiii", 11, 0, 300, 200), (300, 200, 1)),
        (b"CntZImage " + struct.pack("<iii", 11, 0, 300), None),
        (lerc2(2, 300, 200, 1, 60), (300, 200, 1)),
        (lerc2(3, 300, 200, 1, 60), (300, 200, 1)),
        (lerc2(4, 300, 200, 3, 60), (300, 200, 3)),
        (lerc2(4, 300, 200, 1, 60) * 5, (300, 200, 5)),  # five bands
        (lerc2(4, 300, 200, 1, 60)[:40], None),
        (b"", None),
    ],
)
def test_lerc(data: bytes, size: tuple[int, int, int] | None) -> None:
    assert lerc_size(data) == size
