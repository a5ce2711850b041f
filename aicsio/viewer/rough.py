"""Rough pictures of a large plane, from a sample of its blocks, while its tiles are made.

The overview of a plane of 100 000 x 100 000 compressed pixels needs all of its blocks: 20 s of decoding.
64 of them show within a second where the specimen lies, and 256 its outline.

Rule kept here: one small spot for each pixel of the picture, so that no more blocks are decoded than it
has pixels.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio.arrays import read_array
from aicsio.pictures.reading import as_type, is_raw
from aicsio.records import LazyArray
from aicsio.viewer.pyramid import ViewLevel

Array: TypeAlias = npt.NDArray[Any]

SIDES = (8, 16)
"""Pixels along the longer side of the first picture and of the next: 0.3 and 1.3 s of two cores for zstd."""
SPOT = 64
"""Pixels of a side that are averaged: structures of a few pixels do not decide."""
LEAST_BYTES = 256 << 20
"""Planes below this size have their overview in a second."""


def rough_shapes(levels: Sequence[ViewLevel]) -> list[tuple[int, int]]:
    """Return rows and columns of the rough pictures of an image, the first one first.

    Parameters
    ----------
    levels
        Levels of the image, as the page shows them.

    Returns
    -------
    list of tuple
        Empty where the file has a small level, or its rows can be read one by one.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.viewer.pyramid import view_levels
    >>> from aicsio.viewer.rough import rough_shapes
    >>> rough_shapes(view_levels(open_image(np.zeros((3000, 2000)), dims="YX")))
    []
    """
    last = levels[-1]
    height, width = last.height * last.step, last.width * last.step
    nbytes = height * width * last.array.dtype.itemsize
    if last.step == 1 or nbytes < LEAST_BYTES or is_raw(last.array):
        return []
    longest = max(height, width)
    return [(max(1, height * side // longest), max(1, width * side // longest)) for side in SIDES]


def read_rough(
    plane: LazyArray, shape: tuple[int, int], stop: Callable[[], None], *, smooth: bool
) -> Array:
    """Draw a plane in few pixels, each from a spot in the middle of what it covers.

    Parameters
    ----------
    plane
        Shows YX or YXS, by whatever letters.
    shape
        Rows and columns of the picture.
    stop
        Called between spots; it raises when nobody waits for the picture any more.
    smooth
        Whether a spot is averaged; else, as for palettes, one of its pixels is taken.

    Returns
    -------
    numpy.ndarray
        Shape (Y, X) or (Y, X, S), the type of the plane; float32 for complex pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.viewer.rough import read_rough
    >>> ramp = np.arange(8, dtype=np.uint8).repeat(100) * np.ones((400, 1), np.uint8)
    >>> plane = open_image(ramp, dims="YX").array
    >>> read_rough(plane, (2, 4), lambda: None, smooth=False).tolist()
    [[1, 3, 5, 7], [1, 3, 5, 7]]
    """

    def draw(cell: tuple[int, ...]) -> Array:
        stop()
        return _draw_spot(plane, shape, cell, smooth=smooth)

    cells = list(np.ndindex(*shape))
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="aicsio-rough") as pool:
        spots = list(pool.map(draw, cells))
    return np.stack(spots).reshape(*shape, *spots[0].shape)


def _draw_spot(
    plane: LazyArray, shape: tuple[int, int], cell: tuple[int, ...], *, smooth: bool
) -> Array:
    """Return the pixel that stands for a cell: shape () or (S,)."""
    y, x = tuple(plane.dims)[:2]
    picks: dict[str, slice] = {}
    for letter, count, place in zip((y, x), shape, cell, strict=True):
        middle = (2 * place + 1) * plane.dims[letter] // (2 * count)
        start = max(0, middle - SPOT // 2) if smooth else middle
        picks[letter] = slice(start, start + (SPOT if smooth else 1))
    spot = read_array(views.transpose(plane, plane.dims.order, picks), 1)
    if spot.dtype.kind == "c":
        spot = np.abs(spot)
    if smooth:
        spot = as_type(spot.mean(axis=(0, 1), dtype=np.float32, keepdims=True), spot.dtype)
    return np.asarray(spot[0, 0])
