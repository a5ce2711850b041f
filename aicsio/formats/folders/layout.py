"""Planes in files -> pieces.

Rule kept here: tables only, column-wise, and no I/O. Where the pixels lie inside of a file is found
when they are read, by ``members.open_plane``.
"""

from collections.abc import Iterator

import attrs
import numpy as np

from aicsio.formats.folders.members import OPEN_PLANE
from aicsio.formats.folders.names import PackedNames
from aicsio.records import Deferred, DType, Piece, PlanePlaces, Selection, Source
from aicsio.records.lazy import window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short


@printed_short
@pickled_by_position
@attrs.frozen
class PlaneFilesLayout:
    """Planes of one field, in files that an index names."""

    index: Source
    """The index, in whose folder the files lie, or the folder itself."""
    names: PackedNames
    """Names of the files below the folder."""
    lead: tuple[int, ...]
    """Sizes of T, C and Z."""
    plane: tuple[int, ...]
    """Rows and columns, and samples of a colour image."""
    dtype: DType
    """Type of the pixels."""
    file_of: PackedIntegers
    """File of each plane, in C order over ``lead``; -1 for one that is missing."""
    page_of: PackedIntegers
    """Number of each plane in its file."""
    is_listed: bool
    """Whether the files were seen in the folder; if not, one that is missing is zero."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """One plane: each block opens one file."""
        return (*(1,) * len(self.lead), *self.plane)

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        number = 0
        for size, index in zip(self.lead, block, strict=False):
            number = number * size + index
        file = self.file_of.at(number)
        if file < 0:
            return  # the engine fills with 0
        rank = len(self.lead)
        first = (0,) * rank + starts[rank:]
        yield Deferred(
            source=self.index,
            key=self.names.at(file),
            function=OPEN_PLANE,
            arguments=(self.page_of.at(number), self.is_listed),
            shape=self.block_shape,
            dtype=self.dtype,
            selection=Selection(first, counts, (0,) * len(counts)),
        )

    def locate_planes(self) -> PlanePlaces:
        """Return the file of each plane; offsets are known when files are opened."""
        count = int(np.prod(self.lead))
        files = self.file_of.take(np.arange(count)).astype("<i4")
        offsets = np.full(count, -1, "<i8")
        folder = self.index.uri if self.index.folder else self.index.uri.rpartition("/")[0]
        uris = tuple(f"{folder}/{name}" for name in self.names.list())
        return PlanePlaces(uris, files.tobytes(), offsets.tobytes())
