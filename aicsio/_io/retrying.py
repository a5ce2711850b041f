"""The protocol of remote files, ranges of bytes of one file, and how a failed request is repeated.

Rule kept here: every request ends. It is repeated a few times with growing pauses; then the last
failure is raised.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar, runtime_checkable

import attrs

from aicsio._io.ranges import Span, changed_error
from aicsio.errors import SourceError
from aicsio.records import Source

# Times that a failing request is made. With the pauses below the last one starts after 1.5 s on
# average: long enough for a server that restarts a worker, short enough for a person who waits.
MAX_TRIES = 5
# Seconds before the second try; each further pause is twice as long.
FIRST_PAUSE = 0.1
# Seconds; a longer Retry-After of a server is cut to this, so that a read ends within a minute.
MAX_PAUSE = 10.0
# Seconds; a server that asks for a longer pause is not asked again.
MAX_WAIT = 40.0
# Times that a request is repeated beyond these because requests beside it crowded the server: each makes them fewer.
MAX_CROWDED = 16
# Seconds without a byte after which a connection counts as dead.
TIMEOUT = 30.0
# A body that arrives more slowly for longer than twice the time-out counts as dead. A modem of 1998
# was slower; the slowest link that carries images today is not.
MIN_BYTES_PER_SECOND = 32 * 1024

T = TypeVar("T")


@attrs.frozen
class RemoteInfo:
    """Size and version of a remote file. Not a record: it lives for one opening."""

    size: int | None
    """Length in bytes; ``None`` when the server does not report it."""
    fingerprint: str | None
    """ETag, else the time of the last change; ``None`` when the server reports neither."""
    head: bytes = b""
    """First bytes of the file, if they came with the answer."""
    whole: bool = False
    """Whether ``head`` is the whole file, because the server does not support ranges."""


@runtime_checkable
class RangeClient(Protocol):
    """Reads ranges of one remote file; safe to share between threads."""

    timeout: float
    """Seconds without a byte after which a connection counts as dead."""

    def probe(self, nbytes: int, whole_limit: int, /) -> RemoteInfo:
        """Ask for size, version and, if that costs no further request, the first ``nbytes`` bytes.

        A server without ranges sends the whole file, which is accepted up to ``whole_limit`` bytes.

        Raises
        ------
        RetryableError
            When another try may succeed.
        SourceNotFoundError
            When the server has no such file.
        SourceError
            When the server refuses.
        """

    def receive(self, offset: int, buffer: memoryview, /) -> int:
        """Read bytes from ``offset`` on into ``buffer``.

        Returns
        -------
        int
            Number of bytes written: fewer than ``buffer.nbytes`` when the answer broke off.

        Raises
        ------
        RetryableError
            When another try may succeed.
        SourceChangedError
            When the file is not the one that was opened.
        SourceNotFoundError
            When the server has no such file any more.
        SourceError
            When the server refuses.
        """

    def close(self) -> None:
        """Release what is open."""


@runtime_checkable
class EndClient(Protocol):
    """What a client offers if it can ask for the end of a file before it knows the size."""

    def probe_end(self, nbytes: int, /) -> RemoteInfo | None:
        """Ask for the last ``nbytes`` bytes, the size and the version.

        Returns
        -------
        RemoteInfo or None
            Its ``head`` are the last bytes, all of a shorter file; ``None`` if the server does not do that.
        """


@runtime_checkable
class PartsClient(Protocol):
    """What a client offers if its server may send many ranges in one answer."""

    def receive_many(self, buffers: Mapping[Span, memoryview], /) -> bool:
        """Fill the buffer of each range, given by offset and length, by one request.

        Returns
        -------
        bool
            Whether all buffers are filled; if not, their contents mean nothing, and the ranges are requested one
            by one, by whose answers errors are judged.
        """


class RetryableError(Exception):
    """A failure that another try may overcome. It never leaves this package: ``retry`` turns it
    into a SourceError.
    """

    def __init__(
        self, reason: str, pause: float | None = None, *, is_crowded: bool = False
    ) -> None:
        super().__init__(reason)
        self.pause = pause
        """Seconds that the server asks to wait (Retry-After); ``None`` when it does not ask."""
        self.is_crowded = is_crowded
        """Whether requests made at the same time are the reason: there will be fewer of them."""


def retry(request: Callable[[], T], uri: str) -> T:
    """Make a request until it succeeds, at most ``MAX_TRIES`` times.

    Tries that fail because the requests of this process crowd the server do not count: these become fewer.

    Raises
    ------
    SourceError
        When the last try fails, or the server asks for a long pause; the message holds its reason.
    """
    tries = crowded = 0
    while True:
        try:
            return request()
        except RetryableError as error:
            if error.is_crowded and crowded < MAX_CROWDED:
                crowded += 1
            else:
                tries += 1
            wait = error.pause or 0.0
            if wait > MAX_WAIT:
                raise SourceError(
                    f"cannot read {uri!r}: {error}, and asks to wait {wait:.0f} s"
                ) from error.__cause__
            if tries == MAX_TRIES:
                raise SourceError(
                    f"cannot read {uri!r}: {error} (tried {tries + crowded} times)"
                ) from error.__cause__
            # Workers that failed at the same moment must not retry at the same moment.
            import random  # takes 2 ms, and few requests are repeated

            jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            pause = FIRST_PAUSE * 2 ** max(tries - 1, 0) * jitter
            time.sleep(min(max(pause, wait), MAX_PAUSE))


def describe_error(error: BaseException) -> str:
    """Class and message of an exception of another library."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def check_unchanged(source: Source, size: int | None, fingerprint: str | None) -> None:
    """Compare size and version of an answer with those of the opened file.

    Raises
    ------
    SourceChangedError
        When one of them differs. A value that either side does not know is not compared.
    """
    if source.fingerprint is not None and fingerprint is not None:
        # Some answers of a server lack the ETag that others have: a date says nothing about it.
        alike = source.fingerprint.startswith('"') == fingerprint.startswith('"')
        if alike and fingerprint != source.fingerprint:
            raise changed_error(source)
    if None not in (source.size, size) and size != source.size:
        raise changed_error(source)
