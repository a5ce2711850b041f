"""Frames of a region of the sensor, at equal distances in the file -> pieces.

Rule kept here: the pixels of a region are one array with strides, so that a window is one piece.
"""

from collections.abc import Iterator
from typing import Final

import attrs

from aicsio.records import DType, Piece, Selection, Source, Strided
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

BLOCK_BYTES: Final = 1 << 24
"""Frames are gathered, or cut into rows, to blocks of about this size: 16 MiB read in 3 ms here."""


@pickled_by_position
@attrs.frozen
class Track:
    """A number that each frame carries behind its pixels."""

    name: str
    """Such as ``ExposureStarted``, ``FrameTrackingNumber`` or ``GateTracking Delay``."""
    offset: int
    """Bytes from the start of the frame."""
    kind: str
    """``<i8``, ``<f8`` or another type of numpy."""
    resolution: int = 1
    """Ticks a second, of time stamps."""


@printed_short
@pickled_by_position
@attrs.frozen
class SpeLayout:
    """One region of all frames."""

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of the region in the first frame."""
    frame_stride: int
    """Bytes from one frame to the next."""
    shape: tuple[int, int, int]
    """Frames, rows and columns."""
    dtype: DType
    """Stored type."""
    tracks: tuple[Track, ...] = ()
    """Numbers behind the pixels of each frame."""
    frames_offset: int = 0
    """Byte offset of the first frame."""

    @property
    def block_shape(self) -> tuple[int, int, int]:
        """As many frames as fit into a block, else rows of one."""
        frames, height, width = self.shape
        count = BLOCK_BYTES // self.frame_stride
        if count:
            return min(count, frames), height, width
        rows = BLOCK_BYTES // (width * self.dtype.itemsize)
        return 1, max(1, min(rows, height)), width

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """Pieces for a window of a block; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        item = self.dtype.itemsize
        strides = (self.frame_stride, self.shape[2] * item, item)
        selection = Selection(starts, counts, (0,) * len(counts))
        yield Strided(self.source, self.offset, self.shape, strides, self.dtype, selection)
