"""A block of pixels compared with its file, as a lazy array.

Rule kept here: a raw block that ends early shows the positions of its slowest axis that are whole.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from aicsio.errors import CorruptFileError
from aicsio.formats.raw_blocks.layout import RawBlockLayout
from aicsio.records import Codec, Diagnostic, Dims, DType, LazyArray, Source

CODECS: Final = {
    "gzip": (Codec("zarr-gzip", (("sized", True),)),),
    "bzip2": (Codec("zarr-bz2", (("sized", True),)),),
    "ascii": (Codec("text-numbers"),),
    "hex": (Codec("hex-bytes"),),
}
"""By the names of NRRD; ICS has the first."""
MOST_AXES: Final = 16
"""NRRD has 16 axes at most, ICS 10."""
HIGHEST_RATIO: Final = 2000
"""Pixels to compressed bytes: Deflate reaches 1032, bzip2 more on constant blocks."""
SMALL_BLOCK: Final = 1 << 24
"""Bytes of pixels that any compressed block may have."""


def lay_out(
    source: Source,
    offset: int,
    letters: str,
    shape: Sequence[int],
    dtype: DType,
    *,
    compression: str = "raw",
) -> tuple[LazyArray, list[Diagnostic]]:
    """Return the array of a block, and a diagnostic if it ends early.

    Parameters
    ----------
    source
        The file with the pixels.
    offset
        Where they begin.
    letters, shape
        Of the axes, the slowest first.
    dtype
        Stored type.
    compression
        ``"raw"``, or a key of ``CODECS``.

    Raises
    ------
    CorruptFileError
        When sizes make no sense, or the file holds not one whole position of the slowest axis.
    """
    shape = tuple(shape)
    check_shape(source, shape)
    total = math.prod(shape) * dtype.itemsize
    # Of a source of unknown size all pixels are taken to be there.
    held = max((source.size if source.size is not None else offset + total) - offset, 0)
    diagnostics: list[Diagnostic] = []
    if compression != "raw":
        check_ratio(source, offset, total, held)
    elif total > held:
        # The slowest axis comes first: its whole positions lie in front of the cut.
        slice_nbytes = total // shape[0]
        whole = held // slice_nbytes
        text = f"expected {total} bytes of pixels, the file has {held}"
        if not whole:
            raise CorruptFileError.at(source.uri, offset, text)
        text += f": {letters[0]} has {whole} of {shape[0]} positions"
        diagnostics.append(Diagnostic("truncated-block", text, source.uri, loss=True))
        shape = (whole, *shape[1:])
    codecs = CODECS.get(compression, ())
    layout = RawBlockLayout(source, offset, held, shape, dtype, codecs)
    return LazyArray.whole(layout, Dims(letters, shape), dtype), diagnostics


def check_shape(source: Source, shape: tuple[int, ...]) -> None:
    """Refuse sizes that no array has."""
    if not 0 < len(shape) <= MOST_AXES or min(shape) < 1 or max(shape) > 1 << 40:
        raise CorruptFileError.at(source.uri, None, f"expected sizes of axes, found {shape}")


def check_ratio(source: Source, offset: int, total: int, held: int) -> None:
    """Refuse a short file that announces a huge block, which would make the decoder allocate it."""
    if total > max(held * HIGHEST_RATIO, SMALL_BLOCK):
        raise CorruptFileError.at(
            source.uri, offset, f"expected {total} bytes of pixels, found {held} compressed"
        )


def read_type(name: str, order: str) -> DType | None:
    """Return a type of numpy in a byte order; ``None`` if there is none of that name."""
    try:
        return np.dtype(name).newbyteorder("<" if order == "<" else ">")
    except TypeError:
        return None
