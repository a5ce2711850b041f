"""Pixel formats of movies: the one that frames are read in, and gray as it is stored.

Rule kept here: gray stays gray, with the samples of the stream. No range conversion is applied:
it would stretch the codes 16 to 235 of video to 0 to 255.
"""

import functools
from typing import Any

import attrs
import numpy as np

from aicsio.formats.imageio.frames import Array
from aicsio.formats.imageio.h264_header import is_monochrome

LARGEST_COLOR_DEPTH = 16
"""Bits of a sample in ffmpeg's packed formats of RGB."""


@attrs.frozen
class PixelFormat:
    """Format that the frames of a stream are read in."""

    name: str
    """ffmpeg's name."""
    samples: tuple[int, ...]
    """Sample axis: empty for gray."""
    dtype: np.dtype[Any]
    """Type of a sample."""
    loss: str = ""
    """Message on stored depth that is not kept; empty where all is."""


def choose_pixel_format(context: Any) -> PixelFormat:
    """Choose the format for a stream.

    Gray stays gray, at its own depth. All else becomes RGB, with alpha if the stream has some, of
    8 bits, or of 16 if the stream has more than 8.

    Parameters
    ----------
    context
        PyAV's codec context of the stream.
    """
    stored = context.pix_fmt or ""
    # ffmpeg decodes monochrome H.264 as 4:2:0 with gray chroma.
    if context.name == "h264" and is_monochrome(context.extradata or b""):
        return _gray(_depth(stored))
    return _choose(stored)


def describe_doubt(context: Any) -> str:
    """Return a message if the container does not give the pixel format of raw video, else nothing.

    AVI (BI_RGB) and QuickTime ("raw ") give bits per pixel alone. ffmpeg takes 16 bits for RGB
    5-5-5, and writes 16-bit gray in the same way.
    """
    stored = context.pix_fmt or ""
    if context.name != "rawvideo" or not stored.startswith(("rgb555", "rgb565")):
        return ""
    return (
        f"its raw video has 16 bits a pixel and no pixel format; it is read as {stored}, "
        "and would be 8-bit RGB of a wrong kind if it holds 16-bit gray"
    )


def _depth(stored: str) -> int:
    import av

    return int(av.VideoFormat(stored).components[0].bits)


@functools.cache
def _choose(stored: str) -> PixelFormat:
    import av

    form = av.VideoFormat(stored)
    bits = max(part.bits for part in form.components)
    # A palette has alpha in ffmpeg's list of components, whether it is used or not.
    alpha = any(part.is_alpha for part in form.components) and not form.has_palette
    # A Bayer pattern has one component too, of which ffmpeg makes colour.
    is_gray = len(form.components) == 1 and not form.has_palette
    if is_gray and not form.name.startswith("bayer"):
        return _gray(bits)
    loss = ""
    if bits > LARGEST_COLOR_DEPTH:
        loss = f"its samples ({stored}) have {bits} bits; they are shown with 16"
    if bits > 8:
        name, samples = ("rgba64le", 4) if alpha else ("rgb48le", 3)
        return PixelFormat(name, (samples,), np.dtype("<u2"), loss)
    name, samples = ("rgba", 4) if alpha else ("rgb24", 3)
    return PixelFormat(name, (samples,), np.dtype("u1"))


def _gray(bits: int) -> PixelFormat:
    if bits == 32:
        return PixelFormat("grayf32le", (), np.dtype("<f4"))
    if bits > 8:
        return PixelFormat(f"gray{bits}le", (), np.dtype("<u2"))
    return PixelFormat("gray", (), np.dtype("u1"))


def read_luma(frame: Any, dtype: np.dtype[Any]) -> Array:
    """Return the first plane of a frame as it is stored, in native byte order.

    Raises
    ------
    ValueError
        When the frame has another depth than the stream.
    """
    depth = frame.format.components[0].bits
    # Samples of 9 to 16 bits lie in two bytes.
    if -(-depth // 8) != dtype.itemsize:
        raise ValueError(f"a frame has samples of {depth} bits, the movie {8 * dtype.itemsize}")
    if depth == 1:
        return _read_bits(frame)
    # Luma lies in the first plane, in rows padded for the decoder's vector instructions.
    plane = frame.planes[0]
    stored = dtype.newbyteorder(">" if frame.format.is_big_endian else "<")
    rows = np.frombuffer(memoryview(plane), stored).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: frame.height, : frame.width].astype(dtype)


def _read_bits(frame: Any) -> Array:
    """Return a bitmap as 0 and 255: monow has white for 0, monob black."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    # Eight pixels a byte, the first in the highest bit.
    bits = np.unpackbits(rows[: frame.height], axis=1)[:, : frame.width]
    white = 0 if frame.format.name == "monow" else 1
    return np.where(bits == white, np.uint8(255), np.uint8(0))
