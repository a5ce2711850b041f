"""Planes whose stream lies in fragments all over an OIB.

Rule kept here: only the fragments are read, not what lies between them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio import _codecs
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.oif.compound import Extents
from aicsio.records import Codec, Source


def read_plane(
    source: Source, extents: Extents, shape: tuple[int, ...], dtype: str, codec: Codec
) -> npt.NDArray[Any]:
    """Read the fragments of a plane and decode its TIFF.

    Parameters
    ----------
    source
        The OIB.
    extents
        Byte offset and length of each fragment.
    shape
        Of the plane, with the rank of the stored dims.
    dtype
        Of the plane, with its byte order.
    codec
        Decodes the TIFF.

    Raises
    ------
    CorruptFileError
        When the TIFF is damaged.
    """
    with readers.lend(source) as reader:
        data = b"".join(bytes(part) for part in reader.read_spans(extents))
    target = _codecs.DecodeTarget(shape, np.dtype(dtype), _codecs.Scratch())
    try:
        return _codecs.decode((codec,), data, target)
    except (ValueError, RuntimeError) as error:
        raise CorruptFileError.at(source.uri, extents[0][0], str(error)) from error
