"""The layout of TIFF pages, without a file: which pieces hold which window."""

import math

import numpy as np
import pytest

from aicsio import Source
from aicsio.formats._tiff.groups import PlaneGroup
from aicsio.formats._tiff.layout import TiffLayout
from aicsio.formats._tiff.segments import (
    BLOCK_BYTES,
    RAW_BLOCK_BYTES,
    SegmentGrid,
    SegmentWindow,
    block_shape,
    even_runs,
    segment_windows,
)
from aicsio.records import Codec, Encoded, Strided
from aicsio.records.packed import PackedIntegers

SOURCE = Source("memory:none", size=1 << 40)


def raw_pages(lead: tuple[int, ...], offsets: np.ndarray, side: int = 4) -> TiffLayout:
    """Grey pages of bytes, each one segment."""
    group = PlaneGroup(
        SOURCE, SegmentGrid((1, side, side), clipped=True, planar=False, width=1), dtype=np.dtype("u1"), codecs=(),
        offsets=PackedIntegers.pack(offsets.astype(np.uint64)), counts=PackedIntegers.pack(np.zeros(1, np.uint64)),
    )  # fmt: skip
    blocks = block_shape(lead, (1, side, side, 1), (False, False), 1, (1, 1, 1))
    return TiffLayout(lead, (1, side, side, 1), (False, False), (group,), blocks)


def test_fifty_thousand_even_planes_are_one_piece_and_a_small_record() -> None:
    layout = raw_pages((50, 1000), 100 + 300 * np.arange(50_000))
    assert len(layout.groups[0].offsets.raw) == 16
    whole = tuple(slice(0, n) for n in layout.block_shape)
    assert len(list(layout.pieces((0, 0, 0, 0), whole))) == 1
    (piece,) = layout.pieces((0, 0, 0, 0), (slice(3, 4), slice(7, 9), slice(1, 3), slice(2, 4)))
    assert isinstance(piece, Strided)
    assert (piece.offset, piece.strides[:2]) == (100 + 300 * 3007, (0, 300))
    assert (piece.selection.source_start, piece.selection.shape, piece.selection.target_start) == (
        (0, 0, 1, 2),
        (1, 2, 2, 2),
        (0, 0, 0, 0),
    )


def test_uneven_planes_are_cut_into_even_runs_and_missing_ones_left_out() -> None:
    offsets = np.array([[10, 20, 30], [110, 120, 130], [0, 240, 255]])
    found = list(even_runs(offsets, (0, 0)))
    covered = np.zeros_like(offsets)
    for run in found:
        index = np.indices(run.shape)
        here = run.offset + sum(i * s for i, s in zip(index, run.strides, strict=True))
        place = tuple(slice(a, a + n) for a, n in zip(run.start, run.shape, strict=True))
        covered[place] = here
    assert covered.tolist() == offsets.tolist()
    assert len(found) < 8


def tiled(codecs: tuple[Codec, ...] = (Codec("deflate"),)) -> TiffLayout:
    """One page of 10 x 9 pixels with two samples apart, in tiles of 4 x 4; the last tile is not stored."""
    grid = 3 * 3 * 2
    offsets = 1000 + 100 * np.arange(grid) ** 2
    offsets[-1] = 0
    group = PlaneGroup(
        SOURCE, SegmentGrid((1, 4, 4), clipped=False, planar=True, width=grid), dtype=np.dtype("u1"), codecs=codecs,
        offsets=PackedIntegers.pack(offsets.astype(np.uint64)), counts=PackedIntegers.pack(np.full(grid, 50, np.uint64)),
    )  # fmt: skip
    return TiffLayout((), (1, 10, 9, 2), (False, True), (group,), (10, 9, 2))


