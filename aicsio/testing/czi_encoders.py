"""From pixels to the bytes of a CZI subblock, for each compression.

Rule kept here: encoders write as ZEN does, so that other readers decode the files.

Source of the structures: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy; zstd1 from libCZI.
"""

import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._codecs import imagecodecs

Pixels = npt.NDArray[Any]


def _reverse_samples(pixels: Pixels) -> Pixels:
    """Return samples in the order in which CZI stores them: blue first."""
    if pixels.ndim < 3:
        return pixels
    return pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]]


def _encode_raw(pixels: Pixels) -> bytes:
    little = pixels.dtype.newbyteorder("<")
    return _reverse_samples(pixels).astype(little).tobytes()


def _encode_jpeg(pixels: Pixels) -> bytes:
    return bytes(imagecodecs().jpeg8_encode(np.ascontiguousarray(pixels), level=95))


def _encode_lzw(pixels: Pixels) -> bytes:
    return bytes(imagecodecs().lzw_encode(_encode_raw(pixels)))


def _encode_jpegxr(pixels: Pixels) -> bytes:
    coded = bytes(imagecodecs().jpegxr_encode(np.ascontiguousarray(pixels)))
    # Zeiss names 24-bit pixels by the identifier of 24bppBGR, which ends in 0C; that of 24bppRGB
    # ends in 0D.
    rgb24 = bytes.fromhex("24c3dd6f034efe4bb1853d77768dc90d")
    return coded.replace(rgb24, rgb24[:-1] + b"\x0c", 1)


def _encode_zstd0(pixels: Pixels) -> bytes:
    return bytes(imagecodecs().zstd_encode(_encode_raw(pixels)))


def _encode_zstd1(pixels: Pixels) -> bytes:
    # The header has its own size only: without a chunk, no bytes were packed.
    return b"\x01" + _encode_zstd0(pixels)


def _encode_zstd1_packed(pixels: Pixels) -> bytes:
    octets = _reverse_samples(pixels).astype("<u2").reshape(-1).view(np.uint8)
    # All low bytes, then all high ones: like bytes beside each other compress better.
    low_then_high = np.concatenate([octets[0::2], octets[1::2]])
    # The header: its own size, then chunk 1, whose value 1 marks bytes that were packed.
    return b"\x03\x01\x01" + bytes(imagecodecs().zstd_encode(low_then_high.tobytes()))


ENCODERS: Mapping[str, Callable[[Pixels], bytes]] = {
    "raw": _encode_raw,
    "jpeg": _encode_jpeg,
    "lzw": _encode_lzw,
    "jpegxr": _encode_jpegxr,
    "zstd0": _encode_zstd0,
    "zstd1": _encode_zstd1,
    "zstd1-hilo": _encode_zstd1_packed,
}
"""From pixels to bytes, by name of the compression."""


CHUNKS_SCHEMA = (
    b"<METADATA><AttachmentSchema><DataFormat>CHUNKCONTAINER</DataFormat></AttachmentSchema>"
    b"</METADATA>"
)
"""Metadata of a subblock whose attachment holds chunks, as libCZI documents it."""


def mask_attachment(valid: npt.NDArray[np.bool_], *, before: bytes = b"") -> bytes:
    """Make the attachment of a subblock that holds a mask of valid pixels.

    Parameters
    ----------
    valid
        Shape (rows, columns), true for a valid pixel.
    before
        Chunks that come first.

    Returns
    -------
    bytes
        A chunk as libCZI documents it in "Valid-Pixel Mask Concept"; its subblock needs the metadata
        ``CHUNKS_SCHEMA``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.czi_encoders import mask_attachment
    >>> mask_attachment(np.array([[True, False, True, False]]))[36:].hex()
    'a0'
    """
    # One bit a pixel, the first in the highest bit; each row begins with a new byte.
    rows = np.packbits(valid, axis=1)
    # A GUID in the byte order of Windows: its first three fields are little-endian.
    kind = uuid.UUID("CBE3EA67-5BFC-492B-A16A-ECE378031448").bytes_le
    # Width, height, type of the representation (0: plain bits), bytes of a row.
    head = struct.pack("<IIII", valid.shape[1], valid.shape[0], 0, rows.shape[1])
    content = head + rows.tobytes()
    # Each chunk of an attachment: GUID, length of its content, content.
    return before + kind + struct.pack("<I", len(content)) + content
