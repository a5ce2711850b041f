"""Frames of DICOM as bytes: compressed, and encapsulated.

Rule kept here: a frame is coded on its own; fragments have even lengths.

Source of the structures: DICOM PS3.5, annexes A.4 (encapsulation) and G (RLE).
"""

import itertools
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._codecs import imagecodecs

__all__ = ["encapsulate", "encode_tile"]

Pixels = npt.NDArray[Any]


def encode_tile(tile: Pixels, compression: str, *, planar: bool) -> bytes:
    """Return the bytes of a tile: rows, columns, samples."""
    codecs = imagecodecs()
    plain = tile if tile.shape[2] > 1 else tile[..., 0]
    if compression == "jpeg":
        # Chroma at half the columns, as YBR_FULL_422 announces.
        options = {"colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": "422"}
        return bytes(codecs.jpeg_encode(plain, level=90, **(options if tile.shape[2] > 1 else {})))
    if compression == "jpeg2k":
        return bytes(codecs.jpeg2k_encode(plain, codecformat="J2K", reversible=True))
    if compression == "jpegls":
        return bytes(codecs.jpegls_encode(plain))
    if compression == "rle":
        return _encode_rle(tile)
    # PlanarConfiguration 1: all of one sample, then all of the next.
    order = tile.transpose(2, 0, 1) if planar else tile
    return np.ascontiguousarray(order.astype(tile.dtype.newbyteorder("<"))).tobytes()


def _encode_rle(tile: Pixels) -> bytes:
    rows, columns, samples = tile.shape
    # PS3.5, G.2: a segment for each byte of each sample, the most significant byte first.
    # Shape: rows, columns, samples, bytes of a sample.
    octets = tile.astype(tile.dtype.newbyteorder(">")).reshape(rows, columns, samples, 1)
    octets = octets.view(np.uint8)
    segments = []
    for sample, byte in itertools.product(range(samples), range(tile.dtype.itemsize)):
        plane = octets[:, :, sample, byte]
        # PS3.5, G.3.1: each row is encoded on its own.
        coded = b"".join(imagecodecs().packbits_encode(row.tobytes()) for row in plane)
        segments.append(coded + bytes(len(coded) % 2))
    # PS3.5, G.5: a header of 16 uint32, the count of segments and 15 offsets.
    # Offsets count from the start of the frame, which is that of the header.
    offsets = [64 + sum(map(len, segments[:index])) for index in range(len(segments))]
    head = struct.pack("<16I", len(segments), *offsets, *(0,) * (15 - len(segments)))
    return head + b"".join(segments)


def encapsulate(
    frames: list[bytes], offset_table: str, fragments: int
) -> tuple[bytes, bytes, bytes]:
    """Return the items of encapsulated pixels, and both extended tables."""
    items = b""
    offsets, lengths = [], []
    for frame in frames:
        # PS3.5, A.4: offsets count from the first byte behind the table, each that of an item tag.
        offsets.append(len(items))
        lengths.append(len(frame))
        padded = frame + bytes(len(frame) % 2)
        # An even length for each fragment: only the last may be shorter.
        size = max(2, -(-len(padded) // fragments // 2) * 2)
        for at in range(0, len(padded), size):
            part = padded[at : at + size]
            items += struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part
    table = struct.pack(f"<{len(offsets)}I", *offsets) if offset_table == "basic" else b""
    # The first item is the basic offset table; beside an extended table it must be empty.
    head = struct.pack("<HHI", 0xFFFE, 0xE000, len(table)) + table
    whole = head + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    if offset_table != "extended":
        return whole, b"", b""
    packed = [struct.pack(f"<{len(values)}Q", *values) for values in (offsets, lengths)]
    return whole, packed[0], packed[1]
