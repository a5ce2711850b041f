"""Carries out pieces: fetch their bytes, decode them, place the pixels.

Rule kept here: pieces are placed in the order given, since a later one covers an earlier one; only such as follow each
other in the file are fetched by one call. Raw pixels go by ``preadv`` straight into the output where it is contiguous;
compressed ones through buffers that the thread keeps, because fresh memory costs more than decoding.
"""

import importlib
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import attrs
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from aicsio import _codecs
from aicsio._engine import strided
from aicsio._io import readers
from aicsio.errors import AicsioError, CorruptFileError
from aicsio.records import Codec, Computed, Encoded, HeaderRef, Piece, Source, Strided

Array: TypeAlias = npt.NDArray[Any]
Fetched: TypeAlias = dict[tuple[Source, readers.Span], readers.Buffer]
P = TypeVar("P", Strided, Encoded, Computed)

NEAR = 4096
"""Local ranges closer than this are fetched by one call: the call costs more than these bytes."""
LARGEST_FETCH = 1 << 18
"""Ranges are not joined beyond this size: what was fetched should still be in cache when it is decoded."""
FEW = 4
"""Samples of a pixel, at most."""
MOST_PARTS = 256
"""Ranges that one call fetches."""


@attrs.define
class Job(Generic[P]):
    """A piece, and where its pixels go. Not a record: it lives for one read."""

    piece: P
    """What is read."""
    place: tuple[slice, ...]
    """Part of the block's share of the output, or of its window, that the piece fills."""
    taken: tuple[slice, ...] | None
    """Which positions of the decoded array fill it; ``None`` for the crop and extent that the piece names."""


@attrs.define
class Worker:
    """What one thread keeps while it does its share of a plan."""

    scratch: _codecs.Scratch
    """Its buffers."""
    reader_of: Callable[[Source], readers.Reader]
    """Lends a reader until the next one is asked for."""


Todo: TypeAlias = Sequence[tuple[Job[P], Array]]
"""Jobs, and the memory that each fills."""


def place(todo: Todo[Any], worker: Worker) -> None:
    """Carry out jobs in order, neighbours of one kind together.

    Raises
    ------
    CorruptFileError, SourceError
    """
    for job, _ in todo:
        if not isinstance(job.piece, Computed) and job.piece.behind is not None:
            job.piece = located(job.piece, job.piece.behind, worker)
    fetched = _fetch_remote([job.piece for job, _ in todo], worker)
    for kind, group in itertools.groupby(todo, key=lambda each: type(each[0].piece)):
        PLACE[kind](list(group), worker, fetched)


# ---------------------------------------------------------------- fetch


def spans(piece: Piece) -> list[readers.Span]:
    """Byte ranges that a piece reads; none for a ``Computed`` one, whose library decides."""
    if isinstance(piece, Strided | Encoded) and piece.behind is not None:
        return [(piece.behind.offset, piece.behind.nbytes)]
    if isinstance(piece, Strided):
        plan = strided.reads(piece)
        return [(low, plan.nbytes) for low, _ in plan.each()] if all(piece.extent) else []
    return [(piece.offset, piece.nbytes)] if isinstance(piece, Encoded) else []


def located(piece: Strided | Encoded, behind: HeaderRef, worker: Worker) -> Strided | Encoded:
    """Say where the pixels behind a header lie: by reading it, or, far away, by fetching all and cutting then."""
    if is_remote(piece):
        cut = Codec("behind", (("header", behind.header),))
        chain = (
            piece.codecs
            if isinstance(piece, Encoded)
            else (_codecs.as_strided(piece.offset, piece.strides),)
        )
        where, rest = (
            (piece.source, behind.offset, behind.nbytes),
            (piece.crop, piece.extent, piece.place),
        )
        return Encoded(*where, (cut, *chain), piece.shape, piece.dtype, *rest)
    header = _codecs.HEADERS[behind.header]
    _check_inside(piece.source, behind.offset, header.nbytes)
    head = worker.reader_of(piece.source).read(behind.offset, header.nbytes)
    try:
        start, nbytes = header.find(head)
        if isinstance(piece, Strided):
            _codecs.check_reach(piece.offset, piece.shape, piece.strides, piece.dtype, nbytes)
    except (CorruptFileError, ValueError) as error:
        raise CorruptFileError.at(piece.source.uri, behind.offset, str(error)) from error
    offset = behind.offset + start + piece.offset
    if isinstance(piece, Encoded):
        return attrs.evolve(piece, offset=offset, nbytes=nbytes, behind=None)
    return attrs.evolve(piece, offset=offset, behind=None)


