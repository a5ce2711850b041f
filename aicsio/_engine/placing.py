"""Executes pieces: fetch their bytes, decode them, place the pixels.

Rule kept here: pieces are placed in the given order, since a later one covers an earlier one; one
call fetches only pieces that follow each other in the file. Raw pixels go by ``preadv`` straight
into the output where it is contiguous. Compressed ones go through buffers that the thread reuses:
decoding 360 MiB of zstd took 0.49 s into fresh arrays and 0.19 s into reused ones (two cores),
because the first touch of fresh memory costs a page fault per 4 KiB.
"""

import importlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from aicsio import _codecs
from aicsio._dims import views
from aicsio._engine import deferred, keyed, rows, strided
from aicsio._engine.copying import copy, copy_valid
from aicsio._engine.fetching import Fetched, fetch_remote
from aicsio._engine.placements import Array, Placement, Todo, Worker, check_inside, is_remote
from aicsio._io import readers
from aicsio.errors import AicsioError, CorruptFileError, ImageTooLargeError, UnsupportedFormatError
from aicsio.records import (
    Codec,
    Computed,
    Deferred,
    Encoded,
    HeaderRef,
    Keyed,
    LazyArray,
    Nested,
    Source,
    Strided,
)

LARGEST_FETCH = 1 << 18
"""Ranges are joined up to this size: the second-level cache still holds it for decoding."""
MOST_PARTS = 256
"""Ranges that one call fetches; the system allows 1024 (``IOV_MAX``)."""


def place(todo: Todo[Any], worker: Worker) -> None:
    """Execute placements in order, neighbours of one kind together.

    Parameters
    ----------
    todo
        Placements of one batch, in the order of their blocks.
    worker
        Buffers and readers of this thread.

    Raises
    ------
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    SourceError
        When bytes cannot be read.
    """
    store: Source | None = None
    for placement, _ in todo:
        piece = placement.piece
        if isinstance(piece, Strided | Encoded):
            if piece.header is not None:
                placement.piece = resolve_header(piece, piece.header, worker)
        elif isinstance(piece, Keyed):
            store = piece.source
    if store is None:
        _place_groups(todo, worker)
    else:
        keyed.of_one_version(store, lambda: _place_groups(keyed.resolve_keys(todo), worker))


def _place_groups(todo: Todo[Any], worker: Worker) -> None:
    # Remote bytes of the whole batch come first, by few requests; local ones are read piece by piece.
    fetched = fetch_remote([placement.piece for placement, _ in todo], worker)
    # Runs of one kind, not all of a kind: the order of pieces decides which pixels stay on top.
    for kind, group in itertools.groupby(todo, key=lambda each: type(each[0].piece)):
        PLACE[kind](list(group), worker, fetched)


# ---------------------------------------------------------------- headers


def resolve_header(
    piece: Strided | Encoded, header: HeaderRef, worker: Worker
) -> Strided | Encoded:
    """Return the piece with the offset of its pixels, which the header in front of them gives.

    A local header is one small read, and the pixels then go straight to their place. A remote one
    is fetched together with its pixels and cut off as the first step of the codec chain.
    """
    if is_remote(piece):
        cut_off = Codec("behind", (("header", header.kind),))
        if isinstance(piece, Encoded):
            chain = piece.codecs
        else:
            chain = (_codecs.as_strided(piece.offset, piece.strides),)
        return Encoded(
            piece.source,
            header.offset,
            header.nbytes,
            (cut_off, *chain),
            piece.shape,
            piece.dtype,
            piece.selection,
            partial=isinstance(piece, Encoded) and piece.partial,
        )
    start, nbytes = read_header(piece, header, worker.reader_of(piece.source))
    # The constructors themselves: ``evolve`` takes 8 us, and a frame of 2 MiB is copied in 150.
    source, shape, dtype, selection = piece.source, piece.shape, piece.dtype, piece.selection
    if isinstance(piece, Strided):
        return Strided(source, start, shape, piece.strides, dtype, selection)
    codecs, partial = piece.codecs, piece.partial
    return Encoded(source, start, nbytes, codecs, shape, dtype, selection, partial=partial)


def read_header(
    piece: Strided | Encoded, header: HeaderRef, reader: readers.Reader
) -> tuple[int, int]:
    """Return where the pixels of a local piece begin in the file, and the bytes behind the header.

    Raises
    ------
    CorruptFileError
        When there is no header, or the piece reaches beyond its pixels.
    SourceError
        When it cannot be read.
    """
    kind = _codecs.HEADERS[header.kind]
    head_nbytes = kind.head_nbytes(header.nbytes)
    check_inside(piece.source, header.offset, head_nbytes)
    head = reader.read(header.offset, head_nbytes)
    try:
        start, nbytes = kind.find(head)
        if isinstance(piece, Strided):
            _codecs.check_reach(piece.offset, piece.shape, piece.strides, piece.dtype, nbytes)
    except (CorruptFileError, ValueError) as error:
        raise CorruptFileError.at(piece.source.uri, header.offset, str(error)) from error
    return header.offset + start + piece.offset, nbytes


