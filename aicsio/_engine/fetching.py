"""Fetches the bytes of remote pieces: those of one batch by few requests, of several files at once.

Rule kept here: spans are checked against the size of their file before they are requested.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from aicsio._engine import strided
from aicsio._engine.placements import Worker, check_inside, is_remote
from aicsio._io import readers
from aicsio.records import Encoded, Piece, Source, Strided

Fetched: TypeAlias = dict[tuple[Source, readers.Span], readers.Buffer]

PARALLEL_SOURCES = 24
"""Files of which one thread fetches spans at once: shards, or files of a series."""


def spans(piece: Piece) -> list[readers.Span]:
    """Return the byte ranges that a piece reads; none for a ``Computed`` one, whose library decides."""
    if isinstance(piece, Strided | Encoded) and piece.header is not None:
        # The pixels come with their header: its length reaches to their end or beyond.
        return [(piece.header.offset, piece.header.nbytes)]
    if isinstance(piece, Strided):
        if not all(piece.selection.shape):
            return []
        plan = strided.plan_reads(piece)
        return [(low, plan.nbytes) for low, _ in plan.each()]
    return [(piece.offset, piece.nbytes)] if isinstance(piece, Encoded) else []


def fetch_remote(pieces: Sequence[Piece], worker: Worker) -> Fetched:
    """Fetch the spans of all remote pieces, one request list per source."""
    spans_of: dict[Source, list[readers.Span]] = {}
    for piece in pieces:
        if isinstance(piece, Strided | Encoded) and is_remote(piece):
            spans_of.setdefault(piece.source, []).extend(spans(piece))
    for source, ranges in spans_of.items():
        for offset, nbytes in ranges:
            check_inside(source, offset, nbytes)
    # One file, as in most plans: the thread holds its reader already.
    if len(spans_of) == 1:
        ((source, ranges),) = spans_of.items()
        found = [worker.reader_of(source).read_spans(ranges)]
    else:
        found = _fetch_sources(spans_of)
    fetched: Fetched = {}
    for (source, ranges), buffers in zip(spans_of.items(), found, strict=True):
        for span, buffer in zip(ranges, buffers, strict=True):
            fetched[source, span] = buffer
    return fetched


def _fetch_sources(spans_of: Mapping[Source, list[readers.Span]]) -> list[list[readers.Buffer]]:
    """Fetch spans of several files at once: shards, or files of a series."""
    if not spans_of:
        return []
    from concurrent.futures import ThreadPoolExecutor

    def fetch(source: Source) -> list[readers.Buffer]:
        with readers.lend(source) as reader:
            return reader.read_spans(spans_of[source])

    with ThreadPoolExecutor(min(PARALLEL_SOURCES, len(spans_of))) as threads:
        return list(threads.map(fetch, spans_of))
