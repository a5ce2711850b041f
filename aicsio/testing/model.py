"""The dimension language said once more, over arrays in memory and with no regard to speed: the model of the laws."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["transposed"]


def transposed(pixels: npt.NDArray[Any], dims: str, order: str, **picks: Any) -> npt.NDArray[Any]:
    """Do to an array in memory what ``transpose_to`` does to a handle.

    Parameters
    ----------
    pixels
        What the handle shows.
    dims
        Its letters.
    order
        Letters of the result.
    **picks
        As for ``transpose_to``; only legal ones.
    """
    for axis, letter in enumerate(dims):
        size = pixels.shape[axis]
        pick = picks.get(letter, slice(None))
        positions = np.arange(size)[pick] if isinstance(pick, slice) else np.asarray(pick, np.int64)
        pixels = np.take(pixels, positions.reshape(-1), axis)
    kept = [letter for letter in dims if letter in order]
    pixels = pixels.reshape(
        [size for letter, size in zip(dims, pixels.shape, strict=True) if letter in order]
    )
    added = [letter for letter in order if letter not in dims]
    pixels = pixels.reshape((1,) * len(added) + pixels.shape)
    letters = [*added, *kept]
    return pixels.transpose([letters.index(letter) for letter in order])
