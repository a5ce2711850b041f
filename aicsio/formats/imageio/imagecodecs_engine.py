"""Still images through imagecodecs, which keeps depth, sign and channels as stored.

Rule kept here: the declared size is checked before anything is decoded. Where a header does not
give shape and type, opening decodes the first frame.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from aicsio._codecs import imagecodecs
from aicsio._codecs.image_headers import (
    jpeg2000_size,
    jpeg_size,
    jpegxl_size,
    jpegxr_nbytes,
    jpegxr_size,
    png_size,
    require_jpegls_end,
)
from aicsio._codecs.images import naming_jpeg_variants
from aicsio.errors import AicsioError, UnsupportedFormatError
from aicsio.formats.imageio import pillow_engine
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    FrameScene,
    Note,
    check_shape,
    check_size,
    opened,
    translated,
)
from aicsio.formats.imageio.stored_depth import JPEG_LS, jpeg_frame
from aicsio.records import Source

DECODERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "PNG": ("png_decode", {}),
    "JPEG2000": ("jpeg2k_decode", {}),
    "AVIF": ("avif_decode", {}),
    "JPEG": ("jpeg_decode", {}),
    # The orientation is not applied, as for other formats.
    "JPEGXL": ("jpegxl_decode", {"keeporientation": True}),
    "JPEGXR": ("jpegxr_decode", {}),
    "RGBE": ("rgbe_decode", {}),
}
"""Function of imagecodecs and its options, by the name of the format."""
SIZES: Mapping[str, Callable[[bytes], tuple[int, ...] | None]] = {
    "PNG": png_size,
    "JPEG2000": jpeg2000_size,
    "JPEG": jpeg_size,
    "JPEGXL": jpegxl_size,
    "JPEGXR": jpegxr_size,
}
ANIMATED = frozenset({"JPEGXL", "AVIF"})
"""Formats with several frames."""
BY_INDEX = frozenset({"JPEGXL"})
"""Formats whose decoder reaches any frame at once: frame 299 of 300 as fast as frame 0.

