"""What a picture costs: the bytes that it reads and the time that this takes, before anything is read.

Rule kept here: a cost follows from the plan of pieces alone, never from a clock, and is rather too high
than too low.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from aicsio import _codecs, _engine
from aicsio._engine import strided
from aicsio.pictures.composing import PictureFrame, planned_windows
from aicsio.records import (
    Computed,
    Deferred,
    Encoded,
    ImageHandle,
    Keyed,
    LazyArray,
    Source,
    StoredPiece,
    Strided,
)
from aicsio.records.protocols import InMemory, offered

MOST_PIECES = 2000
"""Pieces that are counted: listing one takes about 10 microseconds, executing it 20."""
SECONDS_A_PIECE = 20e-6
"""To execute a piece: a call of the system, and the placing of its pixels."""
SECONDS_A_FILE = 2e-3
"""To open one more file and read its directory."""
SECONDS_A_REQUEST = 60e-3
"""From a request to a server until its first byte: across a continent."""
LOCAL_RATE, REMOTE_RATE = 100e6, 10e6
"""Bytes a second from a slow local disk, and from a server."""
DECODED_RATES: Mapping[str, float] = {
    "eer": 20e6,
    "gif": 50e6,
    "jetraw": 50e6,
    "jpeg": 80e6,
    "jpeg2k": 15e6,
    "jpegls": 50e6,
    "jpegxl": 15e6,
    "jpegxr": 25e6,
    "bzip2": 15e6,
    "lzma": 30e6,
    "lzw": 80e6,
    "webp": 40e6,
    "tiff-image": 15e6,
}
"""Decoded bytes a second on one core, for codecs that are slower than ``OTHER_RATE``."""
OTHER_RATE = 150e6
"""Decoded bytes a second of deflate, the slowest of the others."""
COMPUTED_RATE = 15e6
"""Decoded bytes a second of libraries that read files in their own way."""


@attrs.frozen
class PictureCost:
    """What a picture costs, at most."""

    nbytes: int = 0
    """Bytes that are read from files and servers."""
    seconds: float = 0.0
    """Time on one core."""

    def __add__(self, other: "PictureCost") -> "PictureCost":
        return PictureCost(self.nbytes + other.nbytes, self.seconds + other.seconds)

    def fits(self, nbytes: int, seconds: float) -> bool:
        """Whether neither limit is exceeded."""
        return self.nbytes <= nbytes and self.seconds <= seconds


UNKNOWN = PictureCost(0, math.inf)
"""The cost of what only its execution shows: a dask graph, a plan of too many pieces."""


def picture_cost(
    handle: ImageHandle, frame: PictureFrame, nbytes: int, seconds: float
) -> PictureCost:
    """Return what ``composing.draw`` costs; counting ends where a limit is exceeded.

    Parameters
    ----------
    handle, frame
        As ``draw`` takes them.
    nbytes, seconds
        Limits.

    Returns
    -------
    PictureCost
        Its ``fits`` answers whether the limits hold; of costs beyond them it has a part.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.pictures.composing import PictureFrame
    >>> from aicsio.pictures.costs import picture_cost
    >>> image = open_image(np.zeros((64, 64), np.uint8))
    >>> picture_cost(image, PictureFrame(32), 1000, 0.1).nbytes
    0
    """
    total = PictureCost()
    count = 0
    seen: set[Source] = set()
    for window in planned_windows(handle, frame):
        if offered(window.layout, InMemory) is not None:
            # The caller's numpy array costs its pixels; a dask array, whatever its graph does.
            held = _engine.held_pixels(window) is not None
            total += PictureCost(0, window.nbytes / OTHER_RATE) if held else UNKNOWN
        elif not all(source.local for source in _first_sources(window)):
            total += PictureCost(0, SECONDS_A_REQUEST)
        for piece in _pieces(window):
            count += 1
            total += _COSTS[type(piece)](piece, seen) + PictureCost(0, SECONDS_A_PIECE)
            if count > MOST_PIECES:
                total += UNKNOWN
            if not total.fits(nbytes, seconds):
                return total
    return total


def _pieces(window: LazyArray) -> Any:
    return () if offered(window.layout, InMemory) is not None else _engine.pieces(window)


def _first_sources(window: LazyArray) -> list[Source]:
    """Return the source of the first piece: those of one window are of one kind."""
    piece = next(iter(_pieces(window)), None)
    source = getattr(piece, "source", None)
    return [] if source is None else [source]


def _transfer(source: Source, nbytes: int) -> PictureCost:
    if source.content is not None:
        return PictureCost()
    return PictureCost(nbytes, nbytes / (LOCAL_RATE if source.local else REMOTE_RATE))


def _decoded_nbytes(piece: Any) -> int:
    nbytes: int = math.prod(piece.shape) * piece.dtype.itemsize
    return nbytes


def _rate(piece: Encoded | Keyed) -> float:
    # The slowest codec of a chain counts; without codecs, pixels are copied at 1 GB/s.
    return min((DECODED_RATES.get(codec.name, OTHER_RATE) for codec in piece.codecs), default=1e9)


def _open(source: Source, key: str, seen: set[Any]) -> PictureCost:
    """Return the cost of a file that was not opened before."""
    if (source, key) in seen:
        return PictureCost()
    seen.add((source, key))
    return PictureCost(0, SECONDS_A_FILE)


def _cost_of_strided(piece: Strided, seen: set[Any]) -> PictureCost:
    nbytes = 0
    if all(piece.selection.shape):
        plan = strided.plan_reads(piece)
        # One read of so many bytes for each combination of the offsets.
        nbytes = plan.nbytes * math.prod(len(offsets) for _, offsets in plan.loops)
    if piece.header is not None:
        if piece.source.local:
            nbytes += _codecs.HEADERS[piece.header.kind].head_nbytes(piece.header.nbytes)
        else:
            nbytes = piece.header.nbytes
    return _transfer(piece.source, nbytes) + _open(piece.source, "", seen)


def _cost_of_encoded(piece: Encoded, seen: set[Any]) -> PictureCost:
    nbytes = piece.nbytes
    if piece.header is not None:
        # Its bytes include those of the pixels.
        nbytes = piece.header.nbytes
    decoding = PictureCost(0, _decoded_nbytes(piece) / _rate(piece))
    return _transfer(piece.source, nbytes) + decoding + _open(piece.source, "", seen)


def _cost_of_keyed(piece: Keyed, seen: set[Any]) -> PictureCost:
    # The length of a chunk stands in no table: one that compression lengthens is an exception.
    decoded = _decoded_nbytes(piece)
    nbytes = decoded if piece.shard is None else decoded + piece.shard.nbytes
    opening = _open(piece.source, piece.key, seen)
    return _transfer(piece.source, nbytes) + PictureCost(0, decoded / _rate(piece)) + opening


def _cost_of_computed(piece: Computed, seen: set[Any]) -> PictureCost:
    """Libraries may read the whole file for one plane."""
    total = PictureCost(0, _decoded_nbytes(piece) / COMPUTED_RATE)
    for source in piece.arguments:
        if isinstance(source, Source) and source not in seen:
            seen.add(source)
            if source.size is None:
                return UNKNOWN
            total += _transfer(source, source.size) + PictureCost(0, SECONDS_A_FILE)
    return total


def _cost_of_deferred(piece: Deferred, seen: set[Any]) -> PictureCost:
    """The index of a folder does not have the lengths of its files: their pixels are counted raw."""
    nbytes = _decoded_nbytes(piece)
    decoding = PictureCost(0, nbytes / OTHER_RATE)
    return _transfer(piece.source, nbytes) + decoding + _open(piece.source, piece.key, seen)


_COSTS: Mapping[type[StoredPiece], Callable[[Any, set[Any]], PictureCost]] = {
    Computed: _cost_of_computed,
    Deferred: _cost_of_deferred,
    Encoded: _cost_of_encoded,
    Keyed: _cost_of_keyed,
    Strided: _cost_of_strided,
}
