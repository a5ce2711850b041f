"""Remote sources: near ranges joined into few requests, several under way at once, tried again where that may help.

Rule kept here: a request costs more than some bytes, so what lies near is fetched along; of pixels only gaps of up to
``GAP``. What is read while a file is being opened is kept until it is open.
"""

import io
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from aicsio._io.fsspec_stores import AsyncRanges, FileRanges, S3Ranges, file_system
from aicsio._io.requests import Answer, Ranges, persist
from aicsio.errors import CorruptFileError, SourceError
from aicsio.records import Source

GAP = 64 * 1024
"""Remote ranges closer than this are fetched as one: a request costs more than these bytes."""
BIGGEST_REQUEST = 16 * 1024 * 1024
"""Ranges are not joined beyond this size, and larger ones are cut, so that several travel at once."""
AT_ONCE = 8
"""Requests that one reading thread has under way."""
HEAD = 64 * 1024
"""What the first request asks for."""
WHOLE = 4 * 1024 * 1024
"""Files up to this size are fetched whole from servers that know no ranges."""
LEAST_AHEAD, MOST_AHEAD = 8 * 1024, 1024 * 1024
"""What a read brings along while a file is being opened: the more, the longer it goes straight on."""
JUMPS = 4
"""Jumps to elsewhere after which less is brought along."""
MOST_BROKEN = 64
"""Answers that break off before a range is given up."""
MOST_KEPT = 4 * 1024 * 1024
"""Bytes kept of what was brought along."""

FEW = 16
"""Ranges of one call that are kept; to look through many would take longer than to fetch them again."""

Span: TypeAlias = tuple[int, int]
"""Byte offset and length."""
Buffer: TypeAlias = bytes | memoryview


def ranges_of(source: Source) -> Ranges:
    """Choose how the ranges of a source are read.

    Raises
    ------
    MissingDependencyError, SourceError
    """
    protocol = source.uri.partition("://")[0]
    if "::" not in source.uri and protocol in DIRECT:
        return DIRECT[protocol](source)
    return AsyncRanges(source) if serves_many(source) else FileRanges(source)


def _http_ranges(source: Source) -> Ranges:
    from aicsio._io.http import HttpRanges  # brings OpenSSL along

    return HttpRanges(source)


DIRECT: Mapping[str, Callable[[Source], Ranges]] = {
    "http": _http_ranges, "https": _http_ranges, "s3": S3Ranges, "s3a": S3Ranges,
}  # fmt: skip
"""Places whose answers say which file they are of; all others are asked through fsspec."""


def serves_many(source: Source) -> bool:
    """Whether several requests at once make sense; an archive, say, is best read from its start to its end."""
    protocol = source.uri.partition("://")[0]
    if "::" not in source.uri and protocol in DIRECT:
        return True
    return bool(file_system(source)[0].async_impl)


def first_look(source: Source) -> tuple[Source, "RemoteReader | None"]:
    """Find out size and fingerprint of a source that is only named so far.

    Returns
    -------
    source
        With its fingerprint, and with its content where the server knows no ranges.
    reader
        Which knows the first bytes already; ``None`` where there is no need for one.

    Raises
    ------
    SourceNotFoundError, SourceError, MissingDependencyError
    """
    ranges = ranges_of(source)
    answer: Answer = persist(lambda: ranges.probe(HEAD, WHOLE), source.uri)
    found = attrs.evolve(source, size=answer.size, fingerprint=answer.fingerprint)
    if answer.whole:
        return attrs.evolve(found, content=answer.head), None
    return found, RemoteReader(found, head=answer.head)


