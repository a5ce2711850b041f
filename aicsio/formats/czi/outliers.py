"""Tiles that lie absurdly far from all others. Pure.

Rule kept here: a few damaged positions remove their own tiles; many refuse the file.
"""

import numpy as np

from aicsio.formats.czi.columns import find_ends
from aicsio.formats.czi.directory import Subblocks
from aicsio.formats.czi.grid import drop_minority, find_minority
from aicsio.formats.czi.scene_data import BIGGEST_CANVAS
from aicsio.formats.czi.soundness import LeftOut

EMPTIEST = 4096
"""Times that such a canvas may be larger than its tiles: on a plate of 384 wells, 4.5 mm apart
(ANSI SLAS 4), one tile of 0.14 mm in each well covers a thousandth."""


def measure_canvas(blocks: Subblocks) -> tuple[int, int]:
    """Return the rows and columns of the union of the rectangles.

    Python integers: the product of two damaged spans does not fit 64 bits.
    """
    y, x = blocks.start["Y"], blocks.start["X"]
    height = find_ends(y + blocks.size["Y"])[1] - find_ends(y)[0]
    width = find_ends(x + blocks.size["X"])[1] - find_ends(x)[0]
    return height, width


def fit_small_canvas(blocks: Subblocks) -> bool:
    """Whether the canvas of all subblocks is so small that no scene needs a look at its tiles."""
    height, width = measure_canvas(blocks)
    return height * width <= BIGGEST_CANVAS


def drop_distant_tiles(blocks: Subblocks, left_out: LeftOut) -> Subblocks:
    """Leave out the tiles without which the canvas of a scene has a plausible size.

    Parameters
    ----------
    blocks
        Subblocks of one scene.
    left_out
        Counts the tiles.

    Raises
    ------
    CorruptFileError
        When more than a tenth of the tiles is far from the others.
    """
    while len(blocks):
        y, x = blocks.start["Y"], blocks.start["X"]
        height, width = measure_canvas(blocks)
        area = height * width
        filled = int((blocks.stored_size["Y"] * blocks.stored_size["X"]).sum())
        # Small canvases are affordable however empty; large ones must be filled to some part.
        if area <= BIGGEST_CANVAS or area <= EMPTIEST * filled:
            break
        # Both edges are compared: a damaged size reaches as far as a damaged position.
        # The longer side of the canvas is the one that a damaged number stretches.
        values = y + blocks.size["Y"] if height >= width else x + blocks.size["X"]
        if np.ptp(values) == 0:
            values = y if height >= width else x
        message = (
            f"expected tiles near each other, found {len(blocks)} on a canvas of {width} x {height}"
        )
        # If all edges are equal, sizes alone make the canvas absurd: no tile is better than
        # another.
        distant = np.ones(len(blocks), np.bool_)
        if np.ptp(values):
            distant = find_minority(values)
        blocks = drop_minority(blocks, distant, "a position far from all others", message, left_out)
    return blocks
