"""What the engines behind imageio share: the record that names frames, and cursors that read them in order.

Rule kept here: movies and animations are decoded forwards only. A cursor stands between two frames and serves one
thread at a time. A request takes the cursor that reaches its first frame soonest, and waits for one that is about to
stand exactly there: threads that read a movie block by block decode it once.
"""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio._io.readers import BinaryFile
from aicsio.errors import AicsioError, CorruptFileError, SourceNotFoundError
from aicsio.records import Dims, Planes, Scene, Source

Array: TypeAlias = npt.NDArray[Any]

MOST_CURSORS = 4
"""Open decoders of one movie: each holds its reference frames in memory."""
BELIEVED_BYTES = 128 * 1024 * 1024
"""A frame up to this size is believed."""
PACKED = {
    "PNG": 12_000,
    "WEBP": 12_000,
    "AVIF": 12_000,
    "JPEG2000": 12_000,
    "JPEG": 1500,
    "PSD": 1500,
    "pydicom": 1500,
}
"""Bytes of a larger frame that one byte of a file may stand for: a blank one reaches 8300 in PNG, 1500 in JPEG."""
PACKED_ELSE = 300
"""The same for other formats. GIF could reach 10 900, but there a flipped bit makes any canvas."""


@attrs.frozen
class Frames:
    """Frames of one size and type, and how to get at them."""

    source: Source
    """Where the bytes are."""
    engine: str
    """Key of the table of readers."""
    kind: str
    """The format as the engine calls it: pillow's name, ffmpeg's demuxer, imageio's plug-in."""
    count: int
    """How many there are."""
    shape: tuple[int, ...]
    """Of one frame: (Y, X) or (Y, X, S)."""
    dtype: np.dtype[Any]
    """Of one frame."""
    mode: str = ""
    """Pillow mode or ffmpeg pixel format that frames are brought to; empty for what comes."""
    first: int = 0
    """Index in the file of the first of these frames."""
    stream: int = 0
    """Index of the stream in a movie."""
    times: bytes | None = attrs.field(default=None, repr=False)
    """int64 presentation time of each frame, rising; ``None`` where frames can only be counted from the start."""
    keys: bytes = attrs.field(default=b"", repr=False)
    """int64 pairs, rising: presentation and decoding time of each key frame."""


@attrs.frozen
class Found:
    """A scene in the making: frames, and what is known of their times."""

    name: str
    """Name of the scene."""
    frames: Frames
    """Its pixels."""
    moving: bool
    """Whether T is an axis."""
    seconds: bytes | None = None
    """float64 time of each frame since the first; ``None`` where unknown."""
    step: float | None = None
    """Seconds between frames, where that is one number."""

    @property
    def planes(self) -> Planes | None:
        """The times as a column."""
        return (
            None
            if self.seconds is None
            else Planes(Dims("T", (self.frames.count,)), time=self.seconds)
        )


@attrs.define
class Description:
    """What an engine found in a file. Not a record: it lives for one opening."""

    found: tuple[Found, ...]
    """In file order."""
    facts: dict[str, Any]
    """What the engine tells of the file, for the raw metadata."""
    notes: tuple[tuple[str, str], ...] = ()
    """Codes and messages of diagnostics."""


def scene_dims(found: Found) -> Dims:
    """Letters and sizes of a scene."""
    frames = found.frames
    order = ("T" if found.moving else "") + ("YX", "YXS")[len(frames.shape) - 2]
    return Dims(order, ((frames.count,) if found.moving else ()) + frames.shape)


def as_scene(found: Found, **fields: Any) -> Scene:
    """Make the scene; ``fields`` are what the format adds."""
    return Scene(found.name, planes=found.planes, time_step=found.step, **fields)


@contextlib.contextmanager
def translated(source: Source, doing: str) -> Iterator[None]:
    """Turn whatever a decoder raises into ``CorruptFileError``: decoders raise every type there is on damaged bytes."""
    try:
        yield
    except AicsioError:
        raise
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"there is no file {source.uri!r} any more") from error
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise CorruptFileError.at(source.uri, None, f"{doing} failed: {told}") from error


