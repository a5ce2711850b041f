"""HEIF of more than 8 bits, through pillow-heif, whose plug-in for pillow narrows it to 8.

Rule kept here: samples are those of the decoder, neither narrowed to 8 bits nor stretched to 16.

Source of the facts: pillow-heif 1.x, "Options" (``convert_hdr_to_8bit``, ``hdr_to_16bit``); its
modes are ``RGB;10``, ``RGBA;12``, ``I;10`` (gray) and the like.
"""

from typing import Any

import numpy as np

from aicsio._io.readers import BinaryFile
from aicsio.formats.imageio import pillow_engine
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    FrameScene,
    check_shape,
    check_size,
    opened,
    translated,
)
from aicsio.records import Source

SAMPLES = {"L": (), "I": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}
"""Axis of samples by the first part of a mode."""


def open_heif(file: BinaryFile) -> Any:
    """Open the images of a file at their depth; pixels are decoded later."""
    pillow_heif = pillow_engine.import_heif()
    file.seek(0)
    return pillow_heif.open_heif(file, convert_hdr_to_8bit=False, hdr_to_16bit=False)


def describe(source: Source, kind: str) -> Description:
    """Read the headers; each image of the file is a scene."""
    with translated(source, f"reading the header of this {kind} image"), opened(source) as file:
        metadata, notes = pillow_engine.read_metadata(pillow_engine.open_pillow(kind, file))
        scenes = []
        for number, image in enumerate(open_heif(file)):
            width, height = image.size
            letters, _, bits = image.mode.partition(";")
            shape = (height, width, *SAMPLES[letters])
            dtype = np.dtype(np.uint16 if bits else np.uint8)
            check_size(source, kind, shape, dtype)
            frames = Frames(source, "heif", kind, 1, shape, dtype, image.mode, number)
            scenes.append(FrameScene(f"Image:{number}", frames, moving=False))
    metadata["mode"] = scenes[0].frames.mode
    return Description(tuple(scenes), metadata, tuple(notes))


def read_heif(frames: Frames, _start: int, _stop: int) -> Array:
    """Decode one image."""
    action = f"decoding this {frames.kind} image"
    with translated(frames.source, action), opened(frames.source) as file:
        pixels = np.asarray(open_heif(file)[frames.first])
        return check_shape(frames, pixels)[None]
