"""General compression: bytes to bytes, by imagecodecs, libtiff or the standard library.

Rule kept here: no decoder may produce more than a fixed multiple of the pixels' size, so a small
file cannot fill memory.
"""

import binascii
import bz2
import math
import struct

from aicsio._codecs.buffers import Data, DecodeTarget, as_octets, imagecodecs

LARGEST_LIBTIFF_ROW = (1 << 31) - 1
"""Bytes. libtiff counts the bytes of a row in a signed 32-bit integer."""
LARGEST_SURPLUS = 64 << 20
"""Bytes of a segment beyond its pixels: more than any strip that a writer padded to its height."""
TIFF_LONG = 4
"""Field type of TIFF 6.0, section 2: unsigned 32-bit integer."""


class ToPixels:
    """Codec whose result has the size of the pixels, or a little more."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __call__(self, data: Data, target: DecodeTarget) -> Data:
        decode = getattr(imagecodecs(), self._function)
        result: Data
        try:
            result = decode(data, out=target.empty_output(target.nbytes))
        except RuntimeError:
            # Some writers compress the last strip as if it had all its rows.
            limit = min(64 * target.nbytes, target.nbytes + LARGEST_SURPLUS) + 4096
            result = decode(data, out=target.scratch.take(("surplus", target.index), limit))
        return result


class Intermediate:
    """Codec before another codec: its result has an unknown size, at most twice the pixel bytes."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __call__(self, data: Data, target: DecodeTarget) -> Data:
        # Compressed pixels that are more than twice as long as the pixels come from no encoder.
        limit = 2 * target.nbytes + 4096
        out = target.scratch.take(("intermediate", target.index), limit)
        result: Data = getattr(imagecodecs(), self._function)(data, out=out)
        return result


def decode_base64(data: Data, target: DecodeTarget) -> Data:  # noqa: ARG001 - one signature
    """Decode base64 with any white space in it."""
    return binascii.a2b_base64(bytes(as_octets(data)))


def decode_bzip2(data: Data, target: DecodeTarget) -> Data:
    """Decode bzip2, and stop when all pixels are there."""
    return bz2.BZ2Decompressor().decompress(bytes(as_octets(data)), target.nbytes)


def decode_lzw(
    data: Data,
    target: DecodeTarget,
    *,
    sampled: bool = False,
    packing: tuple[int, int] | None = None,
) -> Data:
    """Decode LZW with libtiff.

    imagecodecs' own LZW decoder follows codes that are not in its table, outside of its memory.
    libtiff does not.

    Parameters
    ----------
    data
        One strip or tile.
    target
        What the chain must produce.
    sampled
        Whether the last axis of the pixels holds samples.
    packing
        Rows, and the bytes that store so many rows, where that is not the size of the pixels.

    Raises
    ------
    ValueError
        When a segment exceeds the largest row of libtiff.
    """
    nbytes = target.nbytes
    if packing is not None:
        packed_rows, packed_bytes = packing
        rows, columns, samples = target.frame(sampled)
        sections = math.prod(target.shape) // (rows * columns * samples)
        nbytes = sections * -(-rows // packed_rows) * packed_bytes
    raw = bytes(as_octets(data))
    if nbytes > LARGEST_LIBTIFF_ROW or len(raw) > LARGEST_LIBTIFF_ROW:
        raise ValueError(f"{nbytes} bytes of LZW in one piece are more than libtiff takes")
    out = target.empty_output(nbytes).reshape(1, nbytes)
    result: Data = imagecodecs().tiff_decode(_tiff_of_one_row(raw, nbytes), out=out)
    return result


def _tiff_of_one_row(lzw: bytes, nbytes: int) -> bytes:
    """Wrap LZW bytes into a TIFF of one row of ``nbytes`` gray pixels, in one strip."""
    header_nbytes = 8
    entry_count = 9
    directory_nbytes = 2 + 12 * entry_count + 4
    fields = {
        256: nbytes,  # ImageWidth
        257: 1,  # ImageLength
        258: 8,  # BitsPerSample
        259: 5,  # Compression: LZW
        262: 1,  # PhotometricInterpretation: BlackIsZero
        273: header_nbytes + directory_nbytes,  # StripOffsets
        277: 1,  # SamplesPerPixel
        278: 1,  # RowsPerStrip
        279: len(lzw),  # StripByteCounts
    }
    header = struct.pack("<2sHIH", b"II", 42, header_nbytes, entry_count)
    entries = b"".join(
        struct.pack("<HHII", code, TIFF_LONG, 1, value) for code, value in fields.items()
    )
    return header + entries + bytes(4) + lzw
