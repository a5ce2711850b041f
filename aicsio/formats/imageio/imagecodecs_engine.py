"""Still images through imagecodecs, which keeps depth, sign and channels as stored.

Rule kept here: the declared size is checked before anything is decoded. Where a header does not
give shape and type, opening decodes the image once.
"""

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
)
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
"""Formats in which a first axis beyond an image is that of frames."""
WITH_PILLOW_METADATA = frozenset({"PNG", "JPEG2000", "AVIF"})
"""Formats whose headers pillow reads for EXIF, text and profiles."""


def describe(source: Source, kind: str) -> Description:
    """Check the declared size, then decode the image once for its shape and type."""
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
        pixels = _decode(kind, data)
    # imagecodecs puts frames in front, and leaves out the axis of samples of gray.
    moving = kind in ANIMATED and _is_animation(pixels)
    count, shape = (pixels.shape[0], pixels.shape[1:]) if moving else (1, pixels.shape)
    if len(shape) not in {2, 3}:
        raise UnsupportedFormatError(f"{source.uri!r} has pixels of shape {shape}: no image")
    check_size(source, kind, shape, pixels.dtype)
    mode = "LA" if len(shape) == 3 and shape[2] == 2 else ""
    if mode:
        meaning = pillow_engine.SAMPLE_MEANINGS[mode]
        notes.append(("sample-meaning", f"S holds {meaning}"))
    dtype = pixels.dtype.newbyteorder("=")
    frames = Frames(source, "imagecodecs", kind, count, tuple(shape), dtype, mode)
    return Description((FrameScene("Image:0", frames, moving),), metadata, tuple(notes))


def _is_animation(pixels: Array) -> bool:
    """Return whether the first axis is that of frames: (T, Y, X, S), or (T, Y, X) of gray."""
    return pixels.ndim == 4 or (pixels.ndim == 3 and pixels.shape[-1] > 4)


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


def _decode(kind: str, data: bytes) -> Array:
    function, options = DECODERS[kind]
    pixels: Array = np.asarray(getattr(imagecodecs(), function)(data, **options))
    return pixels


def read_imagecodecs(frames: Frames, start: int, stop: int) -> Array:
    """Decode an image, or the requested frames of an animation."""
    with translated(frames.source, f"decoding this {frames.kind} image"):
        with opened(frames.source) as file:
            pixels = _decode(frames.kind, file.read())
        if frames.count == 1:
            pixels = pixels[None]
        # Frames build on each other, so all are decoded, whichever are requested.
        chosen = pixels[start:stop]
        check_shape(frames, chosen[0])
        return chosen
