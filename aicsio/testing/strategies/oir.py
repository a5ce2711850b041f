"""Strategies for descriptions of OIR files.

Rule kept here: every drawn description is a legal file.
"""

import math

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.oir import OirImage
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["oir_images"]


@composite
def oir_images(draw: Draw) -> OirImage:
    """Draw descriptions of OIR files with random pixels.

    Returns
    -------
    SearchStrategy of OirImage
        Axes, colours, chunks of any length in any order, missing frames, continuations.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import oir_images
    >>> find(oir_images(), lambda image: image.split > 0).pixels.ndim > 1
    True
    """
    axes = "".join(letter for letter in "TLZ" if draw(st.booleans()))
    rows = draw(st.sampled_from("YYT" if "T" not in axes else "Y"))
    is_colour = draw(st.sampled_from([False, False, True])) and rows == "Y"
    dims = f"{axes}YXS" if is_colour else f"{axes}C{rows}X"
    sizes = {letter: draw(st.integers(1, 3)) for letter in dims}
    sizes |= {rows: draw(st.integers(1, 40)), "X": draw(st.integers(1, 40)), "S": 3}
    shape = tuple(sizes[letter] for letter in dims)
    dtype = np.dtype(draw(st.sampled_from(["u1", "u2", "f4"])))
    seed = draw(st.integers(0, 2**32 - 1))
    frame_count = math.prod(sizes[letter] for letter in axes)
    # The first and the last frame stay: the axes end with them.
    missing = draw(st.sets(st.integers(1, max(frame_count - 2, 1)), max_size=2))
    return OirImage(
        pixels=np.random.default_rng(seed).integers(0, 250, shape).astype(dtype),
        dims=dims,
        pixel_size=draw(st.integers(1, 4000)) / 64,
        z_step=draw(st.integers(1, 4000)) / 64,
        # Odd lengths end in the middle of a row; samples stay whole.
        chunk_nbytes=dtype.itemsize * draw(st.sampled_from([0, 0, 3, 17, 100])),
        scattered=draw(st.booleans()),
        missing=tuple(sorted(one for one in missing if 0 < one < frame_count - 1)),
        split=draw(st.sampled_from([0, 0, 2])),
        has_index=draw(st.sampled_from([True, True, False])),
    )
