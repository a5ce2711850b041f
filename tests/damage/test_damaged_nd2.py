"""Damaged ND2 files give an image or one of our errors: quickly, and in little memory.

Frames in front of the first damaged byte equal the original where the file opens.
"""

import random

import numpy as np
import pytest

from aicsio import AicsioError, open_image, select_scene, to_numpy, transpose_to
from aicsio.testing.nd2 import Nd2Image, build_nd2
from aicsio.testing.nd2_boxes import build_boxed_nd2
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, wipe_bytes

VARIANTS = variant_count(240)
"""How many damaged files are tried; 2000 in the full run."""

_PIXELS = np.random.default_rng(1).integers(0, 60000, (2, 3, 2, 2, 9, 11)).astype(np.uint16)
WHOLE = [
    Nd2Image(_PIXELS, "PTZCYX", positions=(("a", 0.0, 0.0), ("b", 1.0, 1.0))),
    Nd2Image(_PIXELS[0], "TZCYX", compressed=True),
    Nd2Image(_PIXELS[0, :, 0], "TCYX", version="2.1"),
    Nd2Image(_PIXELS[0, :, 0], "TCYX", has_map=False),
    Nd2Image(_PIXELS[0, :, 0, :, :, :3].astype(np.uint8), "TYXS"),
]
DAMAGES: list[Damage] = [flip_bytes, flip_bytes, cut_bytes, wipe_bytes]


def test_damaged_files_are_images_or_our_errors() -> None:
    rng = random.Random(7)
    files = [build_nd2(image) for image in WHOLE]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            data = bytearray(files[variant % len(files)])
            # Most bytes are padding: half of the damage goes where metadata and the map lie.
            used = np.flatnonzero(np.frombuffer(data, np.uint8))
            at = int(rng.choice(used[-3000:] if rng.random() < 0.5 else used))
            rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    # Damage of this size leaves most files readable: a reader that refused all would pass else.
    assert read > VARIANTS // 2


def test_damaged_files_of_boxes_are_images_or_our_errors() -> None:
    rng = random.Random(8)
    pixels = np.random.default_rng(1).integers(0, 60000, (2, 3, 2, 19, 21)).astype(np.uint16)
    colour = np.repeat(pixels[0, :, 0, :, :, None] // 256, 3, axis=-1).astype(np.uint8)
    images = [Nd2Image(pixels, "PTCYX"), Nd2Image(colour, "TYXS"), Nd2Image(pixels[0], "ZCYX")]
    files = [build_boxed_nd2(image) for image in images]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            data = bytearray(files[variant % len(files)])
            start = len(data) - int.from_bytes(data[-8:], "little")
            # Half of the damage goes to the map and the signature behind it.
            at = rng.randrange(start if rng.random() < 0.5 else 0, len(data))
            rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    assert read > VARIANTS // 3


@pytest.mark.parametrize("number", [0, 5, 11])
def test_frames_that_are_not_damaged_stay(number: int) -> None:
    image = WHOLE[0]
    data = bytearray(build_nd2(image))
    name = f"ImageDataSeq|{number}!".encode()
    at = data.index(name)
    data[at - 16 : at] = bytes(16)  # the header of one frame
    handle = open_image(bytes(data))
    for position in range(2):
        scene = select_scene(handle, position)
        for t in range(3):
            for z in range(2):
                plane = transpose_to(scene, "CYX", T=t, Z=z)
                if (position * 3 + t) * 2 + z == number:
                    with pytest.raises(AicsioError, match="0xabeceda"):
                        to_numpy(plane)
                else:
                    assert np.array_equal(to_numpy(plane), image.pixels[position, t, z])