def is_remote(piece: Piece) -> bool:
    return (
        not isinstance(piece, Computed) and not piece.source.local and piece.source.content is None
    )


def _fetch_remote(wanted: Sequence[Piece], worker: Worker) -> Fetched:
    """Fetch the spans of all remote pieces together."""
    by_source: dict[Source, list[readers.Span]] = {}
    for piece in wanted:
        if not isinstance(piece, Computed) and is_remote(piece):
            by_source.setdefault(piece.source, []).extend(spans(piece))
    fetched: Fetched = {}
    for source, ranges in by_source.items():
        for offset, nbytes in ranges:
            _check_inside(source, offset, nbytes)
        found = worker.reader_of(source).read_spans(ranges)
        fetched.update(zip(((source, span) for span in ranges), found, strict=True))
    return fetched


def _check_inside(source: Source, offset: int, nbytes: int) -> None:
    if offset < 0 or nbytes < 0 or (source.size is not None and offset + nbytes > source.size):
        raise CorruptFileError.at(
            source.uri,
            offset,
            f"expected {nbytes} bytes of pixels, but the file ends at {source.size}",
        )


# ---------------------------------------------------------------- raw pixels


@attrs.define
class _Queue:
    """Raw reads that wait to be made by one call, because they follow each other in the file."""

    worker: Worker
    source: Source | None = None
    start: int = 0
    end: int = 0
    buffers: list[memoryview] = attrs.Factory(list)
    swapped: list[Array] = attrs.Factory(list)
    filled: int = 0
    """Address where the memory ends that waits to be swapped."""

    def add(self, source: Source, low: int, part: Array, *, swap: bool) -> None:
        """Append a read that fills ``part``."""
        gap, nbytes = low - self.end, part.nbytes
        near = 0 <= gap <= min(NEAR, nbytes) and self.end + nbytes - self.start <= LARGEST_FETCH
        if swap or self.swapped:
            address: int = part.__array_interface__["data"][0]
            # What covers pixels that wait to be swapped comes after they are.
            near = near and (not self.swapped or address >= self.filled)
            self.filled = address + nbytes
        if not near or source is not self.source or len(self.buffers) >= MOST_PARTS:
            self.flush()
            self.source, self.start, gap = source, low, 0
        if gap:
            self.buffers.append(self.worker.scratch.take("gap", gap).data)
        self.buffers.append(part.reshape(-1).view(np.uint8).data)
        self.end = low + nbytes
        if swap:
            self.swapped.append(part)

    def flush(self) -> None:
        """Make the call."""
        if self.source is not None and self.buffers:
            self.worker.reader_of(self.source).read_into(self.start, self.buffers)
        for part in self.swapped:
            part.byteswap(inplace=True)
        self.buffers, self.swapped, self.end = [], [], -NEAR - 1


def _place_strided(todo: Todo[Strided], worker: Worker, fetched: Fetched) -> None:
    queue = _Queue(worker)
    for job, dest in todo:
        piece = job.piece
        if not dest.size:
            continue
        swap = piece.dtype != dest.dtype
        same = not swap or piece.dtype.newbyteorder("=") == dest.dtype
        plan = strided.reads(piece)
        for low, index in plan.each():
            _check_inside(piece.source, low, plan.nbytes)
            part = dest[index] if plan.loops else dest
            raw: Any = fetched.get((piece.source, (low, plan.nbytes))) if fetched else None
            if raw is None and same and plan.dense and part.flags.c_contiguous:
                queue.add(piece.source, low, part, swap=swap)
                continue
            queue.flush()
            if raw is None:
                raw = worker.scratch.take("raw", plan.nbytes)
                worker.reader_of(piece.source).read_into(low, [raw.data])
            pixels = np.frombuffer(raw, np.uint8)[
                plan.start : plan.start + piece.dtype.itemsize
            ].view(piece.dtype)
            _copy(as_strided(pixels, plan.extent, plan.strides), part)
    queue.flush()


