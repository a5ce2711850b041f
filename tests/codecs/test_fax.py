"""The strict decoder of fax agrees with pictures that libtiff encoded, and accepts no other streams."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from aicsio._codecs.strict.fax import decode_rle, decode_t4, decode_t6
from support import takes_long

RNG = np.random.default_rng(1)
Bits = npt.NDArray[np.bool_]
DECODERS: dict[str, Callable[..., list[list[int]]]] = {
    "tiff_ccitt": decode_rle,
    "group3": decode_t4,
    "group4": decode_t6,
}


def encode(pixels: Bits, compression: str, t4options: int = 0) -> bytes:
    """Return the only strip of a TIFF that libtiff writes; true is black."""
    file = io.BytesIO()
    options: dict[int, int] = {262: 0, 278: len(pixels)}  # 0 is white; one strip
    if compression == "group3":
        options[292] = t4options
    image = Image.fromarray(~pixels)
    image.save(file, "TIFF", compression=compression, tiffinfo=options)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        page: Any = tiff.pages[0]
        assert len(page.dataoffsets) == 1
        return file.getvalue()[page.dataoffsets[0] :][: page.databytecounts[0]]


def changes_of(row: Bits) -> list[int]:
    places = np.flatnonzero(np.diff(row, prepend=False)).tolist()
    return [*places, len(row)]


def draw(kind: str) -> Bits:
    if kind == "noise":
        return RNG.random((40, 131)) < 0.5
    if kind == "lines":
        return np.repeat(np.repeat(RNG.random((20, 30)) < 0.3, 3, axis=0), 7, axis=1)
    if kind == "white":
        return np.zeros((9, 33), bool)
    if kind == "black":
        return np.ones((9, 33), bool)
    if kind == "pixel":
        return np.ones((1, 1), bool)
    # Every length of a run, of both colours, beyond the longest code word and beyond two of them.
    lengths = [*range(1, 65), *range(64, 2700, 61), 2559, 2560, 2561, 2623, 2624, 5119, 5120, 5300]
    pixels = np.zeros((2 * len(lengths), 5301), bool)
    for index, length in enumerate(lengths):
        pixels[2 * index, :length] = True
        pixels[2 * index + 1, length:] = True
    return pixels


KINDS = ["noise", "lines", "white", "black", "pixel", "runs"]
VARIANTS = [("tiff_ccitt", 0), ("group3", 0), ("group3", 1), ("group3", 4), ("group3", 5)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("compression", "t4options"), [*VARIANTS, ("group4", 0)])
def test_rows_are_those_that_libtiff_encoded(kind: str, compression: str, t4options: int) -> None:
    pixels = draw(kind)
    coded = encode(pixels, compression, t4options)
    more = {"t4options": t4options} if compression == "group3" else {}
    rows = DECODERS[compression](coded, *pixels.shape, **more)
    assert rows == [changes_of(row) for row in pixels]


@takes_long
@pytest.mark.parametrize("kind", ["noise", "lines", "white"])
@pytest.mark.parametrize("compression", ["tiff_ccitt", "group4"])
def test_flipped_bits_that_are_accepted_are_what_libtiff_writes_for_other_pixels(
    kind: str, compression: str
) -> None:
    pixels = draw(kind)
    coded = encode(pixels, compression)
    accepted = 0
    flips = RNG.choice(8 * len(coded), min(150, 8 * len(coded)), replace=False)
    for bit in flips.tolist():
        flipped = bytearray(coded)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            rows = DECODERS[compression](bytes(flipped), *pixels.shape)
        except ValueError:
            continue
        other = np.zeros(pixels.shape, bool)
        for row, ends in zip(other, rows, strict=True):
            assert ends[-1] == len(row)
            for start, end in zip(ends[::2], ends[1::2], strict=False):
                row[start:end] = True
        assert encode(other, compression) == bytes(flipped)
        accepted += 1
    assert accepted < len(flips) / 3


def pack(text: str) -> bytes:
    text = text.replace(" ", "")
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))


EOL = "000000000001"
END = EOL + EOL
WRONG = [
    ("no run has the code", decode_rle, 1, "0111"),  # white 2 of 8, and zeros are no code
    ("no run has the code", decode_rle, 1, "0111 00000000"),
    ("a row of 9 pixels", decode_rle, 1, "10100"),
    ("a run without pixels", decode_rle, 1, "0111 0000110111 1110"),  # white 2, black 0, white 6
    ("a second make-up code", decode_rle, 1, "11011 11011 00110101"),  # white 64 + 64 + 0
    ("fill the byte", decode_rle, 1, "10011 001"),  # white 8, then a bit
    ("are left behind", decode_rle, 1, "10011 000" + 5 * 8 * "0"),
    ("not zero follow", decode_rle, 1, "10011 000 00000001"),
    ("end of line before row 2", decode_t4, 3, EOL + "10011 10011" + EOL),
    ("no mode has the code", decode_t6, 1, "0000000"),
    ("no encoder takes that mode", decode_t6, 1, "0001" + "1" + END),  # pass, and none above
    ("no encoder takes that mode", decode_t6, 1, "001 1100 0000110111" + "1" + END),  # beside b1
    ("end of block", decode_t6, 2, "1 1" + EOL),
]


@pytest.mark.parametrize(("message", "decode", "rows", "text"), WRONG)
def test_what_no_encoder_writes_is_refused(
    message: str, decode: Callable[..., list[list[int]]], rows: int, text: str
) -> None:
    with pytest.raises(ValueError, match=message):
        decode(pack(text), rows, 8)


def test_known_rows() -> None:
    # ITU-T T.4, table 2: white 2, black 3, white 3; then T.6, 2.2.3: three times V0.
    assert decode_rle(pack("0111 10 1000"), 1, 8) == [[2, 5, 8]]
    assert decode_t6(pack("001 0111 10 1" + "111" + END), 2, 8) == [[2, 5, 8], [2, 5, 8]]
    # 4.1.4: six ends of line return to control.
    assert decode_t4(pack(EOL + "10011" + 6 * EOL), 1, 8) == [[8]]
