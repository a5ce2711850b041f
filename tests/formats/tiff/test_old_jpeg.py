"""Old-style JPEG (compression 6) whose tags leave out what the stream holds."""

import io
import struct

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from aicsio import open_image, to_numpy

HEIGHT, WIDTH = 40, 56
COMPRESSION, PHOTOMETRIC, BITS, SAMPLES = 259, 262, 258, 277
SHORT, LONG = 3, 4
"""Types of TIFF 6.0 section 2."""


def stream_of_jpeg(*, gray: bool = False) -> tuple[bytes, npt.NDArray[np.uint8]]:
    """A smooth picture as JPEG, and its pixels as pillow decodes them."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([4 * y, 3 * x, 2 * (x + y)], -1).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(picture[..., 0] if gray else picture).save(
        out, "JPEG", quality=95, subsampling=0
    )
    return out.getvalue(), np.asarray(Image.open(io.BytesIO(out.getvalue())))


def tiff_of(stream: bytes, tags: dict[int, tuple[int, int, int]]) -> bytes:
    """A little-endian TIFF of one strip, an old-style JPEG stream that is whole."""
    start = 256
    rows = {
        256: (LONG, 1, WIDTH),
        257: (LONG, 1, HEIGHT),
        COMPRESSION: (SHORT, 1, 6),
        273: (LONG, 1, start),
        278: (LONG, 1, HEIGHT),
        279: (LONG, 1, len(stream)),
        513: (LONG, 1, start),
        **tags,
    }
    head = struct.pack("<2sHIH", b"II", 42, 8, len(rows))
    head += b"".join(struct.pack("<HHII", code, *row) for code, row in sorted(rows.items()))
    return (head + bytes(4)).ljust(start, b"\0") + stream


@pytest.mark.parametrize(
    "tags",
    [
        {PHOTOMETRIC: (SHORT, 1, 6), BITS: (SHORT, 1, 8)},
        {PHOTOMETRIC: (SHORT, 1, 6)},
        {BITS: (SHORT, 1, 8)},
        {},
        {PHOTOMETRIC: (SHORT, 1, 2), SAMPLES: (SHORT, 1, 3), BITS: (SHORT, 1, 8)},
    ],
    ids=["no-samples", "no-bits", "no-photometric", "none", "called-rgb"],
)
def test_missing_tags_of_colour(tags: dict[int, tuple[int, int, int]]) -> None:
    # libtiff (tif_dirread.c) takes YCbCr, 8 bits and three samples for granted; tifffile does, too.
    stream, pixels = stream_of_jpeg()
    data = tiff_of(stream, tags)
    handle = open_image(data)
    assert handle.dims.order == "YXS"
    read = to_numpy(handle)
    np.testing.assert_array_equal(read, tifffile.imread(io.BytesIO(data)))
    # Decoders of JPEG differ by a rounding of the conversion to RGB.
    np.testing.assert_allclose(read.astype(int), pixels.astype(int), atol=2)


def test_missing_tags_of_gray() -> None:
    stream, pixels = stream_of_jpeg(gray=True)
    handle = open_image(tiff_of(stream, {PHOTOMETRIC: (SHORT, 1, 1)}))
    assert handle.dims.order == "YX"
    np.testing.assert_array_equal(to_numpy(handle), pixels)
