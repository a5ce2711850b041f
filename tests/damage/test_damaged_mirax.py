"""Damaged MIRAX slides give images or one of our errors: quickly, and in little memory."""

import random
import re
from pathlib import Path

import numpy as np

from aicsio.testing.mirax import MiraxImage, write_mirax
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, wipe_bytes

VARIANTS = variant_count(240)
"""How many damaged slides are tried; 2000 in the full run."""

_PHOTOS = np.random.default_rng(1).integers(0, 250, (3, 2, 16, 24, 3)).astype(np.uint8)
WHOLE = [
    MiraxImage(_PHOTOS, (2, 4), levels=3, pictures=("label", "macro"), page=3),
    MiraxImage(_PHOTOS, (2, 4), levels=3, divisions=1, positions="packed", image_format="JPEG"),
    MiraxImage(_PHOTOS, (2, 4), levels=2, divisions=4, first_step=2, filters=("a", "b", "c")),
    MiraxImage(_PHOTOS, (2, 4), levels=2, image_format="BMP24", positions="none"),
]
NUMBERS = (0, 1, 2, 255, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def set_number(data: bytearray, low: int, _: int, rng: random.Random) -> None:
    """Write one of the numbers that pointers, counts and positions break at."""
    data[low : low + 4] = rng.choice(NUMBERS).to_bytes(4, "little")


DAMAGES: list[Damage] = [flip_bytes, flip_bytes, set_number, set_number, cut_bytes, wipe_bytes]


def change_setting(text: str, rng: random.Random) -> str:
    """Put another number in place of one value of the settings, or take a line out."""
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    if rng.random() < 0.2:
        del lines[at]
        return "\n".join(lines)
    number = rng.choice(["0", "-1", "1", "2", "7", "4096", "1e9", "nan", "2147483647", "", "JPEG"])
    lines[at] = re.sub(r"(?<== ).*", number, lines[at])
    return "\n".join(lines)


def test_damaged_slides_are_images_or_our_errors(tmp_path: Path) -> None:
    rng = random.Random(7)
    paths = [write_mirax(image, tmp_path / f"{n}.mrxs") for n, image in enumerate(WHOLE)]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            path = paths[variant % len(paths)]
            settings = path.with_suffix("") / "Slidedat.ini"
            file = rng.choice([settings, *sorted(path.with_suffix("").glob("*.dat"))])
            whole = file.read_bytes()
            if file == settings:
                file.write_text(change_setting(whole.decode("utf-8-sig"), rng), "utf-8")
            else:
                data = bytearray(whole)
                for _ in range(rng.choice([1, 1, 3])):
                    at = rng.randrange(5, max(len(data), 6))
                    rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
                file.write_bytes(data)
            with in_time(f"variant {variant}, {file.name}"):
                read += try_file(path) > 0
            file.write_bytes(whole)
    # Damage of this size leaves many slides readable: a reader that refused all would pass else.
    assert read > VARIANTS // 4
