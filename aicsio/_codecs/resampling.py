"""Pixels stored at another size than they are shown, and planes of a block that holds several.

Rule kept here: each shown pixel is the stored one in whose area its centre lies, computed from the
position on the canvas alone, so that a window equals a crop of the whole.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs.buffers import Data, DecodeTarget
from aicsio.records import Codec

Decode: TypeAlias = Callable[[tuple[Codec, ...], Data, DecodeTarget], npt.NDArray[Any]]


@attrs.frozen
class ResampledAxis:
    """How positions of a canvas map to stored positions, along one axis."""

    first: int
    """First shown position of the canvas."""
    scale: float
    """Full-resolution pixels per position of the canvas."""
    start: int
    """First full-resolution pixel that the stored pixels cover."""
    size: int
    """Number of full-resolution pixels that they cover."""
    stored_size: int
    """Number of stored pixels."""

    def indices(self, count: int) -> npt.NDArray[np.int64]:
        """Return the stored position of each of ``count`` shown positions."""
        shown = self.first + np.arange(count)
        if float(self.scale).is_integer():
            # Doubled, so that the centre of a pixel is a whole number and nothing is rounded.
            doubled = (2 * shown + 1) * int(self.scale) - 2 * self.start
            positions = doubled * self.stored_size // (2 * self.size)
        else:
            centres = (shown + 0.5) * self.scale - self.start
            positions = np.floor(centres * (self.stored_size / self.size)).astype(np.int64)
        return np.asarray(np.clip(positions, 0, self.stored_size - 1), np.int64)


def decode_stored(
    decode: Decode,
    data: Data,
    target: DecodeTarget,
    *,
    chain: tuple[tuple[str, tuple[Any, ...]], ...],
    plane_count: int,
    plane_index: int,
    y: tuple[Any, ...],
    x: tuple[Any, ...],
    samples: int,
) -> npt.NDArray[Any]:
    """Decode whole stored planes, then take one of them at the size of the target.

    Parameters
    ----------
    decode
        Runs a chain of codecs. It is handed over because its table holds this codec.
    data
        Bytes as stored.
    target
        Shape and dtype of the shown pixels.
    chain
        Names and parameters of the codecs that decode the stored planes.
    plane_count, plane_index
        Number of stored planes, and which of them is shown.
    y, x
        Fields of ``ResampledAxis``.
    samples
        Length of the axis of samples; 0 if there is none.

    Raises
    ------
    ValueError, RuntimeError
        When a codec refuses the bytes, or they have another size than the stored planes.
    """
    rows_axis, columns_axis = ResampledAxis(*y), ResampledAxis(*x)
    sample_shape = (samples,) if samples else ()
    # Codecs of images see planes below each other as one image; there is one plane then.
    stored_shape = (plane_count * rows_axis.stored_size, columns_axis.stored_size, *sample_shape)
    stored_target = DecodeTarget(stored_shape, target.dtype, target.scratch)
    codecs = tuple(Codec(name, parameters) for name, parameters in chain)
    stored = decode(codecs, data, stored_target)
    plane = stored[plane_index * rows_axis.stored_size :][: rows_axis.stored_size]
    height, width = target.frame(bool(samples))[:2]
    rows, columns = rows_axis.indices(height), columns_axis.indices(width)
    # Shapes (rows, 1) and (columns,): one lookup for all pairs of both.
    shown: npt.NDArray[Any] = plane[rows[:, None], columns]
    return shown.reshape(target.shape)
