"""Memory of an image in many files -> pieces.

Rule kept here: the XML gives each pixel a place in one memory, as in a LIF; each file holds a part
of that memory. A part whose file is missing yields no piece, so that its pixels are zero.
"""

import itertools
from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np

from aicsio.formats._leica.layout import LifLayout
from aicsio.records import Computed, Piece, Selection, Source
from aicsio.records.lazy import window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

READ_FRAME: Final = "aicsio.formats.xlef.members:read_frame"


@printed_short
@pickled_by_position
@attrs.frozen
class MemoryFilesLayout:
    """Pixels of one image whose memory lies in several files."""

    memory: LifLayout
    """Places of the pixels in the memory; its source is the file that was opened."""
    plane: tuple[int, ...]
    """Axes of rows, columns and samples, which one file holds together."""
    parents: int
    """How many folders the project begins above that of the opened file."""
    names: bytes
    """Paths of the files below the folder of the project, UTF-8, one behind the other."""
    name_ends: PackedIntegers
    """One a file: where its path ends in ``names``."""
    starts: bytes
    """Little-endian int64, one a file, rising: where its part of the memory begins."""
    sizes: PackedIntegers
    """One a file: bytes of its part."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Stored shape."""
        return self.memory.shape

    @property
    def block_shape(self) -> tuple[int, ...]:
        """One plane: a file is decoded whole."""
        return tuple(n if axis in self.plane else 1 for axis, n in enumerate(self.memory.shape))

    @property
    def source(self) -> Source:
        """The file that was opened."""
        return self.memory.source

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        yield from self.cut(*window_in_array(block, self.block_shape, window))

    def cut(self, starts: tuple[int, ...], extent: tuple[int, ...], /) -> Iterator[Computed]:
        """Pieces for any part of the stored array: one a plane."""
        begins = np.frombuffer(self.starts, "<i8")
        for part in self.memory.cut(starts, extent):
            chosen, axes = part.selection, range(len(extent))
            # A file holds a plane: along all other axes each position is a piece of its own.
            counts = [1 if axis in self.plane else chosen.shape[axis] for axis in axes]
            shape = tuple(part.shape[axis] if axis in self.plane else 1 for axis in axes)
            strides = tuple(part.strides[axis] if axis in self.plane else 0 for axis in axes)
            for inside in itertools.product(*map(range, counts)):
                offset = part.offset
                for axis in axes:
                    if axis not in self.plane:
                        offset += (chosen.source_start[axis] + inside[axis]) * part.strides[axis]
                # The last file that begins at or before this byte of the memory.
                number = int(np.searchsorted(begins, offset, "right")) - 1
                # Between two files lies the part of one that is missing.
                if number < 0 or offset >= int(begins[number]) + self.sizes.at(number):
                    continue
                nbytes = self.sizes.at(number)
                place = (nbytes, offset - int(begins[number]), shape, strides, part.dtype.str)
                selection = Selection(
                    tuple(s if a in self.plane else 0 for a, s in enumerate(chosen.source_start)),
                    tuple(n if a in self.plane else 1 for a, n in enumerate(chosen.shape)),
                    tuple(t + i for t, i in zip(chosen.target_start, inside, strict=True)),
                )
                arguments = (self.source, self.parents, self._name(number), *place)
                yield Computed(READ_FRAME, arguments, shape, part.dtype, selection)

    def _name(self, number: int) -> str:
        start = self.name_ends.at(number - 1) if number else 0
        return self.names[start : self.name_ends.at(number)].decode()
