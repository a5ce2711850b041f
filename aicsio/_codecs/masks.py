"""Masks of valid pixels in the attachments of CZI subblocks.

Rule kept here: a mask of another size than its pixels is fitted as libCZI fits it; a damaged one is
an error, since nobody could see that it was not applied.

Source of the structures: libCZI documentation, "Valid-Pixel Mask Concept" (Carl Zeiss Microscopy).
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._codecs.buffers import Data, DecodeTarget, as_octets
from aicsio._codecs.czi import cut_subblock
from aicsio._codecs.resampling import Decode, ResampledAxis, decode_stored

Valid = npt.NDArray[np.bool_]

MASK_GUID = bytes.fromhex("67eae3cb fc5b 2b49 a16a ece378031448")
"""Kind of the chunk that holds a mask, as its bytes lie in the file."""
CHUNK_HEAD_NBYTES = 20
"""Kind and size of a chunk."""
MASK_HEAD_NBYTES = 16
"""Width, height, representation and stride of a mask."""
# libCZI compares the name with its case.
_SCHEMA = b"<DataFormat>CHUNKCONTAINER</DataFormat>"


def decode_masked(
    decode: Decode,
    data: Data,
    target: DecodeTarget,
    *,
    y: tuple[Any, ...],
    x: tuple[Any, ...],
    samples: int,
    **options: Any,
) -> npt.NDArray[Any]:
    """Decode a whole subblock and mask the pixels that its attachment calls not valid.

    Parameters
    ----------
    decode, target, y, x, samples, options
        As for ``resampling.decode_stored``.
    data
        The subblock from its segment header to the end of its attachment.

    Returns
    -------
    The pixels; a masked array if the subblock has a mask.

    Raises
    ------
    ValueError, RuntimeError
        As ``resampling.decode_stored``, and when the mask is damaged.
    """
    metadata, payload, attachment = cut_subblock(as_octets(data))
    pixels = decode_stored(decode, payload, target, y=y, x=x, samples=samples, **options)
    valid = read_mask(attachment) if _SCHEMA in metadata else None
    if valid is None:
        return pixels
    rows_axis, columns_axis = ResampledAxis(*y), ResampledAxis(*x)
    valid = fit_mask(valid, rows_axis.stored_size, columns_axis.stored_size)
    height, width = target.frame(bool(samples))[:2]
    shown = valid[rows_axis.indices(height)[:, None], columns_axis.indices(width)]
    # An axis of one position, so that a bit of the mask holds for all samples of its pixel.
    hidden = ~shown.reshape(shown.shape + (1,) * bool(samples))
    shape = target.shape[-3:] if samples else target.shape[-2:]
    mask = np.broadcast_to(hidden, shape).reshape(target.shape)
    return np.ma.MaskedArray(pixels, mask)


def _chunks(attachment: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk of an attachment."""
    offset = 0
    while offset + CHUNK_HEAD_NBYTES < len(attachment):
        kind, nbytes = struct.unpack_from("<16sI", attachment, offset)
        start = offset + CHUNK_HEAD_NBYTES
        offset = start + nbytes
        if offset > len(attachment):
            raise ValueError(
                f"a chunk of its attachment has {nbytes} bytes, {len(attachment) - start} are there; "
                "opened without masks=True, all of its pixels are shown"
            )
        yield kind, attachment[start:offset]


def read_mask(attachment: bytes) -> Valid | None:
    """Find the mask of valid pixels in an attachment of chunks.

    Parameters
    ----------
    attachment
        Attachment of a subblock.

    Returns
    -------
    Shape (rows, columns), true for a valid pixel; ``None`` if no chunk is a mask.

    Raises
    ------
    ValueError
        When the mask is damaged, or of a representation that is not published.
    """
    content = next((content for kind, content in _chunks(attachment) if kind == MASK_GUID), None)
    if content is None:
        return None
    if len(content) < MASK_HEAD_NBYTES:
        raise ValueError(f"its mask ends after {len(content)} bytes")
    width, height, representation, stride = struct.unpack_from("<IIII", content)
    if representation:
        raise ValueError(f"its mask has representation {representation}; 0 alone is published")
    row_nbytes = -(-width // 8)
    # The last row need not be padded to the stride.
    needed = (height - 1) * stride + row_nbytes
    if not width or not height or stride < row_nbytes or len(content) < MASK_HEAD_NBYTES + needed:
        raise ValueError(
            f"its mask of {width} x {height} pixels in rows of {stride} bytes does not fit "
            f"{len(content)} bytes; opened without masks=True, all of its pixels are shown"
        )
    octets = np.frombuffer(content, np.uint8, needed, MASK_HEAD_NBYTES)
    rows = np.lib.stride_tricks.as_strided(octets, (height, row_nbytes), (stride, 1))
    # "the leftmost pixel in each byte is the most significant bit"
    bits = np.unpackbits(rows, axis=1, count=width, bitorder="big")
    return bits.view(np.bool_)


def fit_mask(valid: Valid, height: int, width: int) -> Valid:
    """Bring a mask to the size of its pixels.

    libCZI, "Resolution protocol for ill-formed masks": surplus is ignored, and a smaller mask is
    "expanded by adding non-valid pixels (zeros) to the right and/or bottom".
    """
    if valid.shape == (height, width):
        return valid
    fitted = np.zeros((height, width), np.bool_)
    part = valid[:height, :width]
    fitted[: part.shape[0], : part.shape[1]] = part
    return fitted
