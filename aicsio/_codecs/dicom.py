"""Codecs of encapsulated DICOM pixel data: fragments of a frame, RLE, and JPEG with its colours.

Rule kept here: lengths of items are compared with the bytes before anything is cut.

Source of the facts: DICOM PS3.5, annex A.4 (encapsulation) and annex G (RLE); PS3.3, C.7.6.3.1.2
(photometric interpretation); Adobe Technical Note 5116 (the marker APP14).
"""

import struct
from typing import Final

import numpy as np

from aicsio._codecs.buffers import Data, DecodeTarget, Octets, as_octets, imagecodecs
from aicsio._codecs.images import decode_jpeg

ITEM: Final = 0xE000FFFE
"""Tag of an item, as a little-endian number: group FFFE, element E000."""
DELIMITER: Final = 0xE0DDFFFE
"""Tag that ends a sequence of items."""
RLE_HEADER_NBYTES: Final = 64
"""Number of segments, and 15 offsets (PS3.5, G.5)."""
JCS_RGB: Final = 2
"""Number of the colour space in libjpeg."""


def join_fragments(data: Data, target: DecodeTarget) -> Data:  # noqa: ARG001 - one signature
    """Join the fragments of a frame, which begin with the tag of an item and a length.

    Raises
    ------
    ValueError
        When an item is missing, or is longer than the bytes.
    """
    raw = as_octets(data)
    parts: list[Octets] = []
    at = 0
    while at + 8 <= raw.nbytes:
        # Group and element are 16 bits each: as one number the element is the upper half.
        tag, nbytes = struct.unpack_from("<II", raw.data, at)
        # The last frame ends with the sequence, where no table gives its length.
        if tag == DELIMITER and parts:
            break
        if tag != ITEM:
            raise ValueError(f"expected the item of a fragment, found tag {tag:08x}")
        if at + 8 + nbytes > raw.nbytes:
            raise ValueError(f"its fragment of {nbytes} bytes ends beyond the frame")
        parts.append(raw[at + 8 : at + 8 + nbytes])
        at += 8 + nbytes
    if not parts:
        raise ValueError("it has no fragment")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def decode_rle(data: Data, target: DecodeTarget, *, sampled: bool) -> Data:
    """Decode RLE: one PackBits segment for each byte of a sample, the highest first.

    Raises
    ------
    ValueError
        When the header makes no sense for the frame, or a segment is too short.
    """
    raw = as_octets(data)
    rows, columns, samples = target.frame(sampled)
    itemsize = target.dtype.itemsize
    count = samples * itemsize
    if raw.nbytes < RLE_HEADER_NBYTES:
        raise ValueError(f"expected a header of {RLE_HEADER_NBYTES} bytes, it has {raw.nbytes}")
    found, *offsets = struct.unpack_from("<16I", raw.data)
    if found != count:
        raise ValueError(f"it has {found} segments, expected {count}")
    # A segment ends where the next one begins, the last one with the frame.
    ends = [*offsets[1:count], raw.nbytes]
    planes = np.empty((count, rows * columns), np.uint8)
    for index, (start, stop) in enumerate(zip(offsets, ends, strict=False)):
        if not RLE_HEADER_NBYTES <= start <= stop <= raw.nbytes:
            raise ValueError(f"its segment {index} from {start} to {stop} lies beyond the frame")
        # Annex G pads segments to an even length: there is room for a byte beyond the pixels.
        segment = imagecodecs().packbits_decode(raw[start:stop].tobytes(), out=rows * columns + 1)
        if len(segment) < rows * columns:
            raise ValueError(f"its segment {index} is too short: {len(segment)} bytes")
        planes[index] = np.frombuffer(segment, np.uint8)[: rows * columns]
    # PS3.5, G.2: the most significant byte of a sample comes first.
    low_first = planes.reshape(samples, itemsize, rows * columns)[:, ::-1]
    # From (samples, bytes, pixels) to (pixels, samples, bytes).
    return np.ascontiguousarray(low_first.transpose(2, 0, 1)).reshape(-1)


def decode_colour_jpeg(
    data: Data, target: DecodeTarget, *, sampled: bool, rgb: bool = False, bits: int = 8
) -> Data:
    """Decode JPEG whose header gives the colours that libjpeg would guess.

    Parameters
    ----------
    data
        The stream.
    target
        What the chain must produce.
    sampled
        Whether the last axis of the target holds samples.
    rgb
        Whether the header of the file names RGB: components are then colours, unless the stream
        itself tells of a transform.
    bits
        Bits of a sample.

    Raises
    ------
    ValueError
        When the stream declares far more pixels than expected.
    """
    colorspace = None
    if rgb and sampled and not _has_adobe_marker(as_octets(data)[:4096].tobytes()):
        colorspace = JCS_RGB
    return decode_jpeg(data, target, sampled=sampled, colorspace=colorspace, bits=bits)


def _has_adobe_marker(head: bytes) -> bool:
    """Whether APP14 of Adobe, which states the transform, stands in front of the frame."""
    # Behind SOI, a marker without a length.
    offset = 2
    while offset + 4 <= len(head) and head[offset] == 0xFF:
        marker = head[offset + 1]
        # SOF and SOS: the pixels begin.
        if marker == 0xDA or 0xC0 <= marker <= 0xC3:
            return False
        if marker == 0xEE and head[offset + 4 : offset + 9] == b"Adobe":
            return True
        offset += 2 + int.from_bytes(head[offset + 2 : offset + 4])
    return False
