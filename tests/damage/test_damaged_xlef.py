"""Damaged projects of Leica give an image or one of our errors: quickly, and in little memory."""

import random
from pathlib import Path

import numpy as np

from aicsio import AicsioError, open_image
from aicsio.testing.lif import LifImage
from aicsio.testing.xlef import XlefImage, write_xlef
from limits import in_memory, in_time, read_some, shown_levels, variant_count
from support import Damage, cut_bytes, flip_bytes, takes_long, wipe_bytes

VARIANTS = variant_count(240)
_PIXELS = np.random.default_rng(1).integers(0, 250, (2, 2, 3, 9, 11)).astype(np.uint16)
WHOLE = [
    XlefImage(LifImage(_PIXELS, "TCZYX", name="F/a", lengths={"X": 1e-6, "T": 2.0})),
    XlefImage(LifImage(_PIXELS[0], "CZYX", name="F/b"), compression="zlib"),
    XlefImage(LifImage(_PIXELS[0], "CZYX", name="c"), "lof"),
    XlefImage(LifImage(_PIXELS[0, 0], "ZYX", name="d"), "png"),
]


def change_digit(data: bytearray, low: int, _: int, rng: random.Random) -> None:
    """Change a digit of the XML, which keeps it well formed: sizes and strides that lie."""
    for at in range(low, min(low + 4000, len(data))):
        if 48 <= data[at] <= 57:
            data[at] = rng.choice(b"0123456789")
            return


DAMAGES: list[Damage] = [flip_bytes, change_digit, change_digit, cut_bytes, wipe_bytes]


@takes_long
def test_damaged_projects_are_images_or_our_errors(tmp_path: Path) -> None:
    rng = random.Random(7)
    path = write_xlef(tmp_path / "P", WHOLE, encoding="utf-8")
    files = sorted(file for file in path.parent.rglob("*.*") if file.is_file())
    xml = [file for file in files if file.suffix.startswith(".x")]
    images = 0
    with in_memory():
        for variant in range(VARIANTS):
            file = rng.choice(xml if rng.random() < 0.7 else files)
            content = file.read_bytes()
            data = bytearray(content)
            at = rng.randrange(len(data))
            rng.choice(DAMAGES)(data, at, min(at + 64, len(data)), rng)
            file.write_bytes(data)
            with in_time(f"variant {variant}: {file.name}"):
                try:
                    for chosen in shown_levels(open_image(path, format="xlef")):
                        read_some(chosen)
                    images += 1
                except AicsioError:
                    pass
            file.write_bytes(content)
    # Damage of one image leaves the others: a reader that refused all would pass else.
    assert VARIANTS // 4 < images < VARIANTS
