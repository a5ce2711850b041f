"""The dimension language over arrays in memory: the model that the laws compare with.

Rule kept here: obviously right, not fast; numpy alone, nothing of the package.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["transpose_array"]


def transpose_array(
    pixels: npt.NDArray[Any], dims: str, order: str, **picks: Any
) -> npt.NDArray[Any]:
    """Do to an array in memory what ``transpose_to`` does to a handle.

    Parameters
    ----------
    pixels
        Pixels that the handle shows, one axis a letter of ``dims``.
    dims
        Letters of the handle.
    order
        Letters of the result.
    **picks
        As for ``transpose_to``; only legal ones.

    Returns
    -------
    numpy.ndarray
        One axis a letter of ``order``; new letters have length 1.

    Raises
    ------
    ValueError
        When ``order`` leaves out a letter that still has several positions.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.model import transpose_array
    >>> transpose_array(np.arange(6).reshape(2, 3), "CX", "TXC", C=[1, 0]).tolist()
    [[[3, 0], [4, 1], [5, 2]]]
    """
    for axis, letter in enumerate(dims):
        positions = np.arange(pixels.shape[axis])
        pick = picks.get(letter, slice(None))
        # A slice may leave positions out, an int or a list names them; negative ones count from the end.
        chosen = positions[pick] if isinstance(pick, slice) else np.asarray(pick, np.int64)
        pixels = np.take(pixels, chosen.reshape(-1), axis)
    sizes = dict(zip(dims, pixels.shape, strict=True))
    kept = [letter for letter in dims if letter in order]
    added = [letter for letter in order if letter not in dims]
    # Fails unless each dropped axis has length 1.
    pixels = pixels.reshape([1] * len(added) + [sizes[letter] for letter in kept])
    # New axes stand in front; the transpose below puts them where the order wants them.
    letters = [*added, *kept]
    return pixels.transpose([letters.index(letter) for letter in order])
