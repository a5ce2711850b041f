"""Plans and reads many boxes of one array by columns of numbers: each stored piece is decoded once.

The layout finds the parts of pieces that fill the boxes (``PlansBoxes``), all at once. They are sorted by
piece; threads take pieces in batches, in the order of the file, and copy each part to its box.

Rule kept here: parts fill disjoint memory, so batches run in any order. Where pieces of a box overlap, as
the tiles of a mosaic do, the hidden pixels of earlier pieces are cut off by the plan.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from aicsio._engine import cover
from aicsio._engine.placements import Array, Placement, Worker, is_remote
from aicsio._engine.placing import place, resolve_header
from aicsio._engine.run import REMOTE_BATCH, choose_worker_count, run_batches
from aicsio.records import Keyed, LazyArray, Piece, Selection, Strided
from aicsio.records.boxes import BoxParts, Integers, PlansBoxes, join_parts
from aicsio.records.offering import offered

MOST_PARTS = 1 << 16
"""Parts that are planned at once: the columns of a part take 0.3 kB."""
MOST_OF_A_BOX = 64
"""Parts of a box that are compared with each other: in a mosaic they may overlap."""
LOCAL_BATCH = 1 << 20
"""Decoded bytes of a batch at least: threads seldom meet."""
MOST_BATCH = 16 << 20
"""Decoded bytes of a batch at most. Each costs a few calls: batches of 1 MiB took 5 % more time."""
BATCHES = 8
"""Batches for each thread at least, so that none ends last."""
CALL_NBYTES = 16 << 10
"""Unwanted bytes that cost as much as one more call: reading a row of a raw tile on its own takes
3 us, in which 16 kB are copied from the cache of the system."""


@attrs.frozen(eq=False)
class Boxes:
    """Boxes of a stored array, and the memory that each fills. Not a record: it lives for one read."""

    starts: Integers
    """First positions, shape (boxes, stored axes)."""
    stops: Integers
    """One past the last positions, likewise."""
    memory: Array
    """Of all windows, with the stored axes behind the first."""
    number: Integers
    """Index of the memory of each box along its first axis."""
    place: Integers
    """First position of the box in that memory, shape (boxes, stored axes)."""

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: slice) -> "Boxes":
        """Return some of the boxes."""
        return Boxes(
            self.starts[rows],
            self.stops[rows],
            self.memory,
            self.number[rows],
            self.place[rows],
        )


def read_boxes(array: LazyArray, boxes: Boxes, workers: int | None, *, zero_filled: bool) -> int:
    """Read boxes of an array, as long as its layout plans them by columns.

    Parameters
    ----------
    array
        What is shown.
    boxes
        In the order of the stored blocks. They may overlap, their memory may not.
    workers
        Threads; ``None`` for one per core, up to 8.
    zero_filled
        Whether the memory holds zeros.

    Returns
    -------
    int
        Boxes that were read; those behind them were not.

    Raises
    ------
    CorruptFileError
        When bytes are missing or do not decode to the expected pixels.
    SourceError
        When the bytes cannot be read.
    """
    layout = offered(array.layout, PlansBoxes)
    if layout is None or not len(boxes):
        return 0
    # A probe: whether the layout plans boxes at all, and how many parts one of them has.
    first = layout.plan_boxes(boxes.starts[:1], boxes.stops[:1])
    if first is None:
        return 0
    # Windows are of one size, and so have about as many parts each.
    step = max(MOST_PARTS // max(len(first.box), 1), 1)
    for low in range(0, len(boxes), step):
        group = boxes.take(slice(low, low + step))
        parts = layout.plan_boxes(group.starts, group.stops)
        if parts is not None and not parts.disjoint:
            parts = uncover(parts)
        if parts is None:
            return low
        if not zero_filled:
            _blank(group, parts)
        _read_parts(layout, group, parts, array, workers)
    return len(boxes)


# ---------------------------------------------------------------- plans


def uncover(parts: BoxParts) -> BoxParts | None:
    """Cut off what later parts of a box cover; ``None`` for boxes of very many parts."""
    hidden = _boxes_that_overlap(parts)
    if hidden is None or not hidden.size:
        return None if hidden is None else parts
    is_hidden = np.isin(parts.box, hidden)
    rest = parts.take(np.flatnonzero(is_hidden))
    rows: list[int] = []
    places: list[cover.Box] = []
    # Numbers of boxes ascend along the rows: the parts of each box are one run of them.
    bounds = np.searchsorted(rest.box, hidden).tolist()
    for low, high in zip(bounds, [*bounds[1:], len(rest.box)], strict=True):
        starts = rest.target_start[low:high]
        stops = starts + rest.shape[low:high]
        each = list(map(_box, starts.tolist(), stops.tolist()))
        for index, box in enumerate(each):
            found = cover.uncovered(box, each[index + 1 :])
            rows += [low + index] * len(found)
            places += found
    start = np.array([[part.start for part in box] for box in places], np.int64)
    stop = np.array([[part.stop for part in box] for box in places], np.int64)
    cut = rest.take(np.array(rows, np.int64))
    source_start = cut.source_start + start - cut.target_start
    shown = BoxParts(cut.box, cut.piece, source_start, stop - start, start)
    return join_parts([parts.take(np.flatnonzero(~is_hidden)), shown])


def _boxes_that_overlap(parts: BoxParts) -> Integers | None:
    """Return the boxes in which parts overlap; ``None`` where very many would be compared."""
    low, high = parts.target_start, parts.target_start + parts.shape
    found: list[Integers] = []
    # Row i is compared with row i + distance, all rows in one call, until no two are of one box.
    for distance in range(1, len(parts.box)):
        same = parts.box[distance:] == parts.box[:-distance]
        if not same.any():
            break
        if distance > MOST_OF_A_BOX:
            return None
        one, other = slice(None, -distance), slice(distance, None)
        meets = ((low[one] < high[other]) & (low[other] < high[one])).all(axis=1)
        found.append(parts.box[other][same & meets])
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _blank(boxes: Boxes, parts: BoxParts) -> None:
    """Zero the memory of boxes that parts do not fill."""
    # Parts are disjoint by now: a box is full where the pixels of its parts add up to its own.
    filled = np.bincount(parts.box, parts.shape.prod(axis=1), minlength=len(boxes))
    gaps = filled < (boxes.stops - boxes.starts).prod(axis=1)
    for index in np.flatnonzero(gaps).tolist():
        start = boxes.place[index]
        stop = start + boxes.stops[index] - boxes.starts[index]
        gap = _box(start.tolist(), stop.tolist())
        boxes.memory[boxes.number[index]][gap] = 0


def _box(start: list[int], stop: list[int]) -> cover.Box:
    return tuple(map(slice, start, stop))


# ---------------------------------------------------------------- jobs


@attrs.frozen(eq=False)
class _PartColumns:
    """Parts in the order of their pieces, as they are executed. Not a record: it lives for one read."""

    memory: Array
    """See ``Boxes``."""
    number: Integers
    """Index of the memory of each part."""
    source_start: Integers
    """First position in the piece."""
    source_stop: Integers
    """One past the last."""
    target_start: Integers
    """First position in the memory."""
    target_stop: Integers
    """One past the last."""


@attrs.frozen
class _PieceParts:
    """One piece and its parts. Not a record: it lives for one read."""

    piece: Piece
    """The piece, whole."""
    low: int
    """First of its parts."""
    high: int
    """One past the last."""
    nbytes: int
    """Bytes of these parts together."""


def _read_parts(
    layout: PlansBoxes, boxes: Boxes, parts: BoxParts, array: LazyArray, workers: int | None
) -> None:
    # A stable sort keeps the parts of one piece in the order of the boxes.
    order = np.argsort(parts.piece, kind="stable")
    parts = parts.take(order)
    if not order.size:
        return
    place_of_box = boxes.place[parts.box] + parts.target_start
    columns = _PartColumns(
        boxes.memory,
        boxes.number[parts.box],
        parts.source_start,
        parts.source_start + parts.shape,
        place_of_box,
        place_of_box + parts.shape,
    )
    distinct, bounds = np.unique(parts.piece, return_index=True)
    pieces = layout.make_pieces(distinct)
    lows = bounds.tolist()
    # `bounds` is the first part of each piece, so each segment of the sum is one piece.
    nbytes = np.add.reduceat(parts.shape.prod(axis=1) * array.dtype.itemsize, bounds)
    jobs = map(_PieceParts, pieces, lows, [*lows[1:], len(order)], nbytes.tolist())
    first = next(jobs)
    remote = is_remote(first.piece)
    count = choose_worker_count(int(nbytes.sum()), workers, first.piece, remote=remote)
    most = REMOTE_BATCH if remote else _local_batch(first, len(distinct), count)
    batches = _batches(itertools.chain([first], jobs), most)
    run_batches(functools.partial(_run_batch, columns), batches, count, call_nbytes=CALL_NBYTES)


def _local_batch(first: _PieceParts, piece_count: int, workers: int) -> int:
    """Return the size of a batch, from the first piece: others are about as large."""
    share = piece_count * _nbytes(first) // (BATCHES * workers)
    return max(LOCAL_BATCH, min(share, MOST_BATCH))


def _nbytes(job: _PieceParts) -> int:
    """Return the bytes that a job reads or decodes: raw pixels are read by parts, all others whole."""
    if isinstance(job.piece, Strided):
        return job.nbytes
    return math.prod(job.piece.shape) * job.piece.dtype.itemsize


def _batches(jobs: Iterator[_PieceParts], most: int) -> Iterator[list[_PieceParts]]:
    batch: list[_PieceParts] = []
    nbytes = 0
    for job in jobs:
        batch.append(job)
        nbytes += _nbytes(job)
        if nbytes >= most:
            yield batch
            batch, nbytes = [], 0
    if batch:
        yield batch


def _run_batch(columns: _PartColumns, batch: list[_PieceParts], worker: Worker) -> None:
    # The jobs of a batch follow each other in the columns: one slice holds all of their parts.
    first, last = batch[0].low, batch[-1].high
    rows = slice(first, last)
    memory = columns.memory
    numbers = columns.number[rows].tolist()
    targets = list(
        map(_box, columns.target_start[rows].tolist(), columns.target_stop[rows].tolist())
    )
    starts, stops = columns.source_start[rows].tolist(), columns.source_stop[rows].tolist()
    dests = [memory[(number, *target)] for number, target in zip(numbers, targets, strict=True)]
    todo: list[tuple[Placement[Any], Array]] = []
    for job in batch:
        piece = job.piece
        low, high = job.low - first, job.high - first
        # The header gives the offset of the pixels: it is read once for all parts of the piece.
        if isinstance(piece, Strided) and piece.header is not None:
            piece = resolve_header(piece, piece.header, worker)
        by_parts = isinstance(piece, Strided)
        by_parts = by_parts or (isinstance(piece, Keyed) and not piece.codecs and high - low == 1)
        if by_parts:
            for row in range(low, high):
                part = _take_part(piece, starts[row], dests[row].shape)
                todo.append((Placement(part, (), None), dests[row]))
            continue
        sources = list(map(_box, starts[low:high], stops[low:high]))
        dest = dests[low]
        # A whole piece may be decoded straight into its place.
        taken = None if dest.shape == piece.shape else sources[0]
        shared = list(zip(sources[1:], dests[low + 1 : high], strict=True))
        todo.append((Placement(piece, (), taken, shared), dest))
    place(todo, worker)


def _take_part(piece: Any, start: list[int], shape: tuple[int, ...]) -> Any:
    """Return a part of a piece that is read by windows."""
    selection = Selection(tuple(start), shape, (0,) * len(shape))
    if isinstance(piece, Keyed):
        return attrs.evolve(piece, selection=selection)
    # The constructor itself: ``evolve`` takes 8 us.
    return Strided(piece.source, piece.offset, piece.shape, piece.strides, piece.dtype, selection)
