"""Legal pictures that no decoder here reads are unsupported, not corrupt.

A script that skips corrupt files must not skip them.
"""

import struct
from collections.abc import Callable

import pytest

from aicsio import open_image
from aicsio.errors import CorruptFileError, UnsupportedFormatError


def bmp_of_ten_bits() -> bytes:
    """A BMP of 32 bits whose fields have ten: BI_BITFIELDS ([MS-WMF] 2.1.1.7) takes any masks."""
    masks = struct.pack("<III", 0x3FF00000, 0xFFC00, 0x3FF)
    pixels = struct.pack("<4I", *((n << 20 | 2 * n << 10 | 3 * n) for n in range(4)))
    start = 14 + 40 + len(masks)
    info = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    head = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    return head + info + masks + pixels


def dds_of_bc7_typeless() -> bytes:
    """A DDS of DXGI format 93 (B8G8R8X8_UNORM_SRGB), whose pixels pillow does not read."""
    pixel_format = struct.pack("<II4s5I", 32, 4, b"DX10", 0, 0, 0, 0, 0)
    head = struct.pack("<4s7I44x", b"DDS ", 124, 0x1007, 4, 4, 16, 0, 0)
    return (
        head
        + pixel_format
        + struct.pack("<5I", 0x1000, 0, 0, 0, 0)
        + struct.pack("<5I", 93, 3, 0, 1, 0)
        + bytes(64)
    )


@pytest.mark.parametrize("made", [bmp_of_ten_bits, dds_of_bc7_typeless])
def test_a_variant_that_the_decoder_lacks_is_not_corrupt(made: Callable[[], bytes]) -> None:
    with pytest.raises(UnsupportedFormatError, match="may be sound"):
        open_image(made())


def test_a_damaged_header_of_the_same_kind_is_corrupt() -> None:
    data = bytearray(bmp_of_ten_bits())
    data[18:22] = struct.pack("<i", 1 << 28)  # the width
    data[54:66] = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)  # masks that pillow reads
    with pytest.raises(CorruptFileError):
        open_image(bytes(data))
