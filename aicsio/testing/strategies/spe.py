"""Strategies for descriptions of SPE files of Princeton Instruments.

Rule kept here: every drawn description is a legal file.
"""

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.spe import PIXEL_FORMATS, TYPES, SpeImage
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["spe_images"]


@composite
def spe_images(draw: Draw) -> SpeImage:
    """Draw descriptions of SPE files with random pixels.

    Returns
    -------
    SearchStrategy of SpeImage
        Both versions, each type, one region or several, with and without tracks.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import spe_images
    >>> find(spe_images(), lambda image: len(image.regions) == 2).regions[1].ndim
    3
    """
    version = draw(st.sampled_from([2, 3]))
    dtype = draw(st.sampled_from(sorted(TYPES if version == 2 else PIXEL_FORMATS)))
    count = draw(st.integers(1, 4))
    width = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    regions = []
    for _ in range(draw(st.integers(1, 3))):
        # Regions of version 2 have one width.
        columns = width if version == 2 else draw(st.integers(1, 6))
        shape = (count, draw(st.integers(1, 4)), columns)
        regions.append(rng.integers(0, 250, shape).astype(dtype))
    return SpeImage(
        tuple(regions),
        version,
        exposure=draw(st.sampled_from([0.001, 0.25, 60.0])),
        tracks=draw(st.booleans()),
        wavelengths=draw(st.booleans()),
        padding=draw(st.sampled_from([0, 0, 8])),
        binning=draw(st.integers(1, 3)),
    )
