"""Damaged ICS, NRRD and PIC files give an image or one of our errors: quickly, in little memory."""

import random
import tempfile
from pathlib import Path

import numpy as np
import pytest

from aicsio.testing.raw_blocks import RawBlockImage, write_raw_block
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, wipe_bytes

VARIANTS = variant_count(120)
"""How many damaged files of each format are tried; 2000 in the full run."""

_PIXELS = np.random.default_rng(1).integers(0, 60000, (3, 9, 11)).astype(np.uint16)
WHOLE = {
    "ics": [RawBlockImage(_PIXELS, "ZYX"), RawBlockImage(_PIXELS, "CYX", "gzip")],
    "nrrd": [RawBlockImage(_PIXELS, "ZYX"), RawBlockImage(_PIXELS, "TYX", "gzip")],
    "pic": [RawBlockImage(_PIXELS, "ZYX"), RawBlockImage(_PIXELS.astype("u1"), "ZYX")],
}


def put_digits(data: bytearray, low: int, _: int, rng: random.Random) -> None:
    """Write digits: sizes of text grow."""
    digits = rng.choice([b"0", b"9", b"99999999", b"-1", b"1e9"])
    data[low : low + len(digits)] = digits


DAMAGES: list[Damage] = [flip_bytes, flip_bytes, put_digits, put_digits, cut_bytes, wipe_bytes]


@pytest.mark.parametrize("suffix", WHOLE)
def test_damaged_files_are_images_or_our_errors(suffix: str) -> None:
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{suffix}"
        files = [write_raw_block(image, path).read_bytes() for image in WHOLE[suffix]]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            data = bytearray(files[variant % len(files)])
            for _ in range(rng.choice([1, 1, 2, 5])):
                at = rng.randrange(min(400, len(data)) if rng.random() < 0.7 else len(data))
                rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    # Damage of this size leaves some files readable: a reader that refused all would pass else.
    assert read > VARIANTS // 8
