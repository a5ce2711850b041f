"""Which regions of a plane a resolution level covers. Pure.

Rule kept here: rectangles alone decide; a region that some level lacks is shown from another one.
"""

import math

import numpy as np
import numpy.typing as npt

from aicsio.formats.czi.columns import Bools, Ints
from aicsio.formats.czi.directory import Subblocks

CELLS_PER_TILE = 4
"""Cells of the table of covered regions along the edge of a tile: neighbours that overlap a tile by less
than a quarter do not cover its centre."""
MOST_CELLS = 1024
"""Cells along an edge at most: a table of 1 MiB, for 65 000 tiles in a plane."""


def find_uncovered(blocks: Subblocks, keys: Ints, coarse: Bools, full: Bools) -> Bools:
    """Find the coarse subblocks that are no pyramid levels: regions stored at this size only.

    Parameters
    ----------
    blocks
        Subblocks of one scene.
    keys
        Index of the plane of each.
    coarse
        Rows to judge: those of PyramidType 0 of planes that also have subblocks of ``full``.
    full
        Rows of the finest level.

    Returns
    -------
    Mask of the rows of ``coarse`` of whose rectangle less than half lies under subblocks of
    ``full``: neighbouring tiles overlap a tile by 40 % at most, its own pixels by all.
    """
    uncovered = np.zeros(len(blocks), np.bool_)
    y, x = blocks.start["Y"], blocks.start["X"]
    bottom, right = y + blocks.size["Y"], x + blocks.size["X"]
    for row in np.flatnonzero(coarse):
        # A loop over the few coarse rows; the full ones of a plane are compared at once.
        same = np.flatnonzero(full & (keys == keys[row]))
        height = np.minimum(bottom[same], bottom[row]) - np.maximum(y[same], y[row])
        width = np.minimum(right[same], right[row]) - np.maximum(x[same], x[row])
        covered = (np.maximum(height, 0) * np.maximum(width, 0)).sum()
        uncovered[row] = 2 * covered < blocks.size["Y"][row] * blocks.size["X"][row]
    return uncovered


def find_lacking_parts(blocks: Subblocks, keys: Ints, finer: Bools, own: Bools) -> Bools:
    """Find the subblocks of a finer level whose region a coarser level lacks.

    Parameters
    ----------
    blocks
        Subblocks of one scene.
    keys
        Index of the plane of each.
    finer
        Rows of the finer level.
    own
        Rows of the coarser level.

    Returns
    -------
    Mask of the rows of ``finer`` whose centre lies under no subblock of ``own``, in planes that have
    some.
    """
    lacking = np.zeros(len(blocks), np.bool_)
    area = (blocks.size["Y"] * blocks.size["X"]).astype(np.float64)
    plane_count = int(keys.max()) + 1 if len(keys) else 0
    own_area, finer_area = (_sum_areas(keys, area, rows, plane_count) for rows in (own, finer))
    # Levels have no overlap where tiles have: less area is a suspicion and no finding.
    suspects = np.flatnonzero((own_area > 0) & (own_area < finer_area))
    if not len(suspects):
        return lacking
    suspected = np.isin(keys, suspects)
    finer_rows, own_rows = np.flatnonzero(finer & suspected), np.flatnonzero(own & suspected)
    finer_rows = finer_rows[np.argsort(keys[finer_rows], kind="stable")]
    own_rows = own_rows[np.argsort(keys[own_rows], kind="stable")]
    rectangles = np.stack(
        [blocks.start["Y"], blocks.start["X"], blocks.size["Y"], blocks.size["X"]], axis=1
    )
    finer_at = np.searchsorted(keys[finer_rows], [suspects, suspects + 1])
    own_at = np.searchsorted(keys[own_rows], [suspects, suspects + 1])
    # Planes of one scene have the same geometry, most of them: it is compared once.
    known: dict[bytes, Bools] = {}
    for index in range(len(suspects)):
        rows = finer_rows[finer_at[0, index] : finer_at[1, index]]
        tiles = rectangles[rows]
        cover = rectangles[own_rows[own_at[0, index] : own_at[1, index]]]
        geometry = tiles.tobytes() + b"|" + cover.tobytes()
        if geometry not in known:
            known[geometry] = _centres_outside(tiles, cover)
        lacking[rows[known[geometry]]] = True
    return lacking


def _sum_areas(
    keys: Ints, area: npt.NDArray[np.float64], rows: Bools, plane_count: int
) -> npt.NDArray[np.float64]:
    """Return the area of some rows in each plane."""
    if plane_count == 1:
        # The plane of a mosaic: of 100 000 rows in 0.1 ms, counted by plane in 0.5 ms.
        return np.array([area[rows].sum()])
    return np.bincount(keys[rows], area[rows], plane_count).astype(np.float64, copy=False)


def _centres_outside(tiles: npt.NDArray[np.int64], cover: npt.NDArray[np.int64]) -> Bools:
    """Return which rectangles have their centre under none of ``cover``; rows are y, x, height, width."""
    corner = np.minimum(tiles[:, :2].min(axis=0), cover[:, :2].min(axis=0))
    ends = [(part[:, :2] + part[:, 2:]).max(axis=0) for part in (tiles, cover)]
    extent = np.maximum(*ends) - corner
    # As many cells as the tiles need, so that small planes cost little.
    cells = min(CELLS_PER_TILE * math.isqrt(len(tiles)) + CELLS_PER_TILE, MOST_CELLS)
    edge = np.maximum(-(-extent // cells), 1)
    first, last = _cells_inside(cover, corner, edge)
    # Each rectangle adds 1 to its cells: the corners of the differences, then two running sums.
    table = np.zeros((cells + 2, cells + 2), np.int32)
    np.add.at(table, (first[:, 0], first[:, 1]), 1)
    np.add.at(table, (last[:, 0], last[:, 1]), 1)
    np.add.at(table, (first[:, 0], last[:, 1]), -1)
    np.add.at(table, (last[:, 0], first[:, 1]), -1)
    covered = table.cumsum(axis=0).cumsum(axis=1) > 0
    centre = (tiles[:, :2] + tiles[:, 2:] // 2 - corner) // edge
    outside: Bools = ~covered[centre[:, 0], centre[:, 1]]
    return outside


def _cells_inside(
    rectangles: npt.NDArray[np.int64],
    corner: npt.NDArray[np.int64],
    edge: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return first and last cell, along Y and X, that a rectangle touches; the last is excluded."""
    start = rectangles[:, :2] - corner
    first = start // edge
    last = -(-(start + rectangles[:, 2:]) // edge)
    return first, np.maximum(last, first)
