"""Strategies for descriptions of ND2 files.

Rule kept here: every drawn description is a legal file.
"""

import math

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.nd2 import Nd2Image
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["nd2_images"]


@composite
def nd2_images(draw: Draw) -> Nd2Image:
    """Draw descriptions of ND2 files with random pixels.

    Returns
    -------
    SearchStrategy of Nd2Image
        Loops in any order, channels, colours, paddings, compression, missing frames, XML or
        binary metadata.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import nd2_images
    >>> find(nd2_images(), lambda image: image.compressed).pixels.ndim > 1
    True
    """
    loops = draw(st.permutations(draw(st.lists(st.sampled_from("TPZQ"), unique=True))))
    letters = "".join(loops)
    if draw(st.booleans()):
        letters += "C"
    letters += "YX"
    if draw(st.sampled_from([False, False, True])):
        letters += "S"
    sizes = {letter: draw(st.integers(1, 3)) for letter in letters}
    sizes |= {"Y": draw(st.integers(1, 12)), "X": draw(st.integers(1, 12)), "S": 3}
    shape = tuple(sizes[letter] for letter in letters)
    # Values up to 250 are exact in each type.
    dtype = draw(st.sampled_from(["u1", "u2", "u4", "f4", "f8"]))
    seed = draw(st.integers(0, 2**32 - 1))
    frame_count = math.prod(sizes[letter] for letter in loops)
    # One frame at least stays: a file without pixels is refused.
    missing = draw(st.sets(st.integers(1, max(frame_count - 1, 1)), max_size=2))
    return Nd2Image(
        pixels=np.random.default_rng(seed).integers(0, 250, shape).astype(dtype),
        dims=letters,
        pixel_size=draw(st.integers(1, 4000)) / 64,
        z_step=draw(st.integers(1, 4000)) / 64,
        compressed=draw(st.booleans()),
        row_padding=draw(st.sampled_from([0, 0, 1, 4, 7])),
        missing=tuple(sorted(number for number in missing if number < frame_count)),
        version=draw(st.sampled_from(["2.1", "3.0"])),
    )
