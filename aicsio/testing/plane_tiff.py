"""TIFF files of one plane, little-endian, in strips.

Rule kept here: the directory and its values come first, the strips follow each other.

Source of the structures: TIFF 6.0 (Adobe, 1992), section 2.
"""

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._codecs import imagecodecs

__all__ = ["COMPRESSIONS", "build_plane_tiff"]

COMPRESSIONS = {"none": 1, "lzw": 5, "deflate": 8, "packbits": 32773}
"""Numbers of TIFF by name."""


def build_plane_tiff(
    plane: npt.NDArray[Any], *, compression: str = "none", strip_rows: int = 0
) -> bytes:
    """Return a TIFF with its directory in front of the pixels, as FluoView writes it.

    Parameters
    ----------
    plane
        Rows, columns, and samples if there are any; of whole bytes.
    compression
        One of ``COMPRESSIONS``.
    strip_rows
        Rows of a strip; 0 for all in one.

    Returns
    -------
    bytes
        The whole file, little-endian.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.plane_tiff import build_plane_tiff
    >>> len(build_plane_tiff(np.zeros((4, 5), "u2")))
    174
    """
    little = np.ascontiguousarray(plane.astype(plane.dtype.newbyteorder("<")))
    height, width = little.shape[:2]
    samples = little.shape[2] if little.ndim > 2 else 1
    rows = strip_rows or height
    parts = [little[at : at + rows].tobytes() for at in range(0, height, rows)]
    strips = [_compress(compression, part) for part in parts]
    count = len(strips)
    entries: list[tuple[int, int, list[int]]] = [
        (256, 4, [width]),  # ImageWidth
        (257, 4, [height]),  # ImageLength
        (258, 3, [8 * little.dtype.itemsize] * samples),  # BitsPerSample
        (259, 3, [COMPRESSIONS[compression]]),  # Compression
        (262, 3, [2 if samples == 3 else 1]),  # PhotometricInterpretation: RGB, or black is zero
        (273, 4, [0] * count),  # StripOffsets, filled in below
        (277, 3, [samples]),  # SamplesPerPixel
        (278, 4, [rows]),  # RowsPerStrip
        (279, 4, [len(strip) for strip in strips]),  # StripByteCounts
        (284, 3, [1]),  # PlanarConfiguration: samples of a pixel together
    ]
    # Bytes of a SHORT and of a LONG.
    nbytes = {3: 2, 4: 4}
    # Behind the header: number of entries, entries, offset of the next directory (0).
    end = 8 + 2 + 12 * len(entries) + 4
    placed = []
    for code, kind, values in entries:
        placed.append((code, kind, values, end))
        # Values of up to four bytes stand in the entry itself (TIFF 6.0, section 2).
        if nbytes[kind] * len(values) > 4:
            end += nbytes[kind] * len(values) + (nbytes[kind] * len(values)) % 2
    offsets = [end + sum(map(len, strips[:index])) for index in range(count)]
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    tail = b""
    for code, kind, values, at in placed:
        shown = offsets if code == 273 else values
        data = struct.pack(f"<{len(shown)}{'H' if kind == 3 else 'I'}", *shown)
        inline = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", at)
        head += struct.pack("<HHI", code, kind, len(shown)) + inline
        if len(data) > 4:
            tail += data + bytes(len(data) % 2)
    return head + bytes(4) + tail + b"".join(strips)


def _compress(compression: str, data: bytes) -> bytes:
    if compression == "none":
        return data
    if compression == "deflate":
        return zlib.compress(data)
    encode = imagecodecs().lzw_encode if compression == "lzw" else imagecodecs().packbits_encode
    encoded: bytes = encode(data)
    return encoded