@pytest.mark.parametrize("codecs", [(), (Codec("deflate"),)])
def test_a_plane_alone_is_read_as_among_others(codecs: tuple[Codec, ...]) -> None:
    # Two kinds of pages, some planes missing, three strips each, of which one is not stored.
    groups = tuple(
        PlaneGroup(
            SOURCE, SegmentGrid((1, 2, 5), clipped=True, planar=False, width=3), dtype=np.dtype("<u2"), codecs=codecs,
            offsets=PackedIntegers.pack(offsets.astype(np.uint64)), counts=PackedIntegers.pack(np.full(12, 20, np.uint64)),
        )
        for offsets in (100 + 20 * np.arange(12), 10_000 + 50 * np.arange(12) ** 2 * (np.arange(12) != 7))
    )  # fmt: skip
    rows = np.array([0, -1, 1, 2, 0, 3, 1, 2, -1, 3, 1, 1], "<i4")
    tables = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0], "<i4").tobytes(), rows.tobytes()
    layout = TiffLayout((3, 4), (1, 6, 5, 1), (False, False), groups, (3, 4, 6, 5), *tables)

    def found(window: tuple[slice, ...]) -> dict[tuple[int, ...], object]:
        """Where the pixel of each position lies."""
        where: dict[tuple[int, ...], object] = {}
        for piece in layout.pieces((0, 0, 0, 0), window):
            assert isinstance(piece, Strided | Encoded)
            for index in np.ndindex(piece.selection.shape):
                inside = [a + b for a, b in zip(index, piece.selection.source_start, strict=True)]
                at = tuple(
                    w.start + p + i
                    for w, p, i in zip(window, piece.selection.target_start, index, strict=True)
                )
                if isinstance(piece, Strided):
                    where[at] = piece.offset + sum(
                        a * b for a, b in zip(inside, piece.strides, strict=True)
                    )
                else:
                    where[at] = piece.offset, piece.nbytes, piece.shape[-2:], tuple(inside[-2:])
        return where

    for y, x in ((slice(0, 6), slice(0, 5)), (slice(1, 4), slice(2, 3))):
        alone = [found((slice(t, t + 1), slice(c, c + 1), y, x)) for t, c in np.ndindex(3, 4)]
        together = found((slice(0, 3), slice(0, 4), y, x))
        assert {at: place for each in alone for at, place in each.items()} == together
        assert len(together) > 20


@pytest.mark.parametrize("codecs", [(), (Codec("deflate"),)])
def test_each_wanted_position_lies_in_one_piece(codecs: tuple[Codec, ...]) -> None:
    layout = tiled(codecs)
    for y, x, s in (
        (slice(0, 10), slice(0, 9), slice(0, 2)),
        (slice(3, 7), slice(5, 6), slice(1, 2)),
    ):
        hits = np.zeros((y.stop - y.start, x.stop - x.start, s.stop - s.start), int)
        for piece in layout.pieces((0, 0, 0), (y, x, s)):
            assert isinstance(piece, Strided if not codecs else Encoded)
            hits[
                tuple(
                    slice(p, p + n)
                    for p, n in zip(
                        piece.selection.target_start, piece.selection.shape, strict=True
                    )
                )
            ] += 1
            assert all(
                c + n <= size
                for c, n, size in zip(
                    piece.selection.source_start, piece.selection.shape, piece.shape, strict=True
                )
            )
        missing = np.zeros_like(hits)
        missing[max(8 - y.start, 0) :, max(8 - x.start, 0) :, max(1 - s.start, 0) :] = 1
        assert (hits == 1 - missing * (y.stop > 8 and x.stop > 8)).all()


def test_segments_that_the_tables_do_not_reach_cost_nothing() -> None:
    group = PlaneGroup(
        SOURCE, SegmentGrid((1, 1, 8), clipped=True, planar=False, width=3), dtype=np.dtype("u1"), codecs=(Codec("lzw"),),
        offsets=PackedIntegers.pack(np.array([10, 30, 70], np.uint64)),
        counts=PackedIntegers.pack(np.full(3, 9, np.uint64)),
    )  # fmt: skip
    rows = 1 << 22
    layout = TiffLayout((), (1, rows, 8, 1), (False, False), (group,), (rows, 8))
    assert len(list(layout.pieces((0, 0), (slice(0, rows), slice(0, 8))))) == 3
    assert not list(layout.pieces((0, 0), (slice(5, rows), slice(0, 8))))