That of AVIF corrupts memory for any frame but the last (imagecodecs 2026.3.6): it decodes all.
"""
LARGEST_SEQUENCE = 1 << 30
"""Bytes of a sequence that is decoded as a whole for each block of frames."""
_SHAPE_OF_ALL = re.compile(r"[^.]shape=\(([\d, ]+)\)")
WITH_PILLOW_METADATA = frozenset({"PNG", "JPEG2000", "AVIF"})
"""Formats whose headers pillow reads for EXIF, text and profiles."""


def describe(source: Source, kind: str) -> Description:
    """Check the declared size, then decode the first frame for its shape and type.

    Raises
    ------
    CorruptFileError
        When the file is damaged, or declares more pixels than it can hold.
    UnsupportedFormatError
        When the pixels are no image.
    """
    with translated(source, f"reading this {kind} image"), opened(source) as file:
        # Codecs of whole images need all bytes: no part of a file decodes alone.
        data = file.read()
        size = SIZES[kind](data) if kind in SIZES else None
        if size is not None:
            check_size(source, kind, size, np.dtype(np.uint8))
        if kind == "JPEGXR" and jpegxr_nbytes(data) > len(data):
            # jxrlib fills the missing part with noise, without an error.
            raise ValueError(f"it needs {jpegxr_nbytes(data)} bytes, the file has {len(data)}")
        metadata: dict[str, Any] = {"format": kind}
        notes: list[Note] = []
        if kind in WITH_PILLOW_METADATA:
            pillow_metadata, notes = _pillow_metadata(source, kind, file)
            metadata |= pillow_metadata
        all_shape = _shape_of_all(kind, data)
        # ``all_shape`` counts samples; those of AVIF have at most two bytes.
        if kind not in BY_INDEX and math.prod(all_shape) > LARGEST_SEQUENCE // 2:
            raise UnsupportedFormatError(f"{source.uri!r} has too many frames to decode at once")
        pixels = _decode(kind, data, 0, 1)[0]
    # The shape of a still image has no axis of frames in front.
    count = all_shape[0] if all_shape[1:] == pixels.shape else 1
    shape = pixels.shape
    if len(shape) not in {2, 3}:
        raise UnsupportedFormatError(f"{source.uri!r} has pixels of shape {shape}: no image")
    check_size(source, kind, shape, pixels.dtype)
    mode = "LA" if len(shape) == 3 and shape[2] == 2 else ""
    if mode:
        meaning = pillow_engine.SAMPLE_MEANINGS[mode]
        notes.append(("sample-meaning", f"S holds {meaning}"))
    if count > 1 and kind not in BY_INDEX:
        notes.append(("sequence-decoded-whole", f"a read of any frame decodes all {count} of them"))
    dtype = pixels.dtype.newbyteorder("=")
    frames = Frames(source, "imagecodecs", kind, count, tuple(shape), dtype, mode)
    return Description((FrameScene("Image:0", frames, count > 1),), metadata, tuple(notes))


def _shape_of_all(kind: str, data: bytes) -> tuple[int, ...]:
    """Return the shape of all frames without decoding them; empty where it is unknown.

    imagecodecs has no function for it, and decoding all takes gigabytes for a few kilobytes of
    blank frames. It compares a given output with dtype and shape before it decodes, and names them
    in its error. Without such a message there is one frame.
    """
    if kind not in ANIMATED:
        return ()
    function, options = DECODERS[kind]
    # The type is compared before the shape, so each is tried: a few microseconds.
    for dtype in ("u1", "u2", "f4", "f2"):
        try:
            getattr(imagecodecs(), function)(data, out=np.empty((1,), dtype), **options)
        except ValueError as error:
            found = _SHAPE_OF_ALL.search(str(error))
            if found:
                return tuple(int(n) for n in found[1].split(",") if n.strip())
    return ()


def _pillow_metadata(source: Source, kind: str, file: Any) -> tuple[dict[str, Any], list[Note]]:
    try:
        image = pillow_engine.open_pillow(kind, file)
        metadata, notes = pillow_engine.read_metadata(image)
        width, height = image.size
        check_size(source, kind, (height, width), np.dtype(np.uint8))
        return metadata, notes
    except AicsioError:
        raise
    except Exception as error:  # noqa: BLE001 - pillow refuses some images that imagecodecs reads
        reason = " ".join(str(error).split())
        return {}, [("no-metadata", f"pillow cannot read the metadata of this image: {reason}")]


def _decode(kind: str, data: bytes, start: int, stop: int) -> Array:
    """Decode frames, stacked; a still image is one frame."""
    function, options = DECODERS[kind]
    if kind == "JPEG" and (jpeg_frame(data) or (0, 0))[0] == JPEG_LS:
        function = "jpegls_decode"
        require_jpegls_end(data)
    decode = getattr(imagecodecs(), function)
    if kind in BY_INDEX:
        frames = [np.asarray(decode(data, index=n, **options)) for n in range(start, stop)]
        return np.stack(frames)
    with naming_jpeg_variants():
        pixels = np.asarray(decode(data, **options))
    all_shape = _shape_of_all(kind, data)
    # Gray frames have no axis of samples; no image has more than four of them.
    is_sequence = len(all_shape) == 4 or (len(all_shape) == 3 and all_shape[-1] > 4)
    if not is_sequence:
        pixels = pixels[None]
    return pixels[start:stop]


def read_imagecodecs(frames: Frames, start: int, stop: int) -> Array:
    """Decode an image, or the requested frames of a sequence."""
    with translated(frames.source, f"decoding this {frames.kind} image"):
        with opened(frames.source) as file:
            data = file.read()
        pixels = _decode(frames.kind, data, start, stop)
        if len(pixels) != stop - start:
            raise ValueError(f"it has fewer than {stop} frames")
        check_shape(frames, pixels[0])
        return pixels
