"""Damaged VSI and ETS files give images or one of our errors: quickly, and in little memory."""

import random
from pathlib import Path

import numpy as np

from aicsio.testing.vsi import VsiImage, build_ets, build_vsi, write_vsi
from limits import in_memory, in_time, try_file, variant_count
from support import Damage, cut_bytes, flip_bytes, takes_long, wipe_bytes

VARIANTS = variant_count(240)
"""How many damaged files are tried; 2000 in the full run."""

_PIXELS = np.random.default_rng(1).integers(0, 60000, (3, 2, 2, 19, 21)).astype(np.uint16)
_COLOUR = np.random.default_rng(1).integers(0, 250, (2, 19, 21, 3)).astype(np.uint8)
WHOLE = [
    VsiImage(_PIXELS, "TZCYX", tile=(8, 9), levels=2),
    VsiImage(_PIXELS[0], "LCYX", tile=(8, 9), corner=(3, 4)),
    VsiImage(_COLOUR, "ZYXS", tile=(16, 16), compression="jpeg2k", background=(255, 255, 255)),
    VsiImage(_COLOUR, "ZYXS", tile=(16, 16), compression="jpeg", has_extents=False),
    VsiImage(_COLOUR, "HYXS", tile=(16, 16), compression="bmp"),
    VsiImage(_COLOUR, "ZYXS", tile=(16, 16), compression="png", missing=(0,)),
]
DAMAGES: list[Damage] = [flip_bytes, flip_bytes, cut_bytes, wipe_bytes]


@takes_long
def test_damaged_pixel_files_are_images_or_our_errors(tmp_path: Path) -> None:
    rng = random.Random(7)
    paths = [write_vsi(image, tmp_path / f"{n}.vsi") for n, image in enumerate(WHOLE)]
    read = 0
    with in_memory():
        for variant in range(VARIANTS):
            number = variant % len(WHOLE)
            data = bytearray(build_ets(WHOLE[number]))
            table = int.from_bytes(data[32:40], "little")
            # Tiles are most of the file: half of the damage goes to the headers and the table.
            places = [rng.randrange(64), 64 + rng.randrange(228), rng.randrange(table, len(data))]
            at = rng.choice(places) if rng.random() < 0.5 else rng.randrange(len(data))
            rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            (tmp_path / f"_{number}_" / "stack1" / "frame_t.ets").write_bytes(data)
            with in_time(f"variant {variant}"):
                # The overview alone has 18 samples.
                read += try_file(paths[number]) > 18
                try_file(bytes(data))
    # Damage of this size leaves many files readable: a reader that refused all would pass else.
    assert read > VARIANTS // 3


def test_damaged_tags_cost_facts_and_never_the_overview(tmp_path: Path) -> None:
    rng = random.Random(8)
    read = 0
    for variant in range(VARIANTS):
        image = WHOLE[variant % len(WHOLE)]
        path = write_vsi(image, tmp_path / "a.vsi")
        data = bytearray(build_vsi([image]))
        # The directory of the TIFF is the last 124 bytes; its header is left as it is.
        at = rng.randrange(12, len(data) - 124)
        rng.choice([flip_bytes, wipe_bytes])(data, at, min(at + 64, len(data) - 124), rng)
        path.write_bytes(data)
        with in_time(f"variant {variant}"):
            read += try_file(path) > 0
    assert read == VARIANTS
