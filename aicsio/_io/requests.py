"""What every remote place offers -- ranges of one file -- and how it is asked again where that may help.

Rule kept here: every request ends. It is tried a few times with growing pauses; then the last trouble is an error.
"""

import random
import time
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import attrs

from aicsio.errors import SourceChangedError, SourceError
from aicsio.records import Source

TRIES = 5
"""How often a request is made that brings nothing."""
FIRST_PAUSE = 0.1
"""Seconds before the second try; each further pause is twice as long."""
LONGEST_PAUSE = 10.0
"""Seconds; a server that asks for more is not waited for longer."""
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as dead."""
LEAST_RATE = 32 * 1024
"""Bytes a second; what comes slower for longer than twice ``TIMEOUT`` counts as dead."""

T = TypeVar("T")


@attrs.frozen
class Answer:
    """What a place says of a file. Not a record: it lives for one opening."""

    size: int | None
    """Length in bytes; ``None`` where it does not tell."""
    fingerprint: str | None
    """ETag, else the time of the last change; ``None`` where it tells neither."""
    head: bytes = b""
    """First bytes, where they came along."""
    whole: bool = False
    """Whether they are all, because the place knows no ranges."""


@runtime_checkable
class Ranges(Protocol):
    """Reads ranges of one file; safe to share between threads."""

    def probe(self, nbytes: int, most: int, /) -> Answer:
        """Look at the file, and bring the first bytes if that costs nothing.

        Where the place knows no ranges it brings all of a file of up to ``most`` bytes. May raise ``Transient``.
        """

    def fill(self, offset: int, into: memoryview, /) -> int:
        """Receive bytes; returns how many came, fewer than there is room for where it broke. May raise ``Transient``.

        Raises
        ------
        SourceNotFoundError, SourceChangedError, SourceError
        """

    def close(self) -> None:
        """Give back what is open."""


class Transient(Exception):  # noqa: N818 - it is no error until the tries are used up
    """Trouble that may be over at the next try."""

    def __init__(self, trouble: str, pause: float | None = None) -> None:
        super().__init__(trouble)
        self.pause = pause
        """Seconds that the server asks to wait; ``None`` where it does not say."""


def persist(attempt: Callable[[], T], uri: str) -> T:
    """Call until it succeeds, at most ``TRIES`` times.

    Raises
    ------
    SourceError
        With the trouble of the last try.
    """
    for again in range(1, TRIES + 1):
        try:
            return attempt()
        except Transient as trouble:
            if again == TRIES:
                raise SourceError(
                    f"cannot read {uri!r}: {trouble} (tried {TRIES} times)"
                ) from trouble
            # Many workers that fail together must not come back together.
            pause = FIRST_PAUSE * 2 ** (again - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            time.sleep(min(max(pause, trouble.pause or 0.0), LONGEST_PAUSE))
    raise AssertionError("the last try returns or raises")


def deadline(nbytes: int, timeout: float) -> float:
    """Moment, on the monotonic clock, at which so many bytes must have come."""
    return time.monotonic() + 2 * timeout + nbytes / LEAST_RATE


def said(error: BaseException) -> str:
    """Name and words of an error that is not ours."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def changed(source: Source) -> SourceChangedError:
    """Make the error for a file that is another one now."""
    return SourceChangedError(
        f"{source.uri!r} changed since it was opened: call open_image on it again"
    )


def check_same(source: Source, size: int | None, fingerprint: str | None) -> None:
    """Hold what an answer says of the file against what was there when it was opened.

    Raises
    ------
    SourceChangedError
    """
    if None not in (source.fingerprint, fingerprint) and fingerprint != source.fingerprint:
        raise changed(source)
    if None not in (source.size, size) and size != source.size:
        raise changed(source)
