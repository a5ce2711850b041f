"""Pixels of a scene as the directory describes them, and limits that all descriptions share.

Rule kept here: nothing but data. ``stacks`` needs no more of ``scenes`` and its modules, whose imports take 4 ms.
"""

import attrs

from aicsio.formats.czi.columns import Ints
from aicsio.records import LazyArray, Tiles

NOT_PLANE_LETTERS = "SMYX"
"""S makes scenes, M orders tiles: neither multiplies the planes of a subblock."""
SHORT_AXIS = 1024
"""Positions of an axis on which none counts as far from the others: a table of them is small."""
BIGGEST_CANVAS = 1 << 28
"""Pixels of a plane beyond which a canvas must be filled to some part: 268 million are 16 000 squared,
which stage scans exceed only with tiles on most of it."""


@attrs.define(eq=False, repr=False)
class SceneData:
    """Pixels of one scene, as the directory describes them. Not a record: it holds arrays."""

    number: int | None
    """Position along S; ``None`` if the subblocks have no S."""
    levels: tuple[LazyArray, ...]
    """Full resolution first."""
    listings: tuple[Ints, ...]
    """Place in the directory of each row of each level's layout."""
    first: tuple[tuple[str, int], ...]
    """Position in the file of index 0 of each plane axis."""
    tiles: Tiles | None
    """Tile table of a mosaic."""
    base_scale: tuple[float, float]
    """Full-resolution pixels per pixel of level 0, along Y and X: 1 unless only coarser pixels are
    stored."""