# ---------------------------------------------------------------- raw pixels


@attrs.define
class _Queue:
    """Raw reads that wait for one call, because they follow each other in the file.

    One call for many ranges costs little more than one call for one.
    """

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
        near = (
            0 <= gap <= min(rows.NEAR, nbytes) and self.end + nbytes - self.start <= LARGEST_FETCH
        )
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
        self.buffers, self.swapped, self.end = [], [], -rows.NEAR - 1


def _place_strided(todo: Todo[Strided], worker: Worker, fetched: Fetched) -> None:
    queue = _Queue(worker)
    for placement, dest in todo:
        piece = placement.piece
        if not dest.size:  # nothing to read, and no address to compare
            continue
        swap = piece.dtype != dest.dtype
        # Of one type but for the byte order: the bytes go to their place and are swapped there.
        same = not swap or piece.dtype.newbyteorder("=") == dest.dtype
        # Remote spans were planned without calls: the fetched bytes are found by their span.
        call_nbytes = worker.call_nbytes if piece.source.local else 0
        plan = strided.plan_reads(piece, call_nbytes)
        if same and not fetched and rows.lie_apart(plan):
            into = rows.find_memory(plan, dest)
            if into is not None:
                queue.flush()
                check_inside(piece.source, *plan.extent())
                rows.fill(plan, into, worker.reader_of(piece.source))
                if swap:
                    dest.byteswap(inplace=True)
                continue
        # A tile is one read: without the loops it takes less Python.
        for low, index in plan.each() if plan.loops else ((plan.low, ()),):
            check_inside(piece.source, low, plan.nbytes)
            part = dest[index] if index else dest
            raw: Any = fetched.get((piece.source, (low, plan.nbytes))) if fetched else None
            if raw is None and same and plan.dense and part.flags.c_contiguous:
                queue.add(piece.source, low, part, swap=swap)
                continue
            # Pixels with gaps or of another type: through a buffer, after all that is queued.
            queue.flush()
            if raw is None:
                raw = worker.scratch.take("raw", plan.nbytes)
                worker.reader_of(piece.source).read_into(low, [raw.data])
            # Not as_strided: it takes 6 us, half of the time of a tile of 128 KiB beside its bytes.
            copy(np.ndarray(plan.shape, piece.dtype, raw, plan.start, plan.strides), part)
    queue.flush()


# ---------------------------------------------------------------- compressed pixels


def _place_encoded(todo: Todo[Encoded], worker: Worker, fetched: Fetched) -> None:
    for near in _neighbours(todo):
        first, last = near[0][0].piece, near[-1][0].piece
        data: Any = fetched.get((first.source, (first.offset, first.nbytes))) if fetched else None
        room = None
        if data is None:
            nbytes = last.offset + last.nbytes - first.offset
            room = worker.scratch.take("coded", _codecs.ROOM_NBYTES + nbytes)
            data = room[_codecs.ROOM_NBYTES :]
            worker.reader_of(first.source).read_into(first.offset, [data.data])
        for placement, dest in near:
            start = placement.piece.offset - first.offset
            coded = data[start : start + placement.piece.nbytes]
            # In front of later pieces lie the bytes of others.
            _decode(placement, dest, coded, worker.scratch, None if start else room)


def _neighbours(todo: Todo[Encoded]) -> Iterator[list[tuple[Placement[Encoded], Array]]]:
    """Cut a sequence of compressed pieces where they are far from each other in the file."""
    group: list[tuple[Placement[Encoded], Array]] = []
    for placement, dest in todo:
        check_inside(placement.piece.source, placement.piece.offset, placement.piece.nbytes)
        if group and not _follows(placement.piece, group[-1][0].piece, group[0][0].piece):
            yield group
            group = []
        group.append((placement, dest))
    yield group


def _follows(piece: Encoded, last: Encoded, first: Encoded) -> bool:
    """Whether a piece is fetched by one call with those from ``first`` to ``last``."""
    return (
        piece.source is first.source
        and 0 <= piece.offset - last.offset - last.nbytes <= rows.NEAR
        and piece.offset + piece.nbytes - first.offset <= LARGEST_FETCH
        and not is_remote(piece)
    )


