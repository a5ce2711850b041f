"""Raw bytes shown as an array by strides, and payloads behind a header.

Rule kept here: an array is shown only when all its elements lie within the bytes.
"""

from collections.abc import Callable, Mapping

import attrs
import numpy as np

from aicsio._codecs import nd2, tiff_images
from aicsio._codecs.buffers import Data, DecodeTarget, as_octets
from aicsio._codecs.czi import (
    PAYLOAD_HEAD_NBYTES,
    find_subblock_payload,
    find_whole_subblock,
)
from aicsio.records import Codec, DType


@attrs.define
class Header:
    """How to find pixels behind a header whose length only it states. Not a record: a table's row."""

    nbytes: int
    """Bytes of it that must be read."""
    find: Callable[[bytes], tuple[int, int]]
    """From these bytes to the start of the payload, counted from the header, and its length."""
    short: bool = False
    """Whether header and payload together may be shorter than ``nbytes``."""

    def head_nbytes(self, whole: int) -> int:
        """Return the bytes to read, where header and payload take ``whole``."""
        return min(self.nbytes, whole) if self.short else self.nbytes


HEADERS: Mapping[str, Header] = {
    "nd2-frame": Header(nd2.CHUNK_HEAD.size, nd2.find_frame_pixels),
    "tiff-strips": Header(tiff_images.HEAD_NBYTES, tiff_images.find_strips, short=True),
    "zisraw-subblock": Header(PAYLOAD_HEAD_NBYTES, find_subblock_payload),
    "zisraw-whole-subblock": Header(PAYLOAD_HEAD_NBYTES, find_whole_subblock),
}


def cut_payload(data: Data, target: DecodeTarget, *, header: str) -> Data:  # noqa: ARG001 - one signature
    """Cut the payload out of a segment that was fetched whole.

    Raises
    ------
    ValueError
        When the header declares more bytes than the segment has.
    """
    raw = as_octets(data)
    finder = HEADERS[header]
    start, nbytes = finder.find(bytes(raw[: finder.nbytes]))
    if start + nbytes > raw.nbytes:
        raise ValueError(f"its header promises {nbytes} bytes from {start} on, it has {raw.nbytes}")
    return raw[start : start + nbytes]


def check_reach(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: DType, nbytes: int
) -> None:
    """Refuse a strided array that does not lie within ``nbytes`` bytes.

    Parameters
    ----------
    offset
        Byte offset of element (0, 0, ...).
    shape, strides
        Positions and bytes between two of them, per axis; strides may be negative.
    dtype
        Type of an element.
    nbytes
        Bytes that there are.

    Raises
    ------
    ValueError
        When an element lies before the first byte or beyond the last.
    """
    low, high = offset, offset + dtype.itemsize
    for size, stride in zip(shape, strides, strict=True):
        # A negative stride leads below the first element, a positive one above it.
        low += min((size - 1) * stride, 0)
        high += max((size - 1) * stride, 0)
    if low < 0 or high > nbytes:
        raise ValueError(f"expected {high} bytes of pixels, it has {nbytes}")


def as_strided(offset: int, strides: tuple[int, ...]) -> Codec:
    """Name the codec that shows raw bytes as an array by its strides."""
    return Codec("strided", (("offset", offset), ("strides", strides)))


def show_strided(
    data: Data, target: DecodeTarget, *, offset: int, strides: tuple[int, ...]
) -> Data:
    """Show raw bytes as an array by its strides.

    Raises
    ------
    ValueError
        When the array does not lie within the bytes.
    """
    raw = as_octets(data)
    check_reach(offset, target.shape, strides, target.dtype, raw.nbytes)
    # A view of the first element anchors the strides; `check_reach` has bounded all others.
    first = raw[offset : offset + target.dtype.itemsize].view(target.dtype)
    return np.lib.stride_tricks.as_strided(first, target.shape, strides, writeable=False)
