"""Strategies for descriptions of OIF sets.

Rule kept here: every drawn description is a legal set.
"""

import math

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.oif import OifImage
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["oif_images"]


@composite
def oif_images(draw: Draw) -> OifImage:
    """Draw descriptions of OIF sets with random pixels.

    Returns
    -------
    SearchStrategy of OifImage
        Axes in any order, colours, strips, compressions, missing planes, sectors of either size,
        streams in fragments.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import oif_images
    >>> find(oif_images(), lambda image: image.fragment > 0).pixels.ndim > 1
    True
    """
    letters = "".join(draw(st.permutations(draw(st.lists(st.sampled_from("TZLA"), unique=True)))))
    # Rows along Z or T are scans of one line, so the letter cannot be an axis of planes too.
    rows = draw(st.sampled_from([*"YYY", *(letter for letter in "ZT" if letter not in letters)]))
    dims = f"{letters}C{rows}X"
    if draw(st.sampled_from([False, False, True])):
        dims += "S"
    sizes = {letter: draw(st.integers(1, 3)) for letter in dims}
    sizes |= {rows: draw(st.integers(1, 40)), "X": draw(st.integers(1, 40)), "S": 3}
    shape = tuple(sizes[letter] for letter in dims)
    seed = draw(st.integers(0, 2**32 - 1))
    plane_count = math.prod(sizes[letter] for letter in f"{letters}C")
    # One plane at least stays: a set without pixels is refused.
    missing = draw(st.sets(st.integers(0, plane_count - 1), max_size=min(plane_count - 1, 2)))
    return OifImage(
        pixels=np.random.default_rng(seed)
        .integers(0, 250, shape)
        .astype(draw(st.sampled_from(["u1", "u2"]))),
        dims=dims,
        pixel_size=draw(st.integers(1, 4000)) / 64,
        z_step=draw(st.integers(1, 4000)) / 64,
        compression=draw(st.sampled_from(["none", "none", "lzw", "deflate", "packbits"])),
        strip_rows=draw(st.sampled_from([0, 1, 7])),
        missing=tuple(sorted(missing)),
        encoding=draw(st.sampled_from(["utf-16", "utf-8"])),
        version=draw(st.sampled_from([3, 4])),
        fragment=draw(st.sampled_from([0, 0, 1, 5])),
    )