@contextlib.contextmanager
def opened(source: Source) -> Iterator[BinaryFile]:
    """Open the bytes for a library, after a look whether they are still those that were indexed."""
    with contextlib.closing(open_checked(source)) as file:
        yield file


def open_checked(source: Source) -> BinaryFile:
    """Open the bytes for a library; the caller closes them.

    Raises
    ------
    SourceChangedError, SourceNotFoundError, SourceError
    """
    with readers.lend(source):
        return readers.open_binary(source)


def check_size(source: Source, kind: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse a frame that so few bytes cannot hold, before anyone makes room for it.

    Raises
    ------
    CorruptFileError
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes <= 0:
        raise CorruptFileError.at(
            source.uri, None, f"it declares frames of shape {shape}, which hold no pixels"
        )
    if source.size is not None and nbytes > max(
        BELIEVED_BYTES, PACKED.get(kind, PACKED_ELSE) * source.size
    ):
        raise CorruptFileError.at(
            source.uri,
            None,
            f"it declares frames of {nbytes:,} bytes, which its {source.size:,} bytes cannot hold",
        )


@runtime_checkable
class Cursor(Protocol):
    """Decodes forwards; used by one thread at a time."""

    position: int
    """Index of the frame that comes next."""

    def read(self, start: int, stop: int) -> Array:
        """Return frames ``start`` to ``stop``, stacked."""

    def close(self) -> None:
        """Give back what is open."""


class Cursors:
    """The open cursors of one movie, lent to one request each."""

    def __init__(self, opener: Callable[[], Cursor]) -> None:
        self._opener = opener
        self._changed = threading.Condition()
        self._idle: list[Cursor] = []
        self._lent = 0
        self._promised: list[int] = []
        """Where cursors will stand that are lent, or awaited by a request."""

    def read(self, start: int, stop: int, entry: int) -> Array:
        """Return frames ``start`` to ``stop``; ``entry`` is the last frame at or before, where decoding can begin."""
        cursor: Cursor | None = None
        try:
            cursor = self._take(start, stop, entry)
            frames = cursor.read(start, stop)
        except BaseException:
            # Where a cursor stands after an error is not known: it is not lent again.
            if cursor is not None:
                cursor.close()
            self._release(None, cursor is not None, stop)
            raise
        self._release(cursor, True, stop)
        return frames

    def _take(self, start: int, stop: int, entry: int) -> Cursor:
        with self._changed:
            awaited = start in self._promised
            self._promised.append(stop)
            if awaited:
                self._changed.wait_for(lambda: start not in self._promised)
            self._changed.wait_for(lambda: self._idle or self._lent < MOST_CURSORS)
            near = [cursor for cursor in self._idle if entry <= cursor.position <= start]
            if near:
                cursor = max(near, key=lambda cursor: cursor.position)
                self._idle.remove(cursor)
            elif len(self._idle) + self._lent < MOST_CURSORS:
                cursor = self._opener()
            else:
                cursor = self._idle.pop(0)
            self._lent += 1
            return cursor

    def _release(self, cursor: Cursor | None, lent: bool, stop: int) -> None:
        with self._changed:
            self._promised.remove(stop)
            self._lent -= lent
            if cursor is not None:
                self._idle.append(cursor)
            self._changed.notify_all()

    def close(self) -> None:
        """Close every cursor."""
        for cursor in self._idle:
            cursor.close()


def read_in_order(
    frames: Frames, start: int, stop: int, entry: int, opener: Callable[[], Cursor]
) -> Array:
    """Read through the cursors of the file, which stay open for the length of a plan."""
    with readers.borrow(
        ("frames", frames.source, frames.kind, frames.stream), lambda: Cursors(opener)
    ) as cursors:
        found: Array = cursors.read(start, stop, entry)
    return found
