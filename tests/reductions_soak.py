"""Memory and time of ``project`` and ``statistics`` of an image of many GiB, by a command.

    python tests/reductions_soak.py 8

The image is an MRC stack of 4096 x 4096 uint16 whose pixels are a hole in the file, so that it takes no disk. Each
reduction runs in a process of its own, whose largest memory is compared with that before the reduction.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import aicsio
from aicsio.testing.mrc import MrcImage, write_mrc

SIDE = 4096
HOWS = ("max", "min", "mean", "sum", "std", "statistics")


def make(path: Path, gib: int) -> None:
    """Write a header, and a hole for the pixels."""
    one = np.zeros((1, SIDE, SIDE), np.uint16)
    write_mrc(MrcImage(one, "ZYX", kind="mrc", extended=False), path)
    header_nbytes = path.stat().st_size - one.nbytes
    count = (gib << 30) // one.nbytes
    with path.open("r+b") as file:
        # nz and mz: words 3 and 10 of the header (MRC2014).
        for word in (3, 10):
            file.seek(4 * (word - 1))
            file.write(count.to_bytes(4, "little"))
        file.truncate(header_nbytes + count * one.nbytes)


def peak() -> int:
    """Return the largest memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(path: str, how: Any) -> None:
    """Reduce once, and print what it took."""
    image = aicsio.open_image(path)
    before, start, cpu = peak(), time.perf_counter(), time.process_time()
    nbytes = 0
    if how == "statistics":
        aicsio.statistics(image)
    else:
        nbytes = aicsio.project(image, "Z", how=how).nbytes
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    above = (peak() - before - nbytes) / 2**20
    print(f"{how:10}  {seconds:6.1f} s  processors {cpu:6.1f} s  {above:5.0f} MiB above the result")


def main() -> None:
    """Make the file, and reduce it in each way."""
    if len(sys.argv) > 2:
        run(sys.argv[1], sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.mrc")
        make(path, int(sys.argv[1]))
        for how in HOWS:
            subprocess.run([sys.executable, __file__, str(path), how], check=True)


if __name__ == "__main__":
    main()
