"""Damaged slides in DICOM give an image or one of our errors: quickly, and in little memory."""

import random
import tempfile
from pathlib import Path

import numpy as np

from aicsio.testing.dicom import DicomImage, write_dicom
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, wipe_bytes

VARIANTS = variant_count(240)
"""How many damaged files are tried; 2000 in the full run."""

_PIXELS = np.random.default_rng(1).integers(0, 250, (2, 2, 40, 50)).astype(np.uint8)
_COLOUR = np.random.default_rng(2).integers(0, 250, (40, 50, 3)).astype(np.uint8)
WHOLE = [
    DicomImage(_PIXELS, "CZYX", tile=(16, 16), compression="rle"),
    DicomImage(_PIXELS, "CZYX", tile=(16, 16), tiling="sparse", undefined=True),
    DicomImage(_COLOUR, tile=(16, 16), compression="jpeg", offsets="extended", tiling="sparse"),
    DicomImage(_COLOUR, tile=(16, 16), compression="jpeg2k", offsets="none", fragments=2),
    DicomImage(_COLOUR, tile=(16, 16), compression="implicit", planar=True, tiling="sparse"),
]
NUMBERS = (0, 1, 2, 255, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def set_number(data: bytearray, low: int, _: int, rng: random.Random) -> None:
    """Write one of the numbers that lengths and sizes break at."""
    width = rng.choice([2, 4])
    number = rng.choice(NUMBERS) & ((1 << 8 * width) - 1)
    data[low : low + width] = number.to_bytes(width, "little")


DAMAGES: list[Damage] = [flip_bytes, flip_bytes, set_number, set_number, cut_bytes, wipe_bytes]


def test_damaged_files_are_images_or_our_errors() -> None:
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        files = [write_dicom(image, Path(folder)).read_bytes() for image in WHOLE]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            data = bytearray(files[variant % len(files)])
            for _ in range(rng.choice([1, 1, 2, 5])):
                # The elements are the larger part of the first file, the pixels of the others.
                at = rng.randrange(132, 1400 if rng.random() < 0.5 else len(data))
                if at < len(data):
                    rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    # Damage of this size leaves many files readable: a reader that refused all would pass else.
    assert read > VARIANTS // 4


def test_damaged_files_of_a_series_are_images_or_our_errors(tmp_path: Path) -> None:
    rng = random.Random(8)
    image = DicomImage(_COLOUR, tile=(16, 16), levels=2, split=4, pictures=("LABEL",))
    path = write_dicom(image, tmp_path)
    others = sorted(one for one in tmp_path.iterdir() if one != path)
    whole = {one: one.read_bytes() for one in others}
    for _ in range(VARIANTS // 8):
        chosen = rng.choice(others)
        data = bytearray(whole[chosen])
        rng.choice(DAMAGES)(data, rng.randrange(132, 1400), len(data), rng)
        chosen.write_bytes(data)
        # The file itself is whole: it opens, whatever lies beside it.
        with in_time(f"damage of {chosen.name}"):
            try_file(path)
        chosen.write_bytes(whole[chosen])
