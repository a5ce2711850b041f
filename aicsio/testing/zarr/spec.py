"""Descriptions of OME-Zarr and plain Zarr stores, and their pixels.

Rule kept here: a description that no version of the specification allows is refused when it is made,
not as a wrong store far away.

Source of the facts: NGFF 0.1 to 0.5 (https://ngff.openmicroscopy.org), Zarr core specification 3.1,
Zarr v2 specification.
"""

import math
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing.patterns import DTYPES, hash_pixels

__all__ = ["ZarrImage", "ZarrSpec", "label_pixels", "zarr_pixels"]

Compressor: TypeAlias = Literal["none", "gzip", "zlib", "zstd", "blosc"]
Contained: TypeAlias = Literal["image", "series", "plate", "array", "group"]

VERSIONS = ("0.1", "0.2", "0.3", "0.4", "0.5")
"""Of NGFF. From 0.5 on a store is Zarr v3, before it Zarr v2."""
TCZYX = "TCZYX"
"""Order of the axes: NGFF 0.4, "time" first, then "channel", then "space"."""


@attrs.frozen
class ZarrImage:
    """One image of a store."""

    letters: str = TCZYX
    """Axes; those of NGFF are some of TCZYX in this order, those of plain arrays are any."""
    shape: tuple[int, ...] = (1, 2, 3, 32, 48)
    """Of full resolution."""
    chunks: tuple[int, ...] = (1, 1, 1, 16, 16)
    """Of every level."""
    shards: tuple[int, ...] | None = None
    """Multiples of ``chunks``; ``None`` for chunks under keys of their own."""
    levels: int = 1
    """Each has every second row and column of the one before."""
    scale: tuple[float, ...] | None = None
    """Micrometres, along T seconds, of level 0; ``None`` for a scale without units."""
    translation: tuple[float, ...] | None = None
    """In the units of ``scale``."""
    name: str | None = None
    """Of the image."""
    channel_names: tuple[str, ...] = ()
    """One a channel, or none; each gets a colour and a window."""
    labels: tuple[str, ...] = ()
    """Names of label images, with the axes and levels of the image."""
    seed: int = 0
    """Different seeds give different pixels."""

    def __attrs_post_init__(self) -> None:
        if not len(self.letters) == len(self.shape) == len(self.chunks):
            raise ValueError(f"letters, shape and chunks differ in length: {self}")
        if len(set(self.letters)) != len(self.letters) or min((*self.shape, *self.chunks)) < 1:
            raise ValueError(f"letters stand once, and sizes begin at 1: {self}")
        # `sharding_indexed`: inner chunks divide a shard evenly.
        pairs = zip(self.shards or self.chunks, self.chunks, strict=True)
        if any(shard % chunk for shard, chunk in pairs):
            raise ValueError(f"shards are multiples of chunks: {self}")
        if len(self.channel_names) not in {0, self.size_of("C")}:
            raise ValueError(f"{len(self.channel_names)} names for {self.size_of('C')} channels")

    def size_of(self, letter: str) -> int:
        """Return the size of an axis.

        Parameters
        ----------
        letter
            Letter of the axis.

        Returns
        -------
        int
            Positions of full resolution; 1 if the image lacks the axis.
        """
        return self.shape[self.letters.index(letter)] if letter in self.letters else 1


