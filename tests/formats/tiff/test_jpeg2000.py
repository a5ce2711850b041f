"""Colours of JPEG 2000 in TIFF, by the codestream and the maker.

Sources of the right values: the picture before it was encoded; ITU-T T.871 for YCbCr.
"""

import struct
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest

from aicsio import open_image, to_numpy
from aicsio.formats._tiff.jpeg2000 import parse_main_header

Y, X = np.mgrid[:80, :80]
PICTURE: npt.NDArray[np.uint8] = np.stack([X * 3, Y * 3, (X + Y) * 3 // 2], -1).astype("u1")


def to_ycbcr(rgb: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = [128 + (blue - luma) * 0.564, 128 + (red - luma) * 0.713]
    samples: npt.NDArray[np.float64] = np.stack([luma, *chroma], -1)
    return np.clip(samples.round(), 0, 255).astype(np.uint8)


def tiff(compression: int, tile: bytes, texts: dict[int, bytes]) -> bytes:
    """One tile of 80 x 80 pixels under PhotometricInterpretation RGB."""
    entries: list[tuple[int, int, int, int]] = []
    body = bytearray(b"II*\0\0\0\0\0" + tile + bytes(len(tile) % 2))
    for code, text in texts.items():
        entries.append((code, 2, len(text) + 1, len(body)))
        body += text + b"\0" + bytes((len(text) + 1) % 2)
    bits = len(body)
    body += struct.pack("<3H", 8, 8, 8)
    entries += [(256, 4, 1, 80), (257, 4, 1, 80), (258, 3, 3, bits), (259, 3, 1, compression)]
    entries += [(262, 3, 1, 2), (277, 3, 1, 3), (322, 4, 1, 80), (323, 4, 1, 80)]
    entries += [(324, 4, 1, 8), (325, 4, 1, len(tile))]
    struct.pack_into("<I", body, 4, len(body))
    body += struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries)) + bytes(4)
    return bytes(body)


APERIO = {270: b"Aperio Image Library v11.2.1 \r\n80x80 J2K/YUV16 Q=70|AppMag = 20|MPP = 0.25"}


@pytest.mark.parametrize(
    ("compression", "texts", "is_ycbcr", "transform", "container"),
    [
        (33003, APERIO, True, False, "j2k"),
        (33005, APERIO, False, True, "j2k"),
        (33004, {}, True, True, "j2k"),  # libvips
        (33004, {305: b"OME Bio-Formats 7.3.1"}, False, True, "j2k"),
        (33004, {305: b"tifffile.py"}, False, True, "jp2"),
        (33003, {305: b"OME Bio-Formats 7.3.1"}, False, False, "j2k"),
        (34712, {}, False, True, "j2k"),
        (34712, {}, False, True, "jp2"),
    ],
)
def test_samples_are_shown_as_rgb(
    compression: int, texts: dict[int, bytes], is_ycbcr: bool, transform: bool, container: str
) -> None:
    stored = to_ycbcr(PICTURE) if is_ycbcr else PICTURE
    tile = bytes(
        imagecodecs.jpeg2k_encode(
            stored, level=0, mct=transform, reversible=True, codecformat=container
        )
    )
    shown = to_numpy(open_image(tiff(compression, tile, texts)))
    assert int(np.abs(shown.astype(int) - PICTURE).max()) <= (3 if is_ycbcr else 0)


@pytest.mark.parametrize("transform", [False, True])
def test_main_header(transform: bool) -> None:
    stream = bytes(imagecodecs.jpeg2k_encode(PICTURE, mct=transform, codecformat="j2k"))
    has_transform, comment = parse_main_header(stream)
    assert has_transform == transform
    assert comment.startswith(b"Created by OpenJPEG")
    for length in range(0, 200, 7):
        parse_main_header(stream[:length])
