"""Writing that is killed at random moments, and goes on: run by hand with a number of kills.

    python tests/zarr_interrupted.py 50

A process writes a store; this one waits for its first progress and kills it a random time later.
Then the next process goes on. After each kill the old store must be whole, and every shard that
has its name, too. In the end the store must be equal to one that was never interrupted.
"""

import filecmp
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs
import numpy as np

from support import files_of

WRITER = """
import sys
import numpy as np
from aicsio import open_image, write_ome_zarr
from aicsio.writers._zarr import parts

parts.UNIT_BYTES = 1 << 20  # many units, and levels above them
parts.BOX_BYTES = 1 << 18


def show(done, total):
    print(done, total, flush=True)


write_ome_zarr(
    open_image(sys.argv[1]), sys.argv[2], chunks=64, shards=256, overwrite=True, workers=2,
    progress=show, compression="gzip", compression_level=9
)
"""
SHAPE = (3, 1100, 1300)


@attrs.frozen
class Interruptions:
    """What happened to the processes."""

    kills: int
    """Processes that were killed."""
    resumed: int
    """Processes whose first progress was more than one box: they went on."""


def make_source(folder: Path) -> Path:
    """Write an image whose pixels take a while to compress."""
    from aicsio import open_image, write_ome_tiff

    pixels = np.random.default_rng(3).poisson(90, SHAPE).astype(np.uint16)
    return Path(
        write_ome_tiff(
            open_image(pixels, dims="ZYX"), folder / "source.ome.tiff", compression=None
        ).path
    )


def interrupt(folder: Path, kills: int, seed: int) -> Interruptions:
    """Kill the writer ``kills`` times, let the last one end, and compare.

    Raises
    ------
    AssertionError
        When a shard is half, the old store is damaged, or the new one differs in the end.
    """
    from aicsio import open_image, write_ome_zarr

    source, chance = make_source(folder), random.Random(seed)
    whole, target = folder / "whole.zarr", folder / "target.zarr"
    subprocess.run([sys.executable, "-c", WRITER, str(source), str(whole)], check=True, stdout=-3)
    write_ome_zarr(open_image(np.full((50, 60), 7, np.uint8)), target)
    old = files_of(target)
    done, resumed = 0, 0
    while done < kills:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(source), str(target)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline().split()
        # Writing takes about a second; a process that ends before it is killed wrote the store.
        ended = False
        try:
            process.wait(chance.random() * 1.2)
            ended = True
        except subprocess.TimeoutExpired:
            process.kill()
        process.stdout.close()
        process.wait()
        resumed += bool(first) and int(first[0]) > 256 * 256 * 2
        if ended and process.returncode == 0:
            compare(whole, target)
            # Begin anew, with an old store in its place.
            write_ome_zarr(open_image(np.full((50, 60), 7, np.uint8)), target, overwrite=True)
            old = files_of(target)
            continue
        done += 1
        current = files_of(target)
        assert current in (old, files_of(whole)), "the store is neither the old nor the new one"
        check_shards(folder / ".target.zarr.part" / "store")
    subprocess.run([sys.executable, "-c", WRITER, str(source), str(target)], check=True, stdout=-3)
    compare(whole, target)
    assert not (folder / ".target.zarr.part").exists()
    return Interruptions(done, resumed)


def compare(whole: Path, target: Path) -> None:
    """Raise unless two stores have the same files."""
    assert files_of(whole).keys() == files_of(target).keys()
    for name in files_of(whole):
        assert filecmp.cmp(whole / name, target / name, shallow=False), name


def check_shards(store: Path) -> None:
    """Raise unless each shard that has its name is whole: its index agrees with its checksum."""
    from aicsio.writers._zarr import shards

    for path in store.glob("*/c/**/*"):
        if path.is_file() and not path.name.endswith(".part"):
            data = path.read_bytes()
            counts = (1, 4, 16)
            assert any(
                len(data) > shards.index_bytes(count)
                and shards.read_index(data[-shards.index_bytes(count) :]) is not None
                for count in range(1, max(counts) + 1)
            ), path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(interrupt(Path(name), int(sys.argv[1]), seed=os.getpid()))
