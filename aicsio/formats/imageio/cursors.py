"""Cursors that decode movies and animations forwards, shared by the threads of one plan.

Rule kept here: frames are decoded forwards only. A cursor serves one thread at a time. A request
takes the cursor that reaches its first frame soonest, and waits for one that is about to stand
exactly there: threads that read a movie block by block decode it once.
"""

import threading
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from aicsio._io import readers
from aicsio.formats.imageio.frames import Array, Frames

LARGEST_CURSOR_COUNT = 4
"""Open decoders of one movie: each holds its reference frames, some 16 full frames of H.264."""


@runtime_checkable
class Cursor(Protocol):
    """Decodes forwards; used by one thread at a time."""

    position: int
    """Index of the next frame."""

    def read(self, start: int, stop: int) -> Array:
        """Return frames ``start`` to ``stop``, stacked."""

    def close(self) -> None:
        """Close all that is open."""


class Cursors:
    """The open cursors of one movie, lent to one request each."""

    def __init__(self, opener: Callable[[], Cursor], *, goes_back: bool) -> None:
        self._opener = opener
        self._goes_back = goes_back
        self._changed = threading.Condition()
        self._idle: list[Cursor] = []
        self._lent = 0
        self._targets: list[int] = []
        """Positions where lent cursors will stand, and those that wait for one."""
        self._awaited: list[int] = []
        """Positions for which a request waits: the cursor that arrives there is reserved for it."""

    def read(self, start: int, stop: int, entry: int) -> Array:
        """Return frames ``start`` to ``stop``.

        ``entry`` is the last frame at or before ``start`` where decoding can begin.
        """
        cursor: Cursor | None = None
        try:
            cursor = self._take(start, stop, entry)
            frames = cursor.read(start, stop)
        except BaseException:
            # After an error the position of a cursor is unknown: it is not lent again.
            if cursor is not None:
                cursor.close()
            # Those that wait for this position must not wait for ever.
            self._release(None, cursor is not None, stop)
            raise
        self._release(cursor, True, stop)
        return frames

    def _take(self, start: int, stop: int, entry: int) -> Cursor:
        with self._changed:
            awaited = start in self._targets
            # Added before any wait, so that a request that begins at ``stop`` waits for this one.
            self._targets.append(stop)
            # Another thread is decoding the frames before: its cursor will stand here.
            if awaited:
                self._awaited.append(start)
                try:
                    self._changed.wait_for(lambda: start not in self._targets)
                finally:
                    self._awaited.remove(start)
            self._changed.wait_for(lambda: self._idle or self._has_room())
            free = self._free_cursors(start)
            # The nearest cursor decodes the fewest frames that nobody has requested.
            near = [cursor for cursor in free if entry <= cursor.position <= start]
            if near:
                cursor = max(near, key=lambda cursor: cursor.position)
                self._idle.remove(cursor)
            elif self._has_room():
                cursor = self._opener()
            else:
                # A cursor that is reserved is better than to wait for one: those that reserved
                # all of them may themselves wait for this request.
                cursor = (free or self._idle)[0]
                self._idle.remove(cursor)
                if not self._goes_back:
                    # pillow keeps parts of later frames when it seeks back.
                    cursor.close()
                    cursor = self._opener()
            self._lent += 1
            return cursor

    def _has_room(self) -> bool:
        return len(self._idle) + self._lent < LARGEST_CURSOR_COUNT

    def _free_cursors(self, start: int) -> list[Cursor]:
        """Return the idle cursors that a request from frame ``start`` may take.

        A request that came later would otherwise take the cursor that another one waits for, and
        that one decode the movie anew from its start.
        """
        return [
            cursor
            for cursor in self._idle
            if cursor.position == start or cursor.position not in self._awaited
        ]

    def _release(self, cursor: Cursor | None, lent: bool, stop: int) -> None:
        with self._changed:
            self._targets.remove(stop)
            self._lent -= lent
            if cursor is not None:
                self._idle.append(cursor)
            self._changed.notify_all()

    def close(self) -> None:
        """Close every cursor."""
        for cursor in self._idle:
            cursor.close()


def read_in_order(
    frames: Frames,
    start: int,
    stop: int,
    opener: Callable[[], Cursor],
    *,
    entry: int = 0,
    goes_back: bool = False,
) -> Array:
    """Read through the cursors of the file, which stay open for the length of a plan.

    Parameters
    ----------
    frames
        The movie.
    start, stop
        Frames to read.
    opener
        Opens a cursor at frame 0.
    entry
        The last frame at or before ``start`` where decoding can begin.
    goes_back
        Whether a cursor may be asked for a frame before its position. pillow's decoders of
        animations keep parts of later frames then, so their cursors are opened anew.

    Returns
    -------
    The frames, stacked.
    """
    key = ("frames", frames.source, frames.kind, frames.stream)
    with readers.borrow(key, lambda: Cursors(opener, goes_back=goes_back)) as cursors:
        pixels: Array = cursors.read(start, stop, entry)
    return pixels
