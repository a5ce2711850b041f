"""Runs a plan of pieces: fetch, decode, place. Every format reads through here.

Blocks run in parallel on a small thread pool, the pieces of one block in order. Raw pixels go by ``preadv`` straight
into the output where it is contiguous; compressed ones through buffers that each thread keeps. No threads, no open
file and no buffer outlive a call.
"""

import importlib
import itertools
import math
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from aicsio import _codecs, _files, _views
from aicsio.errors import AicsioError, CorruptFileError
from aicsio.records import Called, Coded, LazyArray, Piece, Source, Strided

Array: TypeAlias = npt.NDArray[Any]

MOST_WORKERS = 8
"""Disks and decoders gain little from more threads than this."""
REMOTE_WORKERS = 8
"""Threads that wait for a server need no core."""
SMALL = 1 << 20
"""Below this many bytes a thread costs more than it brings."""
MIN_RUN = 64
"""Rows shorter than this many bytes are read with what lies between them."""


@attrs.frozen
class Task:
    """One block's share of a plan."""

    block: tuple[int, ...]
    """Grid index of the block."""
    window: tuple[slice, ...]
    """Part of the block that is needed."""
    inside: tuple[slice | tuple[int, ...] | None, ...] | None
    """What of the window is kept, per axis; ``None`` where all of it is, in order."""
    out: tuple[slice | tuple[int, ...], ...]
    """Where it goes in the output, per stored axis."""


# ---------------------------------------------------------------- plan


def tasks(array: LazyArray) -> Iterator[Task]:
    """Cut what the array shows into tasks, a block each."""
    blocks = array.layout.block_shape
    per_axis = [_views.segments(pick, max(block, 1)) for pick, block in zip(array.view.picks, blocks, strict=True)]
    for parts in itertools.product(*per_axis):
        plain = all(part.inside is None for part in parts)
        yield Task(
            tuple(part.block for part in parts),
            tuple(slice(part.start, part.stop) for part in parts),
            None if plain else tuple(part.inside for part in parts),
            tuple(part.out for part in parts),
        )


def pieces(array: LazyArray) -> Iterator[Piece]:
    """Every piece that a read of the array touches, in order: what a request will cost."""
    for task in tasks(array):
        yield from array.layout.pieces(task.block, task.window)


def read(array: LazyArray, workers: int | None = None) -> Array:
    """Read what the array shows into a fresh array.

    Parameters
    ----------
    array
        What to read.
    workers
        Threads; ``None`` for as many as there are cores, up to ``MOST_WORKERS``.

    Raises
    ------
    CorruptFileError, SourceError
    """
    try:
        # calloc'ed pages cost nothing until they are written: what no piece holds stays zero.
        out = np.zeros(array.shape, array.dtype)
    except (MemoryError, ValueError) as error:
        raise CorruptFileError(
            f"{array.dims} of {array.dtype} are {array.nbytes:,} bytes, more than this process can hold: "
            "pick a part with transpose_to, or read lazily with to_dask"
        ) from error
    if array.size:
        read_into(array, out, workers)
    return out


def read_into(array: LazyArray, out: Array, workers: int | None = None) -> None:
    """Read what the array shows into ``out``, which has its shape and type and holds zeros."""
    by_stored_axis = _as_stored(array, out)
    plan = tasks(array)
    with _files.session():
        first = list(itertools.islice(plan, 2))
        if len(first) < 2 or (workers or 2) < 2 or array.nbytes < SMALL:
            _run(array, by_stored_axis, itertools.chain(first, plan))
        else:
            _run_parallel(array, by_stored_axis, itertools.chain(first, plan), workers)


def _as_stored(array: LazyArray, out: Array) -> Array:
    """Show ``out`` with the axes of the stored array; axes that the view drops have length 1."""
    view = array.view
    kept = [axis for axis in view.axes if axis >= 0]
    shown = out[tuple(0 if axis < 0 else slice(None) for axis in view.axes)]
    ordered = shown.transpose([kept.index(axis) for axis in sorted(kept)])
    return ordered[tuple(slice(None) if axis in kept else None for axis in range(len(view.picks)))]


def _run(array: LazyArray, out: Array, plan: Iterator[Task]) -> None:
    scratch = _codecs.Scratch()
    for task in plan:
        _do(array, out, task, scratch)


def _run_parallel(array: LazyArray, out: Array, plan: Iterator[Task], workers: int | None) -> None:
    count = workers or min(MOST_WORKERS, os.cpu_count() or 1)
    lock, failed = threading.Lock(), threading.Event()

    def take() -> Task | None:
        with lock:
            return None if failed.is_set() else next(plan, None)

    def work() -> None:
        try:
            _run(array, out, iter(take, None))
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(count, thread_name_prefix="aicsio") as pool:
        running = [pool.submit(work) for _ in range(count)]
    for future in running:
        future.result()


