"""Strategies for descriptions of images in a LIF.

Rule kept here: every drawn description is a legal file.
"""

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.lif import LifImage
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["lif_images"]


@composite
def lif_images(draw: Draw) -> LifImage:
    """Draw descriptions of one image of a LIF, a LOF or a LIFEXT with random pixels.

    Returns
    -------
    SearchStrategy of LifImage
        Any letters in any order of memory, channels of different depth or colour, padded rows.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import lif_images
    >>> find(lif_images(), lambda image: len(image.dims) == 3).pixels.ndim
    3
    """
    lead = "".join(draw(st.lists(st.sampled_from("TCZ"), unique=True)))
    dims = f"{lead}YX" + "S" * draw(st.booleans())
    # LAS writes no dimension of one position beside X and Y.
    least = {"Y": 1, "X": 1, "S": 3}
    most = {"S": 3}
    shape = [draw(st.integers(least.get(one, 2), most.get(one, 6))) for one in dims]
    dtype = draw(st.sampled_from(["uint8", "uint16", "float32"]))
    depths: tuple[str, ...] = ()
    # The samples of a pixel are of one depth: red, green and blue are known by lying side by side.
    if dtype == "uint16" and "C" in dims and "S" not in dims and draw(st.booleans()):
        channels = shape[dims.index("C")]
        depths = (dtype, *(draw(st.sampled_from(["uint8", dtype])) for _ in range(channels - 1)))
    seed = draw(st.integers(0, 2**32 - 1))
    # Up to 250, which a channel of 8 bits holds as well.
    pixels = np.random.default_rng(seed).integers(0, 250, shape).astype(dtype)
    # The samples of a pixel lie together; planes, channels and rows in any order before X.
    memory = "".join(draw(st.permutations(list(dims.rstrip("S")[:-1])))) + "X" + "S" * ("S" in dims)
    return LifImage(
        pixels,
        dims,
        memory_order=memory,
        depths=depths,
        lengths={"X": draw(st.integers(1, 100)) * 1e-6, "Y": draw(st.integers(1, 100)) * 1e-6},
        # BytesInc of rows may be more than their pixels take, by whole samples.
        row_padding=draw(st.sampled_from([0, 0, 2])) * np.dtype(dtype).itemsize,
    )
