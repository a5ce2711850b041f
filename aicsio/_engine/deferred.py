"""Opens the file of a piece that names a file and not where its pixels lie.

Rule kept here: a file with other pixels than the layout promised is an error, a missing one is not.
"""

import importlib

from aicsio.errors import CorruptFileError
from aicsio.records import Deferred, LazyArray


def open_array(piece: Deferred) -> LazyArray | None:
    """Open the file of a piece; ``None`` if it is missing.

    Raises
    ------
    CorruptFileError
        When the file has pixels of another shape or type than the layout promised.
    """
    module, _, name = piece.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    array: LazyArray | None = function(piece.source, piece.key, *piece.arguments)
    if array is None:
        return None
    # Axes that the file lacks stand in front, with one position.
    added = len(piece.shape) - array.ndim
    # Pixels of another shape or type would be a wrong picture.
    if (1,) * added + array.shape != piece.shape or array.dtype != piece.dtype:
        raise CorruptFileError(
            f"{piece.key!r} of {piece.source.uri}: expected {piece.shape[added:]} pixels of "
            f"{piece.dtype}, found {array.shape} of {array.dtype}"
        )
    return array
