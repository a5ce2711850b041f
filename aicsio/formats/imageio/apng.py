"""Animated PNG: the frames of its chunks, composed as the specification defines it.

Rule kept here: a frame depends on the frames before it and on nothing else. pillow 13 composes
other pixels when frames are read one after the other than when they are sought.

Source of the facts: PNG specification, third edition (W3C, 2025), sections 4.9 and 11.3.6.
"""

import contextlib
import struct
import zlib

import attrs
import numpy as np

from aicsio._codecs import imagecodecs
from aicsio._io.readers import BinaryFile
from aicsio.formats.imageio import imagecodecs_engine, pillow_engine
from aicsio.formats.imageio.cursors import read_in_order
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    FrameScene,
    Note,
    check_size,
    open_checked,
    opened,
    translated,
)
from aicsio.formats.imageio.stored_depth import png_bits
from aicsio.records import Source

SIGNATURE_NBYTES = 8
LARGEST_FRAME_COUNT = 1 << 20
"""Frames that are listed: more are damage; each takes at least 57 bytes of the file."""
DISPOSE_BACKGROUND, DISPOSE_PREVIOUS = 1, 2
BLEND_OVER = 1
DEFAULT_DENOMINATOR = 100
"""A delay_den of 0 stands for hundredths of a second."""


@attrs.define
class ApngFrame:
    """One fcTL chunk and the image data behind it. Not a record: it lives for one opening."""

    width: int
    """Columns."""
    height: int
    """Rows."""
    left: int
    """First column on the canvas."""
    top: int
    """First row on the canvas."""
    delay: float
    """Seconds for which the frame is shown."""
    dispose: int
    """dispose_op: what happens to its region before the next frame."""
    blend: int
    """blend_op: whether it replaces its region or is composed over it."""
    data: list[tuple[int, int]] = attrs.Factory(list)
    """Offset and length of each part of its compressed data."""


@attrs.define
class ApngFile:
    """The chunks of a file. Not a record: it lives for one opening."""

    header: bytes
    """Content of IHDR."""
    shared: bytes = b""
    """The chunks PLTE and tRNS, which hold for all frames."""
    frames: list[ApngFrame] = attrs.Factory(list)
    """In order."""
    declared: int = 0
    """num_frames of acTL."""
    has_default_image: bool = False
    """Whether IDAT is a still image for viewers without APNG, and no frame."""

    @property
    def canvas(self) -> tuple[int, int]:
        """Rows and columns."""
        width, height = struct.unpack_from(">II", self.header)
        return height, width


