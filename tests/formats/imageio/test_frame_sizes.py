"""Frames of 128 MiB and more: blank images open as their decoders see them, sizes that no data stand behind do not.

Source of the ratios: RFC 1951, 3.2.5 (deflate: 258 bytes for two bits); GIF89a, appendix F (4096
strings, codes of twelve bits); BMP: 255 pixels for two bytes.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from aicsio import open_image, to_numpy, transpose_to
from aicsio.errors import CorruptFileError
from aicsio.formats.imageio.frames import LARGEST_RATIO, LARGEST_RATIO_ELSE, PLAUSIBLE_BYTES
from marks import mostly_long, takes_long

SIDE = 12_000
"""Rows and columns: 144 MB as one byte a pixel."""


def png(
    depth: int, colour_type: int, *, interlaced: bool = False, blocks: int | None = None
) -> bytes:
    """A blank PNG, its data compressed to the utmost; or with the data of a smaller one."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    def rows(width: int, height: int) -> int:
        return height * (1 + -(-width * depth * samples // 8)) if width and height else 0

    nbytes = rows(SIDE, SIDE)
    if interlaced:
        # Adam7: seven reduced images (PNG third edition, section 8.1).
        passes = (
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        )
        nbytes = sum(rows(-(-(SIDE - x) // dx), -(-(SIDE - y) // dy)) for x, y, dx, dy in passes)
    data = zlib.compress(bytes(nbytes if blocks is None else blocks), 9)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour_type, 0, 0, int(interlaced))
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header)]
    if colour_type == 3:
        parts.append(chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60])))
        parts.append(chunk(b"tRNS", bytes([7])))
    return b"".join([*parts, chunk(b"IDAT", data), chunk(b"IEND", b"")])


PNGS = {
    "bilevel": (1, 0),
    "2 bits": (2, 0),
    "gray": (8, 0),
    "palette of 1 bit": (1, 3),
    "palette of 4 bits": (4, 3),
    "palette of 8 bits": (8, 3),
}


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("name", mostly_long(PNGS, "palette of 1 bit"))
def test_a_blank_png_opens(name: str, interlaced: bool) -> None:
    depth, colour_type = PNGS[name]
    handle = open_image(png(depth, colour_type, interlaced=interlaced))
    assert handle.dims.Y == handle.dims.X == SIDE
    assert handle.nbytes > PLAUSIBLE_BYTES


@takes_long
def test_a_blank_png_of_one_bit_has_its_pixels() -> None:
    handle = open_image(png(1, 3))
    window = to_numpy(transpose_to(handle, "YXS", Y=slice(0, 3), X=slice(SIDE - 2, SIDE)))
    np.testing.assert_array_equal(window, np.broadcast_to([10, 20, 30, 7], (3, 2, 4)))


@pytest.mark.parametrize("name", PNGS)
def test_a_png_without_its_data_does_not_open(name: str) -> None:
    depth, colour_type = PNGS[name]
    with pytest.raises(CorruptFileError, match="cannot hold"):
        open_image(png(depth, colour_type, blocks=SIDE))


def test_the_size_in_the_message_is_that_of_the_packed_bits() -> None:
    with pytest.raises(CorruptFileError, match="declares frames of 18,000,000 bytes"):
        open_image(png(1, 3, blocks=SIDE))


def test_an_animated_png_counts_bits() -> None:
    image = Image.new("1", (SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "PNG", save_all=True, append_images=[Image.new("1", (SIDE, SIDE), 1)])
    assert open_image(file.getvalue()).dims.T == 2


def gif() -> bytes:
    file = io.BytesIO()
    Image.new("P", (SIDE, SIDE)).save(file, "GIF")
    return file.getvalue()


def test_a_blank_gif_opens() -> None:
    assert open_image(gif()).dims.X == SIDE


def test_a_canvas_that_no_frame_of_a_gif_covers_does_not_open() -> None:
    file = io.BytesIO()
    Image.new("P", (20, 20)).save(file, "GIF")
    content = bytearray(file.getvalue())
    content[6:10] = struct.pack("<HH", SIDE, SIDE)
    with pytest.raises(CorruptFileError, match="cannot hold"):
        open_image(bytes(content))


@pytest.mark.parametrize("bits", [4, 8])
def test_a_blank_bmp_of_runs_opens(bits: int) -> None:
    # A run has at most 255 pixels, then come the end of the row and of the image.
    row = b"\xff\0" * (SIDE // 255) + bytes([SIDE % 255, 0]) + b"\0\0"
    data = row * SIDE + b"\0\1"
    palette = bytes(4 << bits)
    offset = 54 + len(palette)
    coding = {8: 1, 4: 2}[bits]
    header = struct.pack(
        "<IiiHHIIiiII", 40, SIDE, SIDE, 1, bits, coding, len(data), 0, 0, 1 << bits, 0
    )
    start = b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset)
    content = start + header + palette + data
    assert LARGEST_RATIO_ELSE * len(content) < 3 * SIDE * SIDE
    assert open_image(content).dims.X == SIDE


def test_the_ratio_of_deflate_is_reached_by_no_file() -> None:
    blank = zlib.compress(bytes(1 << 24), 9)
    assert 0.99 * LARGEST_RATIO["PNG"] < (1 << 24) / len(blank) <= LARGEST_RATIO["PNG"]
