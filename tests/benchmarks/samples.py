"""The files that are measured, and where their pixels lie.

Pixels: counts of photons. Sixty round spots of 50 to 900 photons lie on a background that rises from 80 to 120, and
each pixel is drawn from the Poisson distribution of its mean: what a camera gives, so that a codec has real work (zlib
makes 63 % of it). Four such frames are drawn; the planes are these, rolled, so that no two are equal.
"""

import os
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
import numpy.typing as npt
import tifffile

FRAMES = 4
SPOTS = 60


@attrs.frozen
class Sample:
    """One file."""

    name: str
    """Shown in the table."""
    letters: str
    """Axes, such as ``"TZYX"``."""
    shape: tuple[int, ...]
    """Sizes of the axes."""
    compression: Literal["zlib", "zstd", "zstd1", "jpegxr"] | None
    """Name that tifffile or CZI has for it; ``None`` for raw pixels."""
    tile: int | None = None
    """Height and width of tiles; ``None`` for one strip a plane."""
    container: Literal["TIFF", "CZI", "LIF", "OIB", "ND2", "IMS", "LOF", "Zarr"] = "TIFF"
    """Kind of file."""

    @property
    def planes(self) -> int:
        """How many planes there are."""
        return int(np.prod(self.shape[:-2]))


@attrs.frozen(eq=False)
class Ranges:
    """Where the strips or tiles of a file are: what a reader knows once it has opened it."""

    path: Path
    shape: tuple[int, int, int]
    """Planes, rows, columns."""
    tile: tuple[int, int]
    """Rows and columns of a strip or tile."""
    compression: str | None
    offsets: tuple[int, ...]
    counts: tuple[int, ...]


def samples(planes: int, size: int, tiny_planes: int, tiny_size: int, tile: int) -> list[Sample]:
    """List the files: few large planes, and many tiny ones; raw, zlib, zstd."""
    tiny = (max(tiny_planes // 100, 1), min(tiny_planes, 100), tiny_size, tiny_size)
    ways: tuple[Literal["zlib", "zstd"] | None, ...] = (None, "zlib", "zstd")
    large = [
        Sample(way or "raw", "ZYX", (planes, size, size), way, tile if way else None)
        for way in ways
    ]
    return large + [Sample(f"tiny {way or 'raw'}", "TZYX", tiny, way, None) for way in ways]


def pixels(sample: Sample) -> npt.NDArray[np.uint16]:
    """Draw the pixels of a sample."""
    size = sample.shape[-1]
    rng = np.random.default_rng(20)
    frames = [rng.poisson(_means(rng, size)).astype(np.uint16) for _ in range(FRAMES)]
    stack = np.empty((sample.planes, size, size), np.uint16)
    for index in range(sample.planes):
        stack[index] = np.roll(frames[index % FRAMES], (17 * index, 29 * index), (0, 1))
    return stack.reshape(sample.shape)


def _means(rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[:size, :size] / size
    means: npt.NDArray[np.float64] = 80 + 40 * x * y
    for _ in range(SPOTS):
        (row, column), width, height = rng.random(2), rng.uniform(0.01, 0.06), rng.uniform(50, 900)
        means += height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
    return means


def write(sample: Sample, folder: Path) -> Path:
    """Write a sample as OME-TIFF, by tifffile, and wait until the disk has it."""
    path = folder / f"{sample.name.replace(' ', '-')}.ome.tif"
    tile = (sample.tile, sample.tile) if sample.tile else None
    tifffile.imwrite(
        path,
        pixels(sample),
        ome=True,
        photometric="minisblack",
        metadata={"axes": sample.letters},
        compression=sample.compression,
        tile=tile,
    )
    # What is still on its way to the disk would disturb the first rounds.
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    return path


def ranges(sample: Sample, path: Path) -> Ranges:
    """Say where the pixels of a TIFF lie, as tifffile sees it."""
    rows, columns = sample.shape[-2:]
    with tifffile.TiffFile(path) as file:
        offsets = [offset for page in file.pages for offset in page.dataoffsets]
        counts = [count for page in file.pages for count in page.databytecounts]
    tile = (sample.tile or rows, sample.tile or columns)
    return Ranges(
        path,
        (sample.planes, rows, columns),
        tile,
        sample.compression,
        tuple(offsets),
        tuple(counts),
    )