class RemoteReader:
    """Reads a remote source by ranges; safe to share between threads."""

    remote = True

    def __init__(self, source: Source, head: bytes | None = None) -> None:
        self._source = source
        self._ranges = ranges_of(source)
        self._opening = head is not None
        self._kept: tuple[tuple[int, Buffer], ...] = ((0, head),) if head else ()
        self._ahead, self._jumps = HEAD, 0

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return bytes, and remember what lies behind them: for the descriptions that opening reads bit by bit."""
        check_inside(self._source, offset, nbytes)
        found = self._known(offset, nbytes)
        if found is None:
            low, nbytes_there = self._window(offset, nbytes)
            start = offset - low
            found = self._fetched([(low, nbytes_there)])[0][start : start + nbytes]
        return bytes(found)

    def _window(self, offset: int, nbytes: int) -> Span:
        """What to fetch while a file is being opened, where ``nbytes`` at ``offset`` are asked for."""
        if self._source.size is None:
            return offset, nbytes
        for start, _ in self._kept:
            # Tables that are read from the back to the front.
            if start - HEAD <= offset < start:
                low = max(offset - HEAD, 0)
                return low, max(offset + nbytes, start) - low
        last, data = self._kept[0] if self._kept else (0, b"")
        if 0 <= offset - last - len(data) <= self._ahead:
            self._ahead = min(2 * self._ahead, MOST_AHEAD)
        else:
            # Descriptions that lie between pixels: what follows them is of no use.
            self._jumps += 1
            self._ahead = max(HEAD >> max(self._jumps - JUMPS, 0), LEAST_AHEAD)
        return offset, max(nbytes, min(self._ahead, self._source.size - offset))

    def _known(self, offset: int, nbytes: int) -> Buffer | None:
        if not nbytes:
            return b""
        return next(
            (
                data[offset - start : offset - start + nbytes]
                for start, data in self._kept
                if start <= offset and offset + nbytes <= start + len(data)
            ),
            None,
        )

    def _keep(self, offset: int, data: Buffer) -> None:
        kept = ((offset, data), *self._kept)
        while len(kept) > 1 and sum(len(part) for _, part in kept) > MOST_KEPT:
            kept = kept[:-1]
        self._kept = kept

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill the buffers, one after the other, from consecutive bytes."""
        total = sum(buffer.nbytes for buffer in buffers)
        check_inside(self._source, offset, total)
        if len(buffers) == 1:
            self._fill(offset, buffers[0].cast("B"))
        elif total:
            data = memoryview(self.read_spans([(offset, total)])[0])
            for buffer in buffers:
                buffer.cast("B")[:] = data[: buffer.nbytes]
                data = data[buffer.nbytes :]

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        """Return the bytes of many spans, near ones fetched together, requests at once."""
        for offset, nbytes in spans:
            check_inside(self._source, offset, nbytes)
        if not self._opening:
            return self._fetched(spans)
        known = [self._known(*span) for span in spans]
        missing = [span for span, data in zip(spans, known, strict=True) if data is None]
        near = coalesce(missing)
        if len(near) > FEW or sum(nbytes for _, nbytes in near) > MOST_AHEAD:
            rest = iter(self._fetched(missing))
        else:
            windows = [self._window(*span) for span in near]
            parts = self._fetched(windows)
            rest = (_within(windows, parts, *span) for span in missing)
        return [next(rest) if data is None else data for data in known]

    def _fetched(self, spans: Sequence[Span]) -> list[Buffer]:
        joined = coalesce([span for span in spans if span[1]])
        starts = [offset for offset, _ in joined]
        parts = [memoryview(bytearray(nbytes)) for _, nbytes in joined]
        todo = [
            piece for start, part in zip(starts, parts, strict=True) for piece in _cut(start, part)
        ]
        if len(todo) > 1 and not isinstance(self._ranges, FileRanges):
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(
                min(AT_ONCE, len(todo)), thread_name_prefix="aicsio-remote"
            ) as threads:
                for done in [threads.submit(self._fill, *piece) for piece in todo]:
                    done.result()
        else:
            for piece in todo:
                self._fill(*piece)
        if self._opening and len(joined) <= FEW and sum(part.nbytes for part in parts) <= MOST_KEPT:
            for start, part in zip(starts, parts, strict=True):
                self._keep(start, part)
        found: list[Buffer] = []
        for offset, nbytes in spans:
            # Joined spans are sorted and apart, so the last one that begins before a span holds all of it.
            index = bisect_right(starts, offset) - 1
            low = offset - starts[index] if nbytes else 0
            found.append(parts[index][low : low + nbytes] if nbytes else b"")
        return found

    def _fill(self, offset: int, into: memoryview) -> None:
        """Receive all of a range; what breaks off goes on where it broke."""
        done = broken = 0
        while done < into.nbytes:
            at, rest = offset + done, into[done:]
            came = persist(lambda at=at, rest=rest: self._ranges.fill(at, rest), self._source.uri)  # type: ignore[misc]
            if not came:
                raise too_short(self._source, offset, into.nbytes)
            done += came
            broken += 1
            if broken > MOST_BROKEN:
                raise SourceError(
                    f"cannot read {self._source.uri!r}: {broken} answers in turn broke off"
                )

    def is_same(self) -> bool:
        """Each answer is held against the file that was opened."""
        return True

    def close(self) -> None:
        """Close what is open."""
        self._ranges.close()


def _within(windows: Sequence[Span], parts: Sequence[Buffer], offset: int, nbytes: int) -> Buffer:
    low, part = next(
        (low, part)
        for (low, length), part in zip(windows, parts, strict=True)
        if low <= offset and offset + nbytes <= low + length
    )
    return part[offset - low : offset - low + nbytes]


def _cut(start: int, part: memoryview) -> list[tuple[int, memoryview]]:
    """Cut a large range into requests of equal size."""
    count = max(1, math.ceil(part.nbytes / BIGGEST_REQUEST))
    step = math.ceil(part.nbytes / count)
    return [(start + low, part[low : low + step]) for low in range(0, part.nbytes, step)]


def coalesce(spans: Sequence[Span], gap: int = GAP, biggest: int = BIGGEST_REQUEST) -> list[Span]:
    """Join spans that lie near each other, up to a size, into sorted spans that cover them all."""
    joined: list[Span] = []
    for offset, nbytes in sorted(spans):
        if joined:
            start, length = joined[-1]
            end = max(start + length, offset + nbytes)
            if offset < start + length or (
                offset <= start + length + gap and end - start <= biggest
            ):
                joined[-1] = (start, end - start)
                continue
        joined.append((offset, nbytes))
    return joined


def check_inside(source: Source, offset: int, nbytes: int) -> None:
    """Refuse what lies outside a source.

    Raises
    ------
    CorruptFileError
    """
    # Numbers in a damaged file may be anything: ask neither the system nor the allocator for them.
    if offset < 0 or nbytes < 0 or (source.size is not None and offset + nbytes > source.size):
        raise too_short(source, offset, nbytes)


def too_short(source: Source, offset: int, nbytes: int) -> CorruptFileError:
    """Make the error for bytes that are not there."""
    return CorruptFileError.at(
        source.uri, offset, f"expected {nbytes} bytes, but the file ends at {source.size}"
    )


class RemoteFile(io.RawIOBase):
    """A remote source as a file, for libraries that want one."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        if source.size is None:
            raise SourceError(f"cannot read {source.uri!r}: the server does not say how long it is")
        self._reader, self._size, self._at = RemoteReader(source, head=b""), source.size, 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position."""
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"a file has no position {at}")
        self._at = at
        return at

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the file goes."""
        into = memoryview(buffer).cast("B")
        count = max(0, min(into.nbytes, self._size - self._at))
        if count:
            into[:count] = self._reader.read(self._at, count)
        self._at += count
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._reader.close()
        super().close()