@attrs.frozen
class ZarrSpec:
    """A store: its images, and how they are stored."""

    images: tuple[ZarrImage, ...] = (ZarrImage(),)
    """One for ``"image"`` and ``"array"``."""
    version: str = "0.5"
    """Of NGFF; stores of plain arrays have Zarr v3 for 0.5 and Zarr v2 for others."""
    contained: Contained = "image"
    """``"series"`` is the layout of bioformats2raw, ``"group"`` holds plain arrays."""
    dtype: str = "uint16"
    """Name of a numpy type, one of ``DTYPES``."""
    big_endian: bool = False
    """Byte order of the pixels."""
    fortran: bool = False
    """Whether the first axis of a chunk runs fastest."""
    compressor: Compressor = "none"
    """Of chunks; Zarr v3 has no ``"zlib"``, Zarr v2 and v3 have the others."""
    checksum: bool = False
    """Whether chunks of Zarr v3 end with a CRC32C."""
    index_at_start: bool = False
    """Whether shards begin with their table."""
    separator: Literal["/", "."] = "/"
    """Between the numbers in a key; NGFF 0.1 has ".", 0.2 and later "/"."""
    fill: int = 0
    """Value of missing chunks."""
    sparse: bool = False
    """Whether some chunks hold ``fill`` alone, and are left out."""
    consolidated: bool = False
    """Whether the root repeats the metadata of all groups and arrays."""

    def __attrs_post_init__(self) -> None:
        if self.dtype not in DTYPES or self.version not in VERSIONS:
            raise ValueError(f"no such pixels or version: {self}")
        if self.contained in {"image", "array"} and len(self.images) != 1:
            raise ValueError(f"{len(self.images)} images where there is room for one")
        if self.zarr == 2 and (self.checksum or any(image.shards for image in self.images)):
            raise ValueError("Zarr v2 has no shards and no checksums")
        if self.zarr == 3 and self.compressor == "zlib":
            raise ValueError("Zarr v3 has no codec 'zlib'")
        if self.ngff:
            self._check_ngff()

    def _check_ngff(self) -> None:
        if self.separator != ("." if self.version == "0.1" else "/"):
            raise ValueError(f"NGFF {self.version} has another separator than {self.separator!r}")
        if "complex" in self.dtype:
            raise ValueError("readers of NGFF know no complex pixels")
        for image in self.images:
            ordered = "".join(letter for letter in TCZYX if letter in image.letters)
            # 0.4: two to five axes, two or three of them in space.
            if image.letters != ordered or not {"Y", "X"} <= set(image.letters):
                raise ValueError(f"NGFF has some of TCZYX with YX, not {image.letters!r}")
            if self.version in {"0.1", "0.2"} and image.letters != TCZYX:
                raise ValueError(f"NGFF {self.version} has five axes")
            if self.version < "0.4" and (image.scale or image.translation):
                raise ValueError(f"NGFF {self.version} has no scale")

    @property
    def zarr(self) -> int:
        """Version of Zarr."""
        return 3 if self.version == "0.5" else 2

    @property
    def ngff(self) -> bool:
        """Whether the store has the metadata of NGFF."""
        return self.contained not in {"array", "group"}

    @property
    def wells(self) -> tuple[tuple[str, str, int], ...]:
        """Row, column and field of each image of a plate: two fields a well, two wells a row."""
        return tuple(
            ("ABCDEFGH"[index // 4], str(index // 2 % 2 + 1), index % 2)
            for index in range(len(self.images))
        )


def zarr_pixels(spec: ZarrSpec, image: ZarrImage, level: int = 0) -> npt.NDArray[Any]:
    """Return the pixels of one level.

    Parameters
    ----------
    spec
        The store.
    image
        One of its images.
    level
        0 is full resolution.

    Returns
    -------
    numpy.ndarray
        With the axes of ``image.letters``, in native byte order.

    Examples
    --------
    >>> from aicsio.testing.zarr import ZarrImage, ZarrSpec, zarr_pixels
    >>> zarr_pixels(ZarrSpec(), ZarrImage("YX", (5, 9), (4, 4), levels=2), 1).shape
    (3, 5)
    """
    full = hash_pixels(image.shape, spec.dtype, image.seed)
    if spec.sparse:
        full = _with_gaps(full, image, fill_pixel(spec))
    return _every_second(full, image, level)


def _every_second(full: npt.NDArray[Any], image: ZarrImage, level: int) -> npt.NDArray[Any]:
    """Return every second row and column, ``level`` times."""
    # Picked, not averaged: a test can compare levels pixel by pixel, for every type.
    index = [slice(None)] * full.ndim
    for letter in "YX":
        if letter in image.letters:
            index[image.letters.index(letter)] = slice(None, None, 2**level)
    return full[tuple(index)]


def fill_pixel(spec: ZarrSpec) -> Any:
    """Return the value of a missing chunk as a pixel."""
    if spec.dtype == "bool":
        return np.bool_(spec.fill % 2)
    return np.dtype(spec.dtype).type(spec.fill)


def _with_gaps(full: npt.NDArray[Any], image: ZarrImage, fill: Any) -> npt.NDArray[Any]:
    """Give every second chunk the fill value, in the manner of a chess board."""
    board = np.zeros(image.shape, np.int64)
    for axis, (size, chunk) in enumerate(zip(image.shape, image.chunks, strict=True)):
        position = np.arange(size) // chunk
        board += position.reshape([-1 if each == axis else 1 for each in range(len(image.shape))])
    return np.where((board + image.seed) % 2 == 0, fill, full)


def label_pixels(image: ZarrImage, name: str, level: int = 0) -> npt.NDArray[np.uint32]:
    """Return the pixels of a label image: bands of numbers that differ by name.

    Parameters
    ----------
    image
        The image that is labelled.
    name
        Name of the labels.
    level
        0 is full resolution.

    Returns
    -------
    numpy.ndarray
        With the axes of ``image.letters``; each number is an object, 0 is none.

    Examples
    --------
    >>> from aicsio.testing.zarr import ZarrImage, label_pixels
    >>> label_pixels(ZarrImage("YX", (5, 9), (4, 4)), "cells").shape
    (5, 9)
    """
    # crc32 would do; the sum of the bytes distinguishes the names of the strategies.
    first = sum(name.encode()) % 1000 + 1
    rows = np.arange(math.prod(image.shape), dtype=np.uint32) // 7 % 5 * first
    return _every_second(rows.reshape(image.shape), image, level)
