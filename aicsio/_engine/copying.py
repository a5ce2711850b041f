"""Copies decoded pixels to their place.

Rule kept here: memory to memory; nothing is read and nothing decoded.
"""

import numpy as np

from aicsio._engine.placements import Array

FEW = 4
"""Samples of a pixel, at most."""


def copy(pixels: Array, dest: Array) -> None:
    """Copy pixels to their place."""
    samples = dest.shape[-1]
    # Samples that are stored in another order are copied one by one: numpy's innermost loop would
    # run over three samples, which takes 3.4 times as long as over the columns (2.5 and 0.75 ms
    # for 1024 x 1024 pixels).
    if (
        dest.ndim > 1
        and 1 < samples <= FEW < dest.shape[-2]
        and pixels.strides[-1] != pixels.itemsize
    ):
        for sample in range(samples):
            dest[..., sample] = pixels[..., sample]
    else:
        dest[...] = pixels


def copy_valid(pixels: Array, dest: Array) -> None:
    """Place the pixels that are not masked; what lies below the others stays."""
    if isinstance(pixels, np.ma.MaskedArray):
        np.copyto(dest, pixels.data, where=~np.ma.getmaskarray(pixels), casting="unsafe")
    else:
        dest[...] = pixels
