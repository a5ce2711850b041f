"""Zarr stores made by libraries that are not ours, with what was put into them.

``libraries`` makes images, labels and plates by each library that writes OME-Zarr. ``arrays`` makes
arrays of every codec, order and shape. ``by_hand`` follows the examples of the specification, for
versions that no library writes any more. A maker skips its test where its library is missing.
"""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[Any]


def library(name: str) -> Any:
    """Import a library or one of its modules; skip the test where it is missing."""
    import pytest  # the benchmarks import this module without it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other libraries warn of is no fault of ours
        return pytest.importorskip(name, reason="needs pip install '.[test,zarr-judges]'")


@attrs.frozen(eq=False)
class Image:
    """One image as its writer was asked to write it."""

    path: str
    """Folder of its multiscales below the store; ``""`` for the store itself."""
    letters: str
    """Of the axes, upper case."""
    pixels: Pixels
    """Of full resolution."""
    levels: tuple[str, ...]
    """Paths of the arrays below ``path``, full resolution first."""
    scale: tuple[float, ...] | None = None
    """Of level 0 along each axis in ``units``; ``None`` where the writer was given none."""
    units: tuple[str | None, ...] | None = None
    """UDUNITS-2 names of each axis."""
    translation: tuple[float, ...] | None = None
    """Of level 0."""
    name: str | None = None
    """Of the image."""
    channels: tuple[str, ...] = ()
    """Names."""
    colors: tuple[str, ...] = ()
    """``RRGGBB`` of each channel."""
    labels: tuple[tuple[str, Pixels], ...] = ()
    """Names and pixels of full resolution."""
    well: tuple[str, str, int] | None = None
    """Row, column and number of the field, counted from 0."""


@attrs.frozen(eq=False)
class Store:
    """A store that another library wrote."""

    path: Path
    """Folder or file."""
    images: tuple[Image, ...]
    """In the order of the store."""
    version: str | None = None
    """Of NGFF; ``None`` for a store without its metadata."""


Maker: TypeAlias = Callable[[Path], Store]


def make(maker: Maker, folder: Path) -> Store:
    """Make a store, whatever its library warns of or logs."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return maker(folder)
    finally:
        logging.disable(logging.NOTSET)


def pixels(shape: tuple[int, ...], dtype: str = "<u2", seed: int = 0) -> Pixels:
    """Random pixels, so that any two planes differ."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    if np.dtype(dtype).kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(max(info.min, -30000), min(info.max, 60000), shape).astype(dtype)


def blobs(shape: tuple[int, ...], dtype: str = "<u4") -> Pixels:
    """Labels: a few values in squares, as a segmentation has them."""
    squares = np.indices(shape)[-2:] // 8
    found: Pixels = ((squares[0] * 5 + squares[1]) % 7 * 1000).astype(dtype)
    return found
