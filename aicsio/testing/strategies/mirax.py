"""Strategies for descriptions of MIRAX slides.

Rule kept here: every drawn description is a legal slide of lossless pixels, whose photos lie on whole
pixels of every level.
"""

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.mirax import MiraxImage
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["mirax_images"]


@composite
def mirax_images(draw: Draw) -> MiraxImage:
    """Draw descriptions of slides with random pixels.

    Returns
    -------
    SearchStrategy of MiraxImage
        Photos that overlap and lie off their places, missing ones, levels, filters, formats of images and
        of positions.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import mirax_images
    >>> find(mirax_images(), lambda image: image.levels > 1).photos.ndim
    5
    """
    levels = draw(st.integers(1, 4))
    # Sides and places are multiples of the last step: no pixel falls between two of a level.
    unit = 1 << (levels - 1)
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    divisions = draw(st.sampled_from([1, 2, 4]))
    sides = (draw(st.integers(1, 3)) * unit * divisions, draw(st.integers(1, 3)) * unit * divisions)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    photos = rng.integers(0, 250, (rows, columns, *sides, 3)).astype(np.uint8)
    # A photo that lies at 0 where others do is taken for an empty one: none is moved back.
    offsets = rng.integers(0, 3, (rows, columns, 2)) * unit
    places = [(row, column) for row in range(rows) for column in range(columns)]
    missing = draw(st.sets(st.sampled_from(places), max_size=len(places) - 1))
    first_step = draw(st.sampled_from([1, 1, 2]))
    positions = draw(st.sampled_from(["plain", "packed", "none"]))
    # Of photos that share an image of full resolution, the positions alone show which are stored.
    is_unknown = positions == "none" and first_step > divisions
    shared = [draw(st.integers(0, side // unit - 1)) * unit for side in sides]
    return MiraxImage(
        photos,
        overlap=(shared[0], shared[1]),
        offsets=offsets if draw(st.booleans()) else None,
        divisions=divisions,
        first_step=first_step,
        levels=levels,
        image_format=draw(st.sampled_from(["PNG", "BMP24"])),
        missing=() if is_unknown else tuple(sorted(missing)),
        positions=positions,
        flags=draw(st.booleans()),
        fill=draw(st.sampled_from([(228, 228, 228), (255, 255, 255), (1, 2, 3)])),
        filters=draw(st.sampled_from([(), (), ("DAPI",), ("DAPI", "FITC", "Cy3")])),
        page=draw(st.integers(1, 9)),
        file_nbytes=draw(st.sampled_from([1, 1 << 20])),
        pixel_size=draw(st.integers(1, 4000)) / 64,
    )
