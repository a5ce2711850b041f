"""Strategies for descriptions of DeltaVision and MRC files.

Rule kept here: every drawn description is a legal file.
"""

import numpy as np
from hypothesis import strategies as st

from aicsio.testing.mrc import DELTAVISION_MODES, MRC_MODES, PACKED_MODES, MrcImage
from aicsio.testing.strategies.images import Draw, composite, spacings

__all__ = ["mrc_images"]


@composite
def mrc_images(draw: Draw) -> MrcImage:
    """Draw descriptions of DeltaVision and MRC files with random pixels.

    Returns
    -------
    SearchStrategy of MrcImage
        Both kinds, each order of dimensions, type and order of bytes.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import mrc_images
    >>> find(mrc_images(), lambda image: image.kind == "mrc").dims
    'ZYX'
    """
    is_mrc = draw(st.booleans())
    modes = MRC_MODES if is_mrc else DELTAVISION_MODES
    dims = draw(st.sampled_from(["ZYX", "QZYX"] if is_mrc else ["CTZYX", "TZCYX", "TCZYX"]))
    shape = [draw(st.integers(1, 4)) for _ in dims]
    seed = draw(st.integers(0, 2**32 - 1))
    packed = draw(st.sampled_from([False, False, True]))
    if packed:
        modes = {mode: PACKED_MODES[mode] for mode in ("c8", *(["u1"] * is_mrc))}
    dtype = draw(st.sampled_from(sorted(modes)))
    # Up to 99, which even int8 and float16 hold exactly; half a byte holds 15.
    top = 16 if packed else 100
    pixels = np.random.default_rng(seed).integers(0, top, shape).astype(dtype)
    return MrcImage(
        pixels,
        dims,
        kind="mrc" if is_mrc else "deltavision",
        byte_order=draw(st.sampled_from(["<", ">"])),
        spacing=draw(spacings()),
        extended=draw(st.booleans()),
        packed=packed,
    )
