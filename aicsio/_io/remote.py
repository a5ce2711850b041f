"""Remote files: near ranges joined into few requests, several requests at once, failed ones
repeated.

Rule kept here: a request costs more than some bytes. Ranges of pixels closer than ``ranges.GAP`` share one
request. While a file is being opened, each read fetches more than was requested, and the bytes are
cached until opening ends.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

import attrs

from aicsio._io.fsspec_stores import FsspecClient, FsspecFileClient, file_system
from aicsio._io.ranges import (
    Buffer,
    Span,
    check_inside,
    coalesce,
    find_in_windows,
)
from aicsio._io.retrying import (
    EndClient,
    RangeClient,
    RemoteInfo,
    RetryableError,
    retry,
)
from aicsio._io.transfers import receive_side_by_side, receive_together, receive_whole
from aicsio._io.urls import split_chain
from aicsio.errors import SourceError, SourceNotFoundError
from aicsio.records import Source

# Requests that one reading thread has under way; servers serve one connection more slowly than the line is. 20 planes
# over a line of 20 ms take one round trip so, and three with 8.
PARALLEL_REQUESTS = 24
# The same while a file is being opened, by one thread: directories between the pixels of 96 planes take one round trip.
PARALLEL_DIRECTORIES = 96
# Bytes of the first request: header, directory and metadata of most files.
HEAD = 64 * 1024
# Bytes; files up to this size are fetched whole from servers without ranges.
MAX_WHOLE = 4 * 1024 * 1024
# Bytes that a read during opening fetches: twice as many each time that it continues where the last
# one ended.
MIN_READ_AHEAD, MAX_READ_AHEAD = 8 * 1024, 1024 * 1024
# Bytes; of a file up to this size all are fetched by the second read: they take less time than a third.
SMALL = 256 * 1024
# Bytes in front of the end of a file: a read there fetches all bytes of the end.
TAIL = 16 * 1024
# Reads elsewhere after which less is fetched ahead: such a file keeps its directories between its
# pixels.
JUMPS_BEFORE_LESS = 4
# Ranges that are requested together during opening: fewer are as quick side by side.
MIN_PARTS = 4
# Bytes; ranges of such a list that are closer share a request if the server does not: at 100 Mbit/s these bytes
# take 10 ms.
WIDE_GAP = 128 * 1024
# How many times fewer requests such joining must make: else it is pixels that are read for nothing.
LEAST_SAVED = 4
# Bytes; of a file up to this size all are fetched where opening needs half of them, or many ranges that the server
# does not send together: 0.3 s on average at 100 Mbit/s, where each further trip takes 20 to 100 ms.
MODERATE = 8 * 1024 * 1024
# How many ranges are many: a few tiles of a file that was opened a moment ago are no reason to fetch all of it.
MANY_RANGES = 12
# Bytes that one opening caches.
MAX_CACHE = 4 * 1024 * 1024
# Ranges of one call that are cached: searching more of them takes longer than a request saves.
MAX_CACHED_RANGES = 16


def _http_client(source: Source) -> RangeClient:
    from aicsio._io.http import HttpClient  # it loads OpenSSL: 30 ms

    return HttpClient(source)


def _object_store_client(source: Source) -> RangeClient:
    from aicsio._io.object_stores import object_store_client  # it loads OpenSSL: 30 ms

    return object_store_client(source)


# By protocol: clients whose answers prove the version of the file. Other protocols go through
# fsspec.
CLIENTS: Mapping[str, Callable[[Source], RangeClient]] = {
    "http": _http_client,
    "https": _http_client,
    **dict.fromkeys(("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"), _object_store_client),
}


def open_client(source: Source) -> RangeClient:
    """Choose the client that reads ranges of a source.

    Raises
    ------
    MissingDependencyError
        When the package for the protocol is not installed.
    SourceError
        When the URL or the storage options are wrong.
    """
    factory = _direct_client(source)
    if factory is not None:
        return factory(source)
    return FsspecClient(source) if serves_many(source) else FsspecFileClient(source)


def _direct_client(source: Source) -> Callable[[Source], RangeClient] | None:
    if len(split_chain(source.uri)) > 1:
        return None
    return CLIENTS.get(source.uri.partition("://")[0].lower())


def serves_many(source: Source) -> bool:
    """Whether several requests at once are faster. An archive is best read from its start to its
    end.
    """
    return _direct_client(source) is not None or bool(file_system(source)[0].async_impl)


def first_look(source: Source, head_nbytes: int = HEAD) -> tuple[Source, "RemoteReader | None"]:
    """Ask for size and fingerprint of a source, and for its first bytes.

    Returns
    -------
    source
        With its fingerprint; with its content if the server does not support ranges.
    reader
        It has the first bytes already; ``None`` if the source has its content.

    Raises
    ------
    SourceNotFoundError
        When the server has no such file.
    SourceError
        When the server refuses, or when no try succeeds.
    MissingDependencyError
        When the package for the protocol is not installed.
    """
    client = open_client(source)
    info: RemoteInfo = retry(lambda: client.probe(head_nbytes, MAX_WHOLE), source.uri)
    known = attrs.evolve(source, size=info.size, fingerprint=info.fingerprint)
    if info.whole:
        return attrs.evolve(known, content=info.head), None
    return known, RemoteReader(known, head=info.head)


def look_at_end(source: Source, nbytes: int) -> tuple[Source, "RemoteReader | None"]:
    """Ask for size and fingerprint of a source by a request for its last bytes.

    Returns
    -------
    source, reader
        As ``first_look`` returns them; the reader has the last bytes, or the first ones of a server that does not
        count from the end.

    Raises
    ------
    SourceNotFoundError, SourceError, MissingDependencyError
        As ``first_look`` does.
    """
    client = open_client(source)
    if isinstance(client, EndClient):
        try:
            info = client.probe_end(nbytes)
        except SourceNotFoundError:
            raise
        except (RetryableError, SourceError):
            info = None  # one try: errors that last are raised by the first look
        if info is not None and info.size is not None:
            known = attrs.evolve(source, size=info.size, fingerprint=info.fingerprint)
            return known, RemoteReader(known, info.head, info.size - len(info.head))
    return first_look(source)


class RemoteReader:
    """Reads a remote source by ranges; safe to share between threads. Not a record: it lives while
    it is open.

    Parameters
    ----------
    source
        A source with its size.
    head
        First bytes, perhaps none, if the file is being opened: then bytes are fetched ahead and
        cached.
    head_offset
        Where these bytes lie, if they are not the first.
    """

    remote = True

    def __init__(self, source: Source, head: bytes | None = None, head_offset: int = 0) -> None:
        self._source = source
        self._client = open_client(source)
        self.caches = head is not None
        """Whether bytes are fetched ahead and cached."""
        self._cache: tuple[tuple[int, Buffer], ...] = ((head_offset, head),) if head else ()
        """Pairs of offset and bytes, the newest first. Threads replace the tuple, so that each sees
        a whole one."""
        # A file whose end is asked for first is a shard, of which some chunks are read.
        self._may_come_whole = self.caches and not head_offset
        self._read_ahead, self._read_before = HEAD, 2 * HEAD
        self._jumps = 0

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return bytes, and cache those behind them: opening reads descriptions piece by piece."""
        check_inside(self._source, offset, nbytes)
        data = self._cached(offset, nbytes)
        if data is None:
            window_offset, window_size = self._window(offset, nbytes)
            start = offset - window_offset
            data = self._fetch([(window_offset, window_size)])[0][start : start + nbytes]
        return bytes(data)

    def _window(self, offset: int, nbytes: int) -> Span:
        """Return the range to fetch for a read of ``nbytes`` at ``offset`` during opening."""
        if self._source.size is None:
            return offset, nbytes
        if self._source.size <= SMALL:
            return 0, self._source.size
        for cached_offset, _ in self._cache:
            # Some readers go through a table from its end to its start: fetch what lies before the
            # cached bytes.
            if offset < cached_offset <= offset + nbytes + self._read_before:
                start = max(offset - self._read_before, 0)
                self._read_before = min(2 * self._read_before, MAX_READ_AHEAD)
                return start, max(offset + nbytes, cached_offset) - start
        if offset + nbytes >= self._source.size - TAIL:
            # Tables at the end of a file lie behind one another, and the last one is read first.
            start = min(offset, max(self._source.size - HEAD, 0))
            return start, self._source.size - start
        last_offset, last_data = self._cache[0] if self._cache else (0, b"")
        distance = offset - last_offset - len(last_data)
        if 0 <= distance <= self._read_ahead:
            self._read_ahead = min(2 * self._read_ahead, MAX_READ_AHEAD)
        else:
            # Descriptions that lie between pixels: the bytes behind them are pixels, which opening
            # does not need.
            self._jumps += 1
            halvings = max(self._jumps - JUMPS_BEFORE_LESS, 0)
            self._read_ahead = max(HEAD >> halvings, MIN_READ_AHEAD)
        return offset, max(nbytes, min(self._read_ahead, self._source.size - offset))

    def _cached(self, offset: int, nbytes: int) -> Buffer | None:
        if not nbytes:
            return b""
        for start, data in self._cache:
            if start <= offset and offset + nbytes <= start + len(data):
                return data[offset - start : offset - start + nbytes]
        return None

    def _store(self, offset: int, data: Buffer) -> None:
        cache = ((offset, data), *self._cache)
        while len(cache) > 1 and sum(len(part) for _, part in cache) > MAX_CACHE:
            cache = cache[:-1]
        self._cache = cache

    def read_into(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill the buffers, one after the other, from consecutive bytes."""
        total = sum(buffer.nbytes for buffer in buffers)
        check_inside(self._source, offset, total)
        if len(buffers) == 1:
            receive_whole(self._client, self._source, offset, buffers[0].cast("B"))
        elif total:
            data = memoryview(self.read_spans([(offset, total)])[0])
            for buffer in buffers:
                buffer.cast("B")[:] = data[: buffer.nbytes]
                data = data[buffer.nbytes :]

    def read_spans(self, spans: Sequence[Span]) -> list[Buffer]:
        """Return the bytes of many spans; near ones share a request, and requests are made at
        once.
        """
        for offset, nbytes in spans:
            check_inside(self._source, offset, nbytes)
        if not self.caches:
            return self._fetch(spans)
        cached = [self._cached(*span) for span in spans]
        missing = [span for span, data in zip(spans, cached, strict=True) if data is None]
        fetched = iter(self._fetch_ahead(missing))
        return [next(fetched) if data is None else data for data in cached]

    def read_ranges(self, spans: Sequence[Span]) -> list[Buffer]:
        """Return the bytes of many spans that are as long as they should be: nothing is fetched ahead of them."""
        for offset, nbytes in spans:
            check_inside(self._source, offset, nbytes)
        return self._fetch(spans)

    def _fetch_ahead(self, spans: Sequence[Span]) -> list[Buffer]:
        """Fetch spans during opening: few and small ones with the bytes around them."""
        joined = coalesce(spans)
        total = sum(nbytes for _, nbytes in joined)
        if len(joined) > MAX_CACHED_RANGES or total > MAX_READ_AHEAD:
            return self._fetch(spans)
        windows = [self._window(*span) for span in joined]
        parts = self._fetch(windows)
        return [find_in_windows(windows, parts, *span) for span in spans]

    def _fetch(self, spans: Sequence[Span]) -> list[Buffer]:
        joined = coalesce([span for span in spans if span[1]])
        if self._is_moderate(2 * sum(nbytes for _, nbytes in joined)):
            joined = self._whole()
        # Pixels travel by several requests at once: one connection is slower than the line.
        is_suited = self.caches and len(joined) >= MIN_PARTS
        parts = receive_together(self._client, self._source, joined) if is_suited else None
        if parts is None:
            if is_suited:
                joined = self._joined_further(joined)
            parts = [memoryview(bytearray(nbytes)) for _, nbytes in joined]
            workers = PARALLEL_DIRECTORIES if self.caches else PARALLEL_REQUESTS
            receive_side_by_side(self._client, self._source, joined, parts, workers)
        starts = [offset for offset, _ in joined]
        total = sum(part.nbytes for part in parts)
        if self.caches and len(joined) <= MAX_CACHED_RANGES and total <= MODERATE:
            for start, part in zip(starts, parts, strict=True):
                self._store(start, part)
        result: list[Buffer] = []
        for offset, nbytes in spans:
            if not nbytes:
                result.append(b"")
                continue
            # Joined spans are sorted and apart, so the last one that begins before a span holds all
            # of it.
            index = bisect_right(starts, offset) - 1
            part_start = offset - starts[index]
            result.append(parts[index][part_start : part_start + nbytes])
        return result

    def _is_moderate(self, least: int) -> bool:
        """Whether the file is so small that all of it may be fetched, and has no more than ``least`` bytes."""
        size = self._source.size
        return self._may_come_whole and size is not None and size <= min(MODERATE, least)

    def _whole(self) -> list[Span]:
        """Return the range of the whole file."""
        return [(0, self._source.size or 0)]

    def _joined_further(self, joined: list[Span]) -> list[Span]:
        """Join ranges that the server does not send together, as far as that saves requests."""
        if len(joined) >= MANY_RANGES and self._is_moderate(MODERATE):
            return self._whole()
        wide = coalesce(joined, WIDE_GAP)
        return wide if len(wide) * LEAST_SAVED <= len(joined) else joined

    def is_same(self) -> bool:
        """Return True: each answer is compared with the file that was opened."""
        return True

    def close(self) -> None:
        """Close what is open."""
        self._client.close()
