"""Strategies for projects of Leica in many files.

Rule kept here: every drawn description is a legal project.
"""

import math

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.lif import LifImage
from aicsio.testing.strategies.images import Draw, composite
from aicsio.testing.xlef import XlefImage

__all__ = ["xlef_images"]


@composite
def xlef_images(draw: Draw) -> XlefImage:
    """Draw images of projects with random pixels.

    Returns
    -------
    SearchStrategy of XlefImage
        Axes in any order of memory, colour, LOF, TIFF and PNG, missing files, escaped names.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import xlef_images
    >>> find(xlef_images(), lambda one: one.stored == "lof").image.pixels.ndim > 1
    True
    """
    lead = draw(st.permutations(draw(st.lists(st.sampled_from("TZCLE"), unique=True, max_size=3))))
    plane = "YXS" if "C" not in lead and draw(st.booleans()) else "YX"
    letters = "".join(lead) + plane
    # The files of a single channel have no dimension of channels.
    sizes = {letter: draw(st.integers(1 + (letter == "C"), 3)) for letter in lead}
    sizes |= {"Y": draw(st.integers(1, 9)), "X": draw(st.integers(1, 9)), "S": 3}
    stored = draw(st.sampled_from(["lof", "tif", "tif", "png"]))
    # PNG has 8 or 16 bits a sample.
    kinds = ["u1", "u2"] if stored == "png" or plane == "YXS" else ["u1", "u2", "u4", "f4"]
    shape = tuple(sizes[letter] for letter in letters)
    pixels = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 250, shape)
    count = 1 if stored == "lof" else math.prod(sizes[letter] for letter in lead)
    # One file at least stays: an image without pixels has no array.
    missing = draw(st.sets(st.integers(1, max(count - 1, 1)), max_size=2))
    folder = draw(st.sampled_from(["", "F/", "F/G h/"]))
    return XlefImage(
        image=LifImage(pixels.astype(draw(st.sampled_from(kinds))), letters, name=f"{folder}a"),
        stored=stored,
        compression=draw(st.sampled_from([None, "zlib"])),
        missing=tuple(sorted(number for number in missing if number < count)),
        escaped=draw(st.booleans()),
        changed_case=draw(st.booleans()),
    )
