"""Strategies for descriptions of Imaris files.

Rule kept here: every drawn description is a legal file.
"""

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.ims import ImsImage
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["ims_images"]

CHAINS = (
    (),
    ("gzip",),
    ("shuffle", "gzip"),
    ("shuffle", "lz4"),
    ("lzf",),
    ("zstd",),
    ("shuffle", "gzip", "fletcher32"),
)
"""Rows of filters; Imaris writes the first four."""


@composite
def ims_images(draw: Draw) -> ImsImage:
    """Draw descriptions of Imaris files with random pixels.

    Returns
    -------
    SearchStrategy of ImsImage
        Any sizes, chunks, filters, levels, paddings, missing arrays, user blocks.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import ims_images
    >>> find(ims_images(), lambda image: image.levels > 1).pixels.ndim
    5
    """
    times, channels = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    depth, height, width = (
        draw(st.integers(1, 5)),
        draw(st.integers(1, 14)),
        draw(st.integers(1, 14)),
    )
    dtype = draw(st.sampled_from(["u1", "u2", "u4", "f4"]))
    seed = draw(st.integers(0, 2**32 - 1))
    pixels = np.random.default_rng(seed).integers(0, 250, (times, channels, depth, height, width))
    # Some chunks hold zeros alone, and are not in the file.
    pixels[..., : draw(st.integers(0, height))] = 0
    chunk = draw(st.none() | st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)))
    # One array at least stays: a file without pixels is refused.
    places = st.tuples(st.integers(0, times - 1), st.integers(0, channels - 1))
    missing = draw(st.sets(places.filter(any), max_size=2))
    return ImsImage(
        pixels=pixels.astype(dtype),
        dims="TCZYX",
        pixel_size=tuple(draw(st.integers(1, 4000)) / 64 for _ in range(3)),
        levels=draw(st.integers(1, 3)),
        chunk=chunk,
        filters=draw(st.sampled_from(CHAINS)),
        padded=draw(st.booleans()),
        missing=tuple(sorted(missing)),
        user_block=draw(st.sampled_from([0, 0, 512])),
    )