def _run_codecs(piece: Encoded, data: Any, want: _codecs.DecodeTarget) -> Any:
    """Return the pixels of a piece.

    Codecs raise errors of many libraries; to a caller they all mean that the bytes are damaged, but
    for lack of memory and of a feature of a library: the bytes may be sound.
    """
    try:
        return _codecs.decode(piece.codecs, data, want)
    except AicsioError:
        raise
    except (MemoryError, NotImplementedError) as error:
        lacks_memory = isinstance(error, MemoryError)
        kind = ImageTooLargeError if lacks_memory else UnsupportedFormatError
        raise kind(f"{piece.source.uri}: {_describe(piece)} cannot be decoded: {error}") from error
    except (ValueError, RuntimeError, TypeError, OSError, ArithmeticError, LookupError) as error:
        message = f"expected {_describe(piece)}: {error}"
        raise CorruptFileError.at(piece.source.uri, piece.offset, message) from error


def _describe(piece: Encoded) -> str:
    chain = " + ".join(codec.name for codec in piece.codecs) or "raw"
    return f"{piece.nbytes} bytes of {chain} pixels"


def _decode(
    placement: Placement[Encoded],
    dest: Array,
    data: Any,
    scratch: _codecs.Scratch,
    room: Any = None,
) -> None:
    piece = placement.piece
    want = _codecs.DecodeTarget(piece.shape, piece.dtype, scratch, room=room)
    whole = placement.taken is None and piece.selection.shape == piece.shape
    # The last codec of the chain may then write straight into the output.
    direct = whole and not piece.partial
    if direct and piece.dtype == dest.dtype and dest.flags.c_contiguous:
        want.into = dest.reshape(-1).view(np.uint8)
    pixels = _run_codecs(piece, data, want)
    if placement.shared:
        for positions, memory in placement.shared:
            memory[...] = pixels[positions]
    if piece.partial:
        copy_valid(pixels if whole else pixels[placement.positions()], dest)
    elif want.into is None or not np.may_share_memory(pixels, dest):
        dest[...] = pixels if whole else pixels[placement.positions()]


# ---------------------------------------------------------------- chunks of a store


def _place_keyed(todo: Todo[Keyed], worker: Worker, fetched: Fetched) -> None:  # noqa: ARG001
    # Remote values are requested together and decoded as they come, local ones read one after the other to save memory.
    step = len(todo) if not todo[0][0].piece.source.local else 1
    for start in range(0, len(todo), step):
        part = todo[start : start + step]
        values = keyed.read_chunks([placement.piece for placement, _ in part])
        for (placement, dest), value in zip(part, values, strict=True):
            if value is None:
                keyed.fill(placement, dest)
                continue
            encoded = keyed.as_encoded(placement.piece, value)
            found = Placement(encoded, placement.target, placement.taken, placement.shared)
            _decode(found, dest, value, worker.scratch)


# ---------------------------------------------------------------- pixels that come as arrays


def _place_computed(todo: Todo[Computed], worker: Worker, fetched: Fetched) -> None:  # noqa: ARG001
    for placement, dest in todo:
        piece = placement.piece
        module, _, name = piece.function.partition(":")
        pixels = np.asarray(getattr(importlib.import_module(module), name)(*piece.arguments))
        # A library that returns another shape must not be reshaped into a wrong picture.
        if pixels.size != math.prod(piece.shape):
            raise CorruptFileError(
                f"{piece.function} returned shape {pixels.shape}, expected {piece.shape}"
            )
        pixels = pixels.reshape(piece.shape)
        for positions, memory in ((placement.positions(), dest), *placement.shared):
            memory[...] = pixels[positions]


def _place_nested(todo: Todo[Nested], worker: Worker, fetched: Fetched) -> None:  # noqa: ARG001
    for placement, dest in todo:
        pixels = worker.read_array(placement.piece.array)
        dest[...] = pixels.reshape(placement.piece.shape)[placement.positions()]


# ---------------------------------------------------------------- files that are opened now


def _place_deferred(todo: Todo[Deferred], worker: Worker, fetched: Fetched) -> None:  # noqa: ARG001
    for placement, dest in todo:
        array = deferred.open_array(placement.piece)
        if array is None:
            dest[...] = 0
            continue
        part_of_array = part_of(array, placement)
        added = len(placement.piece.shape) - array.ndim
        # Axes that the file lacks have one position, and indexing them keeps a view.
        worker.read_into(part_of_array, dest[(0,) * added], worker.scratch)


def part_of(array: LazyArray, placement: Placement[Deferred]) -> LazyArray:
    """Return the part of an opened file that a placement shows."""
    added = len(placement.piece.shape) - array.ndim
    taken = placement.positions()[added:]
    picks: dict[str, range] = {}
    for letter, size, part in zip(array.dims.order, array.shape, taken, strict=True):
        picks[letter] = range(size)[part]
    return views.transpose(array, array.dims.order, picks)


PLACE: Mapping[type, Callable[[Todo[Any], Worker, Fetched], None]] = {
    Strided: _place_strided,
    Encoded: _place_encoded,
    Computed: _place_computed,
    Nested: _place_nested,
    Keyed: _place_keyed,
    Deferred: _place_deferred,
}
"""The function that places each kind of piece."""
