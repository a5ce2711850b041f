"""Damaged OIB files and OIF sets give an image or one of our errors: quickly, and in little memory."""

import random
from pathlib import Path

import numpy as np

from aicsio.testing.oif import OifImage, build_oib, build_oif, write_oif
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, takes_long, wipe_bytes

VARIANTS = variant_count(240)
"""How many damaged files are tried; 2000 in the full run."""

_PIXELS = np.random.default_rng(1).integers(0, 60000, (3, 2, 2, 9, 11)).astype(np.uint16)
WHOLE = [
    OifImage(_PIXELS, "TZCYX", version=3),
    OifImage(_PIXELS, "TZCYX", version=3, fragment=1),
    OifImage(_PIXELS, "TZCYX", version=4, compression="lzw", strip_rows=2),
    OifImage(_PIXELS[0], "LCYX", version=3, compression="deflate"),
]
DAMAGES: list[Damage] = [flip_bytes, flip_bytes, cut_bytes, wipe_bytes]


@takes_long
def test_damaged_files_are_images_or_our_errors() -> None:
    rng = random.Random(7)
    files = [build_oib(image) for image in WHOLE]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            data = bytearray(files[variant % len(files)])
            # Lookup tables and padding are most of the file: half of the damage goes to the tables at
            # its end, the header, or the settings.
            places = [
                rng.randrange(512),
                len(data) - 1 - rng.randrange(6000),
                data.index(b"[\0A\0c\0q"),
            ]
            at = rng.choice(places) if rng.random() < 0.5 else rng.randrange(len(data))
            rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    # Damage of this size leaves many files readable: a reader that refused all would pass else.
    assert read > VARIANTS // 3


def test_damaged_members_of_a_folder_are_images_or_our_errors(tmp_path: Path) -> None:
    rng = random.Random(8)
    image = WHOLE[0]
    path = write_oif(image, tmp_path / "cells.oif")
    files = build_oif(image)
    read = 0
    for _ in range(VARIANTS // 4):
        name = rng.choice(list(files))
        where = path if name == path.name else tmp_path / "cells.oif.files" / name
        data = bytearray(files[name])
        rng.choice(DAMAGES)(data, 0, len(data), rng)
        where.write_bytes(data)
        with in_time(name):
            read += try_file(path) > 0
        where.write_bytes(files[name])
    assert read > VARIANTS // 16
