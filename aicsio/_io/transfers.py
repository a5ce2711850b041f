"""The requests of one read: side by side, many ranges in one, a broken answer continued.

Rule kept here: a range arrives whole, or the first error of its read is raised; then no further try is made.
"""

import threading
import time
from collections.abc import Mapping, Sequence

from aicsio._io.fsspec_stores import FsspecFileClient
from aicsio._io.ranges import Span, past_end_error, split_request
from aicsio._io.retrying import (
    MAX_TRIES,
    MIN_BYTES_PER_SECOND,
    PartsClient,
    RangeClient,
    retry,
)
from aicsio.errors import SourceError
from aicsio.records import Source

# Answers that may break off before a range is given up.
MAX_BROKEN_ANSWERS = 64
# Bytes of an answer that does not count as broken, whatever was requested: proxies send 64 KiB to 4 MiB at a time.
LEAST_ANSWER = 32 * 1024
# Ranges and bytes of one request for many: Apache serves 200 ranges.
MAX_PARTS, MAX_PARTS_BYTES = 128, 4 * 1024 * 1024
# Requests for many ranges that are made for one read: more bytes are better read by ranges of their own.
MAX_BATCHES = 16


def receive_side_by_side(
    client: RangeClient,
    source: Source,
    spans: Sequence[Span],
    parts: Sequence[memoryview],
    most: int,
) -> None:
    """Receive ranges, each by a request, ``most`` of them at once.

    Raises
    ------
    SourceError
        As ``receive_whole`` does, for the first range that fails.
    """
    requests_to_make: list[tuple[int, memoryview]] = []
    for (start, _), part in zip(spans, parts, strict=True):
        requests_to_make += split_request(start, part)
    if len(requests_to_make) <= 1 or isinstance(client, FsspecFileClient):
        for request in requests_to_make:
            receive_whole(client, source, *request)
        return
    from concurrent.futures import ThreadPoolExecutor

    workers = min(most, len(requests_to_make))
    failed = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="aicsio-remote") as threads:
        futures = [
            threads.submit(receive_whole, client, source, *request, failed)
            for request in requests_to_make
        ]
        try:
            for future in futures:
                future.result()
        except BaseException:
            # The others need no further tries.
            failed.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def receive_together(
    client: RangeClient, source: Source, spans: Sequence[Span]
) -> list[memoryview] | None:
    """Receive many small ranges by few requests; ``None`` if the server does not do that."""
    batches = _batches(spans)
    if len(batches) > MAX_BATCHES or not isinstance(client, PartsClient):
        return None
    parts_client = client

    def receive(buffers: Mapping[Span, memoryview]) -> bool:
        if len(buffers) > 1:
            return parts_client.receive_many(buffers)
        for (offset, _), buffer in buffers.items():
            receive_whole(client, source, offset, buffer)
        return True

    buffers = [{span: memoryview(bytearray(span[1])) for span in batch} for batch in batches]
    # The first one with several shows whether the server can.
    buffers.sort(key=len, reverse=True)
    if not receive(buffers[0]):
        return None
    if len(batches) > 1:
        from concurrent.futures import ThreadPoolExecutor

        workers = len(batches) - 1
        with ThreadPoolExecutor(workers, thread_name_prefix="aicsio-remote") as threads:
            if not all(list(threads.map(receive, buffers[1:]))):
                return None
    found = {span: buffer for batch in buffers for span, buffer in batch.items()}
    return [found[span] for span in spans]


def _batches(spans: Sequence[Span]) -> list[list[Span]]:
    """Cut a list of ranges into what one request may ask for."""
    batches: list[list[Span]] = []
    total = 0
    for span in spans:
        total += span[1]
        # A range that alone exceeds the limit gets a batch of its own.
        if not batches or len(batches[-1]) == MAX_PARTS or total > MAX_PARTS_BYTES:
            batches.append([])
            total = span[1]
        batches[-1].append(span)
    return batches


def receive_whole(
    client: RangeClient,
    source: Source,
    offset: int,
    buffer: memoryview,
    failed: threading.Event | None = None,
) -> None:
    """Receive a whole range; an answer that breaks off is continued by the next request.

    Parameters
    ----------
    client, source
        Whom to ask for what.
    offset, buffer
        Where the range begins, and where it goes.
    failed
        Set when another range of the same read has failed: then no try follows.

    Raises
    ------
    CorruptFileError
        When the file ends before the range.
    SourceError
        When the last try fails, or the answers are many and small.
    """
    uri = source.uri
    received = answers = 0
    seconds = 0.0
    while received < buffer.nbytes:
        position, rest = offset + received, buffer[received:]
        start = time.monotonic()

        def receive(at: int = position, into: memoryview = rest) -> int:
            if failed is not None and failed.is_set():
                raise SourceError(f"cannot read {uri!r}: another range failed")
            return client.receive(at, into)

        count = retry(receive, uri)
        seconds += time.monotonic() - start
        if not count:
            raise past_end_error(source, offset, buffer.nbytes)
        received += count
        # A server may send less at a time than was requested: such an answer is whole, if it is not tiny.
        answers += count < LEAST_ANSWER
        if received == buffer.nbytes:
            return
        if answers > MAX_BROKEN_ANSWERS:
            raise SourceError(f"cannot read {uri!r}: {answers} answers in turn broke off")
        patience = MAX_TRIES * client.timeout + received / MIN_BYTES_PER_SECOND
        if seconds > patience:
            raise SourceError(
                f"cannot read {uri!r}: {received} bytes arrived in {seconds:.0f} s, in {answers} answers"
            )