@pytest.mark.parametrize("lead", [(), (50_000,), (3, 4, 15)])
@pytest.mark.parametrize(
    ("plane", "unit"),
    [
        ((1, 64, 64, 1), (1, 1, 1)),
        ((1, 1024, 1024, 1), (1, 1, 1)),
        ((1, 1024, 1024, 3), (1, 256, 256)),
        ((1, 100_000, 100_000, 1), (1, 256, 256)),
        ((1, 100_000, 1000, 1), (1, 16, 1000)),
        ((7, 500, 300, 1), (2, 64, 64)),
        ((1, 10, 10, 1), (1, 4, 4)),
    ],
)
def test_blocks_are_of_a_size_and_cut_between_segments(
    lead: tuple[int, ...], plane: tuple[int, int, int, int], unit: tuple[int, int, int]
) -> None:
    depth = plane[0] > 1
    made = block_shape(lead, plane, (depth, False), 2, unit)
    whole = (*lead, *plane[0 if depth else 1 : 3])
    assert len(made) == len(whole)
    assert all(0 < part <= size for part, size in zip(made, whole, strict=True))
    steps = (*(1 for _ in lead), *unit[0 if depth else 1 :])
    assert all(
        part == size or part % step == 0
        for part, size, step in zip(made, whole, steps, strict=True)
    )
    most = RAW_BLOCK_BYTES if unit == (1, 1, 1) else BLOCK_BYTES
    assert math.prod(made) * 2 <= max(most, math.prod(unit) * 2)
    # Nothing is cut along a slow axis while a faster one is left in pieces, so that blocks read in one go.
    cut = [axis for axis in range(len(lead)) if 1 < made[axis] < whole[axis]]
    assert all(made[axis] == whole[axis] for axis in range(cut[0] + 1, len(lead))) if cut else True


def test_unfolding_splits_a_lead_axis() -> None:
    layout = raw_pages((2, 16), 8 + 16 * np.arange(32)).unfolded(1, 8)
    assert layout.lead == (2, 2, 8)
    (piece,) = layout.pieces(
        (0, 0, 0, 0, 0), (slice(1, 2), slice(1, 2), slice(3, 4), slice(0, 4), slice(0, 4))
    )
    assert isinstance(piece, Strided)
    assert piece.offset == 8 + 16 * (16 + 8 + 3)


@pytest.mark.parametrize(
    ("grid", "plane", "first", "extent", "expected"),
    [
        (  # two strips of four rows, the last with one row of five
            SegmentGrid((1, 4, 6), clipped=True, planar=False, width=2),
            (1, 5, 6, 1),
            (0, 3, 2, 0),
            (1, 2, 3, 1),
            [
                SegmentWindow(0, (1, 4, 6, 1), (0, 3, 2, 0), (1, 1, 3, 1), (0, 0, 0, 0)),
                SegmentWindow(1, (1, 1, 6, 1), (0, 0, 2, 0), (1, 1, 3, 1), (0, 1, 0, 0)),
            ],
        ),
        (  # tiles of full size at the edge, the second of two samples
            SegmentGrid((1, 4, 4), clipped=False, planar=True, width=8),
            (1, 5, 6, 2),
            (0, 4, 4, 1),
            (1, 1, 2, 1),
            [SegmentWindow(7, (1, 4, 4, 1), (0, 0, 0, 0), (1, 1, 2, 1), (0, 0, 0, 0))],
        ),
        (  # samples side by side, two sections in depth
            SegmentGrid((1, 2, 2), clipped=False, planar=False, width=2),
            (2, 2, 2, 3),
            (1, 0, 1, 0),
            (1, 2, 1, 3),
            [SegmentWindow(1, (1, 2, 2, 3), (0, 0, 1, 0), (1, 2, 1, 3), (0, 0, 0, 0))],
        ),
    ],
)
def test_parts_of_segments_that_a_window_needs(
    grid: SegmentGrid,
    plane: tuple[int, int, int, int],
    first: tuple[int, int, int, int],
    extent: tuple[int, int, int, int],
    expected: list[SegmentWindow],
) -> None:
    assert list(segment_windows(grid, plane, first, extent)) == expected
