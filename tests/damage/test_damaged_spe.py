"""Damaged SPE files give an image or one of our errors: quickly, in little memory."""

import random

import numpy as np

from aicsio.testing.spe import SpeImage, build_spe
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, wipe_bytes

VARIANTS = variant_count(240)
"""How many damaged files are tried."""

_PIXELS = np.random.default_rng(1).integers(0, 60000, (3, 9, 11)).astype(np.uint16)
WHOLE = [
    SpeImage((_PIXELS, _PIXELS[:, :2]), 2),
    SpeImage((_PIXELS,), wavelengths=True, binning=2),
    SpeImage((_PIXELS, _PIXELS[:, :2, :5]), padding=8),
]
FIELDS = (10, 20, 42, 108, 172, 656, 678, 1446, 1510, 1512, 1514, 1516, 1992, 2996)
"""Bytes of the header that decide."""


def put_digits(data: bytearray, low: int, _: int, rng: random.Random) -> None:
    """Write digits: numbers of the XML grow."""
    digits = rng.choice([b"0", b"9", b"99999999", b"-1", b"1e9"])
    data[low : low + len(digits)] = digits


DAMAGES: list[Damage] = [flip_bytes, flip_bytes, put_digits, put_digits, cut_bytes, wipe_bytes]


def test_damaged_files_are_images_or_our_errors() -> None:
    rng = random.Random(7)
    files = [build_spe(image) for image in WHOLE]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            data = bytearray(files[variant % len(files)])
            for _ in range(rng.choice([1, 1, 2, 5])):
                at = rng.randrange(4100, max(len(data), 4101))
                if rng.random() < 0.4:
                    at = rng.choice(FIELDS)
                # An earlier cut may have taken the place.
                at = min(at, len(data) - 1)
                rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    # Damage of this size leaves some files readable: a reader that refused all would pass else.
    assert read > VARIANTS // 8