# ---------------------------------------------------------------- one task


def _do(array: LazyArray, out: Array, task: Task, scratch: _codecs.Scratch) -> None:
    if task.inside is None and all(isinstance(part, slice) for part in task.out):
        _fill(array, task, out[task.out], scratch)
        return
    window = np.zeros(tuple(part.stop - part.start for part in task.window), array.dtype)
    _fill(array, task, window, scratch)
    kept = [slice(None) if part is None else part for part in task.inside or (None,) * window.ndim]
    out[_grid(task.out, out.shape)] = window[_grid(kept, window.shape)]


def _grid(parts: Sequence[slice | tuple[int, ...]], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Index each axis on its own, where numpy would pair the positions of several sequences."""
    if all(isinstance(part, slice) for part in parts):
        return tuple(parts)
    lists = [range(n)[part] if isinstance(part, slice) else part for part, n in zip(parts, shape, strict=True)]
    return np.ix_(*lists)


def _fill(array: LazyArray, task: Task, target: Array, scratch: _codecs.Scratch) -> None:
    """Put the pieces of one block's window into ``target``."""
    wanted = array.layout.pieces(task.block, task.window)
    if array.dtype.hasobject:
        raise CorruptFileError("pixels cannot be Python objects")
    remote: list[Strided | Coded] = []
    for piece in wanted:
        if not isinstance(piece, Called) and not piece.source.local and piece.source.content is None:
            remote.append(piece)
            continue
        _place(piece, _cut(target, piece), scratch, None)
    if remote:
        _place_remote(remote, target, scratch)


def _cut(target: Array, piece: Piece) -> Array:
    return target[tuple(slice(p, p + n) for p, n in zip(piece.place, piece.extent, strict=True))]


def _place_remote(wanted: Sequence[Strided | Coded], target: Array, scratch: _codecs.Scratch) -> None:
    """Fetch the spans of all pieces together, then decode and place them in order."""
    by_source: dict[Source, list[_files.Span]] = {}
    for piece in wanted:
        by_source.setdefault(piece.source, []).extend(spans(piece))
    fetched: dict[tuple[Source, _files.Span], bytes] = {}
    for source, wanted_spans in by_source.items():
        with _files.lend(source) as reader:
            found = reader.read_spans(wanted_spans)
        fetched.update(zip(((source, span) for span in wanted_spans), found, strict=True))
    for piece in wanted:
        _place(piece, _cut(target, piece), scratch, fetched)


Fetched: TypeAlias = dict[tuple[Source, _files.Span], bytes]


def _place(piece: Piece, dest: Array, scratch: _codecs.Scratch, fetched: Fetched | None) -> None:
    if isinstance(piece, Strided):
        _place_strided(piece, dest, scratch, fetched)
    elif isinstance(piece, Coded):
        _place_coded(piece, dest, scratch, fetched)
    else:
        _place_called(piece, dest)


def spans(piece: Piece) -> list[_files.Span]:
    """Byte ranges that a piece reads; none for a ``Called`` one, whose library decides."""
    if isinstance(piece, Strided):
        return [(run.low, run.nbytes) for run in _runs(piece)]
    return [(piece.offset, piece.nbytes)] if isinstance(piece, Coded) else []


# ---------------------------------------------------------------- raw pixels


@attrs.frozen
class _Run:
    """Bytes read in one go, and the pixels in them."""

    low: int
    """Offset of the first byte."""
    nbytes: int
    """Bytes to read."""
    start: int
    """Where the first pixel is, counted from ``low``."""
    index: tuple[int | slice, ...]
    """Part of the destination that these pixels fill; fixed axes are ints."""
    extent: tuple[int, ...]
    """Shape of that part."""
    strides: tuple[int, ...]
    """Bytes between its pixels, per axis."""


def _runs(piece: Strided) -> list[_Run]:
    """Cut a strided piece into reads that leave out what is not wanted, without reading pixel by pixel."""
    first = piece.offset + sum(c * s for c, s in zip(piece.crop, piece.strides, strict=True))
    runs: list[_Run] = []
    _split(first, piece.extent, piece.strides, piece.dtype.itemsize, (slice(None),) * len(piece.extent), runs)
    return runs


def _split(
    first: int, extent: tuple[int, ...], strides: tuple[int, ...], item: int, index: tuple[Any, ...], runs: list[_Run]
) -> None:
    below = sum((n - 1) * s for n, s in zip(extent, strides, strict=True) if s < 0)
    above = sum((n - 1) * s for n, s in zip(extent, strides, strict=True) if s > 0)
    span = above - below + item
    needed = math.prod(extent) * item
    widest = max((i for i, n in enumerate(extent) if n > 1), key=lambda i: abs(strides[i]), default=None)
    if widest is None or span <= 2 * needed or needed // extent[widest] < MIN_RUN:
        kept_extent = tuple(n for n, i in zip(extent, index, strict=True) if isinstance(i, slice))
        kept_strides = tuple(s for s, i in zip(strides, index, strict=True) if isinstance(i, slice))
        runs.append(_Run(first + below, span, -below, index, kept_extent, kept_strides))
        return
    inner = (*extent[:widest], 1, *extent[widest + 1 :])
    for position in range(extent[widest]):
        at = (*index[:widest], position, *index[widest + 1 :])
        _split(first + position * strides[widest], inner, strides, item, at, runs)


def _is_contiguous(extent: tuple[int, ...], strides: tuple[int, ...], item: int) -> bool:
    for n, stride in zip(reversed(extent), reversed(strides), strict=True):
        if n > 1:
            if stride != item:
                return False
            item *= n
    return True


def _place_strided(piece: Strided, dest: Array, scratch: _codecs.Scratch, fetched: Fetched | None) -> None:
    if not dest.size:
        return
    same_kind = piece.dtype.newbyteorder("=") == dest.dtype
    swap = same_kind and piece.dtype != dest.dtype
    for run in _runs(piece):
        _check_inside(piece.source, run.low, run.nbytes)
        part = dest[run.index]
        dense = same_kind and _is_contiguous(run.extent, run.strides, piece.dtype.itemsize)
        if fetched is None and dense and part.flags.c_contiguous:
            with _files.lend(piece.source) as reader:
                reader.read_into(run.low, [_memory(part)])
            if swap:
                part.byteswap(inplace=True)
            continue
        if fetched is None:
            raw = scratch.take("raw", run.nbytes)
            with _files.lend(piece.source) as reader:
                reader.read_into(run.low, [raw.data])
        else:
            raw = np.frombuffer(fetched[piece.source, (run.low, run.nbytes)], np.uint8)
        base = raw[run.start : run.start + piece.dtype.itemsize].view(piece.dtype)
        part[...] = as_strided(base, run.extent, run.strides)


def _memory(part: Array) -> memoryview:
    return part.reshape(-1).view(np.uint8).data


def _check_inside(source: Source, offset: int, nbytes: int) -> None:
    if offset < 0 or nbytes < 0 or (source.size is not None and offset + nbytes > source.size):
        raise CorruptFileError.at(
            source.uri, offset, f"expected {nbytes} bytes of pixels, but the file ends at {source.size}"
        )


# ---------------------------------------------------------------- compressed pixels


def _place_coded(piece: Coded, dest: Array, scratch: _codecs.Scratch, fetched: Fetched | None) -> None:
    _check_inside(piece.source, piece.offset, piece.nbytes)
    if fetched is None:
        data: Any = scratch.take("coded", piece.nbytes)
        with _files.lend(piece.source) as reader:
            reader.read_into(piece.offset, [data.data])
    else:
        data = fetched[piece.source, (piece.offset, piece.nbytes)]
    want = _codecs.Want(piece.shape, piece.dtype, scratch)
    if piece.extent == piece.shape and dest.flags.c_contiguous and piece.dtype == dest.dtype:
        want.into = dest.reshape(-1).view(np.uint8)
    try:
        pixels = _codecs.decode(piece.codecs, data, want)
    except AicsioError:
        raise
    except (ValueError, RuntimeError, TypeError, OSError, ArithmeticError, LookupError, MemoryError) as error:
        chain = " + ".join(codec.name for codec in piece.codecs) or "raw"
        raise CorruptFileError.at(
            piece.source.uri, piece.offset, f"expected {piece.nbytes} bytes of {chain} pixels: {error}"
        ) from error
    _copy(pixels, piece, dest)


def _place_called(piece: Called, dest: Array) -> None:
    module, _, name = piece.function.partition(":")
    pixels = np.asarray(getattr(importlib.import_module(module), name)(*piece.arguments))
    if pixels.size != math.prod(piece.shape):
        raise CorruptFileError(f"{piece.function} returned shape {pixels.shape} where {piece.shape} was promised")
    _copy(pixels.reshape(piece.shape), piece, dest)


def _copy(pixels: Array, piece: Coded | Called, dest: Array) -> None:
    if np.may_share_memory(pixels, dest):
        return
    dest[...] = pixels[tuple(slice(c, c + n) for c, n in zip(piece.crop, piece.extent, strict=True))]
