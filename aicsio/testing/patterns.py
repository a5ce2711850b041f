"""Pixels by rule: every value follows from the description of its image, so that tests keep no arrays.

Rule kept here: the same bits on every machine and with every numpy; whole numbers are hashed, none drawn.
"""

from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.records import Dims, PixelSize

DTYPES = (
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
"""Pixel types that a TIFF file can hold and numpy has a name for."""

DimensionOrder: TypeAlias = Literal["XYZCT", "XYZTC", "XYCTZ", "XYCZT", "XYTCZ", "XYTZC"]


UNKNOWN = PixelSize()


@attrs.frozen
class ImageSpec:
    """One image of a file: its size, its pixels and its names."""

    T: int = 1
    """Time points."""
    C: int = 1
    """Channels, each of ``samples`` samples."""
    Z: int = 1
    """Sections."""
    Y: int = 32
    """Rows."""
    X: int = 48
    """Columns."""
    samples: int = 1
    """Samples of a pixel: 1, or 2 to 4 for RGB and the like."""
    dtype: str = "uint16"
    """Name of a numpy type, one of ``DTYPES``."""
    order: DimensionOrder = "XYZCT"
    """Order of the planes in the file, fastest first, as OME writes it."""
    planar: bool = False
    """Whether the samples of a plane are stored one after the other, not pixel by pixel."""
    levels: int = 1
    """Resolution levels, each of half the rows and columns of the one before, rounded up."""
    name: str | None = None
    """Name of the image; ``None`` for none in the file."""
    channel_names: tuple[str, ...] = ()
    """One name a channel, or none at all."""
    pixel_size: PixelSize = UNKNOWN
    """Micrometres; ``None`` for what the file is not to say."""
    time_step: float | None = None
    """Seconds between time points; ``None`` for what the file is not to say."""
    seed: int = 0
    """Different seeds give different pixels."""

    def __attrs_post_init__(self) -> None:
        if min(self.T, self.C, self.Z, self.Y, self.X, self.samples, self.levels) < 1:
            raise ValueError(f"sizes, samples and levels begin at 1: {self}")
        if self.dtype not in DTYPES:
            raise ValueError(f"no pixels of type {self.dtype!r}: there are {', '.join(DTYPES)}")
        if self.levels > most_levels(self.Y, self.X):
            raise ValueError(
                f"{self.Y} x {self.X} pixels have {most_levels(self.Y, self.X)} levels: {self}"
            )
        if len(self.channel_names) not in {0, self.C}:
            raise ValueError(f"{len(self.channel_names)} names for {self.C} channels")

    @property
    def dims(self) -> Dims:
        """Letters and sizes of ``pixels``: TCZYX, and S for more than one sample."""
        sizes = (self.T, self.C, self.Z, self.Y, self.X)
        return Dims("TCZYX", sizes) if self.samples == 1 else Dims("TCZYXS", (*sizes, self.samples))

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.T * self.C * self.Z


def most_levels(rows: int, columns: int) -> int:
    """How often an image can be halved until one pixel is left, and once more for itself."""
    return (max(rows, columns) - 1).bit_length() + 1


def pixels(image: ImageSpec, level: int = 0) -> npt.NDArray[Any]:
    """Make the pixels of one resolution level of an image.

    Parameters
    ----------
    image
        What is wanted.
    level
        0 is full resolution; level n shows every 2**n-th row and column of it.

    Returns
    -------
    numpy.ndarray
        Shape (T, C, Z, Y, X), and S where there is more than one sample.
    """
    made = np.stack([plane(image, index, level) for index in np.ndindex(image.T, image.C, image.Z)])
    shape = made.shape[1:] if image.samples > 1 else made.shape[1:3]
    return made.reshape(image.T, image.C, image.Z, *shape)


def plane(image: ImageSpec, tcz: tuple[int, ...], level: int = 0) -> npt.NDArray[Any]:
    """Make one plane, shape (Y, X, S). One row in four is of one value, so that run lengths have something to find."""
    t, c, z = tcz
    number = ((image.seed * image.T + t) * image.C + c) * image.Z + z
    rows = np.arange(image.Y, dtype=np.uint64)[:: 2**level, None, None]
    columns = np.arange(image.X, dtype=np.uint64)[None, :: 2**level, None]
    samples = np.arange(image.samples, dtype=np.uint64)
    columns = np.where(rows % np.uint64(4) == np.uint64(3), np.uint64(0), columns)
    place = (rows * np.uint64(image.X) + columns) * np.uint64(image.samples) + samples
    offset = _hashed(np.array([number & 0xFFFFFFFFFFFFFFFF], np.uint64))
    return _values(_hashed(place + offset), np.dtype(image.dtype))


def _hashed(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread whole numbers over 64 bits (splitmix64; Steele, Lea and Flood 2014)."""
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _values(noise: npt.NDArray[np.uint64], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Turn noise into numbers of a type: whole numbers of its full range, or fractions that it holds exactly."""
    if dtype.kind == "b":
        return (noise >> np.uint64(63)).astype(dtype)
    if dtype.kind in "iu":
        shift = np.uint64(64 - 8 * dtype.itemsize)
        return (noise >> shift).astype(f"u{dtype.itemsize}").view(dtype)
    part = np.dtype(f"f{dtype.itemsize // (2 if dtype.kind == 'c' else 1)}")
    digits = 10 if part.itemsize == 2 else 20
    made = np.empty(noise.shape, dtype)
    real = (noise >> np.uint64(64 - digits)).astype(part)
    real -= 1 << digits - 1
    made.real = real / part.type(8)
    if dtype.kind == "c":
        made.imag = (noise & np.uint64(0xFFFFF)).astype(part) / part.type(16)
    else:
        # Not-a-number is a pixel like any other; a reader must not lose it.
        made[noise % np.uint64(97) == np.uint64(0)] = np.nan
    return made
