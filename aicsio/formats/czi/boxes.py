"""Subblocks of many boxes at once, by columns of numbers.

Rule kept here: rectangles are compared by numpy, and only with those of their rows of tiles: 2 000 windows
of a mosaic of 10 000 tiles take some 300 000 comparisons, not 20 million.
"""

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from aicsio.records.boxes import BoxParts, Integers, cut_boxes, number_cells, take_boxes


@attrs.frozen(eq=False)
class Rectangles:
    """Subblocks of one plane on its canvas. Not a record: they live for one read."""

    rows: Integers
    """Numbers of the subblocks, in the order in which they cover each other."""
    top: Integers
    """First row of each."""
    left: Integers
    """First column."""
    height: Integers
    """Rows."""
    width: Integers
    """Columns."""


def find_parts(
    starts: Integers,
    stops: Integers,
    shape: Sequence[int],
    ndim: int,
    rectangles_of: Callable[[int], Rectangles],
) -> BoxParts:
    """Find the parts of subblocks that fill boxes.

    Parameters
    ----------
    starts, stops
        The boxes: plane axes, Y, X, and samples if there are any.
    shape
        Stored shape.
    ndim
        Number of plane axes.
    rectangles_of
        Returns the subblocks of a plane, by its number in C order.
    """
    planes = cut_boxes(starts[:, :ndim], stops[:, :ndim], (1,) * ndim)
    # Number of each plane, in C order over the plane axes.
    keys = number_cells(planes.cell, shape[:ndim])
    order = np.argsort(keys, kind="stable")
    distinct, bounds = np.unique(keys[order], return_index=True)
    pairs: list[Integers] = []
    for key, group in zip(distinct.tolist(), np.split(order, bounds[1:]), strict=True):
        box = planes.box[group]
        pairs.append(_meet(rectangles_of(key), group, starts[box, ndim:], stops[box, ndim:]))
    found = np.concatenate(pairs)
    # Boxes in order, planes of a box in order, and the subblocks of a plane as they cover each other.
    plane, row, top, left, height, width = found[np.lexsort((found[:, 1], found[:, 0]))].T
    box = planes.box[plane]
    low = np.stack([top, left], axis=1)
    high = low + np.stack([height, width], axis=1)
    kept_low = np.maximum(low, starts[box, ndim : ndim + 2])
    kept_high = np.minimum(high, stops[box, ndim : ndim + 2])
    rank = starts.shape[1]
    target = np.zeros((len(box), rank), np.int64)
    # One position at 0 along the plane axes; Y, X and samples are filled in below.
    source, extent = target.copy(), target + 1
    target[:, :ndim] = planes.target_start[plane]
    inner = slice(ndim, ndim + 2)
    target[:, inner] = kept_low - starts[box, inner]
    source[:, inner] = kept_low - low
    extent[:, inner] = kept_high - kept_low
    source[:, ndim + 2 :] = starts[box, ndim + 2 :]
    extent[:, ndim + 2 :] = (stops - starts)[box, ndim + 2 :]
    return BoxParts(box, row, source, extent, target, disjoint=False)


def _meet(found: Rectangles, planes: Integers, starts: Integers, stops: Integers) -> Integers:
    """Pair windows of one plane with the subblocks that they touch.

    Returns
    -------
    numpy.ndarray
        A row for each pair: number of the plane among those of all boxes, of the subblock, and its
        rectangle.
    """
    order = np.argsort(found.top, kind="stable")
    top = found.top[order]
    # Subblocks that begin above a window by more than the highest of them end above it.
    reach = int(found.height.max(initial=0))
    low = np.searchsorted(top, starts[:, 0] - reach, side="right")
    high = np.searchsorted(top, stops[:, 0], side="left")
    # A row for each pair of a window and a subblock that begins in its range of rows.
    window, within = take_boxes(np.maximum(high - low, 0))
    chosen = order[low[window] + within]
    y, x, height, width = (
        column[chosen] for column in (found.top, found.left, found.height, found.width)
    )
    meets = (
        (y + height > starts[window, 0]) & (x < stops[window, 1]) & (x + width > starts[window, 1])
    )
    columns = (planes[window], found.rows[chosen], y, x, height, width)
    return np.stack([column[meets] for column in columns], axis=1)
