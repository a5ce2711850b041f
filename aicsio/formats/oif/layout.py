"""Planes of an OIF set -> pieces. A plane is a TIFF, in a file or in a stream of an OIB.

Rule kept here: a plane that the set lacks yields no piece, so that its pixels are zero. No plane is
read while opening but the first: each is described by its own TIFF when it is read, and one that
differs from the first raises then.
"""

import math
from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np

from aicsio.formats.oif.compound import Extents
from aicsio.records import (
    Codec,
    Computed,
    DType,
    Encoded,
    HeaderRef,
    Piece,
    PlanePlaces,
    Selection,
    Source,
    Strided,
)
from aicsio.records.lazy import window_in_array
from aicsio.records.packed import PackedIntegers
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

HEADER: Final = "tiff-strips"
"""Name of the header of raw pixels in the table of headers."""
MOST_GAP: Final = 1 << 20
"""Bytes between the fragments of a stream that are read along: tables of the container lie there.
More than this and the length of the stream, and the fragments are read one by one."""


@printed_short
@pickled_by_position
@attrs.frozen
class OifLayout:
    """Pixels of a set."""

    base: Source
    """The OIF or OIB file."""
    sources: tuple[Source, ...]
    """The files that hold planes."""
    shape: tuple[int, ...]
    """Stored shape: axes of planes, rows, columns, and samples if there are any."""
    plane_ndim: int
    """Number of leading axes, those of planes."""
    dtype: DType
    """Stored type, with its byte order."""
    raw: bool
    """Whether the pixels of a plane lie raw in one run behind the header of its TIFF."""
    source_of: PackedIntegers
    """One a plane: number of its source; -1 where the set lacks it."""
    first_extent: PackedIntegers
    """One a plane and one more: number of its first run of bytes."""
    offsets: PackedIntegers
    """One a run: its byte offset."""
    lengths: PackedIntegers
    """One a run: its bytes."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """One plane."""
        return (*(1,) * self.plane_ndim, *self.shape[self.plane_ndim :])

    def extents(self, plane: int) -> Extents:
        """Return the runs of bytes of a plane."""
        rows = range(self.first_extent.at(plane), self.first_extent.at(plane + 1))
        return tuple((self.offsets.at(row), self.lengths.at(row)) for row in rows)

    def locate_planes(self) -> PlanePlaces:
        """Return where the TIFF of each plane begins."""
        planes = np.arange(math.prod(self.shape[: self.plane_ndim]))
        files = self.source_of.take(planes)
        # A plane without a file has no run: row 0 stands in, and its offset becomes -1.
        rows = np.where(files < 0, 0, self.first_extent.take(planes))
        offsets = np.where(files < 0, -1, self.offsets.take(rows))
        uris = tuple(source.uri for source in self.sources)
        return PlanePlaces(uris, files.astype("<i4").tobytes(), offsets.astype("<i8").tobytes())

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        lead = self.plane_ndim
        for inside in np.ndindex(*counts[:lead]):
            place = tuple(start + step for start, step in zip(starts, inside, strict=False))
            plane = int(np.ravel_multi_index(place, self.shape[:lead])) if lead else 0
            number = self.source_of.at(plane)
            if number < 0:
                continue
            # A piece is one plane, of one position along each leading axis.
            selection = Selection(
                (0,) * lead + starts[lead:],
                (1,) * lead + counts[lead:],
                inside + (0,) * (len(counts) - lead),
            )
            yield self._piece(self.sources[number], self.extents(plane), selection)

    def _piece(self, source: Source, extents: Extents, selection: Selection) -> Piece:
        shape = self.block_shape
        if self.raw and len(extents) == 1:
            strides = [self.dtype.itemsize]
            # C order: the stride of an axis is that of the next one times its size.
            for size in shape[:0:-1]:
                strides.insert(0, strides[0] * size)
            # The header ends where the pixels begin, so they start at offset 0 behind it.
            header = HeaderRef(HEADER, *extents[0])
            return Strided(source, 0, shape, tuple(strides), self.dtype, selection, header=header)
        decode = Codec("tiff-image", (("sampled", len(shape) > self.plane_ndim + 2),))
        low = min(offset for offset, _ in extents)
        span = max(offset + nbytes for offset, nbytes in extents) - low
        if span > 2 * sum(nbytes for _, nbytes in extents) + MOST_GAP:
            arguments = (source, extents, shape, self.dtype.str, decode)
            function = "aicsio.formats.oif.scattered:read_plane"
            return Computed(function, arguments, shape, self.dtype, selection)
        chain: tuple[Codec, ...] = (decode,)
        if len(extents) > 1:
            # Offsets of the fragments count from the first byte that is read.
            ranges = tuple(
                number for offset, nbytes in extents for number in (offset - low, nbytes)
            )
            chain = (Codec("gather", (("ranges", ranges),)), decode)
        return Encoded(source, low, span, chain, shape, self.dtype, selection)