def _copy(pixels: Array, dest: Array) -> None:
    """Copy pixels whose samples are not in order sample by sample: numpy's innermost loop would be over three."""
    samples = dest.shape[-1]
    if (
        dest.ndim > 1
        and 1 < samples <= FEW < dest.shape[-2]
        and pixels.strides[-1] != pixels.itemsize
    ):
        for sample in range(samples):
            dest[..., sample] = pixels[..., sample]
    else:
        dest[...] = pixels


# ---------------------------------------------------------------- compressed pixels


def _place_coded(todo: Todo[Encoded], worker: Worker, fetched: Fetched) -> None:
    for near in _neighbours(todo):
        first, last = near[0][0].piece, near[-1][0].piece
        data: Any = fetched.get((first.source, (first.offset, first.nbytes))) if fetched else None
        if data is None:
            data = worker.scratch.take("coded", last.offset + last.nbytes - first.offset)
            worker.reader_of(first.source).read_into(first.offset, [data.data])
        for job, dest in near:
            start = job.piece.offset - first.offset
            _decode(job, dest, data[start : start + job.piece.nbytes], worker.scratch)


def _neighbours(todo: Todo[Encoded]) -> Iterator[list[tuple[Job[Encoded], Array]]]:
    """Cut a sequence of compressed pieces where they are far from each other in the file."""
    group: list[tuple[Job[Encoded], Array]] = []
    for job, dest in todo:
        _check_inside(job.piece.source, job.piece.offset, job.piece.nbytes)
        if group and not _follows(job.piece, group[-1][0].piece, group[0][0].piece):
            yield group
            group = []
        group.append((job, dest))
    yield group


def _follows(piece: Encoded, last: Encoded, first: Encoded) -> bool:
    """Whether a piece is fetched by one call with those from ``first`` to ``last``."""
    return (
        piece.source is first.source
        and 0 <= piece.offset - last.offset - last.nbytes <= NEAR
        and piece.offset + piece.nbytes - first.offset <= LARGEST_FETCH
        and not is_remote(piece)
    )


def _decode(job: Job[Encoded], dest: Array, data: Any, scratch: _codecs.Scratch) -> None:
    piece = job.piece
    want = _codecs.DecodeTarget(piece.shape, piece.dtype, scratch)
    whole = job.taken is None and piece.extent == piece.shape
    if whole and piece.dtype == dest.dtype and dest.flags.c_contiguous:
        want.into = dest.reshape(-1).view(np.uint8)
    try:
        pixels = _codecs.decode(piece.codecs, data, want)
    except AicsioError:
        raise
    except (
        ValueError,
        RuntimeError,
        TypeError,
        OSError,
        ArithmeticError,
        LookupError,
        MemoryError,
    ) as error:
        chain = " + ".join(codec.name for codec in piece.codecs) or "raw"
        raise CorruptFileError.at(
            piece.source.uri,
            piece.offset,
            f"expected {piece.nbytes} bytes of {chain} pixels: {error}",
        ) from error
    if want.into is None or not np.may_share_memory(pixels, dest):
        dest[...] = pixels if whole else pixels[_taken(job)]


def _taken(job: Job[Encoded] | Job[Computed]) -> tuple[slice, ...]:
    piece = job.piece
    return job.taken or tuple(map(slice, piece.crop, map(operator.add, piece.crop, piece.extent)))


# ---------------------------------------------------------------- pixels that a library reads


def _place_called(todo: Todo[Computed], worker: Worker, fetched: Fetched) -> None:  # noqa: ARG001
    for job, dest in todo:
        piece = job.piece
        module, _, name = piece.function.partition(":")
        pixels = np.asarray(getattr(importlib.import_module(module), name)(*piece.arguments))
        if pixels.size != math.prod(piece.shape):
            raise CorruptFileError(
                f"{piece.function} returned shape {pixels.shape} where {piece.shape} was promised"
            )
        dest[...] = pixels.reshape(piece.shape)[_taken(job)]


PLACE: Mapping[type, Callable[[Todo[Any], Worker, Fetched], None]] = {
    Strided: _place_strided,
    Encoded: _place_coded,
    Computed: _place_called,
}
"""How each kind of piece is read."""
