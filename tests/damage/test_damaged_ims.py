"""Damaged Imaris files give an image or one of our errors: quickly, and in little memory.

They are opened in a process of their own: h5py parses their index in C, and a test that it took
down with it would prove nothing. What a child did is read from its last line.
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from aicsio import AicsioError, open_image
from aicsio.testing.ims import ImsImage, write_ims
from limits import MEMORY, SECONDS, in_memory, in_time, read_some, shown_levels, variant_count
from support import Damage, cut_bytes, flip_bytes, takes_long, wipe_bytes

pytest.importorskip("h5py")

VARIANTS = variant_count(240)
_PIXELS = np.random.default_rng(1).integers(0, 60000, (2, 2, 5, 20, 22)).astype(np.uint16)
WHOLE = [
    ImsImage(_PIXELS, "TCZYX", levels=2, filters=("shuffle", "gzip"), objects={"Points": 2}),
    ImsImage(_PIXELS, "TCZYX", chunk=None),
    ImsImage(_PIXELS, "TCZYX", filters=("lzf",)),
    ImsImage(_PIXELS, "TCZYX", filters=("lz4",)),
    ImsImage(_PIXELS, "TCZYX", filters=("zstd",)),
    ImsImage(_PIXELS, "TCZYX", filters=()),
]
NUMBERS = (0, 1, 2, 96, 255, 0x7F, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)


def set_number(data: bytearray, low: int, _: int, rng: random.Random) -> None:
    """Write one of the numbers that tables break at."""
    width = rng.choice([1, 2, 4, 8])
    number = rng.choice(NUMBERS) & ((1 << 8 * width) - 1)
    data[low : low + width] = number.to_bytes(width, "little")


DAMAGES: list[Damage] = [flip_bytes, flip_bytes, set_number, set_number, cut_bytes, wipe_bytes]


def damaged(files: list[bytes], variant: int) -> bytes:
    """A file with some damage; the same for each number."""
    rng = random.Random(variant)
    data = bytearray(files[variant % len(files)])
    used = np.flatnonzero(np.frombuffer(data, np.uint8))
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = int(rng.choice(used))
        if at < len(data):
            rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
    return bytes(data)


def try_all(count: int) -> int:
    """Open and read each variant, and return how many showed an image."""
    images = 0
    with tempfile.TemporaryDirectory() as folder:
        files = [write_ims(image, Path(folder) / "a.ims").read_bytes() for image in WHOLE]
    with in_memory():
        for variant in range(count):
            data = damaged(files, variant)
            with in_time(f"variant {variant}"):
                try:
                    for chosen in shown_levels(open_image(data, format="ims")):
                        read_some(chosen)
                    images += 1
                except AicsioError:
                    pass
    return images


@takes_long
def test_damaged_files_are_images_or_our_errors() -> None:
    code = f"import test_damaged_ims as t; print(t.try_all({VARIANTS}))"
    paths = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    started = f"import sys; sys.path[:0] = {paths}; {code}"
    done = subprocess.run(
        [sys.executable, "-c", started], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{SECONDS} s, {MEMORY} bytes: {done.stderr[-2000:]}"
    # Half of the damage hits pixels: a reader that refused all would pass else.
    assert VARIANTS // 4 < int(done.stdout) < VARIANTS
