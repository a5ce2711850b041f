"""Levels for planes that are too large for a screen, of files that have none.

Rule kept here: a level is a view, every n-th row and column. Nothing is read until napari draws it,
and of raw pixels only the rows that are drawn.
"""

from aicsio._dims import views
from aicsio.pictures.reading import longest_side, plane_letters
from aicsio.records import LazyArray

__all__ = ["with_sampled_levels"]

LARGE_SIDE = 8192
"""Pixels of a side above which a plane gets levels: textures of OpenGL end at 8192 or 16384."""
SMALL_SIDE = 2048
"""Pixels of a side that the last level has at most: napari reads it whole, for the thumbnail and in
3D."""
STEP = 4
"""From one level to the next: two of them span a plane of 32 768 pixels."""


def with_sampled_levels(levels: tuple[LazyArray, ...]) -> tuple[LazyArray, ...]:
    """Add levels until the smallest fits a screen.

    Parameters
    ----------
    levels
        The finest first.

    Returns
    -------
    tuple of LazyArray
        The same ones, and views of the last.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.plugins.napari.sampling import with_sampled_levels
    >>> image = open_image(np.broadcast_to(np.uint8(7), (9000, 40)), dims="YX")
    >>> [level.shape for level in with_sampled_levels((image.array,))]
    [(9000, 40), (2250, 10), (562, 2)]
    """
    last = levels[-1]
    if longest_side(last.dims) <= LARGE_SIDE:
        return levels
    y, x = tuple(plane_letters(last.dims))
    made = list(levels)
    step = STEP
    while longest_side(made[-1].dims) > SMALL_SIDE:
        picks = {}
        for letter in (y, x):
            if letter in last.dims:
                # The middle of the pixels that a sample stands for; that of the first block if it
                # is cut.
                picks[letter] = slice(min(step // 2, last.dims[letter] - 1), None, step)
        made.append(views.transpose(last, last.dims.order, picks))
        step *= STEP
    return tuple(made)
