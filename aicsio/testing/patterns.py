"""Pixels by rule: every value follows from the description of its image, so tests store no arrays.

Rule kept here: the same bits on every machine and with every numpy; integers are hashed, no random
generator is used.
"""

import math
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
"""No physical size."""


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
    """Whether each sample is stored as a plane of its own (PlanarConfiguration 2)."""
    levels: int = 1
    """Resolution levels, each of half the rows and columns of the one before, rounded up."""
    name: str | None = None
    """Name of the image; ``None`` for none in the file."""
    channel_names: tuple[str, ...] = ()
    """One name a channel, or none at all."""
    pixel_size: PixelSize = UNKNOWN
    """Micrometres; ``None`` for sizes that the file does not hold."""
    time_step: float | None = None
    """Seconds between time points; ``None`` for none in the file."""
    seed: int = 0
    """Different seeds give different pixels."""

    def __attrs_post_init__(self) -> None:
        # A wrong description fails here, not as a wrong file far away.
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
        if self.samples == 1:
            return Dims("TCZYX", sizes)
        return Dims("TCZYXS", (*sizes, self.samples))

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.T * self.C * self.Z


def most_levels(rows: int, columns: int) -> int:
    """Count the resolution levels of an image that is halved until one pixel is left.

    Parameters
    ----------
    rows, columns
        Size of full resolution.

    Returns
    -------
    int
        Levels, full resolution included.

    Examples
    --------
    >>> from aicsio.testing.patterns import most_levels
    >>> most_levels(1, 1), most_levels(5, 4)
    (1, 4)
    """
    # Halves are rounded up: 5, 3, 2, 1.
    # As many halvings as the longer side has binary digits.
    return (max(rows, columns) - 1).bit_length() + 1


def pixels(image: ImageSpec, level: int = 0) -> npt.NDArray[Any]:
    """Make the pixels of one resolution level of an image.

    Parameters
    ----------
    image
        Description of the image.
    level
        0 is full resolution; level n shows every 2**n-th row and column of it.

    Returns
    -------
    numpy.ndarray
        Shape (T, C, Z, Y, X), and S for more than one sample.

    Examples
    --------
    >>> from aicsio.testing import ImageSpec, pixels
    >>> pixels(ImageSpec(C=2, Y=40, X=50, levels=2), level=1).shape
    (1, 2, 1, 20, 25)
    """
    planes = [make_plane(image, tcz, level) for tcz in np.ndindex(image.T, image.C, image.Z)]
    stack = np.stack(planes)
    shape = stack.shape[1:] if image.samples > 1 else stack.shape[1:3]
    return stack.reshape(image.T, image.C, image.Z, *shape)


def make_plane(image: ImageSpec, tcz: tuple[int, ...], level: int = 0) -> npt.NDArray[Any]:
    """Make one plane. One row in four has a single value, so that run-length coders find runs.

    Parameters
    ----------
    image
        Description of the image.
    tcz
        Positions of T, C and Z.
    level
        Resolution level.

    Returns
    -------
    numpy.ndarray
        Shape (Y, X, S).

    Examples
    --------
    >>> from aicsio.testing import ImageSpec
    >>> from aicsio.testing.patterns import make_plane
    >>> make_plane(ImageSpec(Y=2, X=2, dtype="uint8"), (0, 0, 0))[..., 0].tolist()
    [[0, 226], [110, 6]]
    """
    t, c, z = tcz
    number = ((image.seed * image.T + t) * image.C + c) * image.Z + z
    rows = np.arange(image.Y, dtype=np.uint64)[:: 2**level, None, None]
    columns = np.arange(image.X, dtype=np.uint64)[None, :: 2**level, None]
    samples = np.arange(image.samples, dtype=np.uint64)
    # One value in every fourth row.
    columns = np.where(rows % np.uint64(4) == np.uint64(3), np.uint64(0), columns)
    position = (rows * np.uint64(image.X) + columns) * np.uint64(image.samples) + samples
    # As an array: numpy warns of overflow for scalars only.
    offset = _hash(np.array([number & 0xFFFFFFFFFFFFFFFF], np.uint64))
    return _convert(_hash(position + offset), np.dtype(image.dtype))


def hash_pixels(shape: tuple[int, ...], dtype: str, seed: int = 0) -> npt.NDArray[Any]:
    """Make pixels of any shape.

    Parameters
    ----------
    shape
        Size of each axis.
    dtype
        Name of a numpy type, one of ``DTYPES``.
    seed
        Different seeds give different pixels.

    Returns
    -------
    numpy.ndarray
        In native byte order.

    Examples
    --------
    >>> from aicsio.testing.patterns import hash_pixels
    >>> hash_pixels((2, 2), "uint8").tolist()
    [[0, 226], [110, 6]]
    """
    position = np.arange(math.prod(shape), dtype=np.uint64)
    offset = _hash(np.array([seed & 0xFFFFFFFFFFFFFFFF], np.uint64))
    return _convert(_hash(position + offset), np.dtype(dtype)).reshape(shape)


def _hash(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread integers over 64 bits (splitmix64; Steele, Lea and Flood 2014, figure 17)."""
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _convert(noise: npt.NDArray[np.uint64], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Turn noise into numbers of a type: integers of its full range, or exact fractions."""
    if dtype.kind == "b":
        return (noise >> np.uint64(63)).astype(dtype)
    if dtype.kind in "iu":
        # The upper bits: those of splitmix64 are the best mixed ones.
        shift = np.uint64(64 - 8 * dtype.itemsize)
        return (noise >> shift).astype(f"u{dtype.itemsize}").view(dtype)
    values = np.empty(noise.shape, dtype)
    part = values.real.dtype
    # A half float holds integers of 11 bits exactly (IEEE 754); 10 leave room for the sign.
    digits = 10 if part.itemsize == 2 else 20
    real = (noise >> np.uint64(64 - digits)).astype(part)
    real -= 1 << digits - 1
    values.real = real / part.type(8)
    if dtype.kind == "c":
        values.imag = (noise & np.uint64(0xFFFFF)).astype(part) / part.type(16)
    else:
        # NaN is a legal pixel; a reader must not lose it.
        values[noise % np.uint64(97) == np.uint64(0)] = np.nan
    return values
