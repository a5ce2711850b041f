"""Strategies for subblocks of CZI files, with the images that they make.

Rule kept here: every drawn file is legal, and the images follow from the drawn pixels alone.
"""

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from aicsio.testing.czi import Block, blocks_of
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["CziScenes", "czi_scenes"]

KINDS = [("uint8", 1), ("uint16", 1), ("float32", 1), ("uint8", 3), ("uint16", 3)]
"""Numpy type and samples of a pixel."""


@attrs.frozen(eq=False)
class CziScenes:
    """Subblocks of a file, and what the file shows."""

    images: tuple[npt.NDArray[Any], ...]
    """Pixels of each scene at full resolution."""
    dims: str
    """Letters of each image."""
    levels: int
    """Levels of each scene; a level keeps every second pixel of the one before."""
    blocks: tuple[Block, ...] = attrs.field(repr=False)
    """For ``write_czi``."""


@composite
def czi_scenes(draw: Draw) -> CziScenes:
    """Draw the subblocks of a CZI file with random pixels.

    Returns
    -------
    SearchStrategy of CziScenes
        One to three scenes of one or two planes along T, C and Z, colour, mosaics with overlap,
        levels, any place on the stage, each lossless compression, subblocks in any order.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import czi_scenes
    >>> len(find(czi_scenes(), lambda drawn: len(drawn.images) == 2).images)
    2
    """
    dtype, samples = draw(st.sampled_from(KINDS))
    lead = "".join(letter for letter in "TCZ" if draw(st.booleans()))
    levels = draw(st.integers(1, 3))
    # Sides that the factor of each level divides: an odd rest may be rounded either way.
    multiple = 2 ** (levels - 1)
    compression = draw(st.sampled_from(["raw", "zstd0", "zstd1", "lzw"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images: list[npt.NDArray[Any]] = []
    blocks: list[Block] = []
    count = draw(st.integers(1, 3))
    for scene in range(count):
        shape = [draw(st.integers(1, 2)) for _ in lead]
        shape += [multiple * draw(st.integers(2, 8)) for _ in "YX"]
        pixels = rng.integers(0, 250, [*shape, samples]).astype(dtype)
        image = pixels if samples > 1 else pixels[..., 0]
        images.append(image)
        tile = draw(st.none() | st.tuples(st.integers(4, 16), st.integers(4, 16)))
        blocks += blocks_of(
            image,
            f"{lead}YX" + "S" * (samples > 1),
            scene=scene if count > 1 or draw(st.booleans()) else None,
            tile=tile,
            overlap=draw(st.integers(0, 2)) if tile else 0,
            levels=levels,
            origin=(draw(st.integers(-40, 40)), draw(st.integers(-40, 40))),
            compression=compression,
        )
    return CziScenes(
        tuple(images),
        f"{lead}YX" + "S" * (samples > 1),
        levels,
        tuple(draw(st.permutations(blocks))),
    )
