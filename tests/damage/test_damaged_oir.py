"""Damaged OIR files give an image or one of our errors: quickly, and in little memory."""

import random
from pathlib import Path

import numpy as np

from aicsio.testing.oir import OirImage, build_oir, write_oir
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, wipe_bytes

VARIANTS = variant_count(240)
"""How many damaged files are tried; 2000 in the full run."""

_PIXELS = np.random.default_rng(1).integers(0, 60000, (3, 2, 2, 9, 11)).astype(np.uint16)
WHOLE = [
    OirImage(_PIXELS, "TZCYX"),
    OirImage(_PIXELS, "TZCYX", chunk_nbytes=50, scattered=True),
    OirImage(_PIXELS[0], "LCYX"),
    OirImage(_PIXELS[0], "ZCYX", has_index=False),
]
DAMAGES: list[Damage] = [flip_bytes, flip_bytes, cut_bytes, wipe_bytes]


def test_damaged_files_are_images_or_our_errors() -> None:
    rng = random.Random(7)
    files = [build_oir(image)[0] for image in WHOLE]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            data = bytearray(files[variant % len(files)])
            # XML is most of the file: half of the damage goes to the header, the index, and tags.
            places = [
                rng.randrange(96),
                len(data) - 1 - rng.randrange(400),
                data.index(b"_0_1_0000") - 20,
            ]
            at = rng.choice(places) if rng.random() < 0.5 else rng.randrange(len(data))
            rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            with in_time(f"variant {variant}"):
                read += try_file(bytes(data)) > 0
    # Damage of this size leaves many files readable: a reader that refused all would pass else.
    assert read > VARIANTS // 3


def test_damaged_continuations_are_images_or_our_errors(tmp_path: Path) -> None:
    rng = random.Random(8)
    path = write_oir(OirImage(_PIXELS, "TZCYX", split=2), tmp_path / "cells.oir")
    whole = (tmp_path / "cells_00001").read_bytes()
    for _ in range(VARIANTS // 8):
        data = bytearray(whole)
        rng.choice(DAMAGES)(data, 0, len(data), rng)
        (tmp_path / "cells_00001").write_bytes(data)
        # The file itself is whole: it opens, whatever continues it.
        with in_time("a damaged continuation"):
            assert try_file(path) > 0
