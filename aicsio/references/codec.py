"""The codec that references name for chunks which no other library decodes. Imports numcodecs.

Rule kept here: thin. A chunk is decoded by ``aicsio._codecs``, as the engine does; the entry point
``numcodecs.codecs`` of the package names this class, so readers find it where aicsio is installed.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy

from aicsio import _codecs
from aicsio.errors import CorruptFileError
from aicsio.references.coding import OWN_NAME, decode_chain

__all__ = ["StoredChunkCodec"]


class StoredChunkCodec(Codec):  # type: ignore[misc]
    """Decodes a chunk as a microscope's file stores it.

    Parameters
    ----------
    chain
        Names and parameters of codecs, as ``aicsio.references.coding`` writes them.
    shape
        Shape of the decoded array.
    dtype
        Its type.
    axes
        Axis of the decoded array for each axis of the chunk; -1 for an added one.
    chunk
        Shape of the chunk.
    edge
        Shape of the last decoded array where it is shorter.
    astype
        Type to convert to.
    """

    codec_id: ClassVar[str] = OWN_NAME

    def __init__(
        self,
        *,
        chain: Sequence[Any],
        shape: Sequence[int],
        dtype: str,
        axes: Sequence[int],
        chunk: Sequence[int],
        edge: Sequence[int] | None = None,
        astype: str | None = None,
    ) -> None:
        self.chain = list(chain)
        self.shape = list(shape)
        self.dtype = dtype
        self.axes = list(axes)
        self.chunk = list(chunk)
        self.edge = None if edge is None else list(edge)
        self.astype = astype

    def encode(self, buf: object) -> NoReturn:
        """Refuse: the codec reads files of microscopes, and writes none."""
        raise NotImplementedError("aicsio's codec decodes only: choose another one to write")

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode one chunk.

        Raises
        ------
        CorruptFileError
            When the bytes do not decode to the pixels of a chunk.
        """
        pixels = self._decode(ensure_contiguous_ndarray(buf))
        return ndarray_copy(pixels, out)

    def _decode(self, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        codecs = decode_chain(self.chain)
        shapes = [self.shape] if self.edge is None else [self.shape, self.edge]
        raw = data.reshape(-1).view(np.uint8)
        # The shape of the chunk at hand is not known here: a short strip fits the second one only.
        trouble = ""
        for shape in shapes:
            # Scratch of this call alone: readers decode in several threads with one codec.
            target = _codecs.DecodeTarget(tuple(shape), np.dtype(self.dtype), _codecs.Scratch())
            try:
                pixels = _codecs.decode(codecs, raw, target)
            except (ValueError, RuntimeError) as error:
                trouble = trouble or str(error)
                continue
            return self._as_chunk(pixels)
        raise CorruptFileError(f"a chunk of {raw.nbytes} bytes cannot be decoded: {trouble}")

    def _as_chunk(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        # Axes that the view drops have one position in the decoded array.
        kept = [axis for axis in self.axes if axis >= 0]
        dropped = tuple(axis for axis in range(pixels.ndim) if axis not in kept)
        shown = pixels.squeeze(dropped)
        order = sorted(kept)
        shown = shown.transpose([order.index(axis) for axis in kept])
        shown = shown[tuple(None if axis < 0 else slice(None) for axis in self.axes)]
        if shown.shape != tuple(self.chunk):
            # The last strip of a plane has fewer rows; rows beyond the plane are not shown.
            whole = np.zeros(self.chunk, shown.dtype)
            whole[tuple(map(slice, shown.shape))] = shown
            shown = whole
        return np.ascontiguousarray(shown, self.astype or self.dtype)
