"""Damaged plates give an image or one of our errors: quickly, and in little memory."""

import random
import resource
import time
from pathlib import Path

import pytest

from aicsio import (
    AicsioError,
    ome_xml,
    open_image,
    plane_table,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.testing.plates import WRITERS, PlateSpec, write_plate
from limits import variant_count
from support import Damage, cut_bytes, flip_bytes, mostly_long, wipe_bytes

VARIANTS = variant_count(120) // 6
"""Damaged folders of each format; 2000 in all in the full run."""
SECONDS = 5.0
BYTES = 1 << 30
MOST_PIXELS = 1 << 22
WHOLE = PlateSpec(fields=2, T=2, Z=2)
DAMAGES: list[Damage] = [flip_bytes, flip_bytes, cut_bytes, wipe_bytes]


def grow_number(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    """Write a large number where digits stand, as a damaged count is."""
    digits = [at for at in range(low, high) if 48 <= data[at] < 58]
    if digits:
        at = rng.choice(digits)
        data[at : at + 1] = str(rng.choice([0, 999, 10**6, 2**31, 2**63, -1])).encode()


def try_plate(path: Path) -> int:
    """Open a plate and read what it shows; returns how many pixels were read."""
    count = 0
    try:
        handle = open_image(path)
        ome_xml(handle)
        for index in range(min(len(handle.scenes), 8)):
            scene = select_scene(handle, index)
            if scene.array.size > MOST_PIXELS:
                scene = transpose_to(scene, "YX", T=0, C=0, Z=0, Y=slice(0, 8), X=slice(0, 8))
            count += to_numpy(scene).size
            plane_table(scene)
    except AicsioError:
        pass
    return count


@pytest.mark.parametrize("kind", mostly_long(sorted(WRITERS), "harmony", "metamorph"))
def test_damaged_plates_are_images_or_our_errors(kind: str, tmp_path: Path) -> None:
    rng = random.Random(11)
    index = write_plate(WHOLE, kind, tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    images = [path for path in files if path.suffix.lower() in {".tif", ".tiff", ".stk"}]
    texts = [path for path in files if path not in images]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = 0
    for variant in range(VARIANTS):
        # Most damage goes into the index, which a plate has once.
        path = rng.choice(texts if rng.random() < 0.8 else images)
        whole = path.read_bytes()
        data = bytearray(whole)
        at = rng.randrange(len(data))
        rng.choice([*DAMAGES, grow_number, grow_number])(data, at, min(at + 64, len(data)), rng)
        path.write_bytes(data)
        start = time.process_time()
        read += try_plate(index) > 0
        assert time.process_time() - start < SECONDS, f"variant {variant}: {path.name}"
        path.write_bytes(whole)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < BYTES
    # Damage of this size leaves many plates readable: a reader that refused all would pass else.
    assert read > VARIANTS // 4