def scan_chunks(file: BinaryFile) -> ApngFile:
    """Walk the chunks; a file that breaks off ends there.

    Raises
    ------
    ValueError
        When a frame reaches beyond the canvas, which the specification forbids.
    """
    file.seek(SIGNATURE_NBYTES)
    found = ApngFile(b"")
    offset = SIGNATURE_NBYTES
    while len(head := file.read(8)) == 8 and len(found.frames) <= LARGEST_FRAME_COUNT:
        length, kind = int.from_bytes(head[:4]), head[4:]
        start = offset + 8
        if kind in {b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL"}:
            # The longest of these is PLTE with 768 bytes; a longer one is damage.
            _read_chunk(found, kind, file.read(min(length, 1 << 16)))
        elif kind == b"IDAT":
            _add_data(found, start, length)
        elif kind == b"fdAT" and length > 4:
            _add_data(found, start + 4, length - 4)  # behind a sequence number
        elif kind == b"IEND":
            break
        offset = start + length + 4  # behind the checksum
        file.seek(offset)
    return found


def _read_chunk(found: ApngFile, kind: bytes, content: bytes) -> None:
    if kind == b"IHDR":
        found.header = content
    elif kind == b"acTL":
        found.declared = int.from_bytes(content[:4])
    elif kind == b"fcTL":
        found.frames.append(_parse_frame(content, found.canvas))
    else:
        found.shared += make_chunk(kind, content)


def _add_data(found: ApngFile, start: int, length: int) -> None:
    if found.frames:
        found.frames[-1].data.append((start, length))
    else:
        # Data before the first fcTL are the default image, which then is no frame.
        found.has_default_image = True


def _parse_frame(content: bytes, canvas: tuple[int, int]) -> ApngFrame:
    """Parse a fcTL chunk (section 11.3.6.2)."""
    width, height, left, top, numerator, denominator, dispose, blend = struct.unpack_from(
        ">4xIIIIHHBB", content
    )
    if not width or not height or left + width > canvas[1] or top + height > canvas[0]:
        raise ValueError(f"a frame of {width} x {height} at {left}, {top} leaves the canvas")
    delay = numerator / (denominator or DEFAULT_DENOMINATOR)
    return ApngFrame(width, height, left, top, delay, dispose, blend)


def make_chunk(kind: bytes, content: bytes) -> bytes:
    """Make a chunk: length, kind, content, checksum."""
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


# ---------------------------------------------------------------- scenes


def describe(source: Source, _kind: str) -> Description:
    """List the frames; the first is decoded for its samples and type."""
    with translated(source, "reading this APNG image"), opened(source) as file:
        found = scan_chunks(file)
        frames = [frame for frame in found.frames if frame.data]
        if not frames:
            # An image all the same: viewers show the data that no frame owns.
            return imagecodecs_engine.describe(source, "PNG")
        bits = png_bits(found.header)
        # Samples are known once a frame is decoded; one of 8 bits is the least.
        check_size(source, "PNG", found.canvas, np.dtype(np.uint8), bits)
        first = decode_frame(file, found, frames[0])
        metadata, notes = pillow_engine.read_metadata(pillow_engine.open_pillow("PNG", file))
    # All frames share the samples of the first: PLTE and tRNS stand before it.
    shape = (*found.canvas, *first.shape[2:])
    check_size(source, "PNG", shape, first.dtype, bits)
    notes += _frame_notes(found, len(frames), shape)
    count = len(frames)
    described = Frames(source, "apng", "PNG", count, shape, first.dtype)
    if count == 1:
        scene = FrameScene("Image:0", described, moving=False)
    else:
        delays = np.array([frame.delay for frame in frames])
        # A frame begins when the delays of all before it are over.
        seconds = np.concatenate([[0.0], np.cumsum(delays)[:-1]]).astype("<f8").tobytes()
        even = np.ptp(delays) == 0 and delays[0] > 0
        step = float(delays[0]) if even else None
        scene = FrameScene("Image:0", described, True, seconds, step)
    return Description((scene,), metadata, tuple(notes))


def _frame_notes(found: ApngFile, count: int, shape: tuple[int, ...]) -> list[Note]:
    notes = []
    if found.declared > count:
        text = f"the header declares {found.declared} frames, {count} are there"
        notes.append(("fewer-frames", text))
    if found.has_default_image:
        text = "the still image for viewers without APNG is no frame and is not shown"
        notes.append(("hidden-image", text))
    if shape[2:] == (2,):
        notes.append(("sample-meaning", f"S holds {pillow_engine.SAMPLE_MEANINGS['LA']}"))
    return notes


# ---------------------------------------------------------------- pixels


def decode_frame(file: BinaryFile, found: ApngFile, frame: ApngFrame) -> Array:
    """Decode the region of one frame, as a PNG of its own."""
    parts = []
    for start, length in frame.data:
        file.seek(start)
        parts.append(file.read(length))
    size = struct.pack(">II", frame.width, frame.height)
    png = (
        b"\x89PNG\r\n\x1a\n"
        # Depth, colour type, compression, filter and interlace hold for all frames.
        + make_chunk(b"IHDR", size + found.header[8:13])
        + found.shared
        + make_chunk(b"IDAT", b"".join(parts))
        + make_chunk(b"IEND", b"")
    )
    pixels: Array = imagecodecs().png_decode(png)
    return pixels


def read_apng(frames: Frames, start: int, stop: int) -> Array:
    """Compose frames from the first on."""
    return read_in_order(frames, start, stop, lambda: _ApngCursor(frames))


class _ApngCursor:
    """A cursor that holds the canvas."""

    def __init__(self, frames: Frames) -> None:
        self.position = 0
        self._description = frames
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(contextlib.closing(open_checked(frames.source)))
            with translated(frames.source, "reading this APNG image"):
                self._found = scan_chunks(file)
            self._file = file
            self._open = stack.pop_all()
        self._frames = [frame for frame in self._found.frames if frame.data]
        # The canvas begins as transparent black.
        self._canvas = np.zeros(frames.shape, frames.dtype)

    def read(self, start: int, stop: int) -> Array:
        shape, dtype = self._description.shape, self._description.dtype
        out = np.zeros((stop - start, *shape), dtype)
        action = f"decoding frames {start} to {stop - 1} of this APNG image"
        with translated(self._description.source, action):
            while self.position < stop:
                shown = self._advance()
                if self.position > start:
                    out[self.position - 1 - start] = shown
        return out

    def _advance(self) -> Array:
        """Compose the next frame, and dispose of it on the canvas that the one after it gets."""
        frame = self._frames[self.position]
        region = (
            slice(frame.top, frame.top + frame.height),
            slice(frame.left, frame.left + frame.width),
        )
        dispose = frame.dispose
        if self.position == 0 and dispose == DISPOSE_PREVIOUS:
            # There is nothing before the first frame: its region is cleared instead.
            dispose = DISPOSE_BACKGROUND
        # Kept for dispose_op 2, which restores the region as it was before this frame.
        before = self._canvas[region].copy()
        pixels = decode_frame(self._file, self._found, frame)
        if frame.blend == BLEND_OVER:
            pixels = compose_over(pixels, before)
        self._canvas[region] = pixels
        shown = self._canvas.copy()
        if dispose == DISPOSE_BACKGROUND:
            self._canvas[region] = 0
        elif dispose == DISPOSE_PREVIOUS:
            self._canvas[region] = before
        self.position += 1
        return shown

    def close(self) -> None:
        self._open.close()


def compose_over(pixels: Array, canvas: Array) -> Array:
    """Compose pixels over a canvas by their alpha; without alpha they replace it.

    Alpha is not premultiplied in PNG (section 13.16): colours are weighted by it.
    """
    if pixels.ndim < 3 or pixels.shape[-1] not in {2, 4}:
        return pixels
    largest = np.iinfo(pixels.dtype).max
    # Products of two 16-bit samples and a third fit 64 bits.
    alpha = pixels[..., -1:].astype(np.uint64)
    canvas_alpha = canvas[..., -1:].astype(np.uint64)
    # The alpha of the result, times ``largest``, is the sum of both weights.
    weight, canvas_weight = alpha * largest, (largest - alpha) * canvas_alpha
    total = weight + canvas_weight
    colors = pixels[..., :-1] * weight + canvas[..., :-1] * canvas_weight
    composed = np.empty_like(pixels)
    # Where both are transparent the sum is 0, and so is the colour.
    composed[..., :-1] = colors // np.maximum(total, 1)
    composed[..., -1:] = total // largest
    return composed
