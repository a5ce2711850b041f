"""Parts of one decoded image that lie elsewhere than in the image.

Rule kept here: pixels between the parts, and those that other images cover, are masked.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._codecs.buffers import Data, DecodeTarget
from aicsio._codecs.resampling import Decode
from aicsio.records import Codec

BOX_WORDS = 6
"""First row in the result, in the image, and rows; the same of columns."""


def move_parts(
    decode: Decode,
    data: Data,
    target: DecodeTarget,
    *,
    codecs: tuple[tuple[str, tuple[Any, ...]], ...],
    stored: tuple[int, int],
    boxes: bytes,
    shown: bytes,
) -> npt.NDArray[Any]:
    """Decode an image and move parts of it; a later part covers an earlier one.

    Parameters
    ----------
    decode
        Runs a chain of codecs: the function of the table.
    data
        The image as stored.
    target
        What must come out; its last axis holds samples.
    codecs
        Names and parameters of the codecs that decode the image.
    stored
        Rows and columns of the image.
    boxes
        Little-endian int32, ``BOX_WORDS`` a part.
    shown
        One bit a pixel of the result, rows first: whether the image is shown there.

    Returns
    -------
    A masked array.

    Raises
    ------
    ValueError, RuntimeError
        When a codec refuses its bytes, or a part lies outside of the image or the result.
    """
    chain = tuple(Codec(name, parameters) for name, parameters in codecs)
    samples = target.shape[-1]
    image = decode(chain, data, DecodeTarget((*stored, samples), target.dtype, target.scratch))
    pixels = np.zeros(target.shape, target.dtype)
    for to_y, y, rows, to_x, x, columns in np.frombuffer(boxes, "<i4").reshape(-1, BOX_WORDS):
        part = image[y : y + rows, x : x + columns]
        pixels[to_y : to_y + rows, to_x : to_x + columns] = part
    # The last byte may have padding bits, which `count` leaves out.
    count = math.prod(target.shape[:-1])
    hidden = np.unpackbits(np.frombuffer(shown, np.uint8), count=count) == 0
    # All samples of a pixel share its bit.
    mask = np.broadcast_to(hidden.reshape(*target.shape[:-1], 1), target.shape)
    return np.ma.MaskedArray(pixels, mask)
