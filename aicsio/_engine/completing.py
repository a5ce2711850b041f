"""Completes the layout of an array whose file is described later than opened, before a read plans it.

Rule kept here: the completed array shows the same pixels under the same letters; no other layout is asked.
"""

import attrs

from aicsio.records import LazyArray
from aicsio.records.protocols import CompletesLater, offered


def complete(array: LazyArray) -> LazyArray:
    """Return the array with the layout of the whole file, if the pixels it shows need more than opening read.

    Raises
    ------
    CorruptFileError
        When the file has other pixels than it promised when it was opened.
    SourceError
        When the bytes cannot be read.
    """
    layout = offered(array.layout, CompletesLater)
    if layout is None:
        return array
    return attrs.evolve(array, layout=layout.completed(array.view.picks))
