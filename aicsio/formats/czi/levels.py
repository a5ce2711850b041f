"""Resolution levels: the factor of each from its own subblocks, and the subblocks that show a plane.

Rule kept here: pure arithmetic on columns. The factor of a subblock is its logical size divided by
its stored size (ZISRAW section 3.2: StoredSize differs from Size "if sub / supersampling"); nothing
else names a level. libCZI finds levels the same way.
"""

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats.czi.directory import Ints, Subblocks

Floats = npt.NDArray[np.float64]

SAME_LEVEL = 0.45
"""Subblocks whose factors differ by less than this many octaves are of one level. Steps between
levels are one octave (2) or more; an edge of 8 pixels that was rounded is off by 0.17."""
FULL = 1.25
"""Factors below this are taken as full resolution: they are rounded edges or odd subsampling."""
SURE_EDGES = (32, 8)
"""Stored edges in pixels from which a factor is trusted, the surest first."""


@attrs.define(eq=False)
class SceneLevels:
    """Levels of one scene. Not a record: it lives while a file is opened."""

    of_row: Ints
    """Level of each subblock, 0 for full resolution."""
    factors: tuple[float, ...]
    """By level: how many pixels of full resolution one pixel covers along an axis."""


def find_levels(blocks: Subblocks) -> SceneLevels:
    """Group the subblocks of a scene by their factor."""
    if all(np.array_equal(blocks.stored[letter], blocks.size[letter]) for letter in "YX"):
        return SceneLevels(np.zeros(len(blocks), np.int64), (1.0,))
    longer_x = (
        blocks.stored["X"] >= blocks.stored["Y"]
    )  # the longer edge suffers least from rounding
    stored = np.where(longer_x, blocks.stored["X"], blocks.stored["Y"])
    factor = np.where(longer_x, blocks.size["X"], blocks.size["Y"]) / stored
    coarse = factor >= FULL
    if not coarse.any():
        return SceneLevels(np.zeros(len(blocks), np.int64), (1.0,))
    factors = _level_factors(factor[coarse], stored[coarse])
    of_row = np.zeros(len(blocks), np.int64)
    distance = np.abs(np.log2(factor[coarse])[:, None] - np.log2(factors)[None, :])
    of_row[coarse] = np.argmin(distance, axis=1) + 1
    return SceneLevels(of_row, (1.0, *factors.tolist()))


def _level_factors(factor: Floats, stored: Ints) -> Floats:
    """Return the distinct factors of coarse subblocks, ascending."""
    octaves = np.log2(factor)
    centres: list[float] = []
    for edge in SURE_EDGES:
        rows = np.flatnonzero((stored >= edge) & _far_from(centres, octaves))
        centres += _cluster_centres(factor[rows], stored[rows])
    rest = np.flatnonzero(_far_from(centres, octaves))
    if len(rest):
        # Factors of the smallest edges say little: levels follow each other by the smallest step.
        step = max(2, round(min(centres, default=float(factor[rest].min()))))
        powers = np.maximum(np.rint(octaves[rest] / np.log2(step)), 1)
        for power in np.unique(powers).tolist():
            if _far_from(centres, np.array([power * np.log2(step)])).all():
                centres.append(float(step**power))
    return np.array(sorted(centres), np.float64)


def _far_from(centres: list[float], octaves: Floats) -> npt.NDArray[np.bool_]:
    far = np.ones(len(octaves), np.bool_)
    for centre in centres:
        far &= np.abs(octaves - np.log2(centre)) >= SAME_LEVEL
    return far


def _cluster_centres(factor: Floats, stored: Ints) -> list[float]:
    """Return a factor for each run of like factors: that of its largest subblock."""
    if not len(factor):
        return []
    order = np.argsort(factor, kind="stable")
    breaks = np.flatnonzero(np.diff(np.log2(factor[order])) >= SAME_LEVEL) + 1
    centres = []
    for run in np.split(order, breaks):
        exact = float(factor[run[np.argmax(stored[run])]])
        whole = round(exact)
        centres.append(float(whole) if abs(exact - whole) < 0.05 * whole else exact)
    return centres


def choose_rows(
    key: Ints, levels: SceneLevels
) -> tuple[list[tuple[int, npt.NDArray[np.bool_]]], dict[int, int]]:
    """Choose for each level the subblocks that show each plane.

    A plane without subblocks of a level is shown by its next finer ones, or by the next coarser if
    it has none: no level shows a plane black that another level has.

    Parameters
    ----------
    key
        Number of the plane of each subblock.
    levels
        Levels of the same subblocks.

    Returns
    -------
    list
        Of each level that any plane has: its number, and a mask of the subblocks that show it.
    dict
        By level, how many planes are shown by subblocks of another level.
    """
    present = [level for level in range(len(levels.factors)) if (levels.of_row == level).any()]
    if len(present) == 1:
        return [(present[0], np.ones(len(key), np.bool_))], {}
    planes, plane_of_row = np.unique(key, return_inverse=True)
    has = np.zeros((len(planes), len(levels.factors)), np.bool_)
    has[plane_of_row, levels.of_row] = True
    chosen: list[tuple[int, npt.NDArray[np.bool_]]] = []
    borrowed: dict[int, int] = {}
    for level in present:
        # Subblocks of planes that have nothing finer are subsampled, not a level.
        if level != present[0] and not (has[:, level] & has[:, :level].any(axis=1)).any():
            continue
        finer = has[:, : level + 1]
        coarser = has[:, level:]
        next_finer = level - np.argmax(finer[:, ::-1], axis=1)
        next_coarser = level + np.argmax(coarser, axis=1)
        shown = np.where(finer.any(axis=1), next_finer, next_coarser)
        chosen.append((level, levels.of_row == shown[plane_of_row]))
        if (shown != level).any():
            borrowed[level] = int((shown != level).sum())
    return chosen, borrowed
