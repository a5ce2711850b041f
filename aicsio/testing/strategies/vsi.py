"""Strategies for descriptions of VSI files.

Rule kept here: every drawn description is a legal file, and no compression changes its pixels.
"""

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.strategies.images import Draw, composite
from aicsio.testing.vsi import VsiImage

__all__ = ["vsi_images"]


@composite
def vsi_images(draw: Draw) -> VsiImage:
    """Draw descriptions of stacks with random pixels.

    Returns
    -------
    SearchStrategy of VsiImage
        Dimensions in any order, colours, levels, compressions, missing tiles, images that begin
        within a tile.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import vsi_images
    >>> find(vsi_images(), lambda image: image.levels > 1).pixels.ndim > 1
    True
    """
    axes = "".join(draw(st.permutations("TCZLH"))[: draw(st.integers(0, 4))])
    is_colour = draw(st.sampled_from([False, False, True]))
    dims = f"{axes}YX{'S' if is_colour else ''}"
    sizes = {letter: draw(st.integers(1, 3)) for letter in axes}
    sizes |= {"Y": draw(st.integers(1, 40)), "X": draw(st.integers(1, 40)), "S": 3}
    compression = draw(st.sampled_from(["raw", "raw", "jpeg2k", "png", "bmp"]))
    # Of the codecs, BMP has 8 bits alone, PNG and JPEG 2000 have up to 16.
    kinds = {"raw": ["u1", "u2", "i2", "f4"], "bmp": ["u1"]}.get(compression, ["u1", "u2"])
    seed = draw(st.integers(0, 2**32 - 1))
    shape = tuple(sizes[letter] for letter in dims)
    tile = (draw(st.integers(4, 17)), draw(st.integers(4, 17)))
    return VsiImage(
        pixels=np.random.default_rng(seed)
        .integers(0, 250, shape)
        .astype(draw(st.sampled_from(kinds))),
        dims=dims,
        stack=draw(st.sampled_from([1, 10001])),
        tile=tile,
        # A level of which nothing is left does not exist.
        levels=draw(st.integers(1, max(min(sizes["Y"], sizes["X"]).bit_length() - 1, 1))),
        compression=compression,
        is_bgr=is_colour and compression == "raw" and draw(st.booleans()),
        missing=tuple(draw(st.sets(st.integers(1, 9), max_size=2))) if axes == "" else (),
        corner=draw(st.sampled_from([(0, 0), (0, 0), (3, 2)])),
        pixel_size=draw(st.integers(1, 4000)) / 64,
        z_step=draw(st.integers(-4000, 4000).filter(bool)) / 64,
        period=draw(st.integers(1, 4000)) / 64,
    )
